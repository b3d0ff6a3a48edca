#include "gpu.h"

#include "str.h"

#include <ctype.h>

#define KEY_MAX 64

/*
 * The keys of a row lead to it. A key is what is left of a spelling after normalise(): lower case, no separators, no vendor
 * words, no SXM/OAM, no memory size. Rows with the same key differ in memory: the first is meant when no size was written,
 * so the common one stands first; so does, of names that are equally near to a misspelling, the likelier one.
 * Memory and bandwidth are the makers' data-sheet figures, per GPU as sold (a B200 shows 180 of its 192 GB).
 */
#define AMD(name, gb, arch, gbs, keys)    { name, GPU_VENDOR_AMD, gb, arch, gbs, keys }
#define NVIDIA(name, gb, arch, gbs, keys) { name, GPU_VENDOR_NVIDIA, gb, arch, gbs, keys }
#define CPU(name, arch, keys)             { name, GPU_VENDOR_CPU, 0, arch, 0, keys }

static const struct gpu rows[] = {
	AMD("MI300X", 192, "gfx942", 5300, "mi300x|mi300"),
	AMD("MI355X", 288, "gfx950", 8000, "mi355x|mi355"),
	AMD("MI350X", 288, "gfx950", 8000, "mi350x|mi350"),
	AMD("MI325X", 256, "gfx942", 6000, "mi325x|mi325"),
	AMD("MI308X", 192, "gfx942", 5300, "mi308x"),
	AMD("MI300A", 128, "gfx942", 5300, "mi300a"),
	AMD("MI250X", 128, "gfx90a", 3277, "mi250x"),
	AMD("MI250", 128, "gfx90a", 3277, "mi250"),
	AMD("MI210", 64, "gfx90a", 1638, "mi210"),
	AMD("MI100", 32, "gfx908", 1229, "mi100"),
	AMD("MI60", 32, "gfx906", 1024, "mi60"),
	AMD("MI50", 16, "gfx906", 1024, "mi50"),
	AMD("R9700", 32, "gfx1201", 640, "r9700|aipror9700|pror9700"),
	AMD("W7900", 48, "gfx1100", 864, "w7900|prow7900|prow7900dualslot|w7900dualslot"),
	AMD("W7800", 32, "gfx1100", 576, "w7800|prow7800"),
	AMD("W6800", 32, "gfx1030", 512, "w6800|prow6800"),
	AMD("RX 9070 XT", 16, "gfx1201", 640, "rx9070xt|9070xt"),
	AMD("RX 7900 XTX", 24, "gfx1100", 960, "rx7900xtx|7900xtx"),
	AMD("RX 7900 XT", 20, "gfx1100", 800, "rx7900xt|7900xt"),
	AMD("RX 6900 XT", 16, "gfx1030", 512, "rx6900xt|6900xt"),

	NVIDIA("GB300", 288, "sm_103", 8000, "gb300"),
	NVIDIA("GB200", 186, "sm_100", 8000, "gb200"),
	NVIDIA("B300", 288, "sm_103", 8000, "b300|b300ac"),
	NVIDIA("B200", 180, "sm_100", 8000, "b200"),
	NVIDIA("GH200", 96, "sm_90", 4000, "gh200"),
	NVIDIA("H200", 141, "sm_90", 4800, "h200"),
	NVIDIA("H200 NVL", 141, "sm_90", 4800, "h200nvl"),
	NVIDIA("H100", 80, "sm_90", 3350, "h100"),
	NVIDIA("H100 PCIe", 80, "sm_90", 2000, "h100pcie"),
	NVIDIA("H100 NVL", 94, "sm_90", 3900, "h100nvl"),
	NVIDIA("H800", 80, "sm_90", 3350, "h800"),
	NVIDIA("H20", 96, "sm_90", 4000, "h20"),
	NVIDIA("A100", 80, "sm_80", 2039, "a100"),
	NVIDIA("A100 PCIe", 80, "sm_80", 1935, "a100pcie"),
	NVIDIA("A100 40GB", 40, "sm_80", 1555, "a100|a100pcie"),
	NVIDIA("A100X", 80, "sm_80", 2039, "a100x"),
	NVIDIA("A800", 80, "sm_80", 2039, "a800"),
	NVIDIA("A40", 48, "sm_86", 696, "a40|a40pcie"),
	NVIDIA("A30", 24, "sm_80", 933, "a30|a30pcie|rtxa30"),
	NVIDIA("A16", 16, "sm_86", 200, "a16"),
	NVIDIA("A10", 24, "sm_86", 600, "a10|a10pcie"),
	NVIDIA("A10G", 24, "sm_86", 600, "a10g"),
	NVIDIA("A2", 16, "sm_86", 200, "a2"),
	NVIDIA("L40S", 48, "sm_89", 864, "l40s"),
	NVIDIA("L40", 48, "sm_89", 864, "l40"),
	NVIDIA("L4", 24, "sm_89", 300, "l4"),
	NVIDIA("T4", 16, "sm_75", 320, "t4"),
	NVIDIA("V100", 16, "sm_70", 900, "v100|v100pcie|v100fhhl"),
	NVIDIA("V100 32GB", 32, "sm_70", 900, "v100|v100pcie"),
	NVIDIA("Titan V", 12, "sm_70", 653, "titanv"),
	NVIDIA("P100", 16, "sm_60", 732, "p100|p100pcie"),
	NVIDIA("P40", 24, "sm_61", 346, "p40"),

	NVIDIA("RTX PRO 6000", 96, "sm_120", 1792,
	       "rtxpro6000|pro6000|rtxpro6000server|rtxpro6000workstation|rtxpro6000s|rtxpro6000ws|rtx6000pro"),
	NVIDIA("RTX PRO 6000 Max-Q", 96, "sm_120", 1792, "rtxpro6000maxq|rtxpro6000maxqworkstation"),
	NVIDIA("RTX PRO 5000", 48, "sm_120", 1344, "rtxpro5000|pro5000"),
	NVIDIA("RTX PRO 4500", 32, "sm_120", 896, "rtxpro4500|pro4500"),
	NVIDIA("RTX PRO 4000", 24, "sm_120", 672, "rtxpro4000|pro4000"),
	NVIDIA("RTX 6000 Ada", 48, "sm_89", 960, "rtx6000ada|6000ada|l6000ada"),
	NVIDIA("RTX 5880 Ada", 48, "sm_89", 960, "rtx5880ada|5880ada"),
	NVIDIA("RTX 5000 Ada", 32, "sm_89", 576, "rtx5000ada|5000ada|a5000ada"),
	NVIDIA("RTX 4500 Ada", 24, "sm_89", 432, "rtx4500ada|4500ada"),
	NVIDIA("RTX 4000 Ada", 20, "sm_89", 360, "rtx4000ada|4000ada"),
	NVIDIA("RTX 4000 SFF Ada", 20, "sm_89", 280, "rtx4000sffada|4000sffada"),
	NVIDIA("RTX 2000 Ada", 16, "sm_89", 224, "rtx2000ada|2000ada"),
	NVIDIA("RTX A6000", 48, "sm_86", 768, "rtxa6000|a6000"),
	NVIDIA("RTX A5500", 24, "sm_86", 768, "rtxa5500|a5500"),
	NVIDIA("RTX A5000", 24, "sm_86", 768, "rtxa5000|a5000"),
	NVIDIA("RTX A4500", 20, "sm_86", 640, "rtxa4500|a4500"),
	NVIDIA("RTX A4000", 16, "sm_86", 448, "rtxa4000|a4000"),
	NVIDIA("RTX A2000", 12, "sm_86", 288, "rtxa2000|a2000"),
	NVIDIA("Quadro RTX 8000", 48, "sm_75", 672, "quadrortx8000|qrtx8000|rtx8000"),
	NVIDIA("Quadro RTX 6000", 24, "sm_75", 672, "quadrortx6000|qrtx6000"),
	NVIDIA("Titan RTX", 24, "sm_75", 672, "titanrtx"),

	NVIDIA("RTX 5090", 32, "sm_120", 1792, "rtx5090|5090"),
	NVIDIA("RTX 5080", 16, "sm_120", 960, "rtx5080|5080"),
	NVIDIA("RTX 5070 Ti", 16, "sm_120", 896, "rtx5070ti|5070ti"),
	NVIDIA("RTX 5070", 12, "sm_120", 672, "rtx5070|5070"),
	NVIDIA("RTX 5060 Ti", 16, "sm_120", 448, "rtx5060ti|5060ti"),
	NVIDIA("RTX 4090", 24, "sm_89", 1008, "rtx4090|4090"),
	NVIDIA("RTX 4090 D", 24, "sm_89", 1008, "rtx4090d|4090d"),
	NVIDIA("RTX 4080 SUPER", 16, "sm_89", 736, "rtx4080super|rtx4080s|4080super|4080s"),
	NVIDIA("RTX 4080", 16, "sm_89", 717, "rtx4080|4080"),
	NVIDIA("RTX 4070 Ti SUPER", 16, "sm_89", 672, "rtx4070tisuper|rtx4070sti|4070tisuper"),
	NVIDIA("RTX 4070 Ti", 12, "sm_89", 504, "rtx4070ti|4070ti"),
	NVIDIA("RTX 4070 SUPER", 12, "sm_89", 504, "rtx4070super|rtx4070s|4070super|4070s"),
	NVIDIA("RTX 4070", 12, "sm_89", 504, "rtx4070|4070"),
	NVIDIA("RTX 5060", 8, "sm_120", 448, "rtx5060|5060"),
	NVIDIA("RTX 4060", 8, "sm_89", 272, "rtx4060|4060"),
	NVIDIA("RTX 4060 Ti", 16, "sm_89", 288, "rtx4060ti|4060ti"),
	NVIDIA("RTX 3090 Ti", 24, "sm_86", 1008, "rtx3090ti|3090ti"),
	NVIDIA("RTX 3090", 24, "sm_86", 936, "rtx3090|3090"),
	NVIDIA("RTX 3080 Ti", 12, "sm_86", 912, "rtx3080ti|3080ti"),
	NVIDIA("RTX 3080", 10, "sm_86", 760, "rtx3080|3080"),
	NVIDIA("RTX 3070 Ti", 8, "sm_86", 608, "rtx3070ti|3070ti"),
	NVIDIA("RTX 3070", 8, "sm_86", 448, "rtx3070|3070"),
	NVIDIA("RTX 3060 Ti", 8, "sm_86", 448, "rtx3060ti|3060ti"),
	NVIDIA("RTX 3060", 12, "sm_86", 360, "rtx3060|3060"),
	NVIDIA("RTX 2080 Ti", 11, "sm_75", 616, "rtx2080ti|2080ti"),
	NVIDIA("RTX 2080 SUPER", 8, "sm_75", 496, "rtx2080super|rtx2080s|2080super|2080s"),
	NVIDIA("RTX 2080", 8, "sm_75", 448, "rtx2080|2080"),
	NVIDIA("GTX 1080 Ti", 11, "sm_61", 484, "gtx1080ti|1080ti"),

	CPU("EPYC", "x86_64", "epyc"),
	CPU("Xeon", "x86_64", "xeon|intelxeon"),
};

