/*
 * gpufleet-sim: the four cloud models over HTTP on 127.0.0.1, each running machine with a real sshd of its own.
 *
 * One process and one thread serve everything (libuv, libmicrohttpd); a guardian process above it ends whatever is left when
 * the server is gone, however it went. Virtual time runs `speed` times as fast as real time.
 */
#ifndef GPUFLEET_SIM_SIM_H
#define GPUFLEET_SIM_SIM_H

#include "cloud.h"

#include "base/heap.h"

#include <limits.h>
#include <sys/types.h>
#include <uv.h>

#define SIM_CLOUDS 4

struct sim_options {
	const char *dir, *inventory, *standins, *timing;
	int port, ssh_port; /* 0: a free one */
	int64_t seed;
	double speed;
	int64_t boot_delay, snapshot_delay; /* µs; < 0: by the timing preset */
	bool no_ssh;        /* machines without sshd */
	bool no_user_data;  /* their images do not look at it */
	bool impostor;      /* somebody else answers at the address of each container */
	const char *faults[64];
	int fault_count;
};

/* What stands behind a machine on this host. */
struct host {
	char dir[PATH_MAX - 64];
	char mark
	    [PATH_MAX]; /* "GPUFLEET_SIM_MACHINE=…": in the environment of every process of the machine */
	pid_t sshd;    /* 0: not running */
	int keys_seen; /* value of cloud.keys_changed when authorized_keys was written */
	bool failed;   /* sshd ended by itself; see sshd.log in its directory */
	bool wiped;
	bool rekey; /* a new host key with the next start */
};

struct sim {
	struct sim_options options;
	char dir[PATH_MAX / 4], standins[PATH_MAX / 4];
	struct cloud *clouds[SIM_CLOUDS];
	json_t *inventory;
	char user[64];
	char sshd[128], sftp[128];
	int port, ssh_port, ssh_port_fd;
	instant wall_start;
	duration boot_start, advanced; /* advanced: virtual time skipped by /sim/advance */
	bool stopping;
	uv_loop_t loop;
	uv_timer_t wake;
	uv_signal_t signals[3];
	struct front *front;
};

/* gpufleet_sim.c */
instant sim_now(const struct sim *s);
duration sim_real(
    const struct sim *s, duration virtual_time); /* how long that takes on this host */
void sim_update(struct sim
	*s); /* time has passed or state has changed: start and end machines, arm the timer */
void sim_stop(struct sim *s);

/* sim_http.c */
int front_open(struct sim *s, struct err *e);
void front_close(struct sim *s);

/* sim_control.c: the paths below /sim/ */
void control_handle(struct sim *s, const struct sim_request *q, struct sim_response *r);
json_t *control_describe(const struct sim *s); /* what sim.json holds */

/* sim_machine.c */
int machine_tools(struct sim *s, struct err *e); /* find sshd, sftp-server and the stand-ins */
void machine_sync(struct sim *s, struct cloud *c, struct sim_machine *m);
void machine_free(struct sim_machine *m);

/* sim_storage.c: volumes and snapshots as directories */
void storage_sync(struct sim *s, struct cloud *c); /* before the machines */
void storage_free(struct cloud *c);
void storage_describe(const struct sim_store *s, json_t *j);                                    /* for /sim/storage */
int storage_build(const struct sim_machine *m, const struct host *h, struct err *e);            /* a new machine's disk */
const char *const *storage_tools(const struct sim_machine *m);                                  /* stand-ins, ends with NULL */
bool storage_has_devices(const struct sim_machine *m);
void storage_attach(struct cloud *c, const struct sim_machine *m, const struct host *h); /* what it sees now */
void storage_power_off(const struct sim_machine *m, const struct host *h);               /* its mounts end with it */

/* sim_tree.c */
void tree_remove(const char *path);
/* Files, directories and links, into `to` (made when missing); nothing when there is no `from`. A link to below `mounts` becomes an
 * empty directory; "": there are none. */
int tree_copy(const char *from, const char *to, const char *mounts, struct err *e);

/* sim_reap.c */
void reap_marked(const char *mark, const char *dir, pid_t root); /* every process of one machine */
void reap_descendants(void); /* of this process, until none is left */

/* sim_key.c: a new ed25519 key in OpenSSH's own format, mode 0600, and its public line beside it (.pub) */
int key_create(const char *path, struct err *e);
bool key_print(const char *path, char out[64]); /* "SHA256:…" of a key that key_create() made */

#endif
