/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/instamatic.h"

#include "scope/clock.h"
#include "scope/http.h"
#include "scope/socket.h"
#include "scope/url_options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_MAX ((size_t)1 << 20)
#define DEGREE (3.14159265358979323846 / 180)
#define NM 1e-9
#define MM 1e-3
#define FULL_COUNT 65535.0

struct instamatic {
	struct em_http_peer tem, camera;
	bool has_camera;
};

struct reply {
	struct em_text text;
	struct em_temscript_reply json; /* borrows from text */
	const struct em_json *value;
};

/* ---- asking ---- */

static void release(struct reply *r)
{
	em_temscript_reply_release(&r->json);
	em_text_release(&r->text);
}

static int receive(const struct em_socket *s, struct em_text *t, struct em_error *err)
{
	long extent = 0;

	while (!extent) {
		int more = em_socket_receive(s, t, err);

		if (more < 0)
			return -1;
		if (t->len > REPLY_MAX)
			return em_error_set(err, EM_ERROR_DATA, "a reply of more than %zu bytes", REPLY_MAX);
		extent = more ? em_instamatic_extent(em_text_get(t), t->len, err) : -1;
		if (!more)
			em_error_set(err, EM_ERROR_UNREACHABLE, "it closed the connection without a whole reply");
	}
	if (extent > 0)
		t->len = (size_t)extent;
	return extent > 0 ? 0 : -1;
}

/* Takes the request: it is released. */
static int exchange(const struct em_http_peer *peer, struct em_text *request, double ends, struct em_text *answer,
                    struct em_error *err)
{
	struct em_socket s = {-1, ends, NULL};
	int rc = em_text_check(request, err);

	if (!rc && request->len > EM_INSTAMATIC_REQUEST_MAX)
		rc = em_error_set(err, EM_ERROR_USAGE, "a request of more than %d bytes", EM_INSTAMATIC_REQUEST_MAX);
	if (!rc)
		rc = em_socket_connect(&s, peer->host, peer->port, err);
	if (!rc)
		rc = em_socket_send(&s, request->s, request->len, err) || receive(&s, answer, err) ? -1 : 0;
	em_socket_close(&s);
	em_text_release(request);
	return rc;
}

static int ask_peer(const struct em_http_peer *peer, struct em_text *request, const char *name, double ends,
                    struct reply *reply, struct em_error *err)
{
	struct reply got = {0};
	int rc = exchange(peer, request, ends, &got.text, err);

	if (!rc)
		rc = em_instamatic_read_reply(&got.json, em_text_get(&got.text), got.text.len, &got.value, err);
	if (rc) {
		release(&got);
		return em_error_prefix(err, "%s: ", name);
	}
	*reply = got;
	return 0;
}

/* rest: `"args":[7]`, `"kwargs":{...}` or NULL. */
static int ask_tem(const struct instamatic *t, const char *name, const char *rest, double ends, struct reply *reply,
                   struct em_error *err)
{
	struct em_text request = {0};

	em_text_printf(&request, "{\"func_name\":\"%s\"%s%s}", name, rest ? "," : "", rest ? rest : "");
	return ask_peer(&t->tem, &request, name, ends, reply, err);
}

static int tell_tem(const struct instamatic *t, const char *name, const char *rest, double ends, struct em_error *err)
{
	struct reply reply;

	if (ask_tem(t, name, rest, ends, &reply, err))
		return -1;
	release(&reply);
	return 0;
}

static int ask_camera(const struct instamatic *t, const char *name, const char *rest, double ends, struct reply *reply,
                      struct em_error *err)
{
	struct em_text request = {0};

	em_text_printf(&request, "{\"attr_name\":\"%s\"%s%s}", name, rest ? "," : "", rest ? rest : "");
	return ask_peer(&t->camera, &request, name, ends, reply, err);
}

/* ---- controls that have a function of their own ---- */

static const struct simple {
	enum em_control control;
	const char *get, *set; /* set NULL: there is none */
	double si;             /* in one unit of the wire */
	enum { NUMBER, WHOLE, SWITCH, SCREEN } type;
} simple[] = {
    {EM_VOLTAGE, "getHTValue", NULL, 1, NUMBER},
    {EM_SPOT_SIZE, "getSpotSize", "setSpotSize", 1, WHOLE},
    {EM_INTENSITY, "getBrightness", "setBrightness", 1 / FULL_COUNT, WHOLE},
    {EM_BLANKED, "isBeamBlanked", "setBeamBlank", 1, SWITCH},
    {EM_SCREEN_DOWN, "getScreenPosition", "setScreenPosition", 1, SCREEN},
};
#define SIMPLE (sizeof(simple) / sizeof(*simple))

