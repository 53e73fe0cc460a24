/* SPDX-License-Identifier: MIT */
/*
 * What the files of `vpmu run` share: the options as typed, one run with its machine, and what is
 * told about it afterwards.
 */
#ifndef TOOL_RUN_H
#define TOOL_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <machine/room.h>
#include <vpmu/vpmu.h>

#include "selector/selector.h"
#include "timeline.h"

struct run_options {
	const char *model, *profile, *host; /* NULL: not typed */
	const char *append, *cpu, *timeline;
	uint64_t memory, max_instructions, timeout_us;
	bool stat, json;
	const char *csv;   /* between the values; NULL: a table */
	uint64_t interval; /* instructions; 0: none */
	/* A machine's life. */
	const char *migrate_at, *order, *save, *restore, *migrate_to, *listen;
	uint64_t at, reset_at; /* 0: not typed */
	uint64_t migrate_timeout_us, downtime_us;
	bool allow_remote;
};

/*
 * Exit statuses of a run that did not end by the guest's own exit. A guest's is odd, as with QEMU:
 * (V << 1) | 1. These are even, so that neither can be taken for the other.
 */
enum run_status {
	RUN_TIMEOUT = 124,
	RUN_INSTRUCTIONS = 126,
	RUN_TRIPLE_FAULT = 128,
	RUN_INTERRUPTED = 130,
	RUN_DEADLOCK = 160,
	RUN_UNSUPPORTED = 162,
	RUN_OUTPUT_FAILED = 164,
	RUN_NO_GUEST = 166,
};

/* What a run came to, where it is not the machine that says it. */
enum run_fate {
	FATE_RAN,    /* machine_result says how it ended */
	FATE_SAVED,  /* it is in a file */
	FATE_MOVED,  /* another process has it */
	FATE_NONE,   /* no guest came */
	FATE_FAILED, /* `failure` is the exit status, and a message has said why */
};

/* The guest's serial output: kept for the JSON document, or waiting to be written. */
struct run_serial {
	char *bytes;
	size_t used, room;
	bool truncated;
	char line[4096];
	size_t waiting;
	bool at_once; /* a terminal: byte for byte */
};

enum { RUN_UNCOUNTED = 16 };

/* The events that the guest's selectors asked for and its PMU does not count, each once. */
struct run_uncounted {
	uint64_t count; /* the first ones; there may be more */
	uint64_t selectors[RUN_UNCOUNTED];
};

/* Where the interval began that is running, and the instruction at which it ends. */
struct run_interval {
	bool begun, has_heading;
	uint64_t next;
	struct vpmu_amounts totals;
	uint64_t over[VPMU_CLASSES];
};

struct life;
struct command;

/* The tag of options that need a CPU that counts instructions and reports events. */
enum { RUN_BY_INSTRUCTION = 1 };

struct run {
	const struct run_options *options;
	const struct run_cpu *cpu;
	const char *guest;
	struct vpmu_model model;
	const struct vpmu_profile *profile;
	struct vpmu_host host; /* under the profile, if --host is typed */
	struct machine *machine;
	struct machine_result result;
	uint64_t happened[MACHINE_EVENT_OVERFLOW + 1]; /* by enum machine_event_kind */
	uint64_t over[VPMU_CLASSES]; /* how many instructions each class was counted over */
	uint64_t looked_at;          /* the instruction of the last look at what is counted … */
	uint64_t counted;            /* … and the classes, VPMU_CLASS_BIT, that it found */
	struct run_uncounted uncounted;
	struct run_interval interval;
	double seconds; /* that it ran, of real time */
	struct run_serial serial;
	struct timeline timeline;
	bool output_failed;    /* stdout takes no more */
	uint64_t before_reset; /* instructions before the last reset */
	enum run_fate fate;
	int failure;
	struct life *life;
};

/* The exit status where a file cannot be written. */
int run_output_status(const struct output *output);

/* Loads and runs the guest. Returns the exit status. */
int run_guest(const struct run_options *options, const char *guest);

/* --- guest.c, for life.c ---------------------------------------------------------------------- */

/* What a machine of this run is made with. */
struct machine_config run_config(struct run *run);

