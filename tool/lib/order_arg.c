/* SPDX-License-Identifier: MIT */
/* Reads --order and --level. */
#include "order_arg.h"

#include <stdio.h>

#include <base/room.h>

#include "command.h"
#include "message.h"

static const char *order_name_at(const void *list, size_t i)
{
	const struct vpmu_order *order = vpmu_order_at(i);

	return order ? order->name : NULL;
}

static const char *level_name_at(const void *list, size_t i)
{
	return vpmu_level_name((enum vpmu_level)i);
}

static int unknown(const char *what, const char *text, name_at *name)
{
	const char *nearest = nearest_name(text, name, NULL);
	char known[200];

	message("unknown %s: '%s' (%s%s%s)", what, text, nearest ? "did you mean '" : "known are ",
	        nearest ? nearest : all_names(known, sizeof(known), ", ", name, NULL),
	        nearest ? "'?" : "");
	return TOOL_BAD;
}

int order_from_text(const char *text, const struct vpmu_order **order)
{
	*order = text ? vpmu_order_find(text) : vpmu_order_at(0);
	if (*order)
		return TOOL_HOLDS;
	return unknown("order", text, order_name_at);
}

int level_from_text(const char *text, enum vpmu_level *level)
{
	*level = text ? vpmu_level_find(text) : VPMU_LEVEL_FULL;
	if (*level != VPMU_LEVEL_NEVER)
		return TOOL_HOLDS;
	return unknown("level", text, level_name_at);
}

void order_print_help(void)
{
	const struct vpmu_order *order;

	for (size_t i = 0; (order = vpmu_order_at(i)); i++)
		printf("  %-20s %s%s%s\n", order->name, order->who, *order->who ? ": " : "",
		       order->about);
}
