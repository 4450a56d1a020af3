"""The verdicts end to end: on films whose truth is known, against a plain double loop, and on the smallest studies."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from phantom_films import known_maps, on_cells, phantom_study, without_reader
from sightline.experts.consensus import consensus_mask, left_out_consensus, pixel_share
from sightline.judging.decision import WORDS
from sightline.judging.films import Films
from sightline.judging.repeatability import verdict_repeatability
from sightline.judging.results import verdicts
from sightline.judging.scored import score_films
from sightline.judging.settings import Verdict
from sightline.judging.tables import CONTRAST_COLUMNS, contrast_table, plot_table
from sightline.maps import scaled_maps

SIZE = 112  # pixels; at 224 the same verdicts from contrasts within 0.02, in four times the time
SETTINGS = Verdict(
    primary="rank",
    margin=0.25,
    weigh="patients",
    frame="image",
    level=0.95,
    power=0.8,
    resamples=500,
    permutations=2000,
)


def judged(films: Films, settings: Verdict = SETTINGS, **more: Any) -> dict[str, Any]:
    return verdicts(films, score_films(films, settings), settings, list(films.maps), **more)


@pytest.fixture(scope="module")
def through_4() -> dict[str, Any]:
    """Maps of known worth on 50 films, on 4 x 4 cells."""
    study = phantom_study(50, SIZE)
    return judged(replace(study.films, maps=known_maps(study, 4)))


def words_of(results: dict[str, Any]) -> dict[str, str]:
    return {name: entry["verdict"] for name, entry in results["candidates"].items()}


def test_maps_of_known_worth_get_their_verdicts(through_4: dict[str, Any]) -> None:
    words = words_of(through_4)
    assert words["oracle"] == "as_expert"
    assert words["atlas"] == words["stranger"] == words["lungs"] == "prior"
    assert words["marker"] == "elsewhere"
    assert words["gaussian"] in ("prior", "elsewhere")  # the middle of these films lies between the lungs


def test_blind_maps_have_no_contrast_and_the_controls_have(through_4: dict[str, Any]) -> None:
    contrasts = {name: entry["contrast"]["rank"] for name, entry in through_4["candidates"].items()}
    for name in ("gaussian", "marker"):
        assert contrasts[name]["value"] == pytest.approx(0, abs=1e-12)  # the same map on every film of one per patient
    controls = through_4["controls"]["4x4"]
    assert controls["expert"]["low"] > 0
    assert controls["region"]["low"] > controls["expert"]["value"]
    assert {name for name, own in controls.items() if isinstance(own, dict) and own["kind"] == "negative"} == {
        "own_anatomy", "experts_prior", "centred_gaussian",
    }  # fmt: skip
    assert controls["own_anatomy"]["high"] < controls["expert"]["low"]


def test_a_left_out_expert_passes_as_a_model() -> None:
    films, left_out = without_reader(phantom_study(50, SIZE), 4)
    entry = judged(replace(films, maps={"expert": left_out}))["candidates"]["expert"]
    assert entry["verdict"] in ("as_expert", "looks")
    assert entry["place_low"] < 1 < entry["place_high"]


def test_three_cells_cannot_tell_and_say_how_many_films_would() -> None:
    study = phantom_study(50, SIZE)
    films = replace(study.films, maps={"oracle": on_cells(study.lesions_MHW, 3)})
    entry = judged(films)["candidates"]["oracle"]
    assert entry["verdict"] == "cannot_tell"
    assert entry["images_needed"] > 50
    assert "3 x 3 cells" in entry["sentence"]
    assert f"{entry['images_needed']} images" in entry["sentence"]


def small_films(seed: int, patients: list[str], num_readers: int = 3, size: int = 20) -> Films:
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size]
    readers = []
    for _ in patients:
        centre = rng.uniform(5, size - 5, 2)
        near = [centre + rng.normal(0, 1, 2) for _ in range(num_readers)]
        readers.append(np.array([(rows - y) ** 2 + (columns - x) ** 2 < 20 for y, x in near]))
    masks = np.array([consensus_mask(masks_RHW) for masks_RHW in readers])
    return Films(
        seed=0,
        images=[f"i{row}" for row in range(len(patients))],
        patients_M=np.array(patients),
        masks_MHW=masks,
        shares_MHW=np.array([pixel_share(masks_RHW) for masks_RHW in readers]),
        readers_MRHW=readers,
        others_MRHW=[left_out_consensus(masks_RHW) for masks_RHW in readers],
        reader_names_MR=[[f"r{number}" for number in range(num_readers)] for _ in patients],
        maps={"model": rng.random((len(patients), 5, 5)), "fine": np.round(rng.random((len(patients), size, size)), 1)},
    )


def one_score(score: str, map_HW: np.ndarray, mask_HW: np.ndarray) -> float:
    """The definition, from scikit-learn or written out; maps without ties at the cut but for `rank`."""
    values, inside = map_HW.ravel().astype(float), mask_HW.ravel()
    if score == "ap":
        return float(average_precision_score(inside, values))
    if score == "auroc":
        return float(roc_auc_score(inside, values))
    if score == "mass":
        return float(values[inside].sum() / values.sum())
    if score == "pointing":
        return float(inside[values == values.max()].mean())
    cut = np.sort(values)[::-1][inside.sum() - 1]
    above, at = values > cut, values == cut
    return float((inside[above].sum() + inside[at].sum() * (inside.sum() - above.sum()) / at.sum()) / inside.sum())


@pytest.mark.parametrize("weigh", ["patients", "images"])
def test_the_contrast_equals_a_plain_double_loop(weigh: str) -> None:
    films = small_films(3, ["a", "b", "b", "c", "d", "d", "d"])
    settings = replace(SETTINGS, weigh=weigh)  # type: ignore[arg-type]
    results = judged(films, settings)
    columns = contrast_table(films, score_films(films, settings), settings)
    table = pd.DataFrame(columns).set_index(["candidate", "score", "image"])
    patients = films.patients_M
    for name, raws in films.maps.items():
        maps = scaled_maps(np.asarray(raws), *films.grid)
        for score in settings.scores:
            d = []
            for i, image in enumerate(films.images):
                others = [j for j in range(len(patients)) if patients[j] != patients[i]]
                own = one_score(score, maps[i], films.masks_MHW[i])
                row = np.mean([one_score(score, maps[i], films.masks_MHW[j]) for j in others])
                col = np.mean([one_score(score, maps[j], films.masks_MHW[i]) for j in others])
                d.append(own - (row + col) / 2)
                expected = {"own": own, "row": row, "col": col, "d": d[-1]}
                for part, value in expected.items():
                    assert table.loc[(name, score, image), part] == pytest.approx(value, abs=1e-9)
            by_patient = [np.mean([d[i] for i in np.flatnonzero(patients == label)]) for label in np.unique(patients)]
            value = np.mean(by_patient) if weigh == "patients" else np.mean(d)
            assert results["candidates"][name]["contrast"][score]["value"] == pytest.approx(value, abs=1e-9)


def test_seeds_are_judged_as_a_family_with_their_spread() -> None:
    study = phantom_study(50, SIZE)
    good = on_cells(study.lesions_MHW, 4)
    noise = np.random.default_rng(0).random((3, *good.shape))
    maps = {f"net-seed{number + 1}": good + 0.2 * noise[number] for number in range(3)}
    results = judged(replace(study.films, maps=maps), seeds={"net": list(maps)})
    family, members = results["families"]["net"], results["candidates"].values()
    values = [entry["contrast"]["rank"]["value"] for entry in members]
    assert family["contrast"]["rank"]["value"] == pytest.approx(np.mean(values))
    lows = [entry["contrast"]["rank"]["value"] - entry["contrast"]["rank"]["low"] for entry in members]
    assert (
        family["contrast"]["rank"]["value"] - family["contrast"]["rank"]["low"] > 4.30 * np.std(values, ddof=1) / 3**0.5
    )
    assert min(lows) > 0
    assert family["verdict"] in WORDS
    assert "over its seeds" in family["sentence"]


def test_the_lungs_frame_takes_away_what_follows_the_lungs() -> None:
    """The same blob in the lungs' corner on every film, with lungs that move: it knows the anatomy alone."""
    rng = np.random.default_rng(5)
    size, count = 48, 24
    lungs, masks = np.zeros((2, count, size, size), bool)
    for row, (y, x) in enumerate(rng.integers(0, 24, (count, 2))):
        lungs[row, y : y + 24, x : x + 24] = True
        masks[row, y + 2 : y + 10, x + 2 : x + 10] = True
    films = replace(
        small_films(0, ["x"]),
        images=[f"i{row}" for row in range(count)],
        patients_M=np.array([f"p{row}" for row in range(count)]),
        masks_MHW=masks,
        shares_MHW=masks.astype(np.float32),
        readers_MRHW=list(masks[:, None]),
        others_MRHW=[left_out_consensus(masks_1HW) for masks_1HW in masks[:, None]],
        reader_names_MR=None,
        maps={"model": lungs.astype(float)},
        lungs_MHW=lungs,
    )
    in_image = judged(films)["candidates"]["model"]["contrast"]["rank"]["value"]
    in_lungs = judged(films, replace(SETTINGS, frame="lungs"))
    assert in_image > 0.05
    assert abs(in_lungs["candidates"]["model"]["contrast"]["rank"]["value"]) < 0.02
    anatomy = in_lungs["controls"]["image"]["own_anatomy"]
    assert anatomy["in_frame_image"] == pytest.approx(in_image, abs=1e-6)
    assert anatomy["in_frame_lungs"] == pytest.approx(anatomy["value"])


