// Frames as both kinds of motion take them from Python, and what must hold for them.
#pragma once
#include <nanobind/ndarray.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace {

namespace nb = nanobind;

using Frame = nb::ndarray<const int32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using OutFrame = nb::ndarray<int32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

constexpr size_t kLongestAxis = size_t{1} << 20;
constexpr int kLargestSample = 65535;

void check_frame(const Frame& frame) {
    if (frame.size() == 0 || frame.shape(0) > kLongestAxis || frame.shape(1) > kLongestAxis)
        throw std::invalid_argument("an axis of a frame is empty or too long");
}

template <class Array>
void check_same(const Array& frame, size_t height, size_t width) {
    if (frame.shape(0) != height || frame.shape(1) != width) throw std::invalid_argument("frames differ in shape");
}

void check_samples(const Frame& frame, int low, int high) {
    if (std::any_of(frame.data(), frame.data() + frame.size(), [&](int32_t value) { return value < low || value > high; }))
        throw std::invalid_argument("a sample of a frame is out of range");
}

}  // namespace
