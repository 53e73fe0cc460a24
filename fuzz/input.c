/* SPDX-License-Identifier: MIT */
/* An input as a sequence of values; zeros when it has ended. */
#include <string.h>

#include "fuzz.h"
#include "input.h"

void take(struct input *input, void *out, size_t bytes)
{
	size_t there = bytes < input->size ? bytes : input->size;

	memset(out, 0, bytes);
	if (there)
		memcpy(out, input->data, there);
	input->data += there;
	input->size -= there;
}

uint8_t take_byte(struct input *input)
{
	uint8_t byte;

	take(input, &byte, 1);
	return byte;
}

uint64_t take_number(struct input *input, unsigned bytes)
{
	uint64_t number = 0;

	for (unsigned i = 0; i < bytes; i++)
		number |= (uint64_t)take_byte(input) << 8 * i;
	return number;
}

uint64_t take_value(struct input *input)
{
	switch (take_byte(input) % 6) {
	case 0:
		return take_byte(input);
	case 1:
		return ~take_number(input, 1);
	case 2:
		return ~take_number(input, 1) & UINT64_C(0xffffffffffff);
	case 3:
		return UINT64_C(1) << take_byte(input) % 64;
	case 4:
		return take_number(input, 4);
	default:
		return take_number(input, 8);
	}
}

void take_model(struct input *input, struct vpmu_model *model)
{
	uint8_t preset = take_byte(input);
	size_t presets = 0;

	while (vpmu_preset_name(presets))
		presets++;
	if (preset < 128) {
		MUST(!vpmu_model_parse(model, vpmu_preset_name(preset % presets), NULL, 0));
		return;
	}
	memset(model, 0, sizeof(*model));
	model->vendor = (enum vpmu_vendor)(take_byte(input) % 5);
	model->version = take_byte(input) % 8;
	model->gp_count = take_byte(input) % 20;
	model->gp_width = take_byte(input) % 70;
	model->fixed_width = take_byte(input) % 70;
	model->fixed_mask = take_byte(input);
	model->features = take_byte(input);
	model->events_length = take_byte(input);
	take(input, &model->events_missing, sizeof(model->events_missing));
	take(input, &model->perf_capabilities, sizeof(model->perf_capabilities));
	take(input, &model->signature, sizeof(model->signature));
	model->gp_missing = take_byte(input);
	model->other_name = take_byte(input) % 3;
	model->features |= (uint32_t)take_byte(input) % 4 << 8;
	model->lbr = take_byte(input) % 34;
}

const struct vpmu_profile *take_profile(struct input *input)
{
	size_t profiles = 0;

	while (vpmu_profile_name(profiles))
		profiles++;
	return vpmu_profile_find(vpmu_profile_name(take_byte(input) % profiles));
}
