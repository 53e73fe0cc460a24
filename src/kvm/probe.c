/* SPDX-License-Identifier: MIT */
/* What PMU this host's KVM can give a guest, and if none, why. */
#include <errno.h>
#include <string.h>

#include "room_int.h"

/* --- The device ---------------------------------------------------------------------------- */

static int capability(const struct vpmu_kvm_calls *calls, int fd, unsigned long number)
{
	int value = kvm_call_number(calls, fd, KVM_CHECK_EXTENSION, number);

	return value < 0 ? 0 : value;
}

static void look_capabilities(struct vpmu_kvm_host *host, const struct vpmu_kvm_calls *calls,
                              int fd)
{
	host->has_off_switch = capability(calls, fd, KVM_CAP_PMU_CAPABILITY) & KVM_PMU_CAP_DISABLE;
	host->has_filter = capability(calls, fd, KVM_CAP_PMU_EVENT_FILTER);
	host->has_masked_events = capability(calls, fd, KVM_CAP_PMU_EVENT_MASKED_EVENTS);
}

static void look_msrs(struct vpmu_kvm_host *host, const struct vpmu_kvm_calls *calls, int fd)
{
	union {
		struct kvm_msr_list list;
		uint32_t words[1 + VPMU_HOST_MSRS];
	} room;

	memset(&room, 0, sizeof(room));
	room.list.nmsrs = VPMU_HOST_MSRS;
	if (kvm_call(calls, fd, KVM_GET_MSR_INDEX_LIST, &room) < 0 ||
	    room.list.nmsrs > VPMU_HOST_MSRS)
		return;
	host->msr_count = (uint16_t)room.list.nmsrs;
	memcpy(host->msrs, room.list.indices, host->msr_count * sizeof(host->msrs[0]));
}

/* On /dev/kvm itself KVM_GET_MSRS reads what a guest can have; 0 if KVM does not say. */
static uint64_t supported_capabilities(const struct vpmu_kvm_calls *calls, int fd)
{
	struct vpmu_kvm_vcpu device = {.calls = calls, .fd = fd};
	struct vpmu_msr msr = {.index = VPMU_MSR_PERF_CAPABILITIES};

	return vpmu_kvm_read(&device, &msr, 1) == 1 ? msr.value : 0;
}

static void look_model(struct vpmu_kvm_host *host, const struct vpmu_kvm_calls *calls, int fd,
                       const struct kvm_cpuid2 *cpuid)
{
	host->leaf_count = (uint8_t)cpuid_pmu_leaves(cpuid, host->leaves);
	host->has_model = !vpmu_model_from_cpuid(&host->model, host->leaves, host->leaf_count,
	                                         supported_capabilities(calls, fd), host->model_why,
	                                         sizeof(host->model_why));
	if (host->has_model)
		strcpy(host->model.name, "kvm");
}

static void look_device(struct vpmu_kvm_host *host, const struct vpmu_kvm_calls *calls, int fd)
{
	union cpuid_room room;
	struct text why = text_in(host->model_why, sizeof(host->model_why));

	host->api_version = kvm_call_number(calls, fd, KVM_GET_API_VERSION, 0);
	if (host->api_version != KVM_API_VERSION)
		return;
	look_capabilities(host, calls, fd);
	look_msrs(host, calls, fd);
	if (cpuid_supported(calls, fd, &room)) {
		text_add(&why, "KVM_GET_SUPPORTED_CPUID failed");
		return;
	}
	look_model(host, calls, fd, &room.cpuid);
	if (host->has_model && host->model.version)
		trial_make(host, calls, fd, &room.cpuid);
}

void vpmu_kvm_probe(struct vpmu_kvm_host *host, const char *root,
                    const struct vpmu_kvm_calls *calls)
{
	char path[PATH_ROOM];
	int fd = -ENAMETOOLONG;

	if (!host)
		return;
	calls = calls_or_kernel(calls);
	if (!root)
		root = "";
	*host = (struct vpmu_kvm_host){0};
	host_look(host, root, calls);
	if (host_path(path, root, KVM_DEVICE, "", ""))
		fd = calls->open(calls->context, path);
	if (fd < 0) {
		host->open_error = -fd;
		return;
	}
	look_device(host, calls, fd);
	calls->close(calls->context, fd);
}

/* --- The verdict --------------------------------------------------------------------------- */

/* KVM itself clears enable_pmu if it cannot give a PMU (kvm_init_pmu_capability), so the reasons
 * for that are checked first. */
