/* SPDX-License-Identifier: MIT */
/* What the files of src/kvm share among themselves. */
#ifndef KVM_ROOM_INT_H
#define KVM_ROOM_INT_H

#include <linux/kvm.h>

#include <base/room.h>
#include <kvm/room.h>

#define KVM_DEVICE "/dev/kvm"

/* Of kernels younger than the headers that vpmu is built with. */
#ifndef KVM_CAP_PMU_CAPABILITY
#define KVM_CAP_PMU_CAPABILITY 212
#define KVM_PMU_CAP_DISABLE    (1 << 0)
#endif
#ifndef KVM_CAP_PMU_EVENT_MASKED_EVENTS
#define KVM_CAP_PMU_EVENT_MASKED_EVENTS 226
#endif

/* --- calls.c ------------------------------------------------------------------------------- */

/* The calls themselves, or the kernel's for NULL. */
const struct vpmu_kvm_calls *calls_or_kernel(const struct vpmu_kvm_calls *calls);

/* ioctl() that goes on after a signal. */
int kvm_call(const struct vpmu_kvm_calls *calls, int fd, unsigned long request, void *argument);

/* The same for a request that takes a number. */
int kvm_call_number(const struct vpmu_kvm_calls *calls, int fd, unsigned long request,
                    unsigned long argument);

/* --- cpuid.c ------------------------------------------------------------------------------- */

enum { CPUID_ENTRIES = 256 }; /* KVM_MAX_CPUID_ENTRIES */

/* struct kvm_cpuid2 with room for all entries; some 10 KiB. */
union cpuid_room {
	struct kvm_cpuid2 cpuid;
	char bytes[sizeof(struct kvm_cpuid2) + CPUID_ENTRIES * sizeof(struct kvm_cpuid_entry2)];
};

/* KVM_GET_SUPPORTED_CPUID, in calls.c: 0 or a negative errno. */
int cpuid_supported(const struct vpmu_kvm_calls *calls, int kvm_fd, union cpuid_room *room);

/* The entry of a leaf, subleaf 0; NULL: there is none. */
struct kvm_cpuid_entry2 *cpuid_entry(struct kvm_cpuid2 *cpuid, uint32_t leaf);

/* --- host.c -------------------------------------------------------------------------------- */

/* Joins the parts into a path of PATH_ROOM bytes; false when it does not fit. */
enum { PATH_ROOM = 512 };
bool host_path(char *path, const char *root, const char *a, const char *b, const char *c);

/* What there is to see without the device: kernel, CPU, perf, modules. */
void host_look(struct vpmu_kvm_host *host, const char *root, const struct vpmu_kvm_calls *calls);

/* --- trial.c ------------------------------------------------------------------------------- */

/* Makes a VM with a vCPU of host->model and looks at its registers. */
void trial_make(struct vpmu_kvm_host *host, const struct vpmu_kvm_calls *calls, int kvm_fd,
                const struct kvm_cpuid2 *cpuid);

#endif
