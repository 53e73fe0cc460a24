/* SPDX-License-Identifier: MIT */
/* Runs of registers as a stream describes them, whatever they are; and their list for who does not
 * know the model. */
#include <stream/room_int.h>

static bool is_plain(const char *name, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (name[i] < '!' || name[i] > '~')
			return false;
	return length;
}

/* The name continues the run's old one after its first `shared` characters. */
static bool read_name(struct reader *reader, struct run *run, size_t shared, size_t rest)
{
	const uint8_t *bytes = read_bytes(reader, rest);

	if (!bytes || shared > run->name_length || shared + rest >= sizeof(run->name))
		return false;
	memcpy(run->name + shared, bytes, rest);
	run->name_length = (uint8_t)(shared + rest);
	return is_plain(run->name + shared, rest) || (!rest && shared);
}

/* Whether every register of the run has a number and a name of its own. */
static bool run_holds(const struct run *run)
{
	bool numbered = run->name[run->name_length - 1] == NUMBER_MARK;
	uint64_t last = run->msr + (uint64_t)run->stride * (run->count - 1u);

	if (!run->count || run->first + run->count > 256 || last > UINT32_MAX)
		return false;
	return run->count == 1 || (numbered && run->stride);
}

enum vpmu_status run_read(struct reader *reader, struct run *run, const struct why *why)
{
	size_t shared, rest;
	bool named;

	run->offset = reader->at;
	run->msr = (uint32_t)read_le(reader, 4);
	run->stride = (uint8_t)read_le(reader, 1);
	run->first = (uint8_t)read_le(reader, 1);
	run->count = (uint8_t)read_le(reader, 1);
	run->bytes = (uint8_t)read_le(reader, 1);
	shared = (size_t)read_le(reader, 1);
	rest = (size_t)read_le(reader, 1);
	named = read_name(reader, run, shared, rest);
	run->values = read_bytes(reader, (size_t)run->count * run->bytes);
	if (reader->failed || !named || !run->bytes || run->bytes > 8 || !run_holds(run))
		return fail_at(why, VPMU_BAD_DATA, "a run of registers is not well-formed",
		               run->offset);
	return VPMU_OK;
}

void run_name(const struct run *run, unsigned i, char name[VPMU_NAME_BYTES])
{
	struct text text = text_in(name, VPMU_NAME_BYTES);
	bool numbered = run->name[run->name_length - 1] == NUMBER_MARK;

	text_add_bytes(&text, run->name, run->name_length - numbered);
	if (numbered)
		text_add_unsigned(&text, run->first + i);
}

static void list_run(const struct run *run, struct vpmu_stream_register *out, size_t max,
                     size_t *count)
{
	for (unsigned i = 0; i < run->count; i++, ++*count) {
		if (*count >= max)
			continue;
		run_name(run, i, out[*count].name);
		out[*count].msr = run->msr + (uint32_t)run->stride * i;
		out[*count].value = le_get(run->values + (size_t)i * run->bytes, run->bytes);
	}
}

/* Checks all runs, and only then lists them. */
static enum vpmu_status check_runs(struct reader reader, const struct why *why)
{
	enum vpmu_status status = VPMU_OK;
	struct run run = {.name_length = 0};

	while (!status && reader.at < reader.end)
		status = run_read(&reader, &run, why);
	return status;
}

enum vpmu_status vpmu_stream_registers(const void *data, size_t bytes,
                                       struct vpmu_stream_register *out, size_t max, size_t *count,
                                       char *why, size_t why_bytes)
{
	const struct why where = {why, why_bytes};
	struct run run = {.name_length = 0};
	struct envelope envelope;
	enum vpmu_status status = envelope_open(&envelope, data, bytes, false, &where);

	if (!status)
		status = check_runs(envelope.registers, &where);
	if (status)
		return status;
	*count = 0;
	while (envelope.registers.at < envelope.registers.end &&
	       !run_read(&envelope.registers, &run, &where))
		list_run(&run, out, max, count);
	return VPMU_OK;
}
