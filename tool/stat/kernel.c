/* SPDX-License-Identifier: MIT */
/*
 * Which kernel the guest boots, and which modules it needs before it sees the host's files. The
 * version stands in the image (Linux Documentation/arch/x86/boot.rst, kernel_version); the rest is
 * in depmod's files.
 */
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "command.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "stat.h"

/* --- The image -------------------------------------------------------------------------------- */

static bool exists(const char *path)
{
	return !access(path, R_OK);
}

/* The host's own kernel, else the newest that is there. */
static int find_image(char path[PATH_MAX])
{
	static const char *const places[] = {"/boot/vmlinuz-*", "/lib/modules/*/vmlinuz",
	                                     "/usr/lib/modules/*/vmlinuz"};
	struct utsname host;
	glob_t found = {0};

	if (!uname(&host))
		snprintf(path, PATH_MAX, "/boot/vmlinuz-%s", host.release);
	if (exists(path))
		return TOOL_HOLDS;
	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		glob(places[i], i ? GLOB_APPEND : 0, NULL, &found);
	*path = '\0';
	for (size_t i = 0; i < found.gl_pathc; i++)
		if (exists(found.gl_pathv[i]) && strverscmp(found.gl_pathv[i], path) > 0)
			snprintf(path, PATH_MAX, "%s", found.gl_pathv[i]);
	globfree(&found);
	if (*path)
		return TOOL_HOLDS;
	message("no kernel for the guest: /boot/vmlinuz-* (name one with --kernel FILE; Debian's "
	        "package is linux-image-amd64)");
	return TOOL_LACKS;
}

enum { HEADER = 0x10400 }; /* as far as 16 bits reach, and a version */

/* "" where the image does not say. False: it cannot be read. */
static bool read_version(const char *path, char version[128])
{
	static unsigned char head[HEADER];
	FILE *file = fopen(path, "r");
	size_t got = file ? fread(head, 1, sizeof(head), file) : 0, at;

	*version = '\0';
	if (!file)
		return false;
	fclose(file);
	if (got < 0x210 || memcmp(head + 0x202, "HdrS", 4))
		return got > 0;
	at = (size_t)(head[0x20e] | head[0x20f] << 8) + 0x200;
	for (size_t i = 0; i < 127 && at + i < got && head[at + i] > ' '; i++) {
		version[i] = (char)head[at + i];
		version[i + 1] = '\0';
	}
	if (strchr(version, '/'))
		*version = '\0';
	return true;
}

/* --- Its modules ------------------------------------------------------------------------------ */

/* What the guest finds its ports and the host's files by. */
static const char *const wanted[] = {"virtio_pci", "virtio_console", "9pnet_virtio", "9p"};

static int find_folder(struct stat_kernel *kernel, const char *typed)
{
	static const char *const places[] = {"/lib/modules", "/usr/lib/modules"};

	if (typed) {
		snprintf(kernel->folder, PATH_MAX, "%s", typed);
		return TOOL_HOLDS;
	}
	for (unsigned i = 0; i < 2 && *kernel->version; i++) {
		snprintf(kernel->folder, PATH_MAX, "%s/%s", places[i], kernel->version);
		if (!access(kernel->folder, X_OK))
			return TOOL_HOLDS;
	}
	message("no modules for the kernel: %s (name their folder with --modules)", kernel->path);
	return TOOL_LACKS;
}

/* Whether the path is that of the module; '-' and '_' are the same. */
static bool is_module(const char *path, size_t length, const char *name)
{
	const char *base = path;

	for (size_t i = 0; i < length; i++)
		if (path[i] == '/')
			base = path + i + 1;
	for (; *name; name++, base++)
		if (base >= path + length || (*base == '-' ? '_' : *base) != *name)
			return false;
	return base < path + length && *base == '.';
}

/* The file's line that begins with the module, for free(), or NULL. */
static char *find_line(const struct stat_kernel *kernel, const char *file, const char *name)
{
	char path[PATH_MAX + 20], *line = NULL;
	size_t room = 0;
	ssize_t length;
	FILE *lines;

	snprintf(path, sizeof(path), "%s/%s", kernel->folder, file);
	lines = fopen(path, "r");
	while (lines && (length = getline(&line, &room, lines)) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (!is_module(line, strcspn(line, ":"), name))
			continue;
		fclose(lines);
		return line;
	}
	if (lines)
		fclose(lines);
	free(line);
	return NULL;
}

static bool add_module(struct stat_kernel *kernel, const char *path, size_t length)
{
	char *copy;

	for (unsigned i = 0; i < kernel->module_count; i++)
		if (strlen(kernel->modules[i]) == length &&
		    !strncmp(kernel->modules[i], path, length))
			return true;
	copy = kernel->module_count < STAT_MODULES ? strndup(path, length) : NULL;
	if (copy)
		kernel->modules[kernel->module_count++] = copy;
	return copy;
}

/* "module: needs…": depmod names last what is to be loaded first. */
static bool add_line(struct stat_kernel *kernel, const char *line)
{
	size_t own = strcspn(line, ":"), end = strlen(line), begin;

	while (end > own + 1) {
		for (begin = end; begin > own + 1 && line[begin - 1] != ' '; begin--)
			;
		if (end > begin && !add_module(kernel, line + begin, end - begin))
			return false;
		end = begin > own + 1 ? begin - 1 : begin;
	}
	return add_module(kernel, line, own);
}

static int need(struct stat_kernel *kernel, const char *name)
{
	char *line = find_line(kernel, "modules.dep", name);
	bool added;

	if (line) {
		added = add_line(kernel, line);
		free(line);
		if (!added)
			message("out of memory");
		return added ? TOOL_HOLDS : TOOL_LACKS;
	}
	line = find_line(kernel, "modules.builtin", name);
	if (!line) {
		message("the kernel has no module %s: %s (its configuration lacks it, or depmod "
		        "was not run)",
		        name, kernel->folder);
		return TOOL_LACKS;
	}
	free(line);
	return TOOL_HOLDS;
}

/* --- Both ------------------------------------------------------------------------------------- */

int stat_kernel_find(struct stat_kernel *kernel, const char *typed, const char *folder)
{
	int status = TOOL_HOLDS;

	memset(kernel, 0, sizeof(*kernel));
	if (typed)
		snprintf(kernel->path, PATH_MAX, "%s", typed);
	else
		status = find_image(kernel->path);
	if (!status && !read_version(kernel->path, kernel->version)) {
		message("cannot read: %s: %s", kernel->path, strerror(errno));
		status = TOOL_BAD;
	}
	if (!status)
		status = find_folder(kernel, folder);
	for (unsigned i = 0; !status && i < sizeof(wanted) / sizeof(wanted[0]); i++)
		status = need(kernel, wanted[i]);
	return status;
}

void stat_kernel_free(struct stat_kernel *kernel)
{
	for (unsigned i = 0; i < kernel->module_count; i++)
		free(kernel->modules[i]);
	kernel->module_count = 0;
}
