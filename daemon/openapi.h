/*
 * The OpenAPI 3.1 document of the API, written out from daemon/api/NAME.yaml, which are it in shorthand: no part of it is said twice.
 *
 *	json_t *doc = openapi_document("0.9", e);
 *
 * Each file has `tag` and `description` (a section of the API), `paths` and `schemas`; openapi.yaml has the head, and what they share.
 * Everything is OpenAPI's own, but for this:
 *
 *	a schema is a word         "string", "integer", "number", "boolean", "object", or the name of one of `schemas`; "integer?" may be
 *	                           null, "Fleet[]" is a list; what follows a comma describes it: "Money?, null while there is no bill"
 *	properties                 are all required, but for those that end with "?": "warning?: string"; "type: object" is understood
 *	an operation               has `role` (who may take it), `query` (as properties), `body` (a schema), and statuses in place of
 *	                           `responses`; the parameters of its path are in `parameters`; all can fail with responses/problem,
 *	                           and a POST takes parameters/idempotency_key
 *	a status                   has properties of a JSON object, or a schema for each media type; `description` may say more
 */
#ifndef GPUFLEET_OPENAPI_H
#define GPUFLEET_OPENAPI_H

#include "base/json.h"

/* NULL: a file is not as it should be, *e says where. Takes some milliseconds of CPU: not for the loop. */
json_t *openapi_document(const char *version, struct err *e);

#endif
