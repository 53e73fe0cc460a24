/* SPDX-License-Identifier: MIT */
/* Guests of random instructions, made from a seed. */
#ifndef RANDOM_BODY_H
#define RANDOM_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RANDOM_GUEST_MOST = 0x20000 };

/* A small generator whose whole state is one number. */
uint64_t random_next(uint64_t *state);
uint64_t random_below(uint64_t *state, uint64_t bound);

/*
 * An ELF image: page-aligned, entered at 1 MiB. It sets an interrupt table that recovers from every
 * exception, and runs a body `rounds` times. Returns its size.
 */
size_t random_guest(uint64_t seed, uint8_t image[RANDOM_GUEST_MOST]);

/* The same, of a guest that counts cycles with CMASK, INV and EDGE, by the MSRs of its vendor. */
size_t random_guest_of_cycles(uint64_t seed, bool amd, uint8_t image[RANDOM_GUEST_MOST]);

/* Puts a number into the image, to be found at that address. */
void random_guest_put(uint8_t image[RANDOM_GUEST_MOST], uint32_t address, uint64_t value);

/* The same around that body. */
size_t random_guest_of(const uint8_t *body, size_t bytes, uint32_t rounds,
                       uint8_t image[RANDOM_GUEST_MOST]);

#endif
