#include "core/mark.h"
#include "base/mutant.h"
#include "base/crypto.h"
#include "base/str.h"

/* Offsets in "gf1-ssssss-iiiiiiiiiiiii-dddddd-mmmmmmmm". */
enum { AT_SITE = 4, AT_INTENT = 11, AT_DEADLINE = 25, AT_MAC = 32 };

/* The deadline in minutes since 1970 as six base32 digits, most significant first: good until the year 4010. */
static void put_minutes(char out[7], int64_t minutes)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";

	for (int i = 5; i >= 0; i--, minutes >>= 5)
		out[i] = digits[minutes & 31];
	out[6] = '\0';
}

static bool get_minutes(const char *s, int64_t *minutes)
{
	*minutes = 0;
	for (int i = 0; i < 6; i++) {
		int v = s[i] >= 'a' && s[i] <= 'z' ? s[i] - 'a' : s[i] >= '2' && s[i] <= '7' ? s[i] - '2' + 26 : -1;

		if (v < 0)
			return false;
		*minutes = *minutes << 5 | v;
	}
	return true;
}

/* Of the first n characters of what is marked. */
static void put_mac(char out[9], const uint8_t key[MARK_KEY_LEN], const char *provider, const char *body, size_t length)
{
	char text[ID_MAX + ACCOUNT_MAX + 2];
	uint8_t mac[SHA256_LEN];
	int n = snprintf(text, sizeof(text), "%s %.*s", provider, (int)length, body);

	crypto_hmac_sha256(key, MARK_KEY_LEN, text, (size_t)n, mac);
	str_base32(mac, 5, out);
}

static void seal(char out[ID_MAX], const uint8_t key[MARK_KEY_LEN], const char *provider, const char *site,
    const char *intent, instant deadline)
{
	char minutes[7], mac[9];

	put_minutes(minutes, (deadline + MINUTE - 1) / MINUTE);
	snprintf(out, ID_MAX, "gf1-%.6s-%.13s-%s-", site, intent, minutes);
	put_mac(mac, key, provider, out, AT_MAC - 1);
	snprintf(out + AT_MAC, ID_MAX - AT_MAC, "%s", mac);
}

void mark_make(char out[ID_MAX], const uint8_t key[MARK_KEY_LEN], const char *provider, const char *site, uint64_t intent,
    instant deadline)
{
	char text[16];
	uint8_t bytes[8];

	memcpy(bytes, &intent, sizeof(bytes));
	str_base32(bytes, sizeof(bytes), text);
	seal(out, key, provider, site, text, deadline);
}

void mark_extend(char out[ID_MAX], const uint8_t key[MARK_KEY_LEN], const char *provider, const char *site,
    const char *old_mark, instant deadline)
{
	char intent[14];

	memcpy(intent, old_mark + AT_INTENT, 13);
	intent[13] = '\0';
	seal(out, key, provider, site, intent, deadline);
}

static bool well_formed(const char *s)
{
	return strlen(s) == MARK_LEN && str_starts(s, "gf1-") && s[AT_INTENT - 1] == '-' && s[AT_DEADLINE - 1] == '-' &&
	       s[AT_MAC - 1] == '-' && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == MARK_LEN;
}

enum mark_verdict mark_read(struct mark *out, const char *text, const uint8_t key[MARK_KEY_LEN], const char *provider,
    const char *site)
{
	char mac[9];
	int64_t minutes;

	if (!str_starts(text, "gf1-"))
		return MARK_NONE;
	if (!well_formed(text) || !get_minutes(text + AT_DEADLINE, &minutes))
		return MARK_FORGED;
	if (strncmp(text + AT_SITE, site, 6) != 0)
		return MARK_OTHER;
	put_mac(mac, key, provider, text, AT_MAC - 1);
	if (!secret_equal(mac, text + AT_MAC) && !MUTANT("mac_not_checked", false, true))
		return MARK_FORGED;
	memcpy(out->intent, text + AT_INTENT, 13);
	out->intent[13] = '\0';
	out->deadline = minutes * MINUTE;
	return MARK_OURS;
}

bool mark_same_intent(const char *a, const char *b)
{
	return strlen(a) == MARK_LEN && strlen(b) == MARK_LEN && !strncmp(a, b, AT_DEADLINE);
}

/* ---- storage ---- */

#define STORAGE_NAME_MAX 40
enum { STORAGE_AT_SITE = 5, STORAGE_AT_NAME = 12 };

bool storage_name_ok(const char *name)
{
	size_t n = strlen(name);

	return n && n <= STORAGE_NAME_MAX && *name >= 'a' && *name <= 'z' && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static const char *storage_head(enum storage_kind kind)
{
	return kind == STORAGE_VOLUME ? "gf1v-" : "gf1s-";
}

void storage_mark_make(char out[ID_MAX], const uint8_t key[MARK_KEY_LEN], const char *provider, const char *site, enum storage_kind kind,
    const char *name)
{
	int n = snprintf(out, ID_MAX, "%s%.6s-%.*s", storage_head(kind), site, STORAGE_NAME_MAX, name);
	char mac[9];

	put_mac(mac, key, provider, out, (size_t)n);
	snprintf(out + n, ID_MAX - (size_t)n, "-%s", mac);
}

enum mark_verdict storage_mark_read(char *name, const char *text, const uint8_t key[MARK_KEY_LEN], const char *provider, const char *site,
    enum storage_kind kind)
{
	size_t n = strlen(text);
	char mac[9];

	if (!str_starts(text, storage_head(kind)))
		return MARK_NONE;
	if (n < STORAGE_AT_NAME + 10 || n >= STORAGE_AT_NAME + STORAGE_NAME_MAX + 10 || text[n - 9] != '-')
		return MARK_FORGED;
	if (strncmp(text + STORAGE_AT_SITE, site, 6) != 0)
		return MARK_OTHER;
	put_mac(mac, key, provider, text, n - 9);
	if (!secret_equal(mac, text + n - 8))
		return MARK_FORGED;
	snprintf(name, NAME_MAX_, "%.*s", (int)(n - 9 - STORAGE_AT_NAME), text + STORAGE_AT_NAME);
	return storage_name_ok(name) ? MARK_OURS : MARK_FORGED;
}
