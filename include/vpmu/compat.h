/* SPDX-License-Identifier: MIT */
/*
 * Two judgements before anything is written: whether a target can take a state (compat), and the
 * largest PMU that every host of a fleet can give, with what each smaller host costs (baseline).
 * Only vpmu_compat_try() touches a target.
 *
 * Memory is the caller's; nothing allocates or prints. docs/state.md has the rules.
 */
#ifndef VPMU_COMPAT_H
#define VPMU_COMPAT_H

#include <vpmu/state.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- Compat ----------------------------------------------------------------------------------- */

enum vpmu_take {
	VPMU_TAKES,         /* as it is */
	VPMU_TAKES_CHANGED, /* a put goes through, but the guest can notice */
	VPMU_CANNOT_TAKE,   /* a put is refused, or the guest would have no PMU */
};

/* What becomes of a register. */
enum vpmu_compat_why {
	VPMU_COMPAT_SAME,    /* the target holds the value */
	VPMU_COMPAT_MISSING, /* it has no such register: the guest gets #GP */
	VPMU_COMPAT_REFUSED, /* it refuses the value */
	VPMU_COMPAT_CHANGED, /* it takes the value but then holds another */
	VPMU_COMPAT_IGNORED, /* it has no such register; the guest's reads succeed, with `becomes`
	                      */
};

/* The verdict on one register of the state's model. */
struct vpmu_compat_register {
	uint8_t place;    /* in the state's layout */
	uint8_t take;     /* enum vpmu_take */
	uint8_t why;      /* enum vpmu_compat_why */
	uint64_t value;   /* the state's; 0 for a register that shows none */
	uint64_t becomes; /* what the target holds after the put; 0 where it holds none */
	uint64_t bits;    /* the bits that are refused, or in which the two differ */
};

/* A field of a model (vpmu_field_name()) in which the target has less. A signature is listed if it
 * differs at all. */
struct vpmu_compat_difference {
	uint8_t field;
	uint8_t take; /* enum vpmu_take */
	/* The value in the state's model, and in the target's. In a set, a bit means that the thing
	 * can be used, even where the model's bit means that it is missing (AnyThread,
	 * architectural events). */
	uint64_t from, to;
};

struct vpmu_compat {
	uint8_t take; /* enum vpmu_take: the worst of all */
	uint8_t difference_count;
	uint8_t register_count; /* all registers of the state's model, in table order */
	struct vpmu_compat_difference differences[VPMU_MAX_FIELDS];
	struct vpmu_compat_register registers[VPMU_MAX_REGISTERS];
	const struct vpmu_layout *layout; /* the state's */
	struct vpmu_model to;             /* the target's PMU, after its profile */
	struct vpmu_model vcpu;           /* the virtual CPU's, after the put */

	/* The put. Every write was tried; a put that stops at the first refusal would do `stops_at`
	 * of them. */
	const struct vpmu_order *order;
	uint8_t planned, refused_count;
	uint8_t stops_at;    /* the first refused write's position, or `planned` */
	uint8_t stops_place; /* its register in the state's layout */
	int host_error;      /* VPMU_HOST: the errno of the call that failed */
	uint32_t reserved[8];
};

/*
 * The PMU that a VMM gives a virtual CPU on a host whose PMU is *host, for a guest that had
 * *wanted: as much of *wanted as the host has, or all of the host's PMU where less cannot be had
 * (another vendor's; an AMD PMU with fewer counters than its version always has). A model without a
 * PMU if an argument is NULL.
 */
VPMU_API struct vpmu_model vpmu_compat_model(const struct vpmu_model *wanted,
                                             const struct vpmu_model *host);

/*
 * Judges whether a host whose PMU is `to`, under a profile, can take the state. There are no
 * separate rules for this: the state is put, at level full and in the given order, on a register
 * machine of vpmu_compat_model() under that profile, and the registers are read back. The machine
 * is on the stack (some 20 KiB in all). Differences between the models, that is, in what CPUID
 * promises the guest, are judged in addition. layout: the state's; it must live as long as *compat.
 * The state need not pass vpmu_state_check().
 *
 * VPMU_OK: the host takes the state, perhaps changed; VPMU_INCOMPATIBLE: it cannot;
 * VPMU_BAD_ARGUMENT: the state is not of the layout, `to` fails vpmu_model_check(), or the profile
 * or the order is NULL. *compat is filled in unless the result is VPMU_BAD_ARGUMENT.
 */
VPMU_API enum vpmu_status
vpmu_compat_judge(struct vpmu_compat *compat, const struct vpmu_state *state,
                  const struct vpmu_layout *layout, const struct vpmu_model *to,
                  const struct vpmu_profile *profile, const struct vpmu_order *order);

