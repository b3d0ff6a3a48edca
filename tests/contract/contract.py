#!/usr/bin/env python3
"""What the adapters ask for, held against the providers' own OpenAPI documents, and what they make of the documented answers.

    contract.py REQUESTS DOCUMENTS      REQUESTS is build/contract/requests, DOCUMENTS the directory with the four documents

A line "ok ..." or "not ok ..." for each operation of each provider and direction. Where the live API is known to differ from its
document, deviations.py says so with the sheet's section; a deviation that nothing needs any more is a failure too.
"""
import json
import os
import re
import subprocess
import sys
from urllib.parse import unquote, urlsplit

from deviations import DEVIATIONS, REPAIRS, SILENT, expected, repaired, stands_on
from facts import check_facts
from openapi import Document

DOCUMENTS = {
    "hotaisle": "hotaisle-swagger.json",
    "runpod": "runpod-v2.json",
    "digitalocean": "digitalocean.yaml",
    "vastai": "vastai-openapi.yaml",
}


class Report:
    """One line for each name; what was said against it stands below."""

    def __init__(self):
        self.said = {}

    def begin(self, name):
        self.said.setdefault(name, [])

    def complain(self, name, what):
        self.begin(name)
        if what not in self.said[name]:
            self.said[name].append(what)

    def print(self):
        for name, complaints in self.said.items():
            print("not ok" if complaints else "ok", name)
            for c in complaints[:8]:
                print("  ", c)
        return not any(self.said.values())


# ---- requests ----

def split(url):
    parts = urlsplit(url)
    query = [tuple(map(unquote, p.partition("=")[::2])) for p in parts.query.split("&") if p]
    return f"{parts.scheme}://{parts.netloc}", parts.path, query


def path_of(document, url):
    """The path below the document's server, or None."""
    base, path, _ = split(url)
    whole = base + path
    return whole[len(document.base):] if whole.startswith(document.base + "/") else None


def find(document, request):
    """The documented operation and, where it is found only without a slash at the end, a complaint."""
    path = path_of(document, request["url"])
    if path is None:
        return None, ["path: not below " + document.base]
    found = document.find(request["method"], path)
    if found:
        return found, []
    found = document.find(request["method"], path.rstrip("/"))
    return (found, ["path: a slash at its end"]) if found else (None, ["path: not in the document"])


def query_complaints(document, template, operation, query):
    known = {n: (required, s) for n, where, required, s in document.parameters(template, operation) if where == "query"}
    for name, (required, _) in known.items():
        if required and name not in dict(query):
            yield f"query {name}: required"
    if len(dict(query)) != len(query):
        yield "query: a name twice"
    for name, text in query:
        if name not in known:
            yield f"query {name}: no such parameter"
            continue
        for e in document.errors(known[name][1], document.typed(known[name][1], text)):
            yield f"query {name}: {e}"


def header_complaints(document, template, operation, request):
    headers = dict(h.split(": ", 1) for h in request["headers"])
    if not headers.get("Authorization", "").startswith(document.token_word() + " "):
        yield "header Authorization: not as the document's security scheme says"
    if (request["body"] is not None) != (headers.get("Content-Type") == "application/json"):
        yield "header Content-Type: application/json stands where there is a body, and only there"
    for name, where, required, _ in document.parameters(template, operation):
        if where == "header" and required and name not in headers:
            yield f"header {name}: required"


def body_complaints(document, template, operation, request):
    schema, required = document.body(template, operation)
    if request["body"] is None:
        if required:
            yield "body: required"
        return
    if schema is None:
        yield "body: none is documented"
        return
    value = json.loads(request["body"])
    yield from ("body " + e for e in document.errors(schema, value))
    yield from ("body " + e for e in document.unknown_keys([schema], value))


def complaints(document, request):
    found, said = find(document, request)
    if not found:
        return said
    template, operation, values = found
    for name, where, _, schema in document.parameters(template, operation):
        if where == "path":
            said += [f"path {name}: {e}" for e in document.errors(schema, document.typed(schema, values[name]))]
    said += query_complaints(document, template, operation, split(request["url"])[2])
    said += header_complaints(document, template, operation, request)
    said += body_complaints(document, template, operation, request)
    return said


def excused(provider, op, what):
    """Is this difference from the document a known one? All that match have been of use."""
    matching = [d for d in DEVIATIONS if d.covers(provider, op, what)]
    for d in matching:
        d.used = True
    return bool(matching)


def check_request(report, documents, row, request, name):
    """The request against its document, and against what is known to be otherwise."""
    report.begin(name)
    said = complaints(documents[row["provider"]], request)
    label = f"{request['method']} {request['url']} ({row['variation']})"
    for what in said:
        if not excused(row["provider"], row["op"], what):
            report.complain(name, f"{label}: {what}")
    for d in DEVIATIONS:
        if d.must(row["provider"], row["op"]) and not any(re.fullmatch(d.what, x) for x in said):
            report.complain(name, f"{label}: not as {d.section} says ({d.what})")


