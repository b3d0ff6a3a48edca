/*
 * Any answers at all to any operation of any adapter, and what provider.h and call.h promise about what is made of them. Used by
 * a table of hostile answers (test_hostile_replies.c) and by the fuzzer (tests/fuzz/fuzz_providers.c). All operations of the
 * table are walked, so that a new one is looked at too.
 */
#ifndef GPUFLEET_TEST_REPLIES_H
#define GPUFLEET_TEST_REPLIES_H

#include "providers/call.h"

#define REPLIES_TOKEN "s3cret-token-of-ours" /* must never come back in words */

/* The cloud adapters: provider_all() without those that send nothing. NULL-terminated. */
const struct provider *const *replies_providers(void);

/*
 * A whole operation: the answers one after the other, then a broken connection for ever. What was learned is used once more: ids
 * and offers go into the requests that follow from them. "": every promise was kept, else a sentence, valid until the next call.
 */
const char *replies_play(const struct provider *p, enum provider_op_kind op, const struct http_response *answers, size_t count);

/* Does the operation take this for a good answer, as its first? */
bool replies_believed(const struct provider *p, enum provider_op_kind op, const struct http_response *answer);

/* One read where an operation of several requests may stand, whatever came before. */
const char *replies_read(const struct provider *p, enum provider_op_kind op, int step, const struct http_response *answer);

#endif
