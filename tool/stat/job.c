/* SPDX-License-Identifier: MIT */
/*
 * What the guest has to do, as its init reads it: texts that end in NUL, namely the user, the group
 * and the folder; the counters, as "type config rings" in three texts each behind their number; the
 * program's words and its environment, each behind their number.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/beside.h"
#include "command.h"
#include "input/file.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "stat.h"

enum { FILE_MOST = 64 << 20, JOB_MOST = 4 << 20 };

extern char **environ;

static void put(FILE *to, const char *text)
{
	fwrite(text, 1, strlen(text) + 1, to);
}

static void put_number(FILE *to, uint64_t value)
{
	fprintf(to, "%#llx", (unsigned long long)value);
	putc('\0', to);
}

static void put_list(FILE *to, char *const *list)
{
	size_t count = 0;

	while (list[count])
		count++;
	put_number(to, count);
	while (*list)
		put(to, *list++);
}

static void put_job(FILE *to, const struct stat_events *events, char *const *words)
{
	char folder[PATH_MAX];

	put_number(to, getuid());
	put_number(to, getgid());
	put(to, getcwd(folder, sizeof(folder)) ? folder : "/");
	put_number(to, events->count);
	for (unsigned i = 0; i < events->count; i++) {
		put_number(to, events->of[i].type);
		put_number(to, events->of[i].config);
		put_number(to, events->of[i].rings);
	}
	put_list(to, words);
	put_list(to, environ);
}

static int add_job(struct archive *archive, const struct stat_events *events, char *const *words)
{
	char *bytes = NULL;
	size_t count = 0;
	FILE *job = open_memstream(&bytes, &count);
	int status = TOOL_HOLDS;

	if (job)
		put_job(job, events, words);
	if (!job || !memory_close(job, &bytes)) {
		message("out of memory");
		status = TOOL_LACKS;
	} else if (count > JOB_MOST) {
		message("arguments and environment are too long: %zu bytes (at most %d)", count,
		        JOB_MOST);
		status = TOOL_BAD;
	} else {
		archive_file(archive, "job", 0600, bytes, count);
	}
	free(bytes);
	return status;
}

static int add_file(struct archive *archive, const char *path, const char *name, unsigned mode)
{
	uint8_t *bytes;
	size_t count;
	int status = file_read(path, FILE_MOST, "64 MiB, what fits in a guest's first files",
	                       &bytes, &count);

	if (status)
		return status;
	archive_file(archive, name, mode, bytes, count);
	free(bytes);
	return TOOL_HOLDS;
}

static int add_init(struct archive *archive)
{
	static const char *const places[] = {
		"../guests/vpmu-stat-init",
		"../" QEMU_LIBDIR "/vpmu/vpmu-stat-init",
		NULL,
	};
	char path[PATH_MAX];
	int status = find_beside(places, STAT_INIT, "the guest's init", path);

	return status ? status : add_file(archive, path, "init", 0755);
}

/* The number in front makes them come in their order. */
static int add_modules(struct archive *archive, const struct stat_kernel *kernel)
{
	int status = TOOL_HOLDS;

	archive_folder(archive, "modules");
	for (unsigned i = 0; !status && i < kernel->module_count; i++) {
		char path[2 * PATH_MAX], name[PATH_MAX];
		const char *base = strrchr(kernel->modules[i], '/');

		snprintf(path, sizeof(path), "%s/%s", kernel->folder, kernel->modules[i]);
		snprintf(name, sizeof(name), "modules/%02u-%s", i,
		         base ? base + 1 : kernel->modules[i]);
		status = add_file(archive, path, name, 0600);
	}
	return status;
}

int stat_image_write(FILE *to, const struct stat_kernel *kernel, const struct stat_events *events,
                     char *const *words)
{
	struct archive archive = {.to = to};
	int status;

	archive_folder(&archive, "dev");
	status = add_init(&archive);
	if (!status)
		status = add_modules(&archive, kernel);
	if (!status)
		status = add_job(&archive, events, words);
	archive_end(&archive);
	if (status || !fflush(to))
		return status;
	message("cannot write the guest's files: %s", strerror(errno));
	return TOOL_LACKS;
}
