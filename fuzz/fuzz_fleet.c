/* SPDX-License-Identifier: MIT */
/* A list of a fleet's machines: models that can exist with names out of the list, or a failure in
 * one line that says where. */
#include <string.h>

#include "fuzz.h"
#include "command.h"
#include "state/fleet.h"

static void must_be_machine(const struct fleet_machine *machine, const uint8_t *data, size_t size)
{
	const uint8_t *name = (const uint8_t *)machine->host.name;
	char version[QEMU_VERSION_TEXT];
	uint32_t again;

	MUST(!vpmu_model_check(&machine->cpu, NULL, 0));
	MUST(machine->host.line && machine->host.name_length > 0);
	MUST(name >= data && name + machine->host.name_length <= data + size);
	if (!machine->qemu)
		return;
	qemu_version_text(machine->qemu, version);
	MUST(qemu_version_parse(version, &again) && again == machine->qemu);
}

/* What QEMU makes of a model is a model, whatever its version. */
static void must_give_model(const struct fleet_machine *machine, bool pmu_off)
{
	struct qemu_vm vm = {.version = machine->qemu, .pmu_off = pmu_off};
	struct qemu_loss losses[QEMU_LOSSES];
	struct vpmu_model guest = machine->cpu;
	size_t count;

	qemu_guest(&vm, &guest);
	MUST(!vpmu_model_check(&guest, NULL, 0));
	count = qemu_move(&machine->cpu, &guest, &vm, &vm, losses);
	MUST(count <= QEMU_LOSSES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fleet fleet = {.count = 0};
	char why[STATE_WHY_BYTES] = "";
	uint64_t line = 0;
	int status = fleet_list_read(&fleet, "list", data, size, why, &line);

	MUST(status == TOOL_HOLDS || (status == TOOL_BAD && why[0] && !strchr(why, '\n') && line));
	for (size_t i = 0; i < fleet.count; i++) {
		must_be_machine(&fleet.machines[i], data, size);
		must_give_model(&fleet.machines[i], false);
		must_give_model(&fleet.machines[i], true);
	}
	free(fleet.machines);
	return 0;
}
