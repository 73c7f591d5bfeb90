"""A second decoder, written from docs/format-blocks.md alone: the document and the kernel must agree."""

import numpy as np
import pytest
from test_blocks import smooth

from medcodec.codecs.adaptive.blocks import encode_blocks


class Bits:
    def __init__(self, data):
        self.value, self.at = int.from_bytes(data, "little"), 0

    def get(self, count):
        self.at += count
        return (self.value >> (self.at - count)) & ((1 << count) - 1)


class Model:
    def __init__(self, bits, classes):
        self.context, contexts = [], 0
        for level in range(33 * classes):
            contexts += level % 33 == 0 or bits.get(1)
            self.context.append(contexts - 1)
        self.slots = [self._slots(bits) for _ in range(contexts)]

    @staticmethod
    def _slots(bits):
        highest, mode = bits.get(7), bits.get(7)
        frequencies = [0] * (highest + 1)
        for token in range(highest + 1):
            n = 0 if token == mode else bits.get(4)
            if n:
                m = min(n - 1, 4)
                frequencies[token] = ((1 << m) | bits.get(m)) << (n - 1 - m)
        frequencies[mode] = 4096 - sum(frequencies)
        slots, start = [], 0
        for token, frequency in enumerate(frequencies):
            slots += [(token, start, frequency)] * frequency
            start += frequency
        return slots


class Lanes:
    def __init__(self, data, lanes):
        self.states = [int.from_bytes(data[4 * i : 4 * i + 4], "little") for i in range(lanes)]
        self.words = iter(np.frombuffer(data[4 * lanes :], "<u2").tolist())

    def get(self, model, lane, level):
        lane %= len(self.states)
        state = self.states[lane]
        token, start, frequency = model.slots[model.context[level]][state & 4095]
        state = frequency * (state >> 12) + (state & 4095) - start
        self.states[lane] = state << 16 | next(self.words) if state < 2**15 else state
        return token

    def finished(self):
        return all(state == 2**15 for state in self.states) and next(self.words, None) is None


def value_map(data, at, span):
    """Return the values of ranks, and where the map ends."""
    values = [0]
    for _ in range(span):
        gap = place = 0
        while True:
            byte = data[at]
            at += 1
            gap |= (byte & 127) << place
            place += 7
            if byte < 128:
                break
        values.append(values[-1] + gap + 1)
    return values, at


def relaid(shape):
    for _ in range(3):
        if shape[3] < 16:
            shape = (1, shape[0], shape[1], shape[2] * shape[3])
    return shape


