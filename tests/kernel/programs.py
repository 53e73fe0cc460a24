# SPDX-License-Identifier: MIT
"""Random replay programs: any model and override, any command, valid and invalid values, with
counters kept near their ends so that overflows are common. A program is a list of lines; the same
random generator state gives the same program."""

import re

MODELS = (
    "intel-v1",
    "intel-v1,gp=4",
    "intel-v1,gp=0",
    "intel-v2",
    "intel-v2",
    "intel-v2,gp=8",
    "intel-v2,gp=8",
    "intel-v2,gp=1,fixed=1",
    "intel-v2,gp=0",
    "intel-v2,gp=0,fixed=0",
    "intel-v2,fixed=0",
    "intel-v2,width=40",
    "intel-v2,width=32,gp=2",
    "intel-v2,full-width=off",
    "intel-v2,full-width=off,pdcm=off",
    "intel-v2,gp=10",
    "intel-v2,events-missing=0x2",
    "intel-v2,events-length=2,events-missing=0x3",
    "intel-v2,pmu=off",
    "intel-v3",
    "intel-v4",
    "intel-v5",
    "intel-p6",
    "zhaoxin-v2",
    "amd-k7",
    "amd-k7",
    "amd-perfcore",
    "amd-perfcore",
    "amd-perfmon-v2",
    "amd-perfmon-v2",
    "amd-perfmon-v2,gp=4",
    "amd-perfmon-v2,gp=2",
    "amd-perfmon-v2,gp=0",
    "amd-perfmon-v2,gp=9",
    "amd-k7,pmu=off",
    "haswell",
    "skylake",
    "skylake,lbr-format=5",
    "haswell,lbr-format=4",
    "intel-v2,lbr-format=3",
    "intel-v2,lbr-format=7,gp=2",
    "intel-v1,pebs=4",
    "intel-v2,pebs=4",
    "intel-v2,pebs=3,gp=2",
    "intel-v2,pebs=4,full-width=off,lbr-format=5",
    "sapphire-rapids,pebs=4",
    "icelake",
    "sapphire-rapids",
    "intel-v6",
    "zx-c",
    "kx-7000",
    "hygon",
    "zen2",
    "zen4",
    "zen5",
)
OF_AMD = ("amd", "zen", "hygon")

INTEL_HOST = {
    "gp": (1, 2, 3, 4, 6, 8),
    "fixed": (0, 1, 2, 3),
    "width": (32, 36, 40, 44, 48),
    "tsx": ("on",),
    "pdcm": ("off",),
    "enable-pmu": ("on", "on", "on", "off"),
    "lbr-format": (1, 3, 4, 5, 6, 7),
    "pebs": ("on",),
}
AMD_HOST = {"gp": (4, 5, 6), "perfmon-v2": ("off",), "enable-pmu": ("on", "on", "on", "off"), "svm": ("on",),
            "lbrv": ("off",)}
# Whose hosts have no last branches for guests.
NO_LBR = ("zhaoxin", "zx", "kx")
# MSR_LBR_SELECT and MSR_LASTBRANCH_TOS, entries, DEBUGCTL: every kind of each, and their neighbours.
LBR_MSRS = (0x1C8, 0x1C9, 0x1D9, 0x1D9, 0x1D9, 0x680, 0x681, 0x68F, 0x690, 0x69F, 0x6A0, 0x6C0, 0x6C1, 0x6CF, 0x6D0,
            0xDC0, 0xDC1, 0xDDF, 0xDE0)
LBR_VALUES = (0, 1, 1, 0x801, 0x801, 0x800, 0x803, 0x1000, 0x8000, 5, 0x1F, 0x20, 0x1FF, 0x200, 0x3FF, 0x401000,
              0x7FFFFFFFFFFF, 0x800000000000, 0xFFFF800000001234, 1 << 63, 1 << 61, 1 << 60)
