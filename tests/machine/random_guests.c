/* SPDX-License-Identifier: MIT */
/*
 * A guest's counts are a function of the guest, the model and the profile, and of nothing else:
 * each random guest is run whole, an instruction at a time, and saved and restored at random
 * points; the saved machines shortly before the end must be the same bytes, and the ends the same.
 * Where they are not, the first instruction after which they differ is told.
 *
 *   random_guests [GUESTS [SEED]]
 *   random_guests every [PART [FROM]]
 *                                    each instruction that there is, or of each PART groups one,
 *                                    from encoding FROM on, whole and stepped
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <base/room.h>
#include <machine/board/room.h>
#include <machine/room.h>

#include "../profiles.h"
#include "random_body.h"

enum {
	MEMORY = 4 << 20,
	INSTRUCTIONS_MOST = 6000,
	RESTORES = 3,
	SAVED_ROOM = 12 << 20,
};

static const char *const models[] = {
	"intel-v2", "intel-v4", "intel-v5", "sapphire-rapids", "amd-k7", "amd-perfmon-v2",
};

/* With a stack of last branches, or PEBS, and what switches it on. */
static const struct recording {
	const char *model;
	uint32_t msr;
	uint64_t value;
	unsigned records; /* room in PEBS's buffer */
} recordings[] = {
	{"skylake,lbr-format=5", 0x1d9, 0x1, 0}, {"icelake,lbr=16", 0x14ce, 0x7f0007, 0},
	{"zen4,lbr=16", 0xc000010f, 0x40, 0},    {"skylake,lbr-format=4", 0x1d9, 0x801, 0},
	{"icelake,lbr=32", 0x14ce, 0x7f000f, 0}, {"skylake,pebs=3", 0x3f1, 0xf, 14},
	{"intel-v4,pebs=1", 0x3f1, 0xf, 16},     {"intel-v2,pebs=2", 0x3f1, 0xf, 3},
};

/* Where PEBS's area is, which random guests leave alone, unless by chance. */
enum { DS_AREA = 0x102000, PEBS_BUFFER = DS_AREA + 0x100 };

struct saved {
	uint8_t bytes[SAVED_ROOM];
	size_t used, at;
};

struct trial {
	uint64_t seed, random;
	const char *profile;
	const struct recording *recording; /* NULL: nothing records */
	struct machine_config config;
	uint8_t image[RANDOM_GUEST_MOST];
	size_t image_bytes;
	uint64_t length, late; /* instructions, and where the machines are compared */
	struct machine_result end;
	bool remapped; /* it has written in its page tables */
};

/* How a run is interrupted, and what comes out. */
struct way {
	const char *name;
	uint64_t next_pause, restore_at[RESTORES]; /* 0: not */
	bool step;
};

static struct saved first, other;

static bool keep(void *context, const void *bytes, size_t count)
{
	struct saved *saved = context;

	if (count > SAVED_ROOM - saved->used)
		return false;
	memcpy(saved->bytes + saved->used, bytes, count);
	saved->used += count;
	return true;
}

static long give(void *context, void *into, size_t count)
{
	struct saved *saved = context;

	if (count > saved->used - saved->at)
		count = saved->used - saved->at;
	memcpy(into, saved->bytes + saved->at, count);
	saved->at += count;
	return (long)count;
}

static bool fail(const struct trial *trial, const char *what, const char *why)
{
	printf("# seed %" PRIu64 ", %s, %s: %s: %s\n", trial->seed, trial->config.model.name,
	       trial->profile, what, why);
	return false;
}

static bool save(const struct trial *trial, struct machine *machine, struct saved *to)
{
	struct machine_notes notes = {0};
	struct machine_sink sink = {keep, to};
	char why[200] = "";

	to->used = to->at = 0;
	return !machine_save(machine, &notes, &sink, why, sizeof(why)) ||
	       fail(trial, "cannot be saved", why);
}

/* Whether the page tables are other than those the loader has made. Accessed and dirty are the
 * processor's. What a guest changes there without a flush, a processor may see at once or later: a
 * TLB is in no saved machine. */
static bool has_remapped(const struct machine *machine)
{
	enum { ACCESSED_DIRTY = 0x60, BYTES = 0x6000 };
	static uint64_t loaded[BYTES / 8];
	uint64_t now[BYTES / 8];
	bool is_first = !loaded[0];

	memcpy(now, memory_at(&machine->memory, BOARD_PAGE_TABLES, BYTES), BYTES);
	for (size_t i = 0; i < ARRAY_SIZE(now); i++)
		now[i] &= ~(uint64_t)ACCESSED_DIRTY;
	if (is_first)
		memcpy(loaded, now, BYTES);
	return memcmp(loaded, now, BYTES) != 0;
}

