/* SPDX-License-Identifier: MIT */
/* Which MSRs are PMU registers, by the vendors' tables, and how the emulated PMU answers the
 * VMM. */
#include <watch/room_int.h>

/*
 * The most registers that each row can have in any model. Numbers after the vendor's last counter
 * are not the PMU's: after IA32_PMC9 come MSR_FSB_FREQ (0xcd) and MSR_PLATFORM_INFO (0xce).
 */
static uint8_t row_most[VPMU_VENDORS][REG_COUNTS];

/* The vendor's largest number of counters, by parsing the largest model: the parser knows what a
 * model can have. */
static uint8_t most_counters(const char *largest)
{
	struct vpmu_model model;

	if (vpmu_model_parse(&model, largest, NULL, 0))
		return 0;
	for (model.gp_count = VPMU_MAX_GP; model.gp_count; model.gp_count--)
		if (!vpmu_model_check(&model, NULL, 0))
			break;
	return model.gp_count;
}

void emulate_learn_registers(void)
{
	static const char *const largest[VPMU_VENDORS] = {
		[VPMU_VENDOR_INTEL] = "intel-v5",
		[VPMU_VENDOR_AMD] = "amd-perfmon-v2",
		[VPMU_VENDOR_ZHAOXIN] = "intel-v5",
		[VPMU_VENDOR_INTEL_P6] = "intel-p6",
	};

	for (unsigned vendor = 0; vendor < VPMU_VENDORS; vendor++) {
		row_most[vendor][REG_ONE] = 1;
		row_most[vendor][REG_PER_GP] = most_counters(largest[vendor]);
		row_most[vendor][REG_PER_K7] = 4;
		row_most[vendor][REG_PER_FIXED] = VPMU_MAX_FIXED;
		row_most[vendor][REG_PER_LBR] = MAX_LBR;
	}
}

/* A kernel's profile models all of IA32_MISC_ENABLE. */
static bool answers_misc_enable(void)
{
	return vpmu_profile_facts(emulated_profile()) & VPMU_FACT_KVM &&
	       reg_table_of(emulated_model()->vendor) == reg_table_of(VPMU_VENDOR_INTEL);
}

/* IA32_DEBUGCTL and IA32_MISC_ENABLE belong only in part to the PMU: they stay with this host's
 * KVM, and so do the registers of last branches and PEBS that the emulated model lacks. */
static bool is_shared(const struct reg_row *row)
{
	return row->kind == VPMU_KIND_DEBUGCTL ||
	       (row->kind == VPMU_KIND_MISC_ENABLE && !answers_misc_enable()) ||
	       (row->kind >= VPMU_KIND_LBR_CTL && !row->exists(emulated_model()));
}

static bool row_has(const struct reg_row *row, uint8_t most, uint32_t msr)
{
	unsigned stride = row->stride ? row->stride : 1;
	uint32_t distance = msr - row->base;

	return !is_shared(row) && msr >= row->base && distance % stride == 0 &&
	       distance / stride < most;
}

static bool vendor_has(enum vpmu_vendor vendor, uint32_t msr)
{
	const struct reg_table *table = reg_table_of(vendor);

	for (size_t i = 0; i < table->count; i++)
		if (row_has(&table->rows[i], row_most[vendor][table->rows[i].count], msr))
			return true;
	return false;
}

bool emulated_msr(uint32_t msr)
{
	return vendor_has(emulated_model()->vendor, msr);
}

bool pmu_msr(uint32_t msr)
{
	for (unsigned vendor = 0; vendor < VPMU_VENDORS; vendor++)
		if (vendor_has(vendor, msr))
			return true;
	return false;
}

/* Adds registers to a run that ends where they begin, or to which they belong already. */
static size_t add_run(struct msr_run *runs, size_t count, uint32_t base, uint32_t end)
{
	for (size_t i = 0; i < count; i++) {
		struct msr_run *run = &runs[i];

		if (base < run->base || base > run->base + run->count)
			continue;
		if (end > run->base + run->count)
			run->count = end - run->base;
		return count;
	}
	if (count < MSR_RUNS)
		runs[count++] = (struct msr_run){base, end - base};
	return count;
}

