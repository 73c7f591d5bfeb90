import gzip

import numpy as np
import pytest

from medcodec.errors import FormatError, MedcodecError, OptionError
from medcodec.evaluation.colour import rgb_psnr_db, to_rgb, yuv_psnr_db
from medcodec.evaluation.content import load_item
from medcodec.evaluation.datasets import Item
from medcodec.volume.video import Video, VideoFormat, format_from_name, read_video

RNG = np.random.default_rng(3)


def planes_of(form, frames):
    top = 1 << form.bits
    return tuple(
        RNG.integers(0, top, (frames, *shape)).astype(form.dtype.newbyteorder("="))
        for shape in form.plane_shapes
    )


def raw_bytes(planes, form, before=b""):
    return b"".join(
        before + b"".join(plane[n].astype(form.dtype).tobytes() for plane in planes)
        for n in range(len(planes[0]))
    )


FORMATS = [
    (VideoFormat(18, 10), "C420jpeg"),
    (VideoFormat(17, 9), "C420"),
    (VideoFormat(18, 10, "422"), "C422"),
    (VideoFormat(18, 10, "444", 10), "C444p10"),
    (VideoFormat(18, 10, "420", 12), "C420p12 XYSCSS=420P12"),
    (VideoFormat(18, 10, "400"), "Cmono"),
    (VideoFormat(18, 10, "400", 12), "Cmono12"),
]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("form", "tag"), FORMATS)
def test_y4m_of_every_kind_reads_as_written(tmp_path, form, tag, packed):
    planes = planes_of(form, 3)
    data = f"YUV4MPEG2 W{form.width} H{form.height} F25:1 Ip A1:1 {tag}\n".encode()
    data += raw_bytes(planes, form, b"FRAME\n")
    path = tmp_path / ("a.y4m.gz" if packed else "a.y4m")
    path.write_bytes(gzip.compress(data) if packed else data)
    video = read_video(path)
    assert video.format == form
    assert all(np.array_equal(a, b) for a, b in zip(video.planes, planes, strict=True))
    first = read_video(path, frames=2)
    assert first.frames == 2
    assert np.array_equal(first.planes[0], planes[0][:2])


def test_yuv_takes_its_format_from_the_name_or_the_caller(tmp_path):
    form = VideoFormat(16, 12, "420", 10)
    planes = planes_of(form, 2)
    named = tmp_path / "Clip_16x12_50_10bit.yuv"
    named.write_bytes(raw_bytes(planes, form))
    assert np.array_equal(read_video(named).planes[1], planes[1])
    plain = tmp_path / "clip.yuv"
    plain.write_bytes(raw_bytes(planes, form))
    assert np.array_equal(read_video(plain, raw_format=form).planes[2], planes[2])
    with pytest.raises(OptionError, match="does not tell the frame size"):
        read_video(plain)
    item = Item(name="clip", path="clip.yuv", yuv="16x12_10bit")
    assert np.array_equal(load_item(item, tmp_path).video.planes[2], planes[2])
    with pytest.raises(OptionError, match="16 by 12"):
        load_item(Item(name="clip", path="clip.yuv", yuv="16 by 12"), tmp_path)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("BasketballDrive_1920x1080_50.yuv", VideoFormat(1920, 1080)),
        ("Beauty_1920x1080_120fps_420_8bit_YUV.yuv", VideoFormat(1920, 1080)),
        ("videoSRC17_1920x1080_24.yuv", VideoFormat(1920, 1080)),
        ("Traffic_2560x1600_30_10bit_422.yuv", VideoFormat(2560, 1600, "422", 10)),
        ("clip_17x9_25_10bit_422.yuv", VideoFormat(17, 9, "422", 10)),
        ("clip.yuv", None),
    ],
)
def test_names_of_the_test_sequences(name, expected):
    assert format_from_name(name) == expected


def test_damaged_files_are_errors_that_name_the_file(tmp_path):
    form = VideoFormat(16, 12)
    data = b"YUV4MPEG2 W16 H12 F25:1\n" + raw_bytes(planes_of(form, 2), form, b"FRAME\n")
    path = tmp_path / "cut.y4m"
    for damaged in (data[:-1], data[:20], data.replace(b"FRAME", b"FRAMS"), b"YUV4MPEG2 W0 H12\n", b""):
        path.write_bytes(damaged)
        with pytest.raises(MedcodecError, match=r"cut\.y4m|video of"):
            read_video(path)
    path.write_bytes(data)
    with pytest.raises(FormatError, match="has 2 frames where 5"):
        read_video(path, frames=5)
    raw = tmp_path / "cut_16x12_1.yuv"
    raw.write_bytes(b"\0" * (form.frame_bytes + 1))
    with pytest.raises(FormatError, match="frame 1 has 1 of"):
        read_video(raw)


def test_ffmpeg_reads_the_same_as_we_do(tmp_path, data_dir):
    pytest.importorskip("av")
    ours = read_video(data_dir / "video" / "foreman_cif.y4m.gz")
    plain = tmp_path / "foreman.y4m"
    plain.write_bytes(gzip.decompress((data_dir / "video" / "foreman_cif.y4m.gz").read_bytes()))
    other = tmp_path / "foreman.dat"
    plain.rename(other)
    theirs = read_video(other)
    assert ours.format == theirs.format
    assert all(np.array_equal(a, b) for a, b in zip(ours.planes, theirs.planes, strict=True))


def test_the_lossless_matroska_file(data_dir):
    pytest.importorskip("av")
    video = read_video(data_dir / "video" / "BasketballPass_416x240_50_100f.mkv", frames=4)
    assert [plane.shape for plane in video.planes] == [(4, 240, 416), (4, 120, 208), (4, 120, 208)]


def test_a_cut_matroska_file_is_told(tmp_path, data_dir):
    pytest.importorskip("av")
    whole = (data_dir / "video" / "BasketballPass_416x240_50_100f.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[:3000])
    with pytest.raises(FormatError, match="cut short"):
        read_video(tmp_path / "cut.mkv")


def grey(value, chroma=(128, 128), full=True):
    form = VideoFormat(4, 4)
    planes = (
        np.full((1, 4, 4), value, np.uint8),
        *(np.full((1, 2, 2), part, np.uint8) for part in chroma),
    )
    return Video(planes, form, full)


def test_bt709_known_colours():
    pytest.importorskip("scipy")
    assert to_rgb(grey(235), 0, full_range=False)[:, 0, 0] == pytest.approx([1, 1, 1], abs=0.005)
    assert to_rgb(grey(16), 0, full_range=False)[:, 0, 0] == pytest.approx([0, 0, 0], abs=0.005)
    # Red in 8-bit limited-range BT.709 is (63, 102, 240).
    assert to_rgb(grey(63, (102, 240)), 0, full_range=False)[:, 0, 0] == pytest.approx([1, 0, 0], abs=0.01)
    assert to_rgb(grey(255), 0)[:, 0, 0] == pytest.approx([1, 1, 1], abs=0.01)


def test_yuv_psnr_has_six_parts_of_luma():
    original, decoded = grey(100), grey(101)
    luma = 10 * np.log10(255**2)
    assert yuv_psnr_db(original, decoded) == pytest.approx([(6 * luma + 200) / 8])
    chroma_off = grey(100, (129, 128))
    assert yuv_psnr_db(original, chroma_off) == pytest.approx([(600 + luma + 100) / 8])
    pytest.importorskip("scipy")
    assert rgb_psnr_db(original, decoded) == pytest.approx([luma])
