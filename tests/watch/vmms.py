#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What each QEMU loses of a guest's PMU: every model that it can show, taken through resets, snapshots,
migrations and hot-plug under vpmu watch. docs/vmms.md has the tables.
  vmms.py VPMU LIBRARY PAGE            is the page's table of this QEMU still what happens? TAP
  vmms.py VPMU LIBRARY PAGE --renew    puts what happens into the page
VPMU_DEBIAN13 names a root of Debian whose QEMU is taken, with proc and dev mounted; else it is this
system's. A model of another vendor than this host's is left out where this QEMU asks the processor."""
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # nothing is left in the sources
import guest_image
import qemu

LIBRARY, PAGE = os.path.realpath(sys.argv[2]), sys.argv[3]
ROOT = os.environ.get('VPMU_DEBIAN13', '')
K7 = [(0xc0010000 + i, 0x530070 + i) for i in range(4)] + \
     [(0xc0010004 + i, 0x1001 + i) for i in range(4)]
CORE = [(0xc0010200 + 2 * i, 0x530070 + i) for i in range(6)] + \
       [(0xc0010201 + 2 * i, 0x1001 + i) for i in range(6)]
INTEL, AMD, ZHAOXIN = 'GenuineIntel', 'AuthenticAMD', '  Shanghai  '

# The model, its vendor, the CPU that shows it, and what the guest writes.
MODELS = [
    ('intel-v2', INTEL, 'Skylake-Client,vendor=GenuineIntel', qemu.GUEST),
    ('zhaoxin-v2', ZHAOXIN, 'Skylake-Client,vendor=  Shanghai  ', qemu.GUEST),
    ('amd-k7', AMD, 'Opteron_G3', K7),
    ('amd-perfcore', AMD, 'EPYC,+perfctr-core', CORE),
    ('amd-perfmon-v2', AMD, 'EPYC-Genoa,+perfmon-v2', CORE + [(0xc0000301, 5)]),
]


class Vm:
    """What all scenarios of a model share: the root's folder, seen from inside and from outside."""

    def __init__(self, outside, model, cpu, guest):
        self.outside, self.inside = outside, outside[len(ROOT):]
        self.model, self.cpu, self.guest = model, cpu, guest
        self.runs = 0
        guest_image.make(outside + '/bios', guest)

    def start(self, watch, *arguments, cpu=None):
        self.runs += 1
        return qemu.Qemu(self.outside, f'run{self.runs}', ['--emulate', self.model, *watch],
                         cpu or self.cpu + ',pmu=on', '-bios', self.inside + '/bios', *arguments)

    def halted(self, *arguments):
        """A guest that has written its registers."""
        vm = self.start([], *arguments)
        vm.wait(lambda: 'HLT=1' in vm.registers())
        return vm


def end(vm):
    """The watch's summary; None: QEMU was killed."""
    return vm.summary() if vm.end() in range(4) else None


def lost(vm, puts):
    """Which of the registers that the guest has written were not put with their values."""
    left = qemu.values(puts[-1]) if puts else {}
    gone = [msr for msr, value in vm.guest if left.get(msr) != value]
    return f'{len(gone)} of {len(vm.guest)} lost' if gone else 'all'


def judged(summary):
    """What a put of reset values has left."""
    if summary is None:
        return 'QEMU aborts'
    words = {'left_alone': 'left alone', 'refused': 'refused', 'unowned': 'put to no PMU'}
    told = [f'{len(summary[name])} {word}' for name, word in words.items() if summary[name]]
    return ', '.join(told) or 'all'


def reset(vm, cpus):
    one = vm.start([], '-S', '-smp', str(cpus))
    one.reset()
    return judged(end(one))


def resets(vm):
    told = [reset(vm, cpus) for cpus in (1, 2, 8)]
    return told[0] if len(set(told)) == 1 else 'by 1, 2, 8 vCPUs: ' + '; '.join(told)


def snapshot(vm):
    one = vm.halted('-drive', 'if=none,id=disk,driver=null-co,size=64M')
    for command in (f'snapshot_blkdev disk {vm.inside}/disk qcow2', 'savevm a', 'loadvm a'):
        one.do('human-monitor-command', **{'command-line': command})
    one.registers()
    end(one)
    os.remove(vm.outside + '/disk')
    return lost(vm, one.blocks('put', level='full'))


def send(source, uri):
    source.do('migrate', uri=uri)
    source.wait(lambda: source.do('query-migrate')['status'] in ('completed', 'failed'))
    end(source)


def receive(vm, target):
    target.wait(lambda: target.do('query-status')['status'] != 'inmigrate')
    target.registers()
    end(target)
    return lost(vm, target.blocks('put', level='full'))


def to_file(vm):
    source = vm.halted()
    source.do('stop')
    send(source, f'exec:cat > {vm.inside}/saved')
    return receive(vm, vm.start([], '-S', '-incoming', f'exec:cat {vm.inside}/saved'))


