/* SPDX-License-Identifier: MIT */
/* Random models, written from the manuals' rules rather than from src/arch's tables. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "random_model.h"

struct random random_seeded(const char *what)
{
	const char *given = getenv("VPMU_TEST_SEED");
	struct random random = {given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL)};

	printf("%s: VPMU_TEST_SEED=0x%llx\n", what, (unsigned long long)random.state);
	return random;
}

/* splitmix64 */
uint64_t random_next(struct random *random)
{
	uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

unsigned random_between(struct random *random, unsigned min, unsigned max)
{
	return min + (unsigned)(random_next(random) % (max - min + 1));
}

static uint32_t random_fixed_mask(struct random *random, unsigned version)
{
	if (version < 2)
		return 0;
	if (version >= 5)
		return random_between(random, 0, 0xff);
	return (1u << random_between(random, 0, VPMU_MAX_FIXED)) - 1;
}

/* The first and the last counter are always there. */
static uint32_t random_gp_missing(struct random *random, unsigned version, unsigned count)
{
	if (version < 5 || count < 3 || random_between(random, 0, 1))
		return 0;
	return (uint32_t)random_next(random) & ((1u << (count - 1)) - 2);
}

static void random_intel(struct random *random, struct vpmu_model *model)
{
	model->version = (uint8_t)random_between(random, 1, 6);
	model->gp_count = (uint8_t)random_between(random, 0, 10);
	model->gp_width = (uint8_t)random_between(random, 32, 64);
	if (!model->gp_count)
		model->gp_width = 0;
	model->gp_missing = random_gp_missing(random, model->version, model->gp_count);
	model->fixed_mask = random_fixed_mask(random, model->version);
	if (model->fixed_mask)
		model->fixed_width = (uint8_t)random_between(random, 32, 64);
	model->features =
		(uint32_t)random_next(random) & (VPMU_FEATURE_PDCM | VPMU_FEATURE_ANYTHREAD_GONE |
	                                         VPMU_FEATURE_HLE | VPMU_FEATURE_RTM);
	model->events_length = (uint8_t)random_between(random, 0, 32);
	model->events_missing =
		(uint32_t)(random_next(random) & ((UINT64_C(1) << model->events_length) - 1));
	if (model->version == 6)
		model->features |= random_between(random, 0, 7) << 6; /* UMASK2, EQ, user disable */
	if (!random_between(random, 0, 3))
		model->lbr = (uint8_t)(8 << random_between(random, 0, 2));
	if (model->features & VPMU_FEATURE_PDCM)
		model->perf_capabilities = random_next(random);
	if (model->lbr)
		model->perf_capabilities &= ~VPMU_PERF_CAP_LBR_FORMAT;
	if (!(model->fixed_mask & 1u << 3))
		model->perf_capabilities &= ~VPMU_PERF_CAP_METRICS;
}

static void random_amd(struct random *random, struct vpmu_model *model)
{
	model->version = 1;
	model->gp_width = 48;
	model->gp_count = 4;
	if (random_between(random, 0, 2)) {
		model->features = VPMU_FEATURE_PERFCORE;
		model->gp_count = 6;
	}
	if (model->features && random_between(random, 0, 1)) {
		model->features |= VPMU_FEATURE_PERFMON_V2;
		model->version = 2;
		model->gp_count = (uint8_t)random_between(random, 0, 15);
		model->gp_width = model->gp_count ? 48 : 0;
		model->lbr = (uint8_t)random_between(random, 0, 16);
	}
	/* Families 6 to 0xf, with any extended family and model. */
	model->signature &= ~UINT32_C(0xf00);
	model->signature |= random_between(random, 6, 15) << 8;
}

/* All are alike. */
static void random_p6(struct random *random, struct vpmu_model *model)
{
	model->version = 1;
	model->gp_count = 2;
	model->gp_width = 40;
	model->signature &= ~UINT32_C(0xf0ff0);
	model->signature |= 6 << 8 | random_between(random, 0, 0xd) << 4;
}

struct vpmu_model random_model(struct random *random)
{
	struct vpmu_model model = {
		.vendor = (enum vpmu_vendor)random_between(random, 0, VPMU_VENDORS - 1),
		.signature = (uint32_t)random_next(random),
	};

	model.other_name = model.vendor != VPMU_VENDOR_INTEL &&
	                   model.vendor != VPMU_VENDOR_INTEL_P6 && random_between(random, 0, 1);

	strcpy(model.name, "random");
	if (!random_between(random, 0, 15)) {
		if (model.vendor != VPMU_VENDOR_AMD && model.vendor != VPMU_VENDOR_INTEL_P6 &&
		    random_between(random, 0, 1))
			model.features = VPMU_FEATURE_PDCM;
		return model;
	}
	if (model.vendor == VPMU_VENDOR_AMD)
		random_amd(random, &model);
	else if (model.vendor == VPMU_VENDOR_INTEL_P6)
		random_p6(random, &model);
	else
		random_intel(random, &model);
	return model;
}

uint64_t value_fit(const struct vpmu_register *reg, uint64_t value)
{
	uint64_t lowest = value & reg->writable;

	if (reg->kind == VPMU_KIND_LBR_DEPTH)
		return lowest ? lowest & -lowest : reg->reset;
	if (!reg->address)
		return lowest;
	/* The bits from the highest of the address on repeat it. */
	for (unsigned bit = reg->address; bit < 64u - reg->flags; bit++) {
		value &= ~(UINT64_C(1) << bit);
		value |= (value >> (reg->address - 1) & 1) << bit;
	}
	return value;
}
