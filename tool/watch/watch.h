/* SPDX-License-Identifier: MIT */
/*
 * vpmu watch: the VMM is started with the preload library, the library's records are read from the
 * ring, records of one put or get become a block, and blocks and events are written as lines.
 */
#ifndef TOOL_WATCH_H
#define TOOL_WATCH_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include <vpmu/vpmu.h>

#include "input/file.h"
#include "watch/room.h"

extern const struct command watch_diff; /* cmd_diff.c */

/* --- start.c: the VMM as a process ---------------------------------------------------- */

/* TOOL_HOLDS, or the exit status when a message has said why this command cannot be watched. path:
 * where the command was found, of PATH_MAX bytes. */
int watch_judge_command(const char *command, char *path);

/* The same for the library's place. */
int watch_find_library(char *path);

/* Starts argv with the library and these signals blocked; -1: a message has said why. */
pid_t watch_start(char **argv, const char *path, const char *library, int shared_fd,
                  const sigset_t *signals);

/* --- ring.c: the shared file ---------------------------------------------------------- */

struct watch_ring {
	struct watch_shared *shared;
	int fd;
	uint64_t tail;    /* ours: the one in the shared file is for the writers to read */
	uint64_t skipped; /* times that records were not complete, or made no sense */
	uint64_t stalled_at, stalled_since; /* the place + 1, and when it was first found so */
	uint64_t patience;                  /* ns until a record counts as abandoned */
};

/* Whose behaviour an emulated KVM shows, and judges, unless another is named. */
#define WATCH_PROFILE "linux-6.12"

/* After this time without a call a vCPU's put is complete. So a line can be printed this much later
 * than its time. */
#define WATCH_QUIET UINT64_C(1000000000)

/* A writer needs some 100 ns for a record; one that is not scheduled, a moment. */
#define WATCH_PATIENCE UINT64_C(1000000000)

/* A record, copied out of the ring. */
struct watch_record {
	struct watch_head head;
	unsigned entries; /* of the payload, in units of an MSR */
	union {
		struct watch_msr msrs[WATCH_PAYLOAD];
		struct vpmu_model model;
		struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	};
};

/* The model that a record has; NULL: it has none. */
const struct vpmu_model *watch_record_model(const struct watch_record *record);

/* CLOCK_MONOTONIC in ns, as in the records. */
uint64_t watch_now(void);

/* False: a message has said why. model: what to emulate, or NULL. */
bool watch_ring_make(struct watch_ring *ring, const struct vpmu_model *model, const char *profile,
                     bool counts);

/* Takes the next record; false when there is none. at_end: nobody writes any more, so a record that
 * is not complete never will be. */
bool watch_ring_next(struct watch_ring *ring, struct watch_record *record, bool at_end);

/* --- vcpu.c: what is known of a vCPU -------------------------------------------------- */

enum { WATCH_WRITES = 512 }; /* of a block; more are counted only */

/* A register that a put wrote, or a get read. */
struct watch_access {
	uint32_t msr;
	int place; /* in the vCPU's layout, or -1 */
	uint64_t value;
	bool refused;
};

enum { WATCH_ORDERS = 8 };

enum watch_level {
	WATCH_CONFIGURATION, /* a put of nothing but IA32_PERF_CAPABILITIES */
	WATCH_RUNTIME,
	WATCH_RESET,
	WATCH_FULL,
	WATCH_LEVELS
};

/* A register that a put wrote with another value than the save that it restores. */
struct watch_change {
	uint32_t msr;      /* its own number, whatever number it was written by */
	uint32_t moved_to; /* the register that was put with its value; 0: none */
	uint64_t got, put;
	bool is_put; /* false: it was not written at all */
};

/* One put or one get. */
struct watch_block {
	bool is_put, is_open;
	uint64_t time, last, spent; /* of its first call, and of its last */
	unsigned calls, msrs, refused,
		lost;           /* msrs: all that were asked for; lost: not in accesses */
	uint32_t other_refused; /* an MSR that is no PMU's and was refused; 0: none */
	bool has_tsc;
	int error;       /* errno of a call that failed as a whole */
	bool is_foreign; /* it restores a state that no get of this run has seen */
	unsigned change_count;
	unsigned count;
	struct watch_access accesses[WATCH_WRITES];
	/* Set at the end of a put. */
	enum watch_level level;
	unsigned order_count;
	const struct vpmu_order
		*orders[WATCH_ORDERS]; /* that it is; first the one that VMMs have */
	char order[192];  /* how it differs from the nearest; "" when it is one, or means nothing */
	unsigned unowned; /* registers of a PMU, written where there is none */
	struct watch_change changes[VPMU_MAX_STATE];
};

