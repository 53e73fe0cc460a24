/* SPDX-License-Identifier: MIT */
/*
 * Guest RAM: one memfd, mapped once for the board. A CPU may map pieces of the same memfd where it
 * needs them. Pages that the guest never touches take no memory.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "room.h"

enum vpmu_status memory_make(struct guest_memory *memory, uint64_t bytes)
{
	uint64_t size = bytes < DEVICE_BASE ? bytes : DEVICE_BASE;
	int fd = memfd_create("vpmu-guest", MFD_CLOEXEC);
	void *base;

	if (fd < 0)
		return VPMU_HOST;
	base = ftruncate(fd, (off_t)size) ? MAP_FAILED
	                                  : mmap(NULL, size, PROT_READ | PROT_WRITE,
	                                         MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (base == MAP_FAILED) {
		close(fd);
		return VPMU_HOST;
	}
	*memory = (struct guest_memory){.base = base, .bytes = size, .fd = fd};
	return VPMU_OK;
}

void memory_unmake(struct guest_memory *memory)
{
	if (!memory->base)
		return;
	munmap(memory->base, memory->bytes);
	close(memory->fd);
	*memory = (struct guest_memory){.fd = -1};
}

enum vpmu_status memory_clear(struct guest_memory *memory)
{
	return fallocate(memory->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
	                 (off_t)memory->bytes)
	               ? VPMU_HOST
	               : VPMU_OK;
}

void *memory_at(const struct guest_memory *memory, uint64_t address, uint64_t bytes)
{
	if (address > memory->bytes || bytes > memory->bytes - address)
		return NULL;
	return memory->base + address;
}
