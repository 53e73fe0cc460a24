/* SPDX-License-Identifier: MIT */
/*
 * What the files of src/stream share: bounded reading and writing, the constants of the native
 * format (docs/stream.md), and failure messages.
 */
#ifndef STREAM_ROOM_INT_H
#define STREAM_ROOM_INT_H

#include <string.h>

#include <arch/room.h>
#include <base/room.h>
#include <state/room.h>
#include <stream/room.h>

/* --- Bytes ----------------------------------------------------------------------------------- */

/* A host's number as little-endian bytes, and back. */
static inline uint64_t le_swap(uint64_t value)
{
	return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap64(value) : value;
}

/* Little-endian numbers of 1 to 8 bytes. */
static inline uint64_t le_get(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;

	memcpy(&value, at, bytes);
	return le_swap(value);
}

/* The same with one load for any length: reads the 8 bytes that end with the number. They must be
 * readable, as is true of everything behind a stream's head. */
static inline uint64_t le_end(const uint8_t *at, unsigned bytes)
{
	return le_get(at + bytes - 8, 8) >> (64 - 8 * bytes);
}

static inline void le_put(uint8_t *at, uint64_t value, unsigned bytes)
{
	value = le_swap(value);
	memcpy(at, &value, bytes);
}

/* Big-endian, as QEMU writes. */
static inline uint64_t be_get(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value = value << 8 | at[i];
	return value;
}

static inline void be_put(uint8_t at[8], uint64_t value)
{
	for (unsigned i = 0; i < 8; i++)
		at[i] = (uint8_t)(value >> (56 - 8 * i));
}

/* A structure of QEMU's fields, 8 bytes each, from and to the stream. */
static inline void be_put_fields(uint8_t *at, const void *fields, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += 8) {
		uint64_t value;

		memcpy(&value, (const uint8_t *)fields + i, 8);
		be_put(at + i, value);
	}
}

static inline void be_get_fields(const uint8_t *at, void *fields, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += 8) {
		uint64_t value = be_get(at + i, 8);

		memcpy((uint8_t *)fields + i, &value, 8);
	}
}

/* The next byte to read, and the end. */
struct reader {
	const uint8_t *data;
	size_t at, end;
};

/* The next bytes, or NULL if there are not that many. */
static inline const uint8_t *read_bytes(struct reader *reader, size_t bytes)
{
	const uint8_t *at = reader->data + reader->at;

	if (bytes > reader->end - reader->at)
		return NULL;
	reader->at += bytes;
	return at;
}

/* The first byte that is not 0 of a little-endian word. */
static inline unsigned first_byte(uint64_t word)
{
	return (unsigned)__builtin_ctzll(word) / 8;
}

/* The length of a name that may fill its room. */
static inline unsigned name_length(const char name[VPMU_NAME_BYTES])
{
	for (unsigned at = 0; at < VPMU_NAME_BYTES; at += 8) {
		uint64_t word = le_get((const uint8_t *)name + at, 8);
		uint64_t zeros = (word - UINT64_C(0x0101010101010101)) & ~word &
		                 UINT64_C(0x8080808080808080);

		if (zeros)
			return at + first_byte(zeros);
	}
	return VPMU_NAME_BYTES;
}

/* Whether the first `length` bytes are printable ASCII. A byte that is not sets its highest bit in
 * the sum; it may also borrow from or carry into its neighbour, whose result then no longer
 * matters. */
static inline bool name_is_plain(const char name[VPMU_NAME_BYTES], unsigned length)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t bad = 0;

	for (unsigned at = 0; at < length; at += 8) {
		uint64_t word = le_get((const uint8_t *)name + at, 8);
		uint64_t rest = length - at < 8 ? UINT64_MAX << 8 * (length - at) : 0;

		word = (word & ~rest) | (ones * ' ' & rest);
		bad |= word | (word - ones * ' ') | (word + ones);
	}
	return !(bad & ones << 7);
}

/* The length of the common prefix of two names that are padded with zeros. */
static inline unsigned names_share(const char a[VPMU_NAME_BYTES], const char b[VPMU_NAME_BYTES])
{
	for (unsigned at = 0; at < VPMU_NAME_BYTES; at += 8) {
		uint64_t difference =
			le_get((const uint8_t *)a + at, 8) ^ le_get((const uint8_t *)b + at, 8);

		if (difference)
			return at + first_byte(difference);
	}
	return VPMU_NAME_BYTES;
}

