/*
 * A machine on this host: a directory with HOME, PATH, TMPDIR and a place for secrets, and an sshd of its own on its own
 * loopback address, with its own host key. Only the user who runs the simulator can log in.
 */
#include "sim.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool first_executable(char *out, size_t size, const char *const *paths)
{
	for (; *paths; paths++)
		if (!access(*paths, X_OK))
			return str_copy_n(out, size, *paths);
	return false;
}

static int find_standins(struct sim *s, struct err *e)
{
	char exe[PATH_MAX / 8], path[PATH_MAX], *slash;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	const char *tries[3] = { s->options.standins, NULL, "tests/sim/standins" };
	char near[PATH_MAX / 4];

	if (n > 0) {
		exe[n] = '\0';
		slash = strrchr(exe, '/');
		if (slash)
			*slash = '\0';
		snprintf(near, sizeof(near), "%s/../tests/sim/standins", exe);
		tries[1] = near;
	}
	for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
		if (!tries[i] || !realpath(tries[i], path))
			continue;
		str_copy(s->standins, path);
		snprintf(path, sizeof(path), "%s/nvidia-smi", s->standins);
		if (!access(path, X_OK))
			return 0;
	}
	return err_set(e, ERR_USAGE,
	    "found no stand-ins for nvidia-smi and the others; name their directory with --standins");
}

int machine_tools(struct sim *s, struct err *e)
{
	static const char *const sshds[] = { "/usr/sbin/sshd", "/usr/local/sbin/sshd",
		"/usr/bin/sshd", "/usr/lib/ssh/sshd", NULL };
	static const char *const sftps[] = { "/usr/lib/openssh/sftp-server",
		"/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server",
		"/usr/libexec/sftp-server", "/usr/local/libexec/sftp-server", NULL };

	if (find_standins(s, e))
		return -1;
	if (s->options.no_ssh)
		return 0;
	if (!first_executable(s->sshd, sizeof(s->sshd), sshds))
		return err_set(
		    e, ERR_USAGE, "found no sshd; install openssh-server or run with --no-ssh");
	first_executable(s->sftp, sizeof(s->sftp), sftps);
	/* As root sshd drops its privileges into this directory; packages make it when the system's sshd starts. */
	if (!geteuid() && mkdir("/run/sshd", 0755) && errno != EEXIST)
		return err_errno(
		    e, ERR_FAILED, "sshd as root needs /run/sshd and it cannot be made");
	return 0;
}

