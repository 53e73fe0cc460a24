/* SPDX-License-Identifier: MIT */
/*
 * Makes the fuzzer's corpus of files of QEMU's layout. usage: qemu_corpus FOLDER
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu_file.h"

static struct qemu_file file;

static void save(const char *folder, const char *name)
{
	char path[4096];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	out = fopen(path, "wb");
	if (!out || fwrite(file.bytes, 1, file.count, out) != file.count || fclose(out)) {
		fprintf(stderr, "qemu_corpus: cannot write %s\n", path);
		exit(2);
	}
}

/* Whether the vCPU has last branches, and whether it has recorded any. */
enum branches { NO_STACK, EMPTY, RECORDED };

static void add_lbr(enum branches branches)
{
	static const struct vpmu_qemu_lbr empty = {.depth = 32},
					  recorded = {
						  .ctl = 0x7f0001,
						  .depth = 32,
						  .records = {{0x400123, 0x400200,
	                                                       UINT64_C(0x8000000000000005)},
	                                                      {0x400250, 0x400100, 0}},
					  };

	if (branches != NO_STACK)
		qemu_file_lbr(&file, branches == EMPTY ? &empty : &recorded);
}

static void make(const char *folder, const char *name, bool footers, bool busy, bool description,
                 enum branches branches)
{
	struct vpmu_qemu_pmu pmu = {.global_ctrl = 0xf, .gp_counters = {1, 2}};
	uint64_t value = 0;

	qemu_file_start(&file, footers);
	qemu_file_memory(&file, 3, "", 1);
	qemu_file_device(&file, "timer", 0, "0123456789", 10);
	qemu_file_cpu(&file, 0, 12, 1313);
	qemu_file_subsection(&file, "cpu/poll_control_msr", 1, &value, 8);
	if (busy)
		qemu_file_pmu(&file, &pmu);
	add_lbr(branches);
	qemu_file_cpu_end(&file);
	qemu_file_device(&file, "globalstate", 0, "running", 8);
	qemu_file_end(&file, description);
	save(folder, name);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: qemu_corpus FOLDER\n");
		return 2;
	}
	make(argv[1], "described", true, true, true, EMPTY);
	make(argv[1], "described-idle", true, false, true, NO_STACK);
	make(argv[1], "described-without-footers", false, true, true, EMPTY);
	make(argv[1], "described-branches", true, true, true, RECORDED);
	make(argv[1], "plain", true, true, false, EMPTY);
	make(argv[1], "plain-branches", true, true, false, RECORDED);
	return 0;
}
