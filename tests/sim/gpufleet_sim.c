/*
 * gpufleet-sim: main(), options, the guardian, the loop.
 */
#include "sim.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage[] =
    "usage: gpufleet-sim --dir DIR [options]\n"
    "\n"
    "Simulated Hot Aisle, RunPod, DigitalOcean and vast.ai on 127.0.0.1, with a real sshd for every running machine.\n"
    "DIR/sim.json tells addresses and keys when it is ready, DIR/tokens/ holds the keys as files; SIGTERM, SIGINT or\n"
    "POST /sim/stop end everything it started. See tests/sim/README.md.\n"
    "\n"
    "  --dir DIR            where machines and sim.json live (made when missing)\n"
    "  --port N             HTTP port on 127.0.0.1 (default: a free one)\n"
    "  --ssh-port N         port of every machine's sshd on its own 127.x.y.z (default: a free one)\n"
    "  --seed N             seed of everything that happens by chance (default 1)\n"
    "  --speed X            virtual seconds per real second: bills and life cycles (default 1)\n"
    "  --timing quick|real  delays of a second or so, or what the providers' fact sheets report (default quick)\n"
    "  --boot-delay SEC     create to running, in virtual time, instead of the preset's\n"
    "  --snapshot-delay SEC how long a snapshot takes, in virtual time, instead of the preset's\n"
    "  --inventory FILE     JSON object; a cloud's section replaces its built-in inventory\n"
    "  --fault CLOUD:NAME[=COUNT][@SECONDS]   switch a fault on (repeatable); CLOUD may be *\n"
    "  --no-ssh             machines without sshd\n"
    "  --no-user-data       images that do not look at their user data\n"
    "  --impostor           at each container's address somebody else answers\n"
    "  --standins DIR       the stand-ins for nvidia-smi, amd-smi, mount and the others\n"
    "  --list-faults        print the fault switches and exit\n"
    "  --print-inventory    print the built-in inventory and exit\n";

/* ---- time ---- */

instant sim_now(const struct sim *s)
{
	duration real = clock_boot() - s->boot_start;

	return s->wall_start + s->advanced + (duration)((double)real * s->options.speed);
}

duration sim_real(const struct sim *s, duration virtual_time)
{
	return virtual_time <= 0 ? 0 : (duration)((double)virtual_time / s->options.speed);
}

static void on_wake(uv_timer_t *t)
{
	sim_update(t->data);
}

void sim_update(struct sim *s)
{
	instant now = sim_now(s), next = FOREVER;
	duration wait;

	for (int i = 0; i < SIM_CLOUDS; i++) {
		struct cloud *c = s->clouds[i];

		cloud_tick(c, now);
		storage_sync(s, c);
		for (size_t k = 0; k < c->machine_count; k++)
			machine_sync(s, c, c->machines[k]);
		next = instant_min(next, cloud_next_event(c));
	}
	if (next == FOREVER || s->stopping)
		return;
	wait = sim_real(s, next - now) / MSEC + 1;
	uv_timer_start(&s->wake, on_wake, (uint64_t)(wait > 60000 ? 60000 : wait), 0);
}

/* ---- start ---- */

static int open_dir(struct sim *s, struct err *e)
{
	char path[PATH_MAX];

	if (mkdir(s->options.dir, 0700) && errno != EEXIST)
		return err_errno(e, ERR_USAGE, "cannot make %s", s->options.dir);
	if (!realpath(s->options.dir, path) || !str_copy(s->dir, path))
		return err_errno(e, ERR_USAGE, "cannot use %s", s->options.dir);
	/* sshd_config and shell scripts hold this path unquoted. */
	if (strspn(s->dir, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./+-") !=
	    strlen(s->dir))
		return err_set(e, ERR_USAGE,
		    "%s: choose a directory named with letters, digits and _ . / + - only", s->dir);
	snprintf(path, sizeof(path), "%s/machines", s->dir);
	if (mkdir(path, 0700) && errno != EEXIST)
		return err_errno(e, ERR_USAGE, "cannot make %s", path);
	snprintf(path, sizeof(path), "%s/stores", s->dir);
	if (mkdir(path, 0700) && errno != EEXIST)
		return err_errno(e, ERR_USAGE, "cannot make %s", path);
	snprintf(path, sizeof(path), "%s/sim.json", s->dir);
	unlink(path);
	return 0;
}

/* A port nobody else gets: it stays bound on 127.0.0.1, machines listen on their own addresses. */
static int reserve_port(struct sim *s, struct err *e)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);

	s->ssh_port = s->options.ssh_port;
	if (s->ssh_port)
		return 0;
	s->ssh_port_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->ssh_port_fd < 0 || bind(s->ssh_port_fd, (struct sockaddr *)&at, sizeof(at)) ||
	    getsockname(s->ssh_port_fd, (struct sockaddr *)&at, &len))
		return err_errno(e, ERR_FAILED, "cannot reserve a port for sshd");
	s->ssh_port = ntohs(at.sin_port);
	return 0;
}

