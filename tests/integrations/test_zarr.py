"""zarr 3 and numcodecs: chunks coded by medcodec, read in whole and in part."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

zarr = pytest.importorskip("zarr", minversion="3", reason="needs medcodec[zarr]")
numcodecs = pytest.importorskip("numcodecs", reason="needs medcodec[zarr]")

from snippets import run_page
from zarr.storage import MemoryStore
from zarr.testing import strategies

from medcodec.errors import FormatError, OptionError, UnsupportedDataError
from medcodec.integrations import numcodecs as mn
from medcodec.integrations import zarr as mz

FASTEST = {"effort": "fastest"}
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _registered() -> None:
    mz.register()
    mn.register()


def smooth(shape: tuple[int, ...], dtype: str = "i2") -> np.ndarray:
    grid = np.indices(shape).sum(axis=0) if shape else np.zeros(())
    return (50 * np.sin(grid / 5) + np.random.default_rng(0).integers(0, 5, shape) + 60).astype(dtype)


class CountingStore(MemoryStore):
    """Remember how many bytes were read."""

    read = 0

    async def get(self, *args, **kwargs):
        found = await super().get(*args, **kwargs)
        CountingStore.read += len(found) if found is not None else 0
        return found


@pytest.mark.parametrize("dtype", ["?", "i1", "u1", "<i2", ">i2", "u2", "i4", "u8", "f2", "f4", "f8"])
@pytest.mark.parametrize("shape", [(9,), (9, 7), (9, 10, 11), (3, 9, 10, 11), (2, 2, 5, 6, 7)])
def test_round_trip(dtype: str, shape: tuple[int, ...]) -> None:
    data = smooth(shape, dtype)
    chunks = tuple(min(size, 6) for size in shape)
    array = zarr.create_array(
        MemoryStore(),
        data=data,
        chunks=chunks,
        serializer=mz.MedcodecChunks(options=FASTEST),
        compressors=None,
    )
    found = zarr.open_array(array.store, mode="r")
    assert found.dtype.newbyteorder("=") == data.dtype.newbyteorder("=")
    np.testing.assert_array_equal(found[...], data)


DTYPES = ["?", "i1", ">u2", "i4", "f4", ">f8"]


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_zarrs_own_arrays_and_selections_are_read_as_numpy_reads_them(data: st.DataObject) -> None:
    voxels = data.draw(strategies.numpy_arrays(dtype=np.dtype(data.draw(st.sampled_from(DTYPES)))))
    if voxels.ndim == 0 or voxels.size == 0:
        return
    shape = voxels.shape
    box = data.draw(st.one_of(st.none(), st.integers(1, 6), st.tuples(*(st.integers(1, 6) for _ in shape))))
    array = zarr.create_array(
        MemoryStore(),
        data=voxels,
        chunks=data.draw(strategies.chunk_shapes(shape=shape)),
        serializer=mz.MedcodecChunks(options=FASTEST, box=box),
        compressors=None,
    )
    np.testing.assert_array_equal(array[...], voxels)
    key = data.draw(strategies.basic_indices(shape=shape))
    np.testing.assert_array_equal(array[key], voxels[key])
    theirs, ours = data.draw(strategies.orthogonal_indices(shape=shape))
    np.testing.assert_array_equal(array.oindex[theirs], voxels[ours])
    mask = data.draw(hnp.arrays(bool, shape))
    np.testing.assert_array_equal(array.vindex[mask], voxels[mask])


def test_part_reads_and_decodes_only_its_boxes() -> None:
    voxels = smooth((64, 64, 64))
    sizes = {}
    for name, options in {"boxes": {"box": 16}, "whole": {}}.items():
        store = CountingStore()
        zarr.create_array(
            store,
            data=voxels,
            chunks=(64, 64, 64),
            serializer=mz.MedcodecChunks(options=FASTEST, **options),
            compressors=None,
        )
        array = zarr.open_array(store, mode="r")
        CountingStore.read = 0
        np.testing.assert_array_equal(array[3:9, 20:30, 40:47], voxels[3:9, 20:30, 40:47])
        sizes[name] = CountingStore.read
    assert sizes["boxes"] < sizes["whole"] / 20


def test_shards_hold_coded_chunks() -> None:
    voxels = smooth((32, 40, 24))
    array = zarr.create_array(
        MemoryStore(),
        data=voxels,
        chunks=(8, 8, 8),
        shards=(32, 40, 24),
        serializer=mz.MedcodecChunks(options=FASTEST),
        compressors=None,
    )
    np.testing.assert_array_equal(array[5:20, 7, ::3], voxels[5:20, 7, ::3])


def test_writing_a_part_and_missing_chunks() -> None:
    array = zarr.create_array(
        MemoryStore(),
        shape=(20, 20, 20),
        chunks=(10, 10, 10),
        dtype="i2",
        fill_value=7,
        serializer=mz.MedcodecChunks(options=FASTEST, box=4),
        compressors=None,
    )
    wanted = np.full((20, 20, 20), 7, "i2")
    array[3:12, 5, :4] = wanted[3:12, 5, :4] = 99
    np.testing.assert_array_equal(array[...], wanted)
    np.testing.assert_array_equal(array[15:, 15:, 2:9], wanted[15:, 15:, 2:9])


def test_error_bound_holds() -> None:
    voxels = smooth((24, 24, 24))
    array = zarr.create_array(
        MemoryStore(), data=voxels, serializer=mz.MedcodecChunks(options={"max_error": 2}), compressors=None
    )
    assert 0 < np.abs(array[...] - voxels).max() <= 2


def test_metadata_round_trip_through_json() -> None:
    codec = mz.MedcodecChunks(options={"effort": "fast", "max_error": 2}, box=(8, 8, 8))
    store = MemoryStore()
    zarr.create_array(
        store, shape=(9, 9, 9), dtype="i2", chunks=(9, 9, 9), serializer=codec, compressors=None
    )
    found = zarr.open_array(store)
    assert found.serializer == codec
    assert hash(found.serializer) == hash(codec)


@pytest.mark.parametrize(
    ("options", "error"),
    [({"box": 0}, OptionError), ({"codec": "none"}, OptionError), ({"options": {"x": 1}}, OptionError)],
)
def test_wrong_settings_are_refused(options, error) -> None:
    with pytest.raises(error):
        mz.MedcodecChunks(**options)


def test_what_cannot_be_coded_is_refused_when_the_array_is_made() -> None:
    for dtype, shape, box in (("c8", (4,), None), ("i2", (4, 4), (2, 2, 2))):
        with pytest.raises((UnsupportedDataError, OptionError)):
            zarr.create_array(
                MemoryStore(),
                shape=shape,
                dtype=dtype,
                serializer=mz.MedcodecChunks(box=box),
                compressors=None,
            )


@pytest.mark.parametrize("part", [slice(None), slice(0, 3)])
def test_damaged_chunks_are_errors(tmp_path: Path, part: slice) -> None:
    zarr.create_array(
        str(tmp_path / "x.zarr"),
        data=smooth((16, 16, 16)),
        chunks=(16, 16, 16),
        serializer=mz.MedcodecChunks(options=FASTEST, box=8),
        compressors=None,
    )
    chunk = tmp_path / "x.zarr" / "c" / "0" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:-5] if part == slice(None) else chunk.read_bytes()[:10])
    with pytest.raises(FormatError):
        zarr.open_array(str(tmp_path / "x.zarr"))[part]


def numcodecs_arrays() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [
        np.arange(1000, dtype="i4"),
        np.linspace(1000, 1001, 1000, dtype="f8"),
        random.normal(1000, 1, (100, 10)),
        random.integers(0, 2, 1000).astype(bool),
        random.integers(0, 200, (50, 20)).astype("u1"),
        np.asfortranarray(random.integers(0, 1 << 12, (10, 11, 12)).astype("u2")),
        random.integers(0, 1 << 40, 300).astype("u8").view("M8[ns]"),
        random.integers(0, 1 << 40, 300).astype("u8").view("m8[m]"),
    ]


@pytest.mark.parametrize("array", numcodecs_arrays(), ids=lambda array: f"{array.dtype}-{array.ndim}d")
@pytest.mark.parametrize("options", [{}, FASTEST])
def test_numcodecs_own_checks_pass(array: np.ndarray, options) -> None:
    checks = pytest.importorskip("numcodecs.tests.common", reason="numcodecs without its test helpers")
    codec = mn.Medcodec(**options)
    checks.check_encode_decode(array, codec)
    checks.check_config(codec)


def test_numcodecs_refuses_objects() -> None:
    checks = pytest.importorskip("numcodecs.tests.common", reason="numcodecs without its test helpers")
    checks.check_err_encode_object_buffer(mn.Medcodec())
    checks.check_err_decode_object_buffer(mn.Medcodec())
    assert repr(mn.Medcodec(effort="fast")) == "Medcodec(codec='adaptive', effort='fast')"


@pytest.mark.parametrize("order", ["C", "F"])
def test_format_2_arrays(order: str) -> None:
    voxels = smooth((20, 21, 22))
    array = zarr.create_array(
        MemoryStore(),
        data=voxels,
        chunks=(10, 10, 10),
        zarr_format=2,
        order=order,
        compressors=mn.Medcodec(effort="fastest"),
    )
    np.testing.assert_array_equal(zarr.open_array(array.store)[...], voxels)


def test_entry_points_load_without_registering(tmp_path: Path) -> None:
    tomllib = pytest.importorskip("tomllib", reason="needs Python 3.11")
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    info = tmp_path / "medcodec_entry_points-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: medcodec-entry-points\nVersion: 0\n")
    groups = {name: declared[name] for name in ("zarr.codecs", "numcodecs.codecs")}
    lines = [
        f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in names.items()) for group, names in groups.items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    script = (
        "import zarr, numcodecs, numpy as np\n"
        "from zarr.registry import get_codec_class\n"
        "kind = get_codec_class('medcodec')\n"
        "data = np.arange(24).reshape(2, 3, 4)\n"
        "a = zarr.create_array({}, data=data, serializer=kind(), compressors=None)\n"
        "assert zarr.open_array(a.store)[1, 2, 3] == 23\n"
        "assert numcodecs.get_codec({'id': 'medcodec', 'effort': 'fast'}).options == {'effort': 'fast'}\n"
    )
    env = {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]]), "PATH": ""}
    subprocess.run([sys.executable, "-c", script], check=True, env=env)


def test_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_page("zarr.md", voxels=smooth((64, 96, 80)))
