/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The usual filter: one sample in, one sample out. */
#include "cli/cli.h"

#include "base/parallel.h"

#include <stdio.h>
#include <string.h>

struct filter {
	struct em_cli *cli;
	struct em_source *source;
	struct em_sink *sink;
	em_filter_fn *work;
	void *ctx;
};

static int take(void *ctx, void *item, struct em_error *err)
{
	struct filter *f = ctx;

	return em_source_take(f->source, item, err);
}

static int work(void *ctx, void *item, struct em_error *err)
{
	struct filter *f = ctx;
	struct em_arrival *a = item;
	struct em_error why = {0};

	if (em_source_load(f->cli, a, err))
		return -1;
	if (em_sample_has_error(&a->sample) || !f->work(f->ctx, &a->sample, &why))
		return 0;
	if (f->cli->keep_going && why.kind == EM_ERROR_DATA) {
		f->cli->failed++;
		return em_sample_set_error(&a->sample, f->cli->tool->name, why.text, err);
	}
	*err = why;
	return em_error_prefix(err, "sample %.200s: ", a->sample.key);
}

static int give(void *ctx, void *item, struct em_error *err)
{
	struct filter *f = ctx;
	struct em_arrival *a = item;

	if (em_sink_write(f->sink, &a->sample, err))
		return -1;
	em_cli_progress(f->cli);
	return 0;
}

static void drop(void *item)
{
	em_arrival_release(item);
}

int em_cli_through(struct em_cli *cli, em_through_fn *body, void *ctx)
{
	struct em_error err = {0};
	struct em_sink *sink = em_sink_open(cli, &err);
	struct em_source *source = sink ? em_source_open(cli) : NULL;
	int status = -1;

	if (source)
		status = body(ctx, source, sink, &err);
	else if (sink)
		em_error_memory(&err, 0);
	if (source)
		em_source_close(source);
	if (status)
		em_sink_abort(sink);
	else
		status = em_sink_close(sink, &err);
	return status ? em_cli_fail(cli, NULL, &err) : EM_EXIT_OK;
}

static int filter_all(void *ctx, struct em_source *source, struct em_sink *sink, struct em_error *err)
{
	struct filter *f = ctx;
	struct em_pipeline p = {f, sizeof(struct em_arrival), take, work, give, drop};

	f->source = source;
	f->sink = sink;
	return em_parallel_pipeline((int)f->cli->threads, &p, err);
}

int em_filter_run(struct em_cli *cli, em_filter_fn *fn, void *ctx)
{
	struct filter f = {cli, NULL, NULL, fn, ctx};

	return em_cli_end(cli, em_cli_through(cli, filter_all, &f));
}
