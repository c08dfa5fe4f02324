"""Connecting to a Ray cluster, or starting one; what is wrong is told within seconds.

Knows nothing of calls.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from speechqa.errors import SettingsError

ANSWER_S = 5.0
"""How long a cluster may take to accept a connection. Ray itself would try for minutes, also
where the address is that of a cluster that is gone."""


def join(ray: Any, address: str | None) -> None:
    """Connect to the cluster at `address`, or start one here; a dead address is told quickly."""
    hint = (
        "start one with `ray start --head`, or give no --ray-address to use this machine alone; "
        "a cluster that asks for a token needs RAY_AUTH_MODE=token"
    )
    address = address or "local"
    options: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    try:
        if address == "auto":
            address = _running_here()
            _use_token()
        elif address != "local":
            _reach(address)
        else:
            options["include_dashboard"] = False  # seconds to start, for a cluster of one run
        ray.init(address=address, **options)
    except Exception as error:  # of many classes: Ray raises the bare one when a start takes 30 s
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise SettingsError(f"Ray cluster {address!r}: {reason[0]}", hint=hint) from None


def _running_here() -> str:
    """Return the address of the cluster that runs on this machine.

    Raises
    ------
    ConnectionError
        There is none; the address that a dead one left behind is not believed.
    """
    from ray._private import services

    given = os.environ.get("RAY_ADDRESS", "")
    if given and given != "auto":
        _reach(given)
        return given
    find: Callable[[], Iterable[str]] = services.find_gcs_addresses
    running = sorted(find())
    if len(running) != 1:
        raise ConnectionError(
            f"{len(running)} of them run on this machine: " + ", ".join(running)
            if running
            else "none runs on this machine"
        )
    _reach(running[0])
    return running[0]


def _use_token() -> None:
    """Use this machine's token, where there is one, for the cluster found on it.

    `ray start` asks for it as soon as it exists, and Ray itself uses it for ``auto``, but not for
    the address that ``auto`` was found to be.
    """
    with suppress(ImportError):  # of an earlier Ray, which has no tokens
        from ray._private.authentication import authentication_token_setup as setup

        setup.maybe_enable_token_auth_if_token_available(warn_if_disabled=False)


def _reach(address: str) -> None:
    """Open and close a connection to ``host:port``; other forms are left to Ray.

    Raises
    ------
    OSError
        Nothing listens there.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_S).close()


def ray_data() -> Any:
    """Return the module `ray`, with `ray.data`, told to be quiet.

    Raises
    ------
    SettingsError
        It is not installed.
    """
    try:
        import ray
        import ray.data
    except ImportError:
        raise SettingsError(
            "--executor ray: Ray is not installed",
            hint="pip install 'speechqa[ray]', or use --executor local",
        ) from None
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # the run tells how it goes on
    return ray
