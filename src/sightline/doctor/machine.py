"""The processor, the device that networks would run on, and whether it multiplies bfloat16."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

from sightline.doctor.finding import Finding
from sightline.networks.processor import cpu_name, vector_unit

GROUP = "machine"
MULTIPLY_BFLOAT16 = ("amx_bf16", "avx512_bf16")  # as in networks/device.py; a test compares
VARIABLES = ("SIGHTLINE_DEVICE", "SIGHTLINE_PRECISION", "SIGHTLINE_SALIENCY_PRECISION", "SIGHTLINE_WORKERS")


def machine() -> list[Finding]:
    """The system, the processor with its cores, and what torch finds, which is imported for it."""
    system = Finding(group=GROUP, name="system", found=platform.platform(terse=True))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    unit = vector_unit()
    processor = Finding(
        group=GROUP,
        name="processor",
        found=f"{cpu_name()}, {cores} core{'' if cores == 1 else 's'}{f', {unit}' if unit else ''}",
    )
    set_here = [Finding(group=GROUP, name=name, found=os.environ[name]) for name in VARIABLES if os.environ.get(name)]
    return [system, processor, *set_here, *_of_torch(unit)]


def _of_torch(unit: str) -> list[Finding]:
    """Device and precision that training would choose; one finding where torch is missing or does not work.

    Not by `networks.device.this_machine`: that sets the process up to train, which takes longer than all else here.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        advice = "networks train and explain with torch: see its line among the packages"
        return [Finding(group=GROUP, name="device", state="missing", advice=f"no module {error.name}; {advice}")]
    except (ImportError, OSError) as error:  # a library that it is linked with
        advice = f"torch cannot be loaded ({_first_line(error)}): install it again"
        return [Finding(group=GROUP, name="device", state="broken", advice=advice)]
    name = os.environ.get("SIGHTLINE_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        kind = torch.device(name).type
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError) as error:
        advice = f"not usable here ({_first_line(error)}): correct or unset SIGHTLINE_DEVICE"
        return [Finding(group=GROUP, name="device", found=name, state="broken", advice=advice)]
    if kind == "cuda":
        cards = [torch.cuda.get_device_properties(place) for place in range(torch.cuda.device_count())]
        words = ", ".join(f"{card.name} ({card.total_memory / 2**30:.0f} GiB)" for card in cards)
        has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
        return [Finding(group=GROUP, name="device", found=f"{name}: {words}"), bfloat16(has_bfloat16, "")]
    return [without_cuda(name, torch.__version__, has_nvidia_driver()), bfloat16(unit in MULTIPLY_BFLOAT16, unit)]


def without_cuda(device: str, version: str, has_driver: bool) -> Finding:
    """The device where it is not CUDA's; `version`: torch's; `has_driver`: of NVIDIA, though torch finds no device."""
    if not has_driver or os.environ.get("SIGHTLINE_DEVICE"):
        return Finding(group=GROUP, name="device", found=f"{device}, no CUDA device used")
    advice = (
        f"an NVIDIA driver is here, but torch {version} finds no device, so networks train on the processor: install a "
        "torch for this driver's CUDA (nvidia-smi names it), and look at CUDA_VISIBLE_DEVICES"
    )
    return Finding(group=GROUP, name="device", found=device, state="missing", advice=advice)


def bfloat16(has_it: bool, unit: str) -> Finding:
    """Whether the device multiplies bfloat16, in which training then runs; `unit`: the instructions of a processor."""
    if has_it:
        return Finding(group=GROUP, name="bfloat16", found=f"yes{f', by {unit}' if unit else ''}")
    advice = (
        "the device does not multiply it (processors need AVX-512 BF16 or AMX, NVIDIA's cards Ampere or newer): "
        "training is slower, and its last digits differ from those of machines that have it (docs/reproducibility.md)"
    )
    return Finding(group=GROUP, name="bfloat16", found="no", advice=advice)


def has_nvidia_driver() -> bool:
    """Whether the system has NVIDIA's driver, seen without torch."""
    return Path("/proc/driver/nvidia/version").is_file() or shutil.which("nvidia-smi") is not None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
