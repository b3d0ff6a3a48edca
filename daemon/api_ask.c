/*
 * Questions about the past: asked in the thread pool, each with a connection of its own, so that no report holds the loop up.
 */
#include "api_private.h"
#include "base/str.h"

struct question {
	uv_work_t work;
	struct hold *hold;
	ask_fn *ask;
	void *arg;
	char path[600];
	json_t *out;
	struct err error;
	int result;
	history_then_fn *then;
	void *then_arg;
};

static void ask_work(uv_work_t *w)
{
	struct question *q = CONTAINER_OF(w, struct question, work);
	struct history *h;

	q->result = history_open(&h, q->path, &q->error);
	if (q->result < 0)
		return;
	q->result = q->ask(h, q->arg, &q->out, &q->error);
	history_close(h);
}

static void ask_done(uv_work_t *w, int status)
{
	struct question *q = CONTAINER_OF(w, struct question, work);
	struct request *r = hold_take(q->hold);

	(void)status;
	if (!r)
		json_decref(q->out);
	else if (q->result < 0)
		request_error(r, &q->error);
	else if (q->then)
		q->then(r, q->out, q->then_arg);
	else
		request_json(r, 200, q->out);
	if (q->then && r && q->result == 0)
		json_decref(q->out);
	free(q->then_arg);
	free(q->arg);
	free(q);
}

void request_history(struct request *r, ask_fn *ask, void *arg)
{
	request_history_then(r, ask, arg, NULL, NULL);
}

void request_history_then(struct request *r, ask_fn *ask, void *arg, history_then_fn *then, void *then_arg)
{
	struct question *q = xcalloc(1, sizeof(*q));

	q->hold = request_hold(r);
	q->ask = ask;
	q->arg = arg;
	q->then = then;
	q->then_arg = then_arg;
	str_copy(q->path, r->api->db_path);
	uv_queue_work(engine_loop(r->api->en), &q->work, ask_work, ask_done);
}
