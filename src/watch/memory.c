/* SPDX-License-Identifier: MIT */
/*
 * Access to the VMM's memory, for emulated calls. Only the kernel could say that an address is not
 * mapped, and asking it would be a system call that the VMM's seccomp filter might forbid. So an
 * address that no program can have is EFAULT, as in the kernel, and any other is trusted.
 */
#include <string.h>

#include "room_int.h"

enum { FIRST_PAGE = 4096 };

static bool can_be(const void *address, size_t bytes)
{
	uintptr_t at = (uintptr_t)address;

	/* The upper half is the kernel's. */
	return !bytes || (at >= FIRST_PAGE && at + bytes > at && !((at + bytes) >> 63));
}

bool memory_read(void *into, const void *from, size_t bytes)
{
	if (can_be(from, bytes))
		memcpy(into, from, bytes);
	return can_be(from, bytes);
}

bool memory_write(void *into, const void *from, size_t bytes)
{
	if (can_be(into, bytes))
		memcpy(into, from, bytes);
	return can_be(into, bytes);
}
