#include "sshd.h"

#include "base/err.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	abort();
}

static pid_t spawn(const char *const argv[], const char *log)
{
	pid_t parent = getpid(), pid = fork();
	int fd;

	if (pid < 0)
		die("fork");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGTERM); /* nothing outlives a test that was killed */
	if (getppid() != parent)
		_exit(1);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0)
		_exit(126);
	dup2(fd, 1);
	dup2(fd, 2);
	execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

int run_program(const char *const argv[])
{
	pid_t pid = spawn(argv, "/dev/null");
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void temp_dir(char out[64])
{
	str_copy_n(out, 64, "/tmp/gf-test-XXXXXX");
	if (!mkdtemp(out))
		die("mkdtemp");
}

void remove_dir(const char *dir)
{
	if (str_starts(dir, "/tmp/gf-test-"))
		run_program((const char *const[]){ "/bin/rm", "-rf", "--", dir, NULL });
}

static struct sockaddr_in address_of(const char *address, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	if (inet_pton(AF_INET, address, &a.sin_addr) != 1)
		die(address);
	return a;
}

int free_port(const char *address)
{
	struct sockaddr_in a = address_of(address, 0);
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		die("free port");
	close(fd);
	return ntohs(a.sin_port);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (!f || fputs(text, f) < 0 || fclose(f))
		die(path);
	chmod(path, 0600);
}

static void read_host_key(struct sshd *d)
{
	char path[128], line[1024], *space;
	FILE *f;

	snprintf(path, sizeof(path), "%s/host.pub", d->dir);
	f = fopen(path, "r");
	if (!f || !fgets(line, sizeof(line), f))
		die(path);
	fclose(f);
	space = strchr(line, ' ');
	space = space ? strchr(space + 1, ' ') : NULL;
	if (space)
		*space = '\0';
	str_copy(d->host_key, line);
}

static void write_config(struct sshd *d, const char *authorized, const char *settings)
{
	char path[128];
	struct buf b = BUF(65536);

	snprintf(path, sizeof(path), "%s/authorized_keys", d->dir);
	buf_printf(&b, "%s\n", authorized);
	write_file(path, buf_str(&b));
	buf_reset(&b);
	/* SHLVL: bash as a login shell of sshd reads ~/.bashrc, whatever that does, unless it believes to be deep inside. */
	buf_printf(&b,
	    "%s\nSetEnv SHLVL=9\nListenAddress %s\nPort %d\nHostKey %s/host\nAuthorizedKeysFile %s/authorized_keys\nPidFile none\nUsePAM no\n"
	    "StrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
	    "PrintMotd no\nUseDNS no\nLogLevel VERBOSE\n",
	    settings ? settings : "", d->address, d->port, d->dir, d->dir);
	snprintf(path, sizeof(path), "%s/config", d->dir);
	write_file(path, buf_str(&b));
	buf_free(&b);
}

static void await(const struct sshd *d)
{
	struct sockaddr_in a = address_of(d->address, d->port);
	struct timespec pause = { .tv_nsec = 5 * 1000 * 1000 };

	for (int i = 0; i < 1000; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		bool up = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;

		close(fd);
		if (up)
			return;
		nanosleep(&pause, NULL);
	}
	die("sshd does not answer");
}

void sshd_start(struct sshd *d, const char *address, const char *authorized,
    const char *host_key_type, const char *settings)
{
	char key[128], config[128], log[128];
	struct passwd *pw = getpwuid(getuid());

	*d = (struct sshd){ .port = free_port(address) };
	str_copy(d->address, address);
	str_copy(d->user, pw ? pw->pw_name : "root");
	temp_dir(d->dir);
	if (geteuid() == 0)
		mkdir("/run/sshd", 0755);
	snprintf(key, sizeof(key), "%s/host", d->dir);
	if (run_program((const char *const[]){
		"/usr/bin/ssh-keygen", "-q", "-t", host_key_type, "-N", "", "-f", key, NULL }))
		die("ssh-keygen");
	read_host_key(d);
	write_config(d, authorized, settings);
	snprintf(config, sizeof(config), "%s/config", d->dir);
	snprintf(log, sizeof(log), "%s/log", d->dir);
	d->pid =
	    spawn((const char *const[]){ "/usr/sbin/sshd", "-D", "-e", "-f", config, NULL }, log);
	await(d);
}

void sshd_stop(struct sshd *d)
{
	int status;

	if (d->pid > 0) {
		kill(d->pid, SIGTERM);
		waitpid(d->pid, &status, 0);
		d->pid = 0;
	}
	if (d->dir[0] && !getenv("GPUFLEET_KEEP_TEST_DIRS"))
		remove_dir(d->dir);
}
