#!/usr/bin/env python3
"""What was said over the daemon's socket (tap.py), held against the daemon's own OpenAPI document.

    replies.py DOCUMENT DIRECTORY...      DOCUMENT is what GET /v1/openapi.json answered

A line "ok ..." or "not ok ..." for each operation that was asked for: its parameters, the body of a request that was taken, status,
type and every value of the answer, each line of a stream. A key that the document does not name is a failure, and so is one that it
promises and that is not there. With --all, so is an operation that nobody asked for, or that never was answered but by a problem.
"""
import glob
import json
import re
import sys
from urllib.parse import parse_qsl, urlsplit

import jsonschema

from openapi import Document

METHODS = ("get", "put", "post", "delete", "patch")


# ---- what was said ----

def headers_of(lines):
    return {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}


def chunks(data):
    """The body of a chunked message, as much as there is of it, and the rest."""
    body = b""
    while True:
        head, found, rest = data.partition(b"\r\n")
        if not found or not re.fullmatch(rb"[0-9a-fA-F]+", head.split(b";")[0]):
            return body, b""
        size = int(head.split(b";")[0], 16)
        body += rest[:size]
        if not size or len(rest) < size:
            return body, rest[2:] if not size else b""
        data = rest[size + 2:]


def messages(data):
    """(first line, headers, body) of each message of one direction. One that breaks off is left out, but for a stream."""
    while data:
        head, found, rest = data.partition(b"\r\n\r\n")
        if not found:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = headers_of(lines)
        if headers.get("transfer-encoding") == "chunked":
            body, data = chunks(rest)
        else:
            size = int(headers.get("content-length", 0))
            if len(rest) < size:
                return
            body, data = rest[:size], rest[size:]
        if not first.startswith("HTTP/1.1 100"):
            yield first, headers, body


def conversations(directory):
    for asked in sorted(glob.glob(directory + "/*.request")):
        with open(asked, "rb") as a, open(asked.replace(".request", ".reply"), "rb") as b:
            yield from zip(messages(a.read()), messages(b.read()))


# ---- held against the document ----

def find(document, method, path):
    """As Document.find; the name of a file may have slashes."""
    m = re.fullmatch(r"(/v1/runs/[^/]+/files/)(.+)", path)
    return document.find(method, m.group(1) + m.group(2).replace("/", "%2F") if m else path)


def value_complaints(document, schema, value):
    yield from document.errors(schema, value)
    yield from document.unknown_keys([schema], value)


def request_complaints(document, template, operation, values, query, body):
    known = {n: (w, required, s) for n, w, required, s in document.parameters(template, operation)}
    for name, text in values.items():
        schema = known.get(name, (None, None, None))[2]
        if schema is None:
            yield f"path {name}: no such parameter"
        else:
            yield from (f"path {name}: {e}" for e in document.errors(schema, document.typed(schema, text)))
    for name, text in query:
        if known.get(name, ("",))[0] != "query":
            yield f"query {name}: no such parameter"
        elif text:
            yield from (f"query {name}: {e}" for e in document.errors(known[name][2], document.typed(known[name][2], text)))
    for name, (_, required, _) in known.items():
        if required and name not in values and name not in dict(query):
            yield f"parameter {name}: required"
    schema, required = document.body(template, operation)
    if body and schema is None:
        if json.loads(body):
            yield "body: none is documented"
    elif body:
        yield from ("body " + e for e in value_complaints(document, schema, json.loads(body)))
    elif required:
        yield "body: required"


def reply_complaints(document, operation, status, kind, body):
    responses = operation["responses"]
    answer = document.resolve(responses.get(str(status)) or (responses["default"] if status >= 400 else None))
    if not answer:
        yield f"status {status}: not in the document"
        return
    kind = kind.partition(";")[0]
    if kind not in answer["content"]:
        yield f"{status}: no answer of type '{kind}' in the document"
        return
    schema = answer["content"][kind]["schema"]
    if kind == "application/x-ndjson":
        # The last line may be cut: somebody who follows leaves when he likes.
        for line in body.decode().split("\n")[:-1]:
            yield from (f"{status} {e}" for e in value_complaints(document, schema, json.loads(line)))
    elif "json" in kind:
        yield from (f"{status} {e}" for e in value_complaints(document, schema, json.loads(body)))


def routed(document, path):
    """Does anything answer this path? The daemon says itself what has no route."""
    return any(find(document, m, path) for m in METHODS)


class Report:
    def __init__(self, document):
        self.document, self.said, self.answered = document, {}, set()

    def hold(self, request, reply):
        method, target, _ = request[0].split(" ", 2)
        status, kind = int(reply[0].split(" ")[1]), reply[1].get("content-type", "")
        if status >= 400 and not kind:
            return  # the HTTP server's own word: headers that are too long, what is no HTTP
        url = urlsplit(target)
        found = find(self.document, method, url.path)
        if not found:
            name = f"{method} {url.path}"
            if status < 400 or (routed(self.document, url.path) and status != 400):
                self.complain(name, f"{status} for what is not in the document")
            return
        template, operation, values = found
        name = f"{method} {template}"
        self.said.setdefault(name, [])
        for what in reply_complaints(self.document, operation, status, kind, reply[2]):
            self.complain(name, what)
        if status < 400:
            self.answered.add(name)
            query = parse_qsl(url.query, keep_blank_values=True)
            for what in request_complaints(self.document, template, operation, values, query, request[2]):
                self.complain(name, what)

    def complain(self, name, what):
        if what not in self.said.setdefault(name, []):
            self.said[name].append(what)

    def want_all(self):
        for template, item in self.document.doc["paths"].items():
            for method in item:
                name = f"{method.upper()} {template}"
                if name not in self.answered:
                    self.complain(name, "no conversation has a good answer of it")

    def print(self):
        for name, complaints in sorted(self.said.items()):
            print("not ok" if complaints else "ok", "the document:", name)
            for c in complaints[:12]:
                print("  #", c)
        return not any(self.said.values())


def main():
    arguments = [a for a in sys.argv[1:] if a != "--all"]
    report = Report(Document(arguments[0]))
    for schema in report.document.doc["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)  # of one that is none nothing can be said
    count = 0
    for directory in arguments[1:]:
        for request, reply in conversations(directory):
            report.hold(request, reply)
            count += 1
    if "--all" in sys.argv:
        report.want_all()
    good = report.print()
    print(f"# {count} conversations, {len(report.answered)} operations")
    if not count:
        print("not ok the document: nothing was said")
    return 0 if good and count else 1


if __name__ == "__main__":
    sys.exit(main())
