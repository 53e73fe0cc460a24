#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The library's manual pages: one for each exported function, well-formed, with all that its header
says; and scripts/man-pages finds what is not declared, exported or documented. TAP.
  pages.py FOLDER MAKER MAP HEADER…     FOLDER: the pages that were built
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # nothing is left in the sources
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../tool'))
from tap import check, finish, skip

FOLDER, MAKER, MAP, *HEADERS = sys.argv[1:]


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def words(text):
    """Without markup and places of line ends."""
    text = re.sub(r'\\f[BRI]|\(3\)|\\&|^\.(?:PP|nf|fi|TP|SH|B|BR)\b', ' ', text, flags=re.M)
    return re.findall(r'\w+', text.replace('\\-', '-').replace('\\e', '\\'))


def made(library_map, headers):
    """What the maker says of them; '' when it makes pages."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([sys.executable, MAKER, '0.0.0', library_map, folder, *headers],
                              capture_output=True, text=True, check=False)
        return done.stderr if done.returncode else ''


def planted(find, put, in_map=False):
    """The maker's complaint where one text stands for another in pmu.h, or in the map."""
    path = MAP if in_map else next(path for path in HEADERS if path.endswith('/pmu.h'))
    text = read(path)
    with tempfile.TemporaryDirectory() as folder:
        changed = os.path.join(folder, os.path.basename(path))
        with open(changed, 'w', encoding='utf-8') as file:
            file.write(re.sub(find, put, text, count=1, flags=re.S))
        if in_map:
            return made(changed, HEADERS)
        return made(MAP, [changed if other == path else other for other in HEADERS])


def says(problem, wanted):
    return '' if wanted in problem else f'{problem!r}, not {wanted!r}'


exported = re.findall(r'^\s*(vpmu_\w+);$', read(MAP), re.M)
pages = {name.removesuffix('.3'): read(os.path.join(FOLDER, name))
         for name in os.listdir(FOLDER) if name.endswith('.3')}
check('every exported function has a page', ', '.join(sorted(set(exported) - set(pages))))
check('every page is of a function or a header', ', '.join(
    sorted(name for name in set(pages) - set(exported) if not re.match('libvpmu$|vpmu-', name))))
check('every page has its parts', ', '.join(sorted(
    name for name, page in pages.items() for part in ('NAME', 'SYNOPSIS', 'DESCRIPTION', 'SEE ALSO')
    if f'.SH {part}' not in page)))

lost = []
for path in HEADERS:
    for comment, code in re.findall(r'/\*((?:(?!\*/).)*)\*/\n(VPMU_API [^;]*;)', read(path), re.S):
        name = re.search(r'(vpmu_\w+)\(', code)[1]
        said = set(words(pages.get(name, '')))
        lost += [f'{name}: {word}' for word in re.findall(r'\w+', comment + code)
                 if word not in said and word != 'VPMU_API']
check('a page has every word of its comment and its declaration', ', '.join(lost[:5]))

if shutil.which('groff'):
    bad = subprocess.run(['groff', '-k', '-man', '-ww', '-z', *[f'{FOLDER}/{name}.3' for name in pages]],
                         capture_output=True, text=True, check=False).stderr
    check('no page has warnings', bad)
else:
    skip('no page has warnings', 'no groff')
if shutil.which('lexgrog'):
    got = subprocess.run(['lexgrog', *[f'{FOLDER}/{name}.3' for name in pages]],
                         capture_output=True, text=True, check=False).stdout
    check('man -k finds every page', ', '.join(
        sorted(name for name in pages if not re.search(rf'/{name}\.3: "{name} - ', got))))
else:
    skip('man -k finds every page', 'no lexgrog')

check('the headers as they are', made(MAP, HEADERS))
check('found: a function that is not exported', says(
    planted(r'\t\tvpmu_pmu_init;\n', '', True), 'declared, and not exported: vpmu_pmu_init'))
check('found: a function that is not declared', says(
    planted(r'vpmu_pmu_init;', 'vpmu_pmu_init;\n\t\tvpmu_none;', True),
    'exported, and not declared: vpmu_none'))
check('found: a function without a comment', says(
    planted(r'/\* The bytes that vpmu_pmu_init.*?\*/\n', ''), 'no comment: vpmu_pmu_size (pmu.h)'))
finish()
