/* SPDX-License-Identifier: MIT */
/*
 * What src/machine shows to the tool: one embedded virtual machine with one vCPU and its PMU.
 *
 * create → load → run → (look) → destroy. One machine belongs to one thread at a time; only
 * machine_stop_soon() may be called from a signal handler.
 */
#ifndef MACHINE_ROOM_H
#define MACHINE_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpmu/pmu.h>

struct machine;
struct machine_event;

struct machine_config {
	struct vpmu_model model;
	const struct vpmu_profile *profile; /* NULL: hardware */
	uint64_t memory_bytes;              /* a multiple of 1 MiB, 2 MiB to 4 GiB */
	const char *append;                 /* the guest's command line, or NULL */
	uint64_t max_instructions;          /* 0: no limit */
	/* Each byte that the guest sends on the serial port. */
	void (*serial)(void *context, uint8_t byte);
	/* Each thing that happened to the PMU, for a timeline; NULL when nobody looks. */
	void (*event)(void *context, const struct machine_event *event);
	void *context;
};

/* One happening, at an instruction boundary. */
struct machine_event {
	enum machine_event_kind {
		MACHINE_EVENT_MSR_WRITE, /* the guest wrote a PMU register */
		MACHINE_EVENT_PMI,       /* a PMI was delivered */
		MACHINE_EVENT_INTERRUPT, /* an interrupt or NMI was taken */
		MACHINE_EVENT_OVERFLOW,  /* status bits that came on, in value */
	} kind;
	uint64_t instruction; /* retired so far */
	uint64_t rip;
	uint32_t msr; /* MSR_WRITE */
	uint64_t value; /* MSR_WRITE: the value; INTERRUPT, PMI: the vector; OVERFLOW: the bits */
};

/* How a run ended. */
enum machine_end {
	MACHINE_END_EXIT,         /* the guest wrote to port 0xf4: exit_value */
	MACHINE_END_INSTRUCTIONS, /* max_instructions reached */
	MACHINE_END_STOPPED,      /* machine_stop_soon() */
	MACHINE_END_DEADLOCK,     /* halted with nothing that could wake it */
	MACHINE_END_TRIPLE_FAULT,
	MACHINE_END_UNSUPPORTED, /* an instruction that this machine cannot execute */
};

struct machine_result {
	enum machine_end end;
	uint32_t exit_value;
	uint64_t rip;
	struct vpmu_amounts totals; /* instructions and branches are always exact */
	char why[160];              /* one line, for all but EXIT */
};

/* NULL with the reason in why (one line, no newline). */
struct machine *machine_create(const struct machine_config *config, char *why, size_t why_bytes);

/*
 * Loads a guest: ELF64, or a multiboot 1 image in ELF32 or ELF64. `image` may be freed afterwards.
 * VPMU_BAD_DATA: not such a file, truncated or damaged; VPMU_INCOMPATIBLE: does not fit in memory
 * or is for another machine. The reason is in why.
 */
enum vpmu_status machine_load(struct machine *machine, const uint8_t *image, size_t bytes, char *why,
			      size_t why_bytes);

void machine_run(struct machine *machine, struct machine_result *result);

/* Makes machine_run() return soon. Async-signal-safe. */
void machine_stop_soon(struct machine *machine);

/* The PMU, to look at its registers after a run. */
struct vpmu_pmu *machine_pmu(struct machine *machine);

void machine_destroy(struct machine *machine);

#endif