def check_requests(report, documents, rows):
    """Also tells the documented operations behind each operation of ours: {(provider, op, step): [(template, operation)]}."""
    used = {}
    asked = set()
    for row in rows:
        if "offers" in row:
            continue
        name = f"{row['provider']} {row['op']}: requests are as documented"
        report.begin(name)
        request = row["request"]
        if request["answered"]:
            # The adapter answers alone: nothing to do there, or arguments that it refuses.
            if not row["message"]:
                asked.add((row["provider"], row["op"]))
            continue
        asked.add((row["provider"], row["op"]))
        check_request(report, documents, row, request, name)
        found, _ = find(documents[row["provider"]], request)
        if found:
            operations = used.setdefault((row["provider"], row["op"], row["step"]), [])
            if found[:2] not in operations:
                operations.append(found[:2])
    for row in rows:
        for op in row.get("offers", []):
            if (row["provider"], op) not in asked:
                report.complain(f"{row['provider']} {op}: requests are as documented",
                                "no request was written; tests/contract/arguments.c lacks arguments for it")
    return used


# ---- answers ----

def answers(documents, used, report):
    """Every documented answer to what we ask, as a line for `requests read`."""
    for (provider, op, step), operations in used.items():
        for template, operation in operations:
            for status, kind, name, text in documents[provider].answers(operation):
                line = {"provider": provider, "op": op, "step": step, "path": template, "status": status, "type": kind, "body": text,
                        "example": name}
                line.update(stands_on(provider, op, step, template, text))
                line = repaired(line)
                if not line:
                    report.complain("every deviation is needed", f"{provider} {template} {status}: {REPAIRS[provider, template, status][1]}")
                elif speaks(line):
                    id_ = id_in(op, line["body"])
                    yield {**line, "id": id_} if id_ else line


def speaks(line):
    """An error put together from a schema without examples says nothing that could be understood."""
    return line["status"] < 400 or line["example"] != "schema" or set(json_of(line["body"]) or {}) - {"success"}


def json_of(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


def id_in(op, text):
    """The id that a described machine bears, or a charge: an adapter rightly refuses any other than the one asked for."""
    body = json_of(text)
    if op not in ("describe", "bill") or not isinstance(body, dict):
        return None
    if body.get("records"):
        return body["records"][0]["podId"]
    for key in ("droplet", "instances"):
        body = body.get(key, body)
    id_ = body.get("id") or body.get("name")
    return str(id_) if id_ else None


def read_answers(program, lines):
    text = "".join(json.dumps(line) + "\n" for line in lines)
    out = subprocess.run([program, "read"], input=text, capture_output=True, text=True, check=True).stdout
    return [json.loads(row) for row in out.splitlines()]


def check_answers(report, documents, program, used):
    """Tells the places to which answers lead."""
    lines = list(answers(documents, used, report))
    reached, heard = set(), set()
    for line, row in zip(lines, read_answers(program, lines)):
        name = f"{line['provider']} {line['op']}: documented answers are understood"
        label = f"step {line['step']}, {line['status']} {line['example']}"
        report.begin(name)
        want = expected(line)
        if line["status"] < 300:
            heard.add((line["provider"], line["op"]))
        if row["verdict"] not in want:
            report.complain(name, f"{label}: {row['verdict']} ({row['message']}) instead of {' or '.join(want)}: {line['body'][:120]}")
        elif line["status"] < 300:
            for e in check_facts(line, row):
                report.complain(name, f"{label}: {e}")
        if "next" in row and not row["next"]["answered"]:
            reached.add((line["provider"], line["op"], row["step"]))
            check_request(report, documents, {**line, "variation": "after " + label}, row["next"],
                          f"{line['provider']} {line['op']}: requests are as documented")
    for provider, op in {pair[:2] for pair in used} | SILENT:
        if ((provider, op) in heard) == ((provider, op) in SILENT):
            report.complain("every operation hears a documented success, or is known not to", f"{provider} {op}")
    report.begin("every operation hears a documented success, or is known not to")
    return reached


def main():
    program, directory = sys.argv[1:]
    out = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    rows = [json.loads(line) for line in out.splitlines()]
    documents = {p: Document(os.path.join(directory, f)) for p, f in DOCUMENTS.items()}
    report = Report()
    used = check_requests(report, documents, rows)
    steps = {(r["provider"], r["op"], r["step"]) for r in rows if "op" in r}
    for provider, op, step in check_answers(report, documents, program, used) - steps:
        report.complain(f"{provider} {op}: requests are as documented",
                        f"an answer leads to step {step}, which has no place in tests/contract/arguments.c")
    report.begin("every deviation is needed")
    for d in DEVIATIONS:
        if not d.used:
            report.complain("every deviation is needed", f"{d.provider} {d.op} '{d.what}' ({d.section})")
    sys.exit(0 if report.print() else 1)


if __name__ == "__main__":
    main()
