"""A decoder of predicted levels, written from `docs/adaptive.md` alone: slow, and without our kernels."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import floor as floor_of

import numpy as np

F = np.float32
PAD = 4
PRESETS = ((32, 16, 2, F(0.85), None), (48, 8, 1, F(0.8), F(0.97)))
TAPS = (
    ((25, 0, 0), (14, 17, 0), (14, 13, 4)),
    ((25, 0, 0), (25, 19, 0), (22, 19, 6)),
)
CURRENT = (
    (-1, 0), (0, -1), (-1, -1), (1, -1), (-2, 0), (0, -2), (-1, -2), (1, -2), (-2, -1), (2, -1), (-2, -2),
    (2, -2), (-3, 0), (0, -3), (-3, -1), (3, -1), (-1, -3), (1, -3), (-4, 0), (-3, -2), (3, -2), (-2, -3),
    (2, -3), (0, -4), (4, -1),
)  # fmt: skip
REFERENCE = (
    (0, 0), (1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1), (2, 0), (0, 2), (-2, 0),
    (0, -2), (2, 1), (1, 2), (-1, 2), (-2, 1), (2, 2), (-2, 2),
)  # fmt: skip


class RangeDecoder:
    """Section 3.7."""

    def __init__(self, data: bytes) -> None:
        self._bytes, self._read = data, 0
        self._range = (1 << 64) - 1
        self._code = 0
        for _ in range(4):
            self._code = self._code << 16 | self._next()

    def _next(self) -> int:
        word = self._bytes[self._read : self._read + 2].ljust(2, b"\0")
        self._read += 2
        return int.from_bytes(word, "big")

    def _normalise(self) -> None:
        while self._range < 1 << 48:
            self._code = self._code << 16 | self._next()
            self._range <<= 16

    def target(self) -> int:
        self._range >>= 26
        return min(self._code // self._range, (1 << 26) - 1)

    def consume(self, start: int, end: int) -> None:
        self._code -= self._range * start
        self._range *= end - start
        self._normalise()

    def bit(self, p: int) -> bool:
        split = (self._range >> 16) * p
        found = self._code < split
        if found:
            self._range = split
        else:
            self._code -= split
            self._range -= split
        self._normalise()
        return found

    def finished(self) -> bool:
        return len(self._bytes) <= self._read <= len(self._bytes) + 6


def lane_sum(v: np.ndarray) -> np.float32:
    a = v[:8] + v[8:]
    b = a[:4] + a[4:]
    return (b[0] + b[2]) + (b[1] + b[3])


def dot(weights: np.ndarray, features: np.ndarray) -> np.float32:
    products = (weights * features).reshape(-1, 16)
    total = products[0]
    for more in products[1:]:
        total = total + more
    return lane_sum(total)


class Equations:
    """Features, and the target as the last column."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.sums = np.zeros((count, count + 1), F)

    def learn(self, features: np.ndarray, target: np.float32, weight: np.float32) -> None:
        f = np.append(features[: self.count], target)
        self.sums += (weight * f[:-1])[:, None] * f

    def decay(self, factor: np.float32) -> None:
        self.sums *= factor


def solve(m: np.ndarray, ridge: np.float32, stages: list[int]) -> list[np.ndarray]:
    count = len(m)
    trace = F(0)
    for i in range(count):
        trace += m[i, i]
    low = trace / F(count) * (ridge * F(0.1)) + F(1e-3)
    for i in range(count):
        m[i, i] = m[i, i] * (F(1) + ridge) + low
    found = []
    for k in range(count):
        s = m[k] * (F(1) / m[k, k])
        m[:k] -= m[:k, k, None] * s
        factors = m[k, k + 1 : count].copy()
        m[k + 1 :] -= factors[:, None] * s
        m[k] = s
        if k + 1 in stages:
            found.append(np.append(m[: k + 1, -1], np.zeros(count - k - 1, F)))
    return found


def around(bands: list[Equations], b: int) -> np.ndarray:
    m = bands[b].sums.copy()
    for other in (b - 1, b + 1):
        if 0 <= other < len(bands):
            m += F(0.5) * bands[other].sums
    return m


RECIPROCAL = F(1) / (np.arange(513).astype(F) + F(1))


