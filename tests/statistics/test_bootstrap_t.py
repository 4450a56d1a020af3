"""The bootstrap-t by patient: against its definition written as loops, at the edges, and what it covers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sightline.statistics.bootstrap_t import bootstrap_t, resamples_for
from sightline.statistics.resampling import resample_counts

PATIENTS = np.array(["a", "b", "a", "c", "d", "d", "d", "e"])


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def written_out(values_M: np.ndarray, patients_M: np.ndarray, level: float, counts_BG: np.ndarray) -> tuple[float, ...]:
    """One row by the docstring's steps, patient by patient."""
    labels = np.unique(patients_M).tolist()
    known = ~np.isnan(values_M)
    by_patient = [values_M[known & (patients_M == label)] for label in labels]
    with_value = [part for part in by_patient if len(part)]
    total = sum(len(part) for part in by_patient)
    mean = np.concatenate(by_patient).mean()
    num = len(with_value)
    error = np.sqrt(num / (num - 1) * sum((part.sum() - mean * len(part)) ** 2 for part in with_value)) / total
    statistics = []
    for counts_G in counts_BG:
        drawn = [part for part, count in zip(by_patient, counts_G, strict=True) for _ in range(count) if len(part)]
        if not drawn:
            continue
        its_mean = np.concatenate(drawn).mean()
        squares = num / (num - 1) * sum((part.sum() - its_mean * len(part)) ** 2 for part in drawn)
        variance = squares / sum(len(part) for part in drawn) ** 2
        statistics.append((its_mean - mean) / np.sqrt((num * variance + error**2) / (num + 1)))
    lower, upper = np.quantile(statistics, [(1 - level) / 2, (1 + level) / 2])
    return mean, mean - upper * error, mean - lower * error


def test_equals_its_definition_with_clustered_patients_and_nan() -> None:
    values = rng(1).exponential(size=(3, 8))
    values[1, 0] = values[2, [3, 7]] = np.nan  # the last row lacks two patients
    found = bootstrap_t(values, PATIENTS, 0.9, 300, rng(2))
    counts = resample_counts(5, 300, rng(2))
    for row in range(3):
        expected = written_out(values[row], PATIENTS, 0.9, counts)
        np.testing.assert_allclose([part[row] for part in found], expected, rtol=0, atol=1e-9)


def test_moves_and_scales_with_the_data_and_turns_with_its_sign() -> None:
    values = rng(3).exponential(size=(1, 12))
    patients = np.arange(12)
    plain, moved = (bootstrap_t(part, patients, 0.95, 500, rng(4)) for part in (values, 5 + 3 * values))
    np.testing.assert_allclose(np.array(moved), 5 + 3 * np.array(plain), atol=1e-9)
    turned = bootstrap_t(-values, patients, 0.95, 500, rng(4))
    np.testing.assert_allclose([-turned.high, -turned.low], [plain.low, plain.high], atol=1e-9)
    assert plain.high[0] - plain.estimate[0] > plain.estimate[0] - plain.low[0]  # longer towards the tail


def test_rows_and_the_order_of_images_do_not_matter() -> None:
    values = rng(5).normal(size=(4, 8))
    whole = bootstrap_t(values, PATIENTS, 0.95, 200, rng(6))
    order = rng(7).permutation(8)
    moved = bootstrap_t(values[:, order], PATIENTS[order], 0.95, 200, rng(6))
    alone = bootstrap_t(values[2:3], PATIENTS, 0.95, 200, rng(6))
    np.testing.assert_allclose(np.array(moved), np.array(whole), atol=1e-12)
    np.testing.assert_allclose(np.array(alone)[:, 0], np.array(whole)[:, 2], atol=1e-12)


