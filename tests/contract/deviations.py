"""Where the live APIs differ from their documents, each with the section of the fact sheet that says so, and the class of an answer."""
import json
import re


class Deviation:
    """`what` is a pattern over the complaint that it excuses; `op` "*": any operation. `but`: every operation must deviate so but these."""

    def __init__(self, provider, op, what, section, why, but=None):
        self.provider, self.op, self.what, self.section, self.why, self.but = provider, op, what, section, why, but
        self.used = False

    def covers(self, provider, op, what):
        return provider == self.provider and self.op in ("*", op) and re.fullmatch(self.what, what)

    def must(self, provider, op):
        return self.but is not None and provider == self.provider and op not in self.but


DEVIATIONS = [
    Deviation("hotaisle", "create", "body a_field_of_tomorrow: no such key", "hotaisle.md §2.4",
              "the offer's specs go back as they came; unknown fields are ignored"),
    Deviation("runpod", "check", "query limit: no such parameter", "runpod.md §1 Pagination",
              "the live API pages, the document's does not yet"),
    Deviation("runpod", "list", "query (limit|cursor): no such parameter", "runpod.md §1 Pagination", "the same"),
    Deviation("runpod", "storage", "query (limit|cursor): no such parameter", "runpod.md §1 Pagination", "the same"),
    Deviation("runpod", "balance", "path: not in the document", "runpod.md §9", "v2 has no balance: GraphQL"),
    Deviation("digitalocean", "volume_make", "(body|query) region: 'atl1' is not one of .*", "digitalocean.md §15",
              "the document's list of regions ends before the ones with GPUs"),
    Deviation("vastai", "*", "path: a slash at its end", "vastai.md §1 Trailing slash",
              "the built document drops it; without it: a redirect or 404", but=("log",)),
    Deviation("vastai", "offers", r"body order: .* is too short", "vastai.md §2.2 order",
              "a list of pairs; the document counts two at the wrong level"),
    Deviation("vastai", "offers", r"body num_gpus\.eq: no such key", "vastai.md §2.2 Operators", "each field takes eq, gte, lte …"),
    Deviation("vastai", "create", "body client_id: no such key", "vastai.md §1 client_id", "sent by the official client"),
    Deviation("vastai", "destroy", "body: none is documented", "vastai.md §1 Content type", "{} where there is nothing to say"),
    Deviation("vastai", "storage", "query (owner|type): no such parameter", "vastai.md §2.15", "as the official client asks"),
    Deviation("vastai", "volume_make", "query (owner|type): no such parameter", "vastai.md §2.15", "the same"),
    Deviation("vastai", "volume_make", "body (machine_id|disk_space|external|allocated_storage|order): no such key",
              "vastai.md §2.2, §2.15", "the document names but the limit; filters are those of offers"),
    Deviation("vastai", "volume_make", "body name: no such key", "vastai.md §2.15", "the name that it is found by again"),
    Deviation("vastai", "log", "path: not below .*", "vastai.md §2.14", "the log lies where the first answer says, at a storage service"),
]


def an_array_of_offers(body):
    return {**body, "offers": [body["offers"]]} if isinstance(body["offers"], dict) else body


def figures_that_agree(body):
    return {**body, "instances_found": len(body["instances"])}


def with_its_code(body):
    return {"error": "auth_error", **body}


def with_id_and_price(body):
    return {"offers": [{"id": 420, "storage_cost": 0.15, **offer} for offer in body["offers"]]}


# Examples that are not what the live API answers: (provider, path, status): (what it answers instead, section).
REPAIRS = {
    ("vastai", "/api/v0/bundles", 200): (an_array_of_offers, "vastai.md §2.2: `offers` is an array"),
    ("vastai", "/api/v0/bundles", 404): (with_its_code, "vastai.md §1.1: the code is auth_error; the example shows the sentence alone"),
    ("vastai", "/api/v1/instances", 200): (figures_that_agree, "vastai.md §2.5: instances_found counts the page; each figure of the "
                                           "example stands alone"),
    ("vastai", "/api/v0/volumes/search", 200): (with_id_and_price, "vastai.md §2.15: two fields of the schema have no example"),
}


def repaired(line):
    """The line as the live API would write it; False: the repair changed nothing and is no longer needed."""
    repair = REPAIRS.get((line["provider"], line["path"], line["status"]))
    if not repair:
        return line
    body = repair[0](json.loads(line["body"]))
    return {**line, "body": json.dumps(body)} if body != json.loads(line["body"]) else False


