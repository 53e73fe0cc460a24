/* SPDX-License-Identifier: MIT */
/*
 * What differs between two logs: vCPU by vCPU and kind by kind, the k-th move of one beside the
 * k-th of the other. What changes in the same way again is counted, and shown once.
 */
#include "diff.h"

#include <stdlib.h>
#include <string.h>

#include "lib/memory.h"

enum { ROOM_AT_FIRST = 64 };

static const struct log_access *accesses_of(const struct watch_log *log,
                                            const struct log_move *move)
{
	return log->accesses + move->first;
}

/* The k-th move of a kind by a vCPU, from *from on; NULL: there is none. */
static const struct log_move *next_move(const struct watch_log *log, const struct log_move *like,
                                        size_t *from)
{
	for (; *from < log->move_count; ++*from) {
		const struct log_move *move = &log->moves[*from];

		if (move->kind == like->kind && move->vm == like->vm && move->vcpu == like->vcpu)
			return &log->moves[(*from)++];
	}
	return NULL;
}

static bool same_registers(const struct watch_log *log, const struct log_move *move,
                           const struct watch_log *other_log, const struct log_move *other)
{
	const struct log_access *a = accesses_of(log, move), *b = accesses_of(other_log, other);

	for (size_t i = 0; i < move->count && i < other->count; i++)
		if (a[i].msr != b[i].msr)
			return false;
	return move->count == other->count;
}

static struct change *add(struct changes *changes, struct change change)
{
	if (changes->count == changes->room) {
		size_t room = changes->room ? 2 * changes->room : ROOM_AT_FIRST;
		void *moved = memory_resize(changes->at, room * sizeof(*changes->at));

		if (!moved)
			return NULL;
		changes->at = moved;
		changes->room = room;
	}
	changes->at[changes->count] = change;
	return &changes->at[changes->count++];
}

/* --- Which registers ------------------------------------------------------------------------- */

static bool is_same_change(const struct changes *changes, const struct change *change,
                           const struct log_move *a, const struct log_move *b)
{
	const struct watch_log *const *log = changes->log;

	return change->what == CHANGE_WRITES && change->kind == a->kind &&
	       !strcmp(change->move[0]->order, a->order) &&
	       !strcmp(change->move[1]->order, b->order) &&
	       same_registers(log[0], change->move[0], log[0], a) &&
	       same_registers(log[1], change->move[1], log[1], b);
}

static bool note_writes(struct changes *changes, const struct log_move *a, const struct log_move *b,
                        size_t at)
{
	for (size_t i = 0; i < changes->count; i++)
		if (is_same_change(changes, &changes->at[i], a, b)) {
			changes->at[i].times++;
			return true;
		}
	return add(changes, (struct change){.what = CHANGE_WRITES,
	                                    .kind = a->kind,
	                                    .vm = a->vm,
	                                    .vcpu = a->vcpu,
	                                    .at = at,
	                                    .times = 1,
	                                    .move = {a, b}});
}

/* --- Which values ---------------------------------------------------------------------------- */

/* The longest sequence of registers that both have, as in diff(1): longest[i][j] is that of what
 * follows i in one and j in the other. */
static uint16_t longest[WATCH_WRITES + 1][WATCH_WRITES + 1];

static void find_longest(const struct log_access *a, size_t a_count, const struct log_access *b,
                         size_t b_count)
{
	for (size_t i = 0; i <= a_count; i++)
		longest[i][b_count] = 0;
	for (size_t j = 0; j <= b_count; j++)
		longest[a_count][j] = 0;
	for (size_t i = a_count; i--;)
		for (size_t j = b_count; j--;) {
			uint16_t down = longest[i + 1][j], right = longest[i][j + 1];

			longest[i][j] = a[i].msr == b[j].msr ? longest[i + 1][j + 1] + 1
			                : down > right       ? down
			                                     : right;
		}
}

