/* SPDX-License-Identifier: MIT */
/* Resets the machine as a power-up would: CPU, APIC, memory, counts; the PMU is reset as a VMM does
 * it. */
#include <errno.h>
#include <string.h>

#include <state/room.h>

#include "room.h"

bool machine_has_a_life(const struct machine *machine, struct text *why)
{
	if (!machine->ops->counts)
		text_add(why, "on this CPU no instruction is known to stop at");
	return machine->ops->counts;
}

unsigned board_shared_registers(const struct machine *machine,
                                struct vpmu_register registers[VPMU_MAX_REGISTERS])
{
	size_t count = vpmu_model_registers(vpmu_pmu_model(machine->pmu), registers);
	unsigned kept = 0;

	for (size_t i = 0; i < count; i++)
		if (registers[i].kind == VPMU_KIND_DEBUGCTL)
			registers[kept++] = registers[i];
	return kept;
}

/* Registers that the PMU keeps but that are not in its state: vpmu_layout says why. */
static void reset_shared(struct machine *machine)
{
	struct vpmu_register registers[VPMU_MAX_REGISTERS];
	unsigned count = board_shared_registers(machine, registers);

	for (unsigned i = 0; i < count; i++)
		vpmu_pmu_host_write(machine->pmu, registers[i].msr, registers[i].reset);
}

/* Resets the PMU as a VMM does: by a put, and by hand for what a VMM handles outside it. */
static enum vpmu_status reset_pmu(struct machine *machine, const struct vpmu_order *order,
                                  char *why, size_t why_bytes)
{
	struct vpmu_target target = vpmu_target_machine(machine->pmu);
	struct vpmu_layout layout;
	struct vpmu_report report;
	struct vpmu_state state;
	enum vpmu_status status = vpmu_layout_init(&layout, vpmu_pmu_model(machine->pmu));

	if (status)
		return status;
	vpmu_state_reset(&state, &layout);
	status = vpmu_state_put(&state, &layout, &target, VPMU_LEVEL_RESET, order,
	                        VPMU_POLICY_ROLL_BACK, &report);
	if (status)
		vpmu_report_describe(&report, 0, why, why_bytes);
	else
		reset_shared(machine);
	return status;
}

enum vpmu_status machine_reset(struct machine *machine, const struct vpmu_order *order, char *why,
                               size_t why_bytes)
{
	struct text reason = text_in(why, why_bytes);
	enum vpmu_status status;

	if (!machine_has_a_life(machine, &reason))
		return VPMU_BAD_ARGUMENT;
	status = reset_pmu(machine, order, why, why_bytes);
	if (!status)
		status = memory_clear(&machine->memory);
	if (status == VPMU_HOST) {
		text_add(&reason, "the guest's memory: ");
		text_add(&reason, strerror(errno));
	}
	if (status)
		return status;
	machine->ops->reset(machine->cpu);
	apic_init(&machine->apic, machine->pmu);
	memset(machine->ports.uart, 0, sizeof(machine->ports.uart));
	machine->ports.fw_key = 0;
	machine->ports.fw_offset = 0;
	machine->ports.exited = machine->loaded = machine->entered = false;
	msr_reset(machine);
	machine->idle = machine->interrupts = machine->status_seen = 0;
	machine->waited_at = UINT64_MAX;
	return VPMU_OK;
}
