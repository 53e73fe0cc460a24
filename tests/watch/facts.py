#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What this QEMU gives guests by its machine types, and what vpmu state compat --matrix says of it.
  facts.py VPMU LIBRARY
Prints TAP; skips, with the reason, without QEMU or KVM. VPMU_DEBIAN13 names another root to take QEMU from,
as for vmms.py."""
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # nothing is left in the sources
import qemu

VPMU, LIBRARY = sys.argv[1], os.path.realpath(sys.argv[2])
ROOT = os.environ.get('VPMU_DEBIAN13', '')
INTEL = 'Skylake-Client,vendor=GenuineIntel,+pdcm,pmu=off'


def asked(*arguments):
    return subprocess.run([*qemu.COMMAND, *arguments], capture_output=True, text=True, check=False).stdout


def machine_types():
    """The versions of q35's types, ascending."""
    found = re.findall(r'^pc-q35-(\d+)\.(\d+) ', asked('-machine', 'help'), re.MULTILINE)
    return sorted((int(major), int(minor)) for major, minor in found)


def text_of(pair):
    return f'{pair[0]}.{pair[1]}'


def says_pdcm(folder, machine):
    """Whether QEMU says that a guest without a PMU has PDCM, and whether its CPUID does."""
    vm = qemu.Qemu(folder, 'pdcm', ['--emulate', 'skylake'], INTEL, '-S', '-machine', 'pc-q35-' + text_of(machine))
    said = vm.do('qom-get', path='/machine/unattached/device[0]', property='pdcm')
    vm.end()
    shown = [line['model']['features'] for line in vm.blocks('set-cpuid')]
    return said, any('pdcm' in features for features in shown)


def matrix(*arguments):
    return subprocess.run([VPMU, 'state', 'compat', '--matrix', *arguments], capture_output=True,
                          text=True, check=False).stdout


def pdcm(folder, mine):
    types = machine_types()
    for machine in {types[-1], *(t for t in types if t in ((7, 2), (10, 0), (10, 1)))}:
        said, shown = says_pdcm(folder, machine)
        # Its own side says it by the machine type; QEMU 7.2 always does.
        told = matrix('--qemu', '7.2,' + mine, '--machine-type', '7.2', '--pmu-off', 'skylake')
        if machine <= (7, 2):
            qemu.check(f'pdcm of {machine}: the matrix says so', ('no pdcm' not in told) == said, told)
        qemu.check(f'pdcm of {machine}: by the machine type', said == (machine < (10, 1)), said)
        qemu.check(f'pdcm of {machine}: CPUID has none without a PMU', not shown)


def machines(mine):
    types = machine_types()
    newest = tuple(int(part) for part in mine.split('.')[:2])
    qemu.check('the newest machine type is the version', types[-1] == newest, types)
    oldest = matrix('--qemu', mine, '--machine-type', text_of(types[0]), 'skylake')
    qemu.check('the oldest machine type is one', 'any more' not in oldest, oldest)
    newer = matrix('--qemu', mine, '--machine-type', f'{newest[0] + 1}.0', 'skylake')
    qemu.check('a newer machine type is none', 'no such machine type' in newer, newer)


def perfmon_v2(mine):
    has = 'perfmon-v2' in asked('-cpu', 'help')
    told = matrix('--qemu', mine, 'zen4', '--profile', 'linux-6.12')
    qemu.check('PerfMonV2 is told where there is such a feature', ('AMD version 2' in told) == has, told)


def main():
    reason = qemu.take(ROOT)
    if reason:
        print('1..0 # SKIP', reason)
        return 0
    qemu.lend(ROOT, LIBRARY)
    mine = '.'.join(map(str, qemu.version()))
    machines(mine)
    perfmon_v2(mine)
    with tempfile.TemporaryDirectory(dir=(ROOT or '') + '/tmp') as folder:
        pdcm(folder, mine)
    print(f'1..{qemu.tests}')
    return qemu.failed


sys.exit(main())
