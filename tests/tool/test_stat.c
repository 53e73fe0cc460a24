/* SPDX-License-Identifier: MIT */
/* vpmu stat without its guest: events, the kernel's modules, the guest's first files, its report.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <base/room.h>
#include <linux/perf_event.h>

#include "command.h"
#include "stat/stat.h"

/* --- Events ----------------------------------------------------------------------------------- */

static void an_event_is_perfs(void **state)
{
	static struct stat_events events;

	events.count = 0;
	assert_int_equal(
		stat_events_add(&events, "instructions,cycles:u,r1c0:k,L1-dcache-load-misses"),
		TOOL_HOLDS);
	assert_int_equal(events.count, 4);
	assert_int_equal(events.of[0].rings, EVENT_USER | EVENT_KERNEL);
	assert_int_equal(events.of[0].trust, STAT_EXACT);
	assert_int_equal(events.of[1].config, PERF_COUNT_HW_CPU_CYCLES);
	assert_int_equal(events.of[1].rings, EVENT_USER);
	assert_int_equal(events.of[2].type, PERF_TYPE_RAW);
	assert_int_equal(events.of[2].config, 0x1c0);
	assert_int_equal(events.of[2].rings, EVENT_KERNEL);
	assert_int_equal(events.of[3].type, PERF_TYPE_HW_CACHE);
	assert_int_equal(events.of[3].config, 0x10000);
}

static enum stat_trust trust(const char *model_name, const char *event)
{
	static struct stat_events events;
	struct vpmu_model model;

	assert_int_equal(vpmu_model_parse(&model, model_name, NULL, 0), VPMU_OK);
	events = (struct stat_events){.model = &model};
	assert_int_equal(stat_events_add(&events, event), TOOL_HOLDS);
	return events.of[0].trust;
}

static void a_count_is_worth_what_the_plugin_makes_of_its_class(void **state)
{
	assert_int_equal(trust("skylake", "branches:u"), STAT_EXACT);
	assert_int_equal(trust("skylake", "branch-loads"), STAT_EXACT);
	assert_int_equal(trust("skylake", "cycles"), STAT_ESTIMATE);
	assert_int_equal(trust("skylake", "branch-misses"), STAT_NOT_COUNTED);
	assert_int_equal(trust("skylake", "branch-load-misses"), STAT_NOT_COUNTED);
	assert_int_equal(trust("skylake", "LLC-loads"), STAT_NOT_COUNTED);
	assert_int_equal(trust("skylake", "page-faults"), STAT_KERNEL);
}

static void with_a_timing_model_what_is_not_counted_is_estimated(void **state)
{
	static const struct {
		const char *name;
		enum stat_trust trust;
	} rows[] = {
		{"branch-misses", STAT_ESTIMATE}, {"cycles", STAT_ESTIMATE},
		{"r412e", STAT_ESTIMATE},         {"L1-dcache-load-misses", STAT_ESTIMATE},
		{"instructions:u", STAT_EXACT},   {"branch-loads", STAT_EXACT},
		{"rc2", STAT_NOT_COUNTED}, /* no event that the model has */
		{"page-faults", STAT_KERNEL},
	};
	static struct stat_events events;
	struct vpmu_model model;

	assert_int_equal(vpmu_model_parse(&model, "skylake", NULL, 0), VPMU_OK);
	events = (struct stat_events){.model = &model, .timed = true};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(stat_events_add(&events, rows[i].name), TOOL_HOLDS);
		assert_int_equal(events.of[i].trust, rows[i].trust);
	}
}

static void a_selector_counts_what_the_model_says(void **state)
{
	assert_int_equal(trust("skylake", "r5300c0:u"), STAT_EXACT);
	assert_int_equal(trust("skylake", "r3c"), STAT_ESTIMATE);
	assert_int_equal(trust("skylake", "r412e"), STAT_NOT_COUNTED);
	assert_int_equal(trust("skylake", "rc2"), STAT_NOT_COUNTED);
	assert_int_equal(trust("zen2", "rc2"), STAT_EXACT);
}

static void a_class_without_a_name_of_perfs_is_the_models_code(void **state)
{
	static struct stat_events events;
	struct vpmu_model model;

	assert_int_equal(vpmu_model_parse(&model, "skylake", NULL, 0), VPMU_OK);
	events = (struct stat_events){.model = &model};
	assert_int_equal(stat_events_add(&events, "near-calls:u,cycles"), TOOL_HOLDS);
	assert_int_equal(events.of[0].type, PERF_TYPE_RAW);
	assert_int_equal(vpmu_model_event_class(&model, events.of[0].config), VPMU_NEAR_CALLS);
	assert_int_equal(events.of[0].rings, EVENT_USER);
	assert_int_equal(events.of[0].trust, STAT_EXACT);
	assert_int_equal(events.of[1].type, PERF_TYPE_HARDWARE);
	assert_int_equal(stat_events_add(&events, "topdown-speculation"), TOOL_BAD);
}

