/* SPDX-License-Identifier: MIT */
/* What a KVM with the PMU of intel-v2 must answer, asked through the calls that a VMM makes; and
 * puts of any PMU. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "odd_vmm.h"

static int failed;

static void check(const char *what, bool holds)
{
	printf("%s: %s\n", holds ? "ok" : "NOT OK", what);
	failed |= !holds;
}

static bool lists(int kvm, uint32_t msr)
{
	static union lists room;

	room.list.nmsrs = 1024;
	if (ioctl(kvm, KVM_GET_MSR_INDEX_LIST, &room))
		return false;
	for (unsigned i = 0; i < room.list.nmsrs; i++)
		if (room.list.indices[i] == msr)
			return true;
	return false;
}

static void check_system(int kvm, union lists *cpuid)
{
	const struct kvm_cpuid_entry2 *entry = NULL;

	cpuid->cpuid.nent = 256;
	check("KVM_GET_SUPPORTED_CPUID", !ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid));
	for (unsigned i = 0; i < cpuid->cpuid.nent; i++)
		if (cpuid->cpuid.entries[i].function == 0xa)
			entry = &cpuid->cpuid.entries[i];
	check("leaf 0xA: version 2, 4 counters of 48 bits",
	      entry && (entry->eax & 0xffffff) == 0x300402);
	check("leaf 0xA: 3 fixed counters", entry && (entry->edx & 0x1f) == 3);
	check("KVM_CAP_PMU_CAPABILITY",
	      ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_PMU_CAPABILITY) == 1);
	check("the list has IA32_PERF_GLOBAL_CTRL", lists(kvm, 0x38f));
	check("the list has IA32_PMC3 and not a fifth", lists(kvm, 0xc4) && !lists(kvm, 0xc5));
	check("the list has no PMU of AMD", !lists(kvm, 0xc0010000));
}

static void check_mixed(int fd)
{
	static union batch batch;

	fill(&batch,
	     (struct kvm_msr_entry[]){
		     {0xc1, 0, 0x111}, {SYSENTER_CS, 0, 0x22}, {0x186, 0, 0x4300c0}, {0x309, 0, 5}},
	     4);
	check("a mixed put is done", ioctl(fd, KVM_SET_MSRS, &batch) == 4);
	check("the PMU's register has it", get_one(fd, 0xc1) == 0x111);
	check("the other register has it", get_one(fd, SYSENTER_CS) == 0x22);
	fill(&batch,
	     (struct kvm_msr_entry[]){{0xc2, 0, 1},
	                              {SYSENTER_CS, 0, 0x33},
	                              {0x186, 0, 1 << 21},
	                              {SYSENTER_CS, 0, 0x44}},
	     4);
	check("a reserved bit ends the put where it is", ioctl(fd, KVM_SET_MSRS, &batch) == 2);
	check("what was before it is done", get_one(fd, SYSENTER_CS) == 0x33);
	check("the selector is as it was", get_one(fd, 0x186) == 0x4300c0);
	fill(&batch,
	     (struct kvm_msr_entry[]){
		     {0xc1, 0, 7}, {SYSENTER_CS, 0, 1}, {NO_MSR, 0, 0}, {0xc2, 0, 9}},
	     4);
	check("a refusal by this host's KVM ends it, too", ioctl(fd, KVM_SET_MSRS, &batch) == 2);
	check("what is behind it is not done", get_one(fd, 0xc2) == 1);
	fill(&batch, (struct kvm_msr_entry[]){{0xc1, 0, 0}, {SYSENTER_CS, 0, 0}, {0x309, 0, 0}}, 3);
	check("a mixed get is done", ioctl(fd, KVM_GET_MSRS, &batch) == 3);
	check("in its sequence", batch.msrs.entries[0].data == 7 &&
	                                 batch.msrs.entries[1].data == 1 &&
	                                 batch.msrs.entries[2].data == 5);
	check("a fifth counter is refused", set_one(fd, 0xc5, 1) == 0);
}

/* Linux 6.18 has it; a kernel before knows no such request. */
static void check_one_reg(int kvm, int fd)
{
	enum { CAP_ONE_REG = 70 };
	uint64_t value = 0x4300c0;
	struct kvm_one_reg reg = {UINT64_C(0x2030000200000000) | 0x186, (uintptr_t)&value};

	if (ioctl(kvm, KVM_CHECK_EXTENSION, CAP_ONE_REG) <= 0)
		return;
	check("one register is put", !ioctl(fd, KVM_SET_ONE_REG, &reg));
	check("it is got with others", get_one(fd, 0x186) == 0x4300c0);
	set_one(fd, 0x186, 0x4300c4);
	check("one register is got", !ioctl(fd, KVM_GET_ONE_REG, &reg) && value == 0x4300c4);
	value = 1 << 21;
	errno = 0;
	check("a reserved bit: EINVAL", ioctl(fd, KVM_SET_ONE_REG, &reg) == -1 && errno == EINVAL);
	reg.id = UINT64_C(0x2030000200000000) | SYSENTER_CS;
	value = 0x55;
	check("another register is this host's KVM's",
	      !ioctl(fd, KVM_SET_ONE_REG, &reg) && get_one(fd, SYSENTER_CS) == 0x55);
	set_one(fd, SYSENTER_CS, 0);
	set_one(fd, 0x186, 0);
}

