/* SPDX-License-Identifier: MIT */
/* What goes into the JSON form of states, or into a file of them, comes out of it. */
#include <stdlib.h>

#include "../state/fixture.h"

#include "state/state.h"

typedef bool write_fn(const struct state_set *set, FILE *stream);
typedef enum vpmu_status read_fn(const void *data, size_t bytes, struct state_set *set, char *why);

static enum vpmu_status read_json(const void *data, size_t bytes, struct state_set *set, char *why)
{
	return state_json_read(data, bytes, set, why);
}

static const struct form {
	write_fn *write;
	read_fn *read;
} forms[] = {{state_json_write, read_json}, {state_native_write, state_native_read}};

/* The set is written and read in both forms. */
static void assert_round_trip(const struct state_set *set)
{
	for (size_t f = 0; f < ARRAY_SIZE(forms); f++) {
		char *bytes = NULL, why[STATE_WHY_BYTES] = "";
		size_t count = 0;
		FILE *stream = open_memstream(&bytes, &count);
		struct state_set back;

		assert_true(stream && forms[f].write(set, stream));
		assert_int_equal(fclose(stream), 0);
		if (forms[f].read(bytes, count, &back, why))
			fail_msg("%s", why);
		free(bytes);
		assert_int_equal(back.count, set->count);
		for (size_t i = 0; i < set->count; i++) {
			const struct state_entry *a = &set->entries[i], *b = &back.entries[i];

			assert_int_equal(a->vcpu, b->vcpu);
			assert_true(vpmu_model_equal(&a->state.model, &b->state.model));
			assert_string_equal(a->state.model.name, b->state.model.name);
			assert_memory_equal(a->state.values, b->state.values,
			                    sizeof(a->state.values));
		}
		state_set_free(&back);
	}
}

/* A vCPU for each bit of each register. */
static void every_model_every_register_every_bit(void **unused)
{
	const char *name;

	for (size_t m = 0; (name = test_model(m)); m++) {
		struct vpmu_layout layout = layout_of(name);
		struct state_set set = {.entries = NULL};
		struct vpmu_state state;
		uint32_t vcpu = 0;

		vpmu_state_reset(&state, &layout);
		assert_true(state_set_add(&set, vcpu++, &state));
		for (unsigned i = 0; i < layout.value_count; i++)
			for (unsigned bit = 0; bit < 64; bit++) {
				vpmu_state_reset(&state, &layout);
				state.values[i] ^= BIT64(bit);
				if (vpmu_layout_excess(&layout, layout.stored[i], state.values[i]))
					continue;
				assert_true(state_set_add(&set, vcpu++, &state));
			}
		assert_round_trip(&set);
		state_set_free(&set);
	}
}

static void random_states_of_every_model(void **unused)
{
	struct random random = random_seeded("state-json models");
	struct state_set set = {.entries = NULL};
	const char *name;

	for (size_t m = 0; (name = test_model(m)); m++)
		for (uint32_t i = 0; i < 50; i++) {
			struct vpmu_layout layout = layout_of(name);
			struct vpmu_state state = random_state(&random, &layout);

			assert_true(state_set_add(&set, (uint32_t)set.count, &state));
		}
	assert_round_trip(&set);
	state_set_free(&set);
}

static void random_states_of_random_models(void **unused)
{
	struct random random = random_seeded("state-json");
	struct state_set set = {.entries = NULL};

	for (uint32_t i = 0; i < 500; i++) {
		struct vpmu_model model = random_model(&random);
		struct vpmu_layout layout;
		struct vpmu_state state;

		assert_int_equal(vpmu_layout_init(&layout, &model), VPMU_OK);
		state = random_state(&random, &layout);
		assert_true(state_set_add(&set, 1000 * i, &state));
	}
	assert_round_trip(&set);
	state_set_free(&set);
}

static void too_many_vcpus_are_not_written(void **unused)
{
	struct vpmu_layout layout = layout_of("intel-v1");
	struct state_set set = {.entries = NULL};
	struct vpmu_state state;
	FILE *stream = fopen("/dev/null", "w");

	assert_non_null(stream);
	vpmu_state_reset(&state, &layout);
	for (uint32_t i = 0; i <= VPMU_FILE_VCPUS; i++)
		assert_true(state_set_add(&set, i, &state));
	assert_false(state_native_write(&set, stream));
	set.count--;
	assert_round_trip(&set);
	fclose(stream);
	state_set_free(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_model_every_register_every_bit),
		cmocka_unit_test(random_states_of_every_model),
		cmocka_unit_test(random_states_of_random_models),
		cmocka_unit_test(too_many_vcpus_are_not_written),
	};

	return cmocka_run_group_tests_name("tool-state-json", tests, NULL, NULL);
}
