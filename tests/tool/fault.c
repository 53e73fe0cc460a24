/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into the tool: refuses what a host may refuse. From the environment:
 *   FAULT_MEMORY=N       the Nth allocation fails (0: none, they are counted only)
 *   FAULT_MEMORY_FROM=N  and all after it
 *   FAULT_WRITE=N        the Nth write() fails with ENOSPC (0: they are counted only)
 *   FAULT_KILL=N         SIGKILL comes before the Nth write(), linkat() or rename (0: none, they
 * are counted as writes) FAULT_NO_TMPFILE=1   the file system has no O_TMPFILE FAULT_COUNT=FILE
 * gets the numbers of allocations and of writes at the end Writes are seen as system calls, so
 * those of libc's own streams are seen, too: a filter traps them. Only a process called vpmu is
 * touched, not what it starts.
 */
#undef _FILE_OFFSET_BITS /* open() and open64() are two here, as they are to the tool */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

void *memalign(size_t alignment, size_t bytes);
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static atomic_ulong *allocations; /* shared with what the tool forks: the Nth is one */
static atomic_ulong writes;
static unsigned long memory_at, write_at, kill_at;
static bool active, memory_from, no_tmpfile;
static const char *count_path;
static pid_t self;

static bool fails(void)
{
	unsigned long now;

	if (!active)
		return false;
	now = atomic_fetch_add(allocations, 1) + 1;
	if (!memory_at || (memory_from ? now < memory_at : now != memory_at))
		return false;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t bytes)
{
	return fails() ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
	return fails() ? NULL : __libc_calloc(count, bytes);
}

void *realloc(void *old, size_t bytes)
{
	return fails() ? NULL : __libc_realloc(old, bytes);
}

void *memalign(size_t alignment, size_t bytes)
{
	return fails() ? NULL : __libc_memalign(alignment, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
	return memalign(alignment, bytes);
}

int posix_memalign(void **into, size_t alignment, size_t bytes)
{
	void *got = memalign(alignment, bytes);

	if (!got)
		return ENOMEM;
	*into = got;
	return 0;
}

static int open_file(int folder, const char *path, int flags, mode_t mode)
{
	if (no_tmpfile && (flags & O_TMPFILE) == O_TMPFILE) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return (int)syscall(SYS_openat, folder, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
	va_list list;
	mode_t mode;

	va_start(list, flags);
	mode = va_arg(list, mode_t);
	va_end(list);
	return open_file(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	va_list list;
	mode_t mode;

	va_start(list, flags);
	mode = va_arg(list, mode_t);
	va_end(list);
	return open_file(AT_FDCWD, path, flags, mode);
}

/* --- Writes ----------------------------------------------------------------------------------- */

/* Lets the filter pass a call of ours: its sixth argument, which none of them has. */
#define OURS 0x76706d75

static long write_ours(long fd, long bytes, long count)
{
	return syscall(SYS_write, fd, bytes, count, 0L, 0L, (long)OURS);
}

static void on_trap(int number, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
	bool is_write = info->si_syscall == SYS_write;
	int before = errno;
	unsigned long now;
	long got;

	/* Messages must get through, as they would be looked for in vain. */
	if (!is_write || registers[REG_RDI] != STDERR_FILENO) {
		now = atomic_fetch_add(&writes, 1) + 1;
		if (now == kill_at)
			kill(getpid(), SIGKILL);
		if (is_write && now == write_at) {
			registers[REG_RAX] = -ENOSPC;
			return;
		}
	}
	got = syscall(info->si_syscall, registers[REG_RDI], registers[REG_RSI], registers[REG_RDX],
	              registers[REG_R10], registers[REG_R8], (long)OURS);
	registers[REG_RAX] = got < 0 ? -errno : got;
	errno = before;
}

static bool set_trap(void)
{
	struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_NODEFER};

	return !sigaction(SIGSYS, &action, NULL);
}

#define TRAPS(call, left) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, left, 0)

static bool trap_calls(bool all)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 4, all ? 0 : 7),
		TRAPS(SYS_linkat, 3),
		TRAPS(SYS_rename, 2),
		TRAPS(SYS_renameat, 1),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OURS, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

	return set_trap() && !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* --- Begin and end ---------------------------------------------------------------------------- */

static unsigned long number(const char *name)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 10) : 0;
}

__attribute__((constructor)) static void begin(void)
{
	if (strcmp(program_invocation_short_name, "vpmu")) {
		set_trap(); /* the filter is inherited */
		return;
	}
	self = getpid();
	count_path = getenv("FAULT_COUNT");
	no_tmpfile = getenv("FAULT_NO_TMPFILE");
	memory_from = getenv("FAULT_MEMORY_FROM");
	memory_at = number(memory_from ? "FAULT_MEMORY_FROM" : "FAULT_MEMORY");
	write_at = number("FAULT_WRITE");
	kill_at = number("FAULT_KILL");
	if ((getenv("FAULT_WRITE") || getenv("FAULT_KILL")) && !trap_calls(getenv("FAULT_KILL")))
		_exit(99);
	allocations = mmap(NULL, sizeof(*allocations), PROT_READ | PROT_WRITE,
	                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (allocations == MAP_FAILED)
		_exit(99);
	active = getenv("FAULT_MEMORY") || memory_from;
}

__attribute__((destructor)) static void end(void)
{
	char text[64];
	int fd = count_path && getpid() == self
	                 ? open(count_path, O_WRONLY | O_CREAT | O_TRUNC, 0666)
	                 : -1;

	active = false;
	if (fd < 0)
		return;
	write_ours(fd, (long)text,
	           snprintf(text, sizeof(text), "%lu %lu\n", atomic_load(allocations),
	                    atomic_load(&writes)));
	close(fd);
}
