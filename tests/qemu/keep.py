#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A guest goes from one QEMU to the next by files, in the middle of what it counts, and back to a
snapshot: with state-in= and state-out= it passes, and without the plugin says that it cannot know.
  keep.py VPMU PLUGIN FOLDER
FOLDER has the guests, and is a place for files. Prints TAP; skips without a QEMU that fits."""
import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # nothing is left in the sources
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '../tool'), HERE]
import qemu
import tap

VPMU, PLUGIN, FOLDER = map(os.path.abspath, sys.argv[1:4])
PASSED = 1  # the guest's exit status
PATIENCE = 90
HOPS = 3
ITERATIONS = 20000000
DOUBLINGS = 6  # of the iterations, on a machine where the guest ends before its middle


class Ended(Exception):
    """The guest has ended before what was asked of it."""


class Machine:
    """A QEMU with a monitor on its stdin and stdout; what the guest prints is added to a file."""

    def __init__(self, program, folder, guest, model, state_in=None, incoming=None, append='',
                 vcpus=1):
        options = ['--model', model, '--state-out', f'{folder}/out']
        options += ['--state-in', state_in] if state_in else []
        words = ['-M', 'pc,pit=off', '-m', '64', '-smp', str(vcpus), '-display', 'none', '-monitor', 'none', '-qmp',
                 'stdio', '-chardev', f'file,id=s,path={folder}/serial,append=on', '-serial',
                 'chardev:s', '-no-reboot', '-device', 'isa-debug-exit,iobase=0xf4', '-kernel',
                 f'{FOLDER}/{guest}.mb32.elf', '-append', append]
        words += ['-incoming', f'file:{incoming}'] if incoming else []
        self.errors = tempfile.TemporaryFile(mode='w+', dir=folder)
        self.process = subprocess.Popen([VPMU, 'qemu', *options, '--', program, *words],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors, text=True)
        self.read()
        self.call('qmp_capabilities')
        if incoming:  # it comes as stopped as it went
            self.until('query-status', lambda answer: answer['status'] != 'inmigrate')
            self.call('cont')

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise Ended()
        return json.loads(line)

    def call(self, name, **arguments):
        try:
            print(json.dumps({'execute': name, 'arguments': arguments}), file=self.process.stdin,
                  flush=True)
        except BrokenPipeError:
            raise Ended() from None
        while True:
            answer = self.read()
            if 'return' in answer:
                return answer['return']
            if 'error' in answer:
                raise RuntimeError(f'{name}: {answer["error"]["desc"]}')

    def until(self, name, done):
        """Asks until the answer is what is wanted."""
        deadline = time.monotonic() + PATIENCE
        while not done(answer := self.call(name)):
            if time.monotonic() > deadline:
                raise RuntimeError(f'{name}: {answer}')
            time.sleep(0.02)

    def job(self, name, **arguments):
        """A job of QEMU's, to its end."""
        self.call(name, **{'job-id': 'job'}, **arguments)
        self.until('query-jobs', lambda jobs: jobs[0]['status'] == 'concluded')
        problem = self.call('query-jobs')[0].get('error')
        self.call('job-dismiss', id='job')
        if problem:
            raise RuntimeError(f'{name}: {problem}')

    def migrate(self, path):
        self.call('stop')
        self.call('migrate', uri=f'file:{path}')
        self.until('query-migrate', lambda answer: answer.get('status') == 'completed')
        self.call('quit')
        return self.finish()

    def finish(self):
        """The status, when it has ended by itself."""
        self.process.communicate(timeout=PATIENCE)
        self.errors.seek(0)
        self.said = [line.strip() for line in self.errors if line.startswith('vpmu: ')]
        return self.process.returncode

    def kill(self):
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(BrokenPipeError):  # what was being written when it ended
            self.process.stdin.close()


def counting(iterations):
    """What the guest count is told, to count for a while."""
    return f'iterations={iterations} table exact'


def in_time(folder, attempt):
    """attempt(folder, iterations), with twice the iterations after each time that the guest ended
    before what was asked of it; in a folder of its own."""
    for doubling in range(DOUBLINGS):
        own = f'{folder}/{doubling}'
        os.mkdir(own)
        try:
            return attempt(own, 2 * ITERATIONS << doubling)
        except Ended:
            pass
    return f'the guest ends too early, {2 * ITERATIONS << doubling} iterations long'


def serial(folder):
    with open(f'{folder}/serial') as file:
        return file.read()


def verdict(machine, folder):
    status = machine.finish()
    if status != PASSED or machine.said:
        return f'status {status}: {machine.said} {serial(folder)[-600:]!r}'
    return ''


def hop_to_the_end(program, folder, guest, model, append, vcpus, whiles):
    """Through several QEMUs, one of the whiles in each; the hops, and what is wrong."""
    machine = Machine(program, folder, guest, model, append=append, vcpus=vcpus)
    try:
        for hop in range(HOPS):
            time.sleep(next(whiles))
            try:
                machine.migrate(f'{folder}/machine')
            except Ended:
                return hop, verdict(machine, folder)
            if machine.said:
                return hop, f'{machine.said}'
            shutil.copy(f'{folder}/out', f'{folder}/in')
            machine = Machine(program, folder, guest, model, f'{folder}/in', f'{folder}/machine',
                              append, vcpus)
        return HOPS, verdict(machine, folder)
    finally:
        machine.kill()


