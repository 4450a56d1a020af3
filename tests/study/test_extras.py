"""A package that is not installed is one line that says what to install, whatever needs it."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from sightline.study.extras import EXTRAS, missing_in, missing_package
from studies import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# beside the extras: peers of the saliency methods that name them, and code that users are shown
NAMED_WHERE_USED = {"captum", "pytorch_grad_cam"}
WITHOUT = "import sys; sys.modules.update(dict.fromkeys({modules})); import sightline; {code}"
COMMAND = "import sightline.cli; sys.argv = ['sightline', *{words!r}]; sightline.cli.main()"


def without_train(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """`code` run as where the extra `train` is not installed."""
    text = WITHOUT.format(modules=EXTRAS["train"].modules, code=code)
    return subprocess.run([sys.executable, "-c", text], cwd=folder, capture_output=True, text=True)


def distribution(requirement: str) -> str:
    """The name in a requirement, as names are compared."""
    return re.split(r"[\s<>=;\[]", requirement)[0].lower().replace("_", "-")


def test_words_name_the_extra_or_the_whole() -> None:
    assert missing_package("torch.nn") == "the package torch is missing; pip install 'sightline[train]'"
    assert missing_package("numpy") == "the package numpy is missing; sightline doctor says what to install"
    assert missing_in(ModuleNotFoundError(name="jpeg_ls")) == missing_package("jpeg_ls")
    assert missing_in(ModuleNotFoundError(name="sightline.nothing")) is None
    assert missing_in(ModuleNotFoundError()) is None


def test_the_extras_modules_are_those_of_pyproject() -> None:
    of_module = packages_distributions()
    for extra, one in EXTRAS.items():
        known = {name.lower() for module in one.modules for name in of_module.get(module, ())}
        assert {distribution(text) for text in PROJECT["optional-dependencies"][extra]} - known <= {"ruamel.yaml.clib"}


def test_whatever_we_import_is_required_or_of_an_extra() -> None:
    of_module = packages_distributions()
    required = {distribution(text) for text in PROJECT["dependencies"]}
    known = {module for one in EXTRAS.values() for module in one.modules} | NAMED_WHERE_USED
    unknown = {}
    for path in sorted((ROOT / "src/sightline").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            for top in {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"sightline"} - known:
                if not required & {name.lower() for name in of_module.get(top, ())}:
                    unknown.setdefault(top, path.relative_to(ROOT))
    assert unknown == {}


@pytest.mark.parametrize(
    ("words", "package"),
    [
        (["explain", "net.safetensors", "films", "--out", "maps"], "torch"),
        (["model", "check", "net"], "torch"),
        (["cluster", "status"], "dvc"),
        (["experiments"], "dvc"),
    ],
)
def test_a_command_without_its_packages_is_one_line(tmp_path: Path, words: list[str], package: str) -> None:
    done = without_train(COMMAND.format(words=words), tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"error: the package {package} is missing; pip install 'sightline[train]'\n"


def test_the_api_without_torch_scores_and_says_what_explaining_needs(tmp_path: Path) -> None:
    code = "study = sightline.phantom(2, seed=0); print(sightline.score(study.truth, study.regions).verdict); "
    done = without_train(code + "sightline.explain", tmp_path)
    assert "this study cannot tell" in done.stdout
    last = done.stderr.splitlines()[-1]
    assert last == (
        "ModuleNotFoundError: sightline.explain: the package torch is missing; pip install 'sightline[train]'"
    )
