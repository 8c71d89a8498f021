/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Netstrings, replies, and what they hold. */
#include "scope/rpc_parts.h"

#include "base/base64.h"
#include "io/bytes.h"
#include "scope/clock.h"
#include "scope/socket.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_MAX ((size_t)1 << 20)
#define IMAGE_MAX ((size_t)1 << 30) /* one of 8192 x 8192 float64 in base64 is 683 MiB */
#define DIGITS_MAX 10
#define REQUEST_ID 1 /* of the only one on its connection */
#define SIDE_MAX EM_TEMSCRIPT_SIDE_MAX
#define DEGREE (3.14159265358979323846 / 180)

/* ---- the table ---- */

static const struct em_rpc_method methods[EM_RPC_GROUPS] = {
    [EM_RPC_STAGE] = {"get_stage", "set_stage", "stage_positions", false},
    [EM_RPC_BEAM] = {"get_beam", "set_beam", "beam_settings", false},
    [EM_RPC_MAGNIFICATION] = {"get_magnification", "set_magnification", NULL, true},
    [EM_RPC_MODE] = {"get_mode", "set_mode", NULL, false},
    [EM_RPC_DIFFRACTION] = {"get_diffraction_settings", "set_diffraction_settings", NULL, false},
};

static const struct em_rpc_wire table[EM_CONTROLS] = {
    [EM_STAGE_X] = {"x", EM_RPC_STAGE, 1},
    [EM_STAGE_Y] = {"y", EM_RPC_STAGE, 1},
    [EM_STAGE_Z] = {"z", EM_RPC_STAGE, 1},
    [EM_STAGE_A] = {"a", EM_RPC_STAGE, DEGREE},
    [EM_STAGE_B] = {"b", EM_RPC_STAGE, DEGREE},
    [EM_PROJECTION] = {"mode", EM_RPC_MODE, 1},
    [EM_MAGNIFICATION] = {"magnification", EM_RPC_MAGNIFICATION, 1},
    [EM_CAMERA_LENGTH] = {"camera_length_mm", EM_RPC_DIFFRACTION, 1e-3},
    [EM_BEAM_SHIFT_X] = {"x", EM_RPC_BEAM, 1},
    [EM_BEAM_SHIFT_Y] = {"y", EM_RPC_BEAM, 1},
    [EM_BEAM_CURRENT] = {"current_pA", EM_RPC_BEAM, 1e-12},
    [EM_VOLTAGE] = {"voltage_kV", EM_RPC_BEAM, 1e3},
};

const struct em_rpc_method *em_rpc_method(enum em_rpc_group group)
{
	return &methods[group];
}

const struct em_rpc_wire *em_rpc_wire(enum em_control c)
{
	return &table[c];
}

/* ---- netstrings ---- */

int em_netstring_parse(const char *bytes, size_t n, size_t max, size_t *begin, size_t *len, struct em_error *err)
{
	size_t digits = 0, length = 0;

	while (digits < n && digits <= DIGITS_MAX && bytes[digits] >= '0' && bytes[digits] <= '9')
		length = length * 10 + (size_t)(bytes[digits++] - '0');
	if (digits > DIGITS_MAX || (digits < n && (digits == 0 || bytes[digits] != ':')))
		return em_error_set(err, EM_ERROR_DATA, "this is no netstring");
	if (length > max)
		return em_error_set(err, EM_ERROR_DATA, "a netstring of %zu bytes: %zu are the limit", length, max);
	if (n < digits + length + 2)
		return 0;
	if (bytes[digits + 1 + length] != ',')
		return em_error_set(err, EM_ERROR_DATA, "a netstring without its comma");
	*begin = digits + 1;
	*len = length;
	return 1;
}

void em_netstring_append(struct em_text *t, const struct em_text *payload)
{
	em_text_printf(t, "%zu:", payload->len);
	em_text_append_bytes(t, em_text_get(payload), payload->len);
	em_text_append(t, ",");
	t->failed |= payload->failed;
}

/* ---- errors ---- */

/* By words in the text, the first that is there. */
static enum em_error_kind kind_by_words(const char *text)
{
	static const struct {
		const char *words;
		enum em_error_kind kind;
	} known[] = {
	    {"safety limits", EM_ERROR_REFUSED},          {"not implemented", EM_ERROR_UNSUPPORTED},
	    {"NotImplemented", EM_ERROR_UNSUPPORTED},     {"AttributeError", EM_ERROR_UNSUPPORTED},
	    {"unexpected keyword", EM_ERROR_UNSUPPORTED}, {"ethod not found", EM_ERROR_UNSUPPORTED},
	    {"TimeoutError", EM_ERROR_UNREACHABLE},       {"ConnectionError", EM_ERROR_UNREACHABLE},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strstr(text, known[i].words))
			return known[i].kind;
	return EM_ERROR_REFUSED;
}

