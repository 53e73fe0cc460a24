/* SPDX-License-Identifier: MIT */
/* Descriptions of CPUs in other people's texts (tests/stream/make-foreign): what each says, cut
 * short anywhere, and what is none. */
#include "foreign_text.h"

#include "corpus.h"

/* --- What they say ---------------------------------------------------------------------------- */

static const struct said {
	const char *name, *format, *label, *model;
	uint32_t cpus, models, of; /* in all; kinds; which kind this row is about */
	unsigned untold;
} table[] = {
	{"cpuid-hybrid", "cpuid -r", "0",
         "intel-v5,signature=0xb0671,fixed-width=48,events-length=7,full-width=off", 3, 2, 0,
         FOREIGN_UNTOLD_CAPABILITIES},
	{"cpuid-hybrid", "cpuid -r", "2",
         "intel-v5,signature=0xb0671,gp=6,fixed=3,events-length=7,full-width=off", 3, 2, 1,
         FOREIGN_UNTOLD_CAPABILITIES},
	{"cpuid-zen4", "cpuid -r", "0", "zen4", 2, 1, 0, 0},
	{"cpuid-one", "cpuid -r", "0", "skylake,full-width=off", 1, 1, 0,
         FOREIGN_UNTOLD_CAPABILITIES},
	{"instlat", "AIDA64 or InstLatx64 dump", "0", "zen4", 1, 1, 0, 0},
	{"xen", "xen-cpuid -p", "Raw", "skylake,full-width=off", 3, 2, 0,
         FOREIGN_UNTOLD_CAPABILITIES},
	{"xen", "xen-cpuid -p", "PV Max", "skylake,pmu=off,pdcm=on", 3, 2, 1, 0},
	{"cpuinfo-zen4", "/proc/cpuinfo", "0", "zen4", 3, 1, 0, FOREIGN_UNTOLD_AMD_COUNT},
	{"cpuinfo-skylake", "/proc/cpuinfo", "0", "skylake", 1, 1, 0,
         FOREIGN_UNTOLD_COUNTERS | FOREIGN_UNTOLD_CAPABILITIES},
	{"cpuinfo-guest", "/proc/cpuinfo", "0", "skylake,pmu=off", 1, 1, 0, 0},
	{"lscpu", "lscpu", "0", "icelake,hle=off,rtm=off", 1, 1, 0,
         FOREIGN_UNTOLD_COUNTERS | FOREIGN_UNTOLD_CAPABILITIES},
	{"log-skylake", "kernel log", "0", "skylake", 1, 1, 0, 0},
	{"log-hybrid", "kernel log", "cpu_core",
         "sapphire-rapids,hle=off,rtm=off,signature=0xb0671", 2, 2, 0, 0},
	{"log-hybrid", "kernel log", "cpu_atom",
         "sapphire-rapids,hle=off,rtm=off,gp=6,fixed=3,signature=0xb0671", 2, 2, 1, 0},
	{"log-amd", "kernel log", "0", "zen3", 1, 1, 0, 0},
	{"log-hygon", "kernel log", "0", "amd-perfcore,signature=0x900f11", 1, 1, 0, 0},
	{"log-new", "kernel log", "0", "intel-v5", 1, 1, 0, FOREIGN_UNTOLD_SIGNATURE},
	{"log-kmsg", "kernel log", "0", "skylake,version=2", 1, 1, 0, 0},
	{"log-xen", "kernel log", "0", "amd-k7,pmu=off,signature=0x800f12", 1, 1, 0, 0},
	{"log-none", "kernel log", "0", "amd-k7,pmu=off,signature=0x800f12", 1, 1, 0, 0},
	{"x86info", "x86info -r", "0", "skylake,full-width=off", 1, 1, 0,
         FOREIGN_UNTOLD_CAPABILITIES},
	{"table", "table of CPUID", "2",
         "intel-v5,signature=0xb0671,gp=6,fixed=3,events-length=7,full-width=off", 3, 2, 1,
         FOREIGN_UNTOLD_CAPABILITIES},
	{"cpucontrol", "cpucontrol", "0", "zen4", 1, 1, 0, 0},
	{"kcpuid", "kcpuid -r", "0", "skylake,full-width=off", 1, 1, 0,
         FOREIGN_UNTOLD_CAPABILITIES},
	{"libcpuid", "libcpuid", "0", "skylake,full-width=off", 1, 1, 0,
         FOREIGN_UNTOLD_CAPABILITIES},
	{"vmware", "VMware's log", "host", "skylake,full-width=off", 2, 2, 0,
         FOREIGN_UNTOLD_CAPABILITIES},
	{"vmware", "VMware's log", "guest", "skylake,pmu=off,pdcm=on", 2, 2, 1, 0},
	{"vbox", "VirtualBox's log", "host", "skylake,full-width=off", 2, 2, 0,
         FOREIGN_UNTOLD_CAPABILITIES},
	{"vbox", "VirtualBox's log", "guest", "skylake,pmu=off,pdcm=on", 2, 2, 1, 0},
	{"kvm-cpuid", "trace of CPUID", "guest", "zen4", 1, 1, 0, 0},
};

