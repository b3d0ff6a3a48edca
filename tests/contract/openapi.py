"""An OpenAPI document (Swagger 2.0, OpenAPI 3.0 or 3.1) as something to hold requests and answers against."""
import json
import re
from urllib.parse import unquote

import jsonschema
import yaml

METHODS = ("get", "put", "post", "delete", "patch")
DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
NOTHING = object()  # what has no example


def as_json_schema(node, old):
    """Words that older documents write differently from JSON Schema 2020-12."""
    if isinstance(node, list):
        return [as_json_schema(x, old) for x in node]
    if not isinstance(node, dict):
        return node
    node = {k: as_json_schema(v, old) for k, v in node.items()}
    if old:
        if node.get("nullable") is True and isinstance(node.get("type"), str):
            node["type"] = [node["type"], "null"]
            if "enum" in node:
                node["enum"] = node["enum"] + [None]
        for edge in ("Minimum", "Maximum"):
            if node.get("exclusive" + edge) is True:
                node["exclusive" + edge] = node.pop(edge.lower())
            elif node.get("exclusive" + edge) is False:
                del node["exclusive" + edge]
    return node


class Document:
    def __init__(self, path):
        with open(path, encoding="utf-8") as f:
            loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
            raw = json.load(f) if path.endswith(".json") else yaml.load(f, Loader=loader)
        self.version = str(raw.get("swagger") or raw["openapi"])
        self.doc = as_json_schema(raw, not self.version.startswith("3.1"))
        if "servers" in self.doc:
            self.base = self.doc["servers"][0]["url"].rstrip("/")
        else:
            self.base = f"https://{self.doc['host']}{self.doc['basePath']}".rstrip("/")
        self.formats = jsonschema.FormatChecker(formats=())
        self.formats.checks("date-time")(lambda s: not isinstance(s, str) or bool(DATE_TIME.fullmatch(s)))

    def resolve(self, node):
        while isinstance(node, dict) and "$ref" in node:
            target = self.doc
            for step in node["$ref"][2:].split("/"):
                target = target[unquote(step).replace("~1", "/").replace("~0", "~")]
            node = target
        return node

    # ---- operations ----

    def find(self, method, path):
        """(template, operation, values of the path), or None. The template with the fewest places for values wins."""
        best = None
        for template, item in self.doc["paths"].items():
            names = re.findall(r"{(\w+)}", template)
            pattern = re.sub(r"{\w+}", "([^/]+)", template)
            match = re.fullmatch(pattern, path)
            if match and method.lower() in item and (best is None or len(names) < len(best[2])):
                best = template, item[method.lower()], dict(zip(names, map(unquote, match.groups())))
        return best

    def parameters(self, template, operation):
        for p in self.doc["paths"][template].get("parameters", []) + operation.get("parameters", []):
            p = self.resolve(p)
            yield p["name"], p["in"], p.get("required", False), p.get("schema", p)

    def body(self, template, operation):
        """(schema, required); (None, False): the operation takes no body."""
        for _, where, required, schema in self.parameters(template, operation):
            if where == "body":
                return schema, required
        body = self.resolve(operation.get("requestBody"))
        if not body:
            return None, False
        return body["content"]["application/json"]["schema"], body.get("required", False)

    def token_word(self):
        """The word before the token in the header Authorization."""
        schemes = self.doc.get("securityDefinitions") or self.doc["components"]["securitySchemes"]
        bearer = any(s.get("type") == "http" and s["scheme"].lower() == "bearer" for s in schemes.values())
        return "Bearer" if bearer else "Token"

    # ---- values ----

    def typed(self, schema, text):
        """The text of a parameter as the type that its schema wants."""
        schema = self.resolve(schema)
        for one in schema.get("anyOf", []) + schema.get("oneOf", []):
            value = self.typed(one, text)
            if not self.errors(one, value):
                return value
        kind = schema.get("type")
        if kind == "array":
            return [self.typed(schema["items"], x) for x in text.split(",")]
        if kind in ("integer", "number") and re.fullmatch(r"-?\d+(\.\d+)?", text):
            return json.loads(text)
        if kind == "boolean" and text in ("true", "false"):
            return text == "true"
        return text

    def errors(self, schema, value):
        """What JSON Schema says against `value`. In Swagger 2.0 a parameter is its own schema, where `required` means something else."""
        root = {k: self.doc[k] for k in ("components", "definitions", "paths") if k in self.doc}
        root["allOf"] = [{k: v for k, v in schema.items() if k != "required" or isinstance(v, list)}]
        validator = jsonschema.Draft202012Validator(root, format_checker=self.formats)
        found = [x for e in validator.iter_errors(value) for x in causes(e)]
        return [(where(x.absolute_path) + ": " if x.absolute_path else "") + x.message[:200] for x in found]

    def parts(self, schema):
        """The schema and all that it is composed of."""
        schema = self.resolve(schema)
        yield schema
        for word in ("allOf", "anyOf", "oneOf"):
            for one in schema.get(word, []):
                yield from self.parts(one)

    def unknown_keys(self, schemas, value, path=()):
        """Keys of `value` that none of its schemas names: nobody there reads them."""
        parts = [p for s in schemas for p in self.parts(s)]
        if isinstance(value, list):
            items = [p["items"] for p in parts if "items" in p]
            for i, x in enumerate(value):
                yield from self.unknown_keys(items, x, path + (i,))
        if not isinstance(value, dict) or not any("properties" in p for p in parts):
            return
        for key, x in value.items():
            known = [p["properties"][key] for p in parts if key in p.get("properties", {})]
            known += [p["additionalProperties"] for p in parts if isinstance(p.get("additionalProperties"), dict)]
            if known:
                yield from self.unknown_keys(known, x, path + (key,))
            else:
                yield f"{where(path + (key,))}: no such key"

    # ---- examples ----

    def answers(self, operation):
        """(status, content type, name, text) of every answer that has an example, or no body at all."""
        for status, answer in operation["responses"].items():
            answer = self.resolve(answer)
            status = 503 if status == "default" else int(status)
            if "content" not in answer and "schema" not in answer:
                if status == 204:
                    yield status, "", "empty", ""
                continue
            if "schema" in answer:  # Swagger 2.0, where only success is JSON
                value = self.example(answer["schema"])
                kind = "text/plain" if isinstance(value, str) else "application/json"
                if value is not NOTHING:
                    yield status, kind, "schema", text_of(kind, value)
                continue
            for kind, media in answer["content"].items():
                for name, value in self.media_examples(media):
                    if value is not NOTHING:
                        yield status, kind, name, text_of(kind, value)

    def media_examples(self, media):
        if "examples" in media:
            for name, e in media["examples"].items():
                yield name, self.resolve(e)["value"]
        elif "example" in media:
            yield "example", media["example"]
        else:
            yield "schema", self.example(media.get("schema", {}))

    def example(self, schema):
        """An answer put together from the examples of its parts."""
        schema = self.resolve(schema)
        if "example" in schema:
            return schema["example"]
        value = {}
        for one in schema.get("allOf", []) + schema.get("oneOf", [])[:1] + schema.get("anyOf", [])[:1]:
            part = self.example(one)
            if isinstance(part, dict):
                value.update(part)
            elif part is not NOTHING:
                return part
        for key, s in schema.get("properties", {}).items():
            part = self.example(s)
            if part is not NOTHING:
                value[key] = part
        if value:
            return value
        if len(schema.get("enum", [])) == 1:
            return schema["enum"][0]
        if "items" in schema:
            item = self.example(schema["items"])
            return NOTHING if item is NOTHING else [item]
        return NOTHING


def causes(error):
    """Of "none of these" what the nearest of them would have wanted."""
    branches = {}
    for e in error.context or []:
        branches.setdefault(e.schema_path[0], []).extend(causes(e))
    return min(branches.values(), key=len) if branches else [error]


def where(path):
    return ".".join(str(p) for p in path)


def text_of(kind, value):
    return value if isinstance(value, str) and "json" not in kind else json.dumps(value, default=str)
