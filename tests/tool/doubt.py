# SPDX-License-Identifier: MIT
"""A source in doubt whether the destination runs the guest, and a person's word, as TAP.

doubt.py VPMU GUESTS

The destination is played here: it takes everything, and closes the connection instead of saying
DONE. The source's terminal is a pseudo-terminal.
"""
import fcntl
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import termios

from doubt_peer import bring_into_doubt
from tap import check, finish, skip

VPMU, GUESTS = sys.argv[1:]
PROMPT = b"resume the guest here, or end? [resume/end] "
DOUBT = b"else kill -TERM"  # behind the number that follows kill -USR1
RESUMED = b"the guest goes on here"
PATIENCE = 60  # seconds, for a run that hangs
folder = tempfile.TemporaryDirectory()


class Source:
    """A run in doubt. It reads and tells on a terminal, or has none."""

    def __init__(self, terminal=True, background=False):
        path = os.path.join(folder.name, "socket")
        command = [VPMU, "run", "--migrate-to", "unix:" + path, "--at", "100000",
                   "--append", "iterations=20000", os.path.join(GUESTS, "count.elf")]
        self.said = b""
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(1)
            self.begin(command, terminal, background)
            bring_into_doubt(listener)
        os.unlink(path)
        self.wait_for(DOUBT)

    def begin(self, command, terminal, background):
        if background:
            command = ["bash", "-mc", '"$@" & wait $!', "bash", *command]
        self.terminal, theirs = pty.openpty() if terminal else os.pipe()

        def become_the_terminals():
            if terminal:
                fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            command, stdin=theirs if terminal else subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=theirs, start_new_session=True, preexec_fn=become_the_terminals)
        os.close(theirs)

    def wait_for(self, text, times=1):
        """Until that has been said so often."""
        while self.said.count(text) < times:
            if not self.read_some():
                raise SystemExit(f"Bail out! {text} is not in {self.said}")

    def read_some(self):
        if not select.select([self.terminal], [], [], PATIENCE)[0]:
            return False
        try:
            data = os.read(self.terminal, 4096)
        except OSError:  # EIO: the other end is closed
            return False
        self.said += data
        return bool(data)

    def type(self, text):
        os.write(self.terminal, text)

    def signal(self, number):
        os.kill(int(re.search(rb"kill -USR1 (\d+)", self.said).group(1)), number)

    def end(self):
        """The status, and what the guest has said."""
        out, _ = self.process.communicate(timeout=PATIENCE)
        while self.read_some():
            pass
        os.close(self.terminal)
        return self.process.returncode, out

    def problem(self, resumed, prompts):
        status, out = self.end()
        done = status == STATUS and out == OUTPUT and RESUMED in self.said
        if not resumed:
            done = status == 0 and out != OUTPUT and RESUMED not in self.said
        if not done or self.said.count(PROMPT) != prompts:
            return f"status {status}, said {self.said}, output {out}"
        return None


def terminals():
    """Whether pseudo-terminals can be made here."""
    try:
        for end in pty.openpty():
            os.close(end)
    except OSError:
        return False
    return True


def skipped(name):
    """Whether the test needs a terminal that cannot be had: then it has been skipped."""
    if not TERMINALS:
        skip(name, "no ptys")
    return not TERMINALS


def typed(name, lines, resumed):
    """Each line is typed when it is asked for."""
    if skipped(name):
        return
    source = Source()
    for count, line in enumerate(lines, 1):
        source.wait_for(PROMPT, count)
        source.type(line)
    check(name, source.problem(resumed, len(lines)))


def signalled(name, number, resumed, prompts, **how):
    if how.get("terminal", True) and skipped(name):
        return
    source = Source(**how)
    source.wait_for(PROMPT, prompts)
    source.signal(number)
    check(name, source.problem(resumed, prompts))


def end_of_input():
    name = "after the end of input only a signal counts"
    if skipped(name):
        return
    source = Source()
    source.wait_for(PROMPT)
    source.type(b"\x04")
    source.wait_for(b"nothing more can be typed")
    source.type(b"end\n")
    source.signal(signal.SIGUSR1)
    check(name, source.problem(True, 1))


def hang_up():
    name = "a hang-up is no answer"
    if skipped(name):
        return
    source = Source()
    source.wait_for(PROMPT)
    os.close(source.terminal)
    # The session's leader has got SIGHUP when the terminal is gone; it still waits for its word.
    source.signal(signal.SIGUSR1)
    out, _ = source.process.communicate(timeout=PATIENCE)
    done = source.process.returncode == STATUS and out == OUTPUT
    check(name, None if done else f"status {source.process.returncode}")


whole = subprocess.run([VPMU, "run", "--append", "iterations=20000",
                        os.path.join(GUESTS, "count.elf")], capture_output=True, check=False)
TERMINALS = terminals()
STATUS, OUTPUT = whole.returncode, whole.stdout
typed("'resume' resumes the guest", [b"resume\n"], True)
typed("'end' ends the run", [b"end\n"], False)
typed("anything else is asked again", [b"\n", b"resum\n", b"Resume\n", b"x" * 500 + b"\n",
                                       b"end resume\n", b"resume\n"], True)
signalled("SIGUSR1 resumes while it is asked", signal.SIGUSR1, True, 1)
signalled("SIGTERM ends while it is asked", signal.SIGTERM, False, 1)
end_of_input()
hang_up()
signalled("without a terminal nothing is asked", signal.SIGUSR1, True, 0, terminal=False)
signalled("in the background nothing is asked", signal.SIGUSR1, True, 0, background=True)
finish()
