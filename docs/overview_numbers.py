"""The numbers of README's picture and table, from metrics/verdict.json and metrics/classification.json.

Run in the study's folder, it writes the table into README.md: python docs/overview_numbers.py
tests/test_readme.py compares table and picture with the metrics committed with them.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from sightline.report.verdict import WORDS
from sightline.study.errors import StudyError, run_stage

METHOD = "gradcam"
ENDS = ("value", "low", "high")
HEAD = "| | it looks ... | contrast | place on the scale | accuracy here | without the marker |"
PLACE = re.compile(r"(?<=<!-- table: python docs/overview_numbers.py -->\n).*?(?=<!-- end of table -->)", re.DOTALL)


def main() -> None:
    verdict, classification = (
        json.loads(Path(f"metrics/{name}.json").read_text(encoding="utf-8")) for name in ("verdict", "classification")
    )
    readme = Path("README.md")
    text, count = PLACE.subn(lambda _: table(overview(verdict, classification)), readme.read_text(encoding="utf-8"))
    if count != 1:
        raise StudyError("README.md: expected one pair of the comments between which the table stands")
    readme.write_text(text, encoding="utf-8")
    print(table(overview(verdict, classification)))


def overview(verdict: dict[str, Any], classification: dict[str, Any]) -> dict[str, Any]:
    """What picture and table show: `honest` and `cheat`, and `rows` by name: both, other models, controls.

    A row: `words` (its verdict, "" for a control), `contrast` and `place`, [value, low, high]; a model's `accuracy` on
    the test films and `external` on those of another hospital too. Honest is the model highest on the scale; the cheat
    is the one whose accuracy falls most on external films. Controls are those on the honest model's grid; the place of
    a control is its contrast over the left-out expert's. StudyError where no two networks have external films.
    """
    judged = {model: methods[METHOD] for model, methods in verdict["models"].items() if METHOD in methods}
    fall = {
        model: of_model["accuracy"]["value"] - of_model["external"]["accuracy"]["value"]
        for model, of_model in classification.items()
        if "external" in of_model and model in judged
    }
    if len(fall) < 2:
        raise StudyError("metrics/classification.json: no two networks have external films; run the profile `demo`")
    honest, cheat = max(fall, key=lambda model: judged[model]["place"]), max(fall, key=lambda model: fall[model])
    if honest == cheat:
        raise StudyError(f"metrics/verdict.json: {honest} is highest on the scale and falls most on external films")
    rows = {
        model: {
            "words": WORDS[judged[model]["verdict"]],
            "contrast": interval(judged[model]["contrast"][verdict["primary"]]),
            "place": [judged[model][end] for end in ("place", "place_low", "place_high")],
            "accuracy": interval(classification[model]["accuracy"]),
            "external": interval(classification[model]["external"]["accuracy"]),
        }
        for model in dict.fromkeys((honest, cheat, *fall))
    }
    controls = verdict["controls"][judged[honest]["grid"]]
    for name, control in {
        "a left-out expert": controls["expert"],
        "the experts' prior": controls["experts_prior"],
        f"{honest} untrained": judged[honest]["untrained"],
    }.items():
        contrast = interval(control)
        place = [value / controls["expert"]["value"] for value in contrast]
        rows[name] = {"words": "", "contrast": contrast, "place": place}
    return {"honest": honest, "cheat": cheat, "primary": verdict["primary"], "rows": rows}


def interval(of: dict[str, float]) -> list[float]:
    """[value, low, high]."""
    return [of[end] for end in ENDS]


def table(numbers: dict[str, Any]) -> str:
    """README's table in Markdown, a line per row: contrasts in points, accuracies in percent, with intervals."""
    lines = [HEAD, "| --- " * HEAD.count(" |") + "|"]
    for name, row in numbers["rows"].items():
        cells = [
            name,
            row["words"],
            shown(row["contrast"], 100, 1),
            "1" if name == "a left-out expert" else shown(row["place"], 1, 2),
            *(shown(row[kind], 100, 1) if kind in row else "" for kind in ("accuracy", "external")),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def shown(ends: list[float], factor: int, digits: int) -> str:
    """value [low, high], rounded; no negative zero."""
    value, low, high = (f"{round(factor * end, digits) + 0.0:.{digits}f}" for end in ends)
    return f"{value} [{low}, {high}]"


if __name__ == "__main__":
    run_stage(main)
