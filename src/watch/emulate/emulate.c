/* SPDX-License-Identifier: MIT */
/*
 * Which requests are answered as a KVM with the emulated PMU would. All others are passed on
 * unchanged.
 */

#include <watch/room_int.h>

bool emulates(void)
{
	return shared && shared->emulates;
}

bool counts(void)
{
	return shared && shared->counts;
}

const struct vpmu_profile *emulated_profile(void)
{
	return vpmu_profile_find(shared->profile);
}

/* The tool has already adapted it to the profile. */
const struct vpmu_model *emulated_model(void)
{
	return &shared->model;
}

/* --- Objects ------------------------------------------------------------------------------- */

void emulate_new_object(struct object *object)
{
	struct emulated_vcpu *vcpu = &object->as_vcpu;

	count_new_object(object);
	if (object->kind != OBJECT_VCPU) {
		object->as_vm = (struct emulated_vm){0};
		return;
	}
	atomic_store(&vcpu->holder, NULL);
	atomic_store(&vcpu->map, NULL);
	vcpu->has_run = false;
	vcpu->pmu = NULL;
}

void emulate_new_vcpu(struct object *vcpu)
{
	if (vcpu->vm)
		atomic_fetch_add(&vcpu->vm->as_vm.vcpus, 1);
}

/*
 * Stands for the kernel's mutex of each vCPU. It is held only for moments, and waited for busily:
 * to yield, or to block signals, would be a system call that the VMM has not made.
 */
bool vcpu_hold(struct object *vcpu)
{
	static __thread char self __attribute__((tls_model("initial-exec")));
	const void *nobody = NULL;

	while (!atomic_compare_exchange_weak(&vcpu->as_vcpu.holder, &nobody, &self)) {
		if (nobody == &self)
			return false;
		nobody = NULL;
		__builtin_ia32_pause();
	}
	return true;
}

void vcpu_release(struct object *vcpu)
{
	atomic_store(&vcpu->as_vcpu.holder, NULL);
}

/* --- Capabilities -------------------------------------------------------------------------- */

/* Linux since 6.3. */
static int masked_events(void)
{
	uint32_t facts = vpmu_profile_facts(emulated_profile());

	return !(facts & VPMU_FACT_KVM) || facts & VPMU_FACT_MASKED_FILTER;
}

static int check_extension(int fd, unsigned long request, void *argument)
{
	switch ((uintptr_t)argument) {
	case KVM_CAP_PMU_CAPABILITY:
		return KVM_PMU_CAP_DISABLE;
	case KVM_CAP_PMU_EVENT_FILTER:
		return 1;
	case KVM_CAP_PMU_EVENT_MASKED_EVENTS:
		return masked_events();
	default:
		return real()->ioctl(fd, request, argument);
	}
}

/* As kvm_vm_ioctl_enable_cap(). */
static int disable_pmu(struct object *vm, uint64_t bits)
{
	if (bits & ~(uint64_t)KVM_PMU_CAP_DISABLE)
		return fails(EINVAL);
	if (atomic_load(&vm->as_vm.vcpus))
		return fails(EINVAL);
	return 0;
}

static int emulate_enable_cap(struct object *vm, int fd, struct kvm_enable_cap *argument)
{
	struct kvm_enable_cap cap;

	if (!memory_read(&cap, argument, sizeof(cap)))
		return fails(EFAULT);
	if (cap.cap == KVM_CAP_PMU_CAPABILITY)
		return cap.flags ? fails(EINVAL) : disable_pmu(vm, cap.args[0]);
	if (cap.cap != KVM_CAP_X86_USER_SPACE_MSR || !vm->as_vm.filters)
		return real()->ioctl(fd, KVM_ENABLE_CAP, argument);
	vm->as_vm.exits = cap.args[0];
	cap.args[0] |= KVM_MSR_EXIT_REASON_FILTER;
	return real()->ioctl(fd, KVM_ENABLE_CAP, &cap);
}

/* --- The event filter ---------------------------------------------------------------------- */

/* A machine of the profile judges the filter. The profile hardware has no filter; there KVM's rules
 * apply. */
static bool is_valid_filter(const struct vpmu_filter *filter)
{
	_Alignas(VPMU_PMU_ALIGN) char memory[VPMU_PMU_BYTES];
	const struct vpmu_profile *profile = emulated_profile();
	struct vpmu_pmu *pmu;

	if (!(vpmu_profile_facts(profile) & VPMU_FACT_KVM))
		profile = vpmu_profile_find("linux-6.12");
	pmu = vpmu_pmu_init(memory, sizeof(memory), emulated_model(), profile);
	return !pmu || vpmu_pmu_set_filter(pmu, filter) != VPMU_BAD_ARGUMENT;
}

