/* SPDX-License-Identifier: MIT */
/*
 * What src/machine shows to the tool: one embedded virtual machine with one vCPU and its PMU.
 *
 * create → load → run → (look) → destroy. One machine belongs to one thread at a time; only
 * machine_stop_soon() may be called from a signal handler.
 */
#ifndef MACHINE_ROOM_H
#define MACHINE_ROOM_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpmu/pmu.h>
#include <vpmu/simulate.h>
#include <vpmu/state.h>

struct machine;
struct machine_event;

/*
 * What executes the guest. Unicorn: exact to the instruction, with the PMU of any model. KVM: with
 * KVM's own PMU, where this host's KVM has one (vpmu_kvm_probe()), or with a model that has none.
 * KVM counts no instructions, so it has no limit, no pause, no save, no reset, no migration, and
 * reports no events.
 */
struct cpu_ops;
extern const struct cpu_ops cpu_unicorn, cpu_kvm;

struct machine_config {
	const struct cpu_ops *cpu;
	struct vpmu_model model;
	const struct vpmu_profile *profile; /* NULL: hardware */
	const struct vpmu_host *host;       /* under a Linux profile; copied. NULL: the default */
	uint64_t memory_bytes;              /* a multiple of 1 MiB, 2 MiB to 4 GiB */
	const char *append;                 /* the guest's command line, or NULL */
	uint64_t max_instructions;          /* 0: no limit */
	/* Each byte that the guest sends on the serial port. */
	void (*serial)(void *context, uint8_t byte);
	/* Called for each event of the PMU, for a timeline; NULL: nobody wants them. */
	void (*event)(void *context, const struct machine_event *event);
	void *context;
};

/* One event, at an instruction boundary. */
struct machine_event {
	enum machine_event_kind {
		MACHINE_EVENT_MSR_WRITE, /* the guest wrote a PMU register */
		MACHINE_EVENT_PMI,       /* a PMI was delivered */
		MACHINE_EVENT_INTERRUPT, /* an interrupt or NMI was taken */
		MACHINE_EVENT_OVERFLOW,  /* status bits that came on, in value */
		MACHINE_EVENT_ENTRY,     /* the vCPU was entered: other counters may count now */
	} kind;
	uint64_t instruction; /* retired so far */
	uint64_t rip;
	uint32_t msr;   /* MSR_WRITE */
	uint64_t value; /* MSR_WRITE: the value; INTERRUPT, PMI: the vector; OVERFLOW: the bits */
};

/*
 * The longest life of a machine, in ticks: retired instructions plus time spent halted. Below it,
 * no count (a tick makes a few) gets near the end of 64 bits, or to a number that means "never". (A
 * guest can get there by loops that are folded, or by waiting.)
 */
#define MACHINE_TICKS_MOST (UINT64_C(1) << 59)

/* How a run ended. */
enum machine_end {
	MACHINE_END_EXIT,         /* the guest wrote to port 0xf4: exit_value */
	MACHINE_END_INSTRUCTIONS, /* max_instructions reached */
	MACHINE_END_TIME,         /* MACHINE_TICKS_MOST reached */
	MACHINE_END_STOPPED,      /* machine_stop_soon() */
	MACHINE_END_PAUSED,       /* machine_pause_at(): run again to go on */
	MACHINE_END_DEADLOCK,     /* halted with nothing that could wake it */
	MACHINE_END_TRIPLE_FAULT,
	MACHINE_END_UNSUPPORTED, /* an instruction that this machine cannot execute */
	MACHINE_END_NO_MEMORY,   /* the host has none */
};

struct machine_result {
	enum machine_end end;
	uint32_t exit_value;
	uint64_t rip;
	struct vpmu_amounts totals; /* instructions and branches are always exact */
	char why[160];              /* one line, for all but EXIT */
	bool pmu_is_known;          /* machine_pmu() has what the guest left */
	char pmu_why[160];          /* one line, when not */
};

