/* SPDX-License-Identifier: MIT */
/* Files of states: told apart, read and written. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "message.h"
#include "state.h"

enum { LIMIT = 64 << 20 };

int state_format_from_text(const char *text, enum state_format *format)
{
	if (text && !strcmp(text, "native")) {
		*format = STATE_NATIVE;
	} else if (text && !strcmp(text, "json")) {
		*format = STATE_JSON;
	} else {
		message("%s: '%s' (--to native, or --to json)",
		        text ? "no such format" : "no format given", text ? text : "");
		return TOOL_BAD;
	}
	return TOOL_HOLDS;
}

/* Whether the file begins as QEMU's do; *fd is then open, and the file is one that has an end. */
static bool open_qemu(const char *path, int *fd)
{
	struct stat about;
	char magic[4];

	if (stat(path, &about) || !S_ISREG(about.st_mode))
		return false;
	*fd = open(path, O_RDONLY | O_CLOEXEC);
	if (*fd < 0)
		return false;
	if (pread(*fd, magic, sizeof(magic), 0) == sizeof(magic) &&
	    !memcmp(magic, "QEVM", sizeof(magic)))
		return true;
	close(*fd);
	return false;
}

static bool looks_like_json(const uint8_t *bytes, size_t count)
{
	size_t at = 0;

	while (at < count && strchr(" \t\r\n", bytes[at]))
		at++;
	return at < count && bytes[at] == '{';
}

static int read_states(const char *path, const uint8_t *bytes, size_t count,
                       struct state_file *file)
{
	char why[STATE_WHY_BYTES] = "";
	enum vpmu_status status;

	if (count >= 4 && !memcmp(bytes, "QEVM", 4)) {
		message("a QEMU migration file must be a regular file: %s", path);
		return TOOL_BAD;
	}
	if (looks_like_json(bytes, count)) {
		file->format = STATE_JSON;
		status = state_json_read((const char *)bytes, count, &file->set, why);
	} else if (count >= 3 && !memcmp(bytes, "vPM", 3)) {
		file->format = STATE_NATIVE;
		status = state_native_read(bytes, count, &file->set, why);
	} else {
		message("not a file of states: %s (neither vpmu's own, nor JSON, nor QEMU's)",
		        path);
		return TOOL_BAD;
	}
	if (status == VPMU_INTERNAL)
		return TOOL_LACKS; /* this build has no JSON, and a message has said so */
	if (!status)
		return TOOL_HOLDS;
	if (status == VPMU_HOST)
		message("cannot read: %s: %s", path, why);
	else
		message("%s: %s: %s", vpmu_status_text(status), path, why);
	return status == VPMU_HOST ? TOOL_LACKS : TOOL_BAD;
}

bool state_file_is_qemu(const char *path)
{
	int fd;

	if (!open_qemu(path, &fd))
		return false;
	close(fd);
	return true;
}

int state_file_read(const char *path, const char *model, struct state_file *file)
{
	uint8_t *bytes;
	size_t count;
	int fd, status;

	memset(file, 0, sizeof(*file));
	if (open_qemu(path, &fd)) {
		file->format = STATE_QEMU;
		status = state_qemu_read(path, fd, model, file);
		close(fd);
		return status;
	}
	if (model) {
		message("a model is given for a QEMU file only: %s (other files have theirs)",
		        path);
		return TOOL_BAD;
	}
	status = file_read(path, LIMIT, "any file of states", &bytes, &count);
	if (status)
		return status;
	status = read_states(path, bytes, count, file);
	free(bytes);
	return status;
}

int state_report_read(const char *path, struct state_report *report)
{
	char why[STATE_WHY_BYTES] = "";
	enum vpmu_status read;
	uint8_t *bytes;
	size_t count;
	int status = file_read(path, LIMIT, "any report", &bytes, &count);

	if (status)
		return status;
	read = state_json_report((const char *)bytes, count, report, why);
	free(bytes);
	if (read == VPMU_HOST)
		message("cannot read: %s: %s", path, why);
	else if (read && read != VPMU_INTERNAL)
		message("not a report on a host's PMU: %s: %s", path, why);
	if (read == VPMU_HOST || read == VPMU_INTERNAL)
		return TOOL_LACKS;
	return read ? TOOL_BAD : TOOL_HOLDS;
}

int state_file_read_set(const char *path, const char *model, struct state_file *file)
{
	int status = state_file_read(path, model, file);

	if (status || file->format != STATE_QEMU || model)
		return status;
	message("a QEMU file does not say which PMU its vCPUs have: %s (--model NAME does)", path);
	state_file_free(file);
	return TOOL_BAD;
}

void state_file_free(struct state_file *file)
{
	state_set_free(&file->set);
	free(file->cpus);
	file->cpus = NULL;
}

static bool write_set(const struct state_set *set, enum state_format format, FILE *stream)
{
	return format == STATE_JSON ? state_json_write(set, stream)
	                            : state_native_write(set, stream);
}

int state_file_write(const char *path, const struct state_set *set, enum state_format format)
{
	struct output output;

	if (!strcmp(path, "-"))
		return write_set(set, format, stdout) ? TOOL_HOLDS : TOOL_LACKS;
	if (!output_open(&output, path))
		return TOOL_LACKS;
	if (write_set(set, format, output.stream))
		return output_commit(&output) ? TOOL_HOLDS : TOOL_LACKS;
	output_abandon(&output);
	return TOOL_LACKS;
}
