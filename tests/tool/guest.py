# SPDX-License-Identifier: MIT
# Writes an ELF64 guest of a few machine instructions: guest.py FILE HEX-CODE
import struct
import sys

ADDRESS = 0x100000
code = bytes.fromhex(sys.argv[2])
offset = 64 + 56
header = struct.pack(
    "<16sHHIQQQIHHHHHH",
    b"\x7fELF\x02\x01\x01" + bytes(9),
    2,  # ET_EXEC
    62,  # EM_X86_64
    1, ADDRESS, 64, 0, 0, 64, 56, 1, 0, 0, 0)
segment = struct.pack("<IIQQQQQQ", 1, 7, offset, ADDRESS, ADDRESS, len(code), len(code), 1)
with open(sys.argv[1], "wb") as file:
    file.write(header + segment + code)
