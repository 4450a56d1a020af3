"""Whether maps, masks and films belong together by their sides: what looks turned, or cut, is refused with the fix.

One rule for sizes: a map, a mask and a film each show the whole image. Sizes are (rows, columns).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sightline.aspect import Size, has_aspect, how_to_turn, looks_turned

Sizes = Mapping[str, Sequence[tuple[Size, str]]]
"""By image, the size of each mask and where it is."""
TRANSPOSED = "exchange rows and columns (array.T): an array is rows x columns, not width x height"


def mask_problems(
    sizes: Sizes, films: Mapping[str, Size], paths: Mapping[str, Path], squashed: Size | None
) -> list[str]:
    """One line for each mask that does not have the aspect of its film, or else of the image's first mask.

    `films`: sizes as shown, where they are known; `paths`: their files. A square mask of another aspect counts as
    squashed to a network's input, as does one of the aspect that the user asks for (`squashed`).
    """
    problems = []
    for image, masks in sizes.items():
        for place, (size, where) in enumerate(masks):
            expected, of = (films[image], "film") if image in films else (masks[0][0], "first mask")
            if (place == 0 and of == "first mask") or has_aspect(size, [expected]):
                continue
            is_turned = looks_turned(size, [expected])
            if not is_turned and (size[0] == size[1] or (squashed is not None and has_aspect(size, [squashed]))):
                continue
            fix = how_to_turn(paths.get(image)) if is_turned else "export it for the whole image"
            looks = "it looks turned by 90 degrees" if is_turned else "it does not show the whole image"
            problems.append(f"{where}: {_by(size)}, the {of} of {image} is {_by(expected)}; {looks}: {fix}")
    return problems


def squashed_note(sizes: Sizes, films: Mapping[str, Size]) -> list[str]:
    """What to say of square masks whose films are not square; [] where there are none."""
    odd = [
        image
        for image, masks in sizes.items()
        if image in films and any(size[0] == size[1] and not has_aspect(size, [films[image]]) for size, _ in masks)
    ]
    if not odd:
        return []
    return [f"square masks of films that are not square count as squashed, not as cut; such images: {len(odd):,}"]


def map_problems(maps: Mapping[str, Mapping[str, Size]], sizes: Sizes, films: Mapping[str, Size]) -> list[str]:
    """One line for each map that has the aspect of its film, or else its mask, only with rows and columns exchanged.

    `maps`: by candidate and image, the size of each. A map's own grid may be coarse, square or of any other aspect.
    Maps of one shape, exchanged on some images and not on others, are a network's grid, and are not looked at.
    """
    problems = []
    for candidate, by_image in maps.items():
        shapes = {image: by_image[image] for image in sizes if image in by_image}
        expected = {image: films[image] if image in films else sizes[image][0][0] for image in shapes}
        exchanged = [image for image, shape in shapes.items() if _is_exchanged(shape, expected[image])]
        as_shown = [image for image, shape in shapes.items() if has_aspect(shape, [expected[image]])]
        if len(set(shapes.values())) == 1 and as_shown:
            continue
        problems += [
            f"map of {candidate} on {image}: {_by(shapes[image])}, its image is {_by(expected[image])}; {TRANSPOSED}"
            for image in exchanged
        ]
    return problems


def _is_exchanged(shape: Sequence[int], size: Size) -> bool:
    return has_aspect((shape[1], shape[0]), [size]) and not has_aspect(shape, [size])


def _by(size: Sequence[int]) -> str:
    return f"{size[0]} x {size[1]} (rows x columns)"
