/* SPDX-License-Identifier: MIT */
/* What the probe reads of a host, bit by bit and to the end of each file. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_kvm.h"

static struct vpmu_kvm_host look(const struct tree *tree, const struct vpmu_kvm_calls *calls)
{
	struct vpmu_kvm_host host = {0};

	host_look(&host, tree->root, calls);
	return host;
}

/* A path has room for what it takes and its end, and one byte that shows that nothing was cut. */
static void test_a_path_ends_before_its_room(void **context)
{
	char root[PATH_ROOM], path[PATH_ROOM];

	memset(root, 'x', sizeof(root));
	root[PATH_ROOM - 5] = '\0';
	assert_true(host_path(path, root, "a", "b", "c"));
	assert_int_equal(strlen(path), PATH_ROOM - 2);
	assert_false(host_path(path, root, "ab", "b", "c"));
	assert_true(host_path(path, "", "a", "b", "c"));
	assert_string_equal(path, "abc");
}

static void test_kernels_are_two_bytes(void **context)
{
	static const struct {
		const char *release;
		unsigned kernel;
	} rows[] = {
		{"6.12.117-amd64", 0x60c},
		{"255.255", 0xffff},
		{"256.0", 0},
		{"6.256", 0},
		{"6.0", 0x600},
		{"6.", 0x600},
		{"x6.1", 0},
		{"6-1", 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fake_kvm *kvm = fake_kvm_make("intel-v2");
		struct tree tree = tree_of_good_host("kvm_intel");

		tree_file(&tree, "/proc/sys/kernel/osrelease", rows[i].release);
		if (look(&tree, &kvm->calls).kernel != rows[i].kernel)
			fail_msg("%s", rows[i].release);
		tree_remove(&tree);
	}
}

static void test_a_file_is_its_first_line(void **context)
{
	struct fake_kvm *kvm = fake_kvm_make("intel-v2");
	struct tree tree = tree_of_good_host("kvm_intel");
	struct vpmu_kvm_host host;
	char longest[VPMU_HOST_TEXT + 1];

	tree_file(&tree, "/proc/sys/kernel/osrelease", "6.1\nand more\n");
	assert_string_equal(look(&tree, &kvm->calls).release, "6.1");
	memset(longest, '7', sizeof(longest) - 1);
	longest[VPMU_HOST_TEXT] = '\0';
	tree_file(&tree, "/proc/sys/kernel/osrelease", longest);
	host = look(&tree, &kvm->calls);
	assert_int_equal(strlen(host.release), VPMU_HOST_TEXT - 1);
	tree_file(&tree, "/proc/sys/kernel/osrelease", "x");
	assert_string_equal(look(&tree, &kvm->calls).release, "x");
	tree_remove(&tree);
}

static void test_flags_are_yes_or_no_or_not_known(void **context)
{
	static const struct {
		const char *text;
		enum vpmu_known known;
	} rows[] = {
		{"Y\n", VPMU_YES},
		{"1\n", VPMU_YES},
		{"Y", VPMU_YES},
		{"N\n", VPMU_NO},
		{"0\n", VPMU_NO},
		{"0", VPMU_NO},
		{"", VPMU_UNKNOWN},
		{"\n", VPMU_UNKNOWN},
		{"YN\n", VPMU_UNKNOWN},
		{"2\n", VPMU_UNKNOWN},
		{"10\n", VPMU_UNKNOWN},
		{"-1\n", VPMU_UNKNOWN},
		{"Y       N", VPMU_UNKNOWN},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fake_kvm *kvm = fake_kvm_make("intel-v2");
		struct tree tree = tree_of_good_host("kvm_intel");

		tree_file(&tree, "/proc/sys/kernel/nmi_watchdog", rows[i].text);
		tree_file(&tree, "/sys/module/kvm/parameters/ignore_msrs", rows[i].text);
		assert_int_equal(look(&tree, &kvm->calls).watchdog, rows[i].known);
		assert_int_equal(look(&tree, &kvm->calls).ignore_msrs, rows[i].known);
		tree_remove(&tree);
	}
}

/* --- CPUID, a bit at a time ------------------------------------------------------------------- */

static struct vpmu_cpuid told; /* the one leaf that is not zeros */

static void tell(void *context, struct vpmu_cpuid *leaf)
{
	uint32_t number = leaf->leaf;

	*leaf = (struct vpmu_cpuid){.leaf = number};
	if (number == told.leaf)
		*leaf = told;
}

static void test_bits_of_cpuid(void **context)
{
	static const struct {
		uint32_t leaf;
		unsigned place; /* of the register among eax, ebx, ecx, edx */
	} words[] = {{1, 2}, {1, 3}, {7, 3}, {7, 1}, {0x80000001, 2}, {0x80000001, 3}};
	struct fake_kvm *kvm = fake_kvm_make("intel-v2");
	struct tree tree = tree_of_good_host("kvm_intel");

	kvm->calls.cpuid = tell;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		for (unsigned bit = 0; bit < 32; bit++) {
			bool basic = words[i].leaf == 1 && words[i].place == 2;
			bool extended = words[i].leaf == 0x80000001 && words[i].place == 2;
			bool structured = words[i].leaf == 7 && words[i].place == 3;
			struct vpmu_kvm_host host;

			told = (struct vpmu_cpuid){.leaf = words[i].leaf};
			(&told.eax)[words[i].place] = 1u << bit;
			host = look(&tree, &kvm->calls);
			assert_int_equal(host.is_virtual, basic && bit == 31);
			assert_int_equal(host.has_extensions,
			                 (basic && bit == 5) || (extended && bit == 2));
			assert_int_equal(host.is_hybrid, structured && bit == 15);
		}
	told = (struct vpmu_cpuid){
		.leaf = 0, .ebx = 0x756e6547, .ecx = 0x6c65746e, .edx = 0x49656e69};
	assert_string_equal(look(&tree, &kvm->calls).vendor_string, "GenuineIntel");
	told = (struct vpmu_cpuid){.leaf = 1, .eax = 0xffffffff};
	assert_int_equal(look(&tree, &kvm->calls).signature, 0xffffffff);
	tree_remove(&tree);
}

/* --- Modules ---------------------------------------------------------------------------------- */

static void test_the_vendors_module_is_the_first_by_name(void **context)
{
	struct fake_kvm *kvm = fake_kvm_make("intel-v2");
	struct tree tree = tree_make();
	char path[128], name[VPMU_HOST_TEXT + 1] = "kvm_";

	tree_directory(&tree, "/sys/module/kvmgt");
	tree_directory(&tree, "/sys/module/kvm");
	tree_directory(&tree, "/sys/module/akvm_x");
	assert_string_equal(look(&tree, &kvm->calls).vendor_module, "");
	/* A name of as many bytes as there is room for, less the one for its end; and one more. */
	memset(name + 4, 'z', VPMU_HOST_TEXT - 4);
	snprintf(path, sizeof(path), "/sys/module/%s", name);
	tree_directory(&tree, path);
	assert_string_equal(look(&tree, &kvm->calls).vendor_module, "");
	name[VPMU_HOST_TEXT - 1] = '\0';
	snprintf(path, sizeof(path), "/sys/module/%s", name);
	tree_directory(&tree, path);
	assert_string_equal(look(&tree, &kvm->calls).vendor_module, name);
	tree_directory(&tree, "/sys/module/kvm_intel");
	assert_string_equal(look(&tree, &kvm->calls).vendor_module, "kvm_intel");
	tree_directory(&tree, "/sys/module/kvm_amd");
	assert_string_equal(look(&tree, &kvm->calls).vendor_module, "kvm_amd");
	tree_directory(&tree, "/sys/module/kvm_mips");
	assert_string_equal(look(&tree, &kvm->calls).vendor_module, "kvm_amd");
	tree_remove(&tree);
}

/* KVM's own parameter counts before its vendor's. */
static void test_parameters_are_of_either_module(void **context)
{
	static const char *const names[] = {"enable_pmu", "enable_mediated_pmu", "ignore_msrs"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct fake_kvm *kvm = fake_kvm_make("intel-v2");
		struct tree tree = tree_make();
		struct vpmu_kvm_host host;
		char own[128], vendors[128];
		const uint8_t *flags[] = {&host.enable_pmu, &host.mediated, &host.ignore_msrs};

		snprintf(own, sizeof(own), "/sys/module/kvm/parameters/%s", names[i]);
		snprintf(vendors, sizeof(vendors), "/sys/module/kvm_intel/parameters/%s", names[i]);
		tree_file(&tree, vendors, "Y\n");
		host = look(&tree, &kvm->calls);
		for (size_t k = 0; k < ARRAY_SIZE(flags); k++)
			assert_int_equal(*flags[k], k == i ? VPMU_YES : VPMU_UNKNOWN);
		tree_file(&tree, own, "N\n");
		host = look(&tree, &kvm->calls);
		assert_int_equal(*flags[i], VPMU_NO);
		tree_remove(&tree);
	}
}

/* In a program without a standard input its number is a file's, and is closed as others are. */
static void test_file_0_is_closed_too(void **context)
{
	struct fake_kvm *kvm = fake_kvm_make("intel-v2");
	struct tree tree = tree_of_good_host("kvm_intel");
	int input = dup(STDIN_FILENO), left;

	close(STDIN_FILENO);
	look(&tree, &kvm->calls);
	left = fcntl(STDIN_FILENO, F_GETFD);
	if (input >= 0) {
		assert_int_equal(dup2(input, STDIN_FILENO), STDIN_FILENO);
		close(input);
	}
	assert_int_equal(left, -1);
	tree_remove(&tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_path_ends_before_its_room),
		cmocka_unit_test(test_kernels_are_two_bytes),
		cmocka_unit_test(test_a_file_is_its_first_line),
		cmocka_unit_test(test_flags_are_yes_or_no_or_not_known),
		cmocka_unit_test(test_bits_of_cpuid),
		cmocka_unit_test(test_the_vendors_module_is_the_first_by_name),
		cmocka_unit_test(test_file_0_is_closed_too),
		cmocka_unit_test(test_parameters_are_of_either_module),
	};

	return cmocka_run_group_tests_name("kvm host", tests, NULL, NULL);
}
