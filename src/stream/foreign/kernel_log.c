/* SPDX-License-Identifier: MIT */
/*
 * A Linux kernel's log: what perf says of the PMU at boot ("Performance Events: …", and the block
 * of "... key: value" after it), on a hybrid machine once a kind of CPU, and CPU 0's signature.
 */
#include <stream/foreign/room_int.h>

struct log {
	bool open, off;
	uint64_t line;
	char label[FOREIGN_LABEL];
	bool has_version, has_width, has_gp, has_mask;
	uint32_t signature;
	bool has_signature;
	enum vpmu_vendor vendor; /* by the CPU's name beside the signature */
	struct foreign_traits traits;
};

/* --- The block -------------------------------------------------------------------------------- */

/* "... bit width:              48" */
static bool key_is(struct scan line, const char *key, struct scan *value)
{
	if (!scan_find(&line, "... ") || !scan_word(&line, key) || !scan_char(&line, ':'))
		return false;
	scan_blanks(&line);
	*value = line;
	return true;
}

static bool take_number(struct scan value, bool *has, uint32_t *number)
{
	*has = true;
	return scan_decimal(&value, number) && !scan_left(&value);
}

/* 16 digits: the counters' bits of the global registers, or of one kind. */
static bool take_mask(struct scan value, bool *has, uint64_t *mask)
{
	*has = true;
	return scan_hex(&value, 16, 16, mask) && !scan_left(&value);
}

static bool read_block(struct scan line, struct log *log)
{
	struct foreign_traits *traits = &log->traits;
	struct scan value;
	uint64_t mask;

	if (key_is(line, "version", &value))
		return take_number(value, &log->has_version, &traits->version);
	if (key_is(line, "bit width", &value))
		return take_number(value, &log->has_width, &traits->gp_width);
	if (key_is(line, "generic registers", &value) || key_is(line, "generic counters", &value))
		return take_number(value, &log->has_gp, &traits->gp_count);
	if (key_is(line, "generic bitmap", &value)) {
		if (!take_mask(value, &log->has_gp, &mask))
			return false;
		for (traits->gp_count = 0; mask; mask >>= 1)
			traits->gp_count += mask & 1;
	} else if (key_is(line, "fixed-purpose bitmap", &value)) {
		if (!take_mask(value, &log->has_mask, &mask))
			return false;
		traits->fixed_mask = (uint32_t)mask;
	} else if (key_is(line, "event mask", &value) || key_is(line, "global_ctrl mask", &value)) {
		if (!take_mask(value, &log->has_mask, &mask))
			return false;
		traits->fixed_mask = (uint32_t)(mask >> 32) & 0xffff;
	}
	return true;
}

static bool says(struct scan line, const char *words)
{
	return scan_find(&line, words);
}

static enum vpmu_vendor vendor_of_name(struct scan line)
{
	if (says(line, "AMD ") || says(line, "Hygon "))
		return VPMU_VENDOR_AMD;
	return says(line, "ZHAOXIN ") ? VPMU_VENDOR_ZHAOXIN : VPMU_VENDOR_INTEL;
}

/* "smpboot: CPU0: Intel(R) Xeon(R) … (family: 0x6, model: 0x55, stepping: 0x7)" */
static void read_signature(struct scan line, struct log *log)
{
	const struct scan whole = line;
	uint64_t family, model, stepping;

	if (!scan_find(&line, "(family: ") || !scan_hex(&line, 1, 4, &family) ||
	    !scan_word(&line, ", model: ") || !scan_hex(&line, 1, 4, &model) ||
	    !scan_word(&line, ", stepping: ") || !scan_hex(&line, 1, 4, &stepping) ||
	    !scan_char(&line, ')'))
		return;
	log->has_signature = true;
	log->vendor = vendor_of_name(whole);
	log->signature = foreign_signature((uint32_t)family, (uint32_t)model, (uint32_t)stepping);
}

/* --- The driver ------------------------------------------------------------------------------- */

static enum vpmu_vendor vendor_of_driver(struct scan line)
{
	static const struct {
		const char *words;
		enum vpmu_vendor vendor;
	} drivers[] = {
		{"AMD PMU driver", VPMU_VENDOR_AMD},
		{"HYGON PMU driver", VPMU_VENDOR_AMD},
		{"haoxin PMU driver", VPMU_VENDOR_ZHAOXIN},
	};

	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		if (says(line, drivers[i].words))
			return drivers[i].vendor;
	return VPMU_VENDOR_INTEL;
}

