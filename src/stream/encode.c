/* SPDX-License-Identifier: MIT */
/* Writes a state as a native stream (docs/stream.md). */
#include <stream/room_int.h>

/* More bytes than any state of VPMU_MAX_STATE values needs: as if each were alone in a run, with a
 * longest name that shares nothing. Values are written 8 bytes at a time and names with their full
 * room, so there must be space behind them. */
enum {
	RECORDS_BYTES = 2 * RECORD_BYTES + MODEL_BYTES,
	ROW_BYTES = RUN_BYTES + VPMU_NAME_BYTES + 8,
	ROOM_BYTES = HEADER_BYTES + RECORDS_BYTES + VPMU_MAX_STATE * ROW_BYTES + CHECKSUM_BYTES,
};

/* A stream under construction. */
struct writer {
	uint8_t bytes[ROOM_BYTES];
	size_t at;
	uint64_t excess;            /* bits that some register cannot hold */
	char name[VPMU_NAME_BYTES]; /* of the row before, with which the next shares its beginning
	                             */
};

/* The next bytes to be written. */
static uint8_t *write_room(struct writer *writer, size_t bytes)
{
	writer->at += bytes;
	return writer->bytes + writer->at - bytes;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The register's name, with '#' in place of a trailing number that is the register's index, padded
 * with zeros. Returns the length. */
static unsigned row_name(const struct vpmu_register *reg, char name[VPMU_NAME_BYTES])
{
	unsigned length = name_length(reg->name), end = length, index = reg->index, rest, at;

	memcpy(name, reg->name, VPMU_NAME_BYTES);
	while (end && !is_digit(name[end - 1]))
		end--;
	at = end;
	do {
		if (!at || name[--at] != (char)('0' + index % 10))
			return length;
		index /= 10;
	} while (index);
	if (at && is_digit(name[at - 1]))
		return length;
	rest = length - end;
	name[at++] = NUMBER_MARK;
	memmove(name + at, reg->name + end, rest);
	memset(name + at + rest, 0, VPMU_NAME_BYTES - at - rest);
	return at + rest;
}

/* A row becomes a run: registers of one kind with consecutive indices and evenly spaced MSR
 * numbers. */
struct row {
	const struct vpmu_register *first;
	uint64_t beyond;   /* the bits beyond its values' bytes */
	uint32_t stride;   /* 0: there is only one yet */
	uint32_t next_msr; /* the MSR number that continues it; without a stride, the highest that
	                      can */
	uint8_t count, bytes;
};

static struct row row_from(const struct vpmu_register *reg)
{
	unsigned bytes = (71u - (unsigned)__builtin_clzll(reg->writable | 1)) / 8;

	return (struct row){
		.first = reg,
		.beyond = bytes == 8 ? 0 : UINT64_MAX << 8 * bytes,
		.next_msr = reg->msr + UINT8_MAX,
		.count = 1,
		.bytes = (uint8_t)bytes,
	};
}

/* Whether the register is the row's next. It must be of the row's kind and not beyond next_msr. The
 * second register sets the stride. */
static bool continues(struct row *row, const struct vpmu_register *reg)
{
	if (reg->index != row->first->index + row->count || reg->writable & row->beyond)
		return false;
	if (!row->stride)
		row->stride = reg->msr - row->first->msr;
	else if (reg->msr != row->next_msr)
		return false;
	row->next_msr = reg->msr + row->stride;
	row->count++;
	return true;
}

/* Writes a row's head and name. end_row() fills in what is known only at the row's end. */
static uint8_t *start_row(struct writer *writer, const struct row *row)
{
	char name[2 * VPMU_NAME_BYTES] = {0};
	unsigned length = row_name(row->first, name), shared = names_share(name, writer->name);
	uint8_t *at;

	shared = shared < length ? shared : length;
	at = write_room(writer, RUN_BYTES + length - shared);
	le_put(at, row->first->msr, 4);
	at[5] = row->first->index;
	at[7] = row->bytes;
	at[8] = (uint8_t)shared;
	at[9] = (uint8_t)(length - shared);
	memcpy(at + RUN_BYTES, name + shared, VPMU_NAME_BYTES);
	memcpy(writer->name, name, VPMU_NAME_BYTES);
	return at;
}

static void end_row(uint8_t *head, const struct row *row)
{
	head[4] = (uint8_t)row->stride;
	head[6] = row->count;
}

/* The values of a row have as many bytes as its first, in `bytes`. */
static void write_value(struct writer *writer, unsigned bytes, const struct vpmu_register *reg,
                        uint64_t value)
{
	writer->excess |= register_excess(reg, value);
	le_put(write_room(writer, bytes), value, 8);
}

/*
 * Writes the row that begins with the state's i-th value. Other registers may be between its own,
 * since AMD's counters and selectors alternate. Adds the row's values to *has.
 */
static void write_row(struct writer *writer, const struct vpmu_state *state,
                      const struct vpmu_layout *layout, unsigned i, struct set *has)
{
	struct row row = row_from(stored_register(layout, i));
	uint8_t *head = start_row(writer, &row);

	set_add(has, i);
	write_value(writer, row.bytes, row.first, state->values[i]);
	while (++i < layout->value_count) {
		const struct vpmu_register *reg = stored_register(layout, i);

		if (reg->msr > row.next_msr)
			break;
		if (reg->kind != row.first->kind)
			continue;
		if (!continues(&row, reg))
			break;
		write_value(writer, row.bytes, reg, state->values[i]);
		set_add(has, i);
	}
	end_row(head, &row);
}

/* A record's head, whose length is filled in by end_record(). Returns where it is. */
static size_t start_record(struct writer *writer, const char *name)
{
	uint8_t *at = write_room(writer, RECORD_BYTES);

	memcpy(at, name, NAME_BYTES);
	le_put(at + 4, RECORD_REQUIRED, 2);
	return writer->at - RECORD_BYTES;
}

static void end_record(struct writer *writer, size_t start)
{
	le_put(writer->bytes + start + 6, writer->at - start - RECORD_BYTES, 2);
}

static void write_registers(struct writer *writer, const struct vpmu_state *state,
                            const struct vpmu_layout *layout)
{
	size_t start = start_record(writer, RECORD_REGISTERS);
	struct set has = {{0}};

	for (unsigned i = 0; i < layout->value_count; i = next_missing(&has, layout, i + 1)) {
		const struct vpmu_register *reg = stored_register(layout, i);

		if (is_of_model(reg)) {
			writer->excess |= register_excess(reg, state->values[i]);
			set_add(&has, i);
		} else {
			write_row(writer, state, layout, i, &has);
		}
	}
	end_record(writer, start);
}

static void write_model(struct writer *writer, const struct vpmu_model *model)
{
	size_t start = start_record(writer, RECORD_MODEL);

	writer->at += model_write(model, writer->bytes + writer->at);
	end_record(writer, start);
}

static void write_header(struct writer *writer, uint32_t vcpu)
{
	uint8_t *at = write_room(writer, HEADER_BYTES);

	memcpy(at, STREAM_MAGIC, NAME_BYTES);
	le_put(at + 4, VPMU_STREAM_VERSION, 2);
	le_put(at + 6, 0, 2); /* flags */
	le_put(at + 12, vcpu, 4);
}

/* Writes the length, then the checksum, which covers it. */
static void write_end(struct writer *writer)
{
	size_t length = writer->at;
	uint8_t *at = write_room(writer, CHECKSUM_BYTES);

	le_put(writer->bytes + 8, writer->at, 4);
	le_put(at, crc32c(0, writer->bytes, length), CHECKSUM_BYTES);
}

enum vpmu_status vpmu_stream_encode(const struct vpmu_state *state,
                                    const struct vpmu_layout *layout, uint32_t vcpu, void *out,
                                    size_t bytes, size_t *used)
{
	struct writer writer;

	if (!used)
		return VPMU_BAD_ARGUMENT;
	*used = 0;
	if (!state || !layout || !out)
		return VPMU_BAD_ARGUMENT;
	if (!vpmu_model_equal(&state->model, &layout->model) ||
	    !name_is_plain(state->model.name, name_length(state->model.name)))
		return VPMU_BAD_ARGUMENT;
	writer.at = 0;
	writer.excess = 0;
	memset(writer.name, 0, sizeof(writer.name));
	write_header(&writer, vcpu);
	write_model(&writer, &state->model);
	write_registers(&writer, state, layout);
	write_end(&writer);
	if (writer.excess || writer.at > bytes)
		return VPMU_BAD_ARGUMENT;
	if (writer.at > VPMU_STREAM_BYTES)
		return VPMU_INTERNAL;
	memcpy(out, writer.bytes, writer.at);
	*used = writer.at;
	return VPMU_OK;
}
