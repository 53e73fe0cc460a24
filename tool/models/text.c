/* SPDX-License-Identifier: MIT */
/* Models as tables for people. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "lib/memory.h"
#include "lib/message.h"
#include "models.h"
#include "selector/bits.h"

static void heading(const char *text)
{
	printf("%s%s%s\n", bold_on(stdout), text, bold_off(stdout));
}

int models_print_list(void)
{
	struct vpmu_model model;
	const char *name;

	heading("NAME              VENDOR   VERSION  GP  FIXED  WIDTH  ABOUT");
	for (size_t i = 0; (name = vpmu_preset_name(i)); i++) {
		char why[160] = "";

		if (vpmu_model_parse(&model, name, why, sizeof(why))) {
			message("a preset that is no model: %s: %s", name, why);
			return TOOL_LACKS;
		}
		printf("%-17s %-8s %7u %3u %6u %6u  %s\n", name, vpmu_vendor_name(model.vendor),
		       model.version, model.gp_count, vpmu_model_fixed_count(&model),
		       model.gp_width, vpmu_preset_about(i));
	}
	return TOOL_HOLDS;
}

static void print_features(const struct vpmu_model *model)
{
	const char *separator = "";

	printf("features            ");
	for (size_t i = 0; vpmu_feature_name(i); i++)
		if (vpmu_model_feature(model, i)) {
			printf("%s%s", separator, vpmu_feature_name(i));
			separator = ", ";
		}
	puts(*separator ? "" : "none");
}

static unsigned count_branches(const struct vpmu_model *model)
{
	struct vpmu_register registers[VPMU_MAX_REGISTERS];
	size_t count = vpmu_model_registers(model, registers);
	unsigned branches = 0;

	for (size_t i = 0; i < count; i++)
		branches += registers[i].kind == VPMU_KIND_LBR_FROM;
	return branches;
}

static void print_lbr(const struct vpmu_model *model)
{
	unsigned entries = count_branches(model);

	if (!entries)
		return;
	printf("last branches       %u entries", entries);
	if (!model->lbr)
		printf(", format %u",
		       (unsigned)(model->perf_capabilities & VPMU_PERF_CAP_LBR_FORMAT));
	putchar('\n');
}

/* What a preset leaves out. */
static void print_more(const struct vpmu_model *model)
{
	const char *name;

	for (size_t i = 0; (name = vpmu_preset_name(i)); i++) {
		const char *keys = vpmu_preset_more(i);
		struct vpmu_model preset;

		if (!keys || strcmp(name, model->name) != 0 ||
		    vpmu_model_parse(&preset, name, NULL, 0) || !vpmu_model_equal(&preset, model))
			continue;
		printf("its processor       has more than the preset: %s,%s\n", name, keys);
	}
}

/* The format, and who writes records of it. */
static void print_pebs(const struct vpmu_model *model)
{
	unsigned format = (unsigned)(model->perf_capabilities & VPMU_PERF_CAP_PEBS_FORMAT) >> 8;
	unsigned bytes = vpmu_model_pebs_bytes(model);

	if (bytes)
		printf("PEBS                format %u: `vpmu run` writes records of %u bytes\n",
		       format, bytes);
	else if (format)
		printf("PEBS                format %u: no records are written\n", format);
}

void models_print_summary(const struct vpmu_model *model)
{
	printf("vendor              %s\n", vpmu_vendor_name(model->vendor));
	printf("signature           0x%" PRIx32 "\n", model->signature);
	if (!model->version) {
		puts("version             0: no PMU");
		return;
	}
	printf("version             %u\n", model->version);
	if (model->gp_count)
		printf("counters            %u, %u bits", model->gp_count, model->gp_width);
	else
		printf("counters            none");
	if (model->gp_missing)
		printf(", without 0x%" PRIx32, model->gp_missing);
	putchar('\n');
	if (model->fixed_mask)
		printf("fixed counters      %u, %u bits, mask 0x%" PRIx32 "\n",
		       vpmu_model_fixed_count(model), model->fixed_width, model->fixed_mask);
	else
		puts("fixed counters      none");
	print_features(model);
	if (model->features & VPMU_FEATURE_PDCM)
		printf("perf capabilities   0x%" PRIx64 "\n", model->perf_capabilities);
	print_lbr(model);
	print_pebs(model);
	print_more(model);
}

