#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What every command prints with --json is as its schema says (docs/schema), and wrong documents are
not. Every format that the sources make has a schema, and docs/json.md names its members. TAP.
  documents.py VPMU SOURCE GUESTS [STAT_DOCUMENT]
GUESTS: the folder of the built ones, '' without Unicorn. STAT_DOCUMENT: prints what vpmu stat does.
"""
import copy
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

from schema import LACKS, Judge, jsonschema, load
from tap import check, finish, skip

VPMU, SOURCE, GUESTS, *STAT = sys.argv[1:]
GOLDEN = f'{SOURCE}/tests/stream/golden'
# One of each kind of PMU; the list of models has them all.
PRESETS = ['intel-v1', 'intel-v2', 'intel-v6', 'zhaoxin-v2', 'amd-k7', 'amd-perfcore', 'zen4']
STATES = [f'{GOLDEN}/{preset}.vpmu' for preset in PRESETS]
SCOPE = ['--scope', 'between=1,states=1,mixed=0']

# Where a command needs more than this test has, the suite whose tests judge its documents.
ELSEWHERE = {'kernel': 'kernel'}
# Commands that pass --json on to one of these, or only say that they can read what it prints.
SILENT = {'help', 'qemu', 'replay'}

# WRMSR of all ones to IA32_A_PMC0, and the end: a count that no double holds.
FULL_COUNTER = 'b9c1040000b8ffffffffbaffffffff0f3031c066baf400ee'


def call(*arguments):
    return subprocess.run([VPMU, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=120, check=False)


def names_of(*command):
    """The words of the list at the end of a help text."""
    text = call(*command, '--help').stdout
    part = text.split('\nCommands:\n')[1].split('\n\n')[0]
    return [line.split()[0] for line in part.splitlines()]


def guest(path, code):
    subprocess.run([sys.executable, f'{SOURCE}/tests/tool/guest.py', path, code], check=True)
    return path


def invocations(folder):
    """By command: what is run."""
    profiles = [line.split()[0] for line in
                call('models', '--help').stdout.split('\nProfiles:\n')[1].splitlines() if line]
    yield 'models', ['models']
    yield 'models', ['models', '--quirks']
    for preset in PRESETS:
        yield 'models', ['models', preset]
        yield 'plan', ['plan', '--model', preset, '--level', 'reset', '--order', 'ascending']
    for profile in profiles:
        yield 'models', ['models', 'intel-v5', '--profile', profile]
        yield 'models', ['models', 'amd-perfmon-v2', '--profile', profile]
    yield 'doctor', ['doctor']
    for state in STATES:
        yield 'plan', ['plan', '--state', state, '--vcpu', '9']
        yield 'state', ['state', 'show', state]
        for target in ['intel-v2', 'amd-k7']:
            yield 'state', ['state', 'compat', state, '--model', target]
    yield 'state', ['state', 'compat', f'{GOLDEN}/intel-v5.vpmu', '--model', 'intel-v2,width=40',
                    '--profile', 'linux-6.12']
    yield 'state', ['state', 'baseline', 'intel-v2,gp=8', 'skylake']
    with open(f'{folder}/fleet', 'w', encoding='ascii') as fleet:
        fleet.write('alpha zen4\nbeta zen2\n')
    yield 'state', ['state', 'baseline', f'{folder}/fleet']
    yield 'state', ['state', 'compat', '--matrix', '--qemu', '10.0', f'{folder}/fleet', 'intel-v2']
    yield 'check', ['check', '--order', 'no-stop', '--model', 'intel-v2,gp=1', '--profile', 'linux-6.12', *SCOPE]
    yield 'check', ['check', '--model', 'amd-k7', '--profile', 'hardware', '--shard', '2/3', *SCOPE]
    yield 'check', ['check', '--model', 'intel-v1', '--profile', 'mediated', '--host', 'tsx=on', *SCOPE]
    if GUESTS:
        for model in ['intel-v1', 'intel-v5', 'amd-perfmon-v2']:
            yield 'run', ['run', '--model', model, f'{GUESTS}/count.elf']
        yield 'run', ['run', '--model', 'intel-v5', '--profile', 'linux-6.12', '--max-instructions',
                      '1000', f'{GUESTS}/count.elf']
        yield 'run', ['run', '--model', 'intel-v2,width=64,full-width=on',
                      guest(f'{folder}/full.elf', FULL_COUNTER)]
    yield 'watch', ['watch', '--', '/bin/true']


def converted(folder):
    """What is no --json, but the same document."""
    path = f'{folder}/state.json'
    done = call('state', 'convert', STATES[0], path, '--to', 'json')
    with open(path, encoding='ascii') as file:
        return done.stderr or judge.problem_of_text(file.read())


def problem_of(command, words):
    behind = words.index('--') if '--' in words else len(words)
    done = call(*words[:behind], '--json', *words[behind:])
    # vpmu watch without --log writes to stderr, behind the VMM's own lines.
    text = done.stdout or ''.join(line + '\n' for line in done.stderr.splitlines()
                                  if line.startswith('{'))
    problem = judge.problem_of_text(text)
    return f"{' '.join(words)}: {problem} {done.stderr[-200:]!r}" if problem else ''


def made_formats():
    """What the sources make, with its version."""
    for path in glob.glob(f'{SOURCE}/tool/**/*.c', recursive=True) + glob.glob(f'{SOURCE}/src/json/*.c'):
        with open(path, encoding='utf-8') as file:
            text = file.read()
        number = dict(re.findall(r'\b([A-Z_]*VERSION) = (\d+)', text + CHECK_HEADER))
        for name, version in re.findall(
                r'json_document\("([a-z-]+)", (\w+)\)|$', text) + re.findall(
                r'"format",\s*"(vpmu-[a-z-]+)",\s*"version",\s*(\w+)', text):
            if name:
                yield name, int(number.get(version, version))


def members(node, found):
    """Every name of a member in a schema."""
    if isinstance(node, list):
        for part in node:
            members(part, found)
    elif isinstance(node, dict):
        if isinstance(node.get('properties'), dict):
            found.update(node['properties'])
        for part in node.values():
            members(part, found)
    return found


def planted(document):
    """Wrong documents, each with what is wrong with it."""
    def wrong(about, change):
        bad = copy.deepcopy(document)
        change(bad)
        return about, bad
    write = document['writes'][0]
    yield wrong('a member is missing', lambda bad: bad.pop('level'))
    yield wrong('a member too many', lambda bad: bad.update(more=1))
    yield wrong('a member too many, further in', lambda bad: bad['writes'][0].update(more=1))
    yield wrong('a value that is a number', lambda bad: bad['writes'][0].update(
        value=int(write['value'], 16)))
    yield wrong('a value in capitals', lambda bad: bad['writes'][0].update(value='0xAB'))
    yield wrong('a value with a leading zero', lambda bad: bad['writes'][0].update(value='0x01'))
    yield wrong('an MSR number of 64 bits', lambda bad: bad['writes'][0].update(msr='0x100000000'))
    yield wrong('another version', lambda bad: bad.update(version=9))
    yield wrong('another format', lambda bad: bad.update(format='vpmu-plans'))
    yield wrong('an unknown level', lambda bad: bad.update(level='most'))


def planted_elsewhere():
    """The same for the documents that are composed."""
    models = json.loads(call('models', '--json').stdout)
    models['models'][3]['more'] = 1
    yield 'models: a member too many', models
    state = json.loads(call('state', 'show', '--json', STATES[0]).stdout)
    state['vcpus'][0]['model']['more'] = 1
    yield 'state: a member of the model too many', state
    put = {'format': 'vpmu-watch', 'version': 1, 'time': 0.5, 'event': 'put', 'calls': 1}
    yield 'watch: a put without its registers', put
    call_line = {'format': 'vpmu-watch', 'version': 1, 'time': 0.5, 'event': 'open', 'result': 5,
                 'argument': '0x0', 'count': -1}
    yield 'watch: a count below 0', call_line
    yield 'watch: an unknown event', dict(call_line, event='opened', count=0)


with open(f'{SOURCE}/tool/check/check.h', encoding='utf-8') as header:
    CHECK_HEADER = header.read()
made = dict(made_formats())
schemas = load()
described = {name: schema['properties']['version']['const'] for name, schema in schemas.items()
             if 'format' in schema.get('properties', {})}
check('every format that the tool makes has a schema of its version, and there are no others',
      '' if made == described else f'made {made}, described {described}')
with open(f'{SOURCE}/docs/json.md', encoding='utf-8') as page:
    told = set(re.findall(r'\.?(\w+)(?=[`\].])', page.read()))
for name, schema in schemas.items():
    untold = members(schema, set()) - told
    check(f'docs/json.md names the members of {name}', ', '.join(sorted(untold)))
if LACKS:
    skip('documents are as their schemas say', LACKS)
    finish()

judge = Judge()
for schema in schemas.values():  # those, too, that others only refer to
    jsonschema.Draft202012Validator.check_schema(schema)
with tempfile.TemporaryDirectory() as scratch:
    problems, commands = {}, names_of()
    for name, arguments in invocations(scratch):
        if name not in commands:  # a sanitized build has no watch
            continue
        problems.setdefault(name, []).append(problem_of(name, arguments))
    for name, found in problems.items():
        check(f'vpmu {name} --json: {len(found)} calls',
              next(filter(None, found), ''))
    check('vpmu state convert --to json', converted(scratch))
if STAT:
    problems['stat'] = subprocess.run(STAT, stdout=subprocess.PIPE, text=True, check=True).stdout
    check('vpmu stat --json', judge.problem_of_text(problems['stat']))
for name in commands:
    options = call(name, '--help').stdout
    takes = '--json' in options or name in ('state', 'kernel')
    if takes and name not in problems and name not in SILENT:
        if name in ELSEWHERE or name == 'run' and not GUESTS:
            skip(f'vpmu {name} --json', f"the suite '{ELSEWHERE[name]}' judges it"
                 if name in ELSEWHERE else 'no Unicorn')
        else:
            check(f'vpmu {name} --json is judged', 'this test does not run it')
plan = json.loads(call('plan', '--model', 'intel-v2', '--json').stdout)
for about, bad in planted(plan):
    check(f'found: {about}', '' if judge.problem(bad) else 'it passes')
for about, bad in planted_elsewhere():
    check(f'found: {about}', '' if judge.problem(bad) else 'it passes')
finish()
