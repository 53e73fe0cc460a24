/* SPDX-License-Identifier: MIT */
/* vpmu watch's lines in JSON: one object a line; docs/json.md has the shapes. */
#include "watch.h"

#include "json/json.h"

#if HAVE_JANSSON

static const char *const kinds[WATCH_KINDS] = {
	[WATCH_OPEN] = "open",
	[WATCH_VM] = "create-vm",
	[WATCH_VCPU] = "create-vcpu",
	[WATCH_CLOSE] = "close",
	[WATCH_CHECK] = "check-extension",
	[WATCH_CAP] = "enable-cap",
	[WATCH_SUPPORTED] = "get-supported-cpuid",
	[WATCH_INDEX_LIST] = "get-msr-index-list",
	[WATCH_SET_CPUID] = "set-cpuid",
	[WATCH_SET_REGS] = "set-regs",
	[WATCH_GET_REGS] = "get-regs",
	[WATCH_GET_MSRS] = "get",
	[WATCH_SET_MSRS] = "put",
	[WATCH_FILTER] = "set-event-filter",
	[WATCH_MSR_FILTER] = "set-msr-filter",
	[WATCH_GUEST_READ] = "guest-read",
	[WATCH_GUEST_WRITE] = "guest-write",
	[WATCH_STRAY] = "unknown-origin",
	[WATCH_LACK] = "not-emulated",
};

static json_t *begin(double time, enum watch_kind kind, uint32_t vm, const struct watch_vcpu *vcpu)
{
	json_t *line = json_document("vpmu-watch", 1);

	json_object_set_new(line, "time", json_real(time));
	json_object_set_new(line, "event", json_string(kinds[kind]));
	if (vm != WATCH_NONE)
		json_object_set_new(line, "vm", json_integer(vm));
	if (vcpu && vcpu->serial != WATCH_NONE)
		json_object_set_new(line, "vcpu",
		                    vcpu->id == WATCH_NONE ? json_null() : json_integer(vcpu->id));
	return line;
}

static void add_model(json_t *line, const struct watch_record *record)
{
	const struct vpmu_model *model = watch_record_model(record);
	char why[WATCH_WHY];

	json_object_set_new(line, "switched_off",
	                    json_boolean(record->head.argument & WATCH_PMU_OFF));
	if (record->head.result >= 0 && !model)
		json_object_set_new(line, "why_no_model",
		                    json_string(watch_why_no_model(record, why)));
	if (!model)
		return;
	json_object_set_new(line, "pmu_version", json_integer(model->version));
	json_object_set_new(line, "gp_counters", json_integer(model->gp_count));
	json_object_set_new(line, "fixed_counters", json_integer(vpmu_model_fixed_count(model)));
	json_object_set_new(line, "model", model_json(model));
}

static void add_access(json_t *line, const struct watch_record *record,
                       const struct watch_vcpu *vcpu)
{
	const char *name = watch_msr_name(vcpu, record->msrs[0].index);

	json_object_set_new(line, "msr", json_hex(record->msrs[0].index));
	json_object_set_new(line, "name", name ? json_string(name) : json_null());
	json_object_set_new(line, "value", json_hex(record->msrs[0].value));
	json_object_set_new(line, "gp", json_boolean(record->head.result));
}

static void json_event(FILE *to, double time, const struct watch_record *record,
                       const struct watch_vcpu *vcpu)
{
	const struct watch_head *head = &record->head;
	json_t *line = begin(time, (enum watch_kind)head->kind, head->vm, vcpu);

	json_object_set_new(line, "result", json_integer(head->result));
	if (head->result < 0)
		json_object_set_new(line, "errno", json_integer(head->error));
	json_object_set_new(line, "argument", json_hex(head->argument));
	json_object_set_new(line, "count", json_count(head->count));
	if (head->kind == WATCH_SET_CPUID)
		add_model(line, record);
	if (head->kind == WATCH_CAP)
		json_object_set_new(line, "value", json_hex(record->msrs[0].value));
	if (vcpu && (head->kind == WATCH_GUEST_READ || head->kind == WATCH_GUEST_WRITE))
		add_access(line, record, vcpu);
	if (head->kind == WATCH_LACK)
		json_object_set_new(line, "why",
		                    json_string(watch_lack_text((enum watch_lack)head->argument)));
	if (head->kind == WATCH_CLOSE && vcpu)
		json_object_set_new(line, "entries", json_count(head->runs));
	json_line(line, to);
}

static json_t *json_change(const struct watch_change *change, const char *name,
                           const char *moved_to)
{
	return json_pack("{s:o, s:s, s:o, s:o, s:o}", "msr", json_hex(change->msr), "name", name,
	                 "got", json_hex(change->got), "put",
	                 change->is_put ? json_hex(change->put) : json_null(), "moved_to",
	                 *moved_to ? json_string(moved_to) : json_null());
}

static json_t *block_changes(const struct watch_vcpu *vcpu, const struct watch_block *block)
{
	json_t *changes = json_array();

	for (unsigned i = 0; i < block->change_count; i++) {
		const struct watch_change *change = &block->changes[i];

		json_array_append_new(changes,
		                      json_change(change, watch_msr_name(vcpu, change->msr),
		                                  change->moved_to
		                                          ? watch_msr_name(vcpu, change->moved_to)
		                                          : ""));
	}
	return changes;
}

static json_t *orders(const struct watch_block *block)
{
	json_t *names = json_array();

	for (unsigned i = 0; i < block->order_count; i++)
		json_array_append_new(names, json_string(block->orders[i]->name));
	return names;
}

