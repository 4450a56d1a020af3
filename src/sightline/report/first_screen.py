"""The first screen of a page: each model's verdict in one small table, and what the study can tell.

Each model is a row: its verdict in words, its place between blind to the patient and an expert, its accuracy, the same
few films as every other model's. Below, in grey, the controls on the same axis. A study and `sightline score` use it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from sightline.counts import counted
from sightline.report import strip, verdict
from sightline.report.html import escaped, paragraph
from sightline.report.verdict_table import ANSWERS, Names, Subject, verdict_table
from sightline.report.words import Metrics, listed, number_at, percent


def first_screen(
    subjects: Sequence[Subject],
    verdicts: Metrics,
    names: Names,
    limits: Sequence[str],
    region_films: Sequence[tuple[str, str]] = (),
    lead: str = "",
) -> list[str]:
    """The HTML: one sentence, the table, its caption, and up to three sentences on what the study can tell.

    `verdicts`: metrics/verdict.json, {} without a verdict, where `lead` is the sentence. `region_films`: the films with
    the experts' regions alone.
    """
    sentence = " ".join([headline(subjects, names), *fallen(subjects, names)]) if verdicts else lead
    return [
        _lead(sentence, [subject.name for subject in subjects]),
        verdict_table(subjects, verdicts, names, region_films),
        _caption(verdicts, names, bool(region_films)),
        f'<ul class="limits">{"".join(f"<li>{escaped(limit)}</li>" for limit in limits)}</ul>',
    ]


def _lead(sentence: str, models: Sequence[str]) -> str:
    """The sentence, with the models' names set off."""
    names = "|".join(re.escape(escaped(name)) for name in sorted(models, key=len, reverse=True))
    words = (
        re.sub(rf"(?<![\w-])({names})(?![\w-])", r"<strong>\1</strong>", escaped(sentence))
        if names
        else escaped(sentence)
    )
    return f'<p class="lead">{words}</p>'


def headline(subjects: Sequence[Subject], names: Names) -> str:
    """Which models look where the experts look, and which do not: by name, or counted where there are many."""
    return verdict.headline(
        {subject.name: str(subject.judged.get("verdict", "")) for subject in subjects}, names.experts
    )


def fallen(subjects: Sequence[Subject], names: Names) -> list[str]:
    """Whose accuracy falls on external films, in a sentence."""
    lost = [subject for subject in subjects if subject.falls]
    if not lost:
        return []
    if len(lost) == 1:
        before, after = (percent(number_at(mean, "value"), 0) for mean in (lost[0].accuracy, lost[0].external))
        words = [str(subject.judged.get("verdict", "")) for subject in subjects]
        last = max(words, key=list(ANSWERS).index)  # the headline ends with it
        is_last = len(subjects) <= verdict.FEW and words.count(last) == 1 and lost[0].judged.get("verdict") == last
        whose = "Its accuracy" if is_last else f"The accuracy of {lost[0].name}"
        return [f"{whose} falls from {before} to {after} {names.external}."]
    who = listed([subject.name for subject in lost]) if len(subjects) <= verdict.FEW else f"{len(lost)} models"
    return [f"The accuracy of {who} falls {names.external}."]


def limits_of(verdicts: Metrics, names: Names, synthetic: str = "") -> list[str]:
    """On what the verdicts rest, how likely they find what is there, and what more images would decide."""
    if not verdicts:
        return [synthetic] if synthetic else []
    images, patients, readers = (int(verdicts.get(name) or 0) for name in ("images", "patients", "readers"))
    films = f"{counted(images, 'image')} of {counted(patients, 'patient')}"
    by = f", marked by {readers:,} {names.experts}" if readers else ""
    sentences = [f"Judged on {films}{by}.{_power(verdicts, names)}"]
    needed = {
        name: int(entry["images_needed"])
        for name, entry in verdicts["candidates"].items()
        if not math.isnan(number_at(entry, "images_needed"))
    }
    if needed:
        least, most = min(needed.values()), max(needed.values())
        about = listed(list(needed)) if len(needed) <= 2 else f"the {len(needed)} open verdicts"
        count = f"{least}" if least == most else f"{least} to {most}"
        sentences.append(f"About {count} images would decide about {about}.")
    return [*sentences, *([synthetic] if synthetic else [])]


def _power(verdicts: Metrics, names: Names) -> str:
    by_grid = {grid: number_at(controls, "power") for grid, controls in verdicts["controls"].items()}
    known = {grid: power for grid, power in by_grid.items() if power == power}
    if not known:
        return ""
    half = names.expert if verdicts.get("readers") else "the region itself"
    if len(known) == 1:
        found = percent(next(iter(known.values())), 0)
    else:
        found = listed([f"{percent(power, 0)} ({verdict.cells_words(grid)})" for grid, power in known.items()])
    return f" A map half as good as {half} would be found in {found} of such studies."


def _caption(verdicts: Metrics, names: Names, has_films: bool) -> str:
    words = []
    if has_films:
        words.append(
            f"Films: {strip.RULE}. Blue: the {names.experts}' region. Colours: the map, brightest at its maximum."
        )
    if verdicts:
        one = names.expert if verdicts.get("readers") else "the region itself"
        words.append(
            f"Scale: how much better a map scores on its own patient than on others, as a share of what {one} reaches "
            "through the same grid, with its interval."
        )
    return paragraph(" ".join(words), "note") if words else ""
