#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A machine is reset while its guest's perf counts: with reset=keep, as VMMs did it, the kernel finds
"BIOS has corrupted hw-PMU resources" at its next boot; with reset=model it finds nothing.
  reset.py VPMU PLUGIN FOLDER
FOLDER has vmlinux and initrd, as linux/make-guest makes them. Prints TAP; skips without them, or
without a QEMU that fits. Takes minutes."""
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True  # nothing is left in the sources
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '../tool'), HERE]
import cpio
import qemu
import tap

VPMU, PLUGIN, FOLDER = map(os.path.abspath, sys.argv[1:4])
PATIENCE = 900
INIT = cpio.BEGIN + b'''dmesg | grep -i 'corrupted hw-PMU'
perf stat -a -I 1000 -e instructions,branches sleep 100000
'''


def read_lines(stream, lines):
    for line in stream:
        lines.put(line.decode(errors='replace').strip())
    lines.put(None)


def until_counted(lines, deadline):
    """What the guest says before it counts, or None."""
    said = []
    while True:
        try:
            line = lines.get(timeout=max(0, deadline - time.monotonic()))
        except queue.Empty:
            return None
        if line is None:
            return None
        if line.endswith('branches'):
            return said
        said.append(line)


def boots(program, initrd, model, reset):
    """What two boots of one machine say, with a system_reset between them."""
    guest = subprocess.Popen(
        [VPMU, 'qemu', '--model', model, '--reset', reset, '--', program, '-M', 'q35', '-m', '700',
         '-display', 'none', '-chardev', 'stdio,id=s,mux=on', '-serial', 'chardev:s', '-monitor',
         'chardev:s', '-kernel', f'{FOLDER}/vmlinux', '-initrd', initrd, '-append',
         'console=ttyS0 quiet panic=-1 nmi_watchdog=0 no_timer_check'],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    lines = queue.Queue()
    threading.Thread(target=read_lines, args=(guest.stdout, lines), daemon=True).start()
    deadline = time.monotonic() + PATIENCE
    try:
        first = until_counted(lines, deadline)
        guest.stdin.write(b'\x01csystem_reset\n\x01c')
        guest.stdin.flush()
        return first, until_counted(lines, deadline)
    except OSError:
        return None, None
    finally:
        guest.kill()
        guest.wait()


command, reason = qemu.find(PLUGIN)
if command and not os.path.exists(f'{FOLDER}/initrd'):
    command, reason = None, f'no guest in {FOLDER} (tests/qemu/linux/make-guest makes one)'
for model in ('amd-perfmon-v2', 'zen2', 'skylake'):
    for reset, wanted in (('keep', True), ('model', False)):
        name = f'{model}, reset={reset}: the BIOS has corrupted {"the PMU" if wanted else "nothing"}'
        if not command:
            tap.skip(name, reason)
            continue
        with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
            initrd = f'{folder}/initrd'
            with open(initrd, 'wb') as file:
                base = open(f'{FOLDER}/initrd', 'rb').read()
                file.write(base + bytes(-len(base) % 4) + cpio.archive([(b'init', 0o100755, INIT)]))
            first, second = boots(qemu.stand_in(command, folder), initrd, model, reset)
        if first is None or second is None:
            tap.check(name, f'it did not boot twice: {first} {second}')
            continue
        found = [any('corrupted hw-PMU' in line for line in said) for said in (first, second)]
        tap.check(name, '' if found == [False, wanted] else f'{first[-3:]} {second[-3:]}')
tap.finish()
