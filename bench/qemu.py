#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the plugin costs: CPU seconds of QEMU without and with it, one after the other, medians.
  qemu.py VPMU PLUGIN GUESTS LINUX [TIMES [ROW]]
GUESTS has work.mb32.elf, LINUX has vmlinux and initrd, as tests/qemu/linux/make-guest makes them.
Prints figures and asserts nothing; takes minutes. ROW: only the rows with this text. VPMU_QEMU is the
QEMU (tests/qemu/qemu.py)."""
import os
import re
import statistics
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # nothing is left in the sources
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '../tests/qemu'), os.path.join(HERE, '../tests/tool')]
import cpio
import qemu

VPMU, PLUGIN, GUESTS, LINUX = map(os.path.abspath, sys.argv[1:5])
TIMES = int((sys.argv[5:] or ['5'])[0])
WANTED = (sys.argv[6:] or [''])[0]
CPU = 'Skylake-Client,-x2apic'
COMMON = ['-M', 'q35', '-m', '700', '-cpu', CPU, '-display', 'none', '-monitor', 'none', '-serial',
          'stdio', '-no-reboot', '-device', 'isa-debug-exit,iobase=0xf4']

# The guest's first program. The kernel gives it what it does, as a variable of the environment.
INIT = cpio.BEGIN + b'''mount -t tmpfs none /tmp
cd /tmp
echo 0 >/proc/sys/kernel/perf_cpu_time_max_percent
$with sh /program
poweroff -f
'''
PROGRAM = b'''i=0
while [ $i -lt 40000 ]; do i=$((i + 1)); done
head -c 8000000 /dev/zero | md5sum
'''


def boot(more):
    """Until the kernel finds no root."""
    return ['-kernel', f'{LINUX}/vmlinux', '-append', f'console=ttyS0 quiet panic=-1 {more}']


def program(folder, words):
    """A shell's loop and md5sum, run by these words."""
    return ['-kernel', f'{LINUX}/vmlinux', '-initrd', f'{folder}/initrd', '-append',
            f'console=ttyS0 quiet panic=-1 nmi_watchdog=0 rdinit=/first with="{words}"']


def work(arguments):
    return ['-kernel', f'{GUESTS}/work.mb32.elf', '-append', arguments]


RECORD = 'perf record -o /tmp/record'

# What runs, without the plugin and with it, and options of the plugin. The guest runs its work twice
# where it counts. `perf record` is compared with the program alone, which has no perf in it; with perf
# that has no sample to take; and with what perf can do without a PMU: samples by a clock.
def rows(folder):
    alone, few, clock, record = (
        program(folder, words)
        for words in ('', f'{RECORD} -e page-faults -c 1000000', f'{RECORD} -e cpu-clock -c 1500000',
                      f'{RECORD} -e instructions:u -c 100003'))
    idle, counting = work('rounds=240 switches no-counters'), work('rounds=120 switches')
    return [('Linux boots, no counter on', boot('nmi_watchdog=0'), None, ''),
            ('Linux boots, its NMI watchdog counts cycles', boot(''), None, ''),
            ('work, no counter on', idle, None, ''),
            ('work, counts instructions, branches, cycles', idle, counting, ''),
            ('the same with timing=cache', idle, counting, ',timing=cache'),
            ('a program alone, perf record -c 100003', alone, record, ''),
            ('perf record of nothing, and -c 100003', few, record, ''),
            ('perf record by a clock, and -c 100003', clock, record, '')]


def run(command):
    """CPU seconds, and how many samples perf says that it has taken; 0: it was not run."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL)
    text = child.stdout.read().decode(errors='replace')
    used = os.wait4(child.pid, 0)[2]
    return used.ru_utime + used.ru_stime, int((re.findall(r'\((\d+) samples\)', text) or ['0'])[-1])


def pair(qemu_program, row):
    _, without, with_it, options = row
    plugin = ['-plugin', f'{PLUGIN},model=skylake{options}']
    return (*run([qemu_program, *COMMON, *without]),
            *run([qemu_program, *COMMON, *plugin, *(with_it or without)]))


command, reason = qemu.find(PLUGIN)
if not command:
    sys.exit(f'not measured: {reason}')
print(f'CPU seconds of QEMU, medians of {TIMES}: without the plugin, with it')
with tempfile.TemporaryDirectory(dir=GUESTS) as folder:
    stand_in = qemu.stand_in(command, folder)
    cpio.extend(f'{LINUX}/initrd', f'{folder}/initrd',
                [(b'first', 0o100755, INIT), (b'program', 0o100644, PROGRAM)])
    for row in rows(folder):
        if WANTED not in row[0]:
            continue
        none, taken, ours, ours_taken = map(statistics.median,
                                            zip(*(pair(stand_in, row) for _ in range(TIMES))))
        samples = f', samples: {taken:.0f}, {ours_taken:.0f}' if ours_taken else ''
        print(f'  {row[0]:<46}{none:8.2f}{ours:8.2f}{ours / none:8.2f} times{samples}', flush=True)
