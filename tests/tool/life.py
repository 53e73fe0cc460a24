# SPDX-License-Identifier: MIT
"""A run's life, as TAP: interrupted at random instructions, and handed over with every accident.

life.py VPMU GUESTS [--points N] [--accidents N] [--seed S] [--models M,… | --except M,…]
  [--accident-models M,…]

points     how many instructions each model's guests are interrupted at; what comes out must be what
           an uninterrupted run, or after a reset a fresh boot, gives: output, counts, and every PMI
accidents  how many migrations have their connection cut, and how many a process killed, at a random
           byte; before that, one side may have been stopped for a while, or the link slowed; never
           may both processes run the guest, it may be gone only with its owner, and everything ends
           within the limits
"""
import argparse
import json
import os
import random
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from tap import check, finish

parser = argparse.ArgumentParser()
parser.add_argument("vpmu")
parser.add_argument("guests")
parser.add_argument("--points", type=int, default=20)
parser.add_argument("--accidents", type=int, default=20)
parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
parser.add_argument("--models", help="default: all")
parser.add_argument("--except", dest="without", default="", help="all but these")
parser.add_argument("--accident-models", default="intel-v4")
arguments = parser.parse_args()
rng = random.Random(arguments.seed)
folder = tempfile.TemporaryDirectory()
print(f"# seed {arguments.seed}", flush=True)


def path(name):
    return os.path.join(folder.name, name)


def command(*options):
    return [arguments.vpmu, "run", "--json", *map(str, options)]


def run(*options):
    """The status, the document or None, and what was said."""
    done = subprocess.run(command(*options), capture_output=True, timeout=300)
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr.decode()


def trace(name):
    """Everything that happened but the counters' values, in order."""
    with open(path(name)) as file:
        return [(e["name"], e["ts"], e.get("args")) for e in json.load(file)["traceEvents"]
                if e["ph"] == "i"]


def difference(expected, got):
    """The first member in which two documents differ."""
    for member in expected:
        if member != "guest" and expected[member] != got.get(member):
            return f"{member}: {expected[member]!r} became {got.get(member)!r}"
    return None


class Guest:
    """A guest on a model, and what it gives when nobody interrupts it."""

    def __init__(self, model, guest, append, most):
        self.options = ["--model", model]
        self.start = ["--append", append, os.path.join(arguments.guests, guest + ".elf")]
        if most:
            self.options += ["--max-instructions", most]
        self.status, self.document, said = run(*self.options, "--timeline", path("whole"),
                                               *self.start)
        self.trace = trace("whole")
        self.length = self.document["totals"]["instructions"]["count"]
        self.name = f"{guest} on {model}"

    def points(self, count):
        return sorted(rng.randrange(1, self.length) for _ in range(count))

    def migrated(self, points):
        status, document, said = run(*self.options, "--timeline", path("parts"), "--migrate-at",
                                     ",".join(map(str, points)), *self.start)
        if status != self.status:
            return f"{points}: status {status}: {said}"
        points = list(points)
        if trace("parts") != self.trace:
            return f"{points}: another sequence of events"
        problem = difference(self.document, document)
        return problem and f"{points}: {problem}"

    def saved(self, point):
        status, first, said = run(*self.options, "--save", path("saved"), "--at", point, *self.start)
        if status or first["end"]["reason"] != "saved":
            return f"{point}: save: status {status}: {said}"
        most = [o for o in self.options if o not in ("--model", self.options[1])]
        status, second, said = run(*most, "--restore", path("saved"))
        if status != self.status:
            return f"{point}: restore: status {status}: {said}"
        second["serial"] = first["serial"] + second["serial"]
        problem = difference(self.document, second)
        return problem and f"{point}: {problem}"

    def reset(self, point):
        status, document, said = run(*self.options, "--reset-at", point, *self.start)
        if status != self.status:
            return f"{point}: status {status}: {said}"
        if not document["serial"].endswith(self.document["serial"]):
            return f"{point}: other output"
        document["serial"] = self.document["serial"]
        problem = difference(self.document, document)
        return problem and f"{point}: {problem}"


def models():
    if arguments.models:
        return arguments.models.split(",")
    listed = subprocess.run([arguments.vpmu, "models", "--json"], capture_output=True, check=True)
    names = [model["name"] for model in json.loads(listed.stdout)["models"]]
    return [name for name in names if name not in arguments.without.split(",")]


def first_problem(problems):
    return next((problem for problem in problems if problem), None)


