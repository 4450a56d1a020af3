"""Level, power and coverage of every test and interval of the report, by simulation; writes docs/error-rates.md.

Tests reject 3 to 7% of studies without an effect at 5%, and intervals hold the truth in 93 to 97% at 95%, or the page
says why not beside the number. Some minutes; `--studies 100` is a quick look. With names of parts, only these are
simulated and printed, and the page is left as it is.
Run: python benchmarks/error_rates.py [--studies 1000] [<part> ...]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from measure import device_words
from rates import contrasts, lifts, others, readers
from rates.counting import Line, table
from sightline.study.files import written_whole

PAGE = Path(__file__).parents[1] / "docs/error-rates.md"
REMARKS = contrasts.REMARKS | others.REMARKS | readers.REMARKS | lifts.REMARKS
HEAD = """# Error rates

How often the report's tests reject where there is nothing (level, at 5%), how often they find what is there (power),
and how often its 95% intervals hold the truth (coverage), in simulated studies. Each figure is a percentage of studies
± its Monte-Carlo standard error. What is used by default should reject 3 to 7% and cover 93 to 97%; a figure more than
two errors outside of that is bold, and its remark says why it stands. Exact tests of counts are conservative by
construction: a count moves in steps, so that their level lies below 5%.

`python benchmarks/error_rates.py --studies {studies}`, {date}, {minutes:.1f} minutes on
{device}, shared with other jobs. Parts that cost more have
fewer studies, as their errors show. "Regions" and "maps" are those of phantoms at
{side} x {side} pixels, maps seen through 7 x 7 cells; a study draws its phantoms with replacement from {num}, so that
the truth of each interval is known. Permutations and flips: 999.
"""


@dataclass(frozen=True)
class Part:
    """One table of the page."""

    title: str
    text: str
    simulate: Callable[[int], list[Line]]


PARTS = {
    "dealt": Part(
        "The contrast: maps of other patients",
        "A network's maps, dealt to other patients, know nothing of theirs. The permutation keeps its level, with\n"
        "several images per patient too. Sign flips of d_i need symmetry, which d_i lack.",
        contrasts.levels_of_dealt_maps,
    ),
    "blind": Part(
        "The contrast: six kinds of maps that do not know the patient",
        "What is the same on every image has D = 0 in every study, so the permutation never rejects it. Chance by\n"
        "area is another matter: a map that lies where disease usually is stands above it in most studies, which\n"
        "is why it carries no verdict of its own.",
        contrasts.levels_of_blind_maps,
    ),
    "power": Part(
        "The contrast: power",
        "Maps that know their patient in some cases and else are another patient's.",
        contrasts.powers,
    ),
    "intervals": Part(
        "The contrast: coverage of its interval",
        "D with t on the patients' influences, by score and by the share of maps that know their patient. Where\n"
        "scores are very skewed and maps are blind it is too short, and then lies too low; percentile, BCa and\n"
        "bootstrap-t intervals did no better (87 to 92%).",
        contrasts.coverages,
    ),
    "readers": Part(
        "Readers: coverage in the paper's design",
        "Images read by 5.6 of 14 readers, whose leniency has the stated SD (images: 0.2). Images and readers are\n"
        "resampled crosswise.",
        readers.coverages,
    ),
    "few_readers": Part(
        "Few readers: coverage of D_h, and how often a map is called as good as an expert at the bar",
        "All readers read all images; D_h is 0.3, and readers' skill has the stated SD. The map's contrast is\n"
        'exactly (1 - margin) D_h, where "as well as an expert" should be said in 2.5% of studies or less.',
        readers.few_readers,
    ),
    "pointing": Part(
        "Pointing Game",
        "Hits against the chance of each image, the area of its region; and the interval of the hit rate.",
        others.pointing,
    ),
    "models": Part(
        "Two models, and flips where they do not belong",
        "Two models on the same images: labels are exchangeable, so flips are exact whatever the skew. One mean\n"
        "against 0 is not exchangeable. Mann-Whitney takes scores of the same image as independent, and all\n"
        "images of a patient too.",
        others.two_models,
    ),
    "auroc": Part("AUROC of two models", "DeLong's test, two-sided.", others.areas),
    "lifts": Part(
        "Lifts",
        "A map's rank accuracy less that of a baseline on the same images, patients resampled.",
        lifts.coverages,
    ),
    "means": Part(
        "Means",
        "Intervals of a mean over images, patients resampled.",
        others.means,
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--studies", type=int, default=1000)
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.parts) - set(PARTS))
    if unknown:
        raise SystemExit(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    begun = time.monotonic()
    sections = []
    for name in arguments.parts or PARTS:
        part, started = PARTS[name], time.monotonic()
        sections.append(f"## {part.title}\n\n{part.text}\n\n{table(part.simulate(arguments.studies), REMARKS)}\n")
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    if arguments.parts:
        print("\n".join(sections))
        return
    from rates.phantom_scores import SIDE, phantoms

    head = HEAD.format(
        studies=arguments.studies,
        date=datetime.now(UTC).date(),
        minutes=(time.monotonic() - begun) / 60,
        device=device_words(),
        side=SIDE,
        num=len(phantoms().area_N),
    )
    with written_whole(PAGE) as beside:
        beside.write_text("\n".join([head, *sections]))


if __name__ == "__main__":
    main()