UUID = "506f78a4-e098-11e5-ad9f-000f53306ae1"


def stands_on(provider, op, step, path, text):
    """What an answer is about beside the subject of arguments.c: where the operation is, and of what the example tells."""
    if provider == "digitalocean" and op in ("bill", "storage_bill") and step:
        return {"token": UUID}
    if (provider, op) == ("digitalocean", "snapshot_make"):
        return {"of_volume": path.startswith("/v2/volumes/")}
    if (provider, op, path) == ("digitalocean", "snapshot_look", "/v2/snapshots") and '"snapshots"' in text:
        first = json.loads(text)["snapshots"][0]
        return {"work": "", "name": first["name"], "source": first["resource_id"], "of_volume": first["resource_type"] == "volume"}
    if (provider, op, step) == ("digitalocean", "volume_make", 1) and '"volumes"' in text:
        first = json.loads(text)["volumes"][0]
        return {"name": first["name"], "region": first["region"]["slug"]}
    if (provider, op, step) == ("vastai", "volume_make", 0) and '"offers"' in text:
        first = json.loads(text)["offers"][0]
        return {"host": str(first["machine_id"]), "size": 1}
    return {}


# ---- what an answer means (the sheets' tables of errors) ----

ERRORS = {400: "refused", 401: "denied", 402: "limit", 403: "denied", 404: "refused", 409: "refused", 410: "refused", 413: "refused",
          422: "refused", 429: "retry"}
ABSENT_ON_404 = {"describe", "mark", "destroy", "key_drop", "log", "volume_drop", "volume_attach", "volume_detach", "snapshot_look",
                 "snapshot_drop"}
MAKES = {"create", "volume_make", "snapshot_make"}
LOOKS = {("vastai", "volume_make", 0), ("vastai", "volume_make", 2), ("digitalocean", "volume_make", 1)}  # in the middle of a make
CREATE = {
    "hotaisle": {401: "limit", 403: "refused", 404: "no_capacity"},  # §2.4
    "runpod": {403: "refused"},  # §1
    "digitalocean": {},  # §8
    "vastai": {403: "refused", 404: "no_capacity", 410: "no_capacity"},  # §2.4
}
PARTICULAR = {
    # The example's invitation has not been accepted (hotaisle.md §2.1).
    ("hotaisle", "check", 0, 200, "schema"): "denied",
    # The example's key is not ours (hotaisle.md §2.11).
    ("hotaisle", "key_drop", 0, 200, "schema"): "absent",
    # We never ask for several (digitalocean.md §5.1 names).
    ("digitalocean", "create", 0, 202, "Multiple Droplet Create Response"): "unsure",
    # Not there yet: register it; registered and not seen yet: later (digitalocean.md §4).
    ("digitalocean", "key", 0, 404, "example"): "more",
    ("digitalocean", "key", 2, 404, "example"): "retry",
    # A no may mean that it is so already: the volume is looked at (digitalocean.md §6).
    ("digitalocean", "volume_attach", 0, 404, "example"): "more",
    ("digitalocean", "volume_detach", 0, 404, "example"): "more",
    # The example's volume has no droplet: the no was meant (digitalocean.md §6).
    ("digitalocean", "volume_attach", 1, 200, "schema"): "refused",
    # Gone already (vastai.md §2.9).
    ("vastai", "key_drop", 1, 400, "not_found"): "absent",
}


# Operations to which no document shows what a success looks like.
SILENT = {
    ("runpod", "key"),  # nothing is asked
    ("runpod", "balance"),  # GraphQL
    ("vastai", "check"),  # a schema without examples
    ("vastai", "balance"),
    ("vastai", "storage"),
}


def expected(line):
    """The verdicts that this answer may get."""
    provider, op, status = line["provider"], line["op"], line["status"]
    if provider == "vastai" and '"auth_error"' in line["body"]:
        return ["denied"]  # whatever the status: vastai.md §1.1
    particular = PARTICULAR.get((provider, op, line["step"], status, line["example"]))
    if particular:
        return [particular]
    if status < 300:
        return ["ok", "more"]
    makes = op in MAKES and (provider, op, line["step"]) not in LOOKS
    if makes and status >= 500:
        return ["unsure"]
    if makes and status in CREATE[provider]:
        return [CREATE[provider][status]]
    if status == 404 and op in ABSENT_ON_404:
        return ["absent"]
    if status == 409 and op in ("destroy", "volume_drop"):
        return ["retry"]  # something else is going on there
    return [ERRORS.get(status, "retry")]
