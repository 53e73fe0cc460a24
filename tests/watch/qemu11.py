#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vpmu watch and a QEMU from 11.0 on, which moves AMD's registers: a migration to a file and back,
each side watched. What it permutes is named, register by register; and a file of its that
vpmu state export-qemu has repaired is restored by the same QEMU as it was saved.
  qemu11.py VPMU LIBRARY
VPMU_DEBIAN13 names a root of Debian 13 that has such a QEMU, with proc and dev mounted. Prints TAP;
skips, with the reason, where there is none."""
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # nothing is left in the sources
import guest_image
import qemu

LIBRARY = os.path.realpath(sys.argv[2])
ROOT = os.environ.get('VPMU_DEBIAN13', '')
K7 = [(0xc0010000 + i, 0x530070 + i) for i in range(4)] + \
     [(0xc0010004 + i, 0x1001 + i) for i in range(4)]
CORE = [(0xc0010200 + 2 * i, 0x530070 + i) for i in range(6)] + \
       [(0xc0010201 + 2 * i, 0x1001 + i) for i in range(6)]
# What register i was put with, when the i-th field of the file has what was got at MSR 0xc0010200 + i.
PERMUTED = {f'PerfEvtSel{i}': f'PerfEvtSel{i // 2}' if i % 2 == 0 else None for i in range(1, 6)} | \
           {f'PerfCtr{i}': f'PerfCtr{i // 2}' if i % 2 else None for i in range(6)}

# The model, QEMU's CPU, what the guest writes, and what is put otherwise than it was got.
MODELS = [
    ('amd-k7', 'Opteron_G3,pmu=on', K7, {}),
    ('amd-perfcore', 'EPYC,pmu=on,+perfctr-core', CORE, PERMUTED),
    ('amd-perfmon-v2', 'EPYC-Genoa,pmu=on,+perfmon-v2', CORE + [(0xc0000301, 5)], PERMUTED),
]


def lack():
    if not ROOT:
        return 'VPMU_DEBIAN13 names no root of Debian 13'
    with open('/proc/cpuinfo', encoding='ascii', errors='replace') as file:
        if 'AuthenticAMD' not in file.read():
            return "QEMU 11 gives no PMU of AMD's on another vendor's host"
    reason = qemu.take(ROOT)
    if not reason and qemu.version()[0] != 11:
        reason = 'this is about QEMU 11: {}.{}'.format(*qemu.version())
    return reason


def values_by_name(guest):
    """The guest's values by register, selectors and counters."""
    return {('PerfEvtSel' if value >= 0x530000 else 'PerfCtr') + str(value & 0xf if value >= 0x530000
            else value - 0x1001): value for _, value in guest if value != 5}


def restored(inside, outside, cpu, model):
    """The saved file in a new QEMU: the watch's exit status, summary and text."""
    target = qemu.Qemu(outside, 'target', ['--emulate', model, '--expect', outside + '/state'], cpu,
                       '-S', '-bios', inside + '/bios', '-incoming', f'exec:cat {inside}/saved')
    target.wait(lambda: target.do('query-status')['status'] != 'inmigrate')
    target.registers()
    return target.end(), target.summary(), target.said()


def repair(path, model, is_permuted):
    """The file gets the state that is in it, each register in its own place."""
    told = subprocess.run([qemu.VPMU, 'state', 'export-qemu', path, '--model', model, '--into', path],
                          capture_output=True, text=True, check=False)
    qemu.check(f'{model}: repairing: exit status 0', told.returncode == 0, told.stderr)
    qemu.check(f'{model}: repairing: permuted or not is seen',
               ('QEMU 11.0 and 11.1' in told.stderr) == is_permuted, told.stderr)


def migrate(inside, outside, model, cpu, guest, changed):
    names = values_by_name(guest)
    guest_image.make(outside + '/bios', guest)
    state = outside + '/state'
    source = qemu.Qemu(outside, 'source', ['--emulate', model, '--state', state], cpu,
                       '-bios', inside + '/bios')
    source.wait(lambda: 'HLT=1' in source.registers())
    source.save(inside + '/saved')
    status = source.end()
    qemu.check(f'{model}: source: exit status 0', status == 0, source.said())
    status, summary, said = restored(inside, outside, cpu, model)
    wanted = {name: names.get(origin, 0) for name, origin in changed.items()}
    is_put = {c['name']: int(c['put'], 16) for c in summary['changes']}
    qemu.check(f'{model}: target: exit status', status == bool(changed), said)
    qemu.check(f'{model}: target: what was put otherwise', is_put == wanted, (is_put, wanted))
    repair(outside + '/saved', model, bool(changed))
    status, summary, said = restored(inside, outside, cpu, model)
    qemu.check(f'{model}: repaired: exit status 0', status == 0, said)
    qemu.check(f'{model}: repaired: every register as before the save', not summary['changes'],
               summary['changes'])


def main():
    reason = lack()
    if reason:
        print('1..0 # SKIP', reason)
        return 0
    qemu.lend(ROOT, LIBRARY)
    with tempfile.TemporaryDirectory(dir=ROOT + '/tmp') as outside:
        for model in MODELS:
            try:
                migrate(outside[len(ROOT):], outside, *model)
            except (RuntimeError, OSError, IndexError, subprocess.TimeoutExpired) as error:
                qemu.check(model[0], False, error)
    print(f'1..{qemu.tests}')
    return qemu.failed


sys.exit(main())