static int read_inventory(struct sim *s, struct err *e)
{
	struct buf b = BUF(JSON_BYTES_MAX);
	char chunk[4096];
	ssize_t n = 0;
	int fd;

	if (!s->options.inventory)
		return 0;
	fd = open(s->options.inventory, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && (n = read(fd, chunk, sizeof(chunk))) > 0)
		buf_append(&b, chunk, (size_t)n);
	if (fd < 0 || n < 0)
		return err_errno(e, ERR_USAGE, "cannot read %s", s->options.inventory);
	close(fd);
	s->inventory = json_read(buf_str(&b), b.len, e);
	buf_free(&b);
	if (!s->inventory)
		return err_wrap(e, "%s", s->options.inventory);
	if (!json_is_object(s->inventory))
		return err_set(
		    e, ERR_USAGE, "%s: not a JSON object of clouds", s->options.inventory);
	return 0;
}

static int set_faults(struct sim *s, struct err *e)
{
	for (int i = 0; i < s->options.fault_count; i++) {
		const char *text = s->options.faults[i], *colon = strchr(text, ':');
		bool any = false;

		for (int k = 0; colon && k < SIM_CLOUDS; k++) {
			const char *name = s->clouds[k]->model->name;
			bool all = text[0] == '*';

			if (!all &&
			    (strncmp(text, name, strlen(name)) || text[strlen(name)] != ':'))
				continue;
			if (!cloud_set_fault_text(s->clouds[k], colon + 1, e))
				any = true;
			else if (!all)
				return -1;
		}
		if (!any)
			return err_set(e, ERR_USAGE,
			    "--fault %s: not CLOUD:NAME[=COUNT][@SECONDS]; see --list-faults",
			    text);
	}
	return 0;
}

static int open_clouds(struct sim *s, struct err *e)
{
	if (read_inventory(s, e))
		return -1;
	for (int i = 0; i < SIM_CLOUDS; i++) {
		struct cloud_options o = { .seed = (uint64_t)s->options.seed,
			.start = s->wall_start,
			.index = i,
			.login_user = s->user,
			.ssh_port = s->ssh_port };

		if (!strcmp(s->options.timing, "real"))
			sim_timing_real(&o.timing, cloud_models[i]->name);
		else
			sim_timing_quick(&o.timing);
		if (s->options.boot_delay >= 0)
			o.timing.boot = s->options.boot_delay;
		if (s->options.snapshot_delay >= 0)
			o.timing.snapshot = s->options.snapshot_delay;
		o.inventory = json_object_get(s->inventory, cloud_models[i]->name);
		s->clouds[i] = cloud_new(cloud_models[i], &o);
	}
	return set_faults(s, e);
}

static int write_description(struct sim *s, struct err *e)
{
	json_t *j = control_describe(s);
	char path[PATH_MAX], temp[PATH_MAX], *text = json_dumps(j, JSON_INDENT(2));
	int fd, rc = 0;

	json_decref(j);
	snprintf(path, sizeof(path), "%s/sim.json", s->dir);
	snprintf(temp, sizeof(temp), "%s/.sim.json.new", s->dir);
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || dprintf(fd, "%s\n", text) < 0 || close(fd) || rename(temp, path))
		rc = err_errno(e, ERR_FAILED, "cannot write %s", path);
	free(text);
	return rc;
}

