/*
 * A run as remote commands: directories, quoting, framing, and reading the answers. Pure: builds command text for ssh_exec()
 * and parses what came back. Everything on the other side is POSIX sh; nothing that a person or a provider wrote becomes part
 * of a command without quoting, and run keys are [a-z0-9]{1,32} (reliability B9; anything else is a bug of the caller).
 *
 *	order on a machine:  probe → lease … lease
 *	order of a run:  push → env → secrets (if any) → start → poll … poll → collect → clean
 *	of one instance of several:          … start → poll … poll → go → poll … poll → collect → clean
 *
 * Every command may be given again after a lost connection. A command that could not do its work exits with JOB_FAILED and
 * has one line on standard error for people; job_complaint() makes it presentable.
 *
 * On the machine (architecture §9):
 *	~/.gpufleet/runs/<key>/payload/            the recipe's files as pushed
 *	                      /env                 parameters as exported variables, 0600, no secrets
 *	                      /supervisor.sh       ours; each run has its own copy, so a newer daemon cannot disturb an old run
 *	                      /hostfile            "ADDRESS slots=GPUS", a line for each of GPUFLEET_ADDRESSES
 *	                      /go                  every instance of the run is set up
 *	                      /started/            mkdir gate: the script starts at most once; holds the supervisor's identity
 *	                      /stdout /stderr      output of setup and run, append only
 *	                      /status              "state=… exit=… …" one line, by rename
 *	                      /results/            what the run leaves to be collected
 *	~/.gpufleet/watchdog/                      watchdog.sh, its lease, its log
 *	~/volumes/NAME                             the volume that the machine was ordered with
 *	${GPUFLEET_SECRET_DIR:-/dev/shm}/gf-<key>/env     secrets, 0600, overwritten and removed at the end
 *
 * What a script finds: its working directory is payload/; its input is /dev/null; GPUFLEET_RUN (the key, also how strays
 * are found), GPUFLEET_PHASE (setup or run), GPUFLEET_PAYLOAD and GPUFLEET_RESULTS (directories), GPUFLEET_VOLUME (where its
 * volume is; unset: it has none), GPUFLEET_HOSTFILE, GPUFLEET_BOOT_ID; its
 * parameters and secrets under their own names. What setup leaves running lives until the run ends. A line
 * "gpufleet: progress <text>" on standard output is shown to people. Containers labelled gpufleet.run=$GPUFLEET_RUN are
 * ended with the run.
 */
#ifndef GPUFLEET_JOB_H
#define GPUFLEET_JOB_H

#include "base/buf.h"
#include "core/types.h"
#include "remote/pieces.h"

#define JOB_FAILED     70    /* exit status of a command of ours that could not do its work */
#define JOB_STREAM_MAX ((int64_t)1 << 30) /* bytes of stdout, or stderr, that a run may leave on the machine (reliability S11) */
#define JOB_OUTPUT_MAX 65536 /* probe, start, stop and the like answer with less than this */

/* The last line of a failed command's standard error, safe to show; "" when there is none. */
void job_complaint(char out[TEXT_MAX], const char *stderr_text, size_t n);
bool job_key_ok(const char *key);
/* A variable: [A-Z_][A-Z0-9_]*, at most 64, none of the supervisor's (GPUFLEET_RUN, GPUFLEET_PHASE …; GPUFLEET_GPU and other facts
 * are the caller's to give) and none that bends the shell (PATH, HOME, IFS, ENV, LD_… ). */
bool job_name_ok(const char *name);
/* A variable that a person gives with --env: small letters too, at most 128, and none of GPUFLEET_*. */
bool job_env_name_ok(const char *name);

/* What the first command on a fresh machine finds out. */
struct job_probe {
	char boot_id[40];
	char gpu[GPU_MAX];    /* canonical; "" none found */
	int gpu_count;        /* of that model */
	int gpu_memory_gb;    /* per GPU, as sold; 0 unknown */
	char vendor_tool[16]; /* "amd-smi" "rocm-smi" "nvidia-smi" or "" */
	char driver[64];
	bool driver_missing; /* a GPU is there, its driver is not (or its tool fails) */
	bool docker, root;
	int64_t disk_free_mb; /* in HOME; -1 unknown */
	int logins;           /* on terminals: ours have none */
	int gpu_busy;         /* percent of the busiest GPU; -1 unknown */
	char home[TEXT_MAX];
	char os[TEXT_MAX];
};
/* `warning`: one sentence that whoever is logged in is shown, once; NULL: none. */
void job_probe_command(struct buf *out, const char *warning);
int job_probe_read(struct job_probe *p, const char *text, size_t n, struct err *e);

/*
 * The lease of the machine (reliability §2.10): armed before any work is pushed, renewed while we have contact. When it is over
 * the watchdog ends the work, destroys the secrets and, where the machine has a key of its own, deletes the machine.
 */
struct job_lease {
	duration left; /* from now; counted on the machine's boot clock */
	/* How the machine gives itself back: DELETE url_head ID url_tail with "Bearer KEY"; "": it cannot. */
	char url_head[TEXT_MAX + 64], url_tail[16];
	const char *id_name, *key_name; /* variables of the machine that hold its id and its key */
};
void job_lease_command(struct buf *out, struct buf *input, const struct job_lease *l);
enum watchdog job_lease_read(const char *text, size_t n); /* what it could do; NONE: no answer of ours */

