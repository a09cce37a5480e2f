"""The folder list is the architecture: imports only ever point down it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: For each package what it may import of the others.
ALLOWED = {
    "simpul_schemas": set(),
    "simpul_producers": {"simpul_schemas"},
    "simpul_processors": {"simpul_schemas"},
    "simpul_connectors": {"simpul_schemas"},
    "simpul_deploy": {"simpul_schemas", "simpul_producers", "simpul_processors", "simpul_connectors"},
}
#: What a region installs with `simpul[producers]` must not need.
HEAVY = {"polars", "pyarrow", "pyruhvro", "numpy", "lmdb", "faust", "aiokafka", "psycopg"}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package.removeprefix("simpul_") / package).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Return the top-level names that a module imports, also late ones."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_point_down_the_folder_list(package: str) -> None:
    assert modules(package)
    for path in modules(package):
        foreign = {name.split(".")[0] for name in imported(path) if name.startswith("simpul_")} - {package}
        assert foreign <= ALLOWED[package], f"{path.name} imports {foreign - ALLOWED[package]}"


def _reachable(start: list[Path]) -> set[Path]:
    """Return every module of the project that importing `start` loads."""
    by_name = {
        ".".join(path.relative_to(ROOT / package.removeprefix("simpul_")).with_suffix("").parts): path
        for package in ALLOWED
        for path in modules(package)
    }
    found: set[Path] = set()
    todo = list(start)
    while todo:
        path = todo.pop()
        if path not in found:
            found.add(path)
            todo.extend(by_name[name] for name in imported(path) if name in by_name)
    return found


def test_a_region_that_publishes_needs_none_of_the_heavy_packages() -> None:
    for path in _reachable(modules("simpul_producers")):
        heavy = {name.split(".")[0] for name in imported(path)} & HEAVY
        assert not heavy, f"{path} imports {heavy}"
