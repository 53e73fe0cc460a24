/* SPDX-License-Identifier: MIT */
/* A VM's file: a header, then the streams of its vCPUs. */
#include <stream/room_int.h>

enum { HEADER_CHECKED = VPMU_FILE_HEADER_BYTES - CHECKSUM_BYTES };

enum vpmu_status vpmu_file_header(void *out, size_t vcpus)
{
	uint8_t *at = out;

	if (!out || !vcpus || vcpus > VPMU_FILE_VCPUS)
		return VPMU_BAD_ARGUMENT;
	memcpy(at, FILE_MAGIC, NAME_BYTES);
	le_put(at + 4, VPMU_FILE_VERSION, 2);
	le_put(at + 6, 0, 2); /* flags */
	le_put(at + 8, vcpus, 4);
	le_put(at + HEADER_CHECKED, crc32c(0, at, HEADER_CHECKED), CHECKSUM_BYTES);
	return VPMU_OK;
}

static enum vpmu_status check_header(const uint8_t *data, size_t bytes, uint32_t *vcpus,
                                     const struct why *why)
{
	if (bytes < VPMU_FILE_HEADER_BYTES)
		return fail_at(why, VPMU_BAD_DATA, "the file ends inside its header", bytes);
	if (memcmp(data, FILE_MAGIC, NAME_BYTES) != 0)
		return fail_at(why, VPMU_BAD_DATA, "not a vpmu file: no 'vPMF'", 0);
	if (crc32c(0, data, HEADER_CHECKED) != le_get(data + HEADER_CHECKED, CHECKSUM_BYTES))
		return fail_at(why, VPMU_BAD_DATA, "the header's checksum does not match",
		               HEADER_CHECKED);
	if (le_get(data + 4, 2) != VPMU_FILE_VERSION)
		return fail_at(why, VPMU_INCOMPATIBLE,
		               "the file is of another format version than 1", 4);
	if (le_get(data + 6, 2))
		return fail_at(why, VPMU_INCOMPATIBLE, "unknown flags of the file", 6);
	*vcpus = (uint32_t)le_get(data + 8, 4);
	if (!*vcpus || *vcpus > VPMU_FILE_VCPUS)
		return fail_at(why, VPMU_BAD_DATA, "the number of vCPUs is out of range", 8);
	return VPMU_OK;
}

/* Adds to a stream's failure, whose offset counts from the stream's start, which vCPU's stream it
 * is. */
static enum vpmu_status fail_stream(const struct why *why, enum vpmu_status status,
                                    const char *what, uint32_t i)
{
	struct text text = text_in(why->text, why->bytes);

	text_add(&text, "stream ");
	text_add_unsigned(&text, i);
	text_add(&text, " of the file: ");
	text_add(&text, what);
	return status;
}

static enum vpmu_status check_stream(const uint8_t *stream, size_t left, size_t *length, char *what,
                                     size_t what_bytes)
{
	const struct why why = {what, what_bytes};
	enum vpmu_status status = vpmu_stream_length(stream, left, length, what, what_bytes);

	if (status)
		return status;
	if (*length > left)
		return fail_at(&why, VPMU_BAD_DATA, "the stream is cut short", left);
	return envelope_check(stream, *length, &why);
}

static enum vpmu_status check_streams(const struct vpmu_file *file, const struct why *why)
{
	size_t at = file->at, length = 0;
	int64_t last = -1;
	char what[120];

	for (uint32_t i = 0; i < file->vcpus; i++, at += length) {
		const uint8_t *stream = file->data + at;
		enum vpmu_status status =
			check_stream(stream, file->bytes - at, &length, what, sizeof(what));
		int64_t vcpu;

		if (status)
			return fail_stream(why, status, what, i);
		vcpu = (int64_t)le_get(stream + 12, 4);
		if (vcpu <= last)
			return fail_stream(why, VPMU_BAD_DATA,
			                   "the numbers of the vCPUs do not ascend", i);
		last = vcpu;
	}
	if (at != file->bytes)
		return fail_at(why, VPMU_BAD_DATA, "something follows the last stream", at);
	return VPMU_OK;
}

enum vpmu_status vpmu_file_open(struct vpmu_file *file, const void *data, size_t bytes, char *why,
                                size_t why_bytes)
{
	const struct why where = {why, why_bytes};
	struct vpmu_file opened = {.data = data, .bytes = bytes, .at = VPMU_FILE_HEADER_BYTES};
	enum vpmu_status status;

	if (!file || (!data && bytes))
		return argument_missing(why, why_bytes);
	status = check_header(data, bytes, &opened.vcpus, &where);
	if (!status)
		status = check_streams(&opened, &where);
	if (!status)
		*file = opened;
	return status;
}

bool vpmu_file_next(struct vpmu_file *file, const void **stream, size_t *bytes)
{
	if (!file || !stream || !bytes || file->at == file->bytes)
		return false;
	*stream = file->data + file->at;
	*bytes = le_get(file->data + file->at + 8, 4);
	file->at += *bytes;
	return true;
}
