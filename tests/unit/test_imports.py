"""The shape of the code: which package may import which, and where Dagster may be imported."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: package -> packages of ours that it may import.
ALLOWED = {
    "insights_resources": {"insights_resources"},
    "insights_assets": {"insights_assets", "insights_resources"},
    "insights_jobs": {"insights_jobs", "insights_assets", "insights_resources"},
}
#: Modules that may import Dagster, beside each layer's assets.py and checks.py.
DAGSTER_MODULES = {
    "insights_resources/wiring.py",
    "insights_assets/day_completeness.py",
    "insights_assets/partitions.py",
    "insights_assets/run_scope.py",
    "insights_assets/published_asset.py",
    "insights_assets/table_metadata.py",
}


def _modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def _imported_packages(path: Path) -> set[str]:
    """First parts of everything a module imports, at any depth."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add((node.module or "").partition(".")[0])
    return found


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_point_one_way(package: str) -> None:
    for path in _modules(package):
        ours = {name for name in _imported_packages(path) if name.startswith("insights_")}
        assert ours <= ALLOWED[package], f"{path.relative_to(ROOT)} imports {ours}"


def test_only_thin_modules_import_dagster() -> None:
    for package in ("insights_resources", "insights_assets"):
        for path in _modules(package):
            name = path.relative_to(ROOT).as_posix()
            if path.name in ("assets.py", "checks.py") or name in DAGSTER_MODULES:
                continue
            assert "dagster" not in _imported_packages(path), f"{name} imports dagster"


def test_every_module_says_what_it_holds() -> None:
    for package in ALLOWED:
        for path in _modules(package):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            assert ast.get_docstring(tree), f"{path.relative_to(ROOT)} has no docstring"