def test_the_lung_mask_as_a_map_never_gets_a_yes() -> None:
    study = phantom_study(50, SIZE)
    assert study.films.lungs_MHW is not None
    entry = judged(replace(study.films, maps={"lungs": study.films.lungs_MHW.astype(float)}))["candidates"]["lungs"]
    assert entry["over_anatomy"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert entry["verdict"] not in ("looks", "as_expert")


def smallest_studies() -> Iterator[tuple[str, Films]]:
    films = small_films(1, ["a", "b", "c", "d"])
    one = small_films(1, ["a"])
    yield "one image", one
    yield "one patient", replace(films, patients_M=np.array(["a"] * 4))
    yield (
        "one reader",
        replace(small_films(1, ["a", "b", "c", "d"], num_readers=1), maps={"model": np.ones((4, 2, 2)).cumsum(axis=2)}),
    )
    yield "flat maps", replace(films, maps={"model": np.zeros((4, 3, 3))})
    yield "negative maps", replace(films, maps={"model": -np.random.default_rng(0).random((4, 3, 3))})
    apart = np.zeros((4, 4, 20, 20), bool)
    for reader in range(4):
        apart[:, reader, 5 * reader : 5 * reader + 5] = True
    yield "readers that never overlap", replace(films, readers_MRHW=list(apart), others_MRHW=list(np.zeros_like(apart)))
    nothing = np.zeros((0, 20, 20))
    yield (
        "no region at all",
        replace(
            one,
            images=[],
            patients_M=np.array([], str),
            masks_MHW=nothing.astype(bool),
            shares_MHW=nothing.astype(np.float32),
            readers_MRHW=[],
            others_MRHW=[],
            reader_names_MR=[],
            maps={"model": np.zeros((0, 3, 3))},
        ),
    )
    yield (
        "the same region on every image",
        replace(films, masks_MHW=films.masks_MHW[[0] * 4], others_MRHW=[films.others_MRHW[0]] * 4),
    )


@pytest.mark.parametrize(("films"), [pytest.param(films, id=name) for name, films in smallest_studies()])
def test_the_smallest_studies_cannot_tell(films: Films) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        results = judged(films)
        table = contrast_table(films, score_films(films, SETTINGS), SETTINGS)
    for name in films.maps:
        entry = results["candidates"][name]
        assert entry["verdict"] == "cannot_tell", entry["sentence"]
        assert entry["sentence"].startswith(f"This study cannot tell about {name}: ")
        assert "nan" not in entry["sentence"]
    assert list(table) == CONTRAST_COLUMNS
    assert len(plot_table(results)["candidate"])


def test_keys_of_a_candidate_are_those_that_the_contract_names(through_4: dict[str, Any]) -> None:
    entry = through_4["candidates"]["oracle"]
    assert {
        "verdict", "sentence", "contrast", "expert", "ceiling", "place", "place_low", "place_high", "images_needed",
    } <= set(entry)  # fmt: skip
    assert list(entry["contrast"]) == ["rank", "ap", "auroc", "mass", "pointing"]
    assert set(entry["contrast"]["ap"]) == {"own", "row", "col", "value", "low", "high", "p", "p_holm"}
    assert set(entry["expert"]) == set(entry["ceiling"]) == {"value", "low", "high"}


def test_results_do_not_depend_on_the_order_of_images() -> None:
    films = small_films(2, ["a", "b", "c", "d", "e", "f"])
    order = [3, 0, 5, 1, 4, 2]
    turned = replace(
        films,
        images=[films.images[row] for row in order],
        patients_M=films.patients_M[order],
        masks_MHW=films.masks_MHW[order],
        shares_MHW=films.shares_MHW[order],
        readers_MRHW=[films.readers_MRHW[row] for row in order],
        others_MRHW=[films.others_MRHW[row] for row in order],
        maps={name: np.asarray(raws)[order] for name, raws in films.maps.items()},
    )
    ours, theirs = judged(films), judged(turned)
    for name in films.maps:
        for score, own in ours["candidates"][name]["contrast"].items():
            other = theirs["candidates"][name]["contrast"][score]
            assert [own[key] for key in ("own", "value", "p")] == pytest.approx(
                [other[key] for key in ("own", "value", "p")]
            )


def test_a_study_of_more_patients_than_a_block_scores_each_in_its_block() -> None:
    patients = [f"p{number:03d}" for number in range(140)]
    films = small_films(4, patients, num_readers=2, size=12)
    scored = score_films(films, SETTINGS)
    assert len(scored.blocks) == 2
    assert sum(map(len, scored.blocks)) == 140
    assert [matrix.shape for matrix in scored.maps["model"]["rank"]] == [
        (len(rows), len(rows)) for rows in scored.blocks
    ]
    entry = verdicts(films, scored, SETTINGS, ["model"])["candidates"]["model"]
    assert math.isfinite(entry["contrast"]["rank"]["value"])
    assert entry["verdict"] in WORDS


def test_a_verdict_repeats_where_maps_do_and_not_where_they_turn_to_noise() -> None:
    study = phantom_study(50, SIZE)
    good = on_cells(study.lesions_MHW, 4)
    noise = np.random.default_rng(0).random(good.shape)
    order = list(reversed(range(1, len(good))))
    images = [study.films.images[row] for row in order]
    maps = {"unperturbed": good[order], "same": good[order], "noise": noise[order]}
    result = verdict_repeatability(study.films, SETTINGS, images, maps, (4, 4))
    assert result["images"] == len(good) - 1
    assert result["perturbations"]["same"] == {key: result[key] for key in ("verdict", "contrast")}
    assert (result["same"], result["of"]) == (1, 2)
    assert result["verdict"] == "as_expert"
    assert result["perturbations"]["noise"]["verdict"] not in ("as_expert", "looks")
    assert verdict_repeatability(study.films, SETTINGS, [], {}, (4, 4)) == {}
