#include "hostkey.h"
#include "base/crypto.h"

struct ssh_key *hostkey_of(const struct model *m, const struct instance *i, enum hostkey which)
{
	char text[96];
	uint8_t seed[SHA256_LEN];
	struct ssh_key *k;
	int n = snprintf(text, sizeof(text), "%s %s %lld %lld", which == HOSTKEY_FIRST ? "host key" : "lasting host key", m->site,
	    (long long)i->object.id, (long long)i->planned);

	crypto_hmac_sha256(m->mark_key, sizeof(m->mark_key), text, (size_t)n, seed);
	k = ssh_key_from_seed(seed, "");
	explicit_bzero(seed, sizeof(seed));
	return k;
}
