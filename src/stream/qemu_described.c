/* SPDX-License-Identifier: MIT */
/*
 * The vCPUs of a QEMU migration file through the JSON description at its end. It lists the devices
 * of the sections directly before it, with the sizes of all their fields, so every section's place
 * can be computed, counted from the end. Only the places of CPU sections are read, and each must
 * have exactly the section that the description says.
 */
#include <stream/room_int.h>

enum { SUBSECTION_DEPTH = 8 };

/* Something described: a device, or a subsection. */
struct part {
	char name[JSON_TEXT_BYTES];
	uint64_t instance, version;
	uint64_t fields, subsections; /* bytes */
};

/* A subsection that the reader needs. at: its place among the device's subsections. */
struct found {
	bool is;
	uint64_t at, size;
};

struct device {
	struct part part;
	struct found pmu, lbr;
};

/* Adds up sizes. A sum larger than the file is a mistake. */
static void add_size(struct json *json, uint64_t *sum, uint64_t size, uint64_t times)
{
	uint64_t limit = json->window->source->bytes;

	if (times && size > limit / times)
		json->wrong = true;
	else
		*sum += size * times;
	if (*sum > limit)
		json->wrong = true;
}

static bool key_is(const char *key, const char *word)
{
	return text_is(key, text_length(key), word);
}

/* One field, or several of the same size. The parts of a structured field are included in its
 * size. */
static void read_field(struct json *json, uint64_t *sum)
{
	uint64_t size = 0, times = 1;

	for (bool more = json_open(json, '{', '}'); more; more = json_next(json, '}')) {
		char key[JSON_TEXT_BYTES];

		json_text(json, key);
		json->wrong |= !json_take(json, ':');
		if (key_is(key, "size"))
			size = json_number(json);
		else if (key_is(key, "array_len"))
			times = json_number(json);
		else
			json_skip(json);
	}
	add_size(json, sum, size, times);
}

static void read_part(struct json *json, struct part *part, struct device *device, unsigned depth);

static void note(struct json *json, struct found *found, const struct part *part, uint64_t at)
{
	json->wrong |= found->is;
	*found = (struct found){true, at, part->fields + part->subsections};
}

static void read_subsections(struct json *json, struct part *owner, struct device *device,
                             unsigned depth)
{
	for (bool more = json_open(json, '[', ']'); more; more = json_next(json, ']')) {
		struct part part;

		read_part(json, &part, NULL, depth + 1);
		if (device && key_is(part.name, QEMU_PMU))
			note(json, &device->pmu, &part, owner->subsections);
		if (device && key_is(part.name, QEMU_LBR))
			note(json, &device->lbr, &part, owner->subsections);
		add_size(json, &owner->subsections,
		         QEMU_SUBSECTION_BYTES + text_length(part.name) + part.fields +
		                 part.subsections,
		         1);
	}
}

static void read_member(struct json *json, const char *key, struct part *part,
                        struct device *device, unsigned depth)
{
	/* A device's section is named by "name"; a subsection has only "vmsd_name". */
	if (key_is(key, device ? "name" : "vmsd_name"))
		json_text(json, part->name);
	else if (key_is(key, "instance_id"))
		part->instance = json_number(json);
	else if (key_is(key, "version"))
		part->version = json_number(json);
	else if (key_is(key, "subsections"))
		read_subsections(json, part, device, depth);
	else if (!key_is(key, "fields"))
		json_skip(json);
	else
		for (bool more = json_open(json, '[', ']'); more; more = json_next(json, ']'))
			read_field(json, &part->fields);
}

static void read_part(struct json *json, struct part *part, struct device *device, unsigned depth)
{
	memset(part, 0, sizeof(*part));
	json->wrong |= depth == SUBSECTION_DEPTH;
	for (bool more = json_open(json, '{', '}'); more; more = json_next(json, '}')) {
		char key[JSON_TEXT_BYTES];

		json_text(json, key);
		json->wrong |= !json_take(json, ':');
		read_member(json, key, part, device, depth);
	}
}

/* Visits the devices in turn. */
struct walk {
	struct search *search;
	struct json json;
	struct device device;
	uint64_t at;    /* bytes of the devices before, without footers */
	uint64_t index; /* devices before */
};

static uint64_t device_bytes(const struct device *device)
{
	return QEMU_SECTION_BYTES + text_length(device->part.name) + device->part.fields +
	       device->part.subsections;
}

/* Goes to the list of devices. False: there is none, or it is empty. */
static bool walk_start(struct walk *walk, struct search *search, uint64_t start, uint64_t end)
{
	struct json *json = &walk->json;

	*walk = (struct walk){.search = search};
	*json = (struct json){.window = &search->window, .at = start, .end = end};
	for (bool more = json_open(json, '{', '}'); more; more = json_next(json, '}')) {
		char key[JSON_TEXT_BYTES];

		json_text(json, key);
		json->wrong |= !json_take(json, ':');
		if (key_is(key, "devices"))
			return json_open(json, '[', ']');
		json_skip(json);
	}
	return false;
}

static void walk_read(struct walk *walk)
{
	memset(&walk->device, 0, sizeof(walk->device));
	read_part(&walk->json, &walk->device.part, &walk->device, 0);
}

