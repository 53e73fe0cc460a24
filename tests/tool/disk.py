# SPDX-License-Identifier: MIT
"""What is written while the disk is full or read-only, or the process is killed, as TAP.

disk.py VPMU FAULT_LIBRARY GOLDEN_FILE QEMU_FILE [--kills N] [--seed N]

A file that is to be replaced is afterwards whole, the old one or the new one, and alone in its
folder; and where the tool could end by itself, it says in one line why there is no new one. N kills
come at a random moment, and N before a random write, link or rename. The disks are small ones of
memory, in a name space of their own; skipped where that cannot be had.
"""
import argparse
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from tap import check, finish, skip

parser = argparse.ArgumentParser()
parser.add_argument("vpmu")
parser.add_argument("library")
parser.add_argument("golden")
parser.add_argument("qemu")
parser.add_argument("--kills", type=int, default=30)
parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
parser.add_argument("--inside", help="this is the name space, and the folder is there")
arguments = parser.parse_args()
VPMU, LIBRARY, GOLDEN, QEMU = map(os.path.abspath, (arguments.vpmu, arguments.library,
                                                    arguments.golden, arguments.qemu))
chance = random.Random(arguments.seed)
LACKS, OUTPUT_FAILED = 3, 164
PATIENCE = 120
PAGE = 4096
OLD = b"what was there before\n" * 300
RUN = ("run", "--cpu", "emulated", "--memory", "2M")
folder = tempfile.TemporaryDirectory()
guest = f"{folder.name}/loop"

# What writes a file called "to".
COMMANDS = {
    "state convert --to json": ("state", "convert", "--to", "json", GOLDEN, "to"),
    "state convert --to native": ("state", "convert", "--to", "native", GOLDEN, "to"),
    "state import-qemu": ("state", "import-qemu", "--model", "intel-v2", QEMU, "--out", "to"),
    "check --html": ("check", "--model", "amd-k7", "--profile", "linux-6.12", "--order", "no-stop",
                     "--scope", "between=0,states=1,mixed=0", "--html", "to"),
    "run --save": (*RUN, "--save", "to", "--at", "1000", guest),
    "run --timeline": (*RUN, "--max-instructions", "1000", "--timeline", "to", guest),
}


def fresh(where):
    """An old file, alone in its folder."""
    shutil.rmtree(where, ignore_errors=True)
    os.mkdir(where)
    with open(f"{where}/to", "wb") as file:
        file.write(OLD)


def start(name, where, **faults):
    preload = {"LD_PRELOAD": LIBRARY} if faults else {}
    return subprocess.Popen([VPMU, *COMMANDS[name]], cwd=where, stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                            env=dict(os.environ, **preload, **faults))


def done(name, where, **faults):
    """The status, and what was said."""
    process = start(name, where, **faults)
    said = process.communicate(timeout=PATIENCE)[1]
    return process.returncode, said.decode(errors="replace").splitlines()


def content(where):
    with open(f"{where}/to", "rb") as file:
        return file.read()


class Whole:
    """A command that nothing disturbs."""

    def __init__(self, name):
        where = f"{folder.name}/whole"
        fresh(where)
        begun = time.monotonic()
        self.status, self.lines = done(name, where)
        self.seconds = time.monotonic() - begun
        self.new = content(where)
        fresh(where)
        count = f"{folder.name}/count"
        done(name, where, FAULT_KILL="0", FAULT_COUNT=count)
        with open(count) as file:
            self.calls = int(file.read().split()[1])

    def problem(self, where, killed=False):
        """What is wrong about the file, whatever the tool came to. killed: SIGKILL may have come
        between the link and the rename, and no system call does both at once."""
        for other in set(os.listdir(where)) - {"to"}:
            with open(f"{where}/{other}", "rb") as file:
                if not killed or not other.startswith(".vpmu-") or file.read() != self.new:
                    return f"there is {other}, too"
        return None if content(where) in (OLD, self.new) else f"a file of {len(content(where))} bytes"


# --- Kills ---------------------------------------------------------------------------------------


def kill_somewhen(name, whole, where):
    process = start(name, where)
    time.sleep(chance.uniform(0, whole.seconds * 1.2))
    process.send_signal(chance.choice((signal.SIGKILL, signal.SIGTERM, signal.SIGINT)))
    process.communicate(timeout=PATIENCE)
    return process.returncode


def kill_at_call(name, whole, where):
    return done(name, where, FAULT_KILL=str(chance.randint(1, whole.calls)))[0]


