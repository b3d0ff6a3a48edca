#include "ctl/many.h"
#include "base/str.h"
#include "ctl/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_MAX_ ((size_t)64 * 1024) /* a longer line is broken */

struct child {
	const char *word;
	pid_t pid;
	int fd[2];          /* its standard output and error; -1: closed */
	struct buf line[2]; /* what is not a whole line yet */
	int status;         /* exit status, once it has ended */
};

void many_add(struct many *m, const char *fmt, ...)
{
	char word[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(word, sizeof(word), fmt, ap);
	va_end(ap);
	m->words = xreallocarray(m->words, m->count + 1, sizeof(*m->words));
	m->words[m->count++] = xstrdup(word);
}

void many_free(struct many *m)
{
	for (size_t k = 0; k < m->count; k++)
		free(m->words[k]);
	free(m->words);
	memset(m, 0, sizeof(*m));
}

/* gpufleetctl [--socket S] [--url U] [--config F] exec WORD -- the command */
static char **child_argv(const struct ctl *c, const char *word)
{
	char **argv = xcalloc(12 + c->args.word_count + c->args.rest_count, sizeof(*argv));
	size_t n = 0;

	argv[n++] = xstrdup("gpufleetctl");
	if (c->socket_option) {
		argv[n++] = xstrdup("--socket");
		argv[n++] = xstrdup(c->socket_option);
	}
	if (c->url_option) {
		argv[n++] = xstrdup("--url");
		argv[n++] = xstrdup(c->url_option);
	}
	if (c->config_option) {
		argv[n++] = xstrdup("--config");
		argv[n++] = xstrdup(c->config_option);
	}
	argv[n++] = xstrdup("exec");
	argv[n++] = xstrdup(word);
	argv[n++] = xstrdup("--");
	for (size_t k = 1; k < c->args.word_count; k++)
		argv[n++] = xstrdup(c->args.words[k]);
	for (size_t k = 0; k < c->args.rest_count; k++)
		argv[n++] = xstrdup(c->args.rest[k]);
	return argv;
}

static int child_start(struct child *child, const struct ctl *c, const char *word, struct err *e)
{
	int out[2] = { -1, -1 }, error[2] = { -1, -1 };
	char **argv;
	int argc = 0, n;

	*child = (struct child){ .word = word, .fd = { -1, -1 }, .line = { BUF(LINE_MAX_), BUF(LINE_MAX_) } };
	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(error, O_CLOEXEC) < 0)
		return err_errno(e, ERR_FAILED, "cannot run a command for '%s'", word);
	argv = child_argv(c, word);
	while (argv[argc])
		argc++;
	fflush(NULL);
	child->pid = fork();
	if (child->pid == 0) {
		dup2(out[1], STDOUT_FILENO);
		dup2(error[1], STDERR_FILENO);
		n = ctl_main(argc, argv);
		fflush(NULL);
		_exit(n);
	}
	close(out[1]);
	close(error[1]);
	for (size_t k = 0; argv[k]; k++)
		free(argv[k]);
	free(argv);
	if (child->pid < 0)
		return err_errno(e, ERR_FAILED, "cannot run a command for '%s'", word);
	child->fd[0] = out[0];
	child->fd[1] = error[0];
	return 0;
}

/* Print whole lines; with `rest` what is left as well. */
static void print_lines(struct child *c, int which, int width, bool rest)
{
	struct buf *b = &c->line[which];
	FILE *to = which ? stderr : stdout;
	struct buf safe = BUF(4 * LINE_MAX_);
	const char *nl;

	while (b->len && ((nl = memchr(b->data, '\n', b->len)) || rest || b->len >= LINE_MAX_ - 1)) {
		size_t n = nl ? (size_t)(nl - b->data) : b->len;

		buf_reset(&safe);
		/* On a terminal nothing of it may move the cursor. */
		if (isatty(fileno(to)))
			str_safe(&safe, b->data, n, true);
		else
			buf_append(&safe, b->data, n);
		fprintf(to, "%-*s ", width, c->word);
		fwrite(buf_str(&safe), 1, safe.len, to);
		fputc('\n', to);
		buf_consume(b, nl ? n + 1 : n);
	}
	fflush(to);
	buf_free(&safe);
}

static void read_some(struct child *c, int which, int width)
{
	char chunk[16384];
	size_t room = LINE_MAX_ - c->line[which].len;
	ssize_t n = read(c->fd[which], chunk, room < sizeof(chunk) ? room : sizeof(chunk));

	if (n < 0 && errno == EINTR)
		return;
	if (n > 0)
		buf_append(&c->line[which], chunk, (size_t)n);
	print_lines(c, which, width, n <= 0);
	if (n <= 0) {
		close(c->fd[which]);
		c->fd[which] = -1;
	}
}

static void child_end(struct child *c)
{
	int status = 0;

	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	c->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	c->pid = 0;
	for (int k = 0; k < 2; k++)
		buf_free(&c->line[k]);
}

static void wait_for_any(struct child *children, size_t count, int width)
{
	struct pollfd fds[2 * MANY_AT_ONCE];
	struct child *of[2 * MANY_AT_ONCE];
	int which[2 * MANY_AT_ONCE];
	nfds_t n = 0;

	for (size_t k = 0; k < count; k++)
		for (int s = 0; s < 2; s++)
			if (children[k].pid > 0 && children[k].fd[s] >= 0 && n < ARRAY_LEN(fds)) {
				fds[n] = (struct pollfd){ .fd = children[k].fd[s], .events = POLLIN };
				of[n] = &children[k];
				which[n++] = s;
			}
	if (poll(fds, n, -1) <= 0)
		return;
	for (nfds_t k = 0; k < n; k++)
		if (fds[k].revents)
			read_some(of[k], which[k], width);
	for (size_t k = 0; k < count; k++)
		if (children[k].pid > 0 && children[k].fd[0] < 0 && children[k].fd[1] < 0)
			child_end(&children[k]);
}

static size_t running(const struct child *children, size_t count)
{
	size_t n = 0;

	for (size_t k = 0; k < count; k++)
		n += children[k].pid > 0;
	return n;
}

int many_run(const struct many *m, struct ctl *c, struct err *e)
{
	struct child *children = xcalloc(m->count, sizeof(*children));
	size_t started = 0, failed = 0;
	int width = 0, worst = 0, rc = 0;

	for (size_t k = 0; k < m->count; k++)
		width = (int)strlen(m->words[k]) > width ? (int)strlen(m->words[k]) : width;
	while (started < m->count || running(children, started)) {
		while (rc == 0 && started < m->count && running(children, started) < MANY_AT_ONCE) {
			rc = child_start(&children[started], c, m->words[started], e);
			started += rc == 0;
		}
		if (rc < 0 && !running(children, started))
			break;
		wait_for_any(children, started, width);
	}
	for (size_t k = 0; k < started; k++) {
		worst = children[k].status > worst ? children[k].status : worst;
		if (children[k].status) {
			failed++;
			ctl_say("%s ended with status %d", children[k].word, children[k].status);
		}
	}
	if (failed)
		ctl_say("%zu of %zu failed", failed, m->count);
	free(children);
	return rc < 0 ? -1 : worst;
}
