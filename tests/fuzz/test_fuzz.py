from __future__ import annotations

import random
import tracemalloc

import fuzz_container


def test_many_damaged_files():
    rng = random.Random(2026)
    files = fuzz_container.seeds()
    tracemalloc.start()
    try:
        for _ in range(1500):
            fuzz_container.one_input(fuzz_container.mutate(rng.choice(files), rng))
        assert tracemalloc.get_traced_memory()[1] < 300_000_000
    finally:
        tracemalloc.stop()
