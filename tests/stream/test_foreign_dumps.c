/* SPDX-License-Identifier: MIT */
/* Every model, written as each tool dumps CPUID, comes back as the same model; and
 * dumps of too many CPUs. */
#include "foreign_text.h"

static int cpuid_line(char *text, const struct vpmu_cpuid *leaf)
{
	return sprintf(text, "   0x%08x 0x%02x: eax=0x%08x ebx=0x%08x ecx=0x%08x edx=0x%08x\n",
	               leaf->leaf, leaf->subleaf, leaf->eax, leaf->ebx, leaf->ecx, leaf->edx);
}

static int aida_line(char *text, const struct vpmu_cpuid *leaf)
{
	int length = sprintf(text, "CPUID %08X: %08X-%08X-%08X-%08X", leaf->leaf, leaf->eax,
	                     leaf->ebx, leaf->ecx, leaf->edx);

	if (leaf->subleaf)
		length += sprintf(text + length, " [SL %02X]", leaf->subleaf);
	return length + sprintf(text + length, "\r\n");
}

static int xen_line(char *text, const struct vpmu_cpuid *leaf)
{
	uint32_t subleaf = leaf->leaf == 7 || leaf->leaf == 0x23 ? leaf->subleaf : UINT32_MAX;

	return sprintf(text, "  %08x:%08x -> %08x:%08x:%08x:%08x\n", leaf->leaf, subleaf, leaf->eax,
	               leaf->ebx, leaf->ecx, leaf->edx);
}

static int x86info_line(char *text, const struct vpmu_cpuid *leaf)
{
	if (leaf->subleaf)
		return 0;
	return sprintf(text, "eax in: 0x%08x, eax = %08x ebx = %08x ecx = %08x edx = %08x\n",
	               leaf->leaf, leaf->eax, leaf->ebx, leaf->ecx, leaf->edx);
}

static int kvm_line(char *text, const struct vpmu_cpuid *leaf)
{
	return sprintf(text,
	               "vmm-1 [000] 1.0: kvm_cpuid: func %x idx %x rax %x rbx %x rcx %x rdx %x\n",
	               leaf->leaf, leaf->subleaf, leaf->eax, leaf->ebx, leaf->ecx, leaf->edx);
}

static int vmware_line(char *text, const struct vpmu_cpuid *leaf)
{
	return sprintf(text, "vmx| I005: hostCPUID level %08x, %x: 0x%08x 0x%08x 0x%08x 0x%08x\n",
	               leaf->leaf, leaf->subleaf, leaf->eax, leaf->ebx, leaf->ecx, leaf->edx);
}

static int cpucontrol_line(char *text, const struct vpmu_cpuid *leaf)
{
	char type[32] = "";

	if (leaf->subleaf)
		sprintf(type, ", level_type 0x%x", leaf->subleaf);
	return sprintf(text, "cpuid level 0x%x%s: 0x%08x 0x%08x 0x%08x 0x%08x\n", leaf->leaf, type,
	               leaf->eax, leaf->ebx, leaf->ecx, leaf->edx);
}

/* A leaf that may have subleaves is named on a line of its own. */
static int kcpuid_line(char *text, const struct vpmu_cpuid *leaf)
{
	int length = sprintf(text, "0x%08x: ", leaf->leaf);

	if (leaf->leaf == 7 || leaf->leaf == 0x23)
		length += sprintf(text + length, "subleafs:\n %2u: ", leaf->subleaf);
	return length + sprintf(text + length, "EAX=0x%08x, EBX=0x%08x, ECX=0x%08x, EDX=0x%08x\n",
	                        leaf->eax, leaf->ebx, leaf->ecx, leaf->edx);
}

static char *dump(const struct vpmu_model *model, const char *head,
                  int (*line)(char *text, const struct vpmu_cpuid *leaf), char *text)
{
	struct vpmu_cpuid leaves[VPMU_CPUID_LEAVES];
	size_t count = vpmu_model_to_cpuid(model, leaves);

	text += sprintf(text, "%s", head);
	for (size_t i = 0; i < count; i++)
		text += line(text, &leaves[i]);
	return text;
}

static void comes_back(const char *name)
{
	static const struct {
		const char *head;
		int (*line)(char *text, const struct vpmu_cpuid *leaf);
	} dumps[] = {
		{"CPU 7:\n", cpuid_line},
		{"\xef\xbb\xbf\r\n", aida_line},
		{"Host policy: 7 leaves, 0 MSRs\n", xen_line},
		{"", kvm_line},
		{"", vmware_line},
		{"", cpucontrol_line},
		{"Basic Leafs :\n", kcpuid_line},
		{"", x86info_line}, /* the last: it has no subleaves */
	};

	for (size_t d = 0; d < sizeof(dumps) / sizeof(dumps[0]); d++) {
		struct vpmu_model model;
		char text[2048];

		assert_int_equal(vpmu_model_parse(&model, name, NULL, 0), VPMU_OK);
		if (dumps[d].line == x86info_line && (model.version > 5 || model.gp_missing))
			continue;
		dump(&model, dumps[d].head, dumps[d].line, text);
		if (read_text(text, strlen(text)))
			fail_msg("%s: %s", name, why);
		assert_int_equal(cpus.cpus, 1);
		model.perf_capabilities = 0;
		assert_true(vpmu_model_equal(&cpus.models[0].model, &model));
	}
}

static void every_model_comes_back(void **state)
{
	const char *name;

	for (size_t i = 0; (name = vpmu_preset_name(i)); i++)
		comes_back(name);
	comes_back("intel-v5,gp-mask=0xb1");
}

static void nine_different_cpus_are_too_many(void **state)
{
	static char text[32768];
	char *at = text;

	for (unsigned i = 0; i < FOREIGN_MODELS + 1; i++) {
		char name[32], head[16];
		struct vpmu_model model;

		snprintf(name, sizeof(name), "zen4,gp=%u", i + 1);
		snprintf(head, sizeof(head), "CPU %u:\n", i);
		assert_int_equal(vpmu_model_parse(&model, name, NULL, 0), VPMU_OK);
		at = dump(&model, head, cpuid_line, at);
	}
	assert_int_equal(read_text(text, (size_t)(at - text)), VPMU_INCOMPATIBLE);
	assert_non_null(strstr(why, "more than 8 different CPUs"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_model_comes_back),
		cmocka_unit_test(nine_different_cpus_are_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