/* What somebody wrote, reduced to what tells models apart. */
struct spelling {
	char key[KEY_MAX];
	int64_t memory_gb; /* 0: not written */
	bool slice;        /* a part of a GPU: "MIG 1g.24gb" */
};

static const char *const noise[] = {
	"amd", "nvidia", "instinct", "tesla", "geforce", "radeon", "gpu", "graphics", "generation", "edition", "blackwell",
	"oam", "vf", "sxm", "sxm2", "sxm3", "sxm4", "sxm5", "sxm6", "hbm2", "hbm2e", "hbm3", "hbm3e", "gb", "gib", NULL,
};

/* Words that providers glue to the model: "InstinctMI210", "H100SXM5". */
static const char *const glued_before[] = { "instinct", "geforce", "radeon", "tesla", "nvidia", "amd", NULL };
static const char *const glued_behind[] = { "sxm2", "sxm4", "sxm5", "sxm6", "sxm", "oam", NULL };

static bool is_word(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (!strcmp(word, *words))
			return true;
	return false;
}

/* "80gb", "80g", "80gib" → 80; 0 for anything else. */
static int64_t memory_word(const char *word)
{
	int64_t n = 0;

	if (!isdigit((unsigned char)*word))
		return 0;
	for (; isdigit((unsigned char)*word) && n < 100000; word++)
		n = n * 10 + (*word - '0');
	return !strcmp(word, "gb") || !strcmp(word, "gib") || !strcmp(word, "g") ? n : 0;
}

