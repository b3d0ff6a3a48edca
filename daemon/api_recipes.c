/*
 * The shipped recipes, as the API tells them.
 */
#include "api_private.h"
#include "wish.h"
#include "base/embed.h"
#include "config/recipe.h"

void get_recipes(struct request *r)
{
	json_t *o = json_object(), *list = json_array();

	for (const struct embedded *f = NULL; (f = embed_next(RECIPE_DIR, f));) {
		struct recipe recipe;
		json_t *one, *params, *secrets, *needs;

		if (!strstr(f->name, "/recipe.yaml") || recipe_read(&recipe, f->name, f->data, f->size, NULL, NULL, NULL) < 0)
			continue;
		one = json_object();
		params = json_array();
		secrets = json_array();
		needs = json_object();
		json_put_str(one, "name", recipe.name);
		json_put_str(one, "description", recipe.description);
		for (size_t k = 0; k < recipe.param_count; k++) {
			const struct recipe_param *p = &recipe.params[k];
			json_t *q = json_object(), *values = json_array();

			json_put_str(q, "name", p->name);
			json_put_str(q, "type", recipe_type_name(p->type));
			json_put_str(q, "default", p->fallback);
			json_put_str(q, "help", p->help);
			for (size_t v = 0; v < p->value_count; v++)
				json_array_append_new(values, json_string(p->values[v]));
			json_put(q, "values", values);
			json_array_append_new(params, q);
		}
		for (int k = 0; k < recipe.secret_count; k++)
			json_array_append_new(secrets, json_string(recipe.secrets[k]));
		json_put_int(needs, "gpu_memory_gb", recipe.needs.gpu_memory_gb);
		json_put_int(needs, "disk_gb", recipe.needs.disk_gb);
		json_put_str(needs, "vendor", recipe.needs.vendor ? gpu_vendor_name(recipe.needs.vendor) : "any");
		json_put_bool(needs, "docker", recipe.needs.docker);
		json_put_bool(one, "directory", *recipe.directory != '\0');
		json_put_bool(one, "prepares", *recipe.prepare != '\0');
		json_put_bool(one, "serves", *recipe.serve != '\0');
		json_put(one, "usual", recipe.usual ? json_integer(recipe.usual / SECOND) : json_null());
		json_put(one, "usual_memory_gb", recipe.usual_memory_gb ? json_integer(recipe.usual_memory_gb) : json_null());
		json_put_int(needs, "instances", recipe.needs.instances ? recipe.needs.instances : 1);
		json_put(one, "parameters", params);
		json_put(one, "secrets", secrets);
		json_put(one, "needs", needs);
		json_array_append_new(list, one);
		recipe_free(&recipe);
	}
	json_put(o, "recipes", list);
	request_json(r, 200, o);
}
