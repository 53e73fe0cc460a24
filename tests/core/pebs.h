/* SPDX-License-Identifier: MIT */
/* A guest's memory with a DS area, and a register machine that samples. */
#ifndef TESTS_CORE_PEBS_H
#define TESTS_CORE_PEBS_H

#include "machine.h"

enum {
	PEBS_ENABLE = 0x3f1,
	DS_AREA = 0x600,
	AREA = 0x100000, /* the DS area, and behind it the buffer: */
	BUFFER = AREA + 0x100,
	MEMORY = 0x1000,
	INDEX = 0x28,
	MAXIMUM = 0x30,
	THRESHOLD = 0x38,
	RESET = 0x40,
	FIXED_RESET = 0x80,
	FOREVER = 0x7fffffff,
};
#define OVF_BUF    (UINT64_C(1) << 62)
#define WIDTH_MASK ((UINT64_C(1) << 48) - 1)

/* The guest's memory from AREA on, and up to where it can be read and written. */
extern struct memory {
	uint8_t bytes[MEMORY];
	uint64_t read_end, write_end;
	size_t read; /* bytes that were read */
} memory;

uint64_t word(uint64_t address);
void set_word(uint64_t address, uint64_t value);

/* What a record is given. */
extern const struct vpmu_pebs at;

/* A buffer of so many records, and of which the n-th asks for a PMI. */
void make_area(unsigned record, unsigned records, unsigned threshold);

/* A machine whose counters 0 and 1 count instructions and branches, with PEBS: counter 0 overflows
 * after three. */
struct vpmu_pmu *sampler(const char *name);

/* Bytes in the buffer. */
uint64_t written(void);

/* So many instructions, of which so many branches. */
void run(struct vpmu_pmu *pmu, uint64_t instructions, uint64_t branches);

#endif
