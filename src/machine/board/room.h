/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the board share: the machine itself, guest memory, the loader, the ports, the
 * MSRs and CPUID. The CPU is behind cpu.h, the local APIC behind apic.h.
 */
#ifndef MACHINE_BOARD_ROOM_H
#define MACHINE_BOARD_ROOM_H

#include <signal.h>

#include <base/room.h>
#include <machine/cpu.h>
#include <machine/room.h>

#include "apic.h"

#define MIB UINT64_C(0x100000)

/* Which vendors' CPUs have a table's row. */
enum whose {
	NOT_AMD = 1 << VPMU_VENDOR_INTEL | 1 << VPMU_VENDOR_ZHAOXIN | 1 << VPMU_VENDOR_INTEL_P6,
	AMD = 1 << VPMU_VENDOR_AMD,
	EVERYBODY = NOT_AMD | AMD,
};

/* Physical memory: RAM from 0 to the device window at most. */
#define DEVICE_BASE  UINT64_C(0xfec00000)
#define DEVICE_BYTES UINT64_C(0x00400000)

/* --- memory.c: guest RAM, in a memfd so that a CPU can map it a second time ------------------- */

struct guest_memory {
	uint8_t *base;
	uint64_t bytes;
	int fd;
};

/* VPMU_HOST: errno tells. RAM beyond the device window is left out. */
enum vpmu_status memory_make(struct guest_memory *memory, uint64_t bytes);
void memory_unmake(struct guest_memory *memory);

/* Makes it all zeros again, in every mapping. VPMU_HOST: errno tells. */
enum vpmu_status memory_clear(struct guest_memory *memory);

/* The only way to guest memory, and a checked one: `bytes` of it at a physical address, or NULL. */
void *memory_at(const struct guest_memory *memory, uint64_t address, uint64_t bytes);

/* --- loader.c, elf.c, multiboot.c ------------------------------------------------------------- */

/* The board's own part of low memory: docs/guest-abi.md. */
enum {
	BOARD_PAGE_TABLES = 0x1000,
	BOARD_GDT = 0x7000,
	BOARD_INFORMATION = 0x8000,
	BOARD_COMMAND_LINE = 0x9000,
	BOARD_COMMAND_LINE_BYTES = 0x1000,
	BOARD_STACK_TOP = 0x1fff0,
	BOARD_END = 0x20000,
};

/* A guest's file, and where a reason for refusing it goes. */
struct image {
	const uint8_t *data;
	size_t bytes;
	struct text why;
};

/* One part of the file to be put in memory. Where memory_bytes exceeds file_bytes, the rest is
 * zeros. */
struct segment {
	uint64_t offset, file_bytes;
	uint64_t address, memory_bytes;
};

enum { MAX_SEGMENTS = 64 };

/* What is to be loaded: found first, checked as a whole, and only then written. */
struct layout {
	struct segment segments[MAX_SEGMENTS];
	unsigned count;
	uint64_t entry;
	bool long_mode;
	uint32_t header_flags; /* multiboot */
};

/* The checked accessors of a file: `bytes` at an offset, or NULL; little-endian numbers. */
const uint8_t *image_at(const struct image *image, uint64_t offset, uint64_t bytes);
uint64_t load_le(const uint8_t *p, unsigned bytes);
void store_le(uint8_t *p, unsigned bytes, uint64_t value);

/* Adds a segment; false with a reason when there are too many or it does not lie in the file. */
bool layout_add(struct layout *layout, struct image *image, const struct segment *segment);

/* Store a reason, as "what: 0xvalue", and return `status`. */
enum vpmu_status refuse(struct image *image, enum vpmu_status status, const char *what);
enum vpmu_status refuse_value(struct image *image, enum vpmu_status status, const char *what,
                              uint64_t value);

/* Which address of an ELF segment counts. */
enum elf_address { ELF_BY_VIRTUAL, ELF_BY_PHYSICAL };

bool elf_is(const struct image *image);
unsigned elf_bits(const struct image *image); /* 32 or 64; 0: damaged. Only of an elf_is() */
enum vpmu_status elf_layout(struct image *image, enum elf_address by, struct layout *layout);

/* The offset of a multiboot header, or -1. */
int64_t multiboot_find(const struct image *image);
enum vpmu_status multiboot_layout(struct image *image, uint64_t header, struct layout *layout);
void multiboot_information(const struct guest_memory *memory, const struct layout *layout);

/* Loads an image and its command line, and says how to enter it. Memory must be all zeros; it is
 * unchanged on a failure. */
