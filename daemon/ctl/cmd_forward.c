/* forward: become the system's ssh with ports of this host that lead to a machine. */
#include "ctl/cmd.h"
#include "ctl/forward.h"

#include <errno.h>
#include <unistd.h>

static int read_ports(const struct args *a, struct forward_port *ports, struct err *e)
{
	for (size_t k = 1; k < a->word_count; k++) {
		if (forward_parse(a->words[k], &ports[k - 1], e) < 0)
			return -1;
		if (forward_free_port(ports[k - 1].local) != ports[k - 1].local)
			return err_set(e, ERR_FAILED, "port %d of this host is taken, or needs root; choose another one: %d:%d", ports[k - 1].local,
			    forward_free_port(ports[k - 1].local > 1024 ? ports[k - 1].local : 8000), ports[k - 1].remote);
	}
	return 0;
}

static int run_forward(struct ctl *c, struct err *e)
{
	struct forward_port ports[FORWARD_PORTS_MAX];
	size_t count = c->args.word_count - 1;
	struct login l;
	char **argv;

	if (read_ports(&c->args, ports, e) < 0 || login_open(c, c->args.words[0], &l, e) < 0)
		return -1;
	argv = forward_argv(&l, ports, count);
	for (size_t k = 0; k < count; k++)
		ctl_say("127.0.0.1:%d is port %d of %s", ports[k].local, ports[k].remote, c->args.words[0]);
	ctl_say("until Ctrl-C; it keeps no fleet from being idle");
	execvp(argv[0], argv);
	return err_errno(e, ERR_FAILED, "cannot run 'ssh'");
}

const struct command command_forward = {
	.name = "forward",
	.group = "Machines",
	.synopsis = "FLEET[/I] [LOCAL:]PORT ...",
	.summary = "lead ports of this host's loopback to ports of a machine's",
	.details = "Becomes the system's ssh -N -L with the pinned host key; ends with Ctrl-C, with the machine, or a minute after the line broke. "
		   "I is the number of the instance, from 0.",
	.min = 2,
	.max = 1 + FORWARD_PORTS_MAX,
	.operand = "fleet",
	.run = run_forward,
};
