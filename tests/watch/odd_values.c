/* SPDX-License-Identifier: MIT */
/*
 * A VMM that saves and restores a vCPU's PMU, well and badly: with another value in each register,
 * what it has got is put back in one of several ways. It reads and writes the general registers in
 * the same moments, as every VMM does.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "odd_vmm.h"

enum { TSC = 0x10, F15H = 0xc0010200, F15H_COUNTERS = 6, GUEST_RIP = 0x1234, RESET_RIP = 0xfff0 };

struct saved {
	struct kvm_regs regs;
	union batch msrs;
};

static const struct {
	uint32_t first, count, stride;
	uint64_t value; /* of the first; each next has one more */
} kinds[] = {
	{F15H, 6, 2, 0x530070},     {F15H + 1, 6, 2, 0x1001}, {0xc0010000, 4, 1, 0x530070},
	{0xc0010004, 4, 1, 0x1001}, {0x186, 4, 1, 0x530070},  {0xc1, 4, 1, 0x1001},
	{0x309, 3, 1, 0x2001},      {0x38d, 1, 1, 0xb},       {0x38f, 1, 1, 5},
	{0xc0000301, 1, 1, 5},
};

static uint64_t value_for(uint32_t msr)
{
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		uint32_t at = (msr - kinds[i].first) / kinds[i].stride;

		if (msr >= kinds[i].first && at < kinds[i].count &&
		    (msr - kinds[i].first) % kinds[i].stride == 0)
			return kinds[i].value + at;
	}
	return 0;
}

/* --- The ways of putting ---------------------------------------------------------------------- */

static __u64 *find(struct kvm_msrs *msrs, uint32_t index)
{
	for (unsigned i = 0; i < msrs->nmsrs; i++)
		if (msrs->entries[i].index == index)
			return &msrs->entries[i].data;
	return NULL;
}

/* QEMU 11: what it read from MSR F15H + n, it keeps at n, and puts what it keeps at i to the i-th.
 */
static void permute(struct kvm_msrs *msrs)
{
	uint64_t selectors[2 * F15H_COUNTERS] = {0}, counters[2 * F15H_COUNTERS] = {0};

	for (unsigned i = 0; i < F15H_COUNTERS; i++) {
		selectors[2 * i] = *find(msrs, F15H + 2 * i);
		counters[2 * i + 1] = *find(msrs, F15H + 2 * i + 1);
	}
	for (unsigned i = 0; i < F15H_COUNTERS; i++) {
		*find(msrs, F15H + 2 * i) = selectors[i];
		*find(msrs, F15H + 2 * i + 1) = counters[i];
	}
}

static void zero(struct kvm_msrs *msrs)
{
	for (unsigned i = 0; i < msrs->nmsrs; i++)
		msrs->entries[i].data = 0;
}

static void leave_first(struct kvm_msrs *msrs)
{
	msrs->nmsrs--;
	memmove(&msrs->entries[0], &msrs->entries[1], msrs->nmsrs * sizeof(msrs->entries[0]));
}

static void change_as(const char *way, struct saved *saved)
{
	if (!strcmp(way, "permuted"))
		permute(&saved->msrs.msrs);
	if (!strcmp(way, "zero") || !strcmp(way, "reset"))
		zero(&saved->msrs.msrs);
	if (!strcmp(way, "partly"))
		leave_first(&saved->msrs.msrs);
	if (!strcmp(way, "reset"))
		saved->regs.rip = RESET_RIP;
	if (!strcmp(way, "other"))
		saved->regs.rip++;
}

/* --- Saving and restoring --------------------------------------------------------------------- */

/*
 * The environment takes PERFCORE away (a CPUID that no processor has, and KVM takes), or Intel's
 * PMU.
 */
static void edit_cpuid(struct kvm_cpuid2 *cpuid)
{
	for (unsigned i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

		if (entry->function == 0x80000001 && getenv("ODD_NO_PERFCORE"))
			entry->ecx &= ~(1u << 23);
		if (entry->function == 0xa && getenv("ODD_NO_PMU"))
			entry->eax = entry->ebx = entry->ecx = entry->edx = 0;
	}
}

static int make_vcpu(unsigned long id, bool off)
{
	static union lists cpuid;
	struct kvm_enable_cap cap = {.cap = KVM_CAP_PMU_CAPABILITY, .args = {off}};
	int kvm = open("/dev/kvm", O_RDWR), vm = ioctl(kvm, KVM_CREATE_VM, 0), vcpu;

	if (off && ioctl(vm, KVM_ENABLE_CAP, &cap))
		exit(6);
	vcpu = ioctl(vm, KVM_CREATE_VCPU, id);
	cpuid.cpuid.nent = 256;
	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid))
		exit(2);
	edit_cpuid(&cpuid.cpuid);
	if (ioctl(vcpu, KVM_SET_CPUID2, &cpuid))
		exit(2);
	return vcpu;
}

static void put(int vcpu, struct saved *saved)
{
	if (ioctl(vcpu, KVM_SET_REGS, &saved->regs) ||
	    ioctl(vcpu, KVM_SET_MSRS, &saved->msrs) != (int)saved->msrs.msrs.nmsrs)
		exit(3);
}

/* One register, a question, a pause, and the rest: one put all the same. */
static void put_apart(int vcpu, struct saved *saved, unsigned pause)
{
	struct kvm_msr_entry first = saved->msrs.msrs.entries[0];

	if (ioctl(vcpu, KVM_SET_REGS, &saved->regs) || set_one(vcpu, first.index, first.data) != 1)
		exit(3);
	close(open("/dev/kvm", O_RDWR));
	usleep(pause);
	leave_first(&saved->msrs.msrs);
	if (ioctl(vcpu, KVM_SET_MSRS, &saved->msrs) != (int)saved->msrs.msrs.nmsrs)
		exit(3);
}

