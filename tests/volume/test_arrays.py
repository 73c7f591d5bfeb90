import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from medcodec import volume
from medcodec.errors import MedcodecError, UnsupportedDataError


def npy_bytes(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@settings(deadline=None)
@given(
    array=npst.arrays(
        st.one_of(
            npst.integer_dtypes(endianness="?"),
            npst.unsigned_integer_dtypes(endianness="?"),
            npst.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
            npst.complex_number_dtypes(endianness="?", sizes=(64, 128)),
            npst.boolean_dtypes(),
        ),
        npst.array_shapes(min_dims=1, max_dims=7, max_side=4),
    ),
    fortran=st.booleans(),
)
def test_every_byte_comes_back(array, fortran):
    array = np.asarray(array, order="F") if fortran else array
    data = npy_bytes(array)
    scan = volume.read_bytes(data)
    assert 2 <= scan.voxels.ndim <= 5
    assert scan.voxels.dtype.isnative
    assert volume.to_bytes(scan) == data
    from_memory = volume.from_array(array)
    assert np.load(io.BytesIO(volume.to_bytes(from_memory))).tobytes() == array.tobytes()


def test_arrays_in_memory_keep_geometry_and_are_not_copied():
    array = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    scan = volume.from_array(array, affine=affine, slope=2, intercept=-1)
    assert np.shares_memory(scan.voxels, array)
    assert np.array_equal(scan.affine, affine)
    assert (scan.slope, scan.intercept) == (2, -1)


def test_colours_in_memory():
    array = np.arange(36, dtype=np.uint8).view([("R", "u1"), ("G", "u1"), ("B", "u1")]).reshape(3, 4)
    back = np.load(io.BytesIO(volume.to_bytes(volume.from_array(array))))
    assert np.array_equal(back, array)
    assert back.dtype == array.dtype


@pytest.mark.parametrize(
    "array",
    [
        np.array([{}, 1], dtype=object),
        np.array(["text"]),
        np.zeros(3, "M8[s]"),
        np.zeros(3, [("a", "i4")]),
        np.zeros((2, 2), np.longdouble) if np.dtype(np.longdouble).itemsize > 8 else np.array(["text"]),
    ],
)
def test_other_types_are_refused(array):
    for make in (lambda: volume.from_array(array), lambda: volume.read_bytes(npy_bytes(array))):
        with pytest.raises(UnsupportedDataError, match="astype"):
            make()


@pytest.mark.parametrize("array", [np.zeros((3, 0)), np.array(5)])
def test_nothing_to_compress_is_refused(array):
    with pytest.raises(MedcodecError, match="holds no voxels"):
        volume.from_array(array)


@settings(deadline=None, max_examples=150)
@given(position=st.integers(0, 127), value=st.integers(0, 255))
def test_a_changed_header_byte_is_kept_or_refused(position, value):
    data = bytearray(npy_bytes(np.arange(8, dtype=np.int16)))
    data[position] = value
    try:
        scan = volume.read_bytes(bytes(data))
    except MedcodecError:
        return
    assert volume.to_bytes(scan) == bytes(data)
