# SPDX-License-Identifier: MIT
"""Puts by a real QEMU on a guest that counts (nested/qemu-put runs them, guests/replay.c is the guest),
and what the library says of each: vpmu plan of what QEMU puts, vpmu replay of what the guest then
finds, vpmu check of QEMU's writes."""
import collections
import json
import re
import subprocess

MODEL = 'amd-perfmon-v2'
K7_MODEL = MODEL + ',perfmon-v2=off,perfcore=off'
CPU = '-cpu host,pmu=on'
K7_CPU = CPU + ',-perfctr-core,-perfmon-v2'
ALONE = ' -global migration.send-configuration=off'  # or QEMU does not load its devices' file
GLOBAL_STATUS, GLOBAL_CTL = 0xc0000300, 0xc0000301
NEAR = (1 << 48) - 1000
SAMPLES, COUNTS = 0x5100d1, 0x4100d1  # conditional branches of ring 3, with a PMI and without


def run(branches):
    return f'run instructions={2 * branches} branches={branches} conditional-branches={branches} cpl=3'


def write(msr, value):
    return f'wrmsr {msr:#x} {value:#x}'


def read(*msrs):
    return [f'rdmsr {msr:#x}' for msr in msrs]


def core(i):
    """A counter's selector and value where there is PERFCORE, and K7's."""
    return 0xc0010200 + 2 * i, 0xc0010201 + 2 * i


def k7(i):
    return 0xc0010000 + i, 0xc0010004 + i


def program(selector, counter, value, control=SAMPLES):
    return [write(counter, value), write(selector, control)]


START = ['lvtpc 0x400']
START_ALL = [write(GLOBAL_CTL, 0x3f)]
# Two counters, one of them 600 before its overflow; and what they, and those beside them, have then.
TWO = [*START, *program(*core(0), NEAR), *program(*core(1), 0x1000, COUNTS), *START_ALL, run(400)]
LOOK_AT_TWO = read(*core(0), *core(1), *core(2), *core(3), GLOBAL_CTL)
ONWARD = [run(650), *read(core(0)[1], GLOBAL_STATUS), run(200), *read(core(0)[1], GLOBAL_STATUS)]
BOOTED = ['lvtpc 0x400', run(1000), *read(core(0)[1], GLOBAL_STATUS)]

# One counter, which overflows in 600, or is 0, and runs 300 on between the save and the load. Without a
# reset its overflow comes 700 late; that of 0 comes after 300. No stop is one before an overflow: perf
# then takes two for it.
ONE = [*START, *program(*k7(0), NEAR), run(400)]
ONE_LATER = [*read(*k7(0)), run(590), run(20), run(680), run(20), *read(k7(0)[1])]
ZERO = [*START, *program(*core(0), 0), *START_ALL]
ZERO_LATER = [*read(*core(0)), run(290), run(20), *read(core(0)[1], GLOBAL_STATUS)]

ALWAYS, NEVER, PERF = 'always', 'never', 'with perf events'
Put = collections.namedtuple('Put', 'qemu arguments model order lines loses')
# What is put, by its task's name; and when the guest then does not go on as it should. QEMU resets the
# machine before loadvm, and not before load. It permutes; of PerfCtr0 alone, at 0, that changes nothing.
PUTS = {
    'put-loadvm': Put('backports', CPU, MODEL, 'no-stop', [
        *TWO, 'savevm', run(300), 'loadvm', *LOOK_AT_TWO, *ONWARD], ALWAYS),
    'put-loadvm-0': Put('backports', CPU, MODEL, 'no-stop', [
        *ZERO, 'savevm', run(300), 'loadvm', *ZERO_LATER], NEVER),
    'put-loadvm-k7': Put('backports', K7_CPU, K7_MODEL, 'no-stop', [
        *ONE, 'savevm', run(300), 'loadvm', *ONE_LATER], NEVER),
    'put-load-0': Put('backports', CPU + ALONE, MODEL, 'no-stop', [
        *ZERO, 'save', run(300), 'load', *ZERO_LATER], PERF),
    'put-load-k7': Put('backports', K7_CPU + ALONE, K7_MODEL, 'no-stop', [
        *ONE, 'save', run(300), 'load', *ONE_LATER], PERF),
    'put-reset': Put('backports', CPU, MODEL, 'no-stop', [
        *TWO, 'system_reset', *LOOK_AT_TWO, *BOOTED, *program(*core(0), 0), run(100),
        *read(core(0)[1])], ALWAYS),
    'put-move': Put('backports', CPU, MODEL, 'no-stop', [
        *TWO, 'move', *LOOK_AT_TWO, *ONWARD], ALWAYS),
    'put-move-repaired': Put('backports', CPU, MODEL, 'no-stop', [
        *TWO, 'move repaired', *LOOK_AT_TWO, *ONWARD], NEVER),
    'put-loadvm-10.0': Put('stable', CPU, MODEL, 'none', [
        *TWO, 'savevm', run(300), 'loadvm', *LOOK_AT_TWO, *ONWARD], ALWAYS),
    'put-reset-10.0': Put('stable', CPU, MODEL, 'none', [
        *TWO, 'system_reset', *LOOK_AT_TWO, *BOOTED], ALWAYS),
}

