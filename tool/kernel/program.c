/* SPDX-License-Identifier: MIT */
/*
 * Random programs: any model and override, any command, valid and invalid values, with counters
 * kept near their ends so that overflows are common. Every eighth goes through the registers
 * instead, one after the other, bit by bit. A program's end is a read of every register.
 */
#include <stdio.h>
#include <string.h>

#include "kernel.h"

enum { COMMANDS = 60, STATE_READS = 32, RUNS = 16 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A run of MSRs; `weight`: how often it is drawn in its list. */
struct msrs {
	uint32_t first;
	uint8_t count, stride, weight;
};

/*
 * The MSRs that a vendor's programs use, by what their values look like. Counters and selectors of
 * the same place in their lists belong together; `state` is read at the end.
 */
struct registers {
	struct msrs counters, selectors;
	struct msrs controls[6], aliases[2], state[5];
	const uint32_t *others;
	size_t other_count;
	uint32_t global;
	uint64_t all;
};

static const uint32_t intel_others[] = {0x1a0,      0x1a0,      0x345,      0x391,
                                        0x392,      0x3f1,      0x3f2,      0x600,
                                        0xc0010000, 0xc0010004, 0xc0010200, 0xc0000301};
static const uint32_t amd_others[] = {0x1a0, 0xc1,  0xc3,  0x186, 0x188,
                                      0x309, 0x345, 0x38d, 0x38f, 0x4c1};

#define AMD_GLOBAL                                                                                 \
	.controls = {{0xc0000300, 4, 1, 1}}, .others = amd_others,                                 \
	.other_count = COUNT(amd_others), .global = 0xc0000301, .all = 0x3f

static const struct registers intel = {
	.counters = {0xc1, 9, 1, 1},
	.selectors = {0x186, 9, 1, 1},
	.controls = {{0x38d, 1, 1, 2}, {0x38e, 1, 1, 1}, {0x38f, 1, 1, 2}, {0x390, 1, 1, 1}},
	.aliases = {{0x4c1, 9, 1, 1}, {0x309, 4, 1, 2}},
	.state = {{0xc1, 8, 1, 1},
                  {0x186, 8, 1, 1},
                  {0x309, 3, 1, 1},
                  {0x38d, 3, 1, 1},
                  {0x345, 1, 1, 1}},
	.others = intel_others,
	.other_count = COUNT(intel_others),
	.global = 0x38f,
	.all = 0x70000000full,
};
static const struct registers amd = {
	.counters = {0xc0010201, 7, 2, 1},
	.selectors = {0xc0010200, 7, 2, 1},
	.aliases = {{0xc0010004, 4, 1, 1}},
	.state = {{0xc0010000, 8, 1, 1}, {0xc0010200, 12, 1, 1}, {0xc0000300, 2, 1, 1}},
	AMD_GLOBAL,
};
static const struct registers k7 = {
	.counters = {0xc0010004, 4, 1, 1},
	.selectors = {0xc0010000, 4, 1, 1},
	.aliases = {{0xc0010200, 4, 1, 1}},
	.state = {{0xc0010000, 8, 1, 1}, {0xc0010200, 1, 1, 1}, {0xc0000301, 1, 1, 1}},
	AMD_GLOBAL,
};

static const char *const all_models[] = {
	"intel-v1",
	"intel-v1,gp=4",
	"intel-v2",
	"intel-v2",
	"intel-v2",
	"intel-v2,gp=8",
	"intel-v2,gp=8",
	"intel-v2,gp=1,fixed=1",
	"intel-v2,fixed=0",
	"intel-v2,width=40",
	"intel-v2,width=32,gp=2",
	"intel-v2,full-width=off",
	"intel-v2,full-width=off,pdcm=off",
	"intel-v2,gp=10",
	"intel-v2,events-missing=0x2",
	"intel-v2,events-length=2,events-missing=0x3",
	"intel-v2,pmu=off",
	"intel-v5",
	"amd-k7",
	"amd-k7",
	"amd-perfcore",
	"amd-perfcore",
	"amd-perfmon-v2",
	"amd-perfmon-v2",
	"amd-perfmon-v2,gp=4",
	"amd-perfmon-v2,gp=2",
	"amd-k7,pmu=off",
};

static const uint64_t intel_events[] = {0xc0, 0xc0,   0xc0,   0x3c,  0x3c,  0x13c, 0xc4,
                                        0xc5, 0x4f2e, 0x412e, 0x300, 0x1c2, 0};
static const uint64_t amd_events[] = {0xc0, 0xc0, 0xc0,  0x76,         0x76,
                                      0xc2, 0xc3, 0x1c0, 0x1000000c0u, 0x40};

struct maker {
	struct program *program;
	struct arena *arena;
	uint64_t random;
	const struct registers *registers;
	bool amd, has_fixed;
	unsigned long long longest; /* of a run */
};

/* --- Drawing -----------------------------------------------------------------------------------
 */

/* splitmix64 */
static uint64_t draw(struct maker *maker)
{
	uint64_t z = maker->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t below(struct maker *maker, uint64_t bound)
{
	return draw(maker) % bound;
}

static bool percent(struct maker *maker, unsigned often)
{
	return below(maker, 100) < often;
}

#define ONE_OF(maker, array) ((array)[below(maker, COUNT(array))])

static uint32_t one_of_run(struct maker *maker, const struct msrs *run)
{
	return run->first + (uint32_t)below(maker, run->count) * run->stride;
}

static uint32_t one_of_runs(struct maker *maker, const struct msrs *runs, size_t count)
{
	unsigned total = 0;
	uint64_t at;

	for (size_t i = 0; i < count; i++)
		total += runs[i].count * runs[i].weight;
	at = below(maker, total);
	for (;; runs++) {
		if (at < (uint64_t)runs->count * runs->weight)
			return runs->first + (uint32_t)(at % runs->count) * runs->stride;
		at -= (uint64_t)runs->count * runs->weight;
	}
}

#define ADD(maker, ...) add(maker, arena_line((maker)->arena, __VA_ARGS__))

static void add(struct maker *maker, const char *line)
{
	if (maker->program->count < PROGRAM_LINES)
		maker->program->line[maker->program->count++] = line;
}

/* --- Values ------------------------------------------------------------------------------------
 */

static uint64_t value_near_end(struct maker *maker)
{
	static const uint8_t widths[] = {32, 40, 48, 48, 48, 64};
	static const uint16_t back[] = {1, 2, 3, 10, 100};
	static const uint64_t others[] = {
		0, 1, 2, 100, 1u << 31, UINT64_C(1) << 47, (UINT64_C(1) << 47) - 5};
	unsigned choice = (unsigned)below(maker, 10), width = ONE_OF(maker, widths);
	uint64_t end = width == 64 ? 0 : UINT64_C(1) << width;

	if (choice < 6)
		return end - (percent(maker, 80) ? ONE_OF(maker, back) : 1 + below(maker, 400));
	return choice < 8 ? ONE_OF(maker, others) : draw(maker);
}

static uint64_t one_event(struct maker *maker)
{
	return maker->amd ? ONE_OF(maker, amd_events) : ONE_OF(maker, intel_events);
}

static uint64_t selector_value(struct maker *maker)
{
	/* USR, OS, EDGE, pin control, INT, INV. */
	static const uint8_t flags[] = {16, 17, 17, 17, 18, 19, 20, 20, 20, 23};
	uint64_t value = one_event(maker);

	for (int i = 0; i < 3; i++)
		value |= UINT64_C(1) << ONE_OF(maker, flags);
	if (percent(maker, 85))
		value |= 1u << 22;
	if (percent(maker, 5))
		value |= below(maker, 256) << 24;
	if (percent(maker, 3))
		value |= UINT64_C(1) << below(maker, 64);
	return percent(maker, 8) ? 0 : value;
}

static uint64_t fixed_control_value(struct maker *maker)
{
	static const uint8_t fields[] = {0, 0, 1, 2, 3, 9, 0xa, 0xb, 0xb, 8};
	uint64_t value = 0;

	for (int i = 0; i < 3; i++)
		value |= (uint64_t)ONE_OF(maker, fields) << 4 * i;
	return percent(maker, 3) ? value | UINT64_C(1) << below(maker, 64) : value;
}

static uint64_t global_value(struct maker *maker)
{
	static const uint64_t intel_all[] = {0xf, 0x70000000full, 0x7000000ffull};
	uint64_t all = maker->amd ? 0x3f : ONE_OF(maker, intel_all);
	unsigned choice = (unsigned)below(maker, 100);

	if (choice < 40)
		return all;
	if (choice < 60)
		return 0;
	return choice < 95 ? draw(maker) & all : UINT64_C(1) << below(maker, 64);
}

static void msr_and_value(struct maker *maker, uint32_t *msr, uint64_t *value)
{
	static const uint32_t odd[] = {0, 0, 1, 5, 0x2000, 0x1800, 0x1880, 0x41801};
	const struct registers *registers = maker->registers;
	unsigned choice = (unsigned)below(maker, 100);

	if (choice < 25) {
		*msr = one_of_run(maker, &registers->counters);
		*value = value_near_end(maker);
	} else if (choice < 40) {
		*msr = one_of_runs(maker, registers->aliases, COUNT(registers->aliases));
		*value = value_near_end(maker);
	} else if (choice < 65) {
		*msr = one_of_run(maker, &registers->selectors);
		*value = selector_value(maker);
	} else if (choice < 97) {
		*msr = one_of_runs(maker, registers->controls, COUNT(registers->controls));
		*value = *msr == 0x38d ? fixed_control_value(maker) : global_value(maker);
	} else {
		*msr = registers->others[below(maker, registers->other_count)];
		*value = ONE_OF(maker, odd);
	}
}

static uint32_t readable(struct maker *maker)
{
	const struct registers *registers = maker->registers;

	switch (below(maker, 9)) {
	case 0 ... 2:
		return one_of_run(maker, &registers->counters);
	case 3 ... 4:
		return one_of_run(maker, &registers->selectors);
	case 5 ... 6:
		return one_of_runs(maker, registers->controls, COUNT(registers->controls));
	case 7:
		return one_of_runs(maker, registers->aliases, COUNT(registers->aliases));
	default:
		return registers->others[below(maker, registers->other_count)];
	}
}

/* --- Commands ----------------------------------------------------------------------------------
 */

static const char *one_write(struct maker *maker)
{
	return percent(maker, 67) ? "wrmsr" : "host-wrmsr";
}

/* Makes one of the first counters count something, soon to overflow. */
static void arm(struct maker *maker)
{
	static const uint8_t amd_codes[] = {0xc0, 0xc0, 0x76, 0xc2};
	static const uint32_t flags[] = {0x530000, 0x530000, 0x520000, 0x510000, 0x430000};
	static const uint8_t widths[] = {32, 40, 48};
	const struct registers *registers = maker->registers;
	uint32_t which = (uint32_t)below(maker, 4);
	uint64_t event = maker->amd ? ONE_OF(maker, amd_codes) : intel_events[below(maker, 8)];
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

/* All counters, by global control; and the PMI unmasked. */
static void switch_on(struct maker *maker)
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

/* Adds a run, of the guest or the host. */
static void run_of(struct maker *maker, const char *verb, uint64_t longest, const char *end)
{
	static const char *const classes[] = {"cycles",        "ref-cycles",     "branches",
	                                      "branch-misses", "llc-references", "llc-misses"};
	const uint64_t mosts[] = {2, 10, 300, 300, 300, 1 << 12, longest};
	uint64_t most = ONE_OF(maker, mosts);
	char text[PROGRAM_LINE_BYTES];
	int length = snprintf(text, sizeof(text), "%s instructions=%llu", verb,
	                      (unsigned long long)below(maker, most + 1));

	for (size_t i = 0; i < COUNT(classes); i++)
		if (percent(maker, 30))
			length += snprintf(text + length, sizeof(text) - (size_t)length, " %s=%llu",
			                   classes[i], (unsigned long long)below(maker, most + 1));
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
	if (maker->amd) {
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

static const struct {
	void (*make)(struct maker *maker);
	unsigned weight;
} commands[] = {
	{arm, 80},        {switch_on, 40}, {write_msr, 280}, {read_msr, 110},   {read_pmc, 40},
	{run_guest, 160}, {emulate, 80},   {enter, 80},      {set_lvtpc, 40},   {schedule, 40},
	{reset, 10},      {events, 40},    {filter, 25},     {fail_create, 10}, {exclude_host, 5},
	{run_host, 30},   {cpuid, 7},
};

static void one_command(struct maker *maker)
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

/* --- Programs ----------------------------------------------------------------------------------
 */

static void draw_model(struct maker *maker, const char *models)
{
	char text[PROGRAM_LINE_BYTES];

	if (models) {
		uint64_t count = 1;

		for (const char *at = models; *at; at++)
			count += *at == ';';
		for (uint64_t skip = below(maker, count); skip; skip--)
			models = strchr(models, ';') + 1;
		snprintf(text, sizeof(text), "%.*s", (int)strcspn(models, ";"), models);
	} else {
		snprintf(text, sizeof(text), "%s", ONE_OF(maker, all_models));
	}
	maker->amd = !strncmp(text, "amd", 3);
	maker->has_fixed = strncmp(text, "intel-v1", strlen("intel-v1")) != 0;
	maker->registers = !maker->amd ? &intel : strstr(text, "k7") ? &k7 : &amd;
	ADD(maker, "model %s", text);
}

/* What the program has come to: every register, the events, and the pending PMIs. */
static void read_state(struct maker *maker)
{
	const struct registers *registers = maker->registers;

	add(maker, "events");
	for (size_t i = 0; i < COUNT(registers->state); i++)
		for (unsigned j = 0; j < registers->state[i].count; j++)
			ADD(maker, "host-rdmsr %#x",
			    registers->state[i].first + j * registers->state[i].stride);
	add(maker, "enter");
	add(maker, "events");
}

/* One register: each way to write it, bit by bit, and to read it back. */
static void go_through(struct maker *maker)
{
	uint32_t msr = readable(maker);
	uint64_t step = 1 + below(maker, 5);
	const char *who = percent(maker, 70) ? "" : "host-";

	for (uint64_t bit = below(maker, step); bit < 64; bit += step) {
		ADD(maker, "%swrmsr %#x %#llx", who, msr, 1ull << bit);
		ADD(maker, "%srdmsr %#x", who, msr);
	}
	ADD(maker, "%swrmsr %#x %#llx", who, msr, ~0ull);
	ADD(maker, "%srdmsr %#x", who, msr);
}

void program_make(struct program *program, struct arena *arena, uint64_t seed, uint64_t index,
                  const char *models, const char *profile)
{
	struct maker maker = {.program = program, .arena = arena, .longest = 1ull << 48};

	program->count = 0;
	maker.random = seed;
	maker.random = draw(&maker) ^ index * UINT64_C(0xd6e8feb86659fd93);
	draw_model(&maker, models);
	ADD(&maker, "profile %s", profile);
	if (below(&maker, 100) == 0)
		add(&maker, "cap-pmu-disable");
	if (percent(&maker, 80))
		switch_on(&maker);
	if (index % 8 == 7)
		go_through(&maker);
	else
		while (program->count < COMMANDS)
			one_command(&maker);
	read_state(&maker);
}
