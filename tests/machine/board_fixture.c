/* SPDX-License-Identifier: MIT */
/* See board_fixture.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "board_fixture.h"
#include "guest_image.h"

void fixture_load(struct machine *machine)
{
	struct made_elf elf = made_elf_default(64);
	static struct made_image image;
	char why[160] = "";

	made_elf(&image, &elf);
	if (machine_load(machine, image.data, image.bytes, why, sizeof(why)))
		fail_msg("%s", why);
}

struct machine *fixture_make(const char *model, const struct machine_config *more)
{
	struct machine_config config = more ? *more : (struct machine_config){0};
	struct machine *machine;
	char why[160] = "";

	if (vpmu_model_parse(&config.model, model, why, sizeof(why)))
		fail_msg("%s", why);
	config.cpu = &fake_cpu_ops;
	config.memory_bytes = 4 * MIB;
	machine = machine_create(&config, why, sizeof(why));
	if (!machine)
		fail_msg("%s", why);
	fixture_load(machine);
	return machine;
}

enum vpmu_status fixture_rdmsr(uint32_t msr, uint64_t *value)
{
	return fake_cpu->calls->read_msr(fake_cpu->board, msr, value);
}

enum vpmu_status fixture_wrmsr(uint32_t msr, uint64_t value)
{
	return fake_cpu->calls->write_msr(fake_cpu->board, msr, value);
}

uint64_t fixture_msr(uint32_t msr)
{
	uint64_t value = 0;

	assert_int_equal(fixture_rdmsr(msr, &value), VPMU_OK);
	return value;
}