size_t emulated_runs(struct msr_run runs[MSR_RUNS])
{
	const struct reg_table *table = reg_table_of(emulated_model()->vendor);
	const uint8_t *most = row_most[emulated_model()->vendor];
	size_t count = 0;

	for (size_t i = 0; i < table->count; i++) {
		const struct reg_row *row = &table->rows[i];
		unsigned stride = row->stride ? row->stride : 1;

		if (!is_shared(row))
			count = add_run(runs, count, row->base,
			                row->base + (most[row->count] - 1u) * stride + 1);
	}
	return count;
}

/* For a register that the emulated vendor may have, the machine's answer is final. */
static enum vpmu_status or_refused(enum vpmu_status status, uint32_t msr)
{
	return status == VPMU_NO_REGISTER && emulated_msr(msr) ? VPMU_REFUSED : status;
}

enum vpmu_status emulated_read(struct emulated_vcpu *vcpu, uint32_t msr, uint64_t *value)
{
	if (!vcpu->pmu || !pmu_msr(msr))
		return VPMU_NO_REGISTER;
	return or_refused(vpmu_pmu_host_read(vcpu->pmu, msr, value), msr);
}

/* Makes a new machine in place of the old one, with its values: the hardware profile's model is
 * fixed. */
static enum vpmu_status make_anew(struct emulated_vcpu *vcpu, const struct vpmu_model *model)
{
	struct vpmu_register registers[VPMU_MAX_REGISTERS];
	size_t count = vpmu_model_registers(model, registers);
	uint64_t values[VPMU_MAX_REGISTERS];
	bool has[VPMU_MAX_REGISTERS];

	if (vpmu_model_check(model, NULL, 0))
		return VPMU_REFUSED;
	for (size_t i = 0; i < count; i++)
		has[i] = registers[i].level != VPMU_LEVEL_NEVER &&
		         !vpmu_pmu_host_read(vcpu->pmu, registers[i].msr, &values[i]);
	vcpu->pmu = vpmu_pmu_init(vcpu->pmu, VPMU_PMU_BYTES, model, emulated_profile());
	for (size_t i = 0; i < count; i++)
		if (has[i] && registers[i].kind != VPMU_KIND_CAPABILITIES)
			vpmu_pmu_host_write(vcpu->pmu, registers[i].msr, values[i]);
	return VPMU_OK;
}

/*
 * Until the vCPU's first entry a KVM lets the VMM lower IA32_PERF_CAPABILITIES, as it lowers CPUID
 * (Linux 6.12 arch/x86/kvm/x86.c, kvm_is_immutable_feature_msr); a processor has no such moment.
 */
static enum vpmu_status lower_capabilities(struct emulated_vcpu *vcpu, uint64_t value)
{
	struct vpmu_model model = *vpmu_pmu_model(vcpu->pmu);

	if (vcpu->has_run || value & ~emulated_model()->perf_capabilities)
		return VPMU_REFUSED;
	/* Without PDCM no guest sees the register; a kernel's profile has given its own answer
	 * before. */
	if (!(model.features & VPMU_FEATURE_PDCM))
		return vpmu_profile_facts(emulated_profile()) & VPMU_FACT_KVM ? VPMU_REFUSED
		                                                              : VPMU_OK;
	model.perf_capabilities = value;
	return make_anew(vcpu, &model);
}

enum vpmu_status emulated_write(struct emulated_vcpu *vcpu, uint32_t msr, uint64_t value)
{
	enum vpmu_status status;

	if (!vcpu->pmu || !pmu_msr(msr))
		return VPMU_NO_REGISTER;
	status = vpmu_pmu_host_write(vcpu->pmu, msr, value);
	if (status && msr == VPMU_MSR_PERF_CAPABILITIES)
		status = lower_capabilities(vcpu, value);
	return or_refused(status, msr);
}