# IA32_PEBS_ENABLE, IA32_DS_AREA, what decides about them and their status bit, and their neighbours.
PEBS_MSRS = (0x3F1,) * 5 + (0x600, 0x600, 0x390, 0x390, 0x390, 0x38E, 0x38E, 0x345, 0x3F0, 0x3F2, 0x1A0)
PEBS_VALUES = {
    0x3F1: (0, 1, 1, 1, 2, 3, 3, 3, 0xF, 0xF, 0xF, 0xFF, 0x100, 1 << 32, 1 << 63),
    0x600: (0, 0x1000, 0x7FFFFFFFFFFF, 0x800000000000, 0xFFFFFF8000000000, 0xFF00000000000000, 0x100000000000000,
            1 << 63),
    0x345: (0, 0x2000, 0x400, 0x4C0, 0x24C0, 0x24C0, 0x2480, 0x64C0, 0x23C0, 0xC0, 0x24C5),
    0x390: (1 << 62, 1 << 62, 1 << 62 | 0xF, 0xF),
    0x38E: (1 << 62, 0, 0xF),
    0x3F2: (0, 1, 0xFF00000F),
    0x1A0: (0, 0x1800, 0x800, 0x1000),
}
# AMD's DebugCtl: each bit that a kernel knows, and some that none does.
DEBUGCTL_VALUES = (0, 1, 1, 2, 3, 4, 5, 0x20, 0x3F, 0x40, 0x41, 0x800, 0x1000, 1 << 63)
# Of another vendor: KVM goes by its own registers, whatever vendor string the guest has.
HOST_VENDORS = ("intel", "zhaoxin", "amd")
# A host without these has no mediated vPMU.
MEDIATED_NEEDS = ("pdcm", "perfmon-v2")

INTEL_EVENTS = (0xC0, 0xC0, 0xC0, 0x3C, 0x3C, 0x13C, 0xC4, 0xC5, 0x4F2E, 0x412E, 0x300, 0x1C2, 0x1C4, 0x81D0,
                0x104E, 0)
AMD_EVENTS = (0xC0, 0xC0, 0xC0, 0x76, 0x76, 0xC2, 0xC3, 0x1C0, 0x1000000C0, 0x40, 0xD1, 0x129, 0x429)
# USR, OS, EDGE, pin control, INT, INV; ENABLE is added most of the time.
SELECTOR_FLAGS = (16, 17, 17, 17, 18, 19, 20, 20, 20, 23)
ENABLE = 1 << 22
# GuestOnly, HostOnly.
SVM_MODES = (1 << 40, 1 << 41, 3 << 40)
LVTPC = (0x400, 0x400, 0x400, 0x10400, 0x10400, 0xF2, 0x100F2, 0, 0x200, 0x100, 0x300, 0x500, 0x600,
         0x10600, 0x1F4F2)


def numbers(base, count, stride=1):
    return [base + i * stride for i in range(count)]


AMD_CHANGES = (
    "",
    "pmu=off",
    "perfmon-v2=off perfcore=off gp=4",
    "perfmon-v2=off perfcore=on gp=6",
    "perfcore=on perfmon-v2=on gp={}",
    "perfcore=on perfmon-v2=on gp={}",
)


class Registers:
    """The MSR numbers that a vendor's programs use, by what their values look like; counters and
    selectors of the same place in their lists belong together; `state` is read at the end."""

    def __init__(self, counters, selectors, controls, aliases, others, state):
        self.counters = counters
        self.selectors = selectors
        self.controls = controls
        self.aliases = aliases
        self.others = others
        self.state = state
        self.readable = [*counters, *selectors, *controls, *aliases] * 3 + list(others)


