/* SPDX-License-Identifier: MIT */
/* A kernel's own code as what an explorer acts on. */
#include "kernel.h"

#if HAVE_KERNEL

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <base/room.h>
#include <kernel/room.h>

#include "command.h"
#include "kernel/kernel.h"
#include "lib/message.h"

/* --- The file --- */

static uint64_t hash_of(const char *text, size_t bytes)
{
	uint64_t hash = 0;

	for (size_t i = 0; i < bytes; i++)
		hash = hash_mix(hash, (uint8_t)text[i]);
	return hash;
}

/* What `option` has it print, in an unnamed file; -1 after a message. */
static int print_to_file(const char *path, const char *option)
{
	char *arguments[] = {(char *)path, (char *)option, NULL};
	int out = unnamed_file(), process = out < 0 ? -1 : process_start(arguments, -1, out, -1);
	struct ending ending = {.status = TOOL_LACKS};

	if (process >= 0)
		ending = process_wait(process);
	if (out >= 0 && !ending.signal && !ending.status)
		return out;
	if (process >= 0)
		message("made by a vpmu that had no 'check --kernel': %s (build it again: vpmu "
		        "kernel build)",
		        path);
	if (out >= 0)
		close(out);
	return -1;
}

int check_kernel_open(struct check_kernel *kernel, const char *path)
{
	int status = kernel_file(path, kernel->release);
	size_t bytes;
	char *code;

	kernel->path = path;
	kernel->library = -1;
	if (status)
		return status;
	code = kernel_ask(path, "--carried", &bytes);
	if (!code)
		return TOOL_BAD;
	snprintf(kernel->label, sizeof(kernel->label), "%s, code %016llx", kernel->release,
	         (unsigned long long)hash_of(code, bytes));
	free(code);
	kernel->library = print_to_file(path, "--library");
	return kernel->library < 0 ? TOOL_BAD : TOOL_HOLDS;
}

void check_kernel_close(struct check_kernel *kernel)
{
	if (kernel->path && kernel->library >= 0)
		close(kernel->library);
}

const struct kernel_subject *check_kernel_load(const struct check_kernel *kernel)
{
	const struct kernel_subject *subject = NULL;
	kernel_subject_fn *get = NULL;
	char path[64];
	void *library;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", kernel->library);
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (library)
		*(void **)&get = dlsym(library, "kernel_subject");
	if (get)
		subject = get();
	if (subject && subject->version == SUBJECT_VERSION)
		return subject;
	message("made by another version of vpmu: %s (build it again: vpmu kernel build)",
	        kernel->path);
	return NULL;
}

/* --- What an explorer does to it --- */

static bool create(void *context, const struct check_subject *subject)
{
	const struct kernel_subject *code = context;

	return code->make(subject->model_name, subject->host_text,
	                  vpmu_profile_facts(subject->profile) & VPMU_FACT_MEDIATED);
}

static bool read_register(void *context, uint32_t msr, uint64_t *value)
{
	const struct kernel_subject *code = context;

	return code->host_read(msr, value);
}

static void save(void *context, void *saved)
{
	const struct kernel_subject *code = context;

	code->save(saved);
}

static void load(void *context, const void *saved)
{
	const struct kernel_subject *code = context;

	code->load(saved);
}

static uint64_t fingerprint(void *context)
{
	const struct kernel_subject *code = context;

	return code->fingerprint();
}

static struct vpmu_outcome outcome_of(struct subject_pmis pmis)
{
	return (struct vpmu_outcome){.pmi = pmis.delivered, .masked = pmis.masked};
}

static struct vpmu_event_counts events_of(struct subject_events events)
{
	return (struct vpmu_event_counts){.live = events.live,
	                                  .created = events.created,
	                                  .released = events.released,
	                                  .enabled = events.enabled,
	                                  .paused = events.paused};
}

/* The accesses. */
static struct replay_reply access_register(const struct kernel_subject *code,
                                           const struct replay_action *action)
{
	uint32_t msr = (uint32_t)action->argument[MSR_INDEX].number;
	uint64_t value = action->argument[MSR_VALUE].number;
	struct replay_reply reply = {.status = VPMU_OK};

	if (action->verb == REPLAY_WRMSR)
		reply.status = code->guest_write(msr, value) ? VPMU_OK : VPMU_GP;
	else if (action->verb == REPLAY_HOST_WRMSR)
		reply.status = code->host_write(msr, value) ? VPMU_OK : VPMU_REFUSED;
	else
		reply.status = code->host_read(msr, &reply.value) ? VPMU_OK : VPMU_REFUSED;
	return reply;
}

/* Those verbs that an explorer has (src/check). */
static struct replay_reply act(void *context, const struct replay_action *action)
{
	const struct kernel_subject *code = context;
	uint64_t amounts[VPMU_CLASSES];
	struct replay_reply reply = {.status = VPMU_OK};

	switch (action->verb) {
	case REPLAY_WRMSR:
	case REPLAY_HOST_WRMSR:
	case REPLAY_HOST_RDMSR:
		return access_register(code, action);
	case REPLAY_LVTPC:
		code->set_lvtpc((uint32_t)action->argument[0].number);
		break;
	case REPLAY_ENTER:
		reply.outcome = outcome_of(code->enter());
		break;
	case REPLAY_RUN:
		replay_amounts(action, amounts);
		reply.outcome = outcome_of(code->run(amounts));
		break;
	case REPLAY_EMULATE:
		code->emulate();
		break;
	case REPLAY_SCHEDULE:
		code->schedule();
		break;
	case REPLAY_EXCLUDE_HOST:
		code->exclude_host(action->argument[0].number == SWITCH_ON);
		break;
	case REPLAY_HOST_RUN:
		replay_amounts(action, amounts);
		code->host_run(amounts);
		break;
	case REPLAY_FAIL_CREATE:
		if (!code->fail_creations((uint32_t)action->argument[0].number))
			reply.status = VPMU_REFUSED;
		break;
	case REPLAY_EVENT_COUNTS:
		reply.events = events_of(code->events());
		break;
	default:
		reply.status = VPMU_INTERNAL;
	}
	return reply;
}

struct check_ops check_kernel_ops(const struct kernel_subject *subject)
{
	return (struct check_ops){
		.bytes = subject->snapshot_bytes(),
		.create = create,
		.act = act,
		.read = read_register,
		.save = save,
		.load = load,
		.fingerprint = fingerprint,
	};
}

#endif
