/* SPDX-License-Identifier: MIT */
/* What every guest has around its guest_main(): the command line, checks, and the exit. */
#ifndef GUEST_GUEST_H
#define GUEST_GUEST_H

#include <stdbool.h>
#include <stdint.h>

/* What a guest writes to port 0xf4; its runner exits with (value << 1) | 1, so 1 is success. */
enum guest_exit {
	GUEST_PASSED = 0,  /* exit status 1 */
	GUEST_FAILED = 1,  /* exit status 3: a check failed */
	GUEST_NO_PMU = 2,  /* exit status 5: nothing to check on this machine */
	GUEST_CRASHED = 3, /* exit status 7: an exception that nobody expected */
};

__attribute__((noreturn)) void guest_exit(enum guest_exit value);

struct pmu;

/* The guest itself. Whatever it returns is written to port 0xf4. */
enum guest_exit guest_main(const struct pmu *pmu);

/* The guest's job on a machine without a PMU; main.c has one that only says so. */
enum guest_exit guest_without_pmu(void);

/* NAME=NUMBER on the command line, else `otherwise`. */
uint64_t argument_number(const char *name, uint64_t otherwise);

/* Whether the word NAME is on the command line. */
bool argument_given(const char *name);

/*
 * Checks come in groups: each group prints one line when it ends, each failed check one before it.
 * check() returns whether it holds.
 */
void check_begin(const char *group);
__attribute__((format(printf, 2, 3))) bool check(bool holds, const char *format, ...);
bool check_equal(uint64_t got, uint64_t wanted, const char *what);
void check_end(void);

/* The last line, and the guest's verdict. */
enum guest_exit check_verdict(void);

#endif