def test_data_that_bound_nothing_have_an_estimate_and_no_ends() -> None:
    """Equal differences, one patient, one patient with a value; rounding is not a spread."""
    equal = np.full((1, 8), 0.1) + 0.2 - 0.3 + 0.25
    one_patient = np.where(PATIENTS == "d", rng().normal(size=8), np.nan)[None]
    nothing = np.full((1, 8), np.nan)
    found = bootstrap_t(np.concatenate([equal, one_patient, nothing]), PATIENTS, 0.95, 50, rng())
    assert found.estimate[:2] == pytest.approx([0.25, np.nanmean(one_patient)])
    assert np.isnan(found.estimate[2])
    assert np.isnan(found.low).all()
    assert np.isnan(found.high).all()
    alone = bootstrap_t(rng().normal(size=(1, 4)), np.zeros(4), 0.95, 50, rng())
    assert np.isnan(alone.low[0])
    empty = bootstrap_t(np.zeros((2, 0)), np.array([]), 0.95, 50, rng())
    assert np.isnan(np.array(empty)).all()
    assert bootstrap_t(np.zeros((0, 8)), PATIENTS, 0.95, 50, rng()).low.shape == (0,)


def test_one_hit_among_zeros_has_finite_ends() -> None:
    """Resamples without the hit have no spread; without the damping of step 2 their t would be infinite."""
    values = np.zeros((1, 16))
    values[0, 3] = 1
    found = bootstrap_t(values, np.arange(16), 0.95, 2000, rng())
    assert np.isfinite(found.low[0])
    assert 0.2 < found.high[0] < 2


def test_refusals_and_how_many_resamples() -> None:
    for resamples, level in ((0, 0.95), (10, 1.0), (10, 0.0)):
        with pytest.raises(ValueError, match="at least one resample and a level"):
            bootstrap_t(np.zeros((1, 8)), PATIENTS, level, resamples, rng())
    assert resamples_for(0.95, 2000) == 2000
    assert resamples_for(1 - 0.05 / 24, 2000) == pytest.approx(19_200, abs=1)


SHAPES: dict[str, tuple[Callable[[np.random.Generator, int], np.ndarray], float]] = {
    "normal": (lambda generator, size: generator.normal(size=size), 0.0),
    "exponential": (lambda generator, size: generator.exponential(size=size), 1.0),
    "lognormal": (lambda generator, size: generator.lognormal(size=size), float(np.exp(0.5))),
    "hits": (lambda generator, size: (generator.random(size) < 0.3) * 1.0, 0.3),
}


def covered(shape: str, num_patients: int, studies: int, seed: int, images: int = 1, resamples: int = 999) -> float:
    """How often the 95% interval holds the mean of `images` images per patient, which share half of their variance."""
    draw, mean = SHAPES[shape]
    generator, patients = rng(seed), np.repeat(np.arange(num_patients), images)
    held = 0
    for _ in range(studies):
        values = draw(generator, num_patients * images)
        if images > 1:
            values = (values + np.repeat(draw(generator, num_patients), images)) / 2
        _, low, high = bootstrap_t(values[None], patients, 0.95, resamples, generator)
        held += bool(low[0] <= mean <= high[0])
    return held / studies


@pytest.mark.parametrize("shape", ["normal", "exponential"])
def test_coverage_at_21_patients(shape: str) -> None:
    """300 studies: 95% within three times the Monte-Carlo error of 1.3."""
    assert 0.912 < covered(shape, 21, 300, 8, resamples=399) < 0.99


@pytest.mark.slow  # 24,000 studies: some minutes
@pytest.mark.parametrize("shape", list(SHAPES))
@pytest.mark.parametrize(("num_patients", "images"), [(16, 1), (21, 1), (50, 1), (200, 1), (16, 3), (50, 3)])
def test_coverage_is_that_of_the_docstring(shape: str, num_patients: int, images: int) -> None:
    found = covered(shape, num_patients, 1000, 9, images)
    print(shape, num_patients, images, found)
    least = 0.88 if shape == "lognormal" and num_patients < 50 else 0.915  # the docstring says what it does not hold
    assert least < found <= 1
