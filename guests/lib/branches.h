/* SPDX-License-Identifier: MIT */
/* Code whose branches are known: branches.S has a row for each, in the order in which they are
 * taken. */
#ifndef GUEST_BRANCHES_H
#define GUEST_BRANCHES_H

/* Kinds, as IA32_LBR_x_INFO has them. */
#define BRANCH_CONDITIONAL   0
#define BRANCH_JUMP_INDIRECT 1
#define BRANCH_JUMP          2
#define BRANCH_CALL_INDIRECT 3
#define BRANCH_CALL          4
#define BRANCH_RETURN        5
#define BRANCH_FAR           8

/* Instructions of branches_run() and branches_body() from behind the first WRMSR up to and with the
 * direct call, the rows of which are that many. */
#define BRANCHES_TO_CALL     8
#define BRANCHES_TO_CALL_ROW 4

#ifndef __ASSEMBLER__
#include <stdint.h>

struct branch_row {
	uint64_t from, to, kind;
};

/* What branches_run(…, branches_body, …) does, from its call to its return. */
extern const struct branch_row branch_rows[], branch_rows_end[];

/* Writes `on` to the register, calls body(argument), and writes `off`. */
void branches_run(uint32_t msr, uint64_t on, uint64_t off, void (*body)(void *), void *argument);

void branches_body(void *unused);

/* Begins with an exception, behind which trap.c goes on at the label. */
void branches_fault(void *unused);
extern const char branches_fault_next[];

/* Begins with an INT, whose handler is cross_ping(). */
void branches_int(void *unused);
extern const char branches_int_next[];

/* Loops that go back to themselves so often, less 1: one only counts, one does more. */
void branches_count(void *iterations);
void branches_spin(void *iterations);
extern const char branches_count_end[], branches_spin_end[]; /* their branches */
#endif
#endif
