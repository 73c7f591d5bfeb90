"""Smaller pictures, fewer frames and previews: exact where they should be, close elsewhere, by less work."""

from __future__ import annotations

import re

import nibabel as nib
import numpy as np
import pytest
from wavelet_cases import PLAIN, coded, phantom, psnr

import medcodec
from medcodec import _native
from medcodec.cli import main
from medcodec.codecs.wavelet import coefficients
from medcodec.codecs.wavelet.hierarchy import GOPS, frame_steps
from medcodec.codecs.wavelet.motion import Motion, MotionMode
from medcodec.codecs.wavelet.motion_field import SPACINGS, MotionField, grid_shape
from medcodec.codecs.wavelet.reduced import closure, shorter
from medcodec.codecs.wavelet.transform import Transform
from medcodec.errors import FormatError, IntegrityError, OptionError

pytestmark = pytest.mark.usefixtures("transformed")
SHAPE = (2, 17, 90, 77)


def low_band(picture, halvings):
    """Return what 9/7 makes of a picture, by plain arithmetic on floats with mirrored borders."""
    taps = np.array([0.02674875741, -0.01686411844, -0.07822326653, 0.26686411844])
    kernel = np.array([*taps, 0.6029490182, *taps[::-1]])
    for _ in range(halvings):
        for axis in (0, 1):
            padded = np.pad(picture, [(4, 4) if a == axis else (0, 0) for a in (0, 1)], mode="reflect")
            rows = np.apply_along_axis(np.convolve, axis, padded, kernel, mode="valid")
            picture = np.take(rows, range(0, rows.shape[axis], 2), axis=axis)
    return picture


@pytest.fixture(scope="module", params=[None, 6.0, 13.0], ids=str)
def group(request):
    voxels = np.moveaxis(phantom((*SHAPE[2:], 34)), 2, 0).reshape(SHAPE)
    codec, data = coded(voxels, quality=request.param)
    return codec, data, codec.decode(data, SHAPE, voxels.dtype)


def reduced(group, *, scale=1, frames=range(SHAPE[1])):
    codec, data, whole = group
    return codec.decode_reduced(data, SHAPE, whole.dtype, scale=scale, frames=frames)


@pytest.mark.parametrize(
    "frames", [range(17), range(0, 17, 2), range(0, 17, 8), range(3, 17, 5), range(16, 17), range(0)], ids=str
)
def test_chosen_frames_are_exact(group, frames):
    assert np.array_equal(reduced(group, frames=frames), group[2][:, frames])


