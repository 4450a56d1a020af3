"""Draws README's picture, light and dark, from a finished study: where an honest network and a cheat look.

Nothing is chosen by eye. `overview_numbers.overview` says which networks are shown, by their maps of Grad-CAM. The film
is the one on which the honest network's contrast is its median. The numbers drawn are stored in both files (PNG text
"Numbers", JSON), which a test compares with metrics/. Run in the study's folder after `dvc repro`:
python docs/overview_picture.py docs
"""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from overview_numbers import METHOD, overview
from PIL import Image, ImageColor, PngImagePlugin

from sightline.films import FILMS
from sightline.images.phantom import TOKEN_HALF, TOKEN_U, TOKEN_V
from sightline.inputs import CONSENSUS, INDEX, SALIENCY, read_consensus, read_split
from sightline.maps import scaled_maps
from sightline.study.errors import run_stage
from sightline.study.models import Models, Network, runs_of
from sightline.study.parameters import read_params

SEES = {"lungs": "sees the lungs alone", "film": "sees the whole film"}
WIDTH, HEIGHT, DENSITY = 900, 490, 2  # pixels as README shows it; pixels of the file for each
GRAYS, COLOURS = 45, 210  # of the palette, which makes the file a third as large
LEFT, PITCH, TOP, SIDE = 4, 308, 60, 280  # pixels: the first film's edge, from film to film, above films, a film's side
RULER_LEFT, RULER_RIGHT, RULER_TOP, ROW = 236, 668, 396, 20
ACCURACIES = (748, 838)  # middles of the two columns
GRID = 224  # rows and columns of the maps whose peaks are counted
REGION = "#4db8ff"  # on films, whose grays are the same in both versions


@dataclass(frozen=True)
class Theme:
    """Colours of one version of the picture."""

    page: str
    ink: str
    muted: str
    rule: str
    honest: str
    cheat: str


THEMES = {
    "overview.png": Theme("#ffffff", "#1b1f24", "#59626d", "#c8cdd3", "#00745a", "#bb4700"),
    "overview-dark.png": Theme("#0d1117", "#e6edf3", "#9aa4af", "#3d444d", "#3fb98f", "#f0883e"),
}


def main() -> None:
    folder = Path(sys.argv[1])
    numbers = overview(
        *(json.loads(Path(f"metrics/{name}.json").read_text()) for name in ("verdict", "classification"))
    )
    image, films = film_panels(numbers)
    peaks = peaks_beside_the_marker(numbers["cheat"])
    print(f"{numbers['cheat']}, peaks of the maps of test films with pneumonia: {peaks}")
    for name, theme in THEMES.items():
        about = PngImagePlugin.PngInfo()
        about.add_text("Numbers", json.dumps(numbers))
        about.add_text("Peaks of the cheat's maps", json.dumps(peaks))
        picture(numbers, films, theme).save(folder / name, optimize=True, pnginfo=about)
        print(f"{folder / name}: {image}, {(folder / name).stat().st_size / 1000:.0f} kB")


def film_panels(numbers: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """The film's name, and three panels: the film, then what each network sees of it with its scaled map.

    A panel: `film`, uint8 H x W, `region`, bool H x W, and of a network `model`, `sees` and `map`, H x W in [0, 1].
    """
    scores = pd.read_csv("data/verdict.csv").query("score == @numbers['primary']")
    scores = scores[scores["candidate"] == f"{numbers['honest']}.{METHOD}"].sort_values(["d", "image"])
    image = str(scores["image"].iloc[len(scores) // 2])
    names, regions_MHW, _ = read_consensus(CONSENSUS)
    row = pd.read_csv(INDEX)["image"].tolist().index(image)
    models = runs_of(read_params(Models).models)
    region_HW = regions_MHW[names.index(image)]
    panels: list[dict[str, Any]] = [{"film": stored_film("film", row), "region": region_HW}]
    for model in (numbers["honest"], numbers["cheat"]):
        entry = models[model]
        sees = entry.input if isinstance(entry, Network) else "film"
        with np.load(SALIENCY.format(model), allow_pickle=False) as stored:
            raw_hw = stored[METHOD][stored["images"].tolist().index(image)]
        map_HW = scaled_maps(raw_hw[None], *region_HW.shape)[0]
        panels.append(
            {"film": stored_film(sees, row), "region": region_HW, "model": model, "sees": sees, "map": map_HW}
        )
    return image, panels


def peaks_beside_the_marker(model: str) -> dict[str, int]:
    """Test films with pneumonia, and those whose map peaks within a quarter of the film's side of the marker."""
    test = read_split(INDEX, "test")
    label_of = dict(zip(test.images, test.labels_N.tolist(), strict=True))
    with np.load(SALIENCY.format(model), allow_pickle=False) as stored:
        is_positive = np.array([label_of[image] == 1 for image in stored["images"].tolist()])
        maps_MHW = scaled_maps(stored[METHOD][is_positive], GRID, GRID)
    rows, columns = np.divmod(maps_MHW.reshape(len(maps_MHW), -1).argmax(1), GRID)
    distance = np.hypot((rows + 0.5) / GRID - 0.5 - TOKEN_V, (columns + 0.5) / GRID - 0.5 - TOKEN_U)
    return {"films": len(maps_MHW), "beside the marker": int((distance <= 0.25).sum())}


def stored_film(sees: str, row: int) -> np.ndarray:
    """One row of the array of films that networks with this `input` see."""
    return np.asarray(np.load(FILMS[sees], mmap_mode="r", allow_pickle=False)[row])


def picture(numbers: dict[str, Any], panels: list[dict[str, Any]], theme: Theme) -> Image.Image:
    """The picture in a palette: three films in a row, the ruler below them."""
    style = {"font.family": "DejaVu Sans", "font.size": 8.6, "text.color": theme.ink, "text.parse_math": False}
    with mpl.rc_context(style):
        # 72 units of type to the inch: a size of 8.6 is 12 pixels as README shows it
        figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100 * DENSITY, facecolor=theme.page)
        page = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(HEIGHT, 0))  # type: ignore[call-arg]
        page.axis("off")
        colours = {numbers["honest"]: theme.honest, numbers["cheat"]: theme.cheat}
        for place, panel in enumerate(panels):
            left = LEFT + place * PITCH
            title, words = "A film and the readers' region", "outlined: marked by at least half of them"
            if model := panel.get("model"):
                title, words = f"{model} {SEES[panel['sees']]}", f"looks {numbers['rows'][model]['words']}"
            page.text(left, 14, title, color=colours.get(model, theme.ink), weight="bold")
            page.text(left, 22, words.replace(", ", ",\n"), color=theme.muted, va="top", linespacing=1.15)
            draw_film(figure.add_axes((left / WIDTH, 1 - (TOP + SIDE) / HEIGHT, SIDE / WIDTH, SIDE / HEIGHT)), panel)
        draw_ruler(page, numbers, colours, theme)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", facecolor=theme.page)
    return in_palette(Image.open(buffer).convert("RGB"), theme.page)


def in_palette(picture: Image.Image, page: str) -> Image.Image:
    """The picture in GRAYS even grays, COLOURS colours and its ground: one palette for all would tint the films."""
    pixels_N3 = np.asarray(picture).reshape(-1, 3)
    coloured_N3 = pixels_N3[np.ptp(pixels_N3.astype(int), axis=1) > 8]
    colours = Image.fromarray(coloured_N3[None]).quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE).getpalette()
    grays = np.rint(np.linspace(0, 255, GRAYS)).astype(int).repeat(3).tolist()
    palette = Image.new("P", (1, 1))
    palette.putpalette([*ImageColor.getrgb(page), *grays, *(colours or [])])
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)


