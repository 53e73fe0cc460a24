/* SPDX-License-Identifier: MIT */
/*
 * States as bytes: the native stream of one vCPU's state, the file that holds a VM's streams, and
 * the PMU in QEMU's migration files. docs/stream.md has the formats, byte by byte.
 *
 *   vpmu_stream_encode(&state, &layout, vcpu, bytes, sizeof(bytes), &used);
 *   ...
 *   vpmu_stream_decode(bytes, used, &layout, &state, &vcpu, why, sizeof(why));
 *
 * All memory is the caller's; nothing allocates, prints or keeps a global. What is decoded may be
 * anything: every call is bounded by the bytes that it is given, and a call that fails leaves what
 * it was to fill unchanged. why (may be NULL) then is one line, without a newline, on what is wrong
 * and at which offset.
 */
#ifndef VPMU_STREAM_H
#define VPMU_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpmu/model.h>
#include <vpmu/state.h>
#include <vpmu/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- The stream of one vCPU ------------------------------------------------------------------- */

enum {
	VPMU_STREAM_VERSION = 1,
	VPMU_STREAM_HEADER_BYTES = 16, /* enough for vpmu_stream_length() */
	VPMU_STREAM_BYTES = 2048,      /* vpmu_stream_encode() never writes more */
	VPMU_STREAM_LIMIT = 1 << 16,   /* no stream is longer, whoever wrote it */
};

/*
 * Writes the state's stream to `out`, of which it uses *used bytes; their number depends on the
 * model only, never on the values. vcpu: the VMM's number of the vCPU, 0 if that says nothing.
 * VPMU_BAD_ARGUMENT: the state is not of the layout, a register cannot hold its value
 * (vpmu_state_check() says which), `bytes` are too few, or a NULL. *used is then 0.
 */
VPMU_API enum vpmu_status vpmu_stream_encode(const struct vpmu_state *state,
                                             const struct vpmu_layout *layout, uint32_t vcpu,
                                             void *out, size_t bytes, size_t *used);

/*
 * Reads a stream into a state of the layout's model: the destination's, which it must be for. Of
 * `bytes` not one may be missing or left over. vcpu may be NULL.
 * VPMU_BAD_DATA: damaged; VPMU_INCOMPATIBLE: undamaged, but for another model, of a newer version,
 * or with a record or register that this vpmu does not know and may not skip; VPMU_BAD_ARGUMENT: a
 * NULL.
 */
VPMU_API enum vpmu_status vpmu_stream_decode(const void *data, size_t bytes,
                                             const struct vpmu_layout *layout,
                                             struct vpmu_state *state, uint32_t *vcpu, char *why,
                                             size_t why_bytes);

/*
 * The length of the stream that begins with these VPMU_STREAM_HEADER_BYTES, for callers that read
 * one from a socket; at most VPMU_STREAM_LIMIT. VPMU_BAD_DATA: no stream begins so. Only what is
 * decoded whole is known to be undamaged.
 */
VPMU_API enum vpmu_status vpmu_stream_length(const void *data, size_t bytes, size_t *length,
                                             char *why, size_t why_bytes);

/* Whose state a stream is. */
struct vpmu_stream_about {
	uint16_t version;
	uint16_t reserved[5];
	uint32_t vcpu;
	struct vpmu_model model;
};

/* Says whose state a stream is, for callers without a layout. Errors as vpmu_stream_decode();
 * registers are not judged. */
VPMU_API enum vpmu_status vpmu_stream_look(const void *data, size_t bytes,
                                           struct vpmu_stream_about *about, char *why,
                                           size_t why_bytes);

/* A register as the stream itself describes it. */
struct vpmu_stream_register {
	char name[VPMU_NAME_BYTES];
	uint32_t msr;
	uint64_t value;
};

/*
 * Lists a stream's registers by its own description, whatever model it is for and whether this vpmu
 * knows it: fills out[] (`max` entries), and *count with how many the stream has, which may be
 * more. VPMU_BAD_DATA; VPMU_INCOMPATIBLE: of a newer version.
 */
VPMU_API enum vpmu_status vpmu_stream_registers(const void *data, size_t bytes,
                                                struct vpmu_stream_register *out, size_t max,
                                                size_t *count, char *why, size_t why_bytes);

/* --- The file of a VM: a header, then a stream for each vCPU -----------------------------------
 */

enum {
	VPMU_FILE_VERSION = 1,
	VPMU_FILE_HEADER_BYTES = 16,
	VPMU_FILE_VCPUS = 4096, /* at most */
};

/*
 * Writes the header of a file with so many vCPUs to `out` (VPMU_FILE_HEADER_BYTES). The streams
 * follow it without gaps, by ascending number of the vCPU. VPMU_BAD_ARGUMENT: none, or too many.
 */
VPMU_API enum vpmu_status vpmu_file_header(void *out, size_t vcpus);

/* A file that is being read. It refers to the caller's bytes. */
struct vpmu_file {
	const uint8_t *data;
	size_t bytes, at;
	uint32_t vcpus;
	uint32_t reserved[5];
};

/*
 * Begins to read a file, once all of it has been found undamaged: its header, the checksum of each
 * stream, their number and order, and that nothing follows. VPMU_BAD_DATA; VPMU_INCOMPATIBLE: the
 * file is of a newer version.
 */
VPMU_API enum vpmu_status vpmu_file_open(struct vpmu_file *file, const void *data, size_t bytes,
                                         char *why, size_t why_bytes);

/* The next vCPU's stream, to be decoded: where it is in the caller's bytes, and its length. False
 * at the end. */
VPMU_API bool vpmu_file_next(struct vpmu_file *file, const void **stream, size_t *bytes);

