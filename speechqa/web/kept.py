"""Things that are made once and kept while they are used: figures, pages, rows of a file."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar, cast

Made = TypeVar("Made")


class _Place:
    __slots__ = ("lock", "made", "value", "weight")

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.made = False
        self.value: Any = None
        self.weight = 0.0


class Kept(Generic[Made]):
    """What was made, the newest used.

    Whoever asks for what is just being made waits for it; others are not held up.

    Parameters
    ----------
    most
        Sum of weights kept.
    weigh
        Weight of one; 1 each unless given.

    Examples
    --------
    >>> kept = Kept(2)
    >>> [kept.get(name, name.upper) for name in "aba"], kept.get("c", "c".upper), kept.keys()
    (['A', 'B', 'A'], 'C', ['a', 'c'])
    """

    def __init__(self, most: float, weigh: Callable[[Made], float] = lambda _: 1.0) -> None:
        self._most = most
        self._weigh = weigh
        self._places: OrderedDict[Hashable, _Place] = OrderedDict()
        self._held = 0.0
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Return what is kept under `key`, made by `make` if it is not there."""
        with self._lock:
            place = self._places.setdefault(key, _Place())
            self._places.move_to_end(key)
        with place.lock:
            if not place.made:
                place.value = make()
                place.weight = self._weigh(place.value)
                place.made = True
                self._weighed(key, place)
        return cast(Made, place.value)

    def __contains__(self, key: Hashable) -> bool:
        """Whether it has been made and is still kept."""
        with self._lock:
            place = self._places.get(key)
            return place is not None and place.made

    def keys(self) -> list[Hashable]:
        """Return the keys of what was made, the newest used last."""
        with self._lock:
            return [key for key, place in self._places.items() if place.made]

    def drop(self, is_old: Callable[[Hashable], bool]) -> None:
        """Let go of some."""
        with self._lock:
            for key in [key for key in self._places if is_old(key)]:
                self._held -= self._places.pop(key).weight

    def _weighed(self, key: Hashable, place: _Place) -> None:
        with self._lock:
            if self._places.get(key) is not place:
                place.weight = 0.0
                return
            self._held += place.weight
            for old in list(self._places):
                if self._held <= self._most or old == key:
                    break
                self._held -= self._places.pop(old).weight
