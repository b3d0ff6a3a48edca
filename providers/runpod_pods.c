/*
 * RunPod: pods, from create to destroy (providers/runpod.md §4–7).
 */
#include "base/gpu.h"
#include "base/mutant.h"
#include "base/str.h"
#include "providers/runpod.h"

#define LOG_WAIT (4 * SECOND)

static void request_pod(const struct op_args *a, const char *method, struct http_request *req)
{
	struct buf id = BUF(4 * ID_MAX);

	str_percent_encode(&id, a->id);
	http_request_url(req, method, "%s/pods/%s", runpod_base_url(a), buf_str(&id));
	buf_free(&id);
	runpod_add_headers(a, req);
}

/* ---- create ---- */

/*
 * RunPod's own images start sshd when PUBLIC_KEY is set (§7). Any other image gets this start command, which installs sshd
 * when the image has none, and hands the image's search paths to the sessions, which sshd would otherwise begin afresh.
 */
#define START_SSHD                                                                                                     \
	"mkdir -p /run/sshd ~/.ssh && chmod 700 ~/.ssh && "                                                            \
	"printf '%s\\n' \"$PUBLIC_KEY\" >> ~/.ssh/authorized_keys && chmod 600 ~/.ssh/authorized_keys; "               \
	"PATH=$PATH:/usr/sbin:/sbin; export PATH; command -v sshd >/dev/null || { apt-get update && "                  \
	"DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends openssh-server; }; ssh-keygen -A; " \
	BOOTLOG_PRINT_KEYS "; "                                                                                        \
	"exec \"$(command -v sshd)\" -D -e -o \"SetEnv=PATH=$PATH LD_LIBRARY_PATH=$LD_LIBRARY_PATH\""

static char *start_command(void)
{
	json_t *j = json_pack("{s[ss] s[s]}", "entrypoint", "/bin/sh", "-c", "cmd", START_SSHD);
	char *text = json_text(j);

	json_decref(j);
	return text;
}

static const char *image_of(const struct op_args *a, const char *gpu_id)
{
	const struct gpu *gpu = gpu_find(gpu_id);

	if (a->image && *a->image)
		return a->image;
	if (a->account->image[0])
		return a->account->image;
	return (gpu ? gpu->vendor == GPU_VENDOR_AMD : str_istarts(gpu_id, "AMD")) ? RUNPOD_IMAGE_AMD : RUNPOD_IMAGE;
}

/* `gpu`, `cloud` and `dataCenterIds` as the offer's spec says. False: not a spec of ours. */
static bool put_place(json_t *body, const json_t *spec)
{
	const char *id = json_str(spec, "gpuId", ""), *cloud = json_str(spec, "cloud", "");
	const json_t *centers = json_path(spec, "dataCenterIds");
	int64_t count = json_int(spec, "count", 0);
	json_t *gpu = json_object();

	json_put_str(gpu, "id", id);
	json_put_int(gpu, "count", count);
	json_put(body, "gpu", gpu);
	json_put_str(body, "cloud", cloud);
	if (json_is_array(centers))
		json_put(body, "dataCenterIds", json_deep_copy(centers));
	return *id && *cloud && count > 0;
}

/* A network volume is mounted at create only, and pins the pod to its data center (§11). */
static void put_volume(json_t *body, const struct op_args *a)
{
	char center[REGION_MAX];

	runpod_data_center(a->volume->region, center);
	json_put(body, "mounts", json_pack("{s[{ss ss}]}", "network", "volumeId", a->volume->id, "path", a->volume_path));
	json_put(body, "dataCenterIds", json_pack("[s]", center));
}

