/* The intrusive list: order, removal while walking, removal twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"

struct thing {
	int n;
	struct list link;
};

static int sum_in_order(struct list *head, int *count)
{
	int number = 0;

	*count = 0;
	list_for_each(l, head) {
		number = number * 10 + CONTAINER_OF(l, struct thing, link)->n;
		++*count;
	}
	return number;
}

static void test_order(void **state)
{
	struct list head = LIST_HEAD(head);
	struct thing t[5];
	int count;

	(void)state;
	assert_true(list_empty(&head));
	assert_int_equal(sum_in_order(&head, &count), 0);
	for (int i = 0; i < 5; i++) {
		t[i].n = i + 1;
		list_init(&t[i].link);
		list_append(&head, &t[i].link);
	}
	assert_false(list_empty(&head));
	assert_int_equal(sum_in_order(&head, &count), 12345);
	list_remove(&t[2].link);
	list_remove(&t[2].link);
	assert_true(list_empty(&t[2].link));
	assert_int_equal(sum_in_order(&head, &count), 1245);
	list_append(&head, &t[2].link);
	assert_int_equal(sum_in_order(&head, &count), 12453);
	list_for_each_safe(l, &head) {
		if (CONTAINER_OF(l, struct thing, link)->n % 2)
			list_remove(l);
	}
	assert_int_equal(sum_in_order(&head, &count), 24);
	list_for_each_safe(l, &head)
		list_remove(l);
	assert_true(list_empty(&head));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_order) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
