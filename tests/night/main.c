/*
 * gpufleet-night: nights of the daemon in virtual time, one per seed.
 *
 *	gpufleet-night --seeds N [--from S] [--jobs J]   S … S+N-1; every fourth night is without faults
 *	   --again: each night twice, and the traces must be the same; --table: how often each fault struck
 *	gpufleet-night --seed S --shrink [--trace]       one that went wrong, without what is not needed for it
 *	gpufleet-night --regressions FILE                seeds that found something once
 *	   --orphan: the daemon is removed for ever at a step that the seed chooses (with --seed too)
 *	gpufleet-night --seed S [--trace] [--digest]     one night again, exactly
 *	gpufleet-night --crash [--jobs J]                death at every point of the core scenarios
 *	gpufleet-night --case 3:kill:17:0                one of those again, told
 *	gpufleet-night --mutants [--seeds N] [--jobs J]  each planted bug must be caught within N nights
 *	gpufleet-night --seasons N [--from S]            sixty nights of a campaign, N times
 *	gpufleet-night --months N [--from S]             two months of everything, N times
 *	gpufleet-night --rate                            how often providers are asked: 200 machines, an outage, bursts of 429s
 *	gpufleet-night --rate-short                      the part of it that make check has time for
 *	gpufleet-night --replay DIR --state DIR          what a daemon recorded with --trace, again; its site.key is in --state
 */
#include "base/log.h"
#include "base/str.h"
#include "crash.h"
#include "mutants.h"
#include "rate.h"
#include "replay.h"
#include "runner.h"
#include "months.h"
#include "season.h"

#include <getopt.h>
#include <stdlib.h>

enum { OPT_SEEDS = 256, OPT_FROM, OPT_JOBS, OPT_SEED, OPT_TRACE, OPT_DIGEST, OPT_TABLE, OPT_REPLAY, OPT_STATE, OPT_AGAIN, OPT_REGRESSIONS,
	OPT_CRASH, OPT_CASE, OPT_MUTANTS, OPT_ORPHAN, OPT_SHRINK, OPT_RATE, OPT_RATE_SHORT, OPT_SEASONS, OPT_MONTHS };

static const struct option options[] = {
	{ "seeds", required_argument, NULL, OPT_SEEDS },
	{ "from", required_argument, NULL, OPT_FROM },
	{ "jobs", required_argument, NULL, OPT_JOBS },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "trace", no_argument, NULL, OPT_TRACE },
	{ "digest", no_argument, NULL, OPT_DIGEST },
	{ "table", no_argument, NULL, OPT_TABLE },
	{ "again", no_argument, NULL, OPT_AGAIN },
	{ "shrink", no_argument, NULL, OPT_SHRINK },
	{ "orphan", no_argument, NULL, OPT_ORPHAN },
	{ "regressions", required_argument, NULL, OPT_REGRESSIONS },
	{ "crash", no_argument, NULL, OPT_CRASH },
	{ "case", required_argument, NULL, OPT_CASE },
	{ "mutants", no_argument, NULL, OPT_MUTANTS },
	{ "seasons", required_argument, NULL, OPT_SEASONS },
	{ "months", required_argument, NULL, OPT_MONTHS },
	{ "rate", no_argument, NULL, OPT_RATE },
	{ "rate-short", no_argument, NULL, OPT_RATE_SHORT },
	{ "replay", required_argument, NULL, OPT_REPLAY },
	{ "state", required_argument, NULL, OPT_STATE },
	{ NULL, 0, NULL, 0 },
};

static int usage(void)
{
	fprintf(stderr, "usage: gpufleet-night --seeds N [--from S] [--jobs J] [--table] [--again] [--orphan]\n"
			"       gpufleet-night --seed S [--trace] [--digest] [--shrink] [--orphan]\n"
			"       gpufleet-night --crash | --case SCENARIO:KIND:FIRST:SECOND | --mutants | --rate | --rate-short |\n"
			"                       --seasons N | --months N | --regressions FILE\n"
			"       gpufleet-night --replay DIR --state DIR\n");
	return 2;
}

static int play(const char *dir, const char *state_dir)
{
	struct replayed r;
	struct err e = { 0 };

	if (replay(dir, state_dir, &r, &e) < 0) {
		fprintf(stderr, "gpufleet-night: %s\n", e.msg);
		return 2;
	}
	printf("%lld facts, %lld turns, %lld actions\n", (long long)r.facts, (long long)r.turns, (long long)r.actions);
	if (r.different)
		printf("different at line %lld: %s\n", (long long)r.different, r.difference);
	else
		printf("the same, action by action\n");
	return r.different != 0;
}

static bool number(const char *s, int64_t most, int64_t *out)
{
	return str_to_i64(s, 0, most, out);
}

int main(int argc, char **argv)
{
	struct run_options o = { .from = 1, .jobs = 2 };
	const char *recorded = NULL, *state = NULL;
	bool good = true, crash = false, mutants = false;
	int64_t seasons = 0, months = 0;
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
		case OPT_SHRINK: o.shrink = true; break;
		case OPT_ORPHAN: o.orphan = true; break;
		case OPT_CRASH: crash = true; break;
		case OPT_MUTANTS: mutants = true; break;
		case OPT_SEASONS: good &= number(optarg, 100000, &seasons); break;
		case OPT_MONTHS: good &= number(optarg, 100000, &months); break;
		case OPT_RATE: return rate_measure();
		case OPT_RATE_SHORT: return rate_short();
		case OPT_CASE: return crash_again(optarg);
		case OPT_AGAIN: o.again = true; break;
		case OPT_REGRESSIONS: o.regressions = optarg; break;
		case OPT_REPLAY: recorded = optarg; break;
		case OPT_STATE: state = optarg; break;
		default: return usage();
		}
	}
	if (crash && good && optind == argc)
		return crash_sweep((int)o.jobs);
	if (seasons && good && optind == argc)
		return season_many(o.from, seasons, o.trace);
	if (months && good && optind == argc)
		return months_many(o.from, months, o.trace);
	if (mutants && good && optind == argc)
		return mutants_hunt((int)o.jobs, o.count ? o.count : 4000);
	if (recorded && state && good && optind == argc)
		return play(recorded, state);
	if (!good || optind < argc || (!o.single && !o.count && !o.regressions))
		return usage();
	if (o.regressions)
		return runner_regressions(&o);
	return o.single ? runner_single(&o) : runner_many(&o);
}