/* The machine is another one afterwards. */
static bool renew(struct trial *trial, struct machine **machine)
{
	struct machine_restore wanted = {.config = trial->config, .order = vpmu_order_find("safe")};
	struct machine_origin origin = {give, &other};
	struct machine_notes notes;
	enum vpmu_status status;
	char why[200] = "";

	if (!save(trial, *machine, &other))
		return false;
	trial->remapped |= has_remapped(*machine);
	machine_destroy(*machine);
	*machine = machine_load_saved(&wanted, &origin, &notes, &status, why, sizeof(why));
	return *machine || fail(trial, "cannot be restored", why);
}

/* Has PEBS's counters run from the first instruction on, as far as the guest leaves them alone. */
static void sample(const struct trial *trial, struct vpmu_pmu *pmu)
{
	static const uint32_t events[] = {0xc0, 0xc4, 0x1c4, 0x20c4};

	vpmu_pmu_guest_write(pmu, 0x600, DS_AREA);
	for (unsigned i = 0; i < 4; i++) {
		vpmu_pmu_guest_write(pmu, 0xc1 + i, -(uint64_t)(1 + trial->seed % (40 + 9 * i)));
		vpmu_pmu_guest_write(pmu, 0x186 + i, 0x430000 | events[i]);
	}
	vpmu_pmu_guest_write(pmu, 0x38f, 0xf);
}

static struct machine *boot(const struct trial *trial)
{
	char why[200] = "";
	struct machine *machine = machine_create(&trial->config, why, sizeof(why));

	if (!machine || machine_load(machine, trial->image, trial->image_bytes, why, sizeof(why))) {
		printf("Bail out! %s\n", why);
		exit(1);
	}
	if (trial->recording && vpmu_pmu_guest_write(machine_pmu(machine), trial->recording->msr,
	                                             trial->recording->value)) {
		printf("Bail out! %s does not record\n", trial->recording->model);
		exit(1);
	}
	if (trial->recording && trial->recording->records)
		sample(trial, machine_pmu(machine));
	has_remapped(machine); /* as it is loaded */
	return machine;
}

/* Runs on, paused and made anew as the way says, up to an instruction. */
static bool run_to(struct trial *trial, const struct way *way, struct machine **machine,
                   uint64_t to, struct machine_result *result)
{
	do {
		uint64_t now = machine_retired(*machine), stop = to;

		if (way->step && now + 1 < stop)
			stop = now + 1;
		for (unsigned i = 0; i < RESTORES; i++)
			if (way->restore_at[i] > now && way->restore_at[i] < stop)
				stop = way->restore_at[i];
		machine_pause_at(*machine, stop);
		machine_run(*machine, result);
		for (unsigned i = 0; i < RESTORES; i++)
			if (result->end == MACHINE_END_PAUSED && way->restore_at[i] == stop &&
			    !renew(trial, machine))
				return false;
	} while (result->end == MACHINE_END_PAUSED && machine_retired(*machine) < to);
	return true;
}

static bool same_end(const struct trial *trial, const struct machine_result *end, const char *way)
{
	char what[500];

	for (unsigned i = 0; i < VPMU_CLASSES; i++) {
		if (end->totals.of[i] == trial->end.totals.of[i])
			continue;
		snprintf(what, sizeof(what), "%" PRIu64 " %s, whole %" PRIu64, end->totals.of[i],
		         vpmu_class_name((enum vpmu_class)i), trial->end.totals.of[i]);
		return fail(trial, way, what);
	}
	if (end->end == trial->end.end && end->rip == trial->end.rip)
		return true;
	snprintf(what, sizeof(what), "end %d at 0x%" PRIx64 " (%s), whole %d at 0x%" PRIx64 " (%s)",
	         end->end, end->rip, end->why, trial->end.end, trial->end.rip, trial->end.why);
	return fail(trial, way, what);
}

static bool same_saved(const struct trial *trial, const char *way)
{
	char what[100];
	size_t at = 0;

	while (at < first.used && at < other.used && first.bytes[at] == other.bytes[at])
		at++;
	if (at == first.used && at == other.used)
		return true;
	snprintf(what, sizeof(what), "the saved machine differs from byte %zu on (%zu, whole %zu)",
	         at, other.used, first.used);
	return fail(trial, way, what);
}

