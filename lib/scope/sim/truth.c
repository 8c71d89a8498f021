/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/sim/truth.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define LONGEST 65536 /* bytes that a snapshot may have been */

static void put(struct em_text *t, const char *name, double v)
{
	em_json_put_name(t, name);
	em_json_put_number(t, v);
}

static void put_pair(struct em_text *t, const char *name, const double *v, size_t n)
{
	em_json_put_name(t, name);
	em_json_put_numbers(t, v, n);
}

static void put_axes(struct em_text *t, const char *name, const double *v)
{
	static const char *const names[EM_SIM_AXES] = {"x_m", "y_m", "z_m", "a_rad", "b_rad"};

	em_json_put_name(t, name);
	em_text_append(t, "{");
	for (int i = 0; i < EM_SIM_AXES; i++)
		put(t, names[i], v[i]);
	em_text_append(t, "}");
}

static void put_stage(struct em_text *t, const struct em_sim_model *m, const struct em_sim_state *s)
{
	double at[EM_SIM_AXES], drive[EM_SIM_AXES], drift[EM_SIM_AXES];
	struct em_sim_pose pose;

	for (int i = 0; i < EM_SIM_AXES; i++) {
		drive[i] = em_sim_stage_drive(m, &s->stage, i, s->time);
		drift[i] = em_sim_axis_drift(&m->axis[i], s->time);
		at[i] = em_sim_stage_true(m, &s->stage, i, s->time);
	}
	put_axes(t, "stage", at);
	put_axes(t, "drive", drive);
	put_axes(t, "drift", drift);
	em_json_put_name(t, "moving");
	em_json_put_bool(t, em_sim_stage_moves(m, &s->stage, s->time));
	em_json_put_name(t, "limited");
	em_json_put_bool(t, s->stage.limited != 0);
	em_sim_stage_pose(m, &s->stage, s->time, &pose);
	em_json_put_name(t, "under_beam");
	em_text_append(t, "{");
	put(t, "x_m", pose.x);
	put(t, "y_m", pose.y);
	put(t, "a_rad", pose.a);
	put(t, "b_rad", pose.b);
	put(t, "height_m", pose.height);
	em_text_append(t, "}");
}

static void put_view(struct em_text *t, const struct em_sim_view *v)
{
	static const char *const signals[] = {"image", "pattern", "scan", "loss"};

	em_json_put_name(t, "signal");
	em_json_put_string(t, signals[v->signal]);
	put(t, "width", (double)v->width);
	put(t, "height", (double)v->height);
	put(t, "x", v->x);
	put(t, "y", v->y);
	put(t, "a", v->a);
	put(t, "b", v->b);
	put_pair(t, "drift", v->drift, 2);
	put_pair(t, "plane", &v->plane[0][0], 4);
	put(t, "pixel", v->pixel);
	put(t, "defocus", v->defocus);
	put_pair(t, "astigmatism", v->astigmatism, 2);
	put(t, "convergence", v->convergence);
	put_pair(t, "pattern", v->pattern, 2);
	put(t, "seconds", v->seconds);
	put(t, "dwell", v->dwell);
	put(t, "flyback", v->flyback);
	put(t, "electrons", v->electrons);
	put(t, "energy_offset", v->energy_offset);
	put(t, "dispersion", v->dispersion);
	put(t, "reaction", v->reaction);
	put(t, "disorder", em_sim_view_disorder(v, v->x, v->y));
	put(t, "contamination_m", em_sim_view_deposit(v, v->x, v->y));
	put(t, "time", v->time);
}

static void put_exposure(struct em_text *t, const struct em_sim_plan *plan, const struct em_sim_world *world)
{
	em_json_put_name(t, "exposure");
	em_text_append(t, "{");
	em_json_put_name(t, "detector");
	em_json_put_string(t, plan->detector->name);
	put_view(t, &plan->view);
	em_json_put_name(t, "specimen");
	em_sim_world_describe(world, &plan->view, t);
	em_text_append(t, "}");
}

void em_sim_truth_put(struct em_text *t, const struct em_sim_model *m, const struct em_sim_options *o,
                      const struct em_sim_state *s, const struct em_sim_plan *plan, const struct em_sim_world *world)
{
	em_text_append(t, "{");
	put(t, "time_s", s->time);
	put_stage(t, m, s);
	put(t, "reaction", em_sim_reaction(o, s->time));
	put(t, "electrons", s->electrons);
	put(t, "exposures", s->exposures);
	put(t, "calls", s->calls);
	if (plan)
		put_exposure(t, plan, world);
	em_text_append(t, "}\n");
}

/* ---- files ---- */

/* In one write, which a kill does not part.  A shorter text than the one before is filled up with blanks; to replace
 * the file by another would be tidier, and makes common file systems wait for the disc: 3 ms, for a set of 30 us. */
static int write_text(const char *path, int flags, const struct em_text *json, struct em_error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0666);
	struct em_text t = {0};
	struct stat is;
	int status = 0;

	if (fd < 0 || fstat(fd, &is))
		status = em_error_errno(err, "cannot open the ground truth '%s'", path);
	if (!status) {
		em_text_append_bytes(&t, json->s, json->len);
		if (!flags && is.st_size > (off_t)json->len && is.st_size < LONGEST)
			em_text_printf(&t, "%*s", (int)(is.st_size - (off_t)json->len), "");
		status = em_text_check(&t, err);
	}
	if (!status && write(fd, t.s, t.len) != (ssize_t)t.len)
		status = em_error_errno(err, "cannot write the ground truth '%s'", path);
	em_text_release(&t);
	if (fd >= 0)
		close(fd);
	return status;
}

int em_sim_truth_write(const char *path, const struct em_text *json, struct em_error *err)
{
	return write_text(path, 0, json, err);
}

int em_sim_truth_append(const char *path, const struct em_text *json, struct em_error *err)
{
	return write_text(path, O_APPEND, json, err);
}
