/* SPDX-License-Identifier: MIT */
/*
 * A fleet's machines: typed as models, listed in files, or described by what each of them printed;
 * and the PMU that each gives a guest.
 */
#ifndef TOOL_STATE_FLEET_H
#define TOOL_STATE_FLEET_H

#include "qemu_version.h"
#include "state.h"

struct fleet_machine {
	struct vpmu_model cpu;              /* its CPU's PMU, or what its KVM gives a guest */
	const struct vpmu_profile *profile; /* NULL: not told */
	uint32_t qemu;                      /* a version; 0: not told */
	struct state_host host;
};

struct fleet {
	struct fleet_machine *machines;
	size_t count, room;
	void **kept; /* what the machines' names are in */
	size_t kept_count, kept_room;
	unsigned untold; /* enum foreign_untold, of some file */
	size_t untold_files;
	const char *untold_file;
};

/* How guests are run on all of them, as typed; NULL: not said. */
struct fleet_options {
	const char *profile, *qemu, *machine_type;
	bool pmu_off;
};

/* The rows for these options, which the structure has as its member `fleet`; --profile is left to
 * the command. */
#define FLEET_OPTIONS(structure)                                                                   \
	{.name = "qemu",                                                                           \
	 .value = "VERSION[,VERSION...]",                                                          \
	 .about = "the QEMU of machines that do not tell it: each of these",                       \
	 .kind = OPTION_TEXT,                                                                      \
	 .offset = offsetof(structure, fleet.qemu)},                                               \
		{.name = "machine-type",                                                           \
	         .value = "TYPE",                                                                  \
	         .about = "the guests': pc-q35-10.0, or 10.0 (the newest of their QEMU)",          \
	         .kind = OPTION_TEXT,                                                              \
	         .offset = offsetof(structure, fleet.machine_type)},                               \
	{                                                                                          \
		.name = "pmu-off", .about = "the guests' PMU is off (-cpu ...,pmu=off)",           \
		.kind = OPTION_FLAG, .offset = offsetof(structure, fleet.pmu_off)                  \
	}

/*
 * Reads all operands, and says what they do not tell: a model, a list, a description of a CPU, or a
 * folder of such files. Returns the exit status. The operands must live as long as the fleet, and
 * fleet_free() is needed in any case.
 */
int fleet_read(struct fleet *fleet, const char *const *operands,
               const struct fleet_options *options);
void fleet_free(struct fleet *fleet);

/* Adds a machine; its names must live as long as the fleet. False: no memory. */
bool fleet_add(struct fleet *fleet, const struct fleet_machine *machine);

/*
 * Adds a list's machines, whose names are in its bytes. Returns TOOL_BAD with why (STATE_WHY_BYTES)
 * and the line, or TOOL_LACKS: no memory.
 */
int fleet_list_read(struct fleet *fleet, const char *path, const uint8_t *bytes, size_t count,
                    char *why, uint64_t *line);

/* The PMU of a guest that is started there; status as fleet_read(). */
int fleet_guest(const struct fleet_machine *machine, const struct qemu_vm *vm,
                struct vpmu_model *guest);

/* What guests there run under. machine_type: as fleet_machine_type() made it. */
struct qemu_vm fleet_vm(const struct fleet_machine *machine, uint32_t machine_type, bool pmu_off);
int fleet_machine_type(const struct fleet_options *options, uint32_t *machine_type);

/* "beta", or "beta (hosts:3)". */
void fleet_print_name(const struct fleet_machine *machine);

#endif
