/* SPDX-License-Identifier: MIT */
/*
 * Two judgements made before anything is written: whether a target can take a state (compat), and
 * the largest PMU that every host of a fleet can give, with what each smaller host costs
 * (baseline). Both compare models; neither touches a target.
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
	VPMU_CANNOT_TAKE,   /* a put is refused; or the guest's PMU as a whole is not there */
};

/* What became of a register. */
enum vpmu_compat_why {
	VPMU_COMPAT_SAME,    /* the target holds the value */
	VPMU_COMPAT_MISSING, /* it has no such register: the guest gets #GP */
	VPMU_COMPAT_REFUSED, /* it refuses the value */
	VPMU_COMPAT_CHANGED, /* it takes the value and holds another */
	VPMU_COMPAT_IGNORED, /* it has no such register, but answers the guest: `becomes` */
};

/* The verdict on one register of the state's model. */
struct vpmu_compat_register {
	uint8_t place;    /* in the state's layout */
	uint8_t take;     /* enum vpmu_take */
	uint8_t why;      /* enum vpmu_compat_why */
	uint64_t value;   /* the state's; 0 of a register that shows none */
	uint64_t becomes; /* what the target holds after the put; 0 where it holds none */
	uint64_t bits;    /* that are refused, or in which the two differ */
};

/* A field of a model (vpmu_field_name()) that is less in the target; only the signature may just
 * differ. */
struct vpmu_compat_difference {
	uint8_t field;
	uint8_t take; /* enum vpmu_take */
	/* The state's model's value, and the target's. Of a set: the bits that are there, so that
	 * AnyThread is set in `features` where it can be used, and an event where it exists. */
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

	/* The put. Every write was tried; a put that ends at the first refusal does no more than
	 * `stops_at` of them. */
	const struct vpmu_order *order;
	uint8_t planned, refused_count;
	uint8_t stops_at;    /* the first refused write's position, or `planned` */
	uint8_t stops_place; /* its register in the state's layout */
	int host_error;      /* VPMU_HOST: the errno of the call that failed */
	uint32_t reserved[8];
};

/*
 * The PMU that a VMM gives a virtual CPU on a host whose PMU is *host, for a guest that had
 * *wanted: that, as far as the host's goes; all of the host's where nothing less can be had (of
 * another vendor; an AMD PMU of fewer counters than its version has). A model without a PMU where
 * an argument is NULL.
 */
VPMU_API struct vpmu_model vpmu_compat_model(const struct vpmu_model *wanted,
                                             const struct vpmu_model *host);

/*
 * Judges whether a host whose PMU is `to`, under a profile, can take the state. It has no rules of
 * its own: the state is put, at level full and in the given order, on a register machine of
 * vpmu_compat_model() under that profile, which lives on the stack (some 20 KiB in all), and the
 * registers are read back. Differences of the models, which are what the guest's CPUID promises,
 * are judged beside that. The layout is the state's, and must live as long as *compat. The state's
 * values may be any.
 *
 * VPMU_OK: it takes it, perhaps changed; VPMU_INCOMPATIBLE: it cannot; VPMU_BAD_ARGUMENT: the state
 * is not of the layout, `to` fails vpmu_model_check(), or the profile or the order is NULL.
 * *compat is filled in but for VPMU_BAD_ARGUMENT.
 */
VPMU_API enum vpmu_status
vpmu_compat_judge(struct vpmu_compat *compat, const struct vpmu_state *state,
                  const struct vpmu_layout *layout, const struct vpmu_model *to,
                  const struct vpmu_profile *profile, const struct vpmu_order *order);

/*
 * The same on a target that is there: a virtual CPU which was made to be tried (its PMU's registers
 * are written, and not restored) and given the model *vcpu, best vpmu_compat_model(). Also
 * VPMU_HOST: a call failed as a whole; compat->host_error has its errno, and no register is judged.
 */
