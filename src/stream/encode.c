/* SPDX-License-Identifier: MIT */
/* Writes a state as a native stream (docs/stream.md). */
#include <stream/room_int.h>

/* Registers of one kind, neighbours in number and evenly spaced, that are described together. */
struct row {
	const struct vpmu_register *first;
	uint8_t stride, count;
	uint8_t bytes;      /* of a value */
	uint8_t head, tail; /* values of the state; next[] leads from one to the other */
};

struct rows {
	struct row row[VPMU_MAX_STATE];
	unsigned count;
	uint8_t next[VPMU_MAX_STATE];
	uint8_t latest[VPMU_KINDS]; /* the latest row of each kind + 1 */
};

static uint8_t bytes_of(uint64_t writable)
{
	return (uint8_t)((71 - __builtin_clzll(writable | 1)) / 8);
}

static void start_row(struct rows *rows, const struct vpmu_register *reg, uint8_t value)
{
	rows->row[rows->count] = (struct row){
		.first = reg,
		.count = 1,
		.bytes = bytes_of(reg->writable),
		.head = value,
		.tail = value,
	};
	rows->latest[reg->kind] = (uint8_t)++rows->count;
}

/* Whether the register is the row's next. */
static bool continues(struct row *row, const struct vpmu_register *reg)
{
	uint32_t distance = reg->msr - row->first->msr;

	if (reg->index != row->first->index + row->count || bytes_of(reg->writable) > row->bytes)
		return false;
	if (row->count == 1 && distance <= UINT8_MAX)
		row->stride = (uint8_t)distance;
	return distance == (uint32_t)row->stride * row->count;
}

/* A layout's values by rows: AMD's counters and selectors, which take turns, apart. */
static void find_rows(struct rows *rows, const struct vpmu_layout *layout)
{
	rows->count = 0;
	memset(rows->latest, 0, sizeof(rows->latest));
	for (uint8_t i = 0; i < layout->value_count; i++) {
		const struct vpmu_register *reg = &layout->registers[layout->stored[i]];
		unsigned latest = rows->latest[reg->kind];
		struct row *row = latest ? &rows->row[latest - 1] : NULL;

		if (is_of_model(reg))
			continue;
		if (!row || !continues(row, reg)) {
			start_row(rows, reg, i);
			continue;
		}
		rows->next[row->tail] = i;
		row->tail = i;
		row->count++;
	}
}

/*
 * A stream under construction, in a buffer that any stream fits in with 8 bytes to spare: values
 * are written 8 bytes at a time, whatever their length.
 */
struct writer {
	uint8_t bytes[VPMU_STREAM_BYTES + 8];
	size_t at;
	char name[VPMU_NAME_BYTES]; /* of the row before, with which the next shares its beginning
	                             */
	bool full;
};

/* The next bytes to be written; the same ones again when there are too few. */
static uint8_t *write_room(struct writer *writer, size_t bytes)
{
	uint8_t *at = writer->bytes + writer->at;

	if (bytes > VPMU_STREAM_BYTES - writer->at)
		writer->full = true;
	else
		writer->at += bytes;
	return at;
}

/* The register's name with its number, if it ends with it, as '#', then zeros. Returns the length.
 */
static unsigned row_name(const struct vpmu_register *reg, char name[VPMU_NAME_BYTES])
{
	unsigned length = name_length(reg->name), end = length, index = reg->index;

	memcpy(name, reg->name, VPMU_NAME_BYTES);
	do {
		if (!end || name[--end] != (char)('0' + index % 10))
			return length;
		index /= 10;
	} while (index);
	if (end && name[end - 1] >= '0' && name[end - 1] <= '9')
		return length;
	memset(name + end, 0, length - end);
	name[end] = NUMBER_MARK;
	return end + 1;
}

/* The head of a row, with its name. */
static void write_head(struct writer *writer, const struct row *row)
{
	char name[VPMU_NAME_BYTES];
	unsigned length = row_name(row->first, name), shared = names_share(name, writer->name);
	uint8_t *at;

	shared = shared < length ? shared : length;
	at = write_room(writer, RUN_BYTES + length - shared);
	le_put(at, row->first->msr, 4);
	at[4] = row->stride;
	at[5] = row->first->index;
	at[6] = row->count;
	at[7] = row->bytes;
	at[8] = (uint8_t)shared;
	at[9] = (uint8_t)(length - shared);
	memcpy(at + RUN_BYTES, name + shared, length - shared);
	memcpy(writer->name, name, VPMU_NAME_BYTES);
}

static void write_row(struct writer *writer, const struct rows *rows, const struct row *row,
                      const struct vpmu_state *state)
{
	uint8_t value = row->head;

	write_head(writer, row);
	for (unsigned i = 0; i < row->count; i++, value = rows->next[value])
		le_put(write_room(writer, row->bytes), state->values[value], 8);
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
	struct rows rows;

	find_rows(&rows, layout);
	for (unsigned i = 0; i < rows.count; i++)
		write_row(writer, &rows, &rows.row[i], state);
	end_record(writer, start);
}

static void write_model(struct writer *writer, const struct vpmu_model *model)
{
	size_t start = start_record(writer, RECORD_MODEL);
	unsigned length = name_length(model->name);
	uint8_t *at = write_room(writer, MODEL_BYTES + length);

	at[0] = (uint8_t)model->vendor;
	at[1] = model->version;
	at[2] = model->gp_count;
	at[3] = model->gp_width;
	at[4] = model->fixed_width;
	at[5] = model->events_length;
	at[6] = (uint8_t)length;
	at[7] = 0; /* flags */
	le_put(at + 8, model->fixed_mask, 4);
	le_put(at + 12, model->features, 4);
	le_put(at + 16, model->events_missing, 4);
	le_put(at + 20, model->signature, 4);
	le_put(at + 24, model->perf_capabilities, 8);
	memcpy(at + MODEL_BYTES, model->name, length);
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

/* The length, which the checksum is of, and the checksum. */
static void write_end(struct writer *writer)
{
	size_t length = writer->at;
	uint8_t *at = write_room(writer, CHECKSUM_BYTES);

	le_put(writer->bytes + 8, writer->at, 4);
	le_put(at, crc32c(0, writer->bytes, length), CHECKSUM_BYTES);
}

/* Bytes that a reader refuses in a model's name. */
static bool name_is_plain(const struct vpmu_model *model)
{
	for (unsigned i = 0; i < VPMU_NAME_BYTES && model->name[i]; i++)
		if (model->name[i] < ' ' || model->name[i] > '~')
			return false;
	return true;
}

enum vpmu_status vpmu_stream_encode(const struct vpmu_state *state,
                                    const struct vpmu_layout *layout, uint32_t vcpu, void *out,
                                    size_t bytes, size_t *used)
{
	struct writer writer;

	*used = 0;
	if (vpmu_state_check(state, layout, NULL, 0) || !name_is_plain(&state->model))
		return VPMU_BAD_ARGUMENT;
	writer.at = 0;
	writer.full = false;
	memset(writer.name, 0, sizeof(writer.name));
	write_header(&writer, vcpu);
	write_model(&writer, &state->model);
	write_registers(&writer, state, layout);
	write_end(&writer);
	if (writer.full)
		return VPMU_INTERNAL;
	if (writer.at > bytes)
		return VPMU_BAD_ARGUMENT;
	memcpy(out, writer.bytes, writer.at);
	*used = writer.at;
	return VPMU_OK;
}
