"""The FEV1 trial of the R package mmrm: SAS, R and Stan answers from 200 patients at 4 visits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.bundles import OUTCOME, write_rows, write_toml

from bayesasthma.frequentist import RepeatedMeasures, repeated_measures, repeated_measures_table
from bayesasthma.inference.fitting import fit_table
from bayesasthma.inference.sampling import SamplerOptions
from bayesasthma.likelihood.correlation import CorrelationPrior
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

#: Absolute, on estimates and SEs by REML; on posterior means; relative, on posterior SDs.
REML, MEAN, SD = 1e-3, 0.05, 0.04


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


def test_posterior_equals_that_of_brms(tmp_path: Path) -> None:
    study = load(tmp_path / "bayes", ("fev1_bl", "race", "sex"))
    # patients tell their correlations: a wide prior, as brms has
    wide = CorrelationPrior(location=0, scale=1.5, deviation=1.0)
    spec = table_spec("longitudinal", "reference", wide, variance="common")
    fit = fit_table(study, spec, SamplerOptions(draws=4000, tune=1000, chains=4))
    assert fit.gate.passed, fit.gate.failures
    table = effects(fit)
    effect = table[table["estimand"] == "difference"].set_index("visit").loc[list(VISITS)]
    np.testing.assert_allclose(effect["mean"], BRMS[:, 0], atol=MEAN)
    np.testing.assert_allclose(effect["sd"], BRMS[:, 1], rtol=SD)
    posterior = fit.data["posterior"].to_dataset()
    slopes = posterior["covariate_effect"].isel(outcome=0)
    for name, (mean, sd, *_) in BRMS_COVARIATES.items():
        draws = slopes.sel(covariate=name)
        assert float(draws.mean()) == pytest.approx(mean, abs=MEAN)
        assert float(draws.std()) == pytest.approx(sd, rel=SD)
    sds = posterior["sd"].isel(outcome=0, arm=0).mean(("chain", "draw"))
    np.testing.assert_allclose(sds, BRMS_SDS, rtol=SD)
    # what the fit would see again
    inside = fit.data["posterior_predictive"]["table_0"]
    seen = fit.data["observed_data"]["table_0"]
    low, high = (inside.quantile(q, dim=("chain", "draw")) for q in (0.005, 0.995))
    assert bool(((low <= seen) & (seen <= high)).all())
