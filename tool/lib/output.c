/* SPDX-License-Identifier: MIT */
/*
 * Output files. A file has no name until it is complete (O_TMPFILE), so nothing is left however the
 * tool ends. On a file system without O_TMPFILE it has a temporary name, which handlers of the
 * signals that end the tool remove.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "input/file.h"
#include "memory.h"
#include "message.h"

enum { LINKS_MAX = 40, NAMES_TRIED = 100, NAMED_MAX = 4 };

static const int deadly[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGALRM, SIGXCPU};

enum { DEADLY = sizeof(deadly) / sizeof(deadly[0]) };

/* --- Where a path leads ----------------------------------------------------------------------- */

/* The folder's own path and the last name. False: errno tells. */
static bool split(const char *path, char *folder, const char **name)
{
	const char *slash = strrchr(path, '/');
	char typed[PATH_MAX];

	*name = slash ? slash + 1 : path;
	if (!**name)
		errno = EISDIR;
	else if (snprintf(typed, sizeof(typed), "%.*s", slash ? (int)(slash - path) + 1 : 1,
	                  slash ? path : ".") >= (int)sizeof(typed))
		errno = ENAMETOOLONG;
	else
		return realpath(typed, folder);
	return false;
}

/* /dev/stdout and /dev/fd/N: the descriptor that is already open, with its own offset. -1: other
 * paths. */
static int own_descriptor(const char *folder, const char *name)
{
	char own[64];

	snprintf(own, sizeof(own), "/proc/%d/fd", (int)getpid());
	return strcmp(folder, own) ? -1 : atoi(name);
}

static bool join(char *to, const char *folder, const char *name)
{
	const char *between = !*folder || folder[strlen(folder) - 1] == '/' ? "" : "/";

	if (snprintf(to, PATH_MAX, "%s%s%s", folder, between, name) < PATH_MAX)
		return true;
	errno = ENAMETOOLONG;
	return false;
}

/*
 * Follows symbolic links to output->target, which need not exist, in output->folder. *descriptor is
 * the tool's own that it stands for, or -1. False: errno tells.
 */
static bool follow(struct output *output, int *descriptor)
{
	char next[PATH_MAX], link[PATH_MAX];
	const char *name;
	ssize_t length;

	if (!join(next, "", output->path))
		return false;
	for (unsigned i = 0; i < LINKS_MAX; i++) {
		if (!split(next, output->folder, &name) ||
		    !join(output->target, output->folder, name))
			return false;
		*descriptor = own_descriptor(output->folder, name);
		length = *descriptor >= 0 ? -1 : readlink(output->target, link, sizeof(link) - 1);
		if (length < 0)
			return true;
		link[length] = '\0';
		if (!join(next, *link == '/' ? "" : output->folder, link))
			return false;
	}
	errno = ELOOP;
	return false;
}

/* --- Temporary names -------------------------------------------------------------------------- */

/* What a signal handler can reach. */
static struct output *volatile named[NAMED_MAX];

static void remove_names(void)
{
	for (unsigned i = 0; i < NAMED_MAX; i++)
		if (named[i])
			unlink(named[i]->temporary);
}

static void on_death(int number)
{
	remove_names();
	signal(number, SIG_DFL);
	raise(number);
}

/* A signal that already has another handler keeps it. */
static void guard_names(void)
{
	struct sigaction now, wanted = {.sa_handler = on_death, .sa_flags = SA_NODEFER};

	for (unsigned i = 0; i < DEADLY; i++)
		if (!sigaction(deadly[i], NULL, &now) && now.sa_handler == SIG_DFL)
			sigaction(deadly[i], &wanted, NULL);
}

static void note_name(struct output *output)
{
	for (unsigned i = 0; i < NAMED_MAX; i++)
		if (!named[i]) {
			named[i] = output;
			return;
		}
}

static void forget_name(struct output *output)
{
	for (unsigned i = 0; i < NAMED_MAX; i++)
		if (named[i] == output)
			named[i] = NULL;
	*output->temporary = '\0';
}

static void block_deadly(sigset_t *before)
{
	sigset_t signals;

	sigemptyset(&signals);
	for (unsigned i = 0; i < DEADLY; i++)
		sigaddset(&signals, deadly[i]);
	sigprocmask(SIG_BLOCK, &signals, before);
}

/* Gives the file a name beside the target: a new file when fd is -1, else that one. */
static int take_name(struct output *output, int fd, mode_t mode)
{
	char name[64], open_file[64];
	int made = -1;

	snprintf(open_file, sizeof(open_file), "/proc/self/fd/%d", fd);
	for (unsigned i = 0; made < 0 && i < NAMES_TRIED; i++) {
		snprintf(name, sizeof(name), ".vpmu-%d-%u", (int)getpid(), i);
		if (!join(output->temporary, output->folder, name))
			break;
		made = fd < 0 ? open(output->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		                     mode)
		              : linkat(AT_FDCWD, open_file, AT_FDCWD, output->temporary,
		                       AT_SYMLINK_FOLLOW);
		if (made < 0 && errno != EEXIST)
			break;
	}
	if (made < 0)
		*output->temporary = '\0';
	return made;
}

