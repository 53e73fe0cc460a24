/* SPDX-License-Identifier: MIT */
/*
 * Dumps of CPUID in which a line is a leaf, and leaf 0 begins a CPU: of x86info, of the old cpuid's
 * table, FreeBSD's cpucontrol, the kernel's kcpuid, libcpuid, the logs of VMware and VirtualBox
 * (the host's and the guest's leaves, side by side), and KVM's tracepoint.
 */
#include <stream/foreign/room_int.h>

enum { SIDES = 2 };

struct leaf_lines {
	const char *starts; /* what is on a format's first line; NULL: a leaf is */
	const char *has;    /* what only leaves' lines have; NULL: nothing */
	/* False: it is none. *leaf is that of the line before, *side 0. */
	bool (*read)(struct scan line, struct vpmu_cpuid *leaf, unsigned *side);
	const char *labels[SIDES]; /* NULL: CPUs are counted */
	bool needs_end;            /* numbers have no fixed length: the line must end */
};

/* Four registers, each behind a word. */
static bool take_registers(struct scan *line, const char *const before[4], unsigned least,
                           struct vpmu_cpuid *leaf)
{
	uint32_t *const registers[] = {&leaf->eax, &leaf->ebx, &leaf->ecx, &leaf->edx};
	uint64_t value;

	for (size_t i = 0; i < ARRAY_SIZE(registers); i++) {
		if (!scan_word(line, before[i]) || !scan_hex(line, least, 8, &value))
			return false;
		*registers[i] = (uint32_t)value;
	}
	return true;
}

static const char *const blanks[] = {"", " ", " ", " "};

static bool take_number(struct scan *line, unsigned least, uint32_t *number)
{
	uint64_t value;

	if (!scan_hex(line, least, 8, &value))
		return false;
	*number = (uint32_t)value;
	return true;
}

/* --- Lines ------------------------------------------------------------------------------------ */

/* "eax in: 0x0000000a, eax = 07300404 ebx = 00000000 ecx = 00000000 edx = 00000603" */
static bool read_x86info(struct scan line, struct vpmu_cpuid *leaf, unsigned *side)
{
	static const char *const names[] = {", eax = ", " ebx = ", " ecx = ", " edx = "};

	leaf->subleaf = 0;
	return scan_word(&line, "eax in: ") && take_number(&line, 8, &leaf->leaf) &&
	       take_registers(&line, names, 8, leaf);
}

/* "0000000a 07300404 00000000 00000000 00000603" */
static bool read_table(struct scan line, struct vpmu_cpuid *leaf, unsigned *side)
{
	leaf->subleaf = 0;
	return take_number(&line, 8, &leaf->leaf) && scan_char(&line, ' ') &&
	       take_registers(&line, blanks, 8, leaf);
}

/* "cpuid level 0xa: 0x07300404 0x00000000 0x00000000 0x00000603"; "level 0x7, level_type 0x0:" */
static bool read_cpucontrol(struct scan line, struct vpmu_cpuid *leaf, unsigned *side)
{
	leaf->subleaf = 0;
	if (!scan_word(&line, "cpuid level ") || !take_number(&line, 1, &leaf->leaf))
		return false;
	if (scan_word(&line, ", level_type ") && !take_number(&line, 1, &leaf->subleaf))
		return false;
	return scan_word(&line, ": ") && take_registers(&line, blanks, 8, leaf);
}

/* "0x0000000a: EAX=0x07300404, EBX=0x00000000, ECX=0x00000000, EDX=0x00000603", or
 * "0x00000007: subleafs:" and then " 0: EAX=…" */
static bool read_kcpuid(struct scan line, struct vpmu_cpuid *leaf, unsigned *side)
{
	static const char *const names[] = {": EAX=", ", EBX=", ", ECX=", ", EDX="};
	struct scan of_leaf = line;

	leaf->subleaf = 0;
	if (scan_word(&of_leaf, "0x") && take_number(&of_leaf, 8, &leaf->leaf))
		return take_registers(&of_leaf, names, 8, leaf);
	return scan_decimal(&line, &leaf->subleaf) && take_registers(&line, names, 8, leaf);
}

/* "basic_cpuid[10]=07300404 00000000 00000000 00000603", "ext_cpuid[1]=…" */
static bool read_libcpuid(struct scan line, struct vpmu_cpuid *leaf, unsigned *side)
{
	bool extended = scan_word(&line, "ext_cpuid[");

	leaf->subleaf = 0;
	if ((!extended && !scan_word(&line, "basic_cpuid[")) || !scan_decimal(&line, &leaf->leaf))
		return false;
	leaf->leaf |= extended ? 0x80000000 : 0;
	return scan_word(&line, "]=") && take_registers(&line, blanks, 8, leaf);
}

/* "… hostCPUID level 0000000a, 0: 0x07300404 0x00000000 0x00000000 0x00000603" */
static bool read_vmware(struct scan line, struct vpmu_cpuid *leaf, unsigned *side)
{
	struct scan at = line;

	*side = !scan_find(&at, "hostCPUID level ");
	if (*side && (at = line, !scan_find(&at, "guestCPUID level ")))
		return false;
	return take_number(&at, 8, &leaf->leaf) && scan_word(&at, ", ") &&
	       take_number(&at, 1, &leaf->subleaf) && scan_word(&at, ": ") &&
	       take_registers(&at, blanks, 8, leaf);
}

