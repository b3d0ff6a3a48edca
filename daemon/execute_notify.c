/*
 * A notice is sent: its text is made of what the database says of the night, signed, and posted. Whoever takes it answers 2xx.
 *
 *	X-Gpufleet-Delivery: SITE-ID                       the same each time that it is sent
 *	X-Gpufleet-Signature: t=SECONDS,v1=HEX             HMAC-SHA-256 of "SECONDS.BODY" with the key of secret_file
 */
#include "base/crypto.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "db/history.h"
#include "execute_private.h"
#include "report/night.h"
#include "view_budget.h"

#define SEND_LIMIT (20 * SECOND)

struct sending {
	uv_work_t work;
	struct execute *x;
	int64_t id, campaign_id, number;
	char campaign[NAME_MAX_], webhook[NAME_MAX_], news[64], site[8], db[1024], template[8];
	json_t *about; /* of a budget: what it says; NULL: of a night, which is read */
	char *body; /* NULL: see error */
	struct err error;
};

static void make_body(struct sending *s, json_t *o)
{
	json_put_int(o, "id", s->id);
	json_put_str(o, "site", s->site);
	if (!strcmp(s->template, "slack")) {
		json_t *slack = json_pack("{ss}", "text", json_str(o, "text", ""));

		s->body = json_text(slack);
		json_decref(slack);
	} else {
		s->body = json_text(o);
	}
}

static void on_work(uv_work_t *w)
{
	struct sending *s = w->data;
	json_t *night = NULL, *o;
	struct history *h;

	if (s->about) {
		make_body(s, s->about);
		return;
	}
	if (history_open(&h, s->db, &s->error) < 0)
		return;
	if (history_night(h, s->campaign_id, s->number, &night, &s->error) == 0) {
		o = night_message(s->campaign, night, s->news);
		make_body(s, o);
		json_decref(o);
	}
	json_decref(night);
	history_close(h);
}

static void tell(struct sending *s, bool taken, const char *why)
{
	struct fact f = { .kind = FACT_NOTIFIED, .id = s->id, .flag = taken, .message = why };

	if (!taken)
		log_warn("webhook %s: %s", s->webhook, why);
	if (!s->x->closing)
		engine_fact(s->x->en, &f);
	json_decref(s->about);
	free(s->body);
	free(s);
}

static void on_answer(void *arg, const struct http_response *res)
{
	char why[TEXT_MAX];

	if (res->outcome != HTTP_ANSWERED)
		str_copy(why, res->trouble);
	else
		snprintf(why, sizeof(why), "it answered %d", res->status);
	tell(arg, res->outcome == HTTP_ANSWERED && res->status >= 200 && res->status <= 299, why);
}

static int sign(struct http_request *req, const char *file, const char *body, struct err *e)
{
	uint8_t mac[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1], *text;
	struct secret key = { NULL };
	int64_t at = clock_wall() / SECOND;

	if (secret_read_file(&key, file, e) < 0)
		return -1;
	text = xasprintf("%lld.%s", (long long)at, body);
	crypto_hmac_sha256(key.value, strlen(key.value), text, strlen(text), mac);
	for (size_t k = 0; k < sizeof(mac); k++)
		snprintf(hex + 2 * k, 3, "%02x", mac[k]);
	http_request_header(req, "X-Gpufleet-Signature: t=%lld,v1=%s", (long long)at, hex);
	secret_wipe(&key);
	free(text);
	return 0;
}

/* The address, from where the configuration says. */
static int address(const struct config_webhook *hook, char *out, size_t size, struct err *e)
{
	struct secret url = { NULL };

	if (*hook->url)
		return str_copy_n(out, size, hook->url) ? 0 : err_set(e, ERR_USAGE, "its url is too long");
	if (secret_read_file(&url, hook->url_file, e) < 0)
		return -1;
	if (!str_copy_n(out, size, url.value) || !http_url_ok(out))
		err_set(e, ERR_USAGE, "'%.200s' holds no https address", hook->url_file);
	secret_wipe(&url);
	return http_url_ok(out) ? 0 : -1;
}

static void post(struct sending *s, const struct config_webhook *hook)
{
	struct http_request req = { .timeout = SEND_LIMIT };
	char url[1024];
	struct err e = { 0 };

	if (address(hook, url, sizeof(url), &e) < 0 || (*hook->secret_file && sign(&req, hook->secret_file, s->body, &e) < 0)) {
		http_request_free(&req);
		tell(s, false, e.msg);
		return;
	}
	http_request_url(&req, "POST", "%s", url);
	http_request_header(&req, "X-Gpufleet-Delivery: %s-%lld", s->site, (long long)s->id);
	http_request_header(&req, "Content-Type: application/json");
	req.body = xstrdup(s->body);
	http_send(s->x->http, &req, false, on_answer, s);
	http_request_free(&req);
	explicit_bzero(url, sizeof(url));
}

static void on_done(uv_work_t *w, int status)
{
	struct sending *s = w->data;
	const struct config_webhook *hook = config_webhook(engine_config(s->x->en), s->webhook);

	(void)status;
	s->x->work--;
	if (s->x->closing)
		tell(s, false, "the daemon is going down");
	else if (!hook)
		tell(s, false, "it is not in the configuration any more");
	else if (!s->body)
		tell(s, false, s->error.msg);
	else
		post(s, hook);
}

void notify_action(struct execute *x, const struct action *a)
{
	const struct model *m = engine_model(x->en);
	const struct notice *notice = model_notice(m, a->id);
	const struct campaign *c = notice ? model_campaign(m, notice->campaign_id) : NULL;
	const struct night *n = notice ? model_night(m, notice->night_id) : NULL;
	const struct budget *b = notice ? model_budget(m, notice->budget_id) : NULL;
	const struct config_webhook *hook = notice ? config_webhook(engine_config(x->en), notice->webhook) : NULL;
	struct fact lost = { .kind = FACT_NOTIFIED, .id = a->id, .message = "what it is about is not in memory" };
	struct sending *s;

	if (!notice || x->closing)
		return;
	if (!b && (!c || !n)) {
		engine_fact(x->en, &lost);
		return;
	}
	s = xcalloc(1, sizeof(*s));
	s->x = x;
	s->id = a->id;
	if (b) {
		s->about = view_budget_message(m, b, notice->news, engine_now(x->en));
	} else {
		s->campaign_id = notice->campaign_id;
		s->number = n->number;
		str_copy(s->campaign, c->name);
	}
	str_copy(s->webhook, notice->webhook);
	str_copy(s->news, notice->news);
	str_copy(s->site, m->site);
	str_copy(s->template, hook ? hook->template : "json");
	execute_database(x, s->db, sizeof(s->db));
	s->work.data = s;
	x->work++;
	uv_queue_work(engine_loop(x->en), &s->work, on_work, on_done);
}
