"""DeLong and its clustered form: by hand, against R's pROC and Obuchowski's example, the definition, the bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.metrics import roc_auc_score

from sightline.statistics.classification import six_metrics
from sightline.statistics.delong import delong, delong_clustered, delong_test
from sightline.statistics.resampling import resample_patient_counts

# Three markers of 113 patients with subarachnoid haemorrhage (the data aSAH of the R package pROC; Turck et al. 2010,
# Intensive Care Medicine 36), 41 with a poor and 72 with a good outcome, as whole numbers that order every pair of a
# poor and a good outcome as the measurements do: AUROC and covariance depend on nothing else.
POOR = {
    "wfns": """
        117 94 128 140 140 140 140 94 140 94 37 94 140 128 128 94 140 140 140 94 140 94 140 94 128 140 128 128 37
        128 128 94 94 140 140 94 94 140 140 140 140
    """,
    "s100b": """
        81 63 103 78 130 144 140 26 123 50 26 128 126 139 144 118 144 144 144 26 144 120 0 50 116 144 118 144 38 118
        81 63 74 116 144 88 144 121 144 144 130
    """,
    "ndka": """
        116 90 98 110 6 40 74 134 140 134 134 58 104 124 24 36 102 2 144 124 62 74 80 102 128 93 124 36 142 109 6 49
        124 6 48 134 76 104 138 74 110
    """,
}
GOOD = {
    "wfns": """
        37 37 37 37 140 37 94 94 37 94 94 37 37 37 94 37 94 37 37 117 128 37 128 37 140 140 37 37 94 128 37 37 94 94
        37 94 37 94 94 37 37 37 37 94 37 94 37 37 117 94 128 94 37 128 37 37 140 128 94 94 37 37 37 117 37 94 94 128
        128 37 37 37
    """,
    "s100b": """
        81 88 63 10 134 111 63 63 10 38 10 50 74 26 111 26 74 81 111 10 103 88 125 50 142 134 103 26 129 134 74 38
        50 38 10 81 63 88 96 10 10 50 10 50 38 103 50 38 123 74 119 26 63 121 26 10 117 127 63 96 38 88 63 26 10 111
        96 134 111 96 142 139
    """,
    "ndka": """
        1 38 30 68 15 109 15 120 100 120 113 139 44 15 85 15 15 143 91 54 54 120 4 30 15 49 96 30 106 136 30 15 85
        44 30 96 131 126 60 78 141 15 113 54 68 68 106 4 113 85 44 68 120 68 78 30 54 68 131 38 85 93 136 75 85 44
        131 60 103 126 15 100
    """,
}

# Two readers of MR angiograms, the worked example of Obuchowski's clustered ROC program: patient, stenosis (1) or
# not (0), score of reader 1, score of reader 2; 36 patients, 65 arteries.
ARTERIES = """
    1 1 87 87; 1 1 79 83; 2 1 88 94; 2 1 95 93; 3 1 100 100; 3 1 68 79; 4 1 65 61; 4 1 89 91; 5 1 97 97; 5 1 100
    100; 6 1 100 99; 6 1 89 88; 7 1 77 77; 8 1 94 89; 8 0 45 44; 9 1 89 92; 9 0 -11 -17; 10 1 95 91; 10 0 30 14; 11
    1 95 95; 11 0 10 -122; 12 1 100 100; 12 0 19 -3; 13 1 75 75; 14 0 70 73; 14 1 70 81; 15 0 26 27; 15 1 86 93; 16
    0 0 8; 16 1 65 70; 17 0 6 23; 17 1 100 100; 18 0 76 79; 18 1 96 95; 19 0 44 55; 19 1 100 100; 20 0 73 67; 20 1
    97 94; 21 1 85 86; 22 0 58 60; 22 1 100 99; 23 0 -2 -2; 23 1 100 100; 24 0 -3 -14; 24 0 0 -11; 25 0 47 -3; 25 0
    -94 -90; 26 0 -16 17; 26 0 75 85; 27 0 5 -22; 27 0 -1 -14; 28 0 -6 -52; 29 0 37 38; 29 0 47 35; 30 0 42 40; 30 0
    4 6; 31 0 55 23; 31 0 55 45; 32 0 4 -87; 32 0 -13 -65; 33 0 49 24; 33 0 35 9; 34 0 53 66; 35 0 2 -15; 36 0 -48
    -78