/* "… Gst: 0000000a/0000  07300404 00000000 00000000 00000603", and below it "… Hst: " with the
 * host's registers. */
static bool read_vbox(struct scan line, struct vpmu_cpuid *leaf, unsigned *side)
{
	struct scan at = line;

	*side = scan_find(&at, "Gst: ");
	if (*side && (!take_number(&at, 8, &leaf->leaf) || !scan_char(&at, '/') ||
	              !take_number(&at, 4, &leaf->subleaf)))
		return false;
	if (!*side && !scan_find(&at, "Hst: "))
		return false;
	scan_blanks(&at);
	return take_registers(&at, blanks, 8, leaf);
}

/* "… kvm_cpuid: func a idx 0 rax 7300404 rbx 0 rcx 0 rdx 603, cpuid entry found" */
static bool read_kvm(struct scan line, struct vpmu_cpuid *leaf, unsigned *side)
{
	static const char *const names[] = {" rax ", " rbx ", " rcx ", " rdx "};

	leaf->subleaf = 0;
	if (!scan_find(&line, "kvm_cpuid: "))
		return false;
	scan_blanks(&line);
	if (!scan_word(&line, "func ") || !take_number(&line, 1, &leaf->leaf))
		return false;
	if (scan_word(&line, " idx ") && !take_number(&line, 1, &leaf->subleaf))
		return false;
	return take_registers(&line, names, 1, leaf);
}

/* --- Dumps ------------------------------------------------------------------------------------ */

static bool starts(const struct leaf_lines *format, struct scan line)
{
	struct vpmu_cpuid leaf = {0};
	unsigned side = 0;

	return format->starts ? scan_find(&line, format->starts) : format->read(line, &leaf, &side);
}

/* Two CPUs that are told apart by a label go on side by side; others follow each other. */
static enum vpmu_status add_leaf(const struct leaf_lines *format, struct dump *dump, unsigned side,
                                 const struct vpmu_cpuid *leaf, struct foreign_cpus *cpus,
                                 uint64_t line, const struct why *why)
{
	bool again = !leaf->leaf && leaves_have(&dump->leaves, 0) && !format->labels[0];
	enum vpmu_status status = VPMU_OK;

	if (!dump->open || again) {
		status = dump_begin(dump, cpus, line, why);
		if (format->labels[0])
			label_text(dump->label, format->labels[side],
			           strnlen_of(format->labels[side], FOREIGN_LABEL));
		else
			label_number(dump->label, cpus->cpus);
	}
	foreign_leaves_add(&dump->leaves, leaf);
	return status;
}

static enum vpmu_status read_lines(const struct leaf_lines *format, struct lines *lines,
                                   struct foreign_cpus *cpus, const struct why *why)
{
	struct dump dumps[SIDES] = {{.open = false}};
	enum vpmu_status status = VPMU_OK;
	struct vpmu_cpuid leaf = {0};

	do {
		struct scan line = lines->line;
		unsigned side = 0;

		if (format->read(line, &leaf, &side) && !(format->needs_end && lines->cut))
			status = add_leaf(format, &dumps[side], side, &leaf, cpus, lines->number,
			                  why);
		else if (format->has && scan_find(&line, format->has))
			return fail_line(why, VPMU_BAD_DATA, lines->number,
			                 "a leaf of CPUID that is cut, or not of four registers");
	} while (!status && lines_next(lines));
	for (unsigned side = 0; side < SIDES && !status; side++)
		status = dump_finish(&dumps[side], cpus, why);
	return status;
}

#define FORMAT(which, text, ...)                                                                   \
	static const struct leaf_lines which##_lines = {__VA_ARGS__};                              \
	static bool which##_starts(struct scan line)                                               \
	{                                                                                          \
		return starts(&which##_lines, line);                                               \
	}                                                                                          \
	static enum vpmu_status which##_read(struct lines *lines, struct foreign_cpus *cpus,       \
	                                     const struct why *why)                                \
	{                                                                                          \
		return read_lines(&which##_lines, lines, cpus, why);                               \
	}                                                                                          \
	const struct cpu_format format_##which = {text, which##_starts, which##_read}

FORMAT(x86info, "x86info -r", .has = "eax in: ", .read = read_x86info);
FORMAT(table, "table of CPUID", .starts = "eax in    eax ", .read = read_table);
FORMAT(cpucontrol, "cpucontrol", .has = "cpuid level ", .read = read_cpucontrol);
FORMAT(kcpuid, "kcpuid -r", .has = "EAX=", .read = read_kcpuid);
FORMAT(libcpuid, "libcpuid", .has = "_cpuid[", .read = read_libcpuid);
FORMAT(vmware, "VMware's log", .has = "CPUID level ", .read = read_vmware,
       .labels = {"host", "guest"});
FORMAT(vbox, "VirtualBox's log", .starts = "Raw Standard CPUID", .read = read_vbox,
       .labels = {"host", "guest"});
FORMAT(kvm_cpuid, "trace of CPUID", .has = "kvm_cpuid: ", .read = read_kvm, .labels = {"guest"},
       .needs_end = true);
