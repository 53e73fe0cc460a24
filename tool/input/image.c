/* SPDX-License-Identifier: MIT */
/* Chooses the VM state of a qcow2 image: by name or number, or the only one. */
#include "image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "lib/memory.h"
#include "lib/message.h"

enum { LISTED = 8 };

/* What an image has to choose from. */
struct choice {
	struct foreign_snapshot chosen;
	size_t states, without; /* snapshots with a VM state, and of the disk alone */
	bool found, by_name;
	char list[1024]; /* the first of those with one */
	size_t used;
};

static int said(const char *path, enum vpmu_status status, const char *why)
{
	if (status == VPMU_HOST)
		message("cannot read: %s: %s", path, strerror(errno ? errno : EIO));
	else
		message("%s: %s (a qcow2 image): %s", vpmu_status_text(status), path, why);
	return TOOL_BAD;
}

static void list(struct choice *choice, const struct foreign_snapshot *snapshot)
{
	size_t room = sizeof(choice->list) - choice->used;

	if (choice->states > LISTED)
		return;
	choice->used +=
		(size_t)snprintf(choice->list + choice->used, room, "%s%.20s '%.60s'",
	                         choice->states > 1 ? ", " : "", snapshot->id, snapshot->name);
}

/* A name goes before a number; of snapshots of one name the first is taken, as QEMU does. */
static void look_at(struct choice *choice, const struct foreign_snapshot *snapshot,
                    const char *wanted)
{
	bool by_name = wanted && !strcmp(snapshot->name, wanted);
	bool by_id = wanted && !strcmp(snapshot->id, wanted);

	if (!snapshot->state_bytes) {
		choice->without++;
		return;
	}
	choice->states++;
	list(choice, snapshot);
	if (wanted && !by_name && !by_id)
		return;
	if (choice->found && (choice->by_name || !by_name))
		return;
	choice->chosen = *snapshot;
	choice->found = true;
	choice->by_name = by_name;
}

static int not_chosen(const char *path, const struct choice *choice, const char *wanted)
{
	if (!choice->states)
		message("no VM state in this qcow2 image: %s (%s)", path,
		        choice->without ? "its snapshots are of the disk alone"
		                        : "it has no snapshot; QEMU's savevm makes one");
	else if (wanted)
		message("no VM state '%s' in this qcow2 image: %s (there are %s%s)", wanted, path,
		        choice->list, choice->states > LISTED ? " and more" : "");
	else
		message("several VM states in one qcow2 image: %s (--snapshot of state show, "
		        "convert and import-qemu chooses: %s%s)",
		        path, choice->list, choice->states > LISTED ? " and more" : "");
	return TOOL_BAD;
}

static int choose(struct image *image, const char *path, const char *wanted)
{
	struct foreign_snapshot snapshot;
	struct choice choice = {.states = 0};
	char why[FOREIGN_WHY] = "";
	enum vpmu_status status = foreign_qcow2_open(&image->qcow2, &image->file, why, sizeof(why));

	while (!status) {
		status = foreign_qcow2_next(&image->qcow2, &snapshot, why, sizeof(why));
		if (!status)
			look_at(&choice, &snapshot, wanted);
	}
	if (status != VPMU_NO_REGISTER)
		return said(path, status, why);
	if (!choice.found || (!wanted && choice.states > 1))
		return not_chosen(path, &choice, wanted);
	status = foreign_qcow2_choose(&image->qcow2, &choice.chosen, why, sizeof(why));
	return status ? said(path, status, why) : TOOL_HOLDS;
}

int image_open(const char *path, const struct vpmu_source *file, const char *wanted,
               struct image **image)
{
	int status;

	*image = memory_get(sizeof(**image));
	if (!*image) {
		message("out of memory: %s", path);
		return TOOL_LACKS;
	}
	**image = (struct image){.file = *file};
	errno = 0;
	status = choose(*image, path, wanted);
	if (!status)
		return TOOL_HOLDS;
	free(*image);
	*image = NULL;
	return status;
}
