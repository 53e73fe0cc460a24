/* SPDX-License-Identifier: MIT */
/* What goes into a native stream comes out of it. */
#include "unit.h"

enum { QEMU_SECTION_IS = 344, RANDOM_MODELS = 3000, RANDOM_STATES = 200 };

static void assert_round_trip(const struct vpmu_state *state, const struct vpmu_layout *layout)
{
	struct bytes stream = stream_of(state, layout, 7);
	struct vpmu_state back = {.values = {1}};
	char why[WHY_BYTES] = "";
	uint32_t vcpu = 0;

	if (vpmu_stream_decode(stream.data, stream.count, layout, &back, &vcpu, why, sizeof(why)))
		fail_msg("%s: %s", layout->model.name, why);
	assert_int_equal(vcpu, 7);
	assert_string_equal(back.model.name, state->model.name);
	assert_true(vpmu_model_equal(&back.model, &state->model));
	assert_memory_equal(back.values, state->values, sizeof(back.values));
}

static void every_model_every_register_every_bit(void **unused)
{
	const char *name;

	for (size_t m = 0; (name = test_model(m)); m++) {
		struct vpmu_layout layout = layout_of(name);
		struct vpmu_state state;

		vpmu_state_reset(&state, &layout);
		assert_round_trip(&state, &layout);
		for (unsigned i = 0; i < layout.value_count; i++)
			for (unsigned bit = 0; bit < 64; bit++) {
				vpmu_state_reset(&state, &layout);
				state.values[i] ^= BIT64(bit);
				if (vpmu_layout_excess(&layout, layout.stored[i], state.values[i]))
					continue;
				assert_round_trip(&state, &layout);
			}
	}
}

/* The tests' models, and those with last branches and PEBS, whose registers have their numbers in
 * the middle of their names. */
static const char *model_to_move(size_t i)
{
	static const char *const more[] = {"icelake,lbr=32,pebs=4", "skylake,lbr-format=5,pebs=3",
	                                   "intel-v4,lbr-format=3", "amd-perfmon-v2,lbr=16"};
	size_t models = 0;

	while (test_model(models))
		models++;
	if (i < models)
		return test_model(i);
	return i - models < ARRAY_SIZE(more) ? more[i - models] : NULL;
}

static void random_states_of_every_model(void **unused)
{
	struct random random = random_seeded("states");
	const char *name;

	for (size_t m = 0; (name = model_to_move(m)); m++) {
		struct vpmu_layout layout = layout_of(name);

		for (unsigned i = 0; i < RANDOM_STATES; i++) {
			struct vpmu_state state = random_state(&random, &layout);

			assert_round_trip(&state, &layout);
		}
	}
}

static void random_models(void **unused)
{
	struct random random = random_seeded("models");

	for (unsigned i = 0; i < RANDOM_MODELS; i++) {
		struct vpmu_model model = random_model(&random);
		struct vpmu_layout layout;
		struct vpmu_state state;

		assert_int_equal(vpmu_layout_init(&layout, &model), VPMU_OK);
		state = random_state(&random, &layout);
		assert_round_trip(&state, &layout);
		assert_true(stream_of(&state, &layout, 0).count <= VPMU_STREAM_BYTES);
	}
}

static void tells_whose_it_is(void **unused)
{
	const char *name;

	for (size_t m = 0; (name = model_to_move(m)); m++) {
		struct vpmu_layout layout = layout_of(name);
		struct vpmu_stream_about about;
		struct vpmu_state state;
		struct bytes stream;

		vpmu_state_reset(&state, &layout);
		stream = stream_of(&state, &layout, UINT32_MAX);
		assert_int_equal(vpmu_stream_look(stream.data, stream.count, &about, NULL, 0),
		                 VPMU_OK);
		assert_int_equal(about.version, VPMU_STREAM_VERSION);
		assert_int_equal(about.vcpu, UINT32_MAX);
		assert_true(vpmu_model_equal(&about.model, &layout.model));
		assert_string_equal(about.model.name, layout.model.name);
	}
}

/* What a reader of another version sees: names, numbers and values, without a table. */
static void describes_its_registers_itself(void **unused)
{
	struct random random = random_seeded("registers");
	struct vpmu_stream_register list[VPMU_MAX_STATE];
	const char *name;

	for (size_t m = 0; (name = model_to_move(m)); m++) {
		struct vpmu_layout layout = layout_of(name);
		struct vpmu_state state = random_state(&random, &layout);
		struct bytes stream = stream_of(&state, &layout, 0);
		size_t count = 0, wanted = 0;

		assert_int_equal(vpmu_stream_registers(stream.data, stream.count, list,
		                                       VPMU_MAX_STATE, &count, NULL, 0),
		                 VPMU_OK);
		for (size_t i = 0; i < count; i++) {
			int place = vpmu_layout_find(&layout, list[i].name);
			uint64_t value = 0;

			assert_true(place >= 0);
			assert_int_equal(layout.registers[place].msr, list[i].msr);
			assert_int_equal(vpmu_state_value(&state, &layout, (unsigned)place, &value),
			                 VPMU_OK);
			assert_int_equal(value, list[i].value);
		}
		for (unsigned i = 0; i < layout.value_count; i++)
			wanted += layout_stored(&layout, i)->kind != VPMU_KIND_CAPABILITIES;
		assert_int_equal(count, wanted);
	}
}

