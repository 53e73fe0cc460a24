/* SPDX-License-Identifier: MIT */
/*
 * KVM as the CPU: the guest runs through /dev/kvm on KVM's own PMU and local APIC. The machine's
 * register machine is an image of KVM's PMU: registers are copied between the two by the same get
 * and put that move them between machines.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/room.h>
#include <machine/cpu.h>
#include <machine/room.h>
#include <state/room.h>

#include "room.h"

struct cpu {
	struct cpu_config config;
	const struct cpu_board *calls;
	void *board;
	struct kvm_vm vm;
	volatile sig_atomic_t stop;
	char why[160];
};

/* --- The PMU's registers -------------------------------------------------------------------- */

/* Reads all of one target's registers and writes them to another. */
static bool move_state(const struct vpmu_model *model, const struct vpmu_target *from,
                       const struct vpmu_target *to, char *why, size_t why_bytes)
{
	struct vpmu_layout layout;
	struct vpmu_report report;
	struct vpmu_state state;
	enum vpmu_status status;

	if (!model->version)
		return true; /* there are none */
	if (vpmu_layout_init(&layout, model))
		return false;
	status = vpmu_state_get(&state, &layout, from, VPMU_POLICY_ROLL_BACK, &report);
	if (!status)
		status = vpmu_state_put(&state, &layout, to, VPMU_LEVEL_FULL,
		                        vpmu_order_find("safe"), VPMU_POLICY_ROLL_BACK, &report);
	if (status)
		vpmu_report_describe(&report, 0, why, why_bytes);
	return !status;
}

/* Gives KVM's PMU the values that the machine's has after power-up, IA32_PERF_CAPABILITIES
 * included. */
static bool give_pmu(struct cpu *cpu, char *why, size_t why_bytes)
{
	struct vpmu_target kvm = vpmu_target_kvm(&cpu->vm.vcpu);
	struct vpmu_target image = vpmu_target_machine(cpu->config.pmu);

	return move_state(vpmu_pmu_model(cpu->config.pmu), &image, &kvm, why, why_bytes);
}

static bool fetch_pmu(struct cpu *cpu, char *why, unsigned why_bytes)
{
	struct vpmu_target kvm = vpmu_target_kvm(&cpu->vm.vcpu);
	struct vpmu_target image = vpmu_target_machine(cpu->config.pmu);

	return move_state(vpmu_pmu_model(cpu->config.pmu), &kvm, &image, why, why_bytes);
}

/* --- Making --------------------------------------------------------------------------------- */

static void destroy(struct cpu *cpu)
{
	if (!cpu)
		return;
	kvm_vm_unmake(&cpu->vm);
	free(cpu);
}

static bool make_vm(struct cpu *cpu, char *why, size_t why_bytes)
{
	struct vpmu_kvm_host host; /* some 10 KiB */
	struct kvm_vm_config config = {
		.host = &host,
		.model = vpmu_pmu_model(cpu->config.pmu),
		.memory = cpu->config.memory,
		.memory_bytes = cpu->config.memory_bytes,
	};

	vpmu_kvm_probe(&host, "", NULL);
	return kvm_vm_make(&cpu->vm, &config, why, why_bytes);
}

static struct cpu *create(const struct cpu_config *config, const struct cpu_board *calls,
                          void *board, char *why, unsigned why_bytes)
{
	struct cpu *cpu = calloc(1, sizeof(*cpu));

	if (!cpu) {
		snprintf(why, why_bytes, "the CPU: no memory");
		return NULL;
	}
	cpu->config = *config;
	cpu->calls = calls;
	cpu->board = board;
	if (!make_vm(cpu, why, why_bytes)) {
		free(cpu);
		return NULL;
	}
	if (give_pmu(cpu, why, why_bytes))
		return cpu;
	destroy(cpu);
	return NULL;
}

