import numpy as np
import pytest

from medcodec.errors import OptionError
from medcodec.evaluation.task import check_task, dice, ejection_fraction, load_segmenter, seeded_segmenter


def heart():
    """Return a scan over two times and its labels: a bright chamber in a ring, smaller at the second time."""
    y, x = np.mgrid[:48, :48]
    radius = np.hypot(y - 24, x - 24)
    labels = np.zeros((48, 48, 2, 2), np.int16)
    for time, inner in enumerate((14, 9)):
        labels[..., time] = np.where(radius < inner, 3, np.where(radius < inner + 6, 2, 0))[..., None]
    values = np.array([30, 0, 90, 200])
    return (values[labels] + np.random.default_rng(1).integers(0, 5, labels.shape)).astype(np.int16), labels


def test_dice_counts():
    a = np.array([1, 1, 0, 2])
    assert dice(a, np.array([1, 0, 0, 2]), 1) == pytest.approx(2 / 3)
    assert dice(a, a, 2) == 1
    assert dice(a, a, 7) == 1
    assert dice(a, np.zeros(4, int), 1) == 0


def test_ejection_fraction_of_known_volumes():
    _, labels = heart()
    sizes = (labels == 3).sum(axis=(0, 1, 2))
    assert ejection_fraction(labels) == pytest.approx(100 * (1 - sizes[1] / sizes[0]))
    with pytest.raises(OptionError, match="over time"):
        ejection_fraction(labels[..., 0])
    with pytest.raises(OptionError, match="no voxel"):
        ejection_fraction(np.zeros_like(labels))


def test_labels_are_regrown_on_both_scans():
    pytest.importorskip("skimage")
    voxels, labels = heart()
    same = check_task(voxels, voxels, labels=labels, names={"myocardium": 2, "LV": 3})
    assert same["dice_LV"] == same["dice_myocardium"] == 1
    assert same["truth_original_LV"] > 0.97
    assert same["ef_original"] == same["ef_decoded"]
    flat = np.full_like(voxels, 100)
    spoilt = check_task(voxels, flat, labels=labels, names={"myocardium": 2, "LV": 3})
    assert spoilt["dice_myocardium"] < same["dice_myocardium"]


def test_a_segmenter_of_the_user_is_used():
    voxels, labels = heart()
    found = check_task(
        voxels, voxels, labels=labels, segmenter=lambda v: np.where(v > 150, 3, 0), names={"LV": 3}
    )
    assert found["truth_decoded_LV"] == 1
    assert load_segmenter("numpy:sign") is np.sign
    with pytest.raises(OptionError, match="module:function"):
        load_segmenter("numpy:no_such_thing")
    with pytest.raises(OptionError, match="labels or a segmenter"):
        check_task(voxels, voxels)


def test_the_real_labels(data_dir):
    pytest.importorskip("skimage")
    from medcodec.volume import read

    labels = read(data_dir / "test/acdc/patient071_edes_gt.nii.gz").voxels[:, :, 4:5]
    voxels = read(data_dir / "test/acdc/patient071_edes.nii.gz").voxels[:, :, 4:5]
    segmented = seeded_segmenter(labels)(voxels)
    assert dice(segmented, labels, 3) > 0.9
    assert 0 < ejection_fraction(segmented) < 100
