/*
 * RunPod: network volumes (providers/runpod.md §11). They are mounted by the create of a pod (runpod_pods.c).
 */
#include "base/str.h"
#include "providers/runpod.h"

#define VOLUME_GB_MIN 10
#define VOLUME_GB_MAX 4096

static bool read_id(const json_t *j, char out[ID_MAX])
{
	static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
	const char *id = json_str(j, "id", "");

	out[0] = '\0';
	return *id && strlen(id) < ID_MAX && strspn(id, allowed) == strlen(id) && str_copy_n(out, ID_MAX, id);
}

/* ---- the list: whole, and without a word on which pods have a volume ---- */

RUNPOD_BUILD(storage)
{
	(void)r;
	runpod_request_page(a, c, req, "network-volumes");
}

static bool read_volume(const json_t *volume, struct storage *s)
{
	int64_t gb = json_int(volume, "size", 0);

	*s = (struct storage){ .kind = STORAGE_VOLUME, .state = STORAGE_READY };
	if (!read_id(volume, s->id))
		return false;
	str_copy(s->name, json_str(volume, "name", ""));
	str_copy(s->region, json_str(volume, "dataCenter", ""));
	s->size_gb = gb > 0 && gb < 100000000 ? (int)gb : 0;
	return true;
}

RUNPOD_READ(storage)
{
	json_t *j = runpod_body_of(res, VERDICT_RETRY, r);
	const json_t *volumes = json_path(j, "networkVolumes"), *volume;
	enum verdict v = VERDICT_OK;
	struct storage s;
	size_t i;

	(void)a;
	if (!j)
		return r->verdict;
	if (!json_is_array(volumes))
		v = runpod_unreadable(r, "list of network volumes");
	json_array_foreach (volumes, i, volume) {
		if (!read_volume(volume, &s)) { /* the one we cannot read may be ours */
			v = runpod_unreadable(r, "id for one of the network volumes");
			break;
		}
		*op_reply_add_storage(r) = s;
	}
	if (v == VERDICT_OK)
		v = runpod_next_page(j, c, r);
	json_decref(j);
	return v;
}

/* ---- make: a name may repeat, so nothing but the list tells what a broken answer has made ---- */

/* The tier whose price we know (§8). */
static json_t *make_body(const struct storage *wanted)
{
	json_t *body = json_object();
	char center[REGION_MAX];

	runpod_data_center(wanted->region, center);
	json_put_str(body, "name", wanted->name);
	json_put_int(body, "size", wanted->size_gb);
	json_put_str(body, "dataCenter", center);
	json_put_str(body, "type", "STANDARD");
	return body;
}

RUNPOD_BUILD(volume_make)
{
	const struct storage *wanted = a->storage;

	(void)c;
	if (*wanted->source) {
		runpod_refuse(req, r, "RunPod has no snapshots to make a volume from");
	} else if (!*wanted->name || !*wanted->region) {
		runpod_refuse(req, r, "a network volume needs a name and a data center");
	} else if (wanted->size_gb < VOLUME_GB_MIN || wanted->size_gb > VOLUME_GB_MAX) {
		runpod_refuse(req, r, "a network volume at RunPod has 10 to 4096 GB");
	} else {
		http_request_url(req, "POST", "%s/network-volumes", runpod_base_url(a));
		runpod_add_headers(a, req);
		http_request_json(req, make_body(wanted));
	}
}

RUNPOD_READ(volume_make)
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
	if (read_id(j, r->id))
		r->verdict = VERDICT_OK;
	else
		op_fail(r, VERDICT_UNSURE, "RunPod made a network volume and told no usable id");
	json_decref(j);
	return r->verdict;
}

/* ---- drop ---- */

RUNPOD_BUILD(volume_drop)
{
	struct buf id = BUF(4 * ID_MAX);

	(void)c;
	if (!*a->storage->id) {
		runpod_refuse(req, r, "the network volume to delete has no id");
		return;
	}
	str_percent_encode(&id, a->storage->id);
	http_request_url(req, "DELETE", "%s/network-volumes/%s", runpod_base_url(a), buf_str(&id));
	buf_free(&id);
	runpod_add_headers(a, req);
}

/* How RunPod says that pods still have it is not known (§11): a conflict, or a sentence that names them, will pass. */
static bool is_in_use(const struct http_response *res, const char *text)
{
	static const char *const words[] = { "in use", "attached", "used by", "mounted", NULL };

	for (const char *const *word = words; *word && res->status == 400; word++)
		if (str_icontains(text, *word))
			return true;
	return res->status == 409;
}

RUNPOD_READ(volume_drop)
{
	(void)a;
	(void)c;
	if (runpod_is_success(res))
		return r->verdict = VERDICT_OK;
	if (runpod_failed_or_absent(res, r) == VERDICT_REFUSED && is_in_use(res, r->message)) {
		r->verdict = VERDICT_RETRY;
		r->retry_after = 30 * SECOND;
	}
	return r->verdict;
}
