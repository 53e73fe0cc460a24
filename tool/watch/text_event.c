/* SPDX-License-Identifier: MIT */
/* vpmu watch's lines for people: a call of the VMM's, or an access of its guest's. */
#include "watch.h"

#include <inttypes.h>
#include <string.h>

void watch_text_who(FILE *to, double time, const struct watch_vcpu *vcpu,
                    const struct watch_head *head)
{
	fprintf(to, "%10.6f  ", time);
	if (vcpu && vcpu->id == WATCH_NONE)
		fprintf(to, "vcpu ?: ");
	else if (vcpu)
		fprintf(to, "vcpu %" PRIu32 ": ", vcpu->id);
	else if (head && head->vm != WATCH_NONE)
		fprintf(to, "vm %" PRIu32 ": ", head->vm);
	if (vcpu && vcpu->vm != WATCH_NONE && vcpu->vm)
		fprintf(to, "(vm %" PRIu32 ") ", vcpu->vm);
}

/* "PERFCORE, PDCM" */
void watch_text_shown(FILE *to, unsigned shown)
{
	const char *between = "";

	for (enum watch_shown i = 0; i < WATCH_SHOWN; i++) {
		if (!(shown >> i & 1))
			continue;
		fprintf(to, "%s%s", between, watch_shown_text(i));
		between = ", ";
	}
}

static void print_off(FILE *to, unsigned shown)
{
	fprintf(to, ", PMU switched off");
	if (!shown)
		return;
	fprintf(to, "; CPUID still shows ");
	watch_text_shown(to, shown);
}

const char *watch_why_no_model(const struct watch_record *record, char why[WATCH_WHY])
{
	size_t count = record->entries * sizeof(record->msrs[0]) / sizeof(record->leaves[0]);
	struct vpmu_model model;

	if (count > VPMU_CPUID_LEAVES)
		count = VPMU_CPUID_LEAVES;
	if (!vpmu_model_from_cpuid(&model, record->leaves, count, 0, why, WATCH_WHY))
		snprintf(why, WATCH_WHY, "what KVM makes of it contradicts itself");
	return why;
}

static void print_counters(FILE *to, const struct vpmu_model *model)
{
	fprintf(to, ": PMU version %u, %u counters", model->version, model->gp_count);
	if (model->gp_count)
		fprintf(to, " of %u bits", model->gp_width);
	fprintf(to, ", %u fixed", vpmu_model_fixed_count(model));
}

static void print_model(FILE *to, const struct watch_record *record, const struct watch_vcpu *vcpu)
{
	const struct vpmu_model *model = watch_record_model(record);
	char why[WATCH_WHY];

	fprintf(to, "CPUID set: %" PRIu32 " leaves", record->head.count);
	if (record->head.result < 0)
		return;
	if (record->head.argument & WATCH_PMU_OFF)
		print_off(to, model ? watch_shown(model) : 0);
	else if (!model)
		fprintf(to, ", of which vpmu makes no model: %s", watch_why_no_model(record, why));
	else if (!model->version)
		fprintf(to, ", no PMU");
	else
		print_counters(to, model);
}

static void print_access(FILE *to, const struct watch_record *record, const struct watch_vcpu *vcpu)
{
	const struct watch_msr *msr = &record->msrs[0];
	const char *name = watch_msr_name(vcpu, msr->index);
	bool reads = record->head.kind == WATCH_GUEST_READ;

	fprintf(to, "guest %s %s (0x%" PRIx32 ")", reads ? "reads" : "writes", name ? name : "MSR",
	        msr->index);
	if (!reads || !record->head.result)
		fprintf(to, ": 0x%" PRIx64, msr->value);
	if (record->head.result)
		fprintf(to, ": #GP");
}

static unsigned count_pmu(const struct watch_record *record)
{
	static const struct watch_vcpu nobody;
	const uint32_t *indices = (const uint32_t *)record->msrs;
	unsigned count = 0, most = record->entries * sizeof(record->msrs[0]) / sizeof(*indices);

	for (unsigned i = 0; i < record->head.count && i < most; i++)
		count += watch_msr_name(&nobody, indices[i]) != NULL;
	return count;
}

typedef void print_fn(FILE *to, const struct watch_record *record, const struct watch_vcpu *vcpu);

static void print_created_vcpu(FILE *to, const struct watch_record *record,
                               const struct watch_vcpu *vcpu)
{
	fprintf(to, "KVM_CREATE_VCPU %" PRIu32, record->head.vcpu_id);
}

