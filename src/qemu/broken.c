/* SPDX-License-Identifier: MIT */
/* fault=WORD:NUMBERS: PMUs that are broken as clouds break them. The words are the replay
 * language's where it has one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "room.h"

enum { SEPARATOR = '+' };

/* Reads the next number of a list; false: there is none, or the text is not a number. */
static bool next_number(const char **text, uint64_t *value)
{
	char *end;

	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	*value = strtoull(*text, &end, 0);
	if (errno || end == *text || (*end && (*end != SEPARATOR || !end[1])))
		return false;
	*text = *end ? end + 1 : end;
	return true;
}

static bool read_deny(struct qemu_faults *to, const char *text)
{
	struct vpmu_filter *filter = &to->filter;

	filter->action = VPMU_FILTER_DENY;
	do {
		if (filter->count == VPMU_FILTER_EVENTS ||
		    !next_number(&text, &filter->events[filter->count]))
			return false;
		filter->count++;
	} while (*text);
	return true;
}

static bool read_fail_create(struct qemu_faults *to, const char *text)
{
	uint64_t value;

	if (!next_number(&text, &value) || *text || !value || value > UINT32_MAX)
		return false;
	to->fail_create = (uint32_t)value;
	return true;
}

static bool read_taken(struct qemu_faults *to, const char *text)
{
	uint64_t value;

	do {
		if (!next_number(&text, &value) || value >= VPMU_MAX_GP)
			return false;
		to->taken |= UINT64_C(1) << value;
	} while (*text);
	return true;
}

static const struct {
	const char *word;
	bool (*read)(struct qemu_faults *to, const char *text);
} words[] = {
	{"deny:", read_deny},
	{"fail-create:", read_fail_create},
	{"taken:", read_taken},
};

bool qemu_faults_read(struct qemu_faults *to, const char *text)
{
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t length = strlen(words[i].word);

		if (!strncmp(text, words[i].word, length))
			return words[i].read(to, text + length);
	}
	return false;
}

enum vpmu_status qemu_faults_begin(const struct qemu_faults *faults, struct vpmu_pmu *pmu)
{
	enum vpmu_status status = VPMU_OK;

	if (faults->filter.count)
		status = vpmu_pmu_set_filter(pmu, &faults->filter);
	if (status == VPMU_OK && faults->fail_create)
		status = vpmu_pmu_fail_creations(pmu, faults->fail_create);
	return status;
}

/* Asks a scratch machine, so that the rules stay those of the register machine. */
const char *qemu_faults_problem(const struct qemu_faults *faults, const struct vpmu_model *model,
                                const struct vpmu_profile *profile)
{
	uint8_t memory[VPMU_PMU_BYTES] __attribute__((aligned(VPMU_PMU_ALIGN)));
	struct vpmu_pmu *pmu = vpmu_pmu_init(memory, sizeof(memory), model, profile);
	struct vpmu_register regs[VPMU_MAX_REGISTERS];
	size_t count = vpmu_model_registers(model, regs);
	uint64_t there = 0;

	if (pmu && qemu_faults_begin(faults, pmu) != VPMU_OK)
		return "fault=deny and fault=fail-create need a hypervisor: add "
		       "profile=linux-6.12";
	for (size_t i = 0; i < count; i++)
		if (regs[i].kind == VPMU_KIND_COUNTER)
			there |= UINT64_C(1) << regs[i].index;
	return faults->taken & ~there ? "fault=taken: the model has no such counter" : NULL;
}

/* A general-purpose counter and its selector, by any of their numbers. */
static bool is_general_purpose(uint8_t kind)
{
	return kind == VPMU_KIND_COUNTER || kind == VPMU_KIND_COUNTER_ALIAS ||
	       kind == VPMU_KIND_SELECTOR || kind == VPMU_KIND_SELECTOR_ALIAS;
}

bool qemu_faults_take(const struct qemu_options *options, uint32_t msr)
{
	struct vpmu_register regs[VPMU_MAX_REGISTERS];
	size_t count;

	if (!options->faults.taken)
		return false;
	count = vpmu_model_registers(&options->model, regs);
	for (size_t i = 0; i < count; i++)
		if (regs[i].msr == msr)
			return is_general_purpose(regs[i].kind) &&
			       options->faults.taken >> regs[i].index & 1;
	return false;
}
