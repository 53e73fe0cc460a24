/* SPDX-License-Identifier: MIT */
/* vpmu watch's lines for people. */
#include "watch.h"

#include <inttypes.h>
#include <string.h>

#include "lib/number.h"

/* --- Texts that both kinds of lines need ---------------------------------------------------- */

const char *watch_level_name(enum watch_level level)
{
	static const char *const names[] = {
		[WATCH_CONFIGURATION] = "configuration",
		[WATCH_RUNTIME] = "runtime",
		[WATCH_RESET] = "reset",
		[WATCH_FULL] = "full",
	};

	return names[level];
}

const char *watch_lack_text(enum watch_lack lack)
{
	static const char *const texts[] = {
		[WATCH_LACK_EXITS] =
			"this KVM has no MSR filter with exits to user space: the guest's "
			"RDMSR and WRMSR do not reach the emulated PMU",
		[WATCH_LACK_FILTER] =
			"the VMM's own MSR filter leaves no room: the guest's RDMSR and "
			"WRMSR do not reach the emulated PMU any more",
		[WATCH_LACK_MODEL] =
			"the VMM's CPUID makes no PMU that vpmu has a model of: that vCPU has none",
	};

	return texts[lack];
}

static const struct finding {
	const char *name, *text;
} findings[] = {
	[WATCH_LEFT_ALONE] = {"left_alone", "left alone by a reset"},
	[WATCH_NEVER_SAVED] = {"never_saved", "neither read nor written, so not saved"},
	[WATCH_WRITTEN_ONLY] = {"written_never_read", "written but never read"},
	[WATCH_READ_ONLY] = {"read_never_written", "read but never written"},
	[WATCH_CHANGED] = {"changed", "put with another value than was got"},
	[WATCH_REFUSED] = {"refused", "refused by KVM"},
	[WATCH_UNOWNED] = {"unowned", "put to a vCPU that has no PMU"},
	[WATCH_HIDDEN] = {"hidden", "of the emulated model, but not in the VMM's CPUID"},
};

const char *watch_shown_text(enum watch_shown shown)
{
	static const char *const texts[] = {
		[WATCH_SHOWN_VERSION] = "a PMU version",
		[WATCH_SHOWN_PDCM] = "PDCM",
		[WATCH_SHOWN_PERFCORE] = "PERFCORE",
		[WATCH_SHOWN_PERFMON_V2] = "PerfMonV2",
	};

	return texts[shown];
}

const char *watch_finding_text(enum watch_finding finding)
{
	return findings[finding].text;
}

const char *watch_finding_name(enum watch_finding finding)
{
	return findings[finding].name;
}

/* --- Events -------------------------------------------------------------------------------- */

