/* SPDX-License-Identifier: MIT */
/* A qcow2 image and the VM state in it that a person has chosen. */
#ifndef TOOL_IMAGE_H
#define TOOL_IMAGE_H

#include <stream/foreign/room.h>

struct image {
	struct vpmu_source file;
	struct foreign_qcow2 qcow2; /* its `state` is what QEMU has written */
};

/* Opens what the source has. wanted: a snapshot's name or number; NULL: there is but one with a VM
 * state. Returns the exit status; after TOOL_HOLDS the caller frees *image. */
int image_open(const char *path, const struct vpmu_source *file, const char *wanted,
               struct image **image);

#endif
