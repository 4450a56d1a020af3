"""A densenet121 trained outside on real X-rays, in four kinds of file: probabilities and Grad-CAM are its script's own.

The small version of `benchmarks/own_model_proof.py`, whose numbers are in docs/own-models.md.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import own_model_proof
import trained_outside

DATA = Path(__file__).parents[3] / "shared" / "data"
needs_films = pytest.mark.skipif(not DATA.is_dir(), reason="the real X-rays are not on this machine")
FEW = ("person1_virus_9", "person161_bacteria_759", "person1661_virus_2872")  # those with the largest regions


@needs_films
@pytest.mark.slow  # trains and exports a densenet121, then eleven stages: a minute and a half of processor time
def test_a_network_of_another_script_is_the_same_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pytorch_grad_cam")
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    (tmp_path / "regions").mkdir()
    for name in FEW:
        shutil.copy(DATA / "paper-cases/consensus" / f"{name}.png", tmp_path / "regions")
    (tmp_path / "regions.txt").write_text("\n".join(FEW))
    images, outside, out = str(DATA / "kermany224"), str(tmp_path / "outside"), tmp_path / "proof.json"
    train = ["trained_outside.py", images, str(tmp_path / "regions.txt"), outside]
    monkeypatch.setattr("sys.argv", [*train, "--train", "8", "--test", "6", "--epochs", "1"])
    trained_outside.main()
    proof = ["own_model_proof.py", images, str(tmp_path / "regions"), outside, "--films", "5", "--few", "4"]
    monkeypatch.setattr("sys.argv", [*proof, "--out", str(out)])
    own_model_proof.main()
    results = json.loads(out.read_text())
    assert list(results) == ["state-dict", "checkpoint", "pt2", "onnx"]
    for key, result in results.items():
        assert result["probability_differs_by"] <= 1e-5, key
        assert result["methods"] == (["occlusion"] if key == "onnx" else ["cam", "gradcam"])
    for key in ("state-dict", "checkpoint", "pt2"):
        assert results[key]["gradcam_differs_by_relu"] <= 1e-5
        assert results[key]["gradcam_differs_by_relu_of_largest"] <= 1e-4
        assert results[key]["check"]["exact"] == "ok"
