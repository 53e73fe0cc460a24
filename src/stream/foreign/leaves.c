/* SPDX-License-Identifier: MIT */
/*
 * Dumps of CPUID, a leaf a line: what cpuid -r, AIDA64 and InstLatx64, and xen-cpuid -p print. They
 * differ in how a leaf is written and how a CPU begins. leaf_lines.c has those of simpler form.
 */
#include <arch/room.h>
#include <stream/foreign/room_int.h>

/* Four registers with '-' or ':' between them, 8 digits each. */
static bool scan_registers(struct scan *scan, char between, struct vpmu_cpuid *leaf)
{
	uint32_t *const registers[] = {&leaf->eax, &leaf->ebx, &leaf->ecx, &leaf->edx};
	uint64_t value;

	for (size_t i = 0; i < ARRAY_SIZE(registers); i++) {
		if ((i && !scan_char(scan, between)) || !scan_hex(scan, 8, 8, &value))
			return false;
		*registers[i] = (uint32_t)value;
	}
	return true;
}

/* --- cpuid -r --------------------------------------------------------------------------------- */

/* "CPU 12:", or "CPU:" of cpuid -1. */
static bool cpuid_begins(struct scan line, uint32_t *number)
{
	*number = 0;
	if (!scan_word(&line, "CPU"))
		return false;
	if (scan_char(&line, ' ') && !scan_decimal(&line, number))
		return false;
	return scan_char(&line, ':') && !scan_left(&line);
}

static bool cpuid_starts(struct scan line)
{
	uint32_t number;

	return cpuid_begins(line, &number);
}

/* "0x0000000a 0x00: eax=0x07300404 ebx=0x00000000 ecx=0x00000000 edx=0x00000603" */
static bool cpuid_leaf(struct scan line, struct vpmu_cpuid *leaf)
{
	static const char *const names[] = {" eax=", " ebx=", " ecx=", " edx="};
	uint32_t *const registers[] = {&leaf->eax, &leaf->ebx, &leaf->ecx, &leaf->edx};
	uint64_t number, subleaf, value;

	if (!scan_hex(&line, 8, 8, &number) || !scan_char(&line, ' ') ||
	    !scan_hex(&line, 1, 8, &subleaf) || !scan_char(&line, ':'))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!scan_word(&line, names[i]) || !scan_hex(&line, 8, 8, &value))
			return false;
		*registers[i] = (uint32_t)value;
	}
	leaf->leaf = (uint32_t)number;
	leaf->subleaf = (uint32_t)subleaf;
	return true;
}

static enum vpmu_status cpuid_read(struct lines *lines, struct foreign_cpus *cpus,
                                   const struct why *why)
{
	enum vpmu_status status = VPMU_OK;
	struct dump dump = {.open = false};

	do {
		struct vpmu_cpuid leaf;
		uint32_t number;

		if (cpuid_begins(lines->line, &number)) {
			status = dump_begin(&dump, cpus, lines->number, why);
			label_number(dump.label, number);
		} else if (cpuid_leaf(lines->line, &leaf)) {
			foreign_leaves_add(&dump.leaves, &leaf);
		} else if (scan_left(&lines->line)) {
			return fail_line(why, VPMU_BAD_DATA, lines->number,
			                 "not a leaf of CPUID as cpuid -r prints it (without -r it "
			                 "prints no numbers to read)");
		}
	} while (!status && lines_next(lines));
	return status ? status : dump_finish(&dump, cpus, why);
}

const struct cpu_format format_cpuid = {"cpuid -r", cpuid_starts, cpuid_read};

/* --- AIDA64 and InstLatx64 -------------------------------------------------------------------- */

/* "CPUID 0000000A: 07300404-00000000-00000000-00000603", and after it what it means, or "[SL 01]".
 */
