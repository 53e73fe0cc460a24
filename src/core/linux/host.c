/* SPDX-License-Identifier: MIT */
/* The host under a Linux profile: one row per property, by which it is parsed, printed and
 * checked. */
#include <core/linux.h>

struct host_row {
	uint8_t offset; /* in struct vpmu_host */
	const char *key, *json, *about;
	const char *const *words; /* the words for its values; NULL: numbers */
	uint8_t min, max;
	uint8_t vendors; /* bit: enum vpmu_vendor whose processors have it */
	uint8_t usual;
};

enum {
	ONLY_INTEL = 1 << VPMU_VENDOR_INTEL,
	INTEL = ONLY_INTEL | 1 << VPMU_VENDOR_ZHAOXIN,
	AMD = 1 << VPMU_VENDOR_AMD,
};

static const char *const switches[] = {"off", "on"};
static const char *const vendors[] = {
	[VPMU_VENDOR_INTEL] = "intel",
	[VPMU_VENDOR_ZHAOXIN] = "zhaoxin",
	[VPMU_VENDOR_AMD] = "amd",
};

#define MEMBER(name) .offset = offsetof(struct vpmu_host, name)
#define SWITCH       .words = switches, .max = 1

static const struct host_row rows[] = {
	{MEMBER(vendor), .key = "vendor=intel|zhaoxin|amd", .json = "vendor",
         .about = "whose processor it is, and so the module: kvm_intel or kvm_amd",
         .words = vendors, .max = ARRAY_SIZE(vendors) - 1, .vendors = INTEL | AMD},
	{MEMBER(gp_count), .key = "gp=N", .json = "gp_counters",
         .about = "general-purpose counters", .min = 1, .max = PMC_GP, .vendors = INTEL,
         .usual = PMC_GP},
	{MEMBER(gp_count), .key = "gp=N", .json = "gp_counters",
         .about = "counters, which a guest cannot exceed since Linux 6.5", .min = 4,
         .max = AMD_COUNTERS, .vendors = AMD, .usual = AMD_COUNTERS},
	{MEMBER(fixed_count), .key = "fixed=N", .json = "fixed_counters", .about = "fixed counters",
         .min = 0, .max = PMC_FIXED, .vendors = INTEL, .usual = PMC_FIXED},
	{MEMBER(width), .key = "width=N", .json = "width", .about = "bits of all counters",
         .min = 32, .max = 48, .vendors = INTEL | AMD, .usual = 48},
	{MEMBER(tsx), .key = "tsx=on|off", .json = "tsx",
         .about = "HLE or RTM: selectors take IN_TX and IN_TXCP", SWITCH, .vendors = INTEL},
	{MEMBER(pdcm), .key = "pdcm=on|off", .json = "pdcm",
         .about = "IA32_PERF_CAPABILITIES, which KVM asks for since 7.3", SWITCH, .vendors = INTEL,
         .usual = 1},
	{MEMBER(perfmon_v2), .key = "perfmon-v2=on|off", .json = "perfmon_v2",
         .about = "PerfMonV2, which KVM asks for since 7.3", SWITCH, .vendors = AMD, .usual = 1},
	{MEMBER(enable_pmu), .key = "enable-pmu=on|off", .json = "enable_pmu",
         .about = "KVM's parameter enable_pmu", SWITCH, .vendors = INTEL | AMD, .usual = 1},
	{MEMBER(svm), .key = "svm=on|off", .json = "svm",
         .about = "guests have SVM: a mediated vPMU keeps HostOnly and GuestOnly", SWITCH,
         .vendors = AMD},
	{MEMBER(lbrv), .key = "lbrv=on|off", .json = "lbrv",
         .about = "the processor and the parameter lbrv give guests DebugCtl", SWITCH,
         .vendors = AMD, .usual = 1},
	{MEMBER(lbr_format), .key = "lbr-format=N", .json = "lbr_format",
         .about = "last branches by model (3 to 7) that KVM can give guests; 0: none",
         .max = LBR_INFO_2, .vendors = ONLY_INTEL},
	{MEMBER(pebs), .key = "pebs=on|off", .json = "pebs",
         .about = "guests can have PEBS, as on Ice Lake servers and later (format 4)", SWITCH,
         .vendors = ONLY_INTEL},
};

static uint8_t *member(struct vpmu_host *host, const struct host_row *row)
{
	return (uint8_t *)host + row->offset;
}

static uint8_t value_of(const struct vpmu_host *host, const struct host_row *row)
{
	return ((const uint8_t *)host)[row->offset];
}

static bool is_of(const struct host_row *row, unsigned vendor)
{
	return vendor < VPMU_VENDORS && row->vendors >> vendor & 1;
}

static struct vpmu_host usual_host(enum vpmu_vendor vendor)
{
	struct vpmu_host host = {0};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (is_of(&rows[i], vendor))
			*member(&host, &rows[i]) = rows[i].usual;
	host.vendor = (uint8_t)vendor;
	return host;
}

/* The default host's vendor for each vendor of models: P6 cannot run KVM. */
static const uint8_t makers[VPMU_VENDORS] = {
	[VPMU_VENDOR_INTEL] = VPMU_VENDOR_INTEL,
	[VPMU_VENDOR_ZHAOXIN] = VPMU_VENDOR_ZHAOXIN,
	[VPMU_VENDOR_AMD] = VPMU_VENDOR_AMD,
	[VPMU_VENDOR_INTEL_P6] = VPMU_VENDOR_INTEL,
};

