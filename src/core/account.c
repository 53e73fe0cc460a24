/* SPDX-License-Identifier: MIT */
/*
 * Time passes: what happens is added to the totals, cut at the moments of overflows.
 *
 * The fast path is vpmu_pmu_account() while nothing overflows. The slow path, advance(), treats a
 * stretch as lanes: one per class, and one for each thresholded counter, whose number of events
 * follows from the stretch's totals. The k-th of a lane's n events happens at k/n of the stretch,
 * so moments are fractions and are compared exactly.
 */
#include <core/room_int.h>

/* The distance for a class without a limit: too large to be used up before the next arming, and not
 * negative. */
#define UNLIMITED (UINT64_C(1) << 62)

enum { LANES = VPMU_CLASSES + SLOTS };

struct lane {
	uint64_t events; /* in the whole stretch */
	uint64_t done;   /* up to the present moment */
};

/* k/n of the stretch. */
struct moment {
	uint64_t k, n;
};

struct stretch {
	struct lane lane[LANES];
	unsigned mode;
	/* Counters that ran at the start. An overflow may start others; of these, one with a
	 * threshold counts only from the next stretch on. */
	uint32_t slots;
	struct last_cycle last[SLOTS];
};

typedef unsigned __int128 wide;

static bool before(struct moment a, struct moment b)
{
	return (wide)a.k * b.n < (wide)b.k * a.n;
}

/* floor(k * events / n), for k <= n. Divides 128 bits only if 64 do not suffice. The first test is
 * a short cut, because many lanes have as many events as the one whose moment it is. */
static uint64_t events_by(struct moment at, uint64_t events)
{
	wide rest = (wide)at.k * events, divisor = (wide)at.n << 64;
	uint64_t quotient = 0;

	if (events == at.n)
		return at.k;
	if (rest <= UINT64_MAX)
		return (uint64_t)rest / at.n;
	for (unsigned bit = 0; bit <= 64; bit++, divisor >>= 1) {
		quotient <<= 1;
		if (rest >= divisor) {
			rest -= divisor;
			quotient |= 1;
		}
	}
	return quotient;
}

static struct lane *lane_of(struct stretch *stretch, const struct vpmu_pmu *pmu, unsigned slot)
{
	const struct tally *tally = &pmu->tally[slot];

	return &stretch->lane[tally->threshold ? VPMU_CLASSES + slot : tally->class_];
}

/* When the running counters overflow next: fills *at and *slots, or returns false for never. */
static bool next_overflow(struct stretch *stretch, const struct vpmu_pmu *pmu, struct moment *at,
                          uint32_t *slots)
{
	*slots = 0;
	for (uint32_t rest = pmu->running[stretch->mode] & COUNTER_SLOTS; rest; rest &= rest - 1) {
		unsigned slot = (unsigned)__builtin_ctz(rest);
		const struct lane *lane = lane_of(stretch, pmu, slot);
		uint64_t distance = pmu->engine->distance(pmu, slot);
		struct moment then = {lane->done + distance, lane->events};

		if (distance > lane->events - lane->done)
			continue;
		if (*slots && before(*at, then))
			continue;
		if (!*slots || before(then, *at))
			*slots = 0;
		*at = then;
		*slots |= 1u << slot;
	}
	return *slots;
}

static inline void happens(struct vpmu_pmu *pmu, unsigned mode, unsigned class_, uint64_t count)
{
	pmu->total[mode][class_] += count;
	pmu->total[MODES][class_] += count;
}

/* Lets everything happen up to the moment. */
static void move_to(struct stretch *stretch, struct vpmu_pmu *pmu, struct moment at)
{
	uint32_t running = pmu->running[stretch->mode];

	for (unsigned i = 0; i < LANES; i++) {
		struct lane *lane = &stretch->lane[i];
		uint64_t done, step;

		if (lane->done == lane->events)
			continue;
		done = events_by(at, lane->events);
		step = done - lane->done;
		lane->done = done;
		if (i < VPMU_CLASSES)
			happens(pmu, stretch->mode, i, step);
		else if (running >> (i - VPMU_CLASSES) & 1)
			pmu->tally[i - VPMU_CLASSES].base += step;
	}
}

