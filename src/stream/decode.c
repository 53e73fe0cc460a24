/* SPDX-License-Identifier: MIT */
/* Reads a native stream into a state of the destination's model. */
#include <stream/room_int.h>

/* --- The registers --------------------------------------------------------------------------- */

/* A state that is being filled. */
struct filling {
	const struct vpmu_layout *layout;
	struct vpmu_state state;
	struct set seen; /* its values so far */
};

/* Says what is wrong with a register of a run. Not inline, so that the normal path stays fast. */
__attribute__((cold, noinline)) static enum vpmu_status wrong_register(const struct why *why,
                                                                       enum vpmu_status status,
                                                                       const struct run *run,
                                                                       unsigned i, const char *what)
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

/* The place of a run's first register. Usually that is the first value not yet read, or, if that
 * one belongs to the model, the next; so try these first. */
static int first_place(const struct filling *filling, uint32_t msr)
{
	const struct vpmu_layout *layout = filling->layout;

	for (unsigned i = next_missing(&filling->seen, layout, 0); i < layout->value_count;
	     i = next_missing(&filling->seen, layout, i + 1)) {
		int place = layout->stored[i];

		if (layout->registers[place].msr == msr)
			return place;
		if (layout->registers[place].msr > msr)
			break;
	}
	return vpmu_layout_find_msr(layout, msr);
}

/* The place of a later register of the run, which usually follows the one before at the distance
 * `stride`. */
static int next_place(const struct vpmu_layout *layout, unsigned stride, uint32_t msr, int last)
{
	int guess = last + (int)stride;

	if (guess < layout->register_count && layout->registers[guess].msr == msr)
		return guess;
	return vpmu_layout_find_msr(layout, msr);
}

/* Whether a register has the name that the run gives its i-th. */
static bool is_named(const struct vpmu_register *reg, const struct run *run, unsigned i)
{
	char name[VPMU_NAME_BYTES];

	run_name(run, i, name);
	return names_share(name, reg->name) == VPMU_NAME_BYTES;
}

/* Why a run's i-th register cannot have its value. */
static enum vpmu_status wrong_value(const struct filling *filling, const struct run *run,
                                    unsigned i, unsigned place, const struct why *why)
{
	const struct vpmu_layout *layout = filling->layout;
	unsigned at = layout->value_of[place];

	if (at == VPMU_NO_VALUE || layout->stored[at] != place)
		return wrong_register(why, VPMU_BAD_DATA, run, i,
		                      "the model keeps no value of its own there");
	if (set_has(&filling->seen, at))
		return wrong_register(why, VPMU_BAD_DATA, run, i, "the register is there twice");
	return wrong_register(why, VPMU_BAD_DATA, run, i, "the register cannot hold its value");
}

/* Stores a value. False: the register has no value of its own, was there already, or cannot hold
 * this value. */
static bool fill(struct filling *filling, unsigned place, uint64_t value)
{
	const struct vpmu_layout *layout = filling->layout;
	unsigned at = layout->value_of[place];

	if (at == VPMU_NO_VALUE || layout->stored[at] != place || set_has(&filling->seen, at) ||
	    register_excess(&layout->registers[place], value))
		return false;
	set_add(&filling->seen, at);
	filling->state.values[at] = value;
	return true;
}

/* Whether the i-th register's name follows from the first's without comparing it: both are of one
 * kind, with consecutive indices. */
static bool follows(const struct vpmu_register *reg, const struct vpmu_register *first, unsigned i)
{
	return i && reg->kind == first->kind && reg->index == first->index + i;
}

static enum vpmu_status fill_run(struct filling *filling, const struct run *run,
                                 const struct why *why)
{
	const struct vpmu_register *registers = filling->layout->registers;
	unsigned count = run->count, stride = run->stride;
	int first = first_place(filling, run->msr), place = first;
	uint32_t msr = run->msr;

	for (unsigned i = 0; i < count; i++, msr += stride) {
		if (i)
			place = next_place(filling->layout, stride, msr, place);
		if (place < 0)
			return wrong_register(why, VPMU_INCOMPATIBLE, run, i,
			                      "this vpmu's model has no such register");
		if (!follows(&registers[place], &registers[first], i) &&
		    !is_named(&registers[place], run, i))
			return wrong_register(why, VPMU_BAD_DATA, run, i,
			                      "the register has another name");
		if (!fill(filling, (unsigned)place, run_value(run, i)))
			return wrong_value(filling, run, i, (unsigned)place, why);
	}
	return VPMU_OK;
}

/* Fills in the values that REGS does not have. Only the model's own may be missing. */
static enum vpmu_status fill_rest(struct filling *filling, size_t offset, const struct why *why)
{
	const struct vpmu_layout *layout = filling->layout;

	for (unsigned i = next_missing(&filling->seen, layout, 0); i < layout->value_count;
	     i = next_missing(&filling->seen, layout, i + 1)) {
		const struct vpmu_register *reg = stored_register(layout, i);

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

/* --- The whole stream ------------------------------------------------------------------------- */

static enum vpmu_status decode(const struct envelope *envelope, struct filling *filling,
                               const struct why *why)
{
	const struct vpmu_layout *layout = filling->layout;
	enum vpmu_status status;

	memset(&filling->state, 0, sizeof(filling->state));
	filling->seen = (struct set){{0}};
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
	enum vpmu_status status;

	if ((!data && bytes) || !layout || !state)
		return argument_missing(why, why_bytes);
	status = envelope_open(&envelope, data, bytes, true, &where);
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
	enum vpmu_status status;

	if ((!data && bytes) || !about)
		return argument_missing(why, why_bytes);
	status = envelope_open(&envelope, data, bytes, true, &where);
	if (!status)
		status = model_read(envelope.model, &model, &where);
	if (!status)
		status = model_judge(&model, envelope.model.at, &where);
	if (status)
		return status;
	*about = (struct vpmu_stream_about){
		.version = envelope.version, .vcpu = envelope.vcpu, .model = model};
	return VPMU_OK;
}
