/* SPDX-License-Identifier: MIT */
/* What the files about a run's life share. */
#ifndef TOOL_RUN_LIFE_H
#define TOOL_RUN_LIFE_H

#include "input/file.h"
#include "run.h"

/* Instructions between two steps of a live migration. */
enum { LIFE_SLICE = 200000 };

/* Why a machine could not be moved: room for every field in which two models can differ. */
enum { RUN_WHY_BYTES = 1536 };

struct life {
	const struct vpmu_order *order;
	uint64_t *points; /* of --migrate-at, ascending */
	size_t point_count, point_done;
	uint64_t reset_at, save_at, leave_at; /* UINT64_MAX: not, or not any more */
	struct migration *migration;          /* on its way to another process, or NULL */
	struct output save;                   /* of --save, open from the start */
	uint64_t shown_at;                    /* when the progress was last shown */
};

/* What a machine that comes is restored to. */
struct machine_restore life_wanted(struct run *run);

/* The exit status of a restore that failed. */
int life_exit_status(enum vpmu_status status);

/* --- file.c ----------------------------------------------------------------------------------- */

/* Writes the file whole, or leaves what was there. Returns the exit status, with a message. */
int life_save_file(struct machine *machine, const struct machine_notes *notes,
                   struct output *output);

/* Returns the exit status, with a message. */
int life_restore_file(const struct machine_restore *wanted, const char *path,
                      struct machine_notes *notes, struct machine **machine);

/* --- migrate.c -------------------------------------------------------------------------------- */

/* Waits for a guest from another process. Returns the exit status, with a message. */
int life_listen(struct run *run, const struct machine_restore *wanted, struct machine_notes *notes,
                struct machine **machine);

/* Begins to hand the guest over; when that fails, it stays and a message says so. */
void life_leave(struct run *run);

/* Some more of it. False: the run is over here. */
bool life_step(struct run *run, const struct machine_notes *notes);

/* The run is over: whoever waits for the guest is told. */
void life_stay(struct run *run);

/* --- doubt.c ---------------------------------------------------------------------------------- */

/* A person's word, when nobody else can know which of the two has the guest. */
enum life_word {
	WORD_NONE,   /* the run was stopped before it came */
	WORD_RESUME, /* it goes on here; a message has said so */
	WORD_END,    /* the destination has it */
};

enum life_word life_ask_person(struct run *run);

#endif
