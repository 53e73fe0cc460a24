/* SPDX-License-Identifier: MIT */
/*
 * A guest's seconds under `vpmu run` or QEMU TCG. Guests print when the measured part begins and
 * ends, so that starting up does not count.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

extern char **environ;

enum { GUEST_PASSED_STATUS = 1 };

/* Starts a command with its standard output in a pipe. */
static FILE *start_command(char *const argv[], pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return NULL;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (posix_spawnp(pid, argv[0], &actions, NULL, argv, environ)) {
		close(ends[0]);
		ends[0] = -1;
	}
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	return ends[0] < 0 ? NULL : fdopen(ends[0], "r");
}

/* The seconds from the guest's line "begin" to its line "end"; -1 unless it passes. */
static double command_seconds(char *const argv[])
{
	double begin = -1, end = -1;
	char line[256];
	int status = -1;
	pid_t pid;
	FILE *output = start_command(argv, &pid);

	if (!output)
		return -1;
	while (fgets(line, sizeof(line), output)) {
		line[strcspn(line, "\r\n")] = 0;
		if (!strcmp(line, "begin"))
			begin = seconds_of(pid);
		else if (!strcmp(line, "end"))
			end = seconds_of(pid);
	}
	fclose(output);
	waitpid(pid, &status, 0);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != GUEST_PASSED_STATUS)
		return -1;
	return begin < 0 || end < 0 ? -1 : end - begin;
}

double guest_seconds(const struct bench *bench, const char *name, char *append, bool qemu)
{
	char tool[512], guest[512];

	snprintf(tool, sizeof(tool), "%s/tool/vpmu", bench->build);
	snprintf(guest, sizeof(guest), "%s/guests/%s.%s", bench->build, name,
	         qemu ? "mb32.elf" : "elf");
	if (qemu) {
		char *const argv[] = {
			"qemu-system-x86_64",
			"-accel",
			"tcg",
			"-display",
			"none",
			"-monitor",
			"none",
			"-serial",
			"stdio",
			"-device",
			"isa-debug-exit,iobase=0xf4",
			"-kernel",
			guest,
			"-append",
			append,
			NULL,
		};

		return command_seconds(argv);
	}
	char *const argv[] = {tool, "run", "--model", "intel-v2", "--append", append, guest, NULL};

	return command_seconds(argv);
}
