"""``speechqa serve`` as people start it: where it listens, what it prints, what it lets out."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from itertools import product
from pathlib import Path

import httpx
import pytest

from tests.web_store import made_call, make_sound, make_store

CANARY = "the secret of the file outside"


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    """A running server: its process, base address, links, store."""
    folder = tmp_path_factory.mktemp("serve")
    (folder / "outside.txt").write_text(CANARY)
    calls = [made_call(1, path=make_sound(folder / "1.wav", made_call(1)))]
    calls.append(made_call(2, path=str(folder / "outside.txt")))  # a path of the store, no sound
    store = make_store(folder, calls)
    process = subprocess.Popen(
        [
            *(str(Path(sys.executable).parent / "speechqa"), "serve", "--port", "0"),
            *("--store", str(folder / "store"), "--supervisor", "Priya", "--agent", "AnnaP"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"NO_COLOR": "1"},
    )
    links = [process.stdout.readline().strip() for _ in range(2)]
    assert all("/enter?token=" in link for link in links), process.stderr.read()
    with httpx.Client(timeout=60) as client:
        client.get(links[0]).raise_for_status()
        yield process, links, store, client
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=60)
    for link in links:
        token = link.partition("token=")[2]
        assert token not in rest[0] + rest[1]
        for file in (folder / "store").rglob("*"):
            assert file.is_dir() or token.encode() not in file.read_bytes(), file


def port_of(links):
    return int(re.search(r":(\d+)/", links[0]).group(1))


def test_it_listens_on_this_machine_only(serving):
    process, links, _, _ = serving
    listening = set()
    for name in ("tcp", "tcp6"):
        table = Path(f"/proc/{process.pid}/net/{name}")
        for line in table.read_text().splitlines()[1:] if table.exists() else ():
            local, state = line.split()[1], line.split()[3]
            address, port = local.split(":")
            if state == "0A" and int(port, 16) == port_of(links):
                listening.add((name, address))
    assert listening == {("tcp", "0100007F")}


def test_a_used_link_opens_nothing(serving):
    _, links, _, _ = serving
    assert httpx.get(links[0]).status_code == 403
    assert httpx.get(links[0].replace("/enter", "/")).status_code == 401


def raw(port, request):
    """Send bytes as they are: no client tidies the path up."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
        line.sendall(request)
        answer = b""
        while piece := line.recv(65536):
            answer += piece
    return answer


def test_three_hundred_paths_lead_nowhere(serving):
    _, links, _, client = serving
    port, cookie = port_of(links), client.cookies["speechqa"]
    ups = ["../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%5c", "....//", "%252e%252e%252f", "..;/"]
    ends = ["etc/passwd", "outside.txt", "access.jsonl", "recordings/_delta_log"]
    starts = ["/static/", "/calls/", f"/calls/{1:032x}/", "/", "/agents/", "//"]
    tried = 0
    for start, up, deep, end in product(starts, ups, (1, 3), ends):
        path = start + up * deep + end
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: speechqa={cookie}\r\n"
        answer = raw(port, (head + "Connection: close\r\n\r\n").encode())
        status = int(answer.split(b" ", 2)[1])
        assert status in (400, 404), path
        for leak in (CANARY.encode(), b"root:", b'"add":', b'"did":'):
            assert leak not in answer, path
        tried += 1
    assert tried >= 300


def test_sound_is_found_by_call_and_only_where_it_is_sound(serving):
    _, links, _, client = serving
    base = links[0].partition("/enter")[0]
    assert client.get(f"{base}/calls/{1:032x}/sound.wav").content[:4] == b"RIFF"
    answer = client.get(f"{base}/calls/{2:032x}/sound.wav")
    assert answer.status_code == 404
    assert CANARY not in answer.text
    for name in ("..", str(store_path(serving)), "1.wav", "%2e%2e"):
        answer = client.get(f"{base}/calls/{name}/sound.wav")
        assert answer.status_code in (401, 404), name


def store_path(serving):
    return serving[2].local.parent / "1.wav"


def test_what_browsers_may_keep_is_scripts_and_never_pages(serving):
    _, links, _, client = serving
    base = links[0].partition("/enter")[0]
    page = client.get(base + "/")
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["content-encoding"] == "gzip"
    script = re.search(r'src="(/static/pages\.js\?v=\w+)"', page.text).group(1)
    assert "immutable" in client.get(base + script).headers["cache-control"]
    bare = client.get(base + "/static/pages.js")
    assert "immutable" not in bare.headers["cache-control"]
    tag = {"If-None-Match": bare.headers["etag"]}
    assert client.get(base + "/static/pages.js", headers=tag).status_code == 304