static int put_file(
    const char *dir, const char *name, mode_t mode, const struct buf *text, struct err *e)
{
	char path[PATH_MAX], temp[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	snprintf(temp, sizeof(temp), "%s/.%s.new", dir, name);
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (fd < 0 || write(fd, buf_str(text), text->len) != (ssize_t)text->len || close(fd) ||
	    rename(temp, path))
		return err_errno(e, ERR_FAILED, "cannot write %s", path);
	return 0;
}

/* The GPUs as the stand-ins read them: shell variables. */
static int put_gpu(const struct host *h, const struct sim_machine *m, struct err *e)
{
	struct buf b = BUF(4096);
	const struct sim_gpu *g = m->inside;
	int rc;

	buf_printf(&b,
	    "count=%d\nvendor=%s\nproduct='%s'\narch=%s\nmemory_mib=%d\nwatts=%d\nunits=%d\ndevice=%s\ndriver=%s\nserial=%d\n",
	    m->delivered, g->vendor, g->product, g->arch, g->memory_mib, g->watts, g->units,
	    g->device, strcmp(g->vendor, "amd") ? "570.124.06" : "6.10.5", (int)m->serial);
	rc = put_file(h->dir, "gpu", 0644, &b, e);
	buf_free(&b);
	return rc;
}

/* RunPod and vast.ai give containers: no docker inside (benchmarks §5). */
static bool is_vm(const struct sim_machine *m)
{
	return !strcmp(m->cloud->model->name, "hotaisle") || !strcmp(m->cloud->model->name, "digitalocean");
}

static int link_list(const struct sim *s, const struct host *h, const char *const *tools, struct err *e)
{
	char from[PATH_MAX], to[PATH_MAX];

	for (; tools && *tools; tools++) {
		snprintf(from, sizeof(from), "%s/%s", s->standins, *tools);
		snprintf(to, sizeof(to), "%s/bin/%s", h->dir, *tools);
		if (symlink(from, to) && errno != EEXIST)
			return err_errno(e, ERR_FAILED, "cannot make %s", to);
	}
	return 0;
}

static int link_tools(
    const struct sim *s, const struct host *h, const struct sim_machine *m, struct err *e)
{
	static const char *const amd[] = { "amd-smi", "rocm-smi", "rocminfo", "hipcc", "vllm", "ray", "hf", "python3", "git", "cmake", "who", NULL },
				 *const nvidia[] = { "nvidia-smi", "nvcc", "vllm", "ray", "hf", "python3", "git", "cmake", "who", NULL },
				 *const vm[] = { "docker", "sshd", "systemctl", NULL };

	if (link_list(s, h, storage_tools(m), e))
		return -1;
	if (!m->gpu || !m->drivers)
		return 0;
	return link_list(s, h, strcmp(m->gpu->vendor, "amd") ? nvidia : amd, e) || link_list(s, h, is_vm(m) ? vm : NULL, e) ? -1 : 0;
}

static bool shell_name(const char *s)
{
	if (!*s || (*s >= '0' && *s <= '9'))
		return false;
	return strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") ==
	       strlen(s);
}

/* What every login runs in place of the user's shell. sftp comes this way too, as a command. */
static int put_shell(const struct sim *s, const struct host *h, const struct sim_machine *m, struct err *e)
{
	struct buf b = BUF(512 * 1024);
	const char *name;
	json_t *v;
	int rc;

	buf_printf(&b,
	    "#!/bin/sh\nM=%s\nexport HOME=\"$M/home\" TMPDIR=\"$M/tmp\" GPUFLEET_SECRET_DIR=\"$M/shm\" %s\n"
	    "export PATH=\"$M/bin:/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin\"\n"
	    "unset XDG_RUNTIME_DIR XDG_SESSION_ID MAIL\n",
	    h->dir, h->mark);
	buf_puts(&b, "export GPUFLEET_DATASETS="); /* the hub that they reach is a stand-in with texts of its own */
	str_shell_quote(&b, s->standins);
	buf_puts(&b, "/datasets\n");
	if (storage_has_devices(m))
		buf_puts(&b, "export GPUFLEET_DEVICES=\"$M/devices\"\n");
	json_object_foreach (m->env, name, v) {
		if (!shell_name(name))
			continue;
		buf_printf(&b, "export %s=", name);
		str_shell_quote(&b, json_string_value(v));
		buf_putc(&b, '\n');
	}
	buf_puts(&b,
	    "cd \"$HOME\" || exit 1\n"
	    "[ -n \"${SSH_ORIGINAL_COMMAND-}\" ] || exec \"${SHELL:-/bin/sh}\" -l\n"
	    "c=$SSH_ORIGINAL_COMMAND\nunset SSH_ORIGINAL_COMMAND M\nexec /bin/sh -c \"$c\"\n");
	rc = put_file(h->dir, "shell", 0755, &b, e);
	buf_free(&b);
	return rc;
}

static int put_config(
    const struct sim *s, const struct host *h, const struct sim_machine *m, struct err *e)
{
	struct buf b = BUF(16384);
	int rc;

	buf_printf(&b,
	    "ListenAddress %s\nPort %d\nHostKey %s/host_key\nAuthorizedKeysFile %s/authorized_keys %s/home/.ssh/authorized_keys\n",
	    m->address, m->port, h->dir, h->dir, h->dir);
	buf_printf(
	    &b, "ForceCommand %s/shell\nSetEnv %s SHLVL=9\nAllowUsers %s\n", h->dir, h->mark, s->user);
	buf_puts(&b,
	    "UsePAM no\nStrictModes no\nUseDNS no\nPasswordAuthentication no\nPermitRootLogin yes\n"
	    "KbdInteractiveAuthentication no\nPermitUserEnvironment no\nPermitUserRC no\nPrintMotd no\n"
	    "PrintLastLog no\nX11Forwarding no\nMaxStartups 200\nMaxSessions 100\nLoginGraceTime 60\n");
	if (*s->sftp)
		buf_printf(&b, "Subsystem sftp %s\n", s->sftp);
	buf_printf(&b, "PidFile %s/sshd.pid\n", h->dir);
	rc = put_file(h->dir, "sshd_config", 0644, &b, e);
	buf_free(&b);
	return rc;
}

static int put_keys(struct cloud *c, struct host *h, const struct sim_machine *m, struct err *e)
{
	struct buf b = BUF(1024 * 1024);
	int rc;

	h->keys_seen = c->keys_changed;
	c->model->keys(c, m, &b);
	rc = put_file(h->dir, "authorized_keys", 0600, &b, e);
	buf_free(&b);
	return rc;
}

/* What cloud-init does with `ssh_keys: ed25519_private: |` of the user data, as far as anybody sends it; false: it is not there. */
static bool given_key(const struct sim_machine *m, struct buf *key)
{
	static const char head[] = "ssh_keys:\n  ed25519_private: |\n";
	const char *data = json_str(m->ask, "user_data", ""), *line = strstr(data, head);

	if (strncmp(data, "#cloud-config\n", 14) != 0 || !line)
		return false;
	for (line += strlen(head); !strncmp(line, "    ", 4); line += strcspn(line, "\n") + 1)
		buf_printf(key, "%.*s\n", (int)strcspn(line + 4, "\n"), line + 4);
	return key->len > 0;
}

/*
 * A container prints the fingerprints of its host keys when it boots, if it is told to: RunPod's own images do when they start
 * sshd (runpod.md §7), others when their start command says so. An impostor's sshd shows another key than that.
 */
static void boot_log(const struct sim *s, struct sim_machine *m, const struct host *h)
{
	const char *start = *json_str(m->ask, "onstart", "") ? json_str(m->ask, "onstart", "") : json_str(m->ask, "args", "");
	char path[PATH_MAX], print[64];
	struct err e;

	if (is_vm(m) || (!str_starts(json_str(m->ask, "image", ""), "runpod/") && !strstr(start, "ssh-keygen -l")))
		return;
	snprintf(path, sizeof(path), "%s/%s", h->dir, s->options.impostor ? "other_key" : "host_key");
	if ((s->options.impostor && key_create(path, &e)) || !key_print(path, print))
		return;
	buf_printf(&m->log, "SSH host keys:\nKey: /etc/ssh/ssh_host_ed25519_key.pub\n256 %s root@container (ED25519)\n", print);
}

static int put_host_key(const struct sim *s, const struct sim_machine *m, struct host *h, struct err *e)
{
	struct buf key = BUF(8192);
	char path[PATH_MAX];
	int rc;

	snprintf(path, sizeof(path), "%s/host_key", h->dir);
	if (!h->rekey && !s->options.no_user_data && given_key(m, &key))
		rc = put_file(h->dir, "host_key", 0600, &key, e);
	else
		rc = key_create(path, e);
	h->rekey = false;
	buf_free(&key);
	return rc;
}

/* Everything but the sshd process. Done once per machine. */
static int build(
    struct sim *s, struct cloud *c, struct sim_machine *m, struct host *h, struct err *e)
{
	static const char *const dirs[] = { "", "/home", "/tmp", "/shm", "/bin", "/home/.ssh" };
	char path[PATH_MAX];

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		snprintf(path, sizeof(path), "%s%s", h->dir, dirs[i]);
		if (mkdir(path, 0700) && errno != EEXIST)
			return err_errno(e, ERR_FAILED, "cannot make %s", path);
	}
	if (storage_build(m, h, e) || put_host_key(s, m, h, e) || put_shell(s, h, m, e) || put_config(s, h, m, e) ||
	    put_keys(c, h, m, e))
		return -1;
	if (m->gpu && m->drivers && put_gpu(h, m, e))
		return -1;
	return link_tools(s, h, m, e);
}

