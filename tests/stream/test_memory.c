/* SPDX-License-Identifier: MIT */
/*
 * Memory per saved vCPU is flat: a stream has the same length however many there were before, and
 * nothing is kept or allocated on the way. All that is linked in here has its calls of the
 * allocator counted (-Wl,--wrap).
 */
#include "unit.h"

enum { STATES = 100000 };

/* A compiler knows that malloc() changes no variable; this one it does. */
static volatile unsigned long allocations;

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *old, size_t bytes);

void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);

void *__wrap_malloc(size_t bytes)
{
	allocations++;
	return __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
	allocations++;
	return __real_calloc(count, bytes);
}

void *__wrap_realloc(void *old, size_t bytes)
{
	allocations++;
	return __real_realloc(old, bytes);
}

static void the_allocator_s_calls_are_counted(void **unused)
{
	unsigned long before = allocations;
	void *volatile memory = malloc(1);

	assert_int_equal(allocations, before + 1);
	free(memory);
}

/* One vCPU from a machine to a machine. Returns the stream's length. */
static size_t move(struct vpmu_pmu *from, struct vpmu_pmu *to, const struct vpmu_layout *layout)
{
	struct vpmu_stream_register list[VPMU_MAX_STATE];
	struct vpmu_state state = state_of(from, layout), back;
	struct bytes stream = stream_of(&state, layout, 0);
	struct vpmu_stream_about about;
	char why[WHY_BYTES];
	size_t count;

	assert_int_equal(vpmu_stream_look(stream.data, stream.count, &about, why, sizeof(why)),
	                 VPMU_OK);
	assert_int_equal(vpmu_stream_registers(stream.data, stream.count, list, VPMU_MAX_STATE,
	                                       &count, why, sizeof(why)),
	                 VPMU_OK);
	assert_int_equal(vpmu_stream_decode(stream.data, stream.count, layout, &back, NULL, why,
	                                    sizeof(why)),
	                 VPMU_OK);
	put_whole(to, &back, layout);
	back = state_of(to, layout);
	assert_same_state(&back, &state, layout);
	stream.data[HEADER_BYTES]++;
	assert_int_equal(vpmu_stream_decode(stream.data, stream.count, layout, &back, NULL, why,
	                                    sizeof(why)),
	                 VPMU_BAD_DATA);
	return stream.count;
}

static void a_hundred_thousand_states_leave_nothing_behind(void **unused)
{
	struct random random = random_seeded("memory");
	unsigned long before = allocations;
	unsigned moved = 0;
	const char *name;

	while (moved < STATES)
		for (size_t m = 0; (name = test_model(m)); m++) {
			struct vpmu_layout layout = layout_of(name);
			struct vpmu_pmu *from = machine_of(&layout.model);
			struct vpmu_pmu *to = machine_of(&layout.model);
			size_t length = 0;

			for (unsigned i = 0; i < 100; i++, moved++) {
				struct vpmu_state state = random_state(&random, &layout);
				size_t bytes;

				put_whole(from, &state, &layout);
				bytes = move(from, to, &layout);
				assert_true(!length || bytes == length);
				length = bytes;
			}
		}
	print_message("%u states moved, %lu calls of the allocator\n", moved, allocations - before);
	assert_int_equal(allocations, before);
}

/* The whole file of a VM, in one buffer of just the bytes that it must have. */
static void a_vm_s_file_grows_by_the_same_for_each_vcpu(void **unused)
{
	struct vpmu_layout layout = layout_of("sapphire-rapids");
	static uint8_t bytes[VPMU_FILE_HEADER_BYTES + VPMU_FILE_VCPUS * 357];
	struct random random = random_seeded("file");
	size_t used = VPMU_FILE_HEADER_BYTES, length, vcpus = 0;
	unsigned long before = allocations;
	struct vpmu_file file;
	const void *stream;

	assert_int_equal(vpmu_file_header(bytes, VPMU_FILE_VCPUS), VPMU_OK);
	for (uint32_t vcpu = 0; vcpu < VPMU_FILE_VCPUS; vcpu++, used += length) {
		struct vpmu_state state = random_state(&random, &layout);

		assert_int_equal(vpmu_stream_encode(&state, &layout, vcpu, bytes + used,
		                                    sizeof(bytes) - used, &length),
		                 VPMU_OK);
	}
	assert_int_equal(used, sizeof(bytes));
	assert_int_equal(vpmu_file_open(&file, bytes, used, NULL, 0), VPMU_OK);
	while (vpmu_file_next(&file, &stream, &length))
		vcpus++;
	assert_int_equal(vcpus, VPMU_FILE_VCPUS);
	assert_int_equal(allocations, before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_allocator_s_calls_are_counted),
		cmocka_unit_test(a_hundred_thousand_states_leave_nothing_behind),
		cmocka_unit_test(a_vm_s_file_grows_by_the_same_for_each_vcpu),
	};

	return cmocka_run_group_tests_name("stream-memory", tests, NULL, NULL);
}
