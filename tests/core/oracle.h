/* SPDX-License-Identifier: MIT */
/*
 * A second PMU, for tests: the profiles hardware and mediated, written down from the manuals and
 * KVM's source once more, as plainly as can be and without anything of src/. Time passes event by
 * event; a register is a case of a switch. Slow, short, and wrong in other places than the register
 * machine.
 */
#ifndef TESTS_CORE_ORACLE_H
#define TESTS_CORE_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	ORACLE_GP_MOST = 8,
	ORACLE_FIXED_MOST = 4,
	ORACLE_COUNTERS = ORACLE_GP_MOST + ORACLE_FIXED_MOST
};

/* What happens, in the order of vpmu's classes, which the test asserts. */
enum {
	HAPPENS_INSTRUCTION,
	HAPPENS_CYCLE,
	HAPPENS_REF_CYCLE,
	HAPPENS_BRANCH,
	HAPPENS_BRANCH_MISS,
	HAPPENS_LLC_REFERENCE,
	HAPPENS_LLC_MISS,
	HAPPENS_SLOT,
	HAPPENINGS,
	HAPPENS_NEVER = HAPPENINGS,
};

enum oracle_answer { ORACLE_OK, ORACLE_GP, ORACLE_REFUSED, ORACLE_NO_REGISTER };

/* What a guest's CPUID says, and whose PMU it is. */
struct oracle_model {
	const char *name; /* of the same model in vpmu */
	bool amd, mediated;
	unsigned version; /* Intel's; AMD: 2 with PerfMonV2, else 1 */
	unsigned gp, fixed;
	unsigned width; /* 0: 48 */
	bool perfcore, full_width, any_thread, tsx;
	bool takes_all_bits; /* by a counter's old number: Zhaoxin */
	bool slots_event;    /* Intel's architectural event 7 exists */
	unsigned missing;    /* bit i: architectural event i does not */
};

struct oracle_counter {
	uint64_t value,
		selector; /* a fixed counter's selector is its field of the control register */
	bool stale;       /* mediated: changed since the last entry, and not loaded */
	bool level;       /* EDGE: the condition held in the last cycle */
	uint64_t early;   /* events since that cycle, with none complete */
	uint64_t events;  /* what the stretch has for it */
};

/* An event filter; at most four events. */
struct oracle_filter {
	bool exists, deny, masked;
	uint32_t fixed;
	unsigned count;
	uint64_t event[4];
};

struct oracle {
	struct oracle_model model;
	struct oracle_counter
		counter[ORACLE_COUNTERS]; /* GP counters, and from ORACLE_GP_MOST on fixed */
	uint64_t global_ctrl, status, debugctl;
	uint32_t lvtpc;
	bool owes_pmi; /* mediated: at the next entry */
	struct oracle_filter filter;
	/* Of the last call. */
	unsigned pmi, masked;
	uint64_t overflowed;
};

void oracle_init(struct oracle *oracle, const struct oracle_model *model);
void oracle_reset(struct oracle *oracle);
void oracle_set_filter(struct oracle *oracle, const struct oracle_filter *filter);

/* oracle_access.c */
enum oracle_answer oracle_read(struct oracle *oracle, uint32_t msr, bool host, uint64_t *value);
enum oracle_answer oracle_write(struct oracle *oracle, uint32_t msr, bool host, uint64_t value);
enum oracle_answer oracle_rdpmc(struct oracle *oracle, uint32_t ecx, bool allowed, uint64_t *value);

/* oracle.c: time. amounts: HAPPENINGS numbers, each below 2^16. */
void oracle_enter(struct oracle *oracle);
void oracle_account(struct oracle *oracle, const uint64_t *amounts, unsigned cpl);
void oracle_emulate(struct oracle *oracle, bool branch, unsigned cpl);

/* For both files. */
static inline uint64_t oracle_bit(unsigned bit)
{
	return (uint64_t)1 << bit;
}

static inline uint64_t oracle_global_bit(unsigned i)
{
	return oracle_bit(i < ORACLE_GP_MOST ? i : 32 + i - ORACLE_GP_MOST);
}

static inline bool oracle_exists(const struct oracle *oracle, unsigned i)
{
	return i < ORACLE_GP_MOST ? i < oracle->model.gp : i - ORACLE_GP_MOST < oracle->model.fixed;
}

static inline bool oracle_has_global(const struct oracle *oracle)
{
	return oracle->model.version >= 2;
}

/* A guest whose counters are the host's, 8 and 3 or AMD's 6, reaches their global registers without
 * an exit (kvm_need_perf_global_ctrl_intercept). */
static inline bool oracle_passes(const struct oracle *oracle)
{
	const struct oracle_model *model = &oracle->model;

	return model->mediated && oracle_has_global(oracle) && model->gp == (model->amd ? 6 : 8) &&
	       model->fixed == (model->amd ? 0 : 3);
}

/* The bits in which a counter counts: mediated, the host's 48. */
static inline uint64_t oracle_counted_bits(const struct oracle *oracle)
{
	return oracle_bit(oracle->model.mediated ? 48 : oracle->model.width) - 1;
}

/* The counter's control has changed. Under mediated it stands still until the next entry. */
void oracle_changed(struct oracle *oracle, unsigned i);

#endif
