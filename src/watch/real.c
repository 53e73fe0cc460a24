/* SPDX-License-Identifier: MIT */
/* The functions behind ours: the C library's, or another preload library's. */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>

#include "room_int.h"

static struct real found;
static _Atomic bool is_found;

/* The casts go through memory: C has no conversion between object and function pointers. */
static void find(const char *name, void *function)
{
	*(void **)function = dlsym(RTLD_NEXT, name);
}

/* Two threads may get here at once; both find the same functions. */
const struct real *real(void)
{
	if (atomic_load_explicit(&is_found, memory_order_acquire))
		return &found;
	find("open", &found.open);
	find("openat", &found.openat);
	find("ioctl", &found.ioctl);
	find("close", &found.close);
	find("close_range", &found.close_range);
	find("closefrom", &found.closefrom);
	find("dup", &found.dup);
	find("dup2", &found.dup2);
	find("dup3", &found.dup3);
	find("fcntl", &found.fcntl);
	find("syscall", &found.syscall);
	find("sigaction", &found.sigaction);
	find("signal", &found.signal);
	find("mmap", &found.mmap);
	find("munmap", &found.munmap);
	atomic_store_explicit(&is_found, true, memory_order_release);
	return &found;
}

__attribute__((constructor)) static void start(void)
{
	int error = errno;

	real();
	ring_attach();
	pthread_atfork(NULL, NULL, table_forked);
	errno = error;
}
