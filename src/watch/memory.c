/* SPDX-License-Identifier: MIT */
/*
 * The VMM's memory. A bad pointer must come to EFAULT, as in the kernel, and not to a crash; so the
 * kernel is asked to copy. Where it may not be asked (a seccomp filter), the pointer is trusted.
 */
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "room_int.h"

typedef ssize_t copier(pid_t, const struct iovec *, unsigned long, const struct iovec *,
                       unsigned long, unsigned long);

static bool copy(copier *by, void *ours, void *theirs, size_t bytes, bool *done)
{
	struct iovec here = {ours, bytes}, there = {theirs, bytes};
	ssize_t copied = bytes ? by(process, &here, 1, &there, 1, 0) : 0;

	*done = copied == (ssize_t)bytes;
	return *done || copied >= 0 || errno == EFAULT;
}

bool memory_read(void *into, const void *from, size_t bytes)
{
	bool done;

	if (!copy(process_vm_readv, into, (void *)from, bytes, &done)) {
		memcpy(into, from, bytes);
		done = true;
	}
	return done;
}

bool memory_write(void *into, const void *from, size_t bytes)
{
	bool done;

	if (!copy(process_vm_writev, (void *)from, into, bytes, &done)) {
		memcpy(into, from, bytes);
		done = true;
	}
	return done;
}