static void begin(struct stretch *stretch, const struct vpmu_pmu *pmu,
                  const struct vpmu_amounts *amounts, unsigned mode)
{
	*stretch = (struct stretch){.mode = mode, .slots = pmu->running[mode]};
	for (unsigned i = 0; i < VPMU_CLASSES; i++)
		stretch->lane[i].events = amounts->of[i];
	for (uint32_t rest = stretch->slots; rest; rest &= rest - 1) {
		unsigned slot = (unsigned)__builtin_ctz(rest);
		const struct tally *tally = &pmu->tally[slot];

		if (!tally->threshold)
			continue;
		stretch->last[slot] = (struct last_cycle){tally->level, tally->kept};
		stretch->lane[VPMU_CLASSES + slot].events =
			threshold_events(tally, amounts->of[tally->class_],
		                         amounts->of[VPMU_CYCLES], &stretch->last[slot]);
	}
}

static struct vpmu_outcome advance(struct vpmu_pmu *pmu, const struct vpmu_amounts *amounts,
                                   unsigned mode)
{
	struct vpmu_outcome outcome = {0};
	struct stretch stretch;
	struct moment at;
	uint32_t slots;

	begin(&stretch, pmu, amounts, mode);
	while (next_overflow(&stretch, pmu, &at, &slots)) {
		move_to(&stretch, pmu, at);
		pmu->engine->overflow(pmu, slots, &outcome);
	}
	move_to(&stretch, pmu, (struct moment){1, 1});
	FOR_SLOTS(slot, stretch.slots & pmu->running[mode]) {
		pmu->tally[slot].level = stretch.last[slot].level;
		pmu->tally[slot].kept = stretch.last[slot].kept;
	}
	return outcome;
}

static unsigned armed_classes(const struct vpmu_pmu *pmu)
{
	return pmu->is_wide ? VPMU_CLASSES : QUICK_CLASSES;
}

void account_settle_armed(struct vpmu_pmu *pmu)
{
	for (unsigned i = 0; i < armed_classes(pmu); i++)
		happens(pmu, pmu->mode, i, pmu->armed[i] - pmu->left[i]);
	pmu->is_armed = false;
	pmu->left[0] = UINT64_MAX; /* a negative distance: the fast path is closed */
}

/* Opens the fast path for a mode, unless a thresholded counter runs in it: that one must see each
 * stretch. */
static void arm(struct vpmu_pmu *pmu, unsigned mode)
{
	struct vpmu_amounts headroom;

	account_settle(pmu);
	pmu->mode = pmu->quick_mode = (uint8_t)mode;
	pmu->is_wide = false;
	for (uint32_t rest = pmu->running[mode]; rest; rest &= rest - 1) {
		const struct tally *tally = &pmu->tally[__builtin_ctz(rest)];

		if (tally->threshold)
			return;
		pmu->is_wide |= tally->class_ >= QUICK_CLASSES;
	}
	if (pmu->is_wide)
		pmu->quick_mode = NO_MODE;
	vpmu_pmu_headroom(pmu, mode == MODE_KERNEL ? 0 : 3, &headroom);
	for (unsigned i = 0; i < armed_classes(pmu); i++) {
		uint64_t left = headroom.of[i] - 1;

		pmu->armed[i] = pmu->left[i] = left < UNLIMITED ? left : UNLIMITED;
	}
	pmu->is_armed = true;
}

#define UNLIKELY(condition) __builtin_expect(condition, 0)

/* Half of the quick classes, for which the compiler can use vector instructions. */
typedef uint64_t half __attribute__((vector_size(32), aligned(8), may_alias));

_Static_assert(QUICK_CLASSES == 8, "account_quickly() works on two halves of four");

/*
 * The fast path subtracts first, so that the common case is one pass over `left`. False: it is
 * closed, or something may overflow; give_back() then makes it as if nothing had happened.
 */
static inline bool account_quickly(struct vpmu_pmu *pmu, const struct vpmu_amounts *amounts,
                                   unsigned mode)
{
	const half *amount = (const half *)amounts->of;
	half low = amount[0], high = amount[1];
	half *left = (half *)pmu->left;
	half sign;

	left[0] -= low;
	left[1] -= high;
	sign = left[0] | left[1] | low | high;
	return !((sign[0] | sign[1] | sign[2] | sign[3]) >> 63) && mode == pmu->quick_mode;
}

