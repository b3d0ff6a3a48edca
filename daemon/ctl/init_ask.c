#include "ctl/init.h"
#include "base/gpu.h"
#include "base/str.h"
#include "ctl/term.h"

#include <unistd.h>

/* Ask until `check` is content; false: the answers ended. An empty answer is fine where there is a fallback. */
static bool ask(const char *question, const char *fallback, const char *complaint, bool (*check)(const char *), char *out, size_t size)
{
	struct buf answer = BUF(4096);
	bool got;

	while ((got = term_line(question, fallback, false, &answer))) {
		bool good = (fallback && !strcmp(buf_str(&answer), fallback)) || check(buf_str(&answer));

		if (good && str_copy_n(out, size, buf_str(&answer)))
			break;
		ctl_say("  %s", complaint);
	}
	buf_free(&answer);
	return got;
}

static bool is_name(const char *s)
{
	return str_is_name(s, 31);
}

static bool is_address(const char *s)
{
	return *s && *s != '-' && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:_%") == strlen(s);
}

static bool is_gpu(const char *s)
{
	char name[64];
	int count;

	return gpu_spec_parse(s, name, sizeof(name), &count);
}

static bool is_price(const char *s)
{
	money m;

	return money_parse(s, &m) && m >= 0;
}

static bool is_port(const char *s)
{
	int64_t n;

	return str_to_i64(s, 1, 65535, &n);
}

static bool is_yes(const char *question)
{
	return term_confirm(question);
}

/* ---- which providers ---- */

static int ask_providers(struct init *i, struct err *e)
{
	struct buf answer = BUF(4096);
	char *rest, *word;
	bool again = true;

	ctl_say("Which providers do you use? Several with spaces between them:");
	for (const struct init_provider *p = init_providers; p->name; p++)
		ctl_say("  %-13s %s", p->name, p->title);
	while (again) {
		if (!term_line("providers", NULL, false, &answer)) {
			buf_free(&answer);
			return err_set(e, ERR_USAGE, "no answer; nothing was written");
		}
		again = false;
		rest = answer.data;
		while (rest && (word = str_split(&rest, " ,"))) {
			const struct init_provider *p = *word ? init_provider_guess(word) : NULL;

			if (p)
				init_account(i, p);
			else if (*word)
				ctl_say("  '%s' is none of them; once more, please", word);
			again |= *word && !p;
		}
		again |= !i->account_count;
	}
	buf_free(&answer);
	return 0;
}

/* ---- tokens ---- */

static bool looks_like_path(const char *s)
{
	return *s == '/' || str_starts(s, "./") || str_starts(s, "~/");
}

/* 1: taken, 0: ask again, -1: the answers ended. */
static int ask_token_once(struct init *i, struct init_account *a, const char *question)
{
	struct buf answer = BUF(16384);
	struct err e = { 0 };
	int rc = 0;

	if (!term_line(question, NULL, true, &answer)) {
		rc = -1;
	} else if (!answer.len && getenv(a->provider->token_env)) {
		ctl_say("  the daemon takes it from %s", a->provider->token_env);
		rc = 1;
	} else if (!answer.len) {
		ctl_say("  a token is needed; %s", a->provider->where);
	} else if (looks_like_path(buf_str(&answer))) {
		rc = init_check_token(buf_str(&answer), a->token_file, &e) == 0;
	} else {
		rc = init_write_token(i, a->provider->name, buf_str(&answer), a->token_file, &e) == 0;
		if (rc)
			ctl_say("  kept in %s", a->token_file);
	}
	if (e.code)
		ctl_say("  %s", e.msg);
	if (answer.data)
		explicit_bzero(answer.data, answer.cap);
	buf_free(&answer);
	return rc;
}

static int ask_token(struct init *i, struct init_account *a, struct err *e)
{
	char *question = xasprintf("%s API token, or the path of a file that holds it (not shown)", a->provider->title);
	int rc;

	ctl_say("\n%s: %s", a->provider->title, a->provider->where);
	while ((rc = ask_token_once(i, a, question)) == 0)
		;
	free(question);
	return rc < 0 ? err_set(e, ERR_USAGE, "no answer; no configuration was written") : 0;
}

/* Its API keeps no names, so a lost answer can be resolved only where every machine is ours (providers/hotaisle.c). */
static int ask_team(struct init_account *a, struct err *e)
{
	if (!ask("team handle (empty: the only one)", "", "a handle has letters, digits and . _ -", is_name, a->team, sizeof(a->team)))
		return err_set(e, ERR_USAGE, "no answer; no configuration was written");
	a->exclusive = is_yes("is the team for gpufleet alone? Then a create whose answer is lost is resolved without you");
	return 0;
}

/* ---- hosts ---- */

static int ask_hosts(struct init_account *a, struct err *e)
{
	struct init_host h;
	char port[16], price[32];

	ctl_say("\nYour own hosts, reached by SSH:");
	do {
		h = (struct init_host){ 0 };
		if (!ask("  name", NULL, "letters, digits and . _ -", is_name, h.name, sizeof(h.name)) ||
		    !ask("  address", NULL, "a host name or an IP address", is_address, h.address, sizeof(h.address)) ||
		    !ask("  user", "root", "letters, digits and . _ -", is_name, h.user, sizeof(h.user)) ||
		    !ask("  port", "22", "a number up to 65535", is_port, port, sizeof(port)) ||
		    !ask("  GPUs, like R9700:2", NULL, "a model and a number, like R9700:2", is_gpu, h.gpu, sizeof(h.gpu)) ||
		    !ask("  dollars that an hour is worth in reports", "0", "an amount like 0.35", is_price, price, sizeof(price)))
			return err_set(e, ERR_USAGE, "no answer; no configuration was written");
		str_to_i64(port, 1, 65535, &h.port);
		str_copy(h.price, price);
		a->hosts = xreallocarray(a->hosts, a->host_count + 1, sizeof(*a->hosts));
		a->hosts[a->host_count++] = h;
	} while (is_yes("  another host?"));
	return 0;
}

int init_ask(struct init *i, struct err *e)
{
	if (ask_providers(i, e) < 0)
		return -1;
	for (size_t k = 0; k < i->account_count; k++) {
		struct init_account *a = &i->accounts[k];

		if (a->provider->token_env && ask_token(i, a, e) < 0)
			return -1;
		if (!strcmp(a->provider->name, "hotaisle") && ask_team(a, e) < 0)
			return -1;
	}
	/* Clouds first, in whatever order they were named: each is one question, hosts are many. */
	for (size_t k = 0; k < i->account_count; k++)
		if (!i->accounts[k].provider->token_env && ask_hosts(&i->accounts[k], e) < 0)
			return -1;
	return 0;
}
