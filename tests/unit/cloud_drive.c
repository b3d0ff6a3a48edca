#include "cloud_drive.h"

void drive_open(struct drive *d, const struct cloud_model *m, const struct sim_timing *timing,
    const char *inventory)
{
	struct cloud_options o = { .seed = 7, .start = DRIVE_START };
	struct err e = { 0 };
	json_t *own = NULL;

	memset(d, 0, sizeof(*d));
	sim_timing_quick(&o.timing);
	if (timing)
		o.timing = *timing;
	for (size_t i = 0; i < ARRAY_LEN(cloud_models); i++)
		if (cloud_models[i] == m)
			o.index = (int)i;
	if (inventory) {
		o.inventory = own = json_read(inventory, strlen(inventory), &e);
		if (!own)
			BUG("%s", e.msg);
	}
	d->cloud = cloud_new(m, &o);
	json_decref(own);
	d->now = DRIVE_START;
	d->agent = "drive/1";
	sim_response_init(&d->r);
}

void drive_close(struct drive *d)
{
	cloud_free(d->cloud);
	sim_response_free(&d->r);
	json_decref(d->j);
}

int drive(struct drive *d, const char *method, const char *uri, const char *body)
{
	struct sim_header headers[3];
	struct sim_request q = {
		.method = method, .headers = headers, .body = body, .len = body ? strlen(body) : 0
	};
	char path[2048];
	char *query;

	str_copy(path, uri);
	query = strchr(path, '?');
	if (query)
		*query++ = '\0';
	q.path = path;
	q.query = query;
	if (d->auth)
		headers[q.header_count++] = (struct sim_header){ "authorization", d->auth };
	if (d->agent)
		headers[q.header_count++] = (struct sim_header){ "User-Agent", d->agent };
	sim_response_free(&d->r);
	sim_response_init(&d->r);
	json_decref(d->j);
	cloud_handle(d->cloud, d->now, &q, &d->r);
	d->j = d->r.body.len ? json_read(buf_str(&d->r.body), d->r.body.len, NULL) : NULL;
	return d->r.cut == SIM_CUT_NONE || d->r.cut == SIM_CUT_MID ? d->r.status : 0;
}

void drive_pass(struct drive *d, duration t)
{
	instant end = d->now + t;

	while (d->now < end) {
		d->now = instant_min(end, cloud_next_event(d->cloud));
		cloud_tick(d->cloud, d->now);
	}
}

const char *drive_str(const struct drive *d, const char *path)
{
	return json_str(d->j, path, "");
}

int64_t drive_int(const struct drive *d, const char *path)
{
	return json_int(d->j, path, -999);
}

void drive_fault(struct drive *d, const char *text)
{
	struct err e = { 0 };

	if (cloud_set_fault_text(d->cloud, text, &e))
		BUG("%s", e.msg);
}

const char *drive_header(const struct drive *d, const char *name, char *out, size_t size)
{
	const char *s = buf_str(&d->r.headers);

	out[0] = '\0';
	while (*s) {
		size_t n = strcspn(s, "\n"), k = strlen(name);

		if (n > k + 2 && str_istarts(s, name) && s[k] == ':')
			str_copy_n(out, n - k - 1 < size ? n - k - 1 : size, s + k + 2);
		s += n + (s[n] == '\n');
	}
	return out;
}
