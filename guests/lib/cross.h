/* SPDX-License-Identifier: MIT */
/* What cross.S retires in each ring. */
#ifndef GUEST_CROSS_H
#define GUEST_CROSS_H

#define CROSS_AROUND    3 /* ring 0, after the first start write */
#define CROSS_STEP      7 /* ring 0, each further write */
#define CROSS_DOWN      6
#define CROSS_UP        5
#define CROSS_USER_EACH 6
#define CROSS_USER_EXIT 1

#define CROSS_FAULTS_EACH   3 /* ring 3: NOP, DEC, JNZ */
#define CROSS_FAULTS_BACK   2 /* where what changes the ring counts where it goes: two IRETQ */
#define CROSS_FAULTS_AROUND 4 /* call_user()'s CALL; MOVABS, RET; INT, or the IRETQ before */

#define CROSS_UNMAPPED 0x200000000

#ifndef __ASSEMBLER__
#include "trap.h"

void cross_run(const struct msr_write *start, const struct msr_write *stop, unsigned writes,
               uint64_t iterations);
void cross_ping(void);
void cross_exit(void);
void cross_faults(void *iterations);
#endif
#endif
