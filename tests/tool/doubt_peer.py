# SPDX-License-Identifier: MIT
"""Plays the destination of a migration that leaves its source in doubt."""
import struct


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def word(name):
    header = name + struct.pack("<I", 0)
    return header + struct.pack("<I", crc32c(header))


def bring_into_doubt(listener):
    """Plays the destination up to COMMIT, and closes the connection."""
    connection, _ = listener.accept()
    with connection, connection.makefile("rb") as stream:
        stream.read(16)
        for wanted, answer in ((b"VPMU", b"REDY"), (b"END ", b"PREP"), (b"COMT", None)):
            kind = None
            while kind != wanted:
                kind, length, _ = struct.unpack("<4sII", stream.read(12))
                stream.read(length)
            if answer:
                connection.sendall(word(answer))
