/* SPDX-License-Identifier: MIT */
/* Unpacks gzip with zlib and zstd with its own library, where the build has them. */
#include "unpack.h"

#include <stdlib.h>
#include <string.h>

#include "lib/memory.h"

#if HAVE_ZLIB
#include <zlib.h>
#endif
#if HAVE_ZSTD
#include <zstd.h>
#endif

struct unpack {
	const struct vpmu_source *from;
	uint64_t at; /* of what is read next */
	const struct format *format;
	bool whole; /* between two members: the end may come */
	size_t have, used;
	uint8_t in[1 << 16];
#if HAVE_ZLIB
	z_stream zlib;
#endif
#if HAVE_ZSTD
	ZSTD_DStream *zstd;
#endif
};

/* step: unpacks some of in[], adds to *got; false: damaged. */
struct format {
	const char *name, *magic;
	size_t bytes;
	bool (*begin)(struct unpack *unpack);
	bool (*step)(struct unpack *unpack, uint8_t *into, size_t bytes, size_t *got);
	void (*end)(struct unpack *unpack);
};

#if HAVE_ZLIB

enum { GZIP_WINDOW = 15 + 16 };

static bool gzip_begin(struct unpack *unpack)
{
	return inflateInit2(&unpack->zlib, GZIP_WINDOW) == Z_OK;
}

static bool gzip_step(struct unpack *unpack, uint8_t *into, size_t bytes, size_t *got)
{
	z_stream *z = &unpack->zlib;
	int result;

	/* A file may have several members, one behind the other. */
	if (unpack->whole && inflateReset2(z, GZIP_WINDOW) != Z_OK)
		return false;
	z->next_in = unpack->in + unpack->used;
	z->avail_in = (uInt)(unpack->have - unpack->used);
	z->next_out = into;
	z->avail_out = (uInt)bytes;
	result = inflate(z, Z_NO_FLUSH);
	unpack->used = unpack->have - z->avail_in;
	*got = bytes - z->avail_out;
	unpack->whole = result == Z_STREAM_END;
	return result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR;
}

static void gzip_end(struct unpack *unpack)
{
	inflateEnd(&unpack->zlib);
}

#else
#define gzip_begin NULL
#define gzip_step  NULL
#define gzip_end   NULL
#endif

#if HAVE_ZSTD

enum { ZSTD_WINDOW_LOG = 27 }; /* 128 MiB, what zstd itself takes without --long */

static bool zstd_begin(struct unpack *unpack)
{
	unpack->zstd = ZSTD_createDStream();
	return unpack->zstd && !ZSTD_isError(ZSTD_DCtx_setParameter(
				       unpack->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG));
}

static bool zstd_step(struct unpack *unpack, uint8_t *into, size_t bytes, size_t *got)
{
	ZSTD_inBuffer in = {unpack->in, unpack->have, unpack->used};
	ZSTD_outBuffer out = {into, bytes, 0};
	size_t left = ZSTD_decompressStream(unpack->zstd, &out, &in);

	unpack->used = in.pos;
	*got = out.pos;
	unpack->whole = !left;
	return !ZSTD_isError(left);
}

static void zstd_end(struct unpack *unpack)
{
	ZSTD_freeDStream(unpack->zstd);
}

#else
#define zstd_begin NULL
#define zstd_step  NULL
#define zstd_end   NULL
#endif

static const struct format formats[] = {
	{"gzip", "\x1f\x8b", 2, gzip_begin, gzip_step, gzip_end},
	{"zstd", "\x28\xb5\x2f\xfd", 4, zstd_begin, zstd_step, zstd_end},
};

enum { FORMATS = sizeof(formats) / sizeof(formats[0]) };

const char *unpack_format(const void *start, size_t bytes)
{
	for (size_t i = 0; i < FORMATS; i++)
		if (bytes >= formats[i].bytes && !memcmp(start, formats[i].magic, formats[i].bytes))
			return formats[i].name;
	return NULL;
}

static const struct format *find(const char *name)
{
	for (size_t i = 0; i < FORMATS; i++)
		if (!strcmp(formats[i].name, name) && formats[i].begin)
			return &formats[i];
	return NULL;
}

bool unpack_knows(const char *format)
{
	return find(format);
}

struct unpack *unpack_begin(const char *format, const struct vpmu_source *from, uint64_t at)
{
	const struct format *found = find(format);
	struct unpack *unpack = found ? memory_get(sizeof(*unpack)) : NULL;

	if (!unpack)
		return NULL;
	memset(unpack, 0, sizeof(*unpack));
	unpack->from = from;
	unpack->at = at;
	unpack->format = found;
	if (found->begin(unpack))
		return unpack;
	found->end(unpack);
	free(unpack);
	return NULL;
}

/* False: the packed bytes have ended. */
static bool refill(struct unpack *unpack, const char **why)
{
	uint64_t left = unpack->from->bytes - unpack->at;

	if (unpack->used < unpack->have)
		return true;
	unpack->have = left < sizeof(unpack->in) ? (size_t)left : sizeof(unpack->in);
	unpack->used = 0;
	if (!unpack->have)
		return false;
	if (unpack->from->read(unpack->from->context, unpack->at, unpack->in, unpack->have)) {
		unpack->at += unpack->have;
		return true;
	}
	*why = "it cannot be read";
	unpack->have = 0;
	return false;
}

/* What follows a member and is none: padding, or somebody else's. */
static bool is_behind(const struct unpack *unpack)
{
	const struct format *format = unpack->format;
	size_t left = unpack->have - unpack->used;
	size_t most = left < format->bytes ? left : format->bytes;

	return unpack->whole && memcmp(unpack->in + unpack->used, format->magic, most) != 0;
}

bool unpack_next(struct unpack *unpack, void *into, size_t bytes, size_t *got, const char **why)
{
	*why = NULL;
	for (*got = 0; *got < bytes;) {
		size_t part = 0;

		if (!refill(unpack, why)) {
			if (!*why && !unpack->whole)
				*why = "cut short";
			return !*why;
		}
		if (is_behind(unpack))
			return true;
		if (!unpack->format->step(unpack, (uint8_t *)into + *got, bytes - *got, &part)) {
			*why = "damaged";
			return false;
		}
		*got += part;
	}
	return true;
}

uint64_t unpack_at(const struct unpack *unpack)
{
	return unpack->at - unpack->have + unpack->used;
}

void unpack_end(struct unpack *unpack)
{
	if (unpack)
		unpack->format->end(unpack);
	free(unpack);
}
