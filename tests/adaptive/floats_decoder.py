"""A decoder of float streams, written from `docs/format-floats.md` alone: slow, and without our kernels."""

from __future__ import annotations

import struct
from collections import defaultdict
from math import copysign, floor, isfinite, ldexp, prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

MARGIN = 3
FLOAT_CODES = {16: "e", 32: "f", 64: "d"}


class Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        assert self.at + count <= len(self.data)
        self.at += count
        return self.data[self.at - count : self.at]

    def uint(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def sint(self) -> int:
        n = self.uint()
        return n >> 1 if n % 2 == 0 else -(n + 1 >> 1)


class Bit:
    def __init__(self) -> None:
        self.p, self.n = 1 << 15, 0


class Coded:
    """Section 1."""

    def __init__(self, coded: bytes, raw: bytes) -> None:
        self._coded, self._raw = Reader(coded), raw
        self._raw_at = 0
        self._low, self._high = 0, (1 << 32) - 1
        self._code = int.from_bytes(self._coded.take(4), "big")

    def weighted(self, p: int) -> int:
        middle = self._low + ((self._high - self._low) * min(max(p, 24), 65512) >> 16)
        bit = int(self._code <= middle)
        if bit:
            self._high = middle
        else:
            self._low = middle + 1
        while self._low >> 24 == self._high >> 24:
            self._low = (self._low & 0xFFFFFF) << 8
            self._high = (self._high & 0xFFFFFF) << 8 | 255
            self._code = (self._code & 0xFFFFFF) << 8 | self._coded.take(1)[0]
        return bit

    def bit(self, bit: Bit) -> int:
        found = self.weighted(bit.p)
        step = ((65535 if found else 0) - bit.p) * (131072 // (2 * bit.n + 3))
        bit.p += step // 65536 if step > 0 else -(-step // 65536)
        bit.n = min(bit.n + 1, 250)
        return found

    def tree(self, bits: Any, count: int) -> int:
        node = 1
        for _ in range(count):
            node = 2 * node + self.bit(bits[node])
        return node - (1 << count)

    def raw(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = 2 * value + (self._raw[self._raw_at >> 3] >> (7 - self._raw_at % 8) & 1)
            self._raw_at += 1
        return value

    def finish(self) -> None:
        assert self._coded.at == len(self._coded.data)
        assert -(-self._raw_at // 8) == len(self._raw)


def exponent_of(value: float) -> int:
    return (struct.unpack("<Q", struct.pack("<d", value))[0] >> 52 & 2047) - 1023


class Format:
    """Section 2."""

    def __init__(self, kind: str, width: int, shift: int, scale: int) -> None:
        self.kind, self.width, self.shift, self.scale = kind, width, shift, scale
        self.bits = width - shift
        self.half, self.last = 1 << (self.bits - 1), (1 << self.bits) - 1
        self.mantissa = {16: 10, 32: 23, 64: 52}[width] - shift
        self.bias = {16: 15, 32: 127, 64: 1023}[width]
        self.infinity = (2 * self.bias + 1) << self.mantissa

    def ordered(self, word: int) -> int:
        top = 1 << (self.width - 1)
        if self.kind == "u":
            return word >> self.shift
        if self.kind == "i":
            return (word ^ top) >> self.shift
        magnitude = (word & (top - 1)) >> self.shift
        return self.half - 1 - magnitude if word & top else self.half + magnitude

    def word(self, ordered: int) -> int:
        top = 1 << (self.width - 1)
        if self.kind == "u":
            return ordered << self.shift
        if self.kind == "i":
            return (ordered << self.shift) ^ top
        if ordered < self.half:
            return top | (self.half - 1 - ordered) << self.shift
        return (ordered - self.half) << self.shift

    def finite(self, word: int) -> bool:
        return self.kind != "f" or isfinite(self._float(word))

    def _float(self, word: int) -> float:
        code = FLOAT_CODES[self.width]
        return float(struct.unpack("<" + code, word.to_bytes(self.width // 8, "little"))[0])

    def value(self, ordered: int) -> float:
        word = self.word(ordered)
        if self.kind == "f":
            value = self._float(word)
            return value if isfinite(value) else 0.0
        return float(word - (word >> (self.width - 1) << self.width if self.kind == "i" else 0))

    def number(self, ordered: int) -> float:
        return min(max(self.value(ordered) * 2.0**-self.scale, -1e60), 1e60)

    def ceiling(self, z: float) -> int:
        edge = z * 2.0**self.scale
        if self.kind != "f":
            d = (edge - (0.0 if self.kind == "u" else -ldexp(1.0, self.width - 1))) * 2.0**-self.shift
            if d <= 0 or d >= 2.0**self.bits:
                return 0 if d <= 0 else self.last
            return floor(d) + (floor(d) < min(d, self.last))
        magnitude = self._rounded_down(abs(edge))
        if edge < 0:
            return self.half - 1 - magnitude
        inexact = magnitude < self.infinity and self.value(self.half + magnitude) < edge
        return self.half + magnitude + inexact

    def _rounded_down(self, size: float) -> int:
        if not isfinite(size) or (self.width < 64 and size >= 2.0 ** (self.bias + 1)):
            return self.infinity
        low, high = 0, self.infinity
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.value(self.half + middle) <= size else (low, middle)
        return low

    def spacing(self, z: float) -> int:
        if self.kind != "f":
            return self.shift - self.scale
        return max(exponent_of(z * 2.0**self.scale), 1 - self.bias) - self.mantissa - self.scale

    def evenly_spaced(self, first: int, last: int) -> bool:
        if self.kind != "f":
            return True
        if (first < self.half) != (last < self.half):
            return False
        sizes = [self.half - 1 - n if n < self.half else n - self.half for n in (first, last)]
        return sizes[0] >> self.mantissa == sizes[1] >> self.mantissa


class Places:
    """Section 3."""

    def __init__(self, form: Format, table: list[int]) -> None:
        self._form, self.table = form, table
        self.last = len(table) - 1 if table else form.last

    def word(self, place: int) -> int:
        return self._form.word(self.table[place] if self.table else place)

    def number(self, place: int) -> float:
        return self._form.number(self.table[place] if self.table else place)

    def ceiling(self, z: float) -> int:
        ordered = self._form.ceiling(z)
        return sum(entry < ordered for entry in self.table) if self.table else ordered

    def evenly_spaced(self, first: int, last: int) -> bool:
        return bool(self.table) or self._form.evenly_spaced(first, last)

    def spacing(self, z: float) -> int:
        spacing, entries = self._form.spacing(z), len(self.table)
        if entries < 2:
            return spacing
        c = self.ceiling(z)
        i = min(c - 2, entries - 2) if c > 2 else 0
        j = min(i + 4, entries - 1)
        return max(spacing, exponent_of((self.number(j) - self.number(i)) / (j - i)))


class Plane:
    """Items of one frame with borders, section 4."""

    def __init__(self, height: int, width: int) -> None:
        self._rows = [[0] * (width + 2 * MARGIN) for _ in range(height + 3)]
        self._height, self._width = height, width

    def __getitem__(self, place: tuple[int, int]) -> Any:
        return self._rows[place[0] + 2][place[1] + MARGIN]

    def __setitem__(self, place: tuple[int, int], item: Any) -> None:
        self._rows[place[0] + 2][place[1] + MARGIN] = item

    def begin_row(self, y: int, first: Any) -> None:
        for x in (-3, -2, -1):
            self[y, x] = self[y - 1, 0] if y else first
        if not y:
            for x in (-3, -2, -1, 0, 1, 2):
                self[-1, x] = self[-2, x] = first

    def put(self, y: int, x: int, item: Any) -> None:
        self[y, x] = item
        if not y and x < self._width:
            self[-1, x + 3] = self[-2, x + 3] = item

    def end_row(self, y: int) -> None:
        for x in range(3):
            self[y, self._width + x] = self[y, self._width - 1]

    def end(self) -> None:
        self._rows[-1] = list(self._rows[-2])


class Planes(NamedTuple):
    numbers: Plane
    errors: Plane
    words: Plane
    classes: Plane


SAME = ((0, -1), (-1, -1), (1, -1), (-2, 0), (0, -2), (-2, -1), (2, -1), (-1, -2), (1, -2), (-3, 0))
ALONE = ((-3, -1), (2, -2))
BEFORE = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (1, -1), (-1, 1), (1, 1))
ASIDE = ((0, 0), (-1, 0), (1, 0), (0, 1))


class Band:
    def __init__(self, terms: int) -> None:
        self.weights, self.t = [0.0] * terms, [0.0] * terms
        self.a = [[0.0] * terms for _ in range(terms)]

    def guess(self, x: list[float]) -> float:
        parts = [0.0] * 4
        for i, (w, f) in enumerate(zip(self.weights, x, strict=True)):
            parts[i % 4] += w * f
        return (parts[0] + parts[1]) + (parts[2] + parts[3])

    def learn(self, x: list[float], target: float, q: float, m: float) -> None:
        terms = range(len(x))
        for i in terms:
            factor = q * x[i]
            for j in range(i, len(x)):
                self.a[i][j] = m * self.a[i][j] + factor * x[j]
        for i in terms:
            self.t[i] = m * self.t[i] + (q * target) * x[i]

    def solve(self) -> None:
        terms = range(len(self.t))
        a, t, d = [list(row) for row in self.a], list(self.t), [0.0] * len(self.t)
        for i in terms:
            a[i][i] += 1e-9 * a[i][i] + 1e-280
        for k in terms:
            if not a[k][k] > 0:
                return
            d[k] = 1 / a[k][k]
            for i in terms[k + 1 :]:
                h = a[k][i] * d[k]
                for j in terms[i:]:
                    a[i][j] -= h * a[k][j]
                t[i] -= h * t[k]
        for k in terms[::-1]:
            t[k] *= d[k]
            if not -1e9 < t[k] < 1e9:
                return
            for i in terms[:k]:
                t[i] -= a[i][k] * t[k]
        self.weights = t


class Predictor:
    """Section 6."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._terms = 24 if shape[0] > 1 else 20 if shape[1] > 1 else 12
        self._bands = {16: defaultdict(self._band), 32: defaultdict(self._band)}
        self._squares = {16: defaultdict(float), 32: defaultdict(float)}
        self._columns: dict[int, float] = defaultdict(float)
        self._width = shape[3]
        self._average = 0.0

    def _band(self) -> Band:
        return Band(self._terms)

    def predict(self, now: Plane, others: list[Plane | None], y: int, x: int) -> float:
        before, second, aside = others
        west = now[y, x - 1]

        def features(plane: Plane | None, offsets: tuple[tuple[int, int], ...]) -> list[float]:
            return [0.0 if plane is None else plane[y + dy, x + dx] - west for dx, dy in offsets]

        self._x = features(now, SAME)
        if self._terms == 12:
            self._x += features(now, ALONE)
        else:
            self._x += features(before, BEFORE) + features(second, ((0, 0),))
        if self._terms == 24:
            self._x += features(aside, ASIDE)
        self._at, self._west = x, west
        self._g = {size: west + self._bands[size][x // size].guess(self._x) for size in (16, 32)}
        fast, slow = (self._near(self._squares[size]) for size in (16, 32))
        u, w = slow * slow + 1e-200, fast * fast + 1e-200
        prediction = (self._g[16] * u + self._g[32] * w) / (u + w)
        return prediction if -1e60 < prediction < 1e60 else west

    def _near(self, r: dict[int, float]) -> float:
        x = self._at
        return r[x - 1] + 0.5 * r[x - 2] + r[x] + r[x + 1] + 0.5 * r[x + 2]

    def expected(self, e: Plane, f: Plane | None, y: int, x: int) -> tuple[float, float, float]:
        here = 2 * (e[y, x - 1] + e[y - 1, x]) + e[y - 1, x - 1] + e[y - 1, x + 1] + e[y, x - 2] + e[y - 2, x]
        here *= 0.125
        past = here
        if f is not None:
            past = 2 * f[y, x] + f[y, x - 1] + f[y, x + 1] + f[y - 1, x] + f[y + 1, x]
            past *= 1.0 / 6
            here = here * 0.7 + past * 0.3
        c = [self._columns[x + dx] for dx in range(-3, 4)]
        return here, past, (((c[0] + c[1]) + (c[2] + c[3])) + ((c[4] + c[5]) + c[6])) * (1.0 / 7)

    def learn(self, value: float, error: float, here: float) -> None:
        x = self._at
        self._columns[x] += (error - self._columns[x]) * 0.15
        scale = here + self._average * 0.5 + 1e-60
        self._average += (error - self._average) / 256
        q = 1 / (scale * scale)
        for size, memory in ((16, 0.97), (32, 0.999)):
            off = value - self._g[size]
            square = off * off
            self._squares[size][x] = square if square < 1e140 else 1e140
            band = self._bands[size][x // size]
            band.learn(self._x, value - self._west, q, memory)
            if x % size == 15:
                band.solve()


class ErrorDecoder:
    """Section 7."""

    def __init__(self, coded: Coded, places: Places, bits: int) -> None:
        self._coded, self._places, self._bits = coded, places, bits
        self._signs, self._sizes = defaultdict(Bit), defaultdict(Bit)

    def place(self, prediction: float, expected: tuple[float, float, float]) -> int:
        here, past, around = expected[0] + 1e-200, *expected[1:]
        places, spacing = self._places, self._places.spacing(prediction)
        bits = struct.unpack("<Q", struct.pack("<d", here))[0]
        x, crowd = (bits >> 52) - 1023 - 2, 0
        if x <= spacing:
            crowd, x = 1 + min(spacing - x, 10), spacing
        quantum = 2.0 ** min(max(x, -900), 900)
        then = sum(limit * here <= past for limit in (0.4, 0.75, 1.3, 2.2))
        wide = sum(limit * here <= around for limit in (0.9, 1.7))
        middle, gap = places.ceiling(prediction), 0.0
        if crowd:
            gap = (places.number(min(middle, places.last)) - prediction) / quantum
        near = 0 if gap <= 0 else min(floor(16 * min(gap, 1)), 15)
        negative = self._coded.bit(self._signs[crowd, near])
        size = self._size((crowd, bits >> 50 & 3, then, wide))
        if size is None:
            return min(self._coded.raw(self._bits), places.last)
        edges = [copysign(edge * quantum, -negative or 1) for edge in self._edges(size)]
        low, high = sorted(prediction + edge for edge in edges)
        return self._refined(places.ceiling(low), places.ceiling(high), low, high)

    @staticmethod
    def _edges(size: int) -> list[float]:
        return [float(n) if n < 8 else (4 + n % 4) * 2.0 ** (n // 4 - 1) for n in (size, size + 1)]

    def _size(self, context: tuple[int, ...]) -> int | None:
        for group in range(62):
            bits = [self._sizes[(*context, group, i)] for i in range(4)]
            if not self._coded.bit(bits[0]):
                upper = self._coded.bit(bits[1])
                return 4 * group + 2 * upper + self._coded.bit(bits[2 + upper])
        return None

    def _refined(self, first: int, end: int, low: float, high: float) -> int:
        places, depth = self._places, -1
        while end > first + 1:
            depth, count = depth + 1, end - first
            if count & (count - 1) == 0 and places.evenly_spaced(first, end - 1):
                return first + self._coded.raw(count.bit_length() - 1)
            split, p, half = first + count // 2, 1 << 15, low + (high - low) * 0.5
            if places.table:
                p = ((end - split) << 16) // count
            elif depth < 80:
                split = max(first, min(end, places.ceiling(half)))
                if split in (first, end):
                    low, high = (half, high) if split == first else (low, half)
                    continue
            if self._coded.weighted(p):
                first, low = split, half
            else:
                end, high = split, half
        return min(first, places.last)


class Decoder:
    def __init__(self, data: bytes, shape: tuple[int, int, int, int], dtype: np.dtype[Any]) -> None:
        reader = Reader(data)
        self._shape, self._dtype, width = shape, dtype, 8 * dtype.itemsize
        shift, flags = reader.take(2)
        assert flags < 32
        scale = reader.sint()
        self._frequent = [int.from_bytes(reader.take(8), "little") for _ in range(flags & 15)]
        assert len(self._frequent) <= 11
        entries = reader.uint()
        coded = reader.take(reader.uint())
        self._form = Format(dtype.kind, width, shift, scale)
        self._coded = Coded(coded, reader.take(len(data) - reader.at))
        self._places = Places(self._form, self._table(entries))
        self._with_classes = bool(flags) or dtype.kind == "f"
        self._class_bits = defaultdict(Bit)
        self._predictor = Predictor(shape)
        self._error = ErrorDecoder(self._coded, self._places, self._form.bits)

    def _table(self, entries: int) -> list[int]:
        table: list[int] = []
        lengths, length, word = defaultdict(lambda: defaultdict(Bit)), 64, 0
        for n in range(entries):
            length = self._coded.tree(lengths[length], 7)
            assert length <= 64
            assert length or not n
            word += (1 << (length - 1)) + self._coded.raw(length - 1) if length else 0
            assert word <= self._form.last
            table.append(word)
        return table

    def run(self) -> npt.NDArray[Any]:
        sequences, frames, height, width = self._shape
        done: list[Planes] = []
        for index in range(sequences * frames):
            n = index % frames
            sources = (index - 1 if n else -1, index - 2 if n > 1 else -1, index - frames)
            self._others = [done[i] if i >= 0 else None for i in sources]
            self._now = Planes(*(Plane(height, width) for _ in range(4)))
            for y in range(height):
                self._row(y)
            for plane in self._now:
                plane.end()
            done.append(self._now)
        self._coded.finish()
        inside = [[[planes.words[y, x] for x in range(width)] for y in range(height)] for planes in done]
        words = np.array(inside, f"u{self._dtype.itemsize}")
        assert words.size == prod(self._shape)
        return words.view(self._dtype).reshape(self._shape)

    def _row(self, y: int) -> None:
        before = self._others[0]
        for plane, name in zip(self._now, Planes._fields, strict=True):
            shared = before is not None and name in ("numbers", "errors")
            plane.begin_row(y, getattr(before, name)[0, 0] if shared else 0)
        for x in range(self._shape[3]):
            kind = self._class(y, x) if self._with_classes else 0
            word, number, error = self._special(kind, y, x) if kind else self._number(y, x)
            for plane, item in zip(self._now, (number, error, word, kind), strict=True):
                plane.put(y, x, item)
        for plane in self._now:
            plane.end_row(y)

    def _class(self, y: int, x: int) -> int:
        c, before = self._now.classes, self._others[0]
        w, n, p = c[y, x - 1], c[y - 1, x], before.classes[y, x] if before else 0
        then = 0 if p == w else 1 if p == n else 2 if p else 3
        context = (w, n, then, c[y - 1, x - 1] == w, c[y - 1, x + 1] == n)
        bits = [self._class_bits[(*context, i)] for i in range(16)]
        return self._coded.tree(bits, 4) if self._coded.bit(bits[0]) else 0

    def _special(self, kind: int, y: int, x: int) -> tuple[int, float, float]:
        now, before, form = self._now, self._others[0], self._form
        if kind <= len(self._frequent):
            word = self._frequent[kind - 1]
        elif kind in (12, 13):
            word = now.words[y, x - 1] if kind == 12 else now.words[y - 1, x]
        elif kind == 14:
            word = before.words[y, x] if before else 0
        else:
            word = self._coded.raw(form.width)
        number = form.number(form.ordered(word)) if form.finite(word) else now.numbers[y, x - 1]
        return word, number, now.errors[y, x - 1] * 0.5

    def _number(self, y: int, x: int) -> tuple[int, float, float]:
        now, (before, *_) = self._now, self._others
        numbers = [planes.numbers if planes else None for planes in self._others]
        prediction = self._predictor.predict(now.numbers, numbers, y, x)
        expected = self._predictor.expected(now.errors, before.errors if before else None, y, x)
        place = self._error.place(prediction, expected)
        number = self._places.number(place)
        error = abs(number - prediction)
        self._predictor.learn(number, error, expected[0])
        return self._places.word(place), number, error
