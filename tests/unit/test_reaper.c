/* The reaper's decisions: whose machine it is, whether it is due, what is believed, what is remembered; and its heartbeat. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "heartbeat.h"
#include "reaper.h"

#include <sys/stat.h>
#include <unistd.h>

#define NOW ((instant)1795200000 * SECOND)

static const struct site site = { .id = "abc234", .key = { 1, 2, 3 } };
static const struct site other_key = { .id = "abc234", .key = { 9, 9, 9 } };
static const struct reap_rules rules = { .grace = REAP_GRACE, .limit = REAP_LIMIT };

static struct machine machine(const char *id, const struct site *whose, const char *provider, instant deadline, money price)
{
	struct machine m = { .state = MACHINE_RUNNING, .price_hour = price };

	str_copy(m.id, id);
	if (whose)
		mark_make(m.mark, whose->key, provider, whose->id, (uint64_t)id[0] * 7919 + (uint64_t)id[1], deadline);
	return m;
}

struct world {
	struct reap_memory memory;
	struct reap_place place;
	struct machine m[16];
	size_t count;
	struct reap_item items[16];
	struct reap_tally tally;
};

static void start(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->memory.armed = true;
	w->place = (struct reap_place){ .site = &site, .provider = "runpod" };
}

static void decide(struct world *w, const struct reap_rules *r, instant now)
{
	reap_decide(&w->memory, w->m, w->count, &w->place, r, now, w->items, &w->tally);
}

static void test_whose(void **state)
{
	static const struct site elsewhere = { .id = "zzz777", .key = { 1, 2, 3 } };
	struct world w;

	(void)state;
	start(&w);
	w.m[0] = machine("a", &site, "runpod", NOW - HOUR, USD);
	w.m[1] = machine("b", &site, "runpod", NOW - 5 * MINUTE, USD);
	w.m[2] = machine("c", &site, "runpod", NOW + MINUTE, USD);
	w.m[3] = machine("d", &elsewhere, "runpod", NOW - HOUR, USD);
	w.m[4] = machine("e", &other_key, "runpod", NOW - HOUR, USD);
	w.m[5] = machine("f", NULL, "", 0, USD);
	w.m[6] = machine("g", NULL, "", 0, USD);
	str_copy(w.m[6].mark, "colleague");
	w.m[7] = machine("h", &site, "vastai", NOW - HOUR, USD); /* our key, but made for another provider */
	w.m[8] = machine("i", &site, "runpod", NOW - HOUR, USD);
	w.m[8].over = true;
	w.m[9] = machine("j", &site, "runpod", NOW - HOUR, USD);
	w.m[9].mark[39] = w.m[9].mark[39] == 'a' ? 'b' : 'a'; /* a letter of the MAC */
	w.m[10] = machine("k", &site, "runpod", NOW + HOUR, USD);
	memcpy(w.m[10].mark + 25, "aaaaaa", 6); /* somebody moved the deadline */
	w.count = 11;
	decide(&w, &rules, NOW);
	static const enum reap_kind want[] = { REAP_OVERDUE, REAP_GRACE_TIME, REAP_LIVE, REAP_OTHER_SITE, REAP_FORGED, REAP_FOREIGN,
		REAP_FOREIGN, REAP_FORGED, REAP_OVER, REAP_FORGED, REAP_FORGED };
	for (size_t k = 0; k < w.count; k++) {
		assert_int_equal(w.items[k].kind, want[k]);
		assert_int_equal(w.items[k].act, k == 0);
	}
	assert_int_equal(w.tally.ours, 3);
	assert_int_equal(w.tally.others, 7);
	assert_int_equal(w.tally.forged, 4);
	assert_int_equal(w.tally.due, 1);
	assert_int_equal(w.tally.rate, 3 * USD);
	reap_memory_free(&w.memory);
}

