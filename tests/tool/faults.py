# SPDX-License-Identifier: MIT
"""Every command while the host refuses something: memory, a write, disk space. As TAP.

faults.py VPMU FAULT_LIBRARY GOLDEN_FILE QEMU_FILE [--each N] [--only WORDS] [--seed N]

Of each command N failures of each kind are tried, chosen at random; --each 0 tries all. A failure
has two right ends: the command does not need what failed, and does the same as without; or it
ends with "this host lacks", one line says so, and every file is what it was or what it was to be.
"""
import argparse
import gzip
import json
import os
import random
import re
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time

from tap import check, finish

parser = argparse.ArgumentParser()
parser.add_argument("vpmu")
parser.add_argument("library")
parser.add_argument("golden")
parser.add_argument("qemu")
parser.add_argument("--each", type=int, default=6)
parser.add_argument("--only", default="", help="commands that begin so")
parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
arguments = parser.parse_args()
VPMU = os.path.abspath(arguments.vpmu)
LIBRARY = os.path.abspath(arguments.library)
chance = random.Random(arguments.seed)
print(f"# seed {arguments.seed}")

BAD = 2  # DESIGN: usage or bad input
LACKS = 3  # DESIGN: this host lacks something
NO_GUEST = 166  # of vpmu run --listen: it had no memory for the guest that came
OUTPUT_FAILED = 164  # of vpmu run, whose statuses below are the guest's
PATIENCE = 120  # seconds, for a command that hangs
LOG = "log"  # of vpmu watch
GOES_ON = b"; the guest goes on as it is"  # of vpmu run: it could not be saved
STAYS = b"vpmu: not migrated, the guest goes on here: "  # of vpmu run: up to its own end, which is
OWN_END = 126  # --max-instructions
ENDED = b'"reason": "no-memory"'  # of vpmu run: the document of what was done
OLD = b"what was there before\n"
# What differs from run to run.
VOLATILE = re.compile(rb'"(cpu_)?seconds": [0-9.e-]+|[0-9.,]+ (CPU )?s(econds)?\b|"time":[0-9.e-]+|'
                      rb'nanoseconds":\d+|^ *[0-9]+\.[0-9]{6} |[0-9.]+ [mun]s\b|'
                      rb'[0-9.]+ (million )?transitions in each', re.M)

folder = tempfile.TemporaryDirectory()
inputs = os.path.join(folder.name, "in")
os.mkdir(inputs)


def made(name, *command):
    """The standard output of the tool, as an input file."""
    with open(f"{inputs}/{name}", "wb") as file:
        subprocess.run([VPMU, *command], stdout=file, stderr=subprocess.DEVNULL, check=False)


def packed(name, pack):
    with open(f"{inputs}/{name}", "wb") as file:
        file.write(pack(b"IA32_PMC0 = 0x12\n0x186 = 0x5300c0\n"))


def make_inputs():
    for name in ("intel-v2", "zen4"):
        shutil.copy(f"{os.path.dirname(arguments.golden)}/{name}.vpmu", inputs)
        made(f"{name}.json", "state", "convert", "--to", "json", f"{inputs}/{name}.vpmu", "-")
    made("report.json", "models", "intel-v4", "--json")
    for part in (1, 2):
        made(f"part{part}", *CHECK, "--shard", f"{part}/2", "--json")
    with open(f"{inputs}/script", "w") as script:
        script.write("model intel-v2\nwrmsr 0x186 0x5300c0\nwrmsr 0x38f 1\nrun instructions=1000\n"
                     "save one\nput one\nstate\n")
    packed("packed.gz", gzip.compress)
    os.mkdir(f"{inputs}/folder")
    for name in ("intel-v2.vpmu", "zen4.vpmu"):
        shutil.copy(f"{inputs}/{name}", f"{inputs}/folder")
    with open(f"{inputs}/plan", "w") as plan:
        plan.write("IA32_PERF_GLOBAL_CTRL 0\nIA32_PMC0 0xfffffffffffd\n"
                   "IA32_PERFEVTSEL0 0x5300c0\nIA32_PERF_GLOBAL_CTRL 1\n")
    with open(f"{inputs}/fleet", "w") as fleet:
        fleet.writelines(f"host{i} intel-v{i % 4 + 1}\n" for i in range(200))
    # Says "A" and exits with 0; counts for ever.
    for name, code in (("exit", "66baf803b041ee66baf40031c0ee"), ("loop", "48ffc3ebfb")):
        subprocess.run([sys.executable, f"{os.path.dirname(__file__)}/guest.py",
                        f"{inputs}/{name}", code], check=True)
    subprocess.run([VPMU, *RUN, "--save", f"{inputs}/saved", "--at", "1000", f"{inputs}/loop"],
                   stderr=subprocess.DEVNULL, check=True)
    os.symlink(VPMU, f"{inputs}/vmm")  # a name that the fault library leaves alone