@pytest.mark.parametrize(("scale", "least_db"), [(2, 38), (4, 33), (8, 27)])
def test_smaller_pictures_are_close(group, scale, least_db):
    small = reduced(group, scale=scale)
    assert small.shape == (2, 17, -(-90 // scale), -(-77 // scale))
    halvings = scale.bit_length() - 1
    wanted = np.stack([[low_band(frame.astype(float), halvings) for frame in part] for part in group[2]])
    assert psnr(wanted, small) > least_db


@pytest.mark.parametrize("scale", [1, 2, 4, 64])
@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (3, 3), (9, 20), (16, 15)])
def test_small_pictures_become_smaller(shape, scale):
    voxels = np.moveaxis(phantom((*shape, 5), noise=1), 2, 0)[np.newaxis]
    codec, data = coded(voxels, quality=15.0)
    small = codec.decode_reduced(data, voxels.shape, voxels.dtype, scale=scale, frames=range(0, 5, 2))
    assert small.shape == (1, 3, *(-(-size // scale) for size in shape))
    assert abs(small.mean() - codec.decode(data, voxels.shape, voxels.dtype)[:, ::2].mean()) < 120


def test_less_is_parsed(group, monkeypatch):
    fed = []
    feed = coefficients.CoefficientDecoder.feed

    def counted(self, segments):
        fed.extend(len(segment) for segment in segments)
        feed(self, segments)

    monkeypatch.setattr(coefficients.CoefficientDecoder, "feed", counted)

    def parsed(**options):
        fed.clear()
        reduced(group, **options)
        return sum(fed)

    whole = parsed()
    assert parsed(scale=2) < 0.6 * whole
    assert parsed(frames=range(0, 17, 2)) < 0.75 * whole
    assert parsed(frames=range(0, 17, 8)) < 0.4 * whole
    assert parsed(scale=4, frames=range(0, 17, 8)) < 0.25 * whole


@pytest.mark.parametrize("frames", [7, 12, 16, 30])
def test_fewer_frames_are_fewer_pictures(frames, monkeypatch):
    voxels = np.moveaxis(phantom((24, 20, frames)), 2, 0)[np.newaxis]
    codec, data = coded(voxels, quality=12.0)
    made = []
    monkeypatch.setattr(Transform, "inverse", _counted(Transform.inverse, made))
    for every in (2, 4):
        made.clear()
        codec.decode_reduced(data, voxels.shape, voxels.dtype, scale=1, frames=range(0, frames, every))
        assert len(made) <= -(-frames // every) + 1  # and the last frame, which others refer to


def test_groups_cut_after_a_layer_hold_fewer_frames(group):
    codec, data, whole = group
    at = 4 + 4 * data[3]
    for _ in range(2):
        at += 12 + sum(np.frombuffer(data, "<u4", 3, at))
    frames = range(0, 17, 4)
    assert np.array_equal(
        codec.decode_reduced(data[:at], SHAPE, whole.dtype, scale=1, frames=frames), whole[:, frames]
    )
    for wrong in (range(2, 3), range(17)):
        with pytest.raises((FormatError, IntegrityError)):
            codec.decode_reduced(data[:at], SHAPE, whole.dtype, scale=1, frames=wrong)
    for cut in (0, 3, 20, at - 5):
        with pytest.raises((FormatError, IntegrityError)):
            codec.decode_reduced(data[:cut], SHAPE, whole.dtype, scale=2, frames=frames)


@pytest.mark.parametrize("gop", GOPS)
def test_closure_holds_references_and_no_more_than_the_layers_need(gop):
    steps = frame_steps(41, gop)
    for frames in ([0], [40], [7], [3, 31]):
        needed = closure(steps, frames)
        assert set(frames) <= set(needed)
        assert all(set(step.references) <= set(needed) for step in needed.values())
    if gop > 1:
        assert len(closure(steps, [1])) < 41


@pytest.mark.parametrize("shape", [(33, 40), (8, 100), (17, 18)])
@pytest.mark.parametrize("skip", [1, 2, 3])
@pytest.mark.parametrize("spacing", SPACINGS)
def test_motion_of_a_smaller_picture(shape, skip, spacing):
    nodes = grid_shape(shape, spacing)
    vectors = np.stack(np.broadcast_arrays(8 * np.arange(nodes[0])[:, None], np.full(nodes, -16)), 2)
    small = tuple(-(-size >> skip) for size in shape)
    made = shorter(
        Motion(MotionMode.PREVIOUS, (MotionField(spacing, vectors.astype(np.int16)),)), skip, small
    )
    field = made.fields[0]
    assert field.vectors.shape[:2] == grid_shape(small, field.spacing)
    assert (field.vectors[..., 1] == -16 >> skip).all()
    assert field.vectors[0, 0, 0] == 0


def test_bounded_groups(tmp_path):
    voxels = phantom((40, 41, 9))
    medcodec.compress(voxels, tmp_path / "a.medc", codec="wavelet", codec_options=PLAIN, max_error=6)
    with medcodec.open(tmp_path / "a.medc") as file:
        assert np.array_equal(file.reduced(every=2), file[:, :, ::2])
        assert psnr(file[::2, ::2], file.reduced(scale=2)) > 25


@pytest.fixture
def packed(tmp_path):
    image = nib.Nifti1Image(phantom((61, 52, 21, 2)), np.diag([1.5, 2, 3, 1]) + np.eye(4, k=3) * 7)
    image.header.set_zooms((1.5, 2, 3, 2.5))
    image.header["descrip"] = b"a phantom"
    image.header.set_slope_inter(1, 0)
    nib.save(image, tmp_path / "scan.nii.gz")
    path = tmp_path / "scan.medc"
    options = {**PLAIN, "quality": 14.0}
    medcodec.compress(
        tmp_path / "scan.nii.gz", path, codec="wavelet", codec_options=options, axis="k", group_frames=7
    )
    return path


@pytest.mark.parametrize("every", [1, 2, 3, 5, 30])
def test_every_nth_frame_of_a_file(packed, every):
    with medcodec.open(packed) as file:
        assert len(file.coded_lengths) > 3
        assert np.array_equal(file.reduced(every=every), file[:, :, ::every])


def test_nifti_of_a_smaller_volume(packed, tmp_path):
    assert main(["decompress", str(packed), "--scale", "1/2", "--every", "3"]) == 0
    small = nib.load(tmp_path / "scan.reduced.nii")
    with medcodec.open(packed) as file:
        assert np.array_equal(np.asarray(small.dataobj), file.reduced(scale=2, every=3))
        whole, affine = np.asarray(file), file.affine
    assert small.shape == (31, 26, 7, 2)
    assert psnr(whole[::2, ::2, ::3], np.asarray(small.dataobj)) > 25
    assert small.header.get_zooms() == (3, 4, 9, 2.5)
    assert small.header["descrip"] == b"a phantom"
    for index in ([0, 0, 0, 1], [3, 2, 1, 1]):
        assert np.allclose(small.affine @ index, affine @ (np.array(index) * [2, 2, 3, 1]))


def test_time_between_fewer_frames(tmp_path):
    image = nib.Nifti1Image(phantom((20, 22, 3, 12)), np.eye(4))
    image.header.set_zooms((1, 1, 1, 0.5))
    nib.save(image, tmp_path / "cine.nii")
    options = {"codec": "wavelet", "codec_options": PLAIN, "axis": "t"}
    medcodec.compress(tmp_path / "cine.nii", tmp_path / "cine.medc", **options)
    medcodec.decompress(tmp_path / "cine.medc", tmp_path / "half.nii.gz", every=2)
    half = nib.load(tmp_path / "half.nii.gz")
    assert half.header.get_zooms() == (1, 1, 1, 1)
    assert np.array_equal(np.asarray(half.dataobj), np.asarray(image.dataobj)[..., ::2])


def test_arrays_of_smaller_volumes(packed, tmp_path):
    medcodec.decompress(packed, tmp_path / "small.npy", scale=4)
    assert np.load(tmp_path / "small.npy").shape == (16, 13, 21, 2)


@pytest.mark.usefixtures("packed")
def test_what_cannot_be_had(tmp_path, capsys):
    medcodec.compress(phantom((20, 20, 4)), tmp_path / "other.medc")
    for arguments, message in (
        (["other.medc", "--scale", "1/2"], "'adaptive'.*'wavelet'"),
        (["other.medc", "--every", "2"], "'adaptive'.*'wavelet'"),
        (["scan.medc", "--scale", "1/3"], "1/2, 1/4"),
        (["scan.medc", "--scale", "1/128"], "1/64"),
        (["scan.medc", "--every", "0"], "every"),
        (["scan.medc", "--every", "2", "--salvage"], "salvage"),
    ):
        name, *rest = arguments
        assert main(["decompress", str(tmp_path / name), *rest]) == 1
        error = " ".join(capsys.readouterr().err.split())
        assert re.search(message, error), error
    with medcodec.open(tmp_path / "other.medc") as file, pytest.raises(OptionError, match="wavelet"):
        file.reduced(scale=2)


def test_tiles_that_do_not_fit(tmp_path):
    options = {"codec": "wavelet", "codec_options": PLAIN, "axis": "k", "tile": 18}
    voxels = phantom((40, 40, 3))
    medcodec.compress(voxels, tmp_path / "a.medc", **options)
    with medcodec.open(tmp_path / "a.medc") as file:
        assert file.reduced(scale=2).shape == (20, 20, 3)
        with pytest.raises(OptionError, match="tiles"):
            file.reduced(scale=4)
        assert file.preview(10).shape == (10, 10)


def test_damage_is_found_before_anything_smaller_is_made(packed):
    data = bytearray(packed.read_bytes())
    data[len(data) // 2] ^= 4
    packed.write_bytes(data)
    with medcodec.open(packed) as file, pytest.raises(IntegrityError, match="checksum"):
        file.reduced(scale=2)


@pytest.mark.parametrize("codec", ["wavelet", "adaptive"])
@pytest.mark.parametrize("shape", [(60, 50, 9), (60, 50, 4, 3), (50, 60), (1, 200, 3), (5, 4, 3)])
def test_previews(codec, shape, tmp_path):
    voxels = phantom(shape, np.float32 if codec == "adaptive" else np.uint16)
    options = {**PLAIN, "quality": 10.0} if codec == "wavelet" else None
    medcodec.compress(voxels, tmp_path / "a.medc", codec=codec, codec_options=options)
    with medcodec.open(tmp_path / "a.medc") as file:
        picture = file.preview(32)
        middle = file[
            tuple(slice(None) if axis in _plane(file) else n // 2 for axis, n in enumerate(file.shape))
        ]
    assert picture.dtype == np.uint8
    assert max(picture.shape) <= 32
    assert max(picture.shape) >= min(32, max(middle.shape)) // 2
    if picture.size > 100:
        assert picture.min() < 20
        assert picture.max() > 235
        step = -(-max(middle.shape) // 32)
        step = 1 << (step - 1).bit_length()
        shown = middle.T[::step, ::step] if _plane(file) == sorted(_plane(file)) else middle[::step, ::step]
        if shown.shape == picture.shape:
            assert np.corrcoef(shown.ravel(), picture.ravel())[0, 1] > 0.9


def _plane(file):
    return [axis for axis in file.info.layout.width + file.info.layout.height if axis < file.ndim]


def test_a_preview_decodes_one_group_and_no_fine_level(packed, monkeypatch):
    made = []
    monkeypatch.setattr(Transform, "inverse", _counted(Transform.inverse, made))
    with medcodec.open(packed) as file:
        file.preview(16)
    assert 1 <= len(made) <= 5  # the frame, and what it is predicted from
    assert all(options["skip"] == 2 for options in made)


def _counted(function, calls):
    def counted(*arguments, **options):
        calls.append(options)
        return function(*arguments, **options)

    return counted


def test_colours_in_previews(tmp_path):
    voxels = np.zeros((40, 30, 5), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
    voxels["R"], voxels["B"][:20] = 200, 90
    medcodec.compress(voxels, tmp_path / "a.medc", codec="wavelet", codec_options=PLAIN)
    with medcodec.open(tmp_path / "a.medc") as file:
        picture = file.preview(20)
        assert picture.shape == (20, 15, 3)
        assert np.abs(picture[..., 0].astype(int) - 200).max() < 3
        assert picture[..., 1].max() < 3
        with pytest.raises(OptionError, match="pixel"):
            file.preview(0)


def test_gain_of_the_low_band():
    plane = np.full((64, 64), 10_000, np.int32)
    _native.lift_forward(plane, levels=1, reversible=False)
    assert plane[10, 10] == pytest.approx(10_000 * 1.230174104914001**2, abs=5)
