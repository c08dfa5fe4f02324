"""The pages under load: supervisors clicking through lists, calls and searches at once.

Takes the one-time link of a running ``speechqa serve``; prints the median, the 95th percentile
and the slowest answer per kind of page, and everything that was no success::

    python -m benchmarks.web_load "http://127.0.0.1:8765/enter?token=..." --people 20 --seconds 30
"""

from __future__ import annotations

import argparse
import random
import re
import threading
import time
from collections import defaultdict

import httpx


def click(base: str, cookies: httpx.Cookies, until: float, think_s: float, seen: dict) -> None:
    """Walk as a supervisor does: the team, an agent, a call, now and then rules or a search."""
    draw = random.Random()
    with httpx.Client(base_url=base, cookies=cookies, timeout=60) as client:

        def get(kind: str, path: str) -> str:
            start = time.perf_counter()
            answer = client.get(path)
            seen[kind].append((time.perf_counter() - start, answer.status_code))
            time.sleep(draw.uniform(0.5, 1.5) * think_s)
            return answer.text

        time.sleep(draw.uniform(0, 2 * think_s))  # people do not arrive in step
        while time.monotonic() < until:
            agents = re.findall(r'href="(/agents/[^"]+)"', get("team", "/"))
            calls = re.findall(r'href="(/calls/[^"#]+)"', get("agent", draw.choice(agents)))
            for path in draw.sample(calls, min(3, len(calls))):
                get("call", path)
            if draw.random() < 0.3:
                get("rules", "/rules")
            if draw.random() < 0.5:
                words = draw.choice(["thank you", "sorry", "order", "谢谢", "don't know"])
                get("search", str(httpx.URL("/search", params={"q": words})))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("link")
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--think", type=float, default=2.0, help="mean pause between clicks, s")
    options = parser.parse_args()
    entered = httpx.get(options.link)
    entered.raise_for_status()
    base = str(entered.url.copy_with(path="/", query=None)).rstrip("/")
    seen: dict[str, list[tuple[float, int]]] = defaultdict(list)
    until = time.monotonic() + options.seconds
    people = [
        threading.Thread(target=click, args=(base, entered.cookies, until, options.think, seen))
        for _ in range(options.people)
    ]
    for one in people:
        one.start()
    for one in people:
        one.join()
    seen["all"] = [one for found in list(seen.values()) for one in found]
    print("| page | answers | median ms | p95 ms | slowest ms | not 200 |")
    print("|---|---|---|---|---|---|")
    for kind, found in seen.items():
        times = sorted(1000 * seconds for seconds, _ in found)
        bad = sum(status != 200 for _, status in found)
        p95 = times[min(len(times) - 1, int(0.95 * len(times)))]
        print(
            f"| {kind} | {len(times)} | {times[len(times) // 2]:.0f} | {p95:.0f} | "
            f"{times[-1]:.0f} | {bad} |"
        )


if __name__ == "__main__":
    main()
