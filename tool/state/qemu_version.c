/* SPDX-License-Identifier: MIT */
/*
 * QEMU's history as far as it concerns a guest's PMU. Measured on 7.2.22, 10.0.13 and 11.1.3 with
 * vpmu watch; the versions between them are those of the commits: 209b0ac12074 (perfmon-v2),
 * e68ec2980901 (10.1) and 6529f31e0dcc (10.1.2: x-pdcm-on-even-without-pmu), 4c7f05232cd1 (11.0).
 */
#include "qemu_version.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NEVER UINT32_MAX

enum {
	AMD = 1 << VPMU_VENDOR_AMD,
	ANY = (1 << VPMU_VENDORS) - 1,
};

/* --- Versions --------------------------------------------------------------------------------- */

static bool read_number(const char **at, uint32_t *number)
{
	*number = 0;
	if (**at < '0' || **at > '9')
		return false;
	while (**at >= '0' && **at <= '9' && *number < 1000)
		*number = 10 * *number + (uint32_t)(*(*at)++ - '0');
	return *number < 256;
}

bool qemu_version_parse(const char *text, uint32_t *version)
{
	const char *at = text;
	uint32_t major, minor, micro = 0;

	if (!read_number(&at, &major) || *at++ != '.' || !read_number(&at, &minor))
		return false;
	if (*at == '.') {
		at++;
		if (!read_number(&at, &micro))
			return false;
	}
	*version = QEMU_VERSION(major, minor, micro);
	return !*at && major;
}

bool qemu_machine_type_parse(const char *text, uint32_t *version)
{
	const char *dash = strrchr(text, '-');

	return qemu_version_parse(dash ? dash + 1 : text, version);
}

void qemu_version_text(uint32_t version, char text[QEMU_VERSION_TEXT])
{
	int used = snprintf(text, QEMU_VERSION_TEXT, "%u.%u", version >> 16 & 0xff,
	                    version >> 8 & 0xff);

	if (version & 0xff)
		snprintf(text + used, QEMU_VERSION_TEXT - (size_t)used, ".%u", version & 0xff);
}

/* Whether a version that is told is one of these. */
static bool is_within(uint32_t version, uint32_t from, uint32_t until)
{
	return version && version >= from && version < until;
}

/* --- What a guest gets ------------------------------------------------------------------------ */

/* CPUID 0x80000022 is not shown: the model is what the other leaves say. */
static void hide_perfmon_v2(struct vpmu_model *model)
{
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	size_t count = vpmu_model_to_cpuid(model, leaves);
	struct vpmu_model shown;

	for (size_t i = 0; i < count; i++)
		if (leaves[i].leaf == 0x80000022)
			leaves[i] = (struct vpmu_cpuid){.leaf = leaves[i].leaf};
	if (vpmu_model_from_cpuid(&shown, leaves, count, 0, NULL, 0))
		return; /* it was no model */
	memcpy(shown.name, model->name, sizeof(shown.name));
	*model = shown;
}

/* CPUID leaf 0xA is 0, and so is PDCM; of AMD's KVM's capability turns it off. */
static void turn_off(struct vpmu_model *model)
{
	struct vpmu_model off = {.vendor = model->vendor,
	                         .signature = model->signature,
	                         .other_name = model->other_name};

	memcpy(off.name, model->name, sizeof(off.name));
	*model = off;
}

static const struct guest_rule {
	uint8_t vendor;
	bool if_on, if_off; /* with which pmu= */
	uint32_t from, until;
	void (*make)(struct vpmu_model *model);
} guest_rules[] = {
	{VPMU_VENDOR_AMD, true, true, 0, QEMU_VERSION(9, 2, 0), hide_perfmon_v2},
	/* Before 11.0 an AMD guest keeps the PMU: no bit of its CPUID could hide it. */
	{VPMU_VENDOR_AMD, false, true, QEMU_VERSION(11, 0, 0), NEVER, turn_off},
	{VPMU_VENDOR_INTEL, false, true, 0, NEVER, turn_off},
	{VPMU_VENDOR_ZHAOXIN, false, true, 0, NEVER, turn_off},
};

void qemu_guest(const struct qemu_vm *vm, struct vpmu_model *model)
{
	/* Without a version: the newest. */
	uint32_t version = vm->version ? vm->version : NEVER - 1;

	for (size_t i = 0; i < sizeof(guest_rules) / sizeof(guest_rules[0]); i++) {
		const struct guest_rule *rule = &guest_rules[i];

		if (model->version && rule->vendor == model->vendor &&
		    (vm->pmu_off ? rule->if_off : rule->if_on) &&
		    is_within(version, rule->from, rule->until))
			rule->make(model);
	}
}

