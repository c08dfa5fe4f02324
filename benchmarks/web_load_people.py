"""What supervisors do, for locust: the team, filters, an agent, calls, rules, searches.

`benchmarks.web_load` runs it; the session's cookie comes in ``SPEECHQA_LOAD_COOKIE``, the pause
between clicks in ``SPEECHQA_LOAD_THINK_S``.
"""

from __future__ import annotations

import os
import random
import re
from urllib.parse import quote

from locust import FastHttpUser, task

from speechqa.web.guard import COOKIE

FILTERS = ["", "", "?queue=billing", "?queue=sales", "?since=2025-02-10", "?language=zh"]
WORDS = ["thank you", "sorry", "order", "谢谢", "don't know", "refund", "call you back"]


class Supervisor(FastHttpUser):
    """One supervisor's browser."""

    network_timeout = 60.0
    connection_timeout = 60.0

    def wait_time(self) -> float:
        """Think: half to one and a half of the mean pause."""
        return random.uniform(0.5, 1.5) * float(os.environ["SPEECHQA_LOAD_THINK_S"])

    def see(self, name: str, path: str) -> str:
        """Open one page, then think."""
        headers = {"Cookie": f"{COOKIE}={os.environ['SPEECHQA_LOAD_COOKIE']}"}
        with self.client.get(path, name=name, headers=headers, catch_response=True) as answer:
            text = answer.text or ""
            if answer.status_code == 200 and "<main" not in text:
                answer.failure("no page")
        self.wait()
        return text

    @task
    def walk(self) -> None:
        """From the team to calls, with some rules and searches."""
        team = self.see("team", "/" + random.choice(FILTERS))
        agents = re.findall(r'href="(/agents/[^"]+)"', team)
        if not agents:
            return
        calls = re.findall(r'href="(/calls/[^"#]+)"', self.see("agent", random.choice(agents)))
        for path in random.sample(calls, min(3, len(calls))):
            self.see("call", path)
        if random.random() < 0.3:
            rules = re.findall(r'href="(/rules/[^"]+)"', self.see("rules", "/rules"))
            self.see("rule", random.choice(rules))
        if random.random() < 0.5:
            self.see("search", "/search?q=" + quote(random.choice(WORDS)))
        if random.random() < 0.1:
            self.see("night", "/night")
