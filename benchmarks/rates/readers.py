"""What intervals over readers cover in the paper's design, images read by 5.6 of 14 readers, and with few readers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rates.counting import Line, lines
from sightline.statistics.crossed import crossed_contrast, crossed_draws, crossed_interval
from sightline.statistics.reader_draws import crossed_means, hierarchical_means
from sightline.statistics.resampling import percentile_interval

NUM_READERS, PER_IMAGE = 14, 5.6
OFF, MODEL, EXPERT, MARGIN = 0.2, 0.25, 0.5, 0.25  # scores on other patients' regions, and on the patient's own
IMAGE_SD, NOISE_SD = 0.2, 0.15
RESAMPLES, LEVEL = 300, 0.95

LONG = "default; below some 50 images somewhat too long"
REMARKS = {
    "D_h": LONG,
    "D / D_h": LONG,
    "D - (1 - margin) D_h": LONG,
    "mean of the experts, readers drawn crosswise": "default of the human scale; percentiles",
    "mean of the experts, readers drawn within images": "not used any more: too short where readers differ",
    "D_h of few readers": "holds for these readers: up to 4 are too few to speak for others",
    "as well as an expert, of a map at the bar": "one-sided, 2.5 expected; with up to 4 readers the sentence says so",
}
AT_BAR = OFF + (1 - MARGIN) * (EXPERT - OFF)  # the own score of a map that just fails to look as well as an expert


def readings(num_images: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Image and reader of each reading; readers are not equally busy, and each image has at least 2."""
    num_M = np.full(num_images, 2)
    for _ in range(round(PER_IMAGE * num_images) - 2 * num_images):
        num_M[rng.choice(np.flatnonzero(num_M < NUM_READERS))] += 1
    busy = rng.gamma(5.0, size=NUM_READERS)
    # the largest of -log(uniform) / weight first: draws without replacement, by weight
    order = (rng.exponential(size=(num_images, NUM_READERS)) / busy).argsort(axis=1).argsort(axis=1)
    image_N, reader_N = np.nonzero(order < num_M[:, None])
    return image_N, reader_N


def scores(
    image_N: np.ndarray,
    reader_N: np.ndarray,
    num_images: int,
    reader_sd: float,
    skewed: bool,
    rng: np.random.Generator,
    own_score: float = MODEL,
) -> tuple[np.ndarray, np.ndarray]:
    """Experts' maps on regions, N x N, and a model's, M x N, with effects of images, readers and single readings.

    `own_score`: of the model's maps on their own patients' regions.
    """
    num = len(image_N)
    image, own = (rng.exponential(1, (2, num_images)) - 1) if skewed else rng.standard_normal((2, num_images))
    lenient_R = rng.normal(0, reader_sd, NUM_READERS)
    wide_M, wide_N, seen_M = (rng.normal(0, 0.06, size) for size in (num_images, num, num_images))
    region_N = wide_M[image_N] + rng.normal(0, 0.03, num)
    experts = OFF + (wide_N + 0.3 * lenient_R[reader_N])[:, None] + region_N + rng.normal(0, NOISE_SD, (num, num))
    level_M = IMAGE_SD * image
    experts[range(num), range(num)] = EXPERT + level_M[image_N] + lenient_R[reader_N] + rng.normal(0, 0.15, num)
    model = OFF + seen_M[:, None] + region_N + rng.normal(0, NOISE_SD, (num_images, num))
    model_M = IMAGE_SD * (image / 2 + own * np.sqrt(3) / 2)
    model[image_N, range(num)] = own_score + model_M[image_N] + rng.normal(0, 0.06, num)
    return experts, model


def coverages(studies: int) -> list[Line]:
    """50 images at reader SD 0, 0.05 and 0.115; 16 and 21 as well at 0.05; skewed effects of images."""
    rows = []
    for condition, patients, reader_sd, skewed in (
        ("reader SD 0", (50,), 0.0, False),
        ("reader SD 0.05", (16, 21, 50), 0.05, False),
        ("reader SD 0.115", (50,), 0.115, False),
        ("reader SD 0.05, skewed images", (21, 50), 0.05, True),
    ):

        def study(num_images: int, rng: np.random.Generator, reader_sd=reader_sd, skewed=skewed) -> Mapping[str, bool]:
            image_N, reader_N = readings(num_images, rng)
            experts, model = scores(image_N, reader_N, num_images, reader_sd, skewed, rng)
            images = np.arange(num_images)
            draws = crossed_draws(images, image_N, reader_N, RESAMPLES, rng)
            human, human_B = crossed_contrast([images], [experts], image_N, reader_N, image_N, reader_N, images, draws)
            value, value_B = crossed_contrast([images], [model], images, None, image_N, reader_N, images, draws)
            d, d_h, least = MODEL - OFF, EXPERT - OFF, 1 - MARGIN
            covers = {}
            for name, estimate, estimate_B, truth in (
                ("D_h", human, human_B, d_h),
                ("D / D_h", value / human, value_B / human_B, d / d_h),
                ("D - (1 - margin) D_h", value - least * human, value_B - least * human_B, d - least * d_h),
            ):
                low, high = crossed_interval(estimate, estimate_B, LEVEL, num_images)
                covers[name] = low <= truth <= high
            own_N = np.diagonal(experts)
            by_image = [own_N[image_N == image][None] for image in images]
            names = [[str(reader) for reader in reader_N[image_N == image]] for image in images]
            for name, means_B in (
                ("crosswise", crossed_means(by_image, images, names, RESAMPLES, rng)),
                ("within images", hierarchical_means(by_image, images, RESAMPLES, rng)),
            ):
                low, high = percentile_interval(means_B[:, 0], LEVEL)
                covers[f"mean of the experts, readers drawn {name}"] = low <= EXPERT <= high
            return covers

        rows += lines(condition, "coverage", study, max(1, studies // 2), patients)
    order = {name: place for place, name in enumerate(REMARKS)}
    return sorted(rows, key=lambda row: order[row.what])


def few_readers(studies: int) -> list[Line]:
    """2 to 8 readers who all read all images, and whose skill differs little or much."""
    rows = []
    for reader_sd in (0.05, 0.1):
        for num_readers in (2, 3, 4, 5, 8):

            def study(
                num_images: int, rng: np.random.Generator, reader_sd=reader_sd, num_readers=num_readers
            ) -> Mapping[str, bool]:
                images = np.arange(num_images)
                image_N, reader_N = np.repeat(images, num_readers), np.tile(np.arange(num_readers), num_images)
                experts, model = scores(image_N, reader_N, num_images, reader_sd, False, rng, AT_BAR)
                draws = crossed_draws(images, image_N, reader_N, RESAMPLES, rng)
                of = image_N, reader_N, images, draws
                human, human_B = crossed_contrast([images], [experts], image_N, reader_N, *of)
                value, value_B = crossed_contrast([images], [model], images, None, *of)
                low, high = crossed_interval(human, human_B, LEVEL, num_images)
                gap, gap_B = value - (1 - MARGIN) * human, value_B - (1 - MARGIN) * human_B
                return {
                    "D_h of few readers": low <= EXPERT - OFF <= high,
                    "as well as an expert, of a map at the bar": crossed_interval(gap, gap_B, LEVEL, num_images)[0] > 0,
                }

            condition = f"{num_readers} readers, reader SD {reader_sd}"
            rows += lines(condition, "coverage", study, max(1, studies // 2), (24, 50))
    return sorted(rows, key=lambda row: row.what)
