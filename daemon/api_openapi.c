/*
 * GET /v1/openapi.json: the API's own document (openapi.h), put together in the thread pool when somebody asks.
 */
#include "api_private.h"
#include "openapi.h"

struct writing {
	uv_work_t work;
	struct hold *hold;
	char version[32];
	json_t *document;
	struct err error;
};

static void write_out(uv_work_t *w)
{
	struct writing *d = CONTAINER_OF(w, struct writing, work);

	d->document = openapi_document(d->version, &d->error);
}

static void written(uv_work_t *w, int status)
{
	struct writing *d = CONTAINER_OF(w, struct writing, work);
	struct request *r = hold_take(d->hold);

	(void)status;
	if (!r)
		json_decref(d->document);
	else if (d->document)
		request_json(r, 200, d->document);
	else
		request_error(r, &d->error);
	free(d);
}

void get_openapi(struct request *r)
{
	struct writing *d = xcalloc(1, sizeof(*d));

	d->hold = request_hold(r);
	memcpy(d->version, r->api->version, sizeof(d->version));
	uv_queue_work(engine_loop(r->api->en), &d->work, write_out, written);
}
