/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Samples out: the stream, or with -j the records as JSON Lines. */
#include "cli/cli.h"

#include "cli/export.h"
#include "cli/outfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct em_sink {
	struct em_cli *cli;
	struct em_outfile file;
	struct em_export *export;        /* files of another format, or */
	struct em_stream_writer *stream; /* the stream, or */
	struct em_text line;             /* -j: records not yet written */
	bool flush_each;
};

#define LINES_BYTES ((size_t)1 << 16)

struct em_sink *em_sink_open(struct em_cli *cli, struct em_error *err)
{
	struct em_sink *sink = calloc(1, sizeof(*sink));

	if (!sink) {
		em_error_memory(err, sizeof(*sink));
		return NULL;
	}
	sink->cli = cli;
	if (cli->format) {
		sink->export = em_export_open(cli->format, cli->output, err);
		if (sink->export)
			return sink;
		free(sink);
		return NULL;
	}
	if (em_outfile_open(&sink->file, cli->output, err)) {
		free(sink);
		return NULL;
	}
	sink->flush_each = !em_outfile_is_regular(&sink->file);
	if (cli->json)
		return sink;
	if (!em_outfile_refuse_terminal(&sink->file, err))
		sink->stream = em_stream_writer_new(sink->file.fd, sink->flush_each, err);
	if (!sink->stream) {
		em_sink_abort(sink);
		return NULL;
	}
	return sink;
}

static void drop_members(const struct em_cli *cli, struct em_sample *s)
{
	char npy[80];

	for (size_t i = 0; i < cli->ndrop; i++) {
		em_sample_remove_member(s, cli->drop[i]);
		snprintf(npy, sizeof(npy), "%.70s.npy", cli->drop[i]);
		em_sample_remove_member(s, npy);
	}
}

/* Every record says what it is and whose: a foreign shard's may not yet. */
static int complete_record(struct em_sample *s, struct em_error *err)
{
	struct em_text key = {0};
	int status = 0;

	if (!em_record_get(&s->record, "key")) {
		em_json_put_string(&key, s->key);
		status = em_text_check(&key, err) ? -1 : em_record_set_first(&s->record, "key", em_text_get(&key), err);
		em_text_release(&key);
	}
	if (!status && !em_record_get(&s->record, "em"))
		status = em_record_set_first(&s->record, "em", "1", err);
	return status;
}

static int write_line(struct em_sink *sink, const struct em_sample *s, struct em_error *err)
{
	em_record_print(&s->record, &sink->line);
	em_text_append(&sink->line, "\n");
	if (em_text_check(&sink->line, err))
		return -1;
	if (!sink->flush_each && sink->line.len < LINES_BYTES)
		return 0;
	if (em_outfile_write(&sink->file, sink->line.s, sink->line.len, err))
		return -1;
	em_text_clear(&sink->line);
	return 0;
}

/* A file has no place to say that a sample failed. */
static int write_file(struct em_sink *sink, const struct em_sample *s, struct em_error *err)
{
	char why[sizeof(err->text)] = "it failed in an earlier tool";

	if (!em_sample_has_error(s))
		return em_export_write(sink->export, s, err);
	em_record_string(&s->record, "error.text", why, sizeof(why));
	em_cli_warn(sink->cli, "sample %.200s is not written: %s", s->key, why);
	return 0;
}

int em_sink_write(struct em_sink *sink, struct em_sample *s, struct em_error *err)
{
	struct em_cli *cli = sink->cli;

	if (complete_record(s, err))
		return -1;
	drop_members(cli, s);
	if (!cli->no_provenance && !em_sample_has_error(s) &&
	    em_record_add_provenance(&s->record, cli->provenance, err))
		return -1;
	if (sink->export)
		return write_file(sink, s, err);
	return cli->json ? write_line(sink, s, err) : em_stream_write_sample(sink->stream, s, err);
}

int em_sink_close(struct em_sink *sink, struct em_error *err)
{
	int status;

	if (sink->export) {
		status = em_export_close(sink->export, err);
		free(sink);
		return status;
	}
	if (sink->stream)
		status = em_stream_writer_close(sink->stream, err);
	else
		status = em_outfile_write(&sink->file, em_text_get(&sink->line), sink->line.len, err);
	if (status)
		em_outfile_abort(&sink->file);
	else
		status = em_outfile_commit(&sink->file, err);
	em_text_release(&sink->line);
	free(sink);
	return status;
}

void em_sink_abort(struct em_sink *sink)
{
	if (!sink)
		return;
	if (sink->export) {
		em_export_abort(sink->export);
		free(sink);
		return;
	}
	if (sink->cli->json && !sink->file.temporary) /* lines that are whole may be read */
		em_outfile_write(&sink->file, em_text_get(&sink->line), sink->line.len, NULL);
	em_stream_writer_abort(sink->stream);
	em_outfile_abort(&sink->file);
	em_text_release(&sink->line);
	free(sink);
}
