/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Limits from files and texts; names of files; addresses of servers. */
#include "scope_fake.h"

#include "scope/serve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int read_text(const char *text, struct em_scope_limits *l, struct em_error *err)
{
	char path[64];
	FILE *f;
	int status;

	snprintf(path, sizeof(path), "%s/limits.json", fake_folder);
	f = fopen(path, "w");
	fputs(text, f);
	fclose(f);
	status = em_scope_limits_read(l, path, err);
	unlink(path);
	return status;
}

static void limits_are_read(void **state)
{
	struct em_scope_limits l;

	(void)state;
	em_scope_limits_init(&l);
	assert_int_equal(
	    read_text("{\"limits\":{\"stage.x\":[\"-900um\",\"0.9mm\"],\"stage.a\":[\"-30deg\",\"30deg\"]},"
	              "\"clear_z\":\"20um\"}",
	              &l, NULL),
	    0);
	assert_true(l.lo[EM_STAGE_X] == -900 * 1e-6 && l.hi[EM_STAGE_X] == 0.9 * 1e-3);
	assert_true(fabs(l.hi[EM_STAGE_A] - 0.5235987755982988) < 1e-15 && fabs(l.clear_z - 20e-6) < 1e-18);
	assert_true(isnan(l.lo[EM_STAGE_Y]));
	/* narrower in turn, never wider */
	assert_int_equal(em_scope_limits_add(&l, "stage.x", "-2mm", "10um", NULL), 0);
	assert_true(l.lo[EM_STAGE_X] == -900 * 1e-6 && l.hi[EM_STAGE_X] == 10 * 1e-6);
}

static void a_slip_of_the_pen_is_an_error(void **state)
{
	static const char *const bad[] = {
	    "",
	    "[]",
	    "{\"limit\":{}}",
	    "{\"limits\":[]}",
	    "{\"limits\":{\"stage.q\":[\"-1um\",\"1um\"]}}",
	    "{\"limits\":{\"stage.x\":[\"-1um\"]}}",
	    "{\"limits\":{\"stage.x\":[-1,1]}}",
	    "{\"limits\":{\"stage.x\":[\"-1\",\"1\"]}}",
	    "{\"limits\":{\"stage.x\":[\"-1deg\",\"1deg\"]}}",
	    "{\"limits\":{\"stage.x\":[\"1um\",\"-1um\"]}}",
	    "{\"limits\":{\"stage.x\":[\"nan\",\"1um\"]}}",
	    "{\"clear_z\":20}",
	    "{\"limits\":{\"stage.x\":[\"-1um\",\"1um\"]},\"clear_z\":\"20um\"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct em_scope_limits l;
		struct em_error err = {0};

		em_scope_limits_init(&l);
		assert_int_equal(read_text(bad[i], &l, &err), -1);
		assert_int_equal(err.kind, EM_ERROR_DATA);
		assert_true(isnan(l.lo[EM_STAGE_X]));
	}
}