def draw_film(axes: Axes, panel: dict[str, Any]) -> None:
    """A film in gray, its map where there is one, the region's outline, and the marker's name on the cheat's film."""
    height, width = panel["film"].shape
    axes.imshow(panel["film"], cmap="gray", vmin=0, vmax=255, interpolation="bilinear")
    if "map" in panel:
        axes.imshow(panel["map"], cmap="inferno", alpha=0.75 * panel["map"], vmin=0, vmax=1)
    axes.contour(panel["region"], levels=[0.5], colors=[REGION], linewidths=1.4)
    axes.axis("off")
    if panel.get("sees") == "film":
        corner = ((0.5 + TOKEN_U + TOKEN_HALF) * width, (0.5 + TOKEN_V) * height)
        axes.annotate(
            "the hospital's marker", corner, (0.30 * width, corner[1]), color="white", va="center",
            arrowprops={"arrowstyle": "-", "color": "white", "linewidth": 0.8},
        )  # fmt: skip


def draw_ruler(page: Axes, numbers: dict[str, Any], colours: dict[str, str], theme: Theme) -> None:
    """The place on the scale of both networks and the controls; right of it the networks' accuracy here and there."""
    models = [numbers["honest"], numbers["cheat"]]
    shown = {name: row for name, row in numbers["rows"].items() if name in models or not row["words"]}
    ends = [end for row in shown.values() for end in row["place"]]
    low, high = min(0, *ends), max(1, *ends)

    def across(place: float) -> float:
        return RULER_LEFT + (place - low) / (high - low) * (RULER_RIGHT - RULER_LEFT)

    for place, words in ((0, "0: blind to the patient"), (1, "1: an expert")):
        page.text(across(place), RULER_TOP - 15, words, color=theme.muted, ha="center", va="baseline")
        page.plot(
            [across(place)] * 2, [RULER_TOP - 13, RULER_TOP + ROW * len(shown) - 8], color=theme.rule, linewidth=1
        )
    for middle, lines in zip(ACCURACIES, (("accuracy", "here"), ("without", "the marker")), strict=True):
        for line, words in zip((31, 15), lines, strict=True):
            page.text(middle, RULER_TOP - line, words, color=theme.muted, ha="center", va="baseline")
    for row, (name, values) in enumerate(shown.items()):
        y, colour, is_model = RULER_TOP + row * ROW, colours.get(name, theme.muted), name in models
        weight = "bold" if is_model else "normal"
        page.text(RULER_LEFT - 20, y, name, color=colour, weight=weight, ha="right", va="center")
        value, *whiskers = map(across, values["place"])
        page.plot(whiskers, [y, y], color=colour, linewidth=4 if is_model else 1.6, alpha=0.5, solid_capstyle="butt")
        page.plot([value], [y], "o", color=colour, markersize=6.5 if is_model else 4.5, markeredgewidth=0)
        for middle, kind in zip(ACCURACIES, ("accuracy", "external"), strict=True):
            if kind in values:
                page.text(middle, y, f"{values[kind][0]:.0%}", color=colour, weight="bold", ha="center", va="center")


if __name__ == "__main__":
    run_stage(main)