INTEL = Registers(
    counters=numbers(0xC1, 9),
    selectors=numbers(0x186, 9),
    controls=(0x38D, 0x38D, 0x38E, 0x38F, 0x38F, 0x390),
    aliases=numbers(0x4C1, 9) + numbers(0x309, 4) * 3,
    others=(0x1A0, 0x1A0, 0x345, 0x391, 0x392, 0x3F1, 0x3F2, 0x600, 0xC0010000, 0xC0010004, 0xC0010200,
            0xC0000301),
    state=numbers(0xC1, 8) + numbers(0x186, 8) + numbers(0x309, 3) + [0x345, 0x38D, 0x38E, 0x38F, 0x3F1, 0x600],
)
AMD = Registers(
    counters=numbers(0xC0010201, 7, 2),
    selectors=numbers(0xC0010200, 7, 2),
    controls=numbers(0xC0000300, 4),
    aliases=numbers(0xC0010004, 4),
    others=(0x1A0, 0xC1, 0xC3, 0x186, 0x188, 0x309, 0x345, 0x38D, 0x38F, 0x4C1),
    state=numbers(0xC0010000, 8) + numbers(0xC0010200, 12) + [0xC0000300, 0xC0000301],
)
K7 = Registers(
    counters=numbers(0xC0010004, 4),
    selectors=numbers(0xC0010000, 4),
    controls=AMD.controls,
    aliases=numbers(0xC0010200, 4),
    others=AMD.others,
    state=numbers(0xC0010000, 8) + [0xC0010200, 0xC0000301],
)


