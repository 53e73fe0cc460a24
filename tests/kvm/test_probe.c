/* SPDX-License-Identifier: MIT */
/* The probe on hosts of every kind: a tree of files, and a KVM, that are not there. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_kvm.h"

/* A host: its files and its KVM. */
struct place {
	struct tree tree;
	struct fake_kvm *kvm;
};

static struct place place_of(const char *model, const char *vendor_module)
{
	return (struct place){tree_of_good_host(vendor_module), fake_kvm_make(model)};
}

static struct vpmu_kvm_host probe(struct place *place)
{
	struct vpmu_kvm_host host;

	vpmu_kvm_probe(&host, place->tree.root, &place->kvm->calls);
	tree_remove(&place->tree);
	assert_int_equal(place->kvm->open_files, 0);
	return host;
}

/* Probes the place; the obstacle must be this one. */
static struct vpmu_kvm_host expect(struct place *place, enum vpmu_obstacle obstacle)
{
	struct vpmu_kvm_host host = probe(place);

	assert_string_equal(vpmu_obstacle_text(vpmu_kvm_obstacle(&host)),
	                    vpmu_obstacle_text(obstacle));
	return host;
}

static void test_good_host_gives_the_model_that_kvm_supports(void **context)
{
	static const char *const models[] = {"intel-v2", "intel-v2,gp=8", "zhaoxin-v2",
	                                     "amd-k7",   "amd-perfcore",  "amd-perfmon-v2,gp=4"};

	for (size_t i = 0; i < ARRAY_SIZE(models); i++) {
		struct place place = place_of(models[i], "kvm_intel");
		struct vpmu_kvm_host host = expect(&place, VPMU_OBSTACLE_NONE);

		assert_true(vpmu_model_equal(&host.model, &place.kvm->model));
		assert_string_equal(host.model.name, "kvm");
		assert_int_equal(host.trial, VPMU_TRIAL_WORKS);
		assert_int_equal(host.refused_count, 0);
		assert_true(host.msr_count > 0);
	}
}

static void test_everything_of_a_good_host_is_read(void **context)
{
	struct place place = place_of("intel-v2", "kvm_intel");
	struct vpmu_kvm_host host = expect(&place, VPMU_OBSTACLE_NONE);

	assert_string_equal(host.release, "6.12.117-amd64");
	assert_int_equal(host.kernel, 0x60c);
	assert_string_equal(host.vendor_string, "GenuineIntel");
	assert_int_equal(host.signature, place.kvm->model.signature);
	assert_int_equal(host.counters, VPMU_YES);
	assert_int_equal(host.watchdog, VPMU_NO);
	assert_true(host.has_module);
	assert_string_equal(host.vendor_module, "kvm_intel");
	assert_int_equal(host.enable_pmu, VPMU_YES);
	assert_int_equal(host.mediated, VPMU_NO);
	assert_int_equal(host.ignore_msrs, VPMU_NO);
	assert_true(host.has_off_switch && host.has_filter && host.has_masked_events);
	assert_false(host.is_hybrid || host.is_virtual);
	assert_int_equal(vpmu_obstacle_verdict(VPMU_OBSTACLE_NONE), VPMU_YES);
}

static void test_mediated_switch_is_the_vendor_modules(void **context)
{
	struct place place = place_of("amd-perfmon-v2", "kvm_amd");

	tree_file(&place.tree, "/sys/module/kvm_amd/parameters/enable_mediated_pmu", "Y\n");
	assert_int_equal(expect(&place, VPMU_OBSTACLE_NONE).mediated, VPMU_YES);
}

static void test_flags_may_be_numbers(void **context)
{
	struct place place = place_of("intel-v2", "kvm_intel");

	tree_file(&place.tree, "/sys/module/kvm/parameters/ignore_msrs", "1\n");
	assert_int_equal(probe(&place).ignore_msrs, VPMU_YES);
	place = place_of("intel-v2", "kvm_intel");
	tree_file(&place.tree, "/sys/module/kvm/parameters/ignore_msrs", "maybe\n");
	assert_int_equal(probe(&place).ignore_msrs, VPMU_UNKNOWN);
}

static void test_no_permission(void **context)
{
	static const int errors[] = {EACCES, EPERM};

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		struct place place = place_of("intel-v2", "kvm_intel");

		place.kvm->open_error = errors[i];
		expect(&place, VPMU_OBSTACLE_NO_PERMISSION);
		assert_int_equal(vpmu_obstacle_verdict(VPMU_OBSTACLE_NO_PERMISSION), VPMU_UNKNOWN);
	}
}

