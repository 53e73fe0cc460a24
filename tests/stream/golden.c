/* SPDX-License-Identifier: MIT */
/*
 * The golden files: of every model one, written when the format's version was new, to be read by
 * every later vpmu. Each has two vCPUs: number 0 as after a reset, number 9 with values that follow
 * from the MSRs' numbers.
 *
 * usage: golden FOLDER                 reads them all, as a test
 *        golden --make FOLDER [MODEL]  makes those that do not exist yet
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpmu/stream.h>
#include <vpmu/vpmu.h>

enum { VCPUS = 2, NUMBER = 9, MAX_BYTES = 65536 };

static unsigned tests, failed;

static void check(bool holds, const char *file, const char *what)
{
	printf("%s %u - %s: %s\n", holds ? "ok" : "not ok", ++tests, file, what);
	failed += !holds;
}

static struct vpmu_state state_of(const struct vpmu_layout *layout, bool reset)
{
	struct vpmu_state state;

	vpmu_state_reset(&state, layout);
	for (unsigned i = 0; !reset && i < layout->value_count; i++) {
		const struct vpmu_register *reg = &layout->registers[layout->stored[i]];
		uint64_t value = (reg->msr + 1) * UINT64_C(0x9e3779b97f4a7c15);

		if (reg->kind != VPMU_KIND_CAPABILITIES)
			state.values[i] = value & reg->writable;
	}
	return state;
}

/* --- Making them ------------------------------------------------------------------------------ */

static size_t make(const struct vpmu_layout *layout, uint8_t *file)
{
	size_t used = VPMU_FILE_HEADER_BYTES;

	if (vpmu_file_header(file, VCPUS))
		return 0;
	for (uint32_t i = 0; i < VCPUS; i++) {
		struct vpmu_state state = state_of(layout, !i);
		size_t bytes;

		if (vpmu_stream_encode(&state, layout, i * NUMBER, file + used, MAX_BYTES - used,
		                       &bytes))
			return 0;
		used += bytes;
	}
	return used;
}

static int make_file(const char *folder, const char *name)
{
	static uint8_t bytes[MAX_BYTES];
	struct vpmu_layout layout;
	struct vpmu_model model;
	char path[4096];
	size_t count;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s.vpmu", folder, name);
	if (vpmu_model_parse(&model, name, NULL, 0) || vpmu_layout_init(&layout, &model)) {
		fprintf(stderr, "golden: no model: %s\n", name);
		return 2;
	}
	count = make(&layout, bytes);
	file = fopen(path, "wbx");
	if (!file && errno == EEXIST)
		return 0;
	if (!count || !file || fwrite(bytes, 1, count, file) != count || fclose(file)) {
		fprintf(stderr, "golden: cannot make %s\n", path);
		return 2;
	}
	printf("%s: %zu bytes\n", path, count);
	return 0;
}

static int make_all(const char *folder)
{
	int status = 0;

	for (size_t i = 0; !status && vpmu_preset_name(i); i++)
		status = make_file(folder, vpmu_preset_name(i));
	return status;
}

/* --- Reading them ----------------------------------------------------------------------------- */

static size_t load(const char *folder, const char *name, uint8_t *bytes)
{
	char path[4096];
	FILE *file;
	size_t count;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "rb");
	if (!file)
		return 0;
	count = fread(bytes, 1, MAX_BYTES, file);
	fclose(file);
	return count;
}

/* The destination is the model in the file, whatever a preset of that name has become. */
static void check_stream(const char *name, const void *stream, size_t bytes, bool reset)
{
	struct vpmu_stream_about about;
	struct vpmu_layout layout;
	struct vpmu_state state, wanted;
	uint8_t again[VPMU_STREAM_BYTES];
	char why[400] = "";
	uint32_t vcpu;
	size_t used;

	if (vpmu_stream_look(stream, bytes, &about, why, sizeof(why)) ||
	    vpmu_layout_init(&layout, &about.model) ||
	    vpmu_stream_decode(stream, bytes, &layout, &state, &vcpu, why, sizeof(why))) {
		check(false, name, why);
		return;
	}
	wanted = state_of(&layout, reset);
	check(!memcmp(state.values, wanted.values, sizeof(state.values)), name,
	      "every value is read");
	check(vcpu == (reset ? 0 : NUMBER), name, "the vCPU's number is read");
	check(!vpmu_stream_encode(&state, &layout, vcpu, again, sizeof(again), &used) &&
	              used == bytes && !memcmp(again, stream, bytes),
	      name, "the same is written as then");
}

static void check_file(const char *folder, const char *name)
{
	static uint8_t bytes[MAX_BYTES];
	size_t count = load(folder, name, bytes), stream_bytes;
	struct vpmu_file file;
	const void *stream;
	char why[400] = "";
	bool reset = true;

	if (vpmu_file_open(&file, bytes, count, why, sizeof(why))) {
		check(false, name, why);
		return;
	}
	check(file.vcpus == VCPUS, name, "both vCPUs are there");
	for (; vpmu_file_next(&file, &stream, &stream_bytes); reset = false)
		check_stream(name, stream, stream_bytes, reset);
}

static int check_all(const char *folder)
{
	DIR *all = opendir(folder);
	struct dirent *entry;
	uint8_t byte[MAX_BYTES];

	while (all && (entry = readdir(all)))
		if (strstr(entry->d_name, ".vpmu"))
			check_file(folder, entry->d_name);
	if (all)
		closedir(all);
	for (size_t i = 0; vpmu_preset_name(i); i++) {
		char name[64];

		snprintf(name, sizeof(name), "%s.vpmu", vpmu_preset_name(i));
		check(load(folder, name, byte), name, "the preset has a golden file");
	}
	printf("1..%u\n", tests);
	return failed > 0;
}

int main(int argc, char **argv)
{
	bool makes = argc > 2 && !strcmp(argv[1], "--make");

	if (makes)
		return argc > 3 ? make_file(argv[2], argv[3]) : make_all(argv[2]);
	if (argc == 2)
		return check_all(argv[1]);
	fprintf(stderr, "usage: golden [--make] FOLDER [MODEL]\n");
	return 2;
}
