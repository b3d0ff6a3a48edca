/*
 * What runs left: results, files, output. Of runs in memory and of those that only the database remembers.
 */
#include "api_private.h"
#include "base/log.h"
#include "base/str.h"
#include "core/gang.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (64 * 1024)

static void *id_arg(int64_t id)
{
	int64_t *p = xmalloc(sizeof(*p));

	*p = id;
	return p;
}

struct results_query {
	int64_t id;
	char dir[1024]; /* the directory of the run's key is found from history */
	const struct engine *en;
};

static void list_files(const char *dir, const char *prefix, json_t *out, int depth)
{
	char path[2048], name[512];
	DIR *d = opendir(dir);
	struct dirent *de;
	struct stat st;

	while (d && (de = readdir(d))) {
		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, de->d_name);
		snprintf(name, sizeof(name), "%.200s%s%.255s", prefix, *prefix ? "/" : "", de->d_name);
		if (lstat(path, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && depth < 8)
			list_files(path, name, out, depth + 1);
		else if (S_ISREG(st.st_mode))
			json_array_append_new(out, json_pack("{s:s, s:I}", "name", name, "bytes", (json_int_t)st.st_size));
	}
	if (d)
		closedir(d);
}

/* What the other ranks of a run of several instances left, below rank-N/. */
static void list_ranks(const struct engine *en, const json_t *run, json_t *files)
{
	int ranks = (int)json_int(run, "instances", 1);
	char dir[1024], prefix[24], key[16];

	for (int rank = 1; rank < ranks; rank++) {
		gang_key(key, json_str(run, "key", "none"), rank);
		snprintf(prefix, sizeof(prefix), "rank-%d", rank);
		execute_run_path(en, key, "results", dir, sizeof(dir));
		list_files(dir, prefix, files, 0);
	}
}

static int ask_results(struct history *h, void *arg, json_t **out, struct err *e)
{
	struct results_query *q = arg;
	json_t *run, *results, *files = json_array();

	if (history_run(h, q->id, &run, e) < 0 || history_results(h, q->id, &results, e) < 0) {
		json_decref(files);
		return -1;
	}
	execute_run_path(q->en, json_str(run, "key", "none"), "results", q->dir, sizeof(q->dir));
	list_files(q->dir, "", files, 0);
	list_ranks(q->en, run, files);
	*out = json_object();
	json_put(*out, "run", run);
	json_put(*out, "results", json_incref(json_object_get(results, "results")));
	json_put(*out, "files", files);
	json_decref(results);
	return 0;
}

void get_results(struct request *r)
{
	struct results_query *q = xcalloc(1, sizeof(*q));

	q->id = run_in_path(r);
	q->en = r->api->en;
	request_history(r, ask_results, q);
}

/* "rank-2/log" of a run of three instances: `log` of rank 2, whose key is written to `key`. */
static const char *of_rank(const char *file, int ranks, char key[16])
{
	const char *slash = strchr(file, '/');
	char first[16], number[16];
	int64_t rank;

	str_copy(first, key);
	if (!str_starts(file, "rank-") || !slash || slash - file >= 15)
		return file;
	snprintf(number, sizeof(number), "%.*s", (int)(slash - file - 5), file + 5);
	if (!str_to_i64(number, 1, ranks - 1, &rank))
		return file;
	gang_key(key, first, (int)rank);
	return slash + 1;
}

/* One file below results/ of the run with this key. */
static void send_file(struct request *r, const char *first, int ranks, const char *file)
{
	char key[16];
	const char *below;
	struct buf data = BUF(64u * 1024 * 1024);
	char path[1400], name[300], chunk[65536];
	struct err e;
	ssize_t n;
	size_t len;
	int fd;

	str_copy(key, first);
	below = of_rank(file, ranks, key);
	snprintf(name, sizeof(name), "results/%s", below);
	execute_run_path(r->api->en, key, name, path, sizeof(path));
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		err_set(&e, ERR_NOT_FOUND, "run %lld has no file '%.100s'", (long long)run_in_path(r), file);
		request_error(r, &e);
		return;
	}
	while ((n = read(fd, chunk, sizeof(chunk))) > 0 && buf_append(&data, chunk, (size_t)n))
		;
	close(fd);
	len = data.len;
	request_bytes(r, "application/octet-stream", buf_take(&data), len);
}

static void old_file(struct request *r, json_t *out, void *arg)
{
	(void)arg;
	send_file(r, json_str(out, "run.key", "none"), (int)json_int(out, "run.instances", 1), r->arg[1]);
}

void get_file(struct request *r)
{
	const struct run *run = model_run(engine_model(r->api->en), run_in_path(r));
	struct err e;

	if (strstr(r->arg[1], "..")) {
		err_set(&e, ERR_NOT_FOUND, "there is no such file");
		request_error(r, &e);
	} else if (run) {
		send_file(r, run->key, run->rank ? 1 : run->ranks, r->arg[1]);
	} else {
		request_history_then(r, ask_run, id_arg(run_in_path(r)), old_file, NULL);
	}
}

