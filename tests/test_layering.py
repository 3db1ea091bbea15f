"""Imports run one way, and the slow ones only where they are needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import bayesasthma

ROOT = Path(bayesasthma.__file__).parent

#: From the bottom up; a module imports only modules to its left (or its own package).
FLOORS = [
    "errors", "output_files", "source_code", "study", "printed_numbers", "sheets", "bundle_records",
    "bundle_table", "bundle_header", "bundle", "template", "correlation", "likelihood",
    "joint_likelihood", "external_evidence", "prior_distributions", "prior_files", "priors",
    "readings", "beta_mixtures", "quadrature", "rates", "patient_series", "series", "models",
    "sampling", "graphs", "convergence", "diagnostics", "patient_assembly", "joint_assembly",
    "assembly", "fitting", "prior_check", "adverse_fits", "named_models", "estimands", "summaries",
    "effect_table", "adverse_table",
    "joint_estimands", "dispatch", "specification_curve", "frequentist", "auditing",
    "reverse_bayes", "scepticism", "comparison", "quotes", "plots", "calibration", "reporting",
    "analysis", "console", "cli_options", "prior_commands", "study_commands", "calibration_cli",
    "cli", "__main__",
]  # fmt: skip
HEAVY = {"pymc", "pytensor", "nutpie"}
HEAVY_ALLOWED = {"models", "sampling"}


def imports() -> list[tuple[str, str, bool]]:
    """(module's floor, imported top-level or floor, whether at module level) of every import."""
    found = []
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts == ("__init__",):
            continue
        tree = ast.parse(path.read_text())
        top = set(map(id, tree.body))
        for node in ast.walk(tree):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                pieces = name.split(".")
                target = pieces[1] if pieces[0] == "bayesasthma" and len(pieces) > 1 else pieces[0]
                found.append((parts[0], target, id(node) in top))
    return found


def test_imports_run_one_way() -> None:
    order = {name: i for i, name in enumerate(FLOORS)}
    # results are summarised before they are fitted only on paper: these two know no fit
    order["summaries"] = order["estimands"] = order["sampling"]
    for module, target, _ in imports():
        assert module in order, f"{module}: give it a floor"
        if target in order and target != module:
            assert order[target] <= order[module], f"{module} imports {target}, which is above it"


def test_no_module_hides_an_exported_function() -> None:
    modules = {path.stem if path.suffix else path.name for path in ROOT.iterdir()}
    assert not modules & set(bayesasthma.__all__)


def test_only_models_and_sampling_import_pymc() -> None:
    for module, target, _ in imports():
        if target in HEAVY:
            assert module in HEAVY_ALLOWED, f"{module} imports {target}"


def test_help_does_not_import_the_heavy_packages() -> None:
    code = (
        "import sys\n"
        "from bayesasthma.commands.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'pymc', 'pytensor', 'nutpie', 'arviz', 'pandas', 'xarray', 'scipy'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "HEAVY []" in result.stdout
