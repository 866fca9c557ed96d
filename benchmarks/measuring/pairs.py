"""Two ways of doing the same, measured in turns: a noisy machine is noisy for both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

Work = Callable[[], object]


@dataclass
class Pair:
    """What is measured, beside what it is compared with; seconds of each round."""

    name: str
    work: Work
    peer: Work
    bound: float
    seconds: list[float] = field(default_factory=list)
    peer_seconds: list[float] = field(default_factory=list)

    def measure(self, *, peer_first: bool) -> None:
        if peer_first:
            self.peer_seconds.append(seconds(self.peer))
            self.seconds.append(seconds(self.work))
        else:
            self.seconds.append(seconds(self.work))
            self.peer_seconds.append(seconds(self.peer))

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def peer_median(self) -> float:
        return statistics.median(self.peer_seconds)

    @property
    def ratio(self) -> float:
        """The middle one of the rounds' ratios, in each of which both ran next to each other."""
        each = zip(self.seconds, self.peer_seconds, strict=True)
        return statistics.median(mine / peer for mine, peer in each)

    @property
    def added(self) -> float:
        """Seconds more than the peer, in the middle one of the rounds."""
        each = zip(self.seconds, self.peer_seconds, strict=True)
        return statistics.median(mine - peer for mine, peer in each)


def measure(pairs: Sequence[Pair], *, rounds: int, warm_up: int) -> None:
    """Run all pairs once a round; who goes first alternates. Rounds of the warm-up don't count."""
    for number in range(-warm_up, rounds):
        for pair in pairs:
            pair.measure(peer_first=number % 2 == 0)
        if number < 0:
            for pair in pairs:
                pair.seconds.clear()
                pair.peer_seconds.clear()


def seconds(work: Work) -> float:
    """How long one call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
