/* SPDX-License-Identifier: MIT */
/* Values of MSRs in other people's texts (tests/stream/make-foreign): which are read of which CPU,
 * cut short anywhere, and what is ambiguous. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <stream/foreign/room.h>

#include "corpus.h"

enum { MOST = 64 };

static struct foreign_msr taken[MOST];
static size_t count, room = MOST;
static const char *format;
static char why[FOREIGN_WHY];

static bool take(void *context, const struct foreign_msr *msr)
{
	if (count == room)
		return false;
	taken[count++] = *msr;
	return true;
}

static enum vpmu_status read_text(const char *text, size_t bytes)
{
	const struct foreign_taker taker = {take, NULL};
	char *copy = malloc(bytes ? bytes : 1);
	enum vpmu_status status;

	assert_non_null(copy);
	memcpy(copy, text, bytes);
	why[0] = '\0';
	count = 0;
	status = foreign_msrs_read(copy, bytes, &taker, &format, why, sizeof(why));
	free(copy);
	return status;
}

/* --- What they say ---------------------------------------------------------------------------- */

static const struct said {
	const char *name, *format;
	size_t count;
	struct foreign_msr msrs[10];
} table[] = {
	{"rdmsr",
         "msr-tools",
         8,
         {{0, 0x186, 0x530076},
          {1, 0x186, 0x5300c0},
          {1, 0xc1, 0xffff00000010},
          {0, 0x38f, 0x70000000f},
          {1, 0x38f, 7},
          {0, 0x1b, 0xfee00900},
          {1, 0x1b, 0xfee00800},
          {0, 0xc2, 255}}},
	{"listed",
         "msr-tools",
         5,
         {{0, 0x186, 0x530076},
          {1, 0x186, 0x5300c0},
          {0, 0xc1, 0xfff},
          {0, 0x38f, 0xf},
          {3, 0x187, 0x5300c4}}},
	{"wrmsr",
         "msr-tools",
         4,
         {{1, 0x38f, 0}, {1, 0x186, 0x4300c0}, {1, 0xc1, 1000}, {0, 0x38f, 0xf}}},
	{"kvm-trace",
         "trace of MSRs",
         4,
         {{0, 0x38f, 0}, {0, 0x186, 0x5300c0}, {1, 0x187, 0x53003c}, {0, 0xc1, 0xfffe}}},
	{"perf-trace",
         "trace of MSRs",
         4,
         {{5, 0x186, 0x5300c0}, {0, 0x186, 0x5300c1}, {1, 0x186, 0x5300c2}, {0, 0x187, 0x5300c3}}},
	{"msr-trace", "trace of MSRs", 3, {{1, 0x38f, 0xf}, {0, 0x186, 0x5300c0}, {0, 0x38e, 2}}},
	{"trace-cmd", "trace of MSRs", 2, {{0, 0x186, 0x5300c0}, {1, 0x38f, 0xf}}},
	{"prompt", "msr-tools", 3, {{0, 0x38f, 0x70000000f}, {1, 0x38f, 7}, {3, 0xc1, 0x10}}},
	{"aida", "AIDA64 dump", 3, {{0, 0x345, 0x2000}, {0, 0x186, 0x530076}, {0, 0xc1, 0xfff}}},
};

enum { TABLE = sizeof(table) / sizeof(table[0]) };

static bool is_said(const struct said *said, size_t i)
{
	return taken[i].cpu == said->msrs[i].cpu && taken[i].msr == said->msrs[i].msr &&
	       taken[i].value == said->msrs[i].value;
}

static void each_says_what_it_says(void **state)
{
	for (size_t t = 0; t < TABLE; t++) {
		static char text[16384];
		size_t bytes = corpus_load(table[t].name, text, sizeof(text));

		if (read_text(text, bytes))
			fail_msg("%s: %s", table[t].name, why);
		assert_string_equal(format, table[t].format);
		assert_int_equal(count, table[t].count);
		for (size_t i = 0; i < count; i++)
			if (!is_said(&table[t], i))
				fail_msg("%s: value %zu is CPU %u, 0x%x = 0x%llx", table[t].name, i,
				         taken[i].cpu, taken[i].msr,
				         (unsigned long long)taken[i].value);
	}
}

