/* SPDX-License-Identifier: MIT */
/* The calls that reach the host, and what is made of their answers. */
#include <fcntl.h>
#include <unistd.h>

#include "fake_kvm.h"

static void test_the_kernel_s_calls_are_those_without_others(void **context)
{
	struct fake_kvm *kvm = fake_kvm_make("intel-v2");

	assert_ptr_equal(calls_or_kernel(&kvm->calls), &kvm->calls);
	assert_ptr_not_equal(calls_or_kernel(NULL), &kvm->calls);
}

/* A program without a standard input gets 0 for the first file that it opens. */
static void test_file_0_is_a_file(void **context)
{
	const struct vpmu_kvm_calls *calls = calls_or_kernel(NULL);
	int input = dup(STDIN_FILENO), fd;

	close(STDIN_FILENO);
	errno = EIO; /* of some call before */
	fd = calls->open(calls->context, "/dev/null");
	if (fd >= 0)
		calls->close(calls->context, fd);
	if (input >= 0) {
		assert_int_equal(dup2(input, STDIN_FILENO), STDIN_FILENO);
		close(input);
	}
	assert_int_equal(fd, STDIN_FILENO);
}

/* The lowest number that is free. */
static int next_file(void)
{
	int fd = open("/dev/null", O_RDONLY);

	assert_true(fd >= 0);
	close(fd);
	return fd;
}

static void test_no_file_stays_open(void **context)
{
	const struct vpmu_kvm_calls *calls = calls_or_kernel(NULL);
	int before = next_file();

	calls->close(calls->context, calls->open(calls->context, "/dev/null"));
	assert_int_equal(next_file(), before);
	calls->count_cycles(calls->context); /* where it may */
	assert_int_equal(next_file(), before);
}

static void test_a_file_that_is_not_there_is_an_errno(void **context)
{
	const struct vpmu_kvm_calls *calls = calls_or_kernel(NULL);

	assert_int_equal(calls->open(calls->context, "/nonexistent/kvm"), -ENOENT);
	assert_int_equal(calls->ioctl(calls->context, -1, KVM_GET_API_VERSION, NULL), -EBADF);
}

static void test_a_leaf_that_is_not_there_is_zeros(void **context)
{
	const struct vpmu_kvm_calls *calls = calls_or_kernel(NULL);
	struct vpmu_cpuid first = {.leaf = 0}, none = {.leaf = 0x0fffffff, .eax = 1, .edx = 2};

	calls->cpuid(calls->context, &first);
	assert_int_not_equal(first.eax, 0);
	assert_int_not_equal(first.ebx, 0);
	calls->cpuid(calls->context, &none);
	assert_int_equal(none.eax | none.ebx | none.ecx | none.edx, 0);
}

static void test_supported_leaves_that_cannot_be_had_are_none(void **context)
{
	struct fake_kvm *kvm = fake_kvm_make("intel-v2");
	static union cpuid_room room;

	assert_int_equal(cpuid_supported(&kvm->calls, FAKE_KVM_FD, &room), 0);
	assert_true(room.cpuid.nent > 0);
	kvm->failure = (struct fake_failure){KVM_GET_SUPPORTED_CPUID, E2BIG, 0};
	assert_int_equal(cpuid_supported(&kvm->calls, FAKE_KVM_FD, &room), -E2BIG);
	assert_int_equal(room.cpuid.nent, 0);
}

/* A vCPU's CPUID, with so many entries in front of it that have nothing to do with a PMU. */
static union cpuid_room behind_others(const char *name, unsigned others)
{
	struct vpmu_model model;
	union cpuid_room room, pmu;

	assert_int_equal(vpmu_model_parse(&model, name, NULL, 0), VPMU_OK);
	pmu = fake_cpuid(&model);
	memset(&room, 0, sizeof(room));
	for (unsigned i = 0; i < others; i++)
		room.cpuid.entries[i] = (struct kvm_cpuid_entry2){
			.function = i % 2 ? 0xd : 7, .index = 1 + i, .eax = ~0u, .ebx = ~0u};
	memcpy(&room.cpuid.entries[others], pmu.cpuid.entries,
	       pmu.cpuid.nent * sizeof(pmu.cpuid.entries[0]));
	room.cpuid.nent = others + pmu.cpuid.nent;
	return room;
}

