#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""suites.py leaves neither its guest nor a temporary folder behind when a signal ends it.
  suites_end.py SUITES.PY
The QEMU and the tool are stand-ins; what the tool starts ends only when it is killed. Prints TAP."""
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # nothing is left in the sources
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '../tool')]
import tap

SUITES = sys.argv[1]
PATIENCE = 30
QEMU = 'echo "vpmu: no model" >&2'
TOOL = 'trap "" HUP INT TERM; sleep 600 & echo $$ $! >{0}/new; mv {0}/new {0}/processes; wait'


def write(path, text):
    with open(path, 'w') as file:
        file.write(text)
    os.chmod(path, 0o755)


def wait_for(holds):
    until = time.monotonic() + PATIENCE
    while not holds() and time.monotonic() < until:
        time.sleep(0.05)
    return holds()


def is_gone(process):
    """It is none, or a zombie."""
    try:
        with open(f'/proc/{process}/stat') as file:
            return re.search(r'\) (.)', file.read()).group(1) == 'Z'
    except OSError:
        return True


def start(folder):
    os.makedirs(f'{folder}/guest')
    os.makedirs(f'{folder}/suites/perf')
    write(f'{folder}/guest/vmlinuz', '')
    write(f'{folder}/suites/perf/list', '  1: one\n')
    write(f'{folder}/qemu', f'#!/bin/sh\n{QEMU}\n')
    write(f'{folder}/tool', f'#!/bin/sh\n{TOOL.format(folder)}\n')
    return subprocess.Popen(
        [sys.executable, SUITES, f'{folder}/tool', 'plugin', f'{folder}/guest', f'{folder}/suites', 'perf'],
        env=dict(os.environ, VPMU_QEMU=f'{folder}/qemu'), stdout=subprocess.DEVNULL)


def ends_by(number, folder):
    name = signal.Signals(number).name
    process = start(folder)
    begun = wait_for(lambda: os.path.exists(f'{folder}/processes') or process.poll() is not None)
    tap.check(f'{name}: the guest has begun', '' if begun and process.poll() is None else 'it has not')
    process.send_signal(number)
    status = process.wait(timeout=PATIENCE)
    tap.check(f'{name}: status', '' if status == 128 + number else str(status))
    processes = open(f'{folder}/processes').read().split()
    for one, other in zip(('the tool', 'what it has started'), processes):
        tap.check(f'{name}: {one} has ended', '' if wait_for(lambda: is_gone(other)) else f'process {other}')
        if not is_gone(other):
            os.kill(int(other), signal.SIGKILL)
    left = os.listdir(f'{folder}/guest')
    tap.check(f'{name}: no temporary folder is left', '' if left == ['vmlinuz'] else str(left))


for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
    with tempfile.TemporaryDirectory() as folder:
        ends_by(number, folder)
tap.finish()