static void print_close(FILE *to, const struct watch_record *record, const struct watch_vcpu *vcpu)
{
	fprintf(to, "closed");
	if (vcpu)
		fprintf(to, " after %" PRIu64 " entries", record->head.runs);
}

static void print_check(FILE *to, const struct watch_record *record, const struct watch_vcpu *vcpu)
{
	fprintf(to, "KVM_CHECK_EXTENSION %" PRIu64, record->head.argument);
}

static void print_cap(FILE *to, const struct watch_record *record, const struct watch_vcpu *vcpu)
{
	fprintf(to, "KVM_ENABLE_CAP %" PRIu64 " with 0x%" PRIx64, record->head.argument,
	        record->msrs[0].value);
}

static void print_supported(FILE *to, const struct watch_record *record,
                            const struct watch_vcpu *vcpu)
{
	fprintf(to, "KVM_GET_SUPPORTED_CPUID: %" PRIu32 " leaves", record->head.count);
}

static void print_index_list(FILE *to, const struct watch_record *record,
                             const struct watch_vcpu *vcpu)
{
	fprintf(to, "KVM_GET_MSR_INDEX_LIST: %" PRIu32 " MSRs, %u of them a PMU's",
	        record->head.count, count_pmu(record));
}

static void print_regs(FILE *to, const struct watch_record *record, const struct watch_vcpu *vcpu)
{
	fprintf(to, "KVM_SET_REGS: RIP 0x%" PRIx64, record->head.argument);
}

static void print_filter(FILE *to, const struct watch_record *record, const struct watch_vcpu *vcpu)
{
	fprintf(to, "KVM_SET_PMU_EVENT_FILTER: %s %" PRIu32 " events",
	        record->head.argument ? "deny" : "allow", record->head.count);
}

static void print_stray(FILE *to, const struct watch_record *record, const struct watch_vcpu *vcpu)
{
	fprintf(to, "%s came by a way that is not followed: which it is, is unknown",
	        record->head.argument ? "a VM's or KVM's descriptor" : "this descriptor");
}

static void print_lack(FILE *to, const struct watch_record *record, const struct watch_vcpu *vcpu)
{
	fprintf(to, "%s", watch_lack_text((enum watch_lack)record->head.argument));
}

/* By the kind of a record: a text, or what prints one. */
static const struct {
	const char *text;
	print_fn *print;
} events[] = {
	[WATCH_OPEN] = {"/dev/kvm opened", NULL},
	[WATCH_VM] = {"KVM_CREATE_VM", NULL},
	[WATCH_VCPU] = {NULL, print_created_vcpu},
	[WATCH_CLOSE] = {NULL, print_close},
	[WATCH_CHECK] = {NULL, print_check},
	[WATCH_CAP] = {NULL, print_cap},
	[WATCH_SUPPORTED] = {NULL, print_supported},
	[WATCH_INDEX_LIST] = {NULL, print_index_list},
	[WATCH_SET_CPUID] = {NULL, print_model},
	[WATCH_SET_REGS] = {NULL, print_regs},
	[WATCH_FILTER] = {NULL, print_filter},
	[WATCH_MSR_FILTER] = {"KVM_X86_SET_MSR_FILTER", NULL},
	[WATCH_STRAY] = {NULL, print_stray},
	[WATCH_LACK] = {NULL, print_lack},
	[WATCH_GUEST_READ] = {NULL, print_access},
	[WATCH_GUEST_WRITE] = {NULL, print_access},
};

static void print_event(FILE *to, const struct watch_record *record, const struct watch_vcpu *vcpu)
{
	unsigned kind = record->head.kind;

	if (kind >= sizeof(events) / sizeof(events[0]))
		return;
	if (events[kind].print)
		events[kind].print(to, record, vcpu);
	else if (events[kind].text)
		fputs(events[kind].text, to);
}

void watch_text_event(FILE *to, double time, const struct watch_record *record,
                      const struct watch_vcpu *vcpu)
{
	const struct watch_head *head = &record->head;

	watch_text_who(to, time, vcpu, head);
	print_event(to, record, vcpu);
	if (head->result < 0)
		fprintf(to, " = -1 (%s)", strerror((int)head->error));
	else if (head->kind == WATCH_CHECK)
		fprintf(to, " = %" PRId32, head->result);
	fputc('\n', to);
}
