/*
 * The configuration of gpufleetd (architecture §14): found, read, checked and filled with defaults, tokens
 * included.
 *
 *	struct config c;
 *	if (config_load(&c, &request, &report, &e) < 0) { fputs(buf_str(&report), stderr); ... }
 *	config_free(&c);
 *
 * What each option means stands once, in options.c; config_print() shows what is in force. Constant after
 * loading.
 */
#ifndef GPUFLEET_CONFIG_H
#define GPUFLEET_CONFIG_H

#include "base/buf.h"
#include "base/crypto.h"
#include "core/types.h"

#define CONFIG_PATH_MAX     512
#define CONFIG_OWNERS_MAX   16
#define CONFIG_ACCOUNTS_MAX 32
#define CONFIG_HOSTS_MAX    4096
#define CONFIG_SECRETS_MAX  64
#define CONFIG_TOKENS_MAX   256
#define CONFIG_NAMES_MAX    16

/* Where an account's token came from; the token itself is in struct account. */
struct account_source {
	char token_file[CONFIG_PATH_MAX]; /* as configured; "" */
	char where[TEXT_MAX];             /* for people: "file /etc/…", "RUNPOD_API_KEY"; "": none needed */
};

/* A secret that runs may ask for (architecture §9). Its file is checked at start and read when a run needs
 * it. */
struct config_secret {
	char name[NAME_MAX_]; /* variable name: HF_TOKEN */
	char file[CONFIG_PATH_MAX];
	char owners[CONFIG_OWNERS_MAX][NAME_MAX_];
	int owner_count; /* 0: everybody who may run something */
};

/* Where people hear of nights (below webhooks.NAME). */
struct config_webhook {
	char name[NAME_MAX_];
	char url[TEXT_MAX];                  /* or in a file, where it is a secret itself, as Slack's is */
	char url_file[CONFIG_PATH_MAX];
	char secret_file[CONFIG_PATH_MAX];   /* key of the signature; "": not signed */
	char template[8];                    /* "json" or "slack" */
};

/* Who may use the API over TCP (below tokens.NAME). The token itself is nowhere in the daemon. */
struct config_token {
	char name[40];
	char role[12];                /* "viewer", "operator" or "admin" */
	char file[CONFIG_PATH_MAX];
	char owner[NAME_MAX_];        /* whose things are its own; "": "token:NAME", which no user is called */
	uint8_t digest[SHA256_LEN];
	bool known;                   /* the digest was read */
};

struct config {
	char file[CONFIG_PATH_MAX]; /* what was read; "": defaults only */
	char state_dir[CONFIG_PATH_MAX];
	char socket[CONFIG_PATH_MAX];
	char listen[TEXT_MAX]; /* "127.0.0.1:8470"; "": no TCP */
	char listen_names[CONFIG_NAMES_MAX][TEXT_MAX]; /* further names in Host */
	int listen_name_count;
	char log[16];
	char on_orphan[8]; /* "delete" or "adopt" */
	char secrets_min_trust[12]; /* "tofu" or "proven" */
	char on_lost[24];  /* "finish_until_deadline" or "delete" */
	struct account *accounts;       /* in the order of the file */
	struct account_source *sources; /* parallel to accounts */
	size_t account_count;
	struct config_secret *secrets;
	size_t secret_count;
	struct config_webhook *webhooks;
	size_t webhook_count;
	struct config_token *tokens;
	size_t token_count;
	struct {
		duration lifetime, idle, boot;             /* boot 0: the provider's own allowance */
		money max_price, max_cost, accept_minimum; /* 0: no limit; accept_minimum 0: none */
	} defaults;
	struct {
		duration boot, steady, sweep, run, run_watched, offers;
	} poll;
	struct {
		char admin_group[32], operator_group[32], viewer_group[32];
	} roles;
	char hub_url[TEXT_MAX];
	struct {
		duration artifacts; /* 0: for ever */
	} keep;
	struct {
		duration settle, settle_hotaisle;
		int absence_listings;
		duration absence_spacing;
		int gone_listings;
		duration gone_spacing, late_watch, orphan_grace, bill_poll, bill_watch, key_keep, contact_lost, lease;
	} proof;
};

/* A provider type that accounts may have, handed in because config/ knows no adapter. */
struct config_provider {
	const char *name;      /* "runpod" */
	const char *token_env; /* "RUNPOD_API_KEY"; NULL: needs no token */
};

struct config_request {
	const char *path;                        /* --config; NULL: search (paths.h) */
	const struct config_provider *providers; /* ended by a row without name */
	bool no_tokens; /* read no token, check no secret file: for looking at another user's file */
	/* For gpufleet-reaper: no secret file is looked at, and an account without a good token stays, with an
	 * empty one and the reason in its source's `where`. */
	bool lenient;
	const char *token_dir; /* ACCOUNT.token in it comes before all other ways to give a token; NULL: none */
};

/*
 * Fill *c. Tokens come from token_file, from $CREDENTIALS_DIRECTORY/ACCOUNT.token, or from the provider's
 * variable for the account named like its provider; the variables of all providers are removed from the
 * environment and overwritten. A file without `providers`, or no file, makes one account for each provider
 * whose credential or variable is there. -1: *e says the first mistake, *report (may be NULL) all of them,
 * with source lines. *c is then empty.
 */
int config_load(struct config *c, const struct config_request *r, struct buf *report, struct err *e);
/* The same from text, for tests and editors; `name` stands in messages. */
int config_load_text(struct config *c, const struct config_request *r, const char *name, const char *text,
    size_t n, struct buf *report, struct err *e);
void config_free(struct config *c); /* wipes tokens */

/* The configuration in force as YAML that config_load() reads back; no token is ever in it. */
void config_print(const struct config *c, struct buf *out);

const struct account *config_account(const struct config *c, const char *name); /* NULL: none */
const struct config_webhook *config_webhook(const struct config *c, const char *name); /* NULL: there is none */
const struct config_secret *config_secret(const struct config *c, const char *name);
/* Read a configured secret for a run of `owner`. ERR_NOT_FOUND: not configured; ERR_REFUSED: not for this
 * owner. */
int config_secret_read(
    const struct config *c, const char *name, const char *owner, struct secret *out, struct err *e);

#endif
