/* SPDX-License-Identifier: MIT */
/* Asks a register machine which class a selector's value counts. */
#include "selector.h"

#include <inttypes.h>
#include <stdio.h>

uint64_t selector_event(const struct vpmu_model *model, uint64_t selector)
{
	/* AMD's event numbers go on in bits 35:32, where Intel has other fields. */
	static const uint64_t bits[VPMU_VENDORS] = {
		[VPMU_VENDOR_INTEL] = 0xffff,
		[VPMU_VENDOR_ZHAOXIN] = 0xffff,
		[VPMU_VENDOR_AMD] = 0xf0000ffff,
	};

	return selector & bits[model->vendor];
}

/* The model's first register of the kind, or NULL. */
static const struct vpmu_register *find_kind(const struct vpmu_register *registers, size_t count,
                                             enum vpmu_kind kind)
{
	for (size_t i = 0; i < count; i++)
		if (registers[i].kind == kind)
			return &registers[i];
	return NULL;
}

void selector_probe_init(struct selector_probe *probe, const struct vpmu_model *model)
{
	struct vpmu_register registers[VPMU_MAX_REGISTERS];
	size_t count = vpmu_model_registers(model, registers);
	const struct vpmu_register *selector, *fixed, *global;

	probe->pmu = vpmu_pmu_init(probe->memory, sizeof(probe->memory), model,
	                           vpmu_profile_find("hardware"));
	if (!probe->pmu)
		return;
	selector = find_kind(registers, count, VPMU_KIND_SELECTOR);
	fixed = find_kind(registers, count, VPMU_KIND_FIXED_CTRL);
	global = find_kind(registers, count, VPMU_KIND_GLOBAL_CTRL);
	probe->selector = selector ? selector->msr : 0;
	probe->fixed = fixed ? fixed->msr : 0;
	if (global)
		vpmu_pmu_guest_write(probe->pmu, global->msr, global->writable);
}

/* What one register's value makes the machine count. */
static enum vpmu_class probe_class(struct selector_probe *probe, uint32_t msr, uint64_t value)
{
	uint32_t wanted = 0;

	if (!msr)
		return VPMU_NO_CLASS;
	if (!vpmu_pmu_guest_write(probe->pmu, msr, value)) {
		wanted = vpmu_pmu_wanted(probe->pmu);
		vpmu_pmu_guest_write(probe->pmu, msr, 0);
	}
	for (unsigned i = 0; i < VPMU_CLASSES; i++)
		if (wanted >> i & 1)
			return (enum vpmu_class)i;
	return VPMU_NO_CLASS;
}

enum vpmu_class selector_class(struct selector_probe *probe, uint64_t selector)
{
	if (!probe->pmu)
		return VPMU_NO_CLASS;
	return probe_class(probe, probe->selector,
	                   selector_event(vpmu_pmu_model(probe->pmu), selector) | SELECTOR_USR |
	                           SELECTOR_OS | SELECTOR_EN);
}

enum vpmu_class selector_fixed_class(struct selector_probe *probe, unsigned index)
{
	if (!probe->pmu)
		return VPMU_NO_CLASS;
	return probe_class(probe, probe->fixed,
	                   (uint64_t)(FIXED_OS_BIT | FIXED_USR_BIT) << index * FIXED_BITS_EACH);
}

const char *selector_event_text(const struct vpmu_model *model, uint64_t selector,
                                char name[SELECTOR_NAME_BYTES])
{
	if (!selector_event_name(model, selector, name))
		snprintf(name, SELECTOR_NAME_BYTES, "r%04" PRIx64, selector_event(model, selector));
	return name;
}