static void test_no_module(void **context)
{
	struct place place = {tree_make(), fake_kvm_make("intel-v2")};
	struct vpmu_kvm_host host;

	tree_directory(&place.tree, "/sys/bus/event_source/devices/cpu");
	place.kvm->open_error = ENOENT;
	host = expect(&place, VPMU_OBSTACLE_NO_MODULE);
	assert_int_equal(host.enable_pmu, VPMU_UNKNOWN);
	assert_string_equal(host.vendor_module, "");
}

static void test_module_without_a_device(void **context)
{
	struct place place = place_of("intel-v2", "kvm_intel");

	place.kvm->open_error = ENOENT;
	expect(&place, VPMU_OBSTACLE_NO_DEVICE);
}

static void test_device_is_looked_for_under_the_root(void **context)
{
	struct place place = place_of("intel-v2", "kvm_intel");
	size_t root = strlen(place.tree.root);

	expect(&place, VPMU_OBSTACLE_NONE);
	assert_memory_equal(place.kvm->path, place.tree.root, root);
	assert_string_equal(place.kvm->path + root, "/dev/kvm");
}

/* The kernel's own calls: a file in place of the device does not answer as KVM does. */
static void test_file_in_place_of_the_device(void **context)
{
	struct place place = place_of("intel-v2", "kvm_intel");
	struct vpmu_kvm_host host;

	tree_file(&place.tree, "/dev/kvm", "");
	vpmu_kvm_probe(&host, place.tree.root, NULL);
	tree_remove(&place.tree);
	assert_int_equal(host.open_error, 0);
	assert_int_equal(host.api_version, -ENOTTY);
	assert_false(host.has_model);
}

static void test_other_api_version(void **context)
{
	struct place place = place_of("intel-v2", "kvm_intel");

	place.kvm->api_version = 11;
	expect(&place, VPMU_OBSTACLE_NOT_KVM);
}

static void test_module_without_pmu(void **context)
{
	static const char *const models[] = {"intel-v2", "amd-perfcore"};

	for (size_t i = 0; i < ARRAY_SIZE(models); i++) {
		struct place place = place_of(models[i], "kvm_intel");

		place.kvm->is_enabled = false;
		tree_file(&place.tree, "/sys/module/kvm/parameters/enable_pmu", "N\n");
		expect(&place, VPMU_OBSTACLE_SWITCHED_OFF);
		assert_int_equal(vpmu_obstacle_verdict(VPMU_OBSTACLE_SWITCHED_OFF), VPMU_NO);
	}
}

/* What the switch says is known without the device, too. */
static void test_switched_off_is_known_without_permission(void **context)
{
	struct place place = place_of("intel-v2", "kvm_intel");

	place.kvm->open_error = EACCES;
	tree_file(&place.tree, "/sys/module/kvm/parameters/enable_pmu", "N\n");
	expect(&place, VPMU_OBSTACLE_SWITCHED_OFF);
}

static void test_hybrid_cpu_by_cpuid(void **context)
{
	struct place place = place_of("intel-v2", "kvm_intel");

	for (size_t i = 0; i < place.kvm->host_count; i++)
		if (place.kvm->host[i].leaf == 7)
			place.kvm->host[i].edx |= 1u << 15;
	place.kvm->is_enabled = false;
	tree_file(&place.tree, "/sys/module/kvm/parameters/enable_pmu", "N\n");
	assert_true(expect(&place, VPMU_OBSTACLE_HYBRID).is_hybrid);
}

static void test_hybrid_cpu_by_perf(void **context)
{
	struct place place = place_of("intel-v2", "kvm_intel");

	tree_directory(&place.tree, "/sys/bus/event_source/devices/cpu_core");
	tree_directory(&place.tree, "/sys/bus/event_source/devices/cpu_atom");
	place.kvm->is_enabled = false;
	tree_file(&place.tree, "/sys/module/kvm/parameters/enable_pmu", "N\n");
	expect(&place, VPMU_OBSTACLE_HYBRID);
}

static void test_no_hardware_counters(void **context)
{
	static const int errors[] = {ENOENT, ENODEV, EOPNOTSUPP};

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		struct place place = place_of("intel-v2", "kvm_intel");

		place.kvm->cycles_error = errors[i];
		place.kvm->is_enabled = false; /* as kvm_init_pmu_capability() does then */
		assert_int_equal(expect(&place, VPMU_OBSTACLE_NO_COUNTERS).counters, VPMU_NO);
	}
}

