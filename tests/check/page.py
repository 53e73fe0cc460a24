#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The page of vpmu check --html: as text, and in headless Chromium (skipped without one). TAP.
  page.py VPMU [PICTURES]     PICTURES: a folder for screenshots at 420 and 1280 pixels
"""
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # nothing is left in the sources
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '../tool'), HERE]
import browser
from html_page import Page, problems
from tap import check, finish, skip

VPMU = sys.argv[1]
PICTURES = sys.argv[2] if len(sys.argv) > 2 else None


def as_text(text):
    page = Page(text)
    for name, wrong in problems(text):
        check(name, wrong)
    check('every counterexample is led to', str(
        {i for i in page.ids() if '-' in i and i.startswith('c')} - set(page.targets()) -
        {'counterexamples'} or ''))
    check('an order says which VMM has it',
          '' if 'order stop-first: QEMU, Intel' in text else 'stop-first does not')


VISIBLE_ROWS = "[...document.querySelectorAll('tr[data-model]')].filter(e=>!e.hidden).length"
# The lowest contrast of text with what is behind it (WCAG 2.1, 1.4.3), of every kind of place.
CONTRAST = '''(()=>{
const parse=c=>c.match(/[0-9.]+/g).map(Number);
const light=c=>{const f=c.slice(0,3).map(v=>(v/=255)<=.03928?v/12.92:((v+.055)/1.055)**2.4);
  return .2126*f[0]+.7152*f[1]+.0722*f[2]};
const behind=e=>{for(;e;e=e.parentElement){const c=parse(getComputedStyle(e).backgroundColor);
  if(c.length<4||c[3]>0)return c}return[255,255,255]};
let worst=[99,''];
for(const q of ['body','.verdict','td.ok','td.bad','td.none','td.bad a','td.ok a','thead th',
  'caption','nav a','pre','form','summary'])
  for(const e of [...document.querySelectorAll(q)].slice(0,3)){
    const a=light(parse(getComputedStyle(e).color)),b=light(behind(e));
    const r=(Math.max(a,b)+.05)/(Math.min(a,b)+.05);if(r<worst[0])worst=[r,q]}
return worst})()'''


def widths(page, path):
    for width in (420, 1280):
        page.size(width)
        page.open(path)
        wide = page.ask('document.documentElement.scrollWidth')
        check(f'{width} pixels: nothing is scrolled sideways', f'{wide}' if wide > width else '')
        if PICTURES:
            page.picture(f'{PICTURES}/{width}-top.png')
            page.ask("document.querySelector('#order-no-stop').scrollIntoView()")
            page.picture(f'{PICTURES}/{width}-table.png')
    for scheme in ('light', 'dark'):
        page.call('Emulation.setEmulatedMedia',
                  features=[{'name': 'prefers-color-scheme', 'value': scheme}])
        ratio, place = page.ask(CONTRAST)
        check(f'{scheme}: every text has a contrast of 4.5', f'{ratio}: {place}' if ratio < 4.5 else '')
        if PICTURES:
            page.picture(f'{PICTURES}/1280-{scheme}.png')
    page.call('Emulation.setEmulatedMedia', features=[])
    page.ask("scrollBy(0,document.querySelector('#order-no-stop tbody tr:last-child')"
             ".getBoundingClientRect().top-60)")
    top = page.ask("document.querySelector('#order-no-stop thead th').getBoundingClientRect().top")
    check('the head of a table stays while it is scrolled', f'{top}' if abs(top) > 1 else '')


def links(page, path):
    page.open(path)
    check('at first every counterexample is closed',
          f"{page.ask('document.querySelectorAll(`details[open]`).length')}".strip('0'))
    target = page.ask("(()=>{const a=document.querySelector('td.bad a');a.click();"
                      "return a.getAttribute('href')})()")
    opened = (f"[...document.querySelectorAll('details[open]')].map(e=>"
              f"e.contains(document.querySelector('{target}'))).join()")
    check('a letter opens its counterexample, and no other',
          '' if page.ask(opened) == 'true' else page.ask(opened))
    page.open(path, target)
    check('so does its address', '' if page.ask(opened) == 'true' else page.ask(opened))
    seen = page.ask(f"document.querySelector('{target}').getBoundingClientRect().top")
    check('and it is seen', '' if 0 <= seen < 900 else f'{seen}')
    page.call('Emulation.setScriptExecutionDisabled', value=True)
    page.open(path, target)
    page.call('Emulation.setScriptExecutionDisabled', value=False)
    check('so it is without scripts', '' if page.ask(opened) == 'true' else page.ask(opened))
    page.open(path, target.split('-')[0])
    check('the address of a cell opens all of its counterexamples', '' if page.ask(
        f"[...document.querySelectorAll('{target.split('-')[0]} details')].every(e=>e.open)")
        else 'not all')


def filters(page, path):
    page.open(path)
    rows = page.ask(VISIBLE_ROWS)

    def choose(name, value):
        page.ask(f"(()=>{{const s=document.querySelector('[name={name}]');s.value='{value}';"
                 f"s.dispatchEvent(new Event('change',{{bubbles:true}}))}})()")
        return page.ask(VISIBLE_ROWS)

    shown = choose('profile', 'linux-6.12')
    check('the filter of profiles', '' if 0 < shown < rows else f'{shown} of {rows}')
    said = page.ask("document.getElementById('shown').textContent")
    check('it says how much is shown', '' if said == f'{shown} of {rows} rows shown' else said)
    shown = choose('model', 'amd-k7')
    check('both filters: a row an order', '' if shown == 6 else f'{shown} of {rows}')
    choose('life', 'running')
    left = page.ask("[...document.querySelectorAll('#order-no-stop thead th[data-life]')]"
                    ".filter(e=>!e.hidden).map(e=>e.textContent).join()")
    check('the filter of lives leaves one column', '' if left == 'running' else left)
    hidden = page.ask("document.querySelector('section.cell[hidden]').id")
    page.ask(f"(()=>{{location.hash='#{hidden}'}})()")
    check('an address of what the filters hide shows it', '' if page.ask(
        f"!document.getElementById('{hidden}').hidden") else 'it stays hidden')
    page.ask("document.querySelector('[type=reset]').click()")
    check('Show all shows all', '' if page.ask(VISIBLE_ROWS) == rows else 'not all')


def keyboard(page, path):
    page.open(path)
    page.key('Tab', 9)
    first = page.ask('document.activeElement.className')
    check('the first Tab is at the link that skips', '' if first == 'skip' else first)
    page.key('Enter', 13)
    at = page.ask('document.activeElement.id')
    check('it leads to the tables', '' if at == 'tables' else at)
    page.open(path)
    page.ask("document.querySelector('td.bad a').focus()")
    page.key('Enter', 13)
    check('Enter at a letter opens its counterexample', '' if page.ask(
        "document.querySelectorAll('details[open]').length") == 1 else 'it does not')


def tree(page, path):
    """What a screen reader is told."""
    page.open(path)
    for width in (1280, 420):
        page.size(width)
        page.ask('1')
        nodes = page.call('Accessibility.getFullAXTree')['nodes']
        roles = {}
        for node in nodes:
            if not node.get('ignored'):
                roles.setdefault(node['role']['value'], []).append(
                    node.get('name', {}).get('value', ''))
        tables = roles.get('table', [])
        check(f'{width} pixels: every table has a name',
              '' if len(tables) == 7 and all(tables) else f'{tables}')
        check(f'{width} pixels: columns and rows have heads', '' if roles.get('columnheader') and
              roles.get('rowheader') else f'{sorted(roles)}')
        check(f'{width} pixels: a letter is told in words',
              '' if 'counts: violated' in roles.get('link', []) else f"{roles.get('link', [])[:9]}")


def made(path, *options):
    # Little of each cell.
    subprocess.run([VPMU, 'check', '--matrix', '--scope',
                    'between=0,states=1,mixed=0,twice=off,refused=off,incidents=none',
                    '--html', path, *options], stdout=subprocess.DEVNULL, timeout=120, check=False)
    return path


with tempfile.TemporaryDirectory() as scratch:
    SMALL = made(f'{scratch}/small.html', '--model', 'intel-v2')
    LARGE = made(f'{scratch}/large.html')
    with open(LARGE, encoding='utf-8') as file:
        as_text(file.read())
    chromium = browser.find()
    if chromium:
        viewer = browser.Browser(chromium)
        try:
            for part in (widths, links, keyboard, tree):
                part(viewer, SMALL)
            filters(viewer, LARGE)
            check('the page complains of nothing', '; '.join(viewer.complaints))
        finally:
            viewer.close()
    else:
        skip('the page in a browser', 'no Chromium')
finish()
