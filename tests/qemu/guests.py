#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A guest under QEMU with the plugin, on every model: it passes, and prints what it prints under
vpmu run, but for what is time.
  guests.py VPMU PLUGIN FOLDER GUEST [MODEL…]
FOLDER has the guests, and is a place for a file. Prints TAP; skips without a QEMU that fits."""
import itertools
import os
import re
import string
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # nothing is left in the sources
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '../tool'), HERE]
import qemu
import tap

VPMU, PLUGIN, FOLDER, GUEST = *map(os.path.abspath, sys.argv[1:4]), sys.argv[4]
MODELS = sys.argv[5:]
PASSED = 1  # the guest's exit status
# The guests run in long mode, which no P6 had.
CPUS = {'intel-p6': 'pentium3,lm=on,xlevel=0x80000008,nx=on,syscall=on'}
PATIENCE = 120


def all_models():
    told = subprocess.run([VPMU, 'models'], capture_output=True, text=True, check=True).stdout
    return [line.split()[0] for line in told.splitlines()[1:] if line]


def append(model):
    """The guest's command line; events gets all that instructions alone decide."""
    if GUEST != 'events':
        return {'count': 'iterations=200000'}.get(GUEST, '')
    told = subprocess.run([VPMU, 'models', model], capture_output=True, text=True, check=True)
    rows = re.findall(r'^selectors +(0x\w+) +\S+ +exact', told.stdout, re.M)
    return ' '.join(f'event{digit}={int(event, 16)}'
                    for digit, event in zip(string.digits + string.ascii_lowercase, rows))


def is_timed(line):
    """Lines of time, the table of what happens in a thousand instructions, and QEMU's vendor."""
    return (any(word in line for word in qemu.TIMING) or "TCG doesn't" in line or
            'PMU version' in line or re.search(r'\d\.\d\d +(\d+\.\d\d|-)', line))


def untimed(text):
    return [line.rstrip() for line in text.splitlines() if not is_timed(line)]


def run(command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=PATIENCE)


def under_qemu(program, model):
    cpu = ['-cpu', CPUS[model]] if model in CPUS else []
    return run([VPMU, 'qemu', '--model', model, '--', program, *cpu, '-M', 'pc,pit=off', '-display',
                'none', '-monitor', 'none', '-serial', 'stdio', '-no-reboot', '-device',
                'isa-debug-exit,iobase=0xf4', '-kernel', f'{FOLDER}/{GUEST}.mb32.elf', '-append',
                append(model)])


def under_run(model):
    return run([VPMU, 'run', '--model', model, '--append', append(model), f'{FOLDER}/{GUEST}.elf'])


def problem_on(program, model):
    there = under_qemu(program, model)
    if there.returncode != PASSED:
        return f'status {there.returncode}: {there.stdout[-500:]}{there.stderr[-500:]}'
    here = under_run(model)
    if here.returncode != PASSED:
        return f'vpmu run: status {here.returncode}'
    pairs = itertools.zip_longest(untimed(there.stdout), untimed(here.stdout))
    different = [f'{a!r} is {b!r} under vpmu run' for a, b in pairs if a != b]
    return '; '.join(different[:3])


command, reason = qemu.find(PLUGIN)
for model in MODELS or all_models():
    name = f'{GUEST} on {model}: passes, and counts what it counts under vpmu run'
    if not command:
        tap.skip(name, reason)
        continue
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        tap.check(name, problem_on(qemu.stand_in(command, folder), model))
tap.finish()
