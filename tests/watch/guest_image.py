# SPDX-License-Identifier: MIT
"""A 64 KiB BIOS image: a guest that writes MSRs in real mode, from the reset vector on, and halts."""
import struct

SIZE = 0x10000


def load(opcode, value):
    """A 32-bit register from a constant, in 16-bit code."""
    return b'\x66' + bytes([opcode]) + struct.pack('<I', value)


def write(msr, value):
    return load(0xb9, msr) + load(0xb8, value & 0xffffffff) + load(0xba, value >> 32) + b'\x0f\x30'


def make(path, values):
    """values: pairs of MSR and value, in the sequence of writing."""
    code = b''.join(write(msr, value) for msr, value in values) + b'\xf4\xeb\xfd'  # hlt; jmp back
    reset = b'\xe9' + struct.pack('<h', 0xd)  # jmp from 0xfff0: 0xfff3 + 0xd wraps to 0
    image = code.ljust(SIZE - 16, b'\xf4') + reset.ljust(16, b'\xf4')
    with open(path, 'wb') as file:
        file.write(image)
