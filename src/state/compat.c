/* SPDX-License-Identifier: MIT */
/*
 * Whether a target can take a state. The rules are the target's own: the state is put on one of its
 * virtual CPUs, which was made for this, and then every register is read back.
 */
#include <state/room_int.h>

/* A judgement that is being made. */
struct trial {
	struct vpmu_compat *compat;
	const struct vpmu_state *state;
	const struct vpmu_layout *from; /* the state's */
	const struct vpmu_target *target;
	const struct vpmu_pmu *pmu;  /* the target if it is a register machine, which can answer a
	                                guest's access; else NULL */
	struct vpmu_layout there;    /* the virtual CPU's own */
	struct before before, after; /* the state's registers before and after the put */
	bool refused[VPMU_MAX_REGISTERS]; /* a write to it was refused */
};

/* --- The put ---------------------------------------------------------------------------------- */

static void note_refusals(struct trial *trial, const struct vpmu_plan *plan,
                          const struct vpmu_report *report)
{
	struct vpmu_compat *compat = trial->compat;

	for (unsigned i = 0; i < report->refused; i++)
		trial->refused[plan->writes[report->refusals[i].position].place] = true;
	compat->order = plan->order;
	compat->planned = (uint8_t)plan->count;
	compat->refused_count = (uint8_t)report->refused;
	compat->stops_at =
		report->refused ? (uint8_t)report->refusals[0].position : (uint8_t)plan->count;
	compat->stops_place = report->refused ? plan->writes[compat->stops_at].place : 0;
}

/* Reads the registers, puts the state, and reads them again. */
static enum vpmu_status put_state(struct trial *trial, const struct vpmu_order *order)
{
	int *error = &trial->compat->host_error;
	struct vpmu_report report;
	struct vpmu_plan plan;
	enum vpmu_status status;

	status = vpmu_plan_make(&plan, trial->state, trial->from, VPMU_LEVEL_FULL, order);
	if (status)
		return status;
	if (!before_read(&trial->before, trial->from, trial->target, error))
		return VPMU_HOST;
	status =
		vpmu_plan_apply(&plan, trial->from, trial->target, VPMU_POLICY_KEEP_GOING, &report);
	if (status == VPMU_HOST)
		*error = report.host_error;
	if (status && status != VPMU_REFUSED)
		return status;
	note_refusals(trial, &plan, &report);
	return before_read(&trial->after, trial->from, trial->target, error) ? VPMU_OK : VPMU_HOST;
}

/* Lists the registers that the virtual CPU has after the put: IA32_PERF_CAPABILITIES, which was
 * written, decides which others exist. */
static void list_registers(struct trial *trial)
{
	struct vpmu_model *vcpu = &trial->compat->vcpu;
	int place = vpmu_layout_find_msr(trial->from, VPMU_MSR_PERF_CAPABILITIES);
	unsigned at = place < 0 ? VPMU_NO_VALUE : trial->from->value_of[place];

	if (trial->pmu)
		*vcpu = *vpmu_pmu_model(trial->pmu);
	else if (at != VPMU_NO_VALUE && set_has(&trial->after.known, at) &&
	         vcpu->features & VPMU_FEATURE_PDCM)
		vcpu->perf_capabilities = trial->after.state.values[at];
	trial->there.register_count = (uint8_t)vpmu_model_registers(vcpu, trial->there.registers);
}

/* --- What became of a register ---------------------------------------------------------------- */

/* Whether the virtual CPU's model has the register, with the same meaning. */
static bool is_there(const struct trial *trial, const struct vpmu_register *reg)
{
	int place = vpmu_layout_find_msr(&trial->there, reg->msr);
	const struct vpmu_register *other = &trial->there.registers[place < 0 ? 0 : place];

	return place >= 0 && kind_behind(other->kind) == kind_behind(reg->kind) &&
	       other->index == reg->index;
}

/* The result of the guest's RDMSR; on a target that is not a register machine, as the model says,
 * but DEBUGCTL, which KVM answers for every guest (vmx_get_msr, svm_get_msr). */
