/* SPDX-License-Identifier: MIT */
/*
 * Judges every machine against every other. Machines that give and take the same are one kind, so
 * that a fleet of thousands is a small table; each pair of kinds is judged by vpmu_compat_judge()
 * with a guest that has just started, and by what QEMU's versions do in addition.
 */
#include "matrix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/memory.h"
#include "lib/message.h"

enum { WHY_BYTES = 8192 };

const char *matrix_verdict(enum vpmu_take take)
{
	static const char *const texts[] = {
		[VPMU_TAKES] = "runs",
		[VPMU_TAKES_CHANGED] = "runs, but",
		[VPMU_CANNOT_TAKE] = "refused",
	};

	return texts[take];
}

const struct matrix_cell *matrix_cell(const struct matrix *matrix, size_t from, size_t to)
{
	return &matrix->cells[from * matrix->kind_count + to];
}

const char *matrix_profile(const struct matrix_kind *kind)
{
	const char *name;

	for (size_t i = 0; kind->first->profile && (name = vpmu_profile_name(i)); i++)
		if (vpmu_profile_find(name) == kind->first->profile)
			return name;
	return "hardware";
}

static int describe_guest(const struct vpmu_model *guest, char text[MATRIX_TEXT])
{
	if (!guest->version)
		return snprintf(text, MATRIX_TEXT, "%s, no PMU", vpmu_vendor_name(guest->vendor));
	return snprintf(text, MATRIX_TEXT, "%s version %u, %u + %u counters, %u bits",
	                vpmu_vendor_name(guest->vendor), guest->version, guest->gp_count,
	                vpmu_model_fixed_count(guest), guest->gp_width);
}

void matrix_describe(const struct matrix_kind *kind, char text[MATRIX_TEXT])
{
	int used = describe_guest(&kind->guest, text);
	char version[QEMU_VERSION_TEXT] = "";

	if (kind->first->qemu)
		qemu_version_text(kind->first->qemu, version);
	snprintf(text + used, MATRIX_TEXT - (size_t)used, "; %s%s%s", matrix_profile(kind),
	         *version ? "; QEMU " : "", version);
}

/* --- Kinds ------------------------------------------------------------------------------------ */

static bool is_of(const struct fleet_machine *machine, const struct matrix_kind *kind)
{
	return machine->qemu == kind->first->qemu && machine->profile == kind->first->profile &&
	       vpmu_model_equal(&machine->cpu, &kind->first->cpu);
}

static int add_kind(struct matrix *matrix, const struct fleet_machine *machine)
{
	struct matrix_kind *kind = &matrix->kinds[matrix->kind_count];
	struct qemu_vm vm = fleet_vm(machine, matrix->machine_type, matrix->pmu_off);

	if (matrix->kind_count == MATRIX_KINDS) {
		message("more than %d kinds of machines: too many for one matrix", MATRIX_KINDS);
		return TOOL_BAD;
	}
	*kind = (struct matrix_kind){.first = machine};
	matrix->kind_count++;
	return fleet_guest(machine, &vm, &kind->guest);
}

static int sort_machines(struct matrix *matrix)
{
	int status = TOOL_HOLDS;

	matrix->kind_of = memory_get(matrix->fleet->count);
	if (!matrix->kind_of)
		return TOOL_LACKS;
	for (size_t i = 0; i < matrix->fleet->count && !status; i++) {
		const struct fleet_machine *machine = &matrix->fleet->machines[i];
		size_t kind = 0;

		while (kind < matrix->kind_count && !is_of(machine, &matrix->kinds[kind]))
			kind++;
		if (kind == matrix->kind_count)
			status = add_kind(matrix, machine);
		if (!status) {
			matrix->kinds[kind].count++;
			matrix->kind_of[i] = (unsigned char)kind;
		}
	}
	return status;
}

/* --- A pair ----------------------------------------------------------------------------------- */

struct why {
	char text[WHY_BYTES];
	size_t used;
};

static void add_line(struct why *why, const char *line, size_t more)
{
	size_t room = sizeof(why->text) - why->used;
	int bytes;

	if (!*line)
		return;
	bytes = more ? snprintf(why->text + why->used, room, "%s; and %zu more\n", line, more)
	             : snprintf(why->text + why->used, room, "%s\n", line);
	why->used += (size_t)bytes < room ? (size_t)bytes : 0;
	why->text[why->used] = '\0';
}

/* One line for all registers that fare alike. */
static void add_registers(struct why *why, const struct vpmu_compat *compat,
                          enum vpmu_compat_why which)
{
	char line[STATE_LINE_BYTES] = "";
	size_t count = 0;

