/* SPDX-License-Identifier: MIT */
/*
 * KVM's selftests ask the CPUID instruction whose processor this is, and this is linked to them to
 * ask KVM instead, behind their own constructor: where the processor cannot fault CPUID, vpmu watch
 * has no other way to be heard.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <unistd.h>

extern bool host_cpu_is_intel, host_cpu_is_amd;
extern bool host_cpu_is_amd_compatible __attribute__((weak)); /* not in every kernel's */

enum { ENTRIES = 256, GENUINE = 0x756e6547, AUTHENTIC = 0x68747541 };

__attribute__((constructor)) static void ask_kvm(void)
{
	static struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entries[ENTRIES];
	} cpuid = {.head.nent = ENTRIES};
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0)
		return;
	if (!ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid))
		for (unsigned i = 0; i < cpuid.head.nent; i++) {
			if (cpuid.entries[i].function)
				continue;
			host_cpu_is_intel = cpuid.entries[i].ebx == GENUINE;
			host_cpu_is_amd = cpuid.entries[i].ebx == AUTHENTIC;
			if (&host_cpu_is_amd_compatible)
				host_cpu_is_amd_compatible = host_cpu_is_amd;
		}
	close(kvm);
}
