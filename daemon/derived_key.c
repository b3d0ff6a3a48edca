#include "derived_key.h"
#include "base/crypto.h"

static struct ssh_key *derived(const struct model *m, const char *what, int64_t id, instant since, const char *comment)
{
	char text[96];
	uint8_t seed[SHA256_LEN];
	struct ssh_key *k;
	int n = snprintf(text, sizeof(text), "%s %s %lld %lld", what, m->site, (long long)id, (long long)since);

	crypto_hmac_sha256(m->mark_key, sizeof(m->mark_key), text, (size_t)n, seed);
	k = ssh_key_from_seed(seed, comment);
	explicit_bzero(seed, sizeof(seed));
	return k;
}

struct ssh_key *derived_host_key(const struct model *m, const struct instance *i, enum hostkey which)
{
	return derived(m, which == HOSTKEY_FIRST ? "host key" : "lasting host key", i->object.id, i->planned, "");
}

struct ssh_key *derived_fleet_key(const struct model *m, const struct fleet *f)
{
	return derived(m, "fleet key", f->object.id, f->created, "gpufleet");
}