/* Fails silently; run() reports a CPU that could not be put there. */
static void enter_at(struct cpu *cpu, const struct cpu_entry *entry)
{
	struct kvm_vm_entry to = {
		.long_mode = entry->long_mode,
		.rip = entry->rip,
		.rsp = entry->rsp,
		.rax = entry->rax,
		.rbx = entry->rbx,
		.rdi = entry->rdi,
		.rsi = entry->rsi,
		.cr0 = entry->cr0,
		.cr3 = entry->cr3,
		.cr4 = entry->cr4,
		.efer = entry->efer,
		.gdt_base = entry->gdt_base,
		.gdt_limit = entry->gdt_limit,
		.code = entry->long_mode ? CPU_SELECTOR_CODE64 : CPU_SELECTOR_CODE32,
		.data = CPU_SELECTOR_DATA,
	};
	int result = kvm_vm_enter_at(&cpu->vm, &to);

	cpu->why[0] = '\0';
	if (result)
		snprintf(cpu->why, sizeof(cpu->why), "KVM takes no entry point: %s",
		         strerror(-result));
}

/* --- Running -------------------------------------------------------------------------------- */

static void do_port(struct cpu *cpu, const struct kvm_vm_access *access)
{
	uint16_t port = (uint16_t)access->address;

	for (unsigned i = 0; i < access->count; i++) {
		uint8_t *at = access->data + (size_t)i * access->size;
		uint32_t value = 0;

		if (access->is_write) {
			memcpy(&value, at, access->size);
			cpu->calls->port_write(cpu->board, port, access->size, value);
		} else {
			value = cpu->calls->port_read(cpu->board, port, access->size);
			memcpy(at, &value, access->size);
		}
	}
}

/* KVM itself has the only memory-mapped device, the APIC. Other addresses belong to nobody: reads
 * are all ones. */
static void do_memory(const struct kvm_vm_access *access)
{
	if (!access->is_write)
		memset(access->data, 0xff, access->size);
}

/* Tells a stop that was asked for from a signal meant for somebody else. */
static bool is_asked_to_stop(struct cpu *cpu)
{
	if (!cpu->stop)
		return false;
	cpu->stop = 0;
	kvm_vm_go_on(&cpu->vm);
	return true;
}

static enum cpu_stop triple_fault(struct cpu *cpu)
{
	snprintf(cpu->why, sizeof(cpu->why), "KVM does not tell of which exceptions");
	return CPU_STOP_TRIPLE_FAULT;
}

static enum cpu_stop run(struct cpu *cpu)
{
	struct kvm_vm_access access;

	if (*cpu->why)
		return CPU_STOP_UNSUPPORTED;
	for (;;) {
		switch (kvm_vm_run(&cpu->vm, &access, cpu->why, sizeof(cpu->why))) {
		case KVM_VM_PORT:
			do_port(cpu, &access);
			break;
		case KVM_VM_MEMORY:
			do_memory(&access);
			break;
		case KVM_VM_SIGNAL:
			if (is_asked_to_stop(cpu))
				return CPU_STOP_REQUESTED;
			if (kvm_vm_sleeps_for_good(&cpu->vm))
				return CPU_STOP_HALTED;
			break;
		case KVM_VM_SHUTDOWN:
			return triple_fault(cpu);
		case KVM_VM_STUCK:
			return CPU_STOP_UNSUPPORTED;
		}
	}
}

static void stop_soon(struct cpu *cpu)
{
	cpu->stop = 1;
	kvm_vm_stop_soon(&cpu->vm);
}

/* --- What is known of it -------------------------------------------------------------------- */

static uint64_t rip(const struct cpu *cpu)
{
	return kvm_vm_rip(&cpu->vm);
}

static const char *why(const struct cpu *cpu)
{
	return cpu->why;
}

static uint64_t retired(const struct cpu *cpu)
{
	return 0;
}

static void totals(const struct cpu *cpu, struct vpmu_amounts *out)
{
	*out = (struct vpmu_amounts){0};
}

const struct cpu_ops cpu_kvm = {
	.counts = false,
	.create = create,
	.destroy = destroy,
	.enter_at = enter_at,
	.run = run,
	.stop_soon = stop_soon,
	.rip = rip,
	.why = why,
	.retired = retired,
	.totals = totals,
	.fetch_pmu = fetch_pmu,
};