static void test_deadline_edges(void **state)
{
	struct world w;

	(void)state;
	start(&w);
	w.count = 1;
	w.m[0] = machine("a", &site, "runpod", NOW, USD);
	decide(&w, &rules, NOW - 1);
	assert_int_equal(w.items[0].kind, REAP_LIVE);
	decide(&w, &rules, NOW);
	assert_int_equal(w.items[0].kind, REAP_GRACE_TIME);
	decide(&w, &rules, NOW + REAP_GRACE - 1);
	assert_int_equal(w.items[0].kind, REAP_GRACE_TIME);
	decide(&w, &rules, NOW + REAP_GRACE);
	assert_int_equal(w.items[0].kind, REAP_OVERDUE);
	decide(&w, &rules, 0); /* a clock that stands at 1970 */
	assert_int_equal(w.items[0].kind, REAP_LIVE);
}

static void test_read_only(void **state)
{
	struct world w;

	(void)state;
	start(&w);
	w.count = 1;
	w.m[0] = machine("a", &site, "runpod", NOW - HOUR, USD);
	w.place.read_only = true;
	w.place.why = "not armed";
	decide(&w, &rules, NOW);
	assert_int_equal(w.tally.due, 1);
	assert_int_equal(w.tally.acting, 0);
	assert_false(w.items[0].act);
	assert_string_equal(w.items[0].held, "not armed");
	w.place.site = &other_key;
	w.place.read_only = false;
	decide(&w, &rules, NOW);
	assert_int_equal(w.tally.forged, 1);
	assert_int_equal(w.tally.acting, 0);
}

static void test_limit_takes_the_dearest(void **state)
{
	struct reap_rules two = { .grace = REAP_GRACE, .limit = 2 }, none = { .grace = REAP_GRACE, .limit = 0 };
	struct world w;

	(void)state;
	start(&w);
	w.m[0] = machine("a", &site, "runpod", NOW - HOUR, USD);
	w.m[1] = machine("b", &site, "runpod", NOW - HOUR, 5 * USD);
	w.m[2] = machine("c", &site, "runpod", NOW - 3 * HOUR, USD);
	w.m[3] = machine("d", &site, "runpod", NOW + HOUR, 50 * USD);
	w.count = 4;
	decide(&w, &two, NOW);
	assert_false(w.items[0].act);
	assert_true(w.items[1].act); /* the dearest */
	assert_true(w.items[2].act); /* then the longest overdue */
	assert_false(w.items[3].act);
	assert_int_equal(w.tally.acting, 2);
	assert_int_equal(w.tally.held_by_limit, 1);
	assert_true(*w.items[0].held);
	decide(&w, &none, NOW);
	assert_int_equal(w.tally.acting, 3);
}

static void test_a_delete_is_not_repeated_at_once(void **state)
{
	struct world w;

	(void)state;
	start(&w);
	w.count = 1;
	w.m[0] = machine("a", &site, "runpod", NOW - HOUR, USD);
	decide(&w, &rules, NOW);
	assert_true(w.items[0].act);
	reap_remember_delete(&w.memory, "a", NOW);
	decide(&w, &rules, NOW + REAP_AGAIN - 1);
	assert_false(w.items[0].act);
	assert_int_equal(w.tally.held_by_limit, 0);
	decide(&w, &rules, NOW + REAP_AGAIN);
	assert_true(w.items[0].act); /* it is still there: said again, for ever */
	reap_remember_delete(&w.memory, "a", NOW + REAP_AGAIN);
	assert_int_equal(w.memory.seen_count, 1);
	assert_int_equal(w.memory.seen[0].deletes, 2);
	w.count = 0;
	decide(&w, &rules, NOW + HOUR);
	assert_int_equal(w.memory.seen_count, 0);
	reap_memory_free(&w.memory);
}

