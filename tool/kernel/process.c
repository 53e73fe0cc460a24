/* SPDX-License-Identifier: MIT */
/* Processes that answer a script, from one unnamed file into another: neither waits for the other.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel.h"
#include "lib/memory.h"
#include "lib/message.h"

enum { MOST_MEMORY = 1 << 30, MOST_SECONDS = 600, CANNOT_START = 127 };

int unnamed_file(void)
{
	int fd = memfd_create("vpmu", MFD_CLOEXEC);

	if (fd < 0)
		message("cannot make a temporary file: %s", strerror(errno));
	return fd;
}

/* What the kernel's code may use of this machine. No core is left behind. */
static void limit(int which, rlim_t most)
{
	const struct rlimit both = {most, most};

	setrlimit((__rlimit_resource_t)which, &both);
}

static void become(char *const *arguments, int in, int out, int errors)
{
	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_CPU, MOST_SECONDS);
	limit(RLIMIT_AS, MOST_MEMORY);
	if (in >= 0 && (lseek(in, 0, SEEK_SET) < 0 || dup2(in, STDIN_FILENO) < 0))
		_exit(CANNOT_START);
	if (dup2(out, STDOUT_FILENO) < 0 || dup2(errors >= 0 ? errors : nowhere, STDERR_FILENO) < 0)
		_exit(CANNOT_START);
	execv(arguments[0], arguments);
	_exit(CANNOT_START);
}

int process_start(char *const *arguments, int in, int out, int errors)
{
	int process = fork();

	if (!process)
		become(arguments, in, out, errors);
	if (process < 0)
		message("cannot start: %s: %s", arguments[0], strerror(errno));
	return process;
}

static struct ending ending_of(int status)
{
	return (struct ending){
		.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
		.status = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
	};
}

struct ending process_wait(int process)
{
	int status = 0;

	while (waitpid(process, &status, 0) < 0 && errno == EINTR)
		;
	return ending_of(status);
}

bool process_ended(int process, struct ending *ending)
{
	int status = 0;

	if (waitpid(process, &status, WNOHANG) != process)
		return false;
	*ending = ending_of(status);
	return true;
}

const char *ending_text(struct ending ending)
{
	static char text[64];
	const char *name = sigabbrev_np(ending.signal);

	if (ending.signal == SIGVTALRM || ending.signal == SIGXCPU)
		return "does not end";
	snprintf(text, sizeof(text), "crashed (SIG%s)", name ? name : "?");
	return text;
}

char *unnamed_read(int fd, size_t *bytes)
{
	struct stat about;
	char *text;

	if (fstat(fd, &about))
		return NULL;
	text = memory_get((size_t)about.st_size + 1);
	if (!text) {
		memory_say("the answers");
		return NULL;
	}
	*bytes = 0;
	while (*bytes < (size_t)about.st_size) {
		ssize_t got =
			pread(fd, text + *bytes, (size_t)about.st_size - *bytes, (off_t)*bytes);

		if (got <= 0)
			break;
		*bytes += (size_t)got;
	}
	text[*bytes] = '\0';
	return text;
}

char *kernel_ask(const char *path, const char *option, size_t *bytes)
{
	char *arguments[] = {(char *)path, (char *)option, NULL};
	int out = unnamed_file();
	int process = out < 0 ? -1 : process_start(arguments, -1, out, -1);
	char *text = NULL;

	if (process >= 0) {
		struct ending ending = process_wait(process);

		if (!ending.signal && !ending.status)
			text = unnamed_read(out, bytes);
		else
			message("not a program of vpmu kernel build: %s", path);
	}
	if (out >= 0)
		close(out);
	return text;
}

int kernel_file(const char *path, char name[KERNEL_NAME_BYTES])
{
	size_t bytes;
	char *text;

	if (access(path, X_OK)) {
		message("cannot run: %s: %s", path, strerror(errno));
		return TOOL_BAD;
	}
	text = kernel_ask(path, "--name", &bytes);
	if (!text)
		return TOOL_BAD;
	snprintf(name, KERNEL_NAME_BYTES, "%.*s", (int)strcspn(text, "\n"), text);
	free(text);
	if (!strncmp(name, "linux-", strlen("linux-")))
		return TOOL_HOLDS;
	message("not a program of vpmu kernel build: %s", path);
	return TOOL_BAD;
}

bool kernel_mediates(const char *path)
{
	size_t bytes;
	char *text = kernel_ask(path, "--name", &bytes);
	bool found = text && strstr(text, "\nmediated\n");

	free(text);
	return found;
}
