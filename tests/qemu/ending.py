# SPDX-License-Identifier: MIT
"""Guests that end with the test: also when a signal ends it."""
import contextlib
import os
import signal
import subprocess
import sys

SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def end(number, _):
    """As an exception does: what has been started ends, too, and temporary folders go."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)


def by_signals():
    """From now on a signal ends the program in this way."""
    for each in SIGNALS:
        signal.signal(each, end)


@contextlib.contextmanager
def group(words, **how):
    """A program that has been started; in the end it is killed, with all that it has started."""
    how = {'stdin': subprocess.DEVNULL, **how}
    with subprocess.Popen(words, start_new_session=True, **how) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
