/* SPDX-License-Identifier: MIT */
/*
 * The PMUs of processors by family and model, for sources that tell these and no counters. The
 * models' texts are those of --model. Intel SDM vol. 3B 20.3 and vol. 4 table 2-1; AMD's PPRs; the
 * models that Linux's arch/x86/events knows.
 */
#include <stream/foreign/room_int.h>

static const struct known {
	uint8_t vendor, family, from, to; /* models */
	const char *text;
} known[] = {
#define INTEL(from, to, text)                                                                      \
	{                                                                                          \
		VPMU_VENDOR_INTEL, 6, from, to, text                                               \
	}
	INTEL(0x0e, 0x0e, "intel-v1"),                              /* Yonah */
	INTEL(0x0f, 0x0f, "intel-v2,gp=2,full-width=off"),          /* Merom */
	INTEL(0x16, 0x17, "intel-v2,gp=2,full-width=off"),          /* Penryn */
	INTEL(0x1a, 0x1a, "intel-v3,full-width=off"),               /* Nehalem */
	INTEL(0x1c, 0x1c, "intel-v3,gp=2,width=40,full-width=off"), /* Bonnell */
	INTEL(0x1d, 0x1d, "intel-v2,gp=2,full-width=off"),          /* Dunnington */
	INTEL(0x1e, 0x1f, "intel-v3,full-width=off"),               /* Nehalem */
	INTEL(0x25, 0x25, "intel-v3,full-width=off"),               /* Westmere */
	INTEL(0x26, 0x27, "intel-v3,gp=2,width=40,full-width=off"), /* Bonnell */
	INTEL(0x2a, 0x2a, "intel-v3"),                              /* Sandy Bridge */
	INTEL(0x2c, 0x2c, "intel-v3,full-width=off"),               /* Westmere */
	INTEL(0x2d, 0x2d, "intel-v3"),                              /* Sandy Bridge */
	INTEL(0x2e, 0x2f, "intel-v3,full-width=off"),               /* Nehalem, Westmere */
	INTEL(0x35, 0x36, "intel-v3,gp=2,width=40,full-width=off"), /* Saltwell */
	INTEL(0x37, 0x37, "intel-v3,gp=2,width=40"),                /* Silvermont */
	INTEL(0x3a, 0x3a, "intel-v3"),                              /* Ivy Bridge */
	INTEL(0x3c, 0x3d, "haswell"),                               /* Broadwell */
	INTEL(0x3e, 0x3e, "intel-v3"),                              /* Ivy Bridge */
	INTEL(0x3f, 0x3f, "haswell"),                               /* Haswell-EP */
	INTEL(0x45, 0x47, "haswell"),                               /* Broadwell */
	INTEL(0x4a, 0x4a, "intel-v3,gp=2,width=40"),                /* Silvermont */
	INTEL(0x4c, 0x4d, "intel-v3,gp=2,width=40"),                /* Airmont */
	INTEL(0x4e, 0x4e, "skylake"),                               /* Skylake */
	INTEL(0x4f, 0x4f, "haswell"),                               /* Broadwell-EP */
	INTEL(0x55, 0x55, "cascadelake"),                           /* Skylake-SP */
	INTEL(0x56, 0x56, "haswell"),                               /* Broadwell-DE */
	INTEL(0x57, 0x57, "intel-v3,gp=2,width=40"),                /* Knights Landing */
	INTEL(0x5a, 0x5a, "intel-v3,gp=2,width=40"),                /* Silvermont */
	INTEL(0x5c, 0x5c, "intel-v4,gp=4"),                         /* Goldmont */
	INTEL(0x5d, 0x5d, "intel-v3,gp=2,width=40"),                /* Silvermont */
	INTEL(0x5e, 0x5e, "skylake"),                               /* Skylake */
	INTEL(0x5f, 0x5f, "intel-v4,gp=4"),                         /* Goldmont */
	INTEL(0x66, 0x66, "skylake"),                               /* Cannon Lake */
	INTEL(0x6a, 0x6a, "icelake"),                               /* Ice Lake */
	INTEL(0x6c, 0x6c, "icelake"),                               /* Ice Lake */
	INTEL(0x7a, 0x7a, "intel-v4,gp=4"),                         /* Goldmont Plus */
	INTEL(0x7d, 0x7e, "icelake"),                               /* Ice Lake */
	INTEL(0x85, 0x85, "intel-v3,gp=2,width=40"),                /* Knights Mill */
	INTEL(0x86, 0x86, "intel-v5,gp=4,fixed=3"),                 /* Tremont */
	INTEL(0x8c, 0x8d, "icelake"),                               /* Tiger Lake */
	INTEL(0x8e, 0x8e, "skylake"),                               /* Kaby Lake */
	INTEL(0x8f, 0x8f, "sapphire-rapids"),                       /* Sapphire Rapids */
	INTEL(0x96, 0x96, "intel-v5,gp=4,fixed=3"),                 /* Tremont */
	INTEL(0x97, 0x97, "sapphire-rapids,hle=off,rtm=off"),       /* Alder Lake, P */
	INTEL(0x9a, 0x9a, "sapphire-rapids,hle=off,rtm=off"),       /* Alder Lake, P */
	INTEL(0x9c, 0x9c, "intel-v5,gp=4,fixed=3"),                 /* Tremont */
	INTEL(0x9e, 0x9e, "skylake"),                               /* Coffee Lake */
	INTEL(0xa5, 0xa6, "skylake"),                               /* Comet Lake */
	INTEL(0xa7, 0xa7, "icelake"),                               /* Rocket Lake */
	INTEL(0xaa, 0xaa, "sapphire-rapids,hle=off,rtm=off"),       /* Meteor Lake, P */
	INTEL(0xac, 0xac, "sapphire-rapids,hle=off,rtm=off"),       /* Meteor Lake, P */
	INTEL(0xad, 0xae, "sapphire-rapids"),                       /* Granite Rapids */
	INTEL(0xaf, 0xaf, "intel-v5,gp=8,fixed=3"),                 /* Sierra Forest */
	INTEL(0xb7, 0xb7, "sapphire-rapids,hle=off,rtm=off"),       /* Raptor Lake, P */
	INTEL(0xba, 0xba, "sapphire-rapids,hle=off,rtm=off"),       /* Raptor Lake, P */
	INTEL(0xbe, 0xbe, "intel-v5,gp=6,fixed=3"),                 /* Gracemont */
	INTEL(0xbf, 0xbf, "sapphire-rapids,hle=off,rtm=off"),       /* Raptor Lake, P */
	INTEL(0xcf, 0xcf, "sapphire-rapids"),                       /* Emerald Rapids */
#undef INTEL
	{VPMU_VENDOR_INTEL_P6, 6, 0, 0x0d, "intel-p6"},
	{VPMU_VENDOR_ZHAOXIN, 7, 0x1b, 0x6b, "zhaoxin-v2"},
	{VPMU_VENDOR_ZHAOXIN, 6, 0x19, 0x19, "zx-c"},
	{VPMU_VENDOR_AMD, 0x06, 0, 0xff, "amd-k7"},
	{VPMU_VENDOR_AMD, 0x0f, 0, 0xff, "amd-k7"},
	{VPMU_VENDOR_AMD, 0x10, 0, 0xff, "amd-k7"},
	{VPMU_VENDOR_AMD, 0x11, 0, 0xff, "amd-k7"},
	{VPMU_VENDOR_AMD, 0x12, 0, 0xff, "amd-k7"},
	{VPMU_VENDOR_AMD, 0x14, 0, 0xff, "amd-k7"},
	{VPMU_VENDOR_AMD, 0x15, 0, 0xff, "amd-perfcore"},
	{VPMU_VENDOR_AMD, 0x16, 0, 0xff, "amd-k7"},
	{VPMU_VENDOR_AMD, 0x17, 0, 0xff, "amd-perfcore"},      /* Zen, Zen 2 */
	{VPMU_VENDOR_AMD, 0x18, 0, 0xff, "amd-perfcore"},      /* Hygon */
	{VPMU_VENDOR_AMD, 0x19, 0x00, 0x0f, "amd-perfcore"},   /* Zen 3 */
	{VPMU_VENDOR_AMD, 0x19, 0x10, 0x1f, "amd-perfmon-v2"}, /* Zen 4 */
	{VPMU_VENDOR_AMD, 0x19, 0x20, 0x5f, "amd-perfcore"},   /* Zen 3 */
	{VPMU_VENDOR_AMD, 0x19, 0x60, 0xff, "amd-perfmon-v2"}, /* Zen 4 */
	{VPMU_VENDOR_AMD, 0x1a, 0, 0xff, "amd-perfmon-v2"},    /* Zen 5 */
};