def in_its_middle(machine, folder):
    """Lets the guest run until it counts, and a while longer."""
    deadline = time.monotonic() + PATIENCE
    while 'counters' not in serial(folder):
        if time.monotonic() > deadline:
            raise RuntimeError('the guest does not begin')
        time.sleep(0.02)
    time.sleep(0.1)
    machine.call('stop')


def make_disk(machine, path):
    """A place for snapshots."""
    open(path, 'w').close()
    machine.call('blockdev-add', **{'driver': 'file', 'filename': path, 'node-name': 'file'})
    machine.job('blockdev-create',
                options={'driver': 'qcow2', 'file': 'file', 'size': 64 << 20})
    machine.call('blockdev-add', **{'driver': 'qcow2', 'file': 'file', 'node-name': 'disk'})


def leave_a_state(program, folder):
    """Of such a machine: there is a file at the start of the next."""
    machine = Machine(program, folder, 'count', 'skylake', append='table')
    machine.call('stop')
    machine.call('quit')
    machine.finish()
    shutil.copy(f'{folder}/out', f'{folder}/in')
    os.truncate(f'{folder}/serial', 0)


def back_to_a_snapshot(program, folder, iterations, known, stopped):
    """Saves, runs on, loads, runs to the end; how it ends, and what the plugin says."""
    leave_a_state(program, folder)
    machine = Machine(program, folder, 'count', 'skylake', f'{folder}/in' if known else None,
                      append=counting(iterations))
    try:
        make_disk(machine, f'{folder}/disk')
        in_its_middle(machine, folder)
        machine.job('snapshot-save', tag='a', vmstate='disk', devices=['disk'])
        shutil.copy(f'{folder}/out', f'{folder}/in')
        machine.call('cont')
        in_its_middle(machine, folder)
        if not stopped:
            machine.call('cont')
        machine.job('snapshot-load', tag='a', vmstate='disk', devices=['disk'])
        machine.call('cont')
        return machine.finish(), machine.said
    finally:
        machine.kill()


def snapshot_problem(program, folder, iterations, known, stopped, wanted):
    status, said = back_to_a_snapshot(program, folder, iterations, known, stopped)
    if len(said) != 1 or wanted not in said[0] or known != (status == PASSED):
        return f'status {status}: {said} {serial(folder)[-600:]!r}'
    return ''


def middle_problem(program, folder, iterations):
    """The next QEMU gets the machine, and no state."""
    machine = Machine(program, folder, 'count', 'skylake', append=counting(iterations))
    try:
        in_its_middle(machine, folder)
        machine.migrate(f'{folder}/machine')
        machine = Machine(program, folder, 'count', 'skylake', None, f'{folder}/machine',
                          counting(iterations))
        machine.call('stop')
        machine.call('quit')
        machine.finish()
    finally:
        machine.kill()
    good = len(machine.said) == 1 and 'does not begin with a reset' in machine.said[0]
    return '' if good else f'{machine.said}'


HOPPERS = [('count', 'skylake', counting(ITERATIONS), 1), ('count', 'zen4', counting(ITERATIONS), 2),
           ('sampler', 'intel-v2', '', 1), ('sampler', 'amd-perfmon-v2', '', 1)]
SNAPSHOTS = [(True, 'with its state, it passes', 'state-in= is not used'),
             (False, 'without its state, the plugin says so, and the guest fails',
              'a snapshot is loaded')]
seed = int(os.environ.get('SEED', '0')) or random.randrange(1, 1 << 32)
print(f'# SEED={seed}', flush=True)
command, reason = qemu.find(PLUGIN)


def test(name, problem):
    """problem(): what is wrong, from the QEMU's program and a folder of its own."""
    if not command:
        tap.skip(name, reason)
        return
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        tap.check(name, problem(qemu.stand_in(command, folder), folder))


def test_hops(guest, model, append, vcpus):
    def hopped(program, folder):
        chance = random.Random(seed)
        for attempt in range(DOUBLINGS):  # a fast machine ends a guest before the first of the whiles
            own = f'{folder}/{attempt}'
            os.mkdir(own)
            whiles = (chance.uniform(0.02, 0.3) / (1 << attempt) for _ in range(HOPS))
            hops, problem = hop_to_the_end(program, own, guest, model, append, vcpus, whiles)
            if hops or problem:
                return problem
        return 'it never hopped'
    test(f'{guest} on {model}, {vcpus} of vCPUs, passes through several QEMUs', hopped)


def test_middle():
    test('without a state the plugin says that it does not know', lambda program, folder: in_time(
        folder, lambda own, iterations: middle_problem(program, own, iterations)))


def test_snapshot(stopped, known, name, wanted):
    def problem(program, folder):
        return in_time(folder, lambda own, iterations: snapshot_problem(program, own, iterations, known,
                                                                        stopped, wanted))
    test(f'{"stopped" if stopped else "running"}, back to a snapshot {name}', problem)


for hopper in HOPPERS:
    test_hops(*hopper)
test_middle()
for stopped in (True, False):
    for snapshot in SNAPSHOTS:
        test_snapshot(stopped, *snapshot)
tap.finish()
