/* SPDX-License-Identifier: MIT */
/* Text on the serial port. */
#ifndef GUEST_PRINT_H
#define GUEST_PRINT_H

#include <stdarg.h>

/*
 * %s %c %d %u %x %lu %lx %%, a field's width, "-" for left-aligned, "0" for zeros, "*" for a width
 * from an argument, and "'" for a comma every three digits.
 */
__attribute__((format(printf, 1, 2))) void print(const char *format, ...);
__attribute__((format(printf, 1, 0))) void print_list(const char *format, va_list arguments);

#endif