/* Where a provider's token_file may point. */
static int write_tokens(struct sim *s, struct err *e)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/tokens", s->dir);
	if (mkdir(path, 0700) && errno != EEXIST)
		return err_errno(e, ERR_FAILED, "cannot make %s", path);
	for (int i = 0; i < SIM_CLOUDS; i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/tokens/%s", s->dir, cloud_models[i]->name);
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (fd < 0 || dprintf(fd, "%s\n", cloud_models[i]->token) < 0 || close(fd))
			return err_errno(e, ERR_FAILED, "cannot write %s", path);
	}
	return 0;
}

/* ---- run and stop ---- */

static void on_signal(uv_signal_t *h, int number)
{
	struct sim *s = h->data;

	if (number != SIGCHLD) {
		sim_stop(s);
		return;
	}
	/* Also orphans of the machines, which are ours as the nearest subreaper. */
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	sim_update(s);
}

void sim_stop(struct sim *s)
{
	char path[PATH_MAX];

	if (uv_is_closing((uv_handle_t *)&s->wake))
		return;
	s->stopping = true;
	snprintf(path, sizeof(path), "%s/sim.json", s->dir);
	unlink(path);
	uv_close((uv_handle_t *)&s->wake, NULL);
	for (size_t i = 0; i < ARRAY_LEN(s->signals); i++)
		uv_close((uv_handle_t *)&s->signals[i], NULL);
	uv_stop(&s->loop);
}

static void run(struct sim *s)
{
	static const int numbers[3] = { SIGTERM, SIGINT, SIGCHLD };

	uv_timer_init(&s->loop, &s->wake);
	s->wake.data = s;
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		uv_signal_init(&s->loop, &s->signals[i]);
		s->signals[i].data = s;
		uv_signal_start(&s->signals[i], on_signal, numbers[i]);
	}
	printf("gpufleet-sim: ready on http://127.0.0.1:%d, described in %s/sim.json\n", s->port,
	    s->dir);
	fflush(stdout);
	uv_run(&s->loop, UV_RUN_DEFAULT);
}

static void close_all(struct sim *s)
{
	reap_descendants();
	front_close(s);
	uv_run(&s->loop, UV_RUN_DEFAULT);
	uv_loop_close(&s->loop);
	for (int i = 0; i < SIM_CLOUDS; i++) {
		for (size_t k = 0; k < s->clouds[i]->machine_count; k++)
			machine_free(s->clouds[i]->machines[k]);
		storage_free(s->clouds[i]);
		cloud_free(s->clouds[i]);
	}
	json_decref(s->inventory);
	free(s->front);
}

static int serve(struct sim *s)
{
	struct err e = { 0 };
	struct passwd *pw = getpwuid(geteuid());

	s->wall_start = clock_wall();
	s->boot_start = clock_boot();
	str_copy(s->user, pw ? pw->pw_name : "root");
	uv_loop_init(&s->loop);
	if (open_dir(s, &e) || machine_tools(s, &e) || reserve_port(s, &e) || open_clouds(s, &e) ||
	    front_open(s, &e) || write_tokens(s, &e) || write_description(s, &e)) {
		fprintf(stderr, "gpufleet-sim: %s\n", e.msg);
		return err_exit_code(e.code);
	}
	run(s);
	close_all(s);
	return 0;
}

/* ---- the guardian: outlives the server by a moment, and ends what it left ---- */

static int guard(pid_t server)
{
	sigset_t set;
	int status = 0, number;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	for (;;) {
		pid_t pid;

		while ((pid = waitpid(-1, &status, WNOHANG)) > 0 && pid != server)
			;
		if (pid == server)
			break;
		if (sigwait(&set, &number) == 0 && number != SIGCHLD)
			kill(server, SIGTERM);
	}
	reap_descendants();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int start(struct sim *s)
{
	sigset_t set, old;
	pid_t server;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, &old);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	server = fork();
	if (server < 0) {
		perror("gpufleet-sim: fork");
		return 1;
	}
	if (server)
		return guard(server);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return serve(s);
}

/* ---- options ---- */