/* As a replay's line says it. */
static void print_host(const struct model_facts *facts)
{
	const char *key, *word;
	unsigned value;

	if (!facts->has_host)
		return;
	printf("host               ");
	for (size_t i = 0; (key = vpmu_host_key(i)); i++) {
		if (!vpmu_host_get(&facts->host, i, &value))
			continue;
		word = vpmu_host_word(i, value);
		printf(" %.*s", (int)(strchr(key, '=') - key + 1), key);
		if (word)
			printf("%s", word);
		else
			printf("%u", value);
	}
	putchar('\n');
}

static void print_registers(const struct model_facts *facts)
{
	if (!facts->register_count)
		return;
	putchar('\n');
	heading("MSR         REGISTER                       KIND            WIDTH  "
	        "GUEST       HOST        LEVEL    RESET               WRITABLE");
	for (size_t i = 0; i < facts->register_count; i++) {
		const struct vpmu_register *reg = &facts->registers[i];

		printf("0x%-8" PRIx32 "  %-29s  %-14s  %5u  %-10s  %-10s  %-7s  0x%-16" PRIx64
		       "  0x%" PRIx64 "\n",
		       reg->msr, reg->name, vpmu_kind_name(reg->kind), reg->width,
		       vpmu_access_name(reg->guest), vpmu_access_name(reg->host),
		       model_level_name(reg->level), reg->reset, reg->writable);
	}
}

static void print_selector_bits(const struct model_facts *facts)
{
	uint64_t writable = selector_writable(facts->registers, facts->register_count);
	struct selector_bits bits;

	if (!writable)
		return;
	putchar('\n');
	heading("OF SELECTORS  BITS          EFFECT   WHAT IT DOES");
	for (size_t i = 0; selector_bits_at(&facts->model, writable, i, &bits); i++)
		printf("%-12s  0x%-10" PRIx64 "  %-7s  %s\n", bits.name, bits.bits, bits.effect,
		       bits.about);
}

static const char *how(enum vpmu_class class_)
{
	return vpmu_class_is_exact(class_) ? "exact" : "estimate";
}

int models_print_events(const struct model_facts *facts)
{
	heading("COUNTED BY  EVENT        CLASS                         HOW       VENDOR'S NAME");
	for (size_t i = 0; i < facts->event_count; i++) {
		const struct model_event *event = &facts->events[i];
		char name[SELECTOR_NAME_BYTES] = "";

		if (event->fixed) {
			printf("fixed %-4" PRIu64 "  -            %-28s  %s\n", event->which,
			       vpmu_class_name(event->class_), how(event->class_));
			continue;
		}
		if (!selector_event_name(&facts->model, event->which, name) && memory_ran_out()) {
			memory_say("the names of events");
			return TOOL_LACKS;
		}
		printf("selectors   0x%04" PRIx64 "%*s  %-28s  %-*s%s\n", event->which,
		       event->which > 0xffff ? 0 : 5, "", vpmu_class_name(event->class_),
		       *name ? 10 : 0, how(event->class_), name);
	}
	return TOOL_HOLDS;
}

static void print_cpuid(const struct model_facts *facts)
{
	putchar('\n');
	heading("CPUID       SUBLEAF  EAX         EBX         ECX         EDX");
	for (size_t i = 0; i < facts->leaf_count; i++) {
		const struct vpmu_cpuid *leaf = &facts->leaves[i];

		printf("0x%08" PRIx32 "  %7" PRIu32 "  0x%08" PRIx32 "  0x%08" PRIx32
		       "  0x%08" PRIx32 "  0x%08" PRIx32 "\n",
		       leaf->leaf, leaf->subleaf, leaf->eax, leaf->ebx, leaf->ecx, leaf->edx);
	}
}

int models_print_model(const struct model_facts *facts)
{
	printf("%s%s%s\n", bold_on(stdout), facts->model.name, bold_off(stdout));
	models_print_summary(&facts->model);
	print_host(facts);
	print_registers(facts);
	print_selector_bits(facts);
	if (facts->event_count) {
		putchar('\n');
		if (models_print_events(facts))
			return TOOL_LACKS;
	}
	print_cpuid(facts);
	return TOOL_HOLDS;
}
