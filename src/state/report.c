/* SPDX-License-Identifier: MIT */
/* A report in words. */
#include <state/room_int.h>

static const char *const left_text[] = {
	[VPMU_LEFT_UNTOUCHED] = "nothing was written",
	[VPMU_LEFT_WRITTEN] = "all was written",
	[VPMU_LEFT_ROLLED_BACK] = "rolled back",
	[VPMU_LEFT_PARTIAL] = "partly written",
};

static void add_register(struct text *text, const struct vpmu_refusal *refusal)
{
	text_add(text, refusal->name);
	text_add(text, " (");
	text_add_hex(text, refusal->msr);
	text_add(text, "): ");
}

static void add_done(struct text *text, const struct vpmu_report *report)
{
	text_add_unsigned(text, report->done);
	text_add(text, " of ");
	text_add_unsigned(text, report->planned);
	text_add(text, report->is_get ? " reads" : " writes");
}

static void describe_refusal(struct text *text, const struct vpmu_report *report,
                             const struct vpmu_refusal *refusal)
{
	add_register(text, refusal);
	if (report->is_get) {
		text_add(text, "the target has no value to read; ");
		add_done(text, report);
		return;
	}
	text_add(text, "the target refused ");
	text_add_hex(text, refusal->value);
	text_add(text, " after ");
	add_done(text, report);
	text_add(text, "; ");
	text_add(text, left_text[report->left]);
}

static void describe_rollback(struct text *text, const struct vpmu_refusal *refusal)
{
	add_register(text, refusal);
	text_add(text, "could not be rolled back");
	if (refusal->unknown) {
		text_add(text, ": its value could not be read before");
		return;
	}
	text_add(text, " to ");
	text_add_hex(text, refusal->value);
}

static void describe_whole(struct text *text, const struct vpmu_report *report)
{
	if (report->status == VPMU_HOST) {
		text_add(text, "the target's call failed with errno ");
		text_add_unsigned(text, (unsigned)report->host_error);
		text_add(text, " after ");
	} else if (report->status) {
		text_add(text, vpmu_status_text(report->status));
		text_add(text, "; ");
	}
	add_done(text, report);
	if (report->status && !report->is_get) {
		text_add(text, "; ");
		text_add(text, left_text[report->left]);
	}
}

void vpmu_report_describe(const struct vpmu_report *report, unsigned i, char *line, size_t bytes)
{
	struct text text = text_in(line, bytes);
	bool whole;

	if (!report)
		return;
	whole = report->status != VPMU_REFUSED;
	if (whole && i == 0) {
		describe_whole(&text, report);
		return;
	}
	i -= whole;
	if (i < report->refused)
		describe_refusal(&text, report, &report->refusals[i]);
	else if (i - report->refused < report->not_rolled_back)
		describe_rollback(&text, &report->rollback[i - report->refused]);
}
