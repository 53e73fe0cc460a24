/* SPDX-License-Identifier: MIT */
/* Access to the host: system calls, as functions that can be replaced. */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "room_int.h"

/* How often a signal may interrupt a call before it counts as failed. */
enum { TRIES = 1000 };

static int kernel_open(void *context, const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static void kernel_close(void *context, int fd)
{
	close(fd);
}

static int kernel_ioctl(void *context, int fd, unsigned long request, void *argument)
{
	int result = ioctl(fd, request, argument);

	return result < 0 ? -errno : result;
}

static void kernel_cpuid(void *context, struct vpmu_cpuid *leaf)
{
	/* Checks the highest leaf itself. */
	if (!__get_cpuid_count(leaf->leaf, leaf->subleaf, &leaf->eax, &leaf->ebx, &leaf->ecx,
	                       &leaf->edx))
		leaf->eax = leaf->ebx = leaf->ecx = leaf->edx = 0;
}

/* Counts this thread in user mode only, which needs the least permission (perf_event_paranoid). */
static int kernel_count_cycles(void *context)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_HW_CPU_CYCLES,
		.disabled = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};
	long fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0)
		return -errno;
	close((int)fd);
	return 0;
}

const struct vpmu_kvm_calls *calls_or_kernel(const struct vpmu_kvm_calls *calls)
{
	static const struct vpmu_kvm_calls kernel = {
		.open = kernel_open,
		.close = kernel_close,
		.ioctl = kernel_ioctl,
		.cpuid = kernel_cpuid,
		.count_cycles = kernel_count_cycles,
	};

	return calls ? calls : &kernel;
}

int kvm_call(const struct vpmu_kvm_calls *calls, int fd, unsigned long request, void *argument)
{
	int result = -EINTR;

	for (unsigned i = 0; i < TRIES && result == -EINTR; i++)
		result = calls->ioctl(calls->context, fd, request, argument);
	return result;
}

int kvm_call_number(const struct vpmu_kvm_calls *calls, int fd, unsigned long request,
                    unsigned long argument)
{
	return kvm_call(calls, fd, request, (void *)argument);
}

int cpuid_supported(const struct vpmu_kvm_calls *calls, int kvm_fd, union cpuid_room *room)
{
	int result;

	memset(room, 0, sizeof(*room));
	room->cpuid.nent = CPUID_ENTRIES;
	result = kvm_call(calls, kvm_fd, KVM_GET_SUPPORTED_CPUID, room);
	if (result >= 0 && room->cpuid.nent > CPUID_ENTRIES)
		result = -E2BIG;
	if (result < 0)
		room->cpuid.nent = 0;
	return result < 0 ? result : 0;
}
