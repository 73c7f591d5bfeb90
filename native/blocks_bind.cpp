// Python functions of the block codec; the interpreter lock is released while they work.
#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

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

// One stream, and where its voxels go.
struct Job {
    const std::uint8_t* data;
    std::size_t size;
    blocks::Shape shape;
    nb::dlpack::dtype dtype;
    void* out;
};

// Arrays of each type are told apart here: trying one function after the other takes as long as decoding a little.
template <class... Values>
void run(const Job& job, blocks::Path path) {
    const bool known = ((job.dtype == nb::dtype<Values>() &&
                         (blocks::decode(job.data, job.size, job.shape, path, static_cast<Values*>(job.out)), true)) ||
                        ...);
    if (!known) throw blocks::Error("the block coder does not decode into arrays of this type");
}

Job job_of(const nb::bytes& data, std::uint64_t start, std::uint64_t stop, const Output& out) {
    if (start > stop || stop > data.size()) throw blocks::Error("block stream lies outside of its bytes");
    return {static_cast<const std::uint8_t*>(data.data()) + start, static_cast<std::size_t>(stop - start),
            shape_of(out), out.dtype(), out.data()};
}

void decode_jobs(const std::vector<Job>& jobs, blocks::Path path) {
    nb::gil_scoped_release unlocked;
    for (const Job& job : jobs)
        run<std::int8_t, std::uint8_t, std::int16_t, std::uint16_t, std::int32_t>(job, path);
}

void decode(const nb::bytes& data, const Output& out, std::size_t start, const std::string& path) {
    decode_jobs({job_of(data, start, data.size(), out)}, path_of(path));
}

void decode_many(const nb::bytes& data, const std::vector<std::pair<std::uint64_t, std::uint64_t>>& ranges,
                 const std::vector<Output>& outs) {
    std::vector<Job> jobs;
    for (std::size_t i = 0; i < ranges.size() && i < outs.size(); ++i)
        jobs.push_back(job_of(data, ranges[i].first, ranges[i].second, outs[i]));
    decode_jobs(jobs, blocks::Path::kAuto);
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
    m.def("blocks_decode_many", &decode_many, nb::arg("data"), nb::arg("ranges"), nb::arg("outs"),
          "Decode the streams in ranges (start, stop) of `data` into arrays, as blocks_decode does.");
}