static bool value_of(const struct simple *s, const struct em_json *node, double *v)
{
	const char *word = em_json_string(node);

	if (s->type == SCREEN) {
		*v = word && !strcmp(word, "down");
		return word && (*v != 0 || !strcmp(word, "up"));
	}
	if (s->type == SWITCH && !em_json_number(node, v)) {
		*v = em_json_is_true(node);
		return node && !word && !em_json_is_array(node) && !em_json_is_object(node);
	}
	if (!em_json_number(node, v))
		return false;
	*v *= s->si;
	return isfinite(*v);
}

static int get_simple(const struct instamatic *t, const struct simple *s, double ends, struct em_controls *got,
                      struct em_error *err)
{
	struct reply reply;
	double v;

	if (ask_tem(t, s->get, NULL, ends, &reply, err))
		return -1;
	if (value_of(s, reply.value, &v))
		em_controls_set(got, s->control, v);
	release(&reply);
	return 0;
}

static int set_simple(const struct instamatic *t, const struct simple *s, double value, double ends,
                      struct em_error *err)
{
	char args[64];

	switch (s->type) {
	case SCREEN: snprintf(args, sizeof(args), "\"args\":[\"%s\"]", value != 0 ? "down" : "up"); break;
	case SWITCH: snprintf(args, sizeof(args), "\"args\":[%s]", value != 0 ? "true" : "false"); break;
	case WHOLE: snprintf(args, sizeof(args), "\"args\":[%.15g]", rint(value / s->si)); break;
	default: snprintf(args, sizeof(args), "\"args\":[%.9g]", value / s->si);
	}
	return tell_tem(t, s->set, args, ends, err);
}

/* ---- modes and magnifications ---- */

static int is_diffraction(const struct instamatic *t, double ends, bool *diffraction, struct em_error *err)
{
	struct reply reply;
	const char *mode;
	int rc = 0;

	if (ask_tem(t, "getFunctionMode", NULL, ends, &reply, err))
		return -1;
	mode = em_json_string(reply.value);
	if (mode)
		*diffraction = !strcmp(mode, "diff");
	else
		rc = em_error_set(err, EM_ERROR_DATA, "getFunctionMode: no name of a mode");
	release(&reply);
	return rc;
}

/* What is called magnification is the camera length in diffraction. */
static int get_modes(const struct instamatic *t, const struct em_controls *want, double ends, struct em_controls *got,
                     struct em_error *err)
{
	struct reply reply;
	bool diffraction;
	double v;

	if (!want->known[EM_PROJECTION] && !want->known[EM_MAGNIFICATION] && !want->known[EM_CAMERA_LENGTH])
		return 0;
	if (is_diffraction(t, ends, &diffraction, err))
		return -1;
	if (want->known[EM_PROJECTION])
		em_controls_set(got, EM_PROJECTION, diffraction);
	if (!want->known[diffraction ? EM_CAMERA_LENGTH : EM_MAGNIFICATION])
		return 0;
	if (ask_tem(t, "getMagnification", NULL, ends, &reply, err))
		return -1;
	if (em_json_number(reply.value, &v) && isfinite(v) && v > 0)
		em_controls_set(got, diffraction ? EM_CAMERA_LENGTH : EM_MAGNIFICATION, diffraction ? v * MM : v);
	release(&reply);
	return 0;
}

static int set_magnification(const struct instamatic *t, double wire, double ends, struct em_error *err)
{
	char args[64];

	snprintf(args, sizeof(args), "\"args\":[%.15g]", rint(wire));
	return tell_tem(t, "setMagnification", args, ends, err);
}

static int set_modes(const struct instamatic *t, const struct em_controls *want, double ends, struct em_error *err)
{
	bool is, wanted;

	if (!want->known[EM_PROJECTION] && !want->known[EM_MAGNIFICATION] && !want->known[EM_CAMERA_LENGTH])
		return 0;
	if (is_diffraction(t, ends, &is, err))
		return -1;
	wanted = want->known[EM_PROJECTION] ? want->value[EM_PROJECTION] != 0 : is;
	if (want->known[wanted ? EM_MAGNIFICATION : EM_CAMERA_LENGTH])
		return em_error_set(err, EM_ERROR_REFUSED, "%s can only be set in %s",
		                    wanted ? "a magnification" : "a camera length", wanted ? "imaging" : "diffraction");
	if (wanted != is &&
	    tell_tem(t, "setFunctionMode", wanted ? "\"args\":[\"diff\"]" : "\"args\":[\"mag1\"]", ends, err))
		return -1;
	if (want->known[EM_MAGNIFICATION])
		return set_magnification(t, want->value[EM_MAGNIFICATION], ends, err);
	return want->known[EM_CAMERA_LENGTH] ? set_magnification(t, want->value[EM_CAMERA_LENGTH] / MM, ends, err) : 0;
}