static bool aida_leaf(struct scan line, struct vpmu_cpuid *leaf)
{
	uint64_t number, subleaf = 0;

	if (!scan_word(&line, "CPUID ") || !scan_hex(&line, 8, 8, &number) ||
	    !scan_word(&line, ": ") || !scan_registers(&line, '-', leaf))
		return false;
	if (scan_find(&line, "[SL ") && !scan_hex(&line, 1, 8, &subleaf))
		return false;
	leaf->leaf = (uint32_t)number;
	leaf->subleaf = (uint32_t)subleaf;
	return true;
}

static bool aida_looks(struct scan line)
{
	return scan_word(&line, "CPUID ") && scan_left(&line) >= 9 && line.at[8] == ':';
}

static bool aida_starts(struct scan line)
{
	struct vpmu_cpuid leaf;

	return aida_leaf(line, &leaf);
}

/* "------[ CPUID Registers / Logical CPU #1 ]------" */
bool aida_begins(struct scan line, uint32_t *number)
{
	return scan_char(&line, '-') && scan_find(&line, "Logical CPU #") &&
	       scan_decimal(&line, number);
}

/* "MSR 00000345: 0000-0000-0000-32C4" */
bool aida_msr(struct scan line, uint32_t *msr, uint64_t *value)
{
	uint64_t number, part;

	if (!scan_word(&line, "MSR ") || !scan_hex(&line, 8, 8, &number) || !scan_word(&line, ": "))
		return false;
	*msr = (uint32_t)number;
	*value = 0;
	for (unsigned i = 0; i < 4; i++) {
		if ((i && !scan_char(&line, '-')) || !scan_hex(&line, 4, 4, &part))
			return false;
		*value = *value << 16 | part;
	}
	return true;
}

/* The MSRs stand in a section of their own, after all CPUs or before them. */
static void aida_find_capabilities(const struct lines *from, struct foreign_leaves *leaves)
{
	struct lines lines = {.data = from->data, .bytes = from->bytes};
	uint64_t value;
	uint32_t msr;

	while (lines_next(&lines))
		if (aida_msr(lines.line, &msr, &value) && msr == VPMU_MSR_PERF_CAPABILITIES) {
			leaves->has_capabilities = true;
			leaves->capabilities = value;
			return;
		}
}

static enum vpmu_status aida_line(struct lines *lines, struct dump *dump, bool *found,
                                  struct foreign_cpus *cpus, const struct why *why)
{
	const struct foreign_leaves msrs = dump->leaves;
	enum vpmu_status status = VPMU_OK;
	struct vpmu_cpuid leaf;
	uint32_t number;

	if (aida_begins(lines->line, &number)) {
		*found = true;
		status = dump_begin(dump, cpus, lines->number, why);
		label_number(dump->label, number);
	} else if (aida_leaf(lines->line, &leaf)) {
		/* Dumps of one CPU have no heading; leaf 0 begins one. */
		if (!leaf.leaf && (!dump->open || (!*found && leaves_have(&dump->leaves, 0)))) {
			status = dump_begin(dump, cpus, lines->number, why);
			label_number(dump->label, cpus->cpus);
		}
		foreign_leaves_add(&dump->leaves, &leaf);
	} else if (aida_looks(lines->line)) {
		return fail_line(why, VPMU_BAD_DATA, lines->number,
		                 "a leaf of CPUID that is cut, or not of four registers");
	}
	dump->leaves.has_capabilities = msrs.has_capabilities;
	dump->leaves.capabilities = msrs.capabilities;
	return status;
}

static enum vpmu_status aida_read(struct lines *lines, struct foreign_cpus *cpus,
                                  const struct why *why)
{
	enum vpmu_status status;
	struct dump dump = {.open = false};
	bool found = false;

	*lines = lines_of(lines->data, lines->bytes); /* the heading comes before the first leaf */
	aida_find_capabilities(lines, &dump.leaves);
	for (status = VPMU_OK; !status && lines_next(lines);)
		status = aida_line(lines, &dump, &found, cpus, why);
	/* A heading without leaves is what other sections have, too. */
	if (dump.open && !dump.leaves.count && cpus->count)
		return status;
	return status ? status : dump_finish(&dump, cpus, why);
}

