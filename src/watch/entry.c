/* SPDX-License-Identifier: MIT */
/*
 * The functions that the VMM calls in place of the C library's. Each does what it is asked for, and
 * then notes what that means for the table of descriptors.
 *
 * The system calls that each makes, beside its own:
 *   ioctl, and by number           none; emulating: ioctl() of the same request, or of another that
 *                                  the VMM makes for the same object (KVM_CREATE_VM: two or three
 *                                  more); counting, KVM_RUN: those of a debugger
 *   open, openat, dup, fcntl, …    none; emulating, a parameter of KVM's: another open() first
 *   close, close_range, closefrom  none
 *   mmap of a vCPU, emulating      a second mmap() like it
 *   munmap, emulating              a second munmap() for that
 *   sigaction, signal              none
 *   vfork                          none, and it is vfork()
 * The C library's own: clock_gettime() in the vDSO, memcpy() and the like. A lock is waited for
 * awake, and so is a full ring; memory is touched, not asked for.
 */
/* Keep open() and open64() two functions, as they are to the VMM. */
#undef _FILE_OFFSET_BITS

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "room_int.h"

#define SHOWN __attribute__((visibility("default")))

/* --- Requests ------------------------------------------------------------------------------ */

static int any_ioctl(int fd, unsigned long request, void *argument)
{
	struct object *object;
	int result, error;

	if (!is_kvm_request(request) || !shared || entry_in_vfork())
		return real()->ioctl(fd, request, argument);
	object = table_get(fd);
	if (!object)
		return table_is_closing(fd) ? real()->ioctl(fd, request, argument)
		                            : follow_unknown(fd, request, argument);
	if (request == KVM_RUN && object->kind == OBJECT_VCPU && !shared->emulates) {
		table_count_run(object);
		table_put(object);
		return real()->ioctl(fd, request, argument);
	}
	result = follow_ioctl(object, fd, request, argument);
	error = errno;
	table_put(object);
	errno = error;
	return result;
}

SHOWN int ioctl(int fd, unsigned long request, ...)
{
	va_list list;
	void *argument;

	va_start(list, request);
	argument = va_arg(list, void *);
	va_end(list);
	return any_ioctl(fd, request, argument);
}

/* --- Descriptors that come ----------------------------------------------------------------- */

static int opened(const char *path, int fd)
{
	struct watch_head head;
	struct object *object;
	int error = errno;

	if (!shared || fd < 0)
		return fd;
	/* The path can be read, since the kernel has done so. */
	if (strcmp(path, "/dev/kvm") != 0) {
		table_drop(fd);
	} else if ((object = table_add(fd, OBJECT_SYSTEM, NULL, 0))) {
		head = record_head(object, WATCH_OPEN);
		head.result = fd;
		ring_write(&head, NULL, 0);
		table_put(object);
	}
	errno = error;
	return fd;
}

/* Opening a parameter of KVM's modules gives the emulated KVM's answer. errno is that of the last
 * call. */
static int open_at(int directory, const char *path, int flags, mode_t mode)
{
	const char *answer = shared ? parameter_file(path, flags) : NULL;
	int fd = answer ? real()->openat(AT_FDCWD, answer, flags, mode) : -1;

	return fd >= 0 ? fd : real()->openat(directory, path, flags, mode);
}

static int open_path(const char *path, int flags, mode_t mode)
{
	const char *answer = shared ? parameter_file(path, flags) : NULL;
	int fd = answer ? real()->open(answer, flags, mode) : -1;

	return fd >= 0 ? fd : real()->open(path, flags, mode);
}

static bool wants_mode(int flags)
{
	return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
}

#define MODE_OF(mode, flags)                                                                       \
	do {                                                                                       \
		va_list list;                                                                      \
                                                                                                   \
		va_start(list, flags);                                                             \
		if (wants_mode(flags))                                                             \
			(mode) = va_arg(list, mode_t);                                             \
		va_end(list);                                                                      \
	} while (0)

SHOWN int open(const char *path, int flags, ...)
{
	mode_t mode = 0;

	MODE_OF(mode, flags);
	return opened(path, open_path(path, flags, mode));
}

SHOWN int openat(int directory, const char *path, int flags, ...)
{
	mode_t mode = 0;

	MODE_OF(mode, flags);
	return opened(path, open_at(directory, path, flags, mode));
}

/* With a 64-bit off_t, open64() does the same as open(). */
_Static_assert(sizeof(off_t) == 8, "open64() is open()");

SHOWN int open64(const char *path, int flags, ...)
{
	mode_t mode = 0;

	MODE_OF(mode, flags);
	return opened(path, open_path(path, flags, mode));
}

SHOWN int openat64(int directory, const char *path, int flags, ...)
{
	mode_t mode = 0;

	MODE_OF(mode, flags);
	return opened(path, open_at(directory, path, flags, mode));
}

/* What _FORTIFY_SOURCE calls when the flags are not constant and there is no mode. */
SHOWN int __open_2(const char *path, int flags);
SHOWN int __open64_2(const char *path, int flags);
SHOWN int __openat_2(int directory, const char *path, int flags);
SHOWN int __openat64_2(int directory, const char *path, int flags);

int __open_2(const char *path, int flags)
{
	return opened(path, open_path(path, flags, 0));
}

int __open64_2(const char *path, int flags)
{
	return opened(path, open_path(path, flags, 0));
}

int __openat_2(int directory, const char *path, int flags)
{
	return opened(path, open_at(directory, path, flags, 0));
}

