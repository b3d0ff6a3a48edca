#include "ctl/save.h"
#include "base/mem.h"
#include "ctl/bench.h"

#include <fcntl.h>
#include <unistd.h>

int save_answer(struct ctl *c, const char *path, const char *out, struct err *e)
{
	char *part;
	int fd, rc;

	if (!out)
		return bench_copy(c, path, e);
	part = xasprintf("%s.part", out);
	fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	rc = fd < 0 ? err_errno(e, ERR_USAGE, "cannot write '%s'", part) : ctl_connect(c, e);
	if (rc == 0)
		rc = client_download(c->client, path, fd, &c->problem, e);
	if (fd >= 0 && close(fd) < 0 && rc == 0)
		rc = err_errno(e, ERR_FAILED, "cannot write '%s'", part);
	if (rc == 0 && rename(part, out) < 0)
		rc = err_errno(e, ERR_FAILED, "cannot write '%s'", out);
	if (rc < 0 && fd >= 0)
		unlink(part);
	if (rc == 0)
		ctl_say("the report is in %s", out);
	free(part);
	return rc;
}
