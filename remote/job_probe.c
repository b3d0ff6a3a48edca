/*
 * What probe.sh found, read. The tools' formats are described in benchmarks.md §4; they differ between releases, so anything
 * that is not understood is left out rather than refused.
 */
#include "job.h"

#include "base/gpu.h"
#include "base/json.h"
#include "base/str.h"

#include <math.h>

#define PROBE_MAX ((size_t)512 * 1024)

/* One GPU as a tool shows it. */
struct seen {
	char name[128];
	double mib; /* 0: not shown */
	char driver[64];
};

static int memory_as_sold(const char *name, double mib)
{
	const struct gpu *g = gpu_find(name);
	double gib = mib / 1024;

	if (gib <= 0 || gib > 100000)
		return 0;
	/* "80 GB" shows as 79.6 GiB, "141 GB" as 140.4: the catalogue says what it is called. */
	if (g && fabs(gib - g->memory_gb) < 0.1 * g->memory_gb)
		return g->memory_gb;
	return (int)lround(gib);
}

static void printable(char *out, size_t size, const char *s)
{
	struct buf safe = BUF(size - 1);
	size_t n = strlen(s);

	/* An escape takes up to four bytes per byte; what does not fit is dropped whole, so cut first. */
	str_safe(&safe, s, n < size ? n : size - 1, false);
	str_copy_n(out, size, buf_str(&safe));
	buf_free(&safe);
}

/* Mixed machines are counted by what comes first. */
static void count_gpu(struct job_probe *p, const struct seen *g)
{
	char name[GPU_MAX];

	gpu_canonical(g->name, name, sizeof(name));
	if (!p->gpu_count) {
		printable(p->gpu, sizeof(p->gpu), name);
		printable(p->driver, sizeof(p->driver), g->driver);
		p->gpu_memory_gb = memory_as_sold(name, g->mib);
		p->gpu_count = 1;
	} else if (p->gpu_count < 4096 && !strcmp(p->gpu, name)) {
		p->gpu_count++;
	}
}

/* ---- nvidia-smi: "0, NVIDIA H100 80GB HBM3, 81559, 570.124.06" ---- */

static char *trim(char *s)
{
	size_t n;

	s += strspn(s, " \t\r");
	for (n = strlen(s); n && strchr(" \t\r", s[n - 1]); n--)
		s[n - 1] = '\0';
	return s;
}

static void read_nvidia(struct job_probe *p, char *text)
{
	char *line, *index, *name, *memory, *driver;
	struct seen g;
	int64_t i;

	while ((line = str_split(&text, "\n"))) {
		index = str_split(&line, ",");
		name = str_split(&line, ",");
		memory = str_split(&line, ",");
		driver = str_split(&line, ",");
		if (!driver || !str_to_i64(trim(index), 0, 4095, &i))
			continue;
		g = (struct seen){ .mib = 0 };
		str_copy(g.name, trim(name));
		str_copy(g.driver, trim(driver));
		if (!str_to_double(trim(memory), &g.mib))
			g.mib = 0; /* "[N/A]" on boards with unified memory */
		count_gpu(p, &g);
	}
}

/* ---- amd-smi ---- */

/* The document within what was printed: warnings may stand before and behind it. */
static json_t *document(char *text)
{
	char *from = strpbrk(text, "[{"), *to = NULL;

	if (!from)
		return NULL;
	for (char *c = from; *c; c++)
		if (*c == ']' || *c == '}')
			to = c;
	return to ? json_read(from, (size_t)(to + 1 - from), NULL) : NULL;
}

/* A leaf is {"value": …, "unit": …}, a bare number, a string with or without unit, or "N/A". */
static double leaf(const json_t *o, const char *path)
{
	const json_t *v = json_path(o, path);
	double number = 0;

	if (json_is_object(v))
		return json_num(v, "value", 0);
	if (json_is_number(v))
		return json_number_value(v);
	if (json_is_string(v) && sscanf(json_string_value(v), "%lf", &number) == 1 &&
	    isfinite(number))
		return number;
	return 0;
}