"""


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def by_definition(labels, scores):
    """The structural components of DeLong et al. 1988 (equations 4 to 6), pair by pair."""
    positive, negative = scores[:, labels == 1], scores[:, labels != 1]
    won = (positive[:, :, None] > negative[:, None, :]) + 0.5 * (positive[:, :, None] == negative[:, None, :])
    covariance = np.cov(won.mean(axis=2)) / positive.shape[1] + np.cov(won.mean(axis=1)) / negative.shape[1]
    return won.mean(axis=(1, 2)), covariance


def test_by_hand():
    """Positives 3 and 1, negatives 2 and 0: shares won 1 and 1/2, AUROC 3/4; variances 1/8 each, over 2 and 2."""
    auroc, covariance = delong(np.array([1, 0, 1, 0]), np.array([[3, 2, 1, 0.0]]))
    assert auroc == pytest.approx([0.75])
    assert covariance == pytest.approx(np.array([[1 / 16 + 1 / 16]]))


def test_against_pROC():
    """R: library(pROC); data(aSAH); var(r), cov(r1, r2), roc.test(r1, r2): the numbers of pROC's own test suite."""
    labels = np.repeat([1, 0], [41, 72])
    scores = np.array([np.fromstring(POOR[name] + GOOD[name], sep=" ") for name in ("wfns", "s100b", "ndka")])
    auroc, covariance = delong(labels, scores)
    assert auroc == pytest.approx([0.823678861788618, 0.731368563685637, 0.611957994579946], abs=1e-12)
    expected = np.array(
        [
            [0.00146991470882363, 0.00119615567376754, -0.000532967856762438],
            [0.00119615567376754, 0.00266868245717244, -0.000756164938056579],
            [-0.000532967856762438, -0.000756164938056579, 0.0031908105493913],
        ]
    )
    assert covariance == pytest.approx(expected, abs=1e-14)
    p_values = delong_test(auroc, covariance)
    assert p_values[0, 1] == pytest.approx(0.0271757822291882, abs=1e-12)
    assert p_values[0, 2] == pytest.approx(0.00514557970691098, abs=1e-12)
    assert p_values[1, 2] == pytest.approx(0.164295175223054, abs=1e-12)
    assert np.array_equal(p_values, p_values.T)
    assert np.diagonal(p_values).tolist() == [1, 1, 1]


@pytest.mark.parametrize("seed", range(8))
def test_against_the_definition_and_scikit_learn_with_ties(seed):
    labels = rng(seed).permutation(np.repeat([0, 1], [17, 12 + seed]))
    scores = rng(seed).integers(0, 8, (3, len(labels))) + labels
    auroc, covariance = delong(labels, scores)
    expected, expected_covariance = by_definition(labels, scores)
    assert auroc == pytest.approx(expected, abs=1e-12)
    assert covariance == pytest.approx(expected_covariance, abs=1e-12)
    assert auroc == pytest.approx([roc_auc_score(labels, one) for one in scores], abs=1e-12)


def test_only_the_order_counts():
    labels, scores = rng(1).integers(0, 2, 40), rng(2).random((2, 40))
    auroc, covariance = delong(labels, scores)
    for other in (delong(labels, np.exp(5 * scores)), delong(labels[::-1], scores[:, ::-1])):
        assert other[0] == pytest.approx(auroc, abs=1e-12)
        assert other[1] == pytest.approx(covariance, abs=1e-12)
    turned, turned_covariance = delong(1 - labels, -scores)
    assert turned == pytest.approx(auroc, abs=1e-12)
    assert turned_covariance == pytest.approx(covariance, abs=1e-12)


