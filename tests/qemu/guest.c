/* SPDX-License-Identifier: MIT */
/* What the plugin's tests do in their guest. */
#include "guest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

int guest_start(const char *model, const char *first, const char *second)
{
	char *argv[] = {(char *)model, (char *)first, (char *)second};

	/* The plugin keeps its vCPUs: in a process of the test's own there is a new one each time.
	 */
	if (plugin.cpu[0])
		timed_end(plugin.cpu[0]);
	free(plugin.cpu[0]);
	memset(&plugin, 0, sizeof(plugin));
	return fake_begin(1 + !!first + !!second, argv);
}

void begin_with(const char *model, const char *more)
{
	assert_int_equal(guest_start(model, more, NULL), 0);
}

void begin(void)
{
	begin_with("model=intel-v2", NULL);
}

void write_msr(uint32_t msr, uint64_t value)
{
	assert_int_equal(vpmu_pmu_guest_write(plugin.cpu[0]->pmu, msr, value), VPMU_OK);
	shape_follow(plugin.cpu[0]);
	count_arm(plugin.cpu[0], RING_KERNEL, 0);
}

uint64_t read_msr(uint32_t msr)
{
	uint64_t value = 0;

	count_account(plugin.cpu[0], RING_KERNEL, 0);
	assert_int_equal(vpmu_pmu_guest_read(plugin.cpu[0]->pmu, msr, &value), VPMU_OK);
	return value;
}

void count_from(uint64_t selector, uint64_t before)
{
	write_msr(SEL0, selector);
	write_msr(PMC0, (uint32_t)-before);
	write_msr(GLOBAL_CTRL, 1);
}

void code(const char *bytes, unsigned length)
{
	fake_write(FAKE_CODE, bytes, length);
}

uint64_t address_of(unsigned n)
{
	static const uint8_t offsets[] = {0, 3, 5, 6};

	return FAKE_CODE + n / 4 * 8 + offsets[n % 4];
}
