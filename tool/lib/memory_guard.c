/* SPDX-License-Identifier: MIT */
/*
 * Unicorn does not check what malloc() returns: without memory it writes through a null pointer,
 * frees twice, or calls exit(1), which is a guest's "passed". So a failed allocation by its library
 * ends the tool here. All other callers get NULL as usual.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "input/file.h"
#include "memory.h"

/* <stdlib.h> is not included, since the compiler would take these for libc's own. */
void *malloc(size_t bytes);
void *calloc(size_t count, size_t bytes);
void *realloc(void *old, size_t bytes);
void *aligned_alloc(size_t alignment, size_t bytes);
int posix_memalign(void **into, size_t alignment, size_t bytes);

typedef void *malloc_fn(size_t);
typedef void *calloc_fn(size_t, size_t);
typedef void *realloc_fn(void *, size_t);
typedef void *aligned_fn(size_t, size_t);
typedef int posix_fn(void **, size_t, size_t);

/* The allocator behind this one. */
static malloc_fn *next_malloc;
static calloc_fn *next_calloc;
static realloc_fn *next_realloc;
static aligned_fn *next_aligned;
static posix_fn *next_posix;

/* POSIX has dlsym() return functions as objects. */
static void find_next(void *function, const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	memcpy(function, &found, sizeof(found));
}

__attribute__((constructor)) static void find_all(void)
{
	find_next(&next_calloc, "calloc");
	find_next(&next_realloc, "realloc");
	find_next(&next_aligned, "aligned_alloc");
	find_next(&next_posix, "posix_memalign");
	find_next(&next_malloc, "malloc");
}

/* Needed early, since libraries' constructors run before ours. */
static void begin(void)
{
	if (!next_malloc)
		find_all();
}

static void end_if_unicorn(const void *caller)
{
	Dl_info info;

	if (!dladdr(caller, &info) || !info.dli_fname || !strstr(info.dli_fname, "libunicorn"))
		return;
	output_end_without_memory("the emulated CPU");
}

void *malloc(size_t bytes)
{
	void *got;

	begin();
	got = next_malloc(bytes);
	if (!got && bytes)
		end_if_unicorn(__builtin_return_address(0));
	return got;
}

void *calloc(size_t count, size_t bytes)
{
	void *got;

	begin();
	got = next_calloc(count, bytes);
	if (!got && count && bytes)
		end_if_unicorn(__builtin_return_address(0));
	return got;
}

void *realloc(void *old, size_t bytes)
{
	void *got;

	begin();
	got = next_realloc(old, bytes);
	if (!got && bytes)
		end_if_unicorn(__builtin_return_address(0));
	return got;
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
	void *got;

	begin();
	got = next_aligned(alignment, bytes);
	if (!got && bytes)
		end_if_unicorn(__builtin_return_address(0));
	return got;
}

int posix_memalign(void **into, size_t alignment, size_t bytes)
{
	int error;

	begin();
	error = next_posix(into, alignment, bytes);
	if (error)
		end_if_unicorn(__builtin_return_address(0));
	return error;
}
