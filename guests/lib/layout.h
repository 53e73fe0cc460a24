/* SPDX-License-Identifier: MIT */
/* Numbers that the guests' C and assembly share: segments, ports, and instruction counts of
 * assembly sequences whose cost is part of an exact expectation. */
#ifndef GUEST_LAYOUT_H
#define GUEST_LAYOUT_H

#define KERNEL_CODE 0x08
#define KERNEL_DATA 0x10
#define USER_DATA   0x1b
#define USER_CODE   0x23
#define TASK        0x28

#define PORT_SERIAL 0x3f8
#define PORT_EXIT   0xf4

#define VECTOR_NMI        2
#define VECTOR_UD         6
#define VECTOR_GP         13
#define VECTOR_PF         14
#define VECTOR_PMI        0x40
#define VECTOR_USER_EXIT  0x80 /* ring 3 ends call_user() */
#define VECTOR_PING       0x81 /* ring 3 to ring 0 and straight back */
#define VECTOR_CROSS_EXIT 0x82 /* ring 3 ends cross_run() */

#define MULTIBOOT_ANSWER 0x2badb002

#define TRAP_STUB_BYTES 16

/* trap_common (trap.S): from after its WRMSR up to the interrupted instruction. */
#define RESUME_INSTRUCTIONS 17

#endif