/* What cannot work, in one sentence; NULL: nothing. */
static const char *misfit(const struct op_args *a, const json_t *spec)
{
	const char *pinned = json_str(spec, "dataCenterIds.0", "");

	if (a->snapshot)
		return "RunPod has no snapshots to start a pod from";
	if (!a->volume)
		return NULL;
	if (strcmp(json_str(spec, "cloud", ""), "SECURE") != 0)
		return "RunPod's community cloud has no network volumes";
	if (!*a->volume->id || !*a->volume->region || !a->volume_path || *a->volume_path != '/')
		return "a network volume needs its id, its data center and an absolute path in the pod";
	return *pinned && !str_ieq(pinned, a->volume->region) ? "the offer is in another data center than the volume" : NULL;
}

/* NULL: the spec is not one of ours. Nothing but documented keys: any other is refused (§4.1). */
static json_t *create_body(const struct op_args *a, const json_t *spec)
{
	const char *image = image_of(a, json_str(spec, "gpuId", ""));
	json_t *body = json_object(), *env;
	char *start;

	json_put_str(body, "name", a->mark);
	json_put_str(body, "image", image);
	if (!put_place(body, spec)) {
		json_decref(body);
		return NULL;
	}
	if (a->volume)
		put_volume(body, a);
	/* Always: leaving it out fails late, with a sentence about capacity. */
	json_put_int(body, "disk", runpod_disk_of(a));
	json_put(body, "ports", json_pack("[s]", "22/tcp"));
	env = json_object();
	json_put_str(env, "PUBLIC_KEY", a->public_key);
	/* The name can be edited in the console; this says what it was. */
	json_put_str(env, "GPUFLEET_MARK", a->mark);
	json_put(body, "env", env);
	if (!str_starts(image, "runpod/")) {
		start = start_command();
		json_put_str(body, "args", start);
		free(start);
	}
	return body;
}

RUNPOD_BUILD(create)
{
	json_t *spec = NULL, *body = NULL;
	const char *why = NULL;

	(void)c;
	if (a->offer && a->offer->spec)
		spec = json_read(a->offer->spec, strlen(a->offer->spec), NULL);
	if (spec && a->mark && *a->mark && a->public_key && *a->public_key) {
		why = misfit(a, spec);
		body = why ? NULL : create_body(a, spec);
	}
	json_decref(spec);
	if (!body) {
		runpod_refuse(req, r, why ? why : "the pod was not asked for: its offer, mark or public key is missing");
		return;
	}
	http_request_url(req, "POST", "%s/pods", runpod_base_url(a));
	runpod_add_headers(a, req);
	http_request_json(req, body);
}

/* GPU and disk; the cost that a pod shows is the GPU's (§4.2, §8). 0: not said. */
static money price_of(const json_t *pod)
{
	money cost;

	if (!json_money(pod, "cost", &cost) || cost <= 0)
		return 0;
	return money_add(cost, runpod_disk_price(json_int(pod, "disk", 0)));
}

RUNPOD_READ(create)
{
	json_t *j;

	(void)a;
	(void)c;
	if (!runpod_is_success(res)) {
		enum verdict v = runpod_failed(res, VERDICT_UNSURE, r);

		return r->verdict = v == VERDICT_REFUSED && res->status == 400 ? runpod_refusal_kind(r->message) : v;
	}
	j = runpod_body_of(res, VERDICT_UNSURE, r);
	if (!j)
		return r->verdict;
	if (!str_copy(r->id, json_str(j, "id", "")) || !r->id[0]) {
		r->id[0] = '\0';
		op_fail(r, VERDICT_UNSURE, "RunPod answered %d to the create without a usable id", res->status);
	} else {
		r->price_hour = price_of(j);
		r->verdict = VERDICT_OK;
	}
	json_decref(j);
	return r->verdict;
}

/* ---- one pod as a machine ---- */

/*
 * ERROR is not an end: such a pod exists, may be started again and may bill (§4.4). Only TERMINATED is, and whoever counts
 * pods must not overlook the others.
 */
