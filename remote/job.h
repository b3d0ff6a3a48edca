/*
 * A run as remote commands: directories, quoting, framing, and reading the answers. Pure: builds command text for ssh_exec()
 * and parses what came back. Everything on the other side is POSIX sh; nothing that a person or a provider wrote becomes part
 * of a command without quoting, and run keys are [a-z0-9]{1,32} (reliability B9).
 *
 * On the machine (architecture §9):
 *	~/.gpufleet/supervisor.sh                  ours, pushed once, content-addressed
 *	~/.gpufleet/runs/<key>/payload/            the recipe's files as pushed
 *	                      /env                 parameters as exported variables, 0600, no secrets
 *	                      /started/            mkdir gate: the script starts at most once
 *	                      /stdout /stderr      output, append only
 *	                      /status              "state=… exit=… …" one line, by rename
 *	                      /results/            what the run leaves to be collected
 *	${GPUFLEET_SECRET_DIR:-/dev/shm}/gf-<key>/env     secrets, 0600, removed at the end
 */
#ifndef GPUFLEET_JOB_H
#define GPUFLEET_JOB_H

#include "base/buf.h"
#include "core/types.h"

/* What the first command on a fresh machine finds out. */
struct job_probe {
	char boot_id[40];
	char gpu[GPU_MAX]; /* canonical; "" none found */
	int gpu_count;
	int gpu_memory_gb;
	char vendor_tool[16]; /* "amd-smi" "rocm-smi" "nvidia-smi" or "" */
	char driver[64];
	bool docker, root;
	int64_t disk_free_mb; /* in HOME; -1 unknown */
	char home[TEXT_MAX];
	char os[TEXT_MAX];
};
void job_probe_command(struct buf *out);
int job_probe_read(struct job_probe *p, const char *text, size_t n, struct err *e);

/* Push: the payload is a tar stream on standard input (see archive.h), unpacked under a temporary name and renamed; repeatable. */
void job_push_command(struct buf *out, const char *key);
/* Supervisor and environment; the text for standard input is appended to `input`. Variables: names [A-Z_][A-Z0-9_]*, values any bytes but NUL. */
struct job_var { const char *name, *value; };
void job_env_command(struct buf *out, struct buf *input, const char *key, const struct job_var *vars, size_t count);
void job_secrets_command(struct buf *out, struct buf *input, const char *key, const struct job_var *vars, size_t count);

/* Start detached, or attach when the gate says it was started before: prints "started" or "attached". `timeout` ends it there too. */
struct job_start {
	const char *setup;   /* script in payload run first, or NULL */
	const char *run;     /* script in payload */
	duration setup_timeout, run_timeout; /* 0: none */
};
void job_start_command(struct buf *out, const char *key, const struct job_start *s);

enum job_state { JOB_NONE, JOB_SETUP, JOB_RUNNING, JOB_DONE, JOB_VANISHED /* started, no status, no process: reboot or kill */ };
struct job_status {
	enum job_state state;
	bool exit_known;
	int exit_status;      /* of the run script; with exit_known */
	char signal[16];      /* "" or name */
	bool timed_out;
	bool setup_failed;
	char boot_id[40];
	instant started, ended; /* by the machine's clock; 0 unknown. For display only. */
	char progress[TEXT_MAX]; /* the last "gpufleet: progress …" line of stdout, untrusted */
	int64_t out_size, err_size; /* bytes so far */
};
/* One round trip: status line, then stdout from out_from and stderr from err_from, at most `max` bytes of each. */
void job_poll_command(struct buf *out, const char *key, int64_t out_from, int64_t err_from, int64_t max);
/* The pieces point into text. -1: not an answer of ours. */
int job_poll_read(struct job_status *s, const char *text, size_t n, const char **out, size_t *out_n, const char **err_, size_t *err_n,
    struct err *e);

void job_stop_command(struct buf *out, const char *key, duration grace); /* TERM to the session, KILL after grace; repeatable */
void job_collect_command(struct buf *out, const char *key, int64_t max_bytes); /* tar of results/ on standard output; refuses above max */
void job_clean_command(struct buf *out, const char *key);                /* everything of the run, secrets first */
void job_clean_all_command(struct buf *out);                             /* a static host is returned: every run of ours stopped and removed */
/* Add a person's public key line to authorized_keys once (architecture §13 `ssh`); input gets the line. */
void job_authorize_command(struct buf *out, struct buf *input, const char *public_key_line);

#endif