static void check_bad(int fd)
{
	static union batch batch;

	errno = 0;
	check("bad pointer: EFAULT", ioctl(fd, KVM_SET_MSRS, 16) == -1 && errno == EFAULT);
	batch.msrs.nmsrs = 256;
	check("256 entries: E2BIG", ioctl(fd, KVM_SET_MSRS, &batch) == -1 && errno == E2BIG);
	check("bad pointer to get: EFAULT", ioctl(fd, KVM_GET_MSRS, 16) == -1 && errno == EFAULT);
}

static void check_off(int kvm, const union lists *cpuid)
{
	struct kvm_enable_cap off = {.cap = KVM_CAP_PMU_CAPABILITY, .args = {KVM_PMU_CAP_DISABLE}};
	int vm = ioctl(kvm, KVM_CREATE_VM, 0), vcpu;

	check("unknown bits of the capability are refused",
	      ioctl(vm, KVM_ENABLE_CAP,
	            &(struct kvm_enable_cap){.cap = KVM_CAP_PMU_CAPABILITY, .args = {6}}) == -1);
	check("the PMU is switched off", !ioctl(vm, KVM_ENABLE_CAP, &off));
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	check("not after the first vCPU", ioctl(vm, KVM_ENABLE_CAP, &off) == -1 && errno == EINVAL);
	ioctl(vcpu, KVM_SET_CPUID2, cpuid);
	check("then there is no global control", set_one(vcpu, 0x38f, 1) == 0);
	close(vcpu);
	close(vm);
}

static void check_filter(int vm)
{
	union {
		struct kvm_pmu_event_filter head;
		char bytes[sizeof(struct kvm_pmu_event_filter) + sizeof(uint64_t)];
	} filter = {.head = {.action = KVM_PMU_EVENT_ALLOW, .nevents = 1}};

	filter.head.events[0] = 0xc0;
	check("event filter", !ioctl(vm, KVM_SET_PMU_EVENT_FILTER, &filter));
	filter.head.action = 7;
	check("no such action: EINVAL",
	      ioctl(vm, KVM_SET_PMU_EVENT_FILTER, &filter) == -1 && errno == EINVAL);
	filter.head.action = KVM_PMU_EVENT_ALLOW;
	filter.head.flags = 1; /* KVM_PMU_EVENT_FLAG_MASKED_EVENTS */
	filter.head.events[0] = ~0ull;
	check("a masked entry with reserved bits: EINVAL",
	      ioctl(vm, KVM_SET_PMU_EVENT_FILTER, &filter) == -1 && errno == EINVAL);
	filter.head.events[0] = UINT64_C(0xff) << 56 | 0xc0;
	check("a masked entry", !ioctl(vm, KVM_SET_PMU_EVENT_FILTER, &filter));
	filter.head.flags = 0;
	filter.head.nevents = 301;
	check("301 events: E2BIG",
	      ioctl(vm, KVM_SET_PMU_EVENT_FILTER, &filter) == -1 && errno == E2BIG);
}

/* --- What stands beside the PMU's registers --------------------------------------------------- */

enum { CODE_AT = 0x1000, FAULT_AT = 0x2000, MEMORY = 0x10000, GP = 13 };

struct guest {
	int vcpu;
	char *memory;
	struct kvm_run *run;
};

/* A guest in real mode whose #GP leads to a HLT. */
static struct guest make_guest(int kvm, int vm)
{
	int bytes = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, NULL);
	struct guest guest = {
		.vcpu = guest_vcpu(vm, 0),
		.memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	                       0),
	};
	struct kvm_userspace_memory_region region = {
		.memory_size = MEMORY,
		.userspace_addr = (uintptr_t)guest.memory,
	};

	ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region);
	guest.run = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, guest.vcpu, 0);
	memcpy(guest.memory + GP * 4, &(uint32_t){FAULT_AT}, 4);
	guest.memory[FAULT_AT] = (char)0xf4;
	return guest;
}