CHECK = ("check", "--model", "amd-k7", "--profile", "linux-6.12", "--order", "no-stop",
         "--scope", "between=0,states=1,mixed=0")
RUN = ("run", "--cpu", "emulated", "--memory", "2M")
SHORT = (*RUN, "--max-instructions", "2000")
IN = inputs
CORPUS = os.path.dirname(os.path.dirname(os.path.abspath(arguments.qemu)))
# A command, and the files that it writes.
COMMANDS = {
    "models": (("models",), ()),
    "models, the list --json": (("models", "--json"), ()),
    "models --quirks --json": (("models", "--quirks", "--json"), ()),
    "replay": (("replay", f"{IN}/script"), ()),
    "plan": (("plan", "--model", "intel-v4"), ()),
    "plan --json": (("plan", "--state", f"{IN}/zen4.json", "--json"), ()),
    "check": (CHECK, ()),
    "check --json": ((*CHECK, "--json"), ()),
    "check --html --counterexample": ((*CHECK, "--html", "page", "--counterexample", "."),
                                      ("page",)),
    "check --merge": (("check", "--merge", "--json", f"{IN}/part1", f"{IN}/part2"), ()),
    "state show": (("state", "show", f"{IN}/zen4.vpmu"), ()),
    "state show --json": (("state", "show", "--json", f"{IN}/zen4.json"), ()),
    "state diff": (("state", "diff", f"{IN}/zen4.vpmu", f"{IN}/zen4.json"), ()),
    "state convert --to json": (("state", "convert", "--to", "json", f"{IN}/zen4.vpmu", "to"),
                                ("to",)),
    "state convert --to native": (("state", "convert", "--to", "native", f"{IN}/zen4.json", "to"),
                                  ("to",)),
    "state compat --json": (("state", "compat", f"{IN}/intel-v2.vpmu", "--model", "intel-v4",
                             "--json"), ()),
    "state baseline --json": (("state", "baseline", f"{IN}/fleet", f"{IN}/report.json", "--json"),
                              ()),
    "state import-qemu": (("state", "import-qemu", "--model", "intel-v2", f"{arguments.qemu}",
                           "--out", "to"), ("to",)),
    "state compat, a folder": (("state", "compat", f"{IN}/folder", "--model", "intel-v4"), ()),
    "state baseline": (("state", "baseline", f"{IN}/fleet"), ()),
    "qemu --print": (("qemu", "--print", "--model", "intel-v2", "--", "qemu"), ()),
    "check --plan": (("check", "--model", "intel-v2", "--profile", "linux-6.12", "--life",
                      "running", "--plan", f"{IN}/plan", "--scope", "between=0"), ()),
    "check --search": (("check", "--search", "--model", "amd-k7", "--profile", "hardware",
                        "--life", "running", "--scope", "between=0,states=1,mixed=0"), ()),
    **{f"models of {name}": (("models", f"{CORPUS}/{name}"), ())
       for name in ("foreign_cpus/cpuid-one", "foreign_cpus/lscpu", "foreign_xml/domain")},
    **{f"state show {name}": (("state", "show", "--model", model, f"{CORPUS}/{name}"), ())
       for name, model in (("foreign_json/cloud-hypervisor", "intel-v2"),
                           ("foreign_msrs/rdmsr", "intel-v2"),
                           ("foreign_msrs/kvm-trace", "intel-v2"))},
    "state show, packed": (("state", "show", "--model", "intel-v2", f"{IN}/packed.gz"), ()),
    "doctor": (("doctor",), ()),
    "doctor --json": (("doctor", "--json"), ()),
    "run": ((*RUN, f"{IN}/exit"), ()),
    "run --json": ((*RUN, "--json", f"{IN}/exit"), ()),
    "run --stat --timeline": ((*RUN, "--stat", "--timeline", "line", f"{IN}/exit"), ("line",)),
    "run --save": ((*RUN, "--save", "to", "--at", "1000", f"{IN}/loop"), ("to",)),
    "run --restore": ((*SHORT, "--restore", f"{IN}/saved"), ()),
    "run --migrate-at --json": ((*SHORT, "--json", "--migrate-at", "500,900", f"{IN}/loop"), ()),
    "run --migrate-to": ((*SHORT, "--timeout", "20", "--migrate-to", "unix:peer", "--at", "500",
                          f"{IN}/loop"), ()),
    "run --listen": ((*SHORT[:3], "--max-instructions", "2000", "--timeout", "20", "--listen",
                      "unix:here"), ()),
    "models --json": (("models", "intel-v1", "--json"), ()),
    "watch --json": (("watch", "--json", "--log", "log", "--plan", "plan", "--",
                      "sh", "-c", f"{IN}/vmm doctor; true"), ("plan",)),
}

