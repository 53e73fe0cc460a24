/* SPDX-License-Identifier: MIT */
/*
 * Answers RDPMC. While the guest is stepped, RDPMC is seen before it executes. Otherwise this
 * host's KVM, which gives the VM no PMU, raises #GP: a breakpoint on the guest's #GP handler
 * catches it, takes the exception back, and answers. That works for 64-bit code; in other modes the
 * #GP stays.
 */
#include <string.h>

#include <watch/count.h>

enum {
	GP = 13,
	GATE_BYTES = 16,
	CR4_PCE = 1 << 8,
	RF = 1 << 16,
	EFER_LMA = 1 << 10,
};

static enum vpmu_status read_counter(struct counting *c, unsigned cpl, uint64_t *value)
{
	enum vpmu_status status = VPMU_GP;

	if (!vcpu_hold(c->object))
		return VPMU_HOST;
	if (c->object->as_vcpu.pmu)
		status = vpmu_pmu_rdpmc(c->object->as_vcpu.pmu, (uint32_t)c->regs.rcx, cpl,
		                        c->sregs.cr4 & CR4_PCE, value);
	vcpu_release(c->object);
	return status;
}

static void take_value(struct counting *c, uint64_t value)
{
	c->regs.rax = (uint32_t)value;
	c->regs.rdx = value >> 32;
}

bool count_rdpmc(struct counting *c, const struct guest_insn *insn)
{
	unsigned cpl = c->sregs.ss.dpl;
	uint64_t value;

	if (read_counter(c, cpl, &value))
		return false;
	take_value(c, value);
	c->regs.rip += insn->length;
	if (!count_set_regs(c))
		return false;
	count_retire(c, insn, cpl, false);
	return true;
}

/* --- After the fact ------------------------------------------------------------------------- */

/* Intel SDM vol. 3A, figure 7-8. */
bool count_find_handler(struct counting *c, uint64_t *at)
{
	uint8_t gate[GATE_BYTES];
	uint16_t low, middle;
	uint32_t high;

	if (!(c->sregs.efer & EFER_LMA) || c->sregs.idt.limit < (GP + 1) * GATE_BYTES - 1 ||
	    count_read(c, c->sregs.idt.base + GP * GATE_BYTES, gate, GATE_BYTES) != GATE_BYTES)
		return false;
	memcpy(&low, gate, sizeof(low));
	memcpy(&middle, gate + 6, sizeof(middle));
	memcpy(&high, gate + 8, sizeof(high));
	*at = low | (uint64_t)middle << 16 | (uint64_t)high << 32;
	return gate[5] & 0x80;
}

/* What an exception in 64-bit mode pushes, with its error code. */
struct frame {
	uint64_t error, rip, cs, rflags, rsp, ss;
};

/* Loads a segment from its descriptor, as IRET would. */
static bool load(struct counting *c, struct kvm_segment *segment, uint16_t selector)
{
	uint64_t base = selector & 4 ? c->sregs.ldt.base : c->sregs.gdt.base, d;

	if (!(selector & ~3)) {
		*segment = (struct kvm_segment){.selector = selector, .unusable = 1};
		segment->dpl = selector & 3;
		return true;
	}
	if (count_read(c, base + (selector & ~7u), &d, sizeof(d)) != sizeof(d))
		return false;
	*segment = (struct kvm_segment){
		.base = (d >> 16 & 0xffffff) | (d >> 56 & 0xff) << 24,
		.limit = (uint32_t)((d & 0xffff) | (d >> 32 & 0xf0000)),
		.selector = selector,
		.type = d >> 40 & 15,
		.s = d >> 44 & 1,
		.dpl = d >> 45 & 3,
		.present = d >> 47 & 1,
		.avl = d >> 52 & 1,
		.l = d >> 53 & 1,
		.db = d >> 54 & 1,
		.g = d >> 55 & 1,
	};
	if (segment->g)
		segment->limit = segment->limit << 12 | 0xfff;
	return true;
}

/* Goes back to the privilege level that RDPMC ran at. */
static bool go_back(struct counting *c, const struct frame *frame)
{
	struct kvm_sregs sregs = c->sregs;

	if ((frame->cs & 3) == c->sregs.ss.dpl)
		return true;
	return load(c, &sregs.cs, (uint16_t)frame->cs) && load(c, &sregs.ss, (uint16_t)frame->ss) &&
	       sregs.cs.l && !real()->ioctl(c->fd, KVM_SET_SREGS, &sregs);
}

bool count_answer_fault(struct counting *c)
{
	uint8_t bytes[GUEST_INSN_BYTES];
	struct guest_insn insn;
	struct frame frame;
	uint64_t value;
	size_t got;

	if (count_read(c, c->regs.rsp, &frame, sizeof(frame)) != sizeof(frame) || frame.error)
		return false;
	got = count_read(c, frame.rip, bytes, sizeof(bytes));
	insn = guest_insn_decode(bytes, got, 64, frame.rip);
	if (insn.kind != GUEST_RDPMC || read_counter(c, frame.cs & 3, &value) ||
	    !go_back(c, &frame))
		return false;
	take_value(c, value);
	c->regs.rip = frame.rip + insn.length;
	c->regs.rsp = frame.rsp;
	c->regs.rflags = frame.rflags & ~(uint64_t)RF;
	return count_set_regs(c);
}
