/* SPDX-License-Identifier: MIT */
/* Numbers as people type them, and as they like to read them. */
#ifndef TOOL_NUMBER_H
#define TOOL_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Each reads the whole text, or returns false and leaves *value alone.
 * number_parse: decimal or 0x hex, no sign, no blanks, 64 bits at most.
 * number_parse_size: such a number with K, M or G after it, for 2^10, 2^20 or 2^30 bytes.
 * number_parse_seconds: seconds with up to six decimals; *value is in microseconds.
 */
bool number_parse(const char *text, uint64_t *value);
bool number_parse_size(const char *text, uint64_t *value);
bool number_parse_seconds(const char *text, uint64_t *value);

/* "512M": the largest unit that divides it. */
void number_print_size(uint64_t value, char *text, size_t bytes);

/* "1,234,567". */
enum { NUMBER_GROUPED_BYTES = 28 };
const char *number_grouped(uint64_t value, char text[NUMBER_GROUPED_BYTES]);

#endif
