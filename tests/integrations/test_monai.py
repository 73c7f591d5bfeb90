"""MONAI reads, writes, crops and round-trips .medc files."""

from __future__ import annotations

import pickle
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import medcodec

torch = pytest.importorskip("torch", reason="needs medcodec[monai]")
monai = pytest.importorskip("monai", reason="needs medcodec[monai]")

from monai.data import CacheDataset, Dataset, MetaTensor, PatchDataset, PersistentDataset
from monai.transforms import (
    CenterSpatialCropd,
    Compose,
    EnsureChannelFirstd,
    LoadImage,
    LoadImaged,
    RandCropByPosNegLabeld,
    RandSpatialCropd,
    RandSpatialCropSamplesd,
    Resized,
    SaveImage,
)
from snippets import run_page

from medcodec.errors import MedcodecError, OptionError
from medcodec.integrations import monai as mm

Scan = tuple[Path, Path]
EDGES = ("bigendian_int16", "nifti2", "oblique_affine", "scl_slope_inter", "single_slice", "two_d")


@pytest.fixture(autouse=True)
def _registered() -> None:
    mm.register()


def assert_same_image(found: MetaTensor, wanted: MetaTensor) -> None:
    assert found.dtype == wanted.dtype
    assert torch.equal(found.as_tensor(), wanted.as_tensor())
    assert torch.equal(found.affine, wanted.affine)
    assert set(found.meta) == set(wanted.meta)
    for key in set(wanted.meta) - {"filename_or_obj"}:
        one, other = np.asarray(found.meta[key]), np.asarray(wanted.meta[key])
        assert one.dtype == other.dtype, key
        np.testing.assert_array_equal(one, other, err_msg=key)


@pytest.mark.parametrize("dtype", [np.float32, None])
@pytest.mark.parametrize("channel_first", [False, True])
def test_image_and_every_metadata_key_are_those_of_the_nifti(scan: Scan, dtype, channel_first) -> None:
    load = LoadImage(dtype=dtype, ensure_channel_first=channel_first)
    assert_same_image(load(scan[1]), load(scan[0]))


@pytest.mark.parametrize("name", EDGES)
def test_odd_files_read_alike(data_dir: Path, tmp_path: Path, name: str) -> None:
    original = data_dir / "edge" / "made" / f"{name}.nii.gz"
    medcodec.compress(original, tmp_path / "x.medc", effort="fastest")
    assert_same_image(LoadImage()(tmp_path / "x.medc"), LoadImage()(original))


@pytest.mark.parametrize(
    "options", [{"as_closest_canonical": True}, {"channel_dim": 0}, {"squeeze_non_spatial_dims": True}]
)
def test_reader_options_mean_what_they_mean_in_monai(scan: Scan, options) -> None:
    found = LoadImage(reader=mm.MedcodecReader(**options))(scan[1])
    assert_same_image(found, LoadImage(reader=monai.data.NibabelReader(**options))(scan[0]))


def test_files_stack_as_channels(scan: Scan) -> None:
    assert_same_image(LoadImage()([scan[1], scan[1]]), LoadImage()([scan[0], scan[0]]))


def test_other_formats_still_load_and_save(scan: Scan, tmp_path: Path) -> None:
    image = LoadImage(ensure_channel_first=True)(scan[0])
    SaveImage(tmp_path, output_postfix="", separate_folder=False, print_log=False)(image)
    assert nib.load(tmp_path / "scan.nii.gz").shape == image.shape[1:]


@pytest.mark.parametrize("dtype", [np.float32, np.int16])
def test_saved_image_equals_the_nifti_that_monai_saves(scan: Scan, tmp_path: Path, dtype) -> None:
    image = LoadImage(ensure_channel_first=True)(scan[1])
    for suffix in (".medc", ".nii"):
        SaveImage(tmp_path, "", suffix, output_dtype=dtype, separate_folder=False, print_log=False)(image)
    medcodec.decompress(tmp_path / "scan.medc", tmp_path / "back.nii")
    assert (tmp_path / "back.nii").read_bytes() == (tmp_path / "scan.nii").read_bytes()


def test_writer_takes_codec_settings(scan: Scan, tmp_path: Path) -> None:
    image = LoadImage(ensure_channel_first=True)(scan[1])
    save = SaveImage(tmp_path, "", ".medc", np.int16, separate_folder=False, print_log=False)
    save.set_options(init_kwargs={"effort": "default", "max_error": 3})(image)
    with medcodec.open(tmp_path / "scan.medc") as file:
        assert file.info.codec.settings == {"effort": "default", "max_error": 3}
        error = np.abs(file[...] - image[0].numpy().astype(np.int16))
    assert 0 < error.max() <= 3


