# SPDX-License-Identifier: MIT
"""A run ends a second after --timeout, or after SIGTERM, whatever it waits for, as TAP.

stops.py VPMU GUEST.PY

Each case is something that lasts for ever: a guest, a pipe that nobody reads or writes, a peer that
is silent or slow. What is measured has a margin for a machine that is busy.
"""
import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from doubt_peer import bring_into_doubt
from tap import check, finish

VPMU, GUEST = sys.argv[1:]
TIMEOUT, SIGNAL_AT, ENDS_IN, MARGIN = 0.2, 0.5, 1, 3
folder = tempfile.TemporaryDirectory()
longest = 0


def path(name):
    return os.path.join(folder.name, name)


def guest(name, code):
    subprocess.run([sys.executable, GUEST, path(name), code], check=True)
    return path(name)


LOOP = guest("loop", "ebfe")
CHATTY = guest("chatty", "66baf803b078eeebfd")
LINES = guest("lines", "66baf803b00aeeebfd")


# A timer's interrupt wakes it each time; #UD whose handler returns to it; code that changes itself.
HALTS = guest("halts", "bc00f00700488d0572000000bf00000200b94000000066890766c74702080066c74704008e66c7"
                       "4706100048c74708000000004883c710ffc975db0f011d32000000bb0000e0fec783f0000000ff"
                       "010000c7832003000020000200c783e00300000b000000c7838003000064000000fbf4ebfc90ff"
                       "030000020000000000c783b00000000000000048cf")
STORM = guest("storm", "bc00f00700488d0542000000bf00000200b94000000066890766c74702080066c74704008e66c7"
                       "4706100048c74708000000004883c710ffc975db0f011d020000000f0bff030000020000000000"
                       "48cf")
CHANGES = guest("changes", "fe0501000000b801000000ebf3")


@contextlib.contextmanager
def nothing():
    yield {}


@contextlib.contextmanager
def stalled(stream):
    """A pipe that is never read, and is full where the tool is not what fills it."""
    reader, writer = os.pipe()
    if stream == "stderr":
        os.set_blocking(writer, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writer, bytes(4096))
        os.set_blocking(writer, True)
    yield {stream: writer}
    os.close(reader)
    os.close(writer)


@contextlib.contextmanager
def fifo(held_open=False):
    os.mkfifo(path("fifo"))
    held = os.open(path("fifo"), os.O_RDWR) if held_open else -1
    yield {}
    if held >= 0:
        os.close(held)
    os.unlink(path("fifo"))


@contextlib.contextmanager
def slow_fifo(play):
    """A FIFO whose other end does that."""
    with fifo(held_open=True):
        end = threading.Event()
        thread = threading.Thread(target=play, args=(end,))
        thread.start()
        yield {}
        end.set()
        thread.join()


def sip_bytes(end):
    with open(path("fifo"), "rb", buffering=0) as pipe:
        os.set_blocking(pipe.fileno(), False)
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 4096)  # less than a machine without anything in it
        while not end.wait(0.2):
            pipe.read(1)


def drip_machine(end):
    """A saved machine, a byte now and then."""
    subprocess.run([VPMU, "run", "--save", path("saved"), "--at", "50", LOOP],
                   stderr=subprocess.DEVNULL, check=True)
    with open(path("saved"), "rb") as saved, open(path("fifo"), "wb", buffering=0) as pipe:
        while not end.wait(0.1):
            pipe.write(saved.read(1))


@contextlib.contextmanager
def stopped(*options):
    """Another process of the tool, which a signal has stopped once its socket is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path("peer"))
    process = subprocess.Popen([VPMU, "run", *options], stderr=subprocess.DEVNULL)
    until = time.monotonic() + 30
    while not os.path.exists(path("peer")) and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGSTOP)
    yield {}
    process.kill()
    process.wait()


def drip(connection):
    with contextlib.suppress(OSError):
        while True:
            connection.send(b"V")
            time.sleep(0.2)


@contextlib.contextmanager
def peer(play, backlog=8):
    """Somebody who listens, and does that with whoever connects."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path("peer"))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path("peer"))
    listener.listen(backlog)

    def serve():
        with contextlib.suppress(OSError):
            play(listener)

    threading.Thread(target=serve, daemon=True).start()
    yield {}
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


kept = []


def accept_and(then):
    def play(listener):
        kept.append(listener.accept()[0])
        then(kept[-1])
    return play


def fill_backlog(listener):
    while True:
        one = socket.socket(socket.AF_UNIX)
        one.setblocking(False)
        one.connect(path("peer"))
        kept.append(one)


