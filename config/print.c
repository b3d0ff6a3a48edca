/*
 * The configuration in force, as YAML that reads back to the same configuration.
 */
#include "config/private.h"
#include "base/str.h"

/* "key: value" for each option of a table that is set; dotted keys open a section once. */
static void print_table(struct buf *out, const struct option_table *t, const void *target, const char *indent,
    bool all, const char *provider)
{
	char section[64] = "";

	for (size_t i = 0; i < t->count; i++) {
		const struct option *o = &t->rows[i];
		const char *dot = strchr(o->key, '.');
		struct buf value = BUF(64 * 1024);

		option_text(o, target, &value);
		if (o->type == OPTION_TREE || (provider && !option_allowed(o, provider)) ||
		    (!all && option_is_default(o, target)) ||
		    (!o->fallback && option_is_default(o, target))) {
			buf_free(&value);
			continue;
		}
		if (dot && (strncmp(section, o->key, (size_t)(dot - o->key)) || section[dot - o->key])) {
			snprintf(section, sizeof(section), "%.*s", (int)(dot - o->key), o->key);
			buf_printf(out, "%s%s:\n", indent, section);
		}
		buf_printf(out, "%s%s%s: ", indent, dot ? "  " : "", dot ? dot + 1 : o->key);
		if (o->type == OPTION_LIST)
			buf_puts(out, buf_str(&value));
		else
			option_yaml(out, buf_str(&value));
		buf_putc(out, '\n');
		buf_free(&value);
	}
}

static void print_hosts(struct buf *out, const struct account *a)
{
	if (a->host_count)
		buf_puts(out, "    hosts:\n");
	for (int i = 0; i < a->host_count; i++) {
		struct host_entry h = { .host = a->hosts[i] };
		struct buf text = BUF(16 * 1024);

		snprintf(h.gpu, sizeof(h.gpu), "%s:%d", h.host.gpu, h.host.gpu_count);
		print_table(&text, &host_options, &h, "        ", true, NULL);
		buf_printf(out, "      - %s", buf_str(&text) + 8);
		buf_free(&text);
	}
}

static void print_account(struct buf *out, const struct account *a, const struct account_source *s)
{
	struct account_entry entry = { .account = *a };

	if (strcmp(a->name, a->provider))
		str_copy(entry.type, a->provider);
	str_copy(entry.token_file, s->token_file);
	buf_printf(out, "  %s:\n", a->name);
	if (*s->where && !*s->token_file)
		buf_printf(out, "    # token: %s\n", s->where);
	print_table(out, &account_options, &entry, "    ", true, a->provider);
	print_hosts(out, a);
}

void config_print(const struct config *c, struct buf *out)
{
	buf_printf(out, "# read from %s\n", *c->file ? c->file : "no file: defaults");
	print_table(out, &config_options, c, "", true, NULL);
	if (c->account_count)
		buf_puts(out, "providers:\n");
	for (size_t i = 0; i < c->account_count; i++)
		print_account(out, &c->accounts[i], &c->sources[i]);
	if (c->secret_count)
		buf_puts(out, "secrets:\n");
	for (size_t i = 0; i < c->secret_count; i++) {
		buf_printf(out, "  %s:\n", c->secrets[i].name);
		print_table(out, &secret_options, &c->secrets[i], "    ", false, NULL);
	}
	if (c->webhook_count)
		buf_puts(out, "webhooks:\n");
	for (size_t i = 0; i < c->webhook_count; i++) {
		buf_printf(out, "  %s:\n", c->webhooks[i].name);
		print_table(out, &webhook_options, &c->webhooks[i], "    ", false, NULL);
	}
	if (c->token_count)
		buf_puts(out, "tokens:\n");
	for (size_t i = 0; i < c->token_count; i++) {
		buf_printf(out, "  %s:\n", c->tokens[i].name);
		print_table(out, &token_options, &c->tokens[i], "    ", true, NULL);
	}
}
