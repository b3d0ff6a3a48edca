#include "rng.h"

#include <sys/random.h>

void rng_kernel(struct rng *r)
{
	memset(r, 0, sizeof(*r));
}

static uint64_t splitmix(uint64_t *x)
{
	uint64_t z = (*x += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void rng_seed(struct rng *r, uint64_t seed)
{
	r->seeded = true;
	for (int i = 0; i < 4; i++)
		r->state[i] = splitmix(&seed);
}

static uint64_t rotl(uint64_t x, int k)
{
	return x << k | x >> (64 - k);
}

static uint64_t next(struct rng *r)
{
	uint64_t *s = r->state, result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

void rng_fill(struct rng *r, void *out, size_t n)
{
	uint8_t *p = out;

	while (n) {
		uint64_t v;
		size_t take = n < sizeof(v) ? n : sizeof(v);

		if (r->seeded)
			v = next(r);
		else if (getrandom(&v, sizeof(v), 0) != sizeof(v))
			BUG("the kernel gave no random bytes");
		memcpy(p, &v, take);
		p += take;
		n -= take;
	}
}

uint64_t rng_u64(struct rng *r)
{
	uint64_t v;

	rng_fill(r, &v, sizeof(v));
	return v;
}

uint64_t rng_below(struct rng *r, uint64_t bound)
{
	uint64_t limit = UINT64_MAX - UINT64_MAX % bound, v;

	do
		v = rng_u64(r);
	while (v >= limit);
	return v % bound;
}
