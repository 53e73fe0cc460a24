/* SPDX-License-Identifier: MIT */
/* See apic_fixture.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "apic_fixture.h"

struct apic_fixture t;

int apic_fixture_setup(void **state)
{
	struct vpmu_model model;
	struct vpmu_pmu *pmu;

	assert_int_equal(vpmu_model_parse(&model, "intel-v2", NULL, 0), VPMU_OK);
	pmu = vpmu_pmu_init(t.pmu, sizeof(t.pmu), &model, vpmu_profile_find("hardware"));
	assert_non_null(pmu);
	t.now = 1000;
	memset(&t.apic, 0, sizeof(t.apic));
	apic_init(&t.apic, pmu);
	return 0;
}

uint32_t rd(unsigned offset)
{
	return (uint32_t)apic_mmio_read(&t.apic, t.now, MMIO + offset, 4);
}

void wr(unsigned offset, uint32_t value)
{
	apic_mmio_write(&t.apic, t.now, MMIO + offset, 4, value);
}

enum vpmu_status rdx(unsigned offset, uint64_t *value)
{
	return apic_msr_read(&t.apic, t.now, 0x800 + offset / 16, value);
}

enum vpmu_status wrx(unsigned offset, uint64_t value)
{
	return apic_msr_write(&t.apic, t.now, 0x800 + offset / 16, value);
}

enum vpmu_status base(uint64_t mode)
{
	return apic_write_base(&t.apic, t.now, MMIO | APIC_BASE_BSP | mode);
}

void enable(void)
{
	wr(SVR, 0x1ff);
}

int take(void)
{
	uint8_t vector = 0;

	return apic_take(&t.apic, true, false, &vector) ? vector : 0;
}

void at(uint64_t now)
{
	t.now = now;
	apic_advance(&t.apic, now);
}
