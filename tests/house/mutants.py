#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scripts/mutants on a small tree, where what must become of each mutant is known.
usage: mutants.py SCRIPT"""
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # the sources' folder stays as it is
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../tool'))
from tap import check, finish

FILES = {
    'meson.build': '''project('planted', 'c')
subdir('src/core')
subdir('tests')
''',
    'src/core/meson.build': "core = static_library('core', 'planted.c')\n",
    'src/core/planted.c': '''/* if (comments == code) */
int clamp(int value);
int nobody(int value);

static const int most[] = {
	0,
	10,
};

int clamp(int value)
{
	value += 0 * 7;
	if (value > most[1])
		value = most[1];
	return value;
}

int nobody(int value)
{
	return value > 4;
}
''',
    'tests/meson.build': '''planted = executable('planted', 'planted.c', link_with: core)
test('planted', planted, suite: 'core')
test('of another suite', planted, args: 'fails', suite: 'kernel')
''',
    'tests/planted.c': '''int clamp(int value);

int main(int argc, char **argv)
{
	return argc > 1 || clamp(3) != 3 || clamp(20) != 10;
}
''',
    'tests/mutants.md': "- `src/core/planted.c`: `if (value > most[1])`: `'>' -> '>='`\n  The same at 10.\n",
}
EXPECTED = {
    "src/core/planted.c:6:2: '0' -> '1'": 'survived',  # nobody asks: planted
    "src/core/planted.c:7:2: '10' -> '11'": 'killed',
    "src/core/planted.c:7:2: '10' -> '9'": 'killed',
    "src/core/planted.c:12:2: drop 'value += 0 * 7;'": 'same code',
    "src/core/planted.c:12:15: '7' -> '8'": 'same code',
    "src/core/planted.c:13:12: '>' -> '<='": 'killed',
    "src/core/planted.c:13:12: '>' -> '>='": 'survived [listed]',
    "src/core/planted.c:14:3: drop 'value = most[1];'": 'killed',
}


def write(tree, name, text):
    path = os.path.join(tree, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)


def mutants(tree, *arguments):
    done = subprocess.run([sys.executable, sys.argv[1], '--tree', tree, '--room', 'core', *arguments,
                           os.path.join(os.path.dirname(tree), 'build')],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=250)
    return done.returncode, done.stdout


def fates(output):
    """{mutant: what became of it}, and by whom where that is no test's name."""
    found = re.findall(r'^(killed|survived|same code|timed out|does not build) +(src.*?)(  \[listed\])?(?:  \[.*\])?$',
                       output, re.M)
    return {mutant: (fate + ' ' + listed.strip()).strip() for fate, mutant, listed in found}


def difference(got):
    wrong = {mutant: got.get(mutant, 'is not there') for mutant, fate in EXPECTED.items() if got.get(mutant) != fate}
    return str(wrong) if wrong else ''


def main():
    with tempfile.TemporaryDirectory() as folder:
        tree = os.path.join(folder, 'tree')
        for name, text in FILES.items():
            write(tree, name, text)
        status, output = mutants(tree, '--at', 'src/core/planted.c')
        got = fates(output)
        check('planted mutants: killed, survived, listed, the same code', difference(got))
        check('a line that no test runs, a comment: no mutants',
              [m for m in got if re.match(r'.*:(1|20|[5]):', m)])
        noticed = sum(fate == 'killed' for fate in got.values())
        survived = sum(fate.startswith('survived') for fate in got.values())
        row = f'{noticed + survived:7} {noticed:7} {0:9} {survived:9} {1:7}'
        check('the figures are those of the lines above', '' if row in output else f'no "{row}" in {output}')
        check('fewer than nine in ten: status 1', '' if status == 1 else f'status {status}')
        check('a survivor is listed as tests/mutants.md has it',
              '' if "- `src/core/planted.c`: `0,`: `'0' -> '1'`\n" in output else output)
        samples = [mutants(tree, '--list', '--sample', '3', '--seed', seed)[1] for seed in '112']
        check('a seed makes the same choice', '' if samples[0] == samples[1] else samples[1])
        check('the tree is as it was', '' if open(os.path.join(tree, 'src/core/planted.c'), encoding='utf-8').read()
              == FILES['src/core/planted.c'] else 'it is not')
        write(tree, 'tests/mutants.md', FILES['tests/mutants.md'].replace('most[1]', 'most[2]'))
        status, output = mutants(tree)
        check('a listed line that is gone: status 2, and which',
              '' if status == 2 and 'no such line in src/core/planted.c: if (value > most[2])' in output
              else f'status {status}: {output}')
        write(tree, 'tests/mutants.md', FILES['tests/mutants.md'])
        write(tree, 'tests/planted.c', FILES['tests/planted.c'].replace('!= 3', '!= 4'))
        status, output = mutants(tree)
        check('tests that fail without a mutant: status 2, and which',
              '' if status == 2 and 'planted: killed' in output else f'status {status}: {output}')
    finish()


main()
