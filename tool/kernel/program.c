/* SPDX-License-Identifier: MIT */
/*
 * Random programs: any model and override, any command, valid and invalid values, with counters
 * kept near their ends so that overflows are common. Every eighth instead goes through the
 * registers one after the other, bit by bit, and every eighth contains a VMM's put, which is long.
 * A program ends with a read of every register.
 */
#include <stdio.h>
#include <string.h>

#include <vpmu/vpmu.h>

#include "program.h"

enum { COMMANDS = 60 };

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
	"skylake,lbr-format=5",
	"haswell,lbr-format=4",
	"intel-v2,lbr-format=3",
	"intel-v1,pebs=4",
	"intel-v2,pebs=4",
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

/* A run is not much longer than a round of the narrowest counter: each overflow is executed. */
static void narrow(struct maker *maker, unsigned width)
{
	uint64_t longest = UINT64_C(1) << (width && width < 46 ? width + 2 : 48);

	if (longest < maker->longest)
		maker->longest = longest;
}

/* What a program can say of the model. */
static void of_model(struct maker *maker, const char *text)
{
	if (vpmu_model_parse(&maker->model, text, NULL, 0))
		maker->model = (struct vpmu_model){0}; /* the script's first answer says why */
	maker->amd = maker->model.vendor == VPMU_VENDOR_AMD;
	narrow(maker, maker->model.gp_width);
	narrow(maker, maker->model.fixed_width);
	maker->has_fixed = strncmp(text, "intel-v1", strlen("intel-v1")) != 0;
	maker->lbr_format = maker->model.perf_capabilities & VPMU_PERF_CAP_LBR_FORMAT;
	maker->pebs = maker->model.perf_capabilities & VPMU_PERF_CAP_PEBS_FORMAT;
	maker->registers = !maker->amd                                     ? &intel_msrs
	                   : maker->model.features & VPMU_FEATURE_PERFCORE ? &amd_msrs
	                                                                   : &k7_msrs;
}

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
	of_model(maker, text);
	ADD(maker, "model %s", text);
}

/* Another vendor's host: KVM then uses that vendor's registers, whatever the guest's CPUID says. */
static const char *draw_vendor(struct maker *maker)
{
	static const struct {
		const char *text;
		bool amd;
	} vendors[] = {{"vendor=intel ", false}, {"vendor=zhaoxin ", false}, {"vendor=amd ", true}};
	size_t drawn = below(maker, COUNT(vendors));

	if (vendors[drawn].amd != maker->amd && percent(maker, 80))
		maker->registers = maker->amd ? &intel_msrs : &k7_msrs;
	maker->amd = vendors[drawn].amd;
	return vendors[drawn].text;
}

/* Some properties of the host; without PDCM or PerfMonV2 it has no mediated vPMU: the last of each
 * list is for perf events alone. */
static void draw_host(struct maker *maker)
{
	static const char *const intel[] = {
		"gp=1",    "gp=2",     "gp=3",     "gp=4",     "gp=6",     "fixed=0", "fixed=1",
		"fixed=2", "width=32", "width=36", "width=40", "width=44", "tsx=on",  "pdcm=off"};
	static const char *const amd[] = {"gp=4", "gp=5", "gp=6", "lbrv=off", "perfmon-v2=off"};
	const char *vendor = "";
	const char *enable = percent(maker, 80) ? "on" : "off";
	const char *key;
	uint64_t count;
	unsigned width = 0;

	if (maker->lbr_format && percent(maker, 90)) {
		ADD(maker, "host lbr-format=%u", maker->lbr_format);
		return;
	}
	if (maker->pebs && percent(maker, 90)) {
		add(maker, "host pebs=on");
		return;
	}
	if (percent(maker, 15))
		vendor = draw_vendor(maker);
	count = (maker->amd ? COUNT(amd) : COUNT(intel)) - maker->mediated;
	key = (maker->amd ? amd : intel)[below(maker, count)];

	if (sscanf(key, "width=%u", &width) == 1)
		narrow(maker, width);
	ADD(maker, "host %s%s enable-pmu=%s%s", vendor, key, enable,
	    maker->amd && percent(maker, 75) ? " svm=on" : "");
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

static void live(struct maker *maker, size_t commands)
{
	while (maker->program->count < commands)
		one_command(maker);
}

static void live_through_put(struct maker *maker)
{
	live(maker, COMMANDS / 3);
	put(maker);
	live(maker, COMMANDS);
}

void program_make(struct program *program, struct arena *arena, uint64_t seed, uint64_t index,
                  const char *models, const char *profile)
{
	struct maker maker = {
		.program = program, .arena = arena, .longest = 1ull << 48, .profile = profile};

	program->count = 0;
	maker.random = seed;
	maker.random = draw(&maker) ^ index * UINT64_C(0xd6e8feb86659fd93);
	draw_model(&maker, models);
	maker.mediated = !strcmp(profile, "mediated");
	ADD(&maker, "profile %s", profile);
	if (percent(&maker, maker.lbr_format || maker.pebs ? 90
	                    : maker.amd && maker.mediated  ? 40
	                                                   : 15))
		draw_host(&maker);
	if (below(&maker, 100) == 0)
		add(&maker, "cap-pmu-disable");
	if (percent(&maker, 80))
		switch_on(&maker);
	if (index % 8 == 7)
		go_through(&maker);
	else if (index % 8 == 3)
		live_through_put(&maker);
	else
		live(&maker, COMMANDS);
	read_state(&maker);
}
