/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifdef __linux__
#define _GNU_SOURCE /* sched_setaffinity */
#endif
#include "base/parallel.h"
#include "io/keyset.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define N 2000

struct run {
	int next, met, given[N], count, fail_take, fail_work, fail_meet, fail_finish, fail_give, limit;
};

static int take(void *ctx, void *item, struct em_error *err)
{
	struct run *r = ctx;

	if (r->next == r->fail_take)
		return em_error_set(err, EM_ERROR_DATA, "take %d", r->next);
	if (r->next == r->limit)
		return 0;
	*(int *)item = ++r->next; /* 1-based: 0 is an item that was never taken */
	return 1;
}

static int work(void *ctx, void *item, struct em_error *err)
{
	struct run *r = ctx;
	int i = *(int *)item - 1;

	if (i % 7 == 0) /* let later items overtake */
		nanosleep(&(struct timespec){0, 200000}, NULL);
	return i == r->fail_work ? em_error_set(err, EM_ERROR_DATA, "work %d", i) : 0;
}

static int meet(void *ctx, void *item, struct em_error *err)
{
	struct run *r = ctx;
	int i = *(int *)item - 1;

	assert_int_equal(r->met++, i);
	return i == r->fail_meet ? em_error_set(err, EM_ERROR_DATA, "meet %d", i) : 0;
}

/* Later items overtake here too. */
static int finish(void *ctx, void *item, struct em_error *err)
{
	struct run *r = ctx;
	int i = *(int *)item - 1;

	if (i % 11 == 0)
		nanosleep(&(struct timespec){0, 200000}, NULL);
	return i == r->fail_finish ? em_error_set(err, EM_ERROR_DATA, "finish %d", i) : 0;
}

static int give(void *ctx, void *item, struct em_error *err)
{
	struct run *r = ctx;
	int i = *(int *)item - 1;

	if (i == r->fail_give)
		return em_error_set(err, EM_ERROR_DATA, "give %d", i);
	r->given[r->count++] = i;
	return 0;
}

static void drop(void *item)
{
	(void)item;
}

static int go(struct run *r, int threads, struct em_error *err)
{
	struct em_pipeline p = {r, sizeof(int), take, work, give, drop, meet, finish};

	return em_parallel_pipeline(threads, &p, err);
}

static struct run run_of(int items)
{
	return (struct run){
	    .fail_take = -1, .fail_work = -1, .fail_meet = -1, .fail_finish = -1, .fail_give = -1, .limit = items};
}

static void order_is_kept(void **state)
{
	(void)state;
	for (int threads = 1; threads <= 8; threads *= 2) {
		struct run r = run_of(N);

		assert_int_equal(go(&r, threads, NULL), 0);
		assert_int_equal(r.met, N);
		assert_int_equal(r.count, N);
		for (int i = 0; i < N; i++)
			assert_int_equal(r.given[i], i);
	}
}

/* Whatever fails where, all before it has been given, nothing after it, and the error is its own. */
static void the_first_failure_ends_it(void **state)
{
	(void)state;
	for (int where = 0; where < 5; where++)
		for (int threads = 1; threads <= 4; threads++) {
			struct run r = run_of(N);
			int *const fail[] = {&r.fail_take, &r.fail_work, &r.fail_meet, &r.fail_finish, &r.fail_give};
			static const char *const text[] = {"take 50", "work 50", "meet 50", "finish 50", "give 50"};
			struct em_error err = {0};

			*fail[where] = 50;
			assert_int_equal(go(&r, threads, &err), -1);
			assert_string_equal(err.text, text[where]);
			assert_int_equal(r.count, 50);
			assert_true(where < 2 ? r.met == 50 : where == 2 ? r.met == 51 : r.met >= 51);
		}
}

/* As under taskset, or in a job of a cluster. */
static void only_allowed_processors_count(void **state)
{
	(void)state;
	assert_true(em_parallel_cpus() >= 1);
#ifdef __linux__
	cpu_set_t before, one;

	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	CPU_ZERO(&one);
	for (size_t i = 0; !CPU_COUNT(&one); i++)
		if (CPU_ISSET(i, &before))
			CPU_SET(i, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(em_parallel_cpus(), 1);
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
#endif
}

static void no_items_is_no_failure(void **state)
{
	struct run r = run_of(0);

	(void)state;
	assert_int_equal(go(&r, 3, NULL), 0);
	assert_int_equal(r.count, 0);
}

static void count_up(void *ctx, size_t i)
{
	((int *)ctx)[i]++;
}

static void every_index_is_visited_once(void **state)
{
	int visits[N] = {0};

	(void)state;
	em_parallel_for(5, N, count_up, visits);
	em_parallel_for(1, N, count_up, visits);
	em_parallel_for(4, 0, count_up, visits);
	for (int i = 0; i < N; i++)
		assert_int_equal(visits[i], 2);
	assert_true(em_parallel_cpus() >= 1);
}

static void keys_that_return_are_seen(void **state)
{
	struct em_keyset set;
	char key[32];

	(void)state;
	assert_int_equal(em_keyset_init(&set, NULL), 0);
	for (size_t i = 0; i < 3 * EM_KEYSET_WINDOW; i++) {
		snprintf(key, sizeof(key), "k%zu", i);
		assert_true(em_keyset_add(&set, key));
		if (i % 1000 == 999) {
			snprintf(key, sizeof(key), "k%zu", i > EM_KEYSET_WINDOW ? i - EM_KEYSET_WINDOW + 1 : 0);
			assert_false(em_keyset_add(&set, key));
		}
	}
	em_keyset_release(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(order_is_kept),
	    cmocka_unit_test(the_first_failure_ends_it),
	    cmocka_unit_test(only_allowed_processors_count),
	    cmocka_unit_test(no_items_is_no_failure),
	    cmocka_unit_test(every_index_is_visited_once),
	    cmocka_unit_test(keys_that_return_are_seen),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
