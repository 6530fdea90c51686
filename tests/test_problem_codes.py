"""Every refusal that the source can return is documented under `/problems`, and nothing else is."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from registry.problem_codes import GROUPS, PROBLEMS, find_problem

PACKAGE = Path(__file__).resolve().parents[1] / "registry"
NOT_THE_REGISTRY = {"client", "cli"}
CODE = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*\Z")


def _sources() -> Iterator[tuple[Path, ast.Module]]:
    for file in sorted(PACKAGE.rglob("*.py")):
        if file.relative_to(PACKAGE).parts[0] not in NOT_THE_REGISTRY:
            yield file, ast.parse(file.read_text())


def _name(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _argument(call: ast.Call, name: str, position: int | None) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    if position is not None and position < len(call.args):
        return call.args[position]
    return None


def _calls(trees: Iterable[ast.Module]) -> dict[str, list[ast.Call]]:
    """Every call, by the name of what is called."""
    found: dict[str, list[ast.Call]] = {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                found.setdefault(_name(node), []).append(node)
    return found


def _texts(node: ast.AST | None) -> set[str]:
    """The codes that an expression can be: a text, either side of a condition, the first of a tuple."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return {node.value}
    if isinstance(node, ast.IfExp):
        return _texts(node.body) | _texts(node.orelse)
    if isinstance(node, ast.Tuple) and node.elts:
        return _texts(node.elts[0])
    if isinstance(node, ast.Dict):
        return set().union(*(_texts(value) for value in node.values))
    return set()


def _assigned(scope: ast.AST, name: str) -> set[str]:
    """What a name is set to in a scope, by itself or as the first of several."""
    found: set[str] = set()
    for node in ast.walk(scope):
        value = getattr(node, "value", None)
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        elif isinstance(node, ast.Assign):
            targets = node.targets
        else:
            continue
        for target in targets:
            first = target.elts[0] if isinstance(target, ast.Tuple) else target
            if isinstance(first, ast.Name) and first.id == name:
                found |= _texts(value)
                if isinstance(value, ast.Call):
                    found |= set().union(*map(_texts, value.args))
    return found


def _codes() -> dict[str, set[str]]:
    """Every code that a `Refusal` can have, with the files that make it."""
    sources = list(_sources())
    calls = _calls(tree for _, tree in sources)
    codes: dict[str, set[str]] = {}
    for file, tree in sources:
        if "Refusal(" not in file.read_text():
            continue
        for function in [tree, *ast.walk(tree)]:
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Module):
                continue
            for call in _own_calls(function):
                given = _argument(call, "code", None)
                found = _texts(given)
                if isinstance(given, ast.Name):
                    found = _resolve(function, given.id, tree, calls)
                assert found, f"{file}:{call.lineno}: no text can be found for the code of this refusal"
                for code in found:
                    codes.setdefault(code, set()).add(str(file.relative_to(PACKAGE)))
    return codes


def _own_calls(function: ast.AST) -> Iterator[ast.Call]:
    """The `Refusal(...)` calls in a function, not those in functions inside it."""
    waiting = list(ast.iter_child_nodes(function))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.Call) and _name(node) == "Refusal":
            yield node
        waiting.extend(ast.iter_child_nodes(node))


def _resolve(scope: ast.AST, name: str, tree: ast.Module, calls: dict[str, list[ast.Call]]) -> set[str]:
    found = _assigned(scope, name)
    for mapping in ("_FRAMEWORK", "_OTHERWISE"):
        if any(isinstance(node, ast.Name) and node.id == mapping for node in ast.walk(scope)):
            found |= _assigned(tree, mapping)
    if not isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
        return found
    positional = [*scope.args.posonlyargs, *scope.args.args]
    keyword = scope.args.kwonlyargs
    names = [argument.arg for argument in positional]
    if name in names or name in [argument.arg for argument in keyword]:
        position = names.index(name) if name in names else None
        for argument, default in zip(keyword, scope.args.kw_defaults, strict=True):
            if argument.arg == name:
                found |= _texts(default)
        for call in calls.get(scope.name, ()):
            found |= _texts(_argument(call, name, position))
    return found


def test_the_codes_in_the_source_and_those_that_are_documented_are_the_same() -> None:
    codes = _codes()
    assert {code: files for code, files in codes.items() if find_problem(code) is None} == {}
    assert {problem.code for problem in PROBLEMS} - codes.keys() == set()


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.code)
def test_each_problem_says_what_it_means_and_what_to_do(problem) -> None:
    assert CODE.match(problem.code)
    assert 400 <= problem.status < 600
    assert problem.title
    assert not problem.title.endswith(".")
    assert problem.meaning
    assert problem.actions
    assert all(text.endswith(".") for text in (*problem.meaning, *problem.actions))


def test_codes_and_groups_are_given_once() -> None:
    codes = [problem.code for problem in PROBLEMS]
    assert len(codes) == len(set(codes))
    assert sum(len(group.problems) for group in GROUPS) == len(PROBLEMS)
