/* SPDX-License-Identifier: MIT */
/* A guest on the kernel's code as functions: see room.h. */
#include "room.h"

#include <string.h>

#include "guest.h"
#include "msr.h"
#include "snapshot.h"

static struct guest *guest;

enum { TEXT_BYTES = 256 };

static bool read_model(struct model *model, const char *text)
{
	char copy[TEXT_BYTES], *rest = NULL, *part;

	if (strlen(text) >= sizeof(copy))
		return false;
	strcpy(copy, text);
	part = strtok_r(copy, ",", &rest);
	if (!part || !model_preset(model, part))
		return false;
	while ((part = strtok_r(NULL, ",", &rest)))
		if (!model_override(model, part))
			return false;
	return true;
}

static bool read_host(struct host *host, const char *text)
{
	char copy[TEXT_BYTES], *rest = NULL, *part;

	if (!text)
		return true;
	if (strlen(text) >= sizeof(copy))
		return false;
	strcpy(copy, text);
	for (part = strtok_r(copy, ",", &rest); part; part = strtok_r(NULL, ",", &rest))
		if (!host_override(host, part))
			return false;
	return true;
}

static bool make(const char *model_text, const char *host_text, bool mediated)
{
	struct model model;
	struct host host;

	if (!read_model(&model, model_text))
		return false;
	host = host_usual(model.vendor);
	host.mediated = mediated;
	if (!read_host(&host, host_text))
		return false;
	model.svm = model.vendor == VENDOR_AMD && host.svm;
	/* Starts from the initial memory, whatever the last guest did to it. */
	snapshot_begin();
	guest = guest_create(&model, &host, false);
	return !mediated || !host.enable_pmu || host_mediates();
}

static bool write_of_guest(uint32_t msr, uint64_t value)
{
	return guest_write(guest, msr, value);
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

static struct subject_pmis pmis_of(struct pmis pmis)
{
	return (struct subject_pmis){pmis.delivered, pmis.masked};
}

static struct subject_pmis enter(void)
{
	return pmis_of(guest_enter(guest));
}

static struct amounts amounts_of(const uint64_t of[VPMU_CLASSES])
{
	struct amounts amounts = {{0}};

	for (int i = 0; i < VPMU_CLASSES; i++)
		amounts.of[i] = of[i];
	return amounts;
}

static struct subject_pmis run(const uint64_t of[VPMU_CLASSES])
{
	struct amounts amounts = amounts_of(of);

	return pmis_of(guest_run(guest, &amounts, 0));
}

static void exclude_host(bool exclude)
{
	guest->task.perf.counts_host = !exclude;
}

static void host_run(const uint64_t of[VPMU_CLASSES])
{
	struct amounts amounts = amounts_of(of);

	guest_host_run(guest, &amounts);
}

static void emulate(void)
{
	guest_emulate(guest, false, 0);
}

static void schedule(void)
{
	guest_schedule(guest);
}

static bool fail_creations(uint32_t count)
{
	if (host_mediates())
		return false;
	guest->task.perf.failures = count;
	return true;
}

static void set_lvtpc(uint32_t value)
{
	guest_set_lvtpc(guest, value);
}

static struct subject_events events(void)
{
	const struct perf_context *perf = &guest->task.perf;

	return (struct subject_events){.live = perf->live,
	                               .created = (uint32_t)perf->calls.created,
	                               .released = (uint32_t)perf->calls.released,
	                               .enabled = (uint32_t)perf->calls.enabled,
	                               .paused = (uint32_t)perf->calls.paused};
}

static uint64_t fingerprint(void)
{
	return snapshot_fingerprint(guest);
}

__attribute__((visibility("default"))) const struct kernel_subject *kernel_subject(void)
{
	static const struct kernel_subject subject = {
		.version = SUBJECT_VERSION,
		.make = make,
		.guest_write = write_of_guest,
		.host_write = host_write,
		.host_read = host_read,
		.enter = enter,
		.run = run,
		.emulate = emulate,
		.schedule = schedule,
		.exclude_host = exclude_host,
		.host_run = host_run,
		.fail_creations = fail_creations,
		.set_lvtpc = set_lvtpc,
		.events = events,
		.snapshot_bytes = snapshot_bytes,
		.save = snapshot_save,
		.load = snapshot_load,
		.fingerprint = fingerprint,
	};

	snapshot_open();
	return &subject;
}
