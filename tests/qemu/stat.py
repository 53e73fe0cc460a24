#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vpmu stat, with Debian's kernel in a guest under QEMU with the plugin: counts, streams, ends.
  stat.py VPMU PLUGIN FOLDER [short]
short: only the counts. FOLDER has vmlinuz and modules, as linux/make-guest makes them, and the program known. Prints TAP;
skips without them, or without a QEMU that fits. Takes minutes."""
import json
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # nothing is left in the sources
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '../tool'), HERE]
import qemu
import schema
import tap

VPMU, PLUGIN, FOLDER = map(os.path.abspath, sys.argv[1:4])
KNOWN = f'{FOLDER}/known'
INSTRUCTIONS, BRANCHES = 10021419, 1006102  # linux/known.S
PAGE_FAULTS = 900  # at least: the kernel maps several pages for one
PATIENCE = 1800


class Stat:
    """What came of one call."""

    def __init__(self, program, options, words, stdin=b''):
        with tempfile.NamedTemporaryFile(dir=FOLDER) as counts:
            done = subprocess.run(
                [VPMU, 'stat', '--qemu', program, '--kernel', f'{FOLDER}/vmlinuz', '--modules',
                 f'{FOLDER}/modules', '--json', '--output', counts.name, *options, '--', *words],
                input=stdin, capture_output=True, timeout=PATIENCE)
            text = open(counts.name).read()
        self.status, self.out, self.err = done.returncode, done.stdout, done.stderr
        self.document = json.loads(text) if text else {}
        self.counts = {row['event']: row for row in self.document.get('counters', [])}

    def differs(self, **wanted):
        got = {name: getattr(self, name) for name in wanted}
        return '' if got == wanted else f'{got}, not {wanted}; {self.err[-300:]!r}'

    def value(self, event):
        return self.counts.get(event, {}).get('value') or 0

    def counted(self, event, value, exact=True):
        row = self.counts.get(event, {})
        good = row.get('value') == value and row.get('exact') is exact
        return '' if good else f'{event}: {row}; {self.err[-300:]!r}'


def counts(program):
    known = Stat(program, ['--model', 'skylake'], [KNOWN])
    tap.check('skylake: instructions are exact', known.counted('instructions:u', INSTRUCTIONS))
    tap.check('skylake: branches are exact', known.counted('branches:u', BRANCHES))
    if schema.LACKS:
        tap.skip('the document is as its schema says', schema.LACKS)
    else:
        tap.check('the document is as its schema says', schema.Judge().problem(known.document))
    # AMD: each IRET to the program is an instruction and a branch of it.
    known = Stat(program, ['--model', 'zen2'], [KNOWN])
    irets = known.value('instructions:u') - INSTRUCTIONS
    tap.check('zen2: the IRETs back count', '' if irets >= PAGE_FAULTS else f'{irets}')
    tap.check('zen2: branches are exact', known.counted('branches:u', BRANCHES + irets))


def limits(program):
    over = Stat(program, ['--limit', f'instructions:u={INSTRUCTIONS - 1}'], [KNOWN])
    tap.check('over a limit by one: status 1', over.differs(status=1))
    tap.check('what is not counted has no value',
              Stat(program, ['--events', 'cache-misses'], ['/bin/true'])
              .counted('cache-misses', None, False))


def streams(program):
    data = os.urandom(300000)
    shell = Stat(program, [], ['/bin/sh', '-c', 'cat; echo no >&2; exit 7'], data)
    tap.check('stdin comes to the program, stdout and stderr from it, and its status',
              shell.differs(status=7, err=b'no\n', out=data))


def paths(program):
    # 272: unshare; 0x20000: CLONE_NEWNS
    words = ['perl', '-e', 'syscall(272, 0x20000) and die; print readlink "/proc/self/exe"']
    tap.check('in a new mount namespace a program has the path that it had',
              Stat(program, [], words).differs(status=0, out=b'/usr/bin/perl'))


def ends(program):
    tap.check('a signal: 128 and its number',
              Stat(program, [], ['/bin/sh', '-c', 'kill -SEGV $$']).differs(status=139))
    tap.check('no such program: status 2, one line',
              Stat(program, [], ['/no/such/program']).differs(
                  status=2, err=b'vpmu: the guest cannot start the program: No such file or '
                                b'directory (its /tmp, /run and /dev/shm are its own, and empty)\n'))
    late = Stat(program, ['--timeout', '2'], ['/bin/sleep', '100000'])
    tap.check('out of time: status 124', late.differs(status=124))
    wrong = Stat(program, ['--model', 'no-such'], ['/bin/true'])
    tap.check('a wrong model: status 2, before QEMU starts', wrong.differs(status=2))


command, reason = qemu.find(PLUGIN)
if command and not os.path.exists(f'{FOLDER}/vmlinuz'):
    command, reason = None, f'no kernel in {FOLDER} (tests/qemu/linux/make-guest makes one)'
if command:
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        stand_in = qemu.stand_in(command, folder)
        for part in (counts,) if sys.argv[4:] == ['short'] else (counts, limits, streams, paths, ends):
            part(stand_in)
else:
    tap.skip('vpmu stat', reason)
tap.finish()