/* mov $msr, %ecx; rdmsr; hlt */
static const char *guest_reads(struct guest *guest, uint32_t msr)
{
	char code[] = "\x66\xb9....\x0f\x32\xf4";
	struct kvm_regs regs = {.rip = CODE_AT, .rsp = MEMORY - 16, .rflags = 2};
	int status;

	memcpy(code + 2, &msr, 4);
	memcpy(guest->memory + CODE_AT, code, sizeof(code));
	ioctl(guest->vcpu, KVM_SET_REGS, &regs);
	status = ioctl(guest->vcpu, KVM_RUN, NULL);
	ioctl(guest->vcpu, KVM_GET_REGS, &regs);
	if (status || guest->run->exit_reason != KVM_EXIT_HLT)
		return "neither";
	return regs.rip == FAULT_AT + 1 ? "#GP" : "done";
}

/* Around every MSR of every PMU: in the list, got, put, read by a guest. */
int neighbours(void)
{
	static const uint32_t ranges[][2] = {
		{0xc0, 0xd8},
		{0x180, 0x1a0},
		{0x300, 0x330},
		{0x340, 0x348},
		{0x388, 0x398},
		{0x4c0, 0x4d8},
		{0xc00002f8, 0xc0000310},
		{0xc000fff8, 0xc0010018},
		{0xc00101f8, 0xc0010240},
	};
	int kvm = open("/dev/kvm", O_RDWR), vm = guest_vm(kvm);
	struct guest guest;

	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	guest = make_guest(kvm, vm);
	for (unsigned i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		for (uint32_t msr = ranges[i][0]; msr < ranges[i][1]; msr++) {
			long value = get_one(guest.vcpu, msr);
			int put = set_one(guest.vcpu, msr, value < 0 ? 0 : (uint64_t)value);

			printf("0x%x listed %d get %ld put %d guest %s\n", msr, lists(kvm, msr),
			       value, put, guest_reads(&guest, msr));
		}
	return 0;
}

/* IA32_MISC_ENABLE before and after a put that leaves alone what says that there is no PEBS. */
int misc_enable(void)
{
	enum { MISC_ENABLE = 0x1a0, FAST_STRINGS = 1 };
	int kvm = open("/dev/kvm", O_RDWR), vm = guest_vm(kvm);
	struct guest guest;
	long first;

	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	guest = make_guest(kvm, vm);
	first = get_one(guest.vcpu, MISC_ENABLE);
	printf("listed %d, got 0x%lx, ", lists(kvm, MISC_ENABLE), first);
	printf("put %d, ", set_one(guest.vcpu, MISC_ENABLE, (uint64_t)first | FAST_STRINGS));
	printf("got 0x%lx, guest reads: %s\n", get_one(guest.vcpu, MISC_ENABLE),
	       guest_reads(&guest, MISC_ENABLE));
	return 0;
}

int emulated(void)
{
	static union lists cpuid;
	int kvm = open("/dev/kvm", O_RDWR), vm = ioctl(kvm, KVM_CREATE_VM, 0), vcpu, other;

	check_system(kvm, &cpuid);
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	other = ioctl(vm, KVM_CREATE_VCPU, 1);
	check("KVM_SET_CPUID2", !ioctl(vcpu, KVM_SET_CPUID2, &cpuid));
	ioctl(other, KVM_SET_CPUID2, &cpuid);
	check_mixed(vcpu);
	check("another vCPU has its own", get_one(other, 0xc1) == 0);
	check_one_reg(kvm, vcpu);
	check_bad(vcpu);
	check_filter(vm);
	close(vcpu);
	close(other);
	close(vm);
	check_off(kvm, &cpuid);
	return failed;
}

static unsigned read_writes(const char *path, struct kvm_msr_entry *entries, unsigned most)
{
	FILE *file = fopen(path, "r");
	unsigned long long value;
	unsigned count = 0, index;

	while (file && count < most && fscanf(file, "%x %llx", &index, &value) == 2)
		entries[count++] = (struct kvm_msr_entry){index, 0, value};
	if (file)
		fclose(file);
	return count;
}

int put_file(const char *path, int single)
{
	int kvm = open("/dev/kvm", O_RDWR), vm = ioctl(kvm, KVM_CREATE_VM, 0);
	int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	struct kvm_regs regs = {.rip = 0xfff0, .rflags = 2};
	struct kvm_msr_entry entries[100];
	unsigned count = read_writes(path, entries, 100), done = 0;
	static union lists cpuid;
	static union batch batch;

	cpuid.cpuid.nent = 256;
	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid) || ioctl(vcpu, KVM_SET_CPUID2, &cpuid) ||
	    ioctl(vcpu, KVM_SET_REGS, &regs))
		return 2;
	if (single) {
		while (done < count && set_one(vcpu, entries[done].index, entries[done].data) == 1)
			done++;
	} else {
		fill(&batch, entries, count);
		done = (unsigned)ioctl(vcpu, KVM_SET_MSRS, &batch);
	}
	printf("%u of %u\n", done, count);
	return 0;
}
