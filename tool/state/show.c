/* SPDX-License-Identifier: MIT */
/* vpmu state show: what is in a file of states. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/message.h"
#include "lib/memory.h"
#include "models/models.h"
#include "lib/msr_table.h"
#include "state.h"
#include "lib/visible.h"

static void print_model(uint32_t vcpu, const struct vpmu_model *model)
{
	printf("%svCPU %" PRIu32 ": %s%s", bold_on(stdout), vcpu, model->name, bold_off(stdout));
	if (!model->version) {
		printf(", %s, no PMU\n", vpmu_vendor_name(model->vendor));
		return;
	}
	printf(", %s version %u, %u counters", vpmu_vendor_name(model->vendor), model->version,
	       model->gp_count);
	if (model->gp_count)
		printf(" of %u bits", model->gp_width);
	if (model->fixed_mask)
		printf(", %u fixed of %u", vpmu_model_fixed_count(model), model->fixed_width);
	putchar('\n');
}

static bool print_entry(const struct state_entry *entry)
{
	struct vpmu_layout layout;

	print_model(entry->vcpu, &entry->state.model);
	vpmu_layout_init(&layout, &entry->state.model);
	if (layout.value_count)
		printf("  %sMSR         REGISTER                       VALUE%s\n", bold_on(stdout),
		       bold_off(stdout));
	for (unsigned i = 0; i < layout.value_count; i++) {
		const struct vpmu_register *reg = &layout.registers[layout.stored[i]];

		printf("  0x%-8" PRIx32 "  %-29s  0x%" PRIx64, reg->msr, reg->name,
		       entry->state.values[i]);
		if (!state_print_fields(&entry->state.model, reg, entry->state.values[i]))
			return false;
		putchar('\n');
	}
	return true;
}

int state_print_set(const struct state_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		if (i)
			putchar('\n');
		if (print_entry(&set->entries[i]))
			continue;
		memory_say("the names of events");
		return TOOL_LACKS;
	}
	return TOOL_HOLDS;
}

/* --- QEMU's fields ---------------------------------------------------------------------------- */

static void print_fields(const char *name, const uint64_t *values, unsigned count)
{
	char field[32];

	for (unsigned i = 0; i < count; i++) {
		snprintf(field, sizeof(field), count > 1 ? "%s[%u]" : "%s", name, i);
		if (values[i])
			printf("  %-20s  0x%" PRIx64 "\n", field, values[i]);
	}
}

static void print_record(unsigned i, const char *name, uint64_t value)
{
	char field[32];

	snprintf(field, sizeof(field), "lbr_records[%u].%s", i, name);
	print_fields(field, &value, 1);
}

static void print_lbr(const struct vpmu_qemu_lbr *lbr)
{
	print_fields("lbr_ctl", &lbr->ctl, 1);
	print_fields("lbr_depth", &lbr->depth, 1);
	for (unsigned i = 0; i < VPMU_QEMU_LBR; i++) {
		print_record(i, "from", lbr->records[i].from);
		print_record(i, "to", lbr->records[i].to);
		print_record(i, "info", lbr->records[i].info);
	}
}

/* lbr: NULL if there is none. */
static void print_cpu(const struct vpmu_qemu_cpu *cpu, const struct vpmu_qemu_lbr *lbr, bool fields)
{
	const struct vpmu_qemu_pmu *pmu = &cpu->pmu;

	printf("%svCPU %" PRIu32 "%s: ", bold_on(stdout), cpu->instance, bold_off(stdout));
	if (cpu->has_pmu)
		printf("cpu/msr_architectural_pmu at offset %" PRIu64, cpu->offset);
	else
		printf("the PMU was idle, all of it is 0 (no cpu/msr_architectural_pmu)");
	if (lbr)
		printf("; cpu/arch_lbr at offset %" PRIu64, cpu->lbr_offset);
	putchar('\n');
	if (!fields)
		return;
	print_fields("fixed_ctr_ctrl", &pmu->fixed_ctr_ctrl, 1);
	print_fields("global_ctrl", &pmu->global_ctrl, 1);
	print_fields("global_status", &pmu->global_status, 1);
	print_fields("global_ovf_ctrl", &pmu->global_ovf_ctrl, 1);
	print_fields("fixed_counters", pmu->fixed_counters, VPMU_QEMU_FIXED);
	print_fields("gp_counters", pmu->gp_counters, VPMU_QEMU_GP);
	print_fields("gp_evtsel", pmu->gp_evtsel, VPMU_QEMU_GP);
	if (lbr)
		print_lbr(lbr);
}

