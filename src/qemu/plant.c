/* SPDX-License-Identifier: MIT */
/*
 * Jumps that end a block before a given instruction: EB FE, a JMP to itself, is written over the
 * instruction's first two bytes. QEMU drops the block and translates it anew; the jump ends it with
 * everything in place, and the next block calls at_block(). A jump stands until it is reached, or
 * the vCPU leaves by another way. Over a one-byte instruction only EB is written: the next byte
 * stays, and becomes the displacement, so the target must be in the same page.
 *
 * Slots are written under the lock. Translations read them without it, but hold QEMU's lock of the
 * page: a slot is set before the bytes are written, and cleared after QEMU has dropped the
 * translations.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "room_int.h"

enum { PAGE = 4096, JUMP = 0xeb, TO_ITSELF = 0xfe, PATIENCE = 20000 };

struct plant {
	_Atomic uint64_t physical; /* of its first byte; 0: unused (no code is planted there) */
	uint64_t second;           /* of its second byte */
	uint8_t bytes;             /* 1 or 2 */
	uint8_t before[2], after[2];
};

static struct plant plants[MAX_VCPUS];
static _Atomic unsigned plant_slots; /* one above the highest ever used */
static pthread_mutex_t plants_lock = PTHREAD_MUTEX_INITIALIZER;

int plant_find(uint64_t physical)
{
	unsigned slots = atomic_load(&plant_slots);

	for (unsigned i = 0; i < slots; i++)
		if (atomic_load(&plants[i].physical) == physical)
			return (int)i;
	return -1;
}

/* --- Where ------------------------------------------------------------------------------------ */

/* Excludes ROM, video memory, and flash, for which a write is a command. */
static bool is_ram(uint64_t physical)
{
	return physical < 0xa0000 || (physical >= 0x100000 && physical < 0xe0000000) ||
	       (physical >= UINT64_C(0x100000000) && physical != UINT64_MAX);
}

/* Whether EB alone is enough: the byte after it is the displacement. */
static bool jumps_within(uint64_t physical, uint8_t next)
{
	int64_t target = (int64_t)(physical & (PAGE - 1)) + 2 + (int8_t)next;

	return target >= 0 && target <= PAGE - INSN_BYTES;
}

/* Chooses the bytes to plant before an instruction; false: impossible. */
static bool choose(struct plant *to, const struct block *block, unsigned index, uint64_t *physical)
{
	unsigned offset = 0;

	for (unsigned i = 0; i < index; i++)
		offset += block_length(block, i);
	*physical = block_byte(block, offset);
	to->second = block_byte(block, offset + 1);
	if (!is_ram(*physical) || !physical_get(*physical, &to->before[0], 1))
		return false;
	if (!is_ram(to->second) || !physical_get(to->second, &to->before[1], 1))
		return false;
	to->after[0] = JUMP;
	to->after[1] = TO_ITSELF;
	to->bytes = 2;
	if (block_length(block, index) > 1)
		return true;
	if (jumps_within(*physical, to->before[1])) {
		to->bytes = 1;
		return true;
	}
	/* Both bytes, which only a single vCPU may do: another could execute the second byte's
	 * instruction. */
	return qemu_plugin_num_vcpus() == 1;
}

/* --- Planting --------------------------------------------------------------------------------- */

static bool has_neighbour(const struct cpu *cpu, uint64_t physical)
{
	unsigned slots = atomic_load(&plant_slots);

	for (unsigned i = 0; i < slots; i++) {
		uint64_t other = atomic_load(&plants[i].physical);

		if (other && i != cpu->index && other + 2 >= physical && other <= physical + 2)
			return true;
	}
	return false;
}

static void write_bytes(const struct plant *plant, uint64_t physical, const uint8_t *bytes)
{
	if (plant->bytes == 2 && plant->second == physical + 1) {
		physical_set(physical, bytes, 2);
		return;
	}
	physical_set(physical, &bytes[0], 1);
	if (plant->bytes == 2)
		physical_set(plant->second, &bytes[1], 1);
}

/* Puts the bytes back, unless the guest has written there meanwhile. */
static void restore(struct plant *plant)
{
	uint64_t physical = atomic_load(&plant->physical);
	uint64_t at[2] = {physical, plant->second};
	uint8_t now[2];
	bool same = true;

	for (unsigned i = 0; i < plant->bytes; i++)
		same &= physical_get(at[i], &now[i], 1) && now[i] == plant->after[i];
	if (same)
		write_bytes(plant, physical, plant->before);
	atomic_store(&plant->physical, 0);
}

static void cover_slot(unsigned slot)
{
	if (atomic_load(&plant_slots) <= slot)
		atomic_store(&plant_slots, slot + 1);
}

enum planted plant_set(struct cpu *cpu, const struct block *block, unsigned index, uint64_t rip)
{
	struct plant *plant = &plants[cpu->index];
	enum planted result = PLANT_IMPOSSIBLE;
	uint64_t physical;

	pthread_mutex_lock(&plants_lock);
	if (choose(plant, block, index, &physical)) {
		result = has_neighbour(cpu, physical) ? PLANT_WAIT : PLANTED;
		if (result == PLANTED) {
			cover_slot(cpu->index);
			atomic_store(&plant->physical, physical);
			write_bytes(plant, physical, plant->after);
			cpu->plant = plant;
			cpu->stat.planted++;
		}
	}
	pthread_mutex_unlock(&plants_lock);
	if (result == PLANT_WAIT && cpu->waited++ >= PATIENCE) {
		cpu->waited = 0;
		return PLANT_IMPOSSIBLE;
	}
	return result;
}

bool plant_remove(struct cpu *cpu)
{
	if (!cpu->plant)
		return false;
	pthread_mutex_lock(&plants_lock);
	if (atomic_load(&cpu->plant->physical))
		restore(cpu->plant);
	pthread_mutex_unlock(&plants_lock);
	cpu->plant = NULL;
	return true;
}

void plant_wait(struct cpu *cpu, unsigned slot)
{
	if (slot >= MAX_VCPUS || cpu->waited++ < PATIENCE)
		return;
	cpu->waited = 0;
	pthread_mutex_lock(&plants_lock);
	if (atomic_load(&plants[slot].physical))
		restore(&plants[slot]);
	pthread_mutex_unlock(&plants_lock);
}
