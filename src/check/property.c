/* SPDX-License-Identifier: MIT */
/* The tables of properties, lives and incidents: names and descriptions. */
#include "room_int.h"

#define FULL  BIT32(VPMU_LEVEL_FULL)
#define RESET BIT32(VPMU_LEVEL_RESET)
#define BOTH  (FULL | RESET)

const struct check_property_row check_properties[CHECK_PROPERTIES] = {
	[CHECK_READS_AS_PUT] = {"reads-as-put", 'r', BOTH,
                                "after the put and at the next entry every register reads as put"},
	[CHECK_COUNTS] = {"counts", 'c', BOTH,
                          "when the guest runs on, every counter reads what it must"},
	[CHECK_NO_OVERFLOW_LOST] = {"no-overflow-lost", 'o', FULL,
                                    "a counter that overflows sets its status bit"},
	[CHECK_NO_OVERFLOW_INVENTED] = {"no-overflow-invented", 'O', FULL,
                                        "no status bit is set without its counter's overflow"},
	[CHECK_NO_PMI_LOST] = {"no-pmi-lost", 'p', FULL,
                               "an overflow that asks for a PMI raises it"},
	[CHECK_NO_PMI_INVENTED] = {"no-pmi-invented", 'P', FULL,
                                   "no PMI is raised but by an overflow, or by the prior life"},
	[CHECK_NOTHING_LEFT_OVER] = {"nothing-left-over", 'l', RESET,
                                     "after a reset no overflow and no PMI comes from the prior "
                                     "life"},
	[CHECK_NO_EVENT_ALIVE] = {"no-event-alive", 'e', BOTH,
                                  "after the lazy release no event lives that no register asks "
                                  "for"},
	[CHECK_TWICE_IS_ONCE] = {"twice-is-once", 't', BOTH,
                                 "a put that is repeated does what it does once"},
	[CHECK_REFUSAL_AS_REPORTED] = {"refusal-as-reported", 'f', BOTH,
                                       "a refused put leaves what its report says"},
	[CHECK_IN_A_REGISTER] = {"in-a-register", 'n', FULL,
                                 "all that the vCPU has is in what a get reads; else no order can "
                                 "save it"},
};

const struct check_life_row check_lives[CHECK_LIVES] = {
	[CHECK_FRESH] = {"fresh", "a new vCPU"},
	[CHECK_RUNNING] = {"running", "its counters run and have counted"},
	[CHECK_OVERFLOW_PENDING] = {"overflow-pending",
                                    "an overflow that asks for no PMI waits for the entry"},
	[CHECK_PMI_PENDING] = {"pmi-pending", "an overflow's PMI waits for the entry"},
	[CHECK_EMULATED] = {"emulated", "an emulated instruction is not folded in yet"},
	[CHECK_PAUSED] = {"paused", "its events were paused and not released"},
	[CHECK_NO_EVENT] = {"failed-creation", "the creation of an event failed"},
};

const struct check_incident_row check_incidents[CHECK_INCIDENTS] = {
	[CHECK_ENTER] = {"enter", "the call ends here, and the vCPU enters the guest"},
	[CHECK_SCHEDULE] = {"schedule", "the vCPU's thread is scheduled out and in"},
	[CHECK_SHORTAGE] = {"shortage", "the creation of an event fails"},
	[CHECK_RUN] = {"run", "the call ends here, and the guest runs"},
	[CHECK_HOST] = {"host", "exclude_host is off, and the host runs"},
};

enum check_life check_life_find(const char *name)
{
	unsigned life = 0;

	while (life < CHECK_LIVES && strcmp(check_lives[life].name, name))
		life++;
	return (enum check_life)life;
}
