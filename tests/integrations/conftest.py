"""Scans that the tests of all integrations share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest

import medcodec


@pytest.fixture(scope="session")
def scan(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a NIfTI file with slope, oblique affine and smooth content, and the .medc made from it."""
    folder = tmp_path_factory.mktemp("scan")
    i, j, k = np.ogrid[:40, :48, :36]
    noise = np.random.default_rng(0).integers(-8, 8, (40, 48, 36))
    voxels = (300 * np.sin(i / 9) * np.cos(j / 7) + 5 * k + noise).astype(np.int16)
    affine = np.array([[-0.9, 0.1, 0, 30], [0.1, 0.9, 0.2, -40], [0, -0.2, 1.5, 12], [0, 0, 0, 1.0]])
    image = nib.Nifti1Image(voxels, affine)
    image.header.set_slope_inter(0.5, -100)
    image.header["descrip"] = b"made for tests"
    nib.save(image, folder / "scan.nii.gz")
    medcodec.compress(
        folder / "scan.nii.gz", folder / "scan.medc", effort="fastest", axis="k", group_frames=12, tile=16
    )
    return folder / "scan.nii.gz", folder / "scan.medc"


@pytest.fixture
def decoded_groups(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list to which every group that is decoded adds its number."""
    from medcodec.container.groups import GroupReader
    from medcodec.container.records import Wanted

    numbers: list[int] = []
    decode, place = GroupReader.decode_some, GroupReader.place_run

    def counting(self: GroupReader, wanted: list[Wanted]) -> object:
        numbers.extend(group.number for group in wanted)
        return decode(self, wanted)

    def placing(self: GroupReader, run: list[Wanted], *rest: npt.NDArray[Any]) -> bool:
        placed = place(self, run, *rest)
        numbers.extend(group.number for group in run if placed)
        return placed

    monkeypatch.setattr(GroupReader, "decode_some", counting)
    monkeypatch.setattr(GroupReader, "place_run", placing)
    return numbers
