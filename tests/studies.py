"""Studies for tests: written, changed, and run stage by stage, in this process, in one of its own, or by DVC."""

from __future__ import annotations

import gc
import importlib
import importlib.util
import io
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ruamel.yaml import YAML

from sightline import cli
from sightline.study.errors import run_stage

ROOT = Path(__file__).parents[1]
KERMANY = r"^(?:(person\d+)_(bacteria|virus)|((?:NORMAL2-)?IM-\d+))"  # patients in Kermany's file names
has_dvc = pytest.mark.skipif(importlib.util.find_spec("dvc") is None, reason="dvc is not installed")


def study(folder: Path, **changes: object) -> Path:
    """The smoke profile in `folder`, with `section__key=value` changed."""
    yaml = YAML()
    params = yaml.load(ROOT / "profiles" / "smoke.yaml")
    for path, value in changes.items():
        section, key = path.split("__")
        params[section][key] = value
    folder.mkdir(parents=True, exist_ok=True)
    yaml.dump(params, folder / "params.yaml")
    return folder


def change(folder: Path, **values: object) -> None:
    """Sets top-level keys of params.yaml."""
    yaml = YAML()
    params = yaml.load(folder / "params.yaml")
    params.update(values)
    yaml.dump(params, folder / "params.yaml")


def image_tree(root: Path, train: int = 8, test: int = 3) -> Path:
    """A folder study's images: noise of 70 x 90 pixels, so many of each class and part."""
    rng = np.random.default_rng(0)
    for part, count in (("train", train), ("test", test)):
        for name in ("NORMAL", "PNEUMONIA"):
            (root / part / name).mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 255, (70, 90), dtype=np.uint8)
                Image.fromarray(pixels).save(root / part / name / f"{part}-{name}-{number}.png")
    return root


def maps_study(folder: Path, images: list[str]) -> Path:
    """A study of external maps alone on blank 224-pixel images; the caller fills maps/ and masks/."""
    study(
        folder, data__source="folder", data__root="raw", data__height=224, data__width=224,
        consensus__source="masks", consensus__folder="masks", align__random_maps=20,
    )  # fmt: skip
    change(folder, threshold=0.765, models={"peer": {"maps": "maps", "method": "lime"}})
    for name in ("raw/test/PNEUMONIA", "maps", "masks"):
        (folder / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for image in images:
        pixels = rng.integers(0, 255, (224, 224), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"raw/test/PNEUMONIA/{image}.png")
        mask = np.zeros((224, 224), np.uint8)
        mask[50:100, 60:120] = 255
        Image.fromarray(mask).save(folder / f"masks/{image}.png")
    return folder


def stage(name: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One stage in this process, in `folder`, with the output and exit code that a process of its own would have.

    That the script does the same from a user's shell is what the tests that call `script` show, for every stage.
    """
    module = importlib.import_module(f"sightline.stages.{name}")
    return _called(lambda: run_stage(module.main), folder, [f"{name}.py", *arguments], {})


def sightline(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command `sightline` in this process, in `folder`."""
    return _called(cli.main, folder, ["sightline", *words], environment)


def _called(
    main: Callable[[], None], folder: Path, argv: list[str], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(folder)
        patch.setattr(sys, "argv", argv)
        for name, value in environment.items():
            patch.setenv(name, value)
        gc.freeze()  # so that the collection below looks at what `main` has made, and not at 500,000 older objects
        try:
            main()
        except SystemExit as end:
            code = end.code
        finally:
            gc.collect()  # closes files and stores that the end of a process would close
            gc.unfreeze()
    assert isinstance(code, int)
    return subprocess.CompletedProcess(argv, code, out.getvalue(), err.getvalue())


def script(name: str, folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """One stage as a user runs it, a process of its own, in `folder`."""
    command = [sys.executable, str(ROOT / "src" / f"{name}.py"), *arguments]
    return subprocess.run(command, cwd=folder, env=os.environ | environment, capture_output=True, text=True)


def run(folder: Path, *names: str) -> None:
    """Stages in turn, each of which must succeed: `run(folder, "prepare", "train alexnet-scratch-gap")`."""
    for name in names:
        program, *arguments = name.split()
        done = stage(program, folder, *arguments)
        assert done.returncode == 0, f"{name}: {done.stderr}"


def committed(path: str) -> str:
    """The last commit's text of a file, whatever a user has computed, chosen or measured since then."""
    return _git("show", f"HEAD:{path}")


def committed_files(folder: str) -> list[str]:
    """The paths of the files that the last commit has in a folder."""
    return _git("ls-tree", "--name-only", "HEAD", f"{folder}/").splitlines()


def _git(*arguments: str) -> str:
    def git(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)

    top = git("rev-parse", "--show-toplevel")
    if top.returncode != 0 or Path(top.stdout.strip()).resolve() != ROOT.resolve():
        pytest.skip("no Git history beside these files, so nothing says what was committed")
    done = git(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def dvc(folder: Path, *arguments: str) -> str:
    """What `dvc ...` prints, which must succeed."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1"}
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def stages_run(output: str) -> list[str]:
    """The stages that `dvc repro` ran, by name, in order."""
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]