static void each_says_what_it_says(void **state)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct said *said = &table[i];
		static char text[16384];
		struct vpmu_model expected;
		size_t bytes = corpus_load(said->name, text, sizeof(text));

		if (read_text(text, bytes))
			fail_msg("%s: %s", said->name, why);
		assert_string_equal(cpus.format, said->format);
		assert_int_equal(cpus.cpus, said->cpus);
		assert_int_equal(cpus.count, said->models);
		assert_string_equal(cpus.models[said->of].label, said->label);
		if (cpus.models[said->of].untold != said->untold)
			fail_msg("%s: untold 0x%x", said->name, cpus.models[said->of].untold);
		assert_int_equal(vpmu_model_parse(&expected, said->model, why, sizeof(why)), 0);
		if (!vpmu_model_equal(&cpus.models[said->of].model, &expected))
			fail_msg("%s is not %s", said->name, said->model);
	}
}

static void aida_has_msrs(void **state)
{
	static char text[16384];

	assert_int_equal(read_text(text, corpus_load("aida", text, sizeof(text))), VPMU_OK);
	assert_int_equal(cpus.cpus, 2);
	assert_int_equal(cpus.count, 1);
	assert_int_equal(cpus.models[0].model.perf_capabilities, 0x32c3);
	assert_int_equal(cpus.models[0].untold, 0);
}

/* --- Cut, and damaged ------------------------------------------------------------------------- */

static bool is_one_line(const char *text)
{
	return *text && !strchr(text, '\n') && strlen(text) < FOREIGN_WHY;
}

/* But for IA32_PERF_CAPABILITIES, where that is said. */
static bool is_among(const struct foreign_cpu *cpu, const struct foreign_cpus *whole)
{
	for (size_t i = 0; i < whole->count; i++) {
		struct vpmu_model other = whole->models[i].model;

		if (cpu->untold & FOREIGN_UNTOLD_CAPABILITIES)
			other.perf_capabilities = cpu->model.perf_capabilities;
		if (vpmu_model_equal(&cpu->model, &other))
			return true;
	}
	return false;
}

static void cut_at_every_byte(void **state)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		static char text[16384];
		size_t bytes = corpus_load(table[i].name, text, sizeof(text));
		struct foreign_cpus whole;

		assert_int_equal(read_text(text, bytes), VPMU_OK);
		whole = cpus;
		for (size_t cut = 0; cut < bytes; cut++) {
			if (read_text(text, cut)) {
				assert_true(is_one_line(why));
				continue;
			}
			for (size_t k = 0; k < cpus.count; k++)
				if (!is_among(&cpus.models[k], &whole))
					fail_msg("%s cut at %zu is another CPU", table[i].name,
					         cut);
		}
	}
}