/*
 * A volume at ~/volumes/NAME: before any work is pushed, and `release` before the machine goes or the volume leaves it. `device`: its
 * block device; "": the provider has put it there. Name and device are ours: [a-z0-9/_-].
 */
void job_volume_command(struct buf *out, const char *name, const char *device, bool release);

/* Another host key for its sshd: the private key, as ssh -i reads it, is appended to the input, then job_input_end(). */
void job_rekey_command(struct buf *out);
void job_input_end(struct buf *input);

/* Push: the payload is a tar stream of `size` bytes on standard input (see archive.h), unpacked under a temporary name and
 * renamed when it is complete; repeatable, and without effect once the run has started. */
void job_push_command(struct buf *out, const char *key, size_t size);
/* The same in pieces: ask which ones are wanted (one name a line), then send a tar of those; JOB_AGAIN: some are still missing. */
void job_want_command(struct buf *out, struct buf *input, const char *key, const struct pieces *pieces);
void job_fill_command(struct buf *out, const char *key, size_t size);
#define JOB_AGAIN 75

/* Supervisor and environment; the text for standard input is appended to `input`. Values: any bytes but NUL. A variable whose
 * name is neither job_name_ok() nor job_env_name_ok() is left out. job_secrets_command() appends secrets to `input`: wipe it after use. */
struct job_var {
	const char *name, *value;
};
void job_env_command(
    struct buf *out, struct buf *input, const char *key, const struct job_var *vars, size_t count);
void job_secrets_command(
    struct buf *out, struct buf *input, const char *key, const struct job_var *vars, size_t count);

/* Start detached, or attach when the gate says it was started before: prints "started" or "attached". */
struct job_start {
	const char *qualify;                 /* script in payload that says whether the machine is fit; once per boot; or NULL */
	const char *setup;                   /* script in payload run first, or NULL */
	const char *run;                     /* script in payload */
	duration setup_timeout, run_timeout; /* enforced there too; 0: none */
	bool setup_once;    /* skip setup where the same payload with the same parameters was set up before */
	bool gate;          /* one instance of several: the script waits for job_go_command() */
	int64_t output_max; /* a run that writes more to stdout or stderr is ended; 0: JOB_STREAM_MAX */
};
void job_start_command(struct buf *out, const char *key, const struct job_start *s);
/* Behind JOB_READY: the script begins. Repeatable. */
void job_go_command(struct buf *out, const char *key);

enum job_state {
	JOB_NONE, /* never started */
	JOB_SETUP,
	JOB_READY, /* set up, and waits to be told to go */
	JOB_RUNNING,
	JOB_DONE,
	JOB_VANISHED, /* started, no final status, no supervisor: reboot or kill; compare boot_id */
};
struct job_status {
	enum job_state state;
	bool exit_known;
	int exit_status; /* of the script that ended last, with exit_known; 128 + n when a signal ended it */
	char signal[16]; /* "" or name: "KILL" */
	bool timed_out;
	bool stopped;           /* by job_stop_command() */
	bool setup_failed;      /* run was not begun; exit_status is setup's */
	bool oom;               /* killed while the kernel counted an out-of-memory kill */
	char boot_id[40];       /* of now */
	bool rebooted;          /* the run was started under another boot id */
	instant started, ended; /* by the machine's clock; 0 unknown. For display only. */
	char progress[TEXT_MAX]; /* the last "gpufleet: progress …" line, untrusted but printable */
	int64_t out_size, err_size; /* bytes so far */
};
/* One round trip: status line, then stdout from out_from and stderr from err_from, at most `max` bytes of each. Give ssh_exec
 * a max_output of 2 × max + JOB_OUTPUT_MAX. */
void job_poll_command(
    struct buf *out, const char *key, int64_t out_from, int64_t err_from, int64_t max);
/* The pieces point into text. -1: not an answer of ours. */
int job_poll_read(struct job_status *s, const char *text, size_t n, const char **out, size_t *out_n,
    const char **err_, size_t *err_n, struct err *e);

/* TERM to everything of the run, KILL after grace; returns at once, repeatable; the status tells when it is over. */
void job_stop_command(struct buf *out, const char *key, duration grace);
/* tar of results/ on standard output; refuses above max. No results directory: an empty archive. */
/* A tar of the results from byte `from` on, behind a line of facts about the whole. */
void job_collect_command(struct buf *out, const char *key, int64_t max_bytes, int64_t from);
struct job_tar {
	int64_t size, from; /* of the whole, where there is a sum; where this part begins */
	char sha256[65];    /* "none": the machine has no room for it and cannot go on where it was cut */
};
/* Reads that line; returns its length, -1: it is not there. */
int64_t job_collect_read(struct job_tar *t, const char *text, size_t n);
void job_clean_command(struct buf *out,
    const char *key); /* everything of the run, processes first, then secrets, then files */
void job_clean_all_command(
    struct buf *out); /* a static host is returned: every run of ours and every key we let in */
/* Add a person's public key line to authorized_keys once (architecture §13 `ssh`); input gets the line. */
void job_authorize_command(struct buf *out, struct buf *input, const char *public_key_line);

#endif
