/* SPDX-License-Identifier: MIT */
/* Reads libvirt's XML with libxml2: no network, no document type, nothing beyond its own limits. */
#include "foreign_xml.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if HAVE_LIBXML2

#include <libxml/parser.h>
#include <libxml/tree.h>

#include "file.h"
#include "lib/memory.h"

/* What is read. */
struct xml_cpu {
	struct foreign_traits traits;
	char model[64];
	bool passes_host; /* mode='host-passthrough' or 'maximum': no more is told */
};

static bool is(const xmlNode *node, const char *name)
{
	return node && node->type == XML_ELEMENT_NODE && !strcmp((const char *)node->name, name);
}

/* The first child of that name. */
static xmlNode *child(xmlNode *node, const char *name)
{
	xmlNode *at = node ? node->children : NULL;

	while (at && !is(at, name))
		at = at->next;
	return at;
}

/* Cut to the room; for one line. */
static void copy_plain(const char *from, char *text, size_t bytes)
{
	snprintf(text, bytes, "%s", from);
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

/* An attribute's value, or the element's own text: "" without one. */
static void copy_value(xmlChar *value, char *text, size_t bytes)
{
	copy_plain(value ? (const char *)value : "", text, bytes);
	xmlFree(value);
}

static void attribute(xmlNode *node, const char *name, char *text, size_t bytes)
{
	copy_value(xmlGetProp(node, BAD_CAST name), text, bytes);
}

static bool attribute_is(xmlNode *node, const char *name, const char *value)
{
	char text[64];

	attribute(node, name, text, sizeof(text));
	return !strcmp(text, value);
}

static bool number(xmlNode *node, const char *name, uint32_t most, uint32_t *value)
{
	char text[16], *end;
	unsigned long read;

	attribute(node, name, text, sizeof(text));
	read = strtoul(text, &end, 10);
	*value = (uint32_t)read;
	return *text >= '0' && *text <= '9' && !*end && read <= most;
}

/* --- A <cpu>, or a <mode> of domain capabilities ---------------------------------------------- */

static void read_feature(xmlNode *node, struct foreign_traits *traits)
{
	char name[64];
	uint32_t feature;

	attribute(node, "name", name, sizeof(name));
	feature = foreign_feature(name, strlen(name));
	traits->known |= feature;
	if (attribute_is(node, "policy", "disable") || attribute_is(node, "policy", "forbid"))
		traits->features &= ~feature;
	else
		traits->features |= feature;
}

static void read_signature(xmlNode *node, struct foreign_traits *traits)
{
	uint32_t family, model, stepping;

	if (!node || !number(node, "family", 255 + 15, &family) ||
	    !number(node, "model", 255, &model) || !number(node, "stepping", 15, &stepping))
		return;
	traits->has_signature = true;
	traits->has_name = false;
	traits->signature = foreign_signature(family, model, stepping);
}

static void read_cpu(xmlNode *node, struct xml_cpu *cpu)
{
	struct foreign_traits *traits = &cpu->traits;
	xmlNode *model = child(node, "model"), *vendor = child(node, "vendor");
	char text[64];

	cpu->passes_host = !model && (attribute_is(node, "mode", "host-passthrough") ||
	                              attribute_is(node, "mode", "maximum") ||
	                              attribute_is(node, "mode", "host-model"));
	if (model)
		copy_value(xmlNodeGetContent(model), cpu->model, sizeof(cpu->model));
	foreign_name(cpu->model, strlen(cpu->model), traits);
	if (vendor) {
		copy_value(xmlNodeGetContent(vendor), text, sizeof(text));
		traits->has_vendor |= foreign_vendor(text, strlen(text), &traits->vendor);
	}
	read_signature(child(node, "signature"), traits);
	for (xmlNode *at = node->children; at; at = at->next)
		if (is(at, "feature"))
			read_feature(at, traits);
}

/* --- Documents -------------------------------------------------------------------------------- */

static xmlNode *host_model(xmlNode *cpu)
{
	for (xmlNode *at = cpu ? cpu->children : NULL; at; at = at->next)
		if (is(at, "mode") && attribute_is(at, "name", "host-model"))
			return at;
	return NULL;
}

/* Where the document has its CPU; NULL: nowhere. */
static xmlNode *find_cpu(xmlNode *root, const char **format)
{
	if (is(root, "capabilities")) {
		*format = "libvirt's capabilities";
		return child(child(root, "host"), "cpu");
	}
	if (is(root, "domainCapabilities")) {
		*format = "libvirt's domain capabilities";
		return host_model(child(root, "cpu"));
	}
	if (is(root, "domain")) {
		*format = "libvirt's domain";
		return child(root, "cpu");
	}
	*format = "libvirt's CPU";
	return is(root, "cpu") ? root : NULL;
}

/* <features><pmu state='off'/></features> of a domain. */
static void read_switch(xmlNode *root, struct foreign_traits *traits)
{
	xmlNode *pmu = child(child(root, "features"), "pmu");

	if (!pmu)
		return;
	traits->has_pmu = true;
	traits->pmu = !attribute_is(pmu, "state", "off");
}

static enum vpmu_status read_document(xmlNode *root, struct foreign_cpus *cpus, char *why)
{
	struct xml_cpu cpu = {.passes_host = false};
	xmlNode *node = find_cpu(root, &cpus->format);
	char name[40];

	if (!node) {
		copy_plain(root ? (const char *)root->name : "", name, sizeof(name));
		snprintf(why, FOREIGN_WHY, "it looks like XML, <%s>, and has no <cpu> of libvirt's",
		         name);
		return VPMU_NO_REGISTER;
	}
	read_cpu(node, &cpu);
	if (cpu.passes_host) {
		snprintf(why, FOREIGN_WHY,
		         "the CPU is the host's, which is not in this file "
		         "(virsh capabilities tells it)");
		return VPMU_INCOMPATIBLE;
	}
	if (!cpu.traits.has_vendor && !cpu.traits.has_signature) {
		snprintf(why, FOREIGN_WHY, "CPU model '%.40s' is not known here", cpu.model);
		return VPMU_INCOMPATIBLE;
	}
	read_switch(root, &cpu.traits);
	return foreign_add_traits(cpus, &cpu.traits, "0", why, FOREIGN_WHY);
}

/* A document type could have entities that grow without an end; libvirt writes none. */
static bool has_document_type(const char *text, size_t bytes)
{
	return memmem(text, bytes, "<!", 2) &&
	       (memmem(text, bytes, "<!DOCTYPE", 9) || memmem(text, bytes, "<!ENTITY", 8));
}

static enum vpmu_status fail_xml(xmlParserCtxt *context, char *why)
{
	const xmlError *error = context ? xmlCtxtGetLastError(context) : NULL;
	char text[200] = "";

	if (error && error->message)
		copy_plain(error->message, text, sizeof(text));
	snprintf(why, FOREIGN_WHY, "it is no XML: line %d: %.*s", error ? error->line : 0,
	         (int)strcspn(text, "?"), text);
	return VPMU_BAD_DATA;
}

/* What is wrong is told from here. */
static void say_nothing(void *context, const char *format, ...)
{
}

/*
 * libxml2's allocator: a failed allocation ends the tool, because libxml2's parser silently drops
 * what it has no memory for, and that of 2.9 follows null pointers.
 */
static void *or_end(void *got, size_t bytes)
{
	if (!got && bytes)
		output_end_without_memory("XML");
	return got;
}

static void *xml_get(size_t bytes)
{
	return or_end(memory_get(bytes), bytes);
}

static void *xml_resize(void *old, size_t bytes)
{
	return or_end(memory_resize(old, bytes), bytes);
}

static char *xml_copy(const char *text)
{
	return or_end(memory_copy(text), 1);
}

static void prepare(void)
{
	static bool prepared;

	if (!prepared)
		xmlMemSetup(free, xml_get, xml_resize, xml_copy);
	prepared = true;
	xmlSetGenericErrorFunc(NULL, say_nothing);
}

static enum vpmu_status read_text(const char *text, size_t bytes, struct foreign_cpus *cpus,
                                  char *why)
{
	xmlParserCtxt *context;
	enum vpmu_status status;
	xmlDoc *document = NULL;

	prepare();
	context = xmlNewParserCtxt();
	if (context)
		document = xmlCtxtReadMemory(context, text, (int)bytes, NULL, "UTF-8",
		                             XML_PARSE_NONET | XML_PARSE_NOERROR |
		                                     XML_PARSE_NOWARNING);
	status = document ? read_document(xmlDocGetRootElement(document), cpus, why)
	                  : fail_xml(context, why);
	xmlFreeDoc(document);
	xmlFreeParserCtxt(context);
	return status;
}

enum vpmu_status foreign_xml_read(const char *text, size_t bytes, struct foreign_cpus *cpus,
                                  char *why)
{
	enum vpmu_status status;

	*cpus = (struct foreign_cpus){.format = "XML"};
	if (has_document_type(text, bytes) || bytes > INT_MAX) {
		snprintf(why, FOREIGN_WHY, "XML with a document type, which libvirt's lacks");
		return VPMU_BAD_DATA;
	}
	status = read_text(text, bytes, cpus, why);
	if (!memory_ran_out())
		return status;
	snprintf(why, FOREIGN_WHY, "out of memory");
	return VPMU_HOST;
}

#else

enum vpmu_status foreign_xml_read(const char *text, size_t bytes, struct foreign_cpus *cpus,
                                  char *why)
{
	*cpus = (struct foreign_cpus){.format = "XML"};
	snprintf(why, FOREIGN_WHY, "it looks like XML, which this build does not read");
	return VPMU_INTERNAL;
}

#endif