enum vpmu_status loader_load(const struct guest_memory *memory, struct image *image,
                             const char *append, struct cpu_entry *entry);

/* --- ports.c ---------------------------------------------------------------------------------- */

struct ports {
	void (*serial)(void *context, uint8_t byte);
	void *context;
	uint8_t uart[8]; /* what was written to IER … SCR */
	uint16_t fw_key; /* the item that 0x511 reads, and from where */
	uint32_t fw_offset;
	uint64_t ram_bytes;
	bool exited;
	uint32_t exit_value;
};

uint32_t ports_read(struct ports *ports, uint16_t port, unsigned size);
void ports_write(struct ports *ports, uint16_t port, unsigned size, uint32_t value);

/* --- msr.c, cpuid.c --------------------------------------------------------------------------- */

enum { MSR_SLOTS = 64 };

struct machine_cpuid {
	struct vpmu_cpuid leaves[32]; /* ascending by leaf, subleaf */
	unsigned count;
};

void cpuid_make(struct machine_cpuid *table, const struct vpmu_model *model);
const struct vpmu_cpuid *cpuid_find(const struct machine_cpuid *table, uint32_t leaf,
                                    uint32_t subleaf);

/* How many values the rows store: at most MSR_SLOTS. */
unsigned msr_slots(void);
/* Whether the PMU owns only some bits of a register: then use msr_read() and msr_write(), not the
 * PMU. */
bool msr_is_shared(uint32_t msr);

void msr_reset(struct machine *machine);
enum vpmu_status msr_read(struct machine *machine, uint32_t msr, uint64_t *value);
enum vpmu_status msr_write(struct machine *machine, uint32_t msr, uint64_t value);

/* --- board.c, machine.c, reset.c
 * ------------------------------------------------------------------------
 */

struct machine {
	struct vpmu_pmu *pmu;
	const struct cpu_ops *ops; /* the CPU's */
	struct cpu *cpu;
	struct apic apic;
	struct guest_memory memory;
	struct ports ports;
	struct machine_cpuid cpuid;
	uint64_t msrs[MSR_SLOTS];

	struct machine_config config;
	char *append;
	bool loaded;
	bool entered; /* the vCPU, since it was loaded, restored or reset */

	uint64_t tsc_adjust;  /* IA32_TSC_ADJUST */
	uint64_t misc_enable; /* IA32_MISC_ENABLE without the PMU's bits */
	uint64_t idle;        /* ticks that passed without an instruction */
	uint64_t interrupts;  /* taken so far */
	uint32_t status_msr;  /* the model's global status, 0: it has none */
	uint64_t status_seen; /* its value when last looked at */
	uint64_t waited_at;   /* interrupts taken when a halt last waited for the timer */
	uint64_t pause_at;    /* the instruction after which a run pauses; UINT64_MAX: none */
	volatile sig_atomic_t stop_asked;

	_Alignas(VPMU_PMU_ALIGN) uint8_t pmu_memory[VPMU_PMU_BYTES];
};

/* What the board answers the CPU. */
extern const struct cpu_board board_calls;

/* The instruction that the run does not go beyond: a limit, a pause, the end of time. */
static inline uint64_t machine_limit(const struct machine *machine)
{
	uint64_t most = MACHINE_TICKS_MOST - machine->idle,
		 limit = machine->config.max_instructions;

	if (machine->pause_at < most)
		most = machine->pause_at;
	return limit && limit < most ? limit : most;
}

/* Whether the machine can be reset, saved and migrated; if not, why says so. */
bool machine_has_a_life(const struct machine *machine, struct text *why);

/* Fills in the registers of the model that hold a value but that its state leaves to the rest of
 * the VMM. Returns how many. */
unsigned board_shared_registers(const struct machine *machine,
                                struct vpmu_register registers[VPMU_MAX_REGISTERS]);

/* The time in ticks. */
uint64_t board_now(const struct machine *machine);

/* Delivers the PMIs that an outcome asks for, and reports overflows. */
void board_pmis(struct machine *machine, struct vpmu_outcome outcome);

/* Enters the vCPU, as KVM_RUN does: a profile may begin to count only then. */
void board_enter(struct machine *machine);

/* Reports status bits that have been set since the last look. */
void board_look_at_status(struct machine *machine);

/* Reports an event; msr and value as in struct machine_event. */
void board_tell(struct machine *machine, enum machine_event_kind kind, uint32_t msr,
                uint64_t value);

#endif