/* The saved machine at an instruction. False: it does not get there. */
static bool saved_at(struct trial *trial, const struct way *way, uint64_t at, struct saved *to,
                     uint64_t *rip)
{
	struct machine *machine = boot(trial);
	struct machine_result result;
	bool good = run_to(trial, way, &machine, at, &result) && result.end == MACHINE_END_PAUSED &&
	            save(trial, machine, to);

	*rip = result.rip;
	machine_destroy(machine);
	return good;
}

/* Tells where the first difference is: after which instruction. */
static void locate(struct trial *trial, const struct way *way)
{
	uint64_t same = 0, differs = trial->late, rip, whole_rip;
	static const struct way whole = {.name = "whole"};
	char what[100];

	while (differs - same > 1) {
		uint64_t middle = same + (differs - same) / 2;

		if (saved_at(trial, &whole, middle, &first, &whole_rip) &&
		    saved_at(trial, way, middle, &other, &rip) && first.used == other.used &&
		    !memcmp(first.bytes, other.bytes, first.used))
			same = middle;
		else
			differs = middle;
	}
	saved_at(trial, &whole, same, &first, &whole_rip);
	snprintf(what, sizeof(what),
	         "the first difference is after instruction %" PRIu64 " at 0x%" PRIx64, differs,
	         whole_rip);
	fail(trial, way->name, what);
}

static bool goes_same(struct trial *trial, const struct way *way)
{
	struct machine *machine = boot(trial);
	struct machine_result result;
	bool good = run_to(trial, way, &machine, trial->late, &result);

	if (good && trial->late && result.end == MACHINE_END_PAUSED)
		good = save(trial, machine, &other) && same_saved(trial, way->name);
	if (good && result.end == MACHINE_END_PAUSED)
		good = run_to(trial, way, &machine, UINT64_MAX, &result);
	good = good && same_end(trial, &result, way->name);
	trial->remapped |= machine && has_remapped(machine);
	machine_destroy(machine);
	if (!good && trial->late)
		locate(trial, way);
	return good;
}

/* How the guest goes when nobody interrupts it; then once more, up to shortly before its end. */
static bool learn(struct trial *trial)
{
	static const struct way whole = {.name = "whole"};
	struct machine *machine = boot(trial);
	struct machine_result result;
	bool good = true;

	machine_run(machine, &trial->end);
	trial->length = machine_retired(machine);
	machine_destroy(machine);
	trial->late = trial->length > 2 ? trial->length - 1 - trial->length % 2 : 0;
	machine = boot(trial);
	run_to(trial, &whole, &machine, trial->late, &result);
	if (trial->late && result.end == MACHINE_END_PAUSED)
		good = save(trial, machine, &first);
	machine_destroy(machine);
	return good;
}

/* Unicorn 2.1 may miss that a block writes to itself: the machine sees it and gives up, at full
 * speed. Stepped, it goes on. */
static bool gave_up(const struct trial *trial)
{
	return trial->end.end == MACHINE_END_UNSUPPORTED &&
	       strstr(trial->end.why, "overwrites itself");
}

static bool try_guest(struct trial *trial)
{
	struct way stepped = {.name = "stepped", .step = true}, restored = {.name = "restored"};

	if (!learn(trial))
		return false;
	if (gave_up(trial))
		return true;
	if (!goes_same(trial, &stepped))
		return false;
	/* A put loses what a kernel has in no register: `vpmu check` is about that. */
	if (trial->config.profile != vpmu_profile_find("hardware"))
		return true;
	for (unsigned i = 0; i < RESTORES && trial->length > 1; i++)
		restored.restore_at[i] = 1 + random_below(&trial->random, trial->length - 1);
	return goes_same(trial, &restored);
}

/* The third record asks for a PMI; counters begin anew with a few events to go. */
static void put_area(struct trial *trial)
{
	unsigned bytes = vpmu_model_pebs_bytes(&trial->config.model);

	random_guest_put(trial->image, DS_AREA + 0x20, PEBS_BUFFER);
	random_guest_put(trial->image, DS_AREA + 0x28, PEBS_BUFFER);
	random_guest_put(trial->image, DS_AREA + 0x30,
	                 PEBS_BUFFER + bytes * trial->recording->records);
	random_guest_put(trial->image, DS_AREA + 0x38, PEBS_BUFFER + bytes * 3);
	for (unsigned i = 0; i < 4; i++)
		random_guest_put(trial->image, DS_AREA + 0x40 + 8 * i,
		                 0 - random_below(&trial->random, 300));
}

