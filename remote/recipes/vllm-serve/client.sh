# The client: `vllm bench serve` of the same installation as the server, with the flags that its version knows (benchmarks §1.1).
# shellcheck shell=sh disable=SC2034 # what is set here is read where this is sourced

# client_run FILE SECONDS INPUT OUTPUT CONCURRENCY PROMPTS SEED LABEL...: what it printed is in FILE.out, its document in FILE.json
client_run()
{
	file=$1 seconds=$2 in=$3 out=$4 streams=$5 prompts=$6 seed=$7
	shift 7
	labels=$*
	set -- --base-url "http://127.0.0.1:$PORT" --endpoint /v1/completions --model "$MODEL" --dataset-name random --random-range-ratio 0.0 \
		--request-rate inf --ignore-eos --percentile-metrics ttft,tpot,itl,e2el --metric-percentiles 50,90,95,99 --disable-tqdm --save-result
	# Up to 0.10 another flag chose the protocol.
	if knows --endpoint-type; then
		set -- --backend vllm --endpoint-type openai "$@"
	else
		set -- --backend openai "$@"
	fi
	! knows --temperature || set -- "$@" --temperature 0
	! knows --ready-check-timeout-sec || set -- "$@" --ready-check-timeout-sec 60
	! knows --random-prefix-len || set -- "$@" --random-prefix-len 0
	# What all runs have in common identifies the stack; what differs from one to the next does not.
	# shellcheck disable=SC2086 # words
	printf '%s\n' $client "$@" >"$work/bench_args"
	# shellcheck disable=SC2086 # words
	set -- "$@" --random-input-len "$in" --random-output-len "$out" --num-prompts "$prompts" --max-concurrency "$streams" --seed "$seed" \
		--result-dir "$(inside_results)" --result-filename "$file.json" --metadata $labels
	# shellcheck disable=SC2086 # words
	limited "$seconds" exec_inside $client "$@" >"$GPUFLEET_RESULTS/$file.out" 2>&1 </dev/null
}

# Why does nothing come? One request of our own: clients keep only "Bad Request" (benchmarks §7.5). Sets $reason and $detail.
client_probe()
{
	awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) printf " a" }' >"$work/prompt"
	printf '{"model":"%s","prompt":"%s","max_tokens":%s,"temperature":0}' "$(json_text "$MODEL")" "$(cat "$work/prompt")" "$2" >"$work/request"
	if has curl; then
		curl -s --max-time 120 -H 'Content-Type: application/json' -d "@$work/request" "http://127.0.0.1:$PORT/v1/completions" >"$work/answer" 2>&1
	else
		inside python3 -c '
import sys, urllib.error, urllib.request as u
r = u.Request(sys.argv[1], sys.stdin.buffer.read(), {"Content-Type": "application/json"})
try:
    print(u.urlopen(r, timeout=120).read().decode())
except urllib.error.HTTPError as e:
    print(e.read().decode())
except Exception as e:
    print(e)' "http://127.0.0.1:$PORT/v1/completions" <"$work/request" >"$work/answer" 2>&1
	fi
	cp "$work/answer" "$GPUFLEET_RESULTS/probe.txt" 2>/dev/null
	reason=request_errors
	detail=$(json_text "$(head -c 110 "$work/answer" | tr '\n' ' ')")
	if grep -qi 'maximum context length\|maximum model length' "$work/answer"; then
		reason=context_exceeded
	elif grep -q '"choices"' "$work/answer"; then
		detail="its requests failed, one of our own was answered"
	fi
}
