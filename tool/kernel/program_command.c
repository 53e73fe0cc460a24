/* SPDX-License-Identifier: MIT */
/* Random commands of the replay language. */
#include <stdio.h>

#include <vpmu/vpmu.h>

#include "program.h"

void add(struct maker *maker, const char *line)
{
	if (maker->program->count < PROGRAM_LINES)
		maker->program->line[maker->program->count++] = line;
}

static const char *one_write(struct maker *maker)
{
	return percent(maker, 67) ? "wrmsr" : "host-wrmsr";
}

/* Makes one of the first counters count something, soon to overflow. */
static void arm(struct maker *maker)
{
	static const uint32_t flags[] = {0x530000, 0x530000, 0x520000, 0x510000, 0x430000};
	static const uint8_t widths[] = {32, 40, 48};
	const struct registers *registers = maker->registers;
	uint32_t which = (uint32_t)below(maker, 4);
	uint64_t event = one_counted_event(maker);
	const char *first, *second;

	if (!maker->amd && percent(maker, 30)) {
		first = arena_line(maker->arena, "%s %#x %#llx", one_write(maker),
		                   0x309 + which % 3, (1ull << 48) - 1 - below(maker, 299));
		second = arena_line(maker->arena, "%s 0x38d 0xbbb", one_write(maker));
	} else {
		first = arena_line(maker->arena, "%s %#x %#llx", one_write(maker),
		                   registers->selectors.first + which * registers->selectors.stride,
		                   (unsigned long long)(event | ONE_OF(maker, flags)));
		second = arena_line(maker->arena, "%s %#x %#llx", one_write(maker),
		                    registers->counters.first + which * registers->counters.stride,
		                    (1ull << ONE_OF(maker, widths)) - 1 - below(maker, 299));
	}
	if (percent(maker, 50)) {
		add(maker, first);
		add(maker, second);
	} else {
		add(maker, second);
		add(maker, first);
	}
}

void switch_on(struct maker *maker)
{
	add(maker, "lvtpc 0x400");
	ADD(maker, "wrmsr %#x %#llx", maker->registers->global,
	    (unsigned long long)maker->registers->all);
}

static void write_msr(struct maker *maker)
{
	uint32_t msr;
	uint64_t value;

	msr_and_value(maker, &msr, &value);
	ADD(maker, "%s %#x %#llx", percent(maker, 70) ? "wrmsr" : "host-wrmsr", msr,
	    (unsigned long long)value);
}

static void read_msr(struct maker *maker)
{
	ADD(maker, "%s %#x", percent(maker, 70) ? "rdmsr" : "host-rdmsr", readable(maker));
}

static void read_pmc(struct maker *maker)
{
	static const uint32_t high[] = {0x40000000, 0x80000000, 0xc0000000, 0x20000000, 0x10000};
	static const char *const how[] = {"",      "", " cpl=3", " cpl=3 pce=0", " cpl=1 pce=0",
	                                  " pce=0"};
	uint32_t selector = (uint32_t)below(maker, 9);

	if (percent(maker, 40))
		selector |= ONE_OF(maker, high);
	if (percent(maker, 3))
		selector = (uint32_t)draw(maker);
	ADD(maker, "rdpmc %#x%s", selector, ONE_OF(maker, how));
}

static const char *cpl(struct maker *maker)
{
	static const char *const rings[] = {"", "",       "",       "",       "",      "",
	                                    "", " cpl=3", " cpl=3", " cpl=1", " cpl=2"};

	return ONE_OF(maker, rings);
}

/* A class with its amount, or the end of a run's line, in characters at most. */
enum { AMOUNT_BYTES = 48 };

/* Adds a run, of the guest or the host. */
static void run_of(struct maker *maker, const char *verb, uint64_t longest, const char *end)
{
	const uint64_t mosts[] = {2, 10, 300, 300, 300, 1 << 12, longest};
	uint64_t most = ONE_OF(maker, mosts);
	char text[PROGRAM_LINE_BYTES];
	int length = snprintf(text, sizeof(text), "%s instructions=%llu", verb,
	                      (unsigned long long)below(maker, most + 1));

	/* A line holds so many classes. */
	for (unsigned i = VPMU_CYCLES;
	     i < VPMU_CLASSES && length + AMOUNT_BYTES < (int)sizeof(text); i++)
		if (percent(maker, i < VPMU_SLOTS ? 30 : 4))
			length += snprintf(text + length, sizeof(text) - (size_t)length, " %s=%llu",
			                   vpmu_class_name((enum vpmu_class)i),
			                   (unsigned long long)below(maker, most + 1));
	ADD(maker, "%s%s", text, end);
}

