/* SPDX-License-Identifier: MIT */
/*
 * Carries the PMUs' state across snapshots and migrations. QEMU tells a plugin of neither, but it
 * stops all vCPUs for both, and reports each as idle. So state-out= is written whenever the last
 * vCPU becomes idle; until one goes on, it fits whatever is saved. state-in= is read at the start,
 * and again when a snapshot is loaded. A load shows in one of two ways: QEMU drops its translations
 * in a thread that is no vCPU's; or, if the machine was stopped already, a vCPU goes on with other
 * registers than it had.
 *
 * Memory that may be saved holds no planted jump: a vCPU that becomes idle takes its own away.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <stream/room.h>

#include "room_int.h"

enum { OWN_MODE = 0666, RESET_IP = 0xfff0 };

static struct keep {
	pthread_mutex_t lock;
	struct vpmu_layout layout;
	struct qemu_saved *in; /* NULL: no state-in= */
	unsigned vcpus;        /* of the machine at its start */
	int out;               /* state-out=, or -1 */
	uint8_t *bytes;        /* room for what is written */
	bool is_whole;         /* the last load has found a state */
} keep = {.lock = PTHREAD_MUTEX_INITIALIZER, .out = -1};

/* --- What a vCPU is --------------------------------------------------------------------------- */

static void get_rdpmc(const struct rdpmc *rdpmc, uint64_t *facts)
{
	facts[QEMU_FACT_RDPMC] = rdpmc->delivered ? 1 + (uint64_t)rdpmc->is_gp : 0;
	facts[QEMU_FACT_RDPMC_LENGTH] = rdpmc->length;
	facts[QEMU_FACT_RDPMC_VALUE] = rdpmc->value;
	facts[QEMU_FACT_RDPMC_FROM] = rdpmc->from;
}

static void get_facts(const struct cpu *cpu, uint64_t *facts)
{
	const struct hot *hot = hot_of(cpu);

	facts[QEMU_FACT_APIC_BASE] = cpu->apic_base;
	facts[QEMU_FACT_APIC_ID] = cpu->apic_id;
	facts[QEMU_FACT_X2APIC] = cpu->x2apic;
	facts[QEMU_FACT_LVTPC] = cpu->lvtpc;
	facts[QEMU_FACT_IDT] = cpu->idt;
	get_rdpmc(&cpu->rdpmc, facts);
	facts[QEMU_FACT_PENDING] = cpu->pending.kind;
	facts[QEMU_FACT_PENDING_LEAF] = cpu->pending.leaf;
	facts[QEMU_FACT_PENDING_SUBLEAF] = cpu->pending.subleaf;
	facts[QEMU_FACT_PENDING_VALUE] = cpu->pending.value;
	facts[QEMU_FACT_AGAIN] = again_since(cpu);
	facts[QEMU_FACT_AGAIN_AT] = cpu->again_at;
	facts[QEMU_FACT_AGAIN_RING] = cpu->again_ring;
	facts[QEMU_FACT_AGAIN_DATA] = cpu->again_data;
	facts[QEMU_FACT_LANDED] = hot->landed;
	facts[QEMU_FACT_ON_WAY] = hot->on_way;
	facts[QEMU_FACT_OPEN] = hot->open;
	facts[QEMU_FACT_PMI_DUE] = cpu->pmi_due;
	facts[QEMU_FACT_LATE] = cpu->late;
}

static void put_facts(struct cpu *cpu, const uint64_t *facts)
{
	enum ring ring = (enum ring)facts[QEMU_FACT_AGAIN_RING];
	struct hot *hot = hot_of(cpu);

	cpu->apic_base = facts[QEMU_FACT_APIC_BASE];
	cpu->apic_id = (uint32_t)facts[QEMU_FACT_APIC_ID];
	cpu->x2apic = facts[QEMU_FACT_X2APIC];
	cpu->lvtpc = (uint32_t)facts[QEMU_FACT_LVTPC];
	cpu->idt = facts[QEMU_FACT_IDT];
	cpu->rdpmc = (struct rdpmc){
		.delivered = facts[QEMU_FACT_RDPMC],
		.is_gp = facts[QEMU_FACT_RDPMC] == 2,
		.length = (uint8_t)facts[QEMU_FACT_RDPMC_LENGTH],
		.value = facts[QEMU_FACT_RDPMC_VALUE],
		.from = facts[QEMU_FACT_RDPMC_FROM],
	};
	cpu->pending = (struct pending){
		.kind = (uint8_t)facts[QEMU_FACT_PENDING],
		.leaf = (uint32_t)facts[QEMU_FACT_PENDING_LEAF],
		.subleaf = (uint32_t)facts[QEMU_FACT_PENDING_SUBLEAF],
		.value = facts[QEMU_FACT_PENDING_VALUE],
	};
	cpu->again_at = facts[QEMU_FACT_AGAIN] ? facts[QEMU_FACT_AGAIN_AT] : AGAIN_NONE;
	cpu->again_ring = ring;
	cpu->again_data = (uint8_t)facts[QEMU_FACT_AGAIN_DATA];
	cpu->again_count = count_retired(cpu, ring);
	hot->landed = facts[QEMU_FACT_LANDED];
	hot->on_way = facts[QEMU_FACT_ON_WAY];
	hot->open = facts[QEMU_FACT_OPEN];
	cpu->pmi_due = (uint32_t)facts[QEMU_FACT_PMI_DUE];
	cpu->late = facts[QEMU_FACT_LATE];
}

