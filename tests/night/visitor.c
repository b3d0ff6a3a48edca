#include "visitor.h"
#include "base/str.h"

#define OTHERS_KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGnV9g0bTtTz1mKqLr0kXwzH9cVd2mYb4sJt5uQe8oWx others"

static void answer(struct visitor *r, struct call *call, const struct http_request *req)
{
	struct cloud *c = r->n->clouds[r->n->cloud_of[r->account]];
	struct http_response res = { .outcome = HTTP_ANSWERED };
	struct sim_header headers[HTTP_HEADERS_MAX + 1];
	char names[HTTP_HEADERS_MAX][64], path[2048], *query;
	struct sim_request q = { .method = req->method, .headers = headers, .body = req->body, .len = req->body ? strlen(req->body) : 0 };
	struct sim_response out;

	str_copy(path, strchr(req->url + 7, '/') + strlen(c->model->prefix));
	query = strchr(path, '?');
	if (query)
		*query++ = '\0';
	q.path = path;
	q.query = query;
	for (int k = 0; k < req->header_count; k++) {
		str_copy_n(names[k], strcspn(req->headers[k], ":") + 1, req->headers[k]);
		headers[q.header_count++] = (struct sim_header){ names[k], req->headers[k] + strlen(names[k]) + 2 };
	}
	headers[q.header_count++] = (struct sim_header){ "User-Agent", "somebody/1" };
	sim_response_init(&out);
	cloud_handle(c, r->n->now, &q, &out);
	res.status = out.status;
	res.body = buf_str(&out.body);
	res.len = out.body.len;
	str_copy(res.content_type, out.type);
	r->n->now += out.delay + 50 * MSEC;
	if (out.cut != SIM_CUT_NONE) {
		res.outcome = HTTP_BROKEN;
		str_copy(res.trouble, "connection reset");
	}
	call_answer(call, r->n->now, &res);
	sim_response_free(&out);
}

struct call *visit(struct visitor *r, enum provider_op_kind op, struct op_args *args)
{
	const struct account *a = &r->n->accounts[r->account];
	const struct http_request *req;
	struct call *call;
	instant wake;

	args->account = a;
	args->public_key = OTHERS_KEY;
	call = call_new(provider_find(a->provider), op, args, &r->limits, &r->rng);
	for (;;) {
		switch (call_next(call, r->n->now, &req, &wake)) {
		case CALL_SEND: answer(r, call, req); break;
		case CALL_WAIT: r->n->now = wake; break;
		case CALL_DONE: return call;
		}
	}
}
