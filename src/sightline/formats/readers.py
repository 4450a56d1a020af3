"""The formats of experts' files that can be read, how each is recognised, and one way to read any of them.

A format is one file of this package with one function (path, options) -> FileContents, and one line in FORMATS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from sightline.formats.annotations import FileContents, ImportOptions
from sightline.formats.fields import nearest_name
from sightline.formats.peek import Peek
from sightline.formats.unknown import unknown
from sightline.names import SUFFIXES
from sightline.study.errors import StudyError
from sightline.study.extras import missing_in

ACCEPTED = "; accepted are "
MOST_SHOWN = 10  # files of no known format that an error lists


@dataclass(frozen=True)
class Format:
    """One format of experts' files."""

    title: str
    """What it is called, for people."""
    reader: str
    """module:function below sightline.formats; loaded only when a file is read, so that a look loads no other one."""
    fits: Callable[[Peek], bool]
    """Whether a file or folder looks like it; at most one format's answer is yes."""
    frame: tuple[int, int] | None = None
    """(rows, columns) in which files count, where all films of the format have one size and no file states it."""

    def read(self, path: Path, options: ImportOptions) -> FileContents:
        """What the file holds; StudyError if it is not of this format, or needs a package that is not installed."""
        module, function = self.reader.split(":")
        try:
            reader = import_module(f"sightline.formats.{module}")
        except ModuleNotFoundError as error:
            missing = missing_in(error)
            if missing is None:
                raise
            raise StudyError(f"{path}: {missing}") from None
        contents: FileContents = getattr(reader, function)(path, options)
        return contents


def has_keys(*keys: str) -> Callable[[Peek], bool]:
    """Recognises a JSON object with all `keys`."""
    return lambda peek: isinstance(peek.document, dict) and all(key in peek.document for key in keys)


def has_columns(*columns: str) -> Callable[[Peek], bool]:
    """Recognises a CSV with all `columns`, upper and lower case alike."""
    names = {column.lower() for column in columns}
    return lambda peek: names <= {column.lower() for column in peek.columns}


def has_items(*keys: str) -> Callable[[Peek], bool]:
    """Recognises a JSON list whose first item is an object with all `keys`."""
    return lambda peek: (
        isinstance(peek.document, list)
        and bool(peek.document)
        and isinstance(peek.document[0], dict)
        and all(key in peek.document[0] for key in keys)
    )


def _is_chexlocalize(peek: Peek) -> bool:
    """Objects by image whose values are objects: run lengths with a size, or polygons beside `img_size`."""
    document = peek.document
    if not isinstance(document, dict) or not all(isinstance(entry, dict) for entry in document.values()):
        return False
    first: dict[str, Any] = next((entry for entry in document.values() if entry), {})  # an image may have no finding
    return "img_size" in first or (bool(first) and all(isinstance(v, dict) and "counts" in v for v in first.values()))


def _is_png_folder(peek: Peek) -> bool:
    """PNGs, and no file that may be a document about them."""
    suffixes = {Path(name).suffix.lower() for name in peek.names}
    return ".png" in suffixes and suffixes.isdisjoint({".csv", ".dcm", ".json", ".npz", ".xml"})


def _is_via(peek: Peek) -> bool:
    """A project of the VGG Image Annotator, or objects by image with a file name and regions."""
    document = peek.document
    if not isinstance(document, dict) or not document:
        return False
    entry = next(iter(document.values()))
    return "_via_img_metadata" in document or (isinstance(entry, dict) and {"filename", "regions"} <= entry.keys())


def _is_nih(peek: Peek) -> bool:
    """By the first two columns and six or more in all; NIH's table of labels has `Finding Labels`."""
    return peek.columns[:2] == ["Image Index", "Finding Label"] and len(peek.columns) >= 6


def _is_reflacx(peek: Peek) -> bool:
    """A folder of a reading, of readings, or the data set's own; or the ellipses of one reading."""
    ellipses = "anomaly_location_ellipses.csv"
    if not peek.path.is_dir():
        return {"xmin", "ymin", "xmax", "ymax", "certainty"} <= set(peek.columns)
    below = peek.path / "main_data"  # where the data set's own folder has the readings
    folders = [peek.path / name for name in peek.names] + (sorted(below.iterdir()) if below.is_dir() else [])
    return ellipses in peek.names or any((folder / ellipses).is_file() for folder in folders)


def _is_rsna(peek: Peek) -> bool:
    """The boxes, or the classes of whole films that lie beside them, which are refused with that reason."""
    columns = {column.lower() for column in peek.columns}
    return columns >= {"patientid", "target"} or columns == {"patientid", "class"}


