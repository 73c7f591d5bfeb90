"""OME-Zarr and NIfTI-Zarr volumes coded by medcodec, checked with these projects' own packages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

zarr = pytest.importorskip("zarr", minversion="3", reason="needs medcodec[zarr]")
ome_zarr_models = pytest.importorskip("ome_zarr_models", reason="needs ome-zarr-models")

from medcodec.integrations import zarr as mz

FASTEST = mz.MedcodecChunks(options={"effort": "fastest"})


@pytest.fixture(autouse=True)
def _registered() -> None:
    mz.register()


def recode(source: Path, target: Path) -> None:
    """Copy a group with its metadata, and let medcodec code its arrays of voxels."""
    old, new = zarr.open_group(str(source), mode="r"), zarr.create_group(str(target))
    new.attrs.update(dict(old.attrs))
    for name, array in old.arrays():
        coded = {"serializer": FASTEST, "compressors": None} if array.ndim >= 3 else {"compressors": None}
        copied = new.create_array(
            name,
            data=array[...],
            chunks=array.chunks,
            dimension_names=array.metadata.dimension_names,
            attributes=dict(array.attrs),
            **coded,
        )
        assert array.ndim < 3 or copied.metadata.codecs == (FASTEST,)


def image(shape: tuple[int, ...], dtype: str, kind: Any) -> Any:
    grid = np.indices(shape).sum(axis=0)
    voxels = (900 * np.sin(grid / 7) + np.random.default_rng(1).integers(0, 9, shape)).astype(dtype)
    affine = np.array([[0, -0.8, 0.1, 12], [0.9, 0, 0, -30], [0, 0.1, 2.5, 7], [0, 0, 0, 1]])
    made = kind(voxels, affine)
    made.header.set_xyzt_units("mm", "sec")
    made.header["descrip"] = b"a phantom"
    made.set_qform(affine, code=1)
    return made


@pytest.mark.parametrize(
    ("shape", "dtype", "kind"),
    [
        ((40, 36, 20), "<i2", nib.Nifti1Image),
        ((40, 36, 20), ">u2", nib.Nifti1Image),
        ((24, 20, 12, 5), "<i2", nib.Nifti1Image),
        ((24, 20, 12), "<f4", nib.Nifti2Image),
    ],
    ids=["3d", "big-endian", "4d", "nifti2"],
)
def test_nifti_zarr(tmp_path: Path, shape: tuple[int, ...], dtype: str, kind: Any) -> None:
    """nifti-zarr's converter writes the volume and its header, and reads both back from medcodec's chunks."""
    niizarr = pytest.importorskip("niizarr", reason="needs nifti-zarr")
    original = image(shape, dtype, kind)
    plain, coded = tmp_path / "plain.nii.zarr", tmp_path / "coded.nii.zarr"
    niizarr.nii2zarr(original, str(plain), chunk=16, nb_levels=2, validate=True)
    recode(plain, coded)

    ome_zarr_models.open_ome_zarr(zarr.open_group(str(coded), mode="r"))
    for level in range(2):
        expected, found = (niizarr.zarr2nii(str(path), level=level) for path in (plain, coded))
        np.testing.assert_array_equal(np.asarray(found.dataobj), np.asarray(expected.dataobj))
        assert found.header.binaryblock == expected.header.binaryblock
    found = niizarr.zarr2nii(str(coded))
    np.testing.assert_array_equal(np.asarray(found.dataobj), np.asarray(original.dataobj))
    np.testing.assert_allclose(found.header.get_best_affine(), original.affine, atol=1e-5)
    for field in ("pixdim", "xyzt_units", "qform_code", "sform_code", "descrip"):
        np.testing.assert_array_equal(found.header[field], original.header[field])


def test_nifti_zarr_header_array(tmp_path: Path) -> None:
    """The specification's layout: a NIfTI header as bytes in the array "nifti", levels named 0, 1, ..."""
    niizarr = pytest.importorskip("niizarr", reason="needs nifti-zarr")
    original = image((40, 36, 20), "<i2", nib.Nifti1Image)
    niizarr.nii2zarr(original, str(tmp_path / "plain.nii.zarr"), chunk=16, nb_levels=2)
    recode(tmp_path / "plain.nii.zarr", tmp_path / "coded.nii.zarr")
    group = zarr.open_group(str(tmp_path / "coded.nii.zarr"), mode="r")
    header = group["nifti"]
    assert header.dtype == np.uint8
    assert header.ndim == 1
    parsed = nib.Nifti1Header(header[:348].tobytes())
    assert parsed.get_data_shape() == original.shape
    paths = [entry["path"] for entry in group.attrs["ome"]["multiscales"][0]["datasets"]]
    assert paths == ["0", "1"]
    assert group["0"].shape == original.shape[::-1]
    np.testing.assert_array_equal(group["0"][3:9, 5, :], np.asarray(original.dataobj).T[3:9, 5, :])


def test_ome_zarr(tmp_path: Path) -> None:
    """A multiscale image of OME-Zarr 0.5 passes the project's models, and reads as it was written."""
    voxels = np.asarray(image((40, 48, 32), "<i2", nib.Nifti1Image).dataobj)[None]
    levels = [voxels, voxels[:, ::2, ::2, ::2]]
    group = zarr.create_group(str(tmp_path / "scan.ome.zarr"))
    for number, level in enumerate(levels):
        group.create_array(
            str(number),
            data=level,
            chunks=(1, 16, 16, 16),
            serializer=FASTEST,
            compressors=None,
            dimension_names=("c", "z", "y", "x"),
        )
    axes = [
        {"name": "c", "type": "channel"},
        *({"name": name, "type": "space", "unit": "millimeter"} for name in "zyx"),
    ]
    datasets = [
        {"path": str(n), "coordinateTransformations": [{"type": "scale", "scale": [1, *[0.7 * 2**n] * 3]}]}
        for n in range(2)
    ]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}

    opened = ome_zarr_models.open_ome_zarr(zarr.open_group(str(tmp_path / "scan.ome.zarr"), mode="r"))
    assert opened.ome_zarr_version == "0.5"
    found = zarr.open_group(str(tmp_path / "scan.ome.zarr"), mode="r")
    for dataset, level in zip(opened.attributes.ome.multiscales[0].datasets, levels, strict=True):
        np.testing.assert_array_equal(found[dataset.path][...], level)
