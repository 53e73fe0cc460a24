/* SPDX-License-Identifier: MIT */
/* Runs of registers as a stream describes them, independent of the model; and the list of their
 * registers for callers that do not know the model. */
#include <stream/room_int.h>

/* The highest bit of each of 8 bytes that is not from '!' to '~'. */
static uint64_t unprintable(uint64_t bytes)
{
	const uint64_t each = UINT64_C(0x0101010101010101), high = each << 7;

	return (bytes | (bytes + each) | ~((bytes | high) - '!' * each)) & high;
}

static bool is_plain(const uint8_t *bytes, size_t length)
{
	uint64_t wrong = 0;
	size_t i = 0;

	for (; i + 8 <= length; i += 8)
		wrong |= unprintable(le_get(bytes + i, 8));
	for (; i < length; i++)
		wrong |= bytes[i] < '!' || bytes[i] > '~';
	return !wrong;
}

/* Reads a name: it keeps the first `shared` characters of the previous run's name. */
static bool read_name(struct reader *reader, struct run *run, size_t shared, size_t rest)
{
	const uint8_t *bytes = read_bytes(reader, rest);
	size_t length = shared + rest, old = run->name_length;

	if (!bytes || !length || shared > old || length >= sizeof(run->name))
		return false;
	run->name_length = (uint8_t)length;
	for (; old > length; old--)
		run->name[old - 1] = 0;
	memcpy(run->name + shared, bytes, rest);
	return is_plain(bytes, rest);
}

/* The position of '#' in the run's name; the name's length if there is none. */
static unsigned number_place(const struct run *run)
{
	unsigned at = run->name_length;

	while (at && run->name[at - 1] != NUMBER_MARK)
		at--;
	return at ? at - 1 : run->name_length;
}

/* Whether every register of the run has a number and a name of its own. */
static bool run_holds(const struct run *run)
{
	bool numbered = number_place(run) < run->name_length;
	uint64_t last = run->msr + (uint64_t)run->stride * (run->count - 1u);

	if (!run->count || run->first + run->count > 256 || last > UINT32_MAX)
		return false;
	return run->count == 1 || (numbered && run->stride);
}

enum vpmu_status run_read(struct reader *reader, struct run *run, const struct why *why)
{
	const uint8_t *head;

	run->offset = reader->at;
	head = read_bytes(reader, RUN_BYTES);
	if (!head || !read_name(reader, run, head[8], head[9]))
		goto wrong;
	run->msr = (uint32_t)le_get(head, 4);
	run->stride = head[4];
	run->first = head[5];
	run->count = head[6];
	run->bytes = head[7];
	run->values = read_bytes(reader, (size_t)run->count * run->bytes);
	if (run->values && run->bytes && run->bytes <= 8 && run_holds(run))
		return VPMU_OK;
wrong:
	return fail_at(why, VPMU_BAD_DATA, "a run of registers is not well-formed", run->offset);
}

void run_name(const struct run *run, unsigned i, char name[VPMU_NAME_BYTES])
{
	unsigned at = number_place(run), number = run->first + i, rest = at + 1;
	unsigned unit = number < 10 ? 1 : number < 100 ? 10 : 100;

	memcpy(name, run->name, VPMU_NAME_BYTES);
	if (at == run->name_length)
		return;
	for (; unit && at < VPMU_NAME_BYTES - 1; unit /= 10)
		name[at++] = (char)('0' + number / unit % 10);
	while (at < VPMU_NAME_BYTES - 1 && rest < run->name_length)
		name[at++] = run->name[rest++];
}

static void list_run(const struct run *run, struct vpmu_stream_register *out, size_t max,
                     size_t *count)
{
	for (unsigned i = 0; i < run->count; i++, ++*count) {
		if (*count >= max)
			continue;
		run_name(run, i, out[*count].name);
		out[*count].msr = run->msr + (uint32_t)run->stride * i;
		out[*count].value = run_value(run, i);
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
	enum vpmu_status status;

	if ((!data && bytes) || !count || (!out && max))
		return argument_missing(why, why_bytes);
	status = envelope_open(&envelope, data, bytes, false, &where);
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
