#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Judges JSON documents by the schemas of docs/schema. The schemas are open, as docs/json.md
promises: a reader ignores members that it does not know. Here they are closed, so that a member that
is printed and not described is found.
  schema.py FILE…    documents, also several in a file; status 1: one is wrong, 77: no jsonschema
"""
import json
import os
import sys

try:
    import jsonschema
    LACKS = ''
except ImportError:
    jsonschema = None
    LACKS = 'no python3-jsonschema'

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../docs/schema')


def load(folder=FOLDER):
    """Every schema, by its file's name without .json."""
    schemas = {}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding='ascii') as file:
            schemas[name.removesuffix('.json')] = json.load(file)
    return schemas


def local(node, place):
    """The schema as a part of a larger one: place is where its own root is."""
    if isinstance(node, list):
        return [local(part, place) for part in node]
    if not isinstance(node, dict):
        return node
    moved = {key: local(part, place) for key, part in node.items() if key != '$schema'}
    if isinstance(node.get('$ref'), str):
        name, _, inside = node['$ref'].partition('#')
        there = f"#/$defs/{name.removesuffix('.json')}" if name else place
        moved['$ref'] = there + inside
    return moved


def opened(node):
    """The same, of the parts that are not closed: what an object adds to is not all of it."""
    return json.loads(json.dumps(node).replace('"#/$defs/', '"#/$open/'))


def closed(node):
    """The same, without room for members that it does not name."""
    if isinstance(node, list):
        return [closed(part) for part in node]
    if not isinstance(node, dict):
        return node
    if node.get('type') != 'object' or 'properties' not in node:
        return {key: closed(part) for key, part in node.items()}
    shut = {key: opened(part) if key == 'allOf' else closed(part) for key, part in node.items()}
    shut.setdefault('unevaluatedProperties' if 'allOf' in shut else 'additionalProperties', False)
    return shut


def whole(schemas, name):
    """One schema, with all that it refers to inside."""
    parts = {key: local(schema, f'#/$defs/{key}') for key, schema in schemas.items()}
    return {'$schema': schemas[name]['$schema'], '$ref': f'#/$defs/{name}',
            '$defs': {key: closed(part) for key, part in parts.items()}, '$open': opened(parts)}


def documents(text):
    """The documents of a text, one behind the other."""
    decoder = json.JSONDecoder(object_pairs_hook=unique)
    at = 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        document, at = decoder.raw_decode(text, at)
        yield document


def unique(pairs):
    if len(dict(pairs)) != len(pairs):
        raise ValueError('a member is there twice')
    return dict(pairs)


class Judge:
    """Knows the schemas, and what is wrong with a document."""

    def __init__(self):
        self.schemas = load()
        self.validators = {}
        self.seen = set()

    def problem(self, document):
        """A text; empty when the document is as its schema says."""
        name = document.get('format') if isinstance(document, dict) else None
        if name not in self.schemas:
            return f'no schema for a document with the format {name!r}'
        if name not in self.validators:
            jsonschema.Draft202012Validator.check_schema(self.schemas[name])
            self.validators[name] = jsonschema.Draft202012Validator(whole(self.schemas, name))
        self.seen.add(name)
        error = jsonschema.exceptions.best_match(self.validators[name].iter_errors(document))
        return f'{name}: {error.json_path}: {error.message[:300]}' if error else ''

    def problem_of_text(self, text):
        try:
            problems = [self.problem(document) for document in documents(text)]
        except ValueError as error:
            return f'no JSON: {error}'
        return next(filter(None, problems), '') if problems else 'no document'


def main():
    if LACKS:
        print(f'skipped: {LACKS}')
        return 77
    judge = Judge()
    failed = False
    for path in sys.argv[1:]:
        with open(path, encoding='utf-8') as file:
            problem = judge.problem_of_text(file.read())
        if problem:
            print(f'# {path}: {problem}')
        failed |= bool(problem)
    return int(failed)


if __name__ == '__main__':
    sys.exit(main())
