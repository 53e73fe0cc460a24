# SPDX-License-Identifier: MIT
"""libvpmu from Python, by ctypes: a model, a state, a plan, a stream.

    model = vpmu.Model.parse("intel-v2,gp=8")
    layout = vpmu.Layout(model)
    state = layout.reset_state()
    state["IA32_PMC0"] = 5
    for write in state.plan(level="full", order="safe"):
        print(write.name, hex(write.msr), hex(write.value))
    assert layout.decode(state.encode(vcpu=1)) == (state, 1)

The structures are those of <vpmu/model.h> and <vpmu/state.h>. A failure is an Error, with the status
and the library's own reason. VPMU_LIBRARY names another libvpmu.so.
"""

import ctypes
import os
from ctypes import (POINTER, Structure, byref, c_bool, c_char, c_char_p, c_int, c_size_t, c_uint,
                    c_uint8, c_uint32, c_uint64, c_void_p)
from typing import NamedTuple

VERSION = (0, 2)  # of the headers that this file follows
NAME_BYTES = 32
MAX_REGISTERS, MAX_STATE, MAX_PLAN = 192, 144, 192
STREAM_BYTES = 2048
VENDORS = ("intel", "zhaoxin", "amd", "intel-p6")

_library = ctypes.CDLL(os.environ.get("VPMU_LIBRARY", "libvpmu.so.0"))


class Error(Exception):
    """A call failed: its status, as the library calls it, and the reason."""

    def __init__(self, status, why=""):
        self.status = status
        self.text = _library.vpmu_status_text(status).decode()
        super().__init__(f"{self.text}: {why}" if why else self.text)


class _Model(Structure):
    _fields_ = [
        ("name", c_char * NAME_BYTES), ("vendor", c_uint8), ("version", c_uint8),
        ("gp_count", c_uint8), ("gp_width", c_uint8), ("fixed_width", c_uint8),
        ("other_name", c_uint8), ("lbr", c_uint8), ("reserved_bytes", c_uint8 * 1),
        ("fixed_mask", c_uint32), ("features", c_uint32), ("events_length", c_uint32),
        ("events_missing", c_uint32), ("perf_capabilities", c_uint64), ("signature", c_uint32),
        ("gp_missing", c_uint32), ("reserved", c_uint32 * 12),
    ]


class _Register(Structure):
    _fields_ = [
        ("name", c_char * NAME_BYTES), ("msr", c_uint32), ("kind", c_uint8), ("index", c_uint8),
        ("width", c_uint8), ("guest", c_uint8), ("host", c_uint8), ("level", c_uint8),
        ("address", c_uint8), ("flags", c_uint8), ("reserved", c_uint8 * 4), ("writable", c_uint64), ("reset", c_uint64),
    ]


class _Layout(Structure):
    _fields_ = [
        ("model", _Model), ("has_global", c_bool), ("register_count", c_uint8),
        ("value_count", c_uint8), ("reserved", c_uint8 * 5), ("stored", c_uint8 * MAX_STATE),
        ("value_of", c_uint8 * MAX_REGISTERS), ("registers", _Register * MAX_REGISTERS),
    ]


class _State(Structure):
    _fields_ = [("model", _Model), ("values", c_uint64 * MAX_STATE)]


class _Write(Structure):
    _fields_ = [("msr", c_uint32), ("place", c_uint8), ("clear", c_bool), ("value", c_uint64)]


class _Plan(Structure):
    _fields_ = [
        ("order", c_void_p), ("level", c_uint8), ("reserved", c_uint8 * 7), ("count", c_size_t),
        ("writes", _Write * MAX_PLAN),
    ]


def _declare(name, result, *arguments):
    function = getattr(_library, name)
    function.restype, function.argtypes = result, arguments
    return function


_text = _declare("vpmu_status_text", c_char_p, c_int)
_version = _declare("vpmu_version_number", c_uint32)
_parse = _declare("vpmu_model_parse", c_int, POINTER(_Model), c_char_p, c_char_p, c_size_t)
_equal = _declare("vpmu_model_equal", c_bool, POINTER(_Model), POINTER(_Model))
_layout_init = _declare("vpmu_layout_init", c_int, POINTER(_Layout), POINTER(_Model))
_find = _declare("vpmu_layout_find", c_int, POINTER(_Layout), c_char_p)
_reset = _declare("vpmu_state_reset", None, POINTER(_State), POINTER(_Layout))
_value = _declare("vpmu_state_value", c_int, POINTER(_State), POINTER(_Layout), c_uint,
                  POINTER(c_uint64))
