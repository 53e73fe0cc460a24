#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""timing=cache under QEMU: a guest that sorts, hashes, multiplies and chases pointers has the misses
that it has under vpmu run, and nearly its cycles.
  timing.py VPMU PLUGIN GUESTS
Prints TAP; skips without a QEMU that fits."""
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # nothing is left in the sources
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '../tool'), HERE]
import qemu
import tap

VPMU, PLUGIN, FOLDER = map(os.path.abspath, sys.argv[1:4])
MODEL = 'intel-v4'  # eight counters: all events at once
PATIENCE = 300
# The model decides these alone. To cycles belongs, too, what instructions take by their class, of
# which the plugin knows less.
SAME = ('branch-misses', 'llc-references', 'llc-misses')
NEARLY = ('cycles', 'ref-cycles')


def counts(command):
    told = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=PATIENCE).stdout
    return {name: int(value.replace(',', ''))
            for name, value in re.findall(r'^  ([\w-]+) +([\d,]+)$', told, re.M)}


def under_qemu(program):
    return counts([VPMU, 'qemu', '--model', MODEL, '--timing', 'cache', '--', program, '-M',
                   'pc,pit=off', '-display', 'none', '-monitor', 'none', '-serial', 'stdio',
                   '-no-reboot', '-device', 'isa-debug-exit,iobase=0xf4', '-kernel',
                   f'{FOLDER}/work.mb32.elf'])


command, reason = qemu.find(PLUGIN)
if command:
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        there = under_qemu(qemu.stand_in(command, folder))
    here = counts([VPMU, 'run', '--model', MODEL, f'{FOLDER}/work.elf'])
    for name in SAME:
        good = there.get(name) and there[name] == here.get(name)
        tap.check(f'{name}: as under vpmu run', '' if good else f'{there} {here}')
    for name in NEARLY:
        good = 0.95 < there.get(name, 0) / here.get(name, 1) < 1.05
        tap.check(f'{name}: nearly as under vpmu run', '' if good else f'{there} {here}')
else:
    tap.skip('timing=cache', reason)
tap.finish()
