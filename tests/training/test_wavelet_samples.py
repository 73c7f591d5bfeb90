"""Samples are what decoders see."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from training_scans import moving_blobs

torch = pytest.importorskip("torch", reason="training needs PyTorch")

from medcodec import _native
from medcodec.codecs.wavelet.coefficients import CoefficientDecoder, FrameLevels
from medcodec.codecs.wavelet.decoder import Symbols, parse_symbols
from medcodec.codecs.wavelet.encoder import Effort, GroupEncoder
from medcodec.codecs.wavelet.model import ENHANCE, FUSE, POSTFILTER
from medcodec.codecs.wavelet.quality import STATES, quality_of
from medcodec.codecs.wavelet.stream import parse
from medcodec.errors import OptionError
from medcodec.training.config import DataSettings, SampleSettings
from medcodec.training.data import training_scans
from medcodec.training.pool import SamplePool, _negated
from medcodec.training.wavelet_networks import context_input
from medcodec.training.wavelet_samples import (
    CORNER,
    EDGE,
    KINDS,
    OUTSIDE,
    Recording,
    Sample,
    SampleMaker,
    read_recording,
    record,
    write_recording,
)

TOP, Q = 900, 8


class SeeingDecoder(CoefficientDecoder):
    """Keeps the features of each step, and what is decoded after it."""

    seen: list[tuple[int, np.ndarray, np.ndarray]]

    def _logits(self, coder, band, coded, number):
        if band.orientation:
            half = [(size + 1) // 2 for size in coded.shape]
            features = np.empty((_native.SUBBAND_FEATURES[-1], *half), np.int16)
            coder.features(number, features)
            self.seen.append((number, features, coded))
        return super()._logits(coder, band, coded, number)


@pytest.fixture(scope="module")
def coded():
    frames = np.stack([moving_blobs((5, 37, 42), seed, TOP) for seed in (1, 2)]).astype(np.int32)
    encoder = GroupEncoder(frames, TOP, gop=4, quality=quality_of(Q, TOP, 6), model=None, effort=Effort())
    return frames, encoder.encode()


@pytest.fixture(scope="module")
def recording(coded):
    frames, group = coded
    return record(frames, TOP, parse_symbols(group.data, frames.shape, None), None)


def test_context_networks_see_what_decoders_see(coded, recording):
    frames, group = coded
    decoder = SeeingDecoder(frames.shape[2:], None, states=STATES)
    decoder.seen = []
    symbols = parse_symbols(group.data, frames.shape, None)
    by_layer = {}
    for (sequence, step), _, _ in symbols.frames:
        by_layer.setdefault(step.layer, []).append((sequence, step))
    for places, layer in zip(by_layer.values(), parse(group.data)[1], strict=True):
        decoder.feed(layer.segments)
        for place in places:
            decoder.decode(*place)
    kinds = {kind: iter(recording.samples[kind]) for kind in (EDGE, CORNER)}
    places = [sample.place for kind in kinds for sample in recording.samples[kind]]
    assert len(set(places)) == len(places) == len(decoder.seen) // 4
    everything = sorted(
        (sample for kind in kinds for sample in recording.samples[kind]),
        key=lambda sample: sample.features.tobytes(),
    )
    last_seen = sorted(
        (index for index, (number, _, _) in enumerate(decoder.seen) if number == 3),
        key=lambda index: decoder.seen[index][1].astype(np.int8).tobytes(),
    )
    for sample, index in zip(everything, last_seen, strict=True):
        features = torch.from_numpy(sample.features)[None]
        for number in range(4):
            at, seen, levels = decoder.seen[index - 3 + number]
            assert at == number
            assert np.array_equal(context_input(features, number, len(seen))[0].numpy(), seen)
            rows, columns = ((0, 0), (1, 1), (0, 1), (1, 0))[number]
            wanted = levels[rows::2, columns::2]
            given = sample.targets[number][: wanted.shape[0], : wanted.shape[1]]
            assert np.array_equal(given, wanted)
            assert (sample.targets[number] == OUTSIDE).sum() == given.base[0].size - wanted.size


def test_pictures_miss_what_targets_say(coded, recording):
    frames, group = coded
    assert len(recording.samples[ENHANCE]) == frames.shape[0] * frames.shape[1]
    assert len(recording.samples[POSTFILTER]) == len(recording.samples[ENHANCE])
    assert recording.samples[FUSE]
    for sample in recording.samples[ENHANCE] + recording.samples[POSTFILTER]:
        sequence, frame, *_ = sample.place
        missing = (frames - group.pictures)[sequence, frame]
        whole = np.full([size + size % 2 for size in missing.shape], OUTSIDE)
        whole[: missing.shape[0], : missing.shape[1]] = missing
        for phase in range(4):
            assert np.array_equal(sample.targets[phase], whole[phase // 2 :: 2, phase % 2 :: 2])


def test_recordings_come_back(recording, tmp_path):
    path = tmp_path / "samples.npz"
    write_recording(path, recording)
    again = read_recording(path)
    for kind in KINDS:
        for a, b in zip(recording.samples[kind], again.samples[kind], strict=True):
            assert np.array_equal(a.features, b.features)
            assert np.array_equal(a.targets, b.targets)
            assert (a.step, a.place) == (b.step, b.place)


def test_samples_are_made_once_and_by_all_processes(scans, tmp_path):
    data, found = DataSettings(draws=1, frames=3, crop=32), training_scans([scans], DataSettings())
    maker = SampleMaker(tmp_path, data, SampleSettings(), (0,), None)
    made = [path for rank in (0, 1) for _, path in maker.make(found.training, rank=rank, ranks=2)]
    assert sorted(made) == sorted(maker.path_of(scan) for scan in found.training)
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in made}
    made[0].unlink()
    list(maker.make(found.training))
    assert made[0].read_bytes() == before[made[0]][1]
    assert all(path.stat().st_mtime_ns == before[path][0] for path in made[1:])


def test_pools_that_hold_all_are_the_same_in_every_round(recording, tmp_path):
    for number in range(3):
        part = Recording()
        part.samples[EDGE] = recording.samples[EDGE][number::3]
        write_recording(tmp_path / f"{number}.npz", part)
    drawn = []
    for start in (0, 5):
        pool = SamplePool(sorted(tmp_path.iterdir()), budget_megabytes=100, seed=[7])
        pool.turn_to(start)
        drawn.append(pool.batch(EDGE, 8, 10, np.random.default_rng(5)).features)
        assert not pool.has(FUSE)
        with pytest.raises(OptionError, match="leave it out of the networks"):
            pool.batch(FUSE, 8, 10, np.random.default_rng(5))
    assert np.array_equal(*drawn)


def test_samples_are_negated_as_pictures_are(coded):
    """Each feature with a sign changes it where all levels do: else networks learn that it says nothing."""
    frames, group = coded
    symbols = parse_symbols(group.data, frames.shape, None)
    turned = [
        (place, choices, FrameLevels({key: -plane for key, plane in frame.levels.items()}, frame.predicted))
        for place, choices, frame in symbols.frames
    ]
    straight, negative = (
        record(frames, TOP, Symbols(symbols.header, each), None) for each in (symbols.frames, turned)
    )
    always = SimpleNamespace(random=lambda: 0.9)
    for kind in (EDGE, CORNER):
        for one, other in zip(straight.samples[kind], negative.samples[kind], strict=True):
            features, targets = _negated(one.features, one.targets, always)
            assert np.array_equal(features, other.features)
            assert np.array_equal(targets, other.targets)


def test_busy_subbands_count_by_their_ratios(tmp_path):
    """A subband with a hundred times the bits is drawn more often, but its bits weigh less."""
    random, shape = np.random.default_rng(3), (4, 40, 40)
    busy = random.integers(-2, 3, shape).astype(np.int16)
    quiet = np.where(random.random(shape) < 0.01, busy, 0).astype(np.int16)
    recording = Recording()
    for targets in (busy, quiet):
        recording.samples[EDGE].append(Sample(np.zeros((39, 40, 40), np.int8), targets, 0, (0, 0, 1, 0)))
    write_recording(tmp_path / "one.npz", recording)
    pool = SamplePool([tmp_path / "one.npz"], budget_megabytes=100, seed=[1])
    pool.turn_to(0)
    batch = pool.batch(EDGE, 4000, 16, np.random.default_rng(5))
    assert batch.weights.mean() == pytest.approx(1, abs=0.05)
    is_busy = (batch.targets != 0).mean((1, 2, 3)) > 0.4
    assert 0.75 < is_busy.mean() < 0.9
    bits = np.abs(batch.targets).sum((1, 2, 3)) * batch.weights
    assert 2 < bits[is_busy].sum() / bits[~is_busy].sum() < 30  # by their numbers it is about a hundred


def test_pools_are_bounded_and_follow_their_seed(recording, tmp_path):
    paths = [tmp_path / f"{number}.npz" for number in range(4)]
    for path in paths:
        write_recording(path, recording)
    limit = 2 * recording.nbytes // (1 << 20) + 1
    one, same = (SamplePool(paths, budget_megabytes=limit, seed=[7]) for _ in range(2))
    for kind in KINDS:
        batches = []
        for pool in (one, same):
            pool.turn_to(3)
            batches.append(pool.batch(kind, 8, 10, np.random.default_rng(5)))
        assert np.array_equal(batches[0].features, batches[1].features)
        assert np.array_equal(batches[0].targets, batches[1].targets)
        assert batches[0].features.any()
        assert (batches[0].targets != OUTSIDE).any()


def test_crops_of_pictures_make_up_their_errors(tmp_path):
    """Crops come from where errors are, and weigh so much that their mean is that of the whole picture."""
    random, step = np.random.default_rng(3), 160
    targets = random.integers(-2, 3, (4, 90, 121)).astype(np.int16)
    targets[:, 30:50, 70:80] *= 30
    targets[2:, -1] = OUTSIDE
    recording = Recording()
    recording.samples[ENHANCE].append(Sample(np.zeros((12, 90, 121), np.int8), targets, step, (0, 0, -1, -1)))
    write_recording(tmp_path / "one.npz", recording)
    pool = SamplePool([tmp_path / "one.npz"], budget_megabytes=100, seed=[1])
    pool.turn_to(0)
    batch = pool.batch(ENHANCE, 4000, 12, np.random.default_rng(5))
    inside = batch.targets != OUTSIDE
    errors = np.where(inside, (batch.targets * 16.0 / step) ** 2, 0).sum((1, 2, 3)) / inside.sum((1, 2, 3))
    assert (batch.weights * errors).mean() == pytest.approx(1, abs=0.1)
    assert (errors > 1).mean() > 0.4  # of all windows of that size a twelfth
