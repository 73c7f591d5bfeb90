"""A decoder of label streams, written from `docs/format-labels.md` alone: slow, and without our kernels."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, floor, log2, prod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Levels = npt.NDArray[np.int64]
M64 = (1 << 64) - 1
GOLD, TAIL = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93
LIMIT = 3071
PAD = 16


def _squashes() -> dict[int, int]:
    table, e = {0: (1 << 21) + 1}, 1 << 32
    for k in range(1, LIMIT + 1):
        e = e * 4278222845 >> 32
        table[k] = min(((1 << 54) - 1) // ((1 << 32) + e), (1 << 22) - 16)
        table[-k] = (1 << 22) - table[k]
    return table


def _stretches() -> list[int]:
    table, x = [], -LIMIT
    for p in range(1 << 16):
        while x < LIMIT and SQUASH[x] < 64 * p + 32:
            x += 1
        table.append(x)
    return table


SQUASH = _squashes()
STRETCH = _stretches()


def clamp(x: int, low: int, high: int) -> int:
    return min(max(x, low), high)


def median(w: int, n: int, nw: int) -> int:
    return sorted((w, n, w + n - nw))[1]


def reached(x: int, limits: tuple[int, ...]) -> int:
    return sum(x >= limit for limit in limits)


def mixed_hash(*values: int) -> int:
    h = 0x243F6A8885A308D3
    for value in values:
        h = (h + value) * GOLD & M64
    h = (h ^ h >> 32) * TAIL & M64
    return h ^ h >> 32


class Counter:
    def __init__(self, p: int = 1 << 31, n: int = 0) -> None:
        self.p, self.n, self.check = p, n, 0

    def p22(self) -> int:
        return clamp(self.p >> 10, 1, (1 << 22) - 2)

    def learn(self, bit: int, limit: int) -> None:
        self.p += (((1 << 32) - 1 if bit else 0) - self.p) * (131072 // (2 * self.n + 3)) >> 16
        self.n += self.n < limit


class BinaryDecoder:
    """Section 1."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0
        self._low, self._high, self._value = 0, M64, 0
        for _ in range(8):
            self._value = self._value << 8 | self._next()

    def _next(self) -> int:
        self._at += 1
        assert self._at <= len(self._data) + 8
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def bit(self, p: int) -> int:
        middle = self._low + ((self._high - self._low) >> 22) * p
        bit = int(self._value <= middle)
        if bit:
            self._high = middle
        else:
            self._low = middle + 1
        while self._low >> 56 == self._high >> 56:
            self._low = self._low << 8 & M64
            self._high = (self._high << 8 | 255) & M64
            self._value = (self._value << 8 | self._next()) & M64
        return bit

    def counted(self, counter: Counter, limit: int) -> int:
        bit = self.bit(counter.p22())
        counter.learn(bit, limit)
        return bit

    def plain(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = 2 * value + self.bit(1 << 21)
        return value

    def finish(self) -> None:
        assert self._at >= len(self._data)


class Planes(NamedTuple):
    current: Levels
    first: Levels
    second: Levels
    references: int


class Site:
    """The surroundings of one voxel, section 2."""

    def __init__(self, planes: Planes, y: int, x: int) -> None:
        self.references, self.x = planes.references, x
        self._at = (y + PAD, x + PAD)
        self._planes = {"c": planes.current, "f": planes.first, "s": planes.second}
        self.w, self.ww, self.n, self.nw, self.ne = (
            self.at("c", dx, dy) for dx, dy in ((-1, 0), (-2, 0), (0, -1), (-1, -1), (1, -1))
        )
        self.nn, self.nne = self.at("c", 0, -2), self.at("c", 1, -2)
        self.p, self.pe, self.ps, self.pw, self.pn = (
            self.at("f", dx, dy) for dx, dy in ((0, 0), (1, 0), (0, 1), (-1, 0), (0, -1))
        )
        self.q = self.at("s", 0, 0)

    def at(self, plane: str, dx: int, dy: int) -> int:
        return int(self._planes[plane][self._at[0] + dy, self._at[1] + dx])

    def row(self, plane: str, dy: int, level: int, first: int = -3) -> int:
        return sum((self.at(plane, first + i, dy) == level) << i for i in range(8))


def m1(mask: int) -> int:
    return mask >> 3 & 1


def m3(mask: int) -> int:
    return mask >> 2 & 7


def m5(mask: int) -> int:
    return mask >> 1 & 31


class Masks:
    def __init__(self, site: Site, level: int) -> None:
        self.left = site.row("c", 0, level, -8)
        self.a = [0] + [site.row("c", -i, level) for i in (1, 2, 3)]
        self.f = [site.row("f", dy, level) for dy in range(-2, 3)]
        self.s = [site.row("s", dy, level) for dy in range(-1, 2)]
        self.f3x3 = m3(self.f[1]) + 8 * m3(self.f[2]) + 64 * m3(self.f[3])
        self.s3x3 = m3(self.s[0]) + 8 * m3(self.s[1]) + 64 * m3(self.s[2])
        self.f_cross = m3(self.f[2]) + 8 * m1(self.f[1]) + 16 * m1(self.f[3])
        self.s_cross = m3(self.s[1]) + 8 * m1(self.s[0]) + 16 * m1(self.s[2])
        self.local = (self.left >> 6) + 4 * m3(self.a[1]) + 32 * m1(self.a[2])
        self.known = sum(bin(m).count("1") for m in (self.left >> 6, m5(self.a[1]), m3(self.a[2])))
        self.ahead = bin(self.f3x3).count("1")


class Predictor:
    """Predicted levels, sections 4 (six predictions) and 5 (eight)."""

    def __init__(self, width: int, top: int, *, islands: bool) -> None:
        self._top, self._islands = top, islands
        self._errors = [[0] * (8 if islands else 6) for _ in range(width + 2)]
        self.d = [0] * (width + 4)
        self.pred: list[int] = []
        self.predicted = self.spread = 0

    def predict(self, site: Site) -> None:
        self._site = s = site
        known, c = s.references > 0, s.p
        q = s.q if s.references == 2 else c
        raw = [
            16 * median(s.w, s.n, s.nw),
            6 * s.w + 6 * s.n + 3 * s.ne + s.nw,
            16 * (2 * s.w + s.ne - s.nne + s.n) // 3,
            8 * (2 * c + s.w - s.pw + s.n - s.pn) if known else 16 * s.w,
            2 * (4 * c + s.pe + s.ps + s.w + s.n) if known else 16 * s.n,
            8 * (c + q) if known else 16 * s.ne,
        ]
        if self._islands:
            raw.append(16 * (s.w + c - s.pw) if known else 16 * (s.w + s.n - s.nw))
            raw.append(16 * (s.n + c - s.pn) if known else 8 * (s.w + s.n))
        self.pred = [clamp(v, 0, 16 * self._top) for v in raw]
        left, here, right = self._errors[s.x : s.x + 3]
        e = [2 * a + b + c + 8 for a, b, c in zip(left, here, right, strict=True)]
        weights = [(1 << 28) // (v * v) + 1 if self._islands else (1 << 30) // (v * v) for v in e]
        total = sum(weights)
        weighted = sum(a * b for a, b in zip(weights, self.pred, strict=True))
        self.predicted = (weighted + total // 2) // total
        self.spread = abs(s.w - s.nw) + abs(s.n - s.nw) + abs(s.n - s.ne) + (abs(s.p - s.pe) if known else 0)

    def error(self, dx: int) -> int:
        return self.d[self._site.x + 2 + dx]

    def learn(self, level: int) -> None:
        errors = self._errors[self._site.x + 1]
        for i, value in enumerate(self.pred):
            new = abs(16 * level - value)
            errors[i] = (errors[i] + new) // 2 if self._islands else (errors[i] + 3 * new) // 4
        self.d[self._site.x + 2] = 16 * level - self.predicted


class Match:
    def __init__(self, bits: int, levels: list[int]) -> None:
        self._mask, self._table, self._levels = (1 << bits) - 1, {}, levels
        self._at = self.matched = 0

    def seek(self, site: Site) -> None:
        place = len(self._levels)
        a = sum(site.at("c", -1 - i, 0) << 8 * i for i in range(5))
        b = sum(site.at("c", 2 - i, -1) << 8 * i for i in range(6))
        h = (a * GOLD ^ (b + 1) * 0xC2B2AE3D27D4EB4F) & M64
        slot = ((h ^ h >> 31) * 0x165667B19E3779F9 & M64) >> 20 & self._mask
        if not self.matched and slot in self._table:
            self._at = at = self._table[slot]
            n = 0
            while n < 32 and n < at and self._levels[at - 1 - n] == self._levels[place - 1 - n]:
                n += 1
            self.matched = n if n >= 5 else 0
        self._table[slot] = place

    def expected(self) -> int:
        return self._levels[self._at] if self.matched else -1

    def bucket(self) -> int:
        return reached(min(self.matched, 65535), (1, 16, 32, 64, 256, 1024))

    def advance(self, level: int) -> None:
        if self.matched:
            self.matched = self.matched + 1 if self._levels[self._at] == level else 0
            self._at += 1


class Weights:
    def __init__(self) -> None:
        self.w, self.rate = [3932] * 29, 16384

    def learn(self, inputs: list[int], error: int) -> None:
        for i, x in enumerate(inputs):
            self.w[i] += ((x * error >> 10) * (self.rate >> 8) + 512) >> 10
        self.rate -= (self.rate - 3072) >> 8


class Table(dict):  # type: ignore[type-arg]
    """Things that begin alike."""

    def __init__(self, first: Callable[..., object]) -> None:
        super().__init__()
        self._first = first

    def __missing__(self, key: object) -> object:
        self[key] = self._first()
        return self[key]


class LabelDecisions:
    """A decision of section 4."""

    def __init__(self, coder: BinaryDecoder, bits: int) -> None:
        self._coder, self._mask = coder, (1 << bits) - 1
        self._slots = Table(Counter)
        self._states: dict[tuple[int, ...], Counter] = {}
        self._sets = Table(Weights), Table(Weights)
        grid = [SQUASH[clamp(192 * i - 3072, -LIMIT, LIMIT)] << 10 for i in range(33)]
        self._refinements = Table(lambda: list(grid)), Table(lambda: list(grid))

    def _counter(self, context: int, h: int) -> Counter:
        check = h >> 48
        pair = [self._slots[context, (h & self._mask) ^ flip] for flip in (0, 1)]
        for counter in pair:
            if counter.check == check:
                return counter
        emptied = pair[0] if pair[0].n <= pair[1].n else pair[1]
        emptied.p, emptied.n, emptied.check = 1 << 31, 0, check
        return emptied

    def bit(self, hashes: list[int], kind: int, sets: tuple[int, int], refine: tuple[int, int]) -> int:
        inputs, counters, states = [], [], []
        for i, h in enumerate(hashes):
            counter = self._counter(i, h)
            x = STRETCH[counter.p >> 16] if counter.n else 0
            row = counter.n if counter.n < 4 else 4 + reached(counter.n, (6, 10, 64))
            key = (i, kind, row, (x + 3072) // 192)
            if key not in self._states:
                self._states[key] = Counter(SQUASH[min(192 * key[3] + 96 - 3072, LIMIT)] << 10, 6)
            counters.append(counter)
            states.append(self._states[key])
            inputs += [x, STRETCH[states[-1].p >> 16]]
        inputs.append(256)
        weights = [table[key] for table, key in zip(self._sets, sets, strict=True)]
        mixed = [
            clamp(sum(a * b for a, b in zip(inputs, w.w, strict=True)) >> 16, -LIMIT, LIMIT) for w in weights
        ]
        x = sum(mixed) >> 1
        i, r = divmod(x + 3072, 192)
        refinements = [table[key] for table, key in zip(self._refinements, refine, strict=True)]
        p_a, p_b = (((192 - r) * t[i] + r * t[i + 1]) // 192 >> 10 for t in refinements)
        bit = self._coder.bit(clamp((SQUASH[x] + p_a + 2 * p_b) >> 2, 1, (1 << 22) - 2))
        for counter, state in zip(counters, states, strict=True):
            counter.learn(bit, 250)
            state.learn(bit, 500)
        for w, mix in zip(weights, mixed, strict=True):
            w.learn(inputs, (bit << 16) - (SQUASH[mix] >> 6))
        for t in refinements:
            at = i + (r >= 96)
            t[at] += (((1 << 32) - 1 if bit else 0) - t[at]) >> 6
        return bit


class LabelModel:
    """Section 4."""

    def __init__(self, coder: BinaryDecoder, top: int, mode: int, width: int, levels: list[int]) -> None:
        self._top, self._candidates, self._order = top, mode & 3, bool(mode & 4)
        self._decide = LabelDecisions(coder, 10 + (mode >> 3))
        self._match = Match(10 + (mode >> 3), levels)
        self._predictor = Predictor(width, top, islands=False)
        self._votes = [49152] * 10

    def skip(self, level: int) -> None:
        self._match.advance(level)

    def level(self, site: Site, excluded: int) -> int:
        self._site = site
        self._match.seek(site)
        self._expected = self._match.expected()
        if self._order:
            self._predictor.predict(site)
        s = site
        voters = [s.w, s.n, s.p, s.ne, s.nw, s.pe, s.ps, s.q, s.ww]
        voters += [self._expected] if self._expected >= 0 else []
        level = self._coded(self._ranked(voters, excluded), excluded)
        for i, voter in enumerate(voters):
            self._votes[i] += (65535 - self._votes[i]) >> 7 if voter == level else -(self._votes[i] >> 7)
        if self._order:
            self._predictor.learn(level)
        self._match.advance(level)
        return level

    def _predicted_level(self) -> int:
        return min((self._predictor.predicted + 8) // 16, self._top)

    def _ranked(self, voters: list[int], excluded: int) -> list[int]:
        votes: dict[int, int] = {}
        for i, voter in enumerate(voters):
            if voter != excluded:
                votes[voter] = votes.get(voter, 0) + max(STRETCH[self._votes[i]] + 1024, 1)
        if self._order and (level := self._predicted_level()) != excluded:
            votes[level] = votes.get(level, 0) + (1 << 20)
        return sorted(votes, key=lambda c: -votes[c])[: min(self._candidates, self._top)]

    def _coded(self, ranked: list[int], excluded: int) -> int:
        self._barred = {excluded} - {-1}
        for k, c in enumerate(ranked):
            if len(self._barred) >= self._top:
                break
            if self._ask_candidate(ranked, k, c):
                return c
            self._barred.add(c)
        return self._steps() if self._order else self._halve(0, self._top + 1)

    def _ask_candidate(self, ranked: list[int], k: int, c: int) -> int:
        s, m = self._site, Masks(self._site, c)
        pattern = (s.w == c) + 2 * (s.n == c) + 4 * (s.p == c) + 8 * (s.q == c)
        match = 0 if self._expected < 0 else 3 if self._expected != c else 1 + (self._match.matched > 31)
        wide = 0 if m.ahead == 0 else 2 if m.ahead == 9 else 1
        sets = (3 * k + s.references) * 16 + pattern, (4 * k + match) * 40 + 3 * m.known + wide
        small = (4 * k + match) * 64 + 4 * pattern + (s.nw == c) + 2 * (s.ne == c)
        refine = small, mixed_hash(k, c, s.w, s.n, s.p) >> 40 & 4095
        return self._decide.bit(self._candidate_hashes(ranked, k, c, m), k, sets, refine)

    def _candidate_hashes(self, ranked: list[int], k: int, c: int, m: Masks) -> list[int]:
        s, q = self._site, k + 1
        a, f = m.a, m.f
        other = ranked[0] if k else ranked[1] if len(ranked) > 1 else c
        changed = (s.w != s.pw) + 2 * (s.ww != s.at("f", -2, 0)) + 128 * (s.nn != s.at("f", 0, -2))
        for i, dx in enumerate((-1, 0, 1, 2, -2)):
            changed += (s.at("c", dx, -1) != s.at("f", dx, -1)) << (2 + i)
        fields = [
            (q, c, m.local, m.f_cross & 2),
            (q + 8, m.left >> 5, m5(a[1]), m3(a[2]), c),
            (q + 16, m.left >> 4, a[1] & 127, m5(a[2]), m3(a[3])),
            (q + 24, m.left >> 2, a[1], a[2] & 127, a[3] & 127),
            (q + 32, m.local, m.f3x3, c),
            (
                q + 40,
                m.local,
                m5(a[1]),
                m.f3x3,
                f[2] & 62,
                f[0] & 28,
                f[4] & 28,
                (f[1] + 256 * f[3]) & 0x2222,
            ),
            (q + 48, (m.left >> 7) + 2 * m3(a[1]), m.f_cross, m.s_cross, c),
            (q + 56, c, s.w, s.n, s.p),
            (q + 64, c, other, m.local, m.f_cross),
            (q + 72, changed, m.f3x3, s.w == c),
            (q + 80, self._expected == c, self._match.bucket(), m1(a[1]), m.left >> 7),
            (q + 88, c, s.nw, s.ne, s.w, s.n, s.p == c, s.pe, s.ps),
            (q + 120, a[1], a[2] & 127, *f, m.left >> 4, m.s_cross),
            (q + 128, m.local, m5(a[1]), m.f3x3, m3(m.s[0]), m3(m.s[1]), m3(m.s[2])),
        ]
        if self._order:
            off, pred = 16 * c - self._predictor.predicted, self._predictor.pred
            sides = (s.w, s.n, s.nw, s.ne, s.p, s.pe, s.ps, s.ww, s.nn, s.pw, s.pn)
            fields[0] = (q + 96, off >> 1, self._rough(), s.w == c)
            fields[7] = (q + 104, c - s.w, c - s.n, c - s.p, off >> 2)
            fields[8] = (q + 112, c - s.w, c - s.n, c - s.nw, c - s.ne, c - s.p)
            fields[12] = (q + 136, *(1 if v < c else 0 if v == c else 2 for v in sides))
            fields[13] = (q + 144, off >> 2, (16 * c - pred[4]) >> 2, (16 * c - pred[2]) >> 3)
        return [mixed_hash(*values) for values in fields]

    def _rough(self) -> int:
        spread = self._predictor.spread
        return spread if spread < 4 else 4 + reached(spread, (8, 16))

    def _matching(self) -> int:
        return 0 if self._expected < 0 else 1 + min(self._match.bucket(), 3) // 2

    def _halve(self, low: int, high: int) -> int:
        node, depth, bases = 1, 0, self._halving_hashes()
        while high - low > 1:
            middle = (low + high + 1) // 2
            sides = [any(v not in self._barred for v in range(*r)) for r in ((low, middle), (middle, high))]
            bit = int(not sides[0])
            if all(sides):
                bit = self._ask_half([mixed_hash(h, node) for h in bases], node, depth)
            low, high = (middle, high) if bit else (low, middle)
            node, depth = 2 * node + bit, depth + 1
        return low

    def _ask_half(self, hashes: list[int], node: int, depth: int) -> int:
        s = self._site
        same = (s.w == s.n) + 2 * (s.w == s.p) + 4 * (s.n == s.p)
        sets = 160 + 24 * depth + 8 * s.references + same, 512 + 2 * (node % 256) + (self._matching() > 1)
        refine = 768 + node % 256, mixed_hash(200, node, s.w, s.n) >> 40 & 4095
        return self._decide.bit(hashes, 3, sets, refine)

    def _halving_hashes(self) -> list[int]:
        s, top = self._site, self._top
        planar = clamp(s.w + s.n - s.nw, 0, top)
        moved = clamp(s.p + ((s.w - s.pw + s.n - s.pn) >> 1), 0, top)
        spread = abs(s.w - s.nw) + abs(s.n - s.nw) + abs(s.n - s.ne)
        fields = [
            (100, s.w, s.n),
            (101, s.p, s.w),
            (102, s.n, s.ne, s.nw),
            (103, s.w, s.n, s.nw, s.ne, s.p),
            (104, s.p, s.pe, s.ps),
            (105, planar, s.p),
            (106, moved, min(spread, 3)),
            (107,),
            (108, (s.w + s.n + s.ne + s.nw) >> 2, min(spread, 20) // 2),
            (109, self._expected, self._match.bucket()),
            (110, median(s.w, s.n, s.nw), s.q, s.p),
            (111, s.w, s.ww, s.n, s.nn),
            (112, s.w, s.n, s.nw, s.ne, s.p, s.pe, s.ps, s.q, s.ww, s.nn),
            (113, s.q, s.p, s.w),
        ]
        return [mixed_hash(*values) for values in fields]

    def _steps(self) -> int:
        start, free = self._predicted_level(), lambda v: v not in self._barred
        below = [v for v in range(start) if free(v)]
        above = [v for v in range(start + 1, self._top + 1) if free(v)]
        if free(start) and ((not below and not above) or self._ask_step(start, 0)):
            return start
        up = not below or (bool(above) and bool(self._ask_step(start, 1)))
        side = above if up else below[::-1]
        v, step, left = start, 1, len(side)
        while True:
            v, step = v + (1 if up else -1), step + 1
            if step == 16:
                return self._halve(v, self._top + 1) if up else self._halve(0, v + 1)
            if not free(v):
                continue
            left -= 1
            if not left or self._ask_step(v, step):
                return v

    def _ask_step(self, v: int, step: int) -> int:
        s, pred, predicted = self._site, self._predictor.pred, self._predictor.predicted
        off, rough, k = 16 * v - predicted, self._rough(), min(step, 3)
        spread, match = self._predictor.spread, self._matching()
        r = spread if spread < 2 else 2 + reached(spread, (4, 8, 16))
        o = clamp(off >> 3, -12, 12) + 12
        around = (v - s.w, v - s.n, v - s.nw, v - s.ne, v - s.p)
        fields = [
            (300 + k, v - s.w, v - s.n, rough),
            (310 + k, v - s.p, v - s.w, s.p - s.pw),
            (320 + k, v - s.n, v - s.ne, v - s.nw),
            (330 + k, *around),
            (340 + k, v - s.p, v - s.pe, v - s.ps, s.q - s.p),
            (350 + k, off >> 2, rough),
            (360 + k, (16 * v - pred[3]) >> 2, (16 * v - pred[1]) >> 3),
            (370 + k, v, off >> 4),
            (380 + k, off >> 1, step),
            (390 + k, v - self._expected, self._expected < 0, self._match.bucket(), off >> 4),
            (400 + k, off >> 3, v - s.w, v - s.n, s.pn - s.n, v - s.p),
            (410 + k, v, s.w, s.n, s.ww - s.w, s.nn - s.n),
            (420 + k, *around, v - s.pe, v - s.ps, v - s.ww, v - s.nn),
            (430 + k, off >> 2, (16 * v - pred[4]) >> 2, (16 * v - pred[2]) >> 3),
        ]
        set_a = 160 + 24 * min(step, 7) + 8 * s.references + 4 * (match > 0) + min(r // 2, 3)
        sets = set_a, 512 + 12 * o + 2 * r + (match > 1)
        small = mixed_hash(400, min(step, 2), v - s.w, v - s.n, v - s.p) >> 40 & 4095
        refine = 768 + 7 * o + min(step, 6), small
        return self._decide.bit([mixed_hash(*values) for values in fields], 3, sets, refine)


class IslandDecisions:
    """A decision of section 5."""

    def __init__(self, coder: BinaryDecoder, bits: int) -> None:
        self._coder, self._bits = coder, bits
        self._tables = Table(lambda: [1 << 31, 0])
        self._sets = Table(lambda: [2949] * 7 + [0])

    def bit(self, contexts: list[list[tuple[int, int]]], number: int) -> int:
        counters = []
        for i, fields in enumerate(contexts):
            v = at = 0
            for value, width in fields:
                assert 0 <= value < 1 << width
                v |= value << at
                at += width
            h = v * GOLD & M64
            h = ((h ^ h >> 29) * TAIL & M64) >> 32
            counters.append(self._tables[i, h >> (32 - self._bits)])
        inputs = [STRETCH[p + n >> 16] for p, n in counters] + [256]
        weights = self._sets[number]
        x = clamp(sum(a * b for a, b in zip(inputs, weights, strict=True)) >> 14, -LIMIT, LIMIT)
        bit = self._coder.bit(SQUASH[x])
        error = (bit << 14) - (SQUASH[x] >> 8)
        for i, v in enumerate(inputs):
            weights[i] = clamp(weights[i] + (v * error + (1 << 14) >> 15), -(1 << 15), (1 << 15) - 1)
        for counter in counters:
            p, n = counter
            p += (((1 << 32) - 1 if bit else 0) - p) * (131072 // (2 * n + 3)) >> 16
            counter[:] = p & ~255, min(n + 1, 250)
        return bit


class IslandModel:
    """Section 5."""

    def __init__(self, coder: BinaryDecoder, top: int, bits: int, background: int, width: int) -> None:
        self._coder, self._top, self._background = coder, top, background
        self._predictor = Predictor(width, top, islands=True)
        self._is_background, self._steps = IslandDecisions(coder, bits), IslandDecisions(coder, bits)
        self._low = Table(lambda: [1 << 15, 0])

    def skip(self, level: int) -> None:
        pass

    def level(self, site: Site, excluded: int) -> int:
        self._site, self._masks = site, Masks(site, self._background)
        self._predictor.predict(site)
        known = excluded != self._background and self._ask_background()
        level = self._background if known else self._grey()
        self._predictor.learn(level)
        return level

    def _ask_background(self) -> int:
        s, m, b = self._site, self._masks, self._background

        def off(v: int) -> int:
            return abs(v - b)

        def near(v: int) -> tuple[int, int]:
            return min(off(v), 63) // 2, 5

        predicted = min(abs(self._predictor.predicted - 16 * b), 511) // 4
        known = off(s.w) + off(s.n) + off(s.ne) + off(s.nw)
        ahead = 2 * off(s.p) + off(s.pe) + off(s.ps)
        outer = [(m3(m.f[0]), 3), (m3(m.f[4]), 3)]
        contexts = [
            [(m.local, 6), (m.f3x3, 9)],
            [(m.left >> 4, 4), (m.a[1] % 128, 7), (m5(m.a[2]), 5), (m3(m.a[3]), 3)],
            [(m.local, 6), (m5(m.a[1]), 5), (m.f3x3, 9), (m.s3x3, 9), (m5(m.f[2]), 5), *outer],
            [(predicted, 7), (s.w == b, 1), (s.n == b, 1), (s.p == b, 1)],
            [(known.bit_length(), 4), (ahead.bit_length(), 4), (m.f_cross, 5), (m.s_cross, 5)],
            [near(s.w), near(s.n), near(s.p)],
            [(v // 4, 6) for v in (s.w, s.pe, s.ps, s.p, s.n)],
        ]
        pattern = (s.w == b) + 2 * (s.n == b) + 4 * (s.p == b) + 8 * (s.q == b)
        wide = 0 if m.ahead == 0 else 96 if m.ahead == 9 else 48
        return self._is_background.bit(contexts, 16 * s.references + pattern + wide)

    def _grey(self) -> int:
        p = self._predictor
        start = clamp((p.predicted + 8) // 16, 1, self._top)
        d = p.error
        self._expected = 2 * abs(d(-1)) + 2 * abs(d(0)) + abs(d(1)) + abs(d(-2))
        self._class = min((self._expected // 6).bit_length(), 11)
        shift = min(((self._expected + 12 * p.spread) // 384).bit_length(), 4)
        up = self._ask(12 * self._site.references + self._class, 31 + 32 * shift, p.predicted)
        if up:
            return start + self._distance(self._top - start, shift, start, 1)
        return start - 1 - self._distance(start - 1, shift, start - 1, -1)

    def _distance(self, room: int, shift: int, start: int, direction: int) -> int:
        step, up = 0, int(direction > 0)
        while step < 24 and (step + 1) << shift <= room:
            number = 12 * (3 + (5 * min(step, 7) + shift) * 2 + up) + self._class
            edge = 16 * (start + direction * (step << shift))
            if not self._ask(number, step + 32 * shift + 256 * (1 + up), edge):
                break
            step += 1
        if step == 24:
            rest = self._coder.plain((room - (24 << shift)).bit_length())
        else:
            rest = 0
            for _ in range(shift):
                rest = 2 * rest + self._low_bit(self._low[shift, min(step, 7)])
        distance = (step << shift) + rest
        assert distance <= room
        return distance

    def _low_bit(self, state: list[int]) -> int:
        p, uses = state
        bit = self._coder.bit(64 * p)
        s = 2 if uses < 30 else 4 if uses < 120 else 6
        state[:] = p + (65535 - p >> s) if bit else p - (p >> s), uses + 1
        return bit

    def _ask(self, number: int, tag: int, edge: int) -> int:
        s, m, p = self._site, self._masks, self._predictor
        level = edge >> 4

        def rough(difference: int) -> tuple[int, int]:
            size = reached(abs(difference), (1, 3, 6, 11, 20, 36, 64))
            return 16 + (size if difference > 0 else -size), 5

        contexts = [
            [rough(v - level) for v in (s.w, s.n, s.p)],
            [(min(self._expected // 16, 127), 7), (min(p.spread, 63), 6)],
            [(edge >> 5, 7), (int(m.known > 0), 1)],
            [rough((p.pred[i] - edge) >> 4) for i in (3, 4, 0)],
            [(m.known, 4), (m.ahead, 4), (self._class, 4)],
            [rough(p.error(dx) >> 4) for dx in (-1, 0, 1)],
            [rough(v - level) for v in (s.ne, s.nw, s.pe, s.ps)],
        ]
        return self._steps.bit([[(tag, 10), *fields] for fields in contexts], number)


class Runs:
    """Section 3."""

    def __init__(self, coder: BinaryDecoder) -> None:
        self._coder = coder
        self._flags, self._places = Table(Counter), Table(Counter)
        self._broke, self.breaks = 0, 0

    def learn(self, *, broke: bool) -> None:
        self.breaks += 65536 - self.breaks >> 6 if broke else -(self.breaks >> 6)

    def equal(self, length: int, label: int, references: int) -> int:
        bucket = ceil(log2(length))
        flag = self._flags[references, bucket, self._broke, label % 32]
        self._broke = self._coder.counted(flag, 1000)
        if not self._broke:
            self.breaks -= self.breaks * length >> 8
            return length
        self.learn(broke=True)
        low, high, node = 0, length, 1
        while high - low > 1:
            middle = (low + high) // 2
            bit = self._coder.counted(self._places[bucket, node], 250)
            low, high = (middle, high) if bit else (low, middle)
            node = 2 * node + bit
        return low


class Decoder:
    """Sections 2 and 3; `run` gives the levels."""

    def __init__(self, data: bytes, shape: tuple[int, int, int, int]) -> None:
        self._shape = shape
        self._levels: list[int] = []
        version, self._top, mode = data[:3]
        voxels = prod(shape)
        largest = clamp(floor(log2(voxels)) + 1, 10, 17)
        self._stored = data[3:] if version == 1 and mode == 255 else None
        if self._stored is not None:
            return
        self._coder = BinaryDecoder(data[3 if version == 1 else 4 :])
        self._runs = Runs(self._coder)
        if version == 1:
            assert 10 + (mode >> 3) <= largest
            self._model = LabelModel(self._coder, self._top, mode, shape[3], self._levels)
        else:
            assert version == 2
            assert self._top >= max(1, data[3])
            assert 10 + mode <= largest
            self._model = IslandModel(self._coder, self._top, 10 + mode, data[3], shape[3])
        self._copied, self._last = Counter(), Counter()

    def run(self) -> Levels:
        if self._stored is not None:
            return self._unpacked()
        frames: list[Levels] = []
        for s in range(self._shape[0]):
            for n in range(self._shape[1]):
                copy = self._copy(len(frames))
                frame = self._frame(frames, s, n) if copy is None else frames[copy]
                if copy is not None:
                    self._levels += frame.reshape(-1).tolist()
                frames.append(frame)
        self._coder.finish()
        return np.array(frames).reshape(self._shape)

    def _unpacked(self) -> Levels:
        width = self._top.bit_length()
        assert len(self._stored) == -(-prod(self._shape) * width // 8)
        number = int.from_bytes(self._stored, "little")
        levels = [number >> width * i & ((1 << width) - 1) for i in range(prod(self._shape))]
        assert max(levels) <= self._top
        return np.array(levels).reshape(self._shape)

    def _copy(self, before: int) -> int | None:
        if not before or not self._coder.counted(self._copied, 30):
            return None
        if self._coder.counted(self._last, 30):
            return before - 1
        number = self._coder.plain(floor(log2(before)) + 1)
        assert number < before
        return number

    def _frame(self, frames: list[Levels], s: int, n: int) -> Levels:
        index, (_, count, height, width) = len(frames), self._shape
        sources = ([index - 1] if n else []) + ([index - count] if s else [index - 2] if n > 1 else [])
        planes = [np.pad(frames[i], PAD, mode="edge") for i in sources]
        blank = np.zeros((height + 2 * PAD, width + 2 * PAD), np.int64)
        first, second = [*planes, blank, blank][:2]
        current = blank.copy()
        current[:PAD] = first[:PAD]
        for y in range(height):
            self._row(Planes(current, first, second, len(planes)), y)
        return current[PAD:-PAD, PAD:-PAD].copy()

    def _row(self, planes: Planes, y: int) -> None:
        width, current, references = self._shape[3], planes.current, planes.references
        row = current[y + PAD]
        row[:PAD] = current[y + PAD - 1, PAD]
        uniform = [self._uniform(planes, y, x) for x in range(width)] + [False]
        x = 0
        while x < width:
            label, excluded = int(row[x + PAD - 1]), -1
            fits = current[y + PAD - 1, x + PAD] == label == row[x + PAD - 2]
            length = min(uniform[x:].index(False), 64) if fits else 0
            if length and self._runs.breaks < 1024:
                equal = self._runs.equal(length, label, references)
                for _ in range(equal):
                    self._levels.append(label)
                    self._model.skip(label)
                row[x + PAD : x + PAD + equal] = label
                x += equal
                if equal == length:
                    continue
                excluded = label
            level = self._model.level(Site(planes, y, x), excluded)
            if length and excluded < 0:
                self._runs.learn(broke=level != label)
            row[x + PAD] = level
            self._levels.append(level)
            x += 1
        row[width + PAD :] = row[width + PAD - 1]

    def _uniform(self, planes: Planes, y: int, x: int) -> bool:
        current, first, second, references = planes
        y, x = y + PAD, x + PAD
        around = [current[y - 1, x - 2 : x + 3], current[y - 2, x - 1 : x + 2]]
        if references > 0:
            around.append(first[y - 1 : y + 2, x - 1 : x + 2].reshape(-1))
        if references > 1:
            around.append(second[y, x : x + 1])
        return len(set(np.concatenate(around).tolist())) == 1
