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
	uint8_t bytes = 1;

	while (writable >>= 8)
		bytes++;
	return bytes;
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

		if (!row || !continues(row, reg)) {
			start_row(rows, reg, i);
			continue;
		}
		rows->next[row->tail] = i;
		row->tail = i;
		row->count++;
	}
}

/* The register's name with its number, if it ends with it, as '#'. Returns the length. */
static unsigned row_name(const struct vpmu_register *reg, char name[VPMU_NAME_BYTES])
{
	unsigned length = name_length(reg->name), end = length, index = reg->index;

	memcpy(name, reg->name, length);
	do {
		if (!end || name[--end] != (char)('0' + index % 10))
			return length;
		index /= 10;
	} while (index);
	if (end && name[end - 1] >= '0' && name[end - 1] <= '9')
		return length;
	name[end] = NUMBER_MARK;
	return end + 1;
}

/* A name shares its beginning with the one before. */
struct last_name {
	char name[VPMU_NAME_BYTES];
	unsigned length;
};

static void write_row(struct writer *writer, const struct rows *rows, const struct row *row,
                      const struct vpmu_state *state, struct last_name *last)
{
	char name[VPMU_NAME_BYTES];
	unsigned length = row_name(row->first, name), shared = 0;
	uint8_t value = row->head;

	while (shared < length && shared < last->length && name[shared] == last->name[shared])
		shared++;
	write_le(writer, row->first->msr, 4);
	write_le(writer, row->stride, 1);
	write_le(writer, row->first->index, 1);
	write_le(writer, row->count, 1);
	write_le(writer, row->bytes, 1);
	write_le(writer, shared, 1);
	write_le(writer, length - shared, 1);
	write_bytes(writer, name + shared, length - shared);
	for (unsigned i = 0; i < row->count; i++, value = rows->next[value])
		write_le(writer, state->values[value], row->bytes);
	memcpy(last->name, name, length);
	last->length = length;
}

/* A record's head, whose length is filled in by end_record(). Returns where it is. */
static size_t start_record(struct writer *writer, const char *name)
{
	size_t at = writer->at;

	write_bytes(writer, name, NAME_BYTES);
	write_le(writer, RECORD_REQUIRED, 2);
	write_le(writer, 0, 2);
	return at;
}

static void end_record(struct writer *writer, size_t start)
{
	size_t length = writer->at - start - RECORD_BYTES;

	if (!writer->failed)
		le_put(writer->data + start + RECORD_BYTES - 2, length, 2);
}

static void write_registers(struct writer *writer, const struct vpmu_state *state,
                            const struct vpmu_layout *layout)
{
	size_t start = start_record(writer, RECORD_REGISTER);
	struct last_name last = {.length = 0};
	struct rows rows;

	find_rows(&rows, layout);
	for (unsigned i = 0; i < rows.count; i++)
		write_row(writer, &rows, &rows.row[i], state, &last);
	end_record(writer, start);
}

static void write_model(struct writer *writer, const struct vpmu_model *model)
{
	size_t start = start_record(writer, RECORD_MODEL);
	unsigned length = name_length(model->name);

	write_le(writer, model->vendor, 1);
	write_le(writer, model->version, 1);
	write_le(writer, model->gp_count, 1);
	write_le(writer, model->gp_width, 1);
	write_le(writer, model->fixed_width, 1);
	write_le(writer, model->events_length, 1);
	write_le(writer, length, 1);
	write_le(writer, 0, 1);
	write_le(writer, model->fixed_mask, 4);
	write_le(writer, model->features, 4);
	write_le(writer, model->events_missing, 4);
	write_le(writer, model->signature, 4);
	write_le(writer, model->perf_capabilities, 8);
	write_bytes(writer, model->name, length);
	end_record(writer, start);
}

static void write_header(struct writer *writer, uint32_t vcpu)
{
	write_bytes(writer, STREAM_MAGIC, NAME_BYTES);
	write_le(writer, VPMU_STREAM_VERSION, 2);
	write_le(writer, 0, 2); /* flags */
	write_le(writer, 0, 4); /* the length: finish() */
	write_le(writer, vcpu, 4);
}

static void finish(struct writer *writer)
{
	if (writer->failed)
		return;
	le_put(writer->data + 8, writer->at + CHECKSUM_BYTES, 4);
	write_le(writer, crc32c(0, writer->data, writer->at), CHECKSUM_BYTES);
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
	struct writer writer = {.data = out, .end = bytes};

	*used = 0;
	if (vpmu_state_check(state, layout, NULL, 0) || !name_is_plain(&state->model))
		return VPMU_BAD_ARGUMENT;
	write_header(&writer, vcpu);
	write_model(&writer, &state->model);
	write_registers(&writer, state, layout);
	finish(&writer);
	if (writer.failed)
		return VPMU_BAD_ARGUMENT;
	*used = writer.at;
	return VPMU_OK;
}
