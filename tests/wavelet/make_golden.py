"""Write golden files of the wavelet codec: ``python tests/wavelet/make_golden.py [none|small|base ...]``.

Files that exist are left as they are: what a version wrote decodes for ever. Those with networks name their
model, which must stay among the models of the package.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
from wavelet_cases import phantom, pieces, vessels

import medcodec

FOLDER = Path(__file__).parent / "golden"
HEAD = Path(__file__).parents[2] / "examples" / "t1_head.nii.gz"
SETTINGS = {
    "lossless": {"quality": None},
    "fine": {"quality": 16.0},
    "coarse": {"quality": 7.0},
    "bound": {"max_error": 2},
}
# Files of `within` that end in "cells" are of a version that corrected errors by whole cells.
LABELS = {"within": ["bound"]}


def volumes() -> dict[str, np.ndarray]:
    """Return what is coded."""
    scan = np.asarray(nib.load(HEAD).dataobj)
    padded = phantom((40, 44, 6))
    padded[:9], padded[:, 33:] = 0, 0
    return {
        "phantom": phantom((40, 48, 12)),
        "head": np.asfortranarray(scan[110:174, 160:216, :10]),
        "padded": padded,
        "pieces": pieces((80, 96, 5)),
        "vessels": vessels((48, 56, 7)),
        "smooth": phantom((72, 80, 5), noise=1),
        "noisy": phantom((40, 48, 11), seed=4),
        "begun": phantom((48, 56, 9), seed=5),
        "states": phantom((44, 60, 6), seed=6),
        "beside": np.asfortranarray(scan[60:124, 200:264, 4:13]),
        "moving": pieces((64, 80, 6), seed=3, noise=15),
        "within": pieces((48, 56, 5), seed=9),
    }


def main(sizes: list[str]) -> None:
    """Write the files that are missing, and the list of all."""
    listing = FOLDER / "files.json"
    files = json.loads(listing.read_text()) if listing.exists() else {}
    for size in sizes:
        for volume, voxels in volumes().items():
            for label in LABELS.get(volume, ["lossless", "fine", "coarse"]):
                name = f"{volume}_{size}_{label}"
                path = FOLDER / f"{name}.medc"
                if path.exists():
                    continue
                options = {"size": size, "effort": "max", **SETTINGS[label]}
                medcodec.compress(
                    voxels, path, codec="wavelet", codec_options=options, group_frames=9, axis="k"
                )
                with medcodec.open(path) as file:
                    files[name] = described(np.asarray(file))
    listing.write_text(json.dumps(files, indent=1) + "\n")


def described(voxels: np.ndarray) -> dict[str, object]:
    """Return what stays the same for ever."""
    sha256 = hashlib.sha256(voxels.tobytes()).hexdigest()
    return {"dtype": str(voxels.dtype), "shape": list(voxels.shape), "sha256_c_order": sha256}


if __name__ == "__main__":
    main(sys.argv[1:] or ["none", "small", "base"])