static bool is_slice(const char *word)
{
	return str_starts(word, "mig") || (word[0] && strchr("12347", word[0]) && word[1] == 'g' && !word[2]);
}

static char *strip_glue(char *word)
{
	size_t n;

	for (const char *const *w = glued_before; *w; w++)
		if (str_starts(word, *w)) {
			word += strlen(*w);
			break;
		}
	for (const char *const *w = glued_behind; *w; w++) {
		n = strlen(word);
		if (n > strlen(*w) && !strcmp(word + n - strlen(*w), *w)) {
			word[n - strlen(*w)] = '\0';
			break;
		}
	}
	return word;
}

/* A number directly before a word "gb" belongs to the memory, not to the model: take it off the key again. */
static void take_memory(struct spelling *s, const char *before, size_t before_len)
{
	int64_t n;

	if (!str_to_i64(before, 1, 100000, &n))
		return;
	s->memory_gb = n;
	s->key[before_len] = '\0';
}

static void add_word(struct spelling *s, char *word, const char *before, size_t before_len)
{
	size_t used = strlen(s->key);
	int64_t memory = memory_word(word);

	if (is_slice(word)) {
		s->slice = true;
	} else if (!strcmp(word, "gb") || !strcmp(word, "gib")) {
		take_memory(s, before, before_len);
	} else if (memory) {
		s->memory_gb = memory;
	} else if (!is_word(word, noise)) {
		word = strip_glue(word);
		str_copy_n(s->key + used, sizeof(s->key) - used, word);
	}
}

