/* SPDX-License-Identifier: MIT */
/* Native streams that are damaged, or not for this vpmu: refused with what and where, and nothing
 * is filled. */
#include "unit.h"

static struct vpmu_layout layout;
static struct bytes good;

static int make_good(void **unused)
{
	struct random random = random_seeded("bad");
	struct vpmu_state state;

	layout = layout_of("intel-v2,gp=8");
	state = random_state(&random, &layout);
	good = stream_of(&state, &layout, 3);
	return 0;
}

/* Decodes a copy of just that length, so that a sanitizer sees a read past its end; the state must
 * be as it was unless it is decoded. Returns the reason in static storage. */
static const char *decode(const uint8_t *data, size_t count, enum vpmu_status *status)
{
	static char why[WHY_BYTES];
	struct vpmu_state state, before;
	struct vpmu_stream_about about;
	uint8_t *copy = malloc(count ? count : 1);
	uint32_t vcpu = 0x5a5a5a5a;

	assert_non_null(copy);
	memcpy(copy, data, count);
	memset(&state, 0x5a, sizeof(state));
	before = state;
	why[0] = '\0';
	*status = vpmu_stream_decode(copy, count, &layout, &state, &vcpu, why, sizeof(why));
	if (*status) {
		assert_memory_equal(&state, &before, sizeof(state));
		assert_int_equal(vcpu, 0x5a5a5a5a);
		assert_true(why[0] && !strchr(why, '\n'));
	}
	vpmu_stream_look(copy, count, &about, NULL, 0);
	free(copy);
	return why;
}

static void assert_refused(const struct bytes *stream, enum vpmu_status wanted, const char *text)
{
	enum vpmu_status status;
	const char *why = decode(stream->data, stream->count, &status);

	if (!strstr(why, text))
		fail_msg("'%s' is not in '%s'", text, why);
	assert_int_equal(status, wanted);
}

static void the_good_one_is_good(void **unused)
{
	enum vpmu_status status;

	decode(good.data, good.count, &status);
	assert_int_equal(status, VPMU_OK);
}

static void cut_short_at_every_byte(void **unused)
{
	for (size_t count = 0; count < good.count; count++) {
		enum vpmu_status status;
		const char *why = decode(good.data, count, &status);

		assert_int_equal(status, VPMU_BAD_DATA);
		assert_non_null(strstr(why, "at offset"));
	}
}

static void every_bit_flipped(void **unused)
{
	for (size_t bit = 0; bit < 8 * good.count; bit++) {
		struct bytes flipped = good;
		enum vpmu_status status;

		flipped.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		decode(flipped.data, flipped.count, &status);
		assert_int_equal(status, VPMU_BAD_DATA);
	}
}

/* The same with a checksum that says that all is well. */
static void every_bit_flipped_and_sealed(void **unused)
{
	for (size_t bit = 0; bit < 8 * (good.count - CHECKSUM_BYTES); bit++) {
		struct bytes flipped = good;
		enum vpmu_status status;

		flipped.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		seal(&flipped);
		decode(flipped.data, flipped.count, &status);
		assert_true(status == VPMU_OK || status == VPMU_BAD_DATA ||
		            status == VPMU_INCOMPATIBLE);
	}
}

static void something_follows(void **unused)
{
	struct bytes stream = good;

	stream.data[stream.count++] = 0;
	assert_refused(&stream, VPMU_BAD_DATA, "something follows the stream");
}

static void lengths_of_4_gib(void **unused)
{
	struct bytes stream = good;

	le_put(stream.data + 8, UINT32_MAX, 4);
	assert_refused(&stream, VPMU_BAD_DATA, "length is out of range at offset 8");
	stream = good;
	le_put(stream.data + record_at(&stream, "REGS") + 6, UINT16_MAX, 2);
	seal(&stream);
	assert_refused(&stream, VPMU_BAD_DATA, "the stream ends inside record 'REGS'");
}

