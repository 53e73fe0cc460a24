/* SPDX-License-Identifier: MIT */
/* vpmu watch's lines for people: gets and puts of the PMU's registers, and the summary. */
#include "watch.h"

#include <inttypes.h>
#include <string.h>

#include "lib/number.h"

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
	watch_text_who(to, time, vcpu->serial == WATCH_NONE ? NULL : vcpu, NULL);
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
		fprintf(to, "\n%12swrites %u register%s of a PMU that this vCPU lacks", "",
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
	watch_text_shown(to, tally->shown);
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
	if (tally->interrupted)
		fprintf(to,
		        "  in two parts: %" PRIu64 " put%s, by more than a second without a call\n",
		        tally->interrupted, tally->interrupted == 1 ? "" : "s");
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

const struct watch_writer watch_text = {watch_text_event, text_block, text_summary};
