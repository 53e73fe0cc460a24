/* SPDX-License-Identifier: MIT */
/* A run as JSON (docs/json.md: vpmu-run). */
#include <string.h>

#include "command.h"
#include "json/json.h"
#include "run.h"

#if HAVE_JANSSON

static json_t *end_json(const struct run *run)
{
	const struct machine_result *result = &run->result;

	return json_pack("{s:s, s:i, s:o*, s:o, s:s*}", "reason", run_end_name(run), "status",
	                 run_end_status(run), "exit_value",
	                 result->end == MACHINE_END_EXIT ? json_count(result->exit_value) : NULL,
	                 "rip", json_hex(result->rip), "why", *result->why ? result->why : NULL);
}

static json_t *total_json(const struct run *run, enum vpmu_class class_)
{
	uint64_t over = run_measured_over(run, class_);

	if (!over)
		return json_null();
	return json_pack("{s:o, s:o}", "count", json_count(run->result.totals.of[class_]),
	                 "instructions", json_count(over));
}

static json_t *totals_json(const struct run *run)
{
	json_t *totals = json_object();

	/* Of those that few count, the ones that were. */
	for (unsigned i = 0; i < VPMU_CLASSES; i++)
		if (i <= VPMU_SLOTS || run_measured_over(run, (enum vpmu_class)i))
			json_object_set_new(totals, vpmu_class_name((enum vpmu_class)i),
			                    total_json(run, (enum vpmu_class)i));
	return totals;
}

static json_t *counter_json(const struct run_counter *counter)
{
	const char *class_ = vpmu_class_name(counter->class_);

	return json_pack("{s:s, s:o, s:o, s:b, s:o, s:s*, s:s*, s:b, s:b, s:b, s:b}", "name",
	                 counter->reg.name, "msr", json_hex(counter->reg.msr), "value",
	                 json_count(counter->value), "programmed", counter->programmed, "selector",
	                 json_hex(counter->selector), "event",
	                 *counter->event ? counter->event : NULL, "class", class_, "enabled",
	                 counter->enabled, "user", counter->user, "kernel", counter->kernel,
	                 "interrupt", counter->interrupt);
}

static json_t *counters_json(const struct run *run)
{
	struct run_counter counters[RUN_COUNTERS];
	size_t count = run_counters(run, counters);
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, counter_json(&counters[i]));
	return list;
}

static json_t *happened_json(const struct run *run)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "register_writes",
	                 json_count(run->happened[MACHINE_EVENT_MSR_WRITE]), "overflows",
	                 json_count(run->happened[MACHINE_EVENT_OVERFLOW]), "pmis",
	                 json_count(run->happened[MACHINE_EVENT_PMI]), "interrupts",
	                 json_count(run->happened[MACHINE_EVENT_INTERRUPT]));
}

static json_t *metrics_json(const struct run *run)
{
	static const char *const names[RUN_SHARES] = {"retiring", "bad_speculation",
	                                              "frontend_bound", "backend_bound"};
	unsigned shares[RUN_SHARES];
	json_t *object;

	if (!run_shares(run, shares))
		return NULL;
	object = json_object();
	for (unsigned i = 0; i < RUN_SHARES; i++)
		json_object_set_new(object, names[i], json_real((double)shares[i] / RUN_WHOLE));
	return object;
}

static json_t *uncounted_json(const struct run *run)
{
	json_t *list = json_array();
	char name[SELECTOR_NAME_BYTES];

	for (size_t i = 0; i < run->uncounted.count; i++) {
		uint64_t selector = run->uncounted.selectors[i];
		bool has_name = selector_event_name(&run->model, selector, name);

		json_array_append_new(list,
		                      json_pack("{s:o, s:s*}", "event",
		                                json_hex(selector_event(&run->model, selector)),
		                                "name", has_name ? name : NULL));
	}
	return list;
}

int run_print_json(const struct run *run)
{
	json_t *document = json_document("vpmu-run", 1), *metrics;

	json_object_set_new(document, "guest", json_bytes(run->guest, strlen(run->guest)));
	json_object_set_new(document, "model", json_string(run->model.name));
	if (run->cpu->by_instruction)
		json_object_set_new(document, "profile",
		                    json_string(machine_profile_name(run->machine)));
	if (vpmu_profile_facts(machine_config(run->machine)->profile) & VPMU_FACT_KVM)
		json_object_set_new(document, "host",
		                    under_profile_json(machine_config(run->machine)->host));
	json_object_set_new(document, "cpu", json_string(run->cpu->name));
	json_object_set_new(document, "memory_bytes",
	                    json_count(machine_config(run->machine)->memory_bytes));
	json_object_set_new(document, "end", end_json(run));
	json_object_set_new(document, "totals", totals_json(run));
	json_object_set_new(document, "counters",
	                    run->result.pmu_is_known ? counters_json(run) : json_null());
	if (run->cpu->by_instruction)
		json_object_set_new(document, "happened", happened_json(run));
	if (run->cpu->by_instruction)
		json_object_set_new(document, "uncounted", uncounted_json(run));
	if (run->cpu->by_instruction && (metrics = metrics_json(run)))
		json_object_set_new(document, "metrics", metrics);
	json_object_set_new(document, "serial", json_bytes(run->serial.bytes, run->serial.used));
	json_object_set_new(document, "serial_truncated", json_boolean(run->serial.truncated));
	return json_print(document);
}

#else

int run_print_json(const struct run *run)
{
	return json_lacks() ? TOOL_LACKS : TOOL_HOLDS;
}

#endif
