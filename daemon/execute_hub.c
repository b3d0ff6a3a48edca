/*
 * Hugging Face: may this token read this model? Asked before anything is rented (benchmarks §1.6: a gated model fails an hour later,
 * on a machine that costs money).
 */
#include "base/log.h"
#include "base/str.h"
#include "execute_private.h"

#define HUB_LIMIT (8 * SECOND)

struct question {
	char model[200];
	bool with_token;
	execute_hub_fn *done;
	void *arg;
};

/* "org/name", as the hub spells models; a directory on the machine is neither. */
static bool is_hub_name(const char *model)
{
	const char *slash = strchr(model, '/');
	char head[128];

	if (!slash || slash == model || (size_t)(slash - model) >= sizeof(head))
		return false;
	snprintf(head, sizeof(head), "%.*s", (int)(slash - model), model);
	return str_is_name(head, 100) && str_is_name(slash + 1, 100);
}

static void judge(const struct question *q, const struct http_response *res, struct err *e)
{
	if (res->outcome != HTTP_ANSWERED)
		log_info("whether %s may be read could not be asked: %s", q->model, res->trouble);
	else if (res->status == 401 && !q->with_token)
		err_set(e, ERR_REFUSED, "%s is gated or does not exist: accept its terms on its page and give --secret HF_TOKEN", q->model);
	else if (res->status == 401)
		err_set(e, ERR_REFUSED, "HF_TOKEN is not valid, or there is no model %s", q->model);
	else if (res->status == 403)
		err_set(e, ERR_REFUSED, "the account of HF_TOKEN may not read %s yet: accept its terms on its page", q->model);
	else if (res->status == 404)
		err_set(e, ERR_USAGE, "there is no model %s, or it has no config.json", q->model);
	else if (res->status >= 400)
		log_info("whether %s may be read is not known: the hub answered %d", q->model, res->status);
}

static void on_answer(void *arg, const struct http_response *res)
{
	struct question *q = arg;
	struct err e = { 0 };

	judge(q, res, &e);
	q->done(q->arg, e.code ? &e : NULL);
	free(q);
}

bool execute_hub(struct execute *x, const char *model, const char *token, execute_hub_fn *done, void *arg)
{
	struct http_request req = { .timeout = HUB_LIMIT };
	struct question *q;

	if (!is_hub_name(model) || x->closing)
		return false;
	q = xcalloc(1, sizeof(*q));
	str_copy(q->model, model);
	q->with_token = token != NULL;
	q->done = done;
	q->arg = arg;
	http_request_url(&req, "GET", "%s/%s/resolve/main/config.json", engine_config(x->en)->hub_url, model);
	if (token)
		http_request_header(&req, "Authorization: Bearer %s", token);
	http_send(x->http, &req, false, on_answer, q);
	http_request_free(&req);
	return true;
}