static void test_unmarked(void **state)
{
	struct world w;

	(void)state;
	start(&w);
	w.count = 1;
	w.m[0] = machine("a", NULL, "", 0, USD);
	w.m[0].created = NOW - DAY; /* what the provider says of its age is not enough */
	decide(&w, &rules, NOW);
	assert_int_equal(w.items[0].kind, REAP_FOREIGN);
	assert_int_equal(w.memory.seen_count, 0);
	w.place.exclusive = true;
	decide(&w, &rules, NOW);
	assert_int_equal(w.items[0].kind, REAP_UNMARKED);
	assert_false(w.items[0].act);
	decide(&w, &rules, NOW + REAP_UNMARKED_AFTER - 1);
	assert_false(w.items[0].act);
	decide(&w, &rules, NOW + REAP_UNMARKED_AFTER);
	assert_int_equal(w.items[0].kind, REAP_UNMARKED_OVERDUE);
	assert_true(w.items[0].act);
	/* A name of somebody's own is a name, in an exclusive account, too. */
	str_copy(w.m[0].mark, "keep-me");
	decide(&w, &rules, NOW + DAY);
	assert_int_equal(w.items[0].kind, REAP_FOREIGN);
	/* Away for one listing: the waiting begins anew. */
	w.m[0].mark[0] = '\0';
	w.count = 0;
	decide(&w, &rules, NOW + DAY);
	w.count = 1;
	decide(&w, &rules, NOW + DAY);
	assert_int_equal(w.items[0].kind, REAP_UNMARKED);
	reap_memory_free(&w.memory);
}

static void test_confirm(void **state)
{
	struct world w;
	struct machine again;

	(void)state;
	start(&w);
	w.count = 1;
	w.m[0] = machine("a", &site, "runpod", NOW - HOUR, USD);
	decide(&w, &rules, NOW);
	again = w.m[0];
	assert_true(reap_confirm(&w.items[0], &again, &w.place, &rules, NOW));
	mark_extend(again.mark, site.key, "runpod", site.id, w.m[0].mark, NOW + HOUR);
	assert_false(reap_confirm(&w.items[0], &again, &w.place, &rules, NOW));
	assert_string_equal(w.items[0].held, "its deadline was extended meanwhile");
	w.items[0].held[0] = '\0';
	again = machine("b", &site, "runpod", NOW - HOUR, USD); /* the id now belongs to another order of ours */
	assert_false(reap_confirm(&w.items[0], &again, &w.place, &rules, NOW));
	w.items[0].held[0] = '\0';
	str_copy(again.mark, "colleague");
	assert_false(reap_confirm(&w.items[0], &again, &w.place, &rules, NOW));

	memset(&w.m[0].mark, 0, sizeof(w.m[0].mark));
	w.place.exclusive = true;
	decide(&w, &rules, NOW);
	decide(&w, &rules, NOW + HOUR);
	assert_true(w.items[0].act);
	assert_false(reap_confirm(&w.items[0], &again, &w.place, &rules, NOW + HOUR));
	assert_string_equal(w.items[0].held, "it has got a name meanwhile");
	reap_memory_free(&w.memory);
}

static void test_believable(void **state)
{
	struct reap_memory m = { .machines = 0 };
	struct balance none = { .machines = 0 }, three = { .machines = 3 }, silent = { .machines = -1 };
	char why[TEXT_MAX] = "";

	(void)state;
	assert_true(reap_believable(&m, 0, NULL, why)); /* there never was one */
	m.machines = 2;
	assert_false(reap_believable(&m, 0, NULL, why));
	assert_true(*why);
	assert_false(reap_believable(&m, 0, &silent, why));
	assert_true(reap_believable(&m, 0, NULL, why)); /* the third time in a row */
	assert_false(reap_believable(&m, 0, NULL, why));
	assert_true(reap_believable(&m, 1, NULL, why)); /* one is enough to begin anew */
	assert_int_equal(m.empty, 0);
	assert_true(reap_believable(&m, 0, &none, why)); /* the provider's own count agrees */
	assert_false(reap_believable(&m, 0, &three, why));
	assert_false(reap_believable(&m, 2, &three, why));
	assert_true(reap_believable(&m, 3, &three, why));
	assert_true(reap_believable(&m, 4, &three, why)); /* its count lags behind */
}

/* ---- files ---- */

static char dir[64];

static char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	FILE *f = fopen(path_of(name), "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path_of(name), mode), 0);
}

