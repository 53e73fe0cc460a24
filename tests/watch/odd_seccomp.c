/* SPDX-License-Identifier: MIT */
/*
 * A VMM behind a filter that allows the system calls which it makes itself and kills it at any
 * other: those of a library in its process are what it looks for.
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "odd_vmm.h"

/* mmap and munmap stand last: only the VMM that gets another vCPU makes them. */
static const int own[] = {SYS_ioctl, SYS_openat, SYS_open,       SYS_close,       SYS_dup,
                          SYS_dup2,  SYS_dup3,   SYS_fcntl,      SYS_close_range, SYS_vfork,
                          SYS_wait4, SYS_write,  SYS_exit_group, SYS_mmap,        SYS_munmap};
enum { OWN = sizeof(own) / sizeof(own[0]), WITHOUT_MAPS = OWN - 2 };

static int confine(unsigned count)
{
	struct sock_filter filter[OWN + 3];
	struct sock_fprog program = {.filter = filter};
	unsigned short at = 0;

	filter[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	                                            offsetof(struct seccomp_data, nr));
	for (unsigned i = 0; i < count; i++)
		filter[at++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, (unsigned)own[i], (unsigned char)(count - i), 0);
	filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	program.len = at;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* Without buffers, which are memory. */
static void tell(const char *what)
{
	if (write(1, what, strlen(what)) < 0)
		_exit(3);
}

static void use_descriptors(int kvm, int vcpu)
{
	int other = dup(vcpu), null = open("/dev/null", O_RDWR);

	dup2(vcpu, 300);
	dup3(vcpu, 301, O_CLOEXEC);
	fcntl(vcpu, F_DUPFD_CLOEXEC, 1300);
	set_one(300, SYSENTER_CS, 2);
	set_one(1300, SYSENTER_CS, 2);
	close(null);
	close(kvm);
	close(other);
	close(other);
	close(301);
	close_range(1300, 1300, 0);
	tell("descriptors\n");
}

/* Its child closes what is the parent's. */
static void use_vfork(int vcpu)
{
	pid_t child = vfork();

	if (!child) {
		close(vcpu);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	if (set_one(vcpu, SYSENTER_CS, 4) == 1)
		tell("vfork\n");
}

static void use_unknown(int vcpu)
{
	int copy;

	__asm__ volatile("syscall" : "=a"(copy) : "a"(SYS_dup), "D"(vcpu) : "rcx", "r11", "memory");
	set_one(copy, SYSENTER_CS, 5);
	close(copy);
	set_one(700, SYSENTER_CS, 5);
	tell("unknown\n");
}

static void run_guest(int vcpu)
{
	for (unsigned i = 0; i < 3; i++)
		ioctl(vcpu, KVM_RUN, NULL);
	set_one(vcpu, 0x186, 0x4300c0);
	get_one(vcpu, 0x186);
	tell("runs\n");
}

static void *map_run(int vcpu)
{
	return mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
}

/* Thousands of descriptors and objects, so that tables grow if they do. */
static void use_many(int vcpu)
{
	for (int fd = 1500; fd < 9000; fd += 500)
		dup2(vcpu, fd);
	for (unsigned i = 0; i < 2000; i++)
		close(open("/dev/kvm", O_RDWR));
	tell("many\n");
}

int confined(bool maps)
{
	int kvm = open("/dev/kvm", O_RDWR), vm = guest_vm(kvm), vcpu = guest_vcpu(vm, 0), second;
	void *run = map_run(vcpu);

	(void)run;
	if (confine(maps ? OWN : WITHOUT_MAPS))
		return 2;
	tell("confined\n");
	run_guest(vcpu);
	if (maps) {
		second = guest_vcpu(vm, 1);
		run = map_run(second);
		run_guest(second);
		munmap(run, PAGE);
		close(second);
		tell("another vcpu\n");
	}
	use_descriptors(kvm, vcpu);
	use_vfork(vcpu);
	use_unknown(vcpu);
	use_many(vcpu);
	close(vcpu);
	close(vm);
	tell("done\n");
	_exit(0);
}
