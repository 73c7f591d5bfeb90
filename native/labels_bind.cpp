// Binds the label coder to Python; the GIL is released while it works.
#include <nanobind/ndarray.h>
#include <nanobind/nanobind.h>
#include <nanobind/stl/array.h>

#include <array>
#include <cstdint>
#include <algorithm>
#include <memory>

#include "bindings.hpp"
#include "labels.hpp"
#include "labels_coder.hpp"

namespace nb = nanobind;

namespace {

using Levels = nb::ndarray<const uint8_t, nb::ndim<4>, nb::c_contig, nb::device::cpu>;
using Decoded = nb::ndarray<nb::numpy, uint8_t, nb::ndim<4>>;

// At least 1, so that there is something to own.
size_t checked_voxels(const std::array<size_t, 4>& dims) {
    size_t voxels = 1;
    for (size_t dim : dims) {
        if (dim != 0 && voxels > SIZE_MAX / 2 / dim)
            throw labels::StreamError("label stream: the shape is too large");
        voxels *= dim;
    }
    return std::max<size_t>(voxels, 1);
}

nb::bytes encode(const Levels& levels, bool quick) {
    const labels::Shape shape{levels.shape(0), levels.shape(1), levels.shape(2), levels.shape(3)};
    std::vector<uint8_t> out;
    {
        nb::gil_scoped_release release;
        out = labels::encode(levels.data(), shape, quick);
    }
    return nb::bytes(out.data(), out.size());
}

Decoded decode(nb::bytes data, const std::array<size_t, 4>& dims) {
    const labels::Shape shape{dims[0], dims[1], dims[2], dims[3]};
    auto levels = std::make_unique<uint8_t[]>(checked_voxels(dims));
    {
        nb::gil_scoped_release release;
        labels::decode(static_cast<const uint8_t*>(data.data()), data.size(), shape, levels.get());
    }
    uint8_t* raw = levels.release();
    nb::capsule owner(raw, [](void* p) noexcept { delete[] static_cast<uint8_t*>(p); });
    return Decoded(raw, {dims[0], dims[1], dims[2], dims[3]}, owner);
}

}  // namespace

void bind_labels(nb::module_& m) {
    nb::register_exception_translator([](const std::exception_ptr& p, void*) {
        try {
            std::rethrow_exception(p);
        } catch (const labels::StreamError& e) {
            const nb::object error = nb::module_::import_("medcodec.errors").attr("FormatError");
            PyErr_SetString(error.ptr(), e.what());
        }
    });
    m.def("labels_encode", &encode, nb::arg("levels"), nb::kw_only(), nb::arg("quick") = false);
    m.def("labels_decode", &decode, nb::arg("data"), nb::arg("shape"));
}