static enum vpmu_status guest_reads(const struct trial *trial, const struct vpmu_register *reg,
                                    uint64_t *value)
{
	enum vpmu_status status = is_there(trial, reg) ? VPMU_OK : VPMU_GP;
	enum vpmu_status answer;

	if (!trial->pmu)
		return reg->kind == VPMU_KIND_DEBUGCTL ? VPMU_OK : status;
	answer = vpmu_pmu_guest_read(trial->pmu, reg->msr, value);
	/* The PMU does not answer: another part of the VMM does, if the model has the register. */
	return answer == VPMU_NO_REGISTER ? status : answer;
}

static bool writes(const struct trial *trial, uint32_t index, uint64_t value)
{
	struct vpmu_msr msr = {.index = index, .value = value};

	return trial->target->write(trial->target->context, &msr, 1) == 1;
}

/* The bits for which a value is refused: tries, one at a time, each bit in which it differs from
 * the present value. */
static uint64_t refused_bits(const struct trial *trial, uint32_t msr, uint64_t now, uint64_t value)
{
	uint64_t differ = value ^ now, refused = 0;

	for (uint64_t rest = differ; rest; rest &= rest - 1) {
		uint64_t bit = rest & -rest;

		if (writes(trial, msr, now ^ bit))
			writes(trial, msr, now);
		else
			refused |= bit;
	}
	return refused ? refused : differ;
}

static void set_verdict(struct vpmu_compat_register *verdict, enum vpmu_take take,
                        enum vpmu_compat_why why, uint64_t bits)
{
	verdict->take = (uint8_t)take;
	verdict->why = (uint8_t)why;
	verdict->bits = bits;
}

/* A register whose value a put writes. */
static void judge_stored(const struct trial *trial, struct vpmu_compat_register *verdict)
{
	const struct vpmu_register *reg = &trial->from->registers[verdict->place];
	unsigned at = trial->from->value_of[verdict->place];
	bool there = is_there(trial, reg) && set_has(&trial->after.known, at);
	uint64_t seen = 0, differ;

	verdict->value = trial->state->values[at];
	verdict->becomes = set_has(&trial->after.known, at) ? trial->after.state.values[at] : 0;
	differ = verdict->value ^ verdict->becomes;
	if (trial->refused[verdict->place])
		set_verdict(verdict, VPMU_CANNOT_TAKE,
		            there ? VPMU_COMPAT_REFUSED : VPMU_COMPAT_MISSING, verdict->value);
	else if (!there)
		set_verdict(verdict, VPMU_TAKES_CHANGED,
		            guest_reads(trial, reg, &seen) ? VPMU_COMPAT_MISSING
		                                           : VPMU_COMPAT_IGNORED,
		            differ);
	else if (differ)
		set_verdict(verdict, VPMU_TAKES_CHANGED, VPMU_COMPAT_CHANGED, differ);
}

/* An alias, a command, or a register of another part of the VMM: few orders write these, but the
 * guest sees them. */
static void judge_shown(const struct trial *trial, struct vpmu_compat_register *verdict)
{
	const struct vpmu_register *reg = &trial->from->registers[verdict->place];
	unsigned at = trial->from->value_of[verdict->place];
	bool shows = at != VPMU_NO_VALUE, there = is_there(trial, reg);
	uint64_t seen = 0;

	if (shows) {
		verdict->value = trial->state->values[at];
		seen = set_has(&trial->after.known, at) ? trial->after.state.values[at] : 0;
	}
	if (trial->refused[verdict->place])
		set_verdict(verdict, VPMU_CANNOT_TAKE,
		            there ? VPMU_COMPAT_REFUSED : VPMU_COMPAT_MISSING, verdict->value);
	else if (reg->guest != VPMU_ACCESS_NONE && guest_reads(trial, reg, &seen))
		set_verdict(verdict, VPMU_TAKES_CHANGED, VPMU_COMPAT_MISSING, verdict->value);
	else if (shows && !there)
		set_verdict(verdict, VPMU_TAKES_CHANGED, VPMU_COMPAT_IGNORED,
		            verdict->value ^ seen);
	else if (shows && seen != verdict->value)
		set_verdict(verdict, VPMU_TAKES_CHANGED, VPMU_COMPAT_CHANGED,
		            verdict->value ^ seen);
	if (shows && verdict->why != VPMU_COMPAT_MISSING)
		verdict->becomes = seen;
}