/* As under vpmu watch --emulate, or under another KVM than this kernel's. */
static void test_trial_that_works_outweighs_what_explains_one_that_does_not(void **context)
{
	struct place place = place_of("intel-v2", "kvm_intel");

	tree_file(&place.tree, "/sys/module/kvm/parameters/enable_pmu", "N\n");
	place.kvm->cycles_error = ENOENT;
	assert_int_equal(expect(&place, VPMU_OBSTACLE_NONE).enable_pmu, VPMU_NO);
}

/* perf_event_paranoid, seccomp: the error is not about counters, so sysfs decides. */
static void test_perf_that_may_not_be_asked(void **context)
{
	static const int errors[] = {EACCES, EPERM, ENOSYS};

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		struct place place = place_of("intel-v2", "kvm_intel");
		struct place bare = {tree_make(), place.kvm};

		place.kvm->cycles_error = errors[i];
		assert_int_equal(expect(&place, VPMU_OBSTACLE_NONE).counters, VPMU_YES);
		tree_directory(&bare.tree, "/sys/bus/event_source/devices/software");
		place.kvm->is_enabled = false;
		assert_int_equal(expect(&bare, VPMU_OBSTACLE_NO_COUNTERS).counters, VPMU_NO);
		place.kvm->is_enabled = true;
		bare.tree = tree_make();
		assert_int_equal(expect(&bare, VPMU_OBSTACLE_NONE).counters, VPMU_UNKNOWN);
	}
}

static void test_old_kernel_lacks_the_off_switch_only(void **context)
{
	struct place place = place_of("amd-perfcore", "kvm_amd");
	struct vpmu_kvm_host host;

	tree_file(&place.tree, "/proc/sys/kernel/osrelease", "5.10.0-30-amd64\n");
	place.kvm->has_off_switch = place.kvm->has_filter = place.kvm->has_masked_events = false;
	host = expect(&place, VPMU_OBSTACLE_NONE);
	assert_int_equal(host.kernel, 0x50a);
	assert_false(host.has_off_switch || host.has_filter || host.has_masked_events);
}

static void test_strange_releases_are_unknown_kernels(void **context)
{
	static const char *const releases[] = {"", "\n", "6", "six.one", "6.1000", ".1", "999.1"};

	for (size_t i = 0; i < ARRAY_SIZE(releases); i++) {
		struct place place = place_of("intel-v2", "kvm_intel");

		tree_file(&place.tree, "/proc/sys/kernel/osrelease", releases[i]);
		assert_int_equal(probe(&place).kernel, 0);
	}
}

static void test_a_pipe_in_place_of_a_file_is_not_waited_for(void **context)
{
	struct place place = {tree_make(), fake_kvm_make("intel-v2")};
	char path[128];

	tree_directory(&place.tree, "/sys/module/kvm/parameters");
	snprintf(path, sizeof(path), "%s/sys/module/kvm/parameters/enable_pmu", place.tree.root);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(probe(&place).enable_pmu, VPMU_UNKNOWN);
}

/* No file says so: only a vCPU shows it. */
static void test_amd_pmu_that_is_not_there_is_found_by_trial(void **context)
{
	struct place place = {tree_make(), fake_kvm_make("amd-perfcore")};
	struct vpmu_kvm_host host;

	place.kvm->is_enabled = false;
	host = expect(&place, VPMU_OBSTACLE_NOTHING);
	assert_int_equal(host.trial, VPMU_TRIAL_NOTHING);
	assert_int_equal(host.model.version, 1);
}

static void test_intel_pmu_that_is_not_there_is_found_by_cpuid(void **context)
{
	struct place place = {tree_make(), fake_kvm_make("intel-v2")};

	place.kvm->is_enabled = false;
	assert_int_equal(expect(&place, VPMU_OBSTACLE_NO_PMU).trial, VPMU_TRIAL_NONE);
}

static void test_registers_that_are_refused_are_listed(void **context)
{
	struct place place = place_of("intel-v2", "kvm_intel");
	struct vpmu_kvm_host host;

	place.kvm->refused_read = 0x38d;
	host = expect(&place, VPMU_OBSTACLE_NONE);
	assert_int_equal(host.refused_count, 1);
	assert_int_equal(host.refused[0], 0x38d);
}

