"""All contrasts in one pass over the blocks: the numbers of each kind of map alone, by the plain definitions."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from sightline.judging.power import STUDIES, Studies, find_power
from sightline.statistics import contrasts as one_pass
from sightline.statistics import matching, patient_draws
from sightline.statistics.blocks import complete_blocks, image_weights
from sightline.statistics.contrast import contrast, contrast_interval, patient_blocks
from sightline.statistics.contrasts import all_contrasts
from sightline.statistics.crossed import Seen, crossed_contrast, crossed_contrasts, crossed_draws
from sightline.statistics.matching import matching_p
from sightline.statistics.resampling import resample_counts


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


class OnRequest:
    """Matrices that are made when asked for, as those that lie on a disk; counts how often."""

    def __init__(self, made: Callable[[int], np.ndarray], num_blocks: int) -> None:
        self._made, self._num_blocks, self.asked = made, num_blocks, [0] * num_blocks

    def __len__(self) -> int:
        return self._num_blocks

    def __getitem__(self, block: int, /) -> np.ndarray:
        self.asked[block] += 1
        return self._made(block)


def permuted(blocks, scores, patients, permutations, generator):  # type: ignore[no-untyped-def]
    """`matching_p` of one kind of map with every block held: a chunk of permutations of all blocks after another."""
    complete = complete_blocks(blocks, scores, patients)
    weights = image_weights(np.concatenate([block.patient_m for block in complete]), "patients")
    weights = np.split(weights, np.cumsum([len(block.images_m) for block in complete])[:-1])
    parts = []
    for block, weight_m in zip(complete, weights, strict=True):
        order_m = np.argsort(block.patient_m, kind="stable")
        _, group_m, size_G = np.unique(block.patient_m[order_m], return_inverse=True, return_counts=True)
        parts.append(((block.scores_kmm[0] * weight_m[:, None])[np.ix_(order_m, order_m)], group_m, size_G))
    observed = sum(np.trace(part[0]) for part in parts)
    reached, step = 0, max(1, 1_000_000 // sum(len(part[1]) for part in parts))
    for start in range(0, permutations, step):
        size, sums_P = min(step, permutations - start), 0.0
        for scores_mm, group_m, size_G in parts:
            orders_PG = np.tile(np.arange(len(size_G), dtype=np.int32), (size, 1))
            generator.permuted(orders_PG, axis=1, out=orders_PG)
            dealt_Pm = orders_PG[:, group_m]
            if size_G.max() > 1:
                chosen_Pm = (generator.random(dealt_Pm.shape) * size_G[dealt_Pm]).astype(int)
                dealt_Pm = (np.cumsum(size_G) - size_G)[dealt_Pm] + chosen_Pm
            sums_P = sums_P + scores_mm[np.arange(len(group_m)), dealt_Pm].sum(axis=1)
        reached += int(np.count_nonzero(sums_P >= observed - 1e-9 * len(group_m)))
    return (1 + reached) / (1 + permutations)


def study(num_images: int, num_kinds: int, least: int, seed: int):  # type: ignore[no-untyped-def]
    """Patients of one image or several, blocks, and matrices of kinds that lack scores here and there."""
    generator = rng(seed)
    patients = generator.integers(0, num_images * 2 // 3, num_images)
    blocks = patient_blocks(patients, rng(seed + 1), least)
    kinds = {f"k{kind}": [generator.random((len(b), len(b))) for b in blocks] for kind in range(num_kinds)}
    for place, matrices in enumerate(kinds.values()):
        for matrix in matrices[: place % 3]:
            matrix[generator.random(matrix.shape) < 0.03] = np.nan
            matrix[2, 2] = np.nan
    return patients, blocks, kinds


@pytest.mark.parametrize("cells", [4_000_000, 2_000])  # kinds together, and each by itself
def test_all_contrasts_are_those_of_each_kind_alone(monkeypatch: pytest.MonkeyPatch, cells: int) -> None:
    monkeypatch.setattr(one_pass, "CELLS", cells)
    patients, blocks, kinds = study(60, 5, 8, 1)
    assert len(blocks) > 2
    tested = {"k0", "k2", "k3"}
    found = all_contrasts(blocks, kinds, tested, patients, 700, lambda: rng(3))
    for key, matrices in kinds.items():
        alone = contrast(blocks, matrices, patients)
        np.testing.assert_allclose(found[key].contrast.d_M, alone.d_M, rtol=0, atol=1e-13)
        assert found[key].contrast.value == pytest.approx(alone.value, abs=1e-13)
        assert found[key].interval(0.9) == pytest.approx(contrast_interval(blocks, matrices, patients, 0.9), abs=1e-13)
        if key in tested:
            assert found[key].p == matching_p(blocks, matrices, patients, 700, rng(3))
            assert found[key].p == permuted(blocks, matrices, patients, 700, rng(3))
        else:
            assert np.isnan(found[key].p)


def test_blocks_that_are_not_dealt_together_are_dealt_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    patients, blocks, kinds = study(60, 4, 6, 4)
    together = [matching_p(blocks, matrices, patients, 4000, rng(5)) for matrices in kinds.values()]
    monkeypatch.setattr(matching, "TOGETHER", 4000 * 25)
    groups = matching.together(blocks, 4000)
    assert 1 < len(groups) < len(blocks)
    assert [block for group in groups for block in group] == list(range(len(blocks)))
    found = all_contrasts(blocks, kinds, set(kinds), patients, 4000, lambda: rng(5))
    for key, before in zip(kinds, together, strict=True):
        assert found[key].p == matching_p(blocks, kinds[key], patients, 4000, rng(5))
        assert abs(found[key].p - before) < 5 * np.sqrt(before * (1 - before) / 2000)  # other draws, the same test


def test_few_orders_are_enumerated_across_blocks_that_are_not_dealt_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "TOGETHER", 1)
    blocks, scores = [np.array([0, 2, 4]), np.array([1, 3])], [np.eye(3), np.eye(2)]
    assert matching_p(blocks, scores, np.arange(5), 12, rng()) == pytest.approx(1 / 12)


def test_a_matrix_is_asked_for_once_a_block() -> None:
    patients, blocks, kinds = study(400, 2, 65, 6)
    asked = {key: OnRequest(matrices.__getitem__, len(blocks)) for key, matrices in kinds.items()}
    all_contrasts(blocks, asked, set(asked), patients, 50, lambda: rng(7))
    assert all(source.asked == [1] * len(blocks) for source in asked.values())


def test_memory_of_the_contrasts_is_that_of_a_few_blocks() -> None:
    """The matrices of 4,000 images and 6 kinds are 13 MB, their deals in 1,000 permutations as indices 32 MB."""
    generator = rng(8)
    patients = np.arange(4000)
    blocks = patient_blocks(patients, generator)
    kinds = {
        kind: OnRequest(lambda block, kind=kind: rng(100 * kind + block).random((len(blocks[block]),) * 2), len(blocks))  # type: ignore[misc]
        for kind in range(6)
    }
    tracemalloc.start()
    try:
        all_contrasts(blocks, kinds, set(kinds), patients, 1000, lambda: rng(9))
        peak = tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()
    assert peak < 60


def crossed_study(seed: int):  # type: ignore[no-untyped-def]
    generator = rng(seed)
    patients = generator.integers(0, 25, 40)
    pairs = [(image, reader) for image in range(40) for reader in range(4) if generator.random() < 0.6]
    image_N, reader_N = np.array(pairs).T
    blocks = patient_blocks(patients, rng(seed + 1), least=10)
    draws = crossed_draws(patients, image_N, reader_N, 60, rng(seed + 2))
    kinds = {}
    for place, is_expert in enumerate((False, False, True, False)):
        image_A, reader_A = (image_N, reader_N) if is_expert else (np.arange(40), None)
        scores = []
        for block in blocks:
            shape = np.isin(image_A, block).sum(), np.isin(image_N, block).sum()
            scores.append(generator.random(shape))
            if place == 3:
                scores[-1][generator.random(shape) < 0.05] = np.nan
        kinds[place] = Seen(scores=scores, image_A=image_A, reader_A=reader_A)
    return patients, image_N, reader_N, blocks, draws, kinds


def test_crossed_contrasts_are_those_of_each_kind_alone() -> None:
    patients, image_N, reader_N, blocks, draws, kinds = crossed_study(10)
    found = crossed_contrasts(blocks, kinds, image_N, reader_N, patients, draws)
    for key, seen in kinds.items():
        value, value_B = crossed_contrast(
            blocks, seen.scores, seen.image_A, seen.reader_A, image_N, reader_N, patients, draws
        )
        assert found[key][0] == pytest.approx(value, abs=1e-14)
        np.testing.assert_allclose(found[key][1], value_B, rtol=0, atol=1e-13)
        rows = np.array([3, 50, 7])  # each draw by itself
        some = replace(draws, patient_BG=draws.patient_BG[rows], reader_BR=draws.reader_BR[rows])
        np.testing.assert_allclose(
            crossed_contrasts(blocks, {key: seen}, image_N, reader_N, patients, some)[key][1], value_B[rows],
            rtol=0, atol=1e-13,
        )  # fmt: skip


def test_draws_are_kept_as_bytes_and_are_those_of_whole_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patient_draws, "CELLS", 40)
    found = patient_draws.compact_counts(20, 30, rng(11))
    assert found.dtype == np.uint8
    assert np.array_equal(found, resample_counts(20, 30, rng(11)))
    many = patient_draws.compact_counts(1, 3, rng(12))
    assert many.tolist() == [[1], [1], [1]]
    _, _, _, _, draws, _ = crossed_study(13)
    assert draws.patient_BG.dtype == draws.reader_BR.dtype == np.uint8
    assert draws.image_BM.shape == (60, 40)


def powers_one_by_one(scores_NN, patients_N, share, n, generator):  # type: ignore[no-untyped-def]
    """z of each simulated study from its own n x n scores."""
    _, starts_G, size_G = np.unique(patients_N, return_index=True, return_counts=True)
    is_other_NN = patients_N[:, None] != patients_N
    means = [
        [np.mean(scores_NN[is_other_NN[:, j], j]) for j in range(len(scores_NN))],
        [np.mean(scores_NN[i, is_other_NN[i]]) for i in range(len(scores_NN))],
    ]
    off_NN = np.where(is_other_NN, scores_NN, (np.array(means[0]) + np.array(means[1])[:, None]) / 2)
    z_Q: list[float] = []
    for _ in range(STUDIES):
        patients_n = generator.integers(len(size_G), size=n)
        strangers_n = (patients_n + generator.integers(1, len(size_G), size=n)) % len(size_G)
        own_n, other_n = (starts_G[p] + generator.integers(size_G[p]) for p in (patients_n, strangers_n))
        knows_n = generator.random(n) < share
        scores_nn = off_NN[np.ix_(np.where(knows_n, own_n, other_n), own_n)]
        for place in np.flatnonzero(knows_n).tolist():
            scores_nn[place, place] = scores_NN[own_n[place], own_n[place]]
        centred_nn = scores_nn - scores_nn.mean(axis=0) - scores_nn.mean(axis=1, keepdims=True) + scores_nn.mean()
        error = np.sqrt((centred_nn**2).sum() / (n**2 * (n - 1)))
        z_Q.append((np.trace(scores_nn) / n - scores_nn.mean()) / error)
    return np.array(z_Q)


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_simulated_studies_are_those_of_a_loop(share: float) -> None:
    generator = rng(14)
    patients = np.sort(generator.integers(0, 12, 20))
    scores = generator.random((20, 20)) + 0.4 * np.eye(20)
    z_Q = powers_one_by_one(scores, patients, share, len(np.unique(patients)), rng(15))
    studies = Studies(lambda: rng(15))
    for _ in range(2):  # the second time from the draws that were kept
        found = find_power(scores, patients, share, len(np.unique(patients)), 0.95, 0.8, studies)
        assert found.power == np.mean(z_Q > 1.6448536269514722)
        needed = len(np.unique(patients)) * ((1.6448536269514722 + 0.8416212335729143 * z_Q.std()) / z_Q.mean()) ** 2
        assert found.patients_needed == np.ceil(needed)


def test_maps_that_are_the_same_for_all_need_no_number_of_patients() -> None:
    found = find_power(np.full((6, 6), 0.1), np.arange(6), 1.0, 6, 0.95, 0.8, Studies(lambda: rng(17)))
    assert found.power == 0
    assert np.isnan(found.patients_needed)
