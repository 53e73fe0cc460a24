/* SPDX-License-Identifier: MIT */
/* Guests that are assembled into a test program. They are position-independent. */
#ifndef GUEST_BYTES_H
#define GUEST_BYTES_H

#include <stdint.h>

/* A guest's bytes, by name: `static` data of the test program. */
#define GUEST(name, text)                                                                          \
	__asm__(".pushsection .rodata\n.balign 16\n"                                               \
	        ".global guest_" #name "\nguest_" #name ":\n" text "\n.global guest_" #name        \
	        "_end\nguest_" #name "_end:\n.popsection\n");                                      \
	extern const uint8_t guest_##name[], guest_##name##_end[]

#endif
