/* SPDX-License-Identifier: MIT */
/* What the files of src/stream/foreign share among themselves: lines, and what is on them. */
#ifndef STREAM_FOREIGN_ROOM_INT_H
#define STREAM_FOREIGN_ROOM_INT_H

#include <string.h>

#include <base/room.h>
#include <stream/foreign/room.h>

/* --- Scanning --------------------------------------------------------------------------------- */

/* A part of a line that is still to be read. */
struct scan {
	const char *at, *end;
};

/* A text's lines, without line ends and trailing blanks. */
struct lines {
	const char *data;
	size_t bytes, at;
	uint64_t number;  /* of the line, from 1 */
	struct scan line; /* from its first byte that is no blank */
	bool cut;         /* the line has no end: the file may be cut short here */
};

struct lines lines_of(const void *data, size_t bytes);
bool lines_next(struct lines *lines);

static inline size_t scan_left(const struct scan *scan)
{
	return (size_t)(scan->end - scan->at);
}

/* The next character, or 0 at the end. */
static inline char scan_peek(const struct scan *scan)
{
	return scan->at < scan->end ? *scan->at : '\0';
}

void scan_blanks(struct scan *scan);

/* Each takes what is next, or returns false and leaves it. */
bool scan_char(struct scan *scan, char c);
bool scan_word(struct scan *scan, const char *word);

/* The same whatever the case, '_' and ' ' being the same. */
bool scan_word_loose(struct scan *scan, const char *word);

/* Goes behind the next place of the word; false: there is none. */
bool scan_find(struct scan *scan, const char *word);

/* Hex digits, after 0x or not: `least` to `most` of them, and then no other. */
bool scan_hex(struct scan *scan, unsigned least, unsigned most, uint64_t *value);

/* Decimal digits up to 32 bits. */
bool scan_decimal(struct scan *scan, uint32_t *value);

/* 0x and hex digits, or decimal digits. */
bool scan_number(struct scan *scan, uint64_t *value);

/* The length of a text that may not end. */
static inline size_t strnlen_of(const char *text, size_t most)
{
	size_t length = 0;

	while (length < most && text[length])
		length++;
	return length;
}

/* Up to the next blank, or the end. */
struct scan scan_token(struct scan *scan);

/* --- Failures --------------------------------------------------------------------------------- */

struct why {
	char *text;
	size_t bytes;
};

/* "line N: WHAT"; returns the status. Line 0: without the line. */
enum vpmu_status fail_line(const struct why *why, enum vpmu_status status, uint64_t line,
                           const char *what);

/* VPMU_NO_REGISTER, and what the bytes look like. */
enum vpmu_status not_known(const void *data, size_t bytes, const struct why *why);

/* --- Formats of CPUs -------------------------------------------------------------------------- */

struct cpu_format {
	const char *name;
	/* Whether the format begins with this line. */
	bool (*starts)(struct scan line);
	enum vpmu_status (*read)(struct lines *lines, struct foreign_cpus *cpus,
	                         const struct why *why);
};

extern const struct cpu_format format_cpuid, format_aida, format_xen, format_x86info, format_table,
	format_cpucontrol, format_kcpuid, format_libcpuid, format_vmware, format_vbox,
	format_kvm_cpuid, format_cpuinfo, format_lscpu, format_kernel_log;

/* A CPU of a dump of CPUID. */
struct dump {
	struct foreign_leaves leaves;
	char label[FOREIGN_LABEL];
	uint64_t line; /* where it begins */
	bool open;
};

/* Ends the one that is open, and begins the next, with label "0". */
enum vpmu_status dump_begin(struct dump *dump, struct foreign_cpus *cpus, uint64_t line,
                            const struct why *why);
enum vpmu_status dump_finish(struct dump *dump, struct foreign_cpus *cpus, const struct why *why);

bool leaves_have(const struct foreign_leaves *leaves, uint32_t leaf);

/* --- Formats of registers --------------------------------------------------------------------- */

struct msr_format {
	const char *name;
	bool (*starts)(struct scan line);
	enum vpmu_status (*read)(struct lines *lines, const struct foreign_taker *taker,
	                         const struct why *why);
};

extern const struct msr_format format_msr_tools, format_trace, format_aida_msrs;

/* Hands a value over; VPMU_HOST, with why: there is no memory. */
enum vpmu_status take_msr(const struct foreign_taker *taker, uint32_t cpu, uint64_t msr,
                          uint64_t value, const struct why *why);

/* "MSR 00000186: 0000-0000-0053-0076" of AIDA64, and the heading of a CPU. */
bool aida_msr(struct scan line, uint32_t *msr, uint64_t *value);
bool aida_begins(struct scan line, uint32_t *number);

/* A number as a label. */
void label_number(char label[FOREIGN_LABEL], uint32_t number);
void label_text(char label[FOREIGN_LABEL], const char *text, size_t length);

/* What a vendor's processors are told apart by. */
struct kin {
	uint32_t features; /* enum vpmu_feature: those that decide which PMU it is */
	bool always;       /* they all have a PMU, and no flag for it */
	/* The text of the model to start from, NULL: not known; adds to *missing. known: by the
	 * signature, or NULL. */
	const char *(*base)(const struct foreign_traits *traits, const char *known,
	                    unsigned *missing);
	void (*set_counters)(struct vpmu_model *model, const struct foreign_traits *traits);
	void (*set_features)(struct vpmu_model *model, const struct foreign_traits *traits);
	unsigned (*untold)(const struct foreign_traits *traits);
	/* A CPU model that is known by name, as people type it. */
	void (*add_name)(struct text *text, const struct foreign_traits *traits);
};

const struct kin *kin_of(enum vpmu_vendor vendor);

/* What is told of a P6 says Intel: by its signature it is a vendor of its own here. */
void foreign_see_p6(struct foreign_traits *traits);

/* The model's text for a CPU's PMU by its vendor and signature; NULL: not known. */
const char *known_pmu(enum vpmu_vendor vendor, uint32_t signature);

#endif
