#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Bad options, for the plugin and for vpmu qemu: one line that begins with vpmu:, and QEMU does not
start.
  start.py VPMU PLUGIN FOLDER
Prints TAP; what needs a QEMU that fits skips without one."""
import json
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # nothing is left in the sources
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '../tool'), HERE]
import qemu
import tap

VPMU, PLUGIN, FOLDER = map(os.path.abspath, sys.argv[1:4])
PATIENCE = 60
BAD, LACKS = 2, 3

# What the plugin is given, and what it says.
OPTIONS = [
    ('', 'no model'), (',model=nosuch', "unknown model 'nosuch'"),
    (',model=intel-v2,foo=1', 'unknown option: foo'),
    (',model=intel-v2,profile=linux-1', 'unknown profile: linux-1'),
    (',model=intel-v2,reset=no', "reset is 'model' or 'keep': no"),
    (',model=intel-v2,fault=none', "fault is 'deny:"),
    (',model=intel-v2,fault=taken:4', 'no such counter'),
    (',model=intel-v2,fault=deny:0xc0', 'add profile='),
    (',model=intel-v2,gp=99', "gp='99' is out of range"),
    (',model=intel-v2,log=/nowhere/log', 'cannot write: /nowhere/log'),
    (',model=intel-v2,timeline=/nowhere/t', 'cannot write: /nowhere/t'),
    (',model=intel-v2,state-in=/nowhere/state', 'cannot take the state: /nowhere/state: No such'),
    (',model=intel-v2,state-in=/dev/null', 'cannot take the state: /dev/null: the file ends'),
    (',model=intel-v2,state-in=/etc/passwd', "cannot take the state: /etc/passwd: not a vpmu file"),
    (',model=intel-v2,state-in=a,state-out=a', 'state-in and state-out are one file'),
    (',model=intel-v2,state-out=/nowhere/state', 'cannot write: /nowhere/state'),
    (',model=intel-v2,stat=/nowhere/stat', 'cannot write: /nowhere/stat'),
]


def run(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=PATIENCE)


def plugin_says(command, options, wanted):
    done = run(*command, '-M', 'none', '-display', 'none', '-plugin', PLUGIN + options)
    said = [line for line in done.stderr.splitlines() if line.startswith('vpmu: ')]
    if done.returncode == 0 or len(said) != 1 or wanted not in said[0]:
        return f'status {done.returncode}: {done.stderr}'
    return ''


def tool_says(status, wanted, *arguments):
    done = run(VPMU, 'qemu', *arguments)
    lines = done.stderr.splitlines()
    if done.returncode != status or len(lines) != 1 or wanted not in lines[0]:
        return f'status {done.returncode}: {done.stderr}'
    return '' if lines[0].startswith('vpmu: ') else lines[0]


def printed(wanted, *arguments):
    done = run(VPMU, 'qemu', '--print', *arguments)
    if done.returncode or done.stdout.split() != wanted.split():
        return f'status {done.returncode}: {done.stdout}{done.stderr}'
    return ''


# No QEMU is needed to find these out.
tap.check('vpmu qemu: no QEMU', tool_says(BAD, 'missing argument: -- QEMU'))
tap.check('vpmu qemu: an unknown model',
          tool_says(BAD, "unknown model 'nosuch'", '--model', 'nosuch', '--', 'true'))
for accel in (['-enable-kvm'], ['-accel', 'kvm'], ['--accel', 'kvm,x=y'], ['-M', 'q35,accel=kvm'],
              ['-machine', 'accel=kvm:tcg'], ['-accel', 'tcgx']):
    tap.check(f'vpmu qemu: {" ".join(accel)} is not TCG',
              tool_says(BAD, 'for TCG, not for another', '--', 'true', *accel))
tap.check('vpmu qemu: -icount', tool_says(BAD, 'does not go with -icount', '--', 'true', '-icount',
                                          'shift=1'))
tap.check('vpmu qemu: the plugin twice', tool_says(
    BAD, 'there twice', '--', 'true', '-plugin', 'libvpmu-qemu.so,model=intel-v2'))
tap.check('vpmu qemu: a program that is no QEMU',
          tool_says(LACKS, 'cannot load the plugin: false', '--', 'false'))
tap.check('vpmu qemu: a program that is not there',
          tool_says(LACKS, 'No such file', '--', '/nowhere/qemu'))
tap.check('vpmu qemu adds what is missing', printed(
    f'q -accel tcg -cpu core2duo -plugin {PLUGIN},model=intel-v2 -m 64', '--', 'q', '-m', '64'))
tap.check('vpmu qemu leaves what is there', printed(
    f'q -plugin {PLUGIN},model=skylake,gp=8,log=a,,b -cpu x -accel tcg,thread=single', '--model',
    'skylake,gp=8', '--log', 'a,b', '--', 'q', '-cpu', 'x', '-accel', 'tcg,thread=single'))

tap.check('vpmu qemu: every --fault goes to the plugin', printed(
    f'q -plugin {PLUGIN},model=intel-v4,profile=linux-6.12,fault=deny:0xc0,fault=taken:0+1 -cpu x '
    '-accel tcg', '--model', 'intel-v4', '--profile', 'linux-6.12', '--fault', 'deny:0xc0', '--fault',
    'taken:0+1', '--', 'q', '-cpu', 'x', '-accel', 'tcg'))

command, reason = qemu.find(PLUGIN)
for options, wanted in OPTIONS:
    name = f'the plugin refuses "{options}"'
    if command:
        tap.check(name, plugin_says(command, options, wanted))
    else:
        tap.skip(name, reason)


def timeline(program, file):
    """The sampler's, on one model."""
    return run(VPMU, 'qemu', '--model', 'intel-v2', '--timeline', file, '--', program, '-M',
               'pc,pit=off', '-display', 'none', '-monitor', 'none', '-serial', 'stdio',
               '-no-reboot', '-device', 'isa-debug-exit,iobase=0xf4', '-kernel',
               f'{FOLDER}/sampler.mb32.elf')