def interruptions(model):
    long = arguments.points >= 1000
    for name, append, most in (("sampler", "", 0 if long else 2000000),
                               ("count", "iterations=20000", 0 if long else 3000000)):
        guest = Guest(model, name, append, most)
        alone = max(1, arguments.points // 20)
        points = guest.points(max(1, arguments.points // 2 - 2 * alone))
        problems = (guest.migrated(sorted(points[i::max(1, len(points) // 50)]))
                    for i in range(max(1, len(points) // 50)))
        check(f"{guest.name}: migrated at {len(points)} instructions", first_problem(problems))
        first = rng.randrange(1, guest.length - 200)
        check(f"{guest.name}: migrated at 100 instructions one after the other, from {first}",
              guest.migrated(range(first, first + 100)))
        check(f"{guest.name}: saved and restored at {alone}",
              first_problem(guest.saved(point) for point in guest.points(alone)))
        check(f"{guest.name}: reset at {alone}",
              first_problem(guest.reset(point) for point in guest.points(alone)))


# Limits of the migrations with accidents, and the longest that one may take: the limits of both
# sides, the stop, and the guest's run, on a machine that is busy.
LIMITS = ["--downtime", "1", "--migrate-timeout", "2"]
ENDS_IN = 60


class Stop:
    """One side stands still for a while."""

    def __init__(self, who):
        self.who, self.seconds = who, rng.uniform(0.05, 1.5)

    def begin(self, proxy, trial):
        process = getattr(trial, self.who)
        process.send_signal(signal.SIGSTOP)
        threading.Timer(self.seconds, process.send_signal, [signal.SIGCONT]).start()

    def __str__(self):
        return f"{self.who} stopped for {self.seconds:.2f} s"


class Slow:
    """The link is slow from now on."""

    def __init__(self):
        self.piece, self.pause = rng.choice(((1, 0.05), (64, 0.02), (4096, 0.01), (65536, 0.05)))

    def begin(self, proxy, trial):
        proxy.piece, proxy.pause = self.piece, self.pause

    def __str__(self):
        return f"slowed to {self.piece} bytes in {self.pause} s"


class Proxy:
    """Between the two processes: passes bytes on, up to where the accident happens. On the way
    there may be a hindrance, which is no accident."""

    def __init__(self, place, trial):
        self.place, self.trial = place, trial
        self.sent = self.replied = 0
        self.after_prepared = None
        self.piece, self.pause = 65536, 0

    def room(self, place, reply):
        """How many bytes may pass before that place; None: all."""
        kind, limit = place
        if kind == "reply" and reply:
            return limit - self.replied
        if kind == "byte" and not reply:
            return limit - self.sent
        if kind == "commit" and not reply and self.replied >= 24:
            return limit - (self.sent - self.after_prepared)
        return None

    def count(self, reply, count):
        if reply:
            self.replied += count
            if self.replied >= 24 and self.after_prepared is None:
                self.after_prepared = self.sent
        else:
            self.sent += count

    def committed(self):
        return self.after_prepared is not None and self.sent - self.after_prepared >= 12

    def is_at(self, place):
        rooms = [self.room(place, False), self.room(place, True)]
        return any(room is not None and room <= 0 for room in rooms)

    def hinder(self):
        hindrance = self.trial.hindrance
        if hindrance and self.is_at(self.trial.hindered_at):
            self.trial.hindrance = None
            self.trial.hindered = str(hindrance)
            hindrance.begin(self, self.trial)

    def most(self, reply):
        """How many bytes are passed on at once."""
        places = [self.place] + ([self.trial.hindered_at] if self.trial.hindrance else [])
        rooms = [self.room(place, reply) for place in places]
        return max(1, min([room for room in rooms if room is not None] + [self.piece]))

    def pass_on(self, source, to, reply):
        """How many bytes; 0: nobody is there any more."""
        try:
            data = source.recv(self.most(reply))
            to.sendall(data)
        except OSError:
            return 0
        self.count(reply, len(data))
        if self.pause:
            time.sleep(self.pause)
        return len(data)

    def serve(self, listener, destination):
        """Until the accident, or until both are done. What is told: whether it happened."""
        source, _ = listener.accept()
        out = socket.socket(socket.AF_UNIX)
        out.connect(destination)
        ways = selectors.DefaultSelector()
        ways.register(source, selectors.EVENT_READ, (out, False))
        ways.register(out, selectors.EVENT_READ, (source, True))
        self.hinder()
        while ways.get_map() and not self.is_at(self.place):
            for key, _ in ways.select(1):
                to, reply = key.data
                if not self.pass_on(key.fileobj, to, reply):
                    ways.unregister(key.fileobj)
                    try:
                        to.shutdown(socket.SHUT_WR)
                    except OSError:
                        pass
                self.hinder()
                if self.is_at(self.place):
                    break
        happened = self.is_at(self.place)
        if happened:
            self.trial.accident()
        source.close()
        out.close()
        return happened


def listen(name):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path(name))
    listener.listen(1)
    return listener


class Trial:
    """One migration with one accident."""

    def __init__(self, guest, place, victim, hindrance=None, hindered_at=None, limits=()):
        self.guest, self.place, self.victim = guest, place, victim
        self.hindrance, self.hindered_at, self.hindered = hindrance, hindered_at, None
        self.limits = list(limits)
        for name in ("in", "out"):
            if os.path.exists(path(name)):
                os.unlink(path(name))

    def accident(self):
        if self.victim:
            process = {"source": self.source, "destination": self.destination}[self.victim]
            process.kill()
            process.wait()

    def go(self):
        options = self.guest.options[2:] + self.limits
        self.destination = self.begin("destination", *options, "--listen", "unix:" + path("out"))
        while not os.path.exists(path("out")) and self.destination.poll() is None:
            pass
        listener = listen("in")
        self.source = self.begin("source", *self.guest.options, *self.limits, "--migrate-to",
                                 "unix:" + path("in"), "--at",
                                 rng.randrange(1, self.guest.length * 2 // 3), *self.guest.start)
        self.proxy = Proxy(self.place, self)
        self.happened = self.proxy.serve(listener, path("out"))
        listener.close()
        self.committed = self.proxy.committed()
        return self.judge()

    def begin(self, name, *options):
        with open(path(name), "wb") as said:
            return subprocess.Popen(command(*options), stdout=subprocess.PIPE, stderr=said)

    def said(self, name):
        with open(path(name), errors="replace") as said:
            return said.read()

    def end(self, name, process, word, then):
        """Its status and output; when it has said that word, it gets a signal."""
        until = time.monotonic() + ENDS_IN
        output = []
        reader = threading.Thread(target=lambda: output.append(process.stdout.read()))
        reader.start()
        while process.poll() is None and time.monotonic() < until:
            if word in self.said(name):
                process.send_signal(then())
                word = "\0"
            time.sleep(0.005)
        late = process.poll() is None
        if late:
            process.kill()
        reader.join()
        return "too late" if late else process.wait(), output[0]

    def finish(self, name, process, word, then):
        """Whether the guest ran to its end there, and what is wrong about that."""
        status, out = self.end(name, process, word, then)
        if status != self.guest.status:
            return False, status, self.said(name)
        document = json.loads(out)
        document["serial"] = self.guest.document["serial"]
        problem = difference(self.guest.document, document)
        return True, problem, self.said(name)

    def finish_destination(self):
        """A listener that has given its source up is told to end."""
        if self.destination_end is None:
            self.destination_end = self.finish("destination", self.destination, "still listening",
                                               lambda: signal.SIGTERM)
        return self.destination_end

    def resolve_doubt(self):
        """What a person would see at the destination; one that was killed can tell nothing."""
        self.doubt = True
        has_it = self.committed
        if self.victim != "destination" or not self.happened:
            has_it = self.finish_destination()[0]
        return signal.SIGTERM if has_it else signal.SIGUSR1

    def owner(self):
        """Whose guest it was when it got lost."""
        refused = "in time" in self.said("destination")
        return "destination" if self.committed and not refused else "source"

    def judge(self):
        self.doubt, self.destination_end = False, None
        source = self.finish("source", self.source, "cannot be known", self.resolve_doubt)
        destination = self.finish_destination()
        story = (f"{self.place}, victim {self.victim}, happened {self.happened}, "
                 f"{self.hindered}, committed {self.committed}, doubt {self.doubt}; "
                 f"source {source}; destination {destination}")
        if "too late" in (source[1], destination[1]):
            return "it did not end: " + story
        if source[0] and destination[0]:
            return "both ran the guest: " + story
        if not source[0] and not destination[0]:
            gone = self.happened and self.victim == self.owner()
            return None if gone else "the guest is gone: " + story
        problem = source[1] if source[0] else destination[1]
        return problem and "wrong counts: " + story


def random_place(total):
    kind = rng.choice(("byte", "byte", "commit", "reply"))
    return kind, rng.randrange({"byte": total, "commit": 13, "reply": 37}[kind])


def random_hindrance():
    kind = rng.choice(("none", "source", "destination", "slow"))
    return {"none": lambda: None, "slow": Slow}.get(kind, lambda: Stop(kind))()


def accidents(model):
    guest = Guest(model, "sampler", "", 2000000)
    clean = Trial(guest, ("byte", 1 << 40), None)
    check(f"a migration without an accident, {model}", clean.go())
    total = clean.proxy.sent
    for name, victims in (("connection cut", [None]),
                          ("process killed", ["source", "destination"])):
        trials, problems = [], []
        for _ in range(arguments.accidents):
            trials.append(Trial(guest, random_place(total), rng.choice(victims),
                                random_hindrance(), random_place(total), LIMITS))
            problems.append(trials[-1].go())
        check(f"{name} at {arguments.accidents} random bytes, {model}", first_problem(problems))
        print(f"# of these {sum(trial.happened for trial in trials)} before the end, "
              f"{sum(trial.committed for trial in trials)} after COMT, "
              f"{sum(trial.doubt for trial in trials)} left the source in doubt; "
              f"{sum('stopped' in (trial.hindered or '') for trial in trials)} with a side stopped, "
              f"{sum('slowed' in (trial.hindered or '') for trial in trials)} slowed", flush=True)


for each in models() if arguments.points else []:
    interruptions(each)
for each in arguments.accident_models.split(",") if arguments.accidents else []:
    accidents(each)
finish()
