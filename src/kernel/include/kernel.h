/* SPDX-License-Identifier: MIT */
/*
 * What the kernel's PMU files need from the rest of the kernel: types, bits, printing, memory,
 * locks. One thread runs everything, so atomics are plain and locks do nothing. Every <linux/...>
 * and <asm/...> header that those files include and that is not unpacked leads here (build-kernel).
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

/* Whether the kernel is this or a later one. */
#define KERNEL_SINCE(major, minor)                                                                 \
	(KERNEL_MAJOR > (major) || (KERNEL_MAJOR == (major) && KERNEL_MINOR >= (minor)))

typedef unsigned char u8, __u8;
typedef unsigned short u16, __u16;
typedef unsigned int u32, __u32;
typedef unsigned long long u64, __u64;
typedef signed char s8, __s8;
typedef signed short __s16;
typedef int s32, __s32;
typedef long long s64, __s64;
typedef unsigned long ulong;
typedef struct {
	s64 counter;
} atomic64_t;

#define __user
#define __rcu
#define __init
#define __initdata
#define __read_mostly
#undef __always_inline
#define __always_inline inline __attribute__((__always_inline__))
#define fallthrough     __attribute__((__fallthrough__))
#define likely(x)       (x)
#define unlikely(x)     (x)

static inline bool warned(bool condition)
{
	return condition;
}

#define EXPORT_SYMBOL_GPL(symbol)
#define EXPORT_SYMBOL_FOR_KVM_INTERNAL(symbol)
#define EXPORT_STATIC_CALL_GPL(name)
#define module_param(name, type, mode)
#define __counted_by(member)
#define lockdep_assert_irqs_disabled() ((void)0)
#define BUILD_BUG_ON(condition)
#define WARN_ON(condition)         (!!(condition))
#define WARN_ON_ONCE(condition)    warned(condition)
#define KVM_BUG_ON(condition, kvm) (!!(condition))
#define printk_once(...)           ((void)0)
#define printk(...)                ((void)0)
#define pr_debug_ratelimited(...)  ((void)0)
#define pr_warn_ratelimited(...)   ((void)0)

#define _BITUL(n)         (1UL << (n))
#define _BITULL(n)        (1ULL << (n))
#define BIT(n)            (1UL << (n))
#define BIT_ULL(n)        (1ULL << (n))
#define GENMASK(h, l)     ((~0UL << (l)) & (~0UL >> (63 - (h))))
#define GENMASK_ULL(h, l) ((~0ULL << (l)) & (~0ULL >> (63 - (h))))
#define __GENMASK_ULL     GENMASK_ULL
#define BITS_PER_BYTE     8

/* A flexible array that may stand alone or in a union (uapi). */
#define __DECLARE_FLEX_ARRAY(type, name)                                                           \
	struct {                                                                                   \
		struct {                                                                           \
		} empty_##name;                                                                    \
		type name[];                                                                       \
	}

#define ARRAY_SIZE(a)                     (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member)   ((type *)((char *)(ptr)-offsetof(type, member)))
#define struct_size(p, member, count)     (sizeof(*(p)) + sizeof((p)->member[0]) * (count))
#define flex_array_size(p, member, count) (sizeof((p)->member[0]) * (count))
#define min(a, b)                         ((a) < (b) ? (a) : (b))
#define min_t(type, a, b)                 ((type)(a) < (type)(b) ? (type)(a) : (type)(b))
#define min3(a, b, c)                     min((a), min((b), (c)))
#define array_index_nospec(index, size)   (index)

/* Bitmaps are one word: X86_PMC_IDX_MAX is 64. */
#define DECLARE_BITMAP(name, bits)    unsigned long name[((bits) + 63) / 64]
#define bitmap_copy(to, from, bits)   ((to)[0] = (from)[0])
#define bitmap_zero(map, bits)        ((map)[0] = 0)
#define bitmap_empty(map, bits)       ((map)[0] == 0)
#define bitmap_clear(map, bit, count) ((map)[0] &= ~(((1UL << (count)) - 1) << (bit)))
#define bitmap_intersects(a, b, bits) (((a)[0] & (b)[0]) != 0)
#define bitmap_andnot(to, a, b, bits) ((to)[0] = (a)[0] & ~(b)[0])
#define bitmap_and(to, a, b, bits)    (((to)[0] = (a)[0] & (b)[0]) != 0)
#define atomic64_set(v, value)        ((v)->counter = (s64)(value))
#define atomic64_andnot(bits, v)      ((v)->counter &= ~(bits))
#define atomic64_or(bits, v)          ((v)->counter |= (s64)(bits))

