"""The default generator, lent to one estimator and given back."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from ..random import default_generator

_LOCK = threading.RLock()


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """The default generator begins the stream of `seed`; afterwards it is where it was before.

    Other estimators wait meanwhile, as joblib may fit several in threads.
    """
    with _LOCK:
        before = default_generator.get_state()
        default_generator.manual_seed(seed)
        try:
            yield
        finally:
            default_generator.set_state(before)