/* --- What a migration leaves behind ----------------------------------------------------------- */

struct move {
	const struct vpmu_model *cpu, *guest;
	const struct qemu_vm *from, *to;
};

static uint32_t without_micro(uint32_t version)
{
	return version & ~(uint32_t)0xff;
}

/* The guest's; the newest that the source has, unless it is told. */
static uint32_t machine_of(const struct move *move)
{
	return without_micro(move->from->machine ? move->from->machine : move->from->version);
}

static bool is_newer_than_source(const struct move *move)
{
	return move->from->version && machine_of(move) > without_micro(move->from->version);
}

static bool is_too_new(const struct move *move)
{
	return move->to->version && machine_of(move) > without_micro(move->to->version);
}

/* Of 11.1.3's types the oldest is 5.2. */
static bool is_too_old(const struct move *move)
{
	return machine_of(move) && move->to->version >= QEMU_VERSION(11, 1, 0) &&
	       machine_of(move) < QEMU_VERSION(5, 2, 0);
}

static bool is_not_moved(const struct move *move)
{
	return move->guest->version && (is_within(move->from->version, 0, QEMU_VERSION(11, 0, 0)) ||
	                                is_within(move->to->version, 0, QEMU_VERSION(11, 0, 0)));
}

static bool is_permuted(const struct move *move)
{
	return move->guest->version && move->guest->features & VPMU_FEATURE_PERFCORE &&
	       !is_not_moved(move) &&
	       is_within(move->from->version, QEMU_VERSION(11, 0, 0), QEMU_VERSION(11, 2, 0));
}

static bool has_fourth(const struct move *move)
{
	return move->from->version && move->guest->version && move->guest->fixed_mask >> 3;
}

/* Whether QEMU says that a guest without a PMU has PDCM. Its CPUID does not, in any version. */
static bool says_pdcm(const struct move *move, uint32_t version)
{
	if (version < QEMU_VERSION(10, 1, 0))
		return true;
	return version >= QEMU_VERSION(10, 1, 2) && machine_of(move) < QEMU_VERSION(10, 1, 0);
}

static bool pdcm_is_gone(const struct move *move)
{
	return move->from->pmu_off && move->from->version && move->to->version &&
	       move->cpu->features & VPMU_FEATURE_PDCM && says_pdcm(move, move->from->version) &&
	       !says_pdcm(move, move->to->version);
}

static const struct move_rule {
	uint8_t vendors; /* a bit each */
	bool (*applies)(const struct move *move);
	struct qemu_loss loss;
} move_rules[] = {
	{ANY,
         is_newer_than_source,
         {VPMU_CANNOT_TAKE, "the QEMU here has no such machine type: it is older"}},
	{ANY,
         is_too_new,
         {VPMU_CANNOT_TAKE, "the QEMU there has no such machine type: it is older"}},
	{ANY, is_too_old, {VPMU_CANNOT_TAKE, "the QEMU there has no such machine type any more"}},
	{AMD,
         is_not_moved,
         {VPMU_TAKES_CHANGED,
          "QEMU before 11.0 does not move AMD's registers: all counters stop, at 0"}},
	{AMD,
         is_permuted,
         {VPMU_TAKES_CHANGED,
          "QEMU 11.0 and 11.1 permute the registers from 0xc0010200: the counters are other "
          "ones"}},
	{ANY,
         has_fourth,
         {VPMU_TAKES_CHANGED, "QEMU moves three fixed counters: the others begin at 0"}},
	{ANY,
         pdcm_is_gone,
         {VPMU_TAKES_CHANGED,
          "the QEMU there has no pdcm without a PMU: whoever asks for it (libvirt, enforce) "
          "cannot start the guest"}},
};

_Static_assert(sizeof(move_rules) / sizeof(move_rules[0]) <= QEMU_LOSSES, "room for all");

size_t qemu_move(const struct vpmu_model *cpu, const struct vpmu_model *guest,
                 const struct qemu_vm *from, const struct qemu_vm *to,
                 struct qemu_loss losses[QEMU_LOSSES])
{
	const struct move move = {cpu, guest, from, to};
	size_t count = 0;

	for (size_t i = 0; i < sizeof(move_rules) / sizeof(move_rules[0]); i++)
		if (move_rules[i].vendors >> guest->vendor & 1 && move_rules[i].applies(&move))
			losses[count++] = move_rules[i].loss;
	return count;
}
