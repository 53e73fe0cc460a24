/* SPDX-License-Identifier: MIT */
/*
 * The one small interface between the board (memory, devices, APIC, PMU) and whatever executes
 * guest instructions: Unicorn or KVM (room.h).
 *
 * The CPU calls the board through struct cpu_board; the board drives the CPU through struct
 * cpu_ops. Time is counted in retired guest instructions, where the CPU counts them.
 *
 * KVM does not count instructions, and has its own local APIC, PMU, time and MSRs. It uses only the
 * board's memory and ports, and cannot be told to stop at an instruction.
 */
#ifndef MACHINE_CPU_H
#define MACHINE_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include <vpmu/pmu.h>

/* What the CPU asks of the board. `board` is the pointer given to create(). */
struct cpu_board {
	/* IN and OUT; size is 1, 2 or 4 bytes. May be called in the middle of the CPU's own work:
	 * must not call back into the CPU. stop_soon() is the exception. */
	uint32_t (*port_read)(void *board, uint16_t port, unsigned size);
	void (*port_write)(void *board, uint16_t port, unsigned size, uint32_t value);

	/* Device memory (the local APIC's page). The same restriction. */
	uint64_t (*device_read)(void *board, uint64_t address, unsigned size);
	void (*device_write)(void *board, uint64_t address, unsigned size, uint64_t value);

	/* RDMSR and WRMSR of what is not the CPU's own (the CPU keeps EFER, FS/GS base, STAR …):
	 * VPMU_OK, or anything else for #GP. Everything retired before the instruction has been
	 * accounted when they are called; the WRMSR itself is accounted before it takes effect.
	 * RDTSC reads 0x10 and RDTSCP also 0xc0000103 through read_msr: the board keeps the time.
	 * retired() and rip() may be called from every one of these calls: exact from the
	 * MSR ones, pmi and take_interrupt, at worst off by part of a block from the others. */
	enum vpmu_status (*read_msr)(void *board, uint32_t msr, uint64_t *value);
	enum vpmu_status (*write_msr)(void *board, uint32_t msr, uint64_t value);

	void (*cpuid)(void *board, uint32_t leaf, uint32_t subleaf, uint32_t regs[4]);

	/* The next interrupt to take: NMI first, then (if if_flag) the highest vector above the
	 * priority that CR8 sets. Returns false if there is none; *vector 2 stands for NMI. Taking
	 * one is final: the APIC moves it from IRR to ISR. nmi_blocked: an NMI is being handled. */
	bool (*take_interrupt)(void *board, bool if_flag, bool nmi_blocked, uint8_t *vector);

	/* CR8 as the guest writes and reads it: the APIC's task priority. */
	void (*write_cr8)(void *board, uint64_t value);
	uint64_t (*read_cr8)(void *board);

	/* A PMI is due at this instruction boundary (as many as outcome.pmi says). */
	void (*pmi)(void *board);

	/* The retired instruction number at which the board wants the CPU to stop exactly (its
	 * timer, a limit), at most MACHINE_TICKS_MOST. Asked after every MSR, port or device
	 * access. */
	uint64_t (*deadline)(void *board);

	/* VMCALL and VMMCALL at CPL 0: RAX, and RBX RCX RDX RSI. Returns the new RAX. The
	 * instruction retires like any other. (At CPL 3 both are #UD.) */
	uint64_t (*hypercall)(void *board, uint64_t number, const uint64_t arguments[4]);
};

enum cpu_stop {
	CPU_STOP_DEADLINE,     /* the deadline's instruction has retired */
	CPU_STOP_REQUESTED,    /* stop_soon() */
	CPU_STOP_HALTED,       /* HLT, and no interrupt to take: run again when there is one */
	CPU_STOP_TRIPLE_FAULT, /* why() tells of the exceptions */
	CPU_STOP_UNSUPPORTED,  /* an instruction that this CPU cannot execute: why() */
	CPU_STOP_NO_MEMORY,    /* the host has none: why() */
};

struct cpu;

