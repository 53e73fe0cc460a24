/* SPDX-License-Identifier: MIT */
/*
 * Unicorn's translations of guest code. They are dropped where the code has changed; and all of
 * them before they fill Unicorn's buffer of 1 GiB. Once a full buffer has made Unicorn drop them by
 * itself, lists of its pages name translations whose memory is in use for others, and the next drop
 * crashes (unicorn-engine/unicorn issue 1946; seen with 2.0.1). Nobody can ask how full the buffer
 * is, so what goes in is estimated, and too much rather than too little.
 */
#include <machine/unicorn/room_int.h>

#include <stdlib.h>

enum {
	BYTES_OF_ONE = 1 << 10, /* that a translation takes, without its instructions */
	BYTES_OF_CODE = 1 << 7, /* for each byte of the guest's code */
	BYTES_MOST = 512 << 20,
};

void translation_begin(struct cpu *cpu)
{
	const char *most = getenv("VPMU_TEST_TRANSLATIONS");

	cpu->translations_most = most ? strtoul(most, NULL, 0) : BYTES_MOST;
}

void translation_made(struct cpu *cpu, uint64_t bytes)
{
	cpu->translated += BYTES_OF_ONE + bytes * BYTES_OF_CODE;
}

void translation_drop(struct cpu *cpu, uint64_t from, uint64_t to)
{
	translation_made(cpu, to - from);
	uc_ctl_remove_cache(cpu->uc, from, to);
}

void translation_keep_room(struct cpu *cpu)
{
	if (cpu->translated < cpu->translations_most)
		return;
	cpu->translated = 0;
	cpu_has_block(cpu, NULL);
	blocks_forget(cpu);
	uc_ctl(cpu->uc, UC_CTL_WRITE(UC_CTL_TB_FLUSH, 0));
}