_set = _declare("vpmu_state_set", c_int, POINTER(_State), POINTER(_Layout), c_uint, c_uint64)
_order_find = _declare("vpmu_order_find", c_void_p, c_char_p)
_level_find = _declare("vpmu_level_find", c_int, c_char_p)
_plan_make = _declare("vpmu_plan_make", c_int, POINTER(_Plan), POINTER(_State), POINTER(_Layout),
                      c_int, c_void_p)
_encode = _declare("vpmu_stream_encode", c_int, POINTER(_State), POINTER(_Layout), c_uint32,
                   c_char_p, c_size_t, POINTER(c_size_t))
_decode = _declare("vpmu_stream_decode", c_int, c_char_p, c_size_t, POINTER(_Layout),
                   POINTER(_State), POINTER(c_uint32), c_char_p, c_size_t)

if (_version() >> 16, _version() >> 8 & 0xff) != VERSION:
    raise ImportError(f"libvpmu is of version {_version():#x}, this file of {VERSION}")


def _check(status, why=None):
    if status:
        raise Error(status, why.value.decode() if why else "")


class Model:
    """What the guest's CPU says its PMU is."""

    def __init__(self, raw):
        self.raw = raw

    @classmethod
    def parse(cls, text):
        raw, why = _Model(), ctypes.create_string_buffer(256)
        _check(_parse(byref(raw), text.encode(), why, len(why)), why)
        return cls(raw)

    def __getattr__(self, field):
        value = getattr(self.raw, field)
        return value.decode() if isinstance(value, bytes) else value

    def __eq__(self, other):
        return isinstance(other, Model) and _equal(byref(self.raw), byref(other.raw))

    @property
    def vendor(self):
        return VENDORS[self.raw.vendor]


class Register(NamedTuple):
    name: str
    msr: int
    width: int
    writable: int
    reset: int


class Write(NamedTuple):
    name: str
    msr: int
    value: int


class Layout:
    """A model's registers, and which of them have a value in a state."""

    def __init__(self, model):
        self.raw = _Layout()
        _check(_layout_init(byref(self.raw), byref(model.raw)))

    @property
    def registers(self):
        return [Register(r.name.decode(), r.msr, r.width, r.writable, r.reset)
                for r in self.raw.registers[:self.raw.register_count]]

    def place(self, name):
        place = _find(byref(self.raw), name.encode())
        if place < 0:
            raise KeyError(name)
        return place

    def reset_state(self):
        state = State(self)
        _reset(byref(state.raw), byref(self.raw))
        return state

    def decode(self, stream):
        """A state and its vCPU's number from a stream of this model."""
        state, vcpu, why = State(self), c_uint32(), ctypes.create_string_buffer(256)
        _check(_decode(stream, len(stream), byref(self.raw), byref(state.raw), byref(vcpu), why,
                       len(why)), why)
        return state, vcpu.value


class State:
    """The values of one vCPU's PMU, by register name."""

    def __init__(self, layout):
        self.layout, self.raw = layout, _State()

    def __getitem__(self, name):
        value = c_uint64()
        _check(_value(byref(self.raw), byref(self.layout.raw), self.layout.place(name),
                      byref(value)))
        return value.value

    def __setitem__(self, name, value):
        _check(_set(byref(self.raw), byref(self.layout.raw), self.layout.place(name), value))

    def __eq__(self, other):
        return (isinstance(other, State) and Model(self.raw.model) == Model(other.raw.model) and
                list(self.raw.values) == list(other.raw.values))

    def plan(self, level="full", order="safe"):
        """The writes of a put, in sequence."""
        plan = _Plan()
        _check(_plan_make(byref(plan), byref(self.raw), byref(self.layout.raw),
                          _level_find(level.encode()), _order_find(order.encode())))
        names = self.layout.raw.registers
        return [Write(names[w.place].name.decode(), w.msr, w.value)
                for w in plan.writes[:plan.count]]

    def encode(self, vcpu=0):
        room, used = ctypes.create_string_buffer(STREAM_BYTES), c_size_t()
        _check(_encode(byref(self.raw), byref(self.layout.raw), vcpu, room, len(room),
                       byref(used)))
        return room.raw[:used.value]