static void test_every_call_may_fail(void **context)
{
	static const struct {
		unsigned long request;
		enum vpmu_obstacle obstacle;
		const char *step; /* of the trial */
	} rows[] = {
		{KVM_GET_API_VERSION, VPMU_OBSTACLE_NOT_KVM, NULL},
		{KVM_GET_MSR_INDEX_LIST, VPMU_OBSTACLE_NONE, NULL},
		{KVM_GET_SUPPORTED_CPUID, VPMU_OBSTACLE_NO_MODEL, NULL},
		{KVM_CREATE_VM, VPMU_OBSTACLE_NO_TRIAL, "KVM_CREATE_VM"},
		{KVM_CREATE_IRQCHIP, VPMU_OBSTACLE_NONE, NULL},
		{KVM_CREATE_VCPU, VPMU_OBSTACLE_NO_TRIAL, "KVM_CREATE_VCPU"},
		{KVM_SET_CPUID2, VPMU_OBSTACLE_NO_TRIAL, "KVM_SET_CPUID2"},
		{KVM_SET_MSRS, VPMU_OBSTACLE_NOTHING, NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct place place = place_of("intel-v2", "kvm_intel");
		struct vpmu_kvm_host host;

		place.kvm->failure = (struct fake_failure){rows[i].request, EBUSY, 0};
		host = expect(&place, rows[i].obstacle);
		if (rows[i].step) {
			assert_int_equal(host.trial, VPMU_TRIAL_FAILED);
			assert_int_equal(host.trial_error, EBUSY);
			assert_string_equal(host.trial_step, rows[i].step);
		}
	}
}

static void test_cpuid_of_an_unknown_vendor_is_no_model(void **context)
{
	struct place place = place_of("intel-v2", "kvm_intel");
	struct vpmu_kvm_host host;

	/* A width that no PMU has. */
	place.kvm->model.gp_width = 7;
	host = probe(&place);
	assert_false(host.has_model);
	assert_int_equal(vpmu_kvm_obstacle(&host), VPMU_OBSTACLE_NO_MODEL);
}

/* A KVM in whose place one file is 0, as for a program without a standard input; and that says less
 * than it could. */
struct other {
	struct fake_kvm *kvm;
	int file;               /* whose number is 0 */
	bool lists_nothing;     /* KVM_GET_MSR_INDEX_LIST fills nothing in */
	unsigned largest_write; /* MSRs in one KVM_SET_MSRS */
};

static int other_number(const struct other *other, int fd)
{
	return fd == other->file ? 0 : fd;
}

static int real_number(const struct other *other, int fd)
{
	return fd ? fd : other->file;
}

static int other_open(void *context, const char *path)
{
	struct other *other = context;

	return other_number(other, other->kvm->calls.open(other->kvm, path));
}

static void other_close(void *context, int fd)
{
	struct other *other = context;

	other->kvm->calls.close(other->kvm, real_number(other, fd));
}

static int other_ioctl(void *context, int fd, unsigned long request, void *argument)
{
	struct other *other = context;
	bool makes = request == KVM_CREATE_VM || request == KVM_CREATE_VCPU;
	struct kvm_msrs *msrs = argument;
	int result;

	if (request == KVM_GET_MSR_INDEX_LIST && other->lists_nothing) {
		((struct kvm_msr_list *)argument)->nmsrs = 3;
		return 0;
	}
	if (request == KVM_SET_MSRS && msrs->nmsrs > other->largest_write)
		other->largest_write = msrs->nmsrs;
	result = other->kvm->calls.ioctl(other->kvm, real_number(other, fd), request, argument);
	return makes ? other_number(other, result) : result;
}

static void other_cpuid(void *context, struct vpmu_cpuid *leaf)
{
	struct other *other = context;

	other->kvm->calls.cpuid(other->kvm, leaf);
}

static int other_count_cycles(void *context)
{
	struct other *other = context;

	return other->kvm->calls.count_cycles(other->kvm);
}

static struct vpmu_kvm_host probe_other(struct other *other)
{
	struct tree tree = tree_of_good_host("kvm_intel");
	struct vpmu_kvm_calls calls;
	struct vpmu_kvm_host host;

	other->kvm = fake_kvm_make("intel-v2");
	calls = other->kvm->calls;
	calls.open = other_open;
	calls.close = other_close;
	calls.ioctl = other_ioctl;
	calls.context = other;
	calls.cpuid = other_cpuid;
	calls.count_cycles = other_count_cycles;
	memset(&host, 0xff, sizeof(host));
	vpmu_kvm_probe(&host, tree.root, &calls);
	tree_remove(&tree);
	return host;
}

static void test_file_0_is_a_file(void **context)
{
	static const int files[] = {FAKE_KVM_FD, FAKE_VM_FD, FAKE_VCPU_FD};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct other other = {.file = files[i]};
		struct vpmu_kvm_host host = probe_other(&other);

		assert_int_equal(host.trial, VPMU_TRIAL_WORKS);
		assert_int_equal(other.kvm->open_files, 0);
	}
}

