/* SPDX-License-Identifier: MIT */
/*
 * States as bytes: the native stream of one vCPU's state, the file that holds a VM's streams, and
 * the PMU in QEMU's migration files. docs/stream.md has the formats, byte by byte.
 *
 *   vpmu_stream_encode(&state, &layout, vcpu, bytes, sizeof(bytes), &used);
 *   ...
 *   vpmu_stream_decode(bytes, used, &layout, &state, &vcpu, why, sizeof(why));
 *
 * All memory is the caller's; nothing allocates, prints or keeps a global. Input need not be
 * trusted: no call reads beyond the bytes that it is given, and a call that fails leaves its
 * results unchanged. It then fills why (may be NULL) with one line, without a newline, that says
 * what is wrong and at which offset.
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
	VPMU_STREAM_LIMIT = 1 << 16,   /* no stream is longer, also none of a later version */
};

/*
 * Writes the state's stream to `out`; *used is its length, which depends on the model only, never
 * on the values. vcpu: the VMM's number of the vCPU, 0 if it has none. VPMU_BAD_ARGUMENT: the state
 * is not of the layout, a register cannot hold its value (vpmu_state_check() says which), `bytes`
 * is too small, or a NULL. *used is then 0.
 */
VPMU_API enum vpmu_status vpmu_stream_encode(const struct vpmu_state *state,
                                             const struct vpmu_layout *layout, uint32_t vcpu,
                                             void *out, size_t bytes, size_t *used);

/*
 * Reads a stream into a state of the layout's model, which must be the stream's model. The stream
 * must be exactly `bytes` long. vcpu may be NULL. VPMU_BAD_DATA: damaged; VPMU_INCOMPATIBLE:
 * undamaged, but for another model, of a newer version, or with a record or register that this vpmu
 * does not know and may not skip; VPMU_BAD_ARGUMENT: a NULL.
 */
VPMU_API enum vpmu_status vpmu_stream_decode(const void *data, size_t bytes,
                                             const struct vpmu_layout *layout,
                                             struct vpmu_state *state, uint32_t *vcpu, char *why,
                                             size_t why_bytes);

/*
 * The length of the stream that begins with these VPMU_STREAM_HEADER_BYTES, for callers that read
 * one from a socket; at most VPMU_STREAM_LIMIT. The header alone does not show damage; decoding
 * does. VPMU_BAD_DATA: not the beginning of a stream.
 */
VPMU_API enum vpmu_status vpmu_stream_length(const void *data, size_t bytes, size_t *length,
                                             char *why, size_t why_bytes);

/* The vCPU and model that a stream is of. */
struct vpmu_stream_about {
	uint16_t version;
	uint16_t reserved[5];
	uint32_t vcpu;
	struct vpmu_model model;
};

/* Says which vCPU and model a stream is of, for callers without a layout. Errors as
 * vpmu_stream_decode(), but registers are not checked. */
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
 * Lists a stream's registers by its own description, even if this vpmu does not know its model.
 * out: `max` entries; *count: how many registers the stream has, which may be more than `max`.
 * VPMU_BAD_DATA: damaged; VPMU_INCOMPATIBLE: of a newer version.
 */
VPMU_API enum vpmu_status vpmu_stream_registers(const void *data, size_t bytes,
                                                struct vpmu_stream_register *out, size_t max,
                                                size_t *count, char *why, size_t why_bytes);

/* --- The file of a VM: a header, then a stream for each vCPU ---------------------------------- */

enum {
	VPMU_FILE_VERSION = 1,
	VPMU_FILE_HEADER_BYTES = 16,
	VPMU_FILE_VCPUS = 4096, /* at most */
};

/*
 * Writes the header of a file with `vcpus` vCPUs to `out` (VPMU_FILE_HEADER_BYTES). The caller
 * appends the streams without gaps, in ascending order of the vCPU's number. VPMU_BAD_ARGUMENT: no
 * vCPU, more than VPMU_FILE_VCPUS, or a NULL.
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
 * Begins to read a file. First checks all of it: the header, each stream's checksum, the number and
 * order of streams, and that nothing follows. VPMU_BAD_DATA: damaged; VPMU_INCOMPATIBLE: the file
 * is of a newer version.
 */
