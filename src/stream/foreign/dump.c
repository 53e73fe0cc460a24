/* SPDX-License-Identifier: MIT */
/*
 * A CPU's leaves of CPUID on their way out of a dump. A leaf that leaf 0 or 0x80000000 counts, and
 * that is not there, was cut off: a dump has all.
 */
#include <arch/room.h>
#include <stream/foreign/room_int.h>

/* The highest leaf of the range that the leaf is of; 0: not told. */
static uint32_t highest_leaf(const struct foreign_leaves *leaves, uint32_t leaf)
{
	for (size_t i = 0; i < leaves->count; i++)
		if (leaves->leaves[i].leaf == (leaf & 0x80000000))
			return leaves->leaves[i].eax;
	return 0;
}

bool leaves_have(const struct foreign_leaves *leaves, uint32_t leaf)
{
	for (size_t i = 0; i < leaves->count; i++)
		if (leaves->leaves[i].leaf == leaf)
			return true;
	return false;
}

void foreign_leaves_add(struct foreign_leaves *leaves, const struct vpmu_cpuid *leaf)
{
	if (!leaf_row_find(leaf->leaf, leaf->subleaf) || leaves->count == FOREIGN_LEAVES)
		return;
	for (size_t i = 0; i < leaves->count; i++)
		if (leaves->leaves[i].leaf == leaf->leaf &&
		    leaves->leaves[i].subleaf == leaf->subleaf)
			return;
	leaves->leaves[leaves->count++] = *leaf;
}

/* --- One CPU ---------------------------------------------------------------------------------- */

static enum vpmu_status fail_missing(const struct why *why, const struct dump *dump, uint32_t leaf)
{
	struct text text = text_in(why->text, why->bytes);

	text_add(&text, "CPU ");
	text_add(&text, dump->label);
	text_add(&text, " of line ");
	text_add_unsigned(&text, dump->line);
	text_add(&text, ": leaf ");
	text_add_hex(&text, leaf);
	text_add(&text, " is missing: the dump is cut short");
	return VPMU_BAD_DATA;
}

enum vpmu_status dump_finish(struct dump *dump, struct foreign_cpus *cpus, const struct why *why)
{
	const struct leaf_row *row;

	if (!dump->open)
		return VPMU_OK;
	for (size_t i = 0; (row = leaf_row_at(i)); i++)
		if (!leaves_have(&dump->leaves, row->leaf) &&
		    (row->leaf <= 1 || row->leaf <= highest_leaf(&dump->leaves, row->leaf)))
			return fail_missing(why, dump, row->leaf);
	/* Every processor after the Pentium has extended leaves; AMD's counters are in them. */
	if (!leaves_have(&dump->leaves, 0x80000000) && highest_leaf(&dump->leaves, 0) > 2)
		return fail_missing(why, dump, 0x80000000);
	return foreign_add_leaves(cpus, &dump->leaves, dump->label, why->text, why->bytes);
}

enum vpmu_status dump_begin(struct dump *dump, struct foreign_cpus *cpus, uint64_t line,
                            const struct why *why)
{
	enum vpmu_status status = dump_finish(dump, cpus, why);

	*dump = (struct dump){.line = line, .open = true, .label = "0"};
	return status;
}