def test_degenerate_cases():
    labels, scores = np.array([0, 0, 0, 1, 1, 1]), np.array([1, 2, 3, 4, 5, 6.0])
    auroc, covariance = delong(labels, np.stack([scores, scores**2, -scores, scores * 0]))
    assert auroc.tolist() == [1, 1, 0, 0.5]
    assert not covariance.any()
    # equal models cannot be told apart; perfect against reversed or constant has no variance and a difference
    assert delong_test(auroc, covariance)[0].tolist() == [1, 1, 0, 0]
    random = rng(3).random(6)
    twice = np.stack([random, random])
    assert delong_test(*delong(labels, twice)).tolist() == [[1, 1], [1, 1]]
    for one_class in (np.zeros(6), np.ones(6)):
        auroc, covariance = delong(one_class, twice)
        assert np.isnan(auroc).all()
        assert np.isnan(covariance).all()
        assert np.isnan(delong_test(auroc, covariance)).all()
        assert np.isnan(delong_clustered(one_class, twice, np.arange(6))[0]).all()
    auroc, covariance = delong(np.array([1, 0, 0]), np.array([[1, 2, 0.0]]))
    assert auroc.tolist() == [0.5]
    assert np.isnan(covariance).all()


@pytest.mark.parametrize("pairs", [1_000, 2_000, 50_000, 500_000])
def test_models_that_differ_by_one_pair_of_many_images_do_not_differ(pairs):
    labels = np.tile([0, 1], pairs)
    probabilities = np.arange(2 * pairs) / (2 * pairs)
    swapped = probabilities.copy()
    swapped[[10, 11]] = swapped[[11, 10]]  # the difference, 1 / pairs**2, is as large as its standard error / 1.4
    p = delong_test(*delong(labels, np.array([probabilities, swapped])))[0, 1]
    assert p == pytest.approx(0.4795, abs=1e-3) if pairs < 10_000 else p > 0.4


def test_bad_input():
    with pytest.raises(ValueError, match="a probability is NaN"):
        delong(np.array([0, 1]), np.array([[0.5, np.nan]]))
    with pytest.raises(ValueError, match=r"expected models x 2, got \(2,\)"):
        delong(np.array([0, 1]), np.array([0.5, 0.6]))


# ------------------------------------------------------------------------------------------------------- clustered


def test_against_obuchowskis_example():
    """Areas, standard errors and p as printed; the covariance from the printed S10, S01 and S11 to their ten digits."""
    rows = np.array([row.split() for row in ARTERIES.split(";")], dtype=float)
    auroc, covariance = delong_clustered(rows[:, 1], rows[:, 2:].T, rows[:, 0])
    assert auroc == pytest.approx([0.9837, 0.9852], abs=5e-5)
    assert np.sqrt(np.diagonal(covariance)) == pytest.approx([0.0108, 0.0097], abs=5e-5)
    assert delong_test(auroc, covariance)[0, 1] == pytest.approx(0.8271, abs=5e-5)
    first = 0.0013151307 / 29 + 0.0022375873 / 36 + 2 * 0.0051785478 / (29 * 36)
    second = 0.0009284122 / 29 + 0.0022598583 / 36 - 2 * 0.0005015760 / (29 * 36)
    both = 0.0008484357 / 29 + 0.0019241250 / 36 + (0.0028648340 - 0.0015136931) / (29 * 36)
    assert covariance == pytest.approx(np.array([[first, both], [both, second]]), abs=1e-11)


def test_one_image_a_patient_is_delong():
    labels, scores = rng(4).integers(0, 2, 40), rng(5).integers(0, 9, (3, 40))
    auroc, covariance = delong(labels, scores)
    clustered, clustered_covariance = delong_clustered(labels, scores, rng(6).permutation(40))
    assert clustered == pytest.approx(auroc, abs=1e-12)
    assert clustered_covariance == pytest.approx(covariance, abs=1e-12)


