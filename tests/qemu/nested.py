#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""KVM itself as a guest: Debian's kernels with kvm_amd on the plugin's PMU run the guests of guests/ in
a second level, a VMM that puts states onto a vCPU that runs (examples/live-put.c), and QEMU, which
puts its own (puts.py).
  nested.py VPMU PLUGIN FOLDER GUESTS LIVE_PUT [ROW…]
ROW: only these of MACHINES, the first is 0. FOLDER has what nested/make-guest makes: kernels, KVM's
own selftests of one of them, and QEMUs. Prints TAP; skips without it, or without a QEMU that fits.
Takes half an hour."""
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # nothing is left in the sources
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '../tool'), HERE]
import cpio
import puts
import qemu
import tap

VPMU, PLUGIN, FOLDER, GUESTS, LIVE_PUT = map(os.path.abspath, sys.argv[1:6])
CPU = ('EPYC,family=25,model=17,stepping=1,-fxsr-opt,-misalignsse,-osvw,-topoext,-nrip-save,-xsavec,'
       '+svm,+npt')
PATIENCE = 3600
PASSED = 1  # a guest's status
FOLDERS = ('proc', 'sys', 'dev', 'tmp')

# What stands in a guest's way: how its lines of failures begin, and why.
VMRUN = {'prober': ('overflow: ', 'VMRUN counts in guest mode, once for each exit')}
FREEZE = {'sampler': ('freeze on PMI: ', 'KVM takes the bit of DEBUGCTL and does nothing with it')}

# KVM's own selftests that are built, and those that do not pass, with the status that they end with.
SELFTESTS = sorted(os.listdir(f'{FOLDER}/selftests')) if os.path.exists(f'{FOLDER}/selftests') else []
SELFTEST_ENDS = {
    'pmu_counters_test': (4, 'it skips itself: it is for Intel'),
    'svm_nested_soft_inject_test': (254, 'TCG emulates no nRIP save, which it wants'),
}

# Kernel, model, mediated, vmrun=, what is done, what is known to fail.
MACHINES = [
    ('stable', 'amd-perfmon-v2', False, 'host', 'prober,rings,count,events,live-put', {}),
    ('stable', 'amd-perfmon-v2', False, 'guest', 'prober', VMRUN),
    ('stable', 'amd-perfmon-v2', False, 'host', ','.join(SELFTESTS), {}),
    ('stable', 'amd-perfcore', False, 'host', 'prober,rings', {}),
    ('backports', 'amd-perfmon-v2', False, 'host', 'prober,rings,live-put', {}),
    ('backports', 'amd-perfmon-v2', True, 'host', 'prober,rings,sampler,count,events,live-put',
     FREEZE),
    ('stable', 'amd-perfmon-v2', False, 'guest', ','.join(puts.PUTS), {}),
    ('backports', 'amd-perfmon-v2', False, 'guest', ','.join(puts.PUTS), {}),
    ('backports', 'amd-perfmon-v2', True, 'guest', ','.join(puts.PUTS), {}),
]


def libraries(program):
    """A program's libraries, as where the guest's loader looks for them."""
    told = subprocess.run(['ldd', program], capture_output=True, text=True).stdout
    for path in re.findall(r'(/\S+)', told):
        system = path.startswith(('/lib', '/usr/lib'))
        yield (path[1:] if system else 'lib/' + os.path.basename(path)), path


def below(folder):
    """The files below a folder, by their names there."""
    for path, _, names in os.walk(folder):
        for name in names:
            file = os.path.join(path, name)
            yield os.path.relpath(file, folder), file


def for_puts(folder, tasks):
    """The QEMUs, with the libraries of their Debian, which do for the other programs, too."""
    for name in tasks:
        with open(f'{folder}/{name}', 'wb') as file:
            file.write(puts.script(name))
        yield f'puts/{name}', f'{folder}/{name}'
    yield 'bin/qemu-put', f'{HERE}/nested/qemu-put'
    yield 'src/watch/libvpmu-watch.so', f'{os.path.dirname(VPMU)}/../src/watch/libvpmu-watch.so'
    yield from below(f'{FOLDER}/qemu')


def first_level(kernel, folder, tasks):
    """The initramfs, without its folders."""
    yield 'init', f'{HERE}/nested/init'
    yield 'bin/busybox', f'{FOLDER}/busybox'
    for name, program in (('vpmu', VPMU), ('live-put', LIVE_PUT)):
        yield f'bin/{name}', program
        yield from libraries(program)
    for name in os.listdir(GUESTS):
        if name.endswith('.mb32.elf'):
            yield f'guests/{name}', f'{GUESTS}/{name}'
    for name in SELFTESTS:
        yield f'selftests/{name}', f'{FOLDER}/selftests/{name}'
    for name in os.listdir(f'{FOLDER}/modules-{kernel}'):
        yield f'modules/{name}', f'{FOLDER}/modules-{kernel}/{name}'
    put = [task for task in tasks if task in puts.PUTS]
    if put:
        yield from for_puts(folder, put)


def boot(program, folder, kernel, model, mediated, vmrun, tasks):
    """The lines that the first level prints."""
    initrd = os.path.join(folder, 'initrd')
    with open(initrd, 'wb') as file:
        file.write(cpio.archive([(name.encode(), 0o40755, b'') for name in FOLDERS] +
                                list(cpio.with_folders(
                                    first_level(kernel, folder, tasks.split(','))))))
    words = f'vpmu.do={tasks}' + (' vpmu.mediated' if mediated else '')
    done = subprocess.run(
        [VPMU, 'qemu', '--model', model, '--vmrun', vmrun, '--', program, '-M', 'q35', '-m', '900',
         '-cpu', CPU, '-display', 'none', '-monitor', 'none', '-serial', 'stdio', '-no-reboot',
         '-kernel', f'{FOLDER}/vmlinuz-{kernel}', '-initrd', initrd, '-append',
         f'console=ttyS0 quiet panic=-1 {words}'],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, errors='replace',
        timeout=PATIENCE)
    return [line.strip() for line in done.stdout.splitlines()], done.stderr


def tasks_of(lines):
    """What each task printed, and its status."""
    found, printed = {}, []
    for line in lines:
        ended = re.fullmatch(r'status (\S+) (\d+)', line)
        if ended:
            found[ended.group(1)] = (printed, int(ended.group(2)))
            printed = []
        else:
            printed.append(line)
    return found


def judge_guest(printed, status, known):
    """The problem, or None. What is known to fail must, and nothing else."""
    failed = [line for line in printed if line.startswith('FAIL ')]
    if not known:
        return None if status == PASSED else f'status {status}: {failed[:3]} {printed[-3:]}'
    others = [line for line in failed if not re.match('FAIL +' + re.escape(known[0].strip(': ')), line)]
    return None if failed and not others else f'not only {known}: {others[:3]} of {len(failed)}'


def judge_put(printed, mediated):
    """no-stop loses the overflow where there are perf events."""
    ends = {words[0]: words[-1] for words in map(str.split, printed) if words and
            words[-1] in ('lost', 'kept')}
    wanted = {'no-stop': 'kept' if mediated else 'lost', 'stop-first': 'kept', 'safe': 'kept'}
    return None if ends == wanted else f'not {wanted}: {ends} {printed[-3:]}'


def judge(machine, lines):
    """Pairs of what holds, and the problem if it does not."""
    kernel, _, mediated, _, tasks, known = machine
    found = tasks_of(lines)
    told = [line for line in lines if line.startswith(('kernel', 'mediated'))]
    yield 'the driver binds', None if 'AMD PMU driver' in ''.join(told) else told
    yield ('KVM is mediated' if mediated else 'KVM counts by perf events',
           None if ('mediated Y' in told) == mediated else told)
    for task in tasks.split(','):
        if task not in found:
            yield task, f'it has not ended: {lines[-5:]}'
        elif task in SELFTESTS:
            printed, status = found[task]
            wanted, why = SELFTEST_ENDS.get(task, (0, ''))
            yield (f'selftest {task}' + (f', but for this: {why}' if why else ''),
                   None if status == wanted else f'status {status}, not {wanted}: {printed[-6:]}')
        elif task in puts.PUTS:
            yield from puts.judge(VPMU, task, found[task][0], kernel, mediated)
        elif task == 'live-put':
            yield 'what a put loses', judge_put(found[task][0], mediated)
        else:
            why = f', but for this: {known[task][1]}' if task in known else ''
            yield task + why, judge_guest(*found[task], known.get(task))


def name_of(machine):
    kernel, model, mediated, vmrun, _, _ = machine
    return f'{model}, {kernel} kernel, {"mediated" if mediated else "perf events"}, vmrun={vmrun}'


command, reason = qemu.find(PLUGIN)
if command and not os.path.exists(f'{FOLDER}/busybox'):
    command, reason = None, f'no kernels in {FOLDER} (tests/qemu/nested/make-guest gets them)'
chosen = [MACHINES[int(row)] for row in sys.argv[6:]] or MACHINES
for machine in (row for row in chosen if row[4]):
    if not command:
        tap.skip(name_of(machine), reason)
        continue
    with tempfile.TemporaryDirectory(dir=os.path.dirname(FOLDER)) as folder:
        lines, errors = boot(qemu.stand_in(command, folder), folder, *machine[:5])
    if 'done' not in lines:
        tap.check(f'{name_of(machine)}: it ends by itself', f'{lines[-5:]} {errors[-300:]}')
        continue
    for name, problem in judge(machine, lines):
        tap.check(f'{name_of(machine)}: {name}', problem)
tap.finish()