struct cpu_config {
	struct vpmu_pmu *pmu; /* accounted to, asked for headroom and wanted classes */
	uint8_t *memory;      /* guest RAM from physical address 0, the board's */
	int memory_fd;        /* the memfd behind it */
	uint64_t memory_bytes;
	uint64_t device_base, device_bytes; /* one window of device memory, page aligned */
};

/* The state of the CPU at a multiboot entry (flat 32-bit protected mode) or a 64-bit one. */
struct cpu_entry {
	bool long_mode; /* else 32-bit protected mode, paging off */
	uint64_t rip, rsp;
	uint64_t rax, rbx, rdi, rsi;
	uint64_t cr0, cr3, cr4, efer; /* CR3 for long_mode: page tables that the board has made */
	/* The descriptor table that the board has made, for GDTR: */
	uint32_t gdt_base;
	uint16_t gdt_limit;
};

/* The descriptor table's selectors: flat, ring 0. At an entry CS is CODE64 or CODE32, and all other
 * segments are DATA. */
enum { CPU_SELECTOR_CODE64 = 0x08, CPU_SELECTOR_DATA = 0x10, CPU_SELECTOR_CODE32 = 0x18 };

struct pack;
struct unpack;

/* What executes instructions. */
struct cpu_ops {
	/* Whether the CPU counts instructions. Only then do retired(), totals(), the board's
	 * deadline, save() and restore() mean something, and everything that is reported by
	 * instruction. */
	bool counts;

	/* Makes a CPU. NULL, with a reason in why (one line, no newline), when that is not
	 * possible. */
	struct cpu *(*create)(const struct cpu_config *config, const struct cpu_board *calls,
	                      void *board, char *why, unsigned why_bytes);
	void (*destroy)(struct cpu *cpu);

	/* Puts the CPU at an entry point, everything else as after reset. */
	void (*enter_at)(struct cpu *cpu, const struct cpu_entry *entry);

	/*
	 * Runs until something in enum cpu_stop. Takes interrupts at instruction boundaries,
	 * honours STI's shadow and NMI blocking, delivers exceptions through the guest's IDT.
	 */
	enum cpu_stop (*run)(struct cpu *cpu);

	/* Makes run() return at the end of the current instruction (or soon after, from a signal).
	 */
	void (*stop_soon)(struct cpu *cpu);

	/* RIP, for reports. */
	uint64_t (*rip)(const struct cpu *cpu);

	/* A one-line description of the last CPU_STOP_TRIPLE_FAULT or CPU_STOP_UNSUPPORTED. */
	const char *(*why)(const struct cpu *cpu);

	/* For a CPU with a PMU of its own: copies its registers into config.pmu, which is then
	 * their image. False with the reason in why. NULL: config.pmu is the PMU. */
	bool (*fetch_pmu)(struct cpu *cpu, char *why, unsigned why_bytes);

	/* Retired guest instructions since create(); 0 where they are not counted. */
	uint64_t (*retired)(const struct cpu *cpu);

	/* Everything that has happened since create(). Only instructions and branches are always
	 * exact; the other classes are counted only while they are wanted. */
	void (*totals)(const struct cpu *cpu, struct vpmu_amounts *out);

	/* --- Only of a CPU that counts; else NULL ----------------------------------------- */

	/*
	 * Packs the CPU's part of a saved machine: everything but memory. Only between two runs.
	 * False: the CPU's run has ended for good, so it cannot be saved.
	 */
	bool (*save)(struct cpu *cpu, struct pack *pack);

	/* Only for a CPU that has not run yet. False: damaged data, as unpack->wrong says; the CPU
	 * is then unusable. */
	bool (*restore)(struct cpu *cpu, struct unpack *unpack);

	/* Whether restore() would take what save() has packed. Applies the same rules. False:
	 * unpack->wrong says why, which may be "no memory". */
	bool (*restores)(struct unpack *unpack);

	/* Puts the CPU in the state after create(), with all counts at 0; enter_at() must
	 * follow. */
	void (*reset)(struct cpu *cpu);
};

#endif