static void a_head_cut_in_two(void **unused)
{
	struct bytes stream = good;

	insert(&stream, stream.count - CHECKSUM_BYTES, "XYZ", 3);
	assert_refused(&stream, VPMU_BAD_DATA, "ends inside a record's head");
}

static void not_a_stream(void **unused)
{
	struct bytes stream = good;

	memcpy(stream.data, "QEVM", 4);
	assert_refused(&stream, VPMU_BAD_DATA, "no 'vPMU' at offset 0");
}

static void a_newer_version(void **unused)
{
	struct bytes stream = good;

	le_put(stream.data + 4, VPMU_STREAM_VERSION + 1, 2);
	seal(&stream);
	assert_refused(&stream, VPMU_INCOMPATIBLE, "another format version than 1");
}

static void unknown_flags(void **unused)
{
	struct bytes stream = good;

	for (unsigned bit = 0; bit < 16; bit++) {
		stream = good;
		stream.data[6 + bit / 8] ^= (uint8_t)(1 << bit % 8);
		seal(&stream);
		assert_refused(&stream, VPMU_INCOMPATIBLE, "unknown flags of the stream");
	}
	for (unsigned bit = 1; bit < 16; bit++) { /* bit 0: must be known */
		stream = good;
		stream.data[record_at(&stream, "REGS") + 4 + bit / 8] ^= (uint8_t)(1 << bit % 8);
		seal(&stream);
		assert_refused(&stream, VPMU_INCOMPATIBLE, "unknown flags of record 'REGS'");
	}
}

static void an_unknown_optional_record_is_skipped(void **unused)
{
	static const char record[] = "NOTE\0\0\5\0hello";
	size_t places[] = {HEADER_BYTES, record_at(&good, "REGS"), good.count - CHECKSUM_BYTES};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct bytes stream = good;
		enum vpmu_status status;

		insert(&stream, places[i], record, sizeof(record) - 1);
		decode(stream.data, stream.count, &status);
		assert_int_equal(status, VPMU_OK);
	}
}

static void an_unknown_required_record_is_refused_by_name(void **unused)
{
	struct vpmu_stream_register list[VPMU_MAX_STATE];
	struct bytes stream = good;
	size_t count = 0;

	insert(&stream, stream.count - CHECKSUM_BYTES, "LBRS\1\0\2\0hi", 10);
	assert_refused(&stream, VPMU_INCOMPATIBLE,
	               "a newer vpmu is needed for the required record 'LBRS' at offset");
	/* But its registers can still be explained. */
	assert_int_equal(vpmu_stream_registers(stream.data, stream.count, list, VPMU_MAX_STATE,
	                                       &count, NULL, 0),
	                 VPMU_OK);
	assert_int_equal(count, 22);
}

static void a_name_of_a_record_that_cannot_be_printed(void **unused)
{
	struct bytes stream = good;

	insert(&stream, stream.count - CHECKSUM_BYTES, "\n\x1b\xff\0\1\0\0\0", 8);
	assert_refused(&stream, VPMU_INCOMPATIBLE,
	               "'???"
	               "?'");
}

static void records_missing_or_twice(void **unused)
{
	static const char *const names[] = {"MODL", "REGS"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		size_t at = record_at(&good, names[i]);
		size_t count = RECORD_BYTES + le_get(good.data + at + 6, 2);
		struct bytes stream = good;
		char text[64];

		take_out(&stream, at, count);
		snprintf(text, sizeof(text), "there is no record '%s'", names[i]);
		assert_refused(&stream, VPMU_BAD_DATA, text);
		stream = good;
		insert(&stream, at, good.data + at, count);
		snprintf(text, sizeof(text), "there is a second record '%s'", names[i]);
		assert_refused(&stream, VPMU_BAD_DATA, text);
	}
}