void get_console(struct request *r)
{
	struct buf text = BUF(LOG_MAX + 1);
	char path[1024], chunk[16384];
	ssize_t n = 0;
	int64_t id;
	struct err e;
	int fd = -1;

	if (str_to_i64(r->arg[0], 1, INT64_MAX, &id)) {
		execute_console_path(r->api->en, id, "console.log", path, sizeof(path));
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	}
	while (fd >= 0 && (n = read(fd, chunk, sizeof(chunk))) > 0)
		buf_append(&text, chunk, (size_t)n);
	if (fd < 0) {
		err_set(&e, ERR_NOT_FOUND, "no console of instance '%.20s' is kept: it is kept of machines that failed, at RunPod and vast.ai", r->arg[0]);
		request_error(r, &e);
	} else {
		size_t size = text.len;

		close(fd);
		request_bytes(r, "text/plain; charset=utf-8", buf_take(&text), size);
		return;
	}
	buf_free(&text);
}

/* ---- logs ---- */

struct follow {
	int64_t id, at[2];
	char key[16];
	bool follow;
	json_t *old; /* the run as history has it, when it is not in memory */
};

static const char *const stream_names[] = { "stdout", "stderr" };

/* Put what is new of one stream; false when there was nothing. The text is cut at a character's end, bad bytes are spelled out. */
json_t *output_line(const char *stream, const char *data, size_t n)
{
	json_t *o = json_object();
	bool text = str_is_utf8(data, n) && !memchr(data, 0, n);
	char *copy = text ? xstrndup(data, n) : str_base64((const uint8_t *)data, n);

	json_put_str(o, "stream", stream);
	json_put_str(o, text ? "text" : "base64", copy);
	free(copy);
	return o;
}

static bool put_chunk(struct request *r, struct follow *f, int which)
{
	char path[1024], data[CHUNK];
	json_t *o;
	ssize_t n;
	size_t len;
	int fd;

	execute_run_path(r->api->en, f->key, stream_names[which], path, sizeof(path));
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	n = pread(fd, data, CHUNK, f->at[which]);
	close(fd);
	if (n <= 0)
		return false;
	len = (size_t)n;
	for (int back = 0; back < 3 && len > 1 && !str_is_utf8(data, len) && str_is_utf8(data, len - 1 - (size_t)back); back++)
		len -= 1 + (size_t)back;
	if (!str_is_utf8(data, len))
		len = (size_t)n;
	o = output_line(stream_names[which], data, len);
	json_put_int(o, "offset", f->at[which]);
	f->at[which] += (int64_t)len;
	json_put_int(o, "next", f->at[which]);
	stream_put(r, o);
	return true;
}

static void pump_logs(struct request *r)
{
	struct follow *f = r->state;
	const struct model *m = engine_model(r->api->en);
	const struct run *run = model_run(m, f->id);
	bool more = false, done = !run || (run->state == RUN_DONE && engine_is_durable(r->api->en, &run->object));

	/* A chunk of each at a time, the next when that has been read: what waits is bounded, and so is the time of one callback. */
	for (int which = 0; which < 2 && r->out.len < STREAM_MAX / 2; which++)
		more |= put_chunk(r, f, which);
	if (more || r->out.len >= STREAM_MAX / 2)
		return;
	if (!f->follow || done) {
		json_t *o = json_object();

		json_put(o, "end", run ? view_run(m, run) : f->old ? json_incref(f->old) : json_null());
		stream_put(r, o);
		stream_end(r);
	}
}

static void watch(struct request *r, int64_t id, bool on)
{
	struct fact fact = { .kind = FACT_RUN_WATCH, .id = id, .flag = on, .actor = r->actor };

	engine_fact(r->api->en, &fact);
}

static void follow_gone(struct request *r)
{
	struct follow *f = r->state;
	bool others = false;

	list_for_each(n, &r->api->requests) {
		const struct request *q = CONTAINER_OF(n, struct request, link);

		others |= q != r && q->gone == follow_gone && ((const struct follow *)q->state)->id == f->id;
	}
	if (!others && !f->old)
		watch(r, f->id, false);
	json_decref(f->old);
	free(f);
}

static void start_logs(struct request *r, const char *key, json_t *old)
{
	struct follow *f = xcalloc(1, sizeof(*f));

	f->id = run_in_path(r);
	str_copy(f->key, key);
	f->old = json_incref(old);
	f->at[0] = query_int(r, "stdout", 0);
	f->at[1] = query_int(r, "stderr", 0);
	f->follow = query_bool(r, "follow") && !old;
	r->state = f;
	r->gone = follow_gone;
	r->pump = pump_logs;
	request_stream(r);
	if (f->follow)
		watch(r, f->id, true);
	pump_logs(r);
}

static void old_logs(struct request *r, json_t *out, void *arg)
{
	(void)arg;
	start_logs(r, json_str(out, "run.key", "none"), json_object_get(out, "run"));
}

void get_logs(struct request *r)
{
	const struct run *run = model_run(engine_model(r->api->en), run_in_path(r));

	if (run)
		start_logs(r, run->key, NULL);
	else
		request_history_then(r, ask_run, id_arg(run_in_path(r)), old_logs, NULL);
}
