"""Where the recogniser runs: CPU or GPU, arithmetic, threads, batch sizes.

A GPU is used only where the libraries that it needs can be opened: without them a recogniser
may answer with empty text instead of an error. Knows nothing of models or audio.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from speechqa.errors import ModelError
from speechqa.settings import AsrSettings

_CUBLAS = "libcublas.so.12"
_CUDNN = "libcudnn.so.9"
_DRIVER = Path("/dev/nvidiactl")
"""There where NVIDIA's driver is: a look is free, asking CTranslate2 takes half a second."""

_INSTALL = "install it with `pip install nvidia-cublas-cu12 nvidia-cudnn-cu12`, or use --device cpu"


@dataclass(frozen=True)
class Device:
    """How the model is loaded and fed.

    Parameters
    ----------
    kind
        ``"cpu"`` or ``"cuda"``.
    index
        Which GPU.
    compute_type
        CTranslate2's name of the arithmetic.
    workers
        Batches in flight: on a CPU one per core; on a GPU two, so that one is prepared while the
        other runs.
    replicas
        CTranslate2's ``inter_threads``.
    encode_batch, decode_batch
        Windows encoded and decoded at once.
    """

    kind: str
    index: int
    compute_type: str
    workers: int
    replicas: int
    encode_batch: int
    decode_batch: int


def choose_device(settings: AsrSettings) -> Device:
    """Return how to run under `settings`.

    Raises
    ------
    ModelError
        A GPU is asked for and there is none, or a library of its is missing.

    Examples
    --------
    >>> choose_device(AsrSettings(device="cpu", threads=3)).replicas
    3
    """
    kind = settings.device
    if kind != "cpu":
        problem = _cuda_problem()
        if problem and kind == "cuda":
            raise ModelError(f"device cuda: {problem}", hint=_INSTALL)
        kind = "cpu" if problem else "cuda"
    on_gpu = kind == "cuda"
    cores = settings.threads or usable_cores()
    default_type = "float16" if on_gpu else "int8"
    return Device(
        kind=kind,
        index=settings.device_index if on_gpu else 0,
        compute_type=default_type if settings.compute_type == "auto" else settings.compute_type,
        workers=2 if on_gpu else cores,
        replicas=1 if on_gpu else cores,
        encode_batch=settings.encode_batch or (64 if on_gpu else 1),
        decode_batch=settings.decode_batch or (64 if on_gpu else 16),
    )


def worker_processes(settings: AsrSettings, asked: int) -> int:
    """Return how many recognisers to run on this machine.

    Parameters
    ----------
    asked
        What the user wants; 0 for one per GPU where `settings` use one, else one per core.

    Examples
    --------
    >>> worker_processes(AsrSettings(device="cpu"), 3)
    3
    """
    return asked or len(_own_gpus(settings)) or usable_cores()


def worker_environment(settings: AsrSettings, place: int) -> dict[str, str]:
    """Return the environment of the worker process in a place: its own GPU, in turn.

    Where the user has chosen a GPU with ``asr.device_index``, or there is one or none, nothing
    is changed.

    Examples
    --------
    >>> worker_environment(AsrSettings(device="cpu"), 1)
    {}
    """
    gpus = _own_gpus(settings)
    return {"CUDA_VISIBLE_DEVICES": gpus[place % len(gpus)]} if len(gpus) > 1 else {}


def _own_gpus(settings: AsrSettings) -> list[str]:
    """Return the names of the GPUs that workers share out; empty where they run on the CPU."""
    if settings.device == "cpu" or not _DRIVER.exists() or _cuda_problem():
        return []
    if settings.device_index:
        return [str(settings.device_index)]
    import ctranslate2

    count = ctranslate2.get_cuda_device_count()
    visible = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    return visible[:count] or [str(number) for number in range(count)]


def usable_cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cuda_problem() -> str | None:
    """Return why CUDA cannot be used, or None."""
    import ctranslate2

    try:
        count = ctranslate2.get_cuda_device_count()
    except RuntimeError as error:
        return str(error)
    if not count:
        return "no CUDA device is visible"
    for package, library in (("cublas", _CUBLAS), ("cudnn", _CUDNN)):
        if not _opens(package, library):
            return f"{library} cannot be opened (CTranslate2 needs that of CUDA 12)"
    return None


def _opens(package: str, library: str) -> bool:
    """Whether `library` opens, from the system or from NVIDIA's wheel (which stays loaded)."""
    spec = importlib.util.find_spec("nvidia") if importlib.util.find_spec("nvidia") else None
    roots = [Path(root) for root in (spec.submodule_search_locations or [])] if spec else []
    for candidate in [library, *(str(root / package / "lib" / library) for root in roots)]:
        try:
            ctypes.CDLL(candidate, mode=ctypes.RTLD_GLOBAL)
        except OSError:
            continue
        return True
    return False