/* As where nobody has opened it: the first file that is opened is then 0. */
static void test_files_are_read_without_a_standard_input(void **context)
{
	struct place place = place_of("intel-v2", "kvm_intel");
	int input = dup(STDIN_FILENO), stays;
	struct vpmu_kvm_host host;

	close(STDIN_FILENO);
	host = probe(&place);
	stays = fcntl(STDIN_FILENO, F_GETFD);
	if (input >= 0) {
		assert_int_equal(dup2(input, STDIN_FILENO), STDIN_FILENO);
		close(input);
	}
	assert_string_equal(host.release, "6.12.117-amd64");
	assert_int_equal(host.enable_pmu, VPMU_YES);
	assert_int_equal(stays, -1); /* nothing is left open */
}

static void test_registers_that_are_not_filled_in_are_0(void **context)
{
	struct other other = {.file = -1, .lists_nothing = true};
	struct vpmu_kvm_host host = probe_other(&other);

	assert_int_equal(host.msr_count, 3);
	assert_int_equal(host.msrs[0] | host.msrs[1] | host.msrs[2], 0);
}

static void test_the_trial_writes_one_register(void **context)
{
	struct other other = {.file = -1};

	assert_int_equal(probe_other(&other).trial, VPMU_TRIAL_WORKS);
	assert_int_equal(other.largest_write, 1);
}

static void test_every_obstacle_has_a_text_of_its_own(void **context)
{
	for (unsigned i = 0; i < VPMU_OBSTACLES; i++) {
		const char *text = vpmu_obstacle_text((enum vpmu_obstacle)i);

		assert_string_not_equal(text, "unknown");
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(text, vpmu_obstacle_text((enum vpmu_obstacle)j));
	}
	assert_string_equal(vpmu_obstacle_text(VPMU_OBSTACLES), "unknown");
	assert_int_equal(vpmu_obstacle_verdict(VPMU_OBSTACLES), VPMU_UNKNOWN);
}

static void test_long_root_is_no_place(void **context)
{
	struct fake_kvm *kvm = fake_kvm_make("intel-v2");
	struct vpmu_kvm_host host;
	char root[5000];

	memset(root, 'x', sizeof(root) - 1);
	root[sizeof(root) - 1] = '\0';
	vpmu_kvm_probe(&host, root, &kvm->calls);
	assert_string_equal(host.release, "");
	assert_false(host.has_module);
	assert_int_equal(host.open_error, ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_host_gives_the_model_that_kvm_supports),
		cmocka_unit_test(test_everything_of_a_good_host_is_read),
		cmocka_unit_test(test_mediated_switch_is_the_vendor_modules),
		cmocka_unit_test(test_flags_may_be_numbers),
		cmocka_unit_test(test_no_permission),
		cmocka_unit_test(test_no_module),
		cmocka_unit_test(test_module_without_a_device),
		cmocka_unit_test(test_device_is_looked_for_under_the_root),
		cmocka_unit_test(test_file_in_place_of_the_device),
		cmocka_unit_test(test_other_api_version),
		cmocka_unit_test(test_module_without_pmu),
		cmocka_unit_test(test_switched_off_is_known_without_permission),
		cmocka_unit_test(test_hybrid_cpu_by_cpuid),
		cmocka_unit_test(test_hybrid_cpu_by_perf),
		cmocka_unit_test(test_no_hardware_counters),
		cmocka_unit_test(test_trial_that_works_outweighs_what_explains_one_that_does_not),
		cmocka_unit_test(test_perf_that_may_not_be_asked),
		cmocka_unit_test(test_old_kernel_lacks_the_off_switch_only),
		cmocka_unit_test(test_strange_releases_are_unknown_kernels),
		cmocka_unit_test(test_a_pipe_in_place_of_a_file_is_not_waited_for),
		cmocka_unit_test(test_amd_pmu_that_is_not_there_is_found_by_trial),
		cmocka_unit_test(test_intel_pmu_that_is_not_there_is_found_by_cpuid),
		cmocka_unit_test(test_registers_that_are_refused_are_listed),
		cmocka_unit_test(test_every_call_may_fail),
		cmocka_unit_test(test_cpuid_of_an_unknown_vendor_is_no_model),
		cmocka_unit_test(test_file_0_is_a_file),
		cmocka_unit_test(test_files_are_read_without_a_standard_input),
		cmocka_unit_test(test_registers_that_are_not_filled_in_are_0),
		cmocka_unit_test(test_the_trial_writes_one_register),
		cmocka_unit_test(test_every_obstacle_has_a_text_of_its_own),
		cmocka_unit_test(test_long_root_is_no_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
