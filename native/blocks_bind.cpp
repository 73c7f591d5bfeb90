// Python functions of the block codec; the interpreter lock is released while they work.
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <new>
#include <string>

#include "bindings.hpp"
#include "blocks_codec.hpp"

namespace nb = nanobind;

namespace {

namespace blocks = medcodec::blocks;
template <class Value>
using Voxels = nb::ndarray<const Value, nb::ndim<4>, nb::c_contig, nb::device::cpu>;
using Output = nb::ndarray<nb::ndim<4>, nb::c_contig, nb::device::cpu>;

blocks::Path path_of(const std::string& name) {
    if (name == "auto") return blocks::Path::kAuto;
    if (name == "scalar") return blocks::Path::kScalar;
    if (name == "sse2") return blocks::Path::kSse2;
    if (name == "avx2") return blocks::Path::kAvx2;
    if (name == "avx512") return blocks::Path::kAvx512;
    throw blocks::Error("unknown path; known: auto, scalar, sse2, avx2, avx512");
}

template <class Array>
blocks::Shape shape_of(const Array& a) {
    return {static_cast<std::int64_t>(a.shape(0)), static_cast<std::int64_t>(a.shape(1)),
            static_cast<std::int64_t>(a.shape(2)), static_cast<std::int64_t>(a.shape(3))};
}

template <class Value>
nb::bytes encode(const Voxels<Value>& voxels, const std::string& path, bool by_rows) {
    std::vector<std::uint8_t> data;
    {
        nb::gil_scoped_release unlocked;
        data = blocks::encode(voxels.data(), shape_of(voxels), path_of(path), by_rows);
    }
    return nb::bytes(data.data(), data.size());
}

// Arrays of each type are told apart here: trying one function after the other takes as long as decoding a little.
void decode(const nb::bytes& data, const Output& out, std::size_t start, const std::string& name) {
    const blocks::Path path = path_of(name);
    if (start > data.size()) throw blocks::Error("block stream begins after the end of its bytes");
    const auto* bytes = static_cast<const std::uint8_t*>(data.data()) + start;
    const std::size_t size = data.size() - start;
    const blocks::Shape shape = shape_of(out);
    const nb::dlpack::dtype dtype = out.dtype();
    void* to = out.data();
    nb::gil_scoped_release unlocked;
    if (dtype == nb::dtype<std::int8_t>()) return blocks::decode(bytes, size, shape, path, static_cast<std::int8_t*>(to));
    if (dtype == nb::dtype<std::uint8_t>()) return blocks::decode(bytes, size, shape, path, static_cast<std::uint8_t*>(to));
    if (dtype == nb::dtype<std::int16_t>()) return blocks::decode(bytes, size, shape, path, static_cast<std::int16_t*>(to));
    if (dtype == nb::dtype<std::uint16_t>())
        return blocks::decode(bytes, size, shape, path, static_cast<std::uint16_t*>(to));
    if (dtype == nb::dtype<std::int32_t>()) return blocks::decode(bytes, size, shape, path, static_cast<std::int32_t*>(to));
    throw blocks::Error("the block coder does not decode into arrays of this type");
}

template <class Value>
void bind_value(nb::module_& m) {
    m.def("blocks_encode", &encode<Value>, nb::arg("voxels").noconvert(), nb::kw_only(), nb::arg("path") = "auto",
          nb::arg("by_rows") = false, "Encode voxels of shape (sequences, frames, height, width) without loss.");
}

}  // namespace

void bind_blocks(nb::module_& m) {
    bind_value<std::int8_t>(m);
    bind_value<std::uint8_t>(m);
    bind_value<std::int16_t>(m);
    bind_value<std::uint16_t>(m);
    bind_value<std::int32_t>(m);
    m.def("blocks_decode", &decode, nb::arg("data"), nb::arg("out").noconvert(), nb::kw_only(),
          nb::arg("start") = 0, nb::arg("path") = "auto",
          "Decode into `out`, an array of the encoded shape; RuntimeError if the stream is damaged.");
}
