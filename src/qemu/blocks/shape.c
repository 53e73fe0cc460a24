/* SPDX-License-Identifier: MIT */
/*
 * What translations contain only while somebody needs it, since it costs time. While no counter of
 * any vCPU counts: nothing but interceptions. For what is an estimate anyway, as cycles are: one
 * addition a block, and while no overflow is near, a look only where code may go back. For exact
 * events: everything else. While branches are recorded: their targets, too. When a counter first
 * counts an event that needs more, everything is translated anew; and again when much of it has not
 * been needed for long.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <qemu/room_int.h>

/* In instructions of a vCPU. Long enough that a counter started and stopped now and then does not
 * cost a translation each time. */
#define PATIENCE UINT64_C(200000000)

/* An overflow is near if it is fewer instructions away. */
#define NEAR UINT64_C(268435456)

enum { SHAPE_ALL_EXACT = SHAPE_COUNT | SHAPE_LOOK | SHAPE_EXACT | SHAPE_BRANCHES };

static const struct {
	uint64_t classes;
	unsigned shape;
} needs[] = {
	{VPMU_CLASS_BIT(VPMU_TAKEN_BRANCHES) | VPMU_CLASS_BIT(VPMU_CONDITIONAL_TAKEN) |
                 VPMU_CLASS_BIT(VPMU_CONDITIONAL_NOT_TAKEN),
         SHAPE_TAKEN | SHAPE_BRANCHES},
	{VPMU_CLASS_BIT(VPMU_BRANCHES) | VPMU_CLASS_BIT(VPMU_CONDITIONAL_BRANCHES) |
                 VPMU_CLASS_BIT(VPMU_NEAR_CALLS) | VPMU_CLASS_BIT(VPMU_NEAR_RETURNS) |
                 VPMU_CLASS_BIT(VPMU_FAR_BRANCHES),
         SHAPE_BRANCHES},
	{VPMU_CLASS_BIT(VPMU_MEMORY) | VPMU_CLASS_BIT(VPMU_LOAD_STORES), SHAPE_MEMORY},
};

static unsigned shape_of_class(unsigned class_)
{
	static const unsigned shapes[] = {
		[QEMU_COUNTS_NOTHING] = 0,
		[QEMU_ESTIMATES] = SHAPE_COUNT,
		[QEMU_COUNTS] = SHAPE_COUNT | SHAPE_LOOK | SHAPE_EXACT,
	};

	if (plugin.options.timing && !vpmu_class_is_exact((enum vpmu_class)class_))
		return SHAPE_ALL_EXACT | SHAPE_TIMED;
	return shapes[qemu_counting((enum vpmu_class)class_)];
}

static unsigned shape_for(uint64_t wanted)
{
	unsigned shape = 0;

	for (unsigned i = 0; i < VPMU_CLASSES; i++)
		if (wanted & VPMU_CLASS_BIT(i))
			shape |= shape_of_class(i);
	for (unsigned i = 0; i < ARRAY_SIZE(needs); i++)
		if (wanted & needs[i].classes)
			shape |= needs[i].shape;
	return shape;
}

/* stat= and timeline= need what each vCPU executes, whether its PMU counts or not. */
static unsigned shape_of_options(void)
{
	return plugin.options.stat || plugin.options.timeline ? SHAPE_ALL_EXACT : 0;
}

void shape_begin(void)
{
	plugin.shape = plugin.wanted = shape_of_options();
	plugin.spare = false;
}

/* All vCPUs are stopped, and no translation is left. */
static void begin_anew(void *unused)
{
	atomic_store(&plugin.shape, plugin.wanted);
	plugin_register(NULL);
}

/* Several vCPUs may find at once that translations must change, or that they need less. */
static pthread_mutex_t shape_lock = PTHREAD_MUTEX_INITIALIZER;

/* Under the lock; remake() follows without it. */
static void change(unsigned shape)
{
	plugin.spare = false;
	plugin.wanted = shape;
}

