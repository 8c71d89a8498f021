/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An instrument, or the simulator, offered to other programs over the wires that they speak. */
#include "cli/cli.h"

#include "cli/instrument.h"
#include "scope/serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *listen_at, *token_file;

static struct em_instrument instrument;

static void say_ready(void *ctx, const char *address)
{
	em_cli_warn(ctx, "serves %s at %s", instrument.url, address);
}

/* The first line of a file, as a command line is for all to see. */
static int read_token(const char *path, char *token, size_t room, struct em_error *err)
{
	FILE *f = fopen(path, "re");
	char *got;

	if (!f)
		return em_error_errno(err, "cannot read the token '%s'", path);
	got = fgets(token, (int)room, f);
	fclose(f);
	if (got)
		token[strcspn(token, "\r\n")] = '\0';
	return got && *token ? 0 : em_error_set(err, EM_ERROR_DATA, "'%s' holds no token in its first line", path);
}

static int serve(struct em_cli *cli, const struct em_server_kind *kind)
{
	struct em_serve_settings settings = {.ready = say_ready, .ctx = cli};
	struct em_error err = {0};
	char token[256];
	int code, failed;

	if (instrument.settings.dry_run)
		return em_cli_usage(cli, "--dry-run: clients would take for done what is not");
	if (token_file && read_token(token_file, token, sizeof(token), &err))
		return em_cli_fail(cli, NULL, &err);
	settings.token = token_file ? token : NULL;
	if (em_serve_address(kind, listen_at, &settings, &err))
		return em_cli_usage(cli, "--listen: %s", err.text);
	code = em_instrument_open(cli, &instrument, "emctl serve");
	if (code)
		return code;
	settings.stop = instrument.settings.stop;
	failed = kind->run(instrument.scope, &settings, &err);
	return em_instrument_close(cli, &instrument, failed, &err);
}

/* "temscript rpc ...", as the library has them. */
static void list_kinds(char *names, size_t size)
{
	size_t used = 0;

	names[0] = '\0';
	for (size_t i = 0; em_server_kind_at(i) && used < size; i++)
		used += (size_t)snprintf(names + used, size - used, "%s%s", i ? " " : "", em_server_kind_at(i)->name);
}

static int start(struct em_cli *cli)
{
	const struct em_server_kind *kind = em_server_kind_at(0);

	if (cli->nfiles > 1)
		return em_cli_usage(cli, "one protocol at a time, not '%s' as well", cli->files[1]);
	for (size_t i = 0; cli->nfiles && (kind = em_server_kind_at(i)); i++)
		if (!strcmp(kind->name, cli->files[0]))
			break;
	return kind ? serve(cli, kind)
	            : em_cli_usage(cli, "there is no protocol '%s'; there are: %s", cli->nfiles ? cli->files[0] : "",
	                           cli->tool->first);
}

int main(int argc, char **argv)
{
	static char kinds[256];
	static const struct em_option table[] = {
	    {0, "listen", "ADDRESS", "where, as in 127.0.0.1:8080 (default: this machine alone)", EM_OPTION_STRING,
	     &listen_at},
	    {0, "token-file", "FILE", "every request has to bring the first line of it", EM_OPTION_STRING, &token_file},
	    {0}};
	const struct em_tool tool = {.name = "emctl-serve",
	                             .purpose = "Offer a microscope, or its simulator, to other programs.",
	                             .operands = "[PROTOCOL]",
	                             .first = kinds,
	                             .example = "emctl --scope sim: serve --listen 127.0.0.1:8080",
	                             .options = table,
	                             .common = EM_COMMON_SINK,
	                             .more = em_instrument_options(&instrument)};
	struct em_cli cli;
	int code;

	list_kinds(kinds, sizeof(kinds));
	code = em_cli_begin(&cli, &tool, argc, argv);
	return code >= 0 ? code : em_cli_end(&cli, start(&cli));
}
