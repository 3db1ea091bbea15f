"""Correlation structures and triangular algebra against linear algebra and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from bayesasthma.likelihood.correlation import (
    STRUCTURES,
    CorrelationPrior,
    cholesky,
    cholesky_from_z,
    exchangeable_z,
    forward_substitute,
    multiply_transpose,
    pairs,
    structured_z,
    typical_correlation,
    unpack_lower,
    z_from_cholesky,
)
from bayesasthma.validation.population import correlation_of, dense, lower_of, partial_z

WEEKS = np.array([0.0, 12.0, 24.0, 48.0])
sizes = st.integers(1, 6)
seeds = st.integers(0, 2**32 - 1)
logits = st.floats(-4, 6)


def random_z(size: int, seed: int, batch: tuple[int, ...] = (3,)) -> list[list[np.ndarray]]:
    flat = np.random.default_rng(seed).uniform(-2.5, 2.5, (*batch, len(pairs(size))))
    return unpack_lower(flat, size)


def matrix(prior: CorrelationPrior, weeks: np.ndarray, **parameters: object) -> np.ndarray:
    arrays = {name: np.asarray(value, dtype=float) for name, value in parameters.items()}
    return correlation_of(structured_z(prior, arrays, weeks), len(weeks))


class TestTriangularAlgebra:
    def test_pairs_run_row_by_row(self) -> None:
        assert pairs(1) == []
        assert pairs(4) == list(zip(*np.tril_indices(4, -1), strict=True))

    @given(size=sizes, seed=seeds)
    def test_unpacked_entries_stand_where_their_pair_does(self, size: int, seed: int) -> None:
        flat = np.random.default_rng(seed).normal(size=(2, len(pairs(size))))
        lower = unpack_lower(flat, size)
        assert [len(row) for row in lower] == list(range(size))
        for k, (i, j) in enumerate(pairs(size)):
            np.testing.assert_array_equal(lower[i][j], flat[:, k])

    @given(size=sizes, seed=seeds)
    def test_partial_correlations_give_a_correlation_matrix_and_come_back(self, size, seed) -> None:
        z = random_z(size, seed)
        factor = cholesky_from_z(z)
        L = dense(factor)
        R = L @ np.swapaxes(L, -1, -2)
        np.testing.assert_allclose(np.diagonal(R, axis1=-2, axis2=-1), 1, rtol=1e-13)
        assert np.all(np.diagonal(L, axis1=-2, axis2=-1) > 0)
        back = z_from_cholesky(factor)
        for i, j in pairs(size):
            np.testing.assert_allclose(back[i][j], z[i][j], rtol=0, atol=1e-7)

    @given(size=st.integers(2, 5), seed=seeds)
    def test_z_is_the_correlation_given_the_rows_before_j(self, size: int, seed: int) -> None:
        flat = np.random.default_rng(seed).uniform(-1, 1, len(pairs(size)))
        R = correlation_of(flat, size)
        for k, (i, j) in enumerate(pairs(size)):
            keep = [*range(j + 1), i]
            precision = np.linalg.inv(R[np.ix_(keep, keep)])
            partial = -precision[-1, -2] / np.sqrt(precision[-1, -1] * precision[-2, -2])
            assert partial == pytest.approx(np.tanh(flat[k]), abs=1e-10)

    @given(size=sizes, seed=seeds)
    def test_cholesky_product_and_substitution_are_linear_algebra(self, size, seed) -> None:
        rng = np.random.default_rng(seed)
        root = rng.normal(size=(4, size, size + 2))
        A = root @ np.swapaxes(root, -1, -2)
        factor = cholesky(lower_of(A))
        np.testing.assert_allclose(dense(factor), np.linalg.cholesky(A), rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(
            dense(multiply_transpose(factor)), np.tril(A), rtol=1e-10, atol=1e-10
        )
        start = int(rng.integers(size))
        column = rng.normal(size=(4, size))
        column[:, :start] = 0
        solved = forward_substitute(factor, [column[:, i] for i in range(start, size)], start)
        expected = np.linalg.solve(np.linalg.cholesky(A), column[..., None])[..., 0]
        assert len(solved) == size - start
        np.testing.assert_allclose(
            np.stack(solved, axis=-1), expected[:, start:], rtol=1e-7, atol=1e-7
        )


class TestStructures:
    @given(rho=st.floats(0, 0.98), size=st.integers(2, 6))
    def test_exchangeable_partials_are_rho_over_one_plus_j_rho(self, rho: float, size: int) -> None:
        R = np.full((size, size), rho)
        np.fill_diagonal(R, 1.0)
        from_matrix = unpack_lower(partial_z(R), size)
        for i, j in pairs(size):
            z = exchangeable_z(rho, j)
            assert np.tanh(z) == pytest.approx(rho / (1 + j * rho), abs=1e-14)
            assert z == pytest.approx(from_matrix[i][j], abs=1e-10)

    @given(
        structure=st.sampled_from([name for name in STRUCTURES if name != "fixed"]),
        logit_rho=logits,
        seed=seeds,
        weeks=st.lists(st.integers(0, 200), min_size=2, max_size=5, unique=True).map(sorted),
    )
    @settings(max_examples=200)
    def test_every_structure_is_positive_definite(self, structure, logit_rho, seed, weeks) -> None:
        rng = np.random.default_rng(seed)
        R = matrix(
            CorrelationPrior(structure),
            np.array(weeks, dtype=float),
            logit_rho=logit_rho,
            z_deviation=rng.normal(0, 2, len(pairs(len(weeks)))),
            constant_share=rng.beta(2, 2),
        )
        assert np.all(np.isfinite(R))
        np.testing.assert_allclose(np.diag(R), 1, atol=1e-12)
        assert np.linalg.eigvalsh(R).min() > 0

    @given(logit_rho=logits)
    def test_ar1_decays_with_the_lag(self, logit_rho: float) -> None:
        rho = special.expit(logit_rho)
        lags = np.abs(np.subtract.outer(WEEKS, WEEKS))
        R = matrix(CorrelationPrior("ar1"), WEEKS, logit_rho=logit_rho)
        np.testing.assert_allclose(R, rho ** (lags / 24), rtol=1e-9)

    @given(logit_rho=logits, share=st.floats(0.01, 0.99))
    def test_constant_share_is_what_never_decays(self, logit_rho: float, share: float) -> None:
        rho = special.expit(logit_rho)
        weeks = np.array([0.0, 24.0, 1e5])
        R = matrix(
            CorrelationPrior("exchangeable_ar1"), weeks, logit_rho=logit_rho, constant_share=share
        )
        assert R[1, 0] == pytest.approx(rho, rel=1e-9)
        phi = rho * (1 - share) / (1 - rho * share)
        w = rho * share
        far = w + (1 - w) * phi ** (1e5 / 24)
        assert R[2, 0] == pytest.approx(far, rel=1e-9)
        assert R[2, 0] >= w * (1 - 1e-9)

    @given(logit_rho=logits)
    def test_unstructured_without_deviations_is_exchangeable(self, logit_rho: float) -> None:
        one = matrix(CorrelationPrior(), WEEKS, logit_rho=logit_rho, z_deviation=np.zeros(6))
        two = matrix(CorrelationPrior("exchangeable"), WEEKS, logit_rho=logit_rho)
        expected = np.full((4, 4), special.expit(logit_rho))
        np.fill_diagonal(expected, 1.0)
        np.testing.assert_array_equal(one, two)
        np.testing.assert_allclose(one, expected, rtol=1e-10)

    def test_deviations_add_on_the_z_scale(self) -> None:
        prior = CorrelationPrior(deviation=0.3)
        deviation = np.array([1.0, -0.5, 0.2, 0.7, -1.1, 0.4])
        values = {"logit_rho": np.array(0.4), "z_deviation": deviation}
        z = structured_z(prior, values, WEEKS)
        base = structured_z(CorrelationPrior("exchangeable"), values, WEEKS)
        np.testing.assert_allclose(z - base, 0.3 * deviation, atol=1e-14)

    def test_fixed_sets_every_correlation_and_zero_is_independence(self) -> None:
        prior = CorrelationPrior.parse("fixed:0.6")
        np.testing.assert_allclose(
            matrix(prior, WEEKS, rho=prior.rho), 0.6 + 0.4 * np.eye(4), rtol=1e-12
        )
        np.testing.assert_array_equal(matrix(prior, WEEKS, rho=0.0), np.eye(4))

    def test_batches_are_independent_of_each_other(self) -> None:
        rng = np.random.default_rng(1)
        logit_rho, deviation = rng.normal(size=(2, 3)), rng.normal(size=(2, 3, 6))
        whole = matrix(CorrelationPrior(), WEEKS, logit_rho=logit_rho, z_deviation=deviation)
        assert whole.shape == (2, 3, 4, 4)
        for index in np.ndindex(2, 3):
            one = matrix(
                CorrelationPrior(),
                WEEKS,
                logit_rho=logit_rho[index],
                z_deviation=deviation[index],
            )
            np.testing.assert_allclose(whole[index], one, rtol=1e-14)

    @pytest.mark.parametrize("structure", STRUCTURES)
    def test_numpy_and_pytensor_agree(self, structure: str) -> None:
        import pytensor.tensor as pt

        prior = CorrelationPrior.parse("fixed:0.6" if structure == "fixed" else structure)
        values = {
            "logit_rho": np.array([0.2, 0.9]),
            "z_deviation": np.random.default_rng(2).normal(size=(2, 6)),
            "constant_share": np.array([0.3, 0.6]),
            "rho": np.array([0.6, 0.6]),
        }
        if structure != "exchangeable_ar1":
            del values["constant_share"]
        symbols = {name: pt.as_tensor(value) for name, value in values.items()}
        graph = structured_z(prior, symbols, WEEKS, pt)
        expected = structured_z(prior, values, WEEKS)
        assert expected.shape == (2, 6)
        np.testing.assert_allclose(
            graph.eval(mode="FAST_COMPILE"), expected, rtol=1e-11, atol=1e-11
        )


class TestPrior:
    def test_default_mass_and_median_are_those_of_its_docstring(self) -> None:
        prior = CorrelationPrior()
        logit = stats.norm(prior.location, prior.scale)
        mass = logit.cdf(special.logit(0.9)) - logit.cdf(special.logit(0.2))
        assert round(mass, 2) == 0.97
        assert round(special.expit(logit.median()), 2) == 0.61
        assert "median at 0.61 and 97 %" in " ".join(str(CorrelationPrior.__doc__).split())

    def test_typical_correlation_is_the_logistic_of_its_parameter(self) -> None:
        x = np.linspace(-5, 5, 11)
        got = typical_correlation(CorrelationPrior(), {"logit_rho": x})
        np.testing.assert_allclose(got, special.expit(x), rtol=1e-14)

    @pytest.mark.parametrize("structure", [name for name in STRUCTURES if name != "fixed"])
    def test_names_are_read_and_written_back(self, structure: str) -> None:
        prior = CorrelationPrior.parse(structure)
        assert prior == CorrelationPrior(structure)
        assert prior.label == structure
        assert CorrelationPrior.parse(structure.replace("_", "-")) == prior

    @given(rho=st.floats(0, 1, exclude_max=True))
    def test_fixed_values_are_read_and_written_back(self, rho: float) -> None:
        prior = CorrelationPrior.parse(f"fixed:{rho!r}")
        assert (prior.structure, prior.rho) == ("fixed", rho)
        assert CorrelationPrior.parse(prior.label) == prior

    @pytest.mark.parametrize(
        ("text", "label"),
        [("fixed:0.6", "fixed:0.6"), ("fixed:0", "fixed:0"), ("fixed: .50", "fixed:0.5")],
    )
    def test_label_is_short(self, text: str, label: str) -> None:
        assert CorrelationPrior.parse(text).label == label

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "ar2",
            "AR1",
            "ar1:0.5",
            "ar1:",
            "fixed",
            "fixed:",
            "fixed:x",
            "fixed:1",
            "fixed:-0.1",
            "fixed:nan",
            "fixed:inf",
            "fixed:0.5:0.6",
        ],
    )
    def test_what_cannot_be_read_is_an_error_that_names_it(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"correlation structure|RHO|takes a number"):
            CorrelationPrior.parse(text)

    @pytest.mark.parametrize(
        "arguments",
        [
            {"structure": "ar1", "rho": 0.5},
            {"structure": "fixed"},
            {"structure": "toeplitz"},
            {"structure": "fixed", "rho": 1.0},
            {"structure": "fixed", "rho": float("nan")},
        ],
    )
    def test_contradictions_are_errors(self, arguments: dict[str, object]) -> None:
        with pytest.raises(ValueError, match=r"rho|structure"):
            CorrelationPrior(**arguments)
