"""The parse table: from the grammar file to the numbers that the parser runs on.

Lark makes the table; that takes longer than parsing, so it is kept in ``grammars/ofa.json``, which
``python -m ofadsl.compiler.parse.tables`` writes. One older than its grammar is made anew.
"""

from __future__ import annotations

import functools
import json
import re
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from ofadsl.resources import folder

if TYPE_CHECKING:
    from lark.grammar import Rule as LarkRule
    from lark.lexer import TerminalDef
    from lark.parsers.lalr_analysis import ParseTableBase

STARTS = ("file", "value")
END = "$END"
SEQUENCES = ("body", "arguments", "phases", "instructions")  # rules whose value is a tuple, no node
BAD = "BAD"  # a token for characters that are already reported


class Stored(TypedDict):
    """The file of the table, as JSON has it."""

    checksum: int
    pattern: str
    terminals: list[str]
    literals: dict[str, str]
    ignored: list[str]
    rules: list[tuple[str, str, int, list[tuple[int, bool]], bool]]
    nonterminals: list[str]
    actions: list[list[int]]
    gotos: list[list[int]]
    starts: dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One production: ``keep`` says which of its ``length`` symbols have a value."""

    name: str
    origin: int
    length: int
    keep: tuple[tuple[int, bool], ...]  # (symbol, does it stand for a list of values?)
    passes: bool  # it makes nothing new: its one value is the value of its symbol
    unit: bool  # it passes its only symbol
    nests: int  # 1 where it makes a node of the tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """An LALR(1) table: an action below 0 reduces by the rule ``~action``, others shift."""

    pattern: re.Pattern[str]
    terminals: tuple[str, ...]
    kinds: dict[str, int]
    literals: dict[str, int]
    ignored: frozenset[str]
    rules: tuple[Rule, ...]
    actions: tuple[dict[int, int], ...]
    gotos: tuple[dict[int, int], ...]
    starts: dict[str, tuple[int, int]]
    anchors: dict[int, str]  # states in which an item, a statement, an option... may begin


@functools.cache
def load() -> Tables:
    """Return the table of ``grammars/ofa.lark``."""
    grammar = grammar_text()
    path = table_path()
    stored: Stored = json.loads(path.read_text("utf-8")) if path.exists() else build("")
    if stored["checksum"] != zlib.crc32(grammar.encode()):
        stored = build(grammar)
    return unpack(stored)


def grammar_text() -> str:
    """Return the text of the grammar."""
    return (folder("grammars") / "ofa.lark").read_text("utf-8")


def table_path() -> Path:
    """Return the place of the stored table."""
    return folder("grammars") / "ofa.json"


def unpack(stored: Stored) -> Tables:
    """Return the table in the form that the parser runs on."""
    terminals = tuple(stored["terminals"])
    kinds = {name: i for i, name in enumerate(terminals)}
    gotos = tuple(pairs(row) for row in stored["gotos"])
    numbers = {name: i for i, name in enumerate(stored["nonterminals"])}
    anchors = {
        state: name
        for name in ("item", "statement", "option", "phase", "instruction")
        for state, row in enumerate(gotos)
        if numbers[name] in row
    }
    rules = tuple(unpack_rule(rule, numbers) for rule in stored["rules"])
    return Tables(
        pattern=re.compile(stored["pattern"]),
        terminals=terminals,
        kinds=kinds,
        literals={text: kinds[name] for name, text in stored["literals"].items()},
        ignored=frozenset(stored["ignored"]),
        rules=rules,
        actions=tuple(pairs(row) for row in stored["actions"]),
        gotos=gotos,
        starts={name: (first, last) for name, (first, last) in stored["starts"].items()},
        anchors=anchors,
    )


def unpack_rule(
    rule: tuple[str, str, int, list[tuple[int, bool]], bool], numbers: dict[str, int]
) -> Rule:
    """Return a rule in the form that the parser runs on."""
    name, origin, length, keep, passes = rule
    return Rule(
        name=name,
        origin=numbers[origin],
        length=length,
        keep=tuple((i, spliced) for i, spliced in keep),
        passes=passes,
        unit=passes and length == 1,
        nests=int(not passes and not origin.startswith("_") and name not in SEQUENCES),
    )


def pairs(row: list[int]) -> dict[int, int]:
    """Return ``[a, 1, b, 2]`` as ``{a: 1, b: 2}``."""
    return dict(zip(row[::2], row[1::2], strict=True))


def build(grammar: str) -> Stored:
    """Return the table that Lark makes of ``grammar``."""
    from lark import Lark  # only here: reading a stored table needs no Lark
    from lark.parsers.lalr_analysis import Shift

    lark = Lark(
        grammar or grammar_text(),
        parser="lalr",
        lexer="basic",
        start=list(STARTS),
        maybe_placeholders=False,
    )
    table = lark.parse_interactive(start=STARTS[0]).parser_state.parse_conf.parse_table
    terminals = [terminal.name for terminal in lark.terminals] + [END, BAD]
    nonterminals = sorted({rule.origin.name for rule in lark.rules})
    order = in_order(table)
    new = {state: i for i, state in enumerate(order)}
    actions, gotos = [], []
    for state in order:
        action, goto = [], []
        for symbol, (kind, argument) in sorted(table.states[state].items(), key=itemgetter(0)):
            if symbol in nonterminals:
                goto += [nonterminals.index(symbol), new[argument]]
            elif kind is Shift:
                action += [terminals.index(symbol), new[argument]]
            else:
                action += [terminals.index(symbol), ~lark.rules.index(argument)]
        actions.append(action)
        gotos.append(goto)
    return {
        "checksum": zlib.crc32((grammar or grammar_text()).encode()),
        "pattern": token_pattern(lark.terminals),
        "terminals": terminals,
        "literals": {t.name: t.pattern.value for t in lark.terminals if t.pattern.type == "str"},
        "ignored": list(lark.ignore_tokens),
        "rules": [pack(rule) for rule in lark.rules],
        "nonterminals": nonterminals,
        "actions": actions,
        "gotos": gotos,
        "starts": {
            name: (new[table.start_states[name]], new[table.end_states[name]]) for name in STARTS
        },
    }


def in_order(table: ParseTableBase[int]) -> list[int]:
    """Return the states as they are met; Lark numbers them by the order of a set, always anew."""
    order = [table.start_states[name] for name in STARTS]
    for state in order:  # it grows while it is read
        for _, (_, target) in sorted(table.states[state].items(), key=itemgetter(0)):
            if isinstance(target, int) and target not in order:
                order.append(target)
    return order


def pack(rule: LarkRule) -> tuple[str, str, int, list[tuple[int, bool]], bool]:
    """Return what the parser needs of a rule of Lark."""
    from lark.grammar import Terminal

    keep = [
        (i, not symbol.is_term and symbol.name.startswith("_"))
        for i, symbol in enumerate(rule.expansion)
        if not (isinstance(symbol, Terminal) and symbol.filter_out) and symbol.name != "_ends"
    ]
    passes = rule.options.expand1 and rule.alias is None and len(keep) == 1
    origin = rule.origin.name
    return (rule.alias or origin, origin, len(rule.expansion), keep, passes)


def token_pattern(terminals: Collection[TerminalDef]) -> str:
    """Return one expression for all tokens but the words, which are names until looked up."""
    word = re.compile(next(t.pattern.value for t in terminals if t.name == "NAME"))
    tokens = [t for t in terminals if t.pattern.type == "re" or not word.fullmatch(t.pattern.value)]
    # Lark's own order: the longest first, so that `==` is not read as `=` twice.
    tokens.sort(key=lambda t: (-t.priority, -t.pattern.max_width, -len(t.pattern.value), t.name))
    return "|".join(f"(?P<{t.name}>{t.pattern.to_regexp()})" for t in tokens)


def to_text(stored: Stored) -> str:
    """Return the file's text: one line a field, so that a change of the grammar can be read."""
    rows = [
        f" {json.dumps(name)}: {json.dumps(value, separators=(',', ':'), ensure_ascii=True)}"
        for name, value in stored.items()
    ]
    return "{\n" + ",\n".join(rows) + "\n}\n"


if __name__ == "__main__":
    table_path().write_text(to_text(build(grammar_text())), "utf-8")
