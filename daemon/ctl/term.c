#include "ctl/term.h"
#include "base/clock.h"
#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define WIDTH_DEFAULT 80
#define ANSWER_MAX    65536

static bool color_out, color_err;

void term_init(bool no_color)
{
	const char *env = getenv("NO_COLOR"), *term = getenv("TERM");
	bool allowed = !no_color && !(env && *env) && term && *term && strcmp(term, "dumb") != 0;

	/* Widths of characters need a locale that knows UTF-8; everything printed is UTF-8. */
	if (!setlocale(LC_CTYPE, "") || MB_CUR_MAX == 1)
		setlocale(LC_CTYPE, "C.UTF-8");
	color_out = allowed && isatty(STDOUT_FILENO);
	color_err = allowed && isatty(STDERR_FILENO);
}

bool term_is_out(void)
{
	return isatty(STDOUT_FILENO);
}

bool term_is_err(void)
{
	return isatty(STDERR_FILENO);
}

bool term_can_ask(void)
{
	return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

static bool window(FILE *to, struct winsize *w)
{
	*w = (struct winsize){ 0 };
	return isatty(fileno(to)) && ioctl(fileno(to), TIOCGWINSZ, w) == 0;
}

int term_width(FILE *to)
{
	const char *env = getenv("COLUMNS");
	struct winsize w;
	int64_t n;

	if (!isatty(fileno(to)))
		return 0;
	if (window(to, &w) && w.ws_col > 0)
		return w.ws_col;
	return env && str_to_i64(env, 20, 10000, &n) ? (int)n : WIDTH_DEFAULT;
}

int term_height(FILE *to)
{
	struct winsize w;

	return window(to, &w) && w.ws_row > 0 ? w.ws_row : 24;
}

const char *term_style(FILE *to, enum style s)
{
	static const char *const codes[] = {
		[STYLE_PLAIN] = "\033[0m",
		[STYLE_BOLD] = "\033[1m",
		[STYLE_DIM] = "\033[2m",
		[STYLE_RED] = "\033[31m",
		[STYLE_GREEN] = "\033[32m",
		[STYLE_YELLOW] = "\033[33m",
		[STYLE_BLUE] = "\033[34m",
	};

	return (to == stdout && color_out) || (to == stderr && color_err) ? codes[s] : "";
}

/* ---- Ctrl-C ---- */

static volatile sig_atomic_t interrupts;
static int depth, wake[2] = { -1, -1 };
static struct sigaction old_int, old_term;

static void on_signal(int number)
{
	int saved = errno;

	(void)number;
	interrupts++;
	/* A full pipe is readable already. */
	if (write(wake[1], "", 1) < 0)
		errno = saved;
	errno = saved;
}

void term_catch(bool on)
{
	struct sigaction sa = { .sa_handler = on_signal };

	if (on ? depth++ > 0 : --depth > 0)
		return;
	if (!on) {
		sigaction(SIGINT, &old_int, NULL);
		sigaction(SIGTERM, &old_term, NULL);
		return;
	}
	if (wake[0] < 0 && pipe2(wake, O_CLOEXEC | O_NONBLOCK) < 0)
		BUG("no pipe: %s", strerror(errno));
	term_forget_interrupts();
	sigaction(SIGINT, &sa, &old_int);
	sigaction(SIGTERM, &sa, &old_term);
}

bool term_catching(void)
{
	return depth > 0;
}

int term_interrupts(void)
{
	return interrupts;
}

void term_forget_interrupts(void)
{
	char drop[64];

	interrupts = 0;
	while (wake[0] >= 0 && read(wake[0], drop, sizeof(drop)) > 0)
		;
}

int term_interrupt_fd(void)
{
	return depth > 0 ? wake[0] : -1;
}

bool term_sleep(duration d)
{
	struct pollfd p = { .fd = term_interrupt_fd(), .events = POLLIN };
	duration until = clock_boot() + d, now;

	while (!(depth > 0 && interrupts) && (now = clock_boot()) < until)
		if (poll(&p, 1, (int)((until - now) / MSEC + 1)) < 0 && errno != EINTR)
			break;
	return depth > 0 && interrupts;
}

/* ---- questions ---- */

/* One line from standard input by single bytes, so that nothing behind it is swallowed. False: end of input or Ctrl-C. */
static bool read_line(struct buf *line)
{
	struct pollfd p[2] = { { STDIN_FILENO, POLLIN, 0 }, { term_interrupt_fd(), POLLIN, 0 } };
	char ch;

	buf_reset(line);
	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return false;
		if (depth > 0 && interrupts)
			return false;
		if (!p[0].revents)
			continue;
		if (read(STDIN_FILENO, &ch, 1) <= 0)
			return line->len > 0;
		if (ch == '\n')
			return true;
		buf_putc(line, ch);
	}
}

static void trim(struct buf *b)
{
	size_t skip = 0;

	while (b->len && isspace((unsigned char)b->data[b->len - 1]))
		b->data[--b->len] = '\0';
	while (skip < b->len && isspace((unsigned char)b->data[skip]))
		skip++;
	buf_consume(b, skip);
}

char term_choose(const char *question, const char *letters, char fallback)
{
	struct buf line = BUF(1024);
	char got = 0;

	for (;;) {
		fprintf(stderr, "%s ", question);
		fflush(stderr);
		if (!read_line(&line)) {
			fputc('\n', stderr);
			break;
		}
		trim(&line);
		got = line.len ? (char)tolower((unsigned char)line.data[0]) : fallback;
		if (got && strchr(letters, got))
			break;
		got = 0;
	}
	buf_free(&line);
	return got;
}

bool term_confirm(const char *question)
{
	char *text = xasprintf("%s [y/N]", question);
	char got = term_choose(text, "yn", 'n');

	free(text);
	return got == 'y';
}

static void echo(bool on)
{
	struct termios t;

	if (tcgetattr(STDIN_FILENO, &t) < 0)
		return;
	t.c_lflag = on ? t.c_lflag | ECHO : t.c_lflag & ~(tcflag_t)ECHO;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &t);
}

bool term_line(const char *question, const char *fallback, bool secret, struct buf *out)
{
	struct buf line = BUF(ANSWER_MAX);
	bool got;

	if (secret) {
		/* Before the question: a fast answer must not be shown. Ctrl-C must not leave a terminal that echoes nothing. */
		term_catch(true);
		echo(false);
	}
	if (fallback && *fallback)
		fprintf(stderr, "%s [%s]: ", question, fallback);
	else
		fprintf(stderr, "%s: ", question);
	fflush(stderr);
	got = read_line(&line);
	if (secret) {
		echo(true);
		term_catch(false);
	}
	if (secret || !got)
		fputc('\n', stderr);
	trim(&line);
	buf_reset(out);
	if (got)
		buf_puts(out, line.len ? buf_str(&line) : fallback ? fallback : "");
	if (line.data)
		explicit_bzero(line.data, line.cap);
	buf_free(&line);
	return got;
}