static void set_up(struct trial *trial, uint64_t seed, const char *profile, bool cycles,
                   const struct recording *recording)
{
	const char *model =
		recording ? recording->model : models[seed % (sizeof(models) / sizeof(models[0]))];

	memset(trial, 0, sizeof(*trial));
	trial->seed = trial->random = seed;
	trial->profile = profile;
	trial->recording = recording;
	trial->config = (struct machine_config){
		.cpu = &cpu_unicorn,
		.profile = vpmu_profile_find(profile),
		.memory_bytes = MEMORY,
		.max_instructions = INSTRUCTIONS_MOST,
	};
	if (vpmu_model_parse(&trial->config.model, model, NULL, 0)) {
		printf("Bail out! %s\n", model);
		exit(1);
	}
	if (cycles)
		trial->image_bytes = random_guest_of_cycles(
			seed, trial->config.model.vendor == VPMU_VENDOR_AMD, trial->image);
	else
		trial->image_bytes = random_guest(seed, trial->image);
	if (recording && recording->records)
		put_area(trial);
}

/* --- Every instruction ------------------------------------------------------------------------ */

enum { TOGETHER = 64, EACH = 32, TABLE = 0x400 };

static const uint8_t prefixes[][3] = {{0},       {1, 0x66}, {1, 0xf2},       {1, 0xf3},
                                      {1, 0x48}, {1, 0xf0}, {2, 0x4c, 0x67}, {2, 0x48, 0x66}};
static const uint8_t maps[][3] = {{0}, {1, 0x0f}, {2, 0x0f, 0x38}, {2, 0x0f, 0x3a}};
static const uint8_t modrms[] = {0xc1, 0x06, 0xfb, 0x3e, 0xd3, 0x16, 0xe9, 0x2e};

/* HLT would end the guest. Jcc with 0x66 has a 16-bit target, which leads into the page tables in
 * low memory: they are executed. */
static bool is_left_out(const uint8_t *map, uint8_t opcode)
{
	return !map[0] && opcode == 0xf4;
}

/* The n-th encoding: prefix, map, opcode, ModRM. False: all have been. */
static bool encoding(unsigned n, uint8_t to[EACH])
{
	const uint8_t *prefix = prefixes[n / 256 / 8 / 4 % ARRAY_SIZE(prefixes)],
		      *map = maps[n / 256 / 8 % 4];
	size_t used = 0;

	if (n >= ARRAY_SIZE(prefixes) * 4 * 8 * 256)
		return false;
	memset(to, 0, EACH);
	memcpy(to, prefix + 1, prefix[0]);
	used += prefix[0];
	memcpy(to + used, map + 1, map[0]);
	used += map[0];
	to[used++] = is_left_out(map, (uint8_t)n) ? 0x90 : (uint8_t)n;
	to[used] = modrms[n / 256 % 8];
	return true;
}

/* A body that in each round goes to another of TOGETHER instructions: jmp *(,%rax,8). What follows
 * it is zeros, which are ADD, and a breakpoint. */
static size_t body_of(unsigned from, uint8_t body[TABLE + 8 * TOGETHER + EACH * TOGETHER])
{
	static const uint8_t jump[] = {0xff, 0x24, 0xc5, 0x00, 0x54, 0x10, 0x00};
	size_t code = TABLE + 8 * TOGETHER;

	memcpy(body, jump, sizeof(jump));
	for (unsigned i = 0; i < TOGETHER; i++) {
		uint64_t address = 0x105000 + code + EACH * i;

		memcpy(body + TABLE + 8 * i, &address, 8);
		encoding(from + i, body + code + EACH * i);
		memset(body + code + EACH * i + EACH - 8, 0xcc, 8);
	}
	return code + EACH * TOGETHER;
}