/* Finding the refused bits writes to the virtual CPU, so this comes last. */
static void find_refused_bits(const struct trial *trial, struct vpmu_compat_register *verdict)
{
	unsigned at = trial->from->value_of[verdict->place];

	if (verdict->why == VPMU_COMPAT_REFUSED && at != VPMU_NO_VALUE &&
	    set_has(&trial->before.known, at))
		verdict->bits = refused_bits(trial, trial->from->registers[verdict->place].msr,
		                             trial->before.state.values[at], verdict->value);
}

static void judge_registers(const struct trial *trial)
{
	struct vpmu_compat *compat = trial->compat;

	compat->register_count = trial->from->register_count;
	for (unsigned i = 0; i < compat->register_count; i++) {
		struct vpmu_compat_register *verdict = &compat->registers[i];

		verdict->place = (uint8_t)i;
		if (trial->from->registers[i].level == VPMU_LEVEL_NEVER)
			judge_shown(trial, verdict);
		else
			judge_stored(trial, verdict);
		if (verdict->take > (unsigned)compat->take)
			compat->take = (enum vpmu_take)verdict->take;
	}
	for (unsigned i = 0; i < compat->register_count; i++)
		find_refused_bits(trial, &compat->registers[i]);
}

/* --- The judgement ---------------------------------------------------------------------------- */

static enum vpmu_status judge_on(struct trial *trial, const struct vpmu_order *order)
{
	struct vpmu_compat *compat = trial->compat;
	enum vpmu_status status;

	compare_models(compat, &trial->from->model, &compat->to);
	status = put_state(trial, order);
	if (status)
		return status;
	list_registers(trial);
	judge_registers(trial);
	return compat->take == VPMU_CANNOT_TAKE ? VPMU_INCOMPATIBLE : VPMU_OK;
}

/* The model that the target's VMM asks its kernel for: the guest's own, if the kernel makes the
 * same PMU of it. */
static struct vpmu_model asked_model(const struct vpmu_model *from, const struct vpmu_model *to,
                                     const struct vpmu_profile *profile)
{
	struct vpmu_model a = *from, b = *to;

	if (!vpmu_profile_adapt(profile, &a) && !vpmu_profile_adapt(profile, &b) &&
	    vpmu_model_equal(&a, &b))
		return *from;
	return vpmu_compat_model(from, to);
}

enum vpmu_status vpmu_compat_judge(struct vpmu_compat *compat, const struct vpmu_state *state,
                                   const struct vpmu_layout *layout, const struct vpmu_model *to,
                                   const struct vpmu_profile *profile,
                                   const struct vpmu_order *order)
{
	_Alignas(VPMU_PMU_ALIGN) unsigned char memory[VPMU_PMU_BYTES];
	struct vpmu_target target;
	struct vpmu_model asked;
	struct vpmu_pmu *pmu;

	if (!compat)
		return VPMU_BAD_ARGUMENT;
	*compat = (struct vpmu_compat){.layout = layout};
	if (!order || !layout_fits(layout, state) || vpmu_model_check(to, NULL, 0))
		return VPMU_BAD_ARGUMENT;
	compat->to = *to;
	if (vpmu_profile_adapt(profile, &compat->to))
		return VPMU_BAD_ARGUMENT;
	asked = asked_model(&layout->model, to, profile);
	pmu = vpmu_pmu_init(memory, sizeof(memory), &asked, profile);
	if (!pmu)
		return VPMU_INTERNAL;
	target = vpmu_target_machine(pmu);
	return judge_on(&(struct trial){.compat = compat,
	                                .state = state,
	                                .from = layout,
	                                .target = &target,
	                                .pmu = pmu},
	                order);
}

enum vpmu_status vpmu_compat_try(struct vpmu_compat *compat, const struct vpmu_state *state,
                                 const struct vpmu_layout *layout, const struct vpmu_model *to,
                                 const struct vpmu_model *vcpu, const struct vpmu_order *order,
                                 const struct vpmu_target *target)
{
	if (!compat)
		return VPMU_BAD_ARGUMENT;
	*compat = (struct vpmu_compat){.layout = layout};
	if (!order || !layout_fits(layout, state) || vpmu_model_check(to, NULL, 0) ||
	    vpmu_model_check(vcpu, NULL, 0) || !target_works(target))
		return VPMU_BAD_ARGUMENT;
	compat->to = *to;
	compat->vcpu = *vcpu;
	return judge_on(
		&(struct trial){.compat = compat, .state = state, .from = layout, .target = target},
		order);
}
