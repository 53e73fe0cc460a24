#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vpmu watch and Debian's QEMU on /dev/kvm: reset, save and restore, with a PMU that is emulated.
  qemu.py VPMU
Prints TAP; skips, with the reason, where there is no QEMU or no KVM."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # nothing is left in the sources
import guest_image

VPMU = sys.argv[1]
QEMU = 'qemu-system-x86_64'
COMMAND = [QEMU]
INTEL = 'Skylake-Client,vendor=GenuineIntel,pmu=on'
PATIENCE = 60  # seconds, for a QEMU that hangs

# What the guest writes: something else in each register.
GUEST = [(0x186, 0x5300c0), (0x187, 0x53003c), (0x188, 0x4300c4), (0x189, 0x4300c5),
         (0xc1, 0x1234), (0xc2, 0x2345), (0xc3, 0x3456), (0xc4, 0x7fffff01),
         (0x309, 0x777000111222), (0x30a, 0x888), (0x30b, 0x999000),
         (0x38d, 0x3b2), (0x38f, 0x700000005)]

tests = 0
failed = False


def check(name, holds, told=''):
    global tests, failed
    tests += 1
    print(('ok' if holds else 'not ok'), tests, '-', name, flush=True)
    if not holds:
        failed = True
        for line in str(told).splitlines():
            print('#', line)


def take(root):
    """Takes QEMU from a root of Debian, '' for this system's; a text: why there is none."""
    global COMMAND
    if root and os.getuid():
        return 'not root'
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        return 'no /dev/kvm that can be opened'
    if root and not (os.path.exists(root + '/dev/kvm') and os.path.exists(root + '/proc/self')):
        return 'no dev or proc in ' + root
    if not root and not shutil.which(QEMU):
        return 'no ' + QEMU
    COMMAND = ['chroot', root, QEMU] if root else [QEMU]
    return None if version() else 'no QEMU that tells its version'


def version():
    """Of the QEMU that was taken: (11, 1, 3); None: it tells none."""
    said = subprocess.run([*COMMAND, '--version'], capture_output=True, text=True, check=False).stdout
    found = re.search(r'version (\d+)\.(\d+)\.(\d+)', said)
    return found and tuple(int(part) for part in found.groups())


def lend(root, library):
    """The loader in the root looks for the library where it is outside."""
    if root:
        os.makedirs(os.path.dirname(root + library), exist_ok=True)
        shutil.copy(library, root + library)


class Qemu:
    """QEMU under vpmu watch, and its QMP on standard input and output."""

    def __init__(self, folder, name, watch, cpu, *arguments):
        self.log = os.path.join(folder, name + '.log')
        self.errors = open(os.path.join(folder, name + '.err'), 'w+')
        command = [VPMU, 'watch', '--json', '--log', self.log, *watch, '--', *COMMAND, '-accel',
                   'kvm', '-cpu', cpu, '-display', 'none', '-m', '64', '-nodefaults', '-qmp', 'stdio',
                   *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors, text=True)
        self.read()
        self.do('qmp_capabilities')

    def read(self):
        line = '\n'
        while line and not line.startswith('{'):  # it tells of a new disk there, too
            line = self.process.stdout.readline()
        if not line:
            raise RuntimeError('QEMU ended: ' + self.said())
        return json.loads(line)

    def do(self, execute, **arguments):
        self.process.stdin.write(json.dumps({'execute': execute, 'arguments': arguments}) + '\n')
        self.process.stdin.flush()
        while True:
            answer = self.read()
            if 'return' in answer or 'error' in answer:
                return answer.get('return')

    def wait(self, holds):
        end = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > end:
                raise RuntimeError('QEMU hangs')
            time.sleep(0.05)

    def registers(self):
        return self.do('human-monitor-command', **{'command-line': 'info registers'})

    def reset(self):
        self.do('system_reset')
        # The main loop does it before it answers the second of these.
        self.registers()
        self.registers()

    def save(self, path):
        self.do('stop')
        self.do('migrate', uri='exec:cat > ' + path)
        self.wait(lambda: self.do('query-migrate')['status'] in ('completed', 'failed'))

    def end(self):
        """The exit status."""
        try:
            self.do('quit')
        except RuntimeError:
            pass
        return self.process.wait(PATIENCE)

    def said(self):
        self.errors.seek(0)
        return self.errors.read()

    def lines(self):
        with open(self.log) as file:
            return [json.loads(line) for line in file]

    def summary(self):
        return self.lines()[-1]

    def blocks(self, event, **wanted):
        return [line for line in self.lines() if line.get('event') == event
                and all(line.get(key) == value for key, value in wanted.items())]


def values(block):
    """What a block leaves in each register."""
    return {int(r['msr'], 16): int(r['value'], 16) for r in block['registers']}


def in_file(path):
    """What the migration file has, by vpmu state."""
    text = subprocess.run([VPMU, 'state', 'import-qemu', path, '--model', 'intel-v2'],
                          capture_output=True, text=True, check=False).stdout
    rows = [line.split() for line in text.splitlines()]
    return {int(r[0], 16): int(r[2], 16) for r in rows if len(r) > 2 and r[0].startswith('0x')}