	for (unsigned i = 0; i < compat->register_count; i++)
		if (compat->registers[i].take != VPMU_TAKES && compat->registers[i].why == which &&
		    !count++)
			vpmu_compat_describe_register(compat, i, line, sizeof(line));
	if (count)
		add_line(why, line, count - 1);
}

static void add_judgement(struct why *why, const struct vpmu_compat *compat)
{
	static const uint8_t whys[] = {VPMU_COMPAT_REFUSED, VPMU_COMPAT_MISSING,
	                               VPMU_COMPAT_CHANGED, VPMU_COMPAT_IGNORED};
	char line[STATE_LINE_BYTES];

	for (unsigned i = 0; i < compat->difference_count; i++) {
		if (compat->differences[i].take == VPMU_TAKES)
			continue;
		vpmu_compat_describe_difference(compat, i, line, sizeof(line));
		add_line(why, line, 0);
	}
	for (size_t i = 0; i < sizeof(whys); i++)
		add_registers(why, compat, (enum vpmu_compat_why)whys[i]);
	vpmu_compat_describe_put(compat, line, sizeof(line));
	add_line(why, line, 0);
}

static enum vpmu_take add_losses(struct why *why, const struct matrix *matrix,
                                 const struct matrix_kind *from, const struct matrix_kind *to)
{
	struct qemu_vm here = fleet_vm(from->first, matrix->machine_type, matrix->pmu_off);
	struct qemu_vm there = fleet_vm(to->first, matrix->machine_type, matrix->pmu_off);
	struct qemu_loss losses[QEMU_LOSSES];
	size_t count = qemu_move(&from->first->cpu, &from->guest, &here, &there, losses);
	enum vpmu_take worst = VPMU_TAKES;

	for (size_t i = 0; i < count; i++) {
		add_line(why, losses[i].text, 0);
		worst = losses[i].take > worst ? losses[i].take : worst;
	}
	return worst;
}

/* A guest of the first kind that has just started is put on a machine of the second. */
static int judge_pair(const struct matrix *matrix, const struct matrix_kind *from,
                      const struct matrix_kind *to, struct matrix_cell *cell)
{
	struct state_target target = {.model = to->guest,
	                              .profile = to->guest.version ? to->first->profile : NULL,
	                              .order = matrix->order};
	struct vpmu_compat compat;
	struct vpmu_layout layout;
	struct vpmu_state state;
	struct why why = {.used = 0};
	enum vpmu_take loss;
	int status;

	vpmu_layout_init(&layout, &from->guest);
	vpmu_state_reset(&state, &layout);
	status = state_judge(&compat, &layout, &state, &target);
	if (status)
		return status;
	add_judgement(&why, &compat);
	loss = add_losses(&why, matrix, from, to);
	cell->take = loss > (enum vpmu_take)compat.take ? loss : (enum vpmu_take)compat.take;
	cell->why = memory_copy(why.text);
	return cell->why ? TOOL_HOLDS : TOOL_LACKS;
}

static int judge_all(struct matrix *matrix)
{
	size_t kinds = matrix->kind_count;
	int status = TOOL_HOLDS;

	matrix->cells = memory_get(kinds * kinds * sizeof(*matrix->cells));
	if (!matrix->cells)
		return TOOL_LACKS;
	memset(matrix->cells, 0, kinds * kinds * sizeof(*matrix->cells));
	for (size_t i = 0; i < kinds * kinds && !status; i++) {
		status = judge_pair(matrix, &matrix->kinds[i / kinds], &matrix->kinds[i % kinds],
		                    &matrix->cells[i]);
		matrix->verdicts[matrix->cells[i].take]++;
	}
	return status;
}

int matrix_make(struct matrix *matrix, const struct fleet *fleet,
                const struct fleet_options *options, const struct vpmu_order *order)
{
	int status;

	matrix->fleet = fleet;
	matrix->order = order;
	matrix->pmu_off = options->pmu_off;
	status = fleet_machine_type(options, &matrix->machine_type);
	if (!status)
		status = sort_machines(matrix);
	if (!status)
		status = judge_all(matrix);
	if (status == TOOL_LACKS)
		memory_say("a matrix");
	return status;
}

void matrix_free(struct matrix *matrix)
{
	for (size_t i = 0; matrix->cells && i < matrix->kind_count * matrix->kind_count; i++)
		free(matrix->cells[i].why);
	free(matrix->cells);
	free(matrix->kind_of);
}
