/* SPDX-License-Identifier: MIT */
/*
 * A VM with one vCPU that never runs, made to see which registers it has. CPUID alone does not
 * tell: an AMD guest's CPUID is the same with and without a PMU behind it.
 */
#include "room_int.h"

struct trial {
	struct vpmu_kvm_host *host;
	const struct vpmu_kvm_calls *calls;
	int vm, vcpu;
};

/* Notes which call made the trial fail. */
static bool works(struct trial *trial, int result, const char *step)
{
	if (result >= 0)
		return true;
	trial->host->trial = VPMU_TRIAL_FAILED;
	trial->host->trial_step = step;
	trial->host->trial_error = -result;
	return false;
}

static bool make_vcpu(struct trial *trial, int kvm_fd, const struct kvm_cpuid2 *cpuid)
{
	const struct vpmu_kvm_calls *calls = trial->calls;

	trial->vm = kvm_call_number(calls, kvm_fd, KVM_CREATE_VM, 0);
	if (!works(trial, trial->vm, "KVM_CREATE_VM"))
		return false;
	/* A mediated PMU needs the local APIC in the kernel; where there is none, no matter. */
	kvm_call_number(calls, trial->vm, KVM_CREATE_IRQCHIP, 0);
	trial->vcpu = kvm_call_number(calls, trial->vm, KVM_CREATE_VCPU, 0);
	return works(trial, trial->vcpu, "KVM_CREATE_VCPU") &&
	       works(trial, kvm_call(calls, trial->vcpu, KVM_SET_CPUID2, (void *)cpuid),
	             "KVM_SET_CPUID2");
}

/* Notes the registers that the vCPU does not give. */
static bool read_registers(struct trial *trial, const struct vpmu_layout *layout,
                           const struct vpmu_target *target)
{
	struct vpmu_kvm_host *host = trial->host;
	struct vpmu_report report;
	struct vpmu_state state;

	vpmu_state_get(&state, layout, target, VPMU_POLICY_KEEP_GOING, &report);
	if (!works(trial, report.status == VPMU_HOST ? -report.host_error : 0, "KVM_GET_MSRS"))
		return false;
	for (unsigned i = 0; i < report.refused; i++)
		host->refused[host->refused_count++] = report.refusals[i].msr;
	return true;
}

/* Whether the counter keeps a value: KVM takes writes without a PMU behind them, and drops them. */
static bool keeps_value(const struct vpmu_target *target, uint32_t counter)
{
	struct vpmu_msr msr = {.index = counter, .value = 0x1234};

	if (target->write(target->context, &msr, 1) != 1)
		return false;
	msr.value = 0;
	return target->read(target->context, &msr, 1) == 1 && msr.value == 0x1234;
}

static const struct vpmu_register *first_counter(const struct vpmu_layout *layout)
{
	for (unsigned i = 0; i < layout->value_count; i++) {
		const struct vpmu_register *reg = &layout->registers[layout->stored[i]];

		if (reg->kind == VPMU_KIND_COUNTER)
			return reg;
	}
	return NULL;
}

static void look_at_vcpu(struct trial *trial)
{
	struct vpmu_kvm_vcpu vcpu = {.calls = trial->calls, .fd = trial->vcpu};
	struct vpmu_target target = vpmu_target_kvm(&vcpu);
	const struct vpmu_register *counter;
	struct vpmu_layout layout;

	if (vpmu_layout_init(&layout, &trial->host->model) ||
	    !read_registers(trial, &layout, &target))
		return;
	counter = first_counter(&layout);
	trial->host->trial = counter && keeps_value(&target, counter->msr) ? VPMU_TRIAL_WORKS
	                                                                   : VPMU_TRIAL_NOTHING;
}

void trial_make(struct vpmu_kvm_host *host, const struct vpmu_kvm_calls *calls, int kvm_fd,
                const struct kvm_cpuid2 *cpuid)
{
	struct trial trial = {.host = host, .calls = calls, .vm = -1, .vcpu = -1};

	if (make_vcpu(&trial, kvm_fd, cpuid))
		look_at_vcpu(&trial);
	if (trial.vcpu >= 0)
		calls->close(calls->context, trial.vcpu);
	if (trial.vm >= 0)
		calls->close(calls->context, trial.vm);
}