/* What was got of a vCPU's PMU while it stood still. */
struct watch_save {
	uint64_t general; /* the digest of the general registers; 0: not known */
	bool was_put;     /* a put restored it, well or badly */
	bool is_expected; /* it is another process's */
	unsigned count;
	struct watch_saved {
		uint32_t msr;
		uint64_t value;
	} values[VPMU_MAX_STATE];
};

struct watch_saves {
	struct watch_save *at;
	size_t count, room;
	bool is_open;   /* the last is still being got */
	bool forgotten; /* there were more than are kept */
};

struct watch_vcpu {
	uint32_t serial, id, vm, process;
	bool has_layout;
	struct vpmu_layout layout;
	bool has_no_pmu; /* KVM gives it none */
	bool no_model;   /* there is no model for what KVM gives it */
	bool is_off;     /* because its VM's is switched off */
	bool has_regs;
	bool was_quiet; /* its last put was taken for complete because nothing came */
	uint64_t rip, runs;
	uint64_t general, general_runs; /* the general registers' digest, and when it was seen */
	struct watch_saves saves;
	struct watch_block block;
};

/* All vCPUs, by serial number: as many as there are. */
struct watch_vcpus {
	struct watch_vcpu **slots;
	size_t slot_count, count;
};

/* The vCPU, made if need be; NULL without memory. */
struct watch_vcpu *watch_vcpus_get(struct watch_vcpus *vcpus, uint32_t serial);
void watch_vcpus_free(struct watch_vcpus *vcpus);

/* The name of a register of any model, or NULL for an MSR that is no PMU's. */
const char *watch_msr_name(const struct watch_vcpu *vcpu, uint32_t msr);

/* The value of a state that the register shows, but for IA32_PERF_CAPABILITIES, which no guest
 * changes; -1 without one. */
int watch_value(const struct watch_vcpu *vcpu, uint32_t msr);

/* --- values.c: values, from get to put ------------------------------------------------ */

/* A new save, empty; NULL without memory. */
struct watch_save *watch_saves_add(struct watch_saves *saves);
void watch_saves_free(struct watch_saves *saves);

/* False: it has VPMU_MAX_STATE registers already. */
bool watch_save_set(struct watch_save *save, uint32_t msr, uint64_t value);

/* A get adds to the vCPU's save, or begins one; false without memory. */
bool watch_follow_get(struct watch_vcpu *vcpu, const struct watch_block *block);

/* KVM_GET_REGS and KVM_SET_REGS. */
void watch_follow_general(struct watch_vcpu *vcpu, const struct watch_head *head);

/* Fills the block's changes and is_foreign; its level is known. */
void watch_follow_put(struct watch_vcpu *vcpu, struct watch_block *block);

/* What is got from now on is another save. */
void watch_end_save(struct watch_vcpu *vcpu);

/* --- state.c: saves as a file --------------------------------------------------------- */

/* The saves of another process's vCPU. */
struct watch_expectation {
	uint32_t vm, vcpu_id;
	struct watch_saves saves;
};

struct watch_expected {
	struct watch_expectation *at;
	size_t count;
};

/* Writes all saves of these vCPUs; how many. */
unsigned watch_state_write(FILE *to, const struct watch_vcpus *vcpus);

/* Reads them into *into, which is empty. VPMU_BAD_DATA, VPMU_HOST for want of memory: why tells,
 * and *into is empty. */
enum vpmu_status watch_state_parse(const char *text, size_t bytes, struct watch_expected *into,
                                   char *why, size_t why_bytes);
void watch_expected_free(struct watch_expected *expected);

/* The vCPU is to be restored to what is expected of its number; false without memory. */
bool watch_expect(const struct watch_expected *expected, struct watch_vcpu *vcpu);

/* --- order.c -------------------------------------------------------------------------- */

/* Fills block->level, the orders and block->unowned. */
void watch_judge_put(const struct watch_vcpu *vcpu, struct watch_block *block);

/* --- tally.c: the summary -------------------------------------------------------------- */

enum { WATCH_REGISTERS = 256 };

