# Copyright: Contributors to the kho.kexec collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every code that Python sources can give to a user, found by reading them and not by running them.

A code comes to be in one of these places:

- the first argument (or ``code=``) of a call of ``Note`` or of an exception of the tree below ``KhoError``;
- the value of a key ``code`` in a dictionary;
- the verdict and the reason of a ``Finding``, and those in a dictionary with the key ``accepted``.

The argument is followed through variables, parameters, tables and functions to the texts that it may be.
What cannot be followed raises ``Unresolved``: a code that nobody sees is worse than a test that fails.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

NOTE = "Note"
ERROR = "KhoError"
FINDING = "Finding"
LITERALS = (ast.Constant, ast.Dict, ast.Tuple, ast.List)
DEEPEST = 40
PACKAGE = "ansible_collections.kho.kexec.plugins."

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Unresolved(Exception):
    """It cannot be seen which texts an expression may be."""


class Place(NamedTuple):
    """Where an expression stands: in which module, and in which function if in any."""

    module: str
    function: Function | None


class Found(NamedTuple):
    """An expression and where it stands."""

    node: ast.expr
    place: Place


@dataclass(frozen=True)
class Class:
    """What is asked of a class: the names of its bases, and whether it makes its own arguments."""

    name: str
    bases: tuple[str, ...]
    own_init: bool


