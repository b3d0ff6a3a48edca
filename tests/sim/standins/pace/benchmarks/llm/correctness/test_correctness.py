"""Stand-in for AMD PACE's correctness test. PACE_STANDIN=wrong: other tokens than the reference."""
import json
import os
import sys

if sys.argv[1:2] != ["--config"]:
    sys.exit("error: the following arguments are required: --config")
config = json.load(open(sys.argv[2]))
asked = config["generation_args"]
assert asked["kv_cache_type"] in ("BMC", "DYNAMIC") and asked["max_tokens"] > 0 and isinstance(asked["batch_size"], list)
status = "FAIL" if os.environ.get("PACE_STANDIN") == "wrong" else "PASS"
print("[%s] %s -- 8/8 prompts, %d tokens" % (status, config["model_args"]["model_name"], asked["max_tokens"]))
sys.exit(status == "FAIL")
