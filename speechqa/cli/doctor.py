"""``speechqa doctor``: what this machine has, and what is missing."""

from __future__ import annotations

from typing import Any

import typer

from speechqa.cli.options import JsonOption, page, print_json

LIBRARIES = (
    "faster-whisper",
    "ctranslate2",
    "webrtcvad-wheels",
    "soundfile",
    "av",
    "soxr",
    "numpy",
    "pyarrow",
    "deltalake",
    "duckdb",
    "rapidfuzz",
    "google-re2",
    "pydantic",
    "typer",
)
EXTRAS = {"ray": "ray", "starlette": "web", "matplotlib": "plot", "torch": "train"}


def doctor(as_json: JsonOption = False) -> None:
    """Check this machine: versions, codecs, models found, device, what is missing.

    [bold]Example[/bold]

      speechqa doctor
    """
    report = examine()
    if as_json:
        print_json(report)
    else:
        _print(report)
    raise typer.Exit(0 if not report["missing"] else 5)


def examine() -> dict[str, Any]:
    """Return what was found, as plain values; ``missing`` lists what a run would need."""
    import os
    import platform

    import speechqa
    from speechqa.asr import find_models
    from speechqa.asr.models import check_model
    from speechqa.errors import ModelError
    from speechqa.settings import load_settings

    settings = load_settings()
    missing = [f"library {name}" for name, version in _versions(LIBRARIES).items() if not version]
    models = []
    for model in find_models():
        try:
            check_model(model)
            models.append({"name": model.name, "path": str(model.path), "trouble": None})
        except ModelError as error:
            models.append({"name": model.name, "path": str(model.path), "trouble": str(error)})
    whole = {model["name"] for model in models if not model["trouble"]}
    wanted = settings.asr.model
    if wanted not in whole and not os.path.isdir(wanted):
        missing.append(f"model {wanted}")
    return {
        "speechqa": speechqa.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": len(os.sched_getaffinity(0)),
        "device": _device(),
        "libraries": _versions(LIBRARIES),
        "extras": _extras(),
        "audio": _codecs(),
        "models": models,
        "missing": missing,
    }


def _versions(names: tuple[str, ...]) -> dict[str, str | None]:
    from importlib.metadata import PackageNotFoundError, version

    found: dict[str, str | None] = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def _extras() -> dict[str, str | None]:
    versions = _versions(tuple(EXTRAS))
    return {EXTRAS[name]: version for name, version in versions.items()}


def _device() -> str:
    import ctranslate2

    count = ctranslate2.get_cuda_device_count()
    return f"{count} CUDA device(s)" if count else "cpu"


def _codecs() -> dict[str, str]:
    import av
    import soundfile

    return {
        "libsndfile": soundfile.__libsndfile_version__,
        "libavcodec": ".".join(map(str, av.library_versions["libavcodec"])),
    }


def _print(report: dict[str, Any]) -> None:
    console = page()
    console.print(f"speechqa {report['speechqa']}, Python {report['python']}, {report['system']}")
    console.print(f"{report['cores']} cores, device: {report['device']}")
    console.print(f"audio: {', '.join(f'{k} {v}' for k, v in report['audio'].items())}")
    for model in report["models"]:
        mark = "ok" if not model["trouble"] else model["trouble"]
        console.print(f"model {model['name']}: {mark} ({model['path']})", markup=False)
    for name, version in report["libraries"].items():
        console.print(f"  {name:18} {version or 'MISSING'}")
    for extra, version in report["extras"].items():
        hint = version or f"not installed (pip install 'speechqa\\[{extra}]')"
        console.print(f"  extra {extra:12} {hint}")
    if report["missing"]:
        console.print("missing: " + ", ".join(report["missing"]), style="bold red")
    else:
        console.print("nothing is missing", style="bold green")
