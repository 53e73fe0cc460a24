/* SPDX-License-Identifier: MIT */
/* QEMU's migration files, of any size: only what is needed of them is read. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "message.h"
#include "model_arg.h"
#include "state.h"

/* The file, and how far it has been read. */
struct opened {
	int fd;
	uint64_t bytes;
	time_t started, shown;
};

/* A file without a description is read from its start to its end. */
static void show_progress(struct opened *opened, uint64_t offset)
{
	time_t now = time(NULL);

	if (now - opened->started < 2 || now == opened->shown || !isatty(STDERR_FILENO))
		return;
	opened->shown = now;
	fprintf(stderr, "\r%3" PRIu64 "%%", offset * 100 / opened->bytes);
	fflush(stderr);
}

static void end_progress(const struct opened *opened)
{
	if (opened->shown)
		fputs("\r    \r", stderr);
}

static bool read_at(void *context, uint64_t offset, void *into, size_t bytes)
{
	struct opened *opened = context;
	size_t done = 0;

	show_progress(opened, offset);
	while (done < bytes) {
		ssize_t got = pread(opened->fd, (char *)into + done, bytes - done,
		                    (off_t)(offset + done));

		if (!got)
			errno = EIO; /* it has become shorter */
		if (got <= 0 && (!got || errno != EINTR))
			return false;
		done += got > 0 ? (size_t)got : 0;
	}
	return true;
}

static int find(const char *path, int fd, struct state_file *file)
{
	struct opened opened = {.fd = fd, .started = time(NULL)};
	struct vpmu_source source = {.read = read_at, .context = &opened};
	char why[STATE_WHY_BYTES] = "";
	enum vpmu_status status;
	struct stat about;

	file->cpus = calloc(VPMU_FILE_VCPUS, sizeof(*file->cpus));
	if (!file->cpus || fstat(fd, &about)) {
		message("cannot read: %s: %s", path, strerror(errno));
		return file->cpus ? TOOL_BAD : TOOL_LACKS;
	}
	source.bytes = opened.bytes = (uint64_t)about.st_size;
	errno = 0;
	status =
		vpmu_qemu_find(&source, file->cpus, VPMU_FILE_VCPUS, &file->qemu, why, sizeof(why));
	end_progress(&opened);
	if (status)
		message("%s: %s: %s%s%s", vpmu_status_text(status), path, why,
		        status == VPMU_HOST ? ": " : "",
		        status == VPMU_HOST ? strerror(errno) : "");
	return status ? TOOL_BAD : TOOL_HOLDS;
}

static int by_instance(const void *a, const void *b)
{
	const struct vpmu_qemu_cpu *one = a, *other = b;

	return (one->instance > other->instance) - (one->instance < other->instance);
}

/* An idle PMU has only zeros: QEMU leaves it out for no other reason. */
static int make_states(const char *path, const char *text, struct state_file *file)
{
	struct vpmu_layout layout;
	struct vpmu_model model;
	int status = model_from_text(text, &model);

	if (status)
		return status;
	if (vpmu_layout_init(&layout, &model))
		return TOOL_LACKS;
	for (size_t i = 0; i < file->qemu.cpus; i++) {
		struct vpmu_state state;
		char why[STATE_WHY_BYTES];

		if (vpmu_qemu_to_state(&file->cpus[i].pmu, &layout, &state, why, sizeof(why))) {
			message("not the PMU of %s: %s: vCPU %" PRIu32 ": %s", text, path,
			        file->cpus[i].instance, why);
			return TOOL_BAD;
		}
		if (!state_set_add(&file->set, file->cpus[i].instance, &state)) {
			message("cannot read: %s: out of memory", path);
			return TOOL_LACKS;
		}
	}
	return TOOL_HOLDS;
}

int state_qemu_read(const char *path, int fd, const char *model, struct state_file *file)
{
	int status = find(path, fd, file);

	if (!status) {
		qsort(file->cpus, file->qemu.cpus, sizeof(*file->cpus), by_instance);
		if (model)
			status = make_states(path, model, file);
	}
	if (status)
		state_file_free(file);
	return status;
}
