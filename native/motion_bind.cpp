// Binds motion compensation to Python; the interpreter lock is released while it works.
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "bindings.hpp"
#include "motion_arrays.hpp"
#include "motion_coder.hpp"
#include "motion_estimate.hpp"
#include "motion_field.hpp"

namespace {

// (fields, rows, columns, 2)
using Vectors = nb::ndarray<const int16_t, nb::ndim<4>, nb::c_contig, nb::device::cpu>;
using OutVectors = nb::ndarray<int16_t, nb::ndim<4>, nb::c_contig, nb::device::cpu>;

int spacing_log2_of(int spacing) {
    for (int log2 = medcodec::kMotionMinSpacingLog2; log2 <= medcodec::kMotionMaxSpacingLog2; log2++)
        if (spacing == 1 << log2) return log2;
    throw std::invalid_argument("the spacing of a motion field is 4, 8, 16 or 32");
}

// Vectors that the kernels' sums have room for.
template <class Array>
void check_vectors(const Array& vectors) {
    if (vectors.shape(0) < 1 || vectors.shape(0) > 2 || vectors.shape(3) != 2 || vectors.size() == 0 ||
        vectors.shape(1) > kLongestAxis || vectors.shape(2) > kLongestAxis)
        throw std::invalid_argument("motion vectors have the shape (1 or 2, rows, columns, 2)");
    for (size_t i = 0; i < vectors.size(); i++)
        if (std::abs(vectors.data()[i]) > medcodec::kMotionMaxVector)
            throw std::invalid_argument("a motion vector is out of bounds");
}

void warp(const Frame& frame, const Vectors& vectors, const OutFrame& out, int spacing, int scale, int low, int high,
          const std::string& path) {
    const int spacing_log2 = spacing_log2_of(spacing);
    const auto kernel = medcodec::motion_warp_path(path.c_str());
    if (!kernel) throw std::invalid_argument("this processor does not have that path");
    if (std::abs(scale) > medcodec::kMotionUnitScale) throw std::invalid_argument("a field is scaled by at most 1");
    if (low > high || low < -kLargestSample - 1 || high > kLargestSample)
        throw std::invalid_argument("samples have at most 16 bits and a sign");
    check_frame(frame);
    check_same(out, frame.shape(0), frame.shape(1));
    const int height = static_cast<int>(frame.shape(0)), width = static_cast<int>(frame.shape(1));
    const medcodec::MotionGrid grid{spacing_log2, medcodec::motion_nodes(height, spacing_log2),
                                    medcodec::motion_nodes(width, spacing_log2), vectors.data()};
    if (vectors.shape(0) != 1 || vectors.shape(1) != static_cast<size_t>(grid.rows) ||
        vectors.shape(2) != static_cast<size_t>(grid.columns))
        throw std::invalid_argument("the grid of motion vectors does not fit the frame");
    nb::gil_scoped_release unlocked;
    check_vectors(vectors);
    check_samples(frame, low, high);
    kernel(medcodec::PaddedFrame::of(frame.data(), height, width).source(), grid, scale, low, high,
           out.data(), width);
}

nb::bytes encode(const Vectors& vectors) {
    check_vectors(vectors);
    medcodec::ByteBuffer out;
    {
        nb::gil_scoped_release unlocked;
        medcodec::motion_encode(vectors.data(), static_cast<int>(vectors.shape(0)), static_cast<int>(vectors.shape(1)),
                                static_cast<int>(vectors.shape(2)), out);
    }
    return nb::bytes(out.data, out.size);
}

// Empty, or what is wrong with the stream.
std::string decode(const nb::bytes& data, const OutVectors& vectors) {
    if (vectors.shape(0) < 1 || vectors.shape(0) > 2 || vectors.shape(3) != 2 || vectors.shape(1) > kLongestAxis ||
        vectors.shape(2) > kLongestAxis || vectors.size() == 0)
        throw std::invalid_argument("motion vectors have the shape (1 or 2, rows, columns, 2)");
    const auto* bytes = static_cast<const uint8_t*>(data.data());
    const size_t size = data.size();
    nb::gil_scoped_release unlocked;
    const char* wrong = medcodec::motion_decode(bytes, size, static_cast<int>(vectors.shape(0)),
                                                static_cast<int>(vectors.shape(1)), static_cast<int>(vectors.shape(2)), vectors.data());
    return wrong ? wrong : "";
}

// (mode, spacing or 0, vectors as bytes, sum of squared errors, bits)
nb::tuple estimate(const Frame& target, std::optional<Frame> previous, std::optional<Frame> following,
                   const std::vector<int>& spacings, int64_t penalty, int back_scale, int ahead_scale, int effort,
                   unsigned modes) {
    check_frame(target);
    if (!previous && !following) throw std::invalid_argument("there is no frame to predict from");
    if (penalty < 0 || penalty > int64_t{1} << 40) throw std::invalid_argument("the penalty is out of range");
    constexpr unsigned kPrevious = 2, kNext = 4, kStill = 7, kAll = 31;
    const bool both = previous && following;
    if (!(modes & ((previous ? kPrevious : 0) | (following ? kNext : 0) | (both ? spacings.empty() ? kStill : kAll : 0))))
        throw std::invalid_argument("no mode that is allowed goes with the frames that are given");
    if (effort < 0 || effort > 2) throw std::invalid_argument("the effort is 0, 1 or 2");
    if (std::max(std::abs(back_scale), std::abs(ahead_scale)) > medcodec::kMotionUnitScale)
        throw std::invalid_argument("a field is scaled by at most 1");
    medcodec::MotionRequest request{target.data(), previous ? previous->data() : nullptr,
                                    following ? following->data() : nullptr,
                                    static_cast<int>(target.shape(0)), static_cast<int>(target.shape(1)),
                                    {back_scale, ahead_scale}, {}, penalty, effort, modes};
    for (int spacing : spacings) request.spacings_log2.push_back(spacing_log2_of(spacing));
    if (previous) check_same(*previous, target.shape(0), target.shape(1));
    if (following) check_same(*following, target.shape(0), target.shape(1));
    medcodec::MotionFound found;
    {
        nb::gil_scoped_release unlocked;
        check_samples(target, 0, kLargestSample);
        if (previous) check_samples(*previous, 0, kLargestSample);
        if (following) check_samples(*following, 0, kLargestSample);
        found = medcodec::motion_estimate(request);
    }
    return nb::make_tuple(static_cast<int>(found.mode), found.spacing_log2 ? 1 << found.spacing_log2 : 0,
                          nb::bytes(reinterpret_cast<const char*>(found.vectors.data()), 2 * found.vectors.size()),
                          found.distortion, found.bits);
}

}  // namespace

void bind_motion(nb::module_& m) {
    m.def("motion_warp", &warp, nb::arg("frame").noconvert(), nb::arg("vectors").noconvert(), nb::arg("out").noconvert(),
          nb::kw_only(), nb::arg("spacing"), nb::arg("scale"), nb::arg("low"), nb::arg("high"), nb::arg("path") = "auto");
    m.def("motion_encode", &encode, nb::arg("vectors").noconvert());
    m.def("motion_decode", &decode, nb::arg("data"), nb::arg("vectors").noconvert());
    m.def("motion_estimate", &estimate, nb::arg("target").noconvert(), nb::arg("previous").none(),
          nb::arg("following").none(), nb::kw_only(), nb::arg("spacings"), nb::arg("penalty"), nb::arg("back_scale"),
          nb::arg("ahead_scale"), nb::arg("effort"), nb::arg("modes"));
    m.def("motion_has_path", [](const std::string& path) { return medcodec::motion_warp_path(path.c_str()) != nullptr; });
}
