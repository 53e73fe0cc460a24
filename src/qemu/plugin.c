/* SPDX-License-Identifier: MIT */
/* The entry points that QEMU calls: version and start of the plugin, and the vCPUs' coming and
 * going. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "room_int.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT extern int qemu_plugin_version;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc,
                               char **argv);

int qemu_plugin_version = QEMU_API_VERSION;
struct plugin plugin;

/* The vCPU of this thread. With thread=single one thread runs all vCPUs: plugin.one_thread. */
static _Thread_local struct cpu *here;

struct cpu *cpu_here(void)
{
	return here;
}

/* --- vCPUs ------------------------------------------------------------------------------------ */

static struct cpu *make_cpu(unsigned index)
{
	struct cpu *cpu = aligned_alloc(VPMU_PMU_ALIGN, sizeof(*cpu));

	if (!cpu)
		return NULL;
	memset(cpu, 0, sizeof(*cpu));
	cpu->index = index;
	cpu->thread = pthread_self();
	for (unsigned i = 0; i < index; i++)
		plugin.one_thread |=
			plugin.cpu[i] && pthread_equal(plugin.cpu[i]->thread, cpu->thread);
	cpu->again_at = AGAIN_NONE;
	cpu->pmu = vpmu_pmu_init(cpu->memory, sizeof(cpu->memory), &plugin.options.model,
	                         plugin.options.profile);
	qemu_faults_begin(&plugin.options.faults, cpu->pmu);
	pmi_begin(cpu);
	if (timed_begin(cpu))
		return cpu;
	timed_end(cpu);
	free(cpu);
	return NULL;
}

/* Without a register machine the plugin can answer nothing, so QEMU ends before it begins. */
static void fail(const char *what)
{
	fprintf(stderr, "vpmu: %s\n", what);
	exit(EXIT_FAILURE);
}

static void on_vcpu(unsigned vcpu, void *unused)
{
	if (vcpu >= MAX_VCPUS)
		fail("too many vCPUs: 288 at most");
	here = plugin.cpu[vcpu];
	if (here) /* this vCPU is hot-plugged again */
		return;
	if (!registers_find())
		fail("this QEMU does not show the registers of an x86-64 CPU");
	plugin.cpu[vcpu] = make_cpu(vcpu);
	if (!plugin.cpu[vcpu])
		fail("out of memory");
	here = plugin.cpu[vcpu];
	count_arm(plugin.cpu[vcpu], RING_KERNEL, 0);
	keep_vcpu(plugin.cpu[vcpu]);
	trace_vcpu(plugin.cpu[vcpu]);
}

/* --- Reset ------------------------------------------------------------------------------------ */

static void reset_cpu(struct cpu *cpu)
{
	count_account(cpu, RING_KERNEL, 0);
	cpu->pending = (struct pending){0};
	cpu->rdpmc = (struct rdpmc){0};
	cpu->refusing = cpu->exception = false;
	cpu->pmi_due = 0;
	cpu->again_at = AGAIN_NONE;
	cpu->idt = 0;
	cpu->x2apic = false;
	svm_begin(cpu, 0);
	timed_reset(cpu);
	plant_remove(cpu);
	hot_of(cpu)->landed = hot_of(cpu)->on_way = hot_of(cpu)->open = 0;
	hot_of(cpu)->recorded_from = 0;
	if (plugin.options.reset == QEMU_RESET_MODEL)
		vpmu_pmu_reset(cpu->pmu);
	shape_follow(cpu);
	count_unkick(cpu);
	count_arm(cpu, RING_KERNEL, 0);
	cpu->stat.resets++;
}

/* The boot processor is at the reset vector: the others are in reset as well, and wait for it. */
void at_reset(unsigned vcpu, void *unused)
{
	for (unsigned i = 0; i < MAX_VCPUS; i++)
		if (plugin.cpu[i])
			reset_cpu(plugin.cpu[i]);
	log_event(plugin.cpu[vcpu], "reset", plugin.cpu[vcpu]->stat.resets);
}

/* --- Start and end ---------------------------------------------------------------------------- */

static bool open_file(const char *name, FILE **file)
{
	if (!name)
		return true;
	*file = strcmp(name, "-") ? fopen(name, "we") : stderr;
	if (*file)
		return true;
	fprintf(stderr, "vpmu: cannot write: %s: %s\n", name, strerror(errno));
	return false;
}

static void at_exit(void *unused)
{
	stat_write();
	keep_end();
	trace_end();
	if (plugin.log && fflush(plugin.log))
		fprintf(stderr, "vpmu: the log cannot be written: %s\n", plugin.options.log);
}

void plugin_register(void *unused)
{
	qemu_plugin_id_t id = plugin.id;

	qemu_plugin_register_vcpu_init_cb(id, on_vcpu, NULL);
	qemu_plugin_register_vcpu_idle_cb(id, at_idle, NULL);
	qemu_plugin_register_vcpu_resume_cb(id, at_resume, NULL);
	qemu_plugin_register_vcpu_tb_trans_cb(id, block_translate, NULL);
	qemu_plugin_register_vcpu_discon_cb(
		id, (enum qemu_discon)(QEMU_DISCON_INTERRUPT | QEMU_DISCON_EXCEPTION),
		at_discontinuity, NULL);
	qemu_plugin_register_flush_cb(id, block_flush, NULL);
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
}

static bool read_options(int argc, char **argv)
{
	char why[400];

	if (qemu_options_parse(&plugin.options, argc, argv, why, sizeof(why)) == VPMU_OK)
		return true;
	fprintf(stderr, "vpmu: %s\n", why);
	return false;
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv)
{
	if (!info->system_emulation || strcmp(info->target_name, "x86_64")) {
		fprintf(stderr, "vpmu: the plugin is for qemu-system-x86_64, not for %s\n",
		        info->target_name);
		return 1;
	}
	if (!read_options(argc, argv) || !open_file(plugin.options.log, &plugin.log) ||
	    !open_file(plugin.options.stat, &plugin.stat) ||
	    !open_file(plugin.options.timeline, &plugin.timeline) ||
	    !keep_begin((unsigned)info->smp_vcpus))
		return 1;
	if (plugin.options.model.perf_capabilities & VPMU_PERF_CAP_PEBS_FORMAT)
		fprintf(stderr, "vpmu: no PEBS records are written under QEMU: a counter that "
		                "IA32_PEBS_ENABLE enables overflows like any other\n");
	trace_begin(plugin.timeline);
	plugin.where_it_goes = vpmu_model_counts_where_it_goes(&plugin.options.model);
	plugin.leaf_count = vpmu_model_to_cpuid(&plugin.options.model, plugin.leaves);
	plugin.score = qemu_plugin_scoreboard_new(HOT_BYTES);
	plugin.id = id;
	shape_begin();
	plugin_register(NULL);
	return 0;
}
