/* SPDX-License-Identifier: MIT */
/*
 * A VMM that makes every call that vpmu watch follows, in odd ways, and prints what came of each.
 * It prints the same with and without vpmu watch, or the watching is not transparent.
 *   odd_vmm transparent | emulated | put FILE batch|single | bench | exit N | signal N | wait
 *   odd_vmm lowers | off|resets [REGISTERS] | neighbours | misc | values REGISTERS WAY |
 * values-save REGISTERS FILE | values-restore FILE WAY odd_vmm churn | crowd N | flood N [stop] |
 * hidden | confined [maps] | count intel|amd|pmi|debugged|endless|bench | parameters |
 * vendor | faulting ERRNO PROGRAM [ARGUMENT...]
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "odd_vmm.h"

struct vm {
	int kvm, vm, vcpu[VCPUS];
};

/* --- Saying what happened -------------------------------------------------------------------- */

static void say(const char *what, long result)
{
	int error = errno;

	printf("%s = %ld", what, result);
	if (result < 0)
		printf(" (%d)", error);
	putchar('\n');
	fflush(stdout);
}

static int request(const char *what, int fd, unsigned long number, void *argument)
{
	int result;

	errno = 0;
	result = ioctl(fd, number, argument);
	say(what, result);
	return result;
}

/* --- Descriptors ----------------------------------------------------------------------------- */

static void open_oddly(void)
{
	int a = open("/dev/kvm", O_RDWR | O_CLOEXEC), b = openat(AT_FDCWD, "/dev/kvm", O_RDWR);
	int c = (int)syscall(SYS_openat, AT_FDCWD, "/dev/kvm", O_RDWR);
	int d = open("/tmp", O_TMPFILE | O_RDWR, 0600), e = open("/nowhere", O_RDWR);

	printf("numbers %d %d %d %d %d\n", a, b, c, d, e);
	request("version", b, KVM_GET_API_VERSION, NULL);
	request("kvm request on a file", d, KVM_GET_API_VERSION, NULL);
	say("close", close(a));
	say("close again", close(a));
	request("closed", a, KVM_GET_API_VERSION, NULL);
	say("close range", (int)syscall(SYS_close_range, b, d, 0));
	request("closed by range", c, KVM_GET_API_VERSION, NULL);
}

static struct vm make_vm(void)
{
	struct vm vm = {.kvm = open("/dev/kvm", O_RDWR)};

	vm.vm = request("create vm", vm.kvm, KVM_CREATE_VM, NULL);
	for (long i = 0; i < VCPUS; i++)
		vm.vcpu[i] = request("create vcpu", vm.vm, KVM_CREATE_VCPU, (void *)i);
	request("create vcpu twice", vm.vm, KVM_CREATE_VCPU, NULL);
	return vm;
}

static void copy_oddly(struct vm *vm)
{
	int other = dup(vm->vcpu[0]), third = dup2(vm->vcpu[0], 100), fourth;

	say("dup3", fourth = dup3(vm->vcpu[0], 101, O_CLOEXEC));
	say("dup3 to itself", dup3(other, other, 0));
	say("fcntl", fcntl(vm->vcpu[0], F_DUPFD_CLOEXEC, 50));
	say("set on a copy", set_one(other, SYSENTER_CS, 0x11));
	say("close", close(vm->vcpu[0]));
	say("set on a copy", set_one(third, SYSENTER_CS, 0x22));
	say("set on a copy", set_one(fourth, SYSENTER_CS, 0x33));
	say("over the copy", dup2(vm->vm, 100));
	say("set on what it was", set_one(100, SYSENTER_CS, 0x44));
	vm->vcpu[0] = other;
}

static void pass_descriptor(const struct vm *vm)
{
	char room[CMSG_SPACE(sizeof(int))] = {0}, byte = 0;
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data,
	                         .msg_iovlen = 1,
	                         .msg_control = room,
	                         .msg_controllen = sizeof(room)};
	struct cmsghdr *control = CMSG_FIRSTHDR(&message);
	int ends[2], fd;

	socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
	*control = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(control), &vm->vcpu[1], sizeof(int));
	sendmsg(ends[0], &message, 0);
	recvmsg(ends[1], &message, 0);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
	say("set on a passed descriptor", set_one(fd, SYSENTER_CS, 0x55));
	close(fd);
	close(ends[0]);
	close(ends[1]);
}

/* --- MSRs ------------------------------------------------------------------------------------ */