class Sources:
    """The sources to look through: text by the name of the module, as it is imported (``module_utils._host.errors``).

    ``passed_on`` holds expressions whose codes come to be elsewhere, as ``module: expression``; ``used`` those of them
    that were met.
    """

    def __init__(self, texts: Mapping[str, str], passed_on: frozenset[str] = frozenset()) -> None:
        self.trees = {name: ast.parse(text) for name, text in texts.items()}
        self.passed_on = passed_on
        self.used: set[str] = set()
        self.nodes = [item for name, tree in self.trees.items() for item in _walk(tree, Place(name, None), "")]
        self.classes = {
            node.name: Class(node.name, tuple(map(_last_name, node.bases)), _has_init(node))
            for node, _place, _class in self.nodes
            if isinstance(node, ast.ClassDef)
        }
        self.errors = self._errors()

    def codes(self) -> set[str]:
        """Return every code. Raises Unresolved."""
        return {text for found in self.sites() for text in self.texts(found)}

    def carriers(self) -> set[str]:
        """Return the classes that have a field ``code`` of their own."""
        return {
            enclosing
            for node, place, enclosing in self.nodes
            if enclosing and any(_is_code_field(target, place) for target in _targets(node))
        }

    def sites(self) -> Iterator[Found]:
        """Yield the expressions that become codes."""
        for node, place, enclosing in self.nodes:
            yield from (Found(site, place) for site in self._sites_in(node, enclosing))

    def _sites_in(self, node: ast.AST, enclosing: str) -> Iterator[ast.expr]:
        if isinstance(node, ast.Dict):
            yield from _dict_sites(node)
        elif isinstance(node, ast.Assign):
            yield from (node.value for target in node.targets if _is_key(target, "code"))
        elif isinstance(node, ast.Call):
            yield from self._call_sites(node, enclosing)

    def _call_sites(self, call: ast.Call, enclosing: str) -> Iterator[ast.expr]:
        name = _last_name(call.func)
        if name == FINDING:
            yield _argument(call, 0, "verdict")
            yield _argument(call, 1, "reason")
        elif self._takes_code(name, enclosing):
            yield _argument(call, 0, "code")
        else:
            yield from (keyword.value for keyword in call.keywords if keyword.arg == "code")

    def _takes_code(self, name: str, enclosing: str) -> bool:
        """Whether the first argument of a call of ``name`` is a code; in an error, ``super().__init__`` takes it."""
        if name == "__init__":
            return enclosing in self.errors - {ERROR}
        return name == NOTE or (name in self.errors and not self._makes_arguments(name))

    def _errors(self) -> set[str]:
        """Return the names of the classes below KhoError, and its own."""
        errors = {ERROR}
        while True:
            more = {name for name, found in self.classes.items() if errors & set(found.bases)} - errors
            if not more:
                return errors
            errors |= more

    def _makes_arguments(self, name: str) -> bool:
        """Whether a class below KhoError, or one between the two, has an ``__init__`` of its own."""
        found = self.classes[name]
        return name != ERROR and (
            found.own_init or any(self._makes_arguments(base) for base in found.bases if base in self.errors)
        )

    def texts(self, found: Found) -> set[str]:
        """Return the texts that the expression may be; None is no text."""
        return set(self._texts(found, 0))

    def _texts(self, found: Found, depth: int) -> Iterator[str]:
        for node, place in self._literals(found, depth):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
                halves = (self._texts(Found(half, place), depth + 1) for half in (node.left, node.right))
                yield from map("".join, itertools.product(*halves))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif not (isinstance(node, ast.Constant) and node.value is None):
                raise _unresolved(found, "it may be something else than a text")

    def _literals(self, found: Found, depth: int = 0) -> Iterator[Found]:
        """Follow an expression to the literals (and sums) that it may be."""
        node, place = found
        if depth > DEEPEST:
            raise _unresolved(found, "it leads back to itself")
        if isinstance(node, (*LITERALS, ast.BinOp)):
            yield found
            return
        spelled = f"{place.module}: {ast.unparse(node)}"
        if spelled in self.passed_on:
            self.used.add(spelled)
            return
        for following in self._follow(node, place, depth):
            yield from self._literals(following, depth + 1)

    def _follow(self, node: ast.expr, place: Place, depth: int) -> list[Found]:
        """Return what an expression may stand for, one step on."""
        if isinstance(node, ast.IfExp):
            return [Found(node.body, place), Found(node.orelse, place)]
        if isinstance(node, ast.BoolOp):
            return [Found(value, place) for value in node.values]
        if isinstance(node, ast.Name):
            return self._named(node, place, depth)
        if isinstance(node, ast.Subscript):
            return self._members(Found(node.value, place), _constant(node.slice), depth)
        if isinstance(node, ast.Call):
            return self._returned(node, place, depth)
        if isinstance(node, ast.Attribute) and node.attr == "code":
            return self._code_of_event(node, place)
        raise _unresolved(Found(node, place), "expressions of this kind are not followed")

    def _named(self, name: ast.Name, place: Place, depth: int) -> list[Found]:
        """Return what a name is bound to: in its function, by those who call it, or at the top of a module."""
        bound = self._bindings(name.id, place, depth)
        if place.function is not None and name.id in _parameters(place.function):
            bound += self._given(name.id, place)
        if not bound:
            bound = self._global(name.id, place.module, depth)
        if not bound:
            raise _unresolved(Found(name, place), "nothing is bound to this name")
        return bound

    def _bindings(self, name: str, place: Place, depth: int) -> list[Found]:
        bound: list[Found] = []
        assigned: list[ast.AST] = []
        for node, where, _class in self.nodes:
            if where == place and isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
                for target in _targets(node):
                    assigned += ast.walk(target)
                    bound += self._bound(name, target, Found(node.value, place), depth)
        for node, where, _class in self.nodes:
            if where == place and _binds(node, name) and node not in assigned:
                raise Unresolved(f"{place.module}: {name} is bound by something else than `=`")
        return bound

    def _bound(self, name: str, target: ast.expr, value: Found, depth: int) -> list[Found]:
        if isinstance(target, ast.Name) and target.id == name:
            return [value]
        if isinstance(target, ast.Tuple):
            positions = [at for at, part in enumerate(target.elts) if isinstance(part, ast.Name) and part.id == name]
            return [member for position in positions for member in self._members(value, position, depth)]
        return []

    def _global(self, name: str, module: str, depth: int) -> list[Found]:
        bound = self._bindings(name, Place(module, None), depth)
        imported = _imported(self.trees[module]).get(name)
        if not bound and imported is not None and imported[0] in self.trees:
            return self._global(imported[1], imported[0], depth + 1)
        return bound

    def _given(self, parameter: str, place: Place) -> list[Found]:
        """Return what callers give for a parameter, and its default."""
        function = place.function
        assert function is not None
        name, position, default = _signature(function, parameter)
        if function.name == "__init__":
            name = next(enclosing for node, _place, enclosing in self.nodes if node is function)
        given = [Found(default, place)] if default is not None else []
        for node, where, _class in self.nodes:
            visible = not name.startswith("_") or where.module == place.module
            if isinstance(node, ast.Call) and _last_name(node.func) == name and visible:
                argument = _argument_or_none(node, position, parameter)
                if argument is not None:
                    given.append(Found(argument, where))
                elif default is None:
                    raise _unresolved(Found(node, where), f"it gives nothing for {parameter}")
        return given

    def _members(self, whole: Found, key: object, depth: int) -> list[Found]:
        """Return what may be at ``key`` of a table: of one that has no such literal key, everything."""
        members: list[Found] = []
        for node, place in self._literals(whole, depth + 1):
            if isinstance(node, ast.Dict):
                items = zip(node.keys, node.values, strict=True)
                chosen = [value for at, value in items if at is not None and _constant(at) == key]
                members += [Found(value, place) for value in chosen or node.values]
            elif isinstance(node, (ast.Tuple, ast.List)):
                chosen = node.elts[key : key + 1] if isinstance(key, int) else node.elts
                members += [Found(value, place) for value in chosen]
            else:
                raise _unresolved(whole, "it may be something else than a table")
        return members

    def _returned(self, call: ast.Call, place: Place, depth: int) -> list[Found]:
        """Return what a function of these sources may return; ``table.get(...)`` is what is in the table."""
        name = _last_name(call.func)
        if name == "get" and isinstance(call.func, ast.Attribute):
            return [
                *self._members(Found(call.func.value, place), None, depth),
                *(Found(default, place) for default in call.args[1:]),
            ]
        returned = [
            Found(node.value, where)
            for node, where, _class in self.nodes
            if isinstance(node, ast.Return) and node.value and where.function and where.function.name == name
        ]
        here = [found for found in returned if found.place.module == place.module]
        if not returned:
            raise _unresolved(Found(call, place), "it is no function of these sources")
        return here or returned

    def _code_of_event(self, attribute: ast.Attribute, place: Place) -> list[Found]:
        """Return the codes of the events that ``event = log.first(...)`` asked for."""
        if isinstance(attribute.value, ast.Name):
            values = [found.node for found in self._bindings(attribute.value.id, place, 0)]
            asked = [call for call in values if isinstance(call, ast.Call) and _last_name(call.func) == "first"]
            if values and len(asked) == len(values):
                return [Found(code, place) for call in asked for code in call.args]
        raise _unresolved(Found(attribute, place), "it is not known whose code that is")


