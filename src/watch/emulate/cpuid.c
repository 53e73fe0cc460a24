/* SPDX-License-Identifier: MIT */
/* The emulated PMU in CPUID and in KVM's lists of MSRs; and making a vCPU's register machine when
 * its CPUID is set. */
#include <string.h>

#include <watch/room_int.h>

/* --- KVM_GET_SUPPORTED_CPUID ---------------------------------------------------------------- */

/* As kvm_dev_ioctl_get_cpuid(): E2BIG when the VMM has no room for all of it. */
int emulate_supported_cpuid(int fd, struct kvm_cpuid2 *argument)
{
	union cpuid_room room;
	struct kvm_cpuid2 *cpuid = &room.cpuid;
	uint32_t asked;

	if (!memory_read(cpuid, argument, sizeof(*cpuid)))
		return fails(EFAULT);
	asked = cpuid->nent;
	cpuid->nent = CPUID_ENTRIES;
	if (real()->ioctl(fd, KVM_GET_SUPPORTED_CPUID, cpuid))
		return -1;
	vpmu_kvm_show_pmu(cpuid, CPUID_ENTRIES, emulated_model());
	if (asked < cpuid->nent)
		return fails(E2BIG);
	if (!memory_write(argument, cpuid,
	                  sizeof(*cpuid) + cpuid->nent * sizeof(cpuid->entries[0])))
		return fails(EFAULT);
	return 0;
}

/* --- KVM_GET_MSR_INDEX_LIST and the list of features ----------------------------------------- */

static void add_index(struct kvm_msr_list *list, uint32_t msr)
{
	for (unsigned i = 0; i < list->nmsrs; i++)
		if (list->indices[i] == msr)
			return;
	if (list->nmsrs < MAX_INDICES)
		list->indices[list->nmsrs++] = msr;
}

/* Whether KVM lists the MSR even without a PMU. */
static bool stays(uint32_t msr)
{
	return !pmu_msr(msr) || msr == VPMU_MSR_PERF_CAPABILITIES || msr == MSR_MISC_ENABLE;
}

static void remove_pmu(struct kvm_msr_list *list)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < list->nmsrs; i++)
		if (stays(list->indices[i]))
			list->indices[kept++] = list->indices[i];
	list->nmsrs = kept;
}

/* The order `listed` is KVM's own sequence. */
static void add_pmu(struct kvm_msr_list *list)
{
	struct vpmu_layout layout;
	struct vpmu_state state;
	struct vpmu_plan plan;

	if (vpmu_layout_init(&layout, emulated_model()))
		return;
	vpmu_state_reset(&state, &layout);
	if (vpmu_plan_make(&plan, &state, &layout, VPMU_LEVEL_FULL, vpmu_order_find("listed")))
		return;
	for (size_t i = 0; i < plan.count; i++)
		add_index(list, plan.writes[i].msr);
}

/* As kvm_arch_dev_ioctl(): the number is written in any case, the list when there is room. */
int emulate_index_list(int fd, unsigned long request, struct kvm_msr_list *argument)
{
	union list_room room;
	struct kvm_msr_list *list = &room.list;
	uint32_t asked;

	if (!memory_read(&asked, &argument->nmsrs, sizeof(asked)))
		return fails(EFAULT);
	list->nmsrs = MAX_INDICES;
	if (real()->ioctl(fd, request, list))
		return -1;
	if (request == KVM_GET_MSR_INDEX_LIST) {
		remove_pmu(list);
		add_pmu(list);
	}
	if (emulated_model()->features & VPMU_FEATURE_PDCM)
		add_index(list, VPMU_MSR_PERF_CAPABILITIES);
	if (!memory_write(&argument->nmsrs, &list->nmsrs, sizeof(list->nmsrs)))
		return fails(EFAULT);
	if (asked < list->nmsrs)
		return fails(E2BIG);
	if (!memory_write(argument->indices, list->indices, list->nmsrs * sizeof(list->indices[0])))
		return fails(EFAULT);
	return 0;
}

/* --- KVM_SET_CPUID2 ------------------------------------------------------------------------ */

static void lack_model(const struct object *vcpu)
{
	struct watch_head head = record_head(vcpu, WATCH_LACK);

	head.argument = WATCH_LACK_MODEL;
	ring_write(&head, NULL, 0);
}

/* Makes the vCPU's machine that of the model; the first CPUID creates it. The vCPU must be held. */
static void set_model(struct object *vcpu, const struct vpmu_model *model)
{
	struct emulated_vcpu *state = &vcpu->as_vcpu;
	bool off = vcpu->vm && atomic_load(&vcpu->vm->pmu_off);

	if (!state->pmu) {
		state->pmu = vpmu_pmu_init(table_machine(vcpu), VPMU_PMU_BYTES, model,
		                           emulated_profile());
		/* The profile hardware has no such switch: there the vCPU gets no machine. */
		if (state->pmu && off && vpmu_pmu_disable(state->pmu))
			state->pmu = NULL;
	} else {
		/* After the first entry this keeps the old model, as KVM does. */
		vpmu_pmu_set_model(state->pmu, model);
	}
}

int emulate_set_cpuid(struct object *vcpu, int fd, struct kvm_cpuid2 *argument)
{
	union cpuid_room room;
	struct kvm_cpuid2 *cpuid = &room.cpuid;
	struct vpmu_model model;
	struct cpuid_leaves leaves;
	int result = real()->ioctl(fd, KVM_SET_CPUID2, argument);

	if (result || !memory_read(cpuid, argument, sizeof(*cpuid)) ||
	    cpuid->nent > CPUID_ENTRIES ||
	    !memory_read(cpuid->entries, argument->entries,
	                 cpuid->nent * sizeof(cpuid->entries[0])))
		return result;
	if (!model_of_cpuid(&model, cpuid, emulated_model(), &leaves) || !vcpu_hold(vcpu)) {
		lack_model(vcpu);
		return result;
	}
	set_model(vcpu, &model);
	vcpu_release(vcpu);
	return result;
}