def slices_of(events):
    """The slices' names and how many instructions each has been open; None when one has no end."""
    began, lasted = {}, {}
    for event in events:
        track = event['pid'], event.get('tid')
        if event['ph'] == 'B':
            if track in began:
                return None
            began[track] = event
        elif event['ph'] == 'E':
            begin = began.pop(track, {})
            if begin.get('name') != event['name'] or begin['ts'] > event['ts']:
                return None
            lasted[event['name']] = lasted.get(event['name'], 0) + event['ts'] - begin['ts']
    return None if began else lasted


def waits_problem(events, pmis):
    """Each PMI is of an overflow that waits for it, and then for the guest to clear it."""
    waits = [event for event in events if event['ph'] == 'X' and
             'until the PMI' in event.get('args', {})]
    bad = [wait for wait in waits if wait['args'].get('until cleared') != wait['dur'] or
           wait['args']['until the PMI'] > 1]
    of_a_wait = {wait['ts'] + wait['args']['until the PMI'] for wait in waits}
    missing = [pmi for pmi in pmis if pmi['ts'] not in of_a_wait]
    return f'{bad[:2]}, {missing[:2]}, {len(waits)}' if bad or missing or not waits else ''


def timeline_problem(program, file):
    done = timeline(program, file)
    if done.returncode != 1:
        return f'status {done.returncode}: {done.stderr}'
    with open(file) as stream:
        events = json.load(stream)['traceEvents']
    pmis = [event for event in events if event['name'] == 'PMI']
    kinds = {event['ph'] for event in events}
    times = [event['ts'] for event in events if event['ph'] == 'i']
    slices = slices_of(events)
    # Of the guest's 20 runs each has 60 samples at least.
    good = (len(pmis) > 1000 and kinds == {'M', 'i', 'C', 'B', 'E', 'X'} and times == sorted(times) and
            slices and {'ring 0', 'ring 3', 'instructions:k', 'branches:u'} <= set(slices) and
            any(event['name'] == 'IA32_PERF_GLOBAL_CTRL' for event in events) and
            all(int(event['args']['rip'], 16) for event in events if event['ph'] == 'i'))
    return waits_problem(events, pmis) if good else f'{len(pmis)} PMIs, {kinds}, {slices}'


if command:
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        stand_in = qemu.stand_in(command, folder)
        tap.check('a timeline has the PMIs, in order', timeline_problem(stand_in, f'{folder}/t'))
        done = timeline(stand_in, '/dev/full')
    said = [line for line in done.stderr.splitlines() if line.startswith('vpmu: ')]
    tap.check('a full disk: the timeline is given up, the guest goes on',
              '' if done.returncode == 1 and len(said) == 1 and
              'the timeline cannot be written' in said[0] else f'{done.returncode} {done.stderr}')
else:
    tap.skip('a timeline', reason)


def goes_on(program, model, status, wanted):
    """What the plugin says in one line, while the guest runs to its end."""
    done = run(VPMU, 'qemu', '--model', model, '--', program, '-cpu', 'core2duo', '-display', 'none',
               '-monitor', 'none', '-serial', 'stdio', '-no-reboot', '-device',
               'isa-debug-exit,iobase=0xf4', '-kernel', f'{FOLDER}/count.mb32.elf')
    said = [line for line in done.stderr.splitlines() if line.startswith('vpmu: ')]
    good = done.returncode == status and len(said) == 1 and wanted in said[0]
    return '' if good else f'{done.returncode} {done.stderr}'


for name, *case in (
        ('a CPU of another vendor has no PMU, and goes on', 'zen2', 5, 'another vendor than model zen2'),
        ('PEBS has no records, and goes on', 'skylake,pebs=3', 1, 'no PEBS records are written')):
    if command:
        with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
            tap.check(name, goes_on(qemu.stand_in(command, folder), *case))
    else:
        tap.skip(name, reason)
tap.finish()