/* Where the n-th run is, and its length. */
static size_t run_at(const struct bytes *stream, unsigned n, size_t *count)
{
	size_t at = record_at(stream, "REGS") + RECORD_BYTES;

	for (;; at += *count) {
		const uint8_t *head = stream->data + at;

		*count = RUN_BYTES + head[9] + (size_t)head[6] * head[7];
		if (!n--)
			return at;
	}
}

enum { RUN_STATUS = 4, RUN_LAST = 5 };

static void a_register_is_missing(void **unused)
{
	struct bytes stream = good;
	size_t count, at = run_at(&stream, RUN_LAST, &count);

	take_out(&stream, at, count);
	lengthen(&stream, record_at(&stream, "REGS"), -(int)count);
	assert_refused(&stream, VPMU_BAD_DATA, "there is no value of 'IA32_PERF_GLOBAL_CTRL'");
}

static void the_last_of_a_run_is_missing(void **unused)
{
	struct bytes stream = good;
	size_t count, at = run_at(&stream, 0, &count);
	unsigned bytes = stream.data[at + 7];

	stream.data[at + 6]--;
	take_out(&stream, at + count - bytes, bytes);
	lengthen(&stream, record_at(&stream, "REGS"), -(int)bytes);
	assert_refused(&stream, VPMU_BAD_DATA, "there is no value of 'IA32_PMC7'");
}

static void a_register_is_there_twice(void **unused)
{
	struct bytes stream = good;
	size_t count, at = run_at(&stream, RUN_LAST, &count);

	insert(&stream, at + count, good.data + at, count);
	lengthen(&stream, record_at(&stream, "REGS"), (int)count);
	assert_refused(&stream, VPMU_BAD_DATA,
	               "IA32_PERF_GLOBAL_CTRL (0x38f): the register is there twice");
}

/* Adds a run of one register with one byte of value to the end of the record. */
static struct bytes with_register(uint32_t msr, const char *name, uint8_t value)
{
	uint8_t run[64] = {[5] = 0, 1, 1, 0, (uint8_t)strlen(name)};
	size_t count = RUN_BYTES + strlen(name) + 1;
	struct bytes stream = good;

	le_put(run, msr, 4);
	memcpy(run + RUN_BYTES, name, strlen(name));
	run[count - 1] = value;
	insert(&stream, stream.count - CHECKSUM_BYTES, run, count);
	lengthen(&stream, record_at(&stream, "REGS"), (int)count);
	return stream;
}

static void a_register_that_is_not_known(void **unused)
{
	struct vpmu_stream_register list[VPMU_MAX_STATE];
	struct bytes stream = with_register(0x14ce, "IA32_LBR_CTL", 0x1f);
	size_t count = 0;

	assert_refused(&stream, VPMU_INCOMPATIBLE,
	               "IA32_LBR_CTL (0x14ce): this vpmu's model has no such register");
	assert_int_equal(vpmu_stream_registers(stream.data, stream.count, list, VPMU_MAX_STATE,
	                                       &count, NULL, 0),
	                 VPMU_OK);
	assert_string_equal(list[count - 1].name, "IA32_LBR_CTL");
	assert_int_equal(list[count - 1].msr, 0x14ce);
	assert_int_equal(list[count - 1].value, 0x1f);
}

/* The registers behind the first of a run are where its stride says, and nowhere else. */
static void a_later_register_of_a_run_that_is_not_known(void **unused)
{
	struct bytes stream = good;
	size_t count, at = run_at(&stream, 0, &count);

	assert_true(stream.data[at + 6] > 1);
	le_put(stream.data + at, 0xc1, 4);
	stream.data[at + 4] = 100;
	seal(&stream);
	assert_refused(&stream, VPMU_INCOMPATIBLE,
	               "IA32_PMC1 (0x125): this vpmu's model has no such register");
}

