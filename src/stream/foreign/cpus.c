/* SPDX-License-Identifier: MIT */
/* Recognises a text that describes CPUs, and gathers their models: each different one once. */
#include <stream/foreign/room_int.h>

static const struct cpu_format *const formats[] = {
	&format_cpuid,      &format_aida,    &format_xen,      &format_x86info,    &format_table,
	&format_cpucontrol, &format_kcpuid,  &format_libcpuid, &format_vmware,     &format_vbox,
	&format_kvm_cpuid,  &format_cpuinfo, &format_lscpu,    &format_kernel_log,
};

static const char *const untold[] = {
	"the value of IA32_PERF_CAPABILITIES (taken as 0: full-width writes are off)",
	"the counters (taken from what is known of this family and model)",
	"PerfMonV2's number of counters (taken as 6)",
	"the family and model (taken as a typical one's)",
	"PDCM and TSX (taken from what is known of this family and model)",
	"more than the CPU model's name (QEMU gives it a PMU only with pmu=on, the host's then)",
};

const char *foreign_untold_text(unsigned bit)
{
	return bit < ARRAY_SIZE(untold) ? untold[bit] : NULL;
}

static enum vpmu_status add(struct foreign_cpus *cpus, const struct foreign_cpu *cpu,
                            const struct why *why)
{
	struct foreign_cpu *known = cpus->models;

	for (cpus->cpus++; known < cpus->models + cpus->count; known++)
		if (vpmu_model_equal(&known->model, &cpu->model) && known->untold == cpu->untold) {
			known->cpus++;
			return VPMU_OK;
		}
	if (cpus->count == FOREIGN_MODELS)
		return fail_line(why, VPMU_INCOMPATIBLE, 0,
		                 "more than 8 different CPUs: split the file");
	cpus->count++;
	*known = *cpu;
	known->cpus = 1;
	return VPMU_OK;
}

/* "CPU LABEL: " before what is wrong with it. */
static struct why behind_label(const struct why *why, const char *label)
{
	struct text text = text_in(why->text, why->bytes);

	text_add(&text, "CPU ");
	text_add(&text, label);
	text_add(&text, ": ");
	return (struct why){why->text ? why->text + text.used : NULL, text.size - text.used};
}

enum vpmu_status foreign_add_leaves(struct foreign_cpus *cpus, const struct foreign_leaves *leaves,
                                    const char *label, char *why, size_t why_bytes)
{
	struct why where = {why, why_bytes}, behind = behind_label(&where, label);
	struct foreign_cpu cpu = {.untold = 0};

	label_text(cpu.label, label, strnlen_of(label, FOREIGN_LABEL));
	if (vpmu_model_from_cpuid(&cpu.model, leaves->leaves, leaves->count, leaves->capabilities,
	                          behind.text, behind.bytes))
		return VPMU_INCOMPATIBLE;
	if (cpu.model.version && cpu.model.features & VPMU_FEATURE_PDCM &&
	    !leaves->has_capabilities)
		cpu.untold |= FOREIGN_UNTOLD_CAPABILITIES;
	return add(cpus, &cpu, &where);
}

/* --- What is told without CPUID --------------------------------------------------------------- */

/* No PMU: of the model its vendor and signature are left. */
static enum vpmu_status make_without(const struct foreign_traits *traits, struct foreign_cpu *cpu)
{
	cpu->model = (struct vpmu_model){
		.vendor = traits->vendor,
		.signature = traits->signature,
	};
	cpu->untold = 0;
	return VPMU_OK;
}

static enum vpmu_status make(const struct foreign_traits *told, struct foreign_cpu *cpu,
                             const struct why *why)
{
	struct foreign_traits own = *told, *traits = &own;
	const char *base, *known = NULL;
	const struct kin *kin;

	if (!traits->has_vendor)
		return fail_line(why, VPMU_INCOMPATIBLE, 0, "the vendor is not told");
	if (traits->has_pmu && !traits->pmu)
		return make_without(traits, cpu);
	foreign_see_p6(traits);
	kin = kin_of(traits->vendor);
	if (traits->has_signature)
		known = known_pmu(traits->vendor, traits->signature);
	else if (!traits->has_name)
		cpu->untold |= FOREIGN_UNTOLD_SIGNATURE;
	base = kin->base(traits, known, &cpu->untold);
	if (!base)
		return fail_line(why, VPMU_INCOMPATIBLE, 0,
		                 "the counters are not told, and not known for its family and "
		                 "model (cpuid -r tells them)");
	cpu->untold |= kin->untold(traits);
	if (vpmu_model_parse(&cpu->model, base, why->text, why->bytes))
		return VPMU_INCOMPATIBLE;
	if (traits->has_signature)
		cpu->model.signature = traits->signature;
	if (traits->has_counters)
		kin->set_counters(&cpu->model, traits);
	kin->set_features(&cpu->model, traits);
	return vpmu_model_check(&cpu->model, why->text, why->bytes);
}

enum vpmu_status foreign_add_traits(struct foreign_cpus *cpus, const struct foreign_traits *traits,
                                    const char *label, char *why, size_t why_bytes)
{
	struct why where = {why, why_bytes}, behind = behind_label(&where, label);
	struct foreign_cpu cpu = {.untold = traits->has_name ? FOREIGN_UNTOLD_NAME : 0};

	label_text(cpu.label, label, strnlen_of(label, FOREIGN_LABEL));
	if (make(traits, &cpu, &behind))
		return VPMU_INCOMPATIBLE;
	memset(cpu.model.name, 0, sizeof(cpu.model.name));
	memcpy(cpu.model.name, "cpu", 3);
	return add(cpus, &cpu, &where);
}

/* --- A text ----------------------------------------------------------------------------------- */

enum vpmu_status not_known(const void *data, size_t bytes, const struct why *why)
{
	struct text text = text_in(why->text, why->bytes);
	size_t zero;

	text_add(&text, "it looks like ");
	text_add(&text, foreign_looks(data, bytes));
	if (bytes && !foreign_is_text(data, bytes, &zero)) {
		text_add(&text, ", with a zero byte at offset ");
		text_add_unsigned(&text, zero);
	}
	return VPMU_NO_REGISTER;
}

enum vpmu_status foreign_cpus_read(const void *data, size_t bytes, struct foreign_cpus *cpus,
                                   char *why, size_t why_bytes)
{
	const struct why where = {why, why_bytes};
	struct lines lines = lines_of(data, bytes);
	size_t zero;

	*cpus = (struct foreign_cpus){.format = NULL};
	if (!foreign_is_text(data, bytes, &zero))
		return not_known(data, bytes, &where);
	while (lines_next(&lines))
		for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
			if (formats[i]->starts(lines.line)) {
				cpus->format = formats[i]->name;
				return formats[i]->read(&lines, cpus, &where);
			}
	return not_known(data, bytes, &where);
}