static void read_driver(struct scan line, struct foreign_traits *traits)
{
	traits->has_vendor = true;
	traits->vendor = vendor_of_driver(line);
	if (says(line, "full-width counters")) {
		traits->known |= VPMU_FEATURE_PDCM;
		traits->features |= VPMU_FEATURE_PDCM;
		traits->capabilities |= VPMU_PERF_CAP_FULL_WIDTH;
	}
	traits->known |= kin_of(traits->vendor)->features & VPMU_FEATURE_PERFCORE;
	if (says(line, "core perfctr"))
		traits->features |= traits->known & VPMU_FEATURE_PERFCORE;
}

static enum vpmu_status finish(struct log *log, struct foreign_cpus *cpus, const struct why *why)
{
	struct foreign_traits *traits = &log->traits;

	if (!log->open)
		return VPMU_OK;
	traits->has_signature = log->has_signature;
	traits->signature = log->signature;
	traits->has_pmu = true;
	/* Without a driver the line says of no vendor. */
	if (log->off && log->has_signature)
		traits->vendor = log->vendor;
	traits->pmu = !log->off;
	traits->has_counters = !log->off;
	if (!log->off && !(log->has_version && log->has_width && log->has_gp && log->has_mask))
		return fail_line(why, VPMU_BAD_DATA, log->line,
		                 "the PMU that begins here lacks its '... version', 'bit width', "
		                 "'generic registers' or 'event mask': cut short");
	if (traits->version > 1)
		traits->features |= kin_of(traits->vendor)->features & VPMU_FEATURE_PERFMON_V2;
	return foreign_add_traits(cpus, traits, log->label, why->text, why->bytes);
}

static bool begins(struct scan line)
{
	return says(line, "Performance Events: ");
}

/* "core: cpu_atom PMU driver: PEBS-via-PT" begins another kind of CPU. */
static bool begins_kind(struct scan line, struct scan *name)
{
	*name = line;
	if (!scan_find(&line, "cpu_"))
		return false;
	name->at = line.at - 4;
	if (!scan_find(&line, " PMU driver:"))
		return false;
	name->end = line.at - sizeof(" PMU driver:") + 1;
	return true;
}

/* The log's CPU goes on under another name, with what the driver's line has told. */
static enum vpmu_status begin_kind(struct log *log, struct scan name, uint64_t line,
                                   struct foreign_cpus *cpus, const struct why *why)
{
	struct foreign_traits driver = {
		.has_vendor = log->traits.has_vendor,
		.vendor = log->traits.vendor,
		.known = log->traits.known,
		.features = log->traits.features,
		.capabilities = log->traits.capabilities,
	};
	enum vpmu_status status = VPMU_OK;

	if (log->has_version)
		status = finish(log, cpus, why);
	log->has_version = log->has_width = log->has_gp = log->has_mask = false;
	log->traits = driver;
	log->open = true;
	log->line = line;
	label_text(log->label, name.at, scan_left(&name));
	return status;
}

static enum vpmu_status begin(struct log *log, const struct lines *lines)
{
	const struct log before = *log;

	*log = (struct log){
		.open = true,
		.line = lines->number,
		.has_signature = before.has_signature,
		.vendor = before.vendor,
		.signature = before.signature,
		.label = "0",
		.off = says(lines->line, "software events only"),
	};
	read_driver(lines->line, &log->traits);
	return VPMU_OK;
}

static enum vpmu_status log_line(const struct lines *lines, struct log *log,
                                 struct foreign_cpus *cpus, const struct why *why)
{
	struct scan name;

	if (begins(lines->line))
		return begin(log, lines); /* a log of several boots: the last counts */
	read_signature(lines->line, log);
	if (!log->open)
		return VPMU_OK;
	if (begins_kind(lines->line, &name))
		return begin_kind(log, name, lines->number, cpus, why);
	if (!read_block(lines->line, log))
		return fail_line(
			why, VPMU_BAD_DATA, lines->number,
			"a line of the PMU's block that is cut, or has an impossible value");
	return VPMU_OK;
}

static enum vpmu_status log_read(struct lines *lines, struct foreign_cpus *cpus,
                                 const struct why *why)
{
	struct log log = {.open = false};
	enum vpmu_status status = VPMU_OK;

	*lines = lines_of(lines->data, lines->bytes);
	while (!status && lines_next(lines))
		status = log_line(lines, &log, cpus, why);
	return status ? status : finish(&log, cpus, why);
}

const struct cpu_format format_kernel_log = {"kernel log", begins, log_read};
