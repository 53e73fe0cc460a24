#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""QEMU with the plugin for a long time: eight vCPUs, perf on all of them, translations dropped again and
again, and no more memory than in the beginning.
  memory.py VPMU PLUGIN FOLDER [MINUTES]
FOLDER has vmlinux and initrd, as linux/make-guest makes them. MINUTES: 60, at least 4. Prints TAP, and each
minute's memory; skips without a guest, or without a QEMU that fits."""
import os
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # nothing is left in the sources
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '../tool'), HERE]
import cpio
import ending
import qemu
import tap

VPMU, PLUGIN, FOLDER = map(os.path.abspath, sys.argv[1:4])
MINUTES = max(4, int((sys.argv[4:] or ['60'])[0]))
VCPUS = 8
CODE_MIB = 64  # of translations: little, so that it is often full
GROWTH = 0.03

# The guest's first program, what each vCPU runs, and the program that perf runs.
INIT = cpio.BEGIN + b'''mount -t tmpfs none /tmp
cd /tmp
echo 0 >/proc/sys/kernel/perf_cpu_time_max_percent
for cpu in $(seq 0 $(($(nproc) - 1))); do
	taskset $(printf %x $((1 << cpu))) sh /worker $cpu 2>/dev/null &
done
perf stat -a -I 5000 -e instructions,branches -o /dev/null -- sleep 1000000
'''
WORKER = b'''while :; do
	perf stat -e instructions:u,branches:u,cycles -o /dev/null sh /program
	perf record -q -o record.$1 -e instructions:u -c 100003 sh /program
	perf record -q -o record.$1 -e cycles sh /program
	echo "worker $1" >/dev/console
done
'''
PROGRAM = b'''i=0
while [ $i -lt 20000 ]; do i=$((i + 1)); done
head -c 2000000 /dev/zero | md5sum >/dev/null
'''
FILES = [(b'first', 0o100755, INIT), (b'worker', 0o100644, WORKER), (b'program', 0o100644, PROGRAM)]


def command_of(program, folder, name):
    """QEMU with its memory in place from the beginning."""
    return [VPMU, 'qemu', '--model', 'skylake', '--', program, '-M', 'q35', '-m', '1G', '-mem-prealloc',
            '-accel', f'tcg,tb-size={CODE_MIB}', '-smp', str(VCPUS), '-name', name, '-display', 'none',
            '-monitor', 'none', '-serial', f'file:{folder}/serial', '-no-reboot', '-kernel',
            f'{FOLDER}/vmlinux', '-initrd', f'{folder}/initrd', '-append',
            'console=ttyS0 quiet panic=-1 no_timer_check rdinit=/first']


def memory_of(name):
    """MiB that the QEMU of this name has; None: there is none."""
    for process in filter(str.isdigit, os.listdir('/proc')):
        try:
            words = open(f'/proc/{process}/cmdline').read().split('\0')
            if name in words and 'qemu-system' in os.readlink(f'/proc/{process}/exe'):
                with open(f'/proc/{process}/statm') as file:
                    return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE') / (1 << 20)
        except OSError:
            pass
    return None


def watch(child, name):
    """The memory at the end of each minute, up to the last or until QEMU ends."""
    begun, found = time.monotonic(), []
    for minute in range(1, MINUTES + 1):
        time.sleep(max(0, begun + 60 * minute - time.monotonic()))
        memory = memory_of(name)
        if child.poll() is not None or memory is None:
            break
        found.append(memory)
        print(f'# minute {minute}: {memory:.1f} MiB', flush=True)
    return found


def judge(memory, serial):
    quarter = MINUTES // 4
    rounds = [serial.count(f'worker {cpu}') for cpu in range(VCPUS)]
    print(f'# rounds of work of each vCPU: {rounds}')
    tap.check(f'it runs for {MINUTES} minutes',
              None if len(memory) == MINUTES else f'{len(memory)} minutes: {serial[-300:]}')
    tap.check('every vCPU works', None if min(rounds) else f'{rounds}: {serial[-300:]}')
    if len(memory) == MINUTES:
        before = statistics.median(memory[quarter:2 * quarter])
        after = statistics.median(memory[-quarter:])
        tap.check(f'{before:.0f} MiB in the second quarter, {after:.0f} MiB in the last: no growth',
                  None if after <= before * (1 + GROWTH) else f'{after / before:.3f} times')


def run(command):
    name = f'vpmu-memory-{os.getpid()}'
    with tempfile.TemporaryDirectory(dir=os.path.dirname(FOLDER)) as folder:
        cpio.extend(f'{FOLDER}/initrd', f'{folder}/initrd', FILES)
        program = qemu.stand_in(command, folder)
        with ending.group(command_of(program, folder, name), stdout=subprocess.DEVNULL) as child:
            memory = watch(child, name)
        with open(f'{folder}/serial', 'a+', errors='replace') as serial:
            serial.seek(0)
            judge(memory, serial.read())


ending.by_signals()
command, reason = qemu.find(PLUGIN)
if command and not os.path.exists(f'{FOLDER}/initrd'):
    command, reason = None, f'no guest in {FOLDER} (tests/qemu/linux/make-guest makes one)'
if command:
    run(command)
else:
    tap.skip('no growth', reason)
tap.finish()