static enum vpmu_obstacle before_device(const struct vpmu_kvm_host *host)
{
	if (host->is_hybrid && host->enable_pmu == VPMU_NO)
		return VPMU_OBSTACLE_HYBRID;
	if (host->counters == VPMU_NO)
		return VPMU_OBSTACLE_NO_COUNTERS;
	return host->enable_pmu == VPMU_NO ? VPMU_OBSTACLE_SWITCHED_OFF : VPMU_OBSTACLE_NONE;
}

static enum vpmu_obstacle at_device(const struct vpmu_kvm_host *host)
{
	if (host->open_error == EACCES || host->open_error == EPERM)
		return VPMU_OBSTACLE_NO_PERMISSION;
	if (host->open_error)
		return host->has_module ? VPMU_OBSTACLE_NO_DEVICE : VPMU_OBSTACLE_NO_MODULE;
	return host->api_version != KVM_API_VERSION ? VPMU_OBSTACLE_NOT_KVM : VPMU_OBSTACLE_NONE;
}

static enum vpmu_obstacle behind_device(const struct vpmu_kvm_host *host)
{
	static const enum vpmu_obstacle by_trial[] = {
		[VPMU_TRIAL_NONE] = VPMU_OBSTACLE_NO_TRIAL,
		[VPMU_TRIAL_FAILED] = VPMU_OBSTACLE_NO_TRIAL,
		[VPMU_TRIAL_NOTHING] = VPMU_OBSTACLE_NOTHING,
		[VPMU_TRIAL_WORKS] = VPMU_OBSTACLE_NONE,
	};

	if (!host->has_model)
		return VPMU_OBSTACLE_NO_MODEL;
	return host->model.version ? by_trial[host->trial] : VPMU_OBSTACLE_NO_PMU;
}

enum vpmu_obstacle vpmu_kvm_obstacle(const struct vpmu_kvm_host *host)
{
	enum vpmu_obstacle obstacle;

	if (!host)
		return VPMU_OBSTACLE_NO_DEVICE;
	/* A counter that keeps its value is a PMU, whatever the other checks say. */
	if (host->trial == VPMU_TRIAL_WORKS)
		return VPMU_OBSTACLE_NONE;
	obstacle = before_device(host);
	if (!obstacle)
		obstacle = at_device(host);
	return obstacle ? obstacle : behind_device(host);
}

static const struct {
	uint8_t verdict; /* enum vpmu_known */
	const char *text;
} obstacles[VPMU_OBSTACLES] = {
	[VPMU_OBSTACLE_NONE] = {VPMU_YES, "guests get a PMU"},
	[VPMU_OBSTACLE_HYBRID] = {VPMU_NO, "KVM gives guests no PMU on a hybrid CPU"},
	[VPMU_OBSTACLE_NO_COUNTERS] = {VPMU_NO, "this host has no hardware counters itself"},
	[VPMU_OBSTACLE_SWITCHED_OFF] = {VPMU_NO, "KVM's PMU is switched off (enable_pmu=N)"},
	[VPMU_OBSTACLE_NO_MODULE] = {VPMU_UNKNOWN, "KVM is not loaded"},
	[VPMU_OBSTACLE_NO_DEVICE] = {VPMU_UNKNOWN, "/dev/kvm cannot be opened"},
	[VPMU_OBSTACLE_NO_PERMISSION] = {VPMU_UNKNOWN, "no permission to open /dev/kvm"},
	[VPMU_OBSTACLE_NOT_KVM] = {VPMU_UNKNOWN, "/dev/kvm does not answer as KVM does"},
	[VPMU_OBSTACLE_NO_MODEL] = {VPMU_UNKNOWN, "KVM's CPUID describes no PMU that vpmu knows"},
	[VPMU_OBSTACLE_NO_PMU] = {VPMU_NO, "KVM's CPUID has no PMU"},
	[VPMU_OBSTACLE_NO_TRIAL] = {VPMU_UNKNOWN, "no virtual CPU could be made to look at"},
	[VPMU_OBSTACLE_NOTHING] = {VPMU_NO, "a virtual CPU's counters keep no value"},
};

enum vpmu_known vpmu_obstacle_verdict(enum vpmu_obstacle obstacle)
{
	return (unsigned)obstacle < VPMU_OBSTACLES ? obstacles[obstacle].verdict : VPMU_UNKNOWN;
}

const char *vpmu_obstacle_text(enum vpmu_obstacle obstacle)
{
	return (unsigned)obstacle < VPMU_OBSTACLES ? obstacles[obstacle].text : "unknown";
}
