/* SPDX-License-Identifier: MIT */
/*
 * Names that others have: vendors, features, and the CPU models of QEMU and libvirt. The signatures
 * and what a model has of transactional memory are those of QEMU's target/i386/cpu.c and libvirt's
 * cpu_map; PDCM is in none of them.
 */
#include <stream/foreign/room_int.h>

/* --- Vendors ---------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	uint8_t vendor;
} vendors[] = {
	{"GenuineIntel", VPMU_VENDOR_INTEL},   {"Intel", VPMU_VENDOR_INTEL},
	{"AuthenticAMD", VPMU_VENDOR_AMD},     {"AMD", VPMU_VENDOR_AMD},
	{"HygonGenuine", VPMU_VENDOR_AMD},     {"Hygon", VPMU_VENDOR_AMD},
	{"CentaurHauls", VPMU_VENDOR_ZHAOXIN}, {"Shanghai", VPMU_VENDOR_ZHAOXIN},
	{"  Shanghai  ", VPMU_VENDOR_ZHAOXIN}, {"Zhaoxin", VPMU_VENDOR_ZHAOXIN},
};

bool foreign_vendor(const char *name, size_t length, enum vpmu_vendor *vendor)
{
	for (size_t i = 0; i < ARRAY_SIZE(vendors); i++)
		if (text_is(name, length, vendors[i].name)) {
			*vendor = vendors[i].vendor;
			return true;
		}
	return false;
}

/* --- Features --------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	uint32_t feature;
} features[] = {
	{"pdcm", VPMU_FEATURE_PDCM},
	{"hle", VPMU_FEATURE_HLE},
	{"rtm", VPMU_FEATURE_RTM},
	{"perfctr-core", VPMU_FEATURE_PERFCORE},
	{"perfmon-v2", VPMU_FEATURE_PERFMON_V2},
};

uint32_t foreign_feature(const char *name, size_t length)
{
	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		const char *ours = features[i].name;
		size_t at = 0;

		while (at < length && ours[at] && (name[at] == '_' ? '-' : name[at]) == ours[at])
			at++;
		if (at == length && !ours[at])
			return features[i].feature;
	}
	return 0;
}

/* --- CPU models ------------------------------------------------------------------------------- */

#define VERSION(n) (1u << (n))

static const struct model_name {
	const char *name;
	uint16_t vendor, family, model, stepping;
	bool tsx;
	uint16_t without; /* versions without TSX */
	uint32_t amd;     /* enum vpmu_feature: of AMD's */
} names[] = {
#define INTEL(name, model, stepping, tsx, without)                                                 \
	{                                                                                          \
		name, VPMU_VENDOR_INTEL, 6, model, stepping, tsx, without, 0                       \
	}
	{"pentium2", VPMU_VENDOR_INTEL_P6, 6, 5, 2, false, 0, 0},
	{"pentium3", VPMU_VENDOR_INTEL_P6, 6, 7, 3, false, 0, 0},
	INTEL("coreduo", 0x0e, 8, false, 0),
	INTEL("core2duo", 0x0f, 11, false, 0),
	INTEL("n270", 0x1c, 2, false, 0),
	INTEL("Conroe", 0x0f, 3, false, 0),
	INTEL("Penryn", 0x17, 3, false, 0),
	INTEL("Nehalem", 0x1a, 3, false, 0),
	INTEL("Westmere", 0x2c, 1, false, 0),
	INTEL("SandyBridge", 0x2a, 1, false, 0),
	INTEL("IvyBridge", 0x3a, 9, false, 0),
	INTEL("Haswell", 0x3c, 4, true, VERSION(2) | VERSION(4)),
	INTEL("Broadwell", 0x3d, 2, true, VERSION(2) | VERSION(4)),
	INTEL("Skylake-Client", 0x5e, 3, true, VERSION(3) | VERSION(4)),
	INTEL("Skylake-Server", 0x55, 4, true, VERSION(3) | VERSION(4) | VERSION(5)),
	INTEL("Cascadelake-Server", 0x55, 6, true, VERSION(3) | VERSION(4) | VERSION(5)),
	INTEL("Cooperlake", 0x55, 10, true, 0),
	INTEL("Icelake-Client", 0x7e, 0, true, VERSION(2)),
	INTEL("Icelake-Server", 0x6a, 0, true, 0xfc),
	INTEL("SapphireRapids", 0x8f, 4, true, 0),
	INTEL("GraniteRapids", 0xad, 0, true, 0),
	INTEL("SierraForest", 0xaf, 0, false, 0),
	INTEL("Denverton", 0x5f, 1, false, 0),
	INTEL("Snowridge", 0x86, 1, false, 0),
	INTEL("KnightsMill", 0x85, 0, false, 0),
#undef INTEL
#define CORE VPMU_FEATURE_PERFCORE
#define AMD(name, family, model, stepping, features)                                               \
	{                                                                                          \
		name, VPMU_VENDOR_AMD, family, model, stepping, false, 0, features                 \
	}
	AMD("phenom", 16, 2, 3, 0),
	AMD("Opteron_G1", 15, 6, 1, 0),
	AMD("Opteron_G2", 15, 6, 1, 0),
	AMD("Opteron_G3", 16, 2, 3, 0),
	AMD("Opteron_G4", 21, 1, 2, 0),
	AMD("Opteron_G5", 21, 2, 0, 0),
	AMD("EPYC", 23, 1, 2, 0),
	AMD("EPYC-Rome", 23, 49, 0, CORE),
	AMD("EPYC-Milan", 25, 1, 1, CORE),
	AMD("EPYC-Genoa", 25, 17, 0, CORE),
	AMD("EPYC-Turin", 26, 0, 0, CORE | VPMU_FEATURE_PERFMON_V2),
	AMD("Dhyana", 24, 0, 1, 0),
#undef AMD
#undef CORE
	{"YongFeng", VPMU_VENDOR_ZHAOXIN, 7, 0x5b, 0, false, 0, 0},
};

