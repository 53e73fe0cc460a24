/* SPDX-License-Identifier: MIT */
/* A guest on the kernel's code, for test programs. */
#include "subject.h"

#include <string.h>

#include "guest.h"
#include "msr.h"

static struct guest *guest;

static bool make(const char *text)
{
	char copy[128], *rest = NULL, *part;
	struct model model;

	if (strlen(text) >= sizeof(copy))
		return false;
	strcpy(copy, text);
	part = strtok_r(copy, ",", &rest);
	if (!part || !model_preset(&model, part))
		return false;
	while ((part = strtok_r(NULL, ",", &rest)))
		if (!model_override(&model, part))
			return false;
	if (guest)
		guest_destroy(guest);
	guest = guest_create(&model, &host_usual, false);
	return true;
}

static bool guest_write(uint32_t msr, uint64_t value)
{
	return !msr_guest_write(&guest->vcpu, msr, value);
}

static bool host_write(uint32_t msr, uint64_t value)
{
	return !msr_host_write(&guest->vcpu, msr, value);
}

static bool host_read(uint32_t msr, uint64_t *value)
{
	u64 data = 0;
	bool good = !msr_host_read(&guest->vcpu, msr, &data);

	*value = data;
	return good;
}

static unsigned sum(struct pmis pmis)
{
	return pmis.delivered + pmis.masked;
}

static unsigned enter(void)
{
	return sum(guest_enter(guest));
}

static unsigned run(const uint64_t of[VPMU_CLASSES])
{
	struct amounts amounts = {{0}};

	for (int i = 0; i < VPMU_CLASSES; i++)
		amounts.of[i] = of[i];
	return sum(guest_run(guest, &amounts, 0));
}

static void emulate(void)
{
	guest_emulate(guest, false, 0);
}

static void schedule(void)
{
	guest_schedule(guest);
}

static void fail_creations(uint32_t count)
{
	guest->task.perf.failures = count;
}

static void set_lvtpc(uint32_t value)
{
	guest_set_lvtpc(guest, value);
}

static unsigned live_events(void)
{
	return guest->task.perf.live;
}

__attribute__((visibility("default"))) const struct kernel_subject *kernel_subject(void)
{
	static const struct kernel_subject subject = {
		.make = make,
		.guest_write = guest_write,
		.host_write = host_write,
		.host_read = host_read,
		.enter = enter,
		.run = run,
		.emulate = emulate,
		.schedule = schedule,
		.fail_creations = fail_creations,
		.set_lvtpc = set_lvtpc,
		.live_events = live_events,
	};

	return &subject;
}
