"""What a door needs, found by reading it: every import that can run, late ones too, and the SQL that its rooms load."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

OURS = ("common", "functions")
QUERIES = Path("sql/queries")
MIGRATIONS = Path("sql/migrations")
MIGRATE = Path("common/postgres/migrate.py")


@dataclass
class Needs:
    """Of one door; paths below the project's root."""

    files: set[Path] = field(default_factory=set)  #: our modules
    queries: set[Path] = field(default_factory=set)
    vendors: set[str] = field(default_factory=set)  #: modules of others, the standard library left out

    def sql(self, root: Path) -> set[Path]:
        """The statements, with the migrations where the door may run them."""
        migrations = (
            {p.relative_to(root) for p in (root / MIGRATIONS).glob("*.sql")} if MIGRATE in self.files else set()
        )
        return self.queries | migrations


def follow(door: Path, root: Path) -> Needs:
    """Read a module and all that it leads to.

    Raises:
        ValueError: it loads SQL whose name only a run can tell.
    """
    needs, waiting = Needs(), [door]
    while waiting:
        path = waiting.pop()
        if path in needs.files:
            continue
        needs.files.add(path)
        tree = ast.parse((root / path).read_text(encoding="utf-8"))
        for module in _imported(tree):
            found = _files(module, root)
            waiting += found
            if not found and module.partition(".")[0] not in sys.stdlib_module_names | set(OURS):
                needs.vendors.add(module)
        needs.queries |= {QUERIES / f"{name}.sql" for name in _loaded(tree, path)}
    return needs


def _imported(tree: ast.AST) -> Iterator[str]:
    """The modules that may be imported; of `from a import b` both a and a.b, for b may be one."""
    for node in _running(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but those that only type checkers read."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            continue
        yield child
        yield from _running(child)


def _files(module: str, root: Path) -> list[Path]:
    """The file of a module of ours with its packages'; none where it is somebody else's, or no module."""
    parts = module.split(".")
    if parts[0] not in OURS:
        return []
    path = Path(*parts)
    own = [f for f in (path.with_suffix(".py"), path / "__init__.py") if (root / f).is_file()]
    packages = [Path(*parts[:n], "__init__.py") for n in range(1, len(parts))]
    return own + [p for p in packages if (root / p).is_file()] if own else []


def _loaded(tree: ast.AST, path: Path) -> Iterator[str]:
    """The names that `load` of common/postgres/queries.py is called with."""
    for node in _running(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "load":
            names = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
            if not names:
                raise ValueError(f"{path}:{node.lineno}: `load` of what? Name the file where it is loaded.")
            yield from names