/* --- QEMU's migration files --------------------------------------------------------------------
 */

/*
 * The fields of QEMU's subsection cpu/msr_architectural_pmu (target/i386/machine.c), which are the
 * same for all vendors; in the stream each is 64 bits, big-endian.
 */
enum {
	VPMU_QEMU_FIXED = 3,
	VPMU_QEMU_GP = 18,
	VPMU_QEMU_BYTES = 8 * (4 + VPMU_QEMU_FIXED + 2 * VPMU_QEMU_GP) /* 344 */
};

struct vpmu_qemu_pmu {
	uint64_t fixed_ctr_ctrl, global_ctrl, global_status, global_ovf_ctrl;
	uint64_t fixed_counters[VPMU_QEMU_FIXED];
	uint64_t gp_counters[VPMU_QEMU_GP];
	uint64_t gp_evtsel[VPMU_QEMU_GP];
};

/* Writes the subsection's payload to `out`, VPMU_QEMU_BYTES. */
VPMU_API void vpmu_qemu_pack(const struct vpmu_qemu_pmu *pmu, void *out);

/* Reads it: any VPMU_QEMU_BYTES are the fields of some PMU. */
VPMU_API void vpmu_qemu_unpack(struct vpmu_qemu_pmu *pmu, const void *payload);

/*
 * A state from QEMU's fields. Registers that QEMU does not migrate (IA32_FIXED_CTR3 and beyond,
 * IA32_PERF_METRICS) get their reset values. global_ovf_ctrl is a command and no state: it is
 * ignored. VPMU_INCOMPATIBLE: a field has a value for which the model has no register, or that its
 * register cannot hold.
 */
VPMU_API enum vpmu_status vpmu_qemu_to_state(const struct vpmu_qemu_pmu *pmu,
                                             const struct vpmu_layout *layout,
                                             struct vpmu_state *state, char *why, size_t why_bytes);

/*
 * QEMU's fields from a state. VPMU_INCOMPATIBLE: a register that QEMU does not migrate has not its
 * reset value; VPMU_BAD_ARGUMENT: the state is not of the layout, or cannot hold its values.
 */
VPMU_API enum vpmu_status vpmu_qemu_from_state(const struct vpmu_state *state,
                                               const struct vpmu_layout *layout,
                                               struct vpmu_qemu_pmu *pmu, char *why,
                                               size_t why_bytes);

/*
 * QEMU 11.0 and 11.1 permute registers that stand in pairs (AMD's from 0xc0010200, of PERFCORE and
 * PerfMonV2) when they get them: counter n is in gp_counters[2n + 1], selector n in gp_evtsel[2n].
 * Restored by the same QEMU, they come back in those places. The layouts of other models are left
 * as they are by the following functions.
 */

/* Whether the fields are such, and their registers not in their own places. Fields that can be read
 * both ways are such: no released QEMU saves those registers otherwise. False for a NULL, too. */
VPMU_API bool vpmu_qemu_is_permuted(const struct vpmu_qemu_pmu *pmu,
                                    const struct vpmu_layout *layout);

/* Puts permuted registers into their own places. VPMU_INCOMPATIBLE: they are not permuted, a field
 * between them is not 0; *pmu is as it was. VPMU_BAD_ARGUMENT: a NULL. */
VPMU_API enum vpmu_status vpmu_qemu_straighten(struct vpmu_qemu_pmu *pmu,
                                               const struct vpmu_layout *layout);

/* The inverse: what QEMU 11.1 saves of a guest with these registers. VPMU_INCOMPATIBLE: it has no
 * fields for so many; *pmu is as it was. VPMU_BAD_ARGUMENT: a NULL. */
VPMU_API enum vpmu_status vpmu_qemu_permute(struct vpmu_qemu_pmu *pmu,
                                            const struct vpmu_layout *layout);

/* What is read: `bytes` in all. read() fills `into` wholly from the offset, which is within, or
 * returns false with errno set. */
struct vpmu_source {
	bool (*read)(void *context, uint64_t offset, void *into, size_t bytes);
	void *context;
	uint64_t bytes;
	uint64_t reserved[2];
};

/* A vCPU of a migration file. */
struct vpmu_qemu_cpu {
	uint32_t instance; /* QEMU's number of the section */
	bool has_pmu;      /* else its PMU was idle: every field was 0, and is */
	bool has_lbr;      /* there is a subsection cpu/arch_lbr, which is not read */
	uint8_t reserved[10];
	uint64_t offset; /* of the PMU's payload in the file, or of the vCPU's section */
	struct vpmu_qemu_pmu pmu;
};

struct vpmu_qemu_about {
	size_t cpus;
	bool described;   /* found through the file's JSON description; else by the known layout */
	char machine[64]; /* the machine type, "" where the file has none */
	uint64_t reserved[4];
};

/*
 * Finds the vCPUs of a QEMU migration file (magic QEVM, version 3), in cpus[] (`max` entries) by
 * the order of the file. Memory is never interpreted: with the description at the file's end it is
 * not even read, without one its pages are stepped over.
 * VPMU_BAD_DATA: no such file, or a damaged one; VPMU_INCOMPATIBLE: another version, no x86 CPUs,
 * more than `max`, or parts whose length only a description could tell; VPMU_HOST: a read failed.
 * cpus[] and *about are then of no use.
 */
VPMU_API enum vpmu_status vpmu_qemu_find(const struct vpmu_source *source,
                                         struct vpmu_qemu_cpu *cpus, size_t max,
                                         struct vpmu_qemu_about *about, char *why,
                                         size_t why_bytes);

#ifdef __cplusplus
}
#endif

#endif