/* Pays first: what the vCPU has executed so far belongs to the machine before the load. */
static void put_cpu(struct cpu *cpu, const struct qemu_saved *saved)
{
	struct vpmu_target target = vpmu_target_machine(cpu->pmu);
	struct vpmu_report report;

	count_account(cpu, RING_KERNEL, 0);
	if (vpmu_state_put(&saved->state, &keep.layout, &target, VPMU_LEVEL_FULL,
	                   vpmu_order_find("safe"), VPMU_POLICY_KEEP_GOING, &report) != VPMU_OK)
		fprintf(stderr,
		        "vpmu: vCPU %u: %u registers of state-in= are none of this profile: %s\n",
		        cpu->index, report.refused, plugin.options.state_in);
	cpu->pmi_due = 0;
	cpu->refusing = cpu->exception = false;
	if (saved->has_facts)
		put_facts(cpu, saved->facts);
	shape_follow(cpu);
	count_arm(cpu, RING_KERNEL, 0);
	count_kick(cpu);
}

/* --- state-in= -------------------------------------------------------------------------------- */

enum { FILE_MOST = VPMU_FILE_HEADER_BYTES + MAX_VCPUS * QEMU_SAVED_BYTES };

/* Reads at most as many bytes as a file may have, and one more to see that it has too many; -1:
 * errno says why. */
static ssize_t read_all(const char *path, uint8_t *to)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = 1, length = 0;

	if (fd < 0)
		return -1;
	while (got > 0 && length <= FILE_MOST) {
		got = read(fd, to + length, FILE_MOST + 1 - (size_t)length);
		length += got > 0 ? got : 0;
	}
	close(fd);
	return got < 0 ? -1 : length;
}

/* Leaves the list as it is when the file is not usable. */
static bool read_in(void)
{
	const char *path = plugin.options.state_in;
	struct qemu_saved *list = calloc(keep.vcpus + 1, sizeof(*list));
	uint8_t *bytes = malloc(FILE_MOST + 1);
	char why[400] = "out of memory";
	enum vpmu_status status = VPMU_HOST;
	ssize_t length = list && bytes ? read_all(path, bytes) : -1;

	if (list && bytes && length < 0)
		snprintf(why, sizeof(why), "%s", strerror(errno));
	else if (length >= 0)
		status = qemu_saved_decode(bytes, (size_t)length, &keep.layout, list, keep.vcpus,
		                           why, sizeof(why));
	free(bytes);
	if (status != VPMU_OK) {
		fprintf(stderr, "vpmu: cannot take the state: %s: %s\n", path, why);
		free(list);
		return false;
	}
	free(keep.in);
	keep.in = list;
	return true;
}

void keep_vcpu(struct cpu *cpu)
{
	if (keep.in && cpu->index < keep.vcpus && !plugin.begun)
		put_cpu(cpu, &keep.in[cpu->index]);
}

void keep_first(bool from_reset)
{
	if (atomic_exchange(&plugin.begun, true))
		return;
	if (from_reset && keep.in)
		fprintf(stderr, "vpmu: the machine begins with a reset, its PMUs without a state: "
		                "state-in= is not used\n");
	if (!from_reset && !keep.in)
		fprintf(stderr, "vpmu: the machine does not begin with a reset, and what its PMUs "
		                "have counted is not known: state-in=FILE gives it\n");
}

/* Reads the file again, or says that there is none; each vCPU takes its part when it goes on. */
static void begin_load(void)
{
	if (!keep.in)
		fprintf(stderr, "vpmu: a snapshot is loaded, and what its PMUs have counted is not "
		                "known: they go on as they are (state-in=FILE is read then)\n");
	keep.is_whole = keep.in && read_in();
	for (unsigned i = 0; i < MAX_VCPUS; i++)
		if (plugin.cpu[i])
			plugin.cpu[i]->loaded = true;
}

/* Also called at the vCPU's first block: before that, QEMU may still be loading, and let the vCPU
 * go on and stop again. */
static void load_cpu(struct cpu *cpu)
{
	count_kick(cpu);
	if (keep.is_whole && cpu->index < keep.vcpus)
		put_cpu(cpu, &keep.in[cpu->index]);
}

void keep_load(struct cpu *cpu)
{
	pthread_mutex_lock(&keep.lock);
	load_cpu(cpu);
	count_unkick(cpu);
	cpu->loaded = false;
	pthread_mutex_unlock(&keep.lock);
}

static bool is_vcpu_thread(void)
{
	for (unsigned i = 0; i < MAX_VCPUS; i++)
		if (plugin.cpu[i] && pthread_equal(plugin.cpu[i]->thread, pthread_self()))
			return true;
	return false;
}