def has_all(found, wanted):
    return all(found.get(msr) == value for msr, value in wanted)


def intel(folder):
    image, saved = os.path.join(folder, 'bios'), os.path.join(folder, 'saved')
    guest_image.make(image, GUEST)
    qemu = Qemu(folder, 'intel', ['--emulate', 'intel-v2'], INTEL, '-bios', image)
    qemu.wait(lambda: 'HLT=1' in qemu.registers())
    qemu.save(saved)
    status = qemu.end()
    exits = len(qemu.blocks('guest-write', gp=False))
    check('intel: exit status 0', status == 0, qemu.said())
    check('intel: the guest wrote its registers', exits == len(GUEST), exits)
    check('intel: the last get has what the guest wrote',
          has_all(values(qemu.blocks('get')[-1]), GUEST), qemu.blocks('get')[-1])
    check('intel: the migration file has what the guest wrote', has_all(in_file(saved), GUEST),
          in_file(saved))
    restore(folder, image, saved)


def restore(folder, image, saved):
    plan = os.path.join(folder, 'plan')
    qemu = Qemu(folder, 'restored', ['--emulate', 'intel-v2', '--plan', plan], INTEL, '-bios', image,
                '-S', '-incoming', 'exec:cat ' + saved)
    qemu.wait(lambda: qemu.do('query-status')['status'] != 'inmigrate')
    qemu.registers()
    status = qemu.end()
    check('restore: exit status 0', status == 0, qemu.said())
    puts = qemu.blocks('put', level='full')
    check('restore: a put of level full', len(puts) == 1, puts)
    check('restore: its order', puts and puts[-1]['order'] == ['stop-first'], puts)
    check('restore: it has what the guest wrote', puts and has_all(values(puts[-1]), GUEST), puts)
    gets = qemu.blocks('get')
    check('restore: a get finds it', has_all(values(gets[-1]), GUEST), gets[-1])
    with open(plan) as file:
        lines = [line.split()[:2] for line in file if not line.startswith('#')]
    writes = [line for line in lines if line[0].startswith('0x')]
    check('restore: the plan names what it was put on',
          lines[:2] == [['model', 'intel-v2'], ['profile', 'linux-6.12']], lines)
    check('restore: the plan has the same writes',
          writes == [[r['msr'], r['value']] for r in puts[-1]['registers']], writes)


def intel_reset(folder):
    qemu = Qemu(folder, 'reset', ['--emulate', 'intel-v2'], INTEL, '-S', '-smp', '2')
    qemu.reset()
    status = qemu.end()
    puts = qemu.blocks('put', level='reset')
    check('reset: exit status 0', status == 0, qemu.said())
    check('reset: of both vCPUs', {put['vcpu'] for put in puts} == {0, 1}, puts)
    check('reset: the order is stop-first', {tuple(put['order']) for put in puts} == {('stop-first',)}, puts)
    check('reset: nothing is left alone', qemu.summary()['left_alone'] == [], qemu.summary())


def amd(folder):
    qemu = Qemu(folder, 'amd', ['--emulate', 'amd-perfmon-v2'], 'EPYC,pmu=on,+perfctr-core', '-S')
    qemu.reset()
    qemu.save(os.path.join(folder, 'amd-saved'))
    status = qemu.end()
    summary = qemu.summary()
    every = {f'{name}{i}' for name in ('PerfCtr', 'PerfEvtSel') for i in range(6)}
    # Another vendor's host may have defeated the VMM: then there is no verdict.
    check('amd: exit status', status == (3 if summary['host_vendor'] else 1), qemu.said())
    check('amd: reset leaves every register alone', set(summary['left_alone']) == every, summary)
    check('amd: none is saved', set(summary['never_saved']) == every, summary)
    check('amd: global control is not in its CPUID',
          summary['hidden'] == ['PerfCntrGlobalStatus', 'PerfCntrGlobalCtl'], summary)
    check('amd: the text names them', 'PerfEvtSel5' in qemu.said(), qemu.said())


def following(folder):
    qemu = Qemu(folder, 'following', [], 'qemu64', '-S')
    qemu.reset()
    status = qemu.end()
    check('following: exit status 0', status == 0, qemu.said())
    check('following: its puts are seen', len(qemu.blocks('put', level='reset')) >= 2,
          qemu.summary())


def lack():
    reason = take('')
    if not reason and version()[0] != 7:
        reason = 'this is about QEMU 7: {}.{}'.format(*version())
    return reason


def main():
    reason = lack()
    if reason:
        print('1..0 # SKIP', reason)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        for part in (intel, intel_reset, amd, following):
            try:
                part(folder)
            except (RuntimeError, OSError, IndexError, subprocess.TimeoutExpired) as error:
                check(part.__name__, False, error)
    print(f'1..{tests}')
    return failed


if __name__ == '__main__':
    sys.exit(main())