static void run_guest(struct maker *maker)
{
	run_of(maker, "run", maker->longest, cpl(maker));
}

static void run_host(struct maker *maker)
{
	run_of(maker, "host-run", 1 << 12, "");
}

static void exclude_host(struct maker *maker)
{
	add(maker, percent(maker, 25) ? "exclude-host on" : "exclude-host off");
}

static void emulate(struct maker *maker)
{
	ADD(maker, "emulate%s%s", percent(maker, 50) ? " branch" : "", cpl(maker));
}

static void set_lvtpc(struct maker *maker)
{
	static const uint32_t values[] = {0x400, 0x400,   0x400, 0x10400, 0x10400,
	                                  0xf2,  0x100f2, 0,     0x200,   0x100,
	                                  0x300, 0x500,   0x600, 0x10600, 0x1f4f2};

	ADD(maker, "lvtpc %#x", ONE_OF(maker, values));
}

static void enter(struct maker *maker)
{
	add(maker, "enter");
}

static void schedule(struct maker *maker)
{
	add(maker, "schedule");
}

/* Without such a thing the command is refused. */
static void set_svm(struct maker *maker)
{
	static const char *const modes[] = {"off", "host", "host", "guest"};

	ADD(maker, "svm %s", ONE_OF(maker, modes));
}

static void reset(struct maker *maker)
{
	add(maker, "reset");
}

static void events(struct maker *maker)
{
	add(maker, "events");
}

static void fail_create(struct maker *maker)
{
	ADD(maker, "fail-create %u", (unsigned)below(maker, 4));
}

static uint64_t filter_event(struct maker *maker, bool masked)
{
	static const uint8_t masks[] = {0, 0xff, 0xfe};
	uint64_t event = one_event(maker);

	if (!masked)
		return percent(maker, 5) ? event | UINT64_C(1) << below(maker, 64) : event;
	event |= (percent(maker, 75) ? ONE_OF(maker, masks) : below(maker, 256)) << 56;
	event |= (uint64_t)percent(maker, 30) << 55;
	return event ^ (uint64_t)percent(maker, 5) << below(maker, 64);
}

static void filter(struct maker *maker)
{
	bool masked = percent(maker, 40);
	char text[PROGRAM_LINE_BYTES];
	int length;

	if (percent(maker, 30)) {
		add(maker, "filter none");
		return;
	}
	length = snprintf(text, sizeof(text), "filter %s%s", percent(maker, 50) ? "allow" : "deny",
	                  masked ? " masked" : "");
	if (percent(maker, 50))
		length += snprintf(text + length, sizeof(text) - (size_t)length, " fixed=%#x",
		                   (unsigned)below(maker, 16));
	for (uint64_t i = below(maker, 5); i; i--)
		length += snprintf(text + length, sizeof(text) - (size_t)length, " %#llx",
		                   (unsigned long long)filter_event(maker, masked));
	ADD(maker, "%s", text);
}

static void cpuid_amd(struct maker *maker)
{
	static const char *const changes[] = {"cpuid", "cpuid pmu=off",
	                                      "cpuid perfmon-v2=off perfcore=off gp=4",
	                                      "cpuid perfmon-v2=off perfcore=on gp=6"};

	if (percent(maker, 60))
		add(maker, ONE_OF(maker, changes));
	else
		ADD(maker, "cpuid perfcore=on perfmon-v2=on gp=%u", 1 + (unsigned)below(maker, 8));
}

static void cpuid(struct maker *maker)
{
	unsigned length = (unsigned)below(maker, 8);
	char gp[16] = "", fixed[16] = "", events_text[64] = "";

	/* A counter that 6.1 has taken away overflows for ever, however short its last period was.
	 */
	maker->longest = 1 << 12;
	if (maker->model.vendor == VPMU_VENDOR_AMD) {
		cpuid_amd(maker);
		return;
	}
	if (percent(maker, 50))
		snprintf(gp, sizeof(gp), " gp=%u", 1 + (unsigned)below(maker, 8));
	if (percent(maker, 20) && maker->has_fixed)
		snprintf(fixed, sizeof(fixed), " fixed=%u", (unsigned)below(maker, 4));
	if (percent(maker, 10))
		snprintf(events_text, sizeof(events_text), " events-length=%u events-missing=%#x",
		         length, (unsigned)below(maker, 1u << length));
	ADD(maker, "cpuid%s%s%s%s%s", gp, fixed, events_text,
	    percent(maker, 10) ? " full-width=off" : "", percent(maker, 3) ? " pmu=off" : "");
}