/* --- Opening ---------------------------------------------------------------------------------- */

static int open_named(struct output *output, mode_t mode)
{
	sigset_t before;
	int fd;

	guard_names();
	block_deadly(&before);
	fd = take_name(output, -1, mode);
	if (fd >= 0)
		note_name(output);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return fd;
}

/* Sets the owner and mode of the file that is replaced. If the group cannot be set, it gets no
 * rights. */
static void take_after(int fd, const struct stat *old)
{
	mode_t mode = old->st_mode & 07777;

	if (fchown(fd, old->st_uid, old->st_gid) && fchown(fd, (uid_t)-1, old->st_gid))
		mode &= 0707;
	fchmod(fd, mode);
}

static int open_unnamed(struct output *output, const struct stat *old)
{
	mode_t mode = old ? 0600 : 0666;
	int fd = -1;

	if (!access("/proc/self/fd", X_OK)) /* it is named through there */
		fd = open(output->folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
	if (fd < 0)
		fd = open_named(output, mode);
	if (fd >= 0 && old)
		take_after(fd, old);
	return fd;
}

static int open_target(struct output *output)
{
	struct stat old;
	int descriptor;

	if (!follow(output, &descriptor))
		return -1;
	if (descriptor >= 0)
		return fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
	if (stat(output->target, &old)) {
		output->replaces = true;
		return errno == ENOENT ? open_unnamed(output, NULL) : -1;
	}
	if (S_ISDIR(old.st_mode))
		errno = EISDIR;
	output->replaces = S_ISREG(old.st_mode);
	if (S_ISDIR(old.st_mode) || faccessat(AT_FDCWD, output->target, W_OK, AT_EACCESS))
		return -1;
	return output->replaces ? open_unnamed(output, &old)
	                        : open(output->target, O_WRONLY | O_NOCTTY | O_CLOEXEC);
}

/*
 * A stream's error flag does not say which error it was, and a stream would go on after an error.
 * So the error is kept here, and nothing is written after it.
 */
static ssize_t write_all(void *cookie, const char *bytes, size_t count)
{
	struct output *output = cookie;
	size_t done = 0;

	while (done < count && !output->error) {
		ssize_t got = write(output->fd, bytes + done, count - done);

		if (got >= 0)
			done += (size_t)got;
		else if (errno != EINTR)
			output->error = errno;
	}
	return output->error ? 0 : (ssize_t)count;
}

static void drop(struct output *output)
{
	if (output->stream)
		fclose(output->stream);
	output->stream = NULL;
	if (output->fd >= 0)
		close(output->fd);
	output->fd = -1;
	if (*output->temporary)
		unlink(output->temporary);
	forget_name(output);
}

static const cookie_io_functions_t functions = {.write = write_all};

bool output_open(struct output *output, const char *path)
{
	memset(output, 0, sizeof(*output));
	output->path = path;
	fflush(stdout); /* which may be where the path leads */
	output->fd = open_target(output);
	if (output->fd >= 0)
		output->stream = fopencookie(output, "w", functions);
	if (output->stream)
		return true;
	output->error = errno;
	message("cannot write: %s: %s", path,
	        output->error == EISDIR ? "it is a directory" : strerror(output->error));
	drop(output);
	return false;
}

/* --- The end ---------------------------------------------------------------------------------- */

/* Sync first, so that a crash after the rename does not leave an empty file. */
static bool put_in_place(struct output *output)
{
	sigset_t before;
	bool good;

	if (fsync(output->fd) && errno != EINVAL && errno != ENOSYS)
		return false;
	block_deadly(&before);
	good = (*output->temporary || !take_name(output, output->fd, 0)) &&
	       !rename(output->temporary, output->target);
	if (good)
		forget_name(output);
	else if (*output->temporary)
		unlink(output->temporary);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return good;
}

bool output_commit(struct output *output)
{
	bool good = !fflush(output->stream) && !output->error;

	if (good && output->replaces)
		good = put_in_place(output);
	if (!good)
		message("cannot write: %s: %s", output->path,
		        strerror(output->error ? output->error : errno));
	drop(output);
	return good;
}

void output_abandon(struct output *output)
{
	if (output->stream)
		drop(output);
}

void output_abandon_all(void)
{
	remove_names();
}

void output_end_without_memory(const char *what)
{
	output_abandon_all();
	memory_say(what);
	_exit(TOOL_LACKS);
}

/* --- Standard output -------------------------------------------------------------------------- */

static struct output standard = {.fd = STDOUT_FILENO};

void output_take_stdout(void)
{
	FILE *stream = isatty(STDOUT_FILENO) ? NULL : fopencookie(&standard, "w", functions);

	if (stream)
		stdout = stream;
}

int output_flush_stdout(void)
{
	errno = 0;
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	return standard.error ? standard.error : errno ? errno : EIO;
}
