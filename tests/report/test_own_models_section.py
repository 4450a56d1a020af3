"""The report's section on classifiers trained elsewhere: what each is, warnings first, and its row among the others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reports import EXTERNAL, NETWORKS, OWN, Elements, fabricate, model_check, words_of, written
from sightline.study.files import write_json

pytestmark = pytest.mark.usefixtures("plain_figures")


def page(root: Path, monkeypatch: pytest.MonkeyPatch, **statuses: str) -> str:
    if not (root / "params.yaml").exists():
        fabricate(root, OWN | NETWORKS | EXTERNAL)
    write_json(root / "metrics/models/ours.json", model_check(**statuses))
    return written(root, monkeypatch)


def section(text: str) -> str:
    return words_of(re.search(r'<section id="own-models">.*?</section>', text, re.DOTALL)[0])  # type: ignore[index]


def test_an_own_model_is_a_row_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = page(tmp_path, monkeypatch)
    assert not Elements(text).open
    first = words_of(text[text.index('<div class="first">') : text.index("<nav")])
    assert "ours" in first
    assert "check" not in first
    tables = words_of(text[text.index("Table 4") :])
    assert re.search(r"ours elsewhere own 7\.1M", tables)

    found = section(text)
    assert found.startswith("Classifiers trained elsewhere The check of ours finds nothing wrong. ours ")
    assert "A network from code, 7,123,456 parameters: models/ours.py (SHA-256 abababababab)." in found
    assert "it was in train mode and is now in eval mode; its weights were float16 and are now float32." in found
    takes = "It takes 320 x 300 pixels, 1 channel; black is −1,024 and white 1,024, then minus 0.4, divided by 0.2."
    assert takes in found
    assert "It received 1 x 320 x 300: from −1,020 to 998, mean −12.5." in found
    assert "Saliency methods that work: cam, gradcam, rise. Not smoothgrad: no gradient reaches the image." in found


def test_what_fails_comes_first_then_what_warns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = page(tmp_path, monkeypatch, accuracy="warning", sign="fails")
    found = section(text)
    assert "The check of ours fails: do not rely on its results." in found
    fails, warns, what = (
        found.index(word) for word in ("Fails: AUROC", "Warning: Accuracy 52%", "A network from code")
    )
    assert fails < warns < what
    first = words_of(text[text.index('<div class="first">') : text.index("<nav")])
    assert "check not ready: the label turned round" in first
    warned = section(page(tmp_path, monkeypatch, accuracy="warning"))
    assert "The check of ours warns." in warned


def test_without_own_models_there_is_no_section_and_without_a_check_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fabricate(tmp_path, OWN | NETWORKS)
    assert "ours was not checked." in section(written(tmp_path, monkeypatch))
    fabricate(tmp_path, NETWORKS)
    text = written(tmp_path, monkeypatch)
    assert 'id="own-models"' not in text
    assert "They see 48 x 48 pixels in three channels; black is 0 and white 1" in words_of(text)
