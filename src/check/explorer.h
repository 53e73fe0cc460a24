/* SPDX-License-Identifier: MIT */
/* What the files of the exploration share: nodes and their vCPUs. */
#ifndef CHECK_EXPLORER_H
#define CHECK_EXPLORER_H

#include "scenario.h"

/* What leads from a node's parent to it. */
enum move {
	MOVE_WRITE,
	MOVE_ENTER,
	MOVE_SCHEDULE,
	MOVE_SHORT_WRITE, /* a creation in the write fails */
	MOVE_SHORT_ENTER,
	MOVE_RUN,
	MOVE_HOST,
	MOVE_AGAIN, /* the put is repeated */
	MOVES
};

struct node {
	uint64_t skip; /* bit i: write i is left out, the target has the value */
	uint32_t parent;
	uint8_t move;
	uint8_t at; /* the next write */
	uint8_t round;
	uint8_t used;    /* incidents */
	uint8_t raised;  /* PMIs since the put began */
	uint8_t refused; /* 1 + the write that the machine refused */
	uint16_t depth;
};

struct frontier {
	unsigned char *vcpus; /* saved */
	uint32_t *nodes;
	uint32_t count;
};

enum { SEEN = 1 << 15 };

struct check_explorer {
	struct check_scope scope;
	size_t stride; /* bytes of a saved vCPU */
	uint32_t node_count, frontier_max, table_mask;
	struct node *nodes;
	uint64_t *table;
	uint64_t *seen; /* of the subject: SEEN places */
	uint32_t seen_count;
	struct frontier frontiers[2];
	unsigned now; /* which frontier is being explored; the other one is being filled */
	struct vpmu_layout layout;
	struct scenario scenario;
	struct vcpu vcpu;
	struct machine machine; /* the vCPU, if it is a register machine */
	struct journal journal; /* the journal of any other vCPU */
	void *life;             /* saved */
	uint64_t life_print;
	struct record record;
	size_t life_steps;
	uint32_t violated_once;            /* in this scenario, by puts that were not repeated */
	uint16_t depths[CHECK_PROPERTIES]; /* of the result's traces */
	size_t lives[CHECK_PROPERTIES];
	bool no_memory; /* a trace could not be kept */
	struct check_result *result;
};

/* --- explorer.c: its memory, and the set of the nodes that were met --- */

/* Empties the set. */
void nodes_clear(struct check_explorer *explorer);

/* Adds a node with the current vCPU; false: it was already there. */
bool nodes_add(struct check_explorer *explorer, const struct node *node);

/* Whether the subject already had a scenario with the same life, state and incidents; adds this
 * one. Below: forgets them all. */
bool seen_before(struct check_explorer *explorer);
void seen_clear(struct check_explorer *explorer);

/* --- move.c --- */

/* The first node of a put on the vCPU. */
struct node node_of_start(const struct scenario *scenario, struct vcpu *vcpu);

/* Makes the move on the vCPU and in the node. */
void make_move(const struct scenario *scenario, enum move move, struct vcpu *vcpu,
               struct node *node, struct record *record);

/* The incidents that can happen at a node, as bits 1 << enum move. */
uint32_t moves_at(const struct check_explorer *explorer, const struct node *node);

/* --- found.c --- */

/* Makes the scenario's prior life. False: the profile cannot have it. */
bool start_life(struct check_explorer *explorer, struct record *record);

/* Notes the properties that a put that ended at a node violates, with the path to it if that is the
 * shortest. */
void report(struct check_explorer *explorer, uint32_t at, uint32_t violated);

/* Whether a violation at such a node would be the shortest; and keeps the record as its trace. */
bool is_shorter(const struct check_explorer *explorer, enum check_property property,
                const struct node *node);
void keep(struct check_explorer *explorer, enum check_property property, const struct node *node);

#endif