static void read_amd(struct job_probe *p, char *text)
{
	json_t *top = document(text), *item;
	const json_t *list = json_is_object(top) ? json_path(top, "gpu_data") : top;
	struct seen g;
	size_t i;

	json_array_foreach (list, i, item) {
		if (!json_path(item, "asic"))
			continue;
		g = (struct seen){ .mib = leaf(item, "vram.size") };
		str_copy(g.name, json_str(item, "asic.market_name", "AMD GPU"));
		str_copy(g.driver, json_str(item, "driver.version", ""));
		count_gpu(p, &g);
	}
	json_decref(top);
}

/* ---- rocm-smi: every value a string, keys free text that changes ---- */

static const char *by_prefix(const json_t *o, const char *prefix)
{
	const char *key;
	json_t *v;

	json_object_foreach ((json_t *)(uintptr_t)o, key, v) {
		if (str_istarts(key, prefix) && json_is_string(v))
			return json_string_value(v);
	}
	return "";
}

static void read_rocm(struct job_probe *p, char *text)
{
	json_t *top = document(text), *card;
	const char *key, *driver = by_prefix(json_object_get(top, "system"), "driver version");
	struct seen g;
	double bytes;

	json_object_foreach (top, key, card) {
		if (!str_istarts(key, "card") || !json_is_object(card))
			continue;
		g = (struct seen){ .mib = 0 };
		str_copy(g.name, by_prefix(card, "card series"));
		if (!g.name[0] || !strcmp(g.name, "N/A"))
			str_copy(g.name, by_prefix(card, "card model"));
		if (str_to_double(by_prefix(card, "vram total memory (b)"), &bytes))
			g.mib = bytes / 1048576;
		str_copy(g.driver, driver);
		count_gpu(p, &g);
	}
	json_decref(top);
}

/* ---- the kernel alone: "90402 206141652992", the architecture as major*10000 + minor*100 + step ---- */

/* Siblings share an architecture; memory tells most of them apart, and of the rest the common one stands first. */
static void name_by_arch(struct seen *g, const char *arch)
{
	size_t count;
	const struct gpu *all = gpu_all(&count);

	str_copy(g->name, arch);
	for (size_t i = 0; i < count; i++) {
		if (!all[i].arch || strcmp(all[i].arch, arch) ||
		    fabs(g->mib / 1024 - all[i].memory_gb) >= 0.1 * all[i].memory_gb)
			continue;
		str_copy(g->name, all[i].name);
		return;
	}
}

static void read_kfd(struct job_probe *p, char *text)
{
	char *line, *version_text, arch[24];
	struct seen g;
	int64_t version;
	double bytes;

	while ((line = str_split(&text, "\n"))) {
		version_text = str_split(&line, " ");
		if (!line || !str_to_i64(version_text, 1, 10000000, &version) ||
		    !str_to_double(line, &bytes))
			continue;
		snprintf(arch, sizeof(arch), "gfx%d%d%x", (int)(version / 10000),
		    (int)(version / 100 % 100), (unsigned)(version % 100));
		g = (struct seen){ .mib = bytes / 1048576 };
		name_by_arch(&g, arch);
		count_gpu(p, &g);
	}
}

/* ---- the answer ---- */

static const struct tool {
	const char *section, *tool;
	void (*read)(struct job_probe *p, char *text);
} tools[] = {
	{ "nvidia-smi", "nvidia-smi", read_nvidia },
	{ "amd-smi", "amd-smi", read_amd },
	{ "rocm-smi", "rocm-smi", read_rocm },
	{ "kfd", "", read_kfd },
};

/* ---- how busy: percent of the busiest GPU ---- */

static void note_busy(struct job_probe *p, const char *text)
{
	int64_t percent;

	if (str_to_i64(text, 0, 100, &percent) && percent > p->gpu_busy)
		p->gpu_busy = (int)percent;
}