/* At every place of a name that is longer than a word. */
static void names_have_the_characters_that_can_be_printed(void **unused)
{
	static const struct {
		uint8_t character;
		bool good;
	} rows[] = {{0, 0},    {' ', 0},  {'!', 1},  {'~', 1}, {0x7f, 0},
	            {0x80, 0}, {0xa1, 0}, {0xfe, 0}, {0xff, 0}};
	enum { LENGTH = 19 };
	const struct why why = {NULL, 0};

	for (size_t i = 0; i < LENGTH * ARRAY_SIZE(rows); i++) {
		uint8_t bytes[RUN_BYTES + LENGTH + 1] = {0xc1, 0, 0, 0, 0, 0, 1, 1, 0, LENGTH};
		struct reader reader = {bytes, 0, sizeof(bytes)};
		struct run run = {.name_length = 0};
		bool taken = rows[i / LENGTH].good;

		memset(bytes + RUN_BYTES, 'N', LENGTH);
		bytes[RUN_BYTES + i % LENGTH] = rows[i / LENGTH].character;
		assert_int_equal(run_read(&reader, &run, &why), taken ? VPMU_OK : VPMU_BAD_DATA);
	}
}

static void registers_that_keep_no_value(void **unused)
{
	struct bytes stream = with_register(0x4c1, "IA32_A_PMC0", 1);

	assert_refused(&stream, VPMU_BAD_DATA, "keeps no value of its own");
	stream = with_register(0x390, "IA32_PERF_GLOBAL_OVF_CTRL", 1);
	assert_refused(&stream, VPMU_BAD_DATA, "keeps no value of its own");
}

static void another_name_for_a_register(void **unused)
{
	struct bytes stream = good;
	size_t count, at = run_at(&stream, 0, &count);

	stream.data[at + RUN_BYTES] = 'J';
	seal(&stream);
	assert_refused(&stream, VPMU_BAD_DATA, "JA32_PMC0 (0xc1): the register has another name");
	stream = good;
	stream.data[at + 5] = 1; /* numbered from 1 */
	seal(&stream);
	assert_refused(&stream, VPMU_BAD_DATA, "IA32_PMC1 (0xc1): the register has another name");
}

static void a_value_that_its_register_cannot_hold(void **unused)
{
	struct bytes stream = good;
	size_t count, at = run_at(&stream, RUN_STATUS, &count);

	stream.data[at + count - 2] |= 1; /* bit 48 of IA32_PERF_GLOBAL_STATUS */
	seal(&stream);
	assert_refused(&stream, VPMU_BAD_DATA,
	               "IA32_PERF_GLOBAL_STATUS (0x38e): the register cannot hold its value");
}

static void runs_that_are_not_well_formed(void **unused)
{
	static const struct {
		uint8_t at, value;
	} changes[] = {
		{4, 0},               /* stride of several */
		{6, 0},               /* count */
		{6, 255},             /* beyond the record */
		{7, 0},               /* bytes of a value */
		{7, 9},    {8, 1},    /* shares the beginning of a name that there is not */
		{9, 0},               /* no name */
		{9, 255},  {10, 0},   /* in the name */
		{10, ' '}, {18, '0'}, /* no '#' for several */
	};
	size_t count, at = run_at(&good, 0, &count);

	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct bytes stream = good;

		stream.data[at + changes[i].at] = changes[i].value;
		seal(&stream);
		assert_refused(&stream, VPMU_BAD_DATA, "a run of registers is not well-formed");
	}
}

/* Behind a long number there is less room for the rest. */
static void a_name_ends_within_its_room(void **unused)
{
	struct run run = {.name = {NUMBER_MARK}, .name_length = VPMU_NAME_BYTES - 1, .count = 1};
	char name[VPMU_NAME_BYTES + 2];

	memset(run.name + 1, 'B', VPMU_NAME_BYTES - 2);
	for (unsigned first = 1; first <= 100; first *= 10) {
		run.first = (uint8_t)first;
		memset(name, '*', sizeof(name));
		run_name(&run, 0, name);
		assert_int_equal(strlen(name), VPMU_NAME_BYTES - 1);
		assert_int_equal(atoi(name), first);
		assert_memory_equal(name + VPMU_NAME_BYTES, "**", 2);
	}
}

