/*
 * All providers. To add one: declare it, put it in the array (provider.h says what else).
 */
#include "providers/provider.h"

extern const struct provider provider_hotaisle, provider_runpod, provider_digitalocean,
    provider_vastai, provider_static;

static const struct provider *const providers[] = {
	&provider_hotaisle,
	&provider_runpod,
	&provider_digitalocean,
	&provider_vastai,
	&provider_static,
	NULL,
};

const struct provider *const *provider_all(void)
{
	return providers;
}

const struct provider *provider_find(const char *name)
{
	for (const struct provider *const *p = providers; *p; p++)
		if (!strcmp((*p)->name, name))
			return *p;
	return NULL;
}