/* What happened to one register of the models, by name. */
struct watch_register {
	char name[VPMU_NAME_BYTES];
	uint32_t msr;
	uint64_t written, read, refused;
	uint64_t left;    /* resets that did not write it */
	uint64_t unowned; /* put to a vCPU that has no PMU */
	uint64_t changed; /* puts with another value than was got */
	bool kept;        /* it has a value of a state, in some vCPU's model */
	bool hidden;      /* of the emulated model, but not of a vCPU's CPUID */
};

enum { WATCH_CHANGES = 256, WATCH_MISSED = 64 };

struct watch_tally {
	uint64_t puts[WATCH_LEVELS], gets, runs, put_calls, put_spent, put_longest;
	uint64_t refusals, guest_reads, guest_writes, guest_refusals, vms, vcpus;
	uint64_t lost,  /* records, and what of them there was no room for */
		strays; /* descriptors that nobody saw come */
	bool opened;    /* /dev/kvm, or a VM came another way */
	bool emulates;
	bool unseen; /* no process has loaded the library */
	bool lacks[WATCH_LACKS];
	bool has_model;       /* some vCPU has a PMU */
	char host_vendor[16]; /* when the emulated model's is another, and the VMM has heard it */
	uint64_t unmodelled;  /* vCPUs whose CPUID makes no model */
	uint64_t off;         /* vCPUs whose PMU is switched off */
	unsigned shown; /* bits of enum watch_shown: what the CPUID of these shows nevertheless */
	uint64_t interrupted; /* puts that went on after a pause that was taken for their end */
	uint64_t foreign;     /* puts of a state that no get has shown */
	unsigned count;
	struct watch_register registers[WATCH_REGISTERS]; /* ascending by MSR */
	/* The first of each vCPU's and register's. */
	unsigned change_count;
	uint64_t more_changes; /* that there was no room for */
	struct watch_tally_change {
		uint32_t vm, vcpu_id;
		struct watch_change change;
		char name[VPMU_NAME_BYTES], moved_to[VPMU_NAME_BYTES];
	} changes[WATCH_CHANGES];
	/* vCPUs whose expected state no put has restored; the first of them. */
	unsigned missed_count;
	struct watch_missed {
		uint32_t vm, vcpu_id;
	} missed[WATCH_MISSED];
};

void watch_tally_model(struct watch_tally *tally, const struct vpmu_layout *layout, bool hidden);
void watch_tally_block(struct watch_tally *tally, const struct watch_vcpu *vcpu,
                       const struct watch_block *block);

/* What a CPUID can show of a PMU that is switched off. */
enum watch_shown {
	WATCH_SHOWN_VERSION,
	WATCH_SHOWN_PDCM,
	WATCH_SHOWN_PERFCORE,
	WATCH_SHOWN_PERFMON_V2,
	WATCH_SHOWN
};
unsigned watch_shown(const struct vpmu_model *model);

/* The findings, each a set of registers. */
enum watch_finding {
	WATCH_LEFT_ALONE,   /* by a reset */
	WATCH_NEVER_SAVED,  /* by any get */
	WATCH_WRITTEN_ONLY, /* never read */
	WATCH_READ_ONLY,    /* never written */
	WATCH_CHANGED,      /* put with another value than it was got */
	WATCH_REFUSED,
	WATCH_UNOWNED, /* put to a vCPU that has no PMU */
	WATCH_HIDDEN,  /* of the emulated model, but the VMM's CPUID has them not */
	WATCH_FINDINGS
};
bool watch_finds(const struct watch_tally *tally, const struct watch_register *reg,
                 enum watch_finding finding);

enum watch_verdict {
	WATCH_HOLDS,
	WATCH_FAILS,   /* registers get lost: one of the findings but the last */
	WATCH_UNKNOWN, /* not all was seen, so that the findings may be wrong */
};
/* Whether the VMM left the PMU alone, and may have taken the host's vendor for the guest's. */
bool watch_is_defeated(const struct watch_tally *tally);
enum watch_verdict watch_judge(const struct watch_tally *tally);

/* --- text.c, text_event.c, json.c: lines ---------------------------------------------------- */

struct watch_writer {
	void (*event)(FILE *to, double time, const struct watch_record *record,
	              const struct watch_vcpu *vcpu);
	void (*block)(FILE *to, double time, const struct watch_vcpu *vcpu,
	              const struct watch_block *block);
	void (*summary)(FILE *to, const struct watch_tally *tally);
};
extern const struct watch_writer watch_text, watch_json;

/* Pieces of watch_text: one event; when, and of which vCPU; "PERFCORE, PDCM", of enum watch_shown's
 * bits. */