void keep_flush(void)
{
	if (!plugin.begun || is_vcpu_thread())
		return;
	pthread_mutex_lock(&keep.lock);
	begin_load();
	pthread_mutex_unlock(&keep.lock);
}

/* --- state-out= ------------------------------------------------------------------------------- */

static void give_up(const char *what)
{
	fprintf(stderr, "vpmu: the state cannot be written: %s: %s\n", plugin.options.state_out,
	        what);
	if (ftruncate(keep.out, 0)) /* a state of another moment is worse than none */
		fprintf(stderr, "vpmu: what is there is of an earlier moment: %s\n",
		        plugin.options.state_out);
	close(keep.out);
	keep.out = -1;
}

static size_t encode(const struct cpu *cpu, uint8_t *to)
{
	struct vpmu_target target = vpmu_target_machine(cpu->pmu);
	struct vpmu_report report;
	struct qemu_saved saved = {0};
	size_t used = 0;

	vpmu_state_reset(&saved.state, &keep.layout);
	vpmu_state_get(&saved.state, &keep.layout, &target, VPMU_POLICY_KEEP_GOING, &report);
	get_facts(cpu, saved.facts);
	qemu_saved_encode(&saved, &keep.layout, cpu->index, to, &used);
	return used;
}

static void write_out(unsigned vcpus)
{
	size_t length = VPMU_FILE_HEADER_BYTES;
	ssize_t done;

	vpmu_file_header(keep.bytes, vcpus);
	for (unsigned i = 0; i < MAX_VCPUS; i++)
		if (plugin.cpu[i])
			length += encode(plugin.cpu[i], keep.bytes + length);
	done = pwrite(keep.out, keep.bytes, length, 0);
	if (done != (ssize_t)length)
		give_up(done < 0 ? strerror(errno) : "the disk is full");
}

/* The number of vCPUs if all are idle, else 0. */
static unsigned all_idle(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < MAX_VCPUS; i++) {
		if (plugin.cpu[i] && !plugin.cpu[i]->idle)
			return 0;
		count += !!plugin.cpu[i];
	}
	return count;
}

/* A hash of the registers. A vCPU that merely stood still goes on with the same. */
static uint64_t registers_now(void)
{
	uint64_t hash = 0;

	for (unsigned i = 0; i < REGS; i++)
		hash = hash_mix(hash, reg_get((enum reg_name)i));
	return hash;
}

/* A PMI that is due waits for the next block, which may be the rest of a REP that has not ended. */
void at_idle(unsigned vcpu, void *unused)
{
	struct cpu *cpu = plugin.cpu[vcpu];
	unsigned vcpus;

	if (!cpu)
		return;
	plant_remove(cpu);
	record_stand(cpu);
	count_account(cpu, RING_KERNEL, 0);
	count_arm(cpu, RING_KERNEL, 0);
	if (cpu->pmi_due)
		count_kick(cpu);
	pthread_mutex_lock(&keep.lock);
	cpu->idle = true;
	cpu->stood = registers_now();
	vcpus = keep.out >= 0 ? all_idle() : 0;
	if (vcpus)
		write_out(vcpus);
	pthread_mutex_unlock(&keep.lock);
}

static bool is_reset(void)
{
	return reg_get(REG_RIP) == RESET_IP && !(reg_get(REG_CR0) & 1);
}

void at_resume(unsigned vcpu, void *unused)
{
	struct cpu *cpu = plugin.cpu[vcpu];

	if (!cpu)
		return;
	pthread_mutex_lock(&keep.lock);
	if (plugin.begun && cpu->idle && !cpu->loaded && registers_now() != cpu->stood &&
	    !is_reset())
		begin_load();
	cpu->idle = false;
	if (cpu->loaded)
		load_cpu(cpu);
	pthread_mutex_unlock(&keep.lock);
}

void keep_end(void)
{
	pthread_mutex_lock(&keep.lock);
	if (keep.out >= 0 && !all_idle())
		give_up("a vCPU executes to the end");
	if (keep.out >= 0)
		close(keep.out);
	keep.out = -1;
	free(keep.in);
	free(keep.bytes);
	keep.in = NULL;
	keep.bytes = NULL;
	pthread_mutex_unlock(&keep.lock);
}

/* --- The start -------------------------------------------------------------------------------- */

static bool open_out(const char *path)
{
	keep.bytes = malloc(FILE_MOST);
	keep.out = keep.bytes ? open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, OWN_MODE) : -1;
	if (keep.out >= 0)
		return true;
	fprintf(stderr, "vpmu: cannot write: %s: %s\n", path,
	        keep.bytes ? strerror(errno) : "out of memory");
	return false;
}

bool keep_begin(unsigned vcpus)
{
	keep.vcpus = vcpus < MAX_VCPUS ? vcpus : MAX_VCPUS;
	vpmu_layout_init(&keep.layout, &plugin.options.model);
	if (plugin.options.state_in && !read_in())
		return false;
	return !plugin.options.state_out || open_out(plugin.options.state_out);
}
