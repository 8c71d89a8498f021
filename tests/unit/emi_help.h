/* SPDX-License-Identifier: GPL-3.0-or-later */
/* EMI files put together, and folders to lay them in.  Include after ser_help.h. */
#ifndef EM_TESTS_EMI_H
#define EM_TESTS_EMI_H

#include <unistd.h>

#define MAX_FILES 8

/* ---- a folder of files ---- */

struct folder {
	char path[64];
	char file[MAX_FILES][128];
	size_t files;
};

static inline void folder_make(struct folder *f)
{
	memset(f, 0, sizeof(*f));
	strcpy(f->path, "em-emi.XXXXXX");
	assert_non_null(mkdtemp(f->path));
}

static inline void folder_remove(struct folder *f)
{
	while (f->files)
		unlink(f->file[--f->files]);
	assert_int_equal(rmdir(f->path), 0);
}

/* The path, until the folder is removed. */
static inline const char *put_file(struct folder *f, const char *name, const struct em_text *bytes)
{
	char *path = f->file[f->files++];
	FILE *out;

	assert_true(f->files <= MAX_FILES);
	assert_true(strlen(f->path) + strlen(name) + 2 <= sizeof(f->file[0]));
	strcat(strcat(strcpy(path, f->path), "/"), name);
	out = fopen(path, "wb");
	assert_non_null(out);
	assert_int_equal(fwrite(bytes->s, 1, bytes->len, out), bytes->len);
	assert_int_equal(fclose(out), 0);
	return path;
}

struct opened {
	struct em_file file;
	const struct em_codec *codec;
	void *state;
	size_t frames;
};

static inline int open_path(struct opened *o, const char *path, struct em_error *err)
{
	memset(o, 0, sizeof(*o));
	o->file.path = path;
	assert_int_equal(em_blob_map(path, &o->file.blob, NULL), 0);
	o->codec = em_codec_detect(o->file.blob.data, o->file.blob.size);
	assert_non_null(o->codec);
	if (!o->codec->open(&o->file, &o->state, &o->frames, err))
		return 0;
	em_file_release(&o->file);
	em_blob_unmap(&o->file.blob);
	return -1;
}

static inline void shut(struct opened *o)
{
	o->codec->close(o->state);
	em_file_release(&o->file);
	em_blob_unmap(&o->file.blob);
}

static inline void open_well(struct opened *o, const char *path)
{
	struct em_error err = {0};

	if (open_path(o, path, &err))
		fail_msg("%s", err.text);
}

static inline void open_badly(const char *path, const char *part)
{
	struct em_error err = {0};
	struct opened o;

	assert_int_equal(open_path(&o, path, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	if (!strstr(err.text, part))
		fail_msg("'%s' does not say '%s'", err.text, part);
}

static inline void read_well(struct opened *o, size_t frame, struct em_array *a, struct em_meta *m)
{
	struct em_error err = {0};

	em_meta_init(m);
	if (o->codec->read(o->state, frame, a, m, &err))
		fail_msg("%s", err.text);
}

/* ---- EMI files ---- */

static inline void put_start_of_emi(struct em_text *t)
{
	em_text_clear(t);
	em_text_append_bytes(t, "JK\0\2\0\0\0\0\4M\1\0`\0\0\1", 16);
	em_text_append(t, "<ObjectInformation> is no description, and </ObjectInfo> ends none");
}

/* What is described: the name of a SER with all its folders, or any other text. */
static inline void put_object(struct em_text *t, const char *name, const char *xml)
{
	em_text_append(t, name);
	em_text_append_bytes(t, "2\0B\4\2\0`\0\31\4", 10);
	put(t, strlen(xml) + 2, 4, false);
	em_text_append(t, xml);
	em_text_append(t, "\r\n");
}

#define ENTRY(label, value, unit) \
	"<Data><Label>" label "</Label><Value>" value "</Value><Unit>" unit "</Unit></Data>"
#define OBJECT(entries, rest) \
	"<ObjectInfo><ExperimentalDescription><Root>" entries "</Root></ExperimentalDescription>" rest "</ObjectInfo>"
#define CAMERA "<AcquireInfo><DwellTimePath>0.0125</DwellTimePath><CameraNamePath>Ceta</CameraNamePath></AcquireInfo>"
#define SCAN "<AcquireInfo><DwellTimePath>0.000029</DwellTimePath><FrameTime>36.4904</FrameTime></AcquireInfo>"

static const char stem[] = OBJECT(
	ENTRY("Microscope", "Microscope Titan 300 kV", "") ENTRY("High tension", "80", "kV")
	ENTRY("Mode", " STEM nP SA Zoom Diffraction", "") ENTRY("Defocus", "-0.002", "um")
	ENTRY("Magnification", "13500000", "x") ENTRY("Camera length", "0.116", "m") ENTRY("Stage X", "-1.5", "um")
	ENTRY("Stage Y", "2.5", "um") ENTRY("Stage Z", "3.5", "um") ENTRY("Stage A", "15.61", "deg")
	ENTRY("Stage B", "-0.00", "deg"), "<AcquireDate>Tue Oct 18 18:18:46 2011</AcquireDate>" SCAN);

#endif