static enum em_error_kind kind_by_name(const char *name)
{
	static const struct {
		const char *name;
		enum em_error_kind kind;
	} known[] = {{"refused", EM_ERROR_REFUSED}, {"unreachable", EM_ERROR_UNREACHABLE},
	             {"missed", EM_ERROR_MISSED},   {"unsupported", EM_ERROR_UNSUPPORTED},
	             {"data", EM_ERROR_DATA},       {"usage", EM_ERROR_USAGE}};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strcmp(name, known[i].name))
			return known[i].kind;
	return EM_ERROR_NONE;
}

/* Of "[Failure instance: Traceback: <class 'ValueError'>: Stage move rejected ..." the line and what is said in it; of
 * a traceback as Python prints it the last line. */
static void find_message(const char *text, const char **message, int *n)
{
	static const char plain[] = "Traceback (most recent call last)", mark[] = "Traceback: ";
	const char *at = strstr(text, mark);
	size_t end = strlen(text);

	*message = at ? at + sizeof(mark) - 1 : text;
	if (!at && strstr(text, plain)) {
		while (end && strchr(" \n", text[end - 1]))
			end--;
		for (const char *c = text; c < text + end; c++)
			if (*c == '\n')
				*message = c + 1;
		*n = (int)(text + end - *message);
	} else {
		*n = (int)strcspn(*message, "\n");
	}
	*n = *n < 400 ? *n : 400;
}

static int fault(const struct em_json *error, struct em_error *err)
{
	const char *text = em_json_string(error), *kind = em_json_string(em_json_find(error, "data.kind")), *message;
	enum em_error_kind k = kind ? kind_by_name(kind) : EM_ERROR_NONE;
	double code = 0;
	int n;

	if (!text)
		text = em_json_string(em_json_get(error, "message"));
	if (!text)
		text = "an error without a text";
	if (k == EM_ERROR_NONE && em_json_number(em_json_get(error, "code"), &code) && code == -32601)
		k = EM_ERROR_UNSUPPORTED;
	if (k == EM_ERROR_NONE)
		k = kind_by_words(text);
	find_message(text, &message, &n);
	return em_error_set(err, k, "%.*s", n, message);
}

/* ---- replies ---- */

void em_rpc_reply_release(struct em_rpc_reply *r)
{
	em_temscript_reply_release(&r->json);
	em_text_release(&r->text);
	r->result = NULL;
}

/* null, or a switch that is off. */
static bool is_nothing(const struct em_json *node)
{
	double v;

	return !em_json_is_object(node) && !em_json_is_array(node) && !em_json_string(node) &&
	       !em_json_number(node, &v) && !em_json_is_true(node);
}

int em_rpc_read_reply(struct em_rpc_reply *r, int id, struct em_error *err)
{
	const struct em_json *error;
	double got;

	if (em_temscript_reply_parse(&r->json, em_text_get(&r->text), r->text.len, err))
		return -1;
	error = em_json_get(r->json.tree, "error");
	r->result = em_json_get(r->json.tree, "result");
	if (!is_nothing(error))
		return fault(error, err);
	if (!em_json_number(em_json_get(r->json.tree, "id"), &got) || got != (double)id)
		return em_error_set(err, EM_ERROR_DATA, "a reply to something that was not asked");
	if (!r->result)
		return em_error_set(err, EM_ERROR_DATA, "a reply without a result");
	return 0;
}

/* Long texts stand apart from the tree (temscript_reply.h). */
static const char *find_text(const struct em_rpc_reply *r, const struct em_json *node, size_t *n)
{
	const char *s = em_json_string(node);
	size_t k;

	if (!s || *s != '#') {
		*n = s ? strlen(s) : 0;
		return s;
	}
	k = strtoul(s + 1, NULL, 10);
	if (k >= r->json.count)
		return NULL;
	*n = r->json.held[k].n;
	return r->json.held[k].s;
}

static int decode(const char *text, size_t n, struct em_array *a, struct em_error *err)
{
	size_t bytes = em_array_bytes(a), part = em_dtype_size(a->dtype);
	unsigned char *raw = malloc(bytes);
	int rc = raw ? em_base64_decode(text, n, raw, bytes, err) : em_error_memory(err, bytes);

	if (!rc)
		em_bytes_copy(a->data, raw, bytes / part, part, false);
	free(raw);
	return rc;
}

