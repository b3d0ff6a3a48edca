#!/usr/bin/env python3
"""A tap in the daemon's socket: whoever talks through it is understood as before, and every byte is kept.

    tap.py LISTEN SOCKET DIRECTORY      listens on LISTEN, connects to SOCKET, keeps N.request and N.reply of each connection

What it kept, replies.py holds against the daemon's OpenAPI document.
"""
import os
import socket
import sys
import threading


def pump(source, sink, keep):
    """From one to the other until either is gone; then the other is, too."""
    try:
        while data := source.recv(65536):
            keep.write(data)
            keep.flush()
            sink.sendall(data)
    except OSError:
        pass
    for s in (source, sink):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(person, path, name):
    with person, socket.socket(socket.AF_UNIX) as daemon, open(name + ".request", "wb") as asked, open(name + ".reply", "wb") as said:
        try:
            daemon.connect(path)
        except OSError:
            return  # nobody answers: the connection ends
        up = threading.Thread(target=pump, args=(person, daemon, asked))
        up.start()
        pump(daemon, person, said)
        up.join()


def main():
    listen, path, directory = sys.argv[1:]
    os.makedirs(directory, exist_ok=True)
    door = socket.socket(socket.AF_UNIX)
    door.bind(listen)
    door.listen(64)
    print("listening", flush=True)
    number = 0
    while True:
        person, _ = door.accept()
        number += 1
        threading.Thread(target=serve, args=(person, path, f"{directory}/{number:05d}"), daemon=True).start()


if __name__ == "__main__":
    main()
