"""Where and how fast: device, precision and memory, from the environment and the hardware, never from params.yaml."""

from __future__ import annotations

import ctypes
import os
import sys
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor, nn

from sightline.study.errors import StudyError

# Architectures whose float32 backward pass on a CPU is slower channels-last: VGG-16's step takes 1.2 times as long, the
# others' steps less (benchmarks/NOTES.md).
SLOW_BACKWARD = ("vgg16",)
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


RECORD_AFTER = 3  # calls: by then libraries have their workspaces and the optimiser its moments

N = TypeVar("N", bound=nn.Module)
Step = Callable[..., Tensor]


@dataclass(frozen=True)
class Machine:
    device: torch.device
    precision: torch.dtype  # of autocast; float32 means no autocast
    layout: torch.memory_format = torch.channels_last

    @property
    def batches_at_once(self) -> int:
        """Batches augmented in one go: starting augmentation's many kernels takes a GPU's host longer than a batch."""
        return 8 if self.device.type == "cuda" else 1

    @property
    def replays(self) -> bool:
        """Whether training steps are recorded; not in float16, where each waits for the check of its gradients."""
        return self.device.type == "cuda" and self.precision != torch.float16

    def repeated(self, step: Step) -> Step:
        """`step`, a function of tensors that always have the same shapes; on a GPU `replayed`."""
        return replayed(step) if self.replays else step

    def autocast(self) -> AbstractContextManager[None]:
        """The context in which forward passes run."""
        return torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32)

    def placed(self, network: N) -> N:
        """`network` on the device, in the layout; channels-last convolutions need no reordering (up to 2x on CPUs)."""
        return network.to(self.device, memory_format=self.layout)  # type: ignore[call-overload]

    def to_train(self, arch: str) -> Machine:
        """This machine with the layout in which `arch` trains fastest; what trains and its inputs share the layout."""
        is_slow = arch in SLOW_BACKWARD and self.device.type == "cpu" and self.precision == torch.float32
        return replace(self, layout=torch.contiguous_format) if is_slow else self


def replayed(step: Step) -> Step:
    """`step`, recorded as a CUDA graph in its fourth call and replayed from then on; the arithmetic stays the same.

    A step's kernels are many and short, and a host starts them more slowly than a GPU runs them (benchmarks/NOTES.md).
    `step` may not wait for the device, and everything that changes from call to call must be in its arguments or in
    tensors that stay where they are. What it returns is overwritten by the next call.
    """
    stream, graph = torch.cuda.Stream(), torch.cuda.CUDAGraph()
    held: list[Tensor] = []
    result: list[Tensor] = []
    calls = 0

    def call(*given: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        if calls <= RECORD_AFTER:
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                found = step(*given)
            torch.cuda.current_stream().wait_stream(stream)
            return found
        if not result:
            held.extend(tensor.clone() for tensor in given)
            with torch.cuda.graph(graph, stream=stream):
                result.append(step(*held))
        for place, tensor in zip(held, given, strict=True):
            place.copy_(tensor)
        graph.replay()
        return result[0]

    return call


def machine() -> Machine:
    """The machine as SIGHTLINE_DEVICE and SIGHTLINE_PRECISION say, else the best that is there.

    Precision by default: bfloat16 where the hardware multiplies it (CUDA from Ampere on, CPUs with AVX-512 BF16 or
    AMX), float16 on older CUDA, float32 elsewhere. Also sets the process up: freed blocks are kept, kernels are
    the deterministic ones.
    """
    name = os.environ.get("SIGHTLINE_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")
    wish = _precision_wish("SIGHTLINE_PRECISION")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise StudyError(f"SIGHTLINE_DEVICE={name}: not usable here ({str(error).splitlines()[0]})") from None
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)  # where streams and recordings are made
    _keep_freed_blocks()
    _choose_deterministic_kernels()
    return Machine(device, wish or _best_precision(device))


def saliency_machine() -> Machine:
    """`machine`, for saliency maps: float32 unless SIGHTLINE_SALIENCY_PRECISION says otherwise.

    bfloat16 is faster where the hardware multiplies it, and moves the peak of some maps (benchmarks/NOTES.md). On a
    GPU float32 has PyTorch's own layout, in which a forward pass takes a tenth less.
    """
    here = replace(machine(), precision=_precision_wish("SIGHTLINE_SALIENCY_PRECISION") or torch.float32)
    is_gpu_float32 = here.device.type == "cuda" and here.precision == torch.float32
    return replace(here, layout=torch.contiguous_format) if is_gpu_float32 else here


def _precision_wish(variable: str) -> torch.dtype | None:
    wish = os.environ.get(variable) or ""
    if wish and wish not in PRECISIONS:
        raise StudyError(f"{variable}={wish}: expected one of {', '.join(PRECISIONS)}")
    return PRECISIONS[wish] if wish else None


def _best_precision(device: torch.device) -> torch.dtype:
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.type == "cpu":
        # without the instructions bfloat16 is emulated and slower than float32
        flags = {"avx512_bf16", "amx_bf16"}
        has_bf16 = flags & _cpu_flags()
        return torch.bfloat16 if has_bf16 else torch.float32
    return torch.float32


def _cpu_flags() -> set[str]:
    try:
        with open("/proc/cpuinfo") as file:
            return set(next((line for line in file if line.startswith("flags")), "").split())
    except OSError:
        return set()  # not Linux: float32


def _keep_freed_blocks() -> None:
    """Tells glibc to keep freed blocks: else every step maps and clears its activations anew (up to 1.5 times)."""
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # not in musl
    if mallopt:
        trim_threshold, mmap_max = -1, -4
        mallopt(trim_threshold, -1)  # never give the heap's end back
        mallopt(mmap_max, 0)  # large blocks too lie on the heap


def _choose_deterministic_kernels() -> None:
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    # a few CUDA pooling gradients have no deterministic kernel; docs/reproducibility says so once
    warnings.filterwarnings("ignore", message=".*does not have a deterministic implementation.*")
    # an optimiser that can be recorded takes its first steps unrecorded
    warnings.filterwarnings("ignore", message=".*capturable=True.*")
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False  # where float32 is asked for, not its first 10 bits