/* Judged as kvm_vm_ioctl_set_pmu_event_filter() does; it has an effect only where counters count.
 */
static int emulate_event_filter(const struct object *vm, struct kvm_pmu_event_filter *argument)
{
	struct kvm_pmu_event_filter head;
	struct vpmu_filter filter = {0};

	if (!memory_read(&head, argument, sizeof(head)))
		return fails(EFAULT);
	if (head.action > VPMU_FILTER_DENY || (head.flags && !masked_events()) ||
	    head.flags & ~(uint32_t)VPMU_FILTER_MASKED)
		return fails(EINVAL);
	if (head.nevents > VPMU_FILTER_EVENTS)
		return fails(E2BIG);
	filter.action = head.action;
	filter.fixed_bitmap = head.fixed_counter_bitmap;
	filter.flags = head.flags;
	filter.count = head.nevents;
	if (!memory_read(filter.events, argument->events, head.nevents * sizeof(filter.events[0])))
		return fails(EFAULT);
	if (!is_valid_filter(&filter))
		return fails(EINVAL);
	count_note_filter(vm, &filter);
	return 0;
}

/* --- Memory -------------------------------------------------------------------------------- */

/* KVM_SET_USER_MEMORY_REGION2 begins with the same members. */
static int set_memory(struct object *vm, int fd, unsigned long request, void *argument)
{
	struct kvm_userspace_memory_region region;
	int result = real()->ioctl(fd, request, argument);

	if (!result && memory_read(&region, argument, sizeof(region)))
		count_note_memory(vm, region.slot, region.guest_phys_addr, region.memory_size,
		                  region.userspace_addr);
	return result;
}

/* --- Requests ------------------------------------------------------------------------------ */

static int on_system(struct object *object, int fd, unsigned long request, void *argument)
{
	switch (request) {
	case KVM_CHECK_EXTENSION:
		return check_extension(fd, request, argument);
	case KVM_GET_SUPPORTED_CPUID:
		return emulate_supported_cpuid(fd, argument);
	case KVM_GET_MSR_INDEX_LIST:
	case KVM_GET_MSR_FEATURE_INDEX_LIST:
		return emulate_index_list(fd, request, argument);
	case KVM_GET_MSRS:
		return emulate_get_msrs(object, fd, argument);
	default:
		return real()->ioctl(fd, request, argument);
	}
}

static int on_vm(struct object *object, int fd, unsigned long request, void *argument)
{
	switch (request) {
	case KVM_CHECK_EXTENSION:
		return check_extension(fd, request, argument);
	case KVM_ENABLE_CAP:
		return emulate_enable_cap(object, fd, argument);
	case KVM_SET_PMU_EVENT_FILTER:
		return emulate_event_filter(object, argument);
	case KVM_X86_SET_MSR_FILTER:
		return emulate_msr_filter(object, fd, argument);
	case KVM_SET_USER_MEMORY_REGION:
	case KVM_SET_USER_MEMORY_REGION2:
		return set_memory(object, fd, request, argument);
	default:
		return real()->ioctl(fd, request, argument);
	}
}

static int on_vcpu(struct object *object, int fd, unsigned long request, void *argument)
{
	switch (request) {
	case KVM_RUN:
		return emulate_run(object, fd, argument);
	case KVM_SET_MSRS:
		return emulate_set_msrs(object, fd, argument);
	case KVM_GET_MSRS:
		return emulate_get_msrs(object, fd, argument);
	case KVM_GET_ONE_REG:
	case KVM_SET_ONE_REG:
		return emulate_one_reg(object, fd, request, argument);
	case KVM_SET_CPUID2:
		return emulate_set_cpuid(object, fd, argument);
	case KVM_SET_REGS:
		count_note_regs(object);
		return real()->ioctl(fd, request, argument);
	case KVM_SET_GUEST_DEBUG:
		count_note_debug(object, argument);
		return real()->ioctl(fd, request, argument);
	default:
		return real()->ioctl(fd, request, argument);
	}
}

int emulate_ioctl(struct object *object, int fd, unsigned long request, void *argument)
{
	switch (atomic_load(&object->kind)) {
	case OBJECT_SYSTEM:
		return on_system(object, fd, request, argument);
	case OBJECT_VM:
		return on_vm(object, fd, request, argument);
	case OBJECT_VCPU:
		return on_vcpu(object, fd, request, argument);
	default:
		return real()->ioctl(fd, request, argument);
	}
}