enum vpmu_status vpmu_host_init(struct vpmu_host *host, enum vpmu_vendor vendor)
{
	if (!host || (unsigned)vendor >= VPMU_VENDORS)
		return VPMU_BAD_ARGUMENT;
	*host = usual_host((enum vpmu_vendor)makers[vendor]);
	return VPMU_OK;
}

/* Whether every property of the host's vendor has a possible value, and all others are 0. */
bool host_is_valid(const struct vpmu_host *host)
{
	struct vpmu_host rest = *host;
	uint8_t vendor = host->vendor;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t value = value_of(host, &rows[i]);

		if (!is_of(&rows[i], vendor))
			continue;
		if (value < rows[i].min || value > rows[i].max)
			return false;
		*member(&rest, &rows[i]) = 0;
	}
	for (size_t i = 0; i < sizeof(rest); i++)
		if (((const uint8_t *)&rest)[i])
			return false;
	return true;
}

bool host_mediates(const struct vpmu_host *host, const struct module *module)
{
	return !host->enable_pmu || ((const uint8_t *)host)[module->mediated_needs];
}

const char *vpmu_host_key(size_t i)
{
	return i < ARRAY_SIZE(rows) ? rows[i].key : NULL;
}

const char *vpmu_host_name(size_t i)
{
	return i < ARRAY_SIZE(rows) ? rows[i].json : NULL;
}

const char *vpmu_host_about(size_t i)
{
	return i < ARRAY_SIZE(rows) ? rows[i].about : NULL;
}

bool vpmu_host_get(const struct vpmu_host *host, size_t i, unsigned *value)
{
	if (!host || !value || i >= ARRAY_SIZE(rows) || !is_of(&rows[i], host->vendor))
		return false;
	*value = value_of(host, &rows[i]);
	return true;
}

const char *vpmu_host_word(size_t i, unsigned value)
{
	return i < ARRAY_SIZE(rows) && rows[i].words && value <= rows[i].max ? rows[i].words[value]
	                                                                     : NULL;
}

/* --- What was typed --------------------------------------------------------------------------- */

static size_t length_to(const char *text, char end)
{
	size_t length = 0;

	while (text[length] && text[length] != end)
		length++;
	return length;
}

static const struct host_row *find_row(const char *text, size_t length, unsigned vendor)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *key = rows[i].key;

		if (is_of(&rows[i], vendor) && length_to(key, '=') == length &&
		    !__builtin_memcmp(key, text, length))
			return &rows[i];
	}
	return NULL;
}

static enum vpmu_status unknown_key(const char *text, size_t length, unsigned vendor,
                                    struct text *why)
{
	const char *between = " ";

	text_add(why, "unknown key ");
	text_add_quoted(why, text, length);
	text_add(why, ": a host of this vendor's has");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!is_of(&rows[i], vendor))
			continue;
		text_add(why, between);
		text_add(why, rows[i].key);
		between = ", ";
	}
	return VPMU_BAD_ARGUMENT;
}

static enum vpmu_status bad_value(const struct host_row *row, const char *text, size_t length,
                                  struct text *why)
{
	text_add(why, row->key);
	text_add(why, ": not ");
	text_add_quoted(why, text, length);
	if (!row->words) {
		text_add(why, ", but ");
		text_add_unsigned(why, row->min);
		text_add(why, " to ");
		text_add_unsigned(why, row->max);
	}
	return VPMU_BAD_ARGUMENT;
}

static bool read_value(const struct host_row *row, const char *text, size_t length, uint64_t *value)
{
	if (!row->words)
		return text_parse_unsigned(text, length, value) && *value >= row->min &&
		       *value <= row->max;
	for (*value = 0; *value <= row->max; ++*value)
		if (text_is(text, length, row->words[*value]))
			return true;
	return false;
}

/* Another vendor's host begins with that vendor's defaults, so it may only be chosen first. */
static enum vpmu_status set_vendor(struct vpmu_host *host, enum vpmu_vendor vendor,
                                   struct text *why)
{
	struct vpmu_host usual = usual_host((enum vpmu_vendor)host->vendor);

	if (__builtin_memcmp(host, &usual, sizeof(usual)) != 0) {
		text_add(why, "vendor= comes before the other keys");
		return VPMU_BAD_ARGUMENT;
	}
	*host = usual_host(vendor);
	return VPMU_OK;
}

static enum vpmu_status set_one(struct vpmu_host *host, const char *text, size_t length,
                                struct text *why)
{
	size_t name = length_to(text, '='), at = name + 1;
	const struct host_row *row;
	uint64_t value;

	if (name >= length) {
		text_add(why, "not KEY=VALUE: ");
		text_add_quoted(why, text, length);
		return VPMU_BAD_ARGUMENT;
	}
	row = find_row(text, name, host->vendor);
	if (!row)
		return unknown_key(text, name, host->vendor, why);
	if (!read_value(row, text + at, length - at, &value))
		return bad_value(row, text + at, length - at, why);
	if (row->words == vendors)
		return set_vendor(host, (enum vpmu_vendor)value, why);
	*member(host, row) = (uint8_t)value;
	return VPMU_OK;
}

enum vpmu_status vpmu_host_set(struct vpmu_host *host, const char *text, char *why,
                               size_t why_bytes)
{
	struct text problem = text_in(why, why_bytes);
	enum vpmu_status status = VPMU_OK;
	struct vpmu_host made;

	if (!host || !text || host->vendor >= ARRAY_SIZE(vendors))
		return argument_missing(why, why_bytes);
	made = *host;
	while (status == VPMU_OK) {
		size_t length = length_to(text, ',');

		status = set_one(&made, text, length, &problem);
		if (!text[length])
			break;
		text += length + 1;
	}
	if (status == VPMU_OK)
		*host = made;
	return status;
}