/* NULL with the reason in why (one line, no newline). */
struct machine *machine_create(const struct machine_config *config, char *why, size_t why_bytes);

/*
 * Loads a guest: ELF64, or a multiboot 1 image in ELF32 or ELF64. `image` may be freed afterwards.
 * VPMU_BAD_DATA: not such a file, truncated or damaged; VPMU_INCOMPATIBLE: does not fit in memory
 * or is for another machine. The reason is in why.
 */
enum vpmu_status machine_load(struct machine *machine, const uint8_t *image, size_t bytes,
                              char *why, size_t why_bytes);

void machine_run(struct machine *machine, struct machine_result *result);

/*
 * Makes machine_run() return when exactly that many instructions have retired; nothing else about
 * the run changes. UINT64_MAX, as at the start: never.
 */
void machine_pause_at(struct machine *machine, uint64_t instruction);

/* Whether the machine counts retired instructions. If not, all such numbers are 0. */
bool machine_counts(const struct machine *machine);

/* Retired instructions. Call it only between two runs. */
uint64_t machine_retired(const struct machine *machine);

/* Makes machine_run() return soon. Async-signal-safe. */
void machine_stop_soon(struct machine *machine);

/* The PMU, to look at its registers after a run. */
struct vpmu_pmu *machine_pmu(struct machine *machine);

/* --- A machine's life. All of it between two runs --------------------------------------------- */

/*
 * Resets the machine: CPU, APIC, memory, all counts to 0, and the PMU by a put of reset values in
 * this order. Load a guest again afterwards. VPMU_REFUSED, VPMU_HOST with the reason in why: the
 * machine is unusable. VPMU_BAD_ARGUMENT: its CPU counts no instructions.
 */
enum vpmu_status machine_reset(struct machine *machine, const struct vpmu_order *order, char *why,
                               size_t why_bytes);

/* Numbers of the caller's own that travel with a saved machine. */
enum { MACHINE_NOTES = 128 };
struct machine_notes {
	size_t count;
	uint64_t values[MACHINE_NOTES];
};

/* Where a saved machine is written. False: it takes no more. */
struct machine_sink {
	bool (*write)(void *context, const void *bytes, size_t count);
	void *context;
};

/*
 * Saves everything that can make a difference to the guest: registers, memory, APIC, time, what has
 * been counted, and the PMU's state as vpmu_state_get() reads it. docs/migration.md has the format.
 * VPMU_BAD_ARGUMENT: the guest has ended, or its CPU counts no instructions; VPMU_HOST: the sink
 * failed, or there is no memory. The machine is unchanged.
 */
enum vpmu_status machine_save(struct machine *machine, const struct machine_notes *notes,
                              const struct machine_sink *sink, char *why, size_t why_bytes);

/* Where a saved machine is read from: fills `into`. Returns the number of bytes, less than `count`
 * only at the end, or -1 with errno set. */
struct machine_origin {
	long (*read)(void *context, void *into, size_t count);
	void *context;
};

/* What a machine is restored to. */
struct machine_restore {
	/* memory_bytes: an upper limit. model: used if has_model; the saved machine must then be of
	 * that model. profile, host: NULL for the saved one. append: not used. */
	struct machine_config config;
	bool has_model;
	const struct vpmu_order *order; /* of the put of the PMU's state, at level full */
};

/*
 * Makes a machine from a saved one. NULL: *status is VPMU_BAD_DATA (damaged), VPMU_INCOMPATIBLE
 * (for another model, a newer version, more memory), VPMU_REFUSED (the PMU took not all of its
 * state) or VPMU_HOST; the reason is in why. max_instructions counts from the guest's start.
 */
struct machine *machine_load_saved(const struct machine_restore *restore,
                                   const struct machine_origin *origin, struct machine_notes *notes,
                                   enum vpmu_status *status, char *why, size_t why_bytes);