def _walk(node: ast.AST, place: Place, enclosing: str) -> Iterator[tuple[ast.AST, Place, str]]:
    """Yield every node with its place and the name of the class around it."""
    for child in ast.iter_child_nodes(node):
        yield child, place, enclosing
        if isinstance(child, Function):
            yield from _walk(child, Place(place.module, child), enclosing)
        elif isinstance(child, ast.ClassDef):
            yield from _walk(child, place, child.name)
        else:
            yield from _walk(child, place, enclosing)


def _dict_sites(node: ast.Dict) -> Iterator[ast.expr]:
    keys = [_constant(key) if key is not None else None for key in node.keys]
    wanted = {"code", "verdict", "reason"} if "accepted" in keys else {"code"}
    yield from (value for key, value in zip(keys, node.values, strict=True) if key in wanted)


def _binds(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)


def _targets(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ast.AnnAssign) else []


def _is_key(target: ast.expr, key: str) -> bool:
    return isinstance(target, ast.Subscript) and _constant(target.slice) == key


def _is_code_field(target: ast.expr, place: Place) -> bool:
    if isinstance(target, ast.Name):
        return target.id == "code" and place.function is None
    return ast.unparse(target) == "self.code"


def _constant(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def _last_name(node: ast.expr) -> str:
    """Return ``c`` of ``a.b.c``, and of ``c``."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _has_init(node: ast.ClassDef) -> bool:
    return any(isinstance(part, Function) and part.name == "__init__" for part in node.body)


def _argument_or_none(call: ast.Call, position: int, name: str) -> ast.expr | None:
    if any(isinstance(argument, ast.Starred) for argument in call.args[: position + 1]):
        return call.args[0]
    if position < len(call.args):
        return call.args[position]
    return next((keyword.value for keyword in call.keywords if keyword.arg in (name, None)), None)


def _argument(call: ast.Call, position: int, name: str) -> ast.expr:
    argument = _argument_or_none(call, position, name)
    if argument is None:
        raise Unresolved(f"line {call.lineno}: {ast.unparse(call)}: it gives nothing for {name}")
    return argument


def _parameters(function: Function) -> list[str]:
    arguments = function.args
    return [argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]


def _signature(function: Function, parameter: str) -> tuple[str, int, ast.expr | None]:
    """Return the function's name, at which position callers give the parameter, and its default."""
    arguments = function.args
    positional = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    defaults = dict(zip(reversed(positional), reversed(arguments.defaults), strict=False))
    by_name = {argument.arg: value for argument, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)}
    if parameter not in positional:
        return function.name, len(positional), by_name[parameter]
    bound = positional[0] in ("self", "cls")
    return function.name, positional.index(parameter) - bound, defaults.get(parameter)


def _imported(tree: ast.Module) -> dict[str, tuple[str, str]]:
    """Return by local name what is imported: (module, name there)."""
    return {
        name.asname or name.name: ((node.module or "").removeprefix(PACKAGE), name.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }


def _unresolved(found: Found, why: str) -> Unresolved:
    return Unresolved(f"{found.place.module}, line {found.node.lineno}: {ast.unparse(found.node)}: {why}")
