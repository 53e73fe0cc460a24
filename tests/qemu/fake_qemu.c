/* SPDX-License-Identifier: MIT */
/* The fake's plugin API: registrations, and what a callback may ask for. */
#include "fake_inside.h"

#include <stdlib.h>
#include <string.h>

enum { APIC = 0xfee00000u, APIC_SIZE = 0x100000, LVTPC = 0x340 };

struct inside inside;

/* --- Registrations ---------------------------------------------------------------------------- */

void qemu_plugin_register_vcpu_init_cb(qemu_plugin_id_t id, qemu_vcpu_cb cb, void *data)
{
	inside.on.vcpu = cb;
}

void qemu_plugin_register_vcpu_idle_cb(qemu_plugin_id_t id, qemu_vcpu_cb cb, void *data)
{
	inside.on.idle = cb;
}

void qemu_plugin_register_vcpu_resume_cb(qemu_plugin_id_t id, qemu_vcpu_cb cb, void *data)
{
	inside.on.resume = cb;
}

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, qemu_trans_cb cb, void *data)
{
	inside.on.translate = cb;
}

void qemu_plugin_register_vcpu_discon_cb(qemu_plugin_id_t id, enum qemu_discon type,
                                         qemu_discon_cb cb, void *data)
{
	inside.on.discon = cb;
}

void qemu_plugin_register_flush_cb(qemu_plugin_id_t id, qemu_cb cb, void *data)
{
	inside.on.flush = cb;
}

void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, qemu_cb cb, void *data)
{
	inside.on.exit = cb;
}

static void add(struct ops *ops, struct op op)
{
	if (ops->count == OPS)
		abort();
	ops->op[ops->count++] = op;
}

void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, qemu_vcpu_cb cb,
                                          enum qemu_cb_flags flags, void *data)
{
	add(&tb->ops, (struct op){OP_CALL, cb, flags, data, 0, 0});
}

static const int call_if[] = {
	[QEMU_COND_EQ] = OP_CALL_EQ, [QEMU_COND_NE] = OP_CALL_NE, [QEMU_COND_GE] = OP_CALL_GE};

void qemu_plugin_register_vcpu_tb_exec_cond_cb(struct qemu_plugin_tb *tb, qemu_vcpu_cb cb,
                                               enum qemu_cb_flags flags, enum qemu_cond cond,
                                               struct qemu_u64 entry, uint64_t immediate,
                                               void *data)
{
	add(&tb->ops, (struct op){call_if[cond], cb, flags, data, entry.offset, immediate});
}

void qemu_plugin_register_vcpu_insn_exec_cond_cb(struct qemu_plugin_insn *insn, qemu_vcpu_cb cb,
                                                 enum qemu_cb_flags flags, enum qemu_cond cond,
                                                 struct qemu_u64 entry, uint64_t immediate,
                                                 void *data)
{
	add(&insn->ops, (struct op){call_if[cond], cb, flags, data, entry.offset, immediate});
}

void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *tb, enum qemu_op op,
                                                       struct qemu_u64 entry, uint64_t immediate)
{
	add(&tb->ops, (struct op){op == QEMU_ADD_U64 ? OP_ADD : OP_STORE, NULL, QEMU_CB_NO_REGS,
	                          NULL, entry.offset, immediate});
}

/* QEMU does it before the next block. */
void qemu_plugin_reset(qemu_plugin_id_t id, qemu_cb cb, void *data)
{
	inside.reset = cb;
	inside.reset_data = data;
}

void fake_reset_plugin(void)
{
	qemu_cb reset = inside.reset;

	if (!reset || fake.late) {
		fake.late -= reset != NULL;
		return;
	}
	inside.reset = NULL;
	inside.on.flush(NULL);
	memset(&inside.on, 0, sizeof(inside.on));
	reset(inside.reset_data);
	fake.resets++;
}

void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, qemu_vcpu_cb cb,
                                            enum qemu_cb_flags flags, void *data)
{
	add(&insn->ops, (struct op){OP_CALL, cb, flags, data, 0, 0});
}

void qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(struct qemu_plugin_insn *insn,
                                                         enum qemu_op op, struct qemu_u64 entry,
                                                         uint64_t immediate)
{
	add(&insn->ops, (struct op){op == QEMU_ADD_U64 ? OP_ADD : OP_STORE, NULL, QEMU_CB_NO_REGS,
	                            NULL, entry.offset, immediate});
}

void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, qemu_mem_cb cb,
                                      enum qemu_cb_flags flags, enum qemu_mem_rw rw, void *data)
{
	if (rw == QEMU_MEM_R)
		inside.lidt_cb = cb;
	else
		insn->access = cb, insn->access_data = data;
}

/* What the fake calls it with: 1 is a store. */
bool qemu_plugin_mem_is_store(qemu_plugin_meminfo_t info)
{
	return info;
}

unsigned qemu_plugin_mem_size_shift(qemu_plugin_meminfo_t info)
{
	return 3;
}