/* One number a line. */
static void read_busy_nvidia(struct job_probe *p, char *text)
{
	char *line;

	while ((line = str_split(&text, "\n")))
		note_busy(p, trim(line));
}

/* "gpu,gfx_activity,umc_activity,mm_activity", and so many values in each line below. */
static void read_busy_amd(struct job_probe *p, char *text)
{
	char *line = str_split(&text, "\n"), *cell;
	int column = -1, k;

	for (k = 0; line && (cell = str_split(&line, ",")); k++)
		if (strstr(cell, "gfx_activity"))
			column = k;
	while (column >= 0 && (line = str_split(&text, "\n")))
		for (k = 0; (cell = str_split(&line, ",")); k++)
			if (k == column)
				note_busy(p, trim(cell));
}

/* "GPU[0]		: GPU use (%): 7" */
static void read_busy_rocm(struct job_probe *p, char *text)
{
	char *line, *number;

	while ((line = str_split(&text, "\n"))) {
		number = strstr(line, "GPU use (%):");
		if (number)
			note_busy(p, trim(number + strlen("GPU use (%):")));
	}
}

/* The first tool that shows GPUs is believed. */
static void read_section(struct job_probe *p, const char *name, char *text)
{
	if (!strcmp(name, "busy-nvidia"))
		read_busy_nvidia(p, text);
	else if (!strcmp(name, "busy-amd"))
		read_busy_amd(p, text);
	else if (!strcmp(name, "busy-rocm"))
		read_busy_rocm(p, text);
	for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
		if (strcmp(tools[i].section, name) || p->gpu_count)
			continue;
		tools[i].read(p, text);
		if (p->gpu_count)
			str_copy(p->vendor_tool, tools[i].tool);
	}
}

static void read_fact(struct job_probe *p, const char *name, const char *value, bool *hardware)
{
	int64_t n;

	if (!strcmp(name, "boot_id"))
		printable(p->boot_id, sizeof(p->boot_id), value);
	else if (!strcmp(name, "root"))
		p->root = !strcmp(value, "0");
	else if (!strcmp(name, "home"))
		printable(p->home, sizeof(p->home), value);
	else if (!strcmp(name, "os"))
		printable(p->os, sizeof(p->os), value);
	else if (!strcmp(name, "disk") && str_to_i64(value, 0, INT64_MAX / 2, &n))
		p->disk_free_mb = n / 1024;
	else if (!strcmp(name, "logins") && str_to_i64(value, 0, 100000, &n))
		p->logins = (int)n;
	else if (!strcmp(name, "docker"))
		p->docker = !strcmp(value, "1");
	else if (!strcmp(name, "pci") || !strcmp(name, "driver_loaded"))
		*hardware = true;
}

static void read_lines(struct job_probe *p, char *text)
{
	char *line, *value, *end, *section;
	bool hardware = false;

	while ((line = str_split(&text, "\n"))) {
		if (str_starts(line, "begin ") && text) {
			section = line + 6;
			end = str_starts(text, "end\n") ? text : strstr(text, "\nend\n");
			if (!end)
				break;
			line = text;
			text = end + (end == line ? 4 : 5);
			*end = '\0';
			read_section(p, section, line);
			continue;
		}
		value = line;
		line = str_split(&value, "=");
		if (value)
			read_fact(p, line, value, &hardware);
	}
	p->driver_missing = hardware && !p->gpu_count;
}

int job_probe_read(struct job_probe *p, const char *text, size_t n, struct err *e)
{
	char *copy;

	*p = (struct job_probe){ .disk_free_mb = -1, .gpu_busy = -1 };
	copy =
	    xstrndup(text, n < PROBE_MAX ? n : PROBE_MAX); /* ends at a NUL byte, if there is one */
	if (!str_starts(copy, "gf-probe 1\n")) {
		free(copy);
		return err_set(e, ERR_FAILED, "the machine's answer about itself cannot be read");
	}
	read_lines(p, copy);
	free(copy);
	return 0;
}