# Who is at the other end, for which no memory and no write is refused.
PEERS = {
    "run --migrate-to": "exec \"$VPMU\" run --max-instructions 2000 --listen unix:peer",
    "run --listen": "until [ -S here ]; do sleep 0.01; done; exec \"$VPMU\" run --cpu emulated "
                    f"--memory 2M --max-instructions 2000 --migrate-to unix:here --at 500 {IN}/loop",
}


class Peer:
    """The other end, while the command runs; a listener is there first."""

    def __init__(self, name, work):
        self.name, self.work, self.process = name, work, None

    def __enter__(self):
        if self.name not in PEERS:
            return
        self.process = subprocess.Popen(
            ["sh", "-c", PEERS[self.name]], cwd=self.work, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ, VPMU=VPMU))
        until = time.monotonic() + PATIENCE
        while ("--listen" in PEERS[self.name] and not os.path.exists(f"{self.work}/peer") and
               time.monotonic() < until):
            time.sleep(0.005)

    def __exit__(self, *_):
        if self.process:
            self.process.kill()
            self.process.wait()


class Outcome:
    """What a command came to: status, outputs, and the files in its folder."""

    def __init__(self, name, faults, limit=None):
        command, outputs = COMMANDS[name]
        with tempfile.TemporaryDirectory(dir=folder.name) as work:
            for output in outputs:
                with open(f"{work}/{output}", "wb") as file:
                    file.write(OLD)
            count = f"{folder.name}/count"
            if os.path.exists(count):
                os.unlink(count)
            with Peer(name, work):
                done = subprocess.run(
                    [VPMU, *command], cwd=work, timeout=PATIENCE, stdin=subprocess.DEVNULL,
                    capture_output=True, check=False, preexec_fn=limit,
                    env=dict(os.environ, LD_PRELOAD=LIBRARY, FAULT_COUNT=count, **faults))
            self.status = done.returncode
            self.out = VOLATILE.sub(b"T", done.stdout)
            self.lines = VOLATILE.sub(b"T", done.stderr).splitlines()
            self.files = {}
            for file in os.listdir(work):
                if stat.S_ISSOCK(os.stat(f"{work}/{file}").st_mode):
                    continue
                with open(f"{work}/{file}", "rb") as content:
                    self.files[file] = VOLATILE.sub(b"T", content.read())
            self.count = [0, 0]
            if os.path.exists(count):
                with open(count) as file:
                    self.count = [int(word) for word in file.read().split()]

    def same(self, other):
        return (self.status, self.out, self.lines, self.files) == (
            other.status, other.out, other.lines, other.files)


