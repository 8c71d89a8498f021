/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any text as one of the small languages of command lines and URLs, by its first letter: refused as such, with a
 * reason, or what it says is within bounds, and where it can be printed it is the same again.
 */
#include "crystal/area.h"
#include "forecast/alert.h"
#include "eels/background.h"
#include "eels/quant.h"
#include "fuzz_help.h"
#include "scope/http.h"
#include "scope/scope_parts.h"
#include "scope/serve.h"
#include "scope/sim/options.h"
#include "scope/url_options.h"
#include "synth/eels.h"
#include "synth/movie.h"
#include "synth/synth.h"

#include <math.h>

/* Of what was refused. */
static bool refused(int status, const struct em_error *err)
{
	check(!status || (err->kind == EM_ERROR_USAGE && *err->text && strlen(err->text) < sizeof(err->text)));
	return status != 0;
}

/* ---- instruments ---- */

static void as_control(const char *text)
{
	enum em_control c, again;
	struct em_error err = {0};
	struct em_text t = {0};
	double v, same;
	bool relative;

	if (refused(em_control_parse(text, &c, &v, &relative, &err), &err))
		return;
	check(c < EM_CONTROLS && isfinite(v));
	em_text_printf(&t, "%s=", em_control_info(c)->name);
	em_control_print(&t, c, v);
	check(!em_control_parse(em_text_get(&t), &again, &same, &relative, NULL) && again == c && same == v);
	em_text_release(&t);
}

static void as_peer(const char *text)
{
	struct em_url_option o[] = {{.name = "camera"}, {.name = "speed"}};
	struct em_http_peer peer;
	struct em_error err = {0};
	const char *options;

	if (refused(em_http_parse_peer(&peer, text, "80", &options, &err), &err))
		return;
	check(*peer.host && !strpbrk(peer.host, " \r\n/?@") && atoi(peer.port) > 0 && atoi(peer.port) < 65536);
	check(!strpbrk(peer.token, " \r\n"));
	if (!refused(em_url_options_read(o, 2, options, &err), &err))
		check(strlen(o[0].value) + strlen(o[1].value) <= strlen(options));
}

/* No URL leads out of the folder, and none of two files of one name. */
static void as_url(const char *text)
{
	char *path = em_scope_file("d", text, "lock"), *open = em_scope_public_url(text);

	check(path && open && !strncmp(path, "d/", 2) && !strchr(path + 2, '/') && strlen(open) <= strlen(text));
	free(path);
	free(open);
}

static void as_simulator(const char *text)
{
	struct em_sim_options o;
	struct em_error err = {0};
	double value;

	if (refused(em_sim_options_parse(&o, text, &err), &err))
		return;
	check(o.drift >= 0 && o.reaction >= 0 && o.disorder >= 0 && o.faults.n <= EM_SIM_FAULTS_MAX);
	for (uint64_t call = 1; call < 40; call++)
		check(em_sim_fault_at(&o.faults, call, &value) < EM_SIM_FAULTS && value >= 0);
	em_sim_options_release(&o);
}

static void as_listener(const char *text)
{
	const struct em_server_kind *kind;
	struct em_error err = {0};

	for (size_t i = 0; (kind = em_server_kind_at(i)); i++) {
		struct em_serve_settings s = {.token = NULL};

		if (!refused(em_serve_address(kind, text, &s, &err), &err))
			check(!strncmp(s.host, "127.", 4) || strchr(s.host, ':'));
	}
}

/* ---- spectra ---- */

static void ignore(void *ctx, const char *text)
{
	(void)ctx;
	check(*text);
}

/* Placed or not, all windows are, and lie on the axis. */
static void place(struct em_edge *edge, size_t count)
{
	const struct em_energy e = {.channels = 1024, .offset = 200, .scale = 0.5};
	struct em_energy_span span;
	struct em_error err = {0};

	if (em_edges_place(edge, count, &e, &err)) {
		check(err.kind == EM_ERROR_DATA);
		return;
	}
	for (size_t i = 0; i < count; i++)
		check(!em_energy_span(&e, &edge[i].background, &span, NULL) &&
		      !em_energy_span(&e, &edge[i].signal, &span, NULL));
	em_edges_check(edge, count, ignore, NULL);
}

static void as_edges(const char *text)
{
	struct em_edge edge[EM_EDGES_MAX], again[EM_EDGES_MAX];
	struct em_error err = {0};
	struct em_text t = {0};
	size_t count = 0, same = 0;

	if (refused(em_edges_parse(text, edge, &count, &err), &err))
		return;
	check(count >= 1 && count <= EM_EDGES_MAX);
	for (size_t i = 0; i < count; i++)
		em_text_printf(&t, "%s%s", i ? "," : "", edge[i].name);
	check(!em_edges_parse(em_text_get(&t), again, &same, NULL) && same == count);
	for (size_t i = 0; i < count; i++)
		check(again[i].z == edge[i].z && again[i].shell == edge[i].shell && edge[i].onset > 0);
	em_text_release(&t);
	place(edge, count);
}

