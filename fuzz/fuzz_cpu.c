/* SPDX-License-Identifier: MIT */
/*
 * The CPU's part of a saved machine, on the real CPU: a guest of any bytes runs a little and is
 * saved, its CPU's record is changed at some places, and what takes it goes on a little. What is
 * saved by a machine is taken by another, and neither record nor guest takes the process down.
 * Engines are made slowly, so no more of them are than that takes.
 * The bytes are how far the guest runs, how long its code is, the code, then changes: where in the
 * record, how many bytes, and these.
 */
#include <signal.h>
#include <string.h>
#include <time.h>

#include <machine/saved/snapshot.h>

#include "../tests/machine/guest_image.h"
#include "fuzz.h"
#include "input.h"
#include "saved.h"

enum { FIRST_RUN = 64, SECOND_RUN = 300, MOST_CHANGES = 16, RUN_MS = 100 };

/* --- A run ends after a while, also within one instruction: REP with a count of 2^64 ---------- */

static struct machine *volatile running;

static void on_timer(int signal)
{
	if (running)
		machine_stop_soon(running);
}

static void set_timer(long milliseconds)
{
	static timer_t timer;
	static bool made;
	const struct itimerspec when = {.it_value = {.tv_nsec = milliseconds * 1000000}};

	if (!made) {
		struct sigaction action = {.sa_handler = on_timer, .sa_flags = SA_RESTART};
		struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};

		MUST(!sigaction(SIGRTMIN, &action, NULL));
		MUST(!timer_create(CLOCK_MONOTONIC, &event, &timer));
		made = true;
	}
	MUST(!timer_settime(timer, 0, &when, NULL));
}

/* Whether it has paused after so many instructions in all, and so can be saved. */
static bool run_until(struct machine *machine, uint64_t instructions)
{
	struct machine_result result;

	machine_pause_at(machine, instructions);
	running = machine;
	set_timer(RUN_MS);
	machine_run(machine, &result);
	set_timer(0);
	running = NULL;
	MUST(result.end != MACHINE_END_PAUSED || machine_retired(machine) == instructions);
	return result.end == MACHINE_END_PAUSED;
}

/* -----------------------------------------------------------------------------------------------
 */

static struct machine *load(struct input *input)
{
	struct machine_config config = {.cpu = &cpu_unicorn, .memory_bytes = 2 * MIB};
	struct made_elf elf = made_elf_default(64);
	struct made_image image;
	struct machine *machine;
	char why[400] = "";

	MUST(!vpmu_model_parse(&config.model, "intel-v4", NULL, 0));
	machine = machine_create(&config, why, sizeof(why));
	MUST(machine);
	made_elf(&image, &elf);
	memset(image.data + IMAGE_CODE, 0x90, IMAGE_CODE_BYTES);
	take(input, image.data + IMAGE_CODE, take_byte(input));
	MUST(!machine_load(machine, image.data, image.bytes, why, sizeof(why)));
	return machine;
}

static void change(struct saved *saved, struct input *input)
{
	size_t bytes;
	uint8_t *record = saved_record(saved, RECORD_CPU, &bytes);

	MUST(record);
	for (unsigned i = 0; i < MOST_CHANGES && input->size; i++) {
		size_t at = take_number(input, 2) % bytes, count = 1 + take_byte(input) % 8;

		take(input, record + at, count < bytes - at ? count : bytes - at);
	}
	saved_seal(saved->bytes, saved->used);
}

static struct machine *restore_unchanged(const struct saved *saved)
{
	enum vpmu_status status;
	char why[400] = "";
	struct machine *machine = saved_restore(saved, &cpu_unicorn, &status, why, sizeof(why));

	if (machine)
		return machine;
	fprintf(stderr, "not restored: %s\n", why);
	MUST(!"what was saved can be restored");
	return NULL;
}

/* A record that was damaged: refused with a reason, or as good as any. */
static struct machine *restore_changed(const struct saved *saved)
{
	enum vpmu_status status;
	char why[400] = "";
	struct machine *machine = saved_restore(saved, &cpu_unicorn, &status, why, sizeof(why));

	MUST(machine || (status == VPMU_BAD_DATA && strlen(why) > 8));
	return machine;
}

static void go_on(struct machine *machine, uint64_t instructions)
{
	static struct saved again;

	saved_make(&again, machine);
	if (run_until(machine, instructions + machine_retired(machine))) {
		saved_make(&again, machine);
		machine_destroy(restore_unchanged(&again));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct saved saved;
	struct input input = {data, size};
	uint64_t first = 1 + take_byte(&input) % FIRST_RUN;
	struct machine *machine = load(&input), *other = NULL;

	if (run_until(machine, first)) {
		saved_make(&saved, machine);
		if (!input.size) {
			other = restore_unchanged(&saved);
		} else {
			change(&saved, &input);
			other = restore_changed(&saved);
		}
	}
	machine_destroy(machine);
	if (other)
		go_on(other, SECOND_RUN);
	machine_destroy(other);
	return 0;
}
