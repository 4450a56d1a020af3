"""Puts the files of a new study into the wheel, and into the sdist; all else of the build stands in pyproject.toml."""

import runpy
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
TEMPLATE = runpy.run_path(str(ROOT / "src/sightline/study_template.py"))
PATTERNS = TEMPLATE["FILES"] + TEMPLATE["PROFILES"]
FILES = TEMPLATE["files_in"](ROOT, PATTERNS)
if missing := [pattern for pattern in PATTERNS if not TEMPLATE["files_in"](ROOT, (pattern,))]:
    raise SystemExit(f"error: {ROOT} has no {', '.join(missing)}; build from the whole checkout, or from an sdist")


class Build(build_py):
    """The package, with one copy of the files where `sightline new` looks for them."""

    def run(self):
        super().run()
        if not self.editable_mode:  # which reads them in the checkout
            for source, target in self._copies().items():
                Path(target).parent.mkdir(parents=True, exist_ok=True)
                self.copy_file(source, target)

    def get_outputs(self, include_bytecode=True):
        return [*super().get_outputs(include_bytecode), *([] if self.editable_mode else self._copies().values())]

    def get_source_files(self):
        return [*super().get_source_files(), *(str(file) for file in FILES)]

    def _copies(self):
        folder = Path(self.build_lib) / "sightline" / TEMPLATE["BUILT"].name
        return {str(file): str(folder / file) for file in FILES}


setup(cmdclass={"build_py": Build})
