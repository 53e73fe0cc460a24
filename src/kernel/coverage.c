/* SPDX-License-Identifier: MIT */
/*
 * Which blocks of the kernel's code have been executed: one byte each, set by the code itself
 * (blocks.awk).
 */
#include "coverage.h"

#include <stdio.h>
#include <string.h>

extern unsigned char kernel_blocks[];
extern const unsigned kernel_block_count;
extern const char kernel_table[], kernel_table_end[], kernel_carried[], kernel_carried_end[];
extern const char kernel_library[], kernel_library_end[];

void coverage_clear(void)
{
	memset(kernel_blocks, 0, kernel_block_count);
}

void coverage_print(void)
{
	for (unsigned i = 0; i < kernel_block_count; i++)
		if (kernel_blocks[i])
			printf("%u ", i);
	putchar('\n');
}

void coverage_print_table(void)
{
	fwrite(kernel_table, 1, (size_t)(kernel_table_end - kernel_table), stdout);
}

void coverage_print_carried(void)
{
	fwrite(kernel_carried, 1, (size_t)(kernel_carried_end - kernel_carried), stdout);
}

void coverage_print_library(void)
{
	fwrite(kernel_library, 1, (size_t)(kernel_library_end - kernel_library), stdout);
}
