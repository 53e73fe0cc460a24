/* SPDX-License-Identifier: MIT */
/*
 * What src/stream/foreign shows upward: readers of other people's texts. A text is recognised by
 * what is in it. Descriptions of CPUs become models, dumps of MSRs become numbers and values.
 *
 * Everything is bounded by the bytes given; a failure's why is one line that names the text's line.
 */
#ifndef STREAM_FOREIGN_ROOM_H
#define STREAM_FOREIGN_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpmu/model.h>
#include <vpmu/stream.h>
#include <vpmu/types.h>

/* --- What bytes look like --------------------------------------------------------------------- */

/* "gzip", "an ELF file", "zeros", "UTF-16 text", "text" …; static storage. */
const char *foreign_looks(const void *data, size_t bytes);

/* Whether they can be read as text: there are any, and none is zero; else *zero is where. */
bool foreign_is_text(const void *data, size_t bytes, size_t *zero);

/*
 * UTF-16 with its mark at the start. foreign_from_utf16() makes UTF-8 of it, which takes at most
 * 3 bytes for 2, and returns how many; what is no character becomes U+FFFD.
 */
bool foreign_is_utf16(const void *data, size_t bytes);
size_t foreign_from_utf16(const void *data, size_t bytes, uint8_t *into);

/* --- CPUs ------------------------------------------------------------------------------------- */

/* What a source does not tell of a CPU, and what is taken instead. */
enum foreign_untold {
	FOREIGN_UNTOLD_CAPABILITIES = 1 << 0, /* the value of IA32_PERF_CAPABILITIES: 0 */
	FOREIGN_UNTOLD_COUNTERS = 1 << 1,     /* those of its family and model */
	FOREIGN_UNTOLD_AMD_COUNT = 1 << 2,    /* PerfMonV2's number of counters: 6 */
	FOREIGN_UNTOLD_SIGNATURE = 1 << 3,    /* a typical one of its version */
	FOREIGN_UNTOLD_FEATURES = 1 << 4,     /* PDCM and TSX: those of its family and model */
	FOREIGN_UNTOLD_NAME = 1 << 5,         /* all but the name of a CPU model */
};

/* One line for a bit, or NULL past the last; static storage. */
const char *foreign_untold_text(unsigned bit);

enum {
	FOREIGN_MODELS = 8,  /* different ones in a text */
	FOREIGN_LABEL = 32,  /* bytes of a CPU's name */
	FOREIGN_LEAVES = 16, /* CPUID leaves of a CPU that are kept */
	FOREIGN_WHY = 400,
};

/* CPUs that have one model. */
struct foreign_cpu {
	struct vpmu_model model;
	unsigned untold;           /* enum foreign_untold */
	uint32_t cpus;             /* how many have it */
	char label[FOREIGN_LABEL]; /* of the first: "0", "cpu_atom", "HVM Max" */
};

struct foreign_cpus {
	const char *format; /* "cpuid -r"; static storage */
	uint32_t cpus;      /* in all */
	size_t count;       /* of models */
	struct foreign_cpu models[FOREIGN_MODELS];
};

/*
 * Reads a text that describes CPUs. VPMU_NO_REGISTER: it is none that is known, and why says what
 * it looks like; VPMU_BAD_DATA: it stops making sense, and why says where; VPMU_INCOMPATIBLE: a CPU
 * whose PMU is not known, or that contradicts itself. *cpus is then of no use.
 */
enum vpmu_status foreign_cpus_read(const void *data, size_t bytes, struct foreign_cpus *cpus,
                                   char *why, size_t why_bytes);

/* CPUID leaves of one CPU, for callers that collect them elsewhere. Those that concern no PMU are
 * passed over. */
struct foreign_leaves {
	struct vpmu_cpuid leaves[FOREIGN_LEAVES];
	size_t count;
	bool has_capabilities;
	uint64_t capabilities; /* IA32_PERF_CAPABILITIES */
};

void foreign_leaves_add(struct foreign_leaves *leaves, const struct vpmu_cpuid *leaf);

