/* SPDX-License-Identifier: MIT */
/* Rows of vpmu/kvm.h, which only x86 Linux has. */
#include "rows.h"

#ifdef HAVE_KVM
#include <linux/kvm.h>
#include <vpmu/kvm.h>

static struct vpmu_kvm_host host;

static void target_kvm(void)
{
	struct vpmu_target target = vpmu_target_kvm(NULL);

	assert_null(target.read);
	assert_null(target.write);
}

static void read_and_write(void)
{
	struct vpmu_kvm_vcpu vcpu = {.fd = -1};
	struct vpmu_msr msr = {.index = 0xc1};

	assert_int_equal(vpmu_kvm_read(NULL, &msr, 1), -EINVAL);
	assert_int_equal(vpmu_kvm_read(&vcpu, NULL, 1), -EINVAL);
	assert_int_equal(vpmu_kvm_read(&vcpu, &msr, 1), -EBADF);
	assert_int_equal(vpmu_kvm_read(&vcpu, NULL, 0), 0);
	assert_int_equal(vpmu_kvm_write(NULL, &msr, 1), -EINVAL);
	assert_int_equal(vpmu_kvm_write(&vcpu, NULL, 1), -EINVAL);
	assert_int_equal(vpmu_kvm_write(&vcpu, &msr, 1), -EBADF);
}

static void probe(void)
{
	char root[700];

	memset(root, 'x', sizeof(root) - 1);
	root[sizeof(root) - 1] = '\0';
	vpmu_kvm_probe(NULL, "", NULL);
	vpmu_kvm_probe(&host, root, NULL); /* longer than any path may be */
	assert_int_equal(host.open_error, ENAMETOOLONG);
	vpmu_kvm_probe(&host, NULL, NULL); /* this host */
	assert_string_not_equal(host.release, "");
}

static void obstacles(void)
{
	assert_int_equal(vpmu_kvm_obstacle(NULL), VPMU_OBSTACLE_NO_DEVICE);
	assert_int_equal(vpmu_obstacle_verdict((enum vpmu_obstacle)99), VPMU_UNKNOWN);
	assert_string_equal(vpmu_obstacle_text((enum vpmu_obstacle)99), "unknown");
}

static void show_pmu(void)
{
	struct kvm_cpuid2 none = {.nent = 0};

	REJECTS(vpmu_kvm_show_pmu(NULL, 10, &good()->model));
	REJECTS(vpmu_kvm_show_pmu(&none, 0, NULL));
	REJECTS(vpmu_kvm_show_pmu(&none, 0, &good()->model)); /* no room */
}

static void hide_pmu(void)
{
	REJECTS(vpmu_cpuid_hide_pmu(NULL, 1, NULL, 0));
	assert_int_equal(vpmu_cpuid_hide_pmu(NULL, 0, NULL, 0), VPMU_INCOMPATIBLE);
	REJECTS(vpmu_kvm_hide_pmu(NULL, NULL, 0));
}

static void pmu_off(void)
{
	struct kvm_cpuid2 none = {.nent = 0};
	struct vpmu_off off;

	REJECTS(vpmu_kvm_pmu_off(NULL, &host, NULL, -1, &none));
	REJECTS(vpmu_kvm_pmu_off(&off, NULL, NULL, -1, &none));
	assert_int_equal(off.status, VPMU_BAD_ARGUMENT);
	REJECTS(vpmu_kvm_pmu_off(&off, &host, NULL, -1, NULL));
	assert_int_equal(off.by, VPMU_OFF_NOT);
	assert_int_equal(vpmu_kvm_pmu_off(&off, &host, NULL, -1, &none), VPMU_HOST);
	assert_int_equal(off.host_error, EBADF);
}

static const struct row rows[] = {
	{"vpmu_target_kvm", target_kvm},    {"vpmu_kvm_read", read_and_write},
	{"vpmu_kvm_write", read_and_write}, {"vpmu_kvm_probe", probe},
	{"vpmu_kvm_obstacle", obstacles},   {"vpmu_obstacle_verdict", obstacles},
	{"vpmu_obstacle_text", obstacles},  {"vpmu_kvm_show_pmu", show_pmu},
	{"vpmu_cpuid_hide_pmu", hide_pmu},  {"vpmu_kvm_hide_pmu", hide_pmu},
	{"vpmu_kvm_pmu_off", pmu_off},
};

ROWS(kvm_rows, rows);
#else
const struct rows kvm_rows = {NULL, 0};
#endif