static inline void bitmap_set(unsigned long *map, unsigned int start, unsigned int count)
{
	while (count--)
		*map |= 1UL << start++;
}

static inline bool test_bit(long nr, const unsigned long *map)
{
	return *map >> nr & 1;
}

static inline void set_bit(long nr, unsigned long *map)
{
	*map |= 1UL << nr;
}

static inline void clear_bit(long nr, unsigned long *map)
{
	*map &= ~(1UL << nr);
}

static inline bool test_and_set_bit(long nr, unsigned long *map)
{
	bool old = test_bit(nr, map);

	set_bit(nr, map);
	return old;
}

#define __set_bit          set_bit
#define __clear_bit        clear_bit
#define __test_and_set_bit test_and_set_bit

/* The lowest set bit at or above `from`, or 64. The map is read again at each step, as in the
 * kernel. */
static inline unsigned int find_next_bit(const unsigned long *map, unsigned int from)
{
	unsigned long rest = from < 64 ? *map >> from << from : 0;

	return rest ? (unsigned int)__builtin_ctzl(rest) : 64;
}

#define for_each_set_bit(bit, map, size)                                                           \
	for ((bit) = find_next_bit(map, 0); (bit) < (size); (bit) = find_next_bit(map, (bit) + 1))

#define ERR_PTR(error) ((void *)(long)(error))
#define PTR_ERR(ptr)   ((long)(ptr))
#define IS_ERR(ptr)    ((unsigned long)(ptr) >= (unsigned long)-4095)

#define GFP_KERNEL_ACCOUNT 0
#define kzalloc(size, gfp) memory_get(size)
#define kmalloc(size, gfp) memory_get(size)
#define kfree(ptr)         memory_put((void *)(ptr))

#define sort(base, count, size, compare, swap) qsort(base, count, size, compare)
#define copy_from_user(to, from, size)         (memcpy(to, from, size), 0)
#define mutex_lock(lock)                       ((void)0)
#define mutex_unlock(lock)                     ((void)0)
#define mutex_is_locked(lock)                  1
#define srcu_read_lock(srcu)                   0
#define srcu_read_unlock(srcu, index)          ((void)(index))
#define srcu_dereference(ptr, srcu)            (ptr)
#define synchronize_srcu_expedited(srcu)       ((void)0)
#define rcu_replace_pointer(rcu, ptr, condition)                                                   \
	({                                                                                         \
		__typeof__(ptr) old_ptr = (rcu);                                                   \
		(rcu) = (ptr);                                                                     \
		old_ptr;                                                                           \
	})
#define local_irq_disable() ((void)0)
#define local_irq_enable()  ((void)0)

/* 6.1 queues this for an overflow outside the guest. None happens here; if one does, it is done at
 * once. */
struct irq_work {
	void (*function)(struct irq_work *work);
};
#define init_irq_work(work, fn) ((work)->function = (fn))
#define irq_work_queue(work)    ((work)->function(work))
#define irq_work_sync(work)     ((void)0)

/* A static call is a function pointer. One that is not set does nothing, as on x86. */
long static_call_nothing(void);
#define __static_call_return0               static_call_nothing
#define DECLARE_STATIC_CALL(name, type)     extern __typeof__(type) *name
#define DEFINE_STATIC_CALL_NULL(name, type) __typeof__(type) *name
#define static_call(name)                   (name)
#define static_call_cond(name)              (name)
#define static_call_update(name, fn)        ((name) = (fn) ? (void *)(fn) : (void *)static_call_nothing)

/* Nothing is read from the machine that the tests run on: its registers are simulated. */
u64 host_read_msr(u32 index);
int host_write_msr(u32 index, u64 value); /* not 0: the processor refuses the value */
#define rdtsc()                   0ull
#define ktime_get_boottime_ns()   0ull
#define rdmsrl(index, value)      ((value) = host_read_msr(index))
#define wrmsrl(index, value)      ((void)host_write_msr(index, value))
#define rdmsrl_safe(index, ptr)   (*(ptr) = 0)
#define rdmsrq(index, value)      ((value) = host_read_msr(index))
#define wrmsrq(index, value)      ((void)host_write_msr(index, value))
#define wrmsrq_safe(index, value) host_write_msr(index, value)

/* The byte order and configuration that the unpacked headers ask about. */
#ifndef __LITTLE_ENDIAN_BITFIELD
#define __LITTLE_ENDIAN_BITFIELD
#endif
#define CONFIG_X86_64        1
#define CONFIG_PERF_EVENTS   1
#define CONFIG_CPU_SUP_INTEL 1
#define CONFIG_CPU_SUP_AMD   1

#endif
