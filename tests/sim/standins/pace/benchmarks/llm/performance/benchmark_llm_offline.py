"""Stand-in for AMD PACE's offline benchmark: checks its configuration as the real one does and computes what it would report, from 40 output
tokens a second and twice that with a draft model. PACE_STANDIN: gated, slow (a tenth of it)."""
import json
import os
import sys

if sys.argv[1:2] != ["--config"]:
    sys.exit("error: the following arguments are required: --config")
config = json.load(open(sys.argv[2]))
model, asked = config["model_args"], config["generation_args"]
assert config["frameworks"] == ["pace"], "Unsupported framework"
assert model["dtype"] in ("bf16", "fp32")
assert all(key in ("Norm", "QKVProjection", "Attention", "OutProjection", "MLP", "LMHead") for key in model["llm_operators"])
assert asked["kv_cache_type"] in ("BMC", "SLAB_POOL"), "Unsupported cache type"
assert config["verbose"] or config["output_dir"]
draft = model["spec_config"]
assert not (draft and asked["do_sample"]), "PARD needs greedy decoding"
if os.environ.get("OMP_WAIT_POLICY") != "active" or int(os.environ["OMP_NUM_THREADS"]) < 1:
    sys.exit("RuntimeError: no OpenMP environment")
if os.environ.get("PACE_STANDIN") == "gated":
    sys.exit("huggingface_hub.errors.GatedRepoError: 401 Client Error. Cannot access gated repo for url https://huggingface.co/x")
rate = 40.0 * (2 if draft else 1) * asked["batch_size"] / (10 if os.environ.get("PACE_STANDIN") == "slow" else 1)
tokens = asked["output_tokens"] * asked["batch_size"]
took = tokens / rate
generated = tokens * config["num_runs"]
total = generated + asked["input_tokens"] * asked["batch_size"] * config["num_runs"]
document = {
    "model_args": dict(model, dtype="torch.bfloat16", llm_operators={}), "generation_args": asked, "num_runs": config["num_runs"],
    "warmup_runs": config["warmup_runs"],
    "benchmark_results": [{"framework": "pace", "metrics": {
        "total_tokens": total, "total_gen_tokens": generated, "average_gen_time": took,
        "average_latency_per_token": took * config["num_runs"] / total, "total_tps": total / took / config["num_runs"], "output_tps": rate,
        "average_ttft": None, "time_per_tokens": None, "mean_accepted_tokens": draft["num_speculated_tokens"] / 3.0 if draft else None},
        "system_metrics": None}],
}
name = "pace_%s_torch.bfloat16_bs%d_it%d_nt%d_20260204_061502_results.json" % (
    model["model_name"].replace("/", "--"), asked["batch_size"], asked["input_tokens"], asked["output_tokens"])
with open(os.path.join(config["output_dir"], name), "w") as f:
    json.dump(document, f, indent=4)