/* False: too long for any name, so a cut one can never match. */
static bool normalise(const char *text, struct spelling *s)
{
	char word[KEY_MAX], before[KEY_MAX] = "";
	size_t n = 0, start = 0, used;

	memset(s, 0, sizeof(*s));
	for (;; text++) {
		if (isalnum((unsigned char)*text)) {
			if (n + 1 == sizeof(word))
				return false;
			word[n++] = (char)tolower((unsigned char)*text);
			continue;
		}
		if ((unsigned char)*text >= 0x80)
			return false;
		if (n) {
			word[n] = '\0';
			used = strlen(s->key);
			if (used + n + 1 > sizeof(s->key))
				return false;
			add_word(s, word, before, start);
			start = used;
			str_copy(before, word);
			n = 0;
		}
		if (!*text)
			return s->key[0] != '\0';
	}
}

static bool has_key(const struct gpu *g, const char *key)
{
	size_t n = strlen(key);

	for (const char *p = g->keys; p; p = strchr(p, '|')) {
		p += *p == '|';
		if (!strncmp(p, key, n) && (p[n] == '|' || !p[n]))
			return true;
	}
	return false;
}

const struct gpu *gpu_find(const char *text)
{
	const struct gpu *best = NULL;
	int64_t off, best_off = 0;
	struct spelling s;

	if (!text || !normalise(text, &s) || s.slice)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!has_key(&rows[i], s.key))
			continue;
		/* What a driver reports is a little less than what is sold: the nearest size is meant. */
		off = s.memory_gb ? llabs(rows[i].memory_gb - s.memory_gb) : 0;
		if (!best || off < best_off) {
			best = &rows[i];
			best_off = off;
		}
	}
	return best;
}

/* The longest prefix of at most `room` bytes that does not end inside a UTF-8 sequence. */
static size_t cut(const char *s, size_t n, size_t room)
{
	if (n <= room)
		return n;
	for (n = room; n && ((unsigned char)s[n] & 0xc0) == 0x80;)
		n--;
	return n;
}

void gpu_canonical(const char *text, char *out, size_t size)
{
	const struct gpu *g = gpu_find(text);
	struct buf b = BUF(8 * KEY_MAX);
	size_t n;

	if (g) {
		str_copy_n(out, size, g->name);
		return;
	}
	text = text ? text : "";
	while (isspace((unsigned char)*text))
		text++;
	for (n = strnlen(text, 2 * KEY_MAX); n && isspace((unsigned char)text[n - 1]);)
		n--;
	str_safe(&b, text, cut(text, n, KEY_MAX), false);
	n = cut(buf_str(&b), b.len, size - 1);
	memcpy(out, buf_str(&b), n);
	out[n] = '\0';
	buf_free(&b);
}

const char *gpu_nearest(const char *text)
{
	const char *names[ARRAY_LEN(rows) + 1];
	const struct gpu *g = gpu_find(text);
	struct spelling s;
	const char *found;

	if (g)
		return g->name;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		names[i] = rows[i].name;
	names[ARRAY_LEN(rows)] = NULL;
	found = text ? str_nearest(text, names) : NULL;
	return found || !text || !normalise(text, &s) ? found : str_nearest(s.key, names);
}

const struct gpu *gpu_all(size_t *count)
{
	*count = ARRAY_LEN(rows);
	return rows;
}

bool gpu_spec_parse(const char *text, char *name, size_t size, int *count)
{
	const char *colon = strchr(text, ':');
	char part[2 * KEY_MAX];
	size_t n = colon ? (size_t)(colon - text) : strlen(text);
	int64_t wanted = 0;

	if (n >= sizeof(part) || strspn(text, " \t") >= n)
		return false;
	if (colon && !str_to_i64(colon + 1, 1, 1024, &wanted))
		return false;
	memcpy(part, text, n);
	part[n] = '\0';
	gpu_canonical(part, name, size);
	*count = (int)wanted;
	return true;
}

const char *gpu_vendor_name(enum gpu_vendor v)
{
	switch (v) {
	case GPU_VENDOR_AMD: return "AMD";
	case GPU_VENDOR_NVIDIA: return "NVIDIA";
	case GPU_VENDOR_CPU: return "CPU";
	case GPU_VENDOR_UNKNOWN: break;
	}
	return "unknown";
}
