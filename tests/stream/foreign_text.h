/* SPDX-License-Identifier: MIT */
/* A description of CPUs from a text in memory. */
#ifndef TESTS_STREAM_FOREIGN_TEXT_H
#define TESTS_STREAM_FOREIGN_TEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <stream/foreign/room.h>

static struct foreign_cpus cpus;
static char why[FOREIGN_WHY];

static enum vpmu_status read_text(const void *text, size_t bytes)
{
	/* A copy of just that size: what reads beyond is found by the sanitizers. */
	char *copy = malloc(bytes ? bytes : 1);
	enum vpmu_status status;

	assert_non_null(copy);
	memcpy(copy, text, bytes);
	why[0] = '\0';
	status = foreign_cpus_read(copy, bytes, &cpus, why, sizeof(why));
	free(copy);
	return status;
}

#endif
