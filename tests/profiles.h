/* SPDX-License-Identifier: MIT */
/* The profiles, for tests that go through them: a new one is tested without being named here. */
#ifndef TESTS_PROFILES_H
#define TESTS_PROFILES_H

#include <vpmu/pmu.h>

/* The i-th profile of which all these facts (enum vpmu_fact) are true; NULL past the last. */
static inline const char *profile_with(uint32_t facts, size_t i)
{
	const char *name;

	for (size_t p = 0; (name = vpmu_profile_name(p)); p++)
		if ((vpmu_profile_facts(vpmu_profile_find(name)) & facts) == facts && !i--)
			return name;
	return NULL;
}

/* One after the other, for ever. */
static inline const char *profile_in_turn(size_t i)
{
	size_t count = 0;

	while (vpmu_profile_name(count))
		count++;
	return vpmu_profile_name(i % count);
}

#endif