@dataclass
class Mean:
    value: np.float32
    count: int
    limit: int

    def learn(self, sample: np.float32) -> None:
        self.value += (sample - self.value) * RECIPROCAL[self.count]
        self.count = min(self.count + 1, self.limit)


def half_octaves(v: np.float32) -> int:
    return (int(F(v + F(1)).view(np.uint32)) >> 22) - 254


def logistic_table() -> list[int]:
    table = [0] * 8194
    for j in range(4097):
        t = -(j / 256) / 1024
        term = total = 1.0
        for i in range(1, 12):
            term = term * t / i
            total += term
        for _ in range(10):
            total *= total
        table[4096 - j] = int(total / (1 + total) * (1 << 26))
        table[4096 + j] = (1 << 26) - table[4096 - j]
    table[8193] = table[8192]
    return table


LOGISTIC = logistic_table()


def logistic(z: np.float32) -> int:
    limit = F(16 - 2.0**-16)
    z = -limit if not z > -limit else min(z, limit)
    x = int((z + F(16)) * F(65536))
    i = x >> 8
    return LOGISTIC[i] + ((LOGISTIC[i + 1] - LOGISTIC[i]) * (x & 255) >> 8)


class Warp:
    def __init__(self) -> None:
        self.edges = [i << 21 for i in range(33)]
        self.count = 0

    def at(self, u: int) -> int:
        if u >= 1 << 26:
            return 1 << 26
        i = u >> 21
        return self.edges[i] + ((self.edges[i + 1] - self.edges[i]) * (u & (1 << 21) - 1) >> 21)

    def learn(self, u0: int, u1: int) -> None:
        shift = 3
        while shift < 9 and self.count >> shift > 0:
            shift += 1
        self.count = min(self.count + 1, 1 << 20)
        slope = F(1 << 26) / F(max(u1 - u0, 1))
        for i in range(32):
            ramp = (F(i) * F(1 << 21) - F(u0)) * slope
            ramp = max(F(0), min(F(1 << 26), ramp))
            self.edges[i] += -(self.edges[i] >> shift) + (int(ramp) >> shift)


@dataclass
class Kind:
    """What is learned for one number of references."""

    taps: int
    lanes: int
    bands: int
    predictors: int
    fast: list[Equations] = field(init=False)
    slow: list[Equations] = field(init=False)
    second: list[Equations] = field(init=False)
    weights: list[np.ndarray] = field(init=False)
    second_weights: list[np.ndarray] = field(init=False)

    def __post_init__(self) -> None:
        self.fast = [Equations(self.taps) for _ in range(self.bands)]
        self.slow = [Equations(self.taps) for _ in range(self.bands)]
        self.second = [Equations(8) for _ in range(self.bands)]
        self.weights = [np.zeros((self.predictors, self.lanes), F) for _ in range(self.bands)]
        self.second_weights = [np.zeros(16, F) for _ in range(self.bands)]
        self.scale = Equations(15)
        self.scale_weights = np.append(np.full(15, F(1 / 16)), F(0))
        self.bias = [Mean(F(0), 0, 128) for _ in range(128)]
        self.gain = [Mean(F(1), 4, 512) for _ in range(32)]
        self.warp = [Warp() for _ in range(32)]
        self.repeat = [[1 << 21, 0] for _ in range(64)]


class Plane:
    """A frame with `PAD` cells around it."""

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height, width
        self.cells = np.zeros((height + 2 * PAD, width + 2 * PAD), F)

    def __call__(self, x: int, y: int) -> np.float32:
        return self.cells[y + PAD, x + PAD]

    def put(self, x: int, y: int, value: np.float32) -> None:
        self.cells[y + PAD, x + PAD] = value

    def left(self, y: int, value: np.float32) -> None:
        self.cells[y + PAD, :PAD] = value

    def end_row(self, y: int) -> None:
        row = self.cells[y + PAD]
        row[:PAD], row[-PAD:] = row[PAD], row[-PAD - 1]

    def end_frame(self) -> None:
        self.cells[:PAD], self.cells[-PAD:] = self.cells[PAD], self.cells[-PAD - 1]