FORMATS: dict[str, Format] = {
    "chestx-det": Format(
        "ChestX-Det's JSON", "chestx_det:read_chestx_det", has_items("file_name", "syms"), frame=(1024, 1024)
    ),
    "chexlocalize": Format("cheXlocalize's JSON", "chexlocalize:read_chexlocalize", _is_chexlocalize),
    "coco": Format("COCO's JSON", "coco:read_coco", has_keys("images", "annotations")),
    "cvat": Format("CVAT for images 1.1", "cvat:read_cvat", lambda peek: peek.root == "annotations"),
    "dicom-seg": Format("DICOM segmentations", "dicom_seg:read_dicom_seg", lambda peek: peek.is_dicom),
    "label-studio": Format(
        "Label Studio's JSON or JSON-MIN",
        "label_studio:read_label_studio",
        lambda peek: has_items("annotations", "data")(peek) or has_items("annotation_id")(peek),
    ),
    "labelme": Format("labelme's JSON", "labelme:read_labelme", has_keys("shapes", "imagePath")),
    "mdai": Format("MD.ai's JSON", "mdai:read_mdai", has_keys("datasets", "labelGroups")),
    "ms-cxr": Format(
        "MS-CXR's CSV",
        "ms_cxr:read_ms_cxr",
        has_columns("dicom_id", "category_name", "x", "y", "w", "h", "image_width", "image_height"),
    ),
    "nih": Format("NIH's BBox_List_2017.csv", "nih:read_nih", _is_nih, frame=(1024, 1024)),
    "npz": Format("an NPZ of masks", "npz:read_npz_masks", lambda peek: peek.suffix == ".npz"),
    "padchest-gr": Format("PadChest-GR's JSON", "padchest_gr:read_padchest_gr", has_items("ImageID", "findings")),
    "png": Format("a folder of PNG masks", "png_folder:read_png_folder", _is_png_folder),
    "reflacx": Format("REFLACX's ellipses", "reflacx:read_reflacx", _is_reflacx),
    "rsna": Format("RSNA Pneumonia's CSV", "rsna:read_rsna", _is_rsna, frame=(1024, 1024)),
    "siim": Format(
        "SIIM-ACR's run lengths", "siim:read_siim", has_columns("ImageId", "EncodedPixels"), frame=(1024, 1024)
    ),
    "via": Format("the VGG Image Annotator's JSON", "via:read_via", _is_via),
    "vindr": Format(
        "VinDr-CXR's and VinDr-PCXR's CSV",
        "vindr:read_vindr",
        has_columns("image_id", "class_name", "x_min", "y_min", "x_max", "y_max"),
    ),
}


def format_of(path: Path) -> str:
    """The key in FORMATS of the file or folder at `path`; StudyError that says what it looks like if there is none."""
    _refuse_absent(path)
    peek = Peek(path)
    fitting = [key for key, format in FORMATS.items() if format.fits(peek)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise StudyError(f"{path}: may be {' or '.join(fitting)}; say which with --format")
    raise StudyError(f"{path}: {unknown(peek)}{ACCEPTED}{accepted()}")


def _refuse_absent(path: Path) -> None:
    if not path.exists():
        raise StudyError(f"{path}: no such file or folder")


def accepted() -> str:
    """The titles of all formats, for messages and help."""
    return ", ".join(sorted((format.title for format in FORMATS.values()), key=str.casefold))


def files_at(path: Path, format: str | None = None) -> list[tuple[Path, str]]:
    """The files to read at `path`, each with the key of its format.

    `format`: the key for all of them; None: each is recognised. A folder that is not itself of a format stands for the
    files and folders in it, but for hidden ones and for films beside a .json of their name, which labelme has.
    StudyError that lists those of no known format.
    """
    if format is not None and format not in FORMATS:
        raise StudyError(f"format {format!r} cannot be read{nearest_name(format, FORMATS)}")
    _refuse_absent(path)
    peek = Peek(path)  # one for all formats: each would list the folder again
    if not path.is_dir() or any(kind.fits(peek) for kind in FORMATS.values()):
        return [(path, format or format_of(path))]
    files, problems = [], []
    for part in sorted(path.iterdir()):
        is_film = part.suffix.lower() in SUFFIXES and part.with_suffix(".json").is_file()
        if part.name.startswith(".") or is_film:
            continue
        try:
            files.append((part, format or format_of(part)))
        except StudyError as error:
            problems.append(str(error).partition(ACCEPTED)[0])
    if not files:
        example = f" ({problems[0]})" if problems else ""
        raise StudyError(f"{path}: {unknown(Peek(path))}{example}{ACCEPTED}{accepted()}")
    if problems:
        more = [f"... and {len(problems) - MOST_SHOWN} more"] if len(problems) > MOST_SHOWN else []
        raise StudyError(
            f"{path}: holds files of no known format; take them out, or name the others alone",
            problems[:MOST_SHOWN] + more,
        )
    return files


def read_files(paths: Iterable[Path], options: ImportOptions, format: str | None = None) -> FileContents:
    """What all files at `paths` hold together, in the order of the paths; see `files_at` for folders and `format`.

    Problems, notes and the drawings' sources begin with the path where there are several files. StudyError where a file
    cannot be read at all.
    """
    files = [found for path in paths for found in files_at(path, format)]
    together = FileContents()
    for path, key in files:
        contents = FORMATS[key].read(path, options)
        where = f"{path}: " if len(files) > 1 else ""
        together.drawings += [replace(drawing, source=f"{where}{drawing.source}") for drawing in contents.drawings]
        together.problems += [f"{where}{problem}" for problem in contents.problems]
        together.notes += [f"{where}{note}" for note in contents.notes]
        if frame := FORMATS[key].frame:
            _note_frame(f"{where}{FORMATS[key].title}", frame, contents, options, together)
        together.images |= contents.images
        together.labels |= contents.labels
        together.num_skipped += contents.num_skipped
        together.num_nameless += contents.num_nameless
    return together


def _note_frame(
    what: str, frame: tuple[int, int], contents: FileContents, options: ImportOptions, together: FileContents
) -> None:
    """Says in what pixels a file counts that does not state it: on films of another size its regions are misplaced."""
    if contents.drawings and options.size is None and options.is_size_needed:
        rows, columns = frame
        together.notes.append(
            f"{what} states no size: it counts in {rows} x {columns} pixels unless --image-size is given"
        )
