"""The scoring core on studies that bound nothing: no image, one of everything, no region, flat and negative maps."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from sightline.alignment.human_scale import scale_metrics
from sightline.alignment.ladder import MapsAndRegions, Scores, score_images, score_table
from sightline.alignment.ladder_summary import ladder_summary, minus_first, resampled_images
from sightline.alignment.metrics import METRICS
from sightline.alignment.settings import Ladder
from sightline.experts.consensus import consensus_mask, left_out_consensus, pixel_share

SETTINGS = Ladder(draws=3, tolerance=0.1, primary="ap", resamples=60, level=0.95, permutations=10)
SIDE = 16


@pytest.fixture(autouse=True)
def warnings_are_errors() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def study(
    num_images: int, *, num_readers: int = 2, patients: list[str] | None = None, maps: str = "any",
    is_empty: bool = False, **options: Any,
) -> MapsAndRegions:  # fmt: skip
    """Readers' boxes that move from image to image, and maps of two models and of an untrained one."""
    rng = np.random.default_rng(0)
    masks = np.zeros((num_images, num_readers, SIDE, SIDE), bool)
    for image in range(num_images):
        for reader in range(num_readers):
            masks[image, reader, image % 8 : image % 8 + 4, 2 + reader : 7 + image % 3] = not is_empty
    raw = rng.random((3, num_images, 4, 4)) - {"any": 0.0, "negative": 2.0, "flat": 0.0}[maps]
    raw = np.ones_like(raw) if maps == "flat" else raw
    return MapsAndRegions(
        seed=0,
        settings=SETTINGS,
        images=[f"i{image}" for image in range(num_images)],
        patients_M=np.array(patients or [f"p{image}" for image in range(num_images)], str),
        masks_MHW=np.array([consensus_mask(part) for part in masks], bool).reshape(num_images, SIDE, SIDE),
        shares_MHW=np.array([pixel_share(part) for part in masks], np.float32).reshape(num_images, SIDE, SIDE),
        readers_MRHW=list(masks),
        others_MRHW=[left_out_consensus(part) for part in masks],
        maps={"a": raw[0], "b": raw[1]},
        untrained={"a": raw[2]},
        **options,
    )


def everything(case: MapsAndRegions) -> tuple[Scores, dict[str, Any]]:
    scores = score_images(case, ["fixed", "otsu", "area_matched"], threshold=0.5)
    weights = resampled_images(case)
    summary = ladder_summary(case, scores, weights, ["a", "b"])
    assert minus_first(case, scores, weights).keys() == {"b"}
    assert len(score_table(case, scores)["image"]) == len(case.images) * (3 + len(scores.baselines))
    return scores, summary


def has_ends(found: Mapping[str, float]) -> bool:
    return not (np.isnan(found["low"]) or np.isnan(found["high"]))


def test_no_image_and_no_region_are_unknown_throughout() -> None:
    for case in (study(0), study(4, is_empty=True), study(3, num_readers=0)):
        scores, summary = everything(case)
        assert summary["human_scale"] == {}
        assert set(summary["baselines"]) >= {"uniform", "atlas"} or not case.images
        for metric in METRICS:
            assert np.isnan(scores.by_metric[metric]).all()
            found = summary["candidates"]["a"][metric]
            assert np.isnan([found["value"], found["low"], found["high"], found["lift"], found["untrained"]]).all()
            assert found["over"].keys() == {*scores.baselines, "untrained"}
            assert all(np.isnan(list(gap.values())).all() for gap in found["over"].values())


def test_one_image_or_one_patient_has_scores_and_no_interval() -> None:
    for case in (study(1), study(3, patients=["p"] * 3)):
        scores, summary = everything(case)
        found = summary["candidates"]["b"]["ap"]
        assert 0 < found["value"] <= 1
        assert not has_ends(found)
        assert not any(has_ends(gap) for gap in found["over"].values())
        assert found["over"]["uniform"]["value"] == pytest.approx(
            found["value"] - summary["baselines"]["uniform"]["ap"]["value"]
        )
        assert np.isnan(scores.by_metric["shuffled_auroc"]).all()  # there is no other patient


def test_one_reader_has_no_human_scale() -> None:
    _, summary = everything(study(5, num_readers=1, reader_names_MR=[["r"]] * 5))
    assert summary["human_scale"] == {}
    assert has_ends(summary["candidates"]["a"]["mass"])


def test_readers_that_never_meet_are_drawn_all_the_same() -> None:
    names = [[f"r{2 * image}", f"r{2 * image + 1}"] for image in range(6)]
    _, summary = everything(study(6, reader_names_MR=names))
    assert list(summary["human_scale"]) == list(scale_metrics())
    assert summary["human_scale"]["rank"]["readers"] == 12
    assert summary["human_scale"]["rank"]["human_low"] < summary["human_scale"]["rank"]["human_high"]


@pytest.mark.parametrize("maps", ["flat", "negative"])
def test_maps_without_a_peak_score_chance(maps: str) -> None:
    scores, summary = everything(study(6, maps=maps))
    share = study(6).masks_MHW.mean()
    for name in ("a", "b"):
        assert summary["candidates"][name]["flat_maps"] == 6
        assert summary["candidates"][name]["ap"]["value"] == pytest.approx(share)
        assert summary["candidates"][name]["shuffled_auroc"]["value"] == 0.5
        assert summary["candidates"][name]["ap"]["over"]["uniform"]["value"] == 0
        assert not has_ends(summary["candidates"][name]["ap"]["over"]["uniform"])
    assert scores.flat_AM.all()


def test_the_family_ends_are_wider_and_of_the_primary_metric_alone() -> None:
    _, summary = everything(study(8))
    for name in ("a", "b"):
        for gap in summary["candidates"][name]["ap"]["over"].values():
            assert gap["family_low"] <= gap["low"] <= gap["value"] <= gap["high"] <= gap["family_high"]
        assert "untrained" in summary["candidates"]["a"]["rank"]["over"]
        assert "untrained" not in summary["candidates"]["b"]["rank"]["over"]
        assert set(summary["candidates"][name]["rank"]["over"]["atlas"]) == {"value", "low", "high"}
