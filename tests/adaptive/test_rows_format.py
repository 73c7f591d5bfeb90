"""A second decoder of rows, written from docs/format-blocks.md, section 8: document and kernel must agree."""

import numpy as np
import pytest
from test_blocks import smooth
from test_blocks_format import Bits, value_map

from medcodec.codecs.adaptive.blocks import encode_blocks

STEPS = [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768]
ORDER = [4 * n + v for v in range(4) for n in range(8)]


def slots(bits):
    """The token, its frequency and the place in its range, of each of 1024 slots."""
    highest, mode = bits.get(8), bits.get(8)
    frequencies, steps = [0] * (highest + 1), [0, 0]
    for token in range(highest + 1):
        if token == mode:
            continue
        zeros = 0
        while not bits.get(1):
            zeros += 1
        steps.append(steps[-2] + (-(zeros + 1) // 2 if zeros & 1 else zeros // 2))
        frequencies[token] = STEPS[steps[-1]]
    frequencies[mode] = 1024 - sum(frequencies)
    return [(token, n, place) for token, n in enumerate(frequencies) for place in range(n)]


def signed16(value):
    return (value + 2**15) % 2**16 - 2**15


class Row:
    """A row's activity and numbers by column; beyond its ends as the document says."""

    def __init__(self, tokens=(0,) * 32, j=0):
        self.activity = [min(token >> j, 25) for token in tokens]
        self.numbers = [0] * 32

    def a(self, x):
        return self.activity[x] if 0 <= x < 32 else 0

    def around(self, x):
        return 2 * self.a(x) + self.a(x - 1) + self.a(x + 1)

    def __getitem__(self, x):
        return self.numbers[x % 2 if x < 0 else 30 + x % 2 if x > 31 else x]


class Decoder:
    def __init__(self, data, shape):
        assert data[:2] == b"\x01\x03"
        assert data[11] == 0
        self.base = int.from_bytes(data[3:7], "little", signed=True)
        self.span, at, self.map = int.from_bytes(data[7:11], "little"), 12, None
        if data[2] & 2:
            self.map, at = value_map(data, at, self.span)
        side_bytes = int.from_bytes(data[at : at + 2], "little")
        escapes = int.from_bytes(data[at + 2 : at + 6], "little")
        at += 6
        self.shape = shape
        self._read_side(data[at : at + side_bytes])
        at += side_bytes
        self.escapes = iter(np.frombuffer(data[at : at + 2 * escapes], "<u2").tolist())
        at += 2 * escapes
        width = shape[3]
        self.halves = [-(-((width + 1) // 2) * self.k // 8), -(-(width // 2) * self.k // 8)]
        raw_bytes = shape[0] * shape[1] * shape[2] * sum(self.halves)
        self.raw = data[at : at + raw_bytes]
        at += raw_bytes
        self.states = np.frombuffer(data[at : at + 128], "<u4").tolist()
        self.words = iter(np.frombuffer(data[at + 128 :], "<u2").tolist())

    def _read_side(self, side):
        self.k, self.j, *thresholds = side[:8]
        self.thresholds = [thresholds[:3], thresholds[3:]]
        weights = np.frombuffer(side[8:], np.int8).tolist()
        self.weights = {False: [weights[:6], weights[6:12]]}
        used = 12
        if self.shape[0] * self.shape[1] > 1:
            self.weights[True] = [weights[12:27], weights[27:42]]
            used = 42
        bits = Bits(side[8 + used :])
        self.slots = [slots(bits) for _ in range(8)]

    def decode(self):
        sequences, frames, height, width = self.shape
        out, self.rows = np.empty(self.shape, np.int64), {}
        for s in range(sequences):
            for f in range(frames):
                where = (s, f - 1) if f else (s - 1, 0) if s else None
                reference = self.rows.get(where)
                self.rows[s, f] = []
                for y in range(height):
                    values = self.row(self.rows[s, f], reference, y, out.shape[2])
                    out[s, f, y] = values[:width]
        assert all(state == 2**15 for state in self.states)
        assert next(self.words, None) is None
        assert next(self.escapes, None) is None
        assert not self.raw
        return (np.array(self.map)[out] if self.map else out) + self.base

    def row(self, rows, reference, y, height):
        blank = [Row()] * height
        ref = reference or blank
        n = rows[y - 1] if y else ref[0]
        nn = rows[y - 2] if y > 1 else n
        same, up, down = ref[y], ref[max(y - 1, 0)], ref[min(y + 1, height - 1)]
        activity = [n.around(x) + same.around(x) + up.a(x) + down.a(x) for x in range(32)]
        tokens = self.tokens(activity)
        residuals = self.residuals(tokens)
        row = Row(tokens, self.j)
        rows.append(row)
        h = 1
        while self.span << (h + 1) < 2**16:
            h += 1
        values = [0] * 32
        for x in [*range(0, 32, 2), *range(1, 32, 2)]:
            taps = [same[x], same[x + 1], same[x - 1], up[x], down[x]]
            taps += [up[x + 1], up[x - 1], down[x + 1], down[x - 1]]
            if x % 2:
                taps += [row[x - 1], row[x + 1], n[x], n[x - 1], n[x + 1], nn[x]]
            else:
                taps += [n[x], n[x - 1], n[x + 1], n[x - 2], n[x + 2], nn[x]]
            weights = self.weights[reference is not None][x % 2]
            parts = zip(weights, taps[-len(weights) :], strict=True)
            q = signed16(sum(((weight * 256 * tap >> 14) + 1) >> 1 for weight, tap in parts))
            q = signed16(q + (2 ** (h - 2) if h > 1 else 0))
            p = min(max((q >> (h - 1)) + 2 ** (15 - h), 0), self.span)
            values[x] = (p + residuals[x]) % 2**16
            row.numbers[x] = (values[x] << h) - 2**15
        return values

    def tokens(self, activity):
        tokens = [0] * 32
        for x in ORDER:
            if x >= self.shape[3]:
                continue
            level = sum(threshold <= activity[x] for threshold in self.thresholds[x % 2])
            state = self.states[x]
            tokens[x], frequency, place = self.slots[level + 4 * (x % 2)][state & 1023]
            state = frequency * (state >> 10) + place
            self.states[x] = state << 16 | next(self.words) if state < 2**15 else state
        return tokens

    def residuals(self, tokens):
        halves = [Bits(self.raw[: self.halves[0]]), Bits(self.raw[self.halves[0] : sum(self.halves)])]
        self.raw = self.raw[sum(self.halves) :]
        residuals = [0] * 32
        for x in range(self.shape[3]):
            z = tokens[x] << self.k | halves[x % 2].get(self.k)
            if tokens[x] == 255:
                z = next(self.escapes)
            residuals[x] = -(z + 1) // 2 if z & 1 else z // 2
        return residuals


@pytest.mark.parametrize(
    ("shape", "dtype", "peak", "noise"),
    [
        ((1, 9, 32, 32), "uint8", 150, 1),
        ((2, 5, 31, 30), "int16", 3000, 40),
        ((1, 10, 32, 27), "uint16", 20000, 900),
        ((9, 1, 32, 32), "int32", 900, 3),
        ((1, 32, 32, 9), "int16", 300, 2),
    ],
)
def test_document_and_kernel_agree(shape, dtype, peak, noise):
    rng = np.random.default_rng(5)
    voxels = smooth(shape, peak) + rng.integers(0, noise + 1, shape)
    voxels[:, ::3, 7, ::5] += 20 * noise
    voxels = np.clip(voxels, 0, np.iinfo(dtype).max).astype(dtype)
    np.testing.assert_array_equal(Decoder(encode_blocks(voxels, by_rows=True), shape).decode(), voxels)


def test_document_and_kernel_agree_on_mapped_values():
    voxels = (smooth((1, 8, 32, 32), 300) * 37 - 5000).astype(np.int16)
    stream = encode_blocks(voxels, by_rows=True)
    assert stream[2] & 2
    np.testing.assert_array_equal(Decoder(stream, voxels.shape).decode(), voxels)
