"""What a step is doing, said to whoever waits: once it has taken two seconds, and every now and then after that.

Called by pipeline.runner.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

SILENT_SECONDS = 2.0
EVERY_SECONDS = 15.0


class Progress:
    """One step at work: what it does, and how many of its units are done."""

    def __init__(self, name: str, words: str) -> None:
        self._name, self._words = name, words
        self._done, self._total = 0, 0
        self._began = time.monotonic()

    def watch(self, what: str, total: int) -> Callable[[], None]:
        """Count units, of which there are so many more; gives what is to be called after each of them."""
        self._total += total

        def advance() -> None:
            self._done += 1

        return advance

    def line(self) -> str:
        """What is to be said now."""
        seconds = time.monotonic() - self._began
        said = [f"{self._done} of {self._total} done"] * bool(self._total)
        said += [f"{seconds:.0f} s"] * (seconds > EVERY_SECONDS)
        return f"{self._name:<11} {self._words} ... {', '.join(said)}".rstrip()


@contextlib.contextmanager
def shown(progress: Progress, tell: Callable[[str], None]) -> Iterator[None]:
    """Inside this block a thread says how it goes."""
    over = threading.Event()

    def say() -> None:
        wait = SILENT_SECONDS
        while not over.wait(wait):
            tell(progress.line())
            wait = EVERY_SECONDS

    thread = threading.Thread(target=say, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
