#include "core/plan.h"
#include "base/str.h"

static const char *const news_words[] = { "failed", "regression", "budget", "leak", "summary", "missed" };

void news_format(unsigned news, char out[64])
{
	size_t n = 0;

	*out = '\0';
	for (size_t k = 0; k < ARRAY_LEN(news_words); k++)
		if (news & 1u << k)
			n += (size_t)snprintf(out + n, 64 - n, "%s%s", n ? "," : "", news_words[k]);
}

unsigned news_parse(const char *words)
{
	char copy[128], *rest = copy, *one;
	unsigned news = 0;

	str_copy(copy, words);
	while ((one = str_split(&rest, ",")))
		for (size_t k = 0; k < ARRAY_LEN(news_words); k++)
			if (!strcmp(one, news_words[k]))
				news |= 1u << k;
	return news;
}

void plan_free(struct plan *p)
{
	if (!p)
		return;
	for (size_t k = 0; k < p->cell_count; k++)
		free(p->cells[k].params);
	free(p->cells);
	zone_free(p->zone);
	free(p);
}

instant plan_finish(const struct plan *p, instant begun)
{
	int64_t local, day;
	instant at[2];

	if (p->finish_by < 0 || !p->zone)
		return 0;
	local = begun + zone_offset(p->zone, begun);
	day = local / DAY * DAY;
	for (int k = 0; k < 3; k++, day += DAY) {
		zone_local(p->zone, day + p->finish_by * MINUTE, at);
		if (at[0] > begun)
			return at[0];
	}
	return 0;
}

bool plan_same_machine(const struct plan_cell *a, const struct plan_cell *b)
{
	return a->gpu_count == b->gpu_count && a->instances == b->instances && !strcmp(a->gpu, b->gpu) && !strcmp(a->accounts, b->accounts) &&
	       !strcmp(a->region, b->region);
}
