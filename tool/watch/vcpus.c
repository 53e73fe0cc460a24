/* SPDX-License-Identifier: MIT */
/* All vCPUs of a watch, by serial number. A hash table: the numbers come from another process, and
 * say nothing of how many there are. */
#include "watch.h"

#include <stdlib.h>
#include <string.h>

#include "lib/memory.h"

enum { FIRST_SLOTS = 64 };

static size_t place_of(const struct watch_vcpus *vcpus, uint32_t serial)
{
	size_t at = serial * UINT64_C(0x9e3779b97f4a7c15) >> 32 & (vcpus->slot_count - 1);

	while (vcpus->slots[at] && vcpus->slots[at]->serial != serial)
		at = (at + 1) & (vcpus->slot_count - 1);
	return at;
}

static void *zeroed(size_t bytes)
{
	void *got = memory_get(bytes);

	return got ? memset(got, 0, bytes) : NULL;
}

/* Twice as many slots, before half of them are taken. */
static bool grow(struct watch_vcpus *vcpus)
{
	struct watch_vcpus larger = {
		.slot_count = vcpus->slot_count ? 2 * vcpus->slot_count : FIRST_SLOTS,
		.count = vcpus->count,
	};

	larger.slots = zeroed(larger.slot_count * sizeof(struct watch_vcpu *));
	if (!larger.slots)
		return false;
	for (size_t i = 0; i < vcpus->slot_count; i++)
		if (vcpus->slots[i])
			larger.slots[place_of(&larger, vcpus->slots[i]->serial)] = vcpus->slots[i];
	free(vcpus->slots);
	*vcpus = larger;
	return true;
}

struct watch_vcpu *watch_vcpus_get(struct watch_vcpus *vcpus, uint32_t serial)
{
	struct watch_vcpu **at;

	if (vcpus->count >= vcpus->slot_count / 2 && !grow(vcpus))
		return NULL;
	at = &vcpus->slots[place_of(vcpus, serial)];
	if (*at)
		return *at;
	*at = zeroed(sizeof(**at));
	if (!*at)
		return NULL;
	(*at)->serial = serial;
	vcpus->count++;
	return *at;
}

void watch_vcpus_free(struct watch_vcpus *vcpus)
{
	for (size_t i = 0; i < vcpus->slot_count; i++) {
		if (vcpus->slots[i])
			watch_saves_free(&vcpus->slots[i]->saves);
		free(vcpus->slots[i]);
	}
	free(vcpus->slots);
}
