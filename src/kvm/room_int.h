/* SPDX-License-Identifier: MIT */
/* What the files of src/kvm share among themselves. */
#ifndef KVM_ROOM_INT_H
#define KVM_ROOM_INT_H

#include <base/room.h>
#include <kvm/room.h>

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