def test_datasets_cache_and_persist(scan: Scan, tmp_path: Path) -> None:
    items = [{"image": str(scan[1])}] * 2
    chain = Compose([LoadImaged("image"), EnsureChannelFirstd("image")])
    wanted = chain({"image": str(scan[0])})["image"]
    for dataset in (Dataset(items, chain), CacheDataset(items, chain, progress=False)):
        assert_same_image(dataset[1]["image"], wanted)
    for _ in ("written", "read again"):
        found = PersistentDataset(items, chain, tmp_path)[1]["image"]
        assert torch.equal(torch.as_tensor(found), wanted.as_tensor())
        assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: RandSpatialCropd(["image", "label"], roi_size=(12, 16, 9), random_size=False),
        lambda: RandSpatialCropd(["image", "label"], roi_size=8),
        lambda: CenterSpatialCropd(["image", "label"], roi_size=(10, -1, 7)),
        lambda: Compose(
            [
                CenterSpatialCropd(["image", "label"], roi_size=30),
                RandSpatialCropd(["image", "label"], roi_size=8, random_size=False),
            ]
        ),
    ],
)
def test_crop_while_reading_equals_cropping_after_reading(scan: Scan, make) -> None:
    keys = ["image", "label"]
    crop = make()
    whole = Compose([LoadImaged(keys), EnsureChannelFirstd(keys), crop])
    # After Compose, which seeds what it is given anew.
    if hasattr(crop, "set_random_state"):
        crop.set_random_state(3)
    wanted = whole({key: str(scan[0]) for key in keys})
    found = mm.LoadCropd(keys, make()).set_random_state(3)({key: str(scan[1]) for key in keys})
    for key in keys:
        assert_same_image(found[key], wanted[key])
        assert [op["class"] for op in found[key].applied_operations] == [
            op["class"] for op in wanted[key].applied_operations
        ]


def test_crop_decodes_only_its_groups(scan: Scan, decoded_groups: list[int]) -> None:
    crop = RandSpatialCropd("image", roi_size=8, random_size=False, random_center=False)
    mm.LoadCropd("image", crop)({"image": str(scan[1])})
    with medcodec.open(scan[1]) as file:
        assert 0 < len(decoded_groups) <= 8 < len(file.coded_lengths)


def test_four_dimensional_crop_keeps_channels(tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).integers(0, 99, (10, 11, 12, 3)).astype(np.int16)
    nib.save(nib.Nifti1Image(voxels, np.eye(4)), tmp_path / "x.nii")
    medcodec.compress(tmp_path / "x.nii", tmp_path / "x.medc", effort="fastest")
    crop = CenterSpatialCropd("image", roi_size=4)
    chain = Compose([LoadImaged("image"), EnsureChannelFirstd("image"), crop])
    wanted = chain({"image": tmp_path / "x.nii"})["image"]
    found = mm.LoadCropd("image", crop)({"image": tmp_path / "x.medc"})["image"]
    assert found.shape == (3, 4, 4, 4)
    assert_same_image(found, wanted)


def test_patches_of_patch_dataset(scan: Scan, decoded_groups: list[int]) -> None:
    sampler = mm.LoadCropd(
        "image", RandSpatialCropSamplesd("image", roi_size=16, num_samples=6, random_size=False)
    )
    patches = list(PatchDataset([{"image": str(scan[1])}] * 2, sampler, samples_per_image=6))
    assert len(patches) == 12
    whole = LoadImage(ensure_channel_first=True)(scan[0])
    for patch in patches:
        corner = torch.linalg.solve(whole.affine, patch["image"].affine)[:3, 3].round().int().tolist()
        cut = tuple(slice(at, at + 16) for at in corner)
        assert torch.equal(patch["image"].as_tensor(), whole.as_tensor()[(slice(None), *cut)])
    # Patches of one item share what was decoded, but for the first one.
    assert all(decoded_groups.count(number) <= 2 * 2 for number in set(decoded_groups))


def test_crop_around_a_label_that_was_loaded(scan: Scan) -> None:
    label = LoadImage(ensure_channel_first=True)(scan[0]) > 50
    crop = RandCropByPosNegLabeld(["image", "label"], "label", spatial_size=8, num_samples=3)
    found = mm.LoadCropd("image", crop)({"image": str(scan[1]), "label": label})
    whole = LoadImage(ensure_channel_first=True)(scan[0])
    for item in found:
        assert torch.equal(item["image"].as_tensor() > 50, item["label"].as_tensor().bool())
    assert whole.shape[1:] == label.shape[1:]


def test_more_than_a_crop_is_refused(scan: Scan) -> None:
    with pytest.raises(OptionError, match="Resize does more than crop"):
        mm.LoadCropd("image", Resized("image", spatial_size=(8, 8, 8)))({"image": str(scan[1])})


