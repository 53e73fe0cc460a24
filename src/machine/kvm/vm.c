/* SPDX-License-Identifier: MIT */
/* A VM with one virtual CPU, its memory and KVM's local APIC: makes it step by step, and unmakes
 * it. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <base/room.h>

#include "room.h"

/* Pages that VMX without "unrestricted guest" needs, above the guest's memory and its APIC (Linux
 * Documentation/virt/kvm/api.rst, KVM_SET_TSS_ADDR and KVM_SET_IDENTITY_MAP_ADDR). */
#define IDENTITY_MAP UINT64_C(0xfffbc000)
#define TASK_STATE   UINT64_C(0xfffbd000)

struct making {
	struct kvm_vm *vm;
	const struct vpmu_kvm_calls *calls;
	const struct kvm_vm_config *config;
	struct text why;
	union cpuid_room cpuid;
};

/* Tells which step failed. */
static bool works(struct making *making, int result, const char *step)
{
	if (result >= 0)
		return true;
	text_add(&making->why, step);
	text_add(&making->why, ": ");
	text_add(&making->why, strerror(-result));
	return false;
}

static bool make_vm(struct making *making)
{
	struct kvm_vm *vm = making->vm;
	const struct vpmu_kvm_calls *calls = making->calls;
	uint64_t identity = IDENTITY_MAP;

	vm->device = calls->open(calls->context, KVM_DEVICE);
	if (!works(making, vm->device, KVM_DEVICE))
		return false;
	vm->fd = kvm_call_number(calls, vm->device, KVM_CREATE_VM, 0);
	return works(making, vm->fd, "KVM_CREATE_VM") &&
	       works(making, kvm_call_number(calls, vm->fd, KVM_SET_TSS_ADDR, TASK_STATE),
	             "KVM_SET_TSS_ADDR") &&
	       works(making, kvm_call(calls, vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity),
	             "KVM_SET_IDENTITY_MAP_ADDR");
}

/* The local APIC is in the kernel; there are no other interrupt controllers. */
static bool make_devices(struct making *making)
{
	struct kvm_enable_cap split = {.cap = KVM_CAP_SPLIT_IRQCHIP};
	struct kvm_userspace_memory_region memory = {
		.memory_size = making->config->memory_bytes,
		.userspace_addr = (uintptr_t)making->config->memory,
	};

	return works(making, kvm_call(making->calls, making->vm->fd, KVM_ENABLE_CAP, &split),
	             "KVM_CAP_SPLIT_IRQCHIP") &&
	       works(making,
	             kvm_call(making->calls, making->vm->fd, KVM_SET_USER_MEMORY_REGION, &memory),
	             "KVM_SET_USER_MEMORY_REGION");
}

/* --- CPUID --------------------------------------------------------------------------------- */

/* KVM_GET_SUPPORTED_CPUID contains the IDs and counts of the host CPU that it ran on: makes them
 * those of one CPU. */
static void be_one_cpu(struct kvm_cpuid2 *cpuid)
{
	const uint32_t id_and_count = 0xffff0000, one = 1 << 16, many_threads = 1u << 28;

	for (size_t i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

		switch (entry->function) {
		case 1:
			entry->ebx = (entry->ebx & ~id_and_count) | one;
			entry->edx &= ~many_threads;
			break;
		case 0xb: /* topology: the x2APIC ID */
		case 0x1f:
		case 0x80000026:
			entry->edx = 0;
			break;
		case 0x8000001e: /* AMD's: the APIC ID; core and node */
			entry->eax = entry->ebx = entry->ecx = 0;
			break;
		}
	}
}

/* KVM leaves TSC_DEADLINE to the VMM, since it depends on who emulates the APIC (api.rst). */
static void have_deadline_timer(struct making *making)
{
	const uint32_t deadline = 1u << 24;
	struct kvm_cpuid_entry2 *basic = cpuid_entry(&making->cpuid.cpuid, 1);

	if (basic && kvm_call_number(making->calls, making->vm->device, KVM_CHECK_EXTENSION,
	                             KVM_CAP_TSC_DEADLINE_TIMER) > 0)
		basic->ecx |= deadline;
}

/* The PMU of the model in CPUID, or none in the VM. */
static bool choose_pmu(struct making *making)
{
	const struct kvm_vm_config *config = making->config;
	struct kvm_cpuid2 *cpuid = &making->cpuid.cpuid;
	struct vpmu_off off;

	if (config->model->version)
		return works(making,
		             vpmu_kvm_show_pmu(cpuid, CPUID_ENTRIES, config->model) ? -EINVAL : 0,
		             "the model in CPUID");
	if (!vpmu_kvm_pmu_off(&off, config->host, making->calls, making->vm->fd, cpuid))
		return true;
	text_add(&making->why, off.why);
	return false;
}

static bool make_cpuid(struct making *making)
{
	if (!works(making, cpuid_supported(making->calls, making->vm->device, &making->cpuid),
	           "KVM_GET_SUPPORTED_CPUID"))
		return false;
	be_one_cpu(&making->cpuid.cpuid);
	have_deadline_timer(making);
	return choose_pmu(making);
}

/* --- The virtual CPU ----------------------------------------------------------------------- */

static bool map_run(struct making *making)
{
	struct kvm_vm *vm = making->vm;
	int bytes = kvm_call_number(making->calls, vm->device, KVM_GET_VCPU_MMAP_SIZE, 0);
	void *run;

	if (!works(making, bytes, "KVM_GET_VCPU_MMAP_SIZE"))
		return false;
	vm->run_bytes = (size_t)bytes;
	run = mmap(NULL, vm->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu.fd, 0);
	if (!works(making, run == MAP_FAILED ? -errno : 0, "the virtual CPU's page"))
		return false;
	vm->run = run;
	return true;
}

static bool make_vcpu(struct making *making)
{
	struct kvm_vm *vm = making->vm;

	vm->vcpu.fd = kvm_call_number(making->calls, vm->fd, KVM_CREATE_VCPU, 0);
	return works(making, vm->vcpu.fd, "KVM_CREATE_VCPU") && map_run(making) &&
	       works(making, kvm_call(making->calls, vm->vcpu.fd, KVM_SET_CPUID2, &making->cpuid),
	             "KVM_SET_CPUID2");
}

/* CPUID is made before the virtual CPU, since KVM_PMU_CAP_DISABLE must come first. */
bool kvm_vm_make(struct kvm_vm *vm, const struct kvm_vm_config *config, char *why, size_t why_bytes)
{
	struct making making = {
		.vm = vm,
		.calls = calls_or_kernel(NULL),
		.config = config,
		.why = text_in(why, why_bytes),
	};

	*vm = (struct kvm_vm){.device = -1, .fd = -1, .vcpu = {.fd = -1}};
	if (make_vm(&making) && make_devices(&making) && make_cpuid(&making) && make_vcpu(&making))
		return true;
	kvm_vm_unmake(vm);
	return false;
}

static void close_if_open(int fd)
{
	const struct vpmu_kvm_calls *calls = calls_or_kernel(NULL);

	if (fd >= 0)
		calls->close(calls->context, fd);
}

void kvm_vm_unmake(struct kvm_vm *vm)
{
	if (vm->run)
		munmap(vm->run, vm->run_bytes);
	close_if_open(vm->vcpu.fd);
	close_if_open(vm->fd);
	close_if_open(vm->device);
	*vm = (struct kvm_vm){.device = -1, .fd = -1, .vcpu = {.fd = -1}};
}
