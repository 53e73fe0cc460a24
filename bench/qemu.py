#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the plugin costs: CPU seconds of QEMU without and with it, one after the other, medians.
  qemu.py VPMU PLUGIN GUESTS LINUX [TIMES]
GUESTS has work.mb32.elf, LINUX has vmlinux, as tests/qemu/linux/make-guest makes it. Prints figures
and asserts nothing; takes minutes. VPMU_QEMU is the QEMU (tests/qemu/qemu.py)."""
import os
import statistics
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # nothing is left in the sources
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '../tests/qemu'), os.path.join(HERE, '../tests/tool')]
import qemu

VPMU, PLUGIN, GUESTS, LINUX = map(os.path.abspath, sys.argv[1:5])
TIMES = int((sys.argv[5:] or ['5'])[0])
CPU = 'Skylake-Client,-x2apic'
COMMON = ['-M', 'q35', '-m', '700', '-cpu', CPU, '-display', 'none', '-monitor', 'none', '-serial',
          'stdio', '-no-reboot', '-device', 'isa-debug-exit,iobase=0xf4']


def boot(more):
    """Until the kernel finds no root."""
    return ['-kernel', f'{LINUX}/vmlinux', '-append', f'console=ttyS0 quiet panic=-1 {more}']


def work(arguments):
    return ['-kernel', f'{GUESTS}/work.mb32.elf', '-append', arguments]


# What runs, without the plugin and with it, and options of the plugin. The guest runs its work twice
# where it counts.
ROWS = [('Linux boots, no counter on', boot('nmi_watchdog=0'), None, ''),
        ('Linux boots, its NMI watchdog counts cycles', boot(''), None, ''),
        ('work, no counter on', work('rounds=24 no-counters'), None, ''),
        ('work, counts instructions, branches, cycles', work('rounds=24 no-counters'),
         work('rounds=12'), ''),
        ('the same with timing=cache', work('rounds=24 no-counters'), work('rounds=12'),
         ',timing=cache')]


def seconds(command):
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    used = os.wait4(child.pid, 0)[2]
    return used.ru_utime + used.ru_stime


def pair(program, row):
    _, without, with_it, options = row
    plugin = ['-plugin', f'{PLUGIN},model=skylake{options}']
    return (seconds([program, *COMMON, *without]),
            seconds([program, *COMMON, *plugin, *(with_it or without)]))


command, reason = qemu.find(PLUGIN)
if not command:
    sys.exit(f'not measured: {reason}')
print(f'CPU seconds of QEMU, medians of {TIMES}: without the plugin, with it')
with tempfile.TemporaryDirectory(dir=GUESTS) as folder:
    stand_in = qemu.stand_in(command, folder)
    for row in ROWS:
        none, ours = map(statistics.median, zip(*(pair(stand_in, row) for _ in range(TIMES))))
        print(f'  {row[0]:<46}{none:8.2f}{ours:8.2f}{ours / none:8.2f} times', flush=True)