/* "Ti-L23=405-448", "Ti=1,O=3", "405-448", a way to fit. */
static void as_windows(const char *text)
{
	struct em_edge edge[EM_EDGES_MAX];
	struct em_energy_window w;
	enum em_background_method method;
	struct em_error err = {0};
	double atoms[EM_EDGES_MAX];
	const char *value;
	size_t count = 0;

	check(!em_edges_parse("Ti-L23,O-K,La-M45", edge, &count, NULL) && count == 3);
	if (!refused(em_edges_find(edge, count, text, &value, &err) ? 0 : -1, &err))
		check(value > text && value <= text + strlen(text));
	if (!refused(em_quant_parse_standard(text, edge, count, atoms, &err), &err))
		check(atoms[0] > 0 && atoms[1] > 0 && atoms[2] > 0);
	if (!refused(em_energy_parse_window(text, &w, &err), &err))
		check(isfinite(w.from) && isfinite(w.to) && w.from < w.to);
	refused(em_background_method_parse(text, &method, &err), &err);
}

static void as_condition(const char *text)
{
	const struct em_energy e = {.channels = 1024, .offset = 200, .scale = 0.5};
	static struct em_descriptors *d;
	struct em_condition c;
	struct em_error err = {0};

	if (!d)
		d = em_descriptors_new(&e, NULL, true, NULL);
	check(em_descriptors_count(d) > 2);
	if (refused(em_condition_parse(&c, text, d, &err), &err))
		return;
	check(c.descriptor < (int)em_descriptors_count(d) && isfinite(c.limit) && c.within <= 100000);
	check(!em_condition_holds(&c, NAN) && em_condition_holds(&c, c.above ? INFINITY : -INFINITY));
	check(em_condition_holds(&c, c.limit) == c.equal);
}

static void as_descriptors(const char *text)
{
	const struct em_energy e = {.channels = 700, .offset = 400, .scale = 0.5};
	const struct em_forecast_method *method[16];
	struct em_error err = {0};
	struct em_descriptors *d = em_descriptors_new(&e, text, true, &err);
	size_t count;

	check(d || err.kind == EM_ERROR_USAGE || err.kind == EM_ERROR_DATA);
	check(em_descriptors_count(d) <= EM_DESCRIPTORS);
	for (size_t i = 0; i < em_descriptors_count(d); i++)
		check(em_descriptors_find(d, em_descriptors_name(d, i)) >= 0);
	em_descriptors_free(d);
	if (!refused(em_forecast_methods_parse(text, method, 16, &count, &err), &err))
		check(count <= 16);
}

/* ---- what is made ---- */

static void as_recording(const char *text)
{
	const struct em_synth_compound *pair[2];
	struct em_synth_axis axis;
	struct em_error err = {0};

	if (!refused(em_synth_axis_parse(text, &axis, &err), &err))
		check(axis.channels >= 2 && isfinite(axis.offset) && isfinite(axis.scale));
	if (!refused(em_synth_eels_pair(text, pair, &err), &err))
		check(pair[0] && pair[1]);
}

static void as_kinds(const char *text)
{
	double weight[EM_SYNTH_KINDS];
	struct em_error err = {0};
	unsigned contrasts;

	for (int images = 0; images < 2; images++)
		if (!refused(em_synth_kinds_parse(text, images, weight, &err), &err))
			for (size_t i = 0; i < EM_SYNTH_KINDS; i++)
				check(weight[i] >= 0 && isfinite(weight[i]));
	if (!refused(em_synth_contrasts_parse(text, &contrasts, &err), &err))
		check(contrasts != 0);
}

static void as_history(const char *text)
{
	struct em_synth_history h;
	struct em_error err = {0};
	double minute[8], last = 0;
	size_t count;

	if (!refused(em_synth_history_set(&h, text, 40, &err), &err))
		for (double m = -1; m < 100; m += 0.5) {
			check(em_synth_history_at(&h, m) >= last - 1e-12 && em_synth_history_at(&h, m) <= 1);
			last = em_synth_history_at(&h, m);
		}
	if (!refused(em_synth_times_parse(text, minute, 8, &count, &err), &err))
		for (size_t i = 0; i < count; i++)
			check(minute[i] >= 0);
	check(count <= 8);
}

static void as_line(const char *text)
{
	const struct em_axis axes[2] = {{.name = "y", .units = "nm", .scale = 0.5},
	                                {.name = "x", .units = "nm", .scale = 0.5}};
	struct em_line line;
	struct em_error err = {0};

	if (!refused(em_line_parse(&line, text, axes, &err), &err))
		check(isfinite(line.y0 + line.x0 + line.y1 + line.x1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const as[])(const char *text) = {
	    as_control,   as_peer,        as_url,       as_simulator, as_listener, as_edges, as_windows,
	    as_condition, as_descriptors, as_recording, as_kinds,     as_history,  as_line};
	char *text;

	if (!size || size > 4096)
		return 0;
	text = text_of(data + 1, size - 1);
	as[(unsigned char)(data[0] - 'a') % (sizeof(as) / sizeof(*as))](text);
	free(text);
	return 0;
}
