/*
 * What the files of config/ share: the targets of the option tables while a file is being read.
 */
#ifndef GPUFLEET_CONFIG_PRIVATE_H
#define GPUFLEET_CONFIG_PRIVATE_H

#include "config/config.h"
#include "config/option.h"
#include "config/parse.h"

/* Below providers.NAME. */
struct account_entry {
	struct account account;
	char type[ACCOUNT_MAX];
	char token_file[CONFIG_PATH_MAX];
};

/* One of `hosts`. */
struct host_entry {
	struct static_host host;
	char gpu[GPU_MAX + 8]; /* "R9700:2" as written */
};

/* bind.c: fill *target from a map by a table; unknown keys, wrong kinds and bad values become mistakes in
 * p. `provider` (may be NULL) says which options apply. Trees are left to the caller. */
void bind_table(struct parse *p, const struct node *map, const struct option_table *t, const char *provider,
    void *target);
/* False, reported: n is there and is no map (or list). An absent or empty value is fine. */
bool bind_wants_map(struct parse *p, const struct node *n);
bool bind_wants_list(struct parse *p, const struct node *n);
/* A name for a variable of a shell: capital letters, digits and _, no digit first. */
bool bind_is_variable(const char *s);

/* token.c */
struct config_tokens; /* the variables as they were in the environment */
struct config_tokens *tokens_take(const struct config_provider *providers, const char *dir); /* dir: NULL, or kept */
void tokens_free(struct config_tokens *t); /* wipes */
/* Is there a credential or variable for an account called like its provider? */
bool tokens_offer(const struct config_tokens *t, const struct config_provider *provider);
/* Find the token of an account; -1 names all ways to give one. */
int tokens_find(const struct config_tokens *t, const struct config_provider *provider, struct account *a,
    struct account_source *s, struct err *e);

#endif
