"""What every lazy volume must do: inherit from `LazyArrayContract` and give an array with its lazy twin."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

KEYS_3D = [
    ...,
    0,
    -1,
    slice(None),
    (slice(None), slice(None), 2),
    (3, 4, 5),
    (-1, -1, -1),
    (..., 1),
    (2, ..., 1),
    (slice(1, 7, 2), slice(None, None, -1), slice(-3, None)),
    (slice(8, 2, -3), 4),
    (slice(3, 3), slice(None)),
    (slice(100, 200),),
    (np.int64(2), slice(np.int64(1), None)),
    (slice(None), ..., slice(None, 2)),
]


class LazyArrayContract:
    """The proxy API: shape, dtype, ndim, size, len, basic indexing, conversion, scaling, closing."""

    def make(self, tmp_path: Any) -> tuple[np.ndarray, Any]:
        """Return an array of three axes, none shorter than 9, and the lazy volume that holds it."""
        raise NotImplementedError

    @pytest.fixture
    def pair(self, tmp_path):
        expected, lazy = self.make(tmp_path)
        with lazy:
            yield expected, lazy

    def test_describes_the_array(self, pair):
        expected, lazy = pair
        assert lazy.shape == expected.shape
        assert lazy.dtype == expected.dtype
        assert lazy.ndim == expected.ndim
        assert lazy.size == expected.size
        assert len(lazy) == len(expected)
        assert np.shape(lazy.affine) == (4, 4)

    @pytest.mark.parametrize("key", KEYS_3D, ids=str)
    def test_indexing_equals_numpy(self, pair, key):
        expected, lazy = pair
        found = lazy[key]
        assert np.shape(found) == np.shape(expected[key])
        assert type(found) is type(expected[key])
        assert found.dtype == expected.dtype
        assert np.asarray(found).tobytes() == np.asarray(expected[key]).tobytes()

    def test_random_indexing_equals_numpy(self, pair):
        expected, lazy = pair
        rng = np.random.default_rng(5)
        for _ in range(60):
            key = tuple(self._random_part(rng, size) for size in expected.shape[: rng.integers(0, 4)])
            assert np.array_equal(lazy[key], expected[key])

    @staticmethod
    def _random_part(rng, size):
        if rng.random() < 0.3:
            return int(rng.integers(-size, size))
        start, stop = (None if rng.random() < 0.3 else int(n) for n in rng.integers(-size - 2, size + 2, 2))
        return slice(start, stop, int(rng.choice([1, 1, 2, 3, -1, -2])))

    def test_becomes_an_array(self, pair):
        expected, lazy = pair
        assert np.asarray(lazy).tobytes() == expected.tobytes()
        assert np.array(lazy, dtype=np.float64).dtype == np.float64

    def test_result_is_writable_and_its_own(self, pair):
        expected, lazy = pair
        found = lazy[1:4]
        found[...] = 0
        assert np.array_equal(lazy[1:4], expected[1:4])

    @pytest.mark.parametrize("key", [(0, 0, 0, 0), 10**6, (..., ...)], ids=str)
    def test_index_out_of_range(self, pair, key):
        with pytest.raises(IndexError):
            pair[1][key]

    @pytest.mark.parametrize("key", [None, [0, 1], np.zeros(3, bool), 1.5, True], ids=str)
    def test_other_indices_are_refused_with_the_way_out(self, pair, key):
        with pytest.raises(Exception, match=r"numpy\.asarray"):
            pair[1][key]

    def test_scaled_values(self, pair):
        expected, lazy = pair
        wanted = expected[2].astype(np.float64) * lazy.slope + lazy.intercept
        assert np.array_equal(lazy.scaled(2), wanted)