static void print_who(FILE *to, double time, const struct watch_vcpu *vcpu,
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
static void print_shown(FILE *to, unsigned shown)
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
	print_shown(to, shown);
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

static void print_model(FILE *to, const struct watch_record *record)
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
		fprintf(to, ": PMU version %u, %u counters of %u bits, %u fixed", model->version,
		        model->gp_count, model->gp_width, vpmu_model_fixed_count(model));
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

static void print_event(FILE *to, const struct watch_record *record, const struct watch_vcpu *vcpu)
{
	const struct watch_head *head = &record->head;

	switch (head->kind) {
	case WATCH_OPEN:
		fprintf(to, "/dev/kvm opened");
		break;
	case WATCH_VM:
		fprintf(to, "KVM_CREATE_VM");
		break;
	case WATCH_VCPU:
		fprintf(to, "KVM_CREATE_VCPU %" PRIu32, head->vcpu_id);
		break;
	case WATCH_CLOSE:
		fprintf(to, "closed");
		if (vcpu)
			fprintf(to, " after %" PRIu64 " entries", head->runs);
		break;
	case WATCH_CHECK:
		fprintf(to, "KVM_CHECK_EXTENSION %" PRIu64, head->argument);
		break;
	case WATCH_CAP:
		fprintf(to, "KVM_ENABLE_CAP %" PRIu64 " with 0x%" PRIx64, head->argument,
		        record->msrs[0].value);
		break;
	case WATCH_SUPPORTED:
		fprintf(to, "KVM_GET_SUPPORTED_CPUID: %" PRIu32 " leaves", head->count);
		break;
	case WATCH_INDEX_LIST:
		fprintf(to, "KVM_GET_MSR_INDEX_LIST: %" PRIu32 " MSRs, %u of them a PMU's",
		        head->count, count_pmu(record));
		break;
	case WATCH_SET_CPUID:
		print_model(to, record);
		break;
	case WATCH_SET_REGS:
		fprintf(to, "KVM_SET_REGS: RIP 0x%" PRIx64, head->argument);
		break;
	case WATCH_FILTER:
		fprintf(to, "KVM_SET_PMU_EVENT_FILTER: %s %" PRIu32 " events",
		        head->argument ? "deny" : "allow", head->count);
		break;
	case WATCH_MSR_FILTER:
		fprintf(to, "KVM_X86_SET_MSR_FILTER");
		break;
	case WATCH_STRAY:
		fprintf(to, "%s came by a way that is not followed: which it is, is unknown",
		        head->argument ? "a VM's or KVM's descriptor" : "this descriptor");
		break;
	case WATCH_LACK:
		fprintf(to, "%s", watch_lack_text((enum watch_lack)head->argument));
		break;
	default:
		break;
	}
}

static bool is_guest(const struct watch_head *head)
{
	return head->kind == WATCH_GUEST_READ || head->kind == WATCH_GUEST_WRITE;
}

static void text_event(FILE *to, double time, const struct watch_record *record,
                       const struct watch_vcpu *vcpu)
{
	const struct watch_head *head = &record->head;

	print_who(to, time, vcpu, head);
	if (is_guest(head))
		print_access(to, record, vcpu);
	else
		print_event(to, record, vcpu);
	if (head->result < 0)
		fprintf(to, " = -1 (%s)", strerror((int)head->error));
	else if (head->kind == WATCH_CHECK)
		fprintf(to, " = %" PRId32, head->result);
	fputc('\n', to);
}

/* --- Values -------------------------------------------------------------------------------- */

/* "PerfEvtSel1 was got as 0x530071 and put as 0x0; PerfEvtSel2 has PerfEvtSel1's value" */
static void print_change(FILE *to, const struct watch_change *change, const char *name,
                         const char *moved_to)
{
	fprintf(to, "%s was got as 0x%" PRIx64, name, change->got);
	if (change->is_put)
		fprintf(to, " and put as 0x%" PRIx64, change->put);
	else
		fprintf(to, " and not put");
	if (*moved_to)
		fprintf(to, "; %s has %s's value", moved_to, name);
	fputc('\n', to);
}

static void print_block_changes(FILE *to, const struct watch_vcpu *vcpu,
                                const struct watch_block *block)
{
	for (unsigned i = 0; i < block->change_count; i++) {
		const struct watch_change *change = &block->changes[i];

		fprintf(to, "%12sCHANGED: ", "");
		print_change(to, change, watch_msr_name(vcpu, change->msr),
		             change->moved_to ? watch_msr_name(vcpu, change->moved_to) : "");
	}
}

/* --- Blocks -------------------------------------------------------------------------------- */

/* "no-stop; stop-first is the same here" */
static void print_orders(FILE *to, const struct watch_block *block)
{
	if (block->order_count || block->order[0])
		fprintf(to, "\n%12sorder: %s", "",
		        block->order_count ? block->orders[0]->name : block->order);
	for (unsigned i = 1; i < block->order_count; i++)
		fprintf(to, "%s %s",
		        i == 1                       ? ";"
		        : i + 1 < block->order_count ? ","
		                                     : " and",
		        block->orders[i]->name);
	if (block->order_count > 1)
		fprintf(to, " %s the same here", block->order_count > 2 ? "are" : "is");
}

static void text_block(FILE *to, double time, const struct watch_vcpu *vcpu,
                       const struct watch_block *block)
{
	print_who(to, time, vcpu->serial == WATCH_NONE ? NULL : vcpu, NULL);
	if (block->is_put)
		fprintf(to, "put, level %s: ", watch_level_name(block->level));
	else
		fprintf(to, "get%s: ", vcpu->serial == WATCH_NONE ? " of KVM's features" : "");
	fprintf(to, "%u of %u MSRs are the PMU's, %u call%s, %" PRIu64 " us",
	        block->count + block->lost, block->msrs, block->calls, block->calls == 1 ? "" : "s",
	        (block->spent + 500) / 1000);
	if (block->error)
		fprintf(to, "; failed: %s", strerror(block->error));
	if (block->unowned)
		fprintf(to, "\n%12swrites %u register%s of a PMU that this vCPU has not", "",
		        block->unowned, block->unowned == 1 ? "" : "s");
	print_orders(to, block);
	fputc('\n', to);
	print_block_changes(to, vcpu, block);
	for (unsigned i = 0; i < block->count; i++) {
		const struct watch_access *access = &block->accesses[i];

		fprintf(to, "%14s%-29s 0x%" PRIx64 "%s\n", "", watch_msr_name(vcpu, access->msr),
		        access->value, access->refused ? "  REFUSED" : "");
	}
	if (block->other_refused)
		fprintf(to, "%14sMSR 0x%-23" PRIx32 " REFUSED (no PMU's)\n", "",
		        block->other_refused);
	if (block->lost)
		fprintf(to, "%14s(and %u more)\n", "", block->lost);
}

/* --- The summary --------------------------------------------------------------------------- */

static void print_finding(FILE *to, const struct watch_tally *tally, enum watch_finding finding)
{
	unsigned count = 0, column = 0;

	for (unsigned i = 0; i < tally->count; i++)
		count += watch_finds(tally, &tally->registers[i], finding);
	if (!count)
		return;
	fprintf(to, "  %s: %u register%s\n", watch_finding_text(finding), count,
	        count == 1 ? "" : "s");
	for (unsigned i = 0; i < tally->count; i++) {
		const struct watch_register *reg = &tally->registers[i];

		if (!watch_finds(tally, reg, finding))
			continue;
		column = column + strlen(reg->name) + 1 > 92 ? 0 : column;
		column += (unsigned)fprintf(to, "%s%s",
		                            column  ? " "
		                            : count ? "    "
		                                    : "\n    ",
		                            reg->name);
		count = 0;
	}
	fputc('\n', to);
}

static void print_changes(FILE *to, const struct watch_tally *tally)
{
	for (unsigned i = 0; i < tally->change_count; i++) {
		const struct watch_tally_change *at = &tally->changes[i];

		fprintf(to, "    vcpu %" PRIu32 ": ", at->vcpu_id);
		if (at->vm)
			fprintf(to, "(vm %" PRIu32 ") ", at->vm);
		print_change(to, &at->change, at->name, at->moved_to);
	}
	if (tally->more_changes)
		fprintf(to, "    (and %" PRIu64 " more)\n", tally->more_changes);
}

/* What --expect waited for in vain. */
static void print_missed(FILE *to, const struct watch_tally *tally)
{
	if (tally->missed_count)
		fprintf(to, "  expected, but not restored by any put: %u vCPU%s\n   ",
		        tally->missed_count, tally->missed_count == 1 ? "" : "s");
	for (unsigned i = 0; i < tally->missed_count && i < WATCH_MISSED; i++) {
		fprintf(to, " vcpu %" PRIu32, tally->missed[i].vcpu_id);
		if (tally->missed[i].vm)
			fprintf(to, " (vm %" PRIu32 ")", tally->missed[i].vm);
	}
	if (tally->missed_count)
		fputc('\n', to);
}

static void print_totals(FILE *to, const struct watch_tally *tally)
{
	char runs[NUMBER_GROUPED_BYTES];

	fprintf(to, "vpmu watch: %" PRIu64 " VM%s, %" PRIu64 " vCPU%s, %s entries\n", tally->vms,
	        tally->vms == 1 ? "" : "s", tally->vcpus, tally->vcpus == 1 ? "" : "s",
	        number_grouped(tally->runs, runs));
	fprintf(to, "  puts:");
	for (enum watch_level level = 0; level < WATCH_LEVELS; level++)
		fprintf(to, "%s %s %" PRIu64, level ? "," : "", watch_level_name(level),
		        tally->puts[level]);
	fprintf(to, "; gets: %" PRIu64 "\n", tally->gets);
	fprintf(to, "  KVM_SET_MSRS: %" PRIu64 " calls, %.1f us each, %" PRIu64 " refusals\n",
	        tally->put_calls,
	        tally->put_calls ? (double)tally->put_spent / (double)tally->put_calls / 1e3 : 0.0,
	        tally->refusals);
	if (tally->guest_reads || tally->guest_writes)
		fprintf(to,
		        "  guest: %" PRIu64 " reads and %" PRIu64
		        " writes of PMU registers, %" PRIu64 " #GP\n",
		        tally->guest_reads, tally->guest_writes, tally->guest_refusals);
}

static void print_verdict(FILE *to, const struct watch_tally *tally)
{
	const char *text = NULL;

	if (watch_judge(tally) == WATCH_UNKNOWN)
		text = "verdict unknown: not all was seen, so the lists may lack registers or have "
		       "too many";
	else if (tally->off && !tally->has_model && watch_judge(tally) == WATCH_HOLDS)
		text = "PMU switched off; nothing to lose";
	else if (!tally->opened && watch_judge(tally) == WATCH_HOLDS)
		text = "/dev/kvm was not used: nothing to follow";
	else if (!tally->has_model && watch_judge(tally) == WATCH_HOLDS)
		text = tally->emulates ? "no vCPU had a PMU: nothing to lose"
		                       : "no vCPU had a PMU: nothing to lose (--emulate MODEL "
		                         "gives it one)";
	else if (!tally->puts[WATCH_RESET] && !tally->gets)
		text = "no reset and no get was seen";
	else if (watch_judge(tally) == WATCH_HOLDS)
		text = "no register was left alone, refused, changed, or moved one way only";
	if (text)
		fprintf(to, "  %s\n", text);
}

static void print_switched_off(FILE *to, const struct watch_tally *tally)
{
	if (!tally->off)
		return;
	fprintf(to, "  switched off: the PMU of %" PRIu64 " vCPU%s", tally->off,
	        tally->off == 1 ? "" : "s");
	if (tally->shown)
		fprintf(to, ", whose CPUID still shows ");
	print_shown(to, tally->shown);
	fputc('\n', to);
}

static void text_summary(FILE *to, const struct watch_tally *tally)
{
	print_totals(to, tally);
	print_switched_off(to, tally);
	for (enum watch_lack lack = 0; lack < WATCH_LACKS; lack++)
		if (tally->lacks[lack])
			fprintf(to, "  not emulated: %s\n", watch_lack_text(lack));
	if (tally->lost)
		fprintf(to,
		        "  lost: at least %" PRIu64
		        " record%s (the VMM was faster than the log, or killed)\n",
		        tally->lost, tally->lost == 1 ? "" : "s");
	if (tally->strays)
		fprintf(to,
		        "  of unknown origin: %" PRIu64
		        " descriptor%s (passed, or copied unseen: perhaps another's vCPU)\n",
		        tally->strays, tally->strays == 1 ? "" : "s");
	if (tally->foreign)
		fprintf(to,
		        "  not compared: %" PRIu64
		        " put%s of a state that no get here has shown (see --expect)\n",
		        tally->foreign, tally->foreign == 1 ? "" : "s");
	if (watch_is_defeated(tally))
		fprintf(to,
		        "  not emulated: the CPUID instruction names this host's vendor (%s), "
		        "and a VMM that asks it leaves the PMU alone\n",
		        tally->host_vendor);
	if (tally->unmodelled)
		fprintf(to,
		        "  not judged: %" PRIu64
		        " vCPU%s whose CPUID makes no model of vpmu's (KVM may take it)\n",
		        tally->unmodelled, tally->unmodelled == 1 ? "" : "s");
	for (enum watch_finding finding = 0; finding < WATCH_FINDINGS; finding++) {
		print_finding(to, tally, finding);
		if (finding == WATCH_CHANGED)
			print_changes(to, tally);
	}
	print_missed(to, tally);
	print_verdict(to, tally);
}

const struct watch_writer watch_text = {text_event, text_block, text_summary};
