/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/sim/options.h"

#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int hex(char c)
{
	const char *digits = "0123456789abcdef0123456789ABCDEF", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) % 16 : -1;
}

/* s[0..n) without its %XX, owned; NULL where one of them is none or is the end of a string. */
static char *decode(const char *s, size_t n)
{
	char *out = malloc(n + 1), *to = out;

	for (size_t i = 0; out && i < n; i++) {
		int hi = s[i] == '%' && n - i > 2 ? hex(s[i + 1]) : -1, lo = hi < 0 ? -1 : hex(s[i + 2]);

		if (s[i] == '%' && (lo < 0 || !(hi | lo))) {
			free(out);
			return NULL;
		}
		*to++ = s[i] == '%' ? (char)(16 * hi + lo) : s[i];
		i += s[i] == '%' ? 2 : 0;
	}
	if (out)
		*to = 0;
	return out;
}

/* One of the words of `words`, which are parted by '|': its place, or -1. */
static int word_of(const char *words, const char *word)
{
	for (int i = 0;; i++) {
		size_t n = strcspn(words, "|");

		if (strlen(word) == n && !strncmp(words, word, n))
			return i;
		if (!words[n])
			return -1;
		words += n + 1;
	}
}

static int parse_choice(const char *key, const char *words, const char *value, int *choice, struct em_error *err)
{
	*choice = word_of(words, value);
	return *choice >= 0 ? 0 : em_error_set(err, EM_ERROR_USAGE, "%s=%.60s: it is one of %s", key, value, words);
}

static int parse_number(const char *key, const char *value, double scale, double *v, struct em_error *err)
{
	char *end;
	double number = strtod(value, &end);

	if (end == value || *end || !(number >= 0 && number * scale < 1e40))
		return em_error_set(err, EM_ERROR_USAGE, "%s=%.60s: it is a number, 0 or more", key, value);
	*v = number * scale;
	return 0;
}

static int parse_whole(const char *key, const char *value, uint64_t *to, struct em_error *err)
{
	char *end;

	errno = 0;
	*to = strtoull(value, &end, 10);
	if (end == value || *end || errno || *value == '-')
		return em_error_set(err, EM_ERROR_USAGE, "%s=%.60s: it is a whole number, 0 or more", key, value);
	return 0;
}

static int take_text(char **to, const char *value, const char *key, struct em_error *err)
{
	if (!*value)
		return em_error_set(err, EM_ERROR_USAGE, "%s= needs a file", key);
	free(*to);
	*to = strdup(value);
	return *to ? 0 : em_error_memory(err, strlen(value));
}

/* ---- one function an option ---- */

static int parse_clock(struct em_sim_options *o, const char *value, struct em_error *err)
{
	int i;

	if (parse_choice("clock", "real|virtual", value, &i, err))
		return -1;
	o->virtual_clock = i == 1;
	return 0;
}

static int parse_contamination(struct em_sim_options *o, const char *value, struct em_error *err)
{
	return parse_number("contamination", value, 1e-9 / 1e25, &o->contamination, err);
}

static int parse_disorder(struct em_sim_options *o, const char *value, struct em_error *err)
{
	return parse_number("disorder", value, 1, &o->disorder, err);
}

static int parse_drift(struct em_sim_options *o, const char *value, struct em_error *err)
{
	return parse_number("drift", value, 1e-9, &o->drift, err);
}

static int parse_fault(struct em_sim_options *o, const char *value, struct em_error *err)
{
	return em_sim_faults_parse(&o->faults, value, err);
}

static int parse_faults(struct em_sim_options *o, const char *value, struct em_error *err)
{
	o->faults.drawn = true;
	return parse_whole("faults", value, &o->faults.seed, err);
}

static int parse_holder(struct em_sim_options *o, const char *value, struct em_error *err)
{
	int i;

	if (parse_choice("holder", "double|single|tomography", value, &i, err))
		return -1;
	o->holder = (enum em_sim_holder)i;
	return 0;
}

static int parse_mechanics(struct em_sim_options *o, const char *value, struct em_error *err)
{
	int i;

	if (parse_choice("mechanics", "real|ideal", value, &i, err))
		return -1;
	o->ideal = i == 1;
	return 0;
}

static int parse_reaction(struct em_sim_options *o, const char *value, struct em_error *err)
{
	return parse_number("reaction", value, 1, &o->reaction, err);
}

static int parse_seed(struct em_sim_options *o, const char *value, struct em_error *err)
{
	o->has_seed = true;
	return parse_whole("seed", value, &o->seed, err);
}

static int parse_sequence(struct em_sim_options *o, const char *value, struct em_error *err)
{
	int i;

	if (parse_choice("sequence", "on|off", value, &i, err))
		return -1;
	o->at_once = i == 1;
	return 0;
}

