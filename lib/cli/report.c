/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of a tool's own making beside the stream: reports, pictures. */
#include "cli/cli.h"

#include "cli/outfile.h"

#include <stdlib.h>

struct em_report {
	struct em_outfile file;
};

struct em_report *em_report_open(const char *path, struct em_error *err)
{
	struct em_report *r = calloc(1, sizeof(*r));

	if (!r)
		em_error_memory(err, sizeof(*r));
	else if (!em_outfile_open(&r->file, path, err))
		return r;
	free(r);
	return NULL;
}

int em_report_write(struct em_report *r, const void *bytes, size_t n, struct em_error *err)
{
	return em_outfile_write(&r->file, bytes, n, err);
}

int em_report_close(struct em_report *r, struct em_error *err)
{
	int status = em_outfile_commit(&r->file, err);

	free(r);
	return status;
}

void em_report_abort(struct em_report *r)
{
	if (!r)
		return;
	em_outfile_abort(&r->file);
	free(r);
}

int em_cli_write_file(struct em_cli *cli, const char *path, const void *bytes, size_t n, bool binary,
                      struct em_error *err)
{
	struct em_outfile file;

	(void)cli;
	if (em_outfile_open(&file, path, err))
		return -1;
	if ((binary && em_outfile_refuse_terminal(&file, err)) || em_outfile_write(&file, bytes, n, err)) {
		em_outfile_abort(&file);
		return -1;
	}
	return em_outfile_commit(&file, err);
}