static void msr_numbers_beyond_32_bits(void **unused)
{
	struct bytes stream = good;
	size_t count, at = run_at(&stream, 0, &count);

	le_put(stream.data + at, UINT32_MAX - 3, 4);
	seal(&stream);
	assert_refused(&stream, VPMU_BAD_DATA, "a run of registers is not well-formed");
}

/* Where the model's fields begin: behind the length of its name, and the name. */
static size_t fields_at(const struct bytes *stream)
{
	size_t at = record_at(stream, "MODL") + RECORD_BYTES;

	return at + 1 + stream->data[at];
}

static void models_that_are_not_well_formed(void **unused)
{
	size_t at = record_at(&good, "MODL") + RECORD_BYTES, fields = fields_at(&good);
	struct bytes stream = good;

	stream.data[at] = VPMU_NAME_BYTES;
	seal(&stream);
	assert_refused(&stream, VPMU_BAD_DATA, "'MODL' is not well-formed");
	stream = good;
	stream.data[at + 1] = '\n';
	seal(&stream);
	assert_refused(&stream, VPMU_BAD_DATA, "'MODL' is not well-formed");
	stream = good;
	take_out(&stream, at, fields - at);
	lengthen(&stream, at - RECORD_BYTES, -(int)(fields - at));
	assert_refused(&stream, VPMU_BAD_DATA, "'MODL' is not well-formed");
	/* The record ends inside a value. */
	stream = good;
	take_out(&stream, record_at(&good, "REGS") - 1, 1);
	lengthen(&stream, at - RECORD_BYTES, -1);
	assert_refused(&stream, VPMU_BAD_DATA, "'MODL' is not well-formed");
}

/* The model's fields with others in front of them. */
static struct bytes with_fields(const char *bytes, size_t count)
{
	struct bytes stream = good;

	insert(&stream, fields_at(&good), bytes, count);
	lengthen(&stream, record_at(&good, "MODL"), (int)count);
	return stream;
}

