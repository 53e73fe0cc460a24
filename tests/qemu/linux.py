#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's Linux under QEMU with the plugin: the kernel binds its driver, perf stat is exact, perf
record has each sample, at an instruction of the program.
  linux.py VPMU PLUGIN FOLDER
FOLDER has vmlinux and initrd, as linux/make-guest makes them. Prints TAP; skips without them, or
without a QEMU that fits. Takes minutes."""
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # nothing is left in the sources
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '../tool'), HERE]
import qemu
import tap

VPMU, PLUGIN, FOLDER = map(os.path.abspath, sys.argv[1:4])
INSTRUCTIONS, BRANCHES = 10021419, 1006102  # linux/known.S
# Model, vCPUs, what the kernel says; and, if the other ways of using perf are tried, too, how many of 12
# events have a counter at a time. On AMD the NMI watchdog has one.
MACHINES = [('intel-v2', 1, 'Core2 events, full-width counters, Intel PMU driver', 0),
            ('skylake', 1, 'Intel PMU driver', 4),
            ('intel-v2', 2, 'Intel PMU driver', 0),
            ('amd-perfmon-v2', 1, 'AMD PMU driver', 5),
            ('zen2', 2, 'AMD PMU driver', 0)]
PAGE_FAULTS = 900  # at least: the kernel maps several pages for one
PATIENCE = 1800


def boot(program, model, vcpus, counters):
    done = subprocess.run(
        [VPMU, 'qemu', '--model', model, '--', program, '-M', 'q35', '-m', '700', '-smp',
         str(vcpus), '-display', 'none', '-monitor', 'none', '-serial', 'stdio', '-no-reboot',
         '-kernel', f'{FOLDER}/vmlinux', '-initrd', f'{FOLDER}/initrd', '-append',
         'console=ttyS0 quiet panic=-1 no_timer_check' + (' vpmu.perf' if counters else '')],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    return [line.strip() for line in done.stdout.splitlines()], done.stderr


def irets(lines):
    """AMD: each IRET to the program is an instruction and a branch of it, as many of one as of the
    other."""
    counts = [[int(line.split()[2]) for line in lines if line.startswith(f'count {event}:u')]
              for event in ('instructions', 'branches')]
    pairs = list(zip(*counts))
    good = pairs and all(insns - INSTRUCTIONS == branches - BRANCHES >= PAGE_FAULTS
                         for insns, branches in pairs)
    return '' if good else f'not {INSTRUCTIONS} and {BRANCHES} and as many on top: {pairs}'


def judge_others(others, counters):
    samples = INSTRUCTIONS // 100003
    yield 'perf record -g: each sample has its place', others('call graphs', f'call graphs {samples}')
    yield 'perf stat -a -I: no interval counts nothing', others('intervals', 'intervals many 0')
    yield (f'12 events share {counters} counters, and each is counted',
           others('multiplexed', f'multiplexed 12 {counters}'))
    yield 'a program reads and stops its counters, with RDPMC', others('self-monitoring', 'self-monitoring 4')
    yield 'perf top has samples', others('top', 'top samples')


def judge(lines, vcpus, driver, counters):
    """Pairs of what holds, and the problem if it does not."""
    def others(start, wanted):
        found = [line for line in lines if line.startswith(start)]
        return '' if found and set(found) == {wanted} else f'not {wanted}: {found}'
    told = [line for line in lines if line.startswith('driver')]
    yield 'the driver binds', '' if told and driver in told[0] else told
    yield 'every vCPU is there', others('cpus', f'cpus {vcpus}')
    if 'AMD' in driver:
        yield 'instructions and branches are exact, with the IRETs back', irets(lines)
    else:
        yield 'instructions are exact', others('count instructions:u',
                                               f'count instructions:u {INSTRUCTIONS}')
        yield 'branches are exact', others('count branches:u', f'count branches:u {BRANCHES}')
    for period in (10007, 100003):
        yield (f'each sample of {period}, in the program',
               others(f'samples {period}', f'samples {period} {INSTRUCTIONS // period} 0'))
    if counters:
        yield from judge_others(others, counters)


command, reason = qemu.find(PLUGIN)
if command and not os.path.exists(f'{FOLDER}/initrd'):
    command, reason = None, f'no guest in {FOLDER} (tests/qemu/linux/make-guest makes one)'
for model, vcpus, driver, counters in MACHINES:
    machine = f'{model}, {vcpus} vCPU{"s" if vcpus > 1 else ""}'
    if not command:
        tap.skip(machine, reason)
        continue
    with tempfile.TemporaryDirectory(dir=os.path.dirname(FOLDER)) as folder:
        lines, errors = boot(qemu.stand_in(command, folder), model, vcpus, counters)
    if 'done' not in lines:
        tap.check(f'{machine}: it ends by itself', f'{lines[-5:]} {errors[-300:]}')
        continue
    for name, problem in judge(lines, vcpus, driver, counters):
        tap.check(f'{machine}: {name}', problem)
tap.finish()