/* The checksum on any processor. */
uint32_t crc32c_by_table(uint32_t crc, const void *data, size_t bytes);

/* --- Failures -------------------------------------------------------------------------------- */

/* Where a failure is described. */
struct why {
	char *text;
	size_t bytes;
};

/* "WHAT at offset N"; returns the status. */
enum vpmu_status fail_at(const struct why *why, enum vpmu_status status, const char *what,
                         uint64_t offset);

/* The same with a name: "WHAT 'NAME' at offset N", unprintable bytes as '?'. */
enum vpmu_status fail_named(const struct why *why, enum vpmu_status status, const char *what,
                            const char *name, size_t length, uint64_t offset);

/* --- The native format ----------------------------------------------------------------------- */

enum {
	NAME_BYTES = 4, /* of a magic, or a record's name */
	HEADER_BYTES = VPMU_STREAM_HEADER_BYTES,
	RECORD_BYTES = 8,
	CHECKSUM_BYTES = 4,
	RECORD_REQUIRED = 1 << 0, /* the flags of a record */
	FIELD_NUMBER_SHIFT = 3,   /* in the head of a model's field; below, the value's bytes - 1 */
	FIELD_BYTES_MASK = 7,
	MODEL_BYTES = 1 + VPMU_NAME_BYTES + VPMU_MAX_FIELDS * 9, /* of a record MODL at most */
	RUN_BYTES = 10,                                          /* and the name, and the values */
	NUMBER_MARK = '#', /* in a run's name: the register's number */
};

#define STREAM_MAGIC     "vPMU"
#define FILE_MAGIC       "vPMF"
#define RECORD_MODEL     "MODL"
#define RECORD_REGISTERS "REGS"

/* A stream whose header and checksum are good, and what is in it. */
struct envelope {
	uint16_t version;
	uint32_t vcpu;
	struct reader model, registers; /* the payloads; data is NULL if there is none */
};

/*
 * Checks header, length, checksum and each record. strict: refuse an unknown required record.
 */
enum vpmu_status envelope_open(struct envelope *envelope, const void *data, size_t bytes,
                               bool strict, const struct why *why);

/* Only header, length and checksum; any version. */
enum vpmu_status envelope_check(const void *data, size_t bytes, const struct why *why);

/* Whether a register always has the value that the model says, so that the record MODL covers
 * it. */
static inline bool is_of_model(const struct vpmu_register *reg)
{
	return reg->kind == VPMU_KIND_CAPABILITIES;
}

/* The register of a state's i-th value. */
static inline const struct vpmu_register *stored_register(const struct vpmu_layout *layout,
                                                          unsigned i)
{
	return &layout->registers[layout->stored[i]];
}

_Static_assert((int)VPMU_MAX_STATE <= (int)SET_BITS, "a set can have each value of a state");

/* The first of the state's values from `from` on that the set lacks; value_count past the last. */
static inline unsigned next_missing(const struct set *set, const struct vpmu_layout *layout,
                                    unsigned from)
{
	while (from < layout->value_count && set_has(set, from))
		from++;
	return from;
}

/* A run of registers in a stream. */
struct run {
	uint32_t msr; /* of the first */
	uint8_t stride, first, count, bytes;
	uint8_t name_length;
	char name[VPMU_NAME_BYTES]; /* with a '#' where the number goes, then zeros */
	size_t offset;              /* where it begins */
	const uint8_t *values;
};

/* The value of its i-th register. */
static inline uint64_t run_value(const struct run *run, unsigned i)
{
	return le_end(run->values + (size_t)i * run->bytes, run->bytes);
}

/* Reads the next run; its name continues the previous run's, which *run still holds. */
enum vpmu_status run_read(struct reader *reader, struct run *run, const struct why *why);

/* The name of its i-th register, followed by zeros. */
void run_name(const struct run *run, unsigned i, char name[VPMU_NAME_BYTES]);

/* Writes the payload of a model's record, and returns its length. */
size_t model_write(const struct vpmu_model *model, uint8_t at[MODEL_BYTES]);

/* Reads the model out of its record's payload. */
enum vpmu_status model_read(struct reader reader, struct vpmu_model *model, const struct why *why);

