/* SPDX-License-Identifier: MIT */
/*
 * Sends the PMI through QEMU's own local APIC: LVTPC is read there, and a message-signalled
 * interrupt to the vCPU's own APIC ID delivers the PMI by all of QEMU's rules.
 */
#include "room_int.h"

enum { APIC_ID = 0x20, APIC_LVTPC = 0x340, APIC_ID_SHIFT = 24, MSI_ID_SHIFT = 12 };
enum { MSI_BITS = 0x7ff }; /* vector and delivery mode */

#define MSI_ADDRESS    UINT64_C(0xfee00000)
#define APIC_BASE_BITS UINT64_C(0xffffff000)
#define APIC_BASE_X2   (UINT64_C(1) << 10)
#define LVT_MASKED     UINT32_C(0x10000)

void pmi_begin(struct cpu *cpu)
{
	cpu->apic_base = MSI_ADDRESS;
	cpu->apic_id = cpu->index;
	cpu->x2apic = false;
	cpu->lvtpc = LVT_MASKED;
}

static uint32_t apic_id(struct cpu *cpu)
{
	uint32_t id;

	if (!cpu->x2apic && physical_get(cpu->apic_base + APIC_ID, &id, sizeof(id)))
		cpu->apic_id = id >> APIC_ID_SHIFT;
	return cpu->apic_id;
}

uint32_t pmi_lvtpc(struct cpu *cpu)
{
	uint32_t value = LVT_MASKED;

	if (cpu->x2apic)
		return cpu->lvtpc;
	physical_get(cpu->apic_base + APIC_LVTPC, &value, sizeof(value));
	return value;
}

void pmi_set_lvtpc(struct cpu *cpu, uint32_t value)
{
	cpu->lvtpc = value;
	if (!cpu->x2apic)
		physical_set(cpu->apic_base + APIC_LVTPC, &value, sizeof(value));
}

/* In x2APIC mode the plugin can read neither the ID nor LVTPC, so both are kept from before. */
void pmi_apic_base(struct cpu *cpu, uint64_t value)
{
	if (!cpu->x2apic && value & APIC_BASE_X2) {
		apic_id(cpu);
		cpu->lvtpc = pmi_lvtpc(cpu);
	}
	cpu->x2apic = value & APIC_BASE_X2;
	cpu->apic_base = value & APIC_BASE_BITS;
}

bool pmi_send(struct cpu *cpu)
{
	uint32_t lvtpc = vpmu_pmu_lvtpc(cpu->pmu), message = lvtpc & MSI_BITS;
	uint64_t address = MSI_ADDRESS | (uint64_t)apic_id(cpu) << MSI_ID_SHIFT;

	if (!cpu->pmi_due)
		return false;
	if (lvtpc != pmi_lvtpc(cpu))
		pmi_set_lvtpc(cpu, lvtpc);
	cpu->stat.pmis += cpu->pmi_due;
	cpu->sent_at = cpu->retired[RING_KERNEL] + cpu->retired[RING_USER];
	cpu->stat.skids += cpu->late;
	log_event(cpu, cpu->late ? "pmi late" : "pmi", message);
	cpu->pmi_due = 0;
	cpu->pmi_taken = message;
	cpu->late = false;
	physical_set(address, &message, sizeof(message));
	return true;
}