/* AMD's DebugCtl: each bit that a kernel knows, and some that none does. */
static void debugctl(struct maker *maker, const char *who)
{
	static const uint32_t values[] = {0, 1, 1, 2, 3, 4, 5, 0x20, 0x3f, 0x40, 0x800, 0x1000};

	if (percent(maker, 50))
		ADD(maker, "%swrmsr 0x1d9 %#x", who, ONE_OF(maker, values));
	else
		ADD(maker, "%srdmsr 0x1d9", who);
}

/* Registers that belong together, and values for them. */
struct tries {
	const uint32_t *msrs;
	const uint64_t *values;
	size_t msr_count, value_count;
	unsigned writes; /* percent */
};

static void try_one(struct maker *maker, const char *who, const struct tries *of)
{
	bool writes = percent(maker, of->writes);
	uint64_t value = writes ? of->values[below(maker, of->value_count)] : 0;
	uint32_t msr = of->msrs[below(maker, of->msr_count)];

	if (writes)
		ADD(maker, "%swrmsr %#x %#llx", who, msr, (unsigned long long)value);
	else
		ADD(maker, "%srdmsr %#x", who, msr);
}

/* The registers of last branches, their neighbours, and what decides about them. */
static void branches(struct maker *maker)
{
	static const uint32_t msrs[] = {0x1c8, 0x1c9, 0x1d9, 0x1d9, 0x1d9, 0x345, 0x680,
	                                0x681, 0x68f, 0x690, 0x69f, 0x6a0, 0x6c0, 0x6cf,
	                                0x6d0, 0xdc0, 0xdc1, 0xddf, 0xde0};
	static const uint64_t values[] = {0,
	                                  1,
	                                  0x801,
	                                  0x800,
	                                  0x803,
	                                  0x1000,
	                                  0x8000,
	                                  0x1f,
	                                  0x200,
	                                  0x2000,
	                                  0x2004,
	                                  0x2005,
	                                  0x401000,
	                                  UINT64_C(0x800000000000),
	                                  UINT64_C(0xffff800000001234),
	                                  UINT64_C(1) << 61,
	                                  UINT64_C(1) << 63};
	const char *who = percent(maker, 67) ? "" : "host-";

	if (maker->amd && percent(maker, 30))
		debugctl(maker, who);
	else if (!maker->lbr_format && percent(maker, 80))
		enter(maker);
	else
		try_one(maker, who, &(struct tries){msrs, values, COUNT(msrs), COUNT(values), 55});
}

/* The registers of PEBS, their neighbours, and what decides about them. */
static void pebs(struct maker *maker)
{
	static const uint32_t msrs[] = {0x3f1, 0x3f1, 0x3f1, 0x600, 0x600, 0x345, 0x390, 0x3f2};
	static const uint64_t values[] = {
		0, 1, 1, 3, 0xf, 0x10, 0x4c0, 0x2000, 0x24c0, 1ull << 32, 1ull << 47, 1ull << 62};
	const char *who = percent(maker, 67) ? "" : "host-";

	if (!maker->pebs && percent(maker, 80))
		enter(maker);
	else
		try_one(maker, who, &(struct tries){msrs, values, COUNT(msrs), COUNT(values), 65});
}

void incident(struct maker *maker)
{
	static void (*const incidents[])(struct maker * maker) = {enter,    enter,   run_guest,
	                                                          run_host, emulate, schedule};

	ONE_OF(maker, incidents)(maker);
}

static const struct {
	void (*make)(struct maker *maker);
	unsigned weight;
} commands[] = {
	{arm, 80},        {switch_on, 40}, {write_msr, 280}, {read_msr, 110},   {read_pmc, 40},
	{run_guest, 160}, {emulate, 80},   {enter, 80},      {set_lvtpc, 40},   {schedule, 40},
	{reset, 10},      {events, 40},    {filter, 25},     {fail_create, 10}, {exclude_host, 5},
	{run_host, 30},   {cpuid, 7},      {set_svm, 8},     {branches, 80},    {pebs, 80},
};

void one_command(struct maker *maker)
{
	unsigned total = 0;
	uint64_t at;

	for (size_t i = 0; i < COUNT(commands); i++)
		total += commands[i].weight;
	at = below(maker, total);
	for (size_t i = 0; i < COUNT(commands); i++) {
		if (at < commands[i].weight) {
			commands[i].make(maker);
			return;
		}
		at -= commands[i].weight;
	}
}
