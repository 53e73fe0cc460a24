/* SPDX-License-Identifier: MIT */
/*
 * Both sides of a live migration, each with a peer that says whatever the input holds, as it comes
 * and with every record's checksum made right. All that the peer says is in the socket before, and
 * then it closes; so nothing waits, and the limits end what would. With right checksums the source
 * hears the first record at once, and the others when its guest stands still: only then does it
 * wait for them. The destination is also told what a source said here, changed at some places: that
 * reaches what is behind the header, whatever the format's version.
 *
 * The first byte says which side is meant: even, the destination; odd, the source.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <machine/saved/migrate.h>
#include <stream/room.h>

#include "../tests/machine/fake_cpu.h"
#include "fuzz.h"

enum { SAY_MOST = 64 << 10, LIMIT_MS = 1000 };

static const struct migration_limits limits = {.still_ms = LIMIT_MS, .copy_ms = LIMIT_MS};

static void seal(uint8_t *data, size_t size, size_t at)
{
	while (at < size && size - at >= RECORD_HEADER_BYTES) {
		uint64_t length = load_le(data + at + 4, 4);
		uint32_t crc = crc32c(0, data + at, 8);

		if (length > size - at - RECORD_HEADER_BYTES)
			return;
		crc = crc32c(crc, data + at + RECORD_HEADER_BYTES, length);
		store_le(data + at + 8, 4, crc);
		at += RECORD_HEADER_BYTES + length;
	}
}

/* A socket out of which that comes. The peer reads nothing. */
static void connect_to(int ends[2], const uint8_t *data, size_t size)
{
	MUST(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
	MUST(!size || send(ends[0], data, size, MSG_DONTWAIT) == (ssize_t)size);
}

/* What the source's peer has not said yet. */
static struct {
	int fd;
	const uint8_t *data;
	size_t size;
} unsaid = {.fd = -1};

static void say_the_rest(void)
{
	if (unsaid.fd < 0)
		return;
	if (unsaid.size)
		send(unsaid.fd, unsaid.data, unsaid.size, MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(unsaid.fd, SHUT_WR);
	unsaid.fd = -1;
}

/* The source saves its CPU when the guest stands still. */
static bool save_in_the_end(struct cpu *cpu, struct pack *pack)
{
	say_the_rest();
	return fake_cpu_ops.save(cpu, pack);
}

/* It is ours only if COMT is the last record of what was read. */
static bool commits(const uint8_t *data, size_t size)
{
	for (size_t at = 0; at + RECORD_HEADER_BYTES <= size; at++)
		if (load_le(data + at, 4) == WORD_COMMIT)
			return true;
	return false;
}

static void be_destination(const uint8_t *data, size_t size)
{
	const struct machine_restore wanted = {
		.config = {.cpu = &fake_cpu_ops, .memory_bytes = 4 * MIB},
		.order = vpmu_order_find("safe")};
	struct migration_refusal refusal = {.why = ""};
	struct machine_notes notes;
	struct machine *machine;
	int ends[2];

	connect_to(ends, data, size);
	shutdown(ends[0], SHUT_WR);
	machine = migration_receive(&wanted, ends[1], &limits, &notes, &refusal);
	close(ends[0]);
	close(ends[1]);
	MUST(!machine == !!refusal.status);
	if (machine)
		MUST(commits(data, size));
	else
		MUST(strlen(refusal.why) > 8);
	machine_destroy(machine);
}

/* What is on its way all the time: made once, a run changes nothing of it. */
static struct machine *guest_machine(void)
{
	static struct machine *machine;
	static struct cpu_ops cpu;
	struct machine_config config = {.cpu = &cpu, .memory_bytes = 2 * MIB};
	char why[200] = "";

	if (machine)
		return machine;
	cpu = fake_cpu_ops;
	cpu.save = save_in_the_end;
	MUST(!vpmu_model_parse(&config.model, "intel-v4", NULL, 0));
	config.profile = vpmu_profile_find("hardware");
	machine = machine_create(&config, why, sizeof(why));
	MUST(machine);
	return machine;
}

/* DOUBT and DONE only for who has said PREP, and DONE only for who has said DONE. */
static void must_have_been_said(enum migration_state state, const uint8_t *data, size_t size)
{
	const enum word words[] = {WORD_READY, WORD_PREPARED, WORD_DONE};
	unsigned need = state == MIGRATION_DONE ? 3 : state == MIGRATION_DOUBT ? 2 : 0, said = 0;

	for (size_t at = 0; said < need && at + RECORD_HEADER_BYTES <= size;) {
		MUST(load_le(data + at, 4) == words[said]);
		at += RECORD_HEADER_BYTES + load_le(data + at + 4, 4);
		said++;
	}
	MUST(said == need);
}

/* The first record's bytes, if there is a whole one; else all. */
static size_t first_record(const uint8_t *data, size_t size)
{
	uint64_t bytes =
		size < RECORD_HEADER_BYTES ? size : RECORD_HEADER_BYTES + load_le(data + 4, 4);

	return bytes < size ? bytes : size;
}

/* Its peer says `first` bytes at once. `said` gets what the source says: up to SAY_MOST bytes.
 * Returns how many, and in *state how it ends. */
static size_t migrate(const uint8_t *data, size_t size, size_t first, uint8_t *said,
                      enum migration_state *state)
{
	static const struct machine_notes notes = {.count = 1, .values = {7}};
	struct machine *machine = guest_machine();
	struct migration *migration;
	char why[200] = "";
	ssize_t bytes;
	int ends[2];

	connect_to(ends, data, first);
	unsaid.fd = ends[0];
	unsaid.data = data + first;
	unsaid.size = size - first;
	if (first == size)
		say_the_rest();
	migration = migration_begin(machine, ends[1], &limits, why, sizeof(why));
	MUST(migration);
	do {
		*state = migration_step(migration, machine, &notes);
	} while (*state == MIGRATION_GOING);
	if (*state == MIGRATION_FAILED)
		MUST(strlen(migration_why(migration)) > 8);
	migration_end(migration);
	bytes = recv(ends[0], said, SAY_MOST, MSG_DONTWAIT);
	unsaid.fd = -1;
	close(ends[0]);
	return bytes > 0 ? (size_t)bytes : 0;
}

static void be_source(const uint8_t *data, size_t size, size_t first)
{
	static uint8_t said[SAY_MOST];
	enum migration_state state;

	migrate(data, size, first, said, &state);
	must_have_been_said(state, data, size);
}

/* What the source says to a destination that takes everything. */
static size_t record_source(uint8_t *said)
{
	static const enum word words[] = {WORD_READY, WORD_PREPARED, WORD_DONE};
	uint8_t answers[ARRAY_SIZE(words) * RECORD_HEADER_BYTES] = {0};
	enum migration_state state;
	size_t bytes;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		store_le(answers + i * RECORD_HEADER_BYTES, 4, words[i]);
	seal(answers, sizeof(answers), 0);
	bytes = migrate(answers, sizeof(answers), RECORD_HEADER_BYTES, said, &state);
	MUST(state == MIGRATION_DONE);
	MUST(bytes > SAVED_HEADER_BYTES && bytes < SAY_MOST);
	return bytes;
}

/* The input is changes: a place in 16 bits, and what it is XORed with. */
static void be_destination_of_changed(const uint8_t *data, size_t size)
{
	static uint8_t said[SAY_MOST], changed[SAY_MOST];
	static size_t bytes;

	if (!bytes)
		bytes = record_source(said);
	memcpy(changed, said, bytes);
	for (size_t i = 0; i + 3 <= size && i < 100; i += 3)
		changed[load_le(data + i, 2) % bytes] ^= data[i + 2];
	seal(changed, bytes, SAVED_HEADER_BYTES);
	be_destination(changed, bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *sealed;
	bool source;

	if (!size || size > SAY_MOST)
		return 0;
	source = *data++ & 1;
	size--;
	sealed = malloc(size + 1);
	MUST(sealed);
	memcpy(sealed, data, size);
	seal(sealed, size, source ? 0 : SAVED_HEADER_BYTES);
	if (source) {
		be_source(data, size, size);
		be_source(sealed, size, first_record(sealed, size));
	} else {
		be_destination(data, size);
		be_destination(sealed, size);
		be_destination_of_changed(data, size);
	}
	free(sealed);
	return 0;
}
