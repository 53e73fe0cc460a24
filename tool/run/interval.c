/* SPDX-License-Identifier: MIT */
/*
 * Counts of each interval of a run (--interval), and as values for other programs (--csv). An
 * interval is a number of retired instructions, so that it contains the same part of the guest in
 * every run; one of seconds would not.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/number.h"
#include "run.h"

enum { AT_COLUMN = 16, VALUE_COLUMN = 20 };

/* --- Rows ------------------------------------------------------------------------------------- */

/* A count, and of how many instructions of all it is. */
struct row {
	const char *event;
	uint64_t at; /* of an interval: the instructions up to its end */
	bool is_interval, is_counted;
	uint64_t value, over, all;
};

/* "AT,VALUE,UNIT,EVENT,OVER,PERCENT", as perf stat -x has it: AT for intervals alone, and OVER in
 * instructions where perf has nanoseconds. */
static void put_csv(const char *separator, const struct row *row)
{
	if (row->is_interval)
		fprintf(stderr, "%" PRIu64 "%s", row->at, separator);
	if (row->is_counted)
		fprintf(stderr, "%" PRIu64, row->value);
	else
		fputs("<not counted>", stderr);
	fprintf(stderr, "%s%s%s%s%" PRIu64 "%s%.2f\n", separator, separator, row->event, separator,
	        row->over, separator, row->all ? 100 * (double)row->over / (double)row->all : 0.0);
}

static void put_text(const struct row *row)
{
	char at[NUMBER_GROUPED_BYTES], value[NUMBER_GROUPED_BYTES];

	fprintf(stderr, "%*s%*s  %s", AT_COLUMN, number_grouped(row->at, at), VALUE_COLUMN,
	        row->is_counted ? number_grouped(row->value, value) : "<not counted>", row->event);
	if (row->is_counted && row->over < row->all)
		fprintf(stderr, "   (%.2f%%)", 100 * (double)row->over / (double)row->all);
	fputc('\n', stderr);
}

static void put(const struct run *run, const struct row *row)
{
	if (run->options->csv)
		put_csv(run->options->csv, row);
	else
		put_text(row);
}

/* --- Intervals -------------------------------------------------------------------------------- */

/* What is shown of a class: the counts up to now less those before the interval. */
static struct row row_of(const struct run *run, enum vpmu_class class_, uint64_t all)
{
	const struct run_interval *before = &run->interval;
	uint64_t over = run_measured_over(run, class_) - before->over[class_];

	return (struct row){
		.event = vpmu_class_name(class_),
		.at = run->before_reset + run->result.totals.of[VPMU_INSTRUCTIONS],
		.is_interval = true,
		.is_counted = over,
		.value = run->result.totals.of[class_] - before->totals.of[class_],
		.over = over,
		.all = all,
	};
}

/* The next interval begins here. */
static void begin_interval(struct run *run)
{
	struct run_interval *interval = &run->interval;
	uint64_t now = run->result.totals.of[VPMU_INSTRUCTIONS];

	interval->totals = run->result.totals;
	for (unsigned i = 0; i < VPMU_CLASSES; i++)
		interval->over[i] = run_measured_over(run, (enum vpmu_class)i);
	interval->next = now - now % run->options->interval + run->options->interval;
}

static void print_interval(struct run *run)
{
	uint64_t all = run->result.totals.of[VPMU_INSTRUCTIONS] -
	               run->interval.totals.of[VPMU_INSTRUCTIONS];

	if (!all)
		return;
	if (!run->interval.has_heading && !run->options->csv)
		fprintf(stderr, "#%*s%*s  event\n", AT_COLUMN - 1, "instructions", VALUE_COLUMN,
		        "counts");
	run->interval.has_heading = true;
	for (unsigned i = 0; i < VPMU_CLASSES; i++) {
		struct row row = row_of(run, (enum vpmu_class)i, all);

		/* There are many more, and few are counted. */
		if (row.is_counted || i <= VPMU_SLOTS)
			put(run, &row);
	}
}

void interval_begin(struct run *run)
{
	run->interval.next = run->options->interval ? machine_retired(run->machine) : UINT64_MAX;
}

void interval_act(struct run *run)
{
	run_look_at_counted(run, run->result.totals.of[VPMU_INSTRUCTIONS]);
	if (run->interval.begun)
		print_interval(run);
	run->interval.begun = true;
	begin_interval(run);
}

void interval_reset(struct run *run)
{
	if (!run->options->interval)
		return;
	memset(&run->interval.totals, 0, sizeof(run->interval.totals));
	memset(run->interval.over, 0, sizeof(run->interval.over));
	run->interval.next = run->options->interval;
}

void interval_end(struct run *run)
{
	if (run->interval.begun)
		print_interval(run);
}

/* --- The whole run as values ------------------------------------------------------------------ */

/* "IA32_PMC0/INSTRUCTION_RETIRED/uk", as perf calls an event of a PMU. */
static void put_counter(const struct run *run, const struct run_counter *counter, uint64_t all)
{
	char event[2 * SELECTOR_NAME_BYTES];
	struct row row = {.event = event, .is_counted = counter->programmed};

	snprintf(event, sizeof(event), "%.31s/%.95s/%s%s", counter->reg.name, counter->event,
	         counter->user ? "u" : "", counter->kernel ? "k" : "");
	row.value = counter->value;
	row.all = all;
	row.over = counter->programmed ? run_measured_over(run, counter->class_) : 0;
	put_csv(run->options->csv, &row);
}

void run_print_csv(const struct run *run)
{
	uint64_t all = run->result.totals.of[VPMU_INSTRUCTIONS];
	struct run_counter counters[RUN_COUNTERS];
	size_t count = run_counters(run, counters);

	for (size_t i = 0; i < count; i++)
		put_counter(run, &counters[i], all);
	for (unsigned i = 0; i < VPMU_CLASSES && run->cpu->by_instruction; i++) {
		uint64_t over = run_measured_over(run, (enum vpmu_class)i);
		struct row row = {.event = vpmu_class_name((enum vpmu_class)i),
		                  .is_counted = over,
		                  .value = run->result.totals.of[i],
		                  .over = over,
		                  .all = all};

		if (over || i <= VPMU_SLOTS)
			put_csv(run->options->csv, &row);
	}
}
