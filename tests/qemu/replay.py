#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""guests/replay.c under QEMU with the plugin: to the same lines it has the same answers as vpmu replay.
  replay.py VPMU PLUGIN FOLDER
FOLDER has the guest, and is a place for a file. Prints TAP; skips without a QEMU that fits."""
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # nothing is left in the sources
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '../tool'), HERE]
import ending
import puts
import qemu
import tap

VPMU, PLUGIN, FOLDER = map(os.path.abspath, sys.argv[1:4])
BAD = ['rdmsr 0xc0010210', 'wrmsr 0xc0010200 0x8000000000000000', 'enter']
K7 = [*puts.START, *puts.program(*puts.k7(3), puts.NEAR), puts.run(1200), *puts.read(*puts.k7(3))]

# The model, the profile, and the lines.
CASES = [('amd-perfmon-v2', 'hardware', [*puts.TWO, *puts.LOOK_AT_TWO, *puts.ONWARD, *BAD]),
         ('amd-perfmon-v2', 'linux-6.12', [*puts.TWO, *puts.LOOK_AT_TWO, *puts.ONWARD, *BAD]),
         (puts.K7_MODEL, 'hardware', K7)]


def told(program, model, profile, lines):
    """The guest's first line, and its answers; it is asked the next when it has answered."""
    with ending.group(
            [VPMU, 'qemu', '--model', model, '--profile', profile, '--', program, '-M', 'pc', '-display',
             'none', '-monitor', 'none', '-serial', 'stdio', '-kernel', f'{FOLDER}/replay.mb32.elf'],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as guest:
        answers = [guest.stdout.readline().strip()]
        for line in lines:
            print(line, file=guest.stdin, flush=True)
            answers.append(guest.stdout.readline().strip())
    return answers


def problem(program, model, profile, lines):
    wanted = ['ready', *puts.replay(VPMU, model, profile, [(line, True) for line in lines])]
    answers = told(program, model, profile, lines)
    return '' if answers == wanted else f'{answers}, not {wanted}'


ending.by_signals()
command, reason = qemu.find(PLUGIN)
for model, profile, lines in CASES:
    name = f'{model} on {profile}: as vpmu replay answers'
    if not command:
        tap.skip(name, reason)
        continue
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        tap.check(name, problem(qemu.stand_in(command, folder), model, profile, lines))
tap.finish()
