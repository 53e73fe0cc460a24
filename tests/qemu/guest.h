/* SPDX-License-Identifier: MIT */
/* The guest of the plugin's tests, in a QEMU of their own (fake_qemu.h): its code and its PMU. */
#ifndef TESTS_QEMU_GUEST_H
#define TESTS_QEMU_GUEST_H

#include <qemu/room_int.h>

#include "fake_qemu.h"

enum {
	PMC0 = 0xc1,
	SEL0 = 0x186,
	FIXED_CTRL = 0x38d,
	GLOBAL_CTRL = 0x38f,
	FIXED0 = 0x309,
	AMD_SEL0 = 0xc0010200u,
	AMD_CTR0 = 0xc0010201u
};

#define SEL_INSNS    UINT64_C(0x5300c0) /* user and kernel, with a PMI, enabled */
#define SEL_BRANCHES UINT64_C(0x5300c4)
#define SEL_CYCLES   UINT64_C(0x53003c)

/* INC RAX, MOV, NOP, load: a block of every kind of segment. */
#define MIX "\x48\xff\xc0\x89\xd8\x90\x8a\x07"

/* The address of the n-th instruction of MIX MIX MIX…. */
uint64_t address_of(unsigned n);

/* A QEMU of which nothing is left of the one before, with these options of the plugin's, NULL:
 * none; what the plugin's installation says. */
int guest_start(const char *model, const char *first, const char *second);

/* The same, where it must begin. */
void begin_with(const char *model, const char *more);
void begin(void);

/* As the guest's kernel. */
void write_msr(uint32_t msr, uint64_t value);
uint64_t read_msr(uint32_t msr);

/* Counter 0 counts the event, from `before` events before its overflow. */
void count_from(uint64_t selector, uint64_t before);

/* What it executes. */
void code(const char *bytes, unsigned length);
#define CODE(bytes) code(bytes, sizeof(bytes) - 1)

#endif