static void counts_registers_beyond_the_list(void **unused)
{
	struct vpmu_layout layout = layout_of("intel-v2");
	struct vpmu_stream_register list[2];
	struct vpmu_state state;
	struct bytes stream;
	size_t count = 0;

	vpmu_state_reset(&state, &layout);
	stream = stream_of(&state, &layout, 0);
	memset(list, 0x5a, sizeof(list));
	assert_int_equal(vpmu_stream_registers(stream.data, stream.count, list, 1, &count, NULL, 0),
	                 VPMU_OK);
	assert_int_equal(count, 14);
	assert_string_equal(list[0].name, "IA32_PMC0");
	assert_int_equal(list[1].msr, 0x5a5a5a5a);
}

static void length_depends_on_the_model_only(void **unused)
{
	struct random random = random_seeded("length");
	const char *name;

	for (size_t m = 0; (name = model_to_move(m)); m++) {
		struct vpmu_layout layout = layout_of(name);
		struct vpmu_state state;
		size_t length;

		vpmu_state_reset(&state, &layout);
		length = stream_of(&state, &layout, 0).count;
		for (unsigned i = 0; i < 20; i++) {
			state = random_state(&random, &layout);
			assert_int_equal(stream_of(&state, &layout, ~i).count, length);
		}
	}
}

static void is_smaller_than_qemu_s_section(void **unused)
{
	static const char *const models[] = {"intel-v2,gp=8", "intel-v2,gp=8,width=64"};

	for (size_t i = 0; i < ARRAY_SIZE(models); i++) {
		struct vpmu_layout layout = layout_of(models[i]);
		struct vpmu_state state;
		size_t length;

		vpmu_state_reset(&state, &layout);
		length = stream_of(&state, &layout, 0).count;
		print_message("%s: %zu bytes\n", models[i], length);
		assert_true(length < QEMU_SECTION_IS);
	}
}

static void length_is_known_from_the_header(void **unused)
{
	struct vpmu_layout layout = layout_of("zen4");
	struct vpmu_state state;
	struct bytes stream;
	size_t length = 0;

	vpmu_state_reset(&state, &layout);
	stream = stream_of(&state, &layout, 0);
	assert_int_equal(
		vpmu_stream_length(stream.data, VPMU_STREAM_HEADER_BYTES, &length, NULL, 0),
		VPMU_OK);
	assert_int_equal(length, stream.count);
}

static void is_not_made_of_what_is_no_state(void **unused)
{
	struct vpmu_layout layout = layout_of("intel-v2"), other = layout_of("intel-v3");
	uint8_t out[VPMU_STREAM_BYTES];
	struct vpmu_state state;
	size_t used = 1;

	vpmu_state_reset(&state, &layout);
	assert_int_equal(vpmu_stream_encode(&state, &other, 0, out, sizeof(out), &used),
	                 VPMU_BAD_ARGUMENT);
	state.values[0] = UINT64_MAX;
	assert_int_equal(vpmu_stream_encode(&state, &layout, 0, out, sizeof(out), &used),
	                 VPMU_BAD_ARGUMENT);
	assert_int_equal(used, 0);
	state.values[0] = 0;
	strcpy(state.model.name, "a\nb");
	assert_int_equal(vpmu_stream_encode(&state, &layout, 0, out, sizeof(out), &used),
	                 VPMU_BAD_ARGUMENT);
}

static void too_little_room_is_refused_and_not_touched(void **unused)
{
	struct vpmu_layout layout = layout_of("sapphire-rapids");
	uint8_t out[VPMU_STREAM_BYTES];
	struct vpmu_state state;
	size_t length, used;

	vpmu_state_reset(&state, &layout);
	length = stream_of(&state, &layout, 0).count;
	memset(out, 0x5a, sizeof(out));
	for (size_t bytes = 0; bytes < length; bytes++) {
		assert_int_equal(vpmu_stream_encode(&state, &layout, 0, out, bytes, &used),
		                 VPMU_BAD_ARGUMENT);
		assert_int_equal(used, 0);
		assert_int_equal(out[0], 0x5a);
	}
	assert_int_equal(vpmu_stream_encode(&state, &layout, 0, out, length, &used), VPMU_OK);
	assert_int_equal(out[length], 0x5a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_model_every_register_every_bit),
		cmocka_unit_test(random_states_of_every_model),
		cmocka_unit_test(random_models),
		cmocka_unit_test(tells_whose_it_is),
		cmocka_unit_test(describes_its_registers_itself),
		cmocka_unit_test(counts_registers_beyond_the_list),
		cmocka_unit_test(length_depends_on_the_model_only),
		cmocka_unit_test(is_smaller_than_qemu_s_section),
		cmocka_unit_test(length_is_known_from_the_header),
		cmocka_unit_test(is_not_made_of_what_is_no_state),
		cmocka_unit_test(too_little_room_is_refused_and_not_touched),
	};

	return cmocka_run_group_tests_name("stream-round", tests, NULL, NULL);
}