static int parse_state(struct em_sim_options *o, const char *value, struct em_error *err)
{
	return take_text(&o->state, value, "state", err);
}

static int parse_truth(struct em_sim_options *o, const char *value, struct em_error *err)
{
	int i = word_of("off|on", value);

	o->truth = i != 0;
	return i >= 0 ? 0 : take_text(&o->truth_log, value, "truth", err);
}

static const struct {
	const char *name;
	int (*parse)(struct em_sim_options *o, const char *value, struct em_error *err);
} options[] = {
    {"clock", parse_clock},       {"contamination", parse_contamination},
    {"disorder", parse_disorder}, {"drift", parse_drift},
    {"fault", parse_fault},       {"faults", parse_faults},
    {"holder", parse_holder},     {"mechanics", parse_mechanics},
    {"reaction", parse_reaction}, {"seed", parse_seed},
    {"sequence", parse_sequence}, {"state", parse_state},
    {"truth", parse_truth},
};
#define OPTIONS (sizeof(options) / sizeof(*options))

static int parse_option(struct em_sim_options *o, const char *key, const char *value, struct em_error *err)
{
	struct em_text names = {0};

	for (size_t i = 0; i < OPTIONS; i++)
		if (!strcmp(key, options[i].name))
			return options[i].parse(o, value, err);
	for (size_t i = 0; i < OPTIONS; i++)
		em_text_printf(&names, "%s%s", i ? ", " : "", options[i].name);
	em_error_set(err, EM_ERROR_USAGE, "there is no option '%.60s': they are %s", key, em_text_get(&names));
	em_text_release(&names);
	return -1;
}

static int parse_pair(struct em_sim_options *o, const char *at, size_t n, struct em_error *err)
{
	char *pair = decode(at, n), *equals = pair ? strchr(pair, '=') : NULL;
	int status;

	if (!equals) {
		free(pair);
		return em_error_set(err, EM_ERROR_USAGE, "'%.*s': write KEY=VALUE", (int)(n < 60 ? n : 60), at);
	}
	*equals = 0;
	status = parse_option(o, pair, equals + 1, err);
	free(pair);
	return status;
}

static int parse_pairs(struct em_sim_options *o, const char *at, struct em_error *err)
{
	for (;;) {
		size_t n = strcspn(at, "&");

		if (n && parse_pair(o, at, n, err))
			return -1;
		if (!at[n])
			return 0;
		at += n + 1;
	}
}

int em_sim_options_parse(struct em_sim_options *o, const char *rest, struct em_error *err)
{
	size_t n = strcspn(rest, "?");
	struct em_sim_options made = {
	    .truth = true, .seed = 1, .drift = 0.15e-9, .disorder = 1e25, .contamination = 3e-9 / 1e25};

	if (n && !(made.specimen = decode(rest, n)))
		return em_error_set(err, EM_ERROR_USAGE, "sim:%.*s: it is no file's name", (int)(n < 200 ? n : 200),
		                    rest);
	if (rest[n] && parse_pairs(&made, rest + n + 1, err)) {
		em_sim_options_release(&made);
		return -1;
	}
	*o = made;
	return 0;
}

/* A file by the path from the root, whichever folder this process is in; as it is where its folder is not there. */
static void put_path(struct em_text *t, const char *path)
{
	const char *name = strrchr(path, '/');
	char *folder = name ? strndup(path, (size_t)(name - path) + 1) : strdup("."), *real;

	real = folder ? realpath(folder, NULL) : NULL;
	name = name ? name + 1 : path;
	em_text_printf(t, "%s/%s", real ? strcmp(real, "/") ? real : "" : ".", real ? name : path);
	free(folder);
	free(real);
}

static void put_key(struct em_text *t, char *mark, const char *key, const char *value)
{
	em_text_printf(t, "%c%s=%s", *mark, key, value);
	*mark = '&';
}

void em_sim_options_put_identity(const struct em_sim_options *o, struct em_text *t)
{
	char mark = '?', seed[24];

	if (o->state) {
		em_text_append(t, "?state=");
		put_path(t, o->state);
		return;
	}
	if (o->specimen)
		put_path(t, o->specimen);
	snprintf(seed, sizeof(seed), "%llu", (unsigned long long)o->seed);
	if (o->seed != 1)
		put_key(t, &mark, "seed", seed);
	if (o->holder != EM_SIM_DOUBLE_TILT)
		put_key(t, &mark, "holder", o->holder == EM_SIM_SINGLE_TILT ? "single" : "tomography");
	if (o->ideal)
		put_key(t, &mark, "mechanics", "ideal");
}

void em_sim_options_release(struct em_sim_options *o)
{
	free(o->specimen);
	free(o->state);
	free(o->truth_log);
	*o = (struct em_sim_options){0};
}