class Generator:
    """Makes programs for one profile from a random generator, without the commands in `without`,
    of the given models or of any."""

    def __init__(self, rng, profile, without=(), models=()):
        self.rng = rng
        self.profile = profile
        self.mediated = profile == "mediated"
        self.models = models or MODELS
        weights = {name: weight for name, weight in COMMANDS.items() if name not in without}
        self.commands = [getattr(self, name.replace("-", "_")) for name in weights]
        self.weights = list(weights.values())
        self.disable = 0 if FIRST_COMMAND in without else 0.01
        self.hosts = 0 if "host" in without else 0.2
        self.lbr_format = None
        self.pebs = False

    def program(self, length):
        model = self.rng.choice(self.models)
        self.model = model
        self.asks_amd = model.startswith(OF_AMD)
        self.amd = self.asks_amd  # the host is one of AMD's
        self.off = "pmu=off" in model
        self.p6 = model == "intel-p6"  # nothing of it can be changed
        self.registers = (K7 if "k7" in model else AMD) if self.amd else INTEL
        self.fixed = "intel-v1" not in model
        self.longest = 1 << 48
        self.narrow(int((re.search(r"width=(\d+)", model) or [0, 48])[1]))
        lines = [f"model {model}", f"profile {self.profile}"]
        self.tsx = False
        self.lbr_format = None
        if "lbr-format" in model:
            self.lbr_format = model.split("lbr-format=")[1].split(",")[0]
        self.pebs = "pebs=" in model
        if self.rng.random() < (0.9 if (self.lbr_format or self.pebs) and self.hosts else self.hosts):
            lines.append(self.host())
        if self.rng.random() < self.disable:
            lines.append("cap-pmu-disable")
        if self.rng.random() < 0.8:
            lines += self.switch_on().split("\n")
        while len(lines) < length:
            for command in self.rng.choices(self.commands, self.weights, k=8):
                lines += command().split("\n")
        return lines + self.ending()

    def narrow(self, width):
        """A run is not much longer than a round of a narrow counter: each overflow is executed."""
        self.longest = min(self.longest, 1 << width + 2)

    def host(self):
        """Some properties of the host, each once."""
        vendor = self.host_vendor() if self.rng.random() < 0.15 else ""
        keys = AMD_HOST if self.amd else INTEL_HOST
        if self.mediated:
            keys = {key: values for key, values in keys.items() if key not in MEDIATED_NEEDS}
        chosen = self.rng.sample(sorted(keys), self.rng.randrange(1, 4 if len(keys) > 3 else len(keys) + 1))
        values = {key: self.rng.choice(keys[key]) for key in chosen}
        if self.lbr_format and not self.amd and self.rng.random() < 0.9:
            values["lbr-format"] = self.lbr_format
        if self.pebs and not self.amd and self.rng.random() < 0.9:
            values["pebs"] = "on"
        if "zhaoxin" in vendor or (not vendor and self.model.startswith(NO_LBR)):
            values.pop("lbr-format", None)
            values.pop("pebs", None)
        if not values:
            values["width"] = 48
        self.tsx = values.get("tsx") == "on"
        self.narrow(values.get("width", 48))
        return f"host {vendor}" + " ".join(f"{key}={value}" for key, value in values.items())

    def host_vendor(self):
        """The host is of a vendor that is drawn; its registers are used, most of the time."""
        vendor = self.rng.choice(HOST_VENDORS)
        if (vendor == "amd") != self.amd and self.rng.random() < 0.8:
            self.registers = INTEL if self.amd else K7
        self.amd = vendor == "amd"
        return f"vendor={vendor} "

    def ending(self):
        """What the program has come to: every register, the events, and the pending PMIs."""
        reads = [f"host-rdmsr {index:#x}" for index in self.registers.state]
        return ["events"] + reads + ["enter", "events"]

    def value_near_end(self):
        choice = self.rng.random()
        width = self.rng.choice((32, 40, 48, 48, 48, 64))
        if choice < 0.6:
            return (1 << width) - self.rng.choice((1, 2, 3, 10, 100, self.rng.randrange(1, 400)))
        if choice < 0.8:
            return self.rng.choice((0, 1, 2, 100, 1 << 31, 1 << 47, (1 << 47) - 5))
        return self.rng.getrandbits(64)

    def selector_value(self):
        value = self.rng.choice(AMD_EVENTS if self.amd else INTEL_EVENTS)
        for flag in self.rng.choices(SELECTOR_FLAGS, k=3):
            value |= 1 << flag
        if self.rng.random() < 0.85:
            value |= ENABLE
        if self.rng.random() < 0.05:
            value |= self.rng.getrandbits(8) << 24
        if self.rng.random() < 0.03:
            value |= 1 << self.rng.randrange(64)
        if self.tsx and self.rng.random() < 0.4:
            value |= self.rng.choice((1 << 32, 1 << 33, 1 << 33, 3 << 32))
        if self.amd and self.rng.random() < 0.25:
            value |= self.rng.choice(SVM_MODES)
        return 0 if self.rng.random() < 0.08 else value

    def fixed_control_value(self):
        value = 0
        for i in range(3):
            value |= self.rng.choice((0, 0, 1, 2, 3, 9, 0xA, 0xB, 0xB, 8)) << 4 * i
        if self.rng.random() < 0.03:
            value |= 1 << self.rng.randrange(64)
        return value

    def global_value(self):
        choice = self.rng.random()
        counters = 0x3F if self.amd else self.rng.choice((0xF, 0x70000000F, 0x7000000FF))
        if choice < 0.4:
            return counters
        if choice < 0.6:
            return 0
        if choice < 0.95:
            return self.rng.getrandbits(36) & counters
        return 1 << self.rng.randrange(64)

    def msr_and_value(self):
        choice = self.rng.random()
        if choice < 0.25:
            return self.rng.choice(self.registers.counters), self.value_near_end()
        if choice < 0.4:
            return self.rng.choice(self.registers.aliases), self.value_near_end()
        if choice < 0.65:
            return self.rng.choice(self.registers.selectors), self.selector_value()
        if choice < 0.97:
            index = self.rng.choice(self.registers.controls)
            fixed = index == 0x38D
            return index, self.fixed_control_value() if fixed else self.global_value()
        return self.rng.choice(self.registers.others), self.rng.choice((0, 0, 1, 5, 0x2000, 0x1800, 0x1880, 0x41801))

    def lbr_msr(self):
        return self.rng.choice(LBR_MSRS)

    def lbr(self):
        """Accesses to last branches and DEBUGCTL, and what the host would have."""
        who = self.rng.choice(("", "", "host-"))
        if self.amd and self.rng.random() < 0.3:
            return self.rng.choice((f"{who}wrmsr 0x1d9 {self.rng.choice(DEBUGCTL_VALUES):#x}", f"{who}rdmsr 0x1d9"))
        if not self.lbr_format and self.rng.random() < 0.8:
            return self.enter()
        choice = self.rng.random()
        if choice < 0.5:
            return f"{who}wrmsr {self.lbr_msr():#x} {self.rng.choice(LBR_VALUES):#x}"
        if choice < 0.92:
            return f"{who}rdmsr {self.lbr_msr():#x}"
        return f"{who}wrmsr 0x345 {self.rng.choice((0, 0x2000, 0x2003, 0x2004, 0x2005, 0x2007, 0x5)):#x}"

    def pebs_access(self):
        """Accesses to the registers of PEBS, and to what the VMM decides about it."""
        if not self.pebs and self.rng.random() < 0.8:
            return self.enter()
        who = self.rng.choice(("", "", "host-"))
        index = self.rng.choice(PEBS_MSRS)
        if self.rng.random() < 0.35:
            return f"{who}rdmsr {index:#x}"
        if index in (0x345, 0x38E):
            who = "host-"
        return f"{who}wrmsr {index:#x} {self.rng.choice(PEBS_VALUES.get(index, (0, 1))):#x}"

    def either_wrmsr(self, index, value):
        return f"{self.rng.choice(('wrmsr', 'wrmsr', 'host-wrmsr'))} {index:#x} {value:#x}"

    def arm(self):
        """Makes one of the first counters count something, soon to overflow."""
        which = self.rng.randrange(4)
        event = self.rng.choice((0xC0, 0xC0, 0x76, 0xC2) if self.amd else INTEL_EVENTS[:8])
        flags = self.rng.choice((0x530000, 0x530000, 0x520000, 0x510000, 0x430000))
        value = (1 << self.rng.choice((32, 40, 48))) - self.rng.randrange(1, 300)
        writes = [self.either_wrmsr(self.registers.selectors[which], event | flags),
                  self.either_wrmsr(self.registers.counters[which], value)]
        if not self.amd and self.rng.random() < 0.3:
            writes = [self.either_wrmsr(0x309 + which % 3, (1 << 48) - self.rng.randrange(1, 300)),
                      self.either_wrmsr(0x38D, 0xBBB)]
        self.rng.shuffle(writes)
        return "\n".join(writes)

    def switch_on(self):
        """All counters, by global control; and the PMI unmasked."""
        control, counters = (0xC0000301, 0x3F) if self.amd else (0x38F, 0x70000000F)
        pebs = f"\nwrmsr 0x3f1 {self.rng.choice((1, 3, 0xF)):#x}" if self.pebs and self.rng.random() < 0.7 else ""
        return f"lvtpc 0x400\nwrmsr {control:#x} {counters:#x}{pebs}"

    def wrmsr(self):
        return "wrmsr {:#x} {:#x}".format(*self.msr_and_value())

    def host_wrmsr(self):
        return "host-wrmsr {:#x} {:#x}".format(*self.msr_and_value())

    def rdmsr(self):
        return f"rdmsr {self.rng.choice(self.registers.readable):#x}"

    def host_rdmsr(self):
        return f"host-rdmsr {self.rng.choice(self.registers.readable):#x}"

    def rdpmc(self):
        ecx = self.rng.randrange(9)
        if self.rng.random() < 0.4:
            ecx |= self.rng.choice((0x40000000, 0x80000000, 0xC0000000, 0x20000000, 0x10000))
        if self.rng.random() < 0.03:
            ecx = self.rng.getrandbits(32)
        return f"rdpmc {ecx:#x}" + self.rng.choice(("", "", " cpl=3", " cpl=3 pce=0", " pce=0"))

    def cpl(self):
        return self.rng.choice(("", "", "", "", "", "", " cpl=3", " cpl=3", " cpl=1", " cpl=2"))

    def amounts(self, longest):
        most = self.rng.choice((2, 10, 300, 300, 300, 1 << 12, longest))
        words = [f"instructions={self.rng.randrange(most + 1)}"]
        for name in ("cycles", "ref-cycles", "branches", "branch-misses", "llc-references",
                     "llc-misses"):
            if self.rng.random() < 0.3:
                words.append(f"{name}={self.rng.randrange(most + 1)}")
        for name in ("conditional-branches", "loads",
                     "loads-or-stores", "prefetches", "slots"):
            if self.rng.random() < 0.1:
                words.append(f"{name}={self.rng.randrange(most + 1)}")
        return " ".join(words)

    def run(self):
        return f"run {self.amounts(self.longest)}" + self.cpl()

    def exclude_host(self):
        return "exclude-host " + self.rng.choice(("on", "off", "off", "off"))

    def host_run(self):
        return f"host-run {self.amounts(1 << 12)}"

    def emulate(self):
        return "emulate" + self.rng.choice(("", " branch")) + self.cpl()

    def lvtpc(self):
        return f"lvtpc {self.rng.choice(LVTPC):#x}"

    def enter(self):
        return "enter"

    def schedule(self):
        return "schedule"

    def svm(self):
        return "svm " + self.rng.choice(("off", "host", "host", "guest"))

    def reset(self):
        return "reset"

    def events(self):
        return "events"

    def filter(self):
        if self.rng.random() < 0.3:
            return "filter none"
        words = [self.rng.choice(("filter allow", "filter deny"))]
        masked = self.rng.random() < 0.4
        if masked:
            words.append("masked")
        if self.rng.random() < 0.5:
            words.append(f"fixed={self.rng.randrange(16):#x}")
        events = AMD_EVENTS if self.amd else INTEL_EVENTS
        for _ in range(self.rng.randrange(5)):
            event = self.rng.choice(events)
            if masked:
                event |= self.rng.choice((0, 0xFF, 0xFE, self.rng.getrandbits(8))) << 56
                event |= (self.rng.random() < 0.3) << 55
                event ^= (self.rng.random() < 0.05) << self.rng.randrange(64)
            elif self.rng.random() < 0.05:
                event |= 1 << self.rng.randrange(64)
            words.append(f"{event:#x}")
        return " ".join(words)

    def fail_create(self):
        return f"fail-create {self.rng.randrange(4)}"

    def cpuid(self):
        # On 6.1 a counter that is taken away keeps its event, which overflows after each of its
        # last sample periods, however short, for ever: a long run would take as long.
        self.longest = 1 << 12
        if self.off or self.p6:
            return "cpuid"
        if self.asks_amd:
            return f"cpuid {self.rng.choice(AMD_CHANGES)}".format(self.rng.randrange(1, 9)).strip()
        length = self.rng.randrange(8)
        changes = (
            (0.5, f"gp={self.rng.randrange(1, 9)}"),
            (0.2, f"fixed={self.rng.randrange(4)}" if self.fixed else "gp=2" if self.pebs else "pdcm=off"),
            (0.05, f"width={self.rng.randrange(32, 65)}"),
            (0.1, f"events-length={length} events-missing={self.rng.getrandbits(length):#x}"),
            (0.1, "full-width=off"),
            (0.3 if self.pebs else 0, f"pebs={self.rng.choice((0, 3, 4))}"),
            (0.03, "pmu=off"),
        )
        made = [text for often, text in changes if self.rng.random() < often]
        return " ".join(["cpuid"] + (["pmu=off"] if "pmu=off" in made else made))


FIRST_COMMAND = "cap-pmu-disable"  # before any other, in some programs
# The commands and how often each is made; a generator has a method of each name.
COMMANDS = {
    "arm": 8,
    "switch-on": 4,
    "wrmsr": 20,
    "host-wrmsr": 8,
    "rdmsr": 8,
    "host-rdmsr": 3,
    "rdpmc": 4,
    "run": 16,
    "emulate": 8,
    "enter": 8,
    "lvtpc": 4,
    "schedule": 4,
    "reset": 1,
    "svm": 1,
    "events": 4,
    "filter": 1.5,
    "fail-create": 1,
    "exclude-host": 0.5,
    "host-run": 3,
    "cpuid": 0.7,
    "lbr": 8,
    "pebs-access": 8,
}