static void get(int vcpu, struct saved *saved)
{
	if (ioctl(vcpu, KVM_GET_REGS, &saved->regs) ||
	    ioctl(vcpu, KVM_GET_MSRS, &saved->msrs) != (int)saved->msrs.msrs.nmsrs)
		exit(4);
}

/* The registers that the file lists, each once, with the values of a guest that uses them. */
static struct saved guest_of(const char *path)
{
	struct saved saved = {.regs = {.rip = GUEST_RIP, .rflags = 2}};
	struct kvm_msrs *msrs = &saved.msrs.msrs;
	FILE *file = fopen(path, "r");
	uint32_t msr;

	while (file && fscanf(file, "%x %*x", &msr) == 1)
		if (!find(msrs, msr))
			msrs->entries[msrs->nmsrs++] =
				(struct kvm_msr_entry){msr, 0, value_for(msr)};
	if (file)
		fclose(file);
	return saved;
}

/* The first counter of any vendor's has counted. */
static void move_on(struct kvm_msrs *msrs)
{
	static const uint32_t counters[] = {0xc1, 0xc0010004, F15H + 1};

	for (unsigned i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		if (find(msrs, counters[i]))
			*find(msrs, counters[i]) += 0x100;
}

int values(const char *registers, const char *way)
{
	struct saved saved = guest_of(registers), guest = saved;
	int vcpu = make_vcpu(0, false);

	put(vcpu, &saved);
	get(vcpu, &saved);
	/* The guest goes on, and is got again. */
	guest.regs.rip += 2;
	move_on(&guest.msrs.msrs);
	put(vcpu, &guest);
	get(vcpu, &guest);
	change_as(way, &saved);
	if (!strncmp(way, "apart=", 6))
		put_apart(vcpu, &saved, (unsigned)atoi(way + 6));
	else
		put(vcpu, &saved);
	get(vcpu, &saved);
	return 0;
}

int values_save(const char *registers, const char *path)
{
	struct saved saved = guest_of(registers);
	FILE *file = fopen(path, "w");
	int vcpu = make_vcpu(3, false);

	put(vcpu, &saved);
	get(vcpu, &saved);
	return !file || fwrite(&saved, sizeof(saved), 1, file) != 1 || fclose(file);
}

int values_restore(const char *path, const char *way)
{
	struct saved saved, reset;
	FILE *file = fopen(path, "r");
	int vcpu = make_vcpu(3, false);

	if (!file || fread(&saved, sizeof(saved), 1, file) != 1)
		return 5;
	fclose(file);
	reset = saved;
	change_as("reset", &reset);
	put(vcpu, &reset);
	change_as(way, &saved);
	put(vcpu, &saved);
	get(vcpu, &saved);
	return 0;
}

/* The VMM resets the vCPU; with a file, its PMU registers, too. off: it has switched the PMU off.
 */
int resets(bool off, const char *registers)
{
	struct saved saved = registers ? guest_of(registers) : (struct saved){0};
	struct kvm_regs regs = {.rip = RESET_RIP, .rflags = 2};
	int vcpu = make_vcpu(0, off);
	union batch batch;

	zero(&saved.msrs.msrs);
	ioctl(vcpu, KVM_SET_REGS, &regs);
	fill(&batch, (struct kvm_msr_entry[]){{TSC, 0, 0}, {SYSENTER_CS, 0, 0}}, 2);
	if (ioctl(vcpu, KVM_SET_MSRS, &batch) != 2)
		return 3;
	ioctl(vcpu, KVM_SET_MSRS, &saved.msrs);
	ioctl(vcpu, KVM_GET_REGS, &regs);
	return ioctl(vcpu, KVM_GET_MSRS, &batch) != 2;
}

enum { PERF_CAPABILITIES = 0x345 };

/* A capability of a vCPU whose CPUID lacks PDCM. */
static int put_without_pdcm(int kvm)
{
	int vcpu = ioctl(ioctl(kvm, KVM_CREATE_VM, 0), KVM_CREATE_VCPU, 0);
	static union lists cpuid;

	cpuid.cpuid.nent = 256;
	ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid);
	for (unsigned i = 0; i < cpuid.cpuid.nent; i++)
		if (cpuid.cpuid.entries[i].function == 1)
			cpuid.cpuid.entries[i].ecx &= ~(1u << 15);
	ioctl(vcpu, KVM_SET_CPUID2, &cpuid);
	return set_one(vcpu, PERF_CAPABILITIES, 0x2000);
}

/* IA32_PERF_CAPABILITIES, as a VMM sets it before the guest runs; and after. */
int lowers(void)
{
	int vcpu = make_vcpu(0, false), kvm = open("/dev/kvm", O_RDWR);
	int bytes = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, NULL);
	struct kvm_run *run =
		mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);

	set_one(vcpu, 0xc1, 0x123);
	printf("put %d", set_one(vcpu, PERF_CAPABILITIES, 0));
	printf(" get 0x%lx", (unsigned long)get_one(vcpu, PERF_CAPABILITIES));
	printf(" counter 0x%lx", (unsigned long)get_one(vcpu, 0xc1));
	printf("; more %d", set_one(vcpu, PERF_CAPABILITIES, UINT64_C(1) << 62));
	run->immediate_exit = 1;
	ioctl(vcpu, KVM_RUN, NULL);
	printf("; after the entry: same %d", set_one(vcpu, PERF_CAPABILITIES, 0));
	printf(" other %d\n", set_one(vcpu, PERF_CAPABILITIES, 0x2000));
	printf("without PDCM %d\n", put_without_pdcm(kvm));
	return 0;
}