VPMU_API enum vpmu_status
vpmu_compat_try(struct vpmu_compat *compat, const struct vpmu_state *state,
                const struct vpmu_layout *layout, const struct vpmu_model *to,
                const struct vpmu_model *vcpu, const struct vpmu_order *order,
                const struct vpmu_target *target);

/* "takes", "takes changed", "cannot take"; "unknown" for what is none. Static storage. */
VPMU_API const char *vpmu_take_text(enum vpmu_take take);

/* "same", "missing", "refused", "changed", "ignored"; "unknown" for what is none. Static storage.
 */
VPMU_API const char *vpmu_compat_why_text(enum vpmu_compat_why why);

/* One line on the i-th difference, with what the guest would notice; "" past the last. text: of
 * `bytes`; 200 hold any. */
VPMU_API void vpmu_compat_describe_difference(const struct vpmu_compat *compat, unsigned i,
                                              char *text, size_t bytes);

/* The same on the i-th register's verdict. The layout of the judgement must still be there. */
VPMU_API void vpmu_compat_describe_register(const struct vpmu_compat *compat, unsigned i,
                                            char *text, size_t bytes);

/* The same on the put; "" where nothing of it is refused. */
VPMU_API void vpmu_compat_describe_put(const struct vpmu_compat *compat, char *text, size_t bytes);

/* --- Baseline --------------------------------------------------------------------------------- */

/* A number of which all hosts can give only the least. */
struct vpmu_baseline_least {
	uint64_t first; /* the first host with the least */
	uint64_t hosts; /* how many have just that */
	uint8_t least, most;
	uint8_t next; /* the least of the other hosts; 0: there are none */
};

/* Something that a host may lack. */
struct vpmu_baseline_lack {
	uint64_t first; /* the first host that lacks it */
	uint64_t hosts; /* how many lack it */
};

/* How many numbers, and bits of sets, a baseline can tell apart. */
enum { VPMU_BASELINE_NUMBERS = 16, VPMU_BASELINE_BITS = 256 };

/*
 * What is known of a fleet so far: some 5 KiB, however many hosts. Fill it with zeros, then add
 * hosts one at a time; look at any time. What is in it is the library's.
 */
struct vpmu_baseline {
	uint64_t hosts;
	struct vpmu_model model; /* vpmu_model_meet() of all hosts */
	bool signatures_differ;
	struct vpmu_baseline_least numbers[VPMU_BASELINE_NUMBERS];
	uint64_t some[VPMU_MAX_FIELDS];                      /* of a set: bits that some host has */
	struct vpmu_baseline_lack lacks[VPMU_BASELINE_BITS]; /* of the sets, one after the other */
};

/*
 * Adds a host's PMU; `host` is the caller's name for it in costs. VPMU_BAD_ARGUMENT: the model
 * fails vpmu_model_check(), or a NULL; VPMU_INCOMPATIBLE: it is of another vendor than the first.
 * why (may be NULL) says so; the host then does not count.
 */
VPMU_API enum vpmu_status vpmu_baseline_add(struct vpmu_baseline *baseline,
                                            const struct vpmu_model *model, uint64_t host,
                                            char *why, size_t why_bytes);

/*
 * The largest PMU that every host so far can give; version 0 (no PMU) if they share none.
 * VPMU_BAD_ARGUMENT: there are no hosts, or a NULL; *model is unchanged.
 */
VPMU_API enum vpmu_status vpmu_baseline_model(const struct vpmu_baseline *baseline,
                                              struct vpmu_model *model);

/* Something that a host has and the baseline lacks. */
struct vpmu_cost {
	uint64_t first; /* the first host to blame */
	uint64_t hosts; /* how many there are; 0: it follows from other costs */
	char text[128]; /* one line: "general-purpose counters: 4, not 6 to 8" */
};

/* The i-th thing that the fleet's smaller hosts cost; false past the last. */
VPMU_API bool vpmu_baseline_cost(const struct vpmu_baseline *baseline, size_t i,
                                 struct vpmu_cost *cost);

#ifdef __cplusplus
}
#endif

#endif
