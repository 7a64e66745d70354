"""Makes small errors in a Verilog file, one at a time: an operator, a constant or a condition changed.

The file is cut into tokens, so nothing in comments, strings, port lists, declarations, ranges, loop headers or code for
the proofs is touched. The same text gives the same sites in the same order. It neither builds nor judges anything.
"""

from __future__ import annotations

import hashlib
import random
import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<string>"[^"\n]*")|(?P<directive>`(?:ifdef|ifndef|else|endif|include|define|undef|default_nettype|timescale)\b[^\n]*)
    |(?P<attribute>\(\*(?!\s*\)).*?\*\))
    |(?P<number>(?:\d+\s*)?'[sS]?[bBdDhHoO][0-9a-fA-F_xXzZ?]+|\d[\d_]*)|(?P<word>[`$]?[A-Za-z_]\w*)
    |(?P<op><<<|>>>|===|!==|<=|>=|==|!=|&&|\|\||<<|>>|\+:|-:|~&|~\||~\^|[-+*/%<>!~&|^?:=,;.#@(){}\[\]])|(?P<space>\s+)""",
    re.S | re.X,
)
_SIZED = re.compile(r"(\d+)\s*'([bdh])([0-9a-fA-F_]+)$")
_SKIPPED = {"wire", "reg", "localparam", "parameter", "input", "output", "genvar", "integer", "initial", "function"}
_SWAPS = {"==": "!=", "!=": "==", "<": "<=", ">": ">=", ">=": ">", "&&": "||", "||": "&&"}


@dataclass(frozen=True)
class Mutant:
    """One change: `old` at the offset becomes `new`. `key` stays when other lines of the file change."""

    file: str
    line: int
    offset: int
    old: str
    new: str
    why: str
    code: str
    key: str

    def apply(self, text: str) -> str:
        """The file with the error in it."""
        assert text[self.offset : self.offset + len(self.old)] == self.old
        return text[: self.offset] + self.new + text[self.offset + len(self.old) :]


@dataclass
class _Token:
    kind: str
    text: str
    offset: int


def tokens(text: str) -> list[_Token]:
    """Everything that is code, in order. Raises ValueError at a character that no token begins with."""
    found: list[_Token] = []
    at = skipping = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise ValueError(f"not Verilog at {text[at : at + 30]!r}")
        token = _Token(match.lastgroup, match[0], at)
        at = match.end()
        if token.kind == "directive":
            skipping = _depth(token.text, skipping)
        elif not skipping and token.kind not in ("comment", "space", "attribute"):
            found.append(token)
    return found


def _depth(directive: str, skipping: int) -> int:
    """How deep we are inside code that only the proofs read."""
    word = directive.split(maxsplit=1)[0]
    if skipping == 1 and word == "`else":
        return 0
    if skipping:
        return skipping + (word in ("`ifdef", "`ifndef")) - (word == "`endif")
    return int(word == "`ifdef" and directive.split()[1] in ("FORMAL", "YOSYS"))


def _statements(found: list[_Token]) -> list[tuple[int, _Token, int, bool]]:
    """Tokens that may be changed: (index, token, parentheses open, an assignment came before in the statement)."""
    kept: list[tuple[int, _Token, int, bool]] = []
    index = 0
    while index < len(found) and found[index].text != "module":
        index += 1
    while index < len(found) and found[index].text != ";":  # the header: ports and parameters
        index += 1
    depth = brackets = 0
    assigned = False
    while index < len(found):
        token = found[index]
        if depth == 0 and token.text in _SKIPPED:
            index = _after_statement(found, index)
            continue
        after = _after_parentheses(found, index + 1) if token.text in ("for", "if") else 0
        if token.text == "for" or ([other.text for other in found[after : after + 2]] == ["begin", ":"] and after):
            index = after  # a loop, or an `if` that decides what is built
            continue
        if token.text in "([{":
            brackets += token.text == "["
            depth += token.text != "["
        elif token.text in ")]}":
            brackets -= token.text == "]"
            depth -= token.text != "]"
        elif token.text == ";" or token.text in ("begin", "end", "else"):
            assigned = False
        elif not brackets:
            kept.append((index, token, depth, assigned))
            assigned = assigned or (depth == 0 and token.text in ("=", "<="))
        index += 1
    return kept


def _after_statement(found: list[_Token], index: int) -> int:
    """Behind a declaration; behind `endfunction` for a function, and behind `initial`'s one statement or block."""
    ends = {"function": "endfunction"}.get(found[index].text, ";")
    while index < len(found) and found[index].text != ends:
        index += 1
    return index + 1


def _after_parentheses(found: list[_Token], index: int) -> int:
    depth = 0
    while index < len(found):
        depth += (found[index].text == "(") - (found[index].text == ")")
        index += 1
        if depth == 0:
            break
    return index


def _number(text: str) -> str | None:
    """A sized constant one off, None for what is no such constant."""
    sized = _SIZED.match(text)
    if sized is None:
        return None
    width, base = int(sized[1]), {"b": 2, "d": 10, "h": 16}[sized[2]]
    value = int(sized[3].replace("_", ""), base)
    value = value + 1 if value + 1 < 1 << width else value - 1
    digits = {"b": f"{value:b}", "d": str(value), "h": f"{value:x}"}[sized[2]]
    return f"{width}'{sized[2]}{digits}"


def _change(found: list[_Token], index: int, depth: int, assigned: bool) -> tuple[str, str] | None:
    """The new text of a token and what the change is, None where there is none to make."""
    token = found[index]
    before = found[index - 1]
    binary = before.kind in ("number", "word") or before.text in (")", "]", "}")
    text = token.text
    if token.kind == "number":
        changed = _number(text)
        return (changed, "constant") if changed and found[index + 1].text != "{" else None
    if text == "<=":
        return ("<", "comparison") if depth or assigned else None
    if text in _SWAPS:
        return _SWAPS[text], "comparison" if text not in ("&&", "||") else "logic"
    if text in ("&", "|") and binary:
        return ("|" if text == "&" else "&"), "logic"
    if text == "^" and binary:
        return "|", "logic"
    if text in ("+", "-") and binary:
        return ("-" if text == "+" else "+"), "arithmetic"
    if text in ("!", "~"):
        return "", "negation dropped"
    if text == "?" and binary:
        return "|| 1'b1 ?", "choice stuck at its first"
    return None


def sites(text: str, file: str) -> list[Mutant]:
    """Every mutant of a file, in the order of the text."""
    found = tokens(text)
    starts = [0]
    for match in re.finditer("\n", text):
        starts.append(match.end())
    lines = text.splitlines()
    seen: dict[str, int] = {}
    out: list[Mutant] = []
    line = 0
    for index, token, depth, assigned in _statements(found):
        old, offset = token.text, token.offset
        if old == "if":
            last = found[_after_parentheses(found, index + 1) - 1]
            offset = found[index + 1].offset
            old = text[offset : last.offset + 1]
            change: tuple[str, str] | None = (f"(!{old})", "condition inverted")
        else:
            change = _change(found, index, depth, assigned)
        if change is None:
            continue
        while line + 1 < len(starts) and starts[line + 1] <= token.offset:
            line += 1
        code = lines[line].strip()
        base = f"{file}|{code}|{old}>{change[0]}"
        seen[base] = seen.get(base, 0) + 1
        key = hashlib.sha256(f"{base}|{seen[base]}".encode()).hexdigest()[:10]
        out.append(Mutant(file, line + 1, offset, old, change[0], change[1], code, key))
    return out


def shuffled(all_sites: list[Mutant], seed: int) -> list[Mutant]:
    """The sites of one file in a random order that only its code and the seed decide; the first `quota` are judged."""
    if not all_sites:
        return []
    rng = random.Random(f"{seed}|{all_sites[0].file}")  # noqa: S311 - a choice, not a secret
    ordered = sorted(all_sites, key=lambda mutant: mutant.key)
    rng.shuffle(ordered)
    return ordered


def quota(count: int, per_mutant: int) -> int:
    """How many of a file's sites to judge: one for every `per_mutant`, at least one where there is any."""
    return min(count, max(1, round(count / per_mutant)))