def problem_of(name, outcome, whole, statuses, cut):
    """Why the end is neither of the right ones; None when it is. cut: the output may be, too."""
    command, outputs = COMMANDS[name]
    if outcome.same(whole):
        return None
    told = [line for line in outcome.lines if line not in whole.lines]
    if told and told[0].endswith(GOES_ON):
        if outcome.status in statuses and not outcome.out:
            return None  # and later there was no memory for the document
        statuses = {whole.status}
    if told and told[0].startswith(STAYS) and "--migrate-to" in command:
        statuses = {OWN_END}
    if outcome.status not in statuses:
        return f"status {outcome.status}, {told[:2]}"
    if LOG in whole.files or command[0] == "run":  # what could be followed, or was run
        told = [line for line in told if line.startswith(b"vpmu: ")]
    if len(told) == 2 and told[0].startswith(b"vpmu: cannot start: "):
        del told[0]  # the process that was to be the VMM has its own line
    if len(told) != 1 or not told[0].startswith(b"vpmu: "):
        return f"not one line: {told[:3]}"
    if ENDED in outcome.out or GOES_ON in told[0]:
        return None if json.loads(outcome.out.replace(b"T", b"0")) else "no document"
    if not whole.out.startswith(outcome.out) or (
            not cut and outcome.out and outcome.out != whole.out and "--json" in command):
        return f"another output: {outcome.out[:80]}"
    for file in {*outcome.files, *outputs}:
        content = outcome.files.get(file)
        if file == LOG:  # it is written as things happen: what is there is right
            known = whole.files[file].splitlines()
            wrong = [line for line in content.splitlines() if line not in known and
                     b'"summary"' not in line]
            if wrong and not cut:
                return f"{file}: {wrong[0]}"
            continue
        if content != whole.files.get(file) and (file not in outputs or content != OLD):
            return f"{file}: {'gone' if content is None else content[:40]}"
    return None


class Campaign:
    """One kind of failure, tried on all commands."""

    def __init__(self, kind, cut=False):
        self.kind, self.cut, self.tried, self.survived = kind, cut, 0, 0

    def run(self, name, whole, total, fault, statuses):
        points = range(1, total + 1)
        if arguments.each and total > arguments.each:
            points = sorted(chance.sample(points, arguments.each))
        problems = []
        for point in points:
            faults, limit = fault(point)
            try:
                outcome = Outcome(name, faults, limit)
            except subprocess.TimeoutExpired:
                problems.append(f"{point}: hangs")
                continue
            self.tried += 1
            self.survived += outcome.same(whole)
            problem = problem_of(name, outcome, whole, statuses, self.cut)
            if problem:
                problems.append(f"{point}: {problem}")
        check(f"{name}: {self.kind}, {len(points)} of {total}",
              f"{len(problems)} of {len(points)}: " + "; ".join(problems[:8]) if problems else None)

    def report(self):
        print(f"# {self.kind}: {self.tried} failures, {self.survived} made no difference, "
              f"the others ended with a message")


def file_size(limit):
    def set_limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    # What gcov has counted so far would be cut off, too: it goes nowhere.
    return {"GCOV_PREFIX": "/proc/nowhere"}, set_limit


def campaign():
    one = Campaign("an allocation fails")
    rest = Campaign("an allocation and all after it fail")
    write = Campaign("a write is refused", cut=True)
    size = Campaign("a file may not grow")
    for name, (command, outputs) in COMMANDS.items():
        if not name.startswith(arguments.only):
            continue
        whole = Outcome(name, {"FAULT_MEMORY": "0", "FAULT_WRITE": "0"})
        again = Outcome(name, {"FAULT_MEMORY": "0", "FAULT_WRITE": "0"})
        check(f"{name}: the same twice", None if whole.same(again) and whole.status != BAD else
              f"{whole.status} {whole.lines} {again.status} {again.lines}")
        allocations, writes = whole.count
        failed = OUTPUT_FAILED if command[0] == "run" else LACKS
        ends = {LACKS, NO_GUEST} if "--listen" in command else {LACKS}
        one.run(name, whole, allocations, lambda n: ({"FAULT_MEMORY": str(n)}, None), ends)
        rest.run(name, whole, allocations, lambda n: ({"FAULT_MEMORY_FROM": str(n)}, None), ends)
        write.run(name, whole, writes, lambda n: ({"FAULT_WRITE": str(n)}, None), {failed})
        if outputs and command[0] != "run":  # whose guest's memory would be refused
            longest = max(len(whole.files[output]) for output in outputs)
            size.run(name, whole, min(longest - 1, 20000), file_size, {failed})
    for kind in (one, rest, write, size):
        kind.report()


make_inputs()
started = time.monotonic()
campaign()
print(f"# {time.monotonic() - started:.0f} s")
finish()
