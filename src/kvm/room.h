/* SPDX-License-Identifier: MIT */
/* What src/kvm shows to the rooms above it: the public probe, target and policy, and nothing else.
 */
#ifndef KVM_ROOM_H
#define KVM_ROOM_H

#include <vpmu/kvm.h>

#endif
