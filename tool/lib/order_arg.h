/* SPDX-License-Identifier: MIT */
/* Orders and levels as they are typed, with messages. */
#ifndef TOOL_ORDER_ARG_H
#define TOOL_ORDER_ARG_H

#include <vpmu/vpmu.h>

/* Each returns TOOL_HOLDS, or the exit status when a message has said what is wrong. text NULL: not
 * typed, the default (safe, full). */
int order_from_text(const char *text, const struct vpmu_order **order);
int level_from_text(const char *text, enum vpmu_level *level);

/* Prints the orders for --help, a line each. */
void order_print_help(void);

#endif