/* What a source tells of a CPU without having its CPUID. */
struct foreign_traits {
	bool has_vendor, has_signature, has_pmu, has_counters, has_name;
	bool pmu; /* whether there is one, when has_pmu */
	enum vpmu_vendor vendor;
	uint32_t signature;
	uint32_t known, features; /* enum vpmu_feature: which are told, and which there are */
	uint64_t capabilities;    /* bits of IA32_PERF_CAPABILITIES that there are for certain */
	/* When has_counters: */
	uint32_t version, gp_count, gp_width, fixed_mask;
};

/* Adds a CPU that is so described. Errors as foreign_cpus_read(). */
enum vpmu_status foreign_add_leaves(struct foreign_cpus *cpus, const struct foreign_leaves *leaves,
                                    const char *label, char *why, size_t why_bytes);
enum vpmu_status foreign_add_traits(struct foreign_cpus *cpus, const struct foreign_traits *traits,
                                    const char *label, char *why, size_t why_bytes);

/* CPUID.1 EAX of a family, a model and a stepping as people count them. */
uint32_t foreign_signature(uint32_t family, uint32_t model, uint32_t stepping);

/* The vendor by CPUID's string or by libvirt's name; false: unknown. */
bool foreign_vendor(const char *name, size_t length, enum vpmu_vendor *vendor);

/* The feature by the name that Linux, QEMU or libvirt has for it ('_' and '-' are the same); 0 for
 * what is no PMU's. */
uint32_t foreign_feature(const char *name, size_t length);

/* What a CPU model of QEMU's or libvirt's is, "Icelake-Server-noTSX"; false: no such name. */
bool foreign_name(const char *name, size_t length, struct foreign_traits *traits);

/* The same as a text for vpmu_model_parse(), to which overrides can be added. */
bool foreign_name_text(const char *name, size_t length, char *text, size_t bytes);

/* The i-th such name without its suffixes, or NULL past the last. Static storage. */
const char *foreign_name_at(size_t i);

/* --- Registers -------------------------------------------------------------------------------- */

/* An MSR's value on a CPU, or in a vCPU. */
struct foreign_msr {
	uint32_t cpu, msr;
	uint64_t value;
};

/* Who takes what is read: in the order of the text, of which the last value counts. False: it has
 * no memory. */
struct foreign_taker {
	bool (*take)(void *context, const struct foreign_msr *msr);
	void *context;
};

/*
 * Reads a text with the values of MSRs, and sets *format. Errors as foreign_cpus_read(), and
 * VPMU_HOST: the taker has no memory.
 */
enum vpmu_status foreign_msrs_read(const void *data, size_t bytes,
                                   const struct foreign_taker *taker, const char **format,
                                   char *why, size_t why_bytes);

/* --- Disk images ------------------------------------------------------------------------------ */

/* A snapshot in a qcow2 image. */
struct foreign_snapshot {
	char id[32], name[256]; /* as far as they go */
	uint64_t state_bytes;   /* of its VM state; 0: it is of the disk alone */
	/* Where it is. */
	uint64_t l1_offset, disk_bytes;
	uint32_t l1_entries;
};

/* An image, and the VM state that was chosen in it. */
struct foreign_qcow2 {
	struct vpmu_source state; /* what QEMU's savevm has written, once it is chosen */
	/* Its own: */
	const struct vpmu_source *source;
	uint32_t cluster_bits, snapshots, l1_entries;
	uint64_t disk_bytes, next, l1_offset, state_at;
};

/*
 * Opens an image; the source must live as long. VPMU_BAD_DATA: it is damaged or cut short;
 * VPMU_INCOMPATIBLE: it is of a kind that is not read, as an encrypted one; VPMU_HOST: its source
 * failed. why says which.
 */
enum vpmu_status foreign_qcow2_open(struct foreign_qcow2 *image, const struct vpmu_source *source,
                                    char *why, size_t why_bytes);

/* The next snapshot, errors as above; VPMU_NO_REGISTER: there are no more. */
enum vpmu_status foreign_qcow2_next(struct foreign_qcow2 *image, struct foreign_snapshot *snapshot,
                                    char *why, size_t why_bytes);

/* Makes image->state that of a snapshot; errors as above. The image may not move any more. */
enum vpmu_status foreign_qcow2_choose(struct foreign_qcow2 *image,
                                      const struct foreign_snapshot *snapshot, char *why,
                                      size_t why_bytes);

#endif
