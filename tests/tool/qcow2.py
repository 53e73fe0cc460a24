#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""VM states in qcow2 images that QEMU has made: what vpmu state shows of them.
  qcow2.py VPMU
Prints TAP; skips, with the reason, where there is no QEMU; without KVM the guests' PMU is idle."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # nothing is left in the sources
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '../watch'))
import guest_image
import tap

VPMU, QEMU = sys.argv[1], 'qemu-system-x86_64'
GUEST = [(0x186, 0x5300c0), (0xc1, 0x1234), (0x309, 0x777000111222), (0x38f, 0x700000005)]
IMAGE = 'disk'


def check(name, holds, told=''):
    tap.check(name, '' if holds else told or 'it does not hold')


class Vm:
    """QEMU with a disk that appears under its monitor's hands, so that no other tool is needed."""

    def __init__(self, folder, *arguments, under=()):
        self.folder = folder
        command = [*under, QEMU, '-display', 'none', '-m', '16', '-nodefaults', '-qmp', 'stdio',
                   '-drive', 'if=none,id=disk,driver=null-co,size=64M', *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        self.read()
        self.ask('qmp_capabilities')

    def read(self):
        line = '\n'
        while line and not line.startswith('{'):
            line = self.process.stdout.readline()
        if not line:
            raise RuntimeError('QEMU ended')
        return json.loads(line)

    def ask(self, execute, **arguments):
        self.process.stdin.write(json.dumps({'execute': execute, 'arguments': arguments}) + '\n')
        self.process.stdin.flush()
        answer = self.read()
        while 'return' not in answer and 'error' not in answer:
            answer = self.read()
        return answer.get('return')

    def do(self, line):
        return self.ask('human-monitor-command', **{'command-line': line})

    def end(self):
        self.ask('quit')
        self.process.wait(30)


def vpmu(*arguments):
    return subprocess.run([VPMU, 'state', *arguments], capture_output=True, text=True, check=False)


def two_states(folder):
    image = os.path.join(folder, IMAGE)
    vm = Vm(folder, '-machine', 'pc', '-accel', 'tcg', '-S', '-smp', '2')
    for line in (f'snapshot_blkdev disk {image} qcow2', 'savevm before', 'savevm "after that"'):
        vm.do(line)
    vm.end()
    shown = vpmu('show', image)
    check('two states: status', shown.returncode == 2)
    check('two states: they are listed', "1 'before', 2 'after that'" in shown.stderr, shown.stderr)
    for name in ('before', '1', 'after that', '2'):
        shown = vpmu('show', image, '--snapshot', name)
        check(f"state '{name}': two vCPUs, by the description",
              ', 2 vCPUs, found through its description' in shown.stdout, shown.stdout + shown.stderr)
    shown = vpmu('show', image, '--snapshot', 'none')
    check('no such state: what there is', "no VM state 'none'" in shown.stderr and "1 'before'" in shown.stderr)
    made = vpmu('import-qemu', image, '--snapshot', '2', '--model', 'intel-v2', '--out', folder + '/out')
    check('imported: status', made.returncode == 0, made.stderr)
    check('imported: a file of two', vpmu('show', folder + '/out').stdout.count('vCPU ') == 2)
    with open(image, 'rb') as file:
        shown = subprocess.run([VPMU, 'state', 'show', '-', '--snapshot', 'before'], stdin=file,
                               capture_output=True, text=True, check=False)
    check('through the standard input', ', 2 vCPUs, ' in shown.stdout, shown.stderr)
    os.remove(image)


def registers(folder):
    """A guest that has written its PMU, which vpmu watch gives it."""
    image, bios = os.path.join(folder, IMAGE), os.path.join(folder, 'bios')
    guest_image.make(bios, GUEST)
    vm = Vm(folder, '-accel', 'kvm', '-cpu', 'Skylake-Client,vendor=GenuineIntel,pmu=on', '-bios', bios,
            under=[VPMU, 'watch', '--emulate', 'intel-v2', '--log', folder + '/log', '--'])
    while 'HLT=1' not in vm.do('info registers'):
        pass
    vm.do(f'snapshot_blkdev disk {image} qcow2')
    vm.do('savevm only')
    vm.end()
    rows = [line.split() for line in vpmu('show', image, '--model', 'intel-v2').stdout.splitlines()]
    found = {int(row[0], 16): int(row[2], 16) for row in rows if len(row) > 2 and row[0].startswith('0x')}
    check("registers: what the guest wrote", all(found.get(msr) == value for msr, value in GUEST), found)


def gives_pmu():
    """Whether this QEMU gives a guest an Intel PMU: from 11.0 on an Intel host's alone does."""
    text = subprocess.run([QEMU, '--version'], capture_output=True, text=True, check=False).stdout
    return os.access('/dev/kvm', os.R_OK | os.W_OK) and int(text.split('version ')[1].split('.')[0]) < 11


def main():
    if not shutil.which(QEMU):
        print('1..0 # SKIP no', QEMU)
        return
    with tempfile.TemporaryDirectory() as folder:
        two_states(folder)
        if gives_pmu() and subprocess.run([VPMU, 'watch', '--help'], capture_output=True, check=False).returncode == 0:
            registers(folder)
    tap.finish()


main()
