/*
 * Hosts that the user already has (architecture §4): a rack, a workstation, localhost. Nothing is
 * asked over a network; an offer is a configured host, and so is what is described.
 * Whether a host is taken is known to the core alone, so there is nothing to list.
 */
#include "providers/provider.h"

#include "base/gpu.h"
#include "base/str.h"

static void check(const struct op_args *a, const struct op_cursor *c, struct http_request *req,
    struct op_reply *r)
{
	(void)c;
	req->answered = true;
	str_copy(r->account_id, a->account->name);
	op_fail(r, VERDICT_OK, "%d host%s", a->account->host_count,
	    a->account->host_count == 1 ? "" : "s");
}

static const struct static_host *host_find(const struct account *account, const char *name)
{
	for (int i = 0; i < account->host_count; i++)
		if (!strcmp(account->hosts[i].name, name))
			return &account->hosts[i];
	return NULL;
}

static void offers(const struct op_args *a, const struct op_cursor *c, struct http_request *req,
    struct op_reply *r)
{
	char want[GPU_MAX] = "";

	(void)c;
	req->answered = true;
	if (*a->gpu)
		gpu_canonical(a->gpu, want, sizeof(want));
	for (int i = 0; i < a->account->host_count; i++) {
		const struct static_host *h = &a->account->hosts[i];
		const struct gpu *gpu = gpu_find(h->gpu);
		char name[GPU_MAX];
		struct offer *o;

		gpu_canonical(h->gpu, name, sizeof(name));
		if ((*want && strcmp(want, name)) || (a->gpu_count && a->gpu_count != h->gpu_count))
			continue;
		o = op_reply_add_offer(r);
		str_copy(o->key, h->name);
		str_copy(o->gpu, name);
		o->gpu_count = h->gpu_count;
		o->gpu_memory_gb = gpu ? gpu->memory_gb : 0;
		o->price_hour = h->price_hour;
		o->available = 1;
	}
}

static void create(const struct op_args *a, const struct op_cursor *c, struct http_request *req,
    struct op_reply *r)
{
	const struct static_host *h = a->offer ? host_find(a->account, a->offer->key) : NULL;

	(void)c;
	req->answered = true;
	if (!h) {
		op_fail(r, VERDICT_REFUSED,
		    "host '%s' is not in the configuration of account '%s' any more",
		    a->offer ? a->offer->key : "", a->account->name);
		return;
	}
	str_copy(r->id, h->name);
	r->price_hour = h->price_hour;
}

/* It is always up, as far as anybody can tell without asking it. */
static void describe(const struct op_args *a, const struct op_cursor *c, struct http_request *req,
    struct op_reply *r)
{
	const struct static_host *h = host_find(a->account, a->id ? a->id : "");
	struct machine *m;

	(void)c;
	req->answered = true;
	if (!h) {
		op_fail(r, VERDICT_ABSENT, "host '%s' is not in the configuration of account '%s' any more", a->id ? a->id : "",
		    a->account->name);
		return;
	}
	m = op_reply_add_machine(r);
	str_copy(m->id, h->name);
	m->state = MACHINE_RUNNING;
	str_copy(m->address, h->address);
	m->port = h->port;
	str_copy(m->user, h->user);
	str_copy(m->gpu, h->gpu);
	m->gpu_count = h->gpu_count;
}

/* What ran there is stopped by the core over SSH; the host itself stays. */
static void destroy(const struct op_args *a, const struct op_cursor *c, struct http_request *req,
    struct op_reply *r)
{
	(void)a;
	(void)c;
	(void)r;
	req->answered = true;
}

/* Disks of one's own are nobody's to rent: no storage. */
const struct provider provider_static = {
	.name = "static",
	.title = "own hosts",
	.api_url = "",
	.token_env = NULL, /* the daemon's own key is all it takes */
	.token_where = "no token is needed: list the hosts under providers.static.hosts",
	.user = "root",
	.ssh_port = 22,
	.caps = CAP_LOCAL,
	.create_timeout = 10 * SECOND,
	.boot_allowance = 2 * MINUTE,
	.teardown_allowance = 2 * MINUTE,
	.billing = { .quantum = SECOND, .start = METER_FROM_CREATE },
	.op = {
		[OP_CHECK] = { check, NULL },
		[OP_OFFERS] = { offers, NULL },
		[OP_CREATE] = { create, NULL },
		[OP_DESCRIBE] = { describe, NULL },
		[OP_DESTROY] = { destroy, NULL },
	},
};