static bool try_every(unsigned part, unsigned n)
{
	static uint8_t body[TABLE + 8 * TOGETHER + EACH * TOGETHER], last[EACH];
	static struct trial trial;
	struct way stepped = {.name = "stepped", .step = true};
	unsigned bad = 0, done = 0;

	printf("1..1\n# from encoding %u on, one group of %u\n", n, part);
	for (; encoding(n, last); n += part * TOGETHER, done += TOGETHER) {
		set_up(&trial, 1, "hardware", false, NULL);
		trial.seed = n;
		trial.image_bytes = random_guest_of(body, body_of(n, body), TOGETHER, trial.image);
		bad += !learn(&trial) || !goes_same(&trial, &stepped);
	}
	printf("%s 1 - every instruction counts the same stepped and unstepped (%u encodings)\n",
	       bad ? "not ok" : "ok", done);
	return !bad;
}

/* What a campaign has done. The processes that run the guests share it. */
struct sums {
	uint64_t runs, bad, remapped, gave_up, too_long, instructions, slots;
};

enum { SECONDS_OF_ONE = 30 };

static int run_trial(struct sums *sums, uint64_t seed, const char *profile, bool cycles,
                     const struct recording *recording)
{
	static struct trial trial;
	struct rlimit limit = {SECONDS_OF_ONE, SECONDS_OF_ONE};
	bool same;

	setrlimit(RLIMIT_CPU, &limit);
	set_up(&trial, seed, profile, cycles, recording);
	same = try_guest(&trial);
	sums->instructions += trial.length;
	sums->slots += trial.end.totals.of[VPMU_SLOTS];
	if (!same && trial.remapped)
		printf("# … which wrote in its page tables: processors do either\n");
	sums->remapped += !same && trial.remapped;
	sums->gave_up += gave_up(&trial);
	fflush(stdout);
	return !same && !trial.remapped;
}

/* In a process of its own: what crashes it is a finding, too. A guest may have no end: a REP of
 * 2^32 iterations is one instruction. */
static void try_on(struct sums *sums, uint64_t seed, const char *profile, bool cycles,
                   const struct recording *recording)
{
	int status = 0;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (!child)
		exit(run_trial(sums, seed, profile, cycles, recording));
	if (child < 0 || waitpid(child, &status, 0) != child) {
		printf("Bail out! no process\n");
		exit(1);
	}
	sums->runs++;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
		sums->too_long++;
		return;
	}
	sums->bad += status != 0;
	if (WIFSIGNALED(status) || WEXITSTATUS(status) > 1)
		printf("# seed %" PRIu64 ", %s%s: ends with status 0x%x\n", seed, profile,
		       cycles ? ", cycles" : "", status);
}

int main(int count, char **words)
{
	uint64_t guests = count > 1 ? strtoull(words[1], NULL, 0) : 100;
	uint64_t seed = count > 2 ? strtoull(words[2], NULL, 0) : (uint64_t)time(NULL) * 1000000;
	unsigned part = count > 2 ? (unsigned)strtoul(words[2], NULL, 0) : 1;
	struct sums *sums = mmap(NULL, sizeof(*sums), PROT_READ | PROT_WRITE,
	                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (count > 1 && !strcmp(words[1], "every"))
		return !try_every(part, count > 3 ? (unsigned)strtoul(words[3], NULL, 0)
		                                  : (unsigned)(time(NULL) % part) * TOGETHER);
	printf("1..1\n# seed %" PRIu64 "\n", seed);
	if (sums == MAP_FAILED) {
		printf("Bail out! no memory\n");
		return 1;
	}
	for (uint64_t i = 0; i < guests; i++, seed++) {
		bool cycles = seed / ARRAY_SIZE(models) % 2; /* each model in turn */

		try_on(sums, seed, "hardware", false, NULL);
		if (seed % 2)
			try_on(sums, seed, profile_in_turn(seed / 2), cycles, NULL);
		else
			try_on(sums, seed, "hardware", false,
			       &recordings[seed / 2 % ARRAY_SIZE(recordings)]);
		if (cycles)
			try_on(sums, seed, "hardware", true, NULL);
	}
	printf("# %" PRIu64 " guests, %" PRIu64 " with their profiles: %" PRIu64
	       " instructions, %" PRIu64 " slots; %" PRIu64 " differ, %" PRIu64
	       " more by their own page tables, %" PRIu64 " gave up, %" PRIu64
	       " did not end in %d s of processor time\n%s 1 - whole, stepped and restored are the "
	       "same\n",
	       guests, sums->runs, sums->instructions, sums->slots, sums->bad, sums->remapped,
	       sums->gave_up, sums->too_long, SECONDS_OF_ONE,
	       sums->bad || sums->too_long == sums->runs ? "not ok" : "ok");
	return sums->bad || sums->too_long == sums->runs;
}
