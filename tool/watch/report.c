/* SPDX-License-Identifier: MIT */
/* What differs between two logs, as text and as a JSON document (docs/json.md: vpmu-watch-diff). */
#include "diff.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <check/room.h>

#include "command.h"
#include "json/json.h"

static const char *const sides[2] = {"before", "after"};

/* --- Text ------------------------------------------------------------------------------------- */

static void print_kind(unsigned kind)
{
	if (kind == MOVE_GET)
		printf("gets");
	else
		printf("puts, level %s", watch_level_name((enum watch_level)kind));
}

static void print_violated(uint32_t violated)
{
	const char *between = "";

	if (!violated)
		printf("holds");
	for (unsigned i = 0; i < CHECK_PROPERTIES; i++)
		if (violated >> i & 1) {
			printf("%s%s", *between ? between : "violates ", check_properties[i].name);
			between = ", ";
		}
}

static void print_judgement(const struct change *change, const struct judgement *judgement)
{
	if (!judgement || (change->kind != WATCH_RESET && change->kind != WATCH_FULL))
		return;
	for (unsigned side = 0; side < 2; side++) {
		printf("  vpmu check, %s on %s, %s: ", judgement->model_name,
		       judgement->profile_name, sides[side]);
		if (change->is_judged[side])
			print_violated(change->violated[side]);
		else
			printf("not judged: the model lacks a register that it writes");
		putchar('\n');
	}
}

static void print_writes(const struct changes *changes, const struct change *change)
{
	static struct change_step steps[STEP_MOST];
	size_t count = change_steps(changes, change, steps);

	print_kind(change->kind);
	printf(": other registers, or another order, %" PRIu64 " time%s, first of vm %" PRId64
	       ", vcpu %" PRId64 "\n",
	       change->times, change->times > 1 ? "s" : "", change->vm, change->vcpu);
	for (unsigned side = 0; side < 2 && change->kind != MOVE_GET; side++)
		printf("  %s: %zu writes, order %s\n", sides[side], change->move[side]->count,
		       *change->move[side]->order ? change->move[side]->order : "none known");
	for (size_t i = 0; i < count; i++) {
		const struct log_access *access =
			&changes->log[steps[i].added]->accesses[steps[i].access];

		printf("  %c %s", steps[i].added ? '+' : '-', access->name);
		if (change->kind != MOVE_GET)
			printf(" 0x%" PRIx64, access->value);
		putchar('\n');
	}
}

static void print_change(const struct changes *changes, const struct change *change)
{
	const struct log_access *a = change->access[0], *b = change->access[1];

	switch (change->what) {
	case CHANGE_NUMBER:
		print_kind(change->kind);
		printf(": %zu before, %zu after, of vm %" PRId64 ", vcpu %" PRId64 "\n",
		       change->number[0], change->number[1], change->vm, change->vcpu);
		break;
	case CHANGE_WRITES:
		print_writes(changes, change);
		break;
	case CHANGE_VALUE:
		print_kind(change->kind);
		printf(": %s 0x%" PRIx64 "%s before, 0x%" PRIx64 "%s after, in number %zu of vm "
		       "%" PRId64 ", vcpu %" PRId64,
		       a->name, a->value, a->refused ? " (refused)" : "", b->value,
		       b->refused ? " (refused)" : "", change->at + 1, change->vm, change->vcpu);
		if (change->times > 1)
			printf("; and %" PRIu64 " more", change->times - 1);
		putchar('\n');
		break;
	}
}

void changes_print(const struct changes *changes, const struct judgement *judgement)
{
	uint64_t puts = 0;

	for (size_t i = 0; i < changes->count; i++) {
		print_change(changes, &changes->at[i]);
		if (changes->at[i].what == CHANGE_WRITES)
			print_judgement(&changes->at[i], judgement);
	}
	for (unsigned kind = 0; kind < WATCH_LEVELS; kind++)
		puts += changes->compared[kind];
	printf("%s%" PRIu64 " puts and %" PRIu64 " gets were compared%s\n",
	       changes->count ? "" : "no change: ", puts, changes->compared[MOVE_GET],
	       changes->values ? "" : ", without their values");
	if (judgement)
		for (size_t i = 0; i < changes->count; i++)
			if (changes->at[i].what == CHANGE_WRITES) {
				printf("scope of vpmu check: %s\n", judgement->scope);
				return;
			}
}

/* --- JSON ------------------------------------------------------------------------------------- */

#if HAVE_JANSSON

static const char *const whats[] = {
	[CHANGE_NUMBER] = "number", [CHANGE_WRITES] = "registers", [CHANGE_VALUE] = "value"};

static json_t *violated_json(const struct change *change, unsigned side)
{
	json_t *names = json_array();

	if (!change->is_judged[side]) {
		json_decref(names);
		return json_null();
	}
	for (unsigned i = 0; i < CHECK_PROPERTIES; i++)
		if (change->violated[side] >> i & 1)
			json_array_append_new(names, json_string(check_properties[i].name));
	return names;
}

static json_t *move_json(const struct changes *changes, const struct change *change, unsigned side)
{
	const struct log_move *move = change->move[side];
	json_t *registers = json_array();

	for (size_t i = 0; i < move->count; i++)
		json_array_append_new(
			registers, json_string(changes->log[side]->accesses[move->first + i].name));
	return json_pack("{s:o, s:o, s:o}", "order",
	                 *move->order ? json_string(move->order) : json_null(), "registers",
	                 registers, "violated", violated_json(change, side));
}

static json_t *access_json(const struct log_access *access)
{
	return json_pack("{s:o, s:b}", "value", json_hex(access->value), "refused",
	                 access->refused);
}

static json_t *change_json(const struct changes *changes, const struct change *change)
{
	json_t *object =
		json_pack("{s:s, s:s, s:o, s:I, s:I, s:o}", "what", whats[change->what], "move",
	                  change->kind == MOVE_GET ? "get" : "put", "level",
	                  change->kind == MOVE_GET
	                          ? json_null()
	                          : json_string(watch_level_name((enum watch_level)change->kind)),
	                  "vm", (json_int_t)change->vm, "vcpu", (json_int_t)change->vcpu, "times",
	                  json_count(change->times));

	if (change->what == CHANGE_VALUE)
		json_object_set_new(object, "name", json_string(change->access[0]->name));
	for (unsigned side = 0; side < 2; side++)
		json_object_set_new(object, sides[side],
		                    change->what == CHANGE_NUMBER ? json_count(change->number[side])
		                    : change->what == CHANGE_VALUE
		                            ? access_json(change->access[side])
		                            : move_json(changes, change, side));
	return object;
}

int changes_print_json(const struct changes *changes, const struct judgement *judgement)
{
	json_t *document = json_document("vpmu-watch-diff", 1), *list = json_array();

	for (unsigned side = 0; side < 2; side++)
		json_object_set_new(
			document, sides[side],
			json_bytes(changes->log[side]->path, strlen(changes->log[side]->path)));
	for (size_t i = 0; i < changes->count; i++)
		json_array_append_new(list, change_json(changes, &changes->at[i]));
	json_object_set_new(document, "judged",
	                    judgement ? json_pack("{s:s, s:s, s:s}", "model", judgement->model_name,
	                                          "profile", judgement->profile_name, "scope",
	                                          judgement->scope)
	                              : json_null());
	json_object_set_new(document, "changes", list);
	return json_print(document);
}

#else

int changes_print_json(const struct changes *changes, const struct judgement *judgement)
{
	json_lacks();
	return TOOL_LACKS;
}

#endif