/* CPUID.1 EAX: the extended family counts with family 15, the extended model with 6 and 15. */
static unsigned family_of(uint32_t signature)
{
	unsigned family = signature >> 8 & 0xf;

	return family == 0xf ? family + (signature >> 20 & 0xff) : family;
}

static unsigned model_of(uint32_t signature)
{
	return (signature >> 4 & 0xf) | (signature >> 12 & 0xf0);
}

uint32_t foreign_signature(uint32_t family, uint32_t model, uint32_t stepping)
{
	uint32_t base = family < 0xf ? family : 0xf;

	return (stepping & 0xf) | (model & 0xf) << 4 | base << 8 | (model >> 4 & 0xf) << 16 |
	       ((family - base) & 0xff) << 20;
}

void foreign_see_p6(struct foreign_traits *traits)
{
	static const uint8_t older_of[VPMU_VENDORS] = {[VPMU_VENDOR_INTEL] = VPMU_VENDOR_INTEL_P6};
	uint8_t older = older_of[traits->vendor];

	if (traits->has_signature && older && known_pmu(older, traits->signature))
		traits->vendor = older;
}

const char *known_pmu(enum vpmu_vendor vendor, uint32_t signature)
{
	unsigned family = family_of(signature), model = model_of(signature);

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].vendor == vendor && known[i].family == family &&
		    model >= known[i].from && model <= known[i].to)
			return known[i].text;
	return NULL;
}
