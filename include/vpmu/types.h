/* SPDX-License-Identifier: MIT */
/*
 * The words that every part of vpmu shares: status values, vendors, and the classes of events that
 * a PMU counts.
 *
 * Stability: within one major version, values are only added at the end of an enum, never
 * renumbered. So the count that ends an enum (VPMU_CLASSES, VPMU_KINDS) grows: use it as a loop
 * limit, but do not size arrays that the library fills by it; such arrays have a VPMU_MAX_ constant
 * of their own, which does not change. Structures have members of fixed size (enums are stored as
 * uint8_t) and grow into their `reserved` members: leave those 0. Threads: the library keeps no
 * global state; two objects in two threads need no lock, one object in two threads needs the
 * caller's.
 *
 * Bad input: no function dereferences a NULL that it was given. Unless a function's comment says
 * that a pointer may be NULL, passing NULL is the caller's mistake (this includes the NULL that
 * vpmu_profile_find() or vpmu_order_find() returns for an unknown name). The function then returns
 * VPMU_BAD_ARGUMENT, NULL, 0, false or a structure of zeros, according to its type, and a void
 * function does nothing. Exceptions say so in their comments. A text is cut where its buffer ends,
 * and always terminated; a buffer of 0 bytes may be NULL.
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

/* The result of a call. A mistake of the caller, damaged data and a bug in vpmu have different
 * values. */
enum vpmu_status {
	VPMU_OK,           /* done */
	VPMU_GP,           /* a guest access raises #GP in the guest */
	VPMU_NO_REGISTER,  /* not a PMU register of this model; another part of the VMM may have it
	                    */
	VPMU_BAD_ARGUMENT, /* the caller's argument is out of range */
	VPMU_BAD_DATA,     /* a stream or file is damaged */
	VPMU_INCOMPATIBLE, /* well-formed, but this model or target cannot take it */
	VPMU_REFUSED,      /* the target refused a host access */
	VPMU_HOST,         /* the host failed: errno tells */
	VPMU_INTERNAL,     /* a bug in vpmu */
};

/* A short lower-case text for a status, for messages; "unknown status" if the value is not a
 * status. Never NULL. Static storage. */
VPMU_API const char *vpmu_status_text(enum vpmu_status status);

enum vpmu_vendor {
	VPMU_VENDOR_INTEL,
	VPMU_VENDOR_ZHAOXIN, /* Intel's registers under another vendor string */
	VPMU_VENDOR_AMD,
	VPMU_VENDOR_INTEL_P6, /* Intel's P6 family before CPUID.0AH: Pentium Pro to Pentium M */
	VPMU_VENDORS
};

/* What counters count, independent of the vendor. An event selector maps to one class or to
 * none. */
enum vpmu_class {
	VPMU_INSTRUCTIONS,
	VPMU_CYCLES,
	VPMU_REF_CYCLES,
	VPMU_BRANCHES,
	VPMU_BRANCH_MISSES,
	VPMU_LLC_REFERENCES,
	VPMU_LLC_MISSES,
	VPMU_SLOTS, /* issue slots: cycles times the machine's width (Intel fixed counter 3) */
	/* Decided by instructions alone, counted when each retires. */
	VPMU_CONDITIONAL_BRANCHES,
	VPMU_NEAR_CALLS,
	VPMU_NEAR_RETURNS,
	VPMU_FAR_BRANCHES, /* SYSCALL, INT, IRET and their like among them */
	VPMU_LOADS,        /* instructions that read data from memory; a REP of any length is one */
	VPMU_STORES,       /* instructions that write data to memory */
	VPMU_MEMORY,       /* instructions that read, write, or do both */
	VPMU_LOAD_STORES,  /* instructions that do both */
	/* Issue slots by how they were used, as a timing model estimates it: these two,
	 * VPMU_TOPDOWN_SPECULATION and VPMU_TOPDOWN_FRONTEND add up to VPMU_SLOTS. */
	VPMU_TOPDOWN_RETIRING,
	VPMU_TOPDOWN_BACKEND, /* the instruction, or its data, kept the others waiting */
	VPMU_TAKEN_BRANCHES,  /* near ones */
	VPMU_CONDITIONAL_TAKEN,
	VPMU_CONDITIONAL_NOT_TAKEN,
	/* Decided by caches and stalls, as a timing model estimates them. */
	VPMU_LLC_LOADS, /* loads that miss the L1 data cache; every LLC reference is in one of these
	                   two classes */
	VPMU_LLC_STORES,
	VPMU_LLC_LOAD_MISSES,
	VPMU_LLC_STORE_MISSES,
	VPMU_PREFETCHES, /* lines of data that a prefetcher asks for */
	VPMU_DTLB_LOAD_MISSES,
	VPMU_DTLB_STORE_MISSES,
	VPMU_DTLB_MISSES, /* of loads and of stores */
	VPMU_ITLB_MISSES,
	VPMU_L1I_FETCHES,
	VPMU_L1I_MISSES,
	VPMU_STALLS_FRONTEND, /* cycles */
	VPMU_STALLS_BACKEND,
	VPMU_TOPDOWN_SPECULATION, /* slots behind a branch miss */
	VPMU_TOPDOWN_FRONTEND,    /* the rest of the cycle of a taken branch */
	/* Of VPMU_BRANCH_MISSES, those of a kind. */
	VPMU_CONDITIONAL_MISSES,
	VPMU_CONDITIONAL_TAKEN_MISSES,
	VPMU_CONDITIONAL_NOT_TAKEN_MISSES,
	VPMU_TAKEN_MISSES,    /* near ones */
	VPMU_CALL_MISSES,     /* near ones; only an indirect call can miss */
	VPMU_RETURN_MISSES,   /* near ones */
	VPMU_INDIRECT_MISSES, /* near jumps and calls, without returns */
	VPMU_CLASSES,
	VPMU_NO_CLASS = 255 /* an event that this PMU cannot see: it counts 0 */
};

/* Array size for classes, fixed within this major version. vpmu_pmu_wanted() has a bit for each. */
enum { VPMU_MAX_CLASSES = 64 };

/* A class's bit in a set of classes. */
#define VPMU_CLASS_BIT(class_) (UINT64_C(1) << (class_))

/* How much of each class happened, or may happen. Leave classes that you do not know 0. */
struct vpmu_amounts {
	uint64_t of[VPMU_MAX_CLASSES];
};

/* The lower-case name of a class, "instructions"; NULL when out of range. Static storage. */
VPMU_API const char *vpmu_class_name(enum vpmu_class class_);

/* Whether instructions alone decide how much of the class happens. The other classes need a timing
 * model, whose figures are estimates. False out of range. */
VPMU_API bool vpmu_class_is_exact(enum vpmu_class class_);

#ifdef __cplusplus
}
#endif

#endif
