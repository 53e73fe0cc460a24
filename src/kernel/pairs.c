/* SPDX-License-Identifier: MIT */
/* WRMSR and RDMSR on the kernel's code, for measuring their speed. */
#include "pairs.h"

#include "guest.h"
#include "msr.h"

#define EXPORTED __attribute__((visibility("default")))

static struct guest *guest;

EXPORTED void pairs_start(enum pairs_kind kind)
{
	struct model model;
	struct host host;

	if (guest)
		guest_destroy(guest);
	if (!model_preset(&model, "intel-v2"))
		abort();
	host = host_usual(model.vendor);
	guest = guest_create(&model, &host, false);
	if (kind != PAIRS_COUNTING)
		return;
	for (u32 i = 0; i < 4; i++)
		msr_guest_write(&guest->vcpu, MSR_P6_EVNTSEL0 + i, PAIRS_SELECTOR);
	msr_guest_write(&guest->vcpu, MSR_CORE_PERF_GLOBAL_CTRL, PAIRS_GLOBAL_CTRL);
	guest_enter(guest);
}

EXPORTED uint64_t pairs_run(enum pairs_kind kind, unsigned long pairs)
{
	u64 value = 0, sum = 0;

	for (unsigned long i = 0; i < pairs; i++) {
		struct pair pair = pair_at(kind, i);

		msr_guest_write(&guest->vcpu, pair.msr, pair.value);
		msr_guest_read(&guest->vcpu, pair.msr, &value);
		sum += value;
	}
	return sum;
}
