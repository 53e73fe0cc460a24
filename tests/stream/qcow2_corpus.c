/* SPDX-License-Identifier: MIT */
/* Writes a small qcow2 image with two VM states, for the fuzzer's corpus. */
#include <stdio.h>

#include "qcow2_file.h"

int main(void)
{
	static struct qcow2_file file;
	static const char state[1100] = "QEVM\0\0\0\3";

	qcow2_file_start(&file);
	qcow2_file_snapshot(&file, "1", "before", state, 700, 600);
	qcow2_file_snapshot(&file, "2", "after", state, sizeof(state), 600);
	return fwrite(file.bytes, 1, file.count, stdout) != file.count;
}
