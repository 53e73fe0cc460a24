/* SPDX-License-Identifier: MIT */
/* Counts checks, group by group. */
#include "guest.h"
#include "print.h"

enum { SHOWN = 8 }; /* failed checks of a group that are printed */

static const char *group;
static unsigned group_checks, group_failed, all_checks, all_failed;

void check_begin(const char *name)
{
	group = name;
	group_checks = 0;
	group_failed = 0;
}

static void count(bool holds)
{
	group_checks++;
	all_checks++;
	if (!holds) {
		group_failed++;
		all_failed++;
	}
}

bool check(bool holds, const char *format, ...)
{
	va_list arguments;

	count(holds);
	if (holds || group_failed > SHOWN)
		return holds;
	print("  FAIL %s: ", group);
	va_start(arguments, format);
	print_list(format, arguments);
	va_end(arguments);
	print("\n");
	return false;
}

bool check_equal(uint64_t got, uint64_t wanted, const char *what)
{
	return check(got == wanted, "%s is 0x%lx, not 0x%lx", what, got, wanted);
}

void check_end(void)
{
	if (group_failed)
		print("  FAIL %-48s %u of %u checks failed\n", group, group_failed, group_checks);
	else if (group_checks)
		print("  ok   %-48s %4u checks\n", group, group_checks);
	else
		print("  --   %-48s not on this model\n", group);
}

enum guest_exit check_verdict(void)
{
	if (all_failed)
		print("\nFAILED: %u of %u checks\n", all_failed, all_checks);
	else
		print("\nPASSED: %u checks\n", all_checks);
	return all_failed ? GUEST_FAILED : GUEST_PASSED;
}
