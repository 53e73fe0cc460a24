/* SPDX-License-Identifier: MIT */
/* What the fields of a register say, for people: a line behind its value. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <arch/room.h>

#include "lib/memory.h"
#include "selector/selector.h"
#include "selector/bits.h"
#include "state.h"

/* Of a status, the bits that are no counter's (Intel SDM vol. 4 table 2-2; AMD: bit 59). */
static const struct {
	uint64_t bit;
	const char *name;
} status_bits[] = {
	{STATUS_METRICS, "metrics"}, {STATUS_LBR_FRZ, "LBRs frozen"}, {STATUS_CTR_FRZ, "frozen"},
	{STATUS_ASCI, "ASCI"},       {STATUS_UNCORE, "uncore"},       {STATUS_DS, "DS buffer"},
	{STATUS_COND, "CondChgd"},
};

/* What is between two words of a line; the first is apart from the value. */
struct words {
	unsigned count;
};

static void put_word(struct words *words, const char *between, const char *word)
{
	printf("%s%s", words->count++ ? between : "  ", word);
}

/* False: the event may have a name, but there was no memory for it. */
static bool print_selector(const struct vpmu_model *model, const struct vpmu_register *reg,
                           uint64_t value)
{
	const uint64_t which = SEL_EVENT | SEL_UMASK;
	char event[SELECTOR_NAME_BYTES];
	struct words words = {0};
	struct selector_bits bits;
	const char *text;

	if (!value)
		return true;
	text = selector_event_text(model, value, event);
	if (memory_ran_out())
		return false;
	put_word(&words, " ", text);
	for (size_t i = 0; selector_bits_at(model, reg->writable, i, &bits); i++) {
		uint64_t field = value & bits.bits;

		if (!field || bits.bits & which || !strcmp(bits.effect, "counts"))
			continue;
		put_word(&words, " ", bits.name);
		if (bits.bits == SEL_CMASK)
			printf("=%" PRIu64, field >> SEL_CMASK_BIT);
	}
	return true;
}

static void print_fixed_control(const struct vpmu_model *model, uint64_t value)
{
	struct words words = {0};
	char name[16];

	for (unsigned i = 0; i < VPMU_MAX_FIXED; i++) {
		uint64_t field = value >> i * FIXED_BITS;

		if (!(model->fixed_mask >> i & 1) || !(field & 0xf))
			continue;
		snprintf(name, sizeof(name), "fixed %u:", i);
		put_word(&words, "; ", name);
		printf("%s%s%s%s", field & FIXED_USR ? " USR" : "", field & FIXED_OS ? " OS" : "",
		       field & FIXED_ANY ? " ANY" : "", field & FIXED_PMI ? " PMI" : "");
	}
}

/* "counters 0-3, 5": of `count` bits those that are set. */
static void print_counters(struct words *words, const char *name, uint64_t bits, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		unsigned last = i;
		char text[32];

		if (!(bits >> i & 1))
			continue;
		while (last + 1 < count && bits >> (last + 1) & 1)
			last++;
		snprintf(text, sizeof(text), last > i ? "%s%u-%u" : "%s%u", name, i, last);
		put_word(words, ", ", text);
		name = "";
		i = last;
	}
}

/* Which counters' bits are set, and which others. */
static void print_global(uint64_t value)
{
	struct words words = {0};

	print_counters(&words, "GP ", value, GLOBAL_FIXED_BIT);
	print_counters(&words, "fixed ", value >> GLOBAL_FIXED_BIT, VPMU_MAX_FIXED);
	for (size_t i = 0; i < sizeof(status_bits) / sizeof(status_bits[0]); i++)
		if (value & status_bits[i].bit)
			put_word(&words, ", ", status_bits[i].name);
}

static void print_capabilities(const struct vpmu_model *model, uint64_t value)
{
	struct vpmu_model with = *model, without = *model;
	struct words words = {0};

	with.perf_capabilities = value;
	without.perf_capabilities = 0;
	for (size_t i = 0; vpmu_feature_name(i); i++)
		if (vpmu_model_feature(&with, i) && !vpmu_model_feature(&without, i))
			put_word(&words, ", ", vpmu_feature_name(i));
}

/* A counter in its upper half is one that somebody has set to overflow. */
static void print_counter(const struct vpmu_register *reg, uint64_t value)
{
	uint64_t top = UINT64_C(1) << (reg->width - 1);

	if (value & top)
		printf("  overflows after %" PRIu64, 2 * (top - 1) + 2 - value);
}

bool state_print_fields(const struct vpmu_model *model, const struct vpmu_register *reg,
                        uint64_t value)
{
	switch (reg->kind) {
	case VPMU_KIND_COUNTER:
	case VPMU_KIND_FIXED_COUNTER:
		print_counter(reg, value);
		break;
	case VPMU_KIND_SELECTOR:
		return print_selector(model, reg, value);
	case VPMU_KIND_FIXED_CTRL:
		print_fixed_control(model, value);
		break;
	case VPMU_KIND_GLOBAL_CTRL:
	case VPMU_KIND_GLOBAL_STATUS:
		print_global(value);
		break;
	case VPMU_KIND_CAPABILITIES:
		print_capabilities(model, value);
		break;
	default:
		break;
	}
	return true;
}