static void test_leaves_of_no_pmu_are_in_nobodys_way(void **context)
{
	for (unsigned others = 0; others <= 2 * VPMU_CPUID_LEAVES; others++) {
		union cpuid_room intel = behind_others("intel-v2", others);
		union cpuid_room amd = behind_others("amd-perfcore", others);
		struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
		struct vpmu_model model;
		char why[200] = "";
		size_t count = cpuid_pmu_leaves(&intel.cpuid, leaves);

		assert_int_equal(vpmu_model_from_cpuid(&model, leaves, count, 0, NULL, 0), VPMU_OK);
		assert_int_equal(model.gp_count, 4);
		assert_int_equal(vpmu_kvm_hide_pmu(&intel.cpuid, why, sizeof(why)), VPMU_OK);
		count = cpuid_pmu_leaves(&intel.cpuid, leaves);
		assert_int_equal(vpmu_model_from_cpuid(&model, leaves, count, 0, NULL, 0), VPMU_OK);
		assert_int_equal(model.version, 0);
		assert_int_equal(vpmu_kvm_hide_pmu(&amd.cpuid, why, sizeof(why)),
		                 VPMU_INCOMPATIBLE);
		assert_non_null(strstr(why, "the guest finds 4 counters"));
	}
}

/* Intel SDM vol. 2A CPUID, AMD APM vol. 3 appendix E: the bits that tell of a PMU, LBRs, PEBS, IBS.
 */
static void test_what_is_hidden_and_what_is_not(void **context)
{
	static const struct {
		uint32_t leaf, subleaf, eax, ebx, ecx, edx; /* what is left of all ones */
	} rows[] = {
		{1, 0, ~0u, ~0u, ~(1u << 15 | 1u << 4 | 1u << 2), ~(1u << 21)},
		{7, 0, ~0u, ~0u, ~0u, ~(1u << 19)},
		{7, 1, ~(1u << 8), ~0u, ~0u, ~0u},
		{7, 2, ~0u, ~0u, ~0u, ~0u},
		{0xa, 0, 0, 0, 0, 0},
		{0x1c, 0, 0, 0, 0, 0},
		{0x23, 0, 0, 0, 0, 0},
		{0x23, 1, 0, 0, 0, 0},
		{0x80000001, 0, ~0u, ~0u, ~(1u << 23 | 1u << 10 | 1u << 24 | 1u << 27 | 1u << 28),
	         ~0u},
		{0x8000001b, 0, 0, 0, 0, 0},
		{0x80000022, 0, 0, 0, 0, 0},
		{0xd, 0, ~0u, ~0u, ~0u, ~0u},
		{0x80000008, 0, ~0u, ~0u, ~0u, ~0u},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vpmu_cpuid leaf = {rows[i].leaf, rows[i].subleaf, ~0u, ~0u, ~0u, ~0u};

		vpmu_cpuid_hide_pmu(&leaf, 1, NULL, 0);
		if (leaf.eax != rows[i].eax || leaf.ebx != rows[i].ebx || leaf.ecx != rows[i].ecx ||
		    leaf.edx != rows[i].edx)
			fail_msg("leaf 0x%x: 0x%x 0x%x 0x%x 0x%x is left", leaf.leaf, leaf.eax,
			         leaf.ebx, leaf.ecx, leaf.edx);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_kernel_s_calls_are_those_without_others),
		cmocka_unit_test(test_file_0_is_a_file),
		cmocka_unit_test(test_no_file_stays_open),
		cmocka_unit_test(test_a_file_that_is_not_there_is_an_errno),
		cmocka_unit_test(test_a_leaf_that_is_not_there_is_zeros),
		cmocka_unit_test(test_supported_leaves_that_cannot_be_had_are_none),
		cmocka_unit_test(test_leaves_of_no_pmu_are_in_nobodys_way),
		cmocka_unit_test(test_what_is_hidden_and_what_is_not),
	};

	return cmocka_run_group_tests_name("kvm calls", tests, NULL, NULL);
}