/* With states the registers are printed after this, and the fields need not be. */
void state_print_qemu(const struct state_file *file)
{
	const struct vpmu_qemu_about *about = &file->qemu;

	printf("QEMU migration file%s", *about->machine ? " of " : "");
	print_visible(stdout, about->machine);
	printf(", %zu vCPU%s, found %s\n", about->cpus, about->cpus == 1 ? "" : "s",
	       about->described ? "through its description"
	                        : "by QEMU's layout (it has no description)");
	for (size_t i = 0; i < about->cpus; i++)
		print_cpu(&file->cpus[i], file->cpus[i].has_lbr ? &file->lbrs[i] : NULL,
		          !file->set.count);
}

/* --- Others' dumps ---------------------------------------------------------------------------- */

/* Without a model: numbers, and what they are called on some PMU. */
static void print_msrs(const struct msr_table *msrs)
{
	for (size_t i = 0; i < msrs->count; i++) {
		const struct foreign_msr *msr = &msrs->entries[i];
		const char *name = msr_name(msr->msr);

		if (!i || msr->cpu != msr[-1].cpu)
			printf("%sCPU %" PRIu32 "%s\n", bold_on(stdout), msr->cpu,
			       bold_off(stdout));
		printf("  0x%-8" PRIx32 "  %-29s  0x%" PRIx64 "\n", msr->msr,
		       name ? name : "not a PMU's", msr->value);
	}
}

void state_print_foreign(const struct state_file *file)
{
	printf("%s\n", file->foreign);
	if (!file->set.count)
		print_msrs(file->msrs);
}

static int print_file(const struct state_file *file)
{
	if (file->format == STATE_QEMU) {
		state_print_qemu(file);
	} else if (file->format == STATE_FOREIGN) {
		state_print_foreign(file);
	} else {
		return state_print_set(&file->set);
	}
	if (file->set.count)
		putchar('\n');
	return state_print_set(&file->set);
}

/* --- The command ------------------------------------------------------------------------------ */

struct show_options {
	const char *model, *snapshot;
	bool json;
};

static const struct option_row show_rows[] = {
	STATE_QEMU_MODEL("model", struct show_options, model),
	STATE_SNAPSHOT(struct show_options),
	ARGS_JSON(struct show_options, "print JSON (docs/json.md: vpmu-state)"),
};

static int run_show(const struct command *self, int argc, char **argv)
{
	struct show_options options = {0};
	const char *operands[ARGS_OPERANDS];
	struct state_qemu_how how;
	struct state_file file;
	int status = args_parse(self, argc, argv, &options, operands);

	if (status != ARGS_GO)
		return status;
	how = (struct state_qemu_how){.model = options.model, .snapshot = options.snapshot};
	status = state_file_read_how(operands[0], &how, &file);
	if (!status && options.json)
		status = state_file_must_have_set(operands[0], &file);
	if (status)
		return status;
	if (options.json)
		status = state_file_write("-", &file.set, STATE_JSON);
	else
		status = print_file(&file);
	state_file_free(&file);
	return status;
}

const struct command state_show = {
	.name = "state show",
	.operands = "FILE",
	.about = "Show what is in a file of states",
	.notes = "FILE is read in any format that states or registers are found in ('vpmu state "
		 "--help'\n"
		 "lists them); '-' is the standard input.\n",
	.options = show_rows,
	.option_count = sizeof(show_rows) / sizeof(show_rows[0]),
	.operand_min = 1,
	.operand_max = 1,
	.run = run_show,
};
