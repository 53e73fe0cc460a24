/* SPDX-License-Identifier: MIT */
/* libvirt's XML about CPUs: capabilities, domain capabilities, domains, and a <cpu> by itself. */
#ifndef TOOL_FOREIGN_XML_H
#define TOOL_FOREIGN_XML_H

#include <stddef.h>

#include <stream/foreign/room.h>

/*
 * Adds the CPU of such a document, and sets the format. VPMU_NO_REGISTER: another document;
 * VPMU_BAD_DATA: no XML, or cut; VPMU_INCOMPATIBLE: a CPU that is not known; VPMU_INTERNAL: this
 * build has no XML. why: FOREIGN_WHY.
 */
enum vpmu_status foreign_xml_read(const char *text, size_t bytes, struct foreign_cpus *cpus,
                                  char *why);

#endif