class Decoder:
    def __init__(self, data: bytes, shape: tuple[int, ...], preset: int, top: int, max_error: int) -> None:
        self.shape, self.top, self.max_error = shape, F(top), F(max_error)
        self.lanes, self.band, self.solve_rows, self.fast_decay, self.slow_decay = PRESETS[preset % 2]
        self.keeps_background = preset >= 2
        self.preset = preset % 2
        self.step = F(2 * max_error + 1)
        self.low_share = max(1, 8192 // (top + 1))
        self.coder = RangeDecoder(data)
        self.frames: dict[tuple[int, int], Plane] = {}
        self.errors: dict[tuple[int, int], Plane] = {}
        self.bands = -(-shape[3] // self.band)
        self.predictors = 5 if self.slow_decay is not None else 3
        taps = [sum(TAPS[self.preset][n]) for n in range(3)]
        self.kinds = [Kind(each, self.lanes, self.bands, self.predictors) for each in taps]

    def run(self) -> np.ndarray:
        sequences, frames = self.shape[:2]
        for s in range(sequences):
            for n in range(frames):
                self.decode_frame(s, n)
        assert self.coder.finished()
        inner = slice(PAD, -PAD)
        levels = [self.frames[s, n].cells[inner, inner] for s in range(sequences) for n in range(frames)]
        return np.array(levels).astype(np.int64).reshape(self.shape)

    def references(self, s: int, n: int) -> list[Plane]:
        later = [(s, n - 1), (s - 1, n) if s > 0 else (s, n - 2)]
        named = later if n > 0 else [(s - 1, 0), (s - 2, 0)]
        return [self.frames[name] for name in named if min(name) >= 0]

    def list_taps(self) -> tuple[list[tuple[Plane, int, int]], list[int]]:
        known = len(self.known)
        planes = [self.frame, *self.known]
        counts = TAPS[self.preset][known]
        lists = [CURRENT[: counts[0]], REFERENCE[: counts[1]], REFERENCE[: counts[2]]]
        if known == 0:
            return [(self.frame, *tap) for tap in lists[0]], [6, 12, counts[0]]
        taps, stages = [], []
        for parts in (((0, 4), (0, 5), (0, 1)), ((4, 10), (5, 9), (0, 0)), ((10, 99), (9, 99), (1, 99))):
            for which, (first, end) in enumerate(parts):
                if which <= known:
                    taps += [(planes[which], *tap) for tap in lists[which][first:end]]
            stages.append(len(taps))
        return taps, stages

    def decode_frame(self, s: int, n: int) -> None:
        _, _, height, width = self.shape
        self.known = self.references(s, n)
        self.kind = self.kinds[len(self.known)]
        self.frame = self.frames[s, n] = Plane(height, width)
        self.error = self.errors[s, n] = Plane(height, width)
        self.before = self.errors.get((s, n - 1) if n else (s - 1, 0))
        if self.known:
            self.frame.cells[:PAD] = self.known[0].cells[PAD]
        self.taps, self.stages = self.list_taps()
        self.misses = np.ones((height + 2, width + 2 * PAD, self.predictors), F)
        for y in range(height):
            self.decode_row(y, width)
        self.error.end_frame()
        self.error.cells[:PAD] = self.error.cells[PAD]
        self.frame.end_frame()

    def decode_row(self, y: int, width: int) -> None:
        self.frame.left(y, self.frame(0, y - 1))
        self.misses[y + 2, :PAD] = self.misses[y + 1, PAD]
        for b in range(self.bands):
            started = False
            for x in range(b * self.band, min((b + 1) * self.band, width)):
                if self.decode_repeat(x, y):
                    continue
                if not started:
                    self.start_band(y, b)
                    started = True
                self.decode_voxel(x, y, b)
        self.frame.end_row(y)
        self.error.end_row(y)
        self.misses[y + 2, -PAD:] = self.misses[y + 2, -PAD - 1]
        self.solve_scale()

    def decode_repeat(self, x: int, y: int) -> bool:
        c, e = self.frame, self.error
        v = c(x - 1, y)
        same = [c(x, y - 1), c(x - 1, y - 1), c(x + 1, y - 1)]
        if self.known:
            k = self.known[0]
            same += [k(x, y), k(x + 1, y), k(x, y + 1), k(x - 1, y), k(x, y - 1)]
        if any(other != v for other in same):
            return False
        context = int(c(x - 2, y) == v) + 2 * (c(x, y - 2) == v) + 4 * (c(x + 2, y - 1) == v)
        context += 8 * (c(x - 2, y - 1) == v) + 16 * (v in (0, self.top))
        context += 32 * (e(x - 1, y) + e(x, y - 1) + e(x + 1, y - 1) > 0)
        model = self.kind.repeat[int(context)]
        repeated = self.coder.bit(min(max(model[0] >> 6, 1), 65535))
        shift = 1 + (model[1] + 1) // 2 if model[1] < 7 else 5 if model[1] < 255 else 7
        model[0] += (((1 << 22) - 1 if repeated else 0) - model[0]) >> shift
        model[1] = min(model[1] + 1, 255)
        if repeated:
            c.put(x, y, v)
            e.put(x, y, F(0))
            self.misses[y + 2, x + PAD] = 0
        return repeated

    def start_band(self, y: int, b: int) -> None:
        kind = self.kind
        if (y + b) % self.solve_rows == 0 or y < 2:
            found = solve(around(kind.fast, b), F(3e-5), self.stages)
            if self.slow_decay is not None:
                found += solve(around(kind.slow, b), F(3e-5), self.stages[1:])
            for p, weights in enumerate(found):
                kind.weights[b][p, : kind.taps] = weights
            kind.second_weights[b][:8] = solve(around(kind.second, b), F(0.05), [8])[0]
        kind.fast[b].decay(self.fast_decay)
        if self.slow_decay is not None:
            kind.slow[b].decay(self.slow_decay)
        kind.second[b].decay(F(0.92))

    def solve_scale(self) -> None:
        m = self.kind.scale.sums.copy()
        for i in range(15):
            m[i, i] += F(1)
            m[i, -1] += F(0.08)
        self.kind.scale_weights[:15] = solve(m, F(1e-3), [15])[0]
        self.kind.scale.decay(F(0.98))

    def predict(self, x: int, y: int, b: int) -> None:
        c, kind = self.frame, self.kind
        west, north, corner = c(x - 1, y), c(x, y - 1), c(x - 1, y - 1)
        base = (west + north) * F(0.5)
        if self.known:
            base = (west + north + F(2) * self.known[0](x, y)) * F(0.25)
        features = np.zeros(self.lanes, F)
        for i, (plane, dx, dy) in enumerate(self.taps):
            features[i] = plane(x + dx, y + dy) - base
        each = np.array([dot(w, features) + base for w in kind.weights[b]], F)
        d = self.misses[y : y + 3, x + PAD - 2 : x + PAD + 2]
        u = d[2, 1] + d[1, 2] + d[1, 1] + d[1, 3] + F(0.5) * (d[2, 0] + d[0, 2]) + F(0.01)
        trust = F(1) / (u * u)
        total = blend = F(0)
        for p in range(self.predictors):
            total = total + trust[p]
            blend = blend + trust[p] * each[p]
        mean = blend / total
        second = np.zeros(16, F)
        second[: self.predictors] = each - mean
        low, high = min(west, north), max(west, north)
        median = low if corner >= high else high if corner <= low else west + north - corner
        second[5] = F(0.3) * (median - mean)
        if self.known:
            second[6] = F(0.3) * (self.known[0](x, y) - mean)
        mean = mean + lane_sum(second * kind.second_weights[b])
        self.base, self.features, self.each, self.second = base, features, each, second
        self.mean = min(mean, self.top) if mean > 0 else F(0)
        self.spread = abs(each[0] - each[2]) + abs(each[1] - each[2])

    def scale_features(self, x: int, y: int) -> np.ndarray:
        c = self.frame

        def e(dx: int, dy: int) -> np.float32:
            return self.error(x + dx, y + dy)

        def known(dx: int, dy: int) -> np.float32:
            return self.before(x + dx, y + dy)

        near = [e(-1, 0), e(0, -1), e(-1, -1), e(1, -1), e(-2, 0) + e(0, -2)]
        near.append(e(-2, -1) + e(2, -1) + e(-1, -2) + e(1, -2))
        gradient = abs(c(x - 1, y) - c(x - 1, y - 1)) + abs(c(x, y - 1) - c(x + 1, y - 1))
        if self.known:
            k = known
            near += [
                k(0, 0),
                k(1, 0) + k(-1, 0),
                k(0, 1) + k(0, -1),
                k(1, 1) + k(-1, 1) + k(-1, -1) + k(1, -1),
            ]
            far = k(2, 0) + k(-2, 0) + k(0, 2) + k(0, -2)
            change = abs(self.known[0](x, y) - self.mean)
        else:
            near += [F(0)] * 4
            far = e(3, -1) + e(-3, -1) + e(-3, 0) + e(0, -3)
            change = abs(c(x, y - 1) - c(x, y - 2))
        return np.array([*near, self.spread, gradient, change, F(0.3), far, F(0)], F)

    def decode_voxel(self, x: int, y: int, b: int) -> None:
        kind, c, e = self.kind, self.frame, self.error
        self.predict(x, y, b)
        mean = self.mean
        features = self.scale_features(x, y)
        scale = lane_sum(kind.scale_weights * features)
        before = self.before(x, y) if self.known else F(0)
        least = F(0.02) * (e(x - 1, y) + e(x, y - 1) + before) + F(0.03)
        scale = scale if scale > least else least
        third = self.known[0](x, y) if self.known else c(x + 1, y - 1)
        context = 8 * min(half_octaves(scale * F(4)), 15)
        context += 4 * (c(x - 1, y) > mean) + 2 * (c(x, y - 1) > mean) + (third > mean)
        bias = kind.bias[int(context)]
        level = min(half_octaves(scale * F(8)), 31)
        gain = kind.gain[level]
        centre = mean + bias.value
        unit = max(scale * gain.value * F(0.72), self.step * F(0.15))
        value = self.decode_value(x, y, centre, F(1) / unit, kind.warp[level])
        size = abs(value - centre)
        c.put(x, y, value)
        e.put(x, y, size)
        self.misses[y + 2, x + PAD] = np.abs(self.each - value)
        bias.learn(value - mean)
        gain.learn(min(size / scale, F(16)))
        squared = scale * scale
        kind.scale.learn(features, min(size, F(6) * scale), F(1) / (squared + F(0.01)))
        weight = F(1) / (squared + (F(0.5) + (self.step * self.step - F(1)) / F(12)))
        kind.fast[b].learn(self.features, value - self.base, weight)
        kind.slow[b].learn(self.features, value - self.base, weight)
        kind.second[b].learn(self.second, value - (self.each[0] - self.second[0]), weight)

    def origin(self, x: int, y: int, centre: np.float32) -> np.float32:
        origin = min(max(F(int(centre + F(0.5))), F(0)), self.top)
        if self.keeps_background and origin <= self.max_error:
            near = [self.frame(x + dx, y + dy) for dx, dy in ((-1, 0), (0, -1), (-1, -1), (1, -1))]
            near += [known(x, y) for known in self.known[:1]]
            return F(0) if near.count(F(0)) >= 2 else origin
        return origin

    def decode_value(self, x: int, y: int, centre: np.float32, inverse: np.float32, warp: Warp) -> np.float32:
        origin, reach, step = F(0), self.max_error, self.step
        if reach:
            origin = self.origin(x, y, centre)
        lowest = -floor_of((origin + reach) / step)
        highest = floor_of((self.top - origin + reach) / step)
        share = (1 << 26) - self.low_share * (highest - lowest + 1)
        edge = origin - reach - F(0.5) - centre

        def quantile(n: int) -> int:
            if n <= lowest:
                return 0
            return 1 << 26 if n > highest else logistic((edge + F(n) * step) * inverse)

        def cumulative(n: int) -> int:
            return (warp.at(quantile(n)) * share >> 26) + (n - lowest) * self.low_share

        target = self.coder.target()
        low, high = lowest, highest + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if cumulative(middle) <= target else (low, middle)
        self.coder.consume(cumulative(low), cumulative(low + 1))
        warp.learn(quantile(low), quantile(low + 1))
        return min(max(origin + F(low) * step, F(0)), self.top)