static void list_faults(void)
{
	for (int i = 0; i < FAULT_NR; i++)
		printf("%-30s %-13s %s%s\n", sim_faults[i].name,
		    sim_faults[i].cloud ? sim_faults[i].cloud : "any", sim_faults[i].help,
		    sim_faults[i].seconds ? " (@seconds)" : "");
}

static void print_inventory(void)
{
	json_t *all = json_object();
	char *text;

	for (int i = 0; i < SIM_CLOUDS; i++)
		json_put(
		    all, cloud_models[i]->name, json_loads(cloud_models[i]->inventory, 0, NULL));
	text = json_dumps(all, JSON_INDENT(1));
	puts(text);
	free(text);
	json_decref(all);
}

static int refuse(const char *option, const char *value)
{
	fprintf(
	    stderr, "gpufleet-sim: --%s %s: not a value this takes; see --help\n", option, value);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option table[] = {
		{ "dir", required_argument, NULL, 'd' },
		{ "port", required_argument, NULL, 'p' },
		{ "ssh-port", required_argument, NULL, 'P' },
		{ "seed", required_argument, NULL, 's' },
		{ "speed", required_argument, NULL, 'x' },
		{ "timing", required_argument, NULL, 't' },
		{ "boot-delay", required_argument, NULL, 'b' },
		{ "snapshot-delay", required_argument, NULL, 'S' },
		{ "inventory", required_argument, NULL, 'i' },
		{ "fault", required_argument, NULL, 'f' },
		{ "no-ssh", no_argument, NULL, 'n' },
		{ "no-user-data", no_argument, NULL, 'u' },
		{ "impostor", no_argument, NULL, 'm' },
		{ "standins", required_argument, NULL, 'g' },
		{ "list-faults", no_argument, NULL, 'l' },
		{ "print-inventory", no_argument, NULL, 'I' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	static struct sim s = { .options = {
				    .timing = "quick", .seed = 1, .speed = 1, .boot_delay = -1, .snapshot_delay = -1 } };
	struct sim_options *o = &s.options;
	int64_t n;
	double d;
	int c, which = 0;

	while ((c = getopt_long(argc, argv, "", table, &which)) != -1) {
		bool ok = true;

		switch (c) {
		case 'd': o->dir = optarg; break;
		case 'p':
			ok = str_to_i64(optarg, 0, 65535, &n);
			o->port = ok ? (int)n : 0;
			break;
		case 'P':
			ok = str_to_i64(optarg, 0, 65535, &n);
			o->ssh_port = ok ? (int)n : 0;
			break;
		case 's': ok = str_to_i64(optarg, 0, INT64_MAX, &o->seed); break;
		case 'x':
			ok = str_to_double(optarg, &o->speed) && o->speed >= 0.001 &&
			     o->speed <= 1e6;
			break;
		case 't':
			ok = !strcmp(optarg, "quick") || !strcmp(optarg, "real");
			o->timing = optarg;
			break;
		case 'b':
			ok = str_to_double(optarg, &d) && d >= 0 && d <= 1e6;
			o->boot_delay = ok ? (int64_t)(d * 1e6) : 0;
			break;
		case 'S':
			ok = str_to_double(optarg, &d) && d >= 0 && d <= 1e6;
			o->snapshot_delay = ok ? (int64_t)(d * 1e6) : 0;
			break;
		case 'i': o->inventory = optarg; break;
		case 'f':
			ok = o->fault_count < (int)ARRAY_LEN(o->faults);
			if (ok)
				o->faults[o->fault_count++] = optarg;
			break;
		case 'n': o->no_ssh = true; break;
		case 'u': o->no_user_data = true; break;
		case 'm': o->impostor = true; break;
		case 'g': o->standins = optarg; break;
		case 'l': list_faults(); return 0;
		case 'I': print_inventory(); return 0;
		case 'h': fputs(usage, stdout); return 0;
		default: fputs(usage, stderr); return 2;
		}
		if (!ok)
			return refuse(table[which].name, optarg);
	}
	if (!o->dir || optind < argc) {
		fputs(usage, stderr);
		return 2;
	}
	return start(&s);
}