static enum machine_state state_of(const char *status)
{
	static const struct {
		const char *status;
		enum machine_state state;
	} states[] = {
		{ "PROVISIONING", MACHINE_STARTING },
		{ "STARTING", MACHINE_STARTING },
		{ "RUNNING", MACHINE_RUNNING },
		{ "EXITED", MACHINE_STOPPED },
		{ "ERROR", MACHINE_STOPPED },
		{ "TERMINATED", MACHINE_ENDED },
	};

	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (!strcmp(status, states[i].status))
			return states[i].state;
	return MACHINE_UNKNOWN;
}

/* A host name or address that is safe to hand to a resolver and to show; never an option in disguise. */
static bool is_host(const char *s)
{
	static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.:-";

	return *s && *s != '-' && strlen(s) < ADDRESS_MAX && strspn(s, allowed) == strlen(s);
}

/* Where sshd listens: only `ssh.direct`; its port changes at each restart (§4.2). */
static void read_address(const struct account *account, const json_t *pod, struct machine *m)
{
	const char *host = json_str(pod, "ssh.direct.host", ""), *user = json_str(pod, "ssh.direct.username", "");
	int64_t port = account->ssh_port ? account->ssh_port : json_int(pod, "ssh.direct.port", 0);

	if (!is_host(host) || port < 1 || port > 65535)
		return;
	str_copy(m->address, host);
	m->port = (int)port;
	if (!account->user[0] && str_is_name(user, sizeof(m->user) - 1))
		str_copy(m->user, user);
}

static void read_state(const json_t *pod, struct machine *m)
{
	const char *status = json_str(pod, "status", ""), *address = "", *cluster = "";
	struct buf note = BUF(TEXT_MAX - 1);

	m->state = state_of(status);
	m->over = m->state == MACHINE_ENDED; /* TERMINATED is the end of the bill too (§4.1) */
	if (m->state == MACHINE_RUNNING && !m->address[0]) { /* said from the first second on (§0.4) */
		m->state = MACHINE_STARTING;
		address = ", no SSH address yet";
	}
	if (json_is_object(json_path(pod, "cluster")))
		cluster = ", member of a cluster";
	str_safe(&note, status, strnlen(status, 64), false);
	buf_printf(&note, "%s%s", address, cluster);
	str_copy(m->note, buf_str(&note));
	buf_free(&note);
}

static bool read_pod(const struct account *account, const json_t *pod, struct machine *m)
{
	int64_t count = json_int(pod, "gpu.count", 0);
	const char *gpu = json_str(pod, "gpu.id", "");

	memset(m, 0, sizeof(*m));
	if (!str_copy(m->id, json_str(pod, "id", "")) || !m->id[0])
		return false;
	str_copy(m->mark, json_str(pod, MUTANT("name_not_read", "name", "names"), ""));
	read_address(account, pod, m);
	read_state(pod, m);
	if (*gpu)
		runpod_name_gpu(gpu, "", m->gpu);
	m->gpu_count = count > 0 && count < 1000 ? (int)count : 0;
	/* A stopped pod was seen still showing its cost (§4.2). */
	if (m->state != MACHINE_STOPPED && m->state != MACHINE_ENDED)
		m->price_hour = price_of(pod);
	json_time(pod, "createdAt", &m->created);
	return true;
}

/* ---- describe and list ---- */

RUNPOD_BUILD(describe)
{
	(void)c;
	(void)r;
	request_pod(a, "GET", req);
}

RUNPOD_READ(describe)
{
	struct machine m;
	json_t *j;

	(void)c;
	if (!runpod_is_success(res))
		return runpod_failed_or_absent(res, r);
	j = runpod_body_of(res, VERDICT_RETRY, r);
	if (!j)
		return r->verdict;
	if (!read_pod(a->account, j, &m) || strcmp(m.id, a->id) != 0) {
		runpod_unreadable(r, "pod of that id");
	} else {
		*op_reply_add_machine(r) = m;
		r->verdict = VERDICT_OK;
	}
	json_decref(j);
	return r->verdict;
}

RUNPOD_BUILD(list)
{
	(void)r;
	runpod_request_page(a, c, req, "pods?includeClusterPods=true");
}

