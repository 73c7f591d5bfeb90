// Python functions of the block codec; the interpreter lock is released while they work.
#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstring>
#include <memory>
#include <new>
#include <string>

#include "bindings.hpp"
#include "blocks_codec.hpp"
#include "crc32c.hpp"

namespace nb = nanobind;

namespace {

namespace blocks = medcodec::blocks;

constexpr std::size_t kAxes = 4;
constexpr std::int64_t kMostVoxels = std::int64_t{1} << 31;  // of a box of which a part is copied

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
nb::bytes encode(const Voxels<Value>& voxels, const std::string& path, bool by_rows, std::size_t limit) {
    std::vector<std::uint8_t> data;
    {
        nb::gil_scoped_release unlocked;
        data = blocks::encode(voxels.data(), shape_of(voxels), path_of(path), by_rows, limit);
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

void run_any(const Job& job, blocks::Path path) {
    run<std::int8_t, std::uint8_t, std::int16_t, std::uint16_t, std::int32_t>(job, path);
}

void decode_jobs(const std::vector<Job>& jobs, blocks::Path path) {
    nb::gil_scoped_release unlocked;
    for (const Job& job : jobs) run_any(job, path);
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

using Cells = nb::ndarray<const std::int64_t, nb::shape<-1, kAxes, 4>, nb::c_contig, nb::device::cpu>;
using Ranges = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

// What is wanted of a box along one axis: `count` values from `local`, which go to `target`.
struct Cut {
    std::int64_t size, local, count, target;
};

// A box of which a part is wanted.
struct Cell {
    Cut axis[kAxes];

    std::size_t voxels() const {
        std::size_t product = 1;
        for (const Cut& cut : axis) product *= static_cast<std::size_t>(cut.size);
        return product;
    }
};

Cell cell_at(const Cells& cells, std::size_t number, const Output& out) {
    Cell cell;
    std::int64_t room = kMostVoxels;
    const std::int64_t* from = cells.data() + number * kAxes * 4;
    for (std::size_t a = 0; a < kAxes; ++a, from += 4) {
        const Cut cut{from[0], from[1], from[2], from[3]};
        const std::int64_t size = static_cast<std::int64_t>(out.shape(a));
        if (cut.size < 1 || cut.size > room || cut.local < 0 || cut.count < 0 || cut.target < 0 ||
            cut.count > cut.size || cut.local > cut.size - cut.count || cut.count > size ||
            cut.target > size - cut.count)
            throw blocks::Error("a part lies outside of its box or of the array");
        room /= cut.size;
        cell.axis[a] = cut;
    }
    return cell;
}

void copy_rows(std::uint8_t* to, std::size_t to_step, const std::uint8_t* from, std::size_t from_step,
               std::int64_t rows, std::size_t bytes) {
    // Most are of 32 voxels: moves of a known size take less time than calls.
    if (bytes == 64)
        for (; rows > 0; --rows, to += to_step, from += from_step) std::memcpy(to, from, 64);
    else if (bytes == 32)
        for (; rows > 0; --rows, to += to_step, from += from_step) std::memcpy(to, from, 32);
    else
        for (; rows > 0; --rows, to += to_step, from += from_step) std::memcpy(to, from, bytes);
}

void copy_part(const Cell& cell, const std::uint8_t* box, const std::int64_t* shape, std::size_t bytes,
               std::uint8_t* out) {
    const auto& [s, f, h, w] = cell.axis;
    const std::size_t row = static_cast<std::size_t>(w.count) * bytes;
    for (std::int64_t i = 0; i < s.count; ++i)
        for (std::int64_t j = 0; j < f.count; ++j) {
            const std::int64_t from = ((s.local + i) * f.size + f.local + j) * h.size + h.local;
            const std::int64_t to = ((s.target + i) * shape[1] + f.target + j) * shape[2] + h.target;
            copy_rows(out + static_cast<std::size_t>(to * shape[3] + w.target) * bytes,
                      static_cast<std::size_t>(shape[3]) * bytes,
                      box + static_cast<std::size_t>(from * w.size + w.local) * bytes,
                      static_cast<std::size_t>(w.size) * bytes, h.count, row);
        }
}

// Boxes are decoded one after the other into memory that stays in the processor's cache.
std::vector<std::uint32_t> place(const nb::bytes& data, const Ranges& ranges, const Cells& cells, const Output& out) {
    if (ranges.size() != cells.shape(0)) throw blocks::Error("as many parts as block streams are needed");
    std::vector<Job> jobs;
    std::vector<Cell> parts;
    std::size_t most = 1;
    for (std::size_t i = 0; i < ranges.size(); ++i) {
        const Cell cell = cell_at(cells, i, out);
        Job job = job_of(data, ranges[i].first, ranges[i].second, out);
        job.shape = {cell.axis[0].size, cell.axis[1].size, cell.axis[2].size, cell.axis[3].size};
        most = std::max(most, cell.voxels());
        jobs.push_back(job);
        parts.push_back(cell);
    }
    const std::size_t bytes = out.itemsize();
    const std::int64_t shape[kAxes] = {static_cast<std::int64_t>(out.shape(0)), static_cast<std::int64_t>(out.shape(1)),
                                       static_cast<std::int64_t>(out.shape(2)), static_cast<std::int64_t>(out.shape(3))};
    auto* to = static_cast<std::uint8_t*>(out.data());
    nb::gil_scoped_release unlocked;
    const std::unique_ptr<std::uint8_t[]> box(new std::uint8_t[most * bytes]);
    std::vector<std::uint32_t> checksums;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        jobs[i].out = box.get();
        run_any(jobs[i], blocks::Path::kAuto);
        checksums.push_back(medcodec::crc32c(box.get(), parts[i].voxels() * bytes));
        copy_part(parts[i], box.get(), shape, bytes, to);
    }
    return checksums;
}

template <class Value>
void bind_value(nb::module_& m) {
    m.def("blocks_encode", &encode<Value>, nb::arg("voxels").noconvert(), nb::kw_only(), nb::arg("path") = "auto",
          nb::arg("by_rows") = false, nb::arg("limit") = blocks::kNoLimit,
          "Encode voxels of shape (sequences, frames, height, width) without loss; nothing if it would surely take `limit`\n"
          "bytes or more.");
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
    m.def("blocks_place", &place, nb::arg("data"), nb::arg("ranges"), nb::arg("cells"), nb::arg("out").noconvert(),
          "Copy parts of the boxes in ranges of `data` into `out`, and return the CRC32C of each whole box. Of each box\n"
          "and axis, `cells` has its size, the first index that is wanted, how many are, and where they go.");
}
