/* SPDX-License-Identifier: MIT */
/* Finds events that a script selects but this machine does not count: their counters read 0, as if
 * nothing happened. */
#include <arch/room.h>

#include "room_int.h"

/* Whether the event has not been reported yet; marks it as reported. */
static bool is_new(struct replay *replay, uint64_t event)
{
	for (unsigned i = 0; i < replay->uncounted_count; i++)
		if (replay->uncounted[i] == event)
			return false;
	if (replay->uncounted_count == REPLAY_UNCOUNTED)
		return false;
	replay->uncounted[replay->uncounted_count++] = event;
	return true;
}

/* Whether the command may have written a selector. */
static bool writes_selectors(const struct replay *replay)
{
	enum replay_verb verb = (enum replay_verb)replay->command.action.verb;

	return verb == REPLAY_WRMSR || verb == REPLAY_HOST_WRMSR || verb == REPLAY_PUT;
}

bool replay_uncounted(struct replay *replay, struct vpmu_register *reg, uint64_t *selector)
{
	enum vpmu_vendor vendor;

	if (!replay->pmu || !writes_selectors(replay))
		return false;
	vendor = (enum vpmu_vendor)vpmu_pmu_model(replay->pmu)->vendor;
	for (size_t i = 0; i < replay->register_count; i++) {
		uint64_t value;

		*reg = replay->registers[i];
		if (reg->kind != VPMU_KIND_SELECTOR ||
		    vpmu_pmu_host_read(replay->pmu, reg->msr, &value) ||
		    !selector_asks(vendor, value) ||
		    vpmu_pmu_event_class(replay->pmu, value) != VPMU_NO_CLASS ||
		    !is_new(replay, value & event_bits(vendor)))
			continue;
		*selector = value;
		return true;
	}
	return false;
}