static void test_state_file(void **state)
{
	struct reap_state s;
	struct reap_memory m, empty;
	struct err e = { 0 };
	struct stat st;

	(void)state;
	assert_int_equal(reap_state_load(&s, path_of("none"), &e), 0);
	assert_int_equal(s.count, 0);
	reap_state_take(&s, "runpod", &m);
	assert_string_equal(m.account, "runpod");
	assert_false(m.armed);
	m.armed = true;
	m.believed = NOW;
	m.machines = 4;
	m.empty = 1;
	str_copy(m.account_id, "acme");
	reap_remember_delete(&m, "x1", NOW - HOUR);
	reap_state_put(&s, &m);
	reap_state_take(&s, "vastai", &m);
	reap_state_put(&s, &m);
	assert_int_equal(reap_state_save(&s, path_of("state"), &e), 0);
	reap_state_free(&s);
	assert_int_equal(stat(path_of("state"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);

	assert_int_equal(reap_state_load(&s, path_of("state"), &e), 0);
	assert_int_equal(s.count, 2);
	reap_state_take(&s, "runpod", &m);
	assert_int_equal(s.count, 1);
	assert_true(m.armed);
	assert_true(m.believed == NOW);
	assert_int_equal(m.machines, 4);
	assert_int_equal(m.empty, 1);
	assert_string_equal(m.account_id, "acme");
	assert_int_equal(m.seen_count, 1);
	assert_string_equal(m.seen[0].id, "x1");
	assert_true(m.seen[0].deleted == NOW - HOUR);
	assert_int_equal(m.seen[0].deletes, 1);
	reap_state_take(&s, "nobody", &empty);
	assert_false(empty.armed);
	reap_memory_free(&m);
	reap_state_free(&s);
}

static void test_state_file_damaged(void **state)
{
	static const char *const bad[] = { "", "{", "[]", "{\"version\":2,\"accounts\":[]}", "{\"accounts\":[{\"armed\":true}]}" };
	struct reap_state s;
	struct err e;

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(bad); k++) {
		memset(&e, 0, sizeof(e));
		write_file("bad", bad[k], 0600);
		assert_int_equal(reap_state_load(&s, path_of("bad"), &e), -1);
		assert_int_equal(s.count, 0);
		assert_true(strstr(e.msg, "bad") != NULL);
	}
	/* What others could have written arms nothing. */
	write_file("open", "{\"version\":1,\"accounts\":[{\"account\":\"runpod\",\"armed\":true}]}", 0666);
	assert_int_equal(reap_state_load(&s, path_of("open"), &e), -1);
	assert_int_equal(s.count, 0);
	write_file("fine", "{\"version\":1,\"accounts\":[{\"account\":\"runpod\",\"armed\":true,\"seen\":7}]}", 0600);
	assert_int_equal(reap_state_load(&s, path_of("fine"), &e), 0);
	assert_true(s.accounts[0].armed);
	assert_int_equal(s.accounts[0].seen_count, 0);
	reap_state_free(&s);
}

static void test_lock(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(reap_state_lock(path_of("locked"), &e), 0);
	assert_int_equal(reap_state_lock(path_of("locked"), &e), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
	assert_int_equal(reap_state_lock(path_of("free"), &e), 0);
	assert_int_equal(reap_state_lock("/nonexistent/dir/state", &e), -1);
}

/* ---- exit status and heartbeat ---- */

static void test_exit_status(void **state)
{
	struct account account = { .name = "runpod", .provider = "runpod" };
	struct reap_account a[2] = { { .account = &account, .listed = true, .believed = true, .memory.armed = true }, { .account = &account } };

	(void)state;
	a[1] = a[0];
	assert_int_equal(reap_exit_code(a, 2), REAP_WELL);
	a[0].tally.due = 1;
	assert_int_equal(reap_exit_code(a, 2), REAP_WELL);
	a[0].memory.armed = false;
	assert_int_equal(reap_exit_code(a, 2), REAP_NOT_ARMED);
	a[1].failed = 1;
	assert_int_equal(reap_exit_code(a, 2), REAP_TROUBLE);
	a[1].failed = 0;
	a[1].believed = false;
	assert_int_equal(reap_exit_code(a, 2), REAP_TROUBLE);
	a[1].local = true;
	a[1].listed = false;
	assert_int_equal(reap_exit_code(a, 2), REAP_NOT_ARMED);
}

static void beat(struct reap_account *a, size_t count, instant when)
{
	struct reap_options o = { .site = &site, .rules = rules };
	json_t *doc = reap_document(a, count, &o, when, false);
	char *text = json_text(doc);
	struct err e = { 0 };

	assert_int_equal(reap_write(path_of("reaper.heartbeat"), text, &e), 0);
	free(text);
	json_decref(doc);
}

static void test_heartbeat(void **state)
{
	static const char *const names[] = { "runpod", "lab" };
	struct account first = { .name = "runpod", .provider = "runpod" }, second = { .name = "lab", .provider = "vastai" };
	struct reap_account a[2] = { { .account = &first, .listed = true, .believed = true, .memory.armed = true },
		{ .account = &second, .listed = true, .believed = true, .memory.armed = true } };
	struct heartbeat h;

	(void)state;
	unlink(path_of("reaper.heartbeat"));
	heartbeat_read(&h, dir, site.id, names, 2, NOW);
	assert_int_equal(h.ok, -1);
	assert_true(*h.remedy);

	beat(a, 2, NOW);
	heartbeat_read(&h, dir, site.id, names, 2, NOW + 5 * MINUTE);
	assert_int_equal(h.ok, 1);
	assert_true(h.time == NOW);
	assert_true(strstr(h.text, "2 accounts") != NULL);
	heartbeat_read(&h, dir, site.id, names, 2, NOW + HEARTBEAT_FRESH + SECOND);
	assert_int_equal(h.ok, 0);
	heartbeat_read(&h, dir, "zzz777", names, 2, NOW);
	assert_int_equal(h.ok, 0);
	assert_true(strstr(h.text, "abc234") != NULL);

	a[1].memory.armed = false;
	beat(a, 2, NOW);
	heartbeat_read(&h, dir, site.id, names, 2, NOW);
	assert_int_equal(h.ok, 0);
	assert_true(strstr(h.text, "may not delete") != NULL);
	heartbeat_read(&h, dir, site.id, names, 1, NOW); /* the other one is not asked for */
	assert_int_equal(h.ok, 1);

	a[1].memory.armed = true;
	str_copy(a[1].trouble, "cannot be listed \x1b[31m");
	beat(a, 2, NOW);
	heartbeat_read(&h, dir, site.id, names, 2, NOW);
	assert_int_equal(h.ok, 0);
	assert_null(strchr(h.text, '\x1b'));

	beat(a, 1, NOW);
	heartbeat_read(&h, dir, site.id, names, 2, NOW);
	assert_int_equal(h.ok, 0);
	assert_true(strstr(h.text, "'lab'") != NULL);

	write_file("reaper.heartbeat", "{\"time\":\"yesterday\"", 0600);
	heartbeat_read(&h, dir, site.id, names, 2, NOW);
	assert_int_equal(h.ok, 0);
}

static int make_dir(void **state)
{
	(void)state;
	str_copy(dir, "/tmp/test-reaper-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	static const char *const names[] = { "state", "bad", "open", "fine", "locked.lock", "free.lock", "reaper.heartbeat" };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(names); k++)
		unlink(path_of(names[k]));
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whose),
		cmocka_unit_test(test_deadline_edges),
		cmocka_unit_test(test_read_only),
		cmocka_unit_test(test_limit_takes_the_dearest),
		cmocka_unit_test(test_a_delete_is_not_repeated_at_once),
		cmocka_unit_test(test_unmarked),
		cmocka_unit_test(test_confirm),
		cmocka_unit_test(test_believable),
		cmocka_unit_test(test_state_file),
		cmocka_unit_test(test_state_file_damaged),
		cmocka_unit_test(test_lock),
		cmocka_unit_test(test_exit_status),
		cmocka_unit_test(test_heartbeat),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
