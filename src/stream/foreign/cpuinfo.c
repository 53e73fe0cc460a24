/* SPDX-License-Identifier: MIT */
/*
 * /proc/cpuinfo, and lscpu, which prints it with other keys. They have a CPU's features and not its
 * counters.
 */
#include <stream/foreign/room_int.h>

/* A CPU that is being read. */
struct info {
	uint32_t number, family, model, stepping;
	bool open, has_vendor, has_family, has_model, has_stepping, has_flags, perfmon, virtual;
	bool intel_like;
	uint64_t line;
	struct foreign_traits traits;
};

/* "key : value": the value, when the line has that key. */
static bool value_of(struct scan line, const char *key, struct scan *value)
{
	if (!scan_word_loose(&line, key))
		return false;
	scan_blanks(&line);
	if (!scan_char(&line, ':'))
		return false;
	scan_blanks(&line);
	*value = line;
	return true;
}

static void read_flags(struct scan flags, struct info *info)
{
	info->has_flags = true;
	info->traits.known = VPMU_FEATURE_PDCM | VPMU_FEATURE_HLE | VPMU_FEATURE_RTM |
	                     VPMU_FEATURE_PERFCORE | VPMU_FEATURE_PERFMON_V2;
	while (scan_left(&flags)) {
		struct scan flag = scan_token(&flags);

		info->traits.features |= foreign_feature(flag.at, scan_left(&flag));
		info->perfmon |= text_is(flag.at, scan_left(&flag), "arch_perfmon");
		info->virtual |= text_is(flag.at, scan_left(&flag), "hypervisor");
	}
}

/* False: a key with a value that it cannot have. */
static bool read_key(struct scan line, struct info *info)
{
	struct {
		const char *key;
		uint32_t *number;
		bool *has;
	} const numbers[] = {
		{"cpu family", &info->family, &info->has_family},
		{"model", &info->model, &info->has_model},
		{"stepping", &info->stepping, &info->has_stepping},
	};
	struct scan value;

	if (value_of(line, "vendor id", &value)) {
		info->has_vendor = true;
		return foreign_vendor(value.at, scan_left(&value), &info->traits.vendor);
	}
	if (value_of(line, "flags", &value))
		read_flags(value, info);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (value_of(line, numbers[i].key, &value)) {
			*numbers[i].has = true;
			return scan_decimal(&value, numbers[i].number) && !scan_left(&value);
		}
	return true;
}

/* A list that is cut short is a shorter list. */
static bool cuts_flags(const struct lines *lines)
{
	struct scan value;

	return lines->cut && value_of(lines->line, "flags", &value);
}

/* What every CPU has, in the order of the file: the last says that nothing is cut. */
static const char *missing_key(const struct info *info)
{
	if (!info->has_vendor)
		return "the CPU that begins here has no 'vendor_id'";
	if (!info->has_family || !info->has_model || !info->has_stepping)
		return "the CPU that begins here has no 'cpu family', 'model' or 'stepping'";
	return info->has_flags ? NULL : "the CPU that begins here has no 'flags': cut short";
}

static enum vpmu_status finish(struct info *info, struct foreign_cpus *cpus, const struct why *why)
{
	struct foreign_traits *traits = &info->traits;
	char label[FOREIGN_LABEL];
	const char *missing;

	if (!info->open)
		return VPMU_OK;
	missing = missing_key(info);
	if (missing)
		return fail_line(why, VPMU_BAD_DATA, info->line, missing);
	traits->has_vendor = traits->has_signature = true;
	traits->signature = foreign_signature(info->family, info->model, info->stepping);
	/* No hypervisor gives its guests the PMU of a P6; some give a P6's signature. */
	if (!info->perfmon && !info->virtual)
		foreign_see_p6(traits);
	traits->has_pmu = !kin_of(traits->vendor)->always;
	traits->pmu = info->perfmon;
	label_number(label, info->number);
	return foreign_add_traits(cpus, traits, label, why->text, why->bytes);
}

static enum vpmu_status begin(struct info *info, uint32_t number, uint64_t line,
                              struct foreign_cpus *cpus, const struct why *why)
{
	enum vpmu_status status = finish(info, cpus, why);

	*info = (struct info){.open = true, .number = number, .line = line};
	return status;
}

/* --- /proc/cpuinfo ---------------------------------------------------------------------------- */

static bool cpuinfo_begins(struct scan line, uint32_t *number)
{
	struct scan value;

	return value_of(line, "processor", &value) && scan_decimal(&value, number) &&
	       !scan_left(&value);
}

static bool cpuinfo_starts(struct scan line)
{
	uint32_t number;

	return cpuinfo_begins(line, &number);
}

static enum vpmu_status cpuinfo_read(struct lines *lines, struct foreign_cpus *cpus,
                                     const struct why *why)
{
	struct info info = {.open = false};
	enum vpmu_status status = VPMU_OK;

	do {
		uint32_t number;

		if (cpuinfo_begins(lines->line, &number))
			status = begin(&info, number, lines->number, cpus, why);
		else if (!read_key(lines->line, &info) || cuts_flags(lines))
			return fail_line(why, VPMU_BAD_DATA, lines->number,
			                 "a key of /proc/cpuinfo that is cut short, or has an "
			                 "impossible value");
	} while (!status && lines_next(lines));
	return status ? status : finish(&info, cpus, why);
}

const struct cpu_format format_cpuinfo = {"/proc/cpuinfo", cpuinfo_starts, cpuinfo_read};

/* --- lscpu ------------------------------------------------------------------------------------ */

static bool lscpu_starts(struct scan line)
{
	struct scan value;

	return scan_peek(&line) == 'V' && value_of(line, "vendor id", &value) && scan_left(&value);
}

/* "BIOS Vendor ID:" is a key of its own, which value_of() does not take for this one. */
static enum vpmu_status lscpu_read(struct lines *lines, struct foreign_cpus *cpus,
                                   const struct why *why)
{
	struct info info = {.open = false};
	enum vpmu_status status = begin(&info, 0, lines->number, cpus, why);

	do {
		if (!read_key(lines->line, &info) || cuts_flags(lines))
			return fail_line(why, VPMU_BAD_DATA, lines->number,
			                 "a key of lscpu that is cut short, or has an impossible "
			                 "value");
	} while (!status && lines_next(lines));
	return status ? status : finish(&info, cpus, why);
}

const struct cpu_format format_lscpu = {"lscpu", lscpu_starts, lscpu_read};