static struct host *host_new(struct sim *s, struct cloud *c, struct sim_machine *m)
{
	struct host *h = xcalloc(1, sizeof(*h));
	struct err e;

	snprintf(h->dir, sizeof(h->dir), "%s/machines/%s-%lld", s->dir, c->model->name,
	    (long long)m->serial);
	snprintf(h->mark, sizeof(h->mark), "GPUFLEET_SIM_MACHINE=%s", h->dir);
	m->front = h;
	if (build(s, c, m, h, &e)) {
		fprintf(stderr, "gpufleet-sim: %s %s: %s\n", c->model->name, m->id, e.msg);
		h->failed = true;
	}
	return h;
}

static void child(const struct sim *s, const struct host *h)
{
	char config[PATH_MAX], log[PATH_MAX];
	char *argv[] = { (char *)s->sshd, (char *)"-D", (char *)"-e", (char *)"-f", config, NULL };
	char *env[] = { (char *)h->mark,
		(char *)"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", NULL };
	sigset_t none;
	int fd;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	snprintf(config, sizeof(config), "%s/sshd_config", h->dir);
	snprintf(log, sizeof(log), "%s/sshd.log", h->dir);
	fd = open("/dev/null", O_RDWR);
	dup2(fd, 0);
	dup2(fd, 1);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(fd, 2);
	close_range(3, ~0U, 0);
	if (chdir(h->dir))
		_exit(126);
	execve(s->sshd, argv, env);
	_exit(127);
}

