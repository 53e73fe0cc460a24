/* SPDX-License-Identifier: MIT */
/* KVM's ioctls as far as src/kvm uses them, after Linux 6.12 arch/x86/kvm/x86.c. */
#include <stdlib.h>

#include "fake_kvm.h"

/* Without a PMU, KVM takes these and drops what is written (kvm_pmu_is_valid_msr's callers). */
static bool is_legacy(uint32_t msr)
{
	return msr - 0xc1 < 2 || msr - 0x186 < 2 || msr - 0xc0010000 < 8;
}

static enum vpmu_status access_msr(struct fake_vcpu *vcpu, struct kvm_msr_entry *entry, bool writes)
{
	uint64_t value = 0;
	enum vpmu_status status = VPMU_OK;

	if (!vcpu->pmu && is_legacy(entry->index))
		status = VPMU_OK;
	else if (!vcpu->pmu)
		return VPMU_NO_REGISTER;
	else if (writes)
		return vpmu_pmu_host_write(vcpu->pmu, entry->index, entry->data);
	else
		status = vpmu_pmu_host_read(vcpu->pmu, entry->index, &value);
	if (!status && !writes)
		entry->data = value;
	return status;
}

/* msr_io() and __msr_io() */
static int msr_call(struct fake_kvm *kvm, struct fake_vcpu *vcpu, struct kvm_msrs *msrs,
                    bool writes)
{
	uint32_t refused = writes ? kvm->refused_write : kvm->refused_read;
	unsigned done = 0;

	kvm->msr_calls++;
	if (msrs->nmsrs >= 256)
		return -E2BIG;
	if (msrs->nmsrs > kvm->largest_batch)
		kvm->largest_batch = msrs->nmsrs;
	for (; done < msrs->nmsrs; done++) {
		struct kvm_msr_entry *entry = &msrs->entries[done];

		if (++kvm->accesses == kvm->refused_access || entry->index == refused ||
		    access_msr(vcpu, entry, writes))
			break;
	}
	return (int)(done + kvm->boast);
}

static int set_cpuid(struct fake_kvm *kvm, struct fake_vcpu *vcpu, const struct kvm_cpuid2 *cpuid)
{
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	size_t count = cpuid_pmu_leaves(cpuid, leaves);
	struct vpmu_model model;

	if (vpmu_model_from_cpuid(&model, leaves, count, kvm->model.perf_capabilities, NULL, 0))
		return -EINVAL;
	vcpu->pmu = NULL;
	if (kvm->is_enabled && !kvm->is_disabled && model.version)
		vcpu->pmu = vpmu_pmu_init(vcpu->memory, sizeof(vcpu->memory), &model,
		                          vpmu_profile_find("hardware"));
	return 0;
}

static int vcpu_ioctl(struct fake_kvm *kvm, struct fake_vcpu *vcpu, unsigned long request,
                      void *argument)
{
	switch (request) {
	case KVM_SET_CPUID2:
		return set_cpuid(kvm, vcpu, argument);
	case KVM_GET_MSRS:
	case KVM_SET_MSRS:
		return msr_call(kvm, vcpu, argument, request == KVM_SET_MSRS);
	default:
		return -EINVAL;
	}
}

static int check_extension(const struct fake_kvm *kvm, unsigned long number)
{
	switch (number) {
	case KVM_CAP_PMU_CAPABILITY:
		return kvm->is_enabled && kvm->has_off_switch ? KVM_PMU_CAP_DISABLE : 0;
	case KVM_CAP_PMU_EVENT_FILTER:
		return kvm->has_filter;
	case KVM_CAP_PMU_EVENT_MASKED_EVENTS:
		return kvm->has_masked_events;
	default:
		return 0;
	}
}

static int enable_cap(struct fake_kvm *kvm, const struct kvm_enable_cap *cap)
{
	if (cap->cap != KVM_CAP_PMU_CAPABILITY || !check_extension(kvm, cap->cap) ||
	    cap->args[0] != KVM_PMU_CAP_DISABLE || kvm->vcpu_count)
		return -EINVAL;
	kvm->is_disabled = true;
	return 0;
}

static int vm_ioctl(struct fake_kvm *kvm, unsigned long request, void *argument)
{
	switch (request) {
	case KVM_CHECK_EXTENSION:
		return check_extension(kvm, (unsigned long)argument);
	case KVM_ENABLE_CAP:
		return enable_cap(kvm, argument);
	case KVM_CREATE_IRQCHIP:
		return 0;
	case KVM_CREATE_VCPU:
		if (kvm->vcpu_count == FAKE_VCPUS)
			return -EINVAL;
		kvm->open_files++;
		return FAKE_VCPU_FD + (int)kvm->vcpu_count++;
	default:
		return -EINVAL;
	}
}

/* do_get_msr_feature(), through the same msr_io(). */
static int feature_msr(const struct fake_kvm *kvm, struct kvm_msrs *msrs)
{
	if (msrs->nmsrs != 1 || msrs->entries[0].index != 0x345)
		return 0;
	msrs->entries[0].data = kvm->is_enabled ? kvm->model.perf_capabilities : 0;
	return 1;
}

