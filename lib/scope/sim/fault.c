/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/sim/fault.h"

#include "base/random.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	double usual, lo, hi; /* of the value */
} table[EM_SIM_FAULTS] = {
    [EM_SIM_NO_FAULT] = {"none", 0, 0, 0},     [EM_SIM_REFUSE] = {"refuse", 0, 0, 0},
    [EM_SIM_BUSY] = {"busy", 0, 0, 0},         [EM_SIM_DROP] = {"drop", 0, 0, 0},
    [EM_SIM_HALF] = {"half", 0, 0, 0},         [EM_SIM_STALL] = {"stall", 30, 0, 1e6},
    [EM_SIM_IGNORE] = {"ignore", 0, 0, 0},     [EM_SIM_CLAMP] = {"clamp", 0.1, 0, 1},
    [EM_SIM_SHORT] = {"short", 0.8, 0, 1},     [EM_SIM_NAN] = {"nan", 0, 0, 0},
    [EM_SIM_LIMITER] = {"limiter", 0.8, 0, 1}, [EM_SIM_RETRACTED] = {"retracted", 0, 0, 0},
};

static enum em_sim_fault find(const char *name, size_t n)
{
	for (int i = EM_SIM_REFUSE; i < EM_SIM_FAULTS; i++)
		if (strlen(table[i].name) == n && !strncmp(table[i].name, name, n))
			return (enum em_sim_fault)i;
	return EM_SIM_NO_FAULT;
}

/* "3" or "3-5"; what stands after it, NULL where it is none. */
static const char *parse_calls(const char *at, uint64_t *from, uint64_t *to)
{
	char *end;

	errno = 0;
	*from = *to = strtoull(at, &end, 10);
	if (end == at || *at == '-' || *at == '+')
		return NULL;
	if (*end == '-') {
		at = end + 1;
		*to = strtoull(at, &end, 10);
		if (end == at || *at == '-' || *at == '+')
			return NULL;
	}
	return errno || *from < 1 || *to < *from ? NULL : end;
}

static int parse_one(struct em_sim_faults *f, const char *at, size_t n, struct em_error *err)
{
	size_t word = strcspn(at, "@,");
	enum em_sim_fault kind = find(at, word);
	uint64_t from, to;
	const char *rest = at[word] == '@' ? parse_calls(at + word + 1, &from, &to) : NULL;
	double value = table[kind].usual;
	char *end = NULL;

	if (f->n == EM_SIM_FAULTS_MAX)
		return em_error_set(err, EM_ERROR_USAGE, "fault: more than %d", EM_SIM_FAULTS_MAX);
	if (rest && *rest == ':' && table[kind].hi > 0) {
		value = strtod(rest + 1, &end);
		rest = end > rest + 1 && value >= table[kind].lo && value <= table[kind].hi ? end : NULL;
	}
	if (kind == EM_SIM_NO_FAULT || rest != at + n)
		return em_error_set(err, EM_ERROR_USAGE, "fault=%.*s: write KIND@CALL, as in stall@5:30",
		                    (int)(n < 60 ? n : 60), at);
	f->list[f->n].kind = kind;
	f->list[f->n].from = from;
	f->list[f->n].to = to;
	f->list[f->n++].value = value;
	return 0;
}

int em_sim_faults_parse(struct em_sim_faults *f, const char *text, struct em_error *err)
{
	for (;;) {
		size_t n = strcspn(text, ",");

		if (parse_one(f, text, n, err))
			return -1;
		if (!text[n])
			return 0;
		text += n + 1;
	}
}

static enum em_sim_fault draw(uint64_t seed, uint64_t call, double *value)
{
	struct em_random r;
	enum em_sim_fault kind;

	em_random_seed(&r, seed, call);
	if (!em_random_chance(&r, 0.125))
		return EM_SIM_NO_FAULT;
	kind = (enum em_sim_fault)(EM_SIM_REFUSE + em_random_below(&r, EM_SIM_FAULTS - EM_SIM_REFUSE));
	*value = table[kind].usual;
	if (kind == EM_SIM_STALL)
		*value = em_random_log_between(&r, 0.1, 100);
	else if (table[kind].hi > 0)
		*value = em_random_uniform(&r);
	return kind;
}

enum em_sim_fault em_sim_fault_at(const struct em_sim_faults *f, uint64_t call, double *value)
{
	*value = 0;
	for (size_t i = 0; i < f->n; i++)
		if (call >= f->list[i].from && call <= f->list[i].to) {
			*value = f->list[i].value;
			return f->list[i].kind;
		}
	return f->drawn ? draw(f->seed, call, value) : EM_SIM_NO_FAULT;
}
