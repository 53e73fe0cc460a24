/* SPDX-License-Identifier: MIT */
/* Random numbers from a seed that is printed, and random models that can exist. */
#ifndef TESTS_ARCH_RANDOM_MODEL_H
#define TESTS_ARCH_RANDOM_MODEL_H

#include <vpmu/model.h>

/* A generator of its own: the same numbers on every libc. */
struct random {
	uint64_t state;
};

/* Seeded from VPMU_TEST_SEED, or from the clock; prints the seed. */
struct random random_seeded(const char *what);

uint64_t random_next(struct random *random);

/* A number from min to max. */
unsigned random_between(struct random *random, unsigned min, unsigned max);

/* Of a value what the register can hold: without reserved bits; an address; a depth. */
uint64_t value_fit(const struct vpmu_register *reg, uint64_t value);

/* A model that vpmu_model_check() takes, of any vendor; one in sixteen has no PMU. */
struct vpmu_model random_model(struct random *random);

#endif