/* Leaf 0xA is zeros while enable_pmu is off; of AMD's, PERFCORE and PerfMonV2. */
static int supported_cpuid(const struct fake_kvm *kvm, struct kvm_cpuid2 *cpuid)
{
	union cpuid_room room = fake_cpuid(&kvm->model);

	if (cpuid->nent < room.cpuid.nent)
		return -E2BIG;
	if (!kvm->is_enabled)
		vpmu_kvm_hide_pmu(&room.cpuid, NULL, 0);
	memcpy(cpuid, &room, sizeof(*cpuid) + room.cpuid.nent * sizeof(struct kvm_cpuid_entry2));
	return 0;
}

static int msr_list(const struct fake_kvm *kvm, struct kvm_msr_list *list)
{
	struct vpmu_register registers[VPMU_MAX_REGISTERS];
	size_t count = kvm->is_enabled ? vpmu_model_registers(&kvm->model, registers) : 0;
	unsigned room = list->nmsrs;

	list->nmsrs = (unsigned)count;
	if (room < count)
		return -E2BIG;
	for (size_t i = 0; i < count; i++)
		list->indices[i] = registers[i].msr;
	return 0;
}

static int system_ioctl(struct fake_kvm *kvm, unsigned long request, void *argument)
{
	switch (request) {
	case KVM_GET_API_VERSION:
		return kvm->api_version;
	case KVM_CHECK_EXTENSION:
		return check_extension(kvm, (unsigned long)argument);
	case KVM_GET_MSRS:
		return feature_msr(kvm, argument);
	case KVM_GET_MSR_INDEX_LIST:
		return msr_list(kvm, argument);
	case KVM_GET_SUPPORTED_CPUID:
		return supported_cpuid(kvm, argument);
	case KVM_CREATE_VM:
		kvm->open_files++;
		kvm->is_disabled = false;
		kvm->vcpu_count = 0;
		return FAKE_VM_FD;
	default:
		return -EINVAL;
	}
}

static int fake_ioctl(void *context, int fd, unsigned long request, void *argument)
{
	struct fake_kvm *kvm = context;

	kvm->requests++;
	if (kvm->interrupted) {
		kvm->interrupted--;
		return -EINTR;
	}
	if (kvm->failure.request == request && kvm->failure.error && !kvm->failure.after--) {
		kvm->failure.after = 0;
		return -kvm->failure.error;
	}
	if (fd == FAKE_KVM_FD)
		return system_ioctl(kvm, request, argument);
	if (fd == FAKE_VM_FD)
		return vm_ioctl(kvm, request, argument);
	if (fd >= FAKE_VCPU_FD && fd < FAKE_VCPU_FD + (int)kvm->vcpu_count)
		return vcpu_ioctl(kvm, &kvm->vcpus[fd - FAKE_VCPU_FD], request, argument);
	return -EBADF;
}

static int fake_open(void *context, const char *path)
{
	struct fake_kvm *kvm = context;

	snprintf(kvm->path, sizeof(kvm->path), "%s", path);
	if (kvm->open_error)
		return -kvm->open_error;
	kvm->open_files++;
	return FAKE_KVM_FD;
}

static void fake_close(void *context, int fd)
{
	((struct fake_kvm *)context)->open_files--;
}

static void fake_host_cpuid(void *context, struct vpmu_cpuid *leaf)
{
	const struct fake_kvm *kvm = context;
	const struct vpmu_cpuid asked = {.leaf = leaf->leaf, .subleaf = leaf->subleaf};

	*leaf = asked;
	for (size_t i = 0; i < kvm->host_count; i++)
		if (kvm->host[i].leaf == asked.leaf && kvm->host[i].subleaf == asked.subleaf)
			*leaf = kvm->host[i];
}

static int fake_count_cycles(void *context)
{
	return -((const struct fake_kvm *)context)->cycles_error;
}

union cpuid_room fake_cpuid(const struct vpmu_model *model)
{
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	union cpuid_room room = {.cpuid = {0}};

	room.cpuid.nent = (uint32_t)vpmu_model_to_cpuid(model, leaves);
	for (uint32_t i = 0; i < room.cpuid.nent; i++)
		room.cpuid.entries[i] = (struct kvm_cpuid_entry2){
			.function = leaves[i].leaf,
			.index = leaves[i].subleaf,
			.eax = leaves[i].eax,
			.ebx = leaves[i].ebx,
			.ecx = leaves[i].ecx,
			.edx = leaves[i].edx,
		};
	return room;
}

struct fake_kvm *fake_kvm_make(const char *name)
{
	static struct fake_kvm kvm;
	char why[256];

	kvm = (struct fake_kvm){
		.calls = {.open = fake_open,
	                  .close = fake_close,
	                  .ioctl = fake_ioctl,
	                  .cpuid = fake_host_cpuid,
	                  .count_cycles = fake_count_cycles,
	                  .context = &kvm},
		.api_version = KVM_API_VERSION,
		.is_enabled = true,
		.has_off_switch = true,
		.has_filter = true,
		.has_masked_events = true,
	};
	if (vpmu_model_parse(&kvm.model, name, why, sizeof(why)))
		fail_msg("%s: %s", name, why);
	kvm.host_count = vpmu_model_to_cpuid(&kvm.model, kvm.host);
	return &kvm;
}

int fake_vcpu_make(struct fake_kvm *kvm, const struct vpmu_model *model)
{
	union cpuid_room room = fake_cpuid(model);
	int vcpu = fake_ioctl(kvm, FAKE_VM_FD, KVM_CREATE_VCPU, NULL);

	assert_true(vcpu >= 0);
	assert_int_equal(fake_ioctl(kvm, vcpu, KVM_SET_CPUID2, &room), 0);
	kvm->requests = 0;
	return vcpu;
}
