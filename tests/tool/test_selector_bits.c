/* SPDX-License-Identifier: MIT */
/* Every bit that some selector of some model takes says what it does, once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "selector/bits.h"

static void check(const struct vpmu_model *model)
{
	struct vpmu_register registers[VPMU_MAX_REGISTERS];
	size_t count = vpmu_model_registers(model, registers);
	uint64_t writable = selector_writable(registers, count), said = 0;
	struct selector_bits bits;

	for (size_t i = 0; selector_bits_at(model, writable, i, &bits); i++) {
		assert_false(said & bits.bits);
		said |= bits.bits;
		assert_true(!strcmp(bits.effect, "counts") || !strcmp(bits.effect, "filters") ||
		            !strcmp(bits.effect, "acts") || !strcmp(bits.effect, "stored"));
	}
	assert_true(said == writable);
}

static void every_writable_bit_is_told_once(void **state)
{
	struct vpmu_model model;

	for (size_t i = 0; vpmu_preset_name(i); i++) {
		assert_int_equal(vpmu_model_parse(&model, vpmu_preset_name(i), NULL, 0), VPMU_OK);
		check(&model);
	}
	assert_int_equal(vpmu_model_parse(&model, "intel-v4,rtm=on,gp=1", NULL, 0), VPMU_OK);
	check(&model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_writable_bit_is_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