int __openat64_2(int directory, const char *path, int flags)
{
	return opened(path, open_at(directory, path, flags, 0));
}

static int copied(int from, int to)
{
	int error = errno;

	if (shared && to >= 0)
		table_copy(from, to);
	errno = error;
	return to;
}

SHOWN int dup(int fd)
{
	return copied(fd, real()->dup(fd));
}

SHOWN int dup2(int fd, int wanted)
{
	return copied(fd, real()->dup2(fd, wanted));
}

SHOWN int dup3(int fd, int wanted, int flags)
{
	return copied(fd, real()->dup3(fd, wanted, flags));
}

static int any_fcntl(int fd, int command, void *argument)
{
	int result = real()->fcntl(fd, command, argument);

	return command == F_DUPFD || command == F_DUPFD_CLOEXEC ? copied(fd, result) : result;
}

SHOWN int fcntl(int fd, int command, ...)
{
	va_list list;
	void *argument;

	va_start(list, command);
	argument = va_arg(list, void *);
	va_end(list);
	return any_fcntl(fd, command, argument);
}

SHOWN int fcntl64(int fd, int command, ...)
{
	va_list list;
	void *argument;

	va_start(list, command);
	argument = va_arg(list, void *);
	va_end(list);
	return any_fcntl(fd, command, argument);
}

/* --- Descriptors that go ------------------------------------------------------------------- */

/*
 * Note a close before the call: after it, another thread may get the same number for something
 * else. A close() that fails has closed the descriptor all the same, except with EBADF, where there
 * was none.
 */
static void begin_close(unsigned first, unsigned last)
{
	int error = errno;

	if (shared)
		table_each(first, last, table_close);
	errno = error;
}

static void end_close(unsigned first, unsigned last)
{
	if (shared)
		table_each(first, last, table_closed);
}

SHOWN int close(int fd)
{
	int result;

	begin_close((unsigned)fd, (unsigned)fd);
	result = real()->close(fd);
	end_close((unsigned)fd, (unsigned)fd);
	return result;
}

static int real_close_range(unsigned first, unsigned last, int flags)
{
	return real()->close_range ? real()->close_range(first, last, flags)
	                           : (int)real()->syscall(SYS_close_range, first, last, flags);
}

SHOWN int close_range(unsigned first, unsigned last, int flags)
{
	int result;

	if (flags & CLOSE_RANGE_CLOEXEC)
		return real_close_range(first, last, flags);
	begin_close(first, last);
	result = real_close_range(first, last, flags);
	end_close(first, last);
	return result;
}

SHOWN void closefrom(int first)
{
	unsigned from = first < 0 ? 0 : (unsigned)first;

	begin_close(from, UINT32_MAX);
	if (real()->closefrom)
		real()->closefrom(first);
	end_close(from, UINT32_MAX);
}

/* --- Mappings ------------------------------------------------------------------------------ */

static void *any_mmap(void *at, size_t bytes, int prot, int flags, int fd, off_t offset)
{
	void *result = real()->mmap(at, bytes, prot, flags, fd, offset);

	if (shared && shared->emulates && fd >= 0 && !offset && result != MAP_FAILED)
		emulate_mapped(fd, result, bytes, prot, flags);
	return result;
}

SHOWN void *mmap(void *at, size_t bytes, int prot, int flags, int fd, off_t offset)
{
	return any_mmap(at, bytes, prot, flags, fd, offset);
}

SHOWN void *mmap64(void *at, size_t bytes, int prot, int flags, int fd, off_t offset)
{
	return any_mmap(at, bytes, prot, flags, fd, offset);
}

SHOWN int munmap(void *at, size_t bytes)
{
	if (shared && shared->emulates)
		emulate_unmapped(at, bytes);
	return real()->munmap(at, bytes);
}

/* --- All of them, by number ---------------------------------------------------------------- */

enum { ARGUMENTS = 6 };

static long by_number(long number, const long *a)
{
	switch (number) {
	case SYS_ioctl:
		return ioctl((int)a[0], (unsigned long)a[1], a[2]);
	case SYS_open:
		return open((const char *)a[0], (int)a[1], (mode_t)a[2]);
	case SYS_openat:
		return openat((int)a[0], (const char *)a[1], (int)a[2], (mode_t)a[3]);
	case SYS_close:
		return close((int)a[0]);
	case SYS_close_range:
		return close_range((unsigned)a[0], (unsigned)a[1], (int)a[2]);
	case SYS_dup:
		return dup((int)a[0]);
	case SYS_dup2:
		return dup2((int)a[0], (int)a[1]);
	case SYS_dup3:
		return dup3((int)a[0], (int)a[1], (int)a[2]);
	case SYS_mmap:
		return (long)mmap((void *)a[0], (size_t)a[1], (int)a[2], (int)a[3], (int)a[4],
		                  a[5]);
	case SYS_munmap:
		return munmap((void *)a[0], (size_t)a[1]);
	case SYS_fcntl:
		return fcntl((int)a[0], (int)a[1], a[2]);
	default:
		return real()->syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	}
}

/* On x86-64 it is harmless to read arguments that were not passed: they are just garbage. */
SHOWN long syscall(long number, ...)
{
	long arguments[ARGUMENTS];
	va_list list;

	va_start(list, number);
	for (unsigned i = 0; i < ARGUMENTS; i++)
		arguments[i] = va_arg(list, long);
	va_end(list);
	if (!shared)
		return real()->syscall(number, arguments[0], arguments[1], arguments[2],
		                       arguments[3], arguments[4], arguments[5]);
	return by_number(number, arguments);
}
