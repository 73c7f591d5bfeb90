// Where all inputs around a place equal the background (mostly zero), a network gives what it gives anywhere on a plane
// of nothing but background: that is computed once, on a small plane, and copied.
#include <algorithm>
#include <cstring>

#include "network_plane.hpp"

namespace medcodec {

namespace {

// bits |= source << by | source >> by
void add_shifted(std::vector<uint64_t>& bits, const std::vector<uint64_t>& source, ptrdiff_t by) {
    const ptrdiff_t size = static_cast<ptrdiff_t>(bits.size()), words = by / 64;
    const int rest = by % 64;
    for (ptrdiff_t i = words; i < size; i++) {
        bits[i] |= source[i - words] << rest;
        bits[i - words] |= source[i] >> rest;
    }
    if (!rest) return;
    for (ptrdiff_t i = words + 1; i < size; i++) {
        bits[i] |= source[i - words - 1] >> (64 - rest);
        bits[i - words - 1] |= source[i] << (64 - rest);
    }
}

ptrdiff_t count(const std::vector<uint64_t>& bits) {
    ptrdiff_t sum = 0;
    for (uint64_t word : bits) sum += __builtin_popcountll(word);
    return sum;
}

// Marks the rows that have a bit set, and those beside them.
void find_rows(std::vector<uint8_t>& rows, const std::vector<uint64_t>& bits, const NetworkPlane& plane) {
    rows.assign(plane.height, 0);
    for (size_t word = 0; word < bits.size(); word++) {
        if (!bits[word]) continue;
        const ptrdiff_t first = static_cast<ptrdiff_t>(word) * 64 / plane.stride, end = (word * 64 + 63) / plane.stride;
        for (ptrdiff_t y = std::max<ptrdiff_t>(first - 1, 0); y <= std::min(end + 1, plane.height - 1); y++) rows[y] = 1;
    }
}

// The place on a small side of a plane that knows the same edges as place `at` of the `whole` side.
ptrdiff_t small_place(ptrdiff_t at, ptrdiff_t whole, ptrdiff_t small, int radius) {
    return at < radius ? at : std::max<ptrdiff_t>(radius, small - (whole - at));
}

// A row of the whole plane from one of the small plane.
template <class T>
void fill_row(T* out, const T* small, ptrdiff_t width, ptrdiff_t small_width, int radius) {
    if (width == small_width) {
        std::copy(small, small + width, out);
        return;
    }
    std::copy(small, small + radius, out);
    std::fill(out + radius, out + width - radius, small[radius]);
    std::copy(small + radius + 1, small + small_width, out + width - radius);
}

}  // namespace

void widen(std::vector<uint64_t>& bits, std::vector<uint64_t>& scratch, ptrdiff_t stride) {
    scratch = bits;
    add_shifted(bits, scratch, 1);
    scratch = bits;
    add_shifted(bits, scratch, stride);
}

// Of each channel the median of three places: a channel that is the same everywhere is background everywhere.
std::vector<uint32_t> Network::background(const int16_t* input, const NetworkPlane& plane) const {
    const ptrdiff_t size = plane.height * plane.width;
    std::vector<uint32_t> result(groups_of(inputs()), 0);
    for (int group = 0; group < groups_of(inputs()); group++)
        for (int i = 0; i < 4; i++) {
            const int16_t* channel = input + input_channel(group, i) * size;
            const int a = channel[0], b = channel[(plane.height / 2) * plane.width + plane.width / 2], c = channel[size - 1];
            const int median = std::max(std::min(a, b), std::min(std::max(a, b), c));
            result[group] |= static_cast<uint32_t>((median + (input_low_ < 0 ? 128 : 0)) & 255) << (8 * i);
        }
    return result;
}

// Makes bits of the pixels that are not background. False if nearly all results depend on such pixels.
bool Network::find_active(const NetworkPlane& plane, NetworkScratch& scratch) const {
    scratch.active.assign((plane.pixels + 63) / 64, 0);
    for (ptrdiff_t pixel = 0; pixel < plane.pixels; pixel++)
        scratch.active[pixel / 64] |= uint64_t{scratch.differs[pixel] != 0} << (pixel % 64);
    const std::vector<uint64_t> exact = scratch.active;
    for (int i = 0; i < radius_; i++) widen(scratch.active, scratch.wider, plane.stride);
    const bool worth = count(scratch.active) * 8 < plane.pixels * 7;
    find_rows(scratch.rows, scratch.active, plane);
    scratch.active = exact;
    return worth;
}

void Network::start_reference(const NetworkPlane& small, const std::vector<uint32_t>& ground,
                              NetworkBuffers& buffers) const {
    prepare(small, buffers);
    const NetworkPlanes planes = small.at(buffers.bytes[0]);
    for (int group = 0; group < groups_of(inputs()); group++)
        std::fill(planes.four(group), planes.four(group) + small.pixels, ground[group]);
    small.pad(planes, groups_of(inputs()), input_low_ < 0 ? 0x80808080u : 0);
}

void Network::fill(size_t number, const NetworkPlane& plane, const NetworkPlane& small, NetworkScratch& scratch) const {
    const bool last = number + 1 == layers_.size();
    const NetworkPlanes out = plane.at(scratch.main.bytes[(number + 1) % 2]);
    const NetworkPlanes from = small.at(scratch.reference.bytes[(number + 1) % 2]);
    const int planes = last ? outputs() : layers_[number].groups();
    for (int p = 0; p < planes; p++)
        for (ptrdiff_t y = 0; y < plane.height; y++) {
            if (!last && !scratch.rows[y]) continue;
            const ptrdiff_t row = small_place(y, plane.height, small.height, radius_) * small.stride;
            if (last)
                fill_row(scratch.main.last.data() + p * plane.last_pixels() + y * plane.stride,
                         scratch.reference.last.data() + p * small.last_pixels() + row, plane.width, small.width, radius_);
            else
                fill_row(out.four(p) + y * plane.stride, from.four(p) + row, plane.width, small.width, radius_);
        }
}

}  // namespace medcodec