static void fields_that_are_twice_zero_or_of_a_newer_vpmu(void **unused)
{
	static const struct {
		const char *bytes;
		size_t count;
		enum vpmu_status status;
		const char *said;
	} rows[] = {
		{"\x08\2", 2, VPMU_BAD_DATA, "'MODL' is not well-formed"}, /* a second version */
		{"\x40\0", 2, VPMU_BAD_DATA, "'MODL' is not well-formed"}, /* no missing events */
		{"\x41\1\0", 3, VPMU_BAD_DATA, "'MODL' is not well-formed"},
		{"\xf8\1", 2, VPMU_INCOMPATIBLE, "a newer vpmu is needed for a field of the model"},
		{"\x44\1\2\3\4\5", 6, VPMU_INCOMPATIBLE, "a newer vpmu is needed for a field"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bytes stream = with_fields(rows[i].bytes, rows[i].count);

		assert_refused(&stream, rows[i].status, rows[i].said);
	}
}

static void fields_come_in_any_order(void **unused)
{
	struct bytes stream = good;
	size_t at = fields_at(&good), end = record_at(&good, "REGS");
	enum vpmu_status status;
	uint8_t first[2];

	/* The version, which is a byte. */
	memcpy(first, stream.data + at, 2);
	assert_int_equal(first[0], 1 << 3);
	memmove(stream.data + at, stream.data + at + 2, end - at - 2);
	memcpy(stream.data + end - 2, first, 2);
	seal(&stream);
	decode(stream.data, stream.count, &status);
	assert_int_equal(status, VPMU_OK);
}

static void another_model(void **unused)
{
	struct vpmu_layout amd = layout_of("zen4"), narrow = layout_of("intel-v2,gp=8,width=40");
	struct vpmu_state state;
	struct bytes stream;

	vpmu_state_reset(&state, &amd);
	stream = stream_of(&state, &amd, 0);
	assert_refused(&stream, VPMU_INCOMPATIBLE,
	               "the stream is of another model, 'zen4', than the destination, 'intel-v2'");
	assert_refused(&stream, VPMU_INCOMPATIBLE, "vendor");
	vpmu_state_reset(&state, &narrow);
	stream = stream_of(&state, &narrow, 0);
	assert_refused(&stream, VPMU_INCOMPATIBLE,
	               "width of general-purpose counters 0x28, not 0x30");
}

/* A model from the future is no damage: it may be a newer vpmu's. */
static void a_model_that_cannot_exist(void **unused)
{
	size_t at = fields_at(&good);
	struct vpmu_stream_about about = {.version = 77};
	struct bytes stream = good;
	char why[WHY_BYTES];

	stream.data[at + 1] = 7; /* the version; vendor 0 is not there */
	seal(&stream);
	assert_int_equal(vpmu_stream_look(stream.data, stream.count, &about, why, sizeof(why)),
	                 VPMU_INCOMPATIBLE);
	assert_non_null(strstr(why, "no PMU that this vpmu knows: version: 7 is out of range"));
	assert_int_equal(about.version, 77);
	stream = with_fields("\0\310", 2);
	assert_int_equal(vpmu_stream_look(stream.data, stream.count, &about, why, sizeof(why)),
	                 VPMU_INCOMPATIBLE);
	assert_non_null(strstr(why, "unknown vendor"));
}

static void reasons_fit_any_room(void **unused)
{
	struct vpmu_state state;
	char why[WHY_BYTES];

	for (size_t room = 0; room < 64; room++) {
		memset(why, 0x5a, sizeof(why));
		assert_int_equal(
			vpmu_stream_decode(good.data, 20, &layout, &state, NULL, why, room),
			VPMU_BAD_DATA);
		assert_int_equal(why[room], 0x5a);
		if (room)
			assert_non_null(memchr(why, '\0', room));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_good_one_is_good),
		cmocka_unit_test(cut_short_at_every_byte),
		cmocka_unit_test(every_bit_flipped),
		cmocka_unit_test(every_bit_flipped_and_sealed),
		cmocka_unit_test(something_follows),
		cmocka_unit_test(lengths_of_4_gib),
		cmocka_unit_test(a_head_cut_in_two),
		cmocka_unit_test(not_a_stream),
		cmocka_unit_test(a_newer_version),
		cmocka_unit_test(unknown_flags),
		cmocka_unit_test(an_unknown_optional_record_is_skipped),
		cmocka_unit_test(an_unknown_required_record_is_refused_by_name),
		cmocka_unit_test(a_name_of_a_record_that_cannot_be_printed),
		cmocka_unit_test(records_missing_or_twice),
		cmocka_unit_test(a_register_is_missing),
		cmocka_unit_test(the_last_of_a_run_is_missing),
		cmocka_unit_test(a_register_is_there_twice),
		cmocka_unit_test(a_register_that_is_not_known),
		cmocka_unit_test(a_later_register_of_a_run_that_is_not_known),
		cmocka_unit_test(names_have_the_characters_that_can_be_printed),
		cmocka_unit_test(registers_that_keep_no_value),
		cmocka_unit_test(another_name_for_a_register),
		cmocka_unit_test(a_value_that_its_register_cannot_hold),
		cmocka_unit_test(runs_that_are_not_well_formed),
		cmocka_unit_test(a_name_ends_within_its_room),
		cmocka_unit_test(msr_numbers_beyond_32_bits),
		cmocka_unit_test(models_that_are_not_well_formed),
		cmocka_unit_test(fields_that_are_twice_zero_or_of_a_newer_vpmu),
		cmocka_unit_test(fields_come_in_any_order),
		cmocka_unit_test(another_model),
		cmocka_unit_test(a_model_that_cannot_exist),
		cmocka_unit_test(reasons_fit_any_room),
	};

	return cmocka_run_group_tests_name("stream-bad", tests, make_good, NULL);
}