/* ---- the stage ---- */

static double axis_unit(int c)
{
	return c <= EM_STAGE_Z ? NM : DEGREE;
}

static bool wants_stage(const struct em_controls *want)
{
	for (int c = EM_STAGE_X; c <= EM_STAGE_B; c++)
		if (want->known[c])
			return true;
	return false;
}

static int get_stage(const struct instamatic *t, const struct em_controls *want, double ends, struct em_controls *got,
                     struct em_error *err)
{
	const struct em_json *node;
	struct reply reply;
	double v;

	if (!wants_stage(want))
		return 0;
	if (ask_tem(t, "getStagePosition", NULL, ends, &reply, err))
		return -1;
	node = em_json_first(reply.value);
	for (int c = EM_STAGE_X; c <= EM_STAGE_B; c++, node = em_json_next(node))
		if (want->known[c] && em_json_number(node, &v) && isfinite(v * axis_unit(c)))
			em_controls_set(got, (enum em_control)c, v * axis_unit(c));
	release(&reply);
	return 0;
}

/* Lengths are whole nanometres, as it has them. */
static int set_stage(const struct instamatic *t, const struct em_controls *want, double ends, struct em_error *err)
{
	struct em_text args = {0};
	int rc;

	if (!wants_stage(want))
		return 0;
	em_text_append(&args, "\"kwargs\":{");
	for (int c = EM_STAGE_X; c <= EM_STAGE_B; c++)
		if (want->known[c])
			em_text_printf(&args, c <= EM_STAGE_Z ? "\"%c\":%.0f," : "\"%c\":%.6f,", "xyzab"[c],
			               want -> value[c] / axis_unit(c));
	em_text_append(&args, "\"wait\":false}");
	rc = em_text_check(&args, err) ? -1 : tell_tem(t, "setStagePosition", em_text_get(&args), ends, err);
	em_text_release(&args);
	return rc;
}

static int motion(void *self, double deadline, enum em_motion *m, struct em_error *err)
{
	struct reply reply;

	if (ask_tem(self, "isStageMoving", NULL, em_clock_now() + deadline, &reply, err))
		return -1;
	*m = em_json_is_true(reply.value) ? EM_MOVING : EM_AT_REST;
	release(&reply);
	return 0;
}

/* On a connection of its own, as all are: another call may be waiting. */
static int stop(void *self, double deadline, struct em_error *err)
{
	return tell_tem(self, "stopStage", NULL, em_clock_now() + deadline, err);
}

/* ---- all of it ---- */

static int get(void *self, double deadline, const struct em_controls *want, struct em_controls *got,
               struct em_error *err)
{
	double ends = em_clock_now() + deadline;
	struct em_controls fresh = {0};

	if (get_stage(self, want, ends, &fresh, err) || get_modes(self, want, ends, &fresh, err))
		return -1;
	for (size_t i = 0; i < SIMPLE; i++)
		if (want->known[simple[i].control] && get_simple(self, &simple[i], ends, &fresh, err))
			return -1;
	*got = fresh;
	return 0;
}

static bool is_settable(int c)
{
	for (size_t i = 0; i < SIMPLE; i++)
		if ((int)simple[i].control == c)
			return simple[i].set != NULL;
	return c <= EM_STAGE_B || c == EM_PROJECTION || c == EM_MAGNIFICATION || c == EM_CAMERA_LENGTH;
}

static int set(void *self, double deadline, const struct em_controls *want, struct em_error *err)
{
	double ends = em_clock_now() + deadline;

	for (int c = 0; c < EM_CONTROLS; c++)
		if (want->known[c] && !is_settable(c))
			return em_error_set(err, EM_ERROR_UNSUPPORTED, "%s cannot be set over this wire",
			                    em_control_info((enum em_control)c)->name);
	for (size_t i = 0; i < SIMPLE; i++)
		if (want->known[simple[i].control] &&
		    set_simple(self, &simple[i], want->value[simple[i].control], ends, err))
			return -1;
	return set_modes(self, want, ends, err) || set_stage(self, want, ends, err) ? -1 : 0;
}

/* Without its server there is no camera, and the rest works. */
static void add_camera(const struct instamatic *t, double ends, struct em_capabilities *c)
{
	struct em_detector *d = &c->detector[0];
	struct reply reply;
	double side[3];

	if (!t->has_camera || ask_camera(t, "get_camera_dimensions", NULL, ends, &reply, NULL))
		return;
	if (em_json_numbers(reply.value, side, 3) == 2 && side[0] >= 1 && side[1] >= 1 && side[0] <= 65536 &&
	    side[1] <= 65536) {
		*d = (struct em_detector){"camera", EM_DETECTOR_CAMERA, (size_t)side[0], (size_t)side[1], 0, true};
		c->detectors = 1;
	}
	release(&reply);
}