def test_too_few_patients_have_no_covariance():
    labels, scores = np.array([0, 0, 1, 1]), np.array([[0.1, 0.6, 0.4, 0.9]])
    auroc, covariance = delong_clustered(labels, scores, np.array(["a", "b", "c", "c"]))
    assert auroc.tolist() == [0.75]
    assert np.isnan(covariance).all()
    assert delong_test(auroc, np.array([[-1.0]])).tolist() == [[1]]
    assert np.isnan(delong_test(np.array([0.5, 0.7]), np.array([[-1.0, 0], [0, -1]]))[0, 1])


def clustered_data(generator, num_patients, num_models, *, effect=1.0):
    """Patients of one label and 1 to 5 images, whose scores share a patient's offset; models with one true AUROC."""
    groups = np.repeat(np.arange(num_patients), np.resize([1, 2, 5], num_patients))
    labels = (np.arange(num_patients) % 2)[groups]
    offset = generator.normal(0, effect, (num_models, num_patients))[:, groups]
    return labels, labels + offset + generator.normal(0, 1, (num_models, len(groups))), groups


def test_standard_errors_are_the_bootstraps():
    labels, scores, groups = clustered_data(rng(7), 120, 1)
    _, covariance = delong_clustered(labels, scores, groups)
    by_patient = six_metrics(resample_patient_counts(groups, 4000, rng(8)), labels, scores[0])[:, 4].std()
    assert np.sqrt(covariance[0, 0]) == pytest.approx(by_patient, rel=0.08)
    _, covariance = delong(labels, scores)
    by_image = six_metrics(resample_patient_counts(np.arange(len(labels)), 4000, rng(8)), labels, scores[0])[:, 4].std()
    assert np.sqrt(covariance[0, 0]) == pytest.approx(by_image, rel=0.08)
    assert by_patient > 1.2 * by_image


def rejections(make, trials, seed):
    """How often two models of one true AUROC differ at 5%: images as independent, and patients."""
    generator, counts = rng(seed), np.zeros(2)
    for _ in range(trials):
        labels, scores, groups = make(generator)
        for which, result in enumerate((delong(labels, scores), delong_clustered(labels, scores, groups))):
            counts[which] += delong_test(*result)[0, 1] <= 0.05
    return counts


def independent_data(generator):
    labels = np.repeat([0, 1], [40, 60])
    shared = generator.normal(0, 1, 100)
    return labels, labels + 0.7 * shared + 0.7 * generator.normal(0, 1, (2, 100)), np.arange(100)


@pytest.mark.slow
def test_level_of_independent_images():
    counts = rejections(independent_data, 3000, 9)
    assert ((counts / 3000 >= 0.03) & (counts / 3000 <= 0.07)).all()


@pytest.mark.slow
def test_level_of_images_that_hang_together():
    """By patient between 3% and 7%; taken as independent, far above."""
    plain, clustered = rejections(lambda generator: clustered_data(generator, 90, 2), 2000, 10) / 2000
    assert 0.03 <= clustered <= 0.07
    assert plain > 0.1


@pytest.mark.slow
def test_intervals_cover():
    """AUROC -+ 1.96 standard errors, 90 patients: 93% to 97% of the intervals hold the true AUROC."""
    true = float((rng(11).normal(1, np.sqrt(2), 2_000_000) > rng(12).normal(0, np.sqrt(2), 2_000_000)).mean())
    generator, trials, held = rng(13), 2000, 0
    for _ in range(trials):
        auroc, covariance = delong_clustered(*clustered_data(generator, 90, 1))
        held += abs(auroc[0] - true) <= 1.959964 * np.sqrt(covariance[0, 0])
    assert binom.ppf(1e-3, trials, 0.93) <= held <= binom.isf(1e-3, trials, 0.97)
