"""A study of test films alone, listed in a table, whose model is a folder of maps: from prepare to the report."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sightline.images.phantom import phantom_image
from studies import change, run, study


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 positive and 4 negative films of 8 patients, 64 pixels; maps that look at the lesions, scored."""
    folder = study(
        tmp_path_factory.mktemp("study"), data__source="table", data__root="raw", consensus__source="masks",
        consensus__folder="masks", report__title="Our own classifier",
    )  # fmt: skip
    change(folder, models={"ours": {"maps": "maps", "method": "gradcam"}}, subgroups={"columns": "view", "least": 4})
    rows = []
    for name in ("raw", "maps", "masks"):
        (folder / name).mkdir()
    for number in range(16):
        label = int(number % 4 > 0)
        film = phantom_image(0, number, label, 64, 64, 0.0)
        Image.fromarray(film.image).save(folder / f"raw/film{number}.png")
        rows.append((f"film{number}.png", label, f"p{number // 2}", "PA" if number % 8 < 4 else "AP", ""))
        lesions = film.opacities.any(axis=0) if label else np.zeros((64, 64), bool)
        np.save(folder / f"maps/film{number}.npy", lesions.reshape(8, 8, 8, 8).mean(axis=(1, 3)))
        if label:
            Image.fromarray(lesions.astype(np.uint8) * 255).save(folder / f"masks/film{number}.png")
    rows.append(("lost.png", 1, "p9", "", "the file was lost"))
    table = pd.DataFrame(rows, columns=["path", "label", "patient", "view", "exclude"])
    table.to_csv(folder / "raw/study.csv", index=False)
    run(
        folder, "prepare", "import_maps ours", "lungs", "consensus", "align", "bootstrap", "ladder", "verdict",
        "subgroups", "shortcut", "report",
    )  # fmt: skip
    return folder


def test_the_model_is_judged(finished: Path) -> None:
    summary = json.loads((finished / "metrics/summary.json").read_text())
    assert summary["ours"]["verdict"] in ("looks", "as_expert")
    verdict = json.loads((finished / "metrics/verdict.json").read_text())
    assert (verdict["images"], verdict["patients"]) == (12, 8)
    ap, pa = json.loads((finished / "metrics/subgroups.json").read_text())["columns"]["view"]
    assert (ap["level"], ap["scored"]["images"], ap["test"]["models"]) == ("AP", 6, {})
    assert pa["scored"]["models"]["ours"]["value"] > 0.2


def test_the_report_says_nothing_of_training(finished: Path) -> None:
    page = (finished / "plots/report.html").read_text()
    words = re.sub(r"<(script|style|svg|pre|dl)\b.*?</\1>", " ", page, flags=re.DOTALL)
    words = " ".join(re.sub("<[^>]*>", " ", words).split())
    told = [sentence for sentence in re.split(r"(?<=[.!?]) ", words) if re.search(r"train|epoch|validation", sentence)]
    assert [sentence for sentence in told if "Nothing was trained" not in sentence] == []
    assert "17 films listed 1 film left out: 1 the file was lost" in words
    assert "16 test 4 negative, 12 positive; 8 patients" in words
    assert "12 test films with a finished mask 0 negative, 12 of 12 positive" in words
    assert "12 scored" in words
