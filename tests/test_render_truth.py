"""Events of the truth against the definitions, instant by instant."""

from hypothesis import given, settings
from hypothesis import strategies as st

from speechqa.intervals import as_spans
from speechqa.render import truth
from speechqa.render.voices import talkspurts

STEP = 100
END = 400


@st.composite
def spurts(draw, least=0):
    """Talkspurts on a grid of 100 ms, at least 200 ms apart, as real ones are."""
    edges = draw(
        st.lists(st.integers(0, END), min_size=2 * least, max_size=16, unique=True).map(sorted)
    )
    found = []
    for start, end in zip(edges[::2], edges[1::2], strict=False):
        if not found or start * STEP - found[-1][1] >= 200:
            found.append((start * STEP, end * STEP))
    return found


def _active(spans):
    """Say for each 100 ms whether somebody speaks."""
    return [any(s <= at * STEP < e for s, e in spans) for at in range(END + 1)]


@settings(deadline=None)
@given(spurts(least=1), spurts())
def test_silences_are_where_nobody_speaks_for_three_seconds(agent, customer):
    both = [a or c for a, c in zip(_active(agent), _active(customer), strict=True)]
    first = both.index(True)
    last = len(both) - 1 - both[::-1].index(True)
    expected, run = [], 0
    for at in range(first, last + 1):
        run = 0 if both[at] else run + 1
        if both[at] is False and both[at + 1] and run * STEP >= 3000:
            expected.append(((at + 1 - run) * STEP, (at + 1) * STEP))
    found = truth.silences(agent, customer, [], [])
    assert [(s["start_ms"], s["end_ms"]) for s in found] == expected


@settings(deadline=None)
@given(spurts(least=1), spurts(), st.integers(0, END), st.integers(1, 60))
def test_no_silence_crosses_a_hold(agent, customer, start, length):
    hold = (start * STEP, (start + length) * STEP)
    for gap in truth.gaps(agent, customer, [hold]):
        assert gap[1] <= hold[0] or gap[0] >= hold[1]


def _oracle(agent, customer):
    """Classify by the sentences of the definition, one case after the other."""
    found = []
    for party, mine, others in (("agent", agent, customer), ("customer", customer, agent)):
        for u_start, u_end in mine:
            inside = [v for v in others if v[0] < u_start and u_start < v[1]]
            for v_start, v_end in inside:
                ends_inside = u_end <= v_end
                if ends_inside and u_end - u_start <= 1000:
                    kind = "backchannel"
                elif u_start - v_start < 500:
                    kind = "simultaneous-start"
                elif v_end - u_start <= 500:
                    kind = "terminal-overlap"
                else:
                    kind = "interruption"
                gave_way = (not ends_inside) if kind == "interruption" else None
                found.append((u_start, party, kind, gave_way, min(u_end, v_end) - u_start))
    return sorted(found, key=lambda each: each[:2])


@settings(deadline=None)
@given(spurts(), spurts())
def test_overlaps_are_told_apart_as_defined(agent, customer):
    found = truth.overlaps(agent, customer)
    assert [
        (o["start_ms"], o["party"], o["kind"], o["successful"], o["overlap_ms"]) for o in found
    ] == _oracle(agent, customer)


def test_the_owner_of_a_silence_is_who_should_have_spoken():
    agent, customer = [(0, 1000), (9000, 10000)], [(4000, 5000), (14000, 15000), (19000, 20000)]
    owners = [s["owner"] for s in truth.silences(agent, customer, [], [])]
    # agent, customer: the customer's; customer, agent: the agent's; twice the customer: the agent's
    assert owners == ["customer", "agent", "customer", "agent"]


def test_of_two_that_end_together_the_later_starter_comes_before_the_silence():
    agent, customer = [(0, 2000), (6000, 7000)], [(1000, 2000)]
    assert truth.silences(agent, customer, [], [])[0]["before"] == "customer"
    agent, customer = [(1000, 2000), (6000, 7000)], [(1000, 2000)]
    assert truth.silences(agent, customer, [], [])[0]["before"] == "agent"


def test_a_silence_has_the_tier_that_it_reaches():
    agent = [(0, 1000), (4000, 5000), (10_000, 11_000), (21_000, 22_000), (24_999, 26_000)]
    tiers = [s["tier"] for s in truth.silences(agent, [], [], [])]
    assert tiers == ["silence", "dead-air", "long"]


def test_a_planned_silence_says_whether_it_was_announced():
    planned = [{"start_ms": 1000, "end_ms": 5000, "announced": True}]
    agent = [(0, 1000), (5000, 6000), (10_000, 11_000)]
    found = truth.silences(agent, [], [], planned)
    assert [(s["planned"], s["announced"]) for s in found] == [(True, True), (False, None)]


def test_talkspurts_bridge_short_pauses_before_islands_are_dropped():
    spans = as_spans([(0, 60), (150, 200), (400, 470), (700, 790)])
    assert talkspurts(spans).tolist() == [[0, 200]]