/* What is read of a part is the beginning of what is read of the whole: no value is another. */
static void cut_at_every_byte(void **state)
{
	for (size_t t = 0; t < TABLE; t++) {
		static char text[16384];
		size_t bytes = corpus_load(table[t].name, text, sizeof(text));

		for (size_t cut = 0; cut < bytes; cut++) {
			enum vpmu_status status = read_text(text, cut);

			assert_true(!status || (*why && !strchr(why, '\n')));
			for (size_t i = 0; i < count; i++)
				if (!is_said(&table[t], i))
					fail_msg("%s cut at %zu has another value", table[t].name,
					         cut);
		}
	}
}

static void failing_names_the_line(void **state)
{
	static const struct {
		const char *text, *says;
		enum vpmu_status status;
	} bad[] = {
		{"wrmsr 186 0x1\n",
	         "line 1: an MSR without 0x: is it 0xba, which msr-tools take, "
	         "or 0x186?",
	         VPMU_BAD_DATA},
		{"$ rdmsr -a 186\n530076\n", "line 1: an MSR without 0x", VPMU_BAD_DATA},
		{"530076\n530076\n", "line 1: a value of which MSR?", VPMU_BAD_DATA},
		{"rdmsr -f 7:0 0x186\n76\n", "line 1: rdmsr with an option", VPMU_BAD_DATA},
		{"rdmsr 0x186\n530076\nCommand not found\n", "line 3: neither a command",
	         VPMU_BAD_DATA},
		{"rdmsr 0x186\n11112222333344445\n", "line 2: ", VPMU_BAD_DATA},
		{"rdmsr 0x186\n5300", "line 2: the last line has no end", VPMU_BAD_DATA},
		{"wrmsr -p 1 0x186\n", "line 1: wrmsr without a value", VPMU_BAD_DATA},
		{"wrmsr -p x 0x186 1\n", "line 1: wrmsr -p without a number", VPMU_BAD_DATA},
		{"0x186: many\n", "line 1: behind the MSR there is no value", VPMU_BAD_DATA},
		{"a-1 [0] kvm_msr: msr_write 186 = \n", "line 1: a tracepoint", VPMU_BAD_DATA},
		{"a-1 [0] write_msr: 186, worth 3\n", "line 1: a tracepoint", VPMU_BAD_DATA},
		{"nothing of this\n", "it looks like text", VPMU_NO_REGISTER},
		{"", "it looks like nothing", VPMU_NO_REGISTER},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		enum vpmu_status status = read_text(bad[i].text, strlen(bad[i].text));

		if (!strstr(why, bad[i].says))
			fail_msg("%zu: '%s' does not say '%s'", i, why, bad[i].says);
		assert_int_equal(status, bad[i].status);
	}
}

static bool take_all(void *context, const struct foreign_msr *msr)
{
	return true;
}

static void threads_are_bounded(void **state)
{
	const struct foreign_taker taker = {take_all, NULL};
	static char text[1 << 17];
	char *at = text;

	for (unsigned i = 0; i < 1025; i++)
		at += sprintf(at, "vmm %u [0] 1.0: kvm:kvm_msr: msr_write 186 = 0x1\n", i + 1);
	assert_int_equal(
		foreign_msrs_read(text, (size_t)(at - text), &taker, &format, why, sizeof(why)),
		VPMU_INCOMPATIBLE);
	assert_string_equal(why, "line 1025: more than 1024 threads");
}

static void no_memory_is_said(void **state)
{
	static const char text[] = "wrmsr 0x186 1\nwrmsr 0x187 1\n";

	room = 1;
	assert_int_equal(read_text(text, strlen(text)), VPMU_HOST);
	assert_string_equal(why, "out of memory");
	room = MOST;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_says_what_it_says), cmocka_unit_test(cut_at_every_byte),
		cmocka_unit_test(failing_names_the_line), cmocka_unit_test(threads_are_bounded),
		cmocka_unit_test(no_memory_is_said),
	};

	return cmocka_run_group_tests_name("foreign-msrs", tests, NULL, NULL);
}