VPMU_API enum vpmu_status vpmu_file_open(struct vpmu_file *file, const void *data, size_t bytes,
                                         char *why, size_t why_bytes);

/* The next vCPU's stream, for vpmu_stream_decode(): a pointer into the caller's bytes, and its
 * length. False at the end. */
VPMU_API bool vpmu_file_next(struct vpmu_file *file, const void **stream, size_t *bytes);

/* --- QEMU's migration files ------------------------------------------------------------------- */

/*
 * The fields of QEMU's subsection cpu/msr_architectural_pmu (target/i386/machine.c), which are the
 * same for all vendors. In QEMU's stream each has 64 bits, big-endian.
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

/* Reads the subsection's payload, VPMU_QEMU_BYTES. Cannot fail, since any bytes are values of the
 * fields. */
VPMU_API void vpmu_qemu_unpack(struct vpmu_qemu_pmu *pmu, const void *payload);

/*
 * A state from QEMU's fields. Registers that QEMU does not migrate (IA32_FIXED_CTR3 and beyond,
 * IA32_PERF_METRICS) get their reset values. global_ovf_ctrl is a command and no state: it is
 * ignored. VPMU_INCOMPATIBLE: a field is not 0 and the model has no register for it, or its
 * register cannot hold the value.
 */
VPMU_API enum vpmu_status vpmu_qemu_to_state(const struct vpmu_qemu_pmu *pmu,
                                             const struct vpmu_layout *layout,
                                             struct vpmu_state *state, char *why, size_t why_bytes);

/*
 * QEMU's fields from a state. VPMU_INCOMPATIBLE: a register that QEMU does not migrate differs from
 * its reset value; VPMU_BAD_ARGUMENT: the state is not of the layout, or fails vpmu_state_check().
 */
VPMU_API enum vpmu_status vpmu_qemu_from_state(const struct vpmu_state *state,
                                               const struct vpmu_layout *layout,
                                               struct vpmu_qemu_pmu *pmu, char *why,
                                               size_t why_bytes);

/*
 * When QEMU 11.0 and 11.1 read AMD's registers from 0xc0010200 on (PERFCORE, PerfMonV2), where
 * selectors and counters alternate, they store them in the wrong places: counter n in
 * gp_counters[2n + 1], selector n in gp_evtsel[2n]. When the same QEMU loads them, it uses the same
 * places. The following functions detect and undo this; the fields of other models are never
 * permuted.
 */

/* Whether the fields are permuted. Fields that make sense both ways count as permuted, since no
 * released QEMU saves those registers in their own places. False for a NULL, too. */
VPMU_API bool vpmu_qemu_is_permuted(const struct vpmu_qemu_pmu *pmu,
                                    const struct vpmu_layout *layout);

/* Puts permuted registers into their own places. VPMU_INCOMPATIBLE: they are not permuted, because
 * a field between them is not 0; *pmu is unchanged. VPMU_BAD_ARGUMENT: a NULL. */
VPMU_API enum vpmu_status vpmu_qemu_straighten(struct vpmu_qemu_pmu *pmu,
                                               const struct vpmu_layout *layout);

/* The inverse: what QEMU 11.1 saves of a guest with these registers. VPMU_INCOMPATIBLE: QEMU has no
 * fields for that many registers; *pmu is unchanged. VPMU_BAD_ARGUMENT: a NULL. */
VPMU_API enum vpmu_status vpmu_qemu_permute(struct vpmu_qemu_pmu *pmu,
                                            const struct vpmu_layout *layout);

/*
 * The fields of QEMU's subsection cpu/arch_lbr: Intel's architectural last branches. QEMU has it
 * for every vCPU whose CPUID has them, and always with 32 entries; all fields are 0 if its KVM does
 * not have them.
 */
enum {
	VPMU_QEMU_LBR = 32,
	VPMU_QEMU_LBR_BYTES = 8 * (2 + 3 * VPMU_QEMU_LBR) /* 784 */
};