int em_rpc_image(const struct em_rpc_reply *r, const struct em_json *node, struct em_array *a, struct em_error *err)
{
	const char *dtype = em_json_string(em_json_get(node, "dtype")), *text;
	size_t n = 0, bytes, held, shape[2];
	enum em_dtype type;
	double side[3];

	text = find_text(r, em_json_get(node, "__ndarray_b64__"), &n);
	if (!text || !dtype || em_dtype_parse(dtype, &type) || type == EM_C64 || type == EM_C128 ||
	    em_json_numbers(em_json_get(node, "shape"), side, 3) != 2)
		return em_error_set(err, EM_ERROR_DATA, "no picture in a type that is known (%.20s)",
		                    dtype ? dtype : "none");
	for (int k = 0; k < 2; k++) {
		if (!(side[k] >= 1 && side[k] <= SIDE_MAX) || side[k] != floor(side[k]))
			return em_error_set(err, EM_ERROR_DATA, "a picture of %g x %g px", side[1], side[0]);
		shape[k] = (size_t)side[k];
	}
	if (em_base64_measure(text, n, &held) || em_array_measure(type, 2, shape, &bytes) || bytes != held)
		return em_error_set(err, EM_ERROR_DATA, "a picture of %zu x %zu px, %s, in other than its bytes",
		                    shape[1], shape[0], dtype);
	if (em_array_alloc_image(a, type, shape[0], shape[1], err))
		return -1;
	if (decode(text, n, a, err)) {
		em_array_release(a);
		return -1;
	}
	return 0;
}

/* Channels have to lie at equal distances, within what a text of six digits makes of them. */
static bool are_even(const double *ev, size_t n)
{
	double scale = (ev[n - 1] - ev[0]) / (double)(n - 1);

	for (size_t i = 0; i < n; i++)
		if (!(fabs(ev[0] + scale * (double)i - ev[i]) < 0.01 * fabs(scale)))
			return false;
	return isfinite(scale) && scale != 0;
}

int em_rpc_spectrum(const struct em_json *node, struct em_array *a, double *scale, double *offset, struct em_error *err)
{
	const struct em_json *energy = em_json_get(node, "energy_ev"), *counts = em_json_get(node, "intensity");
	size_t n = em_json_size(energy);
	double *ev;
	int rc = 0;

	if (n < 2 || n > SIDE_MAX || em_json_size(counts) != n)
		return em_error_set(err, EM_ERROR_DATA, "no spectrum");
	ev = malloc(n * sizeof(*ev));
	if (!ev)
		return em_error_memory(err, n * sizeof(*ev));
	if (em_json_numbers(energy, ev, n) != n || !are_even(ev, n))
		rc = em_error_set(err, EM_ERROR_DATA, "a spectrum whose channels are not evenly spaced");
	*offset = ev[0];
	*scale = (ev[n - 1] - ev[0]) / (double)(n - 1);
	free(ev);
	if (rc || em_array_alloc(a, EM_F64, 1, &n, err))
		return -1;
	if (em_json_numbers(counts, a->data, n) == n)
		return 0;
	em_array_release(a);
	return em_error_set(err, EM_ERROR_DATA, "a spectrum with a count that is no number");
}

/* ---- asking ---- */

static int receive(const struct em_socket *s, size_t most, struct em_text *payload, struct em_error *err)
{
	struct em_text t = {0};
	size_t begin = 0, len = 0;
	int got = 0, more;

	while (!got) {
		more = em_socket_receive(s, &t, err);
		got = more < 0 ? -1 : em_netstring_parse(em_text_get(&t), t.len, most, &begin, &len, err);
		if (!got && !more)
			got = em_error_set(err, EM_ERROR_UNREACHABLE, "it closed the connection without a whole reply");
	}
	if (got > 0) {
		memmove(t.s, t.s + begin, len);
		t.s[t.len = len] = '\0';
		*payload = t;
		return 0;
	}
	em_text_release(&t);
	return -1;
}

static int exchange(struct em_rpc *r, const struct em_text *request, size_t most, double ends, struct em_text *payload,
                    struct em_error *err)
{
	struct em_socket s = {-1, ends, NULL};
	struct em_text t = {0};
	int rc;

	em_netstring_append(&t, request);
	rc = em_text_check(&t, err);
	if (!rc)
		rc = em_socket_connect(&s, r->peer.host, r->peer.port, err);
	if (!rc)
		rc = em_socket_send(&s, t.s, t.len, err) || receive(&s, most, payload, err) ? -1 : 0;
	em_socket_close(&s);
	em_text_release(&t);
	return rc;
}

int em_rpc_ask(struct em_rpc *r, const char *method, struct em_text *params, double ends, struct em_rpc_reply *reply,
               struct em_error *err)
{
	struct em_rpc_reply got = {0};
	struct em_text t = {0};
	int rc;

	em_text_printf(&t, "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"%s\",\"params\":{", REQUEST_ID, method);
	if (params) {
		em_text_append_bytes(&t, em_text_get(params), params->len);
		t.failed |= params->failed;
		em_text_release(params);
	}
	em_text_append(&t, "}}");
	rc = exchange(r, &t, strncmp(method, "acquire", 7) ? REPLY_MAX : IMAGE_MAX, ends, &got.text, err);
	em_text_release(&t);
	if (!rc)
		rc = em_rpc_read_reply(&got, REQUEST_ID, err);
	if (rc) {
		em_rpc_reply_release(&got);
		return em_error_prefix(err, "%s: ", method);
	}
	*reply = got;
	return 0;
}
