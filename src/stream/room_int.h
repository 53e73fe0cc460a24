/* SPDX-License-Identifier: MIT */
/*
 * What the files of src/stream share among themselves: bounded reading and writing, the numbers of
 * the native format (docs/stream.md), and how a failure is said.
 */
#ifndef STREAM_ROOM_INT_H
#define STREAM_ROOM_INT_H

#include <string.h>

#include <arch/room.h>
#include <base/room.h>
#include <stream/room.h>

/* --- Bytes --------------------------------------------------------------------------------------
 */

/* Little-endian numbers of 1 to 8 bytes; a constant `bytes` makes it one access. */
static inline uint64_t le_get(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)at[i] << (8 * i);
	return value;
}

static inline void le_put(uint8_t *at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

/* Big-endian, as QEMU writes. */
static inline uint64_t be_get(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value = value << 8 | at[i];
	return value;
}

/* Where the next byte is read, and where to end. Once something was not there, `failed` stays set
 * and every read gives zeros. */
struct reader {
	const uint8_t *data;
	size_t at, end;
	bool failed;
};

/* The next bytes, or NULL. */
static inline const uint8_t *read_bytes(struct reader *reader, size_t bytes)
{
	const uint8_t *at = reader->data + reader->at;

	if (reader->failed || bytes > reader->end - reader->at) {
		reader->failed = true;
		return NULL;
	}
	reader->at += bytes;
	return at;
}

static inline uint64_t read_le(struct reader *reader, unsigned bytes)
{
	const uint8_t *at = read_bytes(reader, bytes);

	return at ? le_get(at, bytes) : 0;
}

/* The same for writing; `failed`: it did not fit. */
struct writer {
	uint8_t *data;
	size_t at, end;
	bool failed;
};

static inline uint8_t *write_room(struct writer *writer, size_t bytes)
{
	uint8_t *at = writer->data + writer->at;

	if (writer->failed || bytes > writer->end - writer->at) {
		writer->failed = true;
		return NULL;
	}
	writer->at += bytes;
	return at;
}

static inline void write_le(struct writer *writer, uint64_t value, unsigned bytes)
{
	uint8_t *at = write_room(writer, bytes);

	if (at)
		le_put(at, value, bytes);
}

static inline void write_bytes(struct writer *writer, const void *bytes, size_t count)
{
	uint8_t *at = write_room(writer, count);

	if (at)
		memcpy(at, bytes, count);
}

/* The length of a name that may fill its room. */
static inline unsigned name_length(const char name[VPMU_NAME_BYTES])
{
	unsigned length = 0;

	while (length < VPMU_NAME_BYTES && name[length])
		length++;
	return length;
}

/* --- Failures -----------------------------------------------------------------------------------
 */

/* Where a failure is described. */
struct why {
	char *text;
	size_t bytes;
};

/* "WHAT at offset N"; returns the status. */
enum vpmu_status fail_at(const struct why *why, enum vpmu_status status, const char *what,
                         uint64_t offset);

/* The same with a name between: "WHAT 'NAME' at offset N", unprintable bytes as '?'. */
enum vpmu_status fail_named(const struct why *why, enum vpmu_status status, const char *what,
                            const char *name, size_t length, uint64_t offset);

/* --- The native format --------------------------------------------------------------------------
 */

enum {
	NAME_BYTES = 4, /* of a magic, or a record's name */
	HEADER_BYTES = VPMU_STREAM_HEADER_BYTES,
	RECORD_BYTES = 8,
	CHECKSUM_BYTES = 4,
	RECORD_REQUIRED = 1 << 0, /* the flags of a record */
	MODEL_BYTES = 32,         /* and the name */
	RUN_BYTES = 10,           /* and the name, and the values */
	NUMBER_MARK = '#',        /* in a run's name: the register's number */
};

#define STREAM_MAGIC    "vPMU"
#define FILE_MAGIC      "vPMF"
#define RECORD_MODEL    "MODL"
#define RECORD_REGISTER "REGS"

/* A stream whose header and checksum are good, and what is in it. */
struct envelope {
	uint16_t version;
	uint32_t vcpu;
	struct reader model, registers; /* the payloads; of data NULL: there is none */
};

/*
 * Checks header, length, checksum and records, each by itself; strict: a required record that is
 * unknown is refused.
 */
enum vpmu_status envelope_open(struct envelope *envelope, const void *data, size_t bytes,
                               bool strict, const struct why *why);

/* Only header, length and checksum; any version. */
enum vpmu_status envelope_check(const void *data, size_t bytes, const struct why *why);

/* A run of registers in a stream. */
struct run {
	uint32_t msr; /* of the first */
	uint8_t stride, first, count, bytes;
	uint8_t name_length;
	char name[VPMU_NAME_BYTES]; /* with a '#' where the number goes */
	size_t offset;              /* where it begins */
	const uint8_t *values;
};

/* Reads the next run; its name continues the previous run's, which *run still holds. */
enum vpmu_status run_read(struct reader *reader, struct run *run, const struct why *why);

/* The name of its i-th register. */
void run_name(const struct run *run, unsigned i, char name[VPMU_NAME_BYTES]);

/* Reads the model out of its record's payload. */
enum vpmu_status model_read(struct reader reader, struct vpmu_model *model, const struct why *why);

/* Whether it can exist; VPMU_INCOMPATIBLE otherwise: a newer vpmu may know more. */
enum vpmu_status model_judge(const struct vpmu_model *model, size_t offset, const struct why *why);

/* Says in what the stream's model is not the destination's. */
enum vpmu_status model_wrong(const struct vpmu_model *from, const struct vpmu_model *to,
                             const struct why *why);

/* --- QEMU's format ------------------------------------------------------------------------------
 */

/* A file of any size, seen through a window. Reads past the end give `ended`, failed reads of the
 * source `broken`; both stay set, and every byte is then 0. */
struct window {
	const struct vpmu_source *source;
	uint64_t start; /* of what is in bytes[] */
	size_t have;
	bool ended, broken;
	uint8_t bytes[8192];
};

/* The byte at that offset. */
uint8_t window_byte(struct window *window, uint64_t offset);

/* Copies bytes out; false, and zeros, when they are not all there. */
bool window_copy(struct window *window, uint64_t offset, void *into, size_t bytes);

/* A big-endian number. */
uint64_t window_be(struct window *window, uint64_t offset, unsigned bytes);

/* Whether these bytes are there. */
bool window_is(struct window *window, uint64_t offset, const void *bytes, size_t count);

/* What all parts of the search have in common. */
struct search {
	struct window window;
	struct why why;
	struct vpmu_qemu_cpu *cpus;
	size_t max, count;
	struct vpmu_qemu_about *about;
};

/* Marks of a QEMU stream (migration/savevm.h), and the bytes of its parts. */
enum {
	QEMU_START = 8, /* after the magic and the version */
	QEMU_EOF = 0,
	QEMU_SECTION_START = 1,
	QEMU_SECTION_PART = 2,
	QEMU_SECTION_END = 3,
	QEMU_SECTION_FULL = 4,
	QEMU_SUBSECTION = 5,
	QEMU_DESCRIPTION = 6,
	QEMU_CONFIGURATION = 7,
	QEMU_COMMAND = 8,
	QEMU_FOOTER = 0x7e,
	QEMU_FOOTER_BYTES = 5,
	QEMU_SECTION_BYTES = 14,   /* of a section's head, without its name */
	QEMU_SUBSECTION_BYTES = 6, /* of a subsection's */
	QEMU_CPU_VERSION = 12,     /* of x86's section "cpu" */
	QEMU_PMU_VERSION = 1,
};

#define QEMU_CPU "cpu"
#define QEMU_PMU "cpu/msr_architectural_pmu"
#define QEMU_LBR "cpu/arch_lbr"

/* Fails, with VPMU_HOST when a read of the source is the reason. */
enum vpmu_status search_fail(struct search *search, enum vpmu_status status, const char *what,
                             uint64_t offset);

/* Adds a vCPU to those found. */
enum vpmu_status search_add(struct search *search, const struct vpmu_qemu_cpu *cpu);

/* Reads the PMU's subsection, whose head is at the offset, into the vCPU. */
enum vpmu_status search_pmu(struct search *search, struct vpmu_qemu_cpu *cpu, uint64_t offset);

/* Whether the head of a CPU's section is at the offset; its instance and version then. */
bool search_cpu_at(struct search *search, uint64_t offset, uint32_t *instance, uint32_t *version);

/* Finds the vCPUs through the description, whose text is in [start, end); `sections` is where the
 * sections end that it describes. */
enum vpmu_status search_described(struct search *search, uint64_t sections, uint64_t start,
                                  uint64_t end);

/* Finds them without one. */
enum vpmu_status search_plain(struct search *search);

/* --- The description's JSON ----------------------------------------------------------------------
 */

enum { JSON_TEXT_BYTES = 256 };

/* JSON read once, from left to right. After the first mistake nothing is there any more. */
struct json {
	struct window *window;
	uint64_t at, end;
	bool wrong;
};

/* Takes the character if it is next, after blanks. */
bool json_take(struct json *json, char c);

/* A string; what is beyond JSON_TEXT_BYTES - 1 bytes is a mistake. */
void json_text(struct json *json, char text[JSON_TEXT_BYTES]);

/* A number without sign, fraction and exponent. */
uint64_t json_number(struct json *json);

/* Passes over a value of any kind. */
void json_skip(struct json *json);

/*
 * for (bool more = json_open(json, '{', '}'); more; more = json_next(json, '}')) …
 * goes through an object (each time: json_text() and ':') or an array.
 */
bool json_open(struct json *json, char open, char close);
bool json_next(struct json *json, char close);

#endif
