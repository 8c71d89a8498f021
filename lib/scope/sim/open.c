/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which microscope it is, and where it lives. */
#include "scope/sim/turn.h"

#include "base/digest.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void em_sim_free(struct em_sim *s)
{
	em_sim_options_release(&s->o);
	em_sim_world_free(s->world);
	free(s->path);
	free(s->truth_path);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* "DIR/sim.state" of the usual microscope; others have a digest of what makes them in the name. */
static int name_state(struct em_sim *s, const char *dir, struct em_error *err)
{
	struct em_text t = {0};
	char digest[EM_DIGEST_HEX];
	bool usual;

	em_sim_options_put_identity(&s->o, &t);
	em_digest_sha256_hex(em_text_get(&t), t.len, digest);
	usual = t.len == 0;
	em_text_clear(&t);
	if (usual)
		em_text_printf(&t, "%s/sim.state", dir);
	else
		em_text_printf(&t, "%s/sim-%.12s.state", dir, digest);
	if (em_text_check(&t, err)) {
		em_text_release(&t);
		return -1;
	}
	s->path = t.s;
	return 0;
}

static int find_state(struct em_sim *s, const char *dir, struct em_error *err)
{
	struct em_text t = {0};

	if (s->o.state && !(s->path = strdup(s->o.state)))
		return em_error_memory(err, strlen(s->o.state));
	if (!s->path && dir && name_state(s, dir, err))
		return -1;
	s->store.path = s->path;
	if (!s->path || !s->o.truth)
		return 0;
	em_text_printf(&t, "%s.truth.json", s->path);
	s->truth_path = t.s;
	return em_text_check(&t, err);
}

/* A state that is there may be asked for without its seed. */
static int find_seed(struct em_sim *s, double deadline, struct em_error *err)
{
	uint64_t seed = s->o.seed;
	struct em_sim_state state;
	bool fresh;

	if (s->o.state && !s->o.has_seed) {
		if (em_sim_store_open(&s->store, deadline, &state, &fresh, err))
			return -1;
		em_sim_store_close(&s->store);
		seed = fresh ? seed : em_sim_state_seed(&state);
	}
	em_sim_model_make(&s->m, &s->o, seed);
	if (em_sim_take(s, deadline, &state, err))
		return -1;
	return em_sim_give(s, &state, err);
}

/* It is read with the first picture; that there is none is told before anything is moved below the wrong one. */
static int check_specimen(const struct em_sim_options *o, struct em_error *err)
{
	return o->specimen && access(o->specimen, R_OK)
	           ? em_error_errno(err, "cannot read the specimen '%s'", o->specimen)
	           : 0;
}

struct em_sim *em_sim_open(const char *rest, const char *state_dir, double deadline, struct em_error *err)
{
	struct em_sim *s = calloc(1, sizeof(*s));

	if (!s) {
		em_error_memory(err, sizeof(*s));
		return NULL;
	}
	pthread_mutex_init(&s->lock, NULL);
	s->store.fd = -1;
	if (em_sim_options_parse(&s->o, rest, err) || check_specimen(&s->o, err) || find_state(s, state_dir, err) ||
	    find_seed(s, deadline, err)) {
		em_sim_free(s);
		return NULL;
	}
	return s;
}