static void what_is_no_event_is_refused(void **state)
{
	static const char *const lists[] = {
		"",  ",",    "instructions,",      "instruction", "cycles:",   "cycles:x",
		"r", "rxyz", "r11112222333344445", "L1-dcache",   "cycles:u:k"};
	static struct stat_events events;

	for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		events.count = 0;
		assert_int_equal(stat_events_add(&events, lists[i]), TOOL_BAD);
	}
}

static void there_is_room_for_a_fixed_number_of_events(void **state)
{
	static struct stat_events events;
	char name[20];

	events.count = 0;
	for (unsigned i = 0; i < STAT_EVENTS; i++) {
		snprintf(name, sizeof(name), "r%x", i);
		assert_int_equal(stat_events_add(&events, name), TOOL_HOLDS);
	}
	assert_int_equal(stat_events_add(&events, "r0"), TOOL_HOLDS); /* it is there */
	assert_int_equal(stat_events_add(&events, "cycles"), TOOL_BAD);
}

static void a_limit_adds_its_event(void **state)
{
	static struct stat_events events;

	events.count = 0;
	assert_int_equal(stat_events_add(&events, "cycles:u"), TOOL_HOLDS);
	assert_int_equal(stat_limits_add(&events, "cycles:u=5,instructions:u=0x10"), TOOL_HOLDS);
	assert_int_equal(events.count, 2);
	assert_int_equal(events.of[0].limit, 5);
	assert_int_equal(events.of[1].limit, 16);
	assert_int_equal(stat_limits_add(&events, "cycles:u"), TOOL_BAD);
	assert_int_equal(stat_limits_add(&events, "cycles:u="), TOOL_BAD);
	assert_int_equal(stat_limits_add(&events, "cycles:u=-1"), TOOL_BAD);
	assert_int_equal(stat_limits_add(&events, "=1"), TOOL_BAD);
}

/* --- Limits ----------------------------------------------------------------------------------- */

static int judge(const char *limit, struct stat_count count)
{
	static struct stat_events events;
	static struct stat_result result;

	events.count = 0;
	assert_int_equal(stat_limits_add(&events, limit), TOOL_HOLDS);
	result.counts[0] = count;
	return stat_judge_limits(&events, &result);
}

static void a_limit_is_the_most_that_is_allowed(void **state)
{
	struct stat_count count = {.read = true, .value = 100, .enabled = 5, .running = 5};

	assert_int_equal(judge("instructions:u=100", count), TOOL_HOLDS);
	assert_int_equal(judge("instructions:u=99", count), TOOL_FAILS);
}

static void what_was_not_counted_whole_is_not_judged(void **state)
{
	struct stat_count count = {.read = true, .value = 100, .enabled = 5, .running = 4};

	assert_int_equal(judge("instructions:u=1000", count), TOOL_LACKS);
	count.running = 5;
	assert_int_equal(judge("cache-misses=1000", count), TOOL_LACKS);
	assert_int_equal(judge("instructions:u=1000", (struct stat_count){.refused = true}),
	                 TOOL_LACKS);
	assert_int_equal(judge("instructions:u=1000", (struct stat_count){0}), TOOL_LACKS);
}

/* --- The kernel ------------------------------------------------------------------------------- */

struct tree {
	char folder[64], image[96];
};

static void write_file(const char *folder, const char *name, const void *bytes, size_t count)
{
	char path[200];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, count, file), count);
	assert_int_equal(fclose(file), 0);
}

static int make_tree(void **state)
{
	static const char dep[] =
		"kernel/fs/9p/9p.ko.xz: kernel/net/9p/9pnet.ko.xz kernel/n.ko.xz\n"
		"kernel/n.ko.xz:\n"
		"kernel/x/not-9p.ko:\n"
		"kernel/net/9p/9pnet_virtio.ko.xz: kernel/net/9p/9pnet.ko.xz kernel/n.ko.xz\n"
		"kernel/d/virtio-console.ko:\n";
	static const char builtin[] = "kernel/drivers/virtio/virtio_pci.ko\n";
	static struct tree tree;
	char image[0x4600] = {0};

	strcpy(tree.folder, "/tmp/vpmu-test-XXXXXX");
	assert_non_null(mkdtemp(tree.folder));
	write_file(tree.folder, "modules.dep", dep, sizeof(dep) - 1);
	write_file(tree.folder, "modules.builtin", builtin, sizeof(builtin) - 1);
	memcpy(image + 0x202, "HdrS", 4);
	image[0x20e] = 0x00;
	image[0x20f] = 0x43;
	strcpy(image + 0x4500, "7.3.1-test (somebody) #1");
	write_file(tree.folder, "image", image, sizeof(image));
	snprintf(tree.image, sizeof(tree.image), "%s/image", tree.folder);
	*state = &tree;
	return 0;
}

static int remove_tree(void **state)
{
	static const char *const names[] = {"modules.dep", "modules.builtin", "image"};
	const struct tree *tree = *state;
	char path[200];

	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", tree->folder, names[i]);
		unlink(path);
	}
	return rmdir(tree->folder);
}

