/* SPDX-License-Identifier: MIT */
/*
 * The board's part of a saved machine, by tables of fields: a new field is a new row. Also here is
 * what two parts of a machine share: LVTPC, which the PMU keeps for the APIC, and registers in
 * which the PMU owns only some bits (IA32_DEBUGCTL).
 */
#include <state/room.h>

#include "snapshot_board.h"

#define A(member, most)  PACK_FIELD(struct apic, member, most)
#define AS(member, most) PACK_ARRAY(struct apic, member, most)

static const struct pack_field apic_fields[] = {
	A(base, (UINT64_C(1) << PHYSICAL_BITS) - 1),
	A(ldr, UINT32_MAX),
	A(dfr, UINT32_MAX),
	A(svr, 0x1fff),
	A(tpr, 0xff),
	A(esr, 0xff),
	A(esr_pending, 0xff),
	A(icr_low, UINT32_MAX),
	A(icr_high, UINT32_MAX),
	AS(lvt, 0x7ffff),
	AS(irr, UINT32_MAX),
	AS(isr, UINT32_MAX),
	AS(tmr, UINT32_MAX),
	A(nmi_pending, 1),
	A(timer.initial, UINT32_MAX),
	A(timer.divide, 0xb),
	A(timer.expiry, UINT64_MAX),
	A(timer.deadline, UINT64_MAX),
	A(timer.tsc_offset, UINT64_MAX),
};

static const struct pack_field machine_fields[] = {
	PACK_ARRAY(struct machine, ports.uart, UINT8_MAX),
	PACK_FIELD(struct machine, ports.fw_key, UINT16_MAX),
	PACK_FIELD(struct machine, ports.fw_offset, 8),
	PACK_FIELD(struct machine, tsc_adjust, UINT64_MAX),
	PACK_FIELD(struct machine, misc_enable, UINT64_MAX),
	PACK_FIELD(struct machine, idle, MACHINE_TICKS_MOST),
	PACK_FIELD(struct machine, interrupts, UINT64_MAX),
	PACK_FIELD(struct machine, status_seen, UINT64_MAX),
	PACK_FIELD(struct machine, waited_at, UINT64_MAX),
};

static void pack_shared(const struct machine *machine, struct pack *pack)
{
	struct vpmu_register registers[VPMU_MAX_REGISTERS];
	unsigned count = board_shared_registers(machine, registers);

	for (unsigned i = 0; i < count; i++) {
		uint64_t value = 0;

		vpmu_pmu_host_read(machine->pmu, registers[i].msr, &value);
		pack_number(pack, value, 8);
	}
}

/* Skips the write if the value is there already, since a profile may refuse even that. */
static bool put_shared(struct machine *machine, uint32_t msr, uint64_t value)
{
	uint64_t now = 0;

	return (!vpmu_pmu_host_read(machine->pmu, msr, &now) && now == value) || (!now && !value) ||
	       !vpmu_pmu_host_write(machine->pmu, msr, value);
}

static bool unpack_shared(struct machine *machine, struct unpack *unpack)
{
	struct vpmu_register registers[VPMU_MAX_REGISTERS];
	unsigned count = board_shared_registers(machine, registers);

	for (unsigned i = 0; i < count; i++) {
		uint64_t value = unpack_number(unpack, 8, registers[i].name);

		if (!unpack->wrong && !put_shared(machine, registers[i].msr, value))
			unpack->wrong = "IA32_DEBUGCTL";
		if (unpack->wrong)
			return false;
	}
	return true;
}

void board_pack(const struct machine *machine, struct pack *pack)
{
	pack_fields(pack, apic_fields, ARRAY_SIZE(apic_fields), &machine->apic);
	pack_number(pack, vpmu_pmu_lvtpc(machine->pmu), 4);
	pack_fields(pack, machine_fields, ARRAY_SIZE(machine_fields), machine);
	pack_number(pack, msr_slots(), 2);
	pack_words(pack, machine->msrs, msr_slots());
	pack_shared(machine, pack);
}

/* Whether IA32_APIC_BASE has a mode that it can have (SDM fig. 11-27), and the timer an event that
 * time can reach. */
static bool apic_holds(const struct apic *apic)
{
	uint64_t expiry = apic->timer.expiry;

	return (apic_enabled(apic) || !apic_is_x2(apic)) &&
	       (expiry == APIC_NEVER || expiry < APIC_HORIZON);
}

bool board_unpack(struct machine *machine, struct unpack *unpack)
{
	uint64_t lvtpc;

	if (!unpack_fields(unpack, apic_fields, ARRAY_SIZE(apic_fields), &machine->apic))
		return false;
	lvtpc = unpack_number(unpack, 4, "LVTPC");
	if (!unpack_fields(unpack, machine_fields, ARRAY_SIZE(machine_fields), machine))
		return false;
	if (unpack_number(unpack, 2, "the number of MSRs") != msr_slots())
		unpack->wrong = "the number of MSRs";
	else if (!apic_holds(&machine->apic))
		unpack->wrong = "the APIC's mode or timer";
	if (!unpack_words(unpack, machine->msrs, msr_slots(), "MSRs") ||
	    !unpack_shared(machine, unpack))
		return false;
	vpmu_pmu_set_lvtpc(machine->pmu, (uint32_t)lvtpc);
	return unpack_is_done(unpack, "the end of the board");
}