/* Another machine takes the place of the run's, which is destroyed. */
void run_replace_machine(struct run *run, struct machine *machine);

/* Loads the guest. Returns the exit status; a message has said what is wrong. */
int run_load(struct run *run);

/* Notes what was counted up to here. */
void run_look_at_counted(struct run *run, uint64_t instruction);

enum { RUN_SHARES = 4 };

/* The shares of IA32_PERF_METRICS, in parts of RUN_WHOLE, by these names. False: the model has no
 * such register, or it tells nothing. */
enum { RUN_WHOLE = 255 };
extern const char *const run_share_names[RUN_SHARES];
bool run_shares(const struct run *run, unsigned shares[RUN_SHARES]);

/* --- uncounted.c ------------------------------------------------------------------------------ */

/* The guest wrote a value to an MSR: notes an event that nobody counts. */
void run_note_uncounted(struct run *run, uint32_t msr, uint64_t value);

/* --- serial.c --------------------------------------------------------------------------------- */

void serial_put(struct run *run, uint8_t byte);

/* Writes what waits. False: standard output takes no more. */
bool serial_flush(struct run *run);

/* --- cpu.c: what executes the guest ----------------------------------------------------------- */

struct run_cpu {
	const char *name; /* as typed after --cpu */
	const struct cpu_ops *ops;
	bool by_instruction; /* heeds RUN_BY_INSTRUCTION */
	/* Sets the run's model and profile. Returns the exit status, with a message. */
	int (*choose_pmu)(struct run *run);
};

/* Whether there is such a CPU, and it can heed the options; else the exit status, with a message.
 */
int run_cpu_check(const struct command *command, const struct run_options *options);

/* The CPU of options that have been checked. */
const struct run_cpu *run_cpu_find(const struct run_options *options);

/* --- life.c: save, reset, restore, migrate ---------------------------------------------------- */

/* Whether the options go together; else the exit status, and a message has said why. */
int life_check(const struct run_options *options, bool has_guest);

/* Whether the machine comes from a file or from another process. */
bool life_brings_machine(const struct run_options *options);

/* Makes ready. Returns the exit status, when a message has said what is wrong. */
int life_begin(struct run *run);
/* Sets run->machine from where it comes. Returns the exit status. */
int life_fetch(struct run *run);
/* Runs the machine, with everything on the way. */
void life_run(struct run *run);
void life_end(struct run *run);

/* --- How it ended ----------------------------------------------------------------------------- */

/* The run's exit status. */
int run_end_status(const struct run *run);

/* "exit", "timeout", …: for JSON. */
const char *run_end_name(const struct run *run);

/* Says on stderr why the run ended, unless the guest ended it. */
void run_end_message(const struct run *run);

/* --- What was counted ------------------------------------------------------------------------- */

/* One counter of the model at the end of the run. */
struct run_counter {
	struct vpmu_register reg;
	uint64_t value;
	uint64_t selector; /* its selector's value; of a fixed counter its control field */
	bool programmed, enabled, user, kernel, interrupt;
	enum vpmu_class class_;
	char event[SELECTOR_NAME_BYTES]; /* its event's name; "" when not programmed */
};

enum { RUN_COUNTERS = VPMU_MAX_GP + VPMU_MAX_FIXED };

/* Fills counters[RUN_COUNTERS] in table order and returns their number. */
size_t run_counters(const struct run *run, struct run_counter *counters);

/*
 * How many instructions the machine's total of a class was measured over: instructions and branches
 * always over all, the others while the guest counted them. 0: it was not measured.
 */
uint64_t run_measured_over(const struct run *run, enum vpmu_class class_);

/* Prints the table to stderr. */
void run_print_stat(const struct run *run);

/* --- interval.c --- */

/* interval.next is the instruction to pause at; interval_act() is due there. */
void interval_begin(struct run *run);
void interval_act(struct run *run);
void interval_reset(struct run *run); /* the machine begins at instruction 0 again */
void interval_end(struct run *run);   /* what is left of the last one */

/* The table as values, a line each, to stderr. */
void run_print_csv(const struct run *run);

/* Prints the document to stdout. Returns TOOL_HOLDS or TOOL_LACKS. */
int run_print_json(const struct run *run);

#endif
