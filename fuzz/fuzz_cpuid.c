/* SPDX-License-Identifier: MIT */
/*
 * CPUID leaves. The first byte chooses a preset whose leaves are the start, or none; eight bytes
 * are IA32_PERF_CAPABILITIES; then records of six bytes change the leaves: which leaf, which
 * register, and 32 bits to be flipped.
 */
#include <string.h>

#include "fuzz.h"
#include "properties.h"

enum { LEAVES = 12, RECORD = 6, HEADER = 9 };

static size_t start_from(uint8_t choice, struct vpmu_cpuid *leaves)
{
	struct vpmu_model model;
	size_t presets = 0;

	while (vpmu_preset_name(presets))
		presets++;
	if (choice % (presets + 1) == presets)
		return 0;
	MUST(vpmu_model_parse(&model, vpmu_preset_name(choice % (presets + 1)), NULL, 0) ==
	     VPMU_OK);
	return vpmu_model_to_cpuid(&model, leaves);
}

static void flip(struct vpmu_cpuid *leaves, const uint8_t *record)
{
	struct vpmu_cpuid *leaf = &leaves[record[0] % LEAVES];
	uint32_t *regs[] = {&leaf->eax, &leaf->ebx,     &leaf->ecx,
	                    &leaf->edx, &leaf->subleaf, &leaf->leaf};
	uint32_t bits;

	memcpy(&bits, record + 2, sizeof(bits));
	*regs[record[1] % 6] ^= bits;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vpmu_cpuid leaves[LEAVES] = {0};
	struct vpmu_model model;
	uint64_t capabilities;
	enum vpmu_status status;
	char why[256] = "";
	size_t count;

	if (size < HEADER)
		return 0;
	count = start_from(data[0], leaves);
	if (data[0] & 0x80)
		count = LEAVES;
	memcpy(&capabilities, data + 1, sizeof(capabilities));
	for (size_t at = HEADER; at + RECORD <= size; at += RECORD)
		flip(leaves, data + at);
	status = vpmu_model_from_cpuid(&model, leaves, count, capabilities, why, sizeof(why));
	if (status == VPMU_OK) {
		model_properties(&model);
	} else {
		MUST(status == VPMU_INCOMPATIBLE);
		MUST(!strncmp(why, "CPUID: ", 7) && why[7]);
	}
	return 0;
}
