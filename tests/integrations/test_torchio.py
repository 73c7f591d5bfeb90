"""torchio reads .medc files: lazily in version 2, through a reader in version 1."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import medcodec

torch = pytest.importorskip("torch", reason="needs medcodec[torchio]")
torchio = pytest.importorskip("torchio", reason="needs medcodec[torchio]")

from snippets import run_page

from medcodec.errors import MissingDependencyError, UnsupportedDataError
from medcodec.integrations import torchio as mt

Scan = tuple[Path, Path]
VERSION_2 = int(torchio.__version__.split(".")[0]) >= 2
needs_2 = pytest.mark.skipif(not VERSION_2, reason=f"torchio {torchio.__version__} has no backends")


@pytest.fixture(autouse=True)
def _registered() -> None:
    if VERSION_2:
        mt.register()
        mt.register()


@pytest.fixture(scope="module", params=["i2", "u2", "f4"])
def four_axes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Scan:
    folder = tmp_path_factory.mktemp("four")
    voxels = np.random.default_rng(0).integers(0, 999, (12, 13, 14, 3)).astype(request.param)
    nib.save(nib.Nifti1Image(voxels, np.diag([2, 3, 4, 1.0])), folder / "x.nii")
    medcodec.compress(folder / "x.nii", folder / "x.medc", effort="fastest")
    return folder / "x.nii", folder / "x.medc"


def check_alike(found: object, wanted: object) -> None:
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found.spacing, wanted.spacing, rtol=1e-6)
    if VERSION_2:
        assert found.data.dtype == wanted.data.dtype
        assert torch.equal(found.data, wanted.data)
        np.testing.assert_array_equal(np.asarray(found.affine), np.asarray(wanted.affine))
    else:
        # Version 1 reads with SimpleITK, and keeps no double precision.
        assert torch.equal(found.data.double(), wanted.data.double())
        np.testing.assert_allclose(np.asarray(found.affine), np.asarray(wanted.affine), atol=1e-5)


def test_reader_gives_what_torchio_gives(scan: Scan, four_axes: Scan) -> None:
    for nifti, medc in (scan, four_axes):
        check_alike(torchio.ScalarImage(medc, reader=mt.read), torchio.ScalarImage(nifti))


@needs_2
def test_backend_gives_what_torchio_gives(scan: Scan, four_axes: Scan) -> None:
    for nifti, medc in (scan, four_axes):
        check_alike(torchio.ScalarImage(medc), torchio.ScalarImage(nifti))


@needs_2
@pytest.mark.parametrize(
    "key",
    [0, (0, 3), (slice(None), slice(2, 9), -1), (..., slice(1, 5)), (slice(0, 1), 4, slice(3, 11, 2), 5)],
)
def test_slices_are_those_of_torchio(scan: Scan, four_axes: Scan, key) -> None:
    for nifti, medc in (scan, four_axes):
        found, wanted = (torchio.ScalarImage(path).dataobj[key] for path in (medc, nifti))
        assert found.dtype == wanted.dtype
        assert torch.equal(found, wanted)


@needs_2
def test_backend_follows_the_protocol_and_is_lazy(scan: Scan, decoded_groups: list[int]) -> None:
    from torchio.data.backends import ImageDataBackend

    image = torchio.ScalarImage(scan[1])
    assert isinstance(image.dataobj, ImageDataBackend)
    assert image.dataobj.affine.dtype == torch.float64
    assert image.shape == (1, 40, 48, 36)
    assert not decoded_groups
    cropped = image[:, 2:6, 2:6, 2:6]
    assert len(decoded_groups) == 1
    assert cropped.shape == (1, 4, 4, 4)
    np.testing.assert_allclose(cropped.affine.numpy()[:3, 3], (image.affine.numpy() @ [2, 2, 2, 1])[:3])


@needs_2
def test_other_axes_are_refused(tmp_path: Path) -> None:
    medcodec.compress(np.zeros((3, 4, 5, 6, 7), np.int16), tmp_path / "x.medc", effort="fastest")
    with pytest.raises(UnsupportedDataError, match="3 or 4 axes"):
        mt.MedcodecBackend(tmp_path / "x.medc")


@pytest.mark.skipif(VERSION_2, reason="version 2 has backends")
def test_version_1_is_told_apart() -> None:
    with pytest.raises(MissingDependencyError, match="version 1 the reader"):
        mt.register()


def test_page(scan: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    if not VERSION_2:
        pytest.skip("the page shows version 2")
    monkeypatch.chdir(scan[1].parent)
    run_page("torchio.md")
