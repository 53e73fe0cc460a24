/* SPDX-License-Identifier: MIT */
/* What src/stream shows to the rooms above it: the public streams, and the checksum. */
#ifndef STREAM_ROOM_H
#define STREAM_ROOM_H

#include <vpmu/stream.h>

/* CRC-32C (Castagnoli, RFC 3720 appendix B.4) of the bytes; goes on from `crc`, 0 at the start. */
uint32_t crc32c(uint32_t crc, const void *data, size_t bytes);

#endif
