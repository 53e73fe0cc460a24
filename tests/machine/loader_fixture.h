/* SPDX-License-Identifier: MIT */
/* A memory of 4 MiB to load images into, and what came of it: the loader's tests share it. */
#ifndef LOADER_FIXTURE_H
#define LOADER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <machine/board/room.h>

#include "guest_image.h"

extern struct guest_memory memory;
extern struct made_image image; /* what load() loads */
extern struct cpu_entry entry;  /* where the guest would begin */
extern char why[160];
extern const char *append;

int setup(void **state);
int teardown(void **state);

enum vpmu_status load_bytes(const uint8_t *data, size_t bytes);

/* From memory of exactly that size, so that the sanitizer sees a read beyond it. */
enum vpmu_status load(void);

/* A number in the guest's memory. */
uint64_t at(uint64_t address, unsigned bytes);

bool memory_is_untouched(void);
void assert_refused(enum vpmu_status expected, const char *reason);

/* The image of these numbers is refused for this reason. */
void refused(const struct made_elf *elf, enum vpmu_status status, const char *reason);

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
