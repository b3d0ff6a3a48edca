/*
 * gpufleet-night: nights of the daemon in virtual time, one per seed.
 *
 *	gpufleet-night --seeds N [--from S] [--jobs J]   S … S+N-1; every fourth night is without faults
 *	gpufleet-night --seed S [--trace] [--digest]     one night again, exactly
 */
#include "base/log.h"
#include "base/str.h"
#include "runner.h"

#include <getopt.h>
#include <stdlib.h>

enum { OPT_SEEDS = 256, OPT_FROM, OPT_JOBS, OPT_SEED, OPT_TRACE, OPT_DIGEST, OPT_TABLE };

static const struct option options[] = { { "seeds", required_argument, NULL, OPT_SEEDS }, { "from", required_argument, NULL, OPT_FROM },
	{ "jobs", required_argument, NULL, OPT_JOBS }, { "seed", required_argument, NULL, OPT_SEED },
	{ "trace", no_argument, NULL, OPT_TRACE }, { "digest", no_argument, NULL, OPT_DIGEST }, { "table", no_argument, NULL, OPT_TABLE },
	{ NULL, 0, NULL, 0 } };

static int usage(void)
{
	fprintf(stderr, "usage: gpufleet-night --seeds N [--from S] [--jobs J] [--table] | --seed S [--trace] [--digest]\n");
	return 2;
}

static bool number(const char *s, int64_t most, int64_t *out)
{
	return str_to_i64(s, 0, most, out);
}

int main(int argc, char **argv)
{
	struct run_options o = { .from = 1, .jobs = 2 };
	bool good = true;
	int c;

	log_set_level((enum log_level)(LOG_ERROR + 1)); /* thousands of nights say the same things; --trace shows them */
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case OPT_SEEDS: good &= number(optarg, 100000000, &o.count); break;
		case OPT_FROM: good &= number(optarg, INT64_MAX / 4, &o.from); break;
		case OPT_JOBS: good &= number(optarg, 64, &o.jobs); break;
		case OPT_SEED:
			good &= number(optarg, INT64_MAX / 4, &o.from);
			o.single = true;
			break;
		case OPT_TRACE: o.trace = true; break;
		case OPT_DIGEST: o.digest = true; break;
		case OPT_TABLE: o.table = true; break;
		default: return usage();
		}
	}
	if (!good || optind < argc || (!o.single && !o.count))
		return usage();
	return o.single ? runner_single(&o) : runner_many(&o);
}
