#include "remote/pieces.h"

#include "base/crypto.h"
#include "base/str.h"
#include "remote/archive.h"

#define BLOCK     ((size_t)512)
#define BIG       ((size_t)16 * 1024)   /* a file of this size is a piece, or several, by itself */
#define PIECE_MAX ((size_t)1024 * 1024)

static void add(struct pieces *p, const uint8_t *tar, size_t at, size_t end)
{
	uint8_t sum[SHA256_LEN];
	struct piece *q;

	while (at < end) {
		size_t size = end - at < PIECE_MAX ? end - at : PIECE_MAX;

		p->items = xreallocarray(p->items, p->count + 1, sizeof(*p->items));
		q = &p->items[p->count++];
		*q = (struct piece){ .at = at, .size = size };
		crypto_sha256(tar + at, size, sum);
		str_hex(sum, sizeof(sum), q->name);
		at += size;
	}
}

/* The size of the file whose header is here; false: this is no header (the closing blocks, or no tar). */
static bool file_size(const uint8_t *header, size_t *size)
{
	*size = 0;
	if (memcmp(header + 257, "ustar", 5) != 0)
		return false;
	for (int k = 124; k < 136 && header[k] >= '0' && header[k] <= '7'; k++)
		*size = *size * 8 + (size_t)(header[k] - '0');
	return true;
}

/* Small files share pieces. Which of them end one follows from their names, so that a new file moves no border but its own. */
static bool ends_a_piece(const uint8_t *header)
{
	uint32_t h = 2166136261u;

	for (int k = 0; k < 100 && header[k]; k++)
		h = (h ^ header[k]) * 16777619u;
	return (h >> 8 & 15) == 0;
}

void pieces_cut(struct pieces *p, const void *data, size_t n)
{
	const uint8_t *tar = data;
	size_t from = 0, at = 0, size, whole;

	*p = (struct pieces){ NULL, 0 };
	while (n - at >= BLOCK && file_size(tar + at, &size)) {
		if (size > n - at - BLOCK)
			break;
		whole = BLOCK + (size + BLOCK - 1) / BLOCK * BLOCK;
		if (whole > n - at)
			break;
		if (size >= BIG) {
			add(p, tar, from, at);
			add(p, tar, at, at + whole);
			from = at + whole;
		} else if (ends_a_piece(tar + at)) {
			add(p, tar, from, at + whole);
			from = at + whole;
		}
		at += whole;
	}
	add(p, tar, from, n);
}

static bool want(struct pieces *p, const char *name)
{
	bool found = false;

	for (size_t k = 0; k < p->count; k++)
		if (!strcmp(name, "all") || !strcmp(name, p->items[k].name))
			p->items[k].wanted = found = true;
	return found;
}

bool pieces_want(struct pieces *p, const char *text, size_t n)
{
	char *copy = xstrndup(text, n), *rest = copy, *line;
	bool ok = true;

	while (ok && (line = str_split(&rest, "\n")))
		ok = !*line || want(p, line);
	free(copy);
	return ok;
}

int pieces_pack(const struct pieces *p, const void *tar, struct buf *out, struct err *e)
{
	struct archive_file *files = xcalloc(p->count + 1, sizeof(*files));
	size_t n = 0;
	int rc;

	for (size_t k = 0; k < p->count; k++) {
		bool twice = false;

		for (size_t j = 0; j < k && p->items[k].wanted; j++)
			twice |= !strcmp(p->items[j].name, p->items[k].name);
		if (p->items[k].wanted && !twice)
			files[n++] = (struct archive_file){ .name = p->items[k].name, .data = (const uint8_t *)tar + p->items[k].at,
				.size = p->items[k].size };
	}
	rc = archive_pack(out, files, n, e);
	free(files);
	return rc;
}

void pieces_free(struct pieces *p)
{
	free(p->items);
	*p = (struct pieces){ NULL, 0 };
}
