"""Modules and functions stay small enough to be read at once. An exception is listed with its reason."""

import ast

from shape.source import Module, every_module, modules

LONGEST_MODULE = 400
LONGEST_FUNCTION = 60

LONG_MODULES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {
    "placement.tables._kept_by_the_site": "a list of tables",
}


@every_module
def test_no_module_is_too_long_to_read(module: Module) -> None:
    lines = len(module.text.splitlines())
    assert lines <= LONGEST_MODULE or module.name in LONG_MODULES, f"{module.name} has {lines} lines"


@every_module
def test_no_function_is_too_long_to_read(module: Module) -> None:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            name = f"{module.name}.{node.name}"
            assert length <= LONGEST_FUNCTION or name in LONG_FUNCTIONS, f"{name} has {length} lines"


def test_no_exception_outlives_its_reason() -> None:
    long_modules = {module.name for module in modules() if len(module.text.splitlines()) > LONGEST_MODULE}
    assert set(LONG_MODULES) <= long_modules, "take it off the list: it is short now"
    functions = {
        f"{module.name}.{node.name}"
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno + 1 > LONGEST_FUNCTION
    }
    assert set(LONG_FUNCTIONS) <= functions, "take it off the list: it is short now"


@every_module
def test_a_module_says_what_it_is_for(module: Module) -> None:
    if module.text.strip():
        assert ast.get_docstring(module.tree), f"{module.name} has no docstring"
