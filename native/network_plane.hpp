// The geometry of a plane of activations.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "network.hpp"

namespace medcodec {

inline ptrdiff_t round_up(ptrdiff_t n, ptrdiff_t unit) { return (n + unit - 1) / unit * unit; }
inline int groups_of(int channels) { return (channels + 3) / 4; }

// Rows are `stride` pixels apart; before the first row and after the last one lies padding, and room for the vectors
// that begin before the end.
struct NetworkPlane {
    ptrdiff_t height, width, stride, pixels, front, plane_bytes;

    NetworkPlane(ptrdiff_t h, ptrdiff_t w)
        : height(h), width(w), stride(w + 1), pixels(h * stride), front(round_up(stride + 1, 16)),
          plane_bytes(4 * round_up(front + pixels + stride + 32, 16)) {}

    // The smallest plane that has every kind of place: what lies `radius` from the edges knows nothing of them.
    NetworkPlane reference(int radius) const {
        return {std::min<ptrdiff_t>(height, 2 * radius + 1), std::min<ptrdiff_t>(width, 2 * radius + 1)};
    }

    ptrdiff_t last_pixels() const { return round_up(pixels, 16); }

    NetworkPlanes at(std::vector<uint8_t>& buffer) const {
        const auto start = reinterpret_cast<uintptr_t>(buffer.data());
        return {buffer.data() + (-start & 63) + 4 * front, plane_bytes};
    }

    void reserve(std::vector<uint8_t>& buffer, int groups) const {
        const size_t bytes = 64 + groups * plane_bytes;
        if (buffer.size() < bytes) buffer.resize(bytes);
    }

    // Sets all that is around the pixels of each plane.
    void pad(const NetworkPlanes& planes, int groups, uint32_t four) const {
        for (int group = 0; group < groups; group++) {
            uint32_t* plane = planes.four(group);
            std::fill(plane - stride - 1, plane, four);
            for (ptrdiff_t row = 1; row <= height; row++) plane[row * stride - 1] = four;
            std::fill(plane + pixels, plane + pixels + stride + 1, four);
        }
    }
};

// Sets the bits of the eight neighbours of every bit that is set, in rows of `stride` bits that follow one another
// (neighbours beyond the end of a row are those in the next one: too many bits do no harm).
void widen(std::vector<uint64_t>& bits, std::vector<uint64_t>& scratch, ptrdiff_t stride);

}  // namespace medcodec
