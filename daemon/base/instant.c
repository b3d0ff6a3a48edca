#include "instant.h"

#include <ctype.h>

int64_t instant_days(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

void instant_format(instant t, bool ms, char out[32])
{
	time_t secs;
	struct tm tm;
	char text[24];

	if (!t) {
		memcpy(out, "-", 2);
		return;
	}
	secs = (time_t)(t / SECOND - (t % SECOND < 0)); /* whole seconds before, also in 1969 */
	if (!gmtime_r(&secs, &tm))
		memset(&tm, 0, sizeof(tm));
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	if (ms)
		snprintf(out, 32, "%s.%03dZ", text, (int)((t % SECOND + SECOND) % SECOND / MSEC));
	else
		snprintf(out, 32, "%sZ", text);
}

static bool is_date(int year, int month, int day)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1] + (month == 2 && leap);
}

static bool digits(const char **s, int n, int *out)
{
	*out = 0;
	for (int i = 0; i < n; i++, (*s)++) {
		if (!isdigit((unsigned char)**s))
			return false;
		*out = *out * 10 + (**s - '0');
	}
	return true;
}

static bool literal(const char **s, const char *any)
{
	if (!**s || !strchr(any, **s))
		return false;
	(*s)++;
	return true;
}

bool instant_parse(const char *s, instant *out)
{
	int y, mo, d, h, mi, sec, oh, om;
	int64_t frac = 0, scale = SECOND / 10, offset = 0;
	bool negative;

	if (!digits(&s, 4, &y) || !literal(&s, "-") || !digits(&s, 2, &mo) || !literal(&s, "-") ||
	    !digits(&s, 2, &d) || !literal(&s, "Tt ") || !digits(&s, 2, &h) || !literal(&s, ":") ||
	    !digits(&s, 2, &mi) || !literal(&s, ":") || !digits(&s, 2, &sec))
		return false;
	if (!is_date(y, mo, d) || h > 23 || mi > 59 || sec > 60)
		return false;
	if (*s == '.') {
		if (!isdigit((unsigned char)s[1]))
			return false;
		for (s++; isdigit((unsigned char)*s); s++, scale /= 10)
			frac += (*s - '0') * scale;
	}
	if (*s == 'Z' || *s == 'z') {
		s++;
	} else if (*s == '+' || *s == '-') {
		negative = *s++ == '-';
		if (!digits(&s, 2, &oh) || !literal(&s, ":") || !digits(&s, 2, &om) || oh > 23 || om > 59)
			return false;
		offset = (oh * HOUR + om * MINUTE) * (negative ? -1 : 1);
	} else {
		return false;
	}
	if (*s)
		return false;
	*out = instant_days(y, mo, d) * DAY + h * HOUR + mi * MINUTE + sec * SECOND + frac - offset;
	return true;
}

bool instant_parse_http(const char *s, instant *out)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char month[4];
	const char *at;
	int d, y, h, m, sec, end = 0, number;

	if (sscanf(s, "%*3s, %2d %3s %4d %2d:%2d:%2d GMT%n", &d, month, &y, &h, &m, &sec, &end) != 6 || !end || s[end])
		return false;
	at = strstr(months, month);
	if (!at || strlen(month) != 3 || (at - months) % 3)
		return false;
	number = (int)(at - months) / 3 + 1;
	if (y < 1970 || !is_date(y, number, d) || h < 0 || h > 23 || m < 0 || m > 59 || sec < 0 || sec > 60)
		return false;
	*out = instant_days(y, number, d) * DAY + h * HOUR + m * MINUTE + sec * SECOND;
	return true;
}

void duration_format(duration d, char out[24])
{
	if (d < 0)
		d = 0;
	if (d < 10 * SECOND && d % SECOND)
		snprintf(out, 24, "%d.%ds", (int)(d / SECOND), (int)(d % SECOND / (SECOND / 10)));
	else if (d < MINUTE)
		snprintf(out, 24, "%ds", (int)(d / SECOND));
	else if (d < HOUR)
		snprintf(out, 24, "%dm %02ds", (int)(d / MINUTE), (int)(d % MINUTE / SECOND));
	else if (d < DAY)
		snprintf(out, 24, "%dh %02dm", (int)(d / HOUR), (int)(d % HOUR / MINUTE));
	else
		snprintf(out, 24, "%lldd %02dh", (long long)(d / DAY), (int)(d % DAY / HOUR));
}
