/* SPDX-License-Identifier: MIT */
/* CPUs that are known by a name or a number alone: QEMU's and libvirt's models, P6 in
 * /proc/cpuinfo. */
#include "foreign_text.h"

static void names_of_qemu(void **state)
{
	static const struct {
		const char *name, *model;
	} rows[] = {
		{"Icelake-Server-noTSX", "icelake,pdcm=off,hle=off,rtm=off,signature=0x606a0"},
		{"Icelake-Server-v1", "icelake,pdcm=off,signature=0x606a0"},
		{"Icelake-Server-v4", "icelake,pdcm=off,hle=off,rtm=off,signature=0x606a0"},
		{"Skylake-Client-noTSX-IBRS", "skylake,pdcm=off,hle=off,rtm=off,signature=0x506e3"},
		{"Skylake-Server-IBRS", "cascadelake,pdcm=off,signature=0x50654"},
		{"Conroe", "intel-v2,gp=2,pdcm=off,signature=0x6f3"},
		{"pentium3", "intel-p6,signature=0x673"},
		{"pentium2", "intel-p6,signature=0x652"},
		{"EPYC-IBPB", "amd-k7,signature=0x800f12"},
		{"EPYC-Milan-v2", "amd-perfcore,signature=0xa00f11"},
	};
	struct vpmu_model expected, found;
	char text[256];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *name = rows[i].name;

		assert_true(foreign_name_text(name, strlen(name), text, sizeof(text)));
		assert_int_equal(vpmu_model_parse(&expected, rows[i].model, NULL, 0), VPMU_OK);
		assert_int_equal(vpmu_model_parse(&found, text, NULL, 0), VPMU_OK);
		if (!vpmu_model_equal(&found, &expected))
			fail_msg("%s is %s", name, text);
	}
	assert_false(foreign_name_text("Icelake", 7, text, sizeof(text)));
	/* A version that there is not yet is the newest; and a number ends. */
	assert_true(foreign_name_text("Icelake-Server-v4294967295", 26, text, sizeof(text)));
	assert_false(foreign_name_text("Icelake-Server-v4294967296", 26, text, sizeof(text)));
	assert_false(foreign_name_text("Icelake-Server-v", 16, text, sizeof(text)));
	assert_false(foreign_name_text("EPYC-Naples", 11, text, sizeof(text)));
}

/* A processor's /proc/cpuinfo, of this model of family 6. */
static void is_cpuinfo(unsigned model, const char *flags, const char *expected)
{
	struct vpmu_model wanted;
	char text[400];

	snprintf(text, sizeof(text),
	         "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: %u\n"
	         "model name\t: Pentium III (Coppermine)\nstepping\t: 3\nflags\t\t: fpu tsc "
	         "msr%s\n\n",
	         model, flags);
	assert_int_equal(read_text(text, strlen(text)), VPMU_OK);
	assert_int_equal(vpmu_model_parse(&wanted, expected, NULL, 0), VPMU_OK);
	assert_true(vpmu_model_equal(&cpus.models[0].model, &wanted));
	assert_int_equal(cpus.models[0].untold, 0);
}

/* Model 14 is the first whose flags tell of a PMU; a hypervisor's guest has none of a P6. */
static void a_p6_is_told_by_its_model(void **state)
{
	is_cpuinfo(8, "", "intel-p6,signature=0x683");
	is_cpuinfo(13, "", "intel-p6,signature=0x6d3");
	is_cpuinfo(6, " hypervisor", "intel-v1,pmu=off,signature=0x663");
	is_cpuinfo(14, "", "intel-v1,pmu=off,signature=0x6e3");
}

static void every_name_is_a_model(void **state)
{
	const char *name;

	for (size_t i = 0; (name = foreign_name_at(i)); i++) {
		struct foreign_traits traits;
		struct vpmu_model model;
		char text[256];

		assert_true(foreign_name_text(name, strlen(name), text, sizeof(text)));
		if (vpmu_model_parse(&model, text, why, sizeof(why)))
			fail_msg("%s: %s: %s", name, text, why);
		assert_true(foreign_name(name, strlen(name), &traits));
		memset(&cpus, 0, sizeof(cpus));
		assert_int_equal(foreign_add_traits(&cpus, &traits, "0", why, sizeof(why)), 0);
		assert_true(vpmu_model_equal(&cpus.models[0].model, &model));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_qemu),
		cmocka_unit_test(a_p6_is_told_by_its_model),
		cmocka_unit_test(every_name_is_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
