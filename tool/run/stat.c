/* SPDX-License-Identifier: MIT */
/* Every counter of the model at the end of a run, and the machine's totals, as perf stat shows. */
#include "run.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <arch/room.h>

#include "lib/message.h"
#include "lib/number.h"
#include "lib/visible.h"

/* The registers that say what a counter does, read when they exist. */
struct controls {
	const struct run *run;
	struct vpmu_register registers[VPMU_MAX_REGISTERS];
	size_t count;
	uint64_t global, fixed;
	const struct vpmu_model *model;
};

/* The value of the register of that kind and index; `otherwise` when the model has none. */
static uint64_t read_kind(const struct controls *controls, enum vpmu_kind kind, unsigned index,
                          uint64_t otherwise)
{
	uint64_t value;

	for (size_t i = 0; i < controls->count; i++) {
		const struct vpmu_register *reg = &controls->registers[i];

		if (reg->kind == kind && reg->index == index &&
		    !vpmu_pmu_host_read(machine_pmu(controls->run->machine), reg->msr, &value))
			return value;
	}
	return otherwise;
}

static void read_controls(struct controls *controls, const struct run *run)
{
	controls->run = run;
	controls->count = vpmu_model_registers(&run->model, controls->registers);
	controls->fixed = read_kind(controls, VPMU_KIND_FIXED_CTRL, 0, 0);
	/* Without global control, every counter runs as its selector says. */
	controls->global = read_kind(controls, VPMU_KIND_GLOBAL_CTRL, 0, UINT64_MAX);
	controls->model = &run->model;
}

static void fill_gp(struct controls *controls, struct run_counter *counter)
{
	unsigned index = counter->reg.index;
	uint64_t selector = read_kind(controls, VPMU_KIND_SELECTOR, index, 0);
	enum vpmu_vendor vendor = (enum vpmu_vendor)controls->model->vendor;
	unsigned first = enabling_selector(vendor, index);
	uint64_t enables = read_kind(controls, VPMU_KIND_SELECTOR, first, 0);

	counter->selector = selector;
	counter->programmed = selector != 0;
	counter->enabled = enables & SEL_EN && controls->global >> index & 1;
	counter->user = selector & SEL_USR;
	counter->kernel = selector & SEL_OS;
	counter->interrupt = selector & SEL_INT;
	counter->class_ = vpmu_model_event_class(controls->model, selector);
	if (counter->programmed)
		selector_event_text(&controls->run->model, selector, counter->event);
}

static void fill_fixed(struct controls *controls, struct run_counter *counter)
{
	unsigned index = counter->reg.index;
	unsigned field = controls->fixed >> index * FIXED_BITS & 0xf;

	counter->selector = field;
	counter->programmed = field != 0;
	counter->user = field & FIXED_USR;
	counter->kernel = field & FIXED_OS;
	counter->interrupt = field & FIXED_PMI;
	counter->enabled = (counter->user || counter->kernel) &&
	                   controls->global >> (GLOBAL_FIXED_BIT + index) & 1;
	counter->class_ = vpmu_model_fixed_class(controls->model, index);
	if (counter->class_ != VPMU_NO_CLASS)
		snprintf(counter->event, sizeof(counter->event), "%s",
		         vpmu_class_name(counter->class_));
}

size_t run_counters(const struct run *run, struct run_counter *counters)
{
	static struct controls controls; /* some 10 KiB */
	size_t count = 0;

	read_controls(&controls, run);
	for (size_t i = 0; i < controls.count && count < RUN_COUNTERS; i++) {
		struct run_counter *counter = &counters[count];

		memset(counter, 0, sizeof(*counter));
		counter->reg = controls.registers[i];
		if (counter->reg.kind == VPMU_KIND_COUNTER)
			fill_gp(&controls, counter);
		else if (counter->reg.kind == VPMU_KIND_FIXED_COUNTER)
			fill_fixed(&controls, counter);
		else
			continue;
		counter->value = read_kind(&controls, counter->reg.kind, counter->reg.index, 0);
		count++;
	}
	return count;
}

/* Level 1 of the top-down method, as IA32_PERF_METRICS has it from bit 0 on. */
const char *const run_share_names[RUN_SHARES] = {"retiring", "bad speculation", "frontend bound",
                                                 "backend bound"};

bool run_shares(const struct run *run, unsigned shares[RUN_SHARES])
{
	struct vpmu_register registers[VPMU_MAX_REGISTERS];
	size_t count = vpmu_model_registers(&run->model, registers);
	uint64_t value = 0;

	for (size_t i = 0; i < count; i++)
		if (registers[i].kind == VPMU_KIND_METRICS)
			vpmu_pmu_host_read(machine_pmu(run->machine), registers[i].msr, &value);
	for (unsigned i = 0; i < RUN_SHARES; i++)
		shares[i] = value >> 8 * i & RUN_WHOLE;
	return value & UINT32_MAX;
}

uint64_t run_measured_over(const struct run *run, enum vpmu_class class_)
{
	bool always = class_ == VPMU_INSTRUCTIONS || class_ == VPMU_BRANCHES;

	return always ? run->result.totals.of[VPMU_INSTRUCTIONS] : run->over[class_];
}

/* --- Printing --------------------------------------------------------------------------------- */

enum { VALUE_COLUMN = 20, CLASS_COLUMN = 21 };

/* The value in its column, or why there is none: perf stat's words. */
static void print_value(uint64_t value, const char *instead)
{
	char text[NUMBER_GROUPED_BYTES];

	fprintf(stderr, "%*s", VALUE_COLUMN, instead ? instead : number_grouped(value, text));
}