/* --- Live migration: docs/migration.md -------------------------------------------------------- */

struct migration;

enum migration_state {
	MIGRATION_GOING,  /* run the guest, and step again soon */
	MIGRATION_DONE,   /* the destination runs it: never run it here again */
	MIGRATION_FAILED, /* the guest stays here: run on; migration_why() */
	MIGRATION_DOUBT,  /* the destination may have it, which cannot be known: do not run it */
};

struct migration_progress {
	uint64_t bytes, pages;
	unsigned rounds; /* complete rounds */
};

/*
 * How long a migration may take, and what ends it sooner. Each limit is for a whole phase, so a
 * peer that sends a byte at a time gains nothing. A migration that exceeds a limit has failed.
 */
struct migration_limits {
	/* While the guest stands still: once to reach the destination, and once from the last round
	 * to DONE. At the destination: until the source has said what comes, and from PREPARED to
	 * COMMIT. */
	unsigned still_ms;
	unsigned copy_ms;                  /* from the connection to the last round */
	const volatile sig_atomic_t *stop; /* not 0: everything ends soon; may be NULL */
};

/*
 * Begins to send the machine over a connected socket, which belongs to the migration from now on.
 * NULL: the reason is in why, and the socket is still the caller's.
 */
struct migration *migration_begin(struct machine *machine, int fd,
                                  const struct migration_limits *limits, char *why,
                                  size_t why_bytes);

/* Does some of the work; hands the guest over when little is left to send. After any result but
 * MIGRATION_GOING, call only migration_end(). */
enum migration_state migration_step(struct migration *migration, struct machine *machine,
                                    const struct machine_notes *notes);

/* Cancels the migration, because the guest has ended or is to stay here, and tells the
 * destination. */
void migration_cancel(struct migration *migration, const char *why);
struct migration_progress migration_progress(const struct migration *migration);
const char *migration_why(const struct migration *migration);
void migration_end(struct migration *migration);

/* Why no machine was received. */
struct migration_refusal {
	enum vpmu_status status; /* as machine_load_saved(); also VPMU_HOST: the source is gone or
	                            has cancelled, a limit was exceeded, or a signal came */
	bool is_no_migration;    /* the peer was silent, or no source at all: another may connect */
	char why[512];
};

/*
 * Receives a machine over a connected socket. Returns it once this process may run it. NULL: this
 * process must not run it; the source has been told why, if that was possible.
 */
struct machine *migration_receive(const struct machine_restore *restore, int fd,
                                  const struct migration_limits *limits,
                                  struct machine_notes *notes, struct migration_refusal *refusal);

/*
 * Addresses: unix:PATH, tcp:HOST:PORT. Without any_host only this host is accepted, since the
 * stream is neither encrypted nor authenticated. address_connect() returns a connected socket, or
 * -1 with the reason in why; it takes no longer than limits->still_ms.
 */
int address_connect(const char *address, bool any_host, const struct migration_limits *limits,
                    char *why, size_t why_bytes);

/* NULL: the reason is in why, and *status is VPMU_BAD_ARGUMENT for an address that is invalid or
 * not this host's, VPMU_HOST for what this host lacks. Port 0: any free port. */
struct listener;
struct listener *address_listen(const char *address, bool any_host,
                                const struct migration_limits *limits, enum vpmu_status *status,
                                char *why, size_t why_bytes);

/* The address that it listens at, with the port that was chosen; NULL when none was. */
const char *listener_chosen(const struct listener *listener);

/* Waits for a connection, without a time limit. -1: limits->stop, or the reason is in why. */
int listener_accept(struct listener *listener, const struct migration_limits *limits, char *why,
                    size_t why_bytes);
void listener_end(struct listener *listener);

/* The machine's configuration. Lives as long as the machine. */
const struct machine_config *machine_config(const struct machine *machine);
const char *machine_profile_name(const struct machine *machine);

void machine_destroy(struct machine *machine);

#endif
