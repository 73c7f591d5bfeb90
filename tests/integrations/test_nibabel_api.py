"""nibabel's own validators, run on our image classes and proxy."""

from __future__ import annotations

import io
from itertools import product

import nibabel as nib
import numpy as np
import pytest
from nibabel.tests.test_image_api import DtypeOverrideMixin, ImageHeaderAPI, SerializeMixin
from nibabel.tests.test_proxy_api import _TestProxyAPI
from nibabel.volumeutils import apply_read_scaling

import medcodec
from medcodec.integrations.nibabel import Medc2Image, MedcImage
from medcodec.integrations.nibabel_proxy import MedcProxy
from medcodec.volume import read_bytes


def medc_file(voxels: np.ndarray, header: nib.Nifti1Header, slope: float, inter: float) -> io.BytesIO:
    image = nib.Nifti1Image(voxels, np.eye(4), header)
    image.header.set_slope_inter(slope, inter)
    file = io.BytesIO()
    medcodec.compress(read_bytes(image.to_bytes()), file, codec="test-lzma", threads=1)
    return file


class TestMedcProxyAPI(_TestProxyAPI):
    shapes = ((2,), (2, 3), (2, 3, 4), (2, 3, 4, 5))
    dtypes = (np.uint8, np.int16, np.float32, np.complex64, np.int64, np.uint64)
    scalings = ((1.0, 0.0), (2.0, 10.0), (float(np.float32(3.1416)), float(np.float32(2.7183))))

    def obj_params(self):
        for shape, dtype, (slope, inter) in product(self.shapes, self.dtypes, self.scalings):
            arr = np.arange(np.prod(shape), dtype=dtype).reshape(shape)
            header = nib.Nifti1Header()
            header.set_data_dtype(dtype)
            header.set_data_shape(shape)
            expected = apply_read_scaling(arr, np.float64(slope), np.float64(inter))
            stored = medc_file(arr, header, slope, inter).getvalue()

            def make(stored=stored, header=header, shape=shape):
                file = io.BytesIO(stored)
                with medcodec.open(file) as found:
                    proxy = MedcProxy(file, shape, found.dtype, found.slope, found.intercept)
                return proxy, file, header.copy()

            values = {"dtype": arr.dtype, "dtype_out": expected.dtype.type, "arr_out": expected}
            yield make, {**values, "shape": shape, "slope": slope, "inter": inter}

    def validate_dtype_and_scaling(self, pmaker, params):
        proxy, _, _ = pmaker()
        for name in ("dtype", "slope", "inter"):
            assert getattr(proxy, name) == params[name]
            with pytest.raises(AttributeError):
                setattr(proxy, name, params[name])


class TestMedcImageAPI(ImageHeaderAPI, DtypeOverrideMixin, SerializeMixin):
    klass = image_maker = MedcImage
    has_scaling = True
    can_save = True
    standard_extension = ".medc"
    example_shapes = ((2,), (2, 3), (2, 3, 4, 5))
    storable_dtypes = (np.uint8, np.int16, np.float32)

    @pytest.fixture(autouse=True)
    def setup_method(self, tmp_path):
        self.tmp_path = tmp_path

    def validate_from_url(self, imaker, params):  # noqa: ARG002
        pytest.skip("needs a web server; from_file_url takes the same way")


class TestMedc2ImageAPI(TestMedcImageAPI):
    klass = image_maker = Medc2Image
    example_shapes = ((2, 3, 4),)
    storable_dtypes = (np.int32, np.float64)