/* Without the lock. QEMU stops all vCPUs, before this one's next block, and drops the translations.
 * It does so once where several ask; then another vCPU may go on for a while (at_behind_write()).
 */
static void remake(void)
{
	if (plugin.begun)
		qemu_plugin_reset(plugin.id, begin_anew, NULL);
	else
		atomic_store(&plugin.shape, plugin.wanted);
}

/* Under the lock. True: remake() is to be called. */
static bool demand(unsigned shape)
{
	if (!(shape & ~plugin.wanted))
		return false;
	change(plugin.wanted | shape);
	return true;
}

/* What a vCPU needs is known before others look what all need together. */
static void need(struct cpu *cpu, unsigned kept, unsigned shape)
{
	bool more;

	pthread_mutex_lock(&shape_lock);
	atomic_store(&cpu->needs, (cpu->needs & kept) | shape);
	if (shape)
		plugin.spare = false;
	more = demand(shape);
	pthread_mutex_unlock(&shape_lock);
	if (more)
		remake();
}

void shape_follow(struct cpu *cpu)
{
	unsigned shape = shape_for(vpmu_pmu_wanted(cpu->pmu));

	record_follow(cpu);
	if (hot_of(cpu)->records)
		shape |= SHAPE_RECORD | SHAPE_ALL_EXACT;
	if (cpu->svm.on) /* exits of its guests are found in translated blocks */
		shape |= SHAPE_ALL_EXACT;
	need(cpu, 0, shape);
}

void shape_look(void)
{
	bool more;

	pthread_mutex_lock(&shape_lock);
	more = demand(SHAPE_COUNT | SHAPE_LOOK);
	pthread_mutex_unlock(&shape_lock);
	if (more)
		remake();
}

void shape_approach(struct cpu *cpu, uint64_t room)
{
	if (room < NEAR)
		need(cpu, ~0u, SHAPE_LOOK);
}

/* What all vCPUs need together. While a jump is planted, the shape stays as it is. */
static unsigned needed(void)
{
	unsigned shape = shape_of_options();

	for (unsigned i = 0; i < MAX_VCPUS; i++) {
		const struct cpu *cpu = plugin.cpu[i];

		if (cpu)
			shape |= cpu->plant ? plugin.wanted : cpu->needs;
	}
	return shape;
}

/* Acts only when two looks in a row find too much, and nothing was demanded in between. */
void shape_rest(struct cpu *cpu)
{
	uint64_t now = cpu->retired[RING_KERNEL] + cpu->retired[RING_USER];
	unsigned shape;
	bool less;

	if (now - cpu->rested < PATIENCE)
		return;
	cpu->rested = now;
	pthread_mutex_lock(&shape_lock);
	shape = needed();
	less = plugin.wanted & ~shape && plugin.spare;
	if (less)
		change(shape);
	else if (plugin.wanted & ~shape)
		plugin.spare = true;
	pthread_mutex_unlock(&shape_lock);
	if (less)
		remake();
}

bool shape_is_behind_write(uint64_t at)
{
	static const uint8_t wrmsr[2] = {0x0f, 0x30};
	uint8_t before[sizeof(wrmsr)];

	return memory_get(at - sizeof(wrmsr), before, sizeof(before)) &&
	       !memcmp(before, wrmsr, sizeof(before));
}

void at_behind_write(unsigned vcpu, void *unused)
{
	if (plugin.cpu[vcpu]->needs & ~plugin.shape)
		qemu_plugin_set_pc(reg_get(REG_RIP));
}

void at_not_taken(unsigned vcpu, void *data)
{
	const struct block *block = data;

	hot_of(plugin.cpu[vcpu])->not_taken[block->ring]++;
}

void shape_settle(struct cpu *cpu, uint64_t from)
{
	struct hot *hot = hot_of(cpu);
	uint64_t open = hot->open, physical;
	struct frame frame;

	hot->open = 0;
	if (open && linear_to_physical(from, &physical) && PLACE_OF(physical) == open &&
	    frame_read(from, &frame))
		hot->not_taken[frame_ring(&frame)]++;
}