static int capabilities(void *self, double deadline, struct em_capabilities *c, struct em_error *err)
{
	double ends = em_clock_now() + deadline;
	struct em_capabilities fresh = {.family = "Instamatic", .can_stop = true};
	struct reply reply;
	const char *name;

	if (ask_tem(self, "name", NULL, ends, &reply, err))
		return -1;
	name = em_json_string(reply.value);
	snprintf(fresh.id, sizeof(fresh.id), "%s", name ? name : "");
	release(&reply);
	for (int i = 0; i < EM_CONTROLS; i++)
		fresh.readable.known[i] = fresh.writable.known[i] = is_settable(i);
	fresh.readable.known[EM_VOLTAGE] = true;
	add_camera(self, ends, &fresh);
	*c = fresh;
	return 0;
}

/* ---- pictures ---- */

static int acquire(void *self, double deadline, const struct em_exposure *e, struct em_acquired *a,
                   struct em_error *err)
{
	struct em_acquired got = {.scale = {NAN, NAN},
	                          .offset = NAN,
	                          .to_stage = {{NAN, NAN}, {NAN, NAN}},
	                          .seconds = e->seconds > 0 ? e->seconds : NAN,
	                          .dose = NAN,
	                          .electrons = NAN};
	struct instamatic *t = self;
	struct em_text args = {0};
	struct reply reply;
	int rc;

	if (!t->has_camera)
		return em_error_set(err, EM_ERROR_UNSUPPORTED, "this URL has no camera");
	if (e->width || e->height)
		return em_error_set(err, EM_ERROR_UNSUPPORTED, "its camera gives whole pictures only");
	em_text_append(&args, "\"kwargs\":{");
	if (e->seconds > 0) {
		em_json_put_name(&args, "exposure");
		em_json_put_number(&args, e->seconds);
	}
	if (e->binning) {
		em_json_put_name(&args, "binsize");
		em_json_put_number(&args, (double)e->binning);
	}
	em_text_append(&args, "}");
	rc = em_text_check(&args, err) ||
	     ask_camera(t, "get_image", em_text_get(&args), em_clock_now() + deadline, &reply, err);
	em_text_release(&args);
	if (rc)
		return -1;
	rc = em_instamatic_picture(reply.value, &got.data, err);
	release(&reply);
	if (!rc)
		*a = got;
	return rc;
}

/* ---- open and close ---- */

static const struct em_driver driver = {.name = "instamatic",
                                        .capabilities = capabilities,
                                        .get = get,
                                        .set = set,
                                        .motion = motion,
                                        .stop = stop,
                                        .acquire = acquire,
                                        .close = free};

static int parse_camera(struct instamatic *t, const char *options, struct em_error *err)
{
	struct em_url_option o[] = {{.name = "camera"}};
	char rest[EM_URL_VALUE + 2];
	const char *none;

	if (em_url_options_read(o, 1, options, err))
		return -1;
	t->has_camera = strcmp(o[0].value, "none") != 0;
	t->camera = t->tem;
	snprintf(t->camera.port, sizeof(t->camera.port), "%s", EM_INSTAMATIC_CAMERA_PORT);
	if (!t->has_camera || !*o[0].value)
		return 0;
	snprintf(rest, sizeof(rest), "//%s", o[0].value);
	return em_http_parse_peer(&t->camera, rest, EM_INSTAMATIC_CAMERA_PORT, &none, err);
}

static const struct em_driver *open_instamatic(const char *rest, const char *state_dir, double deadline, void **self,
                                               struct em_error *err)
{
	struct instamatic *t = calloc(1, sizeof(*t));
	const char *options;

	(void)state_dir;
	if (!t) {
		em_error_memory(err, sizeof(*t));
		return NULL;
	}
	if (em_http_parse_peer(&t->tem, rest, EM_INSTAMATIC_PORT, &options, err) || parse_camera(t, options, err) ||
	    tell_tem(t, "name", NULL, em_clock_now() + deadline, err)) {
		free(t);
		return NULL;
	}
	*self = t;
	return &driver;
}

const struct em_driver_kind em_driver_instamatic = {
    .scheme = "instamatic",
    .purpose = "Instamatic's servers, set to JSON: JEOL, FEI, Tecnai, simulators",
    .open = open_instamatic,
    .port = EM_INSTAMATIC_PORT,
};
