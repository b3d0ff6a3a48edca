"""What the documented successes say, and whether the adapter took it: the facts of the reply beside the figures of the example."""
import json
import math


def dollars(x):
    return round(float(x) * 1_000_000)


def droplets(body, row):
    yield "machines", [m["id"] for m in row["machines"]], [str(d["id"]) for d in body["droplets"]]
    yield "marks", [m["mark"] for m in row["machines"]], [d["name"] for d in body["droplets"]]
    yield "prices", [m["price"] for m in row["machines"]], [dollars(d["size"]["price_hourly"]) for d in body["droplets"]]
    yield "GPUs", [m["gpus"] for m in row["machines"]], [d.get("gpu_info", {}).get("count", 0) for d in body["droplets"]]


def droplet(body, row):
    yield from droplets({"droplets": [body["droplet"]]}, row)
    public = [n["ip_address"] for n in body["droplet"]["networks"]["v4"] if n["type"] == "public"]
    yield "address", row["machines"][0]["address"], public[0]


def pods(body, row):
    yield "machines", [m["id"] for m in row["machines"]], [p["id"] for p in body["pods"]]
    yield "marks", [m["mark"] for m in row["machines"]], [p["name"] for p in body["pods"]]
    yield "addresses", [m["address"] for m in row["machines"]], [p["ssh"]["direct"]["host"] for p in body["pods"]]
    yield "GPUs", [m["gpus"] for m in row["machines"]], [p["gpu"]["count"] for p in body["pods"]]


def virtual_machines(body, row):
    yield "machines", [m["id"] for m in row["machines"]], [v["name"] for v in body]
    yield "marks", [m["mark"] for m in row["machines"]], [v["description"] for v in body]
    yield "addresses", [m["address"] for m in row["machines"]], [v["ssh_access"]["ip_address"] for v in body]
    yield "GPUs", [m["gpus"] for m in row["machines"]], [sum(g["count"] for g in v["gpus"]) for v in body]


def instances(body, row):
    rows = body["instances"] if isinstance(body["instances"], list) else [body["instances"]]
    yield "machines", [m["id"] for m in row["machines"]], [str(i["id"]) for i in rows]
    yield "marks", [m["mark"] for m in row["machines"]], [i["label"] or "" for i in rows]
    yield "GPUs", [m["gpus"] for m in row["machines"]], [i["num_gpus"] for i in rows]


def hotaisle_balance(body, row):
    yield "balance", row["balance_known"], True
    yield "left", row["available"], body["available_balance"] * 10_000
    yield "hourly", row["hourly"], body["hourly_rate"] * 10_000


def storages(rows, row, **keys):
    """Volumes or snapshots, by the names that the keys have there."""
    for ours, theirs in keys.items():
        yield ours, [s[ours] for s in row["storages"]], [theirs(x) for x in rows]


def network_volumes(body, row):
    return storages(body["networkVolumes"], row, id=lambda v: v["id"], name=lambda v: v["name"], size=lambda v: v["size"],
                    region=lambda v: v["dataCenter"])


def volumes_or_snapshots(body, row):
    rows = body.get("volumes", body.get("snapshots"))
    kind = 0 if "volumes" in body else 1
    return storages(rows, row, id=lambda v: v["id"], name=lambda v: v["name"], size=lambda v: math.ceil(v["size_gigabytes"]),
                    region=lambda v: v["region"]["slug"] if kind == 0 else v["regions"][0], kind=lambda v: kind)


def snapshot_begun(body, row):
    yield "id", row["id"], body.get("snapshot", {}).get("id", "")
    yield "work", row["work"], str(body["action"]["id"]) if "action" in body else ""


def snapshot_seen(body, row):
    if "snapshots" in body:
        yield "the first", [s["id"] for s in row["storages"]], [body["snapshots"][0]["id"]]


FACTS = {
    # The example's row has no price: nothing to rent (hotaisle.md §2.3).
    ("hotaisle", "offers"): lambda b, r: [("offers", len(r["offers"]), sum("OnDemandPrice" in x for x in b))],
    ("hotaisle", "create"): lambda b, r: [("id", r["id"], b["name"])],
    ("hotaisle", "list"): virtual_machines,
    ("hotaisle", "balance"): hotaisle_balance,
    ("runpod", "offers"): lambda b, r: [("GPUs", {o["gpu"] for o in r["offers"]}, {g["name"] for g in b["gpus"]}),
                                        ("sold", all(o["price"] > 0 for o in r["offers"]), True)],
    ("runpod", "create"): lambda b, r: [("id", r["id"], b["id"])],
    ("runpod", "describe"): lambda b, r: pods({"pods": [b]}, r),
    ("runpod", "list"): pods,
    ("runpod", "bill"): lambda b, r: [("charges", [(x["id"], x["amount"]) for x in r["bills"]],
                                       [(x["podId"], dollars(x["totalAmount"])) for x in b["records"]])],
    ("runpod", "storage_bill"): lambda b, r: [("charges", [(x["id"], x["amount"]) for x in r["bills"]],
                                               [(x["networkVolumeId"], dollars(x["totalAmount"])) for x in b["records"]])],
    ("runpod", "log"): lambda b, r: [("log", r["log"], json.loads(b.split("data: ", 1)[1])["line"] + "\n")],
    ("runpod", "storage"): network_volumes,
    ("runpod", "volume_make"): lambda b, r: [("id", r["id"], b["id"])],
    ("digitalocean", "check"): lambda b, r: [("account", r["account"], b["account"]["team"]["uuid"])],
    ("digitalocean", "offers"): lambda b, r: [("offers", len(r["offers"]),
                                               sum(len(s["regions"]) for s in b["sizes"] if "gpu_info" in s and s["available"]))],
    ("digitalocean", "key"): lambda b, r: [("key", r["key_id"], str(b["ssh_key"]["id"]))],
    ("digitalocean", "create"): lambda b, r: [("id", r["id"], str(b["droplet"]["id"])),
                                              ("action", str(b["links"]["actions"][0]["id"]) in r["message"], True)],
    ("digitalocean", "describe"): droplet,
    ("digitalocean", "list"): droplets,
    ("digitalocean", "balance"): lambda b, r: [("known", r["balance_known"], b["month_to_date_balance"].startswith("-"))],
    ("digitalocean", "storage"): volumes_or_snapshots,
    ("digitalocean", "volume_make"): lambda b, r: [("id", r["id"], b["volume"]["id"] if "volume" in b else b["volumes"][0]["id"])],
    ("digitalocean", "snapshot_make"): snapshot_begun,
    ("digitalocean", "snapshot_look"): snapshot_seen,
    ("vastai", "volume_make"): lambda b, r: [("id", "V." + r["id"], b["volume_name"])] if "volume_name" in b else [],
    ("vastai", "offers"): lambda b, r: [("offers", len(r["offers"]) <= len(b["offers"]), True)],
    ("vastai", "create"): lambda b, r: [("id", r["id"], str(b["new_contract"]))],
    ("vastai", "describe"): instances,
    ("vastai", "list"): instances,
    ("vastai", "bill"): lambda b, r: [("charges", [x["amount"] for x in r["bills"]],
                                       [dollars(x["amount"]) for x in b["results"] if x["type"] == "instance"])],
}

def check_facts(line, row):
    """One sentence for each fact that is not what the example says."""
    check = FACTS.get((line["provider"], line["op"]))
    if not check or row["verdict"] not in ("ok", "more"):
        return
    try:
        body = json.loads(line["body"])
    except ValueError:
        body = line["body"]
    for what, got, want in check(body, row):
        if got != want:
            yield f"{what}: {got} instead of {want}"
