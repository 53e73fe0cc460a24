/* SPDX-License-Identifier: MIT */
/*
 * The words that every part of vpmu shares: status values, vendors, and the classes of events that
 * a PMU counts.
 *
 * Stability: within one major version a value is only added at the end of an enum, never
 * renumbered. So the number of values that an enum ends with (VPMU_CLASSES, VPMU_KINDS) grows: loop
 * to it, but size nothing that the library fills by it; such arrays have a VPMU_MAX_ of their own,
 * which does not change. A structure has members of fixed size, enums as uint8_t, and grows into
 * its `reserved` ones: leave them 0. Threads: the library keeps no global state; two objects in two
 * threads need no lock, one object in two threads needs the caller's.
 *
 * Bad input: no function dereferences a NULL that it was given. Where its comment does not say that
 * a pointer may be NULL, NULL is a mistake of the caller's, and so is what vpmu_profile_find() or
 * vpmu_order_find() answers to an unknown name: a function with a status returns VPMU_BAD_ARGUMENT,
 * one that returns a pointer NULL, a number 0, a truth false, a structure one of zeros, and one
 * that returns nothing does nothing. Others say so in their comments. A text is cut where its
 * buffer ends, and always terminated; a buffer of 0 bytes may be NULL.
 */
#ifndef VPMU_TYPES_H
#define VPMU_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Marks what libvpmu.so exports. */
#if defined(__GNUC__)
#define VPMU_API __attribute__((visibility("default")))
#else
#define VPMU_API
#endif

/* What a call came to. The caller's mistake, damaged data and our own bug are different values. */
enum vpmu_status {
	VPMU_OK,          /* done */
	VPMU_GP,          /* a guest access raises #GP in the guest */
	VPMU_NO_REGISTER, /* the model has no such PMU register: another part of the VMM may have */
	VPMU_BAD_ARGUMENT, /* the caller's argument is out of range */
	VPMU_BAD_DATA,     /* a stream or file is damaged */
	VPMU_INCOMPATIBLE, /* well-formed, but this model or target cannot take it */
	VPMU_REFUSED,      /* the target refused a host access */
	VPMU_HOST,         /* the host failed: errno tells */
	VPMU_INTERNAL,     /* a bug in vpmu */
};

/* A short lower-case text for a status, for messages: "unknown status" for what is none, never
 * NULL. Static storage. */
VPMU_API const char *vpmu_status_text(enum vpmu_status status);

enum vpmu_vendor {
	VPMU_VENDOR_INTEL,
	VPMU_VENDOR_ZHAOXIN, /* Intel's registers under another vendor string */
	VPMU_VENDOR_AMD,
	VPMU_VENDOR_INTEL_P6, /* Intel's P6 family before CPUID.0AH: Pentium Pro to Pentium M */
	VPMU_VENDORS
};

/* The kinds of happenings that counters count. An event selector maps to one class or to none. */
enum vpmu_class {
	VPMU_INSTRUCTIONS,
	VPMU_CYCLES,
	VPMU_REF_CYCLES,
	VPMU_BRANCHES,
	VPMU_BRANCH_MISSES,
	VPMU_LLC_REFERENCES,
	VPMU_LLC_MISSES,
	VPMU_SLOTS, /* issue slots: cycles times the machine's width (Intel fixed counter 3) */
	/* What instructions alone decide, each when it retires. */
	VPMU_CONDITIONAL_BRANCHES,
	VPMU_NEAR_CALLS,
	VPMU_NEAR_RETURNS,
	VPMU_FAR_BRANCHES, /* SYSCALL, INT, IRET and their like among them */
	VPMU_LOADS,        /* instructions that read data from memory; a REP of any length is one */
	VPMU_STORES,       /* that write data */
	VPMU_MEMORY,       /* that do one of the two, or both */
	VPMU_LOAD_STORES,  /* that do both */
	/* Issue slots by what became of them, as a timing model estimates it; these two and the two
	 * that the enum ends with make up VPMU_SLOTS. */
	VPMU_TOPDOWN_RETIRING,
	VPMU_TOPDOWN_BACKEND, /* the instruction, or its data, kept the others waiting */
	VPMU_TAKEN_BRANCHES,  /* near ones */
	VPMU_CONDITIONAL_TAKEN,
	VPMU_CONDITIONAL_NOT_TAKEN,
	/* What caches and stalls decide, as a timing model estimates it. */
	VPMU_LLC_LOADS, /* that miss the L1 data cache; an LLC reference is one of these two */
	VPMU_LLC_STORES,
	VPMU_LLC_LOAD_MISSES,
	VPMU_LLC_STORE_MISSES,
	VPMU_PREFETCHES, /* lines of data that a prefetcher asks for */
	VPMU_DTLB_LOAD_MISSES,
	VPMU_DTLB_STORE_MISSES,
	VPMU_DTLB_MISSES, /* of both */
	VPMU_ITLB_MISSES,
	VPMU_L1I_FETCHES,
	VPMU_L1I_MISSES,
	VPMU_STALLS_FRONTEND, /* cycles */
	VPMU_STALLS_BACKEND,
	VPMU_TOPDOWN_SPECULATION, /* slots behind a branch miss */
	VPMU_TOPDOWN_FRONTEND,    /* the rest of the cycle of a taken branch */
	VPMU_CLASSES,
	VPMU_NO_CLASS = 255 /* an event that this PMU cannot see: it counts 0 */
};

/* Room for the classes of this major version: a bit each in vpmu_pmu_wanted(). */
enum { VPMU_MAX_CLASSES = 64 };

/* A class's bit in a set of classes. */
#define VPMU_CLASS_BIT(class_) (UINT64_C(1) << (class_))

/* How much of each class happened, or may happen; 0 of a class that a caller does not know. */
struct vpmu_amounts {
	uint64_t of[VPMU_MAX_CLASSES];
};

/* The lower-case name of a class, "instructions"; NULL when out of range. Static storage. */
VPMU_API const char *vpmu_class_name(enum vpmu_class class_);

/* Whether instructions alone decide how much of the class happens. What is not exact takes a timing
 * model, whose figures are estimates. False out of range. */
VPMU_API bool vpmu_class_is_exact(enum vpmu_class class_);

#ifdef __cplusplus
}
#endif

#endif