static bool note_value(struct changes *changes, const struct log_move *move, size_t at,
                       const struct log_access *a, const struct log_access *b)
{
	if (a->value == b->value && a->refused == b->refused)
		return true;
	for (size_t i = 0; i < changes->count; i++) {
		struct change *change = &changes->at[i];

		if (change->what == CHANGE_VALUE && change->kind == move->kind &&
		    change->access[0]->msr == a->msr) {
			change->times++;
			return true;
		}
	}
	return add(changes, (struct change){.what = CHANGE_VALUE,
	                                    .kind = move->kind,
	                                    .vm = move->vm,
	                                    .vcpu = move->vcpu,
	                                    .at = at,
	                                    .times = 1,
	                                    .access = {a, b}});
}

static bool compare_values(struct changes *changes, const struct log_move *a,
                           const struct log_move *b, size_t at)
{
	const struct log_access *one = accesses_of(changes->log[0], a);
	const struct log_access *other = accesses_of(changes->log[1], b);
	bool good = true;

	find_longest(one, a->count, other, b->count);
	for (size_t i = 0, j = 0; i < a->count && j < b->count && good;) {
		if (one[i].msr == other[j].msr)
			good = note_value(changes, a, at, &one[i++], &other[j++]);
		else if (longest[i + 1][j] >= longest[i][j + 1])
			i++;
		else
			j++;
	}
	return good;
}

size_t change_steps(const struct changes *changes, const struct change *change,
                    struct change_step steps[STEP_MOST])
{
	const struct log_move *a = change->move[0], *b = change->move[1];
	const struct log_access *one = accesses_of(changes->log[0], a);
	const struct log_access *other = accesses_of(changes->log[1], b);
	size_t i = 0, j = 0, count = 0;

	find_longest(one, a->count, other, b->count);
	while (i < a->count || j < b->count) {
		if (i < a->count && j < b->count && one[i].msr == other[j].msr)
			i++, j++;
		else if (j == b->count || (i < a->count && longest[i + 1][j] >= longest[i][j + 1]))
			steps[count++] = (struct change_step){false, a->first + i++};
		else
			steps[count++] = (struct change_step){true, b->first + j++};
	}
	return count;
}

/* --- All ------------------------------------------------------------------------------------- */

static bool compare_moves(struct changes *changes, const struct log_move *a,
                          const struct log_move *b, size_t at)
{
	bool good = true;

	changes->compared[a->kind]++;
	if (strcmp(a->order, b->order) != 0 ||
	    !same_registers(changes->log[0], a, changes->log[1], b))
		good = note_writes(changes, a, b, at);
	return good && (!changes->values || compare_values(changes, a, b, at));
}

/* One kind of moves by one vCPU, both sides in step. */
static bool compare_kind(struct changes *changes, const struct log_move *like)
{
	size_t from[2] = {0, 0}, number[2] = {0, 0};
	const struct log_move *move[2];
	bool good = true;

	do {
		for (unsigned side = 0; side < 2; side++) {
			move[side] = next_move(changes->log[side], like, &from[side]);
			number[side] += move[side] != NULL;
		}
		if (move[0] && move[1])
			good = compare_moves(changes, move[0], move[1], number[0] - 1);
	} while (good && (move[0] || move[1]));
	if (!good || number[0] == number[1])
		return good;
	return add(changes, (struct change){.what = CHANGE_NUMBER,
	                                    .kind = like->kind,
	                                    .vm = like->vm,
	                                    .vcpu = like->vcpu,
	                                    .times = 1,
	                                    .number = {number[0], number[1]}});
}

static bool is_first(const struct watch_log *log, const struct log_move *move)
{
	size_t from = 0;

	return next_move(log, move, &from) == move;
}

bool changes_find(struct changes *changes)
{
	const struct watch_log *a = changes->log[0], *b = changes->log[1];
	bool good = true;

	for (size_t i = 0; i < a->move_count && good; i++)
		if (is_first(a, &a->moves[i]))
			good = compare_kind(changes, &a->moves[i]);
	for (size_t i = 0; i < b->move_count && good; i++) {
		size_t from = 0;

		if (is_first(b, &b->moves[i]) && !next_move(a, &b->moves[i], &from))
			good = compare_kind(changes, &b->moves[i]);
	}
	return good;
}