static const char *const suffixes[] = {"-noTSX", "-IBRS", "-IBPB", "-x86_64-cpu"};

/* "-v4" */
static bool read_version(struct scan *scan, uint32_t *version)
{
	struct scan at = *scan;

	if (!scan_word(&at, "-v") || !scan_decimal(&at, version))
		return false;
	*scan = at;
	return true;
}

/* Takes the suffixes; false: something else follows the name. */
static bool read_suffixes(struct scan *scan, const struct model_name *row, bool *tsx)
{
	uint32_t version;
	bool taken = true;

	while (scan_left(scan) && taken) {
		taken = false;
		for (size_t i = 0; i < ARRAY_SIZE(suffixes) && !taken; i++) {
			taken = scan_word(scan, suffixes[i]);
			*tsx &= !(taken && !i);
		}
		if (!taken && read_version(scan, &version)) {
			*tsx &= version > 15 || !(row->without & VERSION(version));
			taken = true;
		}
	}
	return !scan_left(scan);
}

static bool name_is(const struct model_name *row, const char *name, size_t length,
                    struct foreign_traits *traits)
{
	struct scan scan = {name, name + length};
	bool tsx = row->tsx;

	if (!scan_word(&scan, row->name) || !read_suffixes(&scan, row, &tsx))
		return false;
	*traits = (struct foreign_traits){
		.has_name = true,
		.has_vendor = true,
		.has_signature = true,
		.vendor = row->vendor,
		.signature = foreign_signature(row->family, row->model, row->stepping),
		.known = kin_of(row->vendor)->features,
		.features = row->amd | (tsx ? VPMU_FEATURE_HLE | VPMU_FEATURE_RTM : 0),
	};
	return true;
}

bool foreign_name(const char *name, size_t length, struct foreign_traits *traits)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (name_is(&names[i], name, length, traits))
			return true;
	return false;
}

bool foreign_name_text(const char *name, size_t length, char *text, size_t bytes)
{
	struct text out = text_in(text, bytes);
	struct foreign_traits traits;

	if (!foreign_name(name, length, &traits))
		return false;
	kin_of(traits.vendor)->add_name(&out, &traits);
	text_add(&out, ",signature=");
	text_add_hex(&out, traits.signature);
	return true;
}

const char *foreign_name_at(size_t i)
{
	return i < ARRAY_SIZE(names) ? names[i].name : NULL;
}
