/* SPDX-License-Identifier: MIT */
/*
 * What the parts of `vpmu state` share: the states of a VM's vCPUs, read from a file of any of the
 * three formats and written in two of them. `vpmu state` is a table of commands of its own.
 */
#ifndef TOOL_STATE_H
#define TOOL_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <vpmu/stream.h>
#include <vpmu/vpmu.h>

#include "command.h"

/* --- States ----------------------------------------------------------------------------------- */

struct state_entry {
	uint32_t vcpu;
	struct vpmu_state state;
};

/* By ascending number of the vCPU, each once; VPMU_FILE_VCPUS at most. Empty: all zeros. */
struct state_set {
	struct state_entry *entries;
	size_t count, room;
};

/* Adds a state behind the others. False: no memory. */
bool state_set_add(struct state_set *set, uint32_t vcpu, const struct vpmu_state *state);
void state_set_free(struct state_set *set);

enum { STATE_WHY_BYTES = 400 };

/* Each reads a whole file's bytes, or says in why (STATE_WHY_BYTES) what is wrong and where;
 * VPMU_HOST: no memory. *set is then empty. */
enum vpmu_status state_native_read(const void *data, size_t bytes, struct state_set *set,
                                   char *why);
enum vpmu_status state_json_read(const char *text, size_t bytes, struct state_set *set, char *why);

/* Whether the bytes begin like one of vpmu's JSON documents. */
bool state_json_is_own(const uint8_t *bytes, size_t count);

struct json_report; /* of <json/room.h> */

/* Reads what is known of a host out of a report on it. */
enum vpmu_status state_json_report(const char *text, size_t bytes, struct json_report *report,
                                   char *why);

/* How a QEMU file has AMD's registers in pairs: its own guess, as they are named, or permuted. */
enum state_qemu_layout { STATE_LAYOUT_AUTO, STATE_LAYOUT_PLAIN, STATE_LAYOUT_11 };

/* As typed after --layout; TOOL_HOLDS, or the exit status after a message. */
int state_qemu_layout_from_text(const char *text, enum state_qemu_layout *layout);

enum state_format { STATE_NATIVE, STATE_JSON, STATE_QEMU, STATE_FOREIGN, STATE_MODELS };

/* "native" or "json" as typed after --to; TOOL_HOLDS, or the exit status after a message. */
int state_format_from_text(const char *text, enum state_format *format);

/* Writes the set. False: a message has said why. A stream that takes no more is found by whoever
 * closes it. */
bool state_native_write(const struct state_set *set, FILE *stream);
bool state_json_write(const struct state_set *set, FILE *stream);

/* The same to a file that appears whole or not at all; "-" is the standard output. Returns the exit
 * status. */
int state_file_write(const char *path, const struct state_set *set, enum state_format format);

/* --- Files of any format ---------------------------------------------------------------------- */

struct msr_table;

/* A file that has been read. */
struct state_file {
	enum state_format format;
	bool needs_model; /* it does not tell one: without one given the set is empty */
	struct state_set set;
	/* Of a QEMU file: what is in it. */
	struct vpmu_qemu_about qemu;
	struct vpmu_qemu_cpu *cpus; /* by ascending instance */
	struct vpmu_qemu_lbr *lbrs; /* of each; NULL: none has any */
	size_t permuted;            /* of how many vCPUs the registers were in QEMU 11's places */
	/* Of others' dumps: what format, and their MSRs. */
	const char *foreign;
	struct msr_table *msrs;
};

/* How a QEMU file is to be read. model: as typed; NULL: not given, and no states are made. */
struct state_qemu_how {
	const char *model;
	enum state_qemu_layout layout;
	const char *snapshot; /* of a qcow2 image; NULL: its only one */
	bool any;             /* a model may be given that is not needed */
	bool no_other;        /* a file that is not QEMU's is refused */
};

/* Reads such a report from a file. Returns the exit status; TOOL_BAD after a message. */
int state_report_read(const char *path, struct json_report *report);

/*
 * Reads a file ("-": the standard input), of any format that states or registers are found in, as
 * it is or packed. model: as typed, for files that do not tell it; NULL: not given.
 * Returns the exit status; TOOL_BAD after a message.
 */
int state_file_read(const char *path, const char *model, struct state_file *file);

/* The same, how.model as there. */
int state_file_read_how(const char *path, const struct state_qemu_how *how,
                        struct state_file *file);
void state_file_free(struct state_file *file);

/* The same, where states are needed and not only looked at: the model must be told or given. */
int state_file_read_set(const char *path, const char *model, struct state_file *file);

/* The same, but a model may be given even if it is not needed. */
int state_file_read_any(const char *path, const char *model, struct state_file *file);
int state_file_must_have_set(const char *path, struct state_file *file);

