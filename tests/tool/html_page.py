#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What every page of the tool's must be, as text and in a browser.
  html_page.py FILE…     says what is wrong with them; exit status 1 when something is
"""
import html.parser
import os
import sys

sys.dont_write_bytecode = True  # nothing is left in the sources
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../check'))
import browser

VOID = {'meta', 'br', 'link', 'img', 'input', 'hr'}


class Page(html.parser.HTMLParser):
    """What stands in the page, and whether it is closed as it was opened."""

    def __init__(self, text):
        super().__init__()
        self.open, self.wrong, self.elements = [], [], []
        self.feed(text)
        self.close()
        self.wrong += self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f'</{tag}> at {self.getpos()}')

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]

    def ids(self):
        return [attrs['id'] for _, attrs in self.elements if 'id' in attrs]

    def targets(self):
        return [attrs['href'][1:] for attrs in self.all('a')]


def problems(text):
    """(what holds of every page, what is wrong or '')"""
    page = Page(text)
    ids, targets = page.ids(), page.targets()
    yield 'every element is closed', str(page.wrong[:3]) if page.wrong else ''
    yield 'no id is there twice', '' if len(ids) == len(set(ids)) else 'some are'
    yield 'every link leads to something', str(set(targets) - set(ids) or '')
    yield 'it says its language', '' if page.all('html')[0].get('lang') == 'en' else 'no'
    yield ('every head of a table has a scope',
           '' if all(a.get('scope') in ('row', 'col') for a in page.all('th')) else 'not all')
    yield ('every table has a caption',
           '' if len(page.all('caption')) == len(page.all('table')) > 0 else 'not all')
    yield ('the verdict stands before everything else',
           '' if text.index('class="verdict') < text.index('<nav') < text.index('<table') else 'no')


def too_wide(viewer, path):
    """The widths at which it is scrolled sideways."""
    for width in (420, 1280):
        viewer.size(width)
        viewer.open(path)
        wide = viewer.ask('document.documentElement.scrollWidth')
        if wide > width:
            yield f'{width} pixels: scrolled sideways, to {wide}'


def main(paths):
    failed = 0
    chromium = browser.find()
    viewer = browser.Browser(chromium) if chromium else None
    for path in paths:
        with open(path, encoding='utf-8') as file:
            found = [f'{name}: {wrong}' for name, wrong in problems(file.read()) if wrong]
        found += too_wide(viewer, os.path.abspath(path)) if viewer else []
        for line in found:
            print(f'# {path}: {line}')
        failed |= bool(found)
    if viewer:
        viewer.close()
    return failed


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