class Decoder:
    def __init__(self, data, shape):
        assert data[:2] == b"\x01\x02"
        flags, self.shift = data[2], data[11]
        self.base = int.from_bytes(data[3:7], "little", signed=True)
        span = int.from_bytes(data[7:11], "little")
        self.size = 32 if flags & 1 else 16
        self.low = -(1 << (self.size - 1))
        self.high = self.low + span
        at = 12
        self.map = None
        if flags & 2:
            self.map, at = value_map(data, at, span)
        lengths = np.frombuffer(data[at : at + 12], "<u4").tolist()
        parts = []
        at += 12
        for length in lengths:
            parts.append(data[at : at + length])
            at += length
        side = Bits(parts[0])
        self.predictors = [self._weights(side, 6 if c == 0 else 16) for c in range(4)]
        self.choice_model, self.model = Model(side, 1), Model(side, 4)
        self.choices, self.raw = Lanes(parts[1], 1), Bits(parts[2])
        self.lanes = Lanes(data[at:], 16 if flags & 4 else 4)
        self.shape = relaid(shape)
        self.frames, self.magnitudes = {}, {}

    @staticmethod
    def _weights(side, taps):
        found = []
        for _ in range(side.get(4)):
            found.append([(w ^ 0x8000) - 0x8000 for w in (side.get(16) for _ in range(taps))])
            assert sum(found[-1]) == 4096
        return found

    def decode(self):
        sequences, frames, height, width = self.shape
        out = np.empty(self.shape, np.int64)
        down, across = -(-height // 16), -(-width // 16)
        indices = {}
        for s in range(sequences):
            for f in range(frames):
                for y in range(down):
                    left = 0
                    for x in range(across):
                        indices[s, f, y, x] = left = self.choices.get(self.choice_model, 0, left)
        for s in range(sequences):
            for f in range(frames):
                self.frames[s, f], self.magnitudes[s, f] = [], []
                for y in range(height):
                    residuals = self.residuals(s, f, y)
                    row = self.row(s, f, y, residuals, [indices[s, f, y // 16, x] for x in range(across)])
                    out[s, f, y] = row[2:-1]
        assert self.lanes.finished()
        assert self.choices.finished()
        out -= self.low
        return (np.array(self.map)[out] if self.map else out) + self.base

    def first_reference(self, s, f):
        return (s, f - 1) if f else (s - 1, 0) if s else None

    def above(self, rows, reference, y, blank):
        if y >= 0:
            return rows[y]
        return reference[0] if reference else blank

    def residuals(self, s, f, y):
        width = self.shape[3]
        blank = [0] * (width + 8)
        rows = self.magnitudes[s, f]
        where = self.first_reference(s, f)
        reference = self.magnitudes.get(where)
        now = list(blank)
        rows.append(now)
        north = self.above(rows, reference, y - 1, blank)
        north2 = self.above(rows, reference, y - 2 if y > 1 else y - 1, blank)
        residuals = [0] * width
        for parity in (0, 1):
            for i, x in enumerate(range(parity, width, 2)):
                c = x + 4
                level = 2 * north[c] + north[c - 1] + north[c + 1]
                level += north2[c] + north2[c - 1] + north2[c + 1]
                if parity:
                    level += 2 * now[c - 1] + 2 * now[c + 1] + now[c - 3]
                else:
                    level += north[c - 2] + north[c + 2]
                if reference:
                    same, below = reference[y], reference[min(y + 1, self.shape[2] - 1)]
                    level += same[c] + same[c - 1] + same[c + 1] + below[c]
                if level:
                    e = level.bit_length() - 1
                    level = 1 + 2 * e + (level >> (e - 1) & 1 if e else 0)
                token = self.lanes.get(self.model, i, level + 33 * (parity + 2 * bool(reference)))
                z = token
                if token >= 16:
                    b = (token >> 2) - 2
                    z = (4 + (token & 3)) << b | self.raw.get(b)
                r = -(z + 1) // 2 if z & 1 else z // 2
                residuals[x] = r
                now[c] = min(min(abs(r), -self.low - 1) >> self.shift, 4095)
        return residuals

    def row(self, s, f, y, residuals, choices):
        height, width = self.shape[2:]
        rows = self.frames[s, f]
        where = self.first_reference(s, f)
        reference = self.frames.get(where)
        blank = [self.low] * (width + 3)
        n = self.above(rows, reference, y - 1, blank)
        nn = rows[y - 2] if y > 1 else n
        row = [n[2], n[2]]
        rows.append(row)
        frame_class = (f > 0) + 2 * (s > 0)
        second = self.frames[s - 1, f] if frame_class == 3 else reference
        for x in range(width):
            c = x + 2
            w = row[c - 1]
            choice = choices[x // 16]
            if frame_class == 0 and y == 0:
                p = w
            elif choice == len(self.predictors[frame_class]):
                d = n[c] - n[c - 1]
                if self.size == 16:
                    d = max(-32768, min(32767, d))
                p = min(max(w + d, min(w, n[c])), max(w, n[c]))
            else:
                taps = [w, row[c - 2], n[c], n[c - 1], n[c + 1], nn[c]]
                if reference:
                    same = reference[y]
                    up, down = reference[max(y - 1, 0)], reference[min(y + 1, height - 1)]
                    taps += [same[c], same[c - 1], same[c + 1], up[c], down[c]]
                    taps += [up[c - 1], up[c + 1], down[c - 1], down[c + 1], second[y][c]]
                weights = self.predictors[frame_class][choice]
                total = 2048 + sum(a * b for a, b in zip(weights, taps, strict=True))
                p = min(max(total >> 12, self.low), self.high)
            v = p + residuals[x]
            row.append((v - self.low) % (1 << self.size) + self.low)
        row.append(row[-1])
        return row


def noisy(shape, peak, seed):
    noise = np.random.default_rng(seed).integers(-peak // 8, peak // 8 + 1, shape)
    return smooth(shape, peak) + noise * (np.indices(shape)[3] // 16 % 2)


@pytest.mark.parametrize(
    ("shape", "dtype", "peak"),
    [
        ((1, 1, 20, 37), "uint8", 150),
        ((1, 2, 160, 70), "int16", 900),
        ((3, 3, 34, 33), "int16", 12000),
        ((1, 3, 64, 70), "uint16", 50000),
        ((2, 2, 33, 31), "int32", 1 << 22),
        ((4, 5, 6, 7), "int16", 300),
        ((30, 70, 1, 1), "int16", 300),
    ],
)
def test_document_and_kernel_agree(shape, dtype, peak):
    voxels = np.clip(noisy(shape, peak, 5), 0, None).astype(dtype)
    decoded = Decoder(encode_blocks(voxels), shape).decode().reshape(shape)
    np.testing.assert_array_equal(decoded, voxels)


def test_document_and_kernel_agree_on_mapped_values():
    voxels = (smooth((1, 2, 40, 50), 300) * 37 - 5000).astype(np.int16)
    stream = encode_blocks(voxels)
    assert stream[2] & 2
    np.testing.assert_array_equal(Decoder(stream, voxels.shape).decode(), voxels)