/*
 * vpmu_compat_judge() on a real target: a virtual CPU made for the trial, since its PMU registers
 * are written and not restored. vcpu: the model that it was given, best that of
 * vpmu_compat_model(). Also VPMU_HOST: a call failed as a whole; compat->host_error has its errno,
 * and no register is judged.
 */
VPMU_API enum vpmu_status
vpmu_compat_try(struct vpmu_compat *compat, const struct vpmu_state *state,
                const struct vpmu_layout *layout, const struct vpmu_model *to,
                const struct vpmu_model *vcpu, const struct vpmu_order *order,
                const struct vpmu_target *target);

/* A verdict's text: "takes", "takes changed", "cannot take"; "unknown" for other values. Static
 * storage. */
VPMU_API const char *vpmu_take_text(enum vpmu_take take);

/* What becomes of a register, as a text: "same", "missing", "refused", "changed", "ignored";
 * "unknown" for other values. Static storage. */
VPMU_API const char *vpmu_compat_why_text(enum vpmu_compat_why why);

/* One line on the i-th difference, with what the guest would notice; "" past the last. text: a
 * buffer of `bytes`; 200 are always enough. */
VPMU_API void vpmu_compat_describe_difference(const struct vpmu_compat *compat, unsigned i,
                                              char *text, size_t bytes);

/* One line on the i-th register's verdict; "" past the last. The layout must still exist. text: as
 * for vpmu_compat_describe_difference(). */
VPMU_API void vpmu_compat_describe_register(const struct vpmu_compat *compat, unsigned i,
                                            char *text, size_t bytes);

/* One line on the put; "" if no write was refused. text: as for
 * vpmu_compat_describe_difference(). */
VPMU_API void vpmu_compat_describe_put(const struct vpmu_compat *compat, char *text, size_t bytes);

/* --- Baseline --------------------------------------------------------------------------------- */

/* The spread of a number over the hosts: the baseline can only have the least. */
struct vpmu_baseline_least {
	uint64_t first; /* the first host with the least */
	uint64_t hosts; /* how many have exactly that */
	uint8_t least, most;
	uint8_t next; /* the least among the other hosts; 0: there are none */
};

/* Something that a host may lack. */
struct vpmu_baseline_lack {
	uint64_t first; /* the first host that lacks it */
	uint64_t hosts; /* how many lack it */
};

/* How many numbers, and how many bits of sets, a baseline keeps track of. */
enum { VPMU_BASELINE_NUMBERS = 16, VPMU_BASELINE_BITS = 256 };

/*
 * What is known of a fleet so far: some 5 KiB, however many hosts. Fill it with zeros, then add
 * hosts one at a time; results can be read at any time. The members are private to the library.
 */
struct vpmu_baseline {
	uint64_t hosts;
	struct vpmu_model model; /* vpmu_model_meet() of all hosts */
	bool signatures_differ;
	struct vpmu_baseline_least numbers[VPMU_BASELINE_NUMBERS];
	uint64_t some[VPMU_MAX_FIELDS]; /* for a set: the bits that some host has */
	struct vpmu_baseline_lack lacks[VPMU_BASELINE_BITS]; /* all sets, one after the other */
};

/*
 * Adds a host's PMU; `host` is the caller's name for it in costs. VPMU_BAD_ARGUMENT: the model
 * fails vpmu_model_check(), or a NULL; VPMU_INCOMPATIBLE: its vendor is not the first host's. On
 * errors why (may be NULL) has the reason, and the host is not added.
 */
VPMU_API enum vpmu_status vpmu_baseline_add(struct vpmu_baseline *baseline,
                                            const struct vpmu_model *model, uint64_t host,
                                            char *why, size_t why_bytes);

/*
 * The largest PMU that every host so far can give; version 0 (no PMU) if there is none.
 * VPMU_BAD_ARGUMENT: there are no hosts, or a NULL; *model is unchanged.
 */
VPMU_API enum vpmu_status vpmu_baseline_model(const struct vpmu_baseline *baseline,
                                              struct vpmu_model *model);

/* Something that a host has and the baseline lacks. */
struct vpmu_cost {
	uint64_t first; /* the first host to blame */
	uint64_t hosts; /* how many hosts to blame; 0: none, it follows from other costs */
	char text[128]; /* one line: "general-purpose counters: 4, not 6 to 8" */
};

/* The i-th cost of the fleet's smaller hosts; false past the last. */
VPMU_API bool vpmu_baseline_cost(const struct vpmu_baseline *baseline, size_t i,
                                 struct vpmu_cost *cost);

#ifdef __cplusplus
}
#endif

#endif
