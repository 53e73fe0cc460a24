/* SPDX-License-Identifier: MIT */
/* Every machine of a fleet against every other: whether a guest of the one runs on the other. */
#ifndef TOOL_STATE_MATRIX_H
#define TOOL_STATE_MATRIX_H

#include "fleet.h"

struct output;

/* Machines that give a guest the same, and take the same. */
struct matrix_kind {
	const struct fleet_machine *first;
	struct vpmu_model guest;
	size_t count; /* of its machines */
};

struct matrix_cell {
	enum vpmu_take take;
	char *why; /* lines, each with its end */
};

enum { MATRIX_KINDS = 128 };

struct matrix {
	const struct fleet *fleet;
	const struct vpmu_order *order;
	uint32_t machine_type; /* 0: the newest of the source's QEMU */
	bool pmu_off;
	struct matrix_kind kinds[MATRIX_KINDS];
	size_t kind_count;
	unsigned char *kind_of;    /* of each machine: its kind */
	struct matrix_cell *cells; /* by source, then target */
	size_t verdicts[3];        /* how many cells have each enum vpmu_take */
};

/* Judges all. Returns the exit status; matrix_free() is needed in any case. */
int matrix_make(struct matrix *matrix, const struct fleet *fleet,
                const struct fleet_options *options, const struct vpmu_order *order);
void matrix_free(struct matrix *matrix);

const struct matrix_cell *matrix_cell(const struct matrix *matrix, size_t from, size_t to);

/* "runs", "runs, but", "refused". */
const char *matrix_verdict(enum vpmu_take take);

/* Its profile's name, "hardware" where none is told. */
const char *matrix_profile(const struct matrix_kind *kind);

enum { MATRIX_TEXT = 160 };

/* "version 2, 4 + 3 counters, 48 bits; linux-6.12; QEMU 10.0". */
void matrix_describe(const struct matrix_kind *kind, char text[MATRIX_TEXT]);

/* Each prints or writes all of it. */
void matrix_print(const struct matrix *matrix);
int matrix_html(const struct matrix *matrix, struct output *output);
int matrix_json(const struct matrix *matrix);

#endif
