/* SPDX-License-Identifier: MIT */
/* The plugin's options: one table, which parsing and help share. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "room.h"

enum { MODEL_TEXT = 256 };

/* Used while options are read: the model's name and overrides are collected before they are
 * parsed. */
struct reading {
	struct qemu_options *to;
	char model[MODEL_TEXT], keys[MODEL_TEXT];
	char *why;
	size_t why_bytes;
};

static __attribute__((format(printf, 2, 3))) enum vpmu_status refuse(struct reading *r,
                                                                     const char *format, ...)
{
	va_list list;

	va_start(list, format);
	if (r->why)
		vsnprintf(r->why, r->why_bytes, format, list);
	va_end(list);
	return VPMU_BAD_ARGUMENT;
}

static enum vpmu_status read_model(struct reading *r, const char *value)
{
	if (strlen(value) >= sizeof(r->model))
		return refuse(r, "unknown model: %.40s...", value);
	strcpy(r->model, value);
	return VPMU_OK;
}

static enum vpmu_status read_profile(struct reading *r, const char *value)
{
	r->to->profile = vpmu_profile_find(value);
	return r->to->profile ? VPMU_OK : refuse(r, "unknown profile: %.80s", value);
}

static enum vpmu_status read_reset(struct reading *r, const char *value)
{
	if (strcmp(value, "model") && strcmp(value, "keep"))
		return refuse(r, "reset is 'model' or 'keep': %.80s", value);
	r->to->reset = *value == 'k' ? QEMU_RESET_KEEP : QEMU_RESET_MODEL;
	return VPMU_OK;
}

static enum vpmu_status read_vmrun(struct reading *r, const char *value)
{
	if (strcmp(value, "guest") && strcmp(value, "host"))
		return refuse(r, "vmrun is 'guest' or 'host': %.80s", value);
	r->to->vmrun = *value == 'h' ? QEMU_VMRUN_HOST : QEMU_VMRUN_GUEST;
	return VPMU_OK;
}

static enum vpmu_status read_timing(struct reading *r, const char *value)
{
	if (strcmp(value, "none") && strcmp(value, "cache"))
		return refuse(r, "timing is 'none' or 'cache': %.80s", value);
	r->to->timing = *value == 'c' ? QEMU_TIMING_CACHE : QEMU_TIMING_NONE;
	return VPMU_OK;
}

static enum vpmu_status read_log(struct reading *r, const char *value)
{
	r->to->log = value;
	return *value ? VPMU_OK : refuse(r, "log needs a file's name");
}

static enum vpmu_status read_stat(struct reading *r, const char *value)
{
	r->to->stat = value;
	return *value ? VPMU_OK : refuse(r, "stat needs a file's name");
}

static enum vpmu_status read_timeline(struct reading *r, const char *value)
{
	r->to->timeline = value;
	return *value ? VPMU_OK : refuse(r, "timeline needs a file's name");
}

static enum vpmu_status read_state_in(struct reading *r, const char *value)
{
	r->to->state_in = value;
	return *value ? VPMU_OK : refuse(r, "state-in needs a file's name");
}

static enum vpmu_status read_state_out(struct reading *r, const char *value)
{
	r->to->state_out = value;
	return *value ? VPMU_OK : refuse(r, "state-out needs a file's name");
}

static enum vpmu_status read_fault(struct reading *r, const char *value)
{
	if (qemu_faults_read(&r->to->faults, value))
		return VPMU_OK;
	return refuse(r,
	              "fault is 'deny:EVENT+EVENT...', 'fail-create:N' or 'taken:COUNTER+...': "
	              "%.80s",
	              value);
}

static const struct {
	struct qemu_option_row row;
	enum vpmu_status (*read)(struct reading *r, const char *value);
} options[] = {
	{{"model", "NAME", "the model of the PMU (vpmu models)"}, read_model},
	{{"profile", "NAME", "whose behaviour it shows; hardware is the default"}, read_profile},
	{{"reset", "model|keep", "what a reset of the machine does to the PMU"}, read_reset},
	{{"vmrun", "guest|host", "whose instruction VMRUN is to HostOnly and GuestOnly"},
         read_vmrun},
	{{"timing", "none|cache", "what cycles, caches and branch misses are estimated by"},
         read_timing},
	{{"fault", "WORD:N", "a PMU that is broken: deny:EVENT, fail-create:N, taken:COUNTER"},
         read_fault},
	{{"state-in", "FILE", "the PMUs' state, for a machine that is loaded"}, read_state_in},
	{{"state-out", "FILE", "write the PMUs' state whenever the machine stands still"},
         read_state_out},
	{{"log", "FILE|-", "write a line for each access to the PMU and each PMI"}, read_log},
	{{"timeline", "FILE", "write a trace of PMIs, register writes and counters (Perfetto)"},
         read_timeline},
	{{"stat", "FILE|-", "write what each vCPU has executed when QEMU ends"}, read_stat},
};

