/* SPDX-License-Identifier: MIT */
/*
 * A native stream from outside: header, length, checksum, records. The meaning of the header's
 * first 12 bytes, and the checksum at the end, are the same in every version, so that damage and a
 * newer version are never mistaken for each other.
 */
#include <stream/room_int.h>

enum { SHORTEST = HEADER_BYTES + CHECKSUM_BYTES };

static enum vpmu_status check_length(const uint8_t *data, size_t bytes, size_t *length,
                                     const struct why *why)
{
	if (bytes < HEADER_BYTES)
		return fail_at(why, VPMU_BAD_DATA, "the stream ends inside its header", bytes);
	if (memcmp(data, STREAM_MAGIC, NAME_BYTES) != 0)
		return fail_at(why, VPMU_BAD_DATA, "not a vpmu stream: no 'vPMU'", 0);
	*length = le_get(data + 8, 4);
	if (*length < SHORTEST || *length > VPMU_STREAM_LIMIT)
		return fail_at(why, VPMU_BAD_DATA, "the stream's length is out of range", 8);
	return VPMU_OK;
}

enum vpmu_status envelope_check(const void *data, size_t bytes, const struct why *why)
{
	const uint8_t *at = data;
	size_t length = 0;
	enum vpmu_status status = check_length(at, bytes, &length, why);

	if (status)
		return status;
	if (length > bytes)
		return fail_at(why, VPMU_BAD_DATA, "the stream is cut short", bytes);
	if (length < bytes)
		return fail_at(why, VPMU_BAD_DATA, "something follows the stream", length);
	length -= CHECKSUM_BYTES;
	if (crc32c(0, at, length) != le_get(at + length, CHECKSUM_BYTES))
		return fail_at(why, VPMU_BAD_DATA, "the stream's checksum does not match", length);
	return VPMU_OK;
}

/* One record: its head, which has been read, and its payload. */
struct record {
	const char *name;
	unsigned flags;
	size_t offset; /* of the head */
	struct reader payload;
};

static enum vpmu_status read_record(struct reader *reader, struct record *record,
                                    const struct why *why)
{
	const uint8_t *head;
	size_t length;

	record->offset = reader->at;
	head = read_bytes(reader, RECORD_BYTES);
	if (!head)
		return fail_at(why, VPMU_BAD_DATA, "the stream ends inside a record's head",
		               record->offset);
	record->name = (const char *)head;
	record->flags = (unsigned)le_get(head + 4, 2);
	length = le_get(head + 6, 2);
	record->payload = (struct reader){reader->data, reader->at, reader->at + length};
	if (!read_bytes(reader, length))
		return fail_named(why, VPMU_BAD_DATA, "the stream ends inside record", record->name,
		                  NAME_BYTES, record->offset);
	if (record->flags & ~(unsigned)RECORD_REQUIRED)
		return fail_named(why, VPMU_INCOMPATIBLE, "unknown flags of record", record->name,
		                  NAME_BYTES, record->offset);
	return VPMU_OK;
}

/* Notes where a known record's payload is. Unknown records are skipped, unless they are
 * required. */
static enum vpmu_status place_record(struct envelope *envelope, const struct record *record,
                                     bool strict, const struct why *why)
{
	struct reader *place = NULL;

	if (!memcmp(record->name, RECORD_MODEL, NAME_BYTES))
		place = &envelope->model;
	else if (!memcmp(record->name, RECORD_REGISTERS, NAME_BYTES))
		place = &envelope->registers;
	if (!place && record->flags & RECORD_REQUIRED && strict)
		return fail_named(why, VPMU_INCOMPATIBLE,
		                  "a newer vpmu is needed for the required record", record->name,
		                  NAME_BYTES, record->offset);
	if (!place)
		return VPMU_OK;
	if (place->data)
		return fail_named(why, VPMU_BAD_DATA, "there is a second record", record->name,
		                  NAME_BYTES, record->offset);
	*place = record->payload;
	return VPMU_OK;
}

static enum vpmu_status read_records(struct envelope *envelope, struct reader *reader, bool strict,
                                     const struct why *why)
{
	while (reader->at < reader->end) {
		struct record record = {.name = NULL};
		enum vpmu_status status = read_record(reader, &record, why);

		if (status)
			return status;
		status = place_record(envelope, &record, strict, why);
		if (status)
			return status;
	}
	if (!envelope->model.data)
		return fail_at(why, VPMU_BAD_DATA, "there is no record 'MODL'", reader->end);
	if (!envelope->registers.data)
		return fail_at(why, VPMU_BAD_DATA, "there is no record 'REGS'", reader->end);
	return VPMU_OK;
}

enum vpmu_status envelope_open(struct envelope *envelope, const void *data, size_t bytes,
                               bool strict, const struct why *why)
{
	const uint8_t *header = data;
	struct reader records = {header, HEADER_BYTES, bytes - CHECKSUM_BYTES};
	enum vpmu_status status = envelope_check(data, bytes, why);

	if (status)
		return status;
	*envelope = (struct envelope){
		.version = (uint16_t)le_get(header + 4, 2),
		.vcpu = (uint32_t)le_get(header + 12, 4),
	};
	if (envelope->version != VPMU_STREAM_VERSION)
		return fail_at(why, VPMU_INCOMPATIBLE,
		               "the stream is of another format version than 1", 4);
	if (le_get(header + 6, 2))
		return fail_at(why, VPMU_INCOMPATIBLE, "unknown flags of the stream", 6);
	return read_records(envelope, &records, strict, why);
}

enum vpmu_status vpmu_stream_length(const void *data, size_t bytes, size_t *length, char *why,
                                    size_t why_bytes)
{
	const struct why where = {why, why_bytes};
	size_t found = 0;
	enum vpmu_status status;

	if ((!data && bytes) || !length)
		return argument_missing(why, why_bytes);
	status = check_length(data, bytes, &found, &where);
	if (!status)
		*length = found;
	return status;
}
