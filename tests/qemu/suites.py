#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Other people's test suites on the plugin's PMU, in a guest of vpmu stat's, compared with what is known of each
test: PAPI's, libpfm4's, rr's, perf's.
  suites.py VPMU PLUGIN FOLDER SUITES [--model MODEL] [--minutes N] [--seconds N] [--every N] [--print] SUITE [TEST…]
FOLDER as for stat.py; SUITES is what suites/make-suites made. suites/SUITE.MODEL says which tests do not pass: "skip",
"fail" or "varies", and the cause; all others must pass. --every N takes every N-th test. The guest begins no test after
--minutes (60); a test may take --seconds (its suite's). --print prints such a list instead of TAP. What the guest
printed is in SUITES/SUITE.MODEL.log. Skips without a QEMU that fits. A signal ends the guest, too."""
import argparse
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # nothing is left in the sources
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '../tool'), HERE]
import ending
import qemu
import suite_lists
import tap

# With last branches, where the preset has a kind of its own.
MODELS = {'skylake': 'skylake,lbr-format=5', 'zen4': 'zen4,lbr=16'}
WORDS = ('pass', 'skip', 'fail')


def known(suite, model):
    """What is known of a suite's tests on a model, those that do not pass: name → (word, cause)."""
    path = f'{HERE}/suites/{suite}.{model}'
    if not os.path.exists(path):
        return {}
    lines = [line.rstrip('\n') for line in open(path) if line.strip() and line[0] != '#']
    rows = [re.fullmatch(r'(\S+) (skip|fail|varies) (.+)', line).groups() for line in lines]
    return {name: (word, cause) for name, word, cause in rows}


def guest(options, command, suite, tests):
    """What the guest prints."""
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        with open(f'{folder}/list', 'w') as file:
            file.writelines(f'{name} {seconds} {words}\n' for name, seconds, words in tests)
        program = qemu.stand_in(command, folder)
        log = f'{options.suites}/{options.suite}.{options.model}.log'
        with open(log, 'wb') as file, ending.group(
                [options.vpmu, 'stat', '--model', MODELS[options.model], '--qemu', program, '--kernel',
                 f'{options.folder}/vmlinuz', '--modules', f'{options.folder}/modules', '--memory', '3G',
                 '--cpus', str(suite.VCPUS), '--timing', suite.TIMING,
                 '--events', 'page-faults', '--timeout', str(options.minutes * 60 + 1200), '--',
                 '/bin/bash', f'{HERE}/suites/run', f'{folder}/list', str(options.minutes * 60)],
                cwd=options.folder, stdout=file, stderr=subprocess.STDOUT) as guest:
            guest.wait()
    return open(log, errors='replace').read()


def outcomes(suite, text):
    """Of each test that has begun: its name, a word, the reason."""
    parts = re.split(r'^== begin (\S+)\n', text, flags=re.M)
    for name, part in zip(parts[1::2], parts[2::2]):
        printed, *end = re.split(r'^== end \S+ (\d+) (\d+)$', part, flags=re.M)
        if not end:
            yield name, 'fail', 'the guest ended in it'
            continue
        word, reason = suite.judge(name, int(end[0]), printed)
        yield name, word, f'{reason} ({end[1]} s)'.strip()


def judge(name, word, reason, row):
    wanted, cause = row
    if word == 'pass' and wanted != 'fail' or wanted == 'varies':
        tap.check(name + (f': {word}, {cause}' if cause else ''), None)
    elif word == wanted:
        tap.check(f'{name}: {word}, as known: {cause}', None)
    else:
        tap.check(name, f'{word}, not {wanted}: {reason}')


def run(options, command):
    suite = suite_lists.SUITES[options.suite]
    suite.SECONDS = options.seconds or suite.SECONDS
    tests = [test for test in suite.tests(options.suites)
             if not options.tests or test[0] in options.tests][::options.every]
    text = guest(options, command, suite, tests)
    rows = known(options.suite, options.model)
    words = []
    for name, word, reason in outcomes(suite, text):
        words.append(word)
        if options.print:
            print(f'{name} {word} {reason}')
        else:
            judge(name, word, reason, rows.get(name, ('pass', '')))
    told = ', '.join(f'{words.count(word)} {word}' for word in WORDS)
    print(f'# {options.suite} on {options.model}: {len(words)} of {len(tests)} tests: {told}')
    if len(words) < len(tests):
        tap.skip(f'{len(tests) - len(words)} more tests', f'not begun in {options.minutes} minutes')
    if not words:
        tap.check(f'{options.suite}: the guest runs', text[-500:])


def main():
    parser = argparse.ArgumentParser()
    for name in ('vpmu', 'plugin', 'folder', 'suites'):
        parser.add_argument(name, type=os.path.abspath)
    parser.add_argument('--model', choices=MODELS, default='skylake')
    parser.add_argument('--minutes', type=int, default=60)
    parser.add_argument('--seconds', type=int)
    parser.add_argument('--every', type=int, default=1)
    parser.add_argument('--print', action='store_true')
    parser.add_argument('suite', choices=suite_lists.SUITES)
    parser.add_argument('tests', nargs='*')
    options = parser.parse_args()
    ending.by_signals()
    command, reason = qemu.find(options.plugin)
    if command and not os.path.exists(f'{options.folder}/vmlinuz'):
        reason = f'no kernel in {options.folder} (tests/qemu/linux/make-guest makes one)'
    elif command and not os.path.exists(f'{options.suites}/{suite_lists.SUITES[options.suite].FOLDER}'):
        reason = f'no {options.suite} in {options.suites} (tests/qemu/suites/make-suites makes it)'
    if reason:
        tap.skip(f'{options.suite} on {options.model}', reason)
    else:
        run(options, command)
    tap.finish()


main()
