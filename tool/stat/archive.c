/* SPDX-License-Identifier: MIT */
/* The cpio archive that Linux unpacks at boot (Documentation/driver-api/early-userspace/
 * buffer-format.rst). */
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "stat.h"

static void pad(FILE *to, size_t count)
{
	while (count++ % 4)
		putc('\0', to);
}

static void entry(struct archive *archive, const char *name, unsigned mode, const void *bytes,
                  size_t count)
{
	size_t length = strlen(name) + 1;

	/* magic, inode, mode, uid, gid, links, mtime, size, device and rdevice, name, checksum */
	fprintf(archive->to, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x",
	        ++archive->inode, mode, 0, 0, 1, 0, count, 0, 0, 0, 0, length, 0);
	fwrite(name, 1, length, archive->to);
	pad(archive->to, 110 + length);
	if (count)
		fwrite(bytes, 1, count, archive->to);
	pad(archive->to, count);
}

void archive_folder(struct archive *archive, const char *name)
{
	entry(archive, name, S_IFDIR | 0755, NULL, 0);
}

void archive_file(struct archive *archive, const char *name, unsigned mode, const void *bytes,
                  size_t count)
{
	entry(archive, name, S_IFREG | mode, bytes, count);
}

void archive_end(struct archive *archive)
{
	entry(archive, "TRAILER!!!", 0, NULL, 0);
}
