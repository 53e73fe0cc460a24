/* SPDX-License-Identifier: MIT */
/* An input as a sequence of values; zeros when it has ended. */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

#include <vpmu/model.h>
#include <vpmu/pmu.h>

struct input {
	const uint8_t *data;
	size_t size;
};

void take(struct input *input, void *out, size_t bytes);
uint8_t take_byte(struct input *input);

/* So many bytes of a number. */
uint64_t take_number(struct input *input, unsigned bytes);

/* 64 bits, of which an input of few bytes can set any: near 0, near all ones, a bit, or all. */
uint64_t take_value(struct input *input);

/* A preset, or field by field what vpmu_model_check() may refuse. */
void take_model(struct input *input, struct vpmu_model *model);

const struct vpmu_profile *take_profile(struct input *input);

#endif