RUNPOD_READ(list)
{
	json_t *j = runpod_body_of(res, VERDICT_RETRY, r);
	const json_t *pods = json_path(j, "pods"), *pod;
	enum verdict v = VERDICT_OK;
	struct machine m;
	size_t i;

	if (!j)
		return r->verdict;
	if (!json_is_array(pods))
		v = runpod_unreadable(r, "list of pods");
	json_array_foreach (pods, i, pod) {
		if (!read_pod(a->account, pod, &m)) { /* the one we cannot read may be ours */
			v = runpod_unreadable(r, "id for one of the pods");
			break;
		}
		*op_reply_add_machine(r) = m;
	}
	if (v == VERDICT_OK)
		v = runpod_next_page(j, c, r);
	json_decref(j);
	return v;
}

/* ---- mark and destroy ---- */

RUNPOD_BUILD(mark)
{
	json_t *body = json_object();

	(void)c;
	(void)r;
	json_put_str(body, "name", a->mark); /* the name alone: other fields would restart the container (§4.5) */
	request_pod(a, "PATCH", req);
	http_request_json(req, body);
}

RUNPOD_READ(mark)
{
	(void)a;
	(void)c;
	return runpod_is_success(res) ? VERDICT_OK : runpod_failed_or_absent(res, r);
}

RUNPOD_BUILD(destroy)
{
	(void)c;
	(void)r;
	request_pod(a, "DELETE", req);
}

/* 409: something else is going on with the pod. It passes; asking again at once would be hammering (reliability §2.8). */
RUNPOD_READ(destroy)
{
	(void)a;
	(void)c;
	if (runpod_is_success(res))
		return VERDICT_OK;
	if (runpod_failed_or_absent(res, r) == VERDICT_REFUSED && res->status == 409) {
		r->verdict = VERDICT_RETRY;
		r->retry_after = 30 * SECOND;
	}
	return r->verdict;
}

/* ---- log ---- */

/* Lines with `data: {"source", "line", "ts"}`; the stream stays open for what is still to come (§4.3). */
RUNPOD_BUILD(log)
{
	struct buf id = BUF(4 * ID_MAX);

	(void)c;
	(void)r;
	str_percent_encode(&id, a->id);
	http_request_url(req, "GET", "%s/pods/%s/logs?source=container&tail=%d", runpod_base_url(a), buf_str(&id), BOOTLOG_LINES);
	buf_free(&id);
	http_request_header(req, "Authorization: Bearer %s", a->account->token.value ? a->account->token.value : "");
	http_request_header(req, "Accept: text/event-stream");
	req->open = true;
	req->timeout = LOG_WAIT;
}

static void read_event(struct bootlog *b, struct buf *log, const char *line, size_t n)
{
	json_t *j = n > 5 && !strncmp(line, "data:", 5) ? json_read(line + 5, n - 5, NULL) : NULL;
	const char *text = json_str(j, "line", "");

	if (j && !strcmp(json_str(j, "source", ""), "container")) {
		bootlog_line(b, text, strlen(text));
		buf_printf(log, "%s\n", text);
	}
	json_decref(j);
}

RUNPOD_READ(log)
{
	struct bootlog b = { .lines = 0 };
	struct buf log = BUF(JSON_BYTES_MAX);

	(void)a;
	(void)c;
	if (!runpod_is_success(res))
		return runpod_failed_or_absent(res, r);
	for (size_t at = 0; at < res->len;) {
		const char *end = memchr(res->body + at, '\n', res->len - at);
		size_t n = end ? (size_t)(end - res->body) - at : res->len - at;

		if (end) /* the last line may still be on its way */
			read_event(&b, &log, res->body + at, n);
		at += n + 1;
	}
	op_reply_log(r, buf_str(&log), log.len);
	buf_free(&log);
	str_copy(r->host_keys, bootlog_proves(&b) ? b.prints : "");
	return r->verdict = VERDICT_OK;
}