static bool walk_next(struct walk *walk)
{
	add_size(&walk->json, &walk->at, device_bytes(&walk->device), 1);
	walk->index++;
	return json_next(&walk->json, ']');
}

/* The rest of the description, after the devices: all of it must be well-formed. */
static bool walk_end(struct walk *walk)
{
	struct json *json = &walk->json;

	while (json_next(json, '}')) {
		char key[JSON_TEXT_BYTES];

		json_text(json, key);
		json->wrong |= !json_take(json, ':');
		json_skip(json);
	}
	return !json->wrong && json->at == json->end;
}

static enum vpmu_status take_lbr(struct search *search, struct vpmu_qemu_cpu *cpu,
                                 const struct device *device, uint64_t offset)
{
	if (!device->lbr.is)
		return VPMU_OK;
	if (device->lbr.size != VPMU_QEMU_LBR_BYTES || !search_lbr(search, cpu, offset))
		return search_fail(search, VPMU_INCOMPATIBLE,
		                   "the last branches' subsection is not as it is known", offset);
	return VPMU_OK;
}

static enum vpmu_status take_cpu(struct walk *walk, uint64_t offset, bool footers)
{
	const struct device *device = &walk->device;
	struct search *search = walk->search;
	struct vpmu_qemu_cpu cpu = {.offset = offset};
	uint64_t subsections =
		offset + QEMU_SECTION_BYTES + sizeof(QEMU_CPU) - 1 + device->part.fields;
	uint64_t id = window_be(&search->window, offset + 1, 4);
	uint32_t version = 0;
	enum vpmu_status status;

	if (!search_cpu_at(search, offset, &cpu.instance, &version) ||
	    cpu.instance != device->part.instance || version != device->part.version)
		return search_fail(search, VPMU_BAD_DATA,
		                   "the CPU's section is not where the description has it", offset);
	if (version != QEMU_CPU_VERSION)
		return search_fail(search, VPMU_INCOMPATIBLE,
		                   "the CPU's section is of another version than x86's, 12",
		                   offset);
	if (footers &&
	    (window_byte(&search->window, subsections + device->part.subsections) != QEMU_FOOTER ||
	     window_be(&search->window, subsections + device->part.subsections + 1, 4) != id))
		return search_fail(search, VPMU_BAD_DATA,
		                   "the CPU's section does not end where the description has it",
		                   subsections + device->part.subsections);
	if (device->pmu.is && device->pmu.size != VPMU_QEMU_BYTES)
		return search_fail(search, VPMU_INCOMPATIBLE,
		                   "the PMU's subsection has other fields than are known",
		                   subsections + device->pmu.at);
	if (device->pmu.is) {
		status = search_pmu(search, &cpu, subsections + device->pmu.at);
		if (status)
			return status;
	}
	status = take_lbr(search, &cpu, device, subsections + device->lbr.at);
	return status ? status : search_add(search, &cpu);
}

/* What the description says about the sections' places. */
struct sums {
	uint64_t bytes, devices;
	uint64_t cpu_at, cpu_index; /* of the first CPU */
	bool has_cpu;
};

static enum vpmu_status measure(struct search *search, struct sums *sums, uint64_t start,
                                uint64_t end)
{
	struct walk walk;

	*sums = (struct sums){.has_cpu = false};
	for (bool more = walk_start(&walk, search, start, end); more; more = walk_next(&walk)) {
		walk_read(&walk);
		if (sums->has_cpu || !key_is(walk.device.part.name, QEMU_CPU))
			continue;
		sums->has_cpu = true;
		sums->cpu_at = walk.at;
		sums->cpu_index = walk.index;
	}
	sums->bytes = walk.at;
	sums->devices = walk.index;
	if (!walk_end(&walk))
		return search_fail(search, VPMU_BAD_DATA,
		                   "the description is no JSON, or does not fit the file",
		                   walk.json.at);
	return VPMU_OK;
}

bool search_is_description(struct search *search, uint64_t start, uint64_t end)
{
	struct why why = search->why;
	struct sums sums;
	bool is;

	search->why = (struct why){NULL, 0};
	is = measure(search, &sums, start, end) == VPMU_OK && sums.has_cpu;
	search->why = why;
	return is;
}

enum vpmu_status search_described(struct search *search, uint64_t sections, uint64_t start,
                                  uint64_t end)
{
	enum vpmu_status status;
	uint64_t first, footer = QEMU_FOOTER_BYTES;
	uint32_t instance, version;
	struct walk walk;
	struct sums sums;

	status = measure(search, &sums, start, end);
	if (status || !sums.has_cpu)
		return status;
	/* Machine types before 2.4 have no footers. */
	first = sections - sums.bytes - footer * sums.devices;
	if (!search_cpu_at(search, first + sums.cpu_at + footer * sums.cpu_index, &instance,
	                   &version)) {
		search->window.ended = false; /* the read was beyond the end because the place was
		                                 wrong; the file may be whole */
		footer = 0;
		first = sections - sums.bytes;
	}
	for (bool more = walk_start(&walk, search, start, end); more && !status;
	     more = walk_next(&walk)) {
		walk_read(&walk);
		if (key_is(walk.device.part.name, QEMU_CPU))
			status = take_cpu(&walk, first + walk.at + footer * walk.index, footer);
	}
	return status;
}