/* A server is open for days, and holders have other limits. */
static void limits_are_those_of_now(void **state)
{
	struct em_scope_settings set = {.command = "test", .state_dir = fake_folder};
	struct em_controls want = {0}, got;
	struct em_error err = {0};
	struct em_scope *scope;

	(void)state;
	fake_init();
	em_scope_limits_init(&set.limits);
	assert_int_equal(em_scope_open_kind(&fake_kind, "fake:", &set, &scope, NULL), 0);
	em_controls_set(&want, EM_STAGE_X, 20e-6);
	assert_int_equal(em_scope_move(scope, &want, &got, NULL), 0);
	fake.narrow = true;
	assert_int_equal(em_scope_move(scope, &want, &got, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_REFUSED);
	em_scope_close(scope);
}

/* ---- files of an instrument ---- */

static void check_same_file(const char *a, const char *b, bool same)
{
	char *pa = em_scope_file("d", a, "lock"), *pb = em_scope_file("d", b, "lock");

	assert_int_equal(!strcmp(pa, pb), same);
	assert_null(strchr(pa + 2, '/'));
	assert_true(strlen(pa) < 120);
	free(pa);
	free(pb);
}

static void an_instrument_has_its_files(void **state)
{
	char longest[5000], other[5000], *public;

	(void)state;
	memset(longest, 'a', sizeof(longest));
	memcpy(longest, "sim:", 4);
	longest[sizeof(longest) - 1] = '\0';
	memcpy(other, longest, sizeof(other));
	other[sizeof(other) - 2] = 'b';
	check_same_file("http://h:8080", "http://h:8080/", true);
	check_same_file("http://secret@h:8080", "http://h:8080", true);
	check_same_file("http://h:8080", "http://h:8081", false);
	/* one server, however it is written: its port left out, capitals, a speed of one's own */
	check_same_file("http://h", "http://h:8080", true);
	check_same_file("http://H:8080?speed=0.1", "http://h", true);
	check_same_file("http://localhost", "http://127.0.0.1:8080", true);
	check_same_file("http://localhosts", "http://127.0.0.1:8080", false);
	check_same_file("http://[::1]", "http://[::1]:8080", true);
	check_same_file("rpc://h", "rpc://h:9094", true);
	check_same_file("rpc://h", "rpc://h:8080", false);
	check_same_file("jeol://h?bridge=pc", "jeol://h:49226", true);
	check_same_file("sim", "sim:", true);
	check_same_file("sim:a/b", "sim:a-b", false);
	check_same_file("sim:../../x", "sim:", false);
	check_same_file(longest, other, false);
	/* how a simulator behaves makes it no other one */
	check_same_file("sim:", "sim:?clock=virtual&fault=drop@3", true);
	check_same_file("sim:?seed=2", "sim:?clock=virtual&seed=2", true);
	check_same_file("sim:", "sim:?seed=1", true);
	check_same_file("sim:", "sim:?holder=double&mechanics=real", true);
	check_same_file("sim:?holder=single&seed=2", "sim:?seed=2&holder=single", true);
	check_same_file("sim:?mechanics=ideal", "sim:", false);
	/* files are the same from whichever folder, and a state is of one microscope */
	check_same_file("sim:?state=a", "sim:?seed=2&holder=single&state=./a", true);
	check_same_file("sim:?state=a", "sim:?state=b", false);
	check_same_file("sim:a.json", "sim:./a.json", true);
	check_same_file("sim:a.json", "sim:/a.json", false);
	check_same_file("sim:?seed=2&state=a", "sim:?seed=2&clock=real&state=a", true);
	check_same_file("sim:?seed=2", "sim:?seed=3", false);
	check_same_file("sim:?seed=2", "sim:?seeds=2", false);
	check_same_file("sim:a.json?seed=2", "sim:b.json?seed=2", false);
	check_same_file("http://h?speed=0.2", "http://h", true);
	public = em_scope_public_url("http://user:token@host:80/a@b");
	assert_string_equal(public, "http://host:80/a@b");
	free(public);
}

/* ---- addresses ---- */

static void servers_stay_at_home(void **state)
{
	static const struct {
		const char *listen, *token, *host, *port; /* host NULL: refused */
	} cases[] = {{NULL, NULL, "127.0.0.1", "8080"},
	             {"", NULL, "127.0.0.1", "8080"},
	             {"9000", NULL, "127.0.0.1", "9000"},
	             {":9000", NULL, "127.0.0.1", "9000"},
	             {"127.0.0.2", NULL, "127.0.0.2", "8080"},
	             {"localhost:0", NULL, "127.0.0.1", "0"},
	             {"[::1]:81", NULL, "::1", "81"},
	             {"::1", NULL, "::1", "8080"},
	             {"0.0.0.0:80", NULL, NULL, NULL},
	             {"0.0.0.0:80", "t", "0.0.0.0", "80"},
	             {"0.0.0.0:80", "", NULL, NULL},
	             {"[::]:80", NULL, NULL, NULL},
	             {"10.0.0.1", NULL, NULL, NULL},
	             {"::ffff:127.0.0.1", NULL, NULL, NULL},
	             {"host.example:80", "t", NULL, NULL},
	             {"127.0.0.1:65536", NULL, NULL, NULL},
	             {"127.0.0.1:x", NULL, NULL, NULL},
	             {"[::1", NULL, NULL, NULL},
	             {"[::1]x", NULL, NULL, NULL},
	             {"127.1", NULL, NULL, NULL}};
	struct em_server_kind kind = {.name = "http", .port = "8080", .has_token = true};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct em_serve_settings s = {.token = cases[i].token};
		struct em_error err = {0};
		int status = em_serve_address(&kind, cases[i].listen, &s, &err);

		assert_int_equal(status, cases[i].host ? 0 : -1);
		if (status) {
			assert_int_equal(err.kind, EM_ERROR_USAGE);
			continue;
		}
		assert_string_equal(s.host, cases[i].host);
		assert_string_equal(s.port, cases[i].port);
	}
	kind.has_token = false;
	struct em_serve_settings s = {.token = "t"};
	assert_int_equal(em_serve_address(&kind, "0.0.0.0", &s, NULL), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(limits_are_read),         cmocka_unit_test(a_slip_of_the_pen_is_an_error),
	    cmocka_unit_test(limits_are_those_of_now), cmocka_unit_test(an_instrument_has_its_files),
	    cmocka_unit_test(servers_stay_at_home),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, fake_make_folder, fake_remove_folder);
}
