#include "api_private.h"
#include "base/clock.h"
#include "base/str.h"
#include "metrics.h"

#define TEXT_CEILING (8u * 1024 * 1024)

static int connections_of(const struct listener *l)
{
	const union MHD_DaemonInfo *info = l->mhd ? MHD_get_daemon_info(l->mhd, MHD_DAEMON_INFO_CURRENT_CONNECTIONS) : NULL;

	return info ? (int)info->num_connections : 0;
}

void get_metrics(struct request *r)
{
	struct api *a = r->api;
	struct execute *x = engine_execute(a->en);
	struct metrics m = { .model = engine_model(a->en), .config = engine_config(a->en), .booked = engine_booked(a->en),
		.requests = execute_requests(x), .version = a->version, .started = a->started, .now = clock_steady(),
		.ssh_connections = execute_ssh_connections(x), .http_in_flight = execute_http_in_flight(x),
		.connections = connections_of(&a->local), .tcp_connections = connections_of(&a->remote), .attempts = a->remote.refused };
	struct buf text = BUF(TEXT_CEILING);
	size_t n;
	char *data;

	engine_get_health(a->en, &m.health);
	store_get_stats(engine_store(a->en), &m.store);
	metrics_write(&text, &m);
	n = text.len;
	data = buf_take(&text);
	request_bytes(r, METRICS_TYPE, data, n);
}
