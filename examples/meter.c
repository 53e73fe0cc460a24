/* SPDX-License-Identifier: MIT */
/* An interpreter with a PMU: it pays by the block, and its PMIs come at the exact instruction. */
#include <stdio.h>
#include <vpmu/vpmu.h>

static const struct op {
	enum { NOP, DEC, JNZ, HALT } kind;
	struct vpmu_insn insn; /* the meter's part */
} program[] = {{NOP, {0}}, {DEC, {0}}, {JNZ, {.flags = VPMU_INSN_BRANCH}}, {HALT, {0}}};

static struct vpmu_pmu *pmu;
static struct vpmu_meter meter;
static unsigned pc, counter = 1000;

/* What is due between two instructions: accounts, and takes the PMI if there is one. */
static void look_up(void)
{
	if (vpmu_meter_settle(&meter, 0).pmi) {
		printf("PMI after %u instructions, before %u\n",
		       (unsigned)meter.totals.of[VPMU_INSTRUCTIONS], pc);
		vpmu_pmu_guest_write(pmu, 0x390, 1);    /* the handler: clears the status, */
		vpmu_pmu_guest_write(pmu, 0xc1, -1000); /* sets the next period */
		vpmu_pmu_set_lvtpc(pmu, 0x400);         /* and unmasks the PMI */
	}
	vpmu_meter_refresh(&meter, 0, UINT64_MAX);
}

static void run_block(const struct vpmu_block *block, const struct op *op)
{
	for (uint32_t i = 0, end; i < block->count;) {
		if (!i && vpmu_meter_pay(&meter, block)) {
			end = block->count; /* nearly always */
		} else {
			end = vpmu_meter_prefix(&meter, block, i);
			vpmu_meter_pay_part(&meter, block, i, end);
		}
		for (; i < end; i++) {
			counter -= op[i].kind == DEC;
			pc = op[i].kind == JNZ && counter ? 0 : pc + 1;
		}
		if (end < block->count)
			look_up();
	}
}

int main(void)
{
	static _Alignas(VPMU_PMU_ALIGN) unsigned char memory[VPMU_PMU_BYTES];
	struct vpmu_block loop, end;
	struct vpmu_model model;
	uint64_t branches = 0;

	if (vpmu_model_parse(&model, "intel-v2", NULL, 0) != VPMU_OK)
		return 1;
	pmu = vpmu_pmu_init(memory, sizeof(memory), &model, vpmu_profile_find("hardware"));
	vpmu_meter_init(&meter, pmu, NULL);
	vpmu_block_make(&loop, &program[0].insn, 3, sizeof(program[0]));
	vpmu_block_make(&end, &program[3].insn, 1, sizeof(program[0]));
	vpmu_pmu_guest_write(pmu, 0x186, 0x5300c0); /* IA32_PERFEVTSEL0: instructions, with PMI */
	vpmu_pmu_guest_write(pmu, 0x0c1, -1000);    /* IA32_PMC0: the first period */
	vpmu_pmu_guest_write(pmu, 0x187, 0x4300c4); /* IA32_PERFEVTSEL1: branches */
	vpmu_pmu_guest_write(pmu, 0x38f, 3);        /* IA32_PERF_GLOBAL_CTRL: both run */
	look_up();
	while (pc < 4)
		run_block(pc ? &end : &loop, &program[pc]);
	look_up();
	vpmu_pmu_rdpmc(pmu, 1, 0, false, &branches);
	printf("%u branches\n", (unsigned)branches);
	return 0;
}
