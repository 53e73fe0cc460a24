/* SPDX-License-Identifier: MIT */
/* Names and places of registers: by the vCPU's model, and by those of any vendor. */
#include "watch.h"

#include <stddef.h>
#include <string.h>

/* The largest PMUs: they have every register that some model has. */
static const char *const largest[] = {
	"intel-v5,gp=10,fixed=8",
	"intel-v5",
	"amd-perfmon-v2,gp=15",
	"amd-perfmon-v2",
};

enum { LARGEST = sizeof(largest) / sizeof(largest[0]) };

static const struct vpmu_layout *largest_layout(unsigned i)
{
	static struct vpmu_layout layouts[LARGEST];
	static bool made[LARGEST];
	struct vpmu_model model;

	if (!made[i] && !vpmu_model_parse(&model, largest[i], NULL, 0))
		vpmu_layout_init(&layouts[i], &model);
	made[i] = true;
	return &layouts[i];
}

/* IA32_DEBUGCTL and IA32_MISC_ENABLE belong to other parts of the VMM. */
static const char *name_in(const struct vpmu_layout *layout, uint32_t msr)
{
	int place = vpmu_layout_find_msr(layout, msr);
	const struct vpmu_register *reg = place < 0 ? NULL : &layout->registers[place];

	if (!reg || reg->kind == VPMU_KIND_DEBUGCTL || reg->kind == VPMU_KIND_MISC_ENABLE)
		return NULL;
	return reg->name;
}

const char *watch_msr_name(const struct watch_vcpu *vcpu, uint32_t msr)
{
	const char *name = vcpu->has_layout ? name_in(&vcpu->layout, msr) : NULL;

	for (unsigned i = 0; !name && i < LARGEST; i++)
		name = name_in(largest_layout(i), msr);
	return name;
}

int watch_value(const struct watch_vcpu *vcpu, uint32_t msr)
{
	int place = vcpu->has_layout ? vpmu_layout_find_msr(&vcpu->layout, msr) : -1;

	if (place < 0 || vcpu->layout.registers[place].kind == VPMU_KIND_CAPABILITIES ||
	    vcpu->layout.value_of[place] == VPMU_NO_VALUE)
		return -1;
	return vcpu->layout.value_of[place];
}