static void a_module_comes_behind_what_it_needs(void **state)
{
	static const char *const order[] = {
		"kernel/d/virtio-console.ko", "kernel/n.ko.xz", "kernel/net/9p/9pnet.ko.xz",
		"kernel/net/9p/9pnet_virtio.ko.xz", "kernel/fs/9p/9p.ko.xz"};
	const struct tree *tree = *state;
	static struct stat_kernel kernel;

	assert_int_equal(stat_kernel_find(&kernel, tree->image, tree->folder), TOOL_HOLDS);
	assert_string_equal(kernel.version, "7.3.1-test");
	assert_int_equal(kernel.module_count, 5);
	for (unsigned i = 0; i < 5; i++)
		assert_string_equal(kernel.modules[i], order[i]);
	stat_kernel_free(&kernel);
}

static void a_kernel_without_a_module_is_refused(void **state)
{
	const struct tree *tree = *state;
	static struct stat_kernel kernel;

	write_file(tree->folder, "modules.builtin", "", 0);
	assert_int_equal(stat_kernel_find(&kernel, tree->image, tree->folder), TOOL_LACKS);
	stat_kernel_free(&kernel);
	assert_int_equal(stat_kernel_find(&kernel, "/no/such/kernel", tree->folder), TOOL_BAD);
	stat_kernel_free(&kernel);
}

/* --- The guest's first files ------------------------------------------------------------------ */

static unsigned long field(const char *header, unsigned i)
{
	char text[9] = {0};

	memcpy(text, header + 6 + 8 * i, 8);
	return strtoul(text, NULL, 16);
}

/* The kernel's reading of it: each entry aligned to 4, names with their NUL. */
static void the_archive_is_what_linux_unpacks(void **state)
{
	static const char *const names[] = {"dev", "init", "TRAILER!!!"};
	static const unsigned modes[] = {040755, 0100755, 0}, sizes[] = {0, 5, 0};
	char *bytes;
	size_t count, at = 0;
	struct archive archive = {.to = open_memstream(&bytes, &count)};

	archive_folder(&archive, "dev");
	archive_file(&archive, "init", 0755, "12345", 5);
	archive_end(&archive);
	fclose(archive.to);
	for (unsigned i = 0; i < 3; i++) {
		const char *header = bytes + at;

		assert_memory_equal(header, "070701", 6);
		assert_int_equal(field(header, 1), modes[i]);
		assert_int_equal(field(header, 6), sizes[i]);
		assert_int_equal(field(header, 11), strlen(names[i]) + 1);
		assert_string_equal(header + 110, names[i]);
		at = (at + 110 + strlen(names[i]) + 1 + 3) & ~(size_t)3;
		if (sizes[i])
			assert_memory_equal(bytes + at, "12345", 5);
		at = (at + sizes[i] + 3) & ~(size_t)3;
	}
	assert_int_equal(at, count);
	free(bytes);
}

/* --- Its report ------------------------------------------------------------------------------- */

static void the_report_is_read(void **state)
{
	static struct stat_result result;

	memset(&result, 0, sizeof(result));
	stat_report_line(&result, "ready");
	stat_report_line(&result, "counter 1 18446744073709551615 7 8");
	stat_report_line(&result, "refused 2 95");
	stat_report_line(&result, "exit 300");
	assert_true(result.ready && result.ended && !result.signalled);
	assert_int_equal(result.status, 44);
	assert_true(result.counts[1].read && result.counts[1].value == UINT64_MAX);
	assert_int_equal(result.counts[1].running, 8);
	assert_int_equal(result.counts[2].error, 95);
}

static void a_report_of_what_there_is_not_is_passed_over(void **state)
{
	static const char *const lines[] = {"counter 32 1 1 1",
	                                    "counter -1 1 1 1",
	                                    "counter 1",
	                                    "refused 99 1",
	                                    "exit",
	                                    "",
	                                    "counter 99999999999999999999 1 1 1"};
	static struct stat_result result, none;

	memset(&result, 0, sizeof(result));
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		stat_report_line(&result, lines[i]);
	assert_memory_equal(&result, &none, sizeof(none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_is_perfs),
		cmocka_unit_test(a_count_is_worth_what_the_plugin_makes_of_its_class),
		cmocka_unit_test(with_a_timing_model_what_is_not_counted_is_estimated),
		cmocka_unit_test(a_selector_counts_what_the_model_says),
		cmocka_unit_test(a_class_without_a_name_of_perfs_is_the_models_code),
		cmocka_unit_test(what_is_no_event_is_refused),
		cmocka_unit_test(there_is_room_for_a_fixed_number_of_events),
		cmocka_unit_test(a_limit_adds_its_event),
		cmocka_unit_test(a_limit_is_the_most_that_is_allowed),
		cmocka_unit_test(what_was_not_counted_whole_is_not_judged),
		cmocka_unit_test_setup_teardown(a_module_comes_behind_what_it_needs, make_tree,
	                                        remove_tree),
		cmocka_unit_test_setup_teardown(a_kernel_without_a_module_is_refused, make_tree,
	                                        remove_tree),
		cmocka_unit_test(the_archive_is_what_linux_unpacks),
		cmocka_unit_test(the_report_is_read),
		cmocka_unit_test(a_report_of_what_there_is_not_is_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