static void give_back(struct vpmu_pmu *pmu, const struct vpmu_amounts *amounts)
{
	for (unsigned i = 0; i < QUICK_CLASSES; i++)
		pmu->left[i] += amounts->of[i];
}

/* The same for all classes, when the machine is wide. False: something may overflow; nothing was
 * changed. */
static bool account_widely(struct vpmu_pmu *pmu, const struct vpmu_amounts *amounts)
{
	uint64_t sign = 0;

	for (unsigned i = 0; i < VPMU_CLASSES; i++)
		sign |= (pmu->left[i] - amounts->of[i]) | amounts->of[i];
	if (sign >> 63)
		return false;
	for (unsigned i = 0; i < VPMU_CLASSES; i++)
		pmu->left[i] -= amounts->of[i];
	return true;
}

/* Accounts when the fast path was refused. */
static __attribute__((noinline)) struct vpmu_outcome
account_slowly(struct vpmu_pmu *pmu, const struct vpmu_amounts *amounts, unsigned mode)
{
	give_back(pmu, amounts);
	if (pmu->is_armed && pmu->is_wide && mode == pmu->mode && account_widely(pmu, amounts))
		return outcome_out(pmu, (struct vpmu_outcome){0});
	arm(pmu, mode);
	if (pmu->is_armed && pmu->is_wide) {
		if (account_widely(pmu, amounts))
			return outcome_out(pmu, (struct vpmu_outcome){0});
	} else if (pmu->is_armed) {
		if (account_quickly(pmu, amounts, mode))
			return outcome_out(pmu, (struct vpmu_outcome){0});
		give_back(pmu, amounts);
	}
	account_settle(pmu);
	return outcome_out(pmu, advance(pmu, amounts, mode));
}

struct vpmu_outcome vpmu_pmu_account(struct vpmu_pmu *pmu, const struct vpmu_amounts *amounts,
                                     unsigned cpl)
{
	unsigned mode = mode_of_cpl(cpl);

	if (UNLIKELY(!pmu || !amounts))
		return (struct vpmu_outcome){0};
	if (UNLIKELY(!account_quickly(pmu, amounts, mode)))
		return account_slowly(pmu, amounts, mode);
	return (struct vpmu_outcome){0};
}

static void headroom_of(const struct vpmu_pmu *pmu, uint32_t slots, struct vpmu_amounts *out)
{
	for (unsigned i = 0; i < VPMU_MAX_CLASSES; i++)
		out->of[i] = UINT64_MAX;
	for (uint32_t rest = slots & COUNTER_SLOTS; rest; rest &= rest - 1) {
		unsigned slot = (unsigned)__builtin_ctz(rest);
		const struct tally *tally = &pmu->tally[slot];
		/* A thresholded counter counts at most once a cycle. */
		unsigned class_ = tally->threshold ? VPMU_CYCLES : tally->class_;
		uint64_t distance = pmu->engine->distance(pmu, slot);

		if (distance < out->of[class_])
			out->of[class_] = distance;
	}
}

void vpmu_pmu_headroom(const struct vpmu_pmu *pmu, unsigned cpl, struct vpmu_amounts *out)
{
	if (out)
		headroom_of(pmu, pmu ? pmu->running[mode_of_cpl(cpl)] : 0, out);
}

void vpmu_pmu_headroom_shared(const struct vpmu_pmu *pmu, struct vpmu_amounts *out)
{
	uint32_t slots = pmu ? pmu->running[MODE_KERNEL] & pmu->running[MODE_USER] : 0;

	if (out)
		headroom_of(pmu, slots, out);
}

uint64_t vpmu_pmu_wanted(const struct vpmu_pmu *pmu)
{
	uint64_t wanted = 0;

	if (!pmu)
		return 0;
	FOR_SLOTS(slot, pmu->running[MODE_KERNEL] | pmu->running[MODE_USER]) {
		const struct tally *tally = &pmu->tally[slot];

		wanted |= VPMU_CLASS_BIT(tally->class_);
		if (tally->threshold)
			wanted |= VPMU_CLASS_BIT(VPMU_CYCLES);
	}
	return wanted;
}
