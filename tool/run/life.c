/* SPDX-License-Identifier: MIT */
/*
 * A run's life: the instructions at which it is reset, migrated within this process, saved, or
 * handed to another process, and what is done there. The machine pauses at exactly these.
 */
#include "run.h"

#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "lib/message.h"
#include "lib/number.h"
#include "lib/order_arg.h"
#include "life.h"

/* --- Options ---------------------------------------------------------------------------------- */

static int together(const char *a, const char *b)
{
	message("these do not go together: %s, %s", a, b);
	return TOOL_BAD;
}

static int needs(const char *a, const char *b)
{
	message("%s needs %s", a, b);
	return TOOL_BAD;
}

int life_check(const struct run_options *o, bool has_guest)
{
	bool brings = life_brings_machine(o);

	if (!has_guest && !brings) {
		message("missing argument: GUEST (usage: vpmu run [OPTION...] GUEST)");
		return TOOL_BAD;
	}
	if (has_guest && brings)
		return together(o->restore ? "--restore" : "--listen", "GUEST");
	if (o->restore && o->listen)
		return together("--restore", "--listen");
	if (o->save && o->migrate_to)
		return together("--save", "--migrate-to");
	if (o->reset_at && (brings || o->migrate_to))
		return together("--reset-at",
		                brings ? "a guest that is not loaded here" : "--migrate-to");
	if (o->save && !o->at)
		return needs("--save", "--at");
	if (o->at && !o->save && !o->migrate_to)
		return needs("--at", "--save or --migrate-to");
	if (o->append && brings)
		return together("--append", o->restore ? "--restore" : "--listen");
	return TOOL_HOLDS;
}

bool life_brings_machine(const struct run_options *options)
{
	return options->restore || options->listen;
}

