/* firings SCHEDULE ZONE FROM UNTIL: every firing in [FROM, UNTIL), seconds since 1970, one a line; for compare.mjs. */
#include "core/cron.h"
#include "base/str.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	struct cron c;
	struct zone *z;
	struct err e;
	int64_t from, until;

	if (argc != 5 || !str_to_i64(argv[3], 0, INT32_MAX, &from) || !str_to_i64(argv[4], 0, INT32_MAX, &until)) {
		fputs("usage: firings SCHEDULE ZONE FROM UNTIL\n", stderr);
		return 2;
	}
	z = zone_load(argv[2], &e);
	if (!z || cron_parse(&c, argv[1], &e) < 0) {
		fprintf(stderr, "firings: %s\n", e.msg);
		return 1;
	}
	for (instant t = from * SECOND - 1; (t = cron_next(&c, z, t)) < until * SECOND;)
		printf("%lld\n", (long long)(t / SECOND));
	zone_free(z);
	return 0;
}