/* VPMU_INCOMPATIBLE if the model cannot exist, since a newer vpmu may know more models. */
enum vpmu_status model_judge(const struct vpmu_model *model, size_t offset, const struct why *why);

/* Says in which fields the stream's model differs from the destination's. */
enum vpmu_status model_wrong(const struct vpmu_model *from, const struct vpmu_model *to,
                             const struct why *why);

/* --- QEMU's format --------------------------------------------------------------------------- */

/*
 * A file of any size, seen through a window of two blocks, so that a look ahead does not lose the
 * present place. A read past the end sets `ended`, a failed read of the source `broken`; both stay
 * set, and every byte is then 0.
 */
struct window {
	const struct vpmu_source *source;
	bool ended, broken;
	unsigned latest; /* the block that was used last */
	struct block {
		uint64_t start;
		size_t have;
		uint8_t bytes[8192];
	} blocks[2];
};

/* The byte at that offset. */
uint8_t window_byte(struct window *window, uint64_t offset);

/* The offset of the first byte from `offset` on that is `one` or `other`; the source's length if
 * there is none, or it cannot be read. */
uint64_t window_next(struct window *window, uint64_t offset, uint8_t one, uint8_t other);

/* Copies bytes out; false, and zeros, when they are not all there. */
bool window_copy(struct window *window, uint64_t offset, void *into, size_t bytes);

/* A big-endian number. */
uint64_t window_be(struct window *window, uint64_t offset, unsigned bytes);

/* Whether these bytes are there. */
bool window_is(struct window *window, uint64_t offset, const void *bytes, size_t count);

/* State that all parts of the search share. */
struct search {
	struct window window;
	struct why why;
	struct vpmu_qemu_cpu *cpus;
	size_t max, count;
	struct vpmu_qemu_about *about;
};

/* The length of a text that ends. */
static inline size_t text_length(const char *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	return length;
}

/* Where the next byte is read. */
struct cursor {
	struct search *search;
	uint64_t at;
};

static inline uint64_t take_be(struct cursor *cursor, unsigned bytes)
{
	cursor->at += bytes;
	return window_be(&cursor->search->window, cursor->at - bytes, bytes);
}

static inline void skip_bytes(struct cursor *cursor, uint64_t bytes)
{
	cursor->at += bytes;
}

/* Passes over a text with its length before it. */
static inline void skip_text(struct cursor *cursor)
{
	skip_bytes(cursor, take_be(cursor, 1));
}

static inline bool text_at(struct cursor *cursor, uint64_t at, const char *text)
{
	size_t length = text_length(text);

	return window_byte(&cursor->search->window, at) == length &&
	       window_is(&cursor->search->window, at + 1, text, length);
}

static inline bool is_over(const struct cursor *cursor)
{
	return cursor->search->window.ended || cursor->search->window.broken;
}

/* Passes over the configuration and the memory: up to the first section of a device. */
enum vpmu_status search_pass_memory(struct cursor *cursor);

/* A description has a mark, its length, and its text, which begins with '{'. */
enum { DESCRIPTION_HEAD = 5 };

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
	QEMU_LBR_VERSION = 1,
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

/* Notes in the vCPU that the head of its last branches' subsection is at the offset, if it is. */
bool search_lbr(struct search *search, struct vpmu_qemu_cpu *cpu, uint64_t offset);

/* Whether the head of a CPU's section is at the offset; its instance and version then. */
bool search_cpu_at(struct search *search, uint64_t offset, uint32_t *instance, uint32_t *version);

/* Finds the vCPUs through the description, whose text is in [start, end); `sections` is where the
 * sections end that it describes. */
enum vpmu_status search_described(struct search *search, uint64_t sections, uint64_t start,
                                  uint64_t end);

/* Whether [start, end) is exactly a description of devices, one of them a CPU. */
bool search_is_description(struct search *search, uint64_t start, uint64_t end);

/* Finds them without one; devices begin at the offset. */
enum vpmu_status search_plain(struct search *search, uint64_t devices);

/* --- The description's JSON ------------------------------------------------------------------ */

enum { JSON_TEXT_BYTES = 256 };

/* JSON that is read once, from left to right. After the first mistake it reads as empty. */
struct json {
	struct window *window;
	uint64_t at, end;
	bool wrong;
};

/* Takes the character if it is next, after blanks. */
bool json_take(struct json *json, char c);

/* A string; one longer than JSON_TEXT_BYTES - 1 is a mistake. */
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