static void failing_names_the_line(void **state)
{
	static const struct {
		const char *text, *says;
		enum vpmu_status status;
	} bad[] = {
		{"CPU 0:\n   0x00000000 0x00: eax=0x0000000d ebx=0x756e6547 ecx=0x6c\n",
	         "line 2: ", VPMU_BAD_DATA},
		{"CPU 3:\n   0x00000000 0x00: eax=0x00000016 ebx=0x756e6547 ecx=0x6c65746e "
	         "edx=0x49656e69\n",
	         "CPU 3 of line 1: leaf 0x1 is missing", VPMU_BAD_DATA},
		{"CPU:\n   vendor_id = \"GenuineIntel\"\n", "line 2: ", VPMU_BAD_DATA},
		{"CPUID 00000000: 00000016-756E6547-6C65746E-49656E69\nCPUID 00000001: 0005\n",
	         "line 2: ", VPMU_BAD_DATA},
		{"processor\t: 0\nvendor_id\t: GenuineIntel\nprocessor\t: 1\n",
	         "line 1: ", VPMU_BAD_DATA},
		{"processor\t: 0\nvendor_id\t: Nobody\n", "line 2: ", VPMU_BAD_DATA},
		{"Performance Events: Intel PMU driver.\n... version: 4\n",
	         "line 1: ", VPMU_BAD_DATA},
		{"Performance Events: Intel PMU driver.\n... version: four\n",
	         "line 2: ", VPMU_BAD_DATA},
		{"processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t: 250\n"
	         "stepping\t: 1\nflags\t: arch_perfmon\n",
	         "CPU 0: the counters are not told, and not known", VPMU_INCOMPATIBLE},
		{"eax in: 0x00000000, eax = 00000016 ebx = 756e6547 ecx = 6c65746e edx = 49656e69\n"
	         "eax in: 0x00000001, eax = 000506\n",
	         "line 2: a leaf of CPUID that is cut", VPMU_BAD_DATA},
		{"cpuid level 0x0: 0x00000016 0x756e6547 0x6c65746e 0x49656e69\n",
	         "CPU 0 of line 1: leaf 0x1 is missing", VPMU_BAD_DATA},
		{"<6>nothing to see here\n", "it looks like text", VPMU_NO_REGISTER},
		{"nothing to see here\n", "it looks like text", VPMU_NO_REGISTER},
		{"", "it looks like nothing: it is empty", VPMU_NO_REGISTER},
		{"<domain type='kvm'>\n", "it looks like XML", VPMU_NO_REGISTER},
		{"processor\xff: 0\n\xfe\xfe\xfe\n", "text of another encoding than UTF-8",
	         VPMU_NO_REGISTER},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		enum vpmu_status status = read_text(bad[i].text, strlen(bad[i].text));

		if (!strstr(why, bad[i].says))
			fail_msg("%zu: '%s' does not say '%s'", i, why, bad[i].says);
		assert_int_equal(status, bad[i].status);
	}
}

static void what_is_no_text_is_named(void **state)
{
	static const struct {
		const char *bytes;
		size_t count;
		const char *says;
	} junk[] = {
#define JUNK(bytes, says) {(bytes), sizeof(bytes) - 1, (says)}
		JUNK("\0\0\0\0\0\0\0\0", "zeros, with a zero byte at offset 0"),
		JUNK("\x1f\x8b\x08\0", "gzip"),
		JUNK("QEVM\0\0\0\3", "a QEMU migration file"),
		JUNK("\xff\xfe"
	             "C\0P\0U\0",
	             "UTF-16 text"),
		JUNK("C\0P\0U\0 \0"
	             "0\0:\0",
	             "UTF-16 text"),
		JUNK("CPU 0:\n\1\2\3\0\4\5\6\7", "binary data, with a zero byte at offset 10"),
		JUNK("\177ELF\2\1\1\0", "an ELF file"),
#undef JUNK
	};

	for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++) {
		assert_int_equal(read_text(junk[i].bytes, junk[i].count), VPMU_NO_REGISTER);
		if (!strstr(why, junk[i].says))
			fail_msg("%zu: '%s'", i, why);
	}
}

/* --- Limits ----------------------------------------------------------------------------------- */

/* A log, with this line in place of the one that begins alike. */
static enum vpmu_status read_log(const char *line)
{
	static const char *const lines[] = {
		"... version:                5",
		"... bit width:              48",
		"... generic counters:       8",
		"... generic bitmap:         00000000000000ff",
		"... fixed-purpose bitmap:   000000000000000f",
	};
	char text[1024] = "Performance Events: AnyThread deprecated, full-width counters, Intel "
			  "PMU driver.\n";

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const char *own = strncmp(line, lines[i], 10) ? lines[i] : line;

		strcat(strcat(text, own), "\n");
	}
	return read_text(text, strlen(text));
}