struct qemu_mem_value qemu_plugin_mem_get_value(qemu_plugin_meminfo_t info)
{
	return (struct qemu_mem_value){.type = 3, .data.u64 = FAKE_IDT};
}

/* --- Blocks ----------------------------------------------------------------------------------- */

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb)
{
	return tb->count;
}

uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb)
{
	return tb->insn[0].vaddr;
}

struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i)
{
	return (struct qemu_plugin_insn *)&tb->insn[i];
}

size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *to, size_t bytes)
{
	size_t length = insn->length < bytes ? insn->length : bytes;

	memcpy(to, fake_at(insn->vaddr), length);
	return length;
}

size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn)
{
	return insn->length;
}

uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn)
{
	return insn->vaddr;
}

/* --- Registers and memory --------------------------------------------------------------------- */

GArray *qemu_plugin_get_registers(void)
{
	static const char *const names[FAKE_REGS] = {"rax", "rbx",    "rcx", "rdx", "rsp",
	                                             "rip", "eflags", "cs",  "ss",  "cr0",
	                                             "cr2", "cr3",    "cr4", "efer"};
	static struct qemu_reg_descriptor list[FAKE_REGS];
	static GArray array;

	for (unsigned i = 0; i < FAKE_REGS; i++)
		list[i] = (struct qemu_reg_descriptor){(void *)&fake.reg[i], names[i], NULL, false};
	array = (GArray){(char *)list, FAKE_REGS};
	return &array;
}

char *g_array_free(GArray *array, int free_segment)
{
	return NULL;
}

GByteArray *g_byte_array_new(void)
{
	static uint8_t bytes[4096];
	static GByteArray array = {bytes, 0};

	return &array;
}

GByteArray *g_byte_array_set_size(GByteArray *array, unsigned length)
{
	array->len = length;
	return array;
}

bool qemu_plugin_read_register(struct qemu_plugin_register *handle, GByteArray *to)
{
	if (inside.running == QEMU_CB_NO_REGS)
		abort();
	memcpy(to->data, handle, sizeof(uint64_t));
	to->len = sizeof(uint64_t);
	return true;
}

bool qemu_plugin_write_register(struct qemu_plugin_register *handle, GByteArray *from)
{
	if (inside.running < QEMU_CB_RW_REGS)
		abort();
	memcpy(handle, from->data, sizeof(uint64_t));
	return true;
}

void qemu_plugin_set_pc(uint64_t pc)
{
	if (inside.running != QEMU_CB_RW_REGS_PC)
		abort();
	fake.reg[FAKE_RIP] = pc;
	longjmp(inside.left, 1);
}

static bool is_in_memory(uint64_t address, size_t bytes)
{
	return address < FAKE_MEMORY && bytes <= FAKE_MEMORY - address;
}

int qemu_plugin_read_memory_hwaddr(uint64_t address, GByteArray *to, size_t bytes)
{
	uint32_t word = 0;

	to->len = (unsigned)bytes;
	if (is_in_memory(address, bytes)) {
		memcpy(to->data, fake.memory + address, bytes);
		return QEMU_HWADDR_OK;
	}
	if (address == APIC + LVTPC)
		word = fake.lvtpc;
	memcpy(to->data, &word, bytes < sizeof(word) ? bytes : sizeof(word));
	return QEMU_HWADDR_OK;
}

int qemu_plugin_write_memory_hwaddr(uint64_t address, GByteArray *from)
{
	uint32_t word = 0;

	if (is_in_memory(address, from->len)) {
		memcpy(fake.memory + address, from->data, from->len);
		inside.stop_soon |= fake.idle_at_plant && from->data[0] == 0xeb;
		return QEMU_HWADDR_OK;
	}
	memcpy(&word, from->data, from->len < sizeof(word) ? from->len : sizeof(word));
	if (address == APIC + LVTPC) {
		fake.lvtpc = word;
	} else if (address - APIC < APIC_SIZE) {
		fake.message = word;
		fake.interrupts = true;
	}
	return QEMU_HWADDR_OK;
}

bool qemu_plugin_read_memory_vaddr(uint64_t address, GByteArray *to, size_t bytes)
{
	return is_in_memory(address, bytes) &&
	       qemu_plugin_read_memory_hwaddr(address, to, bytes) == QEMU_HWADDR_OK;
}

bool qemu_plugin_write_memory_vaddr(uint64_t address, GByteArray *from)
{
	return is_in_memory(address, from->len) &&
	       qemu_plugin_write_memory_hwaddr(address, from) == QEMU_HWADDR_OK;
}

bool qemu_plugin_translate_vaddr(uint64_t address, uint64_t *physical)
{
	*physical = address;
	return address < FAKE_MEMORY;
}

struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t bytes)
{
	if (bytes > sizeof(inside.score))
		abort();
	memset(inside.score, 0, sizeof(inside.score));
	return (struct qemu_plugin_scoreboard *)inside.score;
}

void *qemu_plugin_scoreboard_find(struct qemu_plugin_scoreboard *board, unsigned vcpu)
{
	return board;
}

int qemu_plugin_num_vcpus(void)
{
	return 1;
}
