"""Folders are layers: imports run one way, and the slow ones only where they are needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import bayesasthma

ROOT = Path(bayesasthma.__file__).parent

#: The rooms of the package, from the bottom up; one imports only from those before it and itself.
FLOORS = [
    "errors", "_files", "study", "likelihood", "priors", "models", "pooling", "inference",
    "results", "dispatch", "specification_curve", "frequentist", "auditing", "comparison", "plots",
    "calibration", "reporting", "validation", "commands", "__main__",
]  # fmt: skip
HEAVY = {"pymc", "pytensor", "nutpie"}
HEAVY_ALLOWED = (
    "models/", "inference/sampling.py", "inference/nutpie_import.py",
    "validation/graph_densities.py",  # holds kernels against the graphs, in a process of its own
)  # fmt: skip
#: Beside the rooms, the root holds nothing but these; a wheel also has its data there.
AT_THE_ROOT = {"__init__.py", "__main__.py", "errors.py", "py.typed"}
DATA_OF_A_WHEEL = {"bundles", "proof", "reference"}


def files() -> list[Path]:
    """Every file of the package but the root's own `__init__`, which imports on first use."""
    return [path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py"]


def imported(path: Path) -> list[str]:
    """Full names of the modules that a file imports, at its top or within functions."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append(node.module or "")
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def room(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").parts[0]


def test_imports_run_one_way() -> None:
    order = {name: i for i, name in enumerate(FLOORS)}
    for path in files():
        own = room(path)
        for name in imported(path):
            pieces = name.split(".")
            if pieces[0] == "bayesasthma" and len(pieces) > 1 and pieces[1] in order:
                at, target = path.relative_to(ROOT), pieces[1]
                assert order[target] <= order[own], f"{at} imports {target}, which is above it"


def test_the_root_holds_the_rooms_and_nothing_else() -> None:
    present = {path.name for path in ROOT.iterdir()} - {"__pycache__"} - DATA_OF_A_WHEEL
    rooms = {name for name in FLOORS if f"{name}.py" not in AT_THE_ROOT}
    assert present == rooms | AT_THE_ROOT
    for name in rooms:
        text = ast.get_docstring(ast.parse((ROOT / name / "__init__.py").read_text()))
        assert text, f"{name}/__init__.py does not say what the room is for"


def test_private_modules_are_imported_in_their_folder_alone() -> None:
    for path in files():
        for name in imported(path):
            folder, _, last = name.rpartition(".")
            home = ROOT.joinpath(*folder.split(".")[1:])
            if name.startswith("bayesasthma.") and last.startswith("_") and home.is_dir():
                private = (home / f"{last}.py").exists()
                at = path.relative_to(ROOT)
                assert not private or path.is_relative_to(home), f"{at} imports {name}"


def test_no_module_hides_an_exported_function() -> None:
    modules = {path.stem if path.suffix else path.name for path in ROOT.iterdir()}
    assert not modules & set(bayesasthma.__all__)


def test_exports_are_declared_to_type_checkers_as_they_are_imported() -> None:
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    (block,) = [
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    declared = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        for alias in node.names:
            assert alias.asname == alias.name
            declared[alias.name] = (node.module or "").removeprefix("bayesasthma.")
    assert declared == bayesasthma._EXPORTS


def test_only_models_and_sampling_import_pymc() -> None:
    for path in files():
        at = path.relative_to(ROOT).as_posix()
        for name in imported(path):
            if name.split(".")[0] in HEAVY:
                assert at.startswith(HEAVY_ALLOWED), f"{at} imports {name}"


def test_kernels_need_no_pymc() -> None:
    """Nor does anything that they import, at its top or within functions."""
    waiting, seen = list((ROOT / "models" / "kernels").glob("*.py")), set()
    while waiting:
        path = waiting.pop()
        if path in seen or not path.is_file():
            continue
        seen.add(path)
        for name in imported(path):
            assert name.split(".")[0] not in {"pymc", "pytensor"}, f"{path} imports {name}"
            if name.startswith("bayesasthma."):
                waiting.append(ROOT.joinpath(*name.split(".")[1:]).with_suffix(".py"))


def loaded(code: str) -> set[str]:
    """Packages that a fresh interpreter has imported after running some code."""
    code += "\nimport sys\nprint('LOADED', *sorted({name.split('.')[0] for name in sys.modules}))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(result.stdout.rpartition("LOADED")[2].split())


def run_command(*arguments: str) -> str:
    return (
        "from bayesasthma.commands.cli import main\n"
        f"try:\n    main({list(arguments)})\nexcept SystemExit:\n    pass\n"
    )


def test_help_does_not_import_the_heavy_packages() -> None:
    found = loaded(run_command("--help"))
    assert "typer" in found
    assert not found & (HEAVY | {"arviz", "pandas", "xarray", "scipy"})


def test_importing_the_package_does_not_import_the_heavy_packages() -> None:
    assert not loaded("import bayesasthma") & (HEAVY | {"arviz", "pandas", "xarray", "scipy"})


def test_an_audit_does_not_import_the_heavy_packages(tmp_path: Path) -> None:
    found = loaded(run_command("audit", "liu2025", "--out", str(tmp_path)))
    assert "pandas" in found
    assert not found & HEAVY
