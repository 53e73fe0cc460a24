/* SPDX-License-Identifier: MIT */
/* The rules of a script: what comes first, what needs a vCPU, what is expected. */
#include "commands.h"

#include <stdio.h>

#include "guest.h"

enum need { NEEDS_NOTHING, NEEDS_MODEL, NEEDS_GUEST };

static enum need need_of(enum replay_verb verb)
{
	if (verb < REPLAY_CAP_PMU_DISABLE)
		return NEEDS_NOTHING;
	return verb == REPLAY_CAP_PMU_DISABLE || !kernel_acts[verb] ? NEEDS_MODEL : NEEDS_GUEST;
}

/* Any command but model, profile and cap-pmu-disable creates the vCPU. Returns NULL, or what is
 * wrong. */
static const char *prepare(struct session *session, enum need need)
{
	if (need >= NEEDS_MODEL && !session->have_model)
		return "model comes first";
	if (need != NEEDS_GUEST || session->guest)
		return NULL;
	session->model.svm = session->model.vendor == VENDOR_AMD && session->host.svm;
	session->guest = guest_create(&session->model, &session->host, session->pmu_disabled);
	if (session->host.mediated && session->host.enable_pmu && !host_mediates())
		return "the host has no mediated vPMU: that takes PDCM, or AMD's PerfMonV2";
	return NULL;
}

static void say(struct replay_answer *answer, const char *text)
{
	answer->length = (size_t)snprintf(answer->text, sizeof(answer->text), "%s", text);
}

bool command_run(struct session *session, const struct replay_command *command,
                 struct replay_answer *answer)
{
	enum replay_verb verb = (enum replay_verb)command->action.verb;
	struct replay_reply reply = {.status = VPMU_OK};
	const char *problem = prepare(session, need_of(verb));

	if (problem) {
		say(answer, problem);
		return false;
	}
	if (!kernel_acts[verb])
		reply.status = VPMU_REFUSED;
	else if (!kernel_acts[verb](session, command, &reply)) {
		say(answer, session->problem ? session->problem : "bad argument");
		return false;
	}
	answer->length = 0;
	if (replay_rows[verb].answers == ANSWERS_TEXT)
		say(answer, reply.status ? "fail" : "ok");
	else
		replay_print_reply(verb, &reply, answer);
	if (command->expected && !replay_expect(answer, command->expected))
		session->mismatch = true;
	return true;
}

void session_restart(struct session *session)
{
	if (session->guest)
		guest_destroy(session->guest);
	*session = (struct session){.mismatch = session->mismatch};
}
