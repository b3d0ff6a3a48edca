/*
 * Any bytes as what a provider answers: never a crash, and every promise of providers/provider.h and call.h is kept
 * (tests/unit/replies.h). Three bytes choose provider, operation and where it stands; then one or more answers, a byte 1e between
 * them: a byte for the status, one for outcome and headers, and the body. seeds.sh makes such inputs of the fixtures.
 */
#include "base/str.h"
#include "tests/unit/replies.h"

#define ANSWERS_MAX 6
#define BETWEEN     0x1e

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const int statuses[] = { 200, 201, 202, 204, 400, 401, 402, 403, 404, 408, 409, 410, 413, 422, 423, 429, 500, 502, 503, 301, 308, 0,
	100, 599, 600, -1 };

/* The bits of the second byte: outcome in two, content type in two, then what the headers say about haste. */
static void read_head(struct http_response *res, uint8_t status, uint8_t flags)
{
	static const char *const types[] = { "application/json", "application/problem+json", "text/html", "" };
	static const char *const waits[] = { "", "20", "-3", "Fri, 20 Nov 2026 00:10:00 GMT" };

	res->status = statuses[status % ARRAY_LEN(statuses)];
	res->outcome = (flags & 3) == 1 ? HTTP_BROKEN : (flags & 3) == 2 ? HTTP_NOT_SENT : HTTP_ANSWERED;
	if (res->outcome != HTTP_ANSWERED)
		str_copy(res->trouble, "connection reset");
	str_copy(res->content_type, types[flags >> 2 & 3]);
	str_copy(res->retry_after, waits[flags >> 4 & 3]);
	str_copy(res->rate_reset, flags & 0x40 ? "1795132830" : "");
	str_copy(res->date, flags & 0x80 ? "Fri, 20 Nov 2026 00:00:07 GMT" : "");
}

static size_t read_answers(const uint8_t *data, size_t n, struct http_response *out)
{
	size_t count = 0;

	while (n >= 2 && count < ANSWERS_MAX) {
		const uint8_t *end = memchr(data + 2, BETWEEN, n - 2);
		size_t len = end ? (size_t)(end - data) - 2 : n - 2;

		memset(&out[count], 0, sizeof(out[count]));
		read_head(&out[count], data[0], data[1]);
		out[count].body = (const char *)data + 2;
		out[count++].len = len;
		len += 2 + (end != NULL);
		data += len;
		n -= len;
	}
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct provider *const *clouds = replies_providers();
	struct http_response answers[ANSWERS_MAX];
	size_t providers = 0, count;
	enum provider_op_kind op;
	const char *wrong;

	if (n < 5)
		return 0;
	while (clouds[providers])
		providers++;
	op = (enum provider_op_kind)(data[1] % OP_NR);
	count = read_answers(data + 3, n - 3, answers);
	if (data[2] % 4)
		wrong = replies_read(clouds[data[0] % providers], op, data[2] % 4, &answers[0]);
	else
		wrong = replies_play(clouds[data[0] % providers], op, answers, count);
	if (*wrong)
		BUG("%s, operation %d: %s", clouds[data[0] % providers]->name, (int)op, wrong);
	return 0;
}
