/* SPDX-License-Identifier: MIT */
/* vpmu watch diff: two logs of vpmu watch --json, what the VMM moves in them, and what differs. */
#ifndef TOOL_WATCH_DIFF_H
#define TOOL_WATCH_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpmu/vpmu.h>

#include "state/state.h"
#include "watch.h"

/* --- log.c: a log as moves -------------------------------------------------------------------- */

/* Puts by level, and gets. */
enum { MOVE_GET = WATCH_LEVELS, MOVE_KINDS };

enum { LOG_WHY = STATE_WHY_BYTES + 48, LOG_NAME_BYTES = 64 };

/* A register that was put or got. */
struct log_access {
	uint32_t msr;
	bool refused;
	uint64_t value;
	char name[VPMU_NAME_BYTES];
};

/* One put or get of a vCPU. */
struct log_move {
	unsigned kind;
	int64_t vm, vcpu;
	char order[LOG_NAME_BYTES]; /* of a put: the first that it is; "" none */
	size_t first, count;        /* its accesses */
};

struct watch_log {
	const char *path;
	size_t move_count, move_room, access_count, access_room;
	struct log_move *moves;
	struct log_access *accesses;
	bool has_model; /* of the last vCPU whose CPUID has one */
	struct vpmu_model model;
};

/* Reads the text into an empty log. VPMU_BAD_DATA: it is none, is of another version, or is cut
 * short; VPMU_HOST: no memory. why tells (LOG_WHY); the log can then only be freed. */
enum vpmu_status watch_log_read(struct watch_log *log, const char *text, size_t bytes, char *why);
void watch_log_free(struct watch_log *log);

/* --- compare.c: what differs ------------------------------------------------------------------ */

enum change_what {
	CHANGE_NUMBER, /* of moves of a kind */
	CHANGE_WRITES, /* which registers are moved, in which order */
	CHANGE_VALUE,  /* of a register that both move */
};

/* Changes that are the same are one. */
struct change {
	enum change_what what;
	unsigned kind;
	int64_t vm, vcpu; /* the first place */
	size_t at;        /* there, the move's number among those of its kind, from 0 */
	uint64_t times;
	size_t number[2];                   /* CHANGE_NUMBER */
	const struct log_move *move[2];     /* CHANGE_WRITES */
	const struct log_access *access[2]; /* CHANGE_VALUE */
	bool is_judged[2];                  /* by vpmu check */
	uint32_t violated[2];
};

struct changes {
	const struct watch_log *log[2];
	bool values; /* are compared */
	size_t count, room;
	struct change *at;
	uint64_t compared[MOVE_KINDS]; /* moves that both have */
};

/* False: no memory. */
bool changes_find(struct changes *changes);

/* A step from one sequence of accesses to the other: what only one of them has. */
enum { STEP_MOST = 2 * WATCH_WRITES };
struct change_step {
	bool added;
	size_t access; /* of the log that has it */
};
size_t change_steps(const struct changes *changes, const struct change *change,
                    struct change_step steps[STEP_MOST]);

/* --- judge.c: what vpmu check says of it ------------------------------------------------------ */

struct judgement {
	const struct vpmu_model *model;
	const struct vpmu_profile *profile;
	const char *model_name, *profile_name, *scope;
};

/* Judges both sides of each change of writes. False: no memory. */
bool changes_judge(struct changes *changes, struct judgement *judgement);

/* --- report.c --------------------------------------------------------------------------------- */

/* judgement NULL: nothing was judged, as there is no model. */
void changes_print(const struct changes *changes, const struct judgement *judgement);
int changes_print_json(const struct changes *changes, const struct judgement *judgement);

#endif
