/* SPDX-License-Identifier: MIT */
/*
 * What can be known before QEMU starts: arguments that do not go with the plugin, and whether this
 * QEMU can load it, by letting it try.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/beside.h"
#include "command.h"
#include "lib/message.h"
#include "qemu.h"

/* --- Arguments -------------------------------------------------------------------------------- */

/* The option's name without its dashes, or NULL. */
static const char *option_of(const char *argument)
{
	if (*argument != '-')
		return NULL;
	return argument + 1 + (argument[1] == '-');
}

static bool is_option(const char *argument, const char *name)
{
	const char *option = option_of(argument);

	return option && !strcmp(option, name);
}

bool qemu_has_option(char *const *argv, const char *name)
{
	for (int i = 1; argv[i]; i++)
		if (is_option(argv[i], name))
			return true;
	return false;
}

static bool is_tcg(const char *accel)
{
	return !strncmp(accel, "tcg", 3) && (!accel[3] || accel[3] == ',' || accel[3] == ':');
}

/* The accelerator that an argument chooses, or NULL. */
static const char *accel_of(const char *argument, const char *value)
{
	const char *found;

	if (is_option(argument, "enable-kvm"))
		return "kvm";
	if (!value)
		return NULL;
	if (is_option(argument, "accel"))
		return value;
	if (!is_option(argument, "M") && !is_option(argument, "machine"))
		return NULL;
	found = strstr(value, "accel=");
	return found ? found + strlen("accel=") : NULL;
}

int qemu_judge_arguments(char *const *argv)
{
	for (int i = 1; argv[i]; i++) {
		const char *value = argv[i + 1];
		const char *accel = accel_of(argv[i], value);

		if (accel && !is_tcg(accel)) {
			message("the plugin is for TCG, not for another accelerator: %s (leave it "
			        "out, "
			        "or use -accel tcg)",
			        argv[i]);
			return TOOL_BAD;
		}
		if (is_option(argv[i], "icount")) {
			message("the plugin does not go with -icount: QEMU would end at a PMI "
			        "(leave it out)");
			return TOOL_BAD;
		}
		if (is_option(argv[i], "plugin") && value && strstr(value, "vpmu-qemu")) {
			message("the plugin is there twice: %s %s (vpmu qemu adds it)", argv[i],
			        value);
			return TOOL_BAD;
		}
	}
	return TOOL_HOLDS;
}

/* --- The plugin ------------------------------------------------------------------------------- */

int qemu_find_plugin(char path[PATH_MAX])
{
	static const char *const places[] = {
		"../src/qemu/libvpmu-qemu.so",
		"../" QEMU_LIBDIR "/qemu/plugins/libvpmu-qemu.so",
		NULL,
	};

	return find_beside(places, QEMU_PLUGIN, "the plugin", path);
}

/* --- Trying it -------------------------------------------------------------------------------- */

enum { SAID = 4096 };

static void exec_trial(const char *qemu, const char *plugin, int out)
{
	static char escaped[2 * PATH_MAX];
	char *to = escaped;
	int null = open("/dev/null", O_RDWR);

	for (; *plugin; plugin++) {
		*to++ = *plugin;
		if (*plugin == ',')
			*to++ = ',';
	}
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	execlp(qemu, qemu, "-M", "none", "-nodefaults", "-display", "none", "-accel", "tcg",
	       "-plugin", escaped, (char *)NULL);
	dprintf(STDERR_FILENO, "cannot start: %s", strerror(errno));
	_exit(TOOL_LACKS);
}

/* What QEMU writes to stderr, up to its end. */
static bool listen_to_trial(const char *qemu, const char *plugin, char said[SAID])
{
	int pipe_fd[2], ended;
	size_t length = 0;
	ssize_t got;
	pid_t child;

	fflush(NULL);
	if (pipe2(pipe_fd, O_CLOEXEC))
		return false;
	child = fork();
	if (!child)
		exec_trial(qemu, plugin, pipe_fd[1]);
	close(pipe_fd[1]);
	while (child > 0 && length < SAID - 1 &&
	       (got = read(pipe_fd[0], said + length, SAID - 1 - length)) > 0)
		length += (size_t)got;
	said[length] = '\0';
	close(pipe_fd[0]);
	return child > 0 && waitpid(child, &ended, 0) == child;
}

/* The last line, without its end. */
static const char *last_line(char *said)
{
	size_t length = strlen(said);
	char *line;

	while (length && said[length - 1] == '\n')
		said[--length] = '\0';
	line = strrchr(said, '\n');
	return line ? line + 1 : said;
}

/* Without a model the plugin ends QEMU, and says so: then it has been loaded. */
int qemu_try(const char *qemu, const char *plugin)
{
	static char said[SAID];

	if (!listen_to_trial(qemu, plugin, said)) {
		message("cannot start a process: %s", strerror(errno));
		return TOOL_LACKS;
	}
	if (!strncmp(said, "vpmu: no model", 14) || strstr(said, "\nvpmu: no model"))
		return TOOL_HOLDS;
	message("this QEMU cannot load the plugin: %s: %s (it takes QEMU 11.1, whose plugin API is "
	        "version 7; Debian 13 has it in its backports)",
	        qemu, last_line(said));
	return TOOL_LACKS;
}