enum { OPTIONS = sizeof(options) / sizeof(options[0]) };

const struct qemu_option_row *qemu_option(unsigned i)
{
	return i < OPTIONS ? &options[i].row : NULL;
}

static bool has_name(const char *text, size_t length, const char *name)
{
	return strlen(name) == length && !strncmp(text, name, length);
}

static bool is_model_key(const char *text, size_t length)
{
	const char *key;

	for (size_t i = 0; (key = vpmu_model_key(i)); i++)
		if (strcspn(key, "=") == length && !strncmp(key, text, length))
			return true;
	return false;
}

static enum vpmu_status add_model_key(struct reading *r, const char *text)
{
	size_t length = strlen(r->keys);

	if (length + strlen(text) + 2 > sizeof(r->keys))
		return refuse(r, "too many options of the model: %.40s", text);
	r->keys[length] = ',';
	strcpy(r->keys + length + 1, text);
	return VPMU_OK;
}

static enum vpmu_status read_one(struct reading *r, const char *text)
{
	size_t length = strcspn(text, "=");

	if (!text[length])
		return refuse(r, "an option without a value: %.80s", text);
	for (unsigned i = 0; i < OPTIONS; i++)
		if (has_name(text, length, options[i].row.name))
			return options[i].read(r, text + length + 1);
	if (is_model_key(text, length))
		return add_model_key(r, text);
	return refuse(r, "unknown option: %.*s", length > 80 ? 80 : (int)length, text);
}

static enum vpmu_status finish(struct reading *r)
{
	char text[2 * MODEL_TEXT];
	enum vpmu_status status;
	const char *problem;

	if (!r->model[0])
		return refuse(r, "no model: model=NAME is missing");
	if (r->to->state_in && r->to->state_out && !strcmp(r->to->state_in, r->to->state_out))
		return refuse(r, "state-in and state-out are one file: %.80s", r->to->state_in);
	snprintf(text, sizeof(text), "%s%s", r->model, r->keys);
	status = vpmu_model_parse(&r->to->model, text, r->why, r->why_bytes);
	if (status == VPMU_OK)
		status = vpmu_profile_adapt(r->to->profile, &r->to->model);
	if (status != VPMU_OK)
		return status;
	problem = qemu_faults_problem(&r->to->faults, &r->to->model, r->to->profile);
	return problem ? refuse(r, "%s", problem) : VPMU_OK;
}

enum vpmu_status qemu_options_parse(struct qemu_options *to, int count, char *const *texts,
                                    char *why, size_t why_bytes)
{
	struct reading r = {.to = to, .why = why, .why_bytes = why_bytes};

	*to = (struct qemu_options){.profile = vpmu_profile_find("hardware")};
	for (int i = 0; i < count; i++) {
		enum vpmu_status status = read_one(&r, texts[i]);

		if (status != VPMU_OK)
			return status;
	}
	return finish(&r);
}

/* --- The CPU that fits ------------------------------------------------------------------------ */

/* QEMU's CPUs with the family and model that an operating system's driver looks for. */
static const struct {
	const char *model, *cpu;
} cpus[] = {
	{"haswell", "Haswell,-x2apic"},
	{"skylake", "Skylake-Client,-x2apic"},
	{"cascadelake", "Cascadelake-Server,-x2apic"},
	{"icelake", "Icelake-Server,-x2apic"},
	{"sapphire-rapids", "SapphireRapids,-x2apic"},
	{"zen2", "EPYC-Rome,-x2apic"},
	{"zen3", "EPYC-Milan,-x2apic"},
	{"zen4", "EPYC-Genoa,-x2apic"},
	{"zen5", "EPYC-Turin,-x2apic"},
	{"amd-k7", "phenom"},
	{"amd-perfmon-v2", "EPYC,family=25,model=17,stepping=1,-x2apic"},
};

const char *qemu_cpu_for(const struct vpmu_model *model)
{
	static const char *const others[VPMU_VENDORS] = {
		[VPMU_VENDOR_INTEL] = "core2duo",
		[VPMU_VENDOR_ZHAOXIN] = "YongFeng",
		[VPMU_VENDOR_AMD] = "EPYC,-x2apic",
		[VPMU_VENDOR_INTEL_P6] = "pentium3",
	};

	for (unsigned i = 0; i < sizeof(cpus) / sizeof(cpus[0]); i++)
		if (!strcmp(cpus[i].model, model->name))
			return cpus[i].cpu;
	return others[model->vendor];
}