# What a reset by QEMU writes in place of a processor's value, which is all counters: a guest that knows
# no global control counts nothing then.
RESET, CLEARED = (GLOBAL_CTL, 0x3f), (GLOBAL_CTL, 0)
# How an order of the library's does what QEMU is told.
RIGHT = {'savevm': ['save a'], 'save': ['save a'], 'loadvm': ['put a order=safe'],
         'load': ['put a order=safe'], 'system_reset': ['clear a', 'put a level=reset order=safe']}


def script(name):
    """What nested/qemu-put is given."""
    put = PUTS[name]
    return '\n'.join([f'qemu {put.qemu} {put.arguments}', f'model {put.model}', f'order {put.order}',
                      *put.lines, '']).encode()


def is_guests(line):
    return line.split()[0] in ('lvtpc', 'wrmsr', 'rdmsr', 'run')


def told(put, printed):
    """The writes of the library's plans that qemu-put has printed: first a reset, as QEMU does it."""
    found = [re.fullmatch('library (0x[0-9a-f]+) (0x[0-9a-f]+)', line) for line in printed]
    writes = [(int(line[1], 16), int(line[2], 16)) for line in found if line]
    if 'load' not in put.lines and RESET in writes:
        writes[writes.index(RESET)] = CLEARED
    return writes


def puts_of(printed):
    """QEMU's puts, as vpmu watch saw them: pairs of what their orders are called, and the writes."""
    seen = [json.loads(line) for line in printed if line.startswith('{')]
    return [(put['order'], [(int(register['msr'], 16), int(register['value'], 16))
                            for register in put['registers']]) for put in seen]


def put_problem(put, puts, plan):
    """What is wrong if the last puts are not the plan; without one there are to be none at all."""
    writes = [write for _, more in puts for write in more]
    others = [orders for orders, more in puts if more and put.order not in orders]
    good = puts and not others and writes[-len(plan):] == plan and bool(plan) == (put.order != 'none')
    return None if good else f'{others} {writes[-len(plan):]} {plan}'


def replay(vpmu, model, profile, steps):
    """Of pairs of a line and whether the guest does it: the guest's answers."""
    lines = [f'model {model}', f'profile {profile}', *(line for line, _ in steps)]
    done = subprocess.run([vpmu, 'replay', '-'], input='\n'.join(lines) + '\n', capture_output=True,
                          text=True, check=True)
    return [answer for answer, (_, guests) in zip(done.stdout.splitlines()[2:], steps) if guests]


def as_put(vpmu, put, profile, writes):
    """The guest's answers if QEMU puts these writes; a move is to a new vCPU."""
    steps, before = [], []
    for line in put.lines:
        if line.startswith('move'):
            before, steps = before + replay(vpmu, put.model, profile, steps), []
        if is_guests(line):
            steps.append((line, True))
        elif line not in ('save', 'savevm'):
            steps += [(f'host-wrmsr {msr:#x} {value:#x}', False) for msr, value in writes]
    return before + replay(vpmu, put.model, profile, steps)


def as_it_should(vpmu, put, profile):
    """The guest's answers if all is put, in an order that loses nothing. It does not notice a move."""
    steps = []
    for line in put.lines:
        steps += [(line, True)] if is_guests(line) else [(step, False) for step in RIGHT.get(line, [])]
    return replay(vpmu, put.model, profile, steps)


def differences(put, answers, wanted):
    """Those of the guest's lines that have another answer."""
    lines = [line for line in put.lines if is_guests(line)]
    return [f'{line}: {answer}, not {right}' for line, answer, right in zip(lines, answers, wanted)
            if answer != right]


def holds(vpmu, put, profile, writes):
    """What vpmu check says of the writes."""
    plan = '\n'.join([f'model {put.model}', *(f'{msr:#x} {value:#x}' for msr, value in writes), ''])
    return subprocess.run([vpmu, 'check', '--plan', '/dev/stdin', '--profile', profile], input=plan,
                          text=True, capture_output=True, check=False).returncode == 0


def judge_put(vpmu, put, profile, printed):
    """Pairs of what holds, and the problem if it does not."""
    mediated = profile == 'mediated'
    answers = [line.rpartition(' = ')[2] for line in printed if ' = ' in line and is_guests(line)]
    plan, right = told(put, printed), as_it_should(vpmu, put, profile)
    yield (f'QEMU puts what the library says, in order {put.order}',
           put_problem(put, puts_of(printed), plan))
    wanted = as_put(vpmu, put, profile, plan)
    yield (f'the guest finds what vpmu replay says on {profile}',
           None if answers == wanted else f'{differences(put, answers, wanted)} {printed[:60]}')
    lost, loses = differences(put, answers, right), put.loses in (ALWAYS, mediated or PERF)
    print(''.join(f'#   {line}\n' for line in lost), end='')
    yield (f'the guest {"does not go" if loses else "goes"} on as it should',
           None if bool(lost) == loses else f'{lost}')
    if put.loses != ALWAYS:  # what is put is what was saved
        yield (f'vpmu check: these writes lose {"something" if loses else "nothing"}',
               None if holds(vpmu, put, profile, plan) != loses else f'{plan}')


def judge(vpmu, name, printed, kernel, mediated):
    profile = 'mediated' if mediated else {'stable': 'linux-6.12', 'backports': 'linux-7.3'}[kernel]
    for what, problem in judge_put(vpmu, PUTS[name], profile, printed):
        yield f'{name}: {what}', problem