@pytest.mark.parametrize("workers", [0, 2])
def test_data_loader_workers(scan: Scan, workers: int) -> None:
    chain = Compose([LoadImaged("image"), EnsureChannelFirstd("image")])
    loader = monai.data.DataLoader(
        Dataset([{"image": str(scan[1])}] * 4, chain), batch_size=2, num_workers=workers
    )
    wanted = LoadImage(ensure_channel_first=True)(scan[0])
    for batch in loader:
        assert torch.equal(batch["image"][1].as_tensor(), wanted.as_tensor())


def test_transforms_travel_to_other_processes(scan: Scan) -> None:
    chain = Compose([mm.LoadCropd("image", CenterSpatialCropd("image", 8)), mm.CompressRoundTripd("image")])
    assert pickle.loads(pickle.dumps(chain))({"image": str(scan[1])})["image"].shape == (1, 8, 8, 8)


def test_damage_is_an_error_that_names_the_file(scan: Scan, tmp_path: Path) -> None:
    broken = bytearray(scan[1].read_bytes())
    broken[len(broken) // 2] ^= 1
    (tmp_path / "broken.medc").write_bytes(broken)
    with pytest.raises(MedcodecError, match=r"broken\.medc"):
        LoadImage()(tmp_path / "broken.medc")


@pytest.mark.parametrize("kind", ["meta", "tensor", "array"])
def test_round_trip_bounds_the_error_and_says_what_was_done(scan: Scan, kind: str) -> None:
    image = LoadImage(ensure_channel_first=True)(scan[1])
    given = {"meta": image, "tensor": image.as_tensor(), "array": image.numpy()}[kind]
    found = mm.CompressRoundTripd("image", max_error=2.5)({"image": given})["image"]
    assert type(found) is type(given)
    assert found.dtype == given.dtype
    error = np.abs(np.asarray(found) - np.asarray(given)).max()
    assert 0 < error <= 2.5
    if kind == "meta":
        (done,) = found.meta["medcodec"]
        assert done["codec"] == "adaptive"
        assert '"max_error": 2.5' in done["settings"]
        assert done["max_abs_error"] == pytest.approx(error)
        assert 0 < done["bits_per_voxel"] < 32
        again = mm.CompressRoundTrip(max_error=1.0)(found)
        assert len(again.meta["medcodec"]) == 2
        assert len(found.meta["medcodec"]) == 1
    assert torch.equal(image.as_tensor(), LoadImage(ensure_channel_first=True)(scan[0]).as_tensor())


def test_lossless_round_trip_changes_nothing(scan: Scan) -> None:
    image = LoadImage(ensure_channel_first=True, dtype=None)(scan[1])
    assert torch.equal(mm.CompressRoundTrip(effort="fastest")(image).as_tensor(), image.as_tensor())


def test_random_rates_are_drawn_and_seeded(scan: Scan) -> None:
    image = LoadImage(ensure_channel_first=True)(scan[1])[:, :16, :16, :8]
    choices = [{"max_error": bound} for bound in (1, 4, 16)]

    def errors(seed: int) -> list[float]:
        rand = mm.RandCompressRoundTripd(["image"], choices, prob=0.7)
        rand.set_random_state(seed)
        items = [rand({"image": image})["image"].meta.get("medcodec") for _ in range(12)]
        return [0 if done is None else round(done[-1]["max_abs_error"], 3) for done in items]

    assert errors(1) == errors(1) != errors(2)
    assert len(set(errors(1))) == 4


def test_cache_dataset_keeps_round_trips_but_not_random_ones(scan: Scan) -> None:
    choices = [{"max_error": 2, "effort": "fastest"}]
    assert not isinstance(mm.CompressRoundTripd("image"), monai.transforms.Randomizable)
    assert isinstance(mm.RandCompressRoundTripd("image", choices), monai.transforms.Randomizable)
    assert isinstance(mm.LoadCropd("image", CenterSpatialCropd("image", 8)), monai.transforms.Randomizable)
    batch = monai.data.list_data_collate(
        [
            mm.CompressRoundTripd("image", effort="fastest")(
                {"image": LoadImage(ensure_channel_first=True)(scan[1])}
            )
        ]
        * 2
    )
    assert batch["image"].shape[0] == 2


@pytest.mark.parametrize("options", [{"max_error": -1}, {"quality": 3}])
def test_wrong_settings_are_refused_when_built(options) -> None:
    with pytest.raises(OptionError):
        mm.CompressRoundTripd("image", **options)


def test_page(scan: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scan.medc").write_bytes(scan[1].read_bytes())
    (tmp_path / "label.medc").write_bytes(scan[1].read_bytes())
    run_page("monai.md")
