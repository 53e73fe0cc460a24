/* SPDX-License-Identifier: MIT */
/* The files of watch --state: what is read has room for what it has, and is written as it was. */
#include <string.h>

#include "fuzz.h"
#include "lib/memory.h"
#include "watch/watch.h"

/* The same saves, by vCPUs that are made for them. */
static bool add_vcpus(struct watch_vcpus *vcpus, const struct watch_expected *expected)
{
	for (size_t i = 0; i < expected->count; i++) {
		struct watch_vcpu *vcpu = watch_vcpus_get(vcpus, (uint32_t)i);

		if (!vcpu)
			return false;
		vcpu->vm = expected->at[i].vm;
		vcpu->id = expected->at[i].vcpu_id;
		if (!watch_expect(expected, vcpu))
			return false;
		for (size_t j = 0; j < vcpu->saves.count; j++)
			vcpu->saves.at[j].is_expected = false;
	}
	return true;
}

static size_t count_saves(const struct watch_expected *expected)
{
	size_t count = 0;

	for (size_t i = 0; i < expected->count; i++)
		count += expected->at[i].saves.count;
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct watch_expected expected = {0}, again = {0};
	struct watch_vcpus vcpus = {0};
	char *text = NULL, why[128];
	size_t length = 0;
	FILE *to;

	if (watch_state_parse((const char *)data, size, &expected, why, sizeof(why))) {
		MUST(!expected.at && *why && !memory_ran_out());
		return 0;
	}
	to = open_memstream(&text, &length);
	MUST(to && add_vcpus(&vcpus, &expected));
	MUST(watch_state_write(to, &vcpus) == count_saves(&expected));
	fclose(to);
	MUST(!watch_state_parse(text, length, &again, why, sizeof(why)));
	MUST(count_saves(&again) == count_saves(&expected));
	free(text);
	watch_vcpus_free(&vcpus);
	watch_expected_free(&expected);
	watch_expected_free(&again);
	return 0;
}
