"""Draws README's picture from a finished study: one image, the readers' region, two saliency maps, and the ladder.

Nothing is chosen by eye. The two maps are those of the networks with the highest and the lowest mean of the ladder's
primary metric, by Grad-CAM; the image is the one on which the better network's score is the median of its upper half.
Run in the study's folder after `dvc repro`: python docs/overview_picture.py docs/overview.png
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from sightline.maps import scaled_maps

METHOD = "gradcam"
INK, MUTED, REGION, BASELINE, MODEL = "#1b1f24", "#6a737d", "#1f77ff", "#b8bfc7", "#d1495b"
WORDS = {
    "uniform": "uniform map",
    "random_in_image": "random blobs",
    "centred_gaussian": "blob in the middle",
    "edges": "edges of the image",
    "random_in_lungs": "random blobs in the lungs",
    "lungs": "both lungs",
    "other_region": "another patient's region",
    "atlas": "the experts' prior",
}


def main() -> None:
    target = Path(sys.argv[1])
    ladder = json.loads(Path("metrics/ladder.json").read_text())
    metric = ladder["primary"]
    means = {model: methods[METHOD][metric]["value"] for model, methods in ladder["models"].items()}
    best, worst = max(means, key=lambda model: means[model]), min(means, key=lambda model: means[model])
    scores = pd.read_csv("data/ladder.csv").query(f"candidate == '{best}.{METHOD}'").sort_values(metric)
    image = str(scores["image"].iloc[3 * len(scores) // 4])

    with np.load("data/consensus.npz", allow_pickle=False) as stored:
        region_HW = stored["consensus"][stored["images"].tolist().index(image)]
    index = pd.read_csv("data/prepared/index.csv")
    row = int(index.index[index["image"] == image][0])
    pixels_HW = np.load("data/prepared/images.npy", mmap_mode="r", allow_pickle=False)[row]
    maps_HW = {}
    for model in (best, worst):
        with np.load(f"data/saliency/{model}.npz", allow_pickle=False) as stored:
            raw_hw = stored[METHOD][stored["images"].tolist().index(image)]
        maps_HW[model] = scaled_maps(raw_hw[None], *pixels_HW.shape)[0]

    mpl.rcParams.update({"font.family": "DejaVu Sans", "font.size": 9})
    figure = Figure(figsize=(10.4, 5.9), dpi=120, facecolor="white")
    top = figure.subfigures(2, 1, height_ratios=(1.15, 1))
    panels = top[0].subplots(1, 4)
    top[0].subplots_adjust(left=0.02, right=0.98, top=0.86, bottom=0.02, wspace=0.04)
    titles = ("X-ray", "Where readers look", f"{best}:\nhighest on the ladder", f"{worst}:\nlowest on the ladder")
    for panel, title in zip(panels, titles, strict=True):
        panel.imshow(pixels_HW, cmap="gray", vmin=0, vmax=255)
        panel.set_title(title, color=INK, fontsize=9)
        panel.axis("off")
    for panel in panels[1:]:
        panel.contour(region_HW, levels=[0.5], colors=[REGION], linewidths=1.6)
    for panel, map_HW in zip(panels[2:], maps_HW.values(), strict=True):
        panel.imshow(map_HW, cmap="inferno", alpha=0.55 * np.sqrt(map_HW), vmin=0, vmax=1)
    draw_ladder(top[1].subplots(), ladder, metric)
    top[1].subplots_adjust(left=0.24, right=0.96, top=0.88, bottom=0.16)
    figure.savefig(target, metadata={"Software": None})
    print(f"{target}: {image}; {best} {means[best]:.3f}, {worst} {means[worst]:.3f} ({metric})")


def draw_ladder(axes: Axes, ladder: dict, metric: str) -> None:
    """Means of baselines and models on the primary metric, the highest on top; models with their intervals."""
    rows = [(WORDS[name], values[metric], None) for name, values in ladder["baselines"].items() if name in WORDS]
    for model, methods in ladder["models"].items():
        mean = methods[METHOD][metric]
        rows.append((model, mean["value"], (mean["low"], mean["high"])))
    rows.sort(key=lambda item: item[1])
    for place, (_, value, interval) in enumerate(rows):
        axes.barh(place, value, height=0.68, color=MODEL if interval else BASELINE)
        if interval:
            axes.plot(interval, [place, place], color=INK, linewidth=1.2)
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows], fontsize=7.5)
    for label, (_, _, interval) in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_color(MODEL if interval else MUTED)
    names = {"ap": "average precision", "rank": "relevance rank", "mass": "relevance mass"}
    axes.set_title(
        f"The ladder: {names.get(metric, metric)}, models (red) among maps that do not know the finding", fontsize=9
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlim(0)


if __name__ == "__main__":
    main()
