import numpy as np
import pytest


@pytest.fixture(scope="session")
def scans(tmp_path_factory):
    """Return a folder with two small scans and a video."""
    folder = tmp_path_factory.mktemp("scans")
    rng = np.random.default_rng(11)
    for name in ("one", "two"):
        smooth = np.cumsum(np.cumsum(rng.normal(0, 3, (24, 28, 5)), axis=0), axis=1)
        np.save(folder / f"{name}.npy", (smooth + rng.normal(0, 6, smooth.shape)).astype(np.int16))
    luma = rng.integers(60, 190, (3, 16, 24)).astype(np.uint8)
    frames = b"".join(b"FRAME\n" + plane.tobytes() + bytes([128]) * (2 * 8 * 12) for plane in luma)
    (folder / "clip.y4m").write_bytes(b"YUV4MPEG2 W24 H16 F25:1 C420jpeg\n" + frames)
    return folder
