/*
 * What `init` gathers, by questions or options, and how it becomes files.
 */
#ifndef GPUFLEET_CTL_INIT_H
#define GPUFLEET_CTL_INIT_H

#include "ctl/ctl.h"

#define INIT_PATH_MAX 512

struct init_provider {
	const char *name, *title;
	const char *token_env; /* NULL: needs no token */
	const char *where;     /* where a person gets a token */
};
/* Ended by a row without name. */
extern const struct init_provider init_providers[];
const struct init_provider *init_provider_find(const char *name);
/* As a person writes it: name or title in any case, or the beginning of one that no other begins with. */
const struct init_provider *init_provider_guess(const char *word);

struct init_host {
	char name[64], address[64], user[32], gpu[40], price[32];
	int64_t port; /* 0: not said */
};

struct init_account {
	const struct init_provider *provider;
	char token_file[INIT_PATH_MAX]; /* "": the variable in the environment, or none needed */
	char team[64];
	char api_url[256]; /* "": the provider's own */
	bool exclusive;    /* nobody else uses the account */
	struct init_host *hosts;
	size_t host_count;
};

struct init {
	char file[INIT_PATH_MAX];      /* the configuration to write */
	char directory[INIT_PATH_MAX]; /* where it and the tokens lie */
	struct init_account *accounts;
	size_t account_count;
};

void init_free(struct init *i);
/* A new account, or the one that is there already. */
struct init_account *init_account(struct init *i, const struct init_provider *p);
/* "name=lab1,address=10.0.0.7,gpu=R9700:2,user=bench,port=22,price=0.35" */
int init_host_add(struct init_account *a, const char *spec, struct err *e);

/* init_ask.c: everything by questions. -1: the answers ended, or made no sense. */
int init_ask(struct init *i, struct err *e);

/* init_write.c */
int init_place(struct init *i, const char *config_option, struct err *e); /* fills file and directory */
/* Put a token into DIRECTORY/NAME.token, readable by its owner alone. *path: where it is. */
int init_write_token(const struct init *i, const char *name, const char *token, char path[INIT_PATH_MAX], struct err *e);
/* A file with a token: absolute, and as the daemon wants it. */
int init_check_token(const char *given, char path[INIT_PATH_MAX], struct err *e);
void init_yaml(const struct init *i, struct buf *out);
int init_write(const struct init *i, struct err *e);

#endif