def kills(how, about, wholes):
    where, problems, early, replaced = f"{folder.name}/killed", [], 0, 0
    for _ in range(arguments.kills):
        name = chance.choice(list(COMMANDS))
        fresh(where)
        status = how(name, wholes[name], where)
        early += status != wholes[name].status
        problem = wholes[name].problem(where, killed=True)
        replaced += not problem and content(where) != OLD
        if problem:
            problems.append(f"{name}: {problem}")
    check(f"killed {about}, {arguments.kills} times: a whole file", "; ".join(problems[:4]) or None)
    print(f"# killed {about}: {early} before the end, {replaced} had replaced the file", flush=True)


# --- Disks ---------------------------------------------------------------------------------------


def mount(where, options):
    return subprocess.run(["mount", "-t", "tmpfs", "-o", options, "vpmu", where],
                          stderr=subprocess.DEVNULL, check=False).returncode == 0


def made_read_only(where):
    """In a name space within another one it may not be allowed."""
    done = any(subprocess.run(["mount", "-o", how, where], stderr=subprocess.DEVNULL,
                              check=False).returncode == 0
               for how in ("remount,ro", "remount,bind,ro"))
    if not done:
        print("# no read-only disk here", flush=True)
    return done


def ends_right(name, whole, where):
    """Written, or told in one line; what was there is whole."""
    status, lines = done(name, where)
    if status == whole.status and content(where) == whole.new:
        return None
    lines = [line for line in lines if line.startswith("vpmu: ") and line not in whole.lines]
    if status != (OUTPUT_FAILED if name.startswith("run") else LACKS) or len(lines) != 1:
        return f"status {status}: {lines}"
    return whole.problem(where)


def on_disk(name, whole, room, read_only):
    """A disk with the old file and so many pages of room."""
    where = f"{folder.name}/disk"
    os.makedirs(where, exist_ok=True)
    if not mount(where, f"size={(room + 2) * PAGE}"):
        return "no disk"
    try:
        with open(f"{where}/to", "wb") as file:
            file.write(OLD)
        if read_only and not made_read_only(where):
            return None
        return ends_right(name, whole, where)
    finally:
        subprocess.run(["umount", where], check=True)


def disks(wholes):
    for name, whole in wholes.items():
        pages = len(whole.new) // PAGE + 3
        rooms = range(pages) if pages < 8 else sorted(chance.sample(range(pages), 8))
        problems = [f"{room} pages: {problem}" for room in rooms
                    if (problem := on_disk(name, whole, room, False))]
        check(f"{name}: the disk gets full, {len(rooms)} times", "; ".join(problems[:4]) or None)
        check(f"{name}: the disk is read-only", on_disk(name, whole, pages, True))
        check(f"{name}: the folder is gone", gone(name, whole))


def gone(name, whole):
    """The working directory has been removed."""
    where = f"{folder.name}/gone"
    fresh(where)
    held = os.open(where, os.O_RDONLY)
    process = subprocess.run([VPMU, *COMMANDS[name]], stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=PATIENCE,
                             check=False,
                             preexec_fn=lambda: (os.fchdir(held), shutil.rmtree(where)))
    os.close(held)
    lines = [line for line in process.stderr.decode().splitlines()
             if line.startswith("vpmu: ") and line not in whole.lines]
    wanted = OUTPUT_FAILED if name.startswith("run") else LACKS
    return None if process.returncode == wanted and len(lines) == 1 else (
        f"status {process.returncode}: {lines}")


def in_a_name_space():
    """This script once more, where disks may be mounted; None: that is not allowed here."""
    able = subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "vpmu", folder.name],
                          stderr=subprocess.DEVNULL, check=False).returncode == 0
    return ["unshare", "-rm"] if able else None


def make_guest():
    subprocess.run([sys.executable, f"{os.path.dirname(os.path.abspath(__file__))}/guest.py", guest,
                    "48ffc3ebfb"], check=True)


if arguments.inside:
    make_guest()
    disks({name: Whole(name) for name in COMMANDS})
    finish()
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
print(f"# seed {arguments.seed}", flush=True)
make_guest()
commands = {name: Whole(name) for name in COMMANDS}
kills(kill_somewhen, "at a random moment", commands)
kills(kill_at_call, "before a write, link or rename", commands)
space = in_a_name_space()
if not space:
    skip("full and read-only disks", "no name space with mounts here")
else:
    inner = subprocess.run([*space, sys.executable, *sys.argv, "--inside", "yes", "--seed",
                            str(arguments.seed)], stdout=subprocess.PIPE, text=True, check=False)
    for line in inner.stdout.splitlines():
        if line.startswith(("ok", "not ok")):
            check(line.split(" - ", 1)[1], None if line.startswith("ok") else "see below")
        elif not line.startswith("1.."):
            print(line)
    check("the disks' tests ran to their end", None if "\n1.." in inner.stdout else "no")
finish()