static void start(struct sim *s, struct sim_machine *m, struct host *h)
{
	pid_t pid = fork();
	struct err e;

	if (!pid)
		child(s, h);
	if (pid < 0) {
		err_errno(&e, ERR_FAILED, "cannot start sshd of %s", m->id);
		fprintf(stderr, "gpufleet-sim: %s\n", e.msg);
		h->failed = true;
		return;
	}
	h->sshd = pid;
	boot_log(s, m, h);
}

/* Its disk goes with the machine; the logs and the configuration stay for whoever looks for a reason. */
static void wipe(struct host *h)
{
	static const char *const parts[] = { "home", "tmp", "shm", "mounts", "devices" };
	char path[PATH_MAX];

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		snprintf(path, sizeof(path), "%s/%s", h->dir, parts[i]);
		tree_remove(path);
	}
	h->wiped = true;
}

void machine_sync(struct sim *s, struct cloud *c, struct sim_machine *m)
{
	struct host *h = m->front;
	bool alive = cloud_alive(c, m);
	struct err e;

	if (s->options.no_ssh || (!alive && !h))
		return;
	if (!h)
		h = host_new(s, c, m);
	if (h->sshd && kill(h->sshd, 0) && errno == ESRCH) {
		fprintf(stderr, "gpufleet-sim: sshd of %s ended by itself; see %s/sshd.log\n",
		    m->id, h->dir);
		h->sshd = 0;
		h->failed = true;
	}
	if (alive)
		storage_attach(c, m, h);
	if (alive && !h->sshd && !h->failed) {
		/* The port may have changed over a restart. */
		if (put_config(s, h, m, &e) || (h->rekey && put_host_key(s, m, h, &e)))
			fprintf(stderr, "gpufleet-sim: %s\n", e.msg);
		start(s, m, h);
	} else if (!alive && h->sshd) {
		reap_marked(h->mark, h->dir, h->sshd);
		h->sshd = 0;
		storage_power_off(m, h);
	}
	if (h->keys_seen != c->keys_changed && put_keys(c, h, m, &e))
		fprintf(stderr, "gpufleet-sim: %s\n", e.msg);
	if (m->deleted && !h->wiped)
		wipe(h);
}

void machine_free(struct sim_machine *m)
{
	free(m->front);
	m->front = NULL;
}
