/* SPDX-License-Identifier: MIT */
/*
 * A QEMU for the plugin's tests: it has the plugin API's functions, one vCPU in long mode with
 * physical memory where linear memory is, an APIC, and a few instructions. It translates each block
 * anew, calls back as QEMU does, and ends a block where QEMU ends it.
 */
#ifndef TESTS_QEMU_FAKE_H
#define TESTS_QEMU_FAKE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	FAKE_MEMORY = 1 << 20,
	FAKE_CODE = 0x1000,
	FAKE_STACK = 0x80000,
	FAKE_HANDLER_UD = 0x9000, /* where the IDT's gates point to */
	FAKE_HANDLER_GP = 0x9100,
	FAKE_HANDLER_PF = 0x9200,
	FAKE_HANDLER_TIMER = 0x9300, /* a NOP and an IRET */
	FAKE_HANDLER_INT = 0x9400,
	FAKE_USER = 0x1b, /* a CS of ring 3 */
	FAKE_IDT = 0x8000,
	FAKE_INTERRUPTS = 64,
	/* A hypervisor's: its VMCB, the map of MSRs that exit, and its guest's memory. */
	FAKE_VMCB = 0x20000,
	FAKE_MSRPM = 0x22000,
	FAKE_NESTED = 0x30000, /* tables of nested paging */
	FAKE_GUEST = 0x40000,
	FAKE_GUEST_PAGES = 64
};

enum fake_reg {
	FAKE_RAX,
	FAKE_RBX,
	FAKE_RCX,
	FAKE_RDX,
	FAKE_RSP,
	FAKE_RIP,
	FAKE_EFLAGS,
	FAKE_CS,
	FAKE_SS,
	FAKE_CR0,
	FAKE_CR2,
	FAKE_CR3,
	FAKE_CR4,
	FAKE_EFER,
	FAKE_REGS
};

struct fake {
	uint64_t reg[FAKE_REGS];
	uint8_t memory[FAKE_MEMORY];
	uint32_t lvtpc;
	/* Interrupts that were taken: the address of the instruction that they were taken before.
	 */
	uint64_t taken_at[FAKE_INTERRUPTS];
	unsigned taken;
	uint32_t message;       /* the last MSI */
	unsigned rep_entries;   /* how often a REP is entered until it has ended */
	unsigned interrupt_rep; /* an interrupt at this entry of a REP; 0: none */
	bool faults;            /* the next load or IRET page-faults, once */
	bool changes_itself;    /* the next store is into its own block, once */
	bool timer_at_jump;     /* another interrupt comes while the next jump is executed, once */
	bool idle_at_plant;     /* the vCPU is stopped when a jump is written into its code, once */
	uint8_t memory_when_idle[FAKE_MEMORY];
	bool zero;                /* ZF: whether JZ jumps */
	bool timer_at_jz;         /* another interrupt comes while the next JZ is executed, once */
	bool timer_at_iret;       /* the same for an IRET */
	bool timer;               /* it has come */
	bool timer_at_rdmsr;      /* the same for an RDMSR */
	bool ends_at_rdmsr;       /* a block does, as at the end of a page */
	bool in_guest, nested;    /* SVM's guest mode; with nested paging */
	uint64_t host[FAKE_REGS]; /* the host's registers meanwhile */
	unsigned exits;
	bool rdpmc_exits;  /* of a guest; else its #UD does */
	bool vmrun_faults; /* the next one, once */
	bool interrupts;   /* an interrupt comes at the next block's start */
	unsigned executed; /* instructions that have retired */
	unsigned blocks;   /* that have been entered */
	uint64_t data;     /* where loads and stores are */
	unsigned resets;   /* of the plugin */
	unsigned late; /* the next one comes so many blocks late, as when another vCPU has asked */
	unsigned ops;  /* that the last block had of the plugin */
};

extern struct fake fake;

/* Installs the plugin with these options and makes a vCPU; what qemu_plugin_install() says. */
int fake_begin(int argc, char **argv);
/* Runs from FAKE_CODE to a HLT. */
void fake_run(void);
void fake_write(uint64_t address, const void *code, unsigned bytes);
/* A guest of AMD's SVM with this code at FAKE_CODE: RAX is made its VMCB's address, and VMRUN leads
 * there. Its HLTs, faults, interrupts and CPUIDs exit, and its MSRs, if all_msrs. With nested
 * paging FAKE_GUEST is its address 0; with_tables: it has paging itself. */
void fake_guest(const void *code, unsigned bytes, bool nested, bool with_tables, bool all_msrs);
/* A word of its VMCB. */
uint64_t fake_vmcb(unsigned offset);

/* The vCPU is stopped, and goes on. */
void fake_idle(void);
void fake_resume(void);
/* Translations are dropped, in the vCPU's thread; and in another, for a snapshot. */
void fake_flush(void);
void fake_load(void);
void fake_end(void);

#endif