static void set_oddly(const struct vm *vm)
{
	char *pages =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static union batch batch;
	struct kvm_msrs *edge;
	int fd = vm->vcpu[1];

	fill(&batch, (struct kvm_msr_entry[]){{SYSENTER_CS, 0, 7}, {NO_MSR, 0, 1}, {TSC_AUX, 0, 3}},
	     3);
	request("refused in the middle", fd, KVM_SET_MSRS, &batch);
	say("what is behind it", get_one(fd, SYSENTER_CS));
	request("get refused", fd, KVM_GET_MSRS, &batch);
	fill(&batch, NULL, 0);
	request("none", fd, KVM_SET_MSRS, &batch);
	batch.msrs.nmsrs = 256;
	request("too many", fd, KVM_SET_MSRS, &batch);
	batch.msrs.nmsrs = 255;
	request("255", fd, KVM_GET_MSRS, &batch);
	request("bad pointer", fd, KVM_SET_MSRS, (void *)8);
	request("bad pointer to get", fd, KVM_GET_MSRS, NULL);
	munmap(pages + PAGE, PAGE);
	edge = (struct kvm_msrs *)(pages + PAGE - sizeof(*edge));
	edge->nmsrs = 2;
	request("beyond the edge", fd, KVM_SET_MSRS, edge);
	edge = (struct kvm_msrs *)pages;
	edge->nmsrs = 1;
	edge->entries[0].index = SYSENTER_CS;
	mprotect(pages, PAGE, PROT_READ);
	request("set from read-only", fd, KVM_SET_MSRS, edge);
	request("get into read-only", fd, KVM_GET_MSRS, edge);
	munmap(pages, PAGE);
	request("on the vm", vm->vm, KVM_SET_MSRS, &batch);
	errno = 4321;
	say("set", set_one(fd, SYSENTER_CS, 1));
	printf("errno of success %d\n", errno);
	say("by number", syscall(SYS_ioctl, fd, KVM_GET_MSRS, edge));
}

static void ask_oddly(const struct vm *vm)
{
	static union lists room;

	room.list.nmsrs = 0;
	request("index list without room", vm->kvm, KVM_GET_MSR_INDEX_LIST, &room);
	printf("needs %u\n", room.list.nmsrs);
	request("index list", vm->kvm, KVM_GET_MSR_INDEX_LIST, &room);
	request("index list nowhere", vm->kvm, KVM_GET_MSR_INDEX_LIST, (void *)16);
	room.cpuid.nent = 1;
	request("one leaf", vm->kvm, KVM_GET_SUPPORTED_CPUID, &room);
	room.cpuid.nent = 256;
	request("cpuid", vm->kvm, KVM_GET_SUPPORTED_CPUID, &room);
	printf("leaves %u\n", room.cpuid.nent);
	request("set cpuid", vm->vcpu[1], KVM_SET_CPUID2, &room);
	request("set cpuid nowhere", vm->vcpu[1], KVM_SET_CPUID2, (void *)16);
	request("pmu capability", vm->vm, KVM_CHECK_EXTENSION, (void *)KVM_CAP_PMU_CAPABILITY);
	request("no extension", vm->kvm, KVM_CHECK_EXTENSION, (void *)99999L);
	request("bad filter", vm->vm, KVM_SET_PMU_EVENT_FILTER,
	        &(struct kvm_pmu_event_filter){.action = 7});
	request("bad capability", vm->vm, KVM_ENABLE_CAP, &(struct kvm_enable_cap){.cap = 99999});
	request("capability nowhere", vm->vm, KVM_ENABLE_CAP, (void *)16);
	request("msr filter", vm->vm, KVM_X86_SET_MSR_FILTER, &(struct kvm_msr_filter){0});
}

/* --- Running, processes and threads ----------------------------------------------------------- */

static void run_oddly(const struct vm *vm)
{
	int bytes = ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, NULL);
	struct kvm_run *run =
		mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu[1], 0);

	run->immediate_exit = 1;
	request("run", vm->vcpu[1], KVM_RUN, NULL);
	request("run on a vm", vm->vm, KVM_RUN, NULL);
	munmap(run, (size_t)bytes);
}

static void fork_oddly(const struct vm *vm)
{
	pid_t child = fork();
	int status;

	if (!child) {
		say("in a child", set_one(vm->vcpu[1], SYSENTER_CS, 9));
		close(vm->vcpu[1]);
		_exit(0);
	}
	waitpid(child, &status, 0);
	say("after the child's close", set_one(vm->vcpu[1], SYSENTER_CS, 10));
	child = vfork();
	if (!child) {
		close(vm->vcpu[1]);
		_exit(0);
	}
	waitpid(child, &status, 0);
	say("after vfork and close", set_one(vm->vcpu[1], SYSENTER_CS, 11));
}

static void *thread(void *argument)
{
	int fd = *(int *)argument;
	uintptr_t wrong = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		int copy = dup(fd);

		wrong += set_one(copy, SYSENTER_CS, i) != 1;
		wrong += get_one(fd, SYSENTER_CS) != i;
		close(copy);
	}
	return (void *)wrong;
}

static void run_threads(struct vm *vm)
{
	pthread_t threads[VCPUS];

	for (unsigned i = 0; i < VCPUS; i++)
		pthread_create(&threads[i], NULL, thread, &vm->vcpu[i]);
	for (unsigned i = 0; i < VCPUS; i++) {
		void *wrong;

		pthread_join(threads[i], &wrong);
		say("wrong in a thread", (long)(uintptr_t)wrong);
	}
}

