/* SPDX-License-Identifier: MIT */
/*
 * The part of QEMU's plugin API, version 7 (QEMU 11.1), and of glib that the plugin uses. It is
 * declared here so that neither is needed to build it; QEMU resolves the symbols when it loads the
 * plugin. Another API version gets a file of its own.
 */
#ifndef QEMU_API_V7_H
#define QEMU_API_V7_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { QEMU_API_VERSION = 7 };

/* --- glib: the two arrays' public part is their ABI --- */

typedef struct {
	char *data;
	unsigned len;
} GArray;

typedef struct {
	uint8_t *data;
	unsigned len;
} GByteArray;

char *g_array_free(GArray *array, int free_segment);
GByteArray *g_byte_array_new(void);
GByteArray *g_byte_array_set_size(GByteArray *array, unsigned length);

/* --- QEMU --- */

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_scoreboard;
struct qemu_plugin_register;
typedef uint32_t qemu_plugin_meminfo_t;

struct qemu_info {
	const char *target_name;
	struct {
		int min, cur;
	} version;
	bool system_emulation;
	int smp_vcpus, max_vcpus;
};

/* A 64-bit member of a scoreboard's entries. */
struct qemu_u64 {
	struct qemu_plugin_scoreboard *score;
	size_t offset;
};

struct qemu_reg_descriptor {
	struct qemu_plugin_register *handle;
	const char *name, *feature;
	bool is_readonly;
};

struct qemu_mem_value {
	int type; /* log2 of the bytes */
	union {
		uint16_t u16;
		uint32_t u32;
		uint64_t u64;
		uint64_t u128[2];
	} data;
};

enum qemu_cb_flags { QEMU_CB_NO_REGS, QEMU_CB_R_REGS, QEMU_CB_RW_REGS, QEMU_CB_RW_REGS_PC };
enum qemu_cond { QEMU_COND_EQ = 2, QEMU_COND_NE = 3, QEMU_COND_GE = 7 };
enum qemu_op { QEMU_ADD_U64, QEMU_STORE_U64 };
enum qemu_mem_rw { QEMU_MEM_R = 1, QEMU_MEM_RW = 3 };
enum qemu_discon { QEMU_DISCON_INTERRUPT = 1, QEMU_DISCON_EXCEPTION = 2 };
enum { QEMU_HWADDR_OK = 0 };

typedef void (*qemu_cb)(void *data);
typedef void (*qemu_vcpu_cb)(unsigned vcpu, void *data);
typedef void (*qemu_trans_cb)(struct qemu_plugin_tb *tb, void *data);
typedef void (*qemu_discon_cb)(unsigned vcpu, enum qemu_discon type, uint64_t from, uint64_t to,
                               void *data);
typedef void (*qemu_mem_cb)(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *data);

void qemu_plugin_register_vcpu_init_cb(qemu_plugin_id_t id, qemu_vcpu_cb cb, void *data);
/* Called with QEMU's lock held: when a vCPU halts or is stopped, and when it goes on. */
void qemu_plugin_register_vcpu_idle_cb(qemu_plugin_id_t id, qemu_vcpu_cb cb, void *data);
void qemu_plugin_register_vcpu_resume_cb(qemu_plugin_id_t id, qemu_vcpu_cb cb, void *data);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, qemu_trans_cb cb, void *data);
void qemu_plugin_register_vcpu_discon_cb(qemu_plugin_id_t id, enum qemu_discon type,
                                         qemu_discon_cb cb, void *data);
void qemu_plugin_register_flush_cb(qemu_plugin_id_t id, qemu_cb cb, void *data);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, qemu_cb cb, void *data);

/* Drops all translations and registrations, then calls back: the callback registers anew. */
void qemu_plugin_reset(qemu_plugin_id_t id, qemu_cb cb, void *data);

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *to, size_t bytes);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, qemu_vcpu_cb cb,
                                          enum qemu_cb_flags flags, void *data);
/* The comparison is unsigned. */
void qemu_plugin_register_vcpu_tb_exec_cond_cb(struct qemu_plugin_tb *tb, qemu_vcpu_cb cb,
                                               enum qemu_cb_flags flags, enum qemu_cond cond,
                                               struct qemu_u64 entry, uint64_t immediate,
                                               void *data);
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *tb, enum qemu_op op,
                                                       struct qemu_u64 entry, uint64_t immediate);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, qemu_vcpu_cb cb,
                                            enum qemu_cb_flags flags, void *data);
void qemu_plugin_register_vcpu_insn_exec_cond_cb(struct qemu_plugin_insn *insn, qemu_vcpu_cb cb,
                                                 enum qemu_cb_flags flags, enum qemu_cond cond,
                                                 struct qemu_u64 entry, uint64_t immediate,
                                                 void *data);
void qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(struct qemu_plugin_insn *insn,
                                                         enum qemu_op op, struct qemu_u64 entry,
                                                         uint64_t immediate);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, qemu_mem_cb cb,
                                      enum qemu_cb_flags flags, enum qemu_mem_rw rw, void *data);
unsigned qemu_plugin_mem_size_shift(qemu_plugin_meminfo_t info); /* log2 of the bytes */
bool qemu_plugin_mem_is_store(qemu_plugin_meminfo_t info);
struct qemu_mem_value qemu_plugin_mem_get_value(qemu_plugin_meminfo_t info);

GArray *qemu_plugin_get_registers(void);
bool qemu_plugin_read_register(struct qemu_plugin_register *handle, GByteArray *to);
bool qemu_plugin_write_register(struct qemu_plugin_register *handle, GByteArray *from);
/* Does not return. Only for callbacks with QEMU_CB_RW_REGS_PC and for discontinuities. Lazily
 * computed flags are lost unless the block is at its first instruction. */
__attribute__((noreturn)) void qemu_plugin_set_pc(uint64_t pc);
bool qemu_plugin_read_memory_vaddr(uint64_t address, GByteArray *to, size_t bytes);
bool qemu_plugin_write_memory_vaddr(uint64_t address, GByteArray *from);
int qemu_plugin_read_memory_hwaddr(uint64_t address, GByteArray *to, size_t bytes);
int qemu_plugin_write_memory_hwaddr(uint64_t address, GByteArray *from);
bool qemu_plugin_translate_vaddr(uint64_t address, uint64_t *physical);

struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t bytes);
void *qemu_plugin_scoreboard_find(struct qemu_plugin_scoreboard *score, unsigned vcpu);
int qemu_plugin_num_vcpus(void);

#endif
