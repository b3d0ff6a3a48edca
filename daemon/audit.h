/*
 * The audit: does every create intent of the database have an end with evidence, or a live machine; and is everything that the
 * providers list accounted for? Judged from what the providers say now and from what the database holds, in this order, so that a
 * fresh record is never mistaken for a missing one (reliability §2.9). Pure but for the questions to the history.
 */
#ifndef GPUFLEET_AUDIT_H
#define GPUFLEET_AUDIT_H

#include "core/mark.h"
#include "db/history.h"

/* What one provider said. */
struct audit_account {
	char name[ACCOUNT_MAX], provider[ACCOUNT_MAX], title[ACCOUNT_MAX];
	bool local;      /* hosts of our own: nobody to ask, nobody bills */
	bool listed;     /* completely */
	char message[TEXT_MAX]; /* why not */
	size_t first, count;    /* its machines in audit.machines */
	struct balance balance; /* machines -1, known false: not told */
	int strays;             /* charges for machines that nobody here knows, when they were read last */
	money stray_sum;
	char stray[ID_MAX];     /* one of them */
};

/* One block of memory, so that free() is enough: audit_new(). */
struct audit {
	char site[8];
	uint8_t key[MARK_KEY_LEN];
	instant now;
	duration settle; /* a create without an answer is in order for so long */
	size_t account_count, machine_count;
	struct audit_account *accounts;
	struct machine *machines;
};
struct audit *audit_new(size_t accounts, size_t machines);

/*
 * {"ok":…,"time":…,"intents":{total,open,never_sent,refused,absent,gone,unproved},
 *  "accounts":[{account,provider,title,listed,message,machines,ours,others,unknown,rate_hour,counted,counted_rate_hour,balance,
 *               hours_left}…],
 *  "billing":[{account,id,name,whose,fleet,instance,state,gpu,gpu_count,price_hour,deadline}…], dearest first,
 *  "rate_hour":…, "findings":[{account,kind,id,text}…], "pending":[the same: not yet, and in order]}
 * ok: no findings. 0, or -1 with *e when the database cannot be asked.
 */
int audit_judge(const struct audit *a, struct history *h, json_t **out, struct err *e);

#endif
