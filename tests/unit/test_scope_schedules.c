/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two thousand moves over an instrument that goes wrong at random times. */
#include "scope_fake.h"

#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct em_scope *scope;

static int setup(void **state)
{
	struct em_scope_settings s = {.command = "test", .state_dir = fake_folder};

	(void)state;
	em_scope_limits_init(&s.limits);
	fake_init();
	return em_scope_open_kind(&fake_kind, "fake:", &s, &scope, NULL);
}

static int teardown(void **state)
{
	(void)state;
	em_scope_close(scope);
	return 0;
}

/* Every fault at random times over many moves: "done" means there. */
static void seeded_schedules(void **state)
{
	struct em_random r;
	struct em_error err;
	size_t done = 0, failed = 0;

	(void)state;
	em_random_seed(&r, 7, 0);
	fake_init();
	for (int i = 0; i < 2000; i++) {
		double x = (em_random_uniform(&r) - 0.5) * 400e-6, begun = fake.now,
		       far = fabs(x - fake.value[EM_STAGE_X]);
		struct em_controls want = {0}, got;

		fake.fault =
		    em_random_uniform(&r) < 0.5 ? FAKE_FINE : (enum fake_fault)(em_random_uniform(&r) * FAKE_FAULTS);
		fake.lag = 0.5 * em_random_uniform(&r);
		fake.gap = 0.4 * em_random_uniform(&r);
		em_controls_set(&want, EM_STAGE_X, x);
		if (em_random_uniform(&r) < 0.3)
			em_controls_set(&want, EM_STAGE_Y, x / 2);
		err = (struct em_error){0};
		if (em_scope_move(scope, &want, &got, &err)) {
			failed++;
		} else {
			assert_true(fabs(fake.value[EM_STAGE_X] - x) <= 200e-9 && !fake_moves(fake.now));
			done++;
		}
		/* three times the slowest stage's time and what the calls may take */
		assert_true(fake.now - begun < 2 * (3 * (2 + 1.5 * far / 20e-6) + 5) + 20);
		fake.fault = FAKE_FINE;
		fake_stop(NULL, 1, NULL);
	}
	assert_true(done > 800 && failed > 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(seeded_schedules, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, fake_make_folder, fake_remove_folder);
}
