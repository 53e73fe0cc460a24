/* SPDX-License-Identifier: MIT */
/* From the entry point to guest_main(), and out. Keeps the command line. */
#include "cpu.h"
#include "guest.h"
#include "pmu.h"
#include "print.h"
#include "trap.h"

struct multiboot_information {
	uint32_t flags, mem_lower, mem_upper, boot_device, command_line;
};

enum { MULTIBOOT_HAS_COMMAND_LINE = 1 << 2 };

void guest_start(const char *line, const struct multiboot_information *information);

static const char *command_line = "";

void guest_exit(enum guest_exit value)
{
	asm volatile("outl %0, %1" : : "a"((uint32_t)value), "Nd"((uint16_t)PORT_EXIT));
	for (;;)
		asm volatile("cli; hlt");
}

/* The text after NAME where it starts a word, or NULL. */
static const char *find_argument(const char *name)
{
	const char *at = command_line;

	while (*at) {
		const char *n = name;

		while (*at == ' ')
			at++;
		while (*n && *at == *n)
			at++, n++;
		if (!*n && (*at == '=' || *at == ' ' || !*at))
			return at;
		while (*at && *at != ' ')
			at++;
	}
	return NULL;
}

bool argument_given(const char *name)
{
	return find_argument(name) != NULL;
}

uint64_t argument_number(const char *name, uint64_t otherwise)
{
	const char *at = find_argument(name);
	uint64_t value = 0;

	if (!at || *at != '=')
		return otherwise;
	for (at++; *at >= '0' && *at <= '9'; at++)
		value = value * 10 + (uint64_t)(*at - '0');
	return value;
}

__attribute__((weak)) enum guest_exit guest_without_pmu(void)
{
	print("This machine has no PMU: nothing to check.\n");
	return GUEST_NO_PMU;
}

void guest_start(const char *line, const struct multiboot_information *information)
{
	struct pmu pmu;

	if (information && (information->flags & MULTIBOOT_HAS_COMMAND_LINE))
		line = (const char *)(uint64_t)information->command_line;
	if (line)
		command_line = line;
	trap_start();
	guest_exit(pmu_find(&pmu) ? guest_main(&pmu) : guest_without_pmu());
}
