"""Does a chest X-ray classifier look where medical experts look?"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sightline.api.annotations import agreement, consensus, read_annotations
    from sightline.api.checks import ModelCheck, check_model
    from sightline.api.films import PhantomStudy, phantom, read_film
    from sightline.api.marks import Annotations
    from sightline.api.models import explain, load_model
    from sightline.api.score import score, verdict
    from sightline.api.scores import Scores
    from sightline.api.verdicts import Verdict
    from sightline.study.errors import StudyError

    __version__: str

__all__ = [
    "Annotations",
    "ModelCheck",
    "PhantomStudy",
    "Scores",
    "StudyError",
    "Verdict",
    "agreement",
    "check_model",
    "consensus",
    "explain",
    "load_model",
    "phantom",
    "read_annotations",
    "read_film",
    "score",
    "verdict",
]

# Each name is loaded when it is first asked for: `import sightline`, which every stage and command runs, loads nothing.
_MODULES = {
    "api.annotations": ("agreement", "consensus", "read_annotations"),
    "api.checks": ("ModelCheck", "check_model"),
    "api.films": ("PhantomStudy", "phantom", "read_film"),
    "api.marks": ("Annotations",),
    "api.models": ("explain", "load_model"),
    "api.score": ("score", "verdict"),
    "api.scores": ("Scores",),
    "api.verdicts": ("Verdict",),
    "study.errors": ("StudyError",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


if not TYPE_CHECKING:  # a type checker would take any name for a public one

    def __getattr__(name: str) -> Any:
        """A public name, or the version of the installed package."""
        if name == "__version__":
            from importlib.metadata import version

            return version("sightline")
        if name not in _HOMES:
            raise AttributeError(f"module 'sightline' has no attribute {name!r}")
        try:
            value = getattr(import_module(f"sightline.{_HOMES[name]}"), name)
        except ModuleNotFoundError as error:
            from sightline.study.extras import missing_in

            missing = missing_in(error)
            if missing is None:
                raise
            raise ModuleNotFoundError(f"sightline.{name}: {missing}", name=error.name) from None
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