@contextlib.contextmanager
def source(play):
    """Somebody who connects to the listener."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path("here"))

    def connect():
        for _ in range(100):
            one = socket.socket(socket.AF_UNIX)
            with contextlib.suppress(OSError):
                one.connect(path("here"))
                kept.append(one)
                play(one)
                return
            time.sleep(0.05)

    threading.Thread(target=connect, daemon=True).start()
    yield {}


def silent(connection):
    pass


TO = ["--migrate-to", "unix:" + path("peer")]
HERE = ["--listen", "unix:" + path("here")]
cases = [
    ("a loop of one instruction", [LOOP], nothing),
    ("a loop that is folded", [guest("folded", "48c7c1ffffff7f48ffc975fbebf2")], nothing),
    ("a loop that touches memory", [guest("memory", "ff042500002000ebf7")],
     nothing),
    ("REP with a large count", [guest("rep", "bf00002000b900000010f3aaebf2")], nothing),
    ("a guest that halts and is woken", [HALTS], nothing),
    ("an exception without end", [STORM], nothing),
    ("code that changes itself", [CHANGES], nothing),
    ("a timeline of a loop", ["--timeline", "/dev/null", LOOP], nothing),
    ("output that nobody reads", [CHATTY], lambda: stalled("stdout")),
    ("lines that nobody reads", [LINES], lambda: stalled("stdout")),
    ("a document that nobody reads", ["--json", CHATTY], lambda: stalled("stdout")),
    ("a table that nobody reads", ["--stat", LOOP], lambda: stalled("stderr")),
    ("a guest from a FIFO without a writer", [path("fifo")], fifo),
    ("a guest from a FIFO whose writer is silent", [path("fifo")], lambda: fifo(True)),
    ("a saved machine from a FIFO without a writer", ["--restore", path("fifo")], fifo),
    ("a saved machine from a FIFO whose writer is silent", ["--restore", path("fifo")],
     lambda: fifo(True)),
    ("a timeline to a FIFO without a reader", ["--timeline", path("fifo"), LOOP], fifo),
    ("a machine saved to a FIFO without a reader", ["--save", path("fifo"), "--at", "50", LOOP],
     fifo),
    ("a machine saved to a FIFO that is read slowly",
     ["--save", path("fifo"), "--at", "50", LOOP],
     lambda: slow_fifo(sip_bytes)),
    ("a saved machine from a slow FIFO", ["--restore", path("fifo")],
     lambda: slow_fifo(drip_machine)),
    ("nobody comes to the listener", HERE, lambda: source(lambda one: one.close())),
    ("nobody comes to a port", ["--listen", "tcp:127.0.0.1:0"], nothing),
    ("a source that is silent", HERE, lambda: source(silent)),
    ("a source that is slow", HERE, lambda: source(drip)),
    ("a destination whose backlog is full", [*TO, LOOP], lambda: peer(fill_backlog, 1)),
    ("a destination that is silent", [*TO, LOOP], lambda: peer(accept_and(silent))),
    ("a destination that has been stopped", [*TO, LOOP],
     lambda: stopped("--listen", "unix:" + path("peer"))),
    ("a destination that is slow", [*TO, LOOP], lambda: peer(accept_and(drip))),
    ("doubt", [*TO, "--at", "100", LOOP], lambda: peer(bring_into_doubt)),
]
# There SIGTERM is a person's word, and the status another.
FOR_TIMEOUT = ("doubt",)


def run(options, streams, by_signal):
    """How it ended, and how long after it was told to."""
    limit = [] if by_signal else ["--timeout", str(TIMEOUT)]
    begun = time.monotonic()
    process = subprocess.Popen([VPMU, "run", *limit, *options], stdin=subprocess.DEVNULL,
                               **{"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL,
                                  **streams})
    if by_signal:
        time.sleep(SIGNAL_AT)
        process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(30)
    took = time.monotonic() - begun - (SIGNAL_AT if by_signal else TIMEOUT)
    process.kill()
    return process.wait(), took


def case(name, options, surroundings, by_signal):
    global longest
    with surroundings() as streams:
        status, took = run(options, streams, by_signal)
    longest = max(longest, took)
    good = status == (130 if by_signal else 124) and took < ENDS_IN + MARGIN
    check(f"{'SIGTERM' if by_signal else '--timeout'} ends {name}",
          None if good else f"status {status} after {took:.2f} s")


for each in cases:
    case(*each, False)
    if each[0] not in FOR_TIMEOUT:
        case(*each, True)
print(f"# at most {longest:.2f} s after it was told to")
finish()