static void each_line_of_a_log_ends_where_it_says(void **state)
{
	static const struct {
		const char *line, *model; /* NULL: the line is refused */
	} rows[] = {
		{"... version:                0", NULL},
		{"... version:                6", "intel-v5"}, /* which version 5 is a part of */
		{"... version:                4294967295", "intel-v5"},
		{"... version:                4294967296", NULL},
		{"... version:                ", NULL},
		{"... version:                5x", NULL},
		{"... bit width:              40", "intel-v5,width=40"},
		{"... bit width:              64", "intel-v5,width=64"},
		{"... bit width:              65", NULL},
		{"... bit width:              48 bits", NULL},
		{"... generic bitmap:         0000000000000003", "intel-v5,gp=2"},
		{"... generic bitmap:         00000000000003ff", "intel-v5,gp=10"},
		{"... generic bitmap:         00000000000007ff", NULL},
		{"... generic bitmap:         000000000000003", NULL},
		{"... generic bitmap:         00000000000000003", NULL},
		{"... generic bitmap:         0000000000000003 ", "intel-v5,gp=2"},
		{"... generic bitmap:         0000000000000003.", NULL},
		{"... fixed-purpose bitmap:   00000000000000ff", "intel-v5,fixed=8"},
		{"... fixed-purpose bitmap:   00000000000001ff", NULL},
		{"... fixed-purpose bitmap:   0000000000000000", "intel-v5,fixed=0"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum vpmu_status status = read_log(rows[i].line);
		struct vpmu_model expected;

		if (!rows[i].model) {
			if (!status)
				fail_msg("'%s' is taken", rows[i].line);
			continue;
		}
		if (status)
			fail_msg("'%s': %s", rows[i].line, why);
		assert_int_equal(vpmu_model_parse(&expected, rows[i].model, NULL, 0), VPMU_OK);
		/* What a log does not tell is not compared. */
		cpus.models[0].model.events_length = expected.events_length;
		cpus.models[0].model.events_missing = expected.events_missing;
		if (!vpmu_model_equal(&cpus.models[0].model, &expected))
			fail_msg("'%s' is not %s", rows[i].line, rows[i].model);
	}
}

static void leaves_have_as_many_digits_as_they_have(void **state)
{
	static const struct {
		const char *leaf_1;
		bool taken;
	} rows[] = {
		{"00000001:ffffffff -> 000506e3:00000000:00008000:00000000", true},
		{"0000001:ffffffff -> 000506e3:00000000:00008000:00000000", false},
		{"000000001:ffffffff -> 000506e3:00000000:00008000:00000000", false},
		{"00000001:00000000 -> 000506e3:00000000:00008000:00000000", true},
		{"00000001:0000000 -> 000506e3:00000000:00008000:00000000", false},
		{"00000001:000000000 -> 000506e3:00000000:00008000:00000000", false},
		{"00000001:fffffff -> 000506e3:00000000:00008000:00000000", false},
		{"00000001:fffffffff -> 000506e3:00000000:00008000:00000000", false},
		{"00000001:ffffffff -> 00506e3:00000000:00008000:00000000", false},
		{"00000001:ffffffff -> 0000506e3:00000000:00008000:00000000", false},
		{"00000001:ffffffff -> 000506e3:00000000:00008000:00000000.", false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[1024];

		snprintf(text, sizeof(text),
		         "Host policy: 6 leaves, 0 MSRs\n"
		         "  00000000:ffffffff -> 0000000a:756e6547:6c65746e:49656e69\n"
		         "  %s\n"
		         "  00000007:00000000 -> 00000000:00000000:00000000:00000000\n"
		         "  0000000a:ffffffff -> 07300404:00000000:00000000:00000603\n"
		         "  80000000:ffffffff -> 80000008:756e6547:6c65746e:49656e69\n"
		         "  80000001:ffffffff -> 00000000:00000000:00000000:00000000\n",
		         rows[i].leaf_1);
		if ((read_text(text, strlen(text)) == VPMU_OK) != rows[i].taken)
			fail_msg("'%s': %s", rows[i].leaf_1, why);
	}
}

static void a_heading_holds_for_all_that_follows(void **state)
{
	static const char text[] = "------[ CPUID Registers / Logical CPU #0 ]------\n"
				   "CPUID 00000000: 0000000A-756E6547-6C65746E-49656E69\n"
				   "CPUID 00000000: 0000000A-756E6547-6C65746E-49656E69\n"
				   "CPUID 00000001: 000506E3-00000000-00008000-00000000\n"
				   "CPUID 00000007: 00000000-00000000-00000000-00000000\n"
				   "CPUID 0000000A: 07300404-00000000-00000000-00000603\n"
				   "CPUID 80000000: 80000008-756E6547-6C65746E-49656E69\n"
				   "CPUID 80000001: 00000000-00000000-00000000-00000000\n";

	assert_int_equal(read_text(text, strlen(text)), VPMU_OK);
	assert_int_equal(cpus.cpus, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_says_what_it_says),
		cmocka_unit_test(aida_has_msrs),
		cmocka_unit_test(cut_at_every_byte),
		cmocka_unit_test(each_line_of_a_log_ends_where_it_says),
		cmocka_unit_test(leaves_have_as_many_digits_as_they_have),
		cmocka_unit_test(a_heading_holds_for_all_that_follows),
		cmocka_unit_test(failing_names_the_line),
		cmocka_unit_test(what_is_no_text_is_named),
	};

	return cmocka_run_group_tests_name("foreign-cpus", tests, NULL, NULL);
}
