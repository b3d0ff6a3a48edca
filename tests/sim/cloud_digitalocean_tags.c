/*
 * DigitalOcean: tags (providers/digitalocean.md §7).
 */
#include "cloud_digitalocean.h"

/* The tags of what the row names: a droplet, a snapshot of one (as an image), a volume, or a volume's snapshot. NULL: there is none. */
static json_t *tags_of(const struct cloud *c, const json_t *row)
{
	static const struct {
		const char *type;
		enum sim_store_kind kind;
	} kinds[] = { { "image", SIM_DISK_SNAPSHOT }, { "volume", SIM_VOLUME }, { "volume_snapshot", SIM_VOLUME_SNAPSHOT } };
	const char *type = json_str(row, "resource_type", ""), *id = json_str(row, "resource_id", "");
	const struct sim_machine *m = cloud_find(c, id);
	const struct sim_store *s = cloud_store_find(c, id);

	if (!strcmp(type, "droplet"))
		return m ? json_object_get(m->extra, "tags") : NULL;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (!strcmp(kinds[i].type, type) && s && s->kind == kinds[i].kind && !s->deleted)
			return json_object_get(s->extra, "tags");
	return NULL;
}

static void tag_resources(
    struct cloud *c, const struct sim_request *q, const char *tag, struct sim_response *r)
{
	json_t *body = sim_body(q), *row, *v;
	size_t i, k;

	json_array_foreach (json_object_get(body, "resources"), i, row) {
		json_t *tags = tags_of(c, row);

		if (!tags)
			continue;
		json_array_foreach (tags, k, v)
			if (str_ieq(json_string_value(v), tag))
				break;
		if (!strcmp(q->method, "DELETE"))
			json_array_remove(tags, k);
		else if (k == json_array_size(tags))
			json_array_append_new(tags, json_string(tag));
	}
	sim_answer_empty(r, 204);
	json_decref(body);
}

static bool tag_exists(const struct cloud *c, const char *name)
{
	const struct ocean *o = c->own;
	json_t *v;
	size_t i;

	json_array_foreach (o->tags, i, v)
		if (str_ieq(json_string_value(v), name))
			return true;
	for (i = 0; i < c->machine_count; i++)
		if (ocean_has_tag(c, c->machines[i], name))
			return true;
	return false;
}

void ocean_tags(
    struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r)
{
	struct ocean *o = c->own;
	json_t *body;
	const char *name;

	if (p->n == 2 && !strcmp(q->method, "POST")) {
		body = sim_body(q);
		name = json_str(body, "name", "");
		if (!*name)
			ocean_refuse(r, "Name can't be blank");
		else {
			if (!tag_exists(c, name))
				json_array_append_new(o->tags, json_string(name));
			sim_answer_json(r, 201,
			    json_pack(
				"{s{ss s{si}}}", "tag", "name", name, "resources", "count", 0));
		}
		json_decref(body);
	} else if (p->n >= 3 && !tag_exists(c, p->part[2])) {
		ocean_absent(r);
	} else if (p->n == 3 && !strcmp(q->method, "GET")) {
		sim_answer_json(r, 200,
		    json_pack("{s{ss s{si}}}", "tag", "name", p->part[2], "resources", "count", 0));
	} else if (p->n == 4 && !strcmp(p->part[3], "resources")) {
		tag_resources(c, q, p->part[2], r);
	} else {
		ocean_absent(r);
	}
}
