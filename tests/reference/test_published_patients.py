"""The FEV1 trial of the R package mmrm: SAS, R and Stan answers from 200 patients at 4 visits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import logsumexp
from tests import monte_carlo
from tests.bundles import OUTCOME, write_rows, write_toml
from tests.monte_carlo import Estimate, assert_agree, seeded

from bayesasthma.frequentist import RepeatedMeasures, repeated_measures, repeated_measures_table
from bayesasthma.inference.fitting import fit_table
from bayesasthma.inference.sampling import SamplerOptions
from bayesasthma.likelihood.correlation import CorrelationPrior, pairs, structured_z
from bayesasthma.models.design import Design, design
from bayesasthma.models.specification import table_spec
from bayesasthma.results.effect_table import effects
from bayesasthma.study.bundle import load_study
from bayesasthma.study.study import Study

PATIENTS = Path(__file__).parent / "published" / "fev1_patients.csv"
VISITS = ("VIS1", "VIS2", "VIS3", "VIS4")

#: SAS PROC MIXED, REML, FEV1 ~ RACE + SEX + ARMCD*AVISIT: estimate, SE, df, 95 % limits.
SAS_MEANS = {
    "PBO": [
        [33.3318, 0.7554, 148, 31.8391, 34.8245],
        [38.1715, 0.6117, 147, 36.9626, 39.3803],
        [43.6740, 0.4617, 130, 42.7605, 44.5875],
        [48.3855, 1.1886, 134, 46.0346, 50.7364],
    ],
    "TRT": [
        [37.1063, 0.7626, 143, 35.5990, 38.6137],
        [41.9037, 0.6023, 144, 40.7131, 43.0942],
        [46.7546, 0.5086, 130, 45.7484, 47.7608],
        [52.7841, 1.1877, 133, 50.4347, 55.1334],
    ],
}
SAS_DIFFERENCES = [
    [3.7745, 1.0741, 146, 1.6517, 5.8974],
    [3.7322, 0.8588, 145, 2.0348, 5.4296],
    [3.0806, 0.6896, 131, 1.7164, 4.4448],
    [4.3985, 1.6805, 133, 1.0746, 7.7225],
]
SAS_COVARIANCE = [
    [40.5537, 14.3960, 4.9747, 13.3867],
    [14.3960, 26.5715, 2.7855, 7.4745],
    [4.9747, 2.7855, 14.8979, 0.9082],
    [13.3867, 7.4745, 0.9082, 95.5568],
]
SAS_MINUS_TWO_LOG_LIKELIHOOD = 3386.45

#: nlme::gls, REML, FEV1 ~ 0 + ARM:VISIT: estimate and SE.
GLS_MEANS = {
    "PBO": [
        [32.70498, 0.7805827],
        [37.60152, 0.6364808],
        [43.01354, 0.5275603],
        [47.97238, 1.2199028],
    ],
    "TRT": [
        [37.17018, 0.7954976],
        [41.80098, 0.6335526],
        [46.65449, 0.5812884],
        [52.94055, 1.2233841],
    ],
}

#: brms.mmrm vignette, FEV1_CHG ~ FEV1_BL + ARMCD:AVISIT + AVISIT + RACE + SEX, treatment effects:
#: posterior mean and SD, REML estimate and SE. Adjusted for FEV1_BL they are those of FEV1 itself.
#: Of brms 32,000 draws; the vignette (1.0.1.9005) prints their bulk and tail ESS.
BRMS = np.array(
    [
        [3.9842, 1.0651, 3.9833, 1.0454],
        [3.9330, 0.8260, 3.9308, 0.8135],
        [2.9795, 0.6771, 2.9837, 0.6657],
        [4.4066, 1.6805, 4.4040, 1.6605],
    ]
)
#: The same for FEV1_BL (its slope is one less on the change), black and white race, male sex.
BRMS_COVARIATES = {
    "fev1_bl": (-0.8399 + 1, 0.0279, -0.8402 + 1, 0.0278),
    "race: Black or African American": (1.4131, 0.5857, 1.4192, 0.5787),
    "race: White": (5.4556, 0.6252, 5.4568, 0.6163),
    "sex: Male": (-0.3456, 0.5119, -0.3381, 0.4927),
}
BRMS_SDS = (6.2317, 4.9146, 3.7775, 9.7953)
BRMS_CORRELATIONS = {  # rows VIS2 to VIS4
    ("VIS2", "VIS1"): 0.3607,
    ("VIS3", "VIS1"): 0.1419,
    ("VIS3", "VIS2"): 0.0396,
    ("VIS4", "VIS1"): 0.1680,
    ("VIS4", "VIS2"): 0.1110,
    ("VIS4", "VIS3"): 0.0144,
}
#: Bulk and tail ESS, in the order of the above.
BRMS_ESS = [[31646, 26255], [46665, 23809], [52457, 24705], [45307, 25026]]
BRMS_COVARIATES_ESS = [[56286, 24494], [46945, 25483], [47801, 23816], [49193, 24919]]
BRMS_SDS_ESS = (50344, 48248, 48058, 51078)
BRMS_CORRELATIONS_ESS = (48758, 49018, 49178, 49528, 49509, 45294)

#: Absolute, on estimates and SEs by REML.
REML = 1e-3
#: Half a unit of brms's last printed digit.
PRINTED = 5e-5
WEEKS = np.array([4.0, 8.0, 12.0, 16.0])


def load(folder: Path, covariates: tuple[str, ...]) -> Study:
    extra = f"covariates = {json.dumps(list(covariates))}"
    weeks = dict(zip(VISITS, (4, 8, 12, 16), strict=True))
    write_toml(folder, {"PBO": 105, "TRT": 95}, weeks, None, extra)
    write_rows(folder / "outcomes.csv", OUTCOME, [("fev1", "FEV1", "%", "", "higher", "", "", "")])
    (folder / "patients.csv").write_text(PATIENTS.read_text(encoding="utf-8"), encoding="utf-8")
    return load_study(folder)


@pytest.fixture(scope="module")
def sas(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Design, RepeatedMeasures]:
    study = load(tmp_path_factory.mktemp("fev1") / "sas", ("race", "sex"))
    layout = design(study)
    return study, layout, repeated_measures(layout.patients[0])


def test_data_are_those_published(sas: tuple[Study, Design, RepeatedMeasures]) -> None:
    patients = sas[0].patients
    assert patients is not None
    assert patients["patient"].nunique() == 200
    assert len(patients) == 800
    assert patients["fev1"].isna().sum() == 263


class TestRestrictedLikelihood:
    def test_sas_means(self, sas: tuple[Study, Design, RepeatedMeasures]) -> None:
        study, layout, fit = sas
        assert study.patients is not None
        assert layout.covariates is not None
        # LSMEANS weigh the levels of RACE and SEX equally, not as they occur in the trial
        first = study.patients.drop_duplicates("patient")
        shift = []
        for name in layout.covariates.names:
            variable, level = name.split(": ")
            values = first[variable]
            shift.append(1 / values.nunique() - (values == level).mean())
        for g, arm in enumerate(layout.arms):
            for t, published in enumerate(SAS_MEANS[arm]):
                weights = np.zeros(len(fit.coefficients))
                weights[4 * g + t] = 1
                weights[8:] = shift
                self.compare(fit.contrast(weights), published, layout, level=True)

    def test_sas_differences(self, sas: tuple[Study, Design, RepeatedMeasures]) -> None:
        _, layout, fit = sas
        for t, published in enumerate(SAS_DIFFERENCES):
            weights = np.zeros(len(fit.coefficients))
            weights[[t, 4 + t]] = -1, 1
            self.compare(fit.contrast(weights), published, layout, level=False)

    @staticmethod
    def compare(
        found: dict[str, float], published: list[float], layout: Design, *, level: bool
    ) -> None:
        scale, centre = layout.scale[0], layout.centre[0] * level
        estimate, se, df, low, high = published
        assert found["estimate"] * scale + centre == pytest.approx(estimate, abs=REML)
        assert found["se"] * scale == pytest.approx(se, abs=REML)
        assert found["df"] == pytest.approx(df, abs=0.6)  # printed as whole numbers
        assert found["ci_low"] * scale + centre == pytest.approx(low, abs=2 * REML)
        assert found["ci_high"] * scale + centre == pytest.approx(high, abs=2 * REML)

    def test_sas_covariance_and_likelihood(
        self, sas: tuple[Study, Design, RepeatedMeasures]
    ) -> None:
        _, layout, fit = sas
        scale = layout.scale[0]
        np.testing.assert_allclose(fit.covariance * scale**2, SAS_COVARIANCE, atol=0.02)
        assert layout.covariates is not None
        observations = float((layout.patients[0].n[:, None] * layout.patients[0].seen).sum())
        free = observations - len(fit.coefficients)
        natural = fit.minus_two_log_likelihood + 2 * free * np.log(scale)
        assert natural == pytest.approx(SAS_MINUS_TWO_LOG_LIKELIHOOD, abs=0.01)

    def test_without_covariates(self, tmp_path: Path) -> None:
        table = repeated_measures_table(design(load(tmp_path / "plain", ())))
        means = table[table["estimand"] == "mean"].set_index(["arm", "visit"])
        for arm, rows in GLS_MEANS.items():
            for visit, (estimate, se) in zip(VISITS, rows, strict=True):
                row = means.loc[(arm, visit)]
                assert row["estimate"] == pytest.approx(estimate, abs=REML)
                assert row["se"] == pytest.approx(se, abs=REML)

    def test_adjusted_for_baseline(self, tmp_path: Path) -> None:
        layout = design(load(tmp_path / "baseline", ("fev1_bl", "race", "sex")))
        table = repeated_measures_table(layout)
        effect = table[table["estimand"] == "difference"]
        np.testing.assert_allclose(effect["estimate"], BRMS[:, 2], atol=REML)
        np.testing.assert_allclose(effect["se"], BRMS[:, 3], atol=REML)
        slopes = table[table["estimand"] == "covariate"].set_index("covariate")
        for name, (*_, estimate, se) in BRMS_COVARIATES.items():
            assert slopes.loc[name, "estimate"] == pytest.approx(estimate, abs=REML)
            assert slopes.loc[name, "se"] == pytest.approx(se, abs=REML)


def prior_ratio(z: np.ndarray, wide: CorrelationPrior) -> np.ndarray:
    """Density of brms's prior of the correlations, LKJ(1), over ours: (chain, draw).

    Under LKJ(1) the partial correlation of a pair given the ``j`` visits before both, of ``d``
    visits, is 2 Beta(a, a) - 1 with ``a = 1 + (d - 2 - j) / 2`` (Lewandowski, Kurowicka and Joe
    2009); on Fisher's z scale its density is proportional to ``(1 - r^2)^a``. Ours is normal about
    the exchangeable correlation, which is integrated out over its logit. The priors of all else
    are the same: flat.
    """
    order = np.array([j for _, j in pairs(len(VISITS))])
    log_lkj = ((1 + (len(VISITS) - 2 - order) / 2) * np.log1p(-(np.tanh(z) ** 2))).sum(-1)
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    exchangeable = CorrelationPrior("exchangeable")
    logit = {"logit_rho": wide.location + wide.scale * nodes}
    centre = structured_z(exchangeable, logit, WEEKS)
    distance = ((z[..., None, :] - centre) / wide.deviation) ** 2
    log_ours = logsumexp(-0.5 * distance.sum(-1), b=weights, axis=-1)
    return np.exp(log_lkj - log_ours)


@pytest.mark.slow
def test_posterior_equals_that_of_brms(tmp_path: Path) -> None:
    study = load(tmp_path / "bayes", ("fev1_bl", "race", "sex"))
    # patients tell their correlations: a wide prior, and draws weighted by brms's over it
    wide = CorrelationPrior(location=0, scale=1.5, deviation=1.0)
    spec = table_spec("longitudinal", "reference", wide, variance="common")
    fit = fit_table(study, spec, SamplerOptions(draws=4000, tune=1000, chains=4, seed=seeded()))
    assert fit.gate.r_hat < 1.05
    assert fit.gate.divergences < 16  # one in a thousand
    posterior = fit.data["posterior"].to_dataset().isel(outcome=0)
    z = structured_z(
        wide, {k: posterior[k].to_numpy() for k in ("logit_rho", "z_deviation")}, WEEKS
    )
    weight = prior_ratio(z, wide)
    difference = posterior["mean"].diff("arm").isel(arm=0)
    slopes = posterior["covariate_effect"]
    draws = {visit: difference.sel(visit=visit) for visit in VISITS}
    draws |= {name: slopes.sel(covariate=name) for name in BRMS_COVARIATES}
    published = [row[:2] for row in (*BRMS, *BRMS_COVARIATES.values())]
    for (name, own), (mean, sd), (bulk, tail) in zip(
        draws.items(), published, (*BRMS_ESS, *BRMS_COVARIATES_ESS), strict=True
    ):
        theirs = Estimate(mean, sd / np.sqrt(bulk) + PRINTED)
        assert_agree(monte_carlo.mean(own, weight), theirs, name)
        theirs = Estimate(sd, sd / np.sqrt(2 * tail) + PRINTED)
        assert_agree(monte_carlo.sd(own, weight), theirs, f"SD of {name}")
    # of these brms prints the mean alone; its SD is taken from ours
    draws = {visit: posterior["sd"].isel(arm=0).sel(visit=visit) for visit in VISITS}
    draws |= {
        pair: posterior["correlation"].sel(visit=pair[0], visit_b=pair[1])
        for pair in BRMS_CORRELATIONS
    }
    for (name, own), mean, ess in zip(
        draws.items(),
        (*BRMS_SDS, *BRMS_CORRELATIONS.values()),
        (*BRMS_SDS_ESS, *BRMS_CORRELATIONS_ESS),
        strict=True,
    ):
        found = monte_carlo.mean(own, weight)
        assert_agree(found, Estimate(mean, found.scale / np.sqrt(ess) + PRINTED), name)
    # what is reported of the draws as they are
    table = effects(fit)
    effect = table[table["estimand"] == "difference"].set_index("visit")
    for visit in VISITS:
        own = difference.sel(visit=visit)
        assert effect.loc[visit, "mean"] == pytest.approx(float(own.mean()))
        assert effect.loc[visit, "sd"] == pytest.approx(float(own.std(ddof=1)))
    # what the fit would see again
    inside = fit.data["posterior_predictive"]["table_0"]
    seen = fit.data["observed_data"]["table_0"]
    low, high = (inside.quantile(q, dim=("chain", "draw")) for q in (0.005, 0.995))
    assert bool(((low <= seen) & (seen <= high)).all())