static int ascending(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

/* "N,N,…": at least one number, none of them 0. */
static bool parse_points(struct life *life, const char *text)
{
	size_t most = 1;
	char number[24];

	for (const char *c = text; *c; c++)
		most += *c == ',';
	life->points = calloc(most, sizeof(*life->points));
	while (life->points) {
		size_t length = strcspn(text, ",");

		if (!length || length >= sizeof(number))
			return false;
		memcpy(number, text, length);
		number[length] = '\0';
		if (!number_parse(number, &life->points[life->point_count]) ||
		    !life->points[life->point_count++])
			return false;
		if (!text[length])
			break;
		text += length + 1;
	}
	if (life->points)
		qsort(life->points, life->point_count, sizeof(*life->points), ascending);
	return life->points;
}

int life_begin(struct run *run)
{
	const struct run_options *options = run->options;
	struct life *life = calloc(1, sizeof(*life));
	int status;

	run->life = life;
	if (!life) {
		message("out of memory: the run");
		return TOOL_LACKS;
	}
	status = order_from_text(options->order, &life->order);
	if (status)
		return status;
	if (options->migrate_at && !parse_points(life, options->migrate_at)) {
		if (!life->points) {
			message("out of memory: --migrate-at");
			return TOOL_LACKS;
		}
		message("not a list of instructions: --migrate-at '%s'", options->migrate_at);
		return TOOL_BAD;
	}
	if (options->save && !output_open(&life->save, options->save))
		return run_output_status(&life->save);
	life->reset_at = options->reset_at ? options->reset_at : UINT64_MAX;
	life->save_at = options->save ? options->at : UINT64_MAX;
	life->leave_at = options->migrate_to ? options->at : UINT64_MAX; /* 0: at once */
	return TOOL_HOLDS;
}

void life_end(struct run *run)
{
	struct life *life = run->life;

	if (!life)
		return;
	migration_end(life->migration);
	output_abandon(&life->save);
	free(life->points);
	free(life);
	run->life = NULL;
}

/* --- What travels with a machine: what the tool itself has counted ---------------------------- */

enum {
	HAPPENED = sizeof(((struct run *)0)->happened) / 8,
	UNCOUNTED = HAPPENED + VPMU_CLASSES + 2,
	NOTES = UNCOUNTED + sizeof(struct run_uncounted) / 8
};
_Static_assert((int)NOTES <= (int)MACHINE_NOTES, "they travel");

static void fill_notes(const struct run *run, struct machine_notes *notes)
{
	uint64_t *to = notes->values;

	memcpy(to, run->happened, sizeof(run->happened));
	memcpy(to + HAPPENED, run->over, sizeof(run->over));
	to[HAPPENED + VPMU_CLASSES] = run->looked_at;
	to[HAPPENED + VPMU_CLASSES + 1] = run->counted;
	memcpy(to + UNCOUNTED, &run->uncounted, sizeof(run->uncounted));
	notes->count = NOTES;
}

static void take_notes(struct run *run, const struct machine_notes *notes)
{
	const uint64_t *from = notes->values;

	if (notes->count != NOTES)
		return;
	memcpy(run->happened, from, sizeof(run->happened));
	memcpy(run->over, from + HAPPENED, sizeof(run->over));
	run->looked_at = from[HAPPENED + VPMU_CLASSES];
	run->counted = from[HAPPENED + VPMU_CLASSES + 1];
	memcpy(&run->uncounted, from + UNCOUNTED, sizeof(run->uncounted));
	if (run->uncounted.count > RUN_UNCOUNTED)
		run->uncounted.count = RUN_UNCOUNTED; /* a file may say anything */
}

/* --- Failures --------------------------------------------------------------------------------- */

static bool fail(struct run *run, int status)
{
	run->fate = FATE_FAILED;
	run->failure = status;
	return false;
}

int life_exit_status(enum vpmu_status status)
{
	return status == VPMU_HOST || status == VPMU_INTERNAL ? TOOL_LACKS : TOOL_BAD;
}

/* --- Migration within this process ------------------------------------------------------------ */

/* A saved machine in memory. */
struct kept {
	uint8_t *bytes;
	size_t used, room, at;
};

static bool keep(void *context, const void *bytes, size_t count)
{
	struct kept *kept = context;

	while (kept->room - kept->used < count) {
		size_t room = kept->room ? 2 * kept->room : 1 << 20;
		uint8_t *more = realloc(kept->bytes, room);

		if (!more)
			return false;
		kept->bytes = more;
		kept->room = room;
	}
	memcpy(kept->bytes + kept->used, bytes, count);
	kept->used += count;
	return true;
}

static long give(void *context, void *into, size_t count)
{
	struct kept *kept = context;

	if (count > kept->used - kept->at)
		count = kept->used - kept->at;
	memcpy(into, kept->bytes + kept->at, count);
	kept->at += count;
	return (long)count;
}

struct machine_restore life_wanted(struct run *run)
{
	struct machine_restore wanted = {
		.config = run_config(run),
		.has_model = run->options->model || run->machine,
		.order = run->life->order,
	};

	if (!run->options->profile)
		wanted.config.profile = NULL;
	return wanted;
}

/* Without memory the run is over; else the guest goes on where it is. */
static bool cannot_move(struct run *run, const char *what, enum vpmu_status status, const char *why)
{
	bool ends = status == VPMU_HOST || status == VPMU_INTERNAL;

	message("cannot %s the machine: %s%s", what, why,
	        ends ? "" : "; the guest goes on as it is");
	return ends ? fail(run, TOOL_LACKS) : true;
}

/* Takes the machine out of bytes; the one before, if any, is torn down. */
static bool restore_kept(struct run *run, struct kept *kept)
{
	struct machine_origin origin = {.read = give, .context = kept};
	struct machine_restore wanted = life_wanted(run);
	struct machine_notes notes;
	enum vpmu_status status;
	char why[RUN_WHY_BYTES] = "";
	struct machine *machine =
		machine_load_saved(&wanted, &origin, &notes, &status, why, sizeof(why));

	if (!machine)
		return cannot_move(run, "restore", status, why);
	run_replace_machine(run, machine);
	take_notes(run, &notes);
	return true;
}

static bool migrate_here(struct run *run)
{
	struct kept kept = {.bytes = NULL};
	struct machine_sink sink = {.write = keep, .context = &kept};
	struct machine_notes notes;
	enum vpmu_status status;
	char why[RUN_WHY_BYTES] = "";
	bool good;

	fill_notes(run, &notes);
	status = machine_save(run->machine, &notes, &sink, why, sizeof(why));
	good = status ? cannot_move(run, "save", status, why) : restore_kept(run, &kept);
	free(kept.bytes);
	return good;
}

/* --- Reset ------------------------------------------------------------------------------------ */

/* Counts are those of the boot: a reset run ends with the numbers of a fresh one. */
static void forget_counts(struct run *run)
{
	run->before_reset += machine_retired(run->machine);
	memset(run->happened, 0, sizeof(run->happened));
	memset(run->over, 0, sizeof(run->over));
	run->looked_at = run->counted = 0;
}

static bool reset(struct run *run)
{
	char why[RUN_WHY_BYTES] = "";
	int status;

	run_look_at_counted(run, machine_retired(run->machine));
	interval_end(run);
	interval_reset(run);
	forget_counts(run);
	run->life->reset_at = UINT64_MAX;
	if (machine_reset(run->machine, run->life->order, why, sizeof(why))) {
		message("cannot reset the machine: %s", why);
		return fail(run, TOOL_LACKS);
	}
	status = run_load(run);
	return status ? fail(run, status) : true;
}

/* --- Files ------------------------------------------------------------------------------------ */

static bool save(struct run *run)
{
	struct machine_notes notes;
	int status;

	fill_notes(run, &notes);
	status = life_save_file(run->machine, &notes, &run->life->save);
	if (status)
		return fail(run, status);
	run->fate = FATE_SAVED;
	return false;
}

int life_fetch(struct run *run)
{
	struct machine_restore wanted = life_wanted(run);
	struct machine_notes notes = {.count = 0};
	int status;

	if (run->options->restore) {
		run->guest = run->options->restore;
		status = life_restore_file(&wanted, run->guest, &notes, &run->machine);
	} else {
		run->guest = run->options->listen;
		status = life_listen(run, &wanted, &notes, &run->machine);
	}
	if (status)
		return status;
	run->model = machine_config(run->machine)->model;
	take_notes(run, &notes);
	return TOOL_HOLDS;
}

/* --- The run ---------------------------------------------------------------------------------- */

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t next_point(const struct run *run)
{
	const struct life *life = run->life;
	uint64_t next = least(least(life->reset_at, life->save_at), life->leave_at);

	if (life->point_done < life->point_count)
		next = least(next, life->points[life->point_done]);
	next = least(next, run->interval.next);
	if (life->migration)
		next = least(next, machine_retired(run->machine) + LIFE_SLICE);
	return next;
}

/* Everything that is due at this instruction. False: the run is over. */
static bool act(struct run *run)
{
	struct life *life = run->life;
	uint64_t now = machine_retired(run->machine);
	bool due = false;

	while (life->point_done < life->point_count && life->points[life->point_done] <= now) {
		life->point_done++;
		due = true;
	}
	if (run->interval.next <= now)
		interval_act(run);
	if (due && !migrate_here(run))
		return false;
	if (life->save_at <= now)
		return save(run);
	if (life->leave_at <= now)
		life_leave(run);
	if (life->migration) {
		struct machine_notes notes;

		fill_notes(run, &notes);
		if (!life_step(run, &notes))
			return false;
	}
	return life->reset_at <= now ? reset(run) : true;
}

void life_run(struct run *run)
{
	/* What is due at once: --migrate-to without --at. */
	if (run->life->leave_at == 0)
		life_leave(run);
	interval_begin(run);
	do {
		machine_pause_at(run->machine, next_point(run));
		machine_run(run->machine, &run->result);
	} while (run->result.end == MACHINE_END_PAUSED && act(run));
	life_stay(run);
}
