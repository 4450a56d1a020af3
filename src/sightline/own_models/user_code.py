"""The user's own Python file, imported and called; what goes wrong in it is reported by its file and line.

The file runs as code, with the rights of the person who runs Sightline. Nothing of it is fetched or checked for safety:
it is the user's own, like a script.
"""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from sightline.own_models.files_read import note_read
from sightline.study.errors import StudyError

OWN = "sightline_own_"  # begins the names of users' files as modules


def imported_file(path: Path) -> ModuleType:
    """The file as a module, under a name that no other module has; StudyError where it is missing or fails."""
    if not path.is_file():
        near = sorted(str(file) for file in path.parent.glob("*.py")) if path.parent.is_dir() else []
        there = f"; there are {', '.join(near)}" if near else ""
        raise StudyError(f"{path}: not there{there}; `sightline model new {path.stem}` writes one to start from")
    name = f"{OWN}{path.stem}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]}"
    loader = importlib.machinery.SourceFileLoader(name, str(path))
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    _Siblings(path.parent).forget()
    sys.modules[name] = module  # where dataclasses look up the names of their fields
    with errors_placed(path, "while it was imported"):
        loader.exec_module(module)
    return module


def called(path: Path, function: Any, *arguments: Any) -> Any:
    """What the file's function returns; an error in it is a StudyError."""
    name = getattr(function, "__name__", type(function).__name__)  # transforms of torchvision are objects
    with errors_placed(path, f"in {name}()"):
        return function(*arguments)


@contextmanager
def errors_placed(path: Path, where: str) -> Iterator[None]:
    """Runs the block with the file's folder importable; its errors become a StudyError with file and line."""
    with folder_importable(path.parent):
        try:
            yield
        except StudyError:
            raise
        except SyntaxError as error:
            raise StudyError(f"{error.filename or path}, line {error.lineno}: {error.msg}") from error
        except (Exception, SystemExit) as error:
            raise StudyError(_placed(path, where, error)) from error


@contextmanager
def folder_importable(folder: Path) -> Iterator[None]:
    """Lets the block import the folder's files by their names; afterwards sys.meta_path is as before.

    Installed packages come first, so that models/timm.py can import timm; Sightline's own stages come last, so that the
    user's train.py is the user's.
    """
    finder = _Siblings(folder)
    hidden = {name: sys.modules.pop(name) for name in finder.names_of_others()}
    sys.meta_path.insert(0, finder)  # type: ignore[arg-type]
    try:
        yield
    finally:
        sys.meta_path.remove(finder)  # type: ignore[arg-type]
        sys.modules.update(hidden)


class _Siblings:
    """Finds the modules that lie beside the user's file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if path is not None or target is not None or _installed(name):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, [str(self.folder)])
        if spec is not None and spec.origin is not None:
            note_read(Path(spec.origin).parent if spec.submodule_search_locations else spec.origin)
        return spec

    def forget(self) -> None:
        """Unloads the folder's modules, so that they are imported, and noted, as if they were new."""
        for name in self._loaded(is_here=True):
            del sys.modules[name]

    def names_of_others(self) -> list[str]:
        """The loaded modules of another folder, such as another model's, whose names this folder's files have too."""
        return self._loaded(is_here=False)

    def _loaded(self, is_here: bool) -> list[str]:
        tops = {path.name.removesuffix(".py") for path in self.folder.glob("*") if path.suffix in (".py", "")}
        meant = {top for top in tops & set(sys.modules) if self._holds(top) == is_here and not _installed(top)}
        return [name for name in sys.modules if name.partition(".")[0] in meant]

    def _holds(self, top: str) -> bool:
        """Whether the loaded module lies in the folder; one without a file does not."""
        file = getattr(sys.modules[top], "__file__", None)
        return file is not None and Path(file).resolve().is_relative_to(self.folder)


def _installed(name: str) -> bool:
    """Whether a package of that name is part of Python or installed, Sightline's stages aside."""
    if name in sys.builtin_module_names or name in sys.stdlib_module_names or name == "sightline":
        return True
    here = Path.cwd().resolve()
    places = [place for place in sys.path if Path(place or ".").resolve() != here and not _has_stages(Path(place))]
    return importlib.machinery.PathFinder.find_spec(name, places) is not None


def _has_stages(place: Path) -> bool:
    """Whether it is the folder src of a copy of Sightline, which an editable install makes importable."""
    return (place / "sightline" / "study").is_dir() and (place / "saliency.py").is_file()


def _placed(path: Path, where: str, error: BaseException) -> str:
    """`models/ours.py, line 12: KeyError: ...`: the last line of the user's folder that the error passed."""
    lines = traceback.extract_tb(error.__traceback__)
    folder = path.resolve().parent
    files = [(Path(line.filename).resolve(), line.lineno) for line in lines]
    own = [place for place in files if place[0].is_relative_to(folder) and "site-packages" not in place[0].parts]
    place = f"{path}"
    if own:
        place = f"{path.parent / own[-1][0].relative_to(folder)}, line {own[-1][1]}"
    text = " ".join(str(error).split())
    shown = text if len(text) <= 300 else f"{text[:300]}..."
    missing = f"; pip install the package of {error.name}" if isinstance(error, ModuleNotFoundError) else ""
    return f"{place}: {type(error).__name__}{': ' if shown else ''}{shown} ({where}){missing}"