static void json_block(FILE *to, double time, const struct watch_vcpu *vcpu,
                       const struct watch_block *block)
{
	json_t *line = begin(time, block->is_put ? WATCH_SET_MSRS : WATCH_GET_MSRS, vcpu->vm, vcpu);
	json_t *registers = json_array();

	for (unsigned i = 0; i < block->count; i++) {
		const struct watch_access *access = &block->accesses[i];

		json_array_append_new(
			registers, json_pack("{s:o, s:s, s:o, s:b}", "msr", json_hex(access->msr),
		                             "name", watch_msr_name(vcpu, access->msr), "value",
		                             json_hex(access->value), "refused", access->refused));
	}
	if (block->is_put) {
		json_object_set_new(line, "level", json_string(watch_level_name(block->level)));
		json_object_set_new(line, "order", orders(block));
		json_object_set_new(line, "nearest",
		                    *block->order ? json_string(block->order) : json_null());
		json_object_set_new(line, "unowned", json_count(block->unowned));
		json_object_set_new(line, "changed", block_changes(vcpu, block));
	}
	json_object_set_new(line, "calls", json_count(block->calls));
	json_object_set_new(line, "msrs", json_count(block->msrs));
	json_object_set_new(line, "nanoseconds", json_count(block->spent));
	if (block->error)
		json_object_set_new(line, "errno", json_integer(block->error));
	json_object_set_new(line, "registers", registers);
	json_line(line, to);
}

static json_t *finding(const struct watch_tally *tally, enum watch_finding which)
{
	json_t *names = json_array();

	for (unsigned i = 0; i < tally->count; i++)
		if (watch_finds(tally, &tally->registers[i], which))
			json_array_append_new(names, json_string(tally->registers[i].name));
	return names;
}

static json_t *all_changes(const struct watch_tally *tally)
{
	json_t *changes = json_array();

	for (unsigned i = 0; i < tally->change_count; i++) {
		const struct watch_tally_change *at = &tally->changes[i];
		json_t *change = json_change(&at->change, at->name, at->moved_to);

		json_object_set_new(change, "vm", json_integer(at->vm));
		json_object_set_new(change, "vcpu", json_integer(at->vcpu_id));
		json_array_append_new(changes, change);
	}
	return changes;
}

static json_t *all_missed(const struct watch_tally *tally)
{
	json_t *missed = json_array();

	for (unsigned i = 0; i < tally->missed_count && i < WATCH_MISSED; i++)
		json_array_append_new(missed,
		                      json_pack("{s:I, s:I}", "vm", (json_int_t)tally->missed[i].vm,
		                                "vcpu", (json_int_t)tally->missed[i].vcpu_id));
	return missed;
}

static json_t *shown(unsigned bits)
{
	json_t *names = json_array();

	for (enum watch_shown i = 0; i < WATCH_SHOWN; i++)
		if (bits >> i & 1)
			json_array_append_new(names, json_string(watch_shown_text(i)));
	return names;
}

static void json_summary(FILE *to, const struct watch_tally *tally)
{
	json_t *line = json_document("vpmu-watch", 1), *puts = json_object();
	enum watch_verdict verdict = watch_judge(tally);

	json_object_set_new(line, "event", json_string("summary"));
	for (enum watch_level level = 0; level < WATCH_LEVELS; level++)
		json_object_set_new(puts, watch_level_name(level), json_count(tally->puts[level]));
	json_object_set_new(line, "vms", json_count(tally->vms));
	json_object_set_new(line, "vcpus", json_count(tally->vcpus));
	json_object_set_new(line, "entries", json_count(tally->runs));
	json_object_set_new(line, "puts", puts);
	json_object_set_new(line, "gets", json_count(tally->gets));
	json_object_set_new(line, "set_msrs_calls", json_count(tally->put_calls));
	json_object_set_new(line, "set_msrs_nanoseconds", json_count(tally->put_spent));
	json_object_set_new(line, "guest_reads", json_count(tally->guest_reads));
	json_object_set_new(line, "guest_writes", json_count(tally->guest_writes));
	json_object_set_new(line, "refusals", json_count(tally->refusals));
	json_object_set_new(line, "lost", json_count(tally->lost));
	json_object_set_new(line, "unknown_origin", json_count(tally->strays));
	for (enum watch_finding which = 0; which < WATCH_FINDINGS; which++)
		json_object_set_new(line, watch_finding_name(which), finding(tally, which));
	json_object_set_new(line, "host_vendor",
	                    *tally->host_vendor ? json_string(tally->host_vendor) : json_null());
	json_object_set_new(line, "not_judged", json_count(tally->unmodelled));
	json_object_set_new(line, "in_two_parts", json_count(tally->interrupted));
	json_object_set_new(line, "switched_off", json_count(tally->off));
	json_object_set_new(line, "cpuid_shows", shown(tally->shown));
	json_object_set_new(line, "changes", all_changes(tally));
	json_object_set_new(line, "not_restored", all_missed(tally));
	json_object_set_new(line, "not_compared", json_count(tally->foreign));
	json_object_set_new(line, "holds",
	                    verdict == WATCH_UNKNOWN ? json_null()
	                                             : json_boolean(verdict == WATCH_HOLDS));
	json_line(line, to);
}

const struct watch_writer watch_json = {json_event, json_block, json_summary};

#else

const struct watch_writer watch_json;

#endif
