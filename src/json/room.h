/* SPDX-License-Identifier: MIT */
/*
 * What src/json shows to the rooms above it: models, states, plans and reports as JSON documents,
 * and back (docs/json.md has the shapes). It is built only where there is Jansson; this header
 * needs none. Nothing is printed, and no file is read: whoever calls has the text. One thread at a
 * time.
 */
#ifndef JSON_ROOM_H
#define JSON_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpmu/simulate.h>
#include <vpmu/vpmu.h>

typedef struct json_t json_t; /* as <jansson.h> has it */

/* --- Memory ----------------------------------------------------------------------------------- */

struct json_memory {
	void *(*get)(size_t bytes); /* as malloc(), for free() */
	/* Called when get() has failed while a text was parsed. It must not return: Jansson 2.14's
	 * parser does not check whether it got memory for a text, and writes through a null
	 * pointer. */
	void (*none_to_parse)(void);
};

/* Call before all else, or not at all: then Jansson uses malloc(). */
void json_use_memory(const struct json_memory *memory);

/* --- Documents that are made: document.c ------------------------------------------------------ */

/*
 * A document is built without checking each result: a part that could not be made is noted, and
 * json_page() and json_one_line() then make no text. These replace Jansson's two functions that add
 * a part, so that they note it.
 */
int json_noted_set(json_t *object, const char *key, json_t *value);
int json_noted_append(json_t *array, json_t *value);
#define json_object_set_new   json_noted_set
#define json_array_append_new json_noted_append

/* A document: an object with its "format" and "version". */
json_t *json_document(const char *format, int version);

/* A register's or selector's value, "0x1f": a JSON number cannot hold 64 bits everywhere. */
json_t *json_hex(uint64_t value);

/* A count, as a number; as json_hex() where not every reader's number holds it. */
json_t *json_count(uint64_t value);

/* Any bytes as text: invalid UTF-8 becomes U+FFFD. */
json_t *json_bytes(const char *bytes, size_t count);

/*
 * The document's text, for free(), indented or all in one line, without characters that a terminal
 * would obey. Frees the document. NULL: a part of it is missing, since there was no memory or a
 * text in it was not UTF-8. Where memory may have run out, the text is not to be used either:
 * Jansson 2.14 leaves out keys.
 */
char *json_page(json_t *document);
char *json_one_line(json_t *document);

/* --- What is written -------------------------------------------------------------------------- */

/* model.c. models_json(): the document of all presets. */
json_t *models_json(void);
json_t *model_json(const struct vpmu_model *model);
json_t *under_profile_json(const struct vpmu_host *host);
json_t *leaf_json(const struct vpmu_cpuid *leaf);
json_t *register_json(const struct vpmu_register *reg);

/* state.c: a document of no vCPU, and another vCPU, of a higher number, at its end. */
json_t *states_json(void);
void states_json_add(json_t *document, uint32_t vcpu, const struct vpmu_state *state);

/* plan.c: the document of a plan for the model of that layout. */
json_t *plan_json(const struct vpmu_plan *plan, const struct vpmu_layout *layout);

/* compat.c: the judgement on a vCPU's state, and what a baseline costs. */
json_t *compat_json(uint32_t vcpu, const char *model, const struct vpmu_compat *compat);
json_t *cost_json(const struct vpmu_cost *cost);

/* kvm.c: what a probe has found: the host, its KVM, and lists of MSRs. */
json_t *kvm_host_json(const struct vpmu_kvm_host *host);
json_t *kvm_json(const struct vpmu_kvm_host *host);
json_t *msrs_json(const uint32_t *msrs, size_t count);

/* --- Texts that are parsed: parse.c ----------------------------------------------------------- */

struct json_error_t; /* as <jansson.h> has it */

/* Parses a document, in which no member is there twice; NULL: error says why. */
json_t *json_parse(const char *text, size_t bytes, struct json_error_t *error);

/* The same of the first of several documents, which has *used bytes. */
json_t *json_parse_next(const char *text, size_t bytes, size_t *used, struct json_error_t *error);

/* --- Strict reading: reading.c ---------------------------------------------------------------- */

/* What is wrong with a document, and where in it. */
struct json_fault {
	char what[200];
	char where[64]; /* "vcpus[0].model", "the document", "line 2, column 7" */
};

/* The place in the document; and the first mistake, which is kept. Begins with a fault alone. */
struct reading {
	struct json_fault *fault;
	char where[64];       /* "": the document */
	bool failed, lenient; /* lenient: unknown members are passed over */
	bool no_memory;       /* that is why it failed */
};

/* Notes a mistake at the place, unless one was noted before. */
void reading_fail(struct reading *reading, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Parses a text; NULL when it is no JSON: the reading has failed. */
json_t *reading_load(struct reading *reading, const char *text, size_t bytes);

/* Whether it is an object with exactly these members (separated by single blanks); read leniently,
 * it may have others, too. */
bool reading_members(struct reading *reading, json_t *object, const char *names);

/* A member's value; 0 or "" after a mistake. */
uint64_t reading_count(struct reading *reading, json_t *object, const char *key, uint64_t max);
uint64_t reading_hex(struct reading *reading, json_t *object, const char *key, uint64_t max);
const char *reading_text(struct reading *reading, json_t *object, const char *key);

/* read_model.c: a model, as model_json() writes it; checked. */
void reading_model(struct reading *reading, json_t *object, struct vpmu_model *model);

/* --- What is read ----------------------------------------------------------------------------- */

/*
 * Each fills fault if it fails. VPMU_BAD_DATA: damaged, or not such a document; VPMU_INCOMPATIBLE:
 * of another version; VPMU_HOST: no memory.
 */

/* Takes the states of a document, by ascending number of their vCPUs. False: no memory. */
typedef bool json_state_taker(void *context, uint32_t vcpu, const struct vpmu_state *state);

/* state.c. When it fails, it has passed on the states before the mistake. */
enum vpmu_status states_json_read(const char *text, size_t bytes, json_state_taker *take,
                                  void *context, struct json_fault *fault);

/* A host, as `vpmu doctor --json` or `vpmu models NAME --json` printed it. */
struct json_report {
	struct vpmu_model model;
	const struct vpmu_profile *profile; /* its kernel's; NULL: not told */
	bool is_doctor;                     /* the model is what KVM gives a guest */
};

/* read_report.c */
enum vpmu_status report_json_read(const char *text, size_t bytes, struct json_report *report,
                                  struct json_fault *fault);

#endif
