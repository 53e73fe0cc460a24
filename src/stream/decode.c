/* SPDX-License-Identifier: MIT */
/* Reads a native stream into a state of the destination's model. */
#include <stream/room_int.h>

/* --- The registers --------------------------------------------------------------------------- */

/* A state that is being filled. */
struct filling {
	const struct vpmu_layout *layout;
	struct vpmu_state state;
	uint64_t seen; /* bit i: the value i */
};
_Static_assert(VPMU_MAX_STATE <= 64, "filling.seen has a bit for each value");

/* Says what is wrong with a register of a run. */
static enum vpmu_status wrong_register(const struct why *why, enum vpmu_status status,
                                       const struct run *run, unsigned i, const char *what)
{
	struct text text = text_in(why->text, why->bytes);
	char name[VPMU_NAME_BYTES];

	run_name(run, i, name);
	text_add(&text, name);
	text_add(&text, " (");
	text_add_hex(&text, run->msr + (uint32_t)run->stride * i);
	text_add(&text, "): ");
	text_add(&text, what);
	text_add(&text, " at offset ");
	text_add_unsigned(&text, run->offset);
	return status;
}

/* The place of a run's i-th register, which most often is `stride` after the one before. */
static int place_of(const struct vpmu_layout *layout, const struct run *run, unsigned i, int last)
{
	uint32_t msr = run->msr + (uint32_t)run->stride * i;
	int guess = last + run->stride;

	if (i && guess < layout->register_count && layout->registers[guess].msr == msr)
		return guess;
	return vpmu_layout_find_msr(layout, msr);
}

/* Whether a register has the run's name. The names of a run's registers follow from the first's
 * when they are of one kind and their numbers ascend. */
static bool is_named(const struct vpmu_register *reg, const struct vpmu_register *first,
                     const struct run *run, unsigned i)
{
	char name[VPMU_NAME_BYTES];

	if (i && reg->kind == first->kind && reg->index == first->index + i)
		return true;
	run_name(run, i, name);
	return !memcmp(name, reg->name, VPMU_NAME_BYTES);
}

static enum vpmu_status fill(struct filling *filling, const struct run *run, unsigned i, int place,
                             const struct why *why)
{
	const struct vpmu_layout *layout = filling->layout;
	uint64_t value = run_value(run, i);
	unsigned at = layout->value_of[place];

	if (at == VPMU_NO_VALUE || layout->stored[at] != place)
		return wrong_register(why, VPMU_BAD_DATA, run, i,
		                      "the model keeps no value of its own there");
	if (filling->seen & BIT64(at))
		return wrong_register(why, VPMU_BAD_DATA, run, i, "the register is there twice");
	if (vpmu_layout_excess(layout, (unsigned)place, value))
		return wrong_register(why, VPMU_BAD_DATA, run, i,
		                      "the register cannot hold its value");
	filling->seen |= BIT64(at);
	filling->state.values[at] = value;
	return VPMU_OK;
}

static enum vpmu_status fill_run(struct filling *filling, const struct run *run,
                                 const struct why *why)
{
	const struct vpmu_register *registers = filling->layout->registers;
	int first = 0, place = 0;

	for (unsigned i = 0; i < run->count; i++) {
		enum vpmu_status status;

		place = place_of(filling->layout, run, i, place);
		if (place < 0)
			return wrong_register(why, VPMU_INCOMPATIBLE, run, i,
			                      "this vpmu's model has no such register");
		if (!i)
			first = place;
		if (!is_named(&registers[place], &registers[first], run, i))
			return wrong_register(why, VPMU_BAD_DATA, run, i,
			                      "the register has another name");
		status = fill(filling, run, i, place, why);
		if (status)
			return status;
	}
	return VPMU_OK;
}

/* What is not in the record REGS: the model's own values, and nothing else. */
static enum vpmu_status fill_rest(struct filling *filling, size_t offset, const struct why *why)
{
	const struct vpmu_layout *layout = filling->layout;

	for (unsigned i = 0; i < layout->value_count; i++) {
		const struct vpmu_register *reg = &layout->registers[layout->stored[i]];

		if (filling->seen & BIT64(i))
			continue;
		if (!is_of_model(reg))
			return fail_named(why, VPMU_BAD_DATA, "there is no value of", reg->name,
			                  name_length(reg->name), offset);
		filling->state.values[i] = reg->reset;
	}
	return VPMU_OK;
}

static enum vpmu_status fill_all(struct filling *filling, struct reader reader,
                                 const struct why *why)
{
	struct run run = {.name_length = 0};

	while (reader.at < reader.end) {
		enum vpmu_status status = run_read(&reader, &run, why);

		if (!status)
			status = fill_run(filling, &run, why);
		if (status)
			return status;
	}
	return fill_rest(filling, reader.end, why);
}

/* --- All of it ------------------------------------------------------------------------------- */

static enum vpmu_status decode(const struct envelope *envelope, struct filling *filling,
                               const struct why *why)
{
	const struct vpmu_layout *layout = filling->layout;
	enum vpmu_status status;

	memset(&filling->state, 0, sizeof(filling->state));
	filling->seen = 0;
	status = model_read(envelope->model, &filling->state.model, why);
	if (status)
		return status;
	if (!vpmu_model_equal(&filling->state.model, &layout->model))
		return model_wrong(&filling->state.model, &layout->model, why);
	return fill_all(filling, envelope->registers, why);
}

enum vpmu_status vpmu_stream_decode(const void *data, size_t bytes,
                                    const struct vpmu_layout *layout, struct vpmu_state *state,
                                    uint32_t *vcpu, char *why, size_t why_bytes)
{
	const struct why where = {why, why_bytes};
	struct filling filling;
	struct envelope envelope;
	enum vpmu_status status = envelope_open(&envelope, data, bytes, true, &where);

	filling.layout = layout;
	if (!status)
		status = decode(&envelope, &filling, &where);
	if (status)
		return status;
	*state = filling.state;
	if (vcpu)
		*vcpu = envelope.vcpu;
	return VPMU_OK;
}

enum vpmu_status vpmu_stream_look(const void *data, size_t bytes, struct vpmu_stream_about *about,
                                  char *why, size_t why_bytes)
{
	const struct why where = {why, why_bytes};
	struct vpmu_model model;
	struct envelope envelope;
	enum vpmu_status status = envelope_open(&envelope, data, bytes, true, &where);

	if (!status)
		status = model_read(envelope.model, &model, &where);
	if (!status)
		status = model_judge(&model, envelope.model.at, &where);
	if (status)
		return status;
	*about = (struct vpmu_stream_about){envelope.version, envelope.vcpu, model};
	return VPMU_OK;
}
