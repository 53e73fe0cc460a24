/* SPDX-License-Identifier: MIT */
/* vpmu state compat --vcpu: a virtual CPU of this host's KVM is made, tried and thrown away. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <machine/kvm/room.h>

#include "lib/message.h"
#include "state.h"

enum { MEMORY = 4096 }; /* KVM wants some; nothing is ever executed */

static int lacks(const char *why)
{
	message("no virtual CPU with a PMU to ask: %s (vpmu doctor says more)", why);
	return TOOL_LACKS;
}

int state_vcpu_target(struct state_target *target)
{
	static struct vpmu_kvm_host host; /* some 10 KiB */
	enum vpmu_obstacle obstacle;

	vpmu_kvm_probe(&host, "", NULL);
	obstacle = vpmu_kvm_obstacle(&host);
	if (obstacle)
		return lacks(vpmu_obstacle_text(obstacle));
	target->model = host.model;
	target->profile_name = "this host's KVM";
	target->kvm = &host;
	return TOOL_HOLDS;
}

static int judge_in(struct vpmu_compat *compat, const struct vpmu_layout *layout,
                    const struct vpmu_state *state, const struct state_target *target, void *memory)
{
	struct vpmu_model given = vpmu_compat_model(&layout->model, &target->model);
	struct kvm_vm_config config = {target->kvm, &given, memory, MEMORY};
	struct vpmu_target vcpu;
	char why[160] = "";
	struct kvm_vm vm;

	if (!kvm_vm_make(&vm, &config, why, sizeof(why)))
		return lacks(why);
	vcpu = vpmu_target_kvm(&vm.vcpu);
	vpmu_compat_try(compat, state, layout, &target->model, &given, target->order, &vcpu);
	kvm_vm_unmake(&vm);
	return compat->host_error ? lacks(strerror(compat->host_error)) : TOOL_HOLDS;
}

int state_vcpu_judge(struct vpmu_compat *compat, const struct vpmu_layout *layout,
                     const struct vpmu_state *state, const struct state_target *target)
{
	void *memory =
		mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;

	if (memory == MAP_FAILED)
		return lacks(strerror(errno));
	status = judge_in(compat, layout, state, target, memory);
	munmap(memory, MEMORY);
	return status;
}