struct vpmu_qemu_lbr {
	uint64_t ctl, depth;
	struct {
		uint64_t from, to, info;
	} records[VPMU_QEMU_LBR];
};

/* Writes the subsection's payload to `out`, VPMU_QEMU_LBR_BYTES. */
VPMU_API void vpmu_qemu_lbr_pack(const struct vpmu_qemu_lbr *lbr, void *out);

/* Reads the subsection's payload, VPMU_QEMU_LBR_BYTES, which is at struct vpmu_qemu_cpu's
 * lbr_offset. Cannot fail, since any bytes are values of the fields. */
VPMU_API void vpmu_qemu_lbr_unpack(struct vpmu_qemu_lbr *lbr, const void *payload);

/*
 * Sets a state's registers of last branches to QEMU's fields; others are unchanged. If all fields
 * are 0 they get their reset values. VPMU_INCOMPATIBLE: a field is not 0 and the model has no
 * register for it (which matters for all but the depth), or its register cannot hold the value;
 * VPMU_BAD_ARGUMENT: the state is not of the layout, or fails vpmu_state_check(). *state is then
 * unchanged.
 */
VPMU_API enum vpmu_status vpmu_qemu_lbr_to_state(const struct vpmu_qemu_lbr *lbr,
                                                 const struct vpmu_layout *layout,
                                                 struct vpmu_state *state, char *why,
                                                 size_t why_bytes);

/*
 * Takes the architectural last branches out of a state: their registers, which
 * vpmu_qemu_from_state() refuses, get their reset values, and *lbr what they had. All fields are 0
 * if the model has none. VPMU_BAD_ARGUMENT: the state is not of the layout, or fails
 * vpmu_state_check().
 */
VPMU_API enum vpmu_status vpmu_qemu_lbr_take(struct vpmu_state *state,
                                             const struct vpmu_layout *layout,
                                             struct vpmu_qemu_lbr *lbr, char *why,
                                             size_t why_bytes);

/* Input that can be read at any offset, `bytes` long. read() fills all of `into` from an offset
 * within it, or returns false with errno set. */
struct vpmu_source {
	bool (*read)(void *context, uint64_t offset, void *into, size_t bytes);
	void *context;
	uint64_t bytes;
	uint64_t reserved[2];
};

/* A vCPU of a migration file. */
struct vpmu_qemu_cpu {
	uint32_t instance; /* QEMU's number of the section */
	bool has_pmu;      /* false: QEMU left the PMU out because it was idle; all fields are 0 */
	bool has_lbr;      /* there is a subsection cpu/arch_lbr */
	uint8_t reserved[2];
	uint64_t lbr_offset; /* where its payload is in the file: VPMU_QEMU_LBR_BYTES; or 0 */
	uint64_t offset; /* where the PMU's payload is in the file, or else the vCPU's section */
	struct vpmu_qemu_pmu pmu;
};

struct vpmu_qemu_about {
	size_t cpus;
	bool described;   /* true: found through the file's JSON description; false: by QEMU's known
	                     layout */
	char machine[64]; /* the machine type, "" where the file has none */
	uint64_t reserved[4];
};

/*
 * Finds the vCPUs of a QEMU migration file (magic QEVM, version 3). cpus: `max` entries, filled in
 * the order of the file. Guest memory is never interpreted: if there is a description at the file's
 * end memory is not even read, otherwise its pages are stepped over. VPMU_BAD_DATA: not such a
 * file, or a damaged one; VPMU_INCOMPATIBLE: another version, no x86 CPUs, more than `max`, or
 * parts whose length is unknown without a description; VPMU_HOST: a read failed. On errors cpus[]
 * and *about are undefined.
 */
VPMU_API enum vpmu_status vpmu_qemu_find(const struct vpmu_source *source,
                                         struct vpmu_qemu_cpu *cpus, size_t max,
                                         struct vpmu_qemu_about *about, char *why,
                                         size_t why_bytes);

#ifdef __cplusplus
}
#endif

#endif
