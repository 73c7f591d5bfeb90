// Binds the motion of blocks to Python; the interpreter lock is released while it works.
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>

#include "bindings.hpp"
#include "block_motion_contexts.hpp"
#include "motion_arrays.hpp"

namespace {

using medcodec::BlockContexts;
using medcodec::BlockGrid;
using medcodec::BlockUnit;
// (rows, columns, kUnitFields)
using Units = nb::ndarray<const int16_t, nb::ndim<3>, nb::c_contig, nb::device::cpu>;
using OutUnits = nb::ndarray<int16_t, nb::ndim<3>, nb::c_contig, nb::device::cpu>;

// Smaller pictures have smaller units than streams.
int unit_log2_of(int unit, int least) {
    for (int log2 = least; log2 <= medcodec::kLargestUnitLog2; log2++)
        if (unit == 1 << log2) return log2;
    throw std::invalid_argument("that is no unit of blocks");
}

template <class Array>
BlockGrid grid_of(const Array& units, int unit, int least = medcodec::kLeastUnitLog2) {
    if (units.size() == 0 || units.shape(2) != medcodec::kUnitFields || units.shape(0) > kLongestAxis ||
        units.shape(1) > kLongestAxis)
        throw std::invalid_argument("units of blocks have the shape (rows, columns, 6)");
    return {unit_log2_of(unit, least), static_cast<int>(units.shape(0)), static_cast<int>(units.shape(1))};
}

template <class Array>
auto units_of(const Array& units) {
    using Byte = std::conditional_t<std::is_const_v<std::remove_reference_t<decltype(*units.data())>>, const BlockUnit, BlockUnit>;
    return reinterpret_cast<Byte*>(units.data());
}

void check_units(const Units& units, const BlockGrid& grid, bool both) {
    if (!medcodec::block_motion_valid(grid, units_of(units), both))
        throw std::invalid_argument("units do not make blocks with vectors in bounds");
}

void check(const Frame& frame, size_t height, size_t width) {
    check_frame(frame);
    check_same(frame, height, width);
    check_samples(frame, 0, kLargestSample);
}

void compensate(const Frame& previous, std::optional<Frame> next, const Units& units, const OutFrame& first,
                std::optional<OutFrame> second, int unit) {
    const BlockGrid grid = grid_of(units, unit, 0);
    const int height = static_cast<int>(previous.shape(0)), width = static_cast<int>(previous.shape(1));
    const BlockGrid wanted = BlockGrid::of(height, width, grid.unit_log2);
    if (wanted.rows != grid.rows || wanted.columns != grid.columns)
        throw std::invalid_argument("the units of blocks do not fit the frame");
    if (next.has_value() != second.has_value()) throw std::invalid_argument("two frames are moved to two, one to one");
    nb::gil_scoped_release unlocked;
    check(previous, first.shape(0), first.shape(1));
    if (next) {
        check(*next, first.shape(0), first.shape(1));
        check_same(*second, first.shape(0), first.shape(1));
    }
    check_units(units, grid, next.has_value());
    medcodec::block_motion_compensate(previous.data(), next ? next->data() : nullptr, height, width, grid, units_of(units),
                                      first.data(), second ? second->data() : nullptr);
}

nb::bytes encode(const Units& units, BlockContexts& contexts, int unit, bool both) {
    const BlockGrid grid = grid_of(units, unit);
    check_units(units, grid, both);
    medcodec::ByteBuffer out;
    {
        nb::gil_scoped_release unlocked;
        medcodec::block_motion_encode(grid, units_of(units), both, contexts, out);
    }
    return nb::bytes(out.data, out.size);
}

// Empty, or what is wrong with the stream.
std::string decode(const nb::bytes& data, const OutUnits& units, BlockContexts* contexts, int unit, bool both) {
    const BlockGrid grid = grid_of(units, unit);
    const auto* bytes = static_cast<const uint8_t*>(data.data());
    const size_t size = data.size();
    nb::gil_scoped_release unlocked;
    const char* wrong = medcodec::block_motion_decode(bytes, size, grid, both, contexts, units_of(units));
    return wrong ? wrong : "";
}

void estimate(const Frame& target, const Frame& previous, std::optional<Frame> next, const OutUnits& units, int unit,
              int64_t penalty, int reach) {
    const BlockGrid grid = grid_of(units, unit);
    const int height = static_cast<int>(target.shape(0)), width = static_cast<int>(target.shape(1));
    const BlockGrid wanted = BlockGrid::of(height, width, grid.unit_log2);
    if (wanted.rows != grid.rows || wanted.columns != grid.columns)
        throw std::invalid_argument("the units of blocks do not fit the frame");
    if (penalty < 0 || penalty > int64_t{1} << 40) throw std::invalid_argument("the penalty is out of range");
    if (reach < 0 || reach > 64) throw std::invalid_argument("vectors reach 0 to 64 pixels");
    nb::gil_scoped_release unlocked;
    check(target, target.shape(0), target.shape(1));
    check(previous, target.shape(0), target.shape(1));
    if (next) check(*next, target.shape(0), target.shape(1));
    const auto found = medcodec::block_motion_estimate({target.data(), previous.data(), next ? next->data() : nullptr, height,
                                                        width, grid.unit_log2, reach, penalty});
    std::copy(found.begin(), found.end(), units_of(units));
}

}  // namespace

void bind_block_motion(nb::module_& m) {
    m.def("block_motion_compensate", &compensate, nb::arg("previous").noconvert(), nb::arg("following").none(),
          nb::arg("units").noconvert(), nb::arg("first").noconvert(), nb::arg("second").none(), nb::kw_only(), nb::arg("unit"));
    nb::class_<BlockContexts>(m, "BlockContexts", "What was learnt of the motion of blocks.")
        .def(nb::init<>())
        .def("copy", [](const BlockContexts& contexts) { return contexts; });
    m.def("block_motion_encode", &encode, nb::arg("units").noconvert(), nb::arg("contexts"), nb::kw_only(), nb::arg("unit"),
          nb::arg("both"));
    m.def("block_motion_decode", &decode, nb::arg("data"), nb::arg("units").noconvert(), nb::arg("contexts").none(), nb::kw_only(),
          nb::arg("unit"), nb::arg("both"));
    m.def("block_motion_estimate", &estimate, nb::arg("target").noconvert(), nb::arg("previous").noconvert(),
          nb::arg("following").none(), nb::arg("units").noconvert(), nb::kw_only(), nb::arg("unit"), nb::arg("penalty"), nb::arg("reach"));
}
