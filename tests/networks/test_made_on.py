"""What is stored of the machine that trains a network: named devices, versions, and no word that changes by itself."""

from __future__ import annotations

import importlib.metadata
import json
import platform

import pytest
import torch

from sightline.networks import made_on as made_on_module
from sightline.networks import processor
from sightline.networks.device import Machine
from sightline.networks.made_on import made_json, made_on

XEON = """processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 207
model name\t: Intel(R) Xeon(R)   Processor
flags\t\t: fpu avx2 avx512f avx512_bf16 amx_bf16

processor\t: 1
cpu family\t: 6
model\t\t: 143
"""


@pytest.fixture
def cpuinfo(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr(processor, "_cpuinfo", lambda: request.param)


@pytest.mark.usefixtures("cpuinfo")
@pytest.mark.parametrize("cpuinfo", [XEON], indirect=True)
def test_a_processor_is_named_with_its_model_and_what_multiplies() -> None:
    """A virtual machine's processors may all be called alike; family and model still differ."""
    assert processor.cpu_name() == "Intel(R) Xeon(R) Processor (family 6, model 207)"
    assert processor.vector_unit() == "amx_bf16"
    machine = Machine(torch.device("cpu"), torch.bfloat16)
    assert made_on(machine)["device"] == {
        "type": "cpu",
        "name": "Intel(R) Xeon(R) Processor (family 6, model 207)",
        "precision": "bfloat16",
        "instructions": "amx_bf16",
        "threads": torch.get_num_threads(),
    }


@pytest.mark.usefixtures("cpuinfo")
@pytest.mark.parametrize("cpuinfo", ["", "processor : 0\nBogoMIPS : 50.00\nFeatures : fp asimd\n"], indirect=True)
def test_off_linux_and_on_arm_the_machine_stands_for_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    assert processor.cpu_name() == "arm64"
    assert processor.vector_unit() == ""
    assert processor.cpu_flags() == set()


def test_a_gpu_is_named_with_the_cuda_that_pytorch_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"NVIDIA H100, {device.index}")
    monkeypatch.setattr(torch.version, "cuda", "13.2")
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 92600)
    record = made_on(Machine(torch.device("cuda", 1), torch.float16))
    assert record["device"] == {"type": "cuda", "name": "NVIDIA H100, 1", "precision": "float16"}
    assert (record["versions"]["cuda"], record["versions"]["cudnn"]) == ("13.2", "92600")


def test_versions_are_those_that_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made_on_module, "PACKAGES", ("torch", "numpy", "no-such-package"))
    versions = made_on(Machine(torch.device("cpu"), torch.float32))["versions"]
    assert versions == {
        "Python": platform.python_version(),
        "torch": str(torch.__version__),  # with the build, which the package's metadata leave out
        "numpy": importlib.metadata.version("numpy"),
    }


def test_the_file_names_each_machine_once_in_the_order_of_use() -> None:
    a, b = {"device": {"name": "a", "type": "cpu"}}, {"device": {"name": "b", "type": "cpu"}}
    assert made_json([a, a, b, b, a]) == {"machines": [a, b]}
    assert made_json([]) == {"machines": []}


def test_two_records_of_one_machine_are_equal_bytes() -> None:
    machine = Machine(torch.device("cpu"), torch.bfloat16)
    first, second = (json.dumps(made_json([made_on(machine)])) for _ in range(2))
    assert first == second