const struct cpu_format format_aida = {"AIDA64 or InstLatx64 dump", aida_starts, aida_read};

/* --- xen-cpuid -p ----------------------------------------------------------------------------- */

/* "Host policy: 40 leaves, 2 MSRs" */
static bool xen_begins(struct scan line, struct scan *name)
{
	*name = line;
	if (!scan_find(&line, " policy: "))
		return false;
	name->end = line.at - sizeof(" policy: ") + 1;
	return scan_find(&line, " leaves, ");
}

static bool xen_starts(struct scan line)
{
	struct scan name;

	return xen_begins(line, &name);
}

/* "0000000a:ffffffff -> 07300404:00000000:00000000:00000603": a leaf without subleaves has ~0. */
static bool xen_leaf(struct scan line, struct vpmu_cpuid *leaf)
{
	uint64_t number, subleaf;

	if (!scan_hex(&line, 8, 8, &number) || !scan_char(&line, ':') ||
	    !scan_hex(&line, 8, 8, &subleaf) || !scan_word(&line, " -> ") ||
	    !scan_registers(&line, ':', leaf))
		return false;
	leaf->leaf = (uint32_t)number;
	leaf->subleaf = subleaf == UINT32_MAX ? 0 : (uint32_t)subleaf;
	return !scan_left(&line);
}

/* "000000ce -> 0000000080000000" */
static bool xen_msr(struct scan line, struct foreign_leaves *leaves)
{
	uint64_t msr, value;

	if (!scan_hex(&line, 8, 8, &msr) || !scan_word(&line, " -> ") ||
	    !scan_hex(&line, 16, 16, &value))
		return false;
	if (msr == VPMU_MSR_PERF_CAPABILITIES) {
		leaves->has_capabilities = true;
		leaves->capabilities = value;
	}
	return true;
}

static bool xen_heading(struct scan line)
{
	return !scan_left(&line) || scan_word(&line, "CPUID:") || scan_word(&line, "MSRs:") ||
	       scan_word(&line, "leaf ") || scan_word(&line, "index ") || scan_word(&line, "Xen ");
}

/* Xen leaves out leaves that are all zeros. */
static void xen_complete(struct foreign_leaves *leaves)
{
	const struct leaf_row *row;

	for (size_t i = 0; (row = leaf_row_at(i)); i++)
		if (row->leaf != 0 && row->leaf != 1 && row->leaf != 0x80000000 &&
		    !leaves_have(leaves, row->leaf))
			foreign_leaves_add(leaves, &(struct vpmu_cpuid){.leaf = row->leaf});
}

static enum vpmu_status xen_read(struct lines *lines, struct foreign_cpus *cpus,
                                 const struct why *why)
{
	enum vpmu_status status = VPMU_OK;
	struct dump dump = {.open = false};

	do {
		struct vpmu_cpuid leaf;
		struct scan name;

		if (xen_begins(lines->line, &name)) {
			xen_complete(&dump.leaves);
			status = dump_begin(&dump, cpus, lines->number, why);
			label_text(dump.label, name.at, scan_left(&name));
		} else if (xen_leaf(lines->line, &leaf)) {
			foreign_leaves_add(&dump.leaves, &leaf);
		} else if (!xen_msr(lines->line, &dump.leaves) && !xen_heading(lines->line)) {
			return fail_line(why, VPMU_BAD_DATA, lines->number,
			                 "neither a leaf nor an MSR as xen-cpuid -p prints it");
		}
	} while (!status && lines_next(lines));
	xen_complete(&dump.leaves);
	return status ? status : dump_finish(&dump, cpus, why);
}

const struct cpu_format format_xen = {"xen-cpuid -p", xen_starts, xen_read};
