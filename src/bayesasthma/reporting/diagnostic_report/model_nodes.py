"""The model of a fit written out: every parameter with its prior in numbers and its parents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesasthma.likelihood.correlation import REFERENCE_LAG_WEEKS
from bayesasthma.models import prior_scales as scales
from bayesasthma.models.design import Design
from bayesasthma.models.joint_data import (
    DEVIATION_LOG_SD,
    DEVIATION_SCALE,
    DOMAIN_SHARE,
    GENERAL_SHARE,
)
from bayesasthma.models.joint_data import POOLING as JOINT_POOLING
from bayesasthma.models.moments import constrained
from bayesasthma.models.specification import TableSpec

PARAMETER, DERIVED, DATA = "parameter", "derived", "data"


@dataclass(frozen=True)
class Node:
    """A quantity of a model.

    Attributes
    ----------
    name : str
        As the draws have it; for what is derived or observed, a word.
    over : str
        What there is one of each for; blank for a single number.
    distribution : str
        The prior in numbers, or how it follows from its parents.
    about : str
        What it is.
    parents : tuple of str
        Names of the nodes that it depends on.
    kind : {"parameter", "derived", "data"}
    """

    name: str
    over: str
    distribution: str
    about: str
    parents: tuple[str, ...] = ()
    kind: str = PARAMETER


def table_nodes(design: Design, spec: TableSpec) -> list[Node]:
    """The nodes of a model of means and SDs, parents before children."""
    if spec.model == "independent":
        return _independent(spec)
    several = len(design.visits) > 1
    nodes = _means(design, spec)
    if spec.model == "joint":
        nodes += _joint(design, spec)
    nodes += _effects(design, spec)
    nodes += _sds(spec)
    if several:
        nodes += _correlations(spec)
    nodes += _moments([node.name for node in nodes])
    return nodes + _observed(design, spec)


def normal(location: float, scale: float) -> str:
    """``Normal(0, 2²)``."""
    return f"Normal({location:g}, {scale:g}²)"


def _beta(pair: tuple[float, float]) -> str:
    return f"Beta({pair[0]:g}, {pair[1]:g})"


def _log_normal(median: float, log_sd: float) -> str:
    return f"LogNormal(log {median:g}, {log_sd:g}²)"


def _independent(spec: TableSpec) -> list[Node]:
    flat = spec.prior.flat
    location = (
        "flat"
        if flat
        else f"control: {normal(0, scales.PATH_SCALE)}; difference at baseline: "
        f"{normal(0, scales.IMBALANCE_SCALE)}, later: the prior of the effect, below"
    )
    nodes = [
        Node("location", "cell", location, "mean of a control cell; of a treated cell, its "
             "difference from control"),
        Node("log_sd", "outcome, visit" if spec.variance == "common" else "cell",
             "flat" if flat else normal(0, scales.LOG_SD_SCALE),
             "logarithm of the patients' SD"),
    ]  # fmt: skip
    parents = ["location", "log_sd"]
    if spec.rounding:
        nodes.append(_rounding("cell, moment", 0))
        parents.append("rounding_0")
    return [
        *nodes,
        Node("printed table", "cell", "mean: Normal; SD: scaled χ; exact for normal patients",
             "printed means and SDs, each visit by itself", tuple(parents), DATA),
    ]  # fmt: skip


def _means(design: Design, spec: TableSpec) -> list[Node]:
    path = "flat" if spec.prior.flat else normal(0, scales.PATH_SCALE)
    nodes = [Node("baseline_level", "outcome", path, "mean of all patients at the first visit")]
    if len(design.visits) > 1:
        nodes.append(Node("visit_step", "outcome, visit", path,
                          "change of the mean of all patients from visit to visit"))  # fmt: skip
    if design.baseline is not None and not constrained(design, spec):
        prior = "flat" if spec.prior.flat else normal(0, scales.IMBALANCE_SCALE)
        nodes.append(Node("imbalance", "outcome, treated arm", prior,
                          "difference of the arms' population means at baseline"))  # fmt: skip
    return nodes


def _effects(design: Design, spec: TableSpec) -> list[Node]:
    if spec.prior.flat:
        return [Node("effect", "outcome, treated arm, visit", "flat", _EFFECT)]
    if spec.model == "joint":
        parents = ["pooling"] * (len(design.follow_up) > 1)
        parents += ["deviation_scale", "deviation_tail"]
        return [Node("effect", "outcome, treated arm, visit",
                     "by outcome as below; pooled within domains", _EFFECT,
                     tuple(parents))]  # fmt: skip
    nodes, parents = [], []
    if len(design.follow_up) > 1:
        nodes.append(Node("pooling", "outcome", _beta((scales.SHARE, scales.SHARE)),
                          "correlation of the effects of one outcome between visits"))  # fmt: skip
        parents.append("pooling")
    return [*nodes, Node("effect", "outcome, treated arm, visit", "by outcome as below", _EFFECT,
                         tuple(parents))]  # fmt: skip


_EFFECT = "baseline-adjusted difference from control, the headline estimand"


def _joint(design: Design, spec: TableSpec) -> list[Node]:
    shares = [
        Node("general_share", "", _beta(GENERAL_SHARE),
             "share of a patient's variance common to all outcomes with a direction"),
        Node("domain_share", "domain", _beta(DOMAIN_SHARE),
             "share of what that leaves common to a domain's outcomes"),
    ]  # fmt: skip
    if spec.prior.flat:
        return shares
    nodes = [
        Node("deviation_scale", "", _log_normal(DEVIATION_SCALE, DEVIATION_LOG_SD),
             "how far outcomes' benefits lie from their domain's, in baseline SDs"),
        Node("deviation_tail", "outcome", normal(0, 1),
             "lets one outcome lie further from its domain than others"),
    ]  # fmt: skip
    if len(design.follow_up) > 1:
        nodes.append(Node("pooling", "domain", _beta(JOINT_POOLING),
                          "correlation of a domain's effects between visits"))  # fmt: skip
    return shares + nodes


def _sds(spec: TableSpec) -> list[Node]:
    by_arm = spec.variance == "by_arm"
    over = "outcome, arm, visit" if by_arm else "outcome, visit"
    if spec.prior.flat:
        return [Node("log_sd", over, "flat", "logarithm of the patients' SD")]
    nodes = [
        Node("log_sd_level", "outcome", normal(0, scales.LOG_SD_SCALE),
             "logarithm of the SD, averaged over visits and arms"),
        Node("log_sd_visit_scale", "outcome",
             _log_normal(scales.LOG_SD_VISIT_SCALE, scales.LOG_SCALE_SD),
             "how much SDs differ between visits"),
        Node("log_sd_visit", "outcome, visit", "Normal(log_sd_level, log_sd_visit_scale²)",
             "logarithm of the SD at a visit", ("log_sd_level", "log_sd_visit_scale")),
    ]  # fmt: skip
    if not by_arm:
        return nodes
    return [
        *nodes,
        Node("log_sd_cell_scale", "outcome",
             _log_normal(scales.LOG_SD_CELL_SCALE, scales.LOG_SCALE_SD),
             "how much SDs differ between arms"),
        Node("log_sd", over, "Normal(log_sd_visit, log_sd_cell_scale²)",
             "logarithm of the SD of an arm at a visit", ("log_sd_visit", "log_sd_cell_scale")),
    ]  # fmt: skip


def _correlations(spec: TableSpec) -> list[Node]:
    prior = spec.correlation
    if prior.structure == "fixed":
        return [Node("correlation", "visit pair", f"fixed at {prior.rho:g}",
                     "within-patient correlation", (), DERIVED)]  # fmt: skip
    nodes = [Node("logit_rho", "outcome", normal(prior.location, prior.scale),
                  "logit of the typical within-patient correlation")]  # fmt: skip
    parents = ["logit_rho"]
    how = {
        "unstructured": f"each partial correlation lies {normal(0, prior.deviation)} from the "
        "exchangeable one on Fisher's z scale",
        "exchangeable": "the same between all visits",
        "ar1": f"ρ to the power of lag / {REFERENCE_LAG_WEEKS:g} weeks",
        "exchangeable_ar1": "a constant part, and one that decays with the lag",
    }[prior.structure]
    if prior.structure == "unstructured":
        nodes.append(Node("z_deviation", "outcome, visit pair", normal(0, 1),
                          "departure from one correlation, in units of "
                          f"{prior.deviation:g}"))  # fmt: skip
        parents.append("z_deviation")
    if prior.structure == "exchangeable_ar1":
        nodes.append(Node("constant_share", "outcome", _beta((scales.SHARE, scales.SHARE)),
                          "share of the correlation that does not decay"))  # fmt: skip
        parents.append("constant_share")
    return [*nodes, Node("correlation", "outcome, visit pair", how,
                         "within-patient correlation over visits", tuple(parents),
                         DERIVED)]  # fmt: skip


def _moments(known: list[str]) -> list[Node]:
    log_sd = "log_sd" if "log_sd" in known else "log_sd_visit"
    means = ("baseline_level", "visit_step", "imbalance", "effect")
    parents = [str(name) for name in means if name in known]
    carried = "imbalance" in known
    if carried:
        parents += [n for n in ("correlation",) if n in known] + ["sd"]
    text = "path of all patients + contrast of the arm"
    if carried:
        text += "; the imbalance is carried forward by the regression on baseline"
    return [
        Node("sd", "outcome, arm, visit", "exp(log SD), in outcome units", "patients' SD",
             (log_sd,), DERIVED),
        Node("mean", "outcome, arm, visit", text, "population mean, in outcome units",
             tuple(parents), DERIVED),
    ]  # fmt: skip


def _rounding(over: str, index: int) -> Node:
    return Node(f"rounding_{index}", over, normal(0, 1),
                "normal score of the rounding error, which is uniform over one unit of the last "
                "printed digit")  # fmt: skip


def _observed(design: Design, spec: TableSpec) -> list[Node]:
    moments = ["mean", "sd"] + ["correlation"] * (len(design.visits) > 1)
    if spec.model == "joint":
        moments += ["general_share", "domain_share"]
    nodes = []
    for index, table in enumerate(design.tables):
        parents = list(moments)
        if spec.rounding and (np.any(table.mean_step > 0) or np.any(table.sd_step > 0)):
            nodes.append(_rounding("series, row, moment", index))
            parents.append(f"rounding_{index}")
        nodes.append(Node(f"epsilon_{index}", "series, row pair", normal(0, 1),
                          "standardised sampling error of the correlations that are not "
                          "printed"))  # fmt: skip
        parents.append(f"epsilon_{index}")
        name = "printed table" if len(design.tables) == 1 else f"printed table {index + 1}"
        nodes.append(Node(name, "outcome, arm",
                          "exact density of means (normal) and SDs (correlated χ) given sample "
                          "correlations", "printed means and SDs",
                          tuple(parents), DATA))  # fmt: skip
    if design.patients:
        parents = list(moments)
        if design.covariates is not None and design.covariates.names:
            prior = "flat" if spec.prior.flat else normal(0, scales.COEFFICIENT_SCALE)
            nodes.append(Node("coefficient", "outcome, covariate", prior,
                              "effect of a covariate, in baseline SDs"))  # fmt: skip
            parents.append("coefficient")
        nodes.append(Node("patients", "patient", "multivariate normal over the visits seen",
                          "patients' values", tuple(parents), DATA))  # fmt: skip
    return nodes