static int transparent(void)
{
	struct vm vm;

	open_oddly();
	vm = make_vm();
	copy_oddly(&vm);
	pass_descriptor(&vm);
	set_oddly(&vm);
	ask_oddly(&vm);
	run_oddly(&vm);
	fork_oddly(&vm);
	run_threads(&vm);
	closefrom(3);
	request("after closefrom", vm.vcpu[1], KVM_GET_MSRS, &(union batch){0});
	return 0;
}

/* --- Figures ---------------------------------------------------------------------------------- */

/* Of this thread, so that a busy machine does not count; the best of many rounds. */
static uint64_t spent(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void time_calls(const char *what, int fd, unsigned long number, void *argument)
{
	uint64_t best = UINT64_MAX;

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t start = spent();

		for (unsigned j = 0; j < CALLS; j++)
			ioctl(fd, number, argument);
		start = spent() - start;
		best = start < best ? start : best;
	}
	printf("%s: %llu ns\n", what, (unsigned long long)best / CALLS);
}

static int bench(void)
{
	struct vm vm = make_vm();
	int bytes = ioctl(vm.kvm, KVM_GET_VCPU_MMAP_SIZE, NULL);
	struct kvm_run *run =
		mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vm.vcpu[1], 0);
	struct kvm_msr_entry entries[60];
	static union batch batch;

	for (unsigned i = 0; i < 60; i++)
		entries[i] = (struct kvm_msr_entry){SYSENTER_CS, 0, i};
	run->immediate_exit = 1;
	fill(&batch, entries, 1);
	time_calls("KVM_SET_MSRS of 1", vm.vcpu[1], KVM_SET_MSRS, &batch);
	fill(&batch, entries, 60);
	time_calls("KVM_SET_MSRS of 60", vm.vcpu[1], KVM_SET_MSRS, &batch);
	time_calls("KVM_RUN", vm.vcpu[1], KVM_RUN, NULL);
	return 0;
}

/* --- Ends ------------------------------------------------------------------------------------ */

static int end_by(int number)
{
	const struct rlimit no_core = {0, 0};

	setrlimit(RLIMIT_CORE, &no_core);
	raise(number);
	return 1;
}

static void on_signal(int number)
{
	printf("signal %d\n", number);
	fflush(stdout);
	_exit(40 + number);
}

static void wait_for_signal(void)
{
	signal(SIGTERM, on_signal);
	signal(SIGUSR1, on_signal);
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}

/* The modes of the other files; -1: none of them. */
static int hard(int argc, char **argv)
{
	const char *mode = argv[1], *argument = argc > 2 ? argv[2] : NULL;

	if (!strcmp(mode, "churn"))
		return churn();
	if (!strcmp(mode, "crowd") && argument)
		return crowd((unsigned)atoi(argument));
	if (!strcmp(mode, "flood") && argument)
		return flood((unsigned)atoi(argument), argc > 3);
	if (!strcmp(mode, "lowers"))
		return lowers();
	if (!strcmp(mode, "off") || !strcmp(mode, "resets"))
		return resets(!strcmp(mode, "off"), argument);
	if (!strcmp(mode, "neighbours"))
		return neighbours();
	if (!strcmp(mode, "misc"))
		return misc_enable();
	if (!strcmp(mode, "values") && argc == 4)
		return values(argument, argv[3]);
	if (!strcmp(mode, "values-save") && argc == 4)
		return values_save(argument, argv[3]);
	if (!strcmp(mode, "values-restore") && argc == 4)
		return values_restore(argument, argv[3]);
	if (!strcmp(mode, "hidden"))
		return hidden_copy();
	if (!strcmp(mode, "confined"))
		return confined(argument);
	return -1;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	int status = argc > 1 ? hard(argc, argv) : -1;

	if (status >= 0)
		return status;

	if (!strcmp(mode, "transparent"))
		return transparent();
	if (!strcmp(mode, "emulated"))
		return emulated();
	if (!strcmp(mode, "count") && argc == 3)
		return count(argv[2]);
	if (!strcmp(mode, "parameters"))
		return parameters();
	if (!strcmp(mode, "vendor"))
		return vendor();
	if (!strcmp(mode, "faulting") && argc > 3)
		return faulting(argv + 3, atoi(argv[2]));
	if (!strcmp(mode, "put") && argc == 4)
		return put_file(argv[2], !strcmp(argv[3], "single"));
	if (!strcmp(mode, "bench"))
		return bench();
	if (!strcmp(mode, "wait"))
		wait_for_signal();
	if (!strcmp(mode, "exit") && argc == 3)
		return atoi(argv[2]);
	if (!strcmp(mode, "signal") && argc == 3)
		return end_by(atoi(argv[2]));
	return 2;
}
