"""Real .medc files of the wavelet codec, by the API and on the command line: lossless and lossy."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from wavelet_cases import PLAIN, phantom, psnr

import medcodec
from medcodec.cli import main

SHAPES_WIDE = [(16, 8, 3), (5, 6, 7, 3), (1, 20, 1, 4), (3, 2, 2, 2, 2)]


def there_and_back(voxels, path, **options):
    done = medcodec.compress(
        voxels, path, codec="wavelet", codec_options={**PLAIN, **options}, overwrite=True
    )
    with medcodec.open(path) as file:
        return done, np.asarray(file)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.uint16, np.int32, np.uint32, np.int64])
def test_integers_come_back_exactly(dtype, tmp_path):
    voxels = phantom((40, 33, 9), dtype)
    done, back = there_and_back(voxels, tmp_path / "a.medc")
    assert back.dtype == voxels.dtype
    assert np.array_equal(back, voxels)
    assert done.file_bytes < voxels.size * min(2, voxels.itemsize)


@pytest.mark.parametrize(
    "shape",
    [(1, 1), (1, 40), (40, 1), (2, 3), (64, 64), (1, 1, 1), (7, 1, 5), (1, 9, 1), (31, 17, 1), *SHAPES_WIDE],
    ids=str,
)
@pytest.mark.parametrize("quality", [None, 9.5])
def test_shapes(shape, quality, tmp_path):
    voxels = phantom(shape)
    _, back = there_and_back(voxels, tmp_path / "a.medc", quality=quality)
    assert back.shape == shape
    assert np.array_equal(back, voxels) if quality is None else np.abs(back - voxels).max() < 400


@pytest.mark.parametrize(
    ("low", "high", "dtype"),
    [
        (-128, 127, np.int8),
        (0, 65535, np.uint16),
        (-32768, 32767, np.int16),
        (2**31 - 70, 2**31 - 1, np.int32),
        (2**60 + 1, 2**60 + 50, np.int64),
        (-(2**63), -(2**63) + 65535, np.int64),
        (2**64 - 9, 2**64 - 1, np.uint64),
    ],
)
def test_ends_of_the_range_of_a_dtype(low, high, dtype, tmp_path):
    voxels = np.random.default_rng(1).integers(low, high, (20, 21, 4), dtype, endpoint=True)
    voxels[0, 0, 0], voxels[-1, -1, -1] = low, high
    assert np.array_equal(there_and_back(voxels, tmp_path / "a.medc")[1], voxels)


@pytest.mark.parametrize("quality", [None, 0.0, 20.0])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_constant_volumes_are_small_and_exact(quality, dtype, tmp_path):
    if quality is None and dtype is np.float32:
        return
    done, back = there_and_back(np.full((32, 32, 8), 77, dtype), tmp_path / "a.medc", quality=quality)
    assert (back == 77).all()
    assert done.file_bytes < 2000


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5, 8, 9, 10, 17, 33, 34, 40])
def test_any_number_of_frames(frames, tmp_path):
    voxels = phantom((24, 20, frames))
    for quality in (None, 12.0):
        _, back = there_and_back(voxels, tmp_path / "a.medc", quality=quality)
        assert np.array_equal(back, voxels) if quality is None else psnr(voxels, back) > 30


def test_quality_buys_fidelity(tmp_path):
    voxels = phantom((64, 60, 12))
    results = [there_and_back(voxels, tmp_path / "a.medc", quality=q) for q in (0.0, 5.0, 10.0, 15.0, 20.0)]
    sizes = [done.file_bytes for done, _ in results]
    fidelities = [psnr(voxels, back) for _, back in results]
    assert sizes == sorted(set(sizes))
    assert fidelities == sorted(set(fidelities))
    assert fidelities[0] < 35
    assert fidelities[-1] > 50


@pytest.mark.parametrize("effort", ["fast", "default", "max"])
def test_efforts(effort, tmp_path):
    voxels = phantom((28, 26, 6))
    assert np.array_equal(there_and_back(voxels, tmp_path / "a.medc", effort=effort)[1], voxels)
    assert psnr(voxels, there_and_back(voxels, tmp_path / "a.medc", effort=effort, quality=14.0)[1]) > 38


@pytest.mark.parametrize("bound", [1, 4, 15])
@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.int64])
def test_bounds_hold(bound, dtype, tmp_path):
    voxels = phantom((40, 33, 7), dtype)
    voxels[3, 4, 5], voxels[0, 0, 0] = np.iinfo(np.int8).max, 0
    exact = there_and_back(voxels, tmp_path / "a.medc")[0].file_bytes
    done, back = there_and_back(voxels, tmp_path / "a.medc", max_error=bound)
    assert done.max_error == bound
    assert 0 < np.abs(back.astype(np.int64) - voxels).max() <= bound
    assert done.file_bytes < exact


def test_what_was_asked_for_is_reached(tmp_path):
    voxels = phantom((48, 50, 10))
    path = tmp_path / "a.medc"
    options = {"codec": "wavelet", "codec_options": PLAIN, "overwrite": True}

    def asked(**target):
        done = medcodec.compress(voxels, path, **options, **target)
        with medcodec.open(path) as file:
            return done, np.asarray(file)

    assert abs(psnr(voxels, asked(psnr=42)[1]) - 42) < 0.5
    assert asked(bpv=1.0)[0].bits_per_voxel == pytest.approx(1.0, rel=0.1)
    done = asked(ratio=20)[0]
    assert done.voxel_bytes / done.file_bytes == pytest.approx(20, rel=0.1)
    assert psnr(voxels, asked(quality=80)[1]) > psnr(voxels, asked(quality=30)[1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_are_coded_with_a_loss(dtype, tmp_path):
    voxels = phantom((40, 40, 8), dtype)
    done, back = there_and_back(voxels, tmp_path / "a.medc", quality=17.0)
    assert back.dtype == dtype
    assert psnr(voxels, back) > 45
    assert done.max_error is None


def test_integers_of_a_wide_span_are_coded_with_a_loss(tmp_path):
    voxels = phantom((40, 40, 8), np.int32) * 100_000 - 7
    _, back = there_and_back(voxels, tmp_path / "a.medc", quality=17.0)
    assert back.dtype == np.int32
    assert psnr(voxels, back) > 45


@pytest.mark.parametrize(
    ("voxels", "options", "message"),
    [
        (np.array([[1.0, np.nan], [2, 3]], np.float32), {"quality": 9.0}, "NaN"),
        (np.array([[1.0, np.inf], [2, 3]], np.float32), {"quality": 9.0}, "infinity"),
        (np.array([[1.0, 2.5], [2, 3]], np.float32), {}, "quality"),
        (np.array([[0, 70_000], [2, 3]], np.int32), {}, "16 bits"),
        (np.array([[-1.7e308, 1.7e308], [2, 3]]), {"quality": 9.0}, "1.7e.308"),
        (np.array([[0, 5e-324], [0, 0]]), {"quality": 9.0}, "4.9"),
        (np.array([[2**63, 2**63 + 9]], np.uint64), {"max_error": 2}, "below 2.63"),
        (np.array([[1.0, 2.5], [2, 3]], np.float32), {"max_error": 2}, "quality"),
    ],
)
def test_what_cannot_be_coded_is_refused(voxels, options, message, tmp_path):
    with pytest.raises(medcodec.MedcodecError, match=message):
        there_and_back(voxels, tmp_path / "a.medc", **options)
    assert not list(tmp_path.iterdir())


def test_settings_that_do_not_exist():
    for wrong in ({"quality": 21.0}, {"quality": -0.1}, {"size": "huge"}, {"effort": "heroic"}):
        with pytest.raises(medcodec.MedcodecError, match="wavelet"):
            medcodec.compress(
                phantom((8, 8)), "never.medc", codec="wavelet", codec_options={**PLAIN, **wrong}
            )


def test_one_slice_takes_one_group(tmp_path, monkeypatch):
    voxels = phantom((24, 26, 30))
    medcodec.compress(
        voxels, tmp_path / "a.medc", codec="wavelet", codec_options=PLAIN, axis="k", group_frames=5
    )
    with medcodec.open(tmp_path / "a.medc") as file:
        assert len(file.coded_lengths) == 6
        codec = file._groups.codec
        decoded = []
        monkeypatch.setattr(type(codec), "decode", _counted(type(codec).decode, decoded))
        assert np.array_equal(file[:, :, 17], voxels[:, :, 17])
        assert len(decoded) == 1


def _counted(function, calls):
    def counted(self, data, *arguments):
        calls.append(len(data))
        return function(self, data, *arguments)

    return counted


def test_threads_write_the_same_bytes(tmp_path):
    voxels = phantom((40, 30, 24))
    files = []
    for threads in (1, 2):
        path = tmp_path / f"{threads}.medc"
        options = {**PLAIN, "quality": 12.0}
        medcodec.compress(
            voxels, path, codec="wavelet", codec_options=options, group_frames=6, axis="k", threads=threads
        )
        files.append(path.read_bytes())
        with medcodec.open(path, threads=threads) as file:
            assert psnr(voxels, np.asarray(file)) > 35
    assert files[0] == files[1]


@pytest.fixture
def scan(tmp_path):
    image = nib.Nifti1Image(phantom((40, 36, 10)), np.diag([1.5, 1.5, 3, 1]))
    nib.save(image, tmp_path / "scan.nii.gz")
    return tmp_path / "scan.nii.gz"


def test_command_line(scan):
    packed = scan.with_name("scan.medc")
    assert main(["compress", str(scan), "--codec", "wavelet", "-O", "size=none"]) == 0
    assert main(["verify", str(packed), str(scan)]) == 0
    assert main(["decompress", str(packed)]) == 0
    assert scan.with_name("scan.nii").read_bytes() == nib.load(scan).to_bytes()


def test_command_line_with_a_target(scan, capsys):
    packed = scan.with_name("scan.medc")
    assert main(["compress", str(scan), "--codec", "wavelet", "-O", "size=none", "--psnr", "40"]) == 0
    assert main(["info", str(packed)]) == 0
    assert "wavelet" in capsys.readouterr().out
    assert main(["decompress", str(packed)]) == 0
    wanted, back = (
        np.asarray(nib.load(scan.with_name(name)).dataobj) for name in ("scan.nii.gz", "scan.nii")
    )
    assert abs(psnr(wanted, back) - 40) < 0.5