void watch_text_event(FILE *to, double time, const struct watch_record *record,
                      const struct watch_vcpu *vcpu);
void watch_text_who(FILE *to, double time, const struct watch_vcpu *vcpu,
                    const struct watch_head *head);
void watch_text_shown(FILE *to, unsigned shown);

/* --- lines.c: lines in the order of time ----------------------------------------------------- */

struct watch_line {
	uint64_t time, number; /* number: by which those of one moment are told */
	char *text;
	size_t bytes;
};

/* Lines that wait until nothing earlier can come. All zeros: none. */
struct watch_lines {
	struct watch_line *at;
	size_t count, room, held; /* held: bytes of their texts */
	uint64_t number;
	char *text; /* of the line that is being written */
	size_t bytes;
};

/* More of them are written whether something earlier can come or not. */
#define WATCH_HELD ((size_t)16 << 20)

/* A stream that one line is to be written to; without memory, which is noted, `to` itself. */
FILE *watch_lines_begin(struct watch_lines *lines, FILE *to);
void watch_lines_end(struct watch_lines *lines, FILE *stream, uint64_t time, FILE *to);

/* Writes those from before that time. */
void watch_lines_write(struct watch_lines *lines, uint64_t until, FILE *to);
void watch_lines_free(struct watch_lines *lines);

/* --- names.c --------------------------------------------------------------------------------- */

const char *watch_level_name(enum watch_level level);
const char *watch_lack_text(enum watch_lack lack);
/* Why the leaves make no model. */
enum { WATCH_WHY = 128 };
const char *watch_why_no_model(const struct watch_record *record, char why[WATCH_WHY]);
const char *watch_shown_text(enum watch_shown shown);
const char *watch_finding_text(enum watch_finding finding); /* for people */
const char *watch_finding_name(enum watch_finding finding); /* for JSON */

/* --- session.c: records become lines ---------------------------------------------------- */

struct watch_session {
	char vendor[16]; /* the host's, when the emulated model's is another; else "" */
	struct watch_ring ring;
	const struct watch_writer *writer;
	FILE *log;
	struct watch_lines lines;
	int log_error; /* errno of the first write that failed */
	uint64_t start;
	bool has_pmu; /* this KVM, real or emulated, has one */
	struct watch_vcpus vcpus;
	struct watch_expected expected; /* of --expect */
	uint64_t unplaced; /* records and accesses that there was no memory or room for */
	struct watch_tally tally;
	struct output plan, state; /* of --plan, --state */
	uint32_t vm_process;       /* that has made the last VM; 0: none has */
	bool has_put;
	struct watch_vcpu last_vcpu; /* of the last put that wrote a register, with that block */
};

/* --- block.c: calls become gets and puts, and those are told, judged and tallied. */

/* A KVM_GET_MSRS or KVM_SET_MSRS on a vCPU. */
void watch_take_msrs(struct watch_session *session, struct watch_vcpu *vcpu,
                     const struct watch_record *record);

/* KVM_GET_MSRS on /dev/kvm: a question about features, no get. */
void watch_take_features(struct watch_session *session, const struct watch_record *record);

/* What the vCPU has begun is complete. */
void watch_end_block(struct watch_session *session, struct watch_vcpu *vcpu);

/* Ends the puts of vCPUs that have been quiet; until when all is known then, and can be told in its
 * order. */
uint64_t watch_known_until(struct watch_session *session, uint64_t now);

/* Since the start. */
double watch_seconds(const struct watch_session *session, uint64_t time);

/* --- session.c, follow.c --- */

/* Takes what there is. at_end: all there will be; blocks are completed too. */
void watch_session_drain(struct watch_session *session, bool at_end);
void watch_session_free(struct watch_session *session);

/* Blocks the signals that a VMM is told of, and returns a descriptor that reads them. Into *before:
 * what was blocked. */
int watch_signals(sigset_t *before);

/* Takes what there is until the VMM has ended: the process that was started, and then the one that
 * has the VM, where that went on in the background. Returns how the last of them ended, as
 * waitpid() has it. */
int watch_follow(struct watch_session *session, pid_t vmm, int signals);

/* False when the log could not be written, then or before. */
bool watch_flush_log(struct watch_session *session);

/* Writes the last put as a plan to session->plan, which is open, with the model and the profile
 * that were emulated (NULL: none); false: a message has said why. */
bool watch_write_plan(struct watch_session *session, const char *model, const char *profile);

#endif
