#include "zone.h"
#include "mem.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define DIRECTORY   "/usr/share/zoneinfo"
#define FILE_MAX_   ((size_t)256 * 1024)
#define CHANGES_MAX 10000
#define TYPES_MAX   256

struct change {
	instant at;
	duration offset; /* from then on */
};

/* One end of the POSIX rule: Mm.w.d, Jn or n, and the local time of day. */
struct rule_day {
	enum { RULE_WEEKDAY, RULE_JULIAN, RULE_DAY } kind;
	int month, week, day;
	duration time;
};

struct zone {
	char name[64];
	struct change *changes; /* in the file, in order; changes[0].at is the beginning of time */
	size_t count;
	/* What holds behind the last one. */
	bool rule;      /* two changes a year, else `standard` for ever */
	duration standard, summer;
	struct rule_day from, until; /* of summer time */
};

/* ---- the POSIX rule ---- */

static bool posix_name(const char **s)
{
	const char *p = *s;

	if (*p == '<') {
		p = strchr(p, '>');
		if (!p)
			return false;
		*s = p + 1;
		return true;
	}
	while ((*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z'))
		p++;
	if (p - *s < 3)
		return false;
	*s = p;
	return true;
}

static bool posix_number(const char **s, int most, int *out)
{
	const char *p = *s;

	for (*out = 0; *p >= '0' && *p <= '9' && *out <= most; p++)
		*out = *out * 10 + (*p - '0');
	if (p == *s || *out > most)
		return false;
	*s = p;
	return true;
}

/* [+-]hh[:mm[:ss]] */
static bool posix_time(const char **s, duration *out)
{
	int sign = **s == '-' ? -1 : 1, part[3] = { 0 };

	*s += **s == '-' || **s == '+';
	for (int k = 0; k < 3; k++) {
		if (k && **s != ':')
			break;
		*s += k > 0;
		if (!posix_number(s, k ? 59 : 167, &part[k]))
			return false;
	}
	*out = sign * (part[0] * HOUR + part[1] * MINUTE + part[2] * SECOND);
	return true;
}

static bool posix_day(const char **s, struct rule_day *d)
{
	d->time = 2 * HOUR;
	if (**s == 'M') {
		d->kind = RULE_WEEKDAY;
		*s += 1;
		if (!posix_number(s, 12, &d->month) || *(*s)++ != '.' || !posix_number(s, 5, &d->week) || *(*s)++ != '.' ||
		    !posix_number(s, 6, &d->day) || !d->month || !d->week)
			return false;
	} else {
		d->kind = **s == 'J' ? RULE_JULIAN : RULE_DAY;
		*s += **s == 'J';
		if (!posix_number(s, 365, &d->day))
			return false;
	}
	if (**s != '/')
		return true;
	*s += 1;
	return posix_time(s, &d->time);
}

static bool posix_rule(struct zone *z, const char *s)
{
	duration west;

	if (!posix_name(&s) || !posix_time(&s, &west))
		return false;
	z->standard = -west;
	if (!*s)
		return true;
	z->rule = true;
	z->summer = z->standard + HOUR;
	if (!posix_name(&s))
		return false;
	if (*s && *s != ',') {
		if (!posix_time(&s, &west))
			return false;
		z->summer = -west;
	}
	return *s++ == ',' && posix_day(&s, &z->from) && *s++ == ',' && posix_day(&s, &z->until) && !*s;
}

static bool leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Local midnight of the day of the rule, as if it were UTC, and the time of day. */
static int64_t rule_local(const struct rule_day *d, int year)
{
	int64_t day, first;
	int weekday, days;

	switch (d->kind) {
	case RULE_JULIAN: /* 1..365, February 29 is never counted */
		day = instant_days(year, 1, 1) + d->day - 1 + (leap(year) && d->day >= 60);
		break;
	case RULE_DAY: day = instant_days(year, 1, 1) + d->day; break;
	case RULE_WEEKDAY:
	default:
		first = instant_days(year, d->month, 1);
		days = (int)(instant_days(d->month == 12 ? year + 1 : year, d->month % 12 + 1, 1) - first);
		weekday = (int)(((first + 4) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
		day = (d->day - weekday + 7) % 7 + 7 * (d->week - 1);
		while (day >= days)
			day -= 7;
		day += first;
		break;
	}
	return day * DAY + d->time;
}

/* ---- the file ---- */

static uint64_t big(const uint8_t *p, int n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | *p++;
	return v;
}

struct header {
	uint32_t utc, standard, leaps, times, types, chars;
};

static bool read_header(const uint8_t *p, size_t n, struct header *h)
{
	if (n < 44 || memcmp(p, "TZif", 4) != 0)
		return false;
	*h = (struct header){ (uint32_t)big(p + 20, 4), (uint32_t)big(p + 24, 4), (uint32_t)big(p + 28, 4), (uint32_t)big(p + 32, 4),
		(uint32_t)big(p + 36, 4), (uint32_t)big(p + 40, 4) };
	return h->times < CHANGES_MAX && h->types && h->types <= TYPES_MAX && h->chars < 1024 && h->leaps < 1024 &&
	       h->utc <= h->types && h->standard <= h->types;
}

static size_t block_size(const struct header *h, size_t time_size)
{
	return h->times * time_size + h->times + h->types * 6u + h->chars + h->leaps * (time_size + 4) + h->standard + h->utc;
}

static bool read_changes(struct zone *z, const uint8_t *p, const struct header *h)
{
	const uint8_t *index = p + h->times * 8u, *types = index + h->times;

	z->changes = xcalloc(h->times + 1, sizeof(*z->changes));
	z->changes[z->count++] = (struct change){ INT64_MIN, (int32_t)big(types, 4) * SECOND };
	for (uint32_t k = 0; k < h->times; k++) {
		int64_t at = (int64_t)big(p + 8u * k, 8);
		duration offset;

		if (index[k] >= h->types)
			return false;
		offset = (int32_t)big(types + 6u * index[k], 4) * SECOND;
		/* Before any time that we know of, and changes of the name only, are no changes here. */
		if (at < INT64_MIN / SECOND || at > INT64_MAX / SECOND) {
			z->changes[0].offset = offset;
			continue;
		}
		if (z->count > 1 && at * SECOND <= z->changes[z->count - 1].at)
			return false;
		if (offset != z->changes[z->count - 1].offset)
			z->changes[z->count++] = (struct change){ at * SECOND, offset };
	}
	return true;
}

struct zone *zone_read(const char *name, const void *tzif, size_t n, struct err *e)
{
	struct zone *z = xcalloc(1, sizeof(*z));
	const uint8_t *p = tzif;
	struct header h;
	char rule[128];
	size_t size, len;

	str_copy(z->name, name);
	if (!read_header(p, n, &h) || p[4] < '2' || (size = 44 + block_size(&h, 4)) > n)
		goto damaged;
	p += size;
	n -= size;
	if (!read_header(p, n, &h) || (size = 44 + block_size(&h, 8)) > n || !read_changes(z, p + 44, &h))
		goto damaged;
	p += size;
	n -= size;
	z->standard = z->changes[z->count - 1].offset;
	if (n < 2 || p[0] != '\n' || !memchr(p + 1, '\n', n - 1))
		goto damaged;
	len = (size_t)((const uint8_t *)memchr(p + 1, '\n', n - 1) - p - 1);
	if (len >= sizeof(rule))
		goto damaged;
	memcpy(rule, p + 1, len);
	rule[len] = '\0';
	if (len && !posix_rule(z, rule))
		goto damaged;
	return z;
damaged:
	err_set(e, ERR_FAILED, "the time zone file of '%.60s' is damaged; install the package tzdata again", name);
	zone_free(z);
	return NULL;
}

static bool plain(const char *name)
{
	if (!*name || *name == '/' || strlen(name) > 60 || strstr(name, ".."))
		return false;
	return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") == strlen(name);
}

struct zone *zone_load(const char *name, struct err *e)
{
	struct zone *z;
	uint8_t *data;
	char path[128];
	ssize_t n;
	int fd;

	if (!plain(name)) {
		err_set(e, ERR_USAGE, "'%.60s' is no time zone; they are called like America/Toronto or UTC", name);
		return NULL;
	}
	if (access(DIRECTORY, X_OK) < 0) {
		err_set(e, ERR_FAILED, "there are no time zones in " DIRECTORY "; install the package tzdata");
		return NULL;
	}
	snprintf(path, sizeof(path), DIRECTORY "/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	data = xmalloc(FILE_MAX_);
	n = fd < 0 ? -1 : read(fd, data, FILE_MAX_);
	if (fd >= 0)
		close(fd);
	if (n < 0) {
		err_set(e, ERR_USAGE, "there is no time zone '%.60s'; they are called like America/Toronto or UTC", name);
		z = NULL;
	} else {
		z = zone_read(name, data, (size_t)n, e);
	}
	free(data);
	return z;
}

void zone_free(struct zone *z)
{
	if (!z)
		return;
	free(z->changes);
	free(z);
}

const char *zone_name(const struct zone *z)
{
	return z->name;
}

/* ---- asking ---- */

/* The two changes of a year, in order. */
static void rule_changes(const struct zone *z, int year, struct change out[2])
{
	struct change from = { rule_local(&z->from, year) - z->standard, z->summer };
	struct change until = { rule_local(&z->until, year) - z->summer, z->standard };

	out[from.at > until.at] = from;
	out[from.at <= until.at] = until;
}

static int year_of(instant t)
{
	int year = 1970 + (int)(t / (365 * DAY + 6 * HOUR));

	while (instant_days(year, 1, 1) * DAY > t)
		year--;
	while (instant_days(year + 1, 1, 1) * DAY <= t)
		year++;
	return year;
}

duration zone_offset(const struct zone *z, instant t)
{
	size_t low = 0, high = z->count;
	duration offset;

	/* The last change that is not after t. */
	while (high - low > 1) {
		size_t middle = (low + high) / 2;

		if (z->changes[middle].at <= t)
			low = middle;
		else
			high = middle;
	}
	offset = z->changes[low].offset;
	if (low + 1 < z->count || !z->rule || t > INT64_MAX / 2)
		return offset;
	/* Behind the file: of this year's changes and the last one of the year before. */
	for (int year = year_of(t) - 1; year <= year_of(t) + 1; year++) {
		struct change c[2];

		rule_changes(z, year, c);
		for (int k = 0; k < 2; k++)
			if (c[k].at <= t && c[k].at > z->changes[low].at)
				offset = c[k].offset;
	}
	return offset;
}

instant zone_next_change(const struct zone *z, instant t, duration *before, duration *after)
{
	const struct change *last = &z->changes[z->count - 1];

	for (size_t k = 1; k < z->count; k++)
		if (z->changes[k].at > t) {
			*before = z->changes[k - 1].offset;
			*after = z->changes[k].offset;
			return z->changes[k].at;
		}
	if (!z->rule || t > INT64_MAX / 2)
		return FOREVER;
	for (int year = year_of(instant_max(t, last->at)) - 1;; year++) {
		struct change c[2];

		rule_changes(z, year, c);
		for (int k = 0; k < 2; k++) {
			if (c[k].at <= t || c[k].at <= last->at)
				continue;
			*before = zone_offset(z, c[k].at - 1);
			*after = c[k].offset;
			if (*before != *after)
				return c[k].at;
		}
	}
}

int zone_local(const struct zone *z, int64_t local, instant at[2])
{
	duration before, after, last = INT64_MIN;
	instant t = local - DAY - HOUR, change;
	int n = 0;

	/* Offsets are less than 26 hours: those in force around `local`, in order, each tried once. */
	for (;;) {
		duration offset = zone_offset(z, t);
		instant hit = local - offset;

		if (offset != last && n < 2 && zone_offset(z, hit) == offset && (!n || hit > at[n - 1]))
			at[n++] = hit;
		last = offset;
		change = zone_next_change(z, t, &before, &after);
		if (change > local + DAY + HOUR)
			break;
		if (!n && change + before <= local && local < change + after) {
			at[0] = change;
			return 0;
		}
		t = change;
	}
	if (!n)
		at[0] = local - zone_offset(z, local); /* cannot be: every local time is in a gap or was shown */
	return n;
}

void zone_format(const struct zone *z, instant t, char out[40])
{
	duration offset = zone_offset(z, t), size = offset < 0 ? -offset : offset;
	char text[32];

	instant_format(t + offset, false, text);
	text[19] = '\0';
	snprintf(out, 40, "%s%c%02d:%02d", text, offset < 0 ? '-' : '+', (int)(size / HOUR), (int)(size % HOUR / MINUTE));
}