static const char *not_counted(const struct run_counter *counter)
{
	if (counter->value)
		return NULL;
	if (!counter->programmed)
		return "<not counted>";
	return counter->class_ == VPMU_NO_CLASS ? "<not supported>" : NULL;
}

/* Behind what comes from the timing model. */
static const char *mark(const struct run *run, enum vpmu_class class_)
{
	bool is_estimate = vpmu_class_name(class_) && !vpmu_class_is_exact(class_);

	return run->cpu->by_instruction && is_estimate ? "  (estimate)" : "";
}

static void print_counter(const struct run *run, const struct run_counter *counter)
{
	print_value(counter->value, not_counted(counter));
	if (counter->programmed)
		fprintf(stderr, "  %-16s  %-32s  %-4s %-2s %-3s  %s%s", counter->reg.name,
		        counter->event, counter->user ? "user" : "", counter->kernel ? "os" : "",
		        counter->interrupt ? "int" : "", counter->enabled ? "on" : "off",
		        mark(run, (enum vpmu_class)counter->class_));
	else
		fprintf(stderr, "  %-16s  -", counter->reg.name);
	fputc('\n', stderr);
}

/* A rate against instructions; instructions per cycle is the other way round than the rest. */
static void print_rate(const struct run *run, enum vpmu_class class_)
{
	double value = (double)run->result.totals.of[class_];
	double over = (double)run_measured_over(run, class_);
	double all = (double)run->result.totals.of[VPMU_INSTRUCTIONS];
	int pad = CLASS_COLUMN - (int)strlen(vpmu_class_name(class_));

	if (class_ == VPMU_INSTRUCTIONS || value == 0 || over == 0)
		return;
	fprintf(stderr, "%*s  # %8.2f %s", pad, "",
	        class_ == VPMU_CYCLES ? over / value : 1000 * value / over,
	        class_ == VPMU_CYCLES ? "instructions per cycle" : "per 1,000 instructions");
	if (over < all)
		fprintf(stderr, "   (%.2f%%)", 100 * over / all);
}

static void print_total(const struct run *run, enum vpmu_class class_)
{
	uint64_t over = run_measured_over(run, class_);

	if (class_ > VPMU_SLOTS && !over)
		return; /* there are many, and few are counted */
	print_value(run->result.totals.of[class_], over ? NULL : "<not counted>");
	fprintf(stderr, "  %s", vpmu_class_name(class_));
	print_rate(run, class_);
	fputs(mark(run, class_), stderr);
	fputc('\n', stderr);
}

static void print_heading(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void print_heading(const char *format, ...)
{
	char text[2 * PATH_MAX];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	fprintf(stderr, "\n%s", bold_on(stderr));
	print_visible(stderr, text);
	fprintf(stderr, "%s\n\n", bold_off(stderr));
}

static void print_shares(const struct run *run)
{
	unsigned shares[RUN_SHARES];

	if (!run->cpu->by_instruction || !run_shares(run, shares))
		return;
	for (unsigned i = 0; i < RUN_SHARES; i++)
		fprintf(stderr, "%*.1f%%  %-17s %-32s%s\n", VALUE_COLUMN - 1,
		        100.0 * shares[i] / RUN_WHOLE, i ? "" : "IA32_PERF_METRICS",
		        run_share_names[i], "  (estimate)");
}

static void print_uncounted(const struct run *run)
{
	const struct run_uncounted *uncounted = &run->uncounted;
	char name[SELECTOR_NAME_BYTES];

	if (!uncounted->count)
		return;
	print_heading(" Events that the guest asked for and this model does not count:");
	for (size_t i = 0; i < uncounted->count; i++) {
		uint64_t selector = uncounted->selectors[i];

		fprintf(stderr, "%*s  0x%04" PRIx64, VALUE_COLUMN, "<not supported>",
		        selector_event(&run->model, selector));
		if (selector_event_name(&run->model, selector, name))
			fprintf(stderr, "  %s", name);
		fputc('\n', stderr);
	}
}

static void print_happened(const struct run *run)
{
	fprintf(stderr,
	        "\n%*" PRIu64 "  PMIs\n%*" PRIu64 "  interrupts taken\n%*" PRIu64
	        "  PMU register writes\n\n",
	        VALUE_COLUMN, run->happened[MACHINE_EVENT_PMI], VALUE_COLUMN,
	        run->happened[MACHINE_EVENT_INTERRUPT], VALUE_COLUMN,
	        run->happened[MACHINE_EVENT_MSR_WRITE]);
}

static void print_elapsed(const struct run *run)
{
	fprintf(stderr, "%*.6f  seconds time elapsed\n\n", VALUE_COLUMN, run->seconds);
}

void run_print_stat(const struct run *run)
{
	struct run_counter counters[RUN_COUNTERS];
	size_t count = run_counters(run, counters);

	if (run->cpu->by_instruction)
		print_heading(" Virtual PMU counters for '%s' (%s, profile %s):", run->guest,
		              run->model.name, machine_profile_name(run->machine));
	else
		print_heading(" KVM's PMU counters for '%s' (%s):", run->guest, run->model.name);
	for (size_t i = 0; i < count; i++)
		print_counter(run, &counters[i]);
	if (!count)
		fprintf(stderr, "%*s\n", VALUE_COLUMN, "<no counters>");
	print_shares(run);
	if (!run->cpu->by_instruction) {
		fputc('\n', stderr);
		print_elapsed(run);
		return;
	}
	print_uncounted(run);
	print_heading(
		" Totals of the machine (%%: of its instructions, if not measured over all):");
	for (unsigned i = 0; i < VPMU_CLASSES; i++)
		print_total(run, (enum vpmu_class)i);
	print_happened(run);
	print_elapsed(run);
}