/* Says that a model was given for a file that tells its own; TOOL_BAD. */
int state_model_not_needed(const char *path);

/* Reads a QEMU migration file. Returns the exit status. */
int state_qemu_read(const char *path, const struct vpmu_source *source,
                    const struct state_qemu_how *how, struct state_file *file);

/* The same by its name; any other file is refused. */
int state_file_read_qemu(const char *path, const struct state_qemu_how *how,
                         struct state_file *file);

/* Finds its vCPUs, and reads their fields, only. */
int state_qemu_find(const char *path, const struct vpmu_source *source, struct state_file *file);

struct foreign_cpus;

/* Adds a state after a reset for each of the models. Returns the exit status. */
int state_add_models(struct state_set *set, const struct foreign_cpus *cpus);

/* Reads registers that somebody else has written down. Returns the exit status. */
int state_foreign_read(const char *path, const uint8_t *bytes, size_t count,
                       const struct state_qemu_how *how, struct state_file *file);

/* --- Commands --------------------------------------------------------------------------------- */

extern const struct command state_baseline, state_compat, state_convert, state_diff,
	state_export_qemu, state_import_qemu, state_show;

/* A machine that `vpmu run --save` has saved, and where the stream of its PMU's state is in it;
 * false: there is none. */
bool state_is_saved_machine(const uint8_t *bytes, size_t count);
bool state_find_saved(const uint8_t *bytes, size_t count, size_t *at, size_t *length);

/* What the fields of a register say, behind its value; nothing where they say nothing. False: there
 * was no memory for a name. */
bool state_print_fields(const struct vpmu_model *model, const struct vpmu_register *reg,
                        uint64_t value);
/* What the commands print; an exit status, when a message has said what there was no memory for. */
int state_print_set(const struct state_set *set);
void state_print_qemu(const struct state_file *file);
void state_print_foreign(const struct state_file *file);

enum { STATE_LINE_BYTES = 320 }; /* of a line on a register */

struct vpmu_kvm_host; /* of <vpmu/kvm.h> */

/* What compat judges by. */
struct state_target {
	struct vpmu_model model;
	const struct vpmu_profile *profile; /* NULL: hardware */
	const char *profile_name;           /* NULL: none was asked for or told */
	const struct vpmu_order *order;
	const struct vpmu_kvm_host *kvm; /* not NULL: this host's KVM is asked itself */
};

/* Judges one state; the layout is filled for it, and *compat refers to it. Returns TOOL_HOLDS, or
 * the exit status after a message, when there is nobody to ask. */
int state_judge(struct vpmu_compat *compat, struct vpmu_layout *layout,
                const struct vpmu_state *state, const struct state_target *target);

/* This host's KVM as the target; the same for it. Where there is KVM. */
int state_vcpu_target(struct state_target *target);
int state_vcpu_judge(struct vpmu_compat *compat, const struct vpmu_layout *layout,
                     const struct vpmu_state *state, const struct state_target *target);

struct fleet; /* of fleet.h */

/* Where a machine of a fleet is told of. */
struct state_host {
	const char *file; /* NULL: it was typed, or is described by a file of its own */
	uint64_t line;
	const char *name; /* the host's in its list, its file's, or the model as typed */
	int name_length;
};

/* Both print a JSON document, and return the exit status. A host's number in the baseline is its
 * place in the fleet. */
int state_compat_json(const struct state_set *set, const struct state_target *target,
                      enum vpmu_take *worst);
int state_baseline_json(const struct vpmu_baseline *baseline, const struct vpmu_model *model,
                        const struct fleet *fleet);

/* The option, of that name and in that member, for state_file_read(). */
#define STATE_QEMU_MODEL(option, structure, member)                                                \
	{                                                                                          \
		.name = (option), .value = "NAME",                                                 \
		.about = "the PMU of the vCPUs, where the file does not tell it",                  \
		.kind = OPTION_TEXT, .offset = offsetof(structure, member)                         \
	}

/* The option --snapshot, in the member `snapshot`. */
#define STATE_SNAPSHOT(structure)                                                                  \
	{                                                                                          \
		.name = "snapshot", .value = "NAME",                                               \
		.about = "the VM state of a qcow2 image, by its name or number",                   \
		.kind = OPTION_TEXT, .offset = offsetof(structure, snapshot)                       \
	}

/* The option --layout, in the member `layout`. */
#define STATE_QEMU_LAYOUT(structure, values)                                                       \
	{                                                                                          \
		.name = "layout", .value = "LAYOUT",                                               \
		.about = "places of AMD's registers: " values, .kind = OPTION_TEXT,                \
		.offset = offsetof(structure, layout)                                              \
	}

#endif