def live(vm):
    """Both sides are watched at once."""
    address = f'unix:{vm.inside}/socket'
    source, target = vm.halted(), vm.start([], '-S', '-incoming', address)
    send(source, address)
    return receive(vm, target)


def plug(vm, pmu):
    """A second vCPU for a machine that has begun with one."""
    one = vm.start([], '-smp', '1,maxcpus=2')
    spare = [cpu for cpu in one.do('query-hotpluggable-cpus') if 'qom-path' not in cpu][0]
    try:
        one.do('device_add', driver=spare['type'], id='new', pmu=pmu, **spare['props'])
        one.registers()
    except RuntimeError:
        pass
    summary = end(one)
    return judged(summary) if summary is None or summary['vcpus'] == 2 else 'no second vCPU'


def off(vm):
    one = vm.start([], '-S', cpu=vm.cpu + ',pmu=off')
    one.reset()
    summary = end(one)
    if summary and summary['switched_off'] == summary['vcpus']:
        return 'off'
    return judged(summary) if summary and summary['left_alone'] else 'none in CPUID'


def order(vm):
    one = vm.start([], '-S')
    one.reset()
    end(one)
    puts = one.blocks('put', level='reset')
    return '`' + puts[-1]['order'][0] + '`' if puts and puts[-1]['order'] else 'none'


COLUMNS = [
    ('order', order), ('reset', resets), ('savevm, loadvm', snapshot), ('through a file', to_file),
    ('live', live), ('hot-plug', lambda vm: plug(vm, True)),
    ('hot-plug, `pmu=off`', lambda vm: plug(vm, False)), ('`pmu=off`', off),
]


# --- The machine and the page ---------------------------------------------------------------------

def asked(*arguments):
    return subprocess.run([*qemu.COMMAND, *arguments], capture_output=True, text=True,
                          check=False).stdout


def host_vendor():
    with open('/proc/cpuinfo', encoding='ascii', errors='replace') as file:
        return re.search(r'vendor_id\s*: (.*)', file.read())[1]


def shown_here(vendor):
    """From 11.0 on QEMU gives a PMU of no other vendor than the CPUID instruction's."""
    return qemu.version() < (11, 0) or vendor == host_vendor()


def rows():
    """The table's lines by model; a model that this QEMU has no CPU for is left out."""
    known = asked('-cpu', 'help')
    for model, vendor, cpu, guest in MODELS:
        if not shown_here(vendor) or cpu.split(',')[0] not in known:
            continue
        with tempfile.TemporaryDirectory(dir=(ROOT or '') + '/tmp') as outside:
            vm = Vm(outside, model, cpu, guest)
            cells = [column(vm) for _, column in COLUMNS]
        yield model, f'| {model} | ' + ' | '.join(cells) + ' |'


def heading():
    return '## QEMU {}.{}'.format(*qemu.version())


def read_page():
    """What is before this version's table, the table's lines, and what is behind it."""
    with open(PAGE, encoding='utf-8') as file:
        text = file.read()
    before, found, rest = text.partition('\n' + heading() + '\n')
    table, more, behind = rest.partition('\n## ')
    return before + (found or '\n' + heading() + '\n'), table.strip().split('\n'), more + behind


def by_model(lines):
    names = [model for model, *_ in MODELS]
    return {name: line for name in names for line in lines if line.startswith(f'| {name} |')}


def renew():
    """Rows that cannot be made on this host stay."""
    before, table, behind = read_page()
    lines = by_model(table) | dict(rows())
    head = ['| | ' + ' | '.join(name for name, _ in COLUMNS) + ' |', '|---' * (len(COLUMNS) + 1) + '|']
    kept = [lines[name] for name, *_ in MODELS if name in lines]
    with open(PAGE, 'w', encoding='utf-8') as file:
        file.write(before + '\n' + '\n'.join(head + kept) + '\n' + behind)


def made_so(model):
    """Whether this host's processor is to the model what that of the page's host was."""
    vendor = {name: vendor for name, vendor, *_ in MODELS}[model]
    with open(PAGE, encoding='utf-8') as file:
        made_on = re.search(r'These were made on (\w+)\.', file.read())[1]
    return host_vendor() in (vendor, made_on)


def compare():
    wanted = by_model(read_page()[1])
    if not wanted:
        print('1..0 # SKIP the page has no table of', heading()[3:])
        return
    for model, row in rows():
        if model not in wanted or not made_so(model):
            continue  # the page has no such row yet, or had it made by another processor
        qemu.check(f'{heading()[3:]}, {model}: as the page has it', row == wanted[model],
                   f'{row}\n{wanted[model]}')
    print(f'1..{qemu.tests}' if qemu.tests else '1..0 # SKIP the rows are of other vendors')


def main():
    reason = qemu.take(ROOT)
    if reason:
        print('1..0 # SKIP', reason)
        return 0
    qemu.lend(ROOT, LIBRARY)
    if sys.argv[4:] == ['--renew']:
        renew()
    else:
        compare()
    return qemu.failed


sys.exit(main())
