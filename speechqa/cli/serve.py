"""``speechqa serve``: the supervisors' pages, on this machine unless told otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speechqa.cli.options import RulebookOption, StoreOption, talk

if TYPE_CHECKING:
    import socket

    import uvicorn
    from starlette.applications import Starlette

    from speechqa.web.access import Access, Person

PORT = 8765
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def serve(
    store: StoreOption = None,
    rulebook: RulebookOption = None,
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.", min=0, max=65535)] = PORT,
    host: Annotated[
        str, typer.Option(help="Address to listen on; other machines are answered only with one.")
    ] = "127.0.0.1",
    name: Annotated[
        list[str] | None,
        typer.Option(help="Host name that browsers use; may be repeated.", metavar="HOST[:PORT]"),
    ] = None,
    supervisor: Annotated[
        list[str] | None,
        typer.Option(help="Print a one-time link for this supervisor; may be repeated."),
    ] = None,
    agent: Annotated[
        list[str] | None,
        typer.Option(help="Print a one-time link that shows this agent only; may be repeated."),
    ] = None,
) -> None:
    """Show the pages: team, agents, calls with their sound, rules, reviews, search.

    Each link that is printed works once. Views and plays are logged in the store's folder.

    [bold]Examples[/bold]

      speechqa serve --store night

      speechqa serve --store night --supervisor Priya --supervisor Sven --agent AnnaP
    """
    import threading

    import uvicorn

    from speechqa.rulebook import load
    from speechqa.settings import load_settings
    from speechqa.store import open_store
    from speechqa.web import create_app
    from speechqa.web.access import Access

    settings = load_settings(store={"path": store}, rules={"rulebook": rulebook})
    open_ = open_store(settings.store.path, storage_options=settings.store.options)
    book = load(settings.rules.rulebook, settings.rules)
    listening = _listen(host, port)
    port = listening.getsockname()[1]
    hosts = _hosts(host, port, name or [])
    access = Access()
    log = None if open_.local is None else Path(open_.local) / "access.jsonl"
    app = create_app(open_, settings, book, access=access, hosts=hosts, log=log)
    shown = hosts[0] if not name else _hosts(host, port, name)[-1]
    _tell_links(access, _people(supervisor or [], agent or []), shown)
    talk().print(f"listening on {host}:{port}; stop with Ctrl-C", markup=False)
    threading.Thread(target=app.state.warm, daemon=True).start()
    uvicorn.Server(_config(app)).run(sockets=[listening])


def _config(app: Starlette) -> uvicorn.Config:
    import uvicorn

    return uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,  # its lines would hold the links' tokens
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=3,
    )


def _people(supervisors: Sequence[str], agents: Sequence[str]) -> list[Person]:
    """Return who gets a link: those who were named, or a supervisor without a name."""
    from speechqa.web.access import Person

    people = [Person("supervisor", one) for one in supervisors]
    people += [Person("agent", one) for one in agents]
    return people or [Person("supervisor", "supervisor")]


def _listen(host: str, port: int) -> socket.socket:
    import socket

    from speechqa.errors import UsageError

    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
    except OSError as error:
        raise UsageError(
            f"--host {host} --port {port}: cannot listen there: {error.strerror}",
            hint="choose another with --port, or 0 for a free one",
        ) from None


def _tell_links(access: Access, people: Sequence[Person], host: str) -> None:
    """Print each person's link: on stdout the link alone."""
    for person in people:
        link = f"http://{host}/enter?token={access.new_link(person)}"
        talk().print(f"{person.role} {person.name}, works once:", markup=False)
        typer.echo(link)


def _hosts(host: str, port: int, names: list[str]) -> list[str]:
    """Return the values of the Host header that are answered."""
    bare = f"[{host}]" if ":" in host else host
    known = list(LOOPBACK)
    if bare not in (*known, "0.0.0.0", "[::]"):
        known.insert(0, bare)
    found = [f"{one}:{port}" for one in known] + (known if port == 80 else [])
    for one in names:
        has_port = one.rpartition(":")[2].isdigit() and not one.endswith("]")
        found += [one] if has_port else [one, f"{one}:{port}"]
    return found
