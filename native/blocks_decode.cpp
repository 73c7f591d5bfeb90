// The decoder of the block codec. Every length is checked before it is used; a damaged stream is an Error or
// wrong voxels (which the container's checksum finds), never an access out of bounds.
#include <algorithm>

#include "blocks_codec.hpp"
#include "blocks_parts.hpp"
#include "blocks_rebuild.hpp"
#include "blocks_residuals.hpp"
#include "blocks_rows.hpp"

namespace medcodec::blocks {
namespace {

template <class T, class Value>
void decode_coded(ByteReader& in, const Shape& shape, const Header& header, const ValueMap& map,
                  const Kernels& kernels, Value* voxels) {
    const int tokens = sizeof(T) == 2 ? kMaxTokens / 2 : kMaxTokens;
    Parts parts(in, shape, header.flags & kManyLanes ? kMaxLanes : kFewLanes, tokens);
    Residuals<T> residuals(parts, shape, kernels, header);
    Rebuilder<T> rebuilder(parts, residuals, shape, kernels, header);
    const std::int64_t frames = shape.sequences * shape.frames;
    for (std::int64_t first = 0; first < frames; first += kWavefront) {
        const std::int64_t end = std::min<std::int64_t>(first + kWavefront, frames);
        residuals.decode(end);
        rebuilder.rebuild(first, end, map, voxels);
    }
    residuals.check_finished();
}

template <class Value>
void check_range(std::int64_t base, std::int64_t span) {
    if (base < std::numeric_limits<Value>::min() || base + span > std::numeric_limits<Value>::max())
        throw Error("block stream holds values that the type of the voxels cannot");
}

template <class Value>
void decode_stored(ByteReader& in, std::int64_t count, Value* voxels) {
    const std::uint32_t base = static_cast<std::uint32_t>(in.get(4));
    const int bytes = static_cast<int>(in.get(1));
    if (bytes < 1 || bytes > 4) throw Error("block stream has a wrong voxel size");
    if (in.left() != static_cast<std::size_t>(count) * static_cast<std::size_t>(bytes))
        throw Error("block stream has a wrong length");
    for (std::int64_t i = 0; i < count; ++i)
        voxels[i] = static_cast<Value>(static_cast<std::uint32_t>(in.get(bytes)) + base);
}

template <class Value>
void decode_constant(ByteReader& in, std::int64_t count, Value* voxels) {
    const std::int32_t value = static_cast<std::int32_t>(in.get(4));
    if (in.left()) throw Error("block stream has a wrong length");
    check_range<Value>(value, 0);
    std::fill(voxels, voxels + count, static_cast<Value>(value));
}

Header read_header(ByteReader& in) {
    Header h{};
    h.flags = static_cast<std::uint8_t>(in.get(1));
    h.base = static_cast<std::int32_t>(in.get(4));
    h.span = static_cast<std::uint32_t>(in.get(4));
    h.magnitude_shift = static_cast<int>(in.get(1));
    const bool wide = h.flags & kWide;
    if (h.flags > (kWide | kMapped | kManyLanes) || (wide && h.flags & kMapped) || (!wide && h.span > 65535) ||
        h.span == 0 || h.magnitude_shift > 31)
        throw Error("block stream has a wrong header");
    return h;
}

}  // namespace

template <class Value>
void decode(const std::uint8_t* data, std::size_t size, const Shape& shape, Path path, Value* voxels) {
    ByteReader in(data, size);
    if (in.get(1) != kVersion) throw Error("block stream has an unknown version");
    const int mode = static_cast<int>(in.get(1));
    const std::int64_t count = shape.voxels();
    if (mode == kConstant) return decode_constant(in, count, voxels);
    if (mode == kStored) return decode_stored(in, count, voxels);
    if ((mode != kCoded && mode != kRows) || count == 0) throw Error("block stream has an unknown mode");
    const Header header = read_header(in);
    const ValueMap map = header.flags & kMapped ? ValueMap::read(in, header.span) : ValueMap();
    check_range<Value>(header.base, map.used() ? map.span() : header.span);
    if (mode == kRows) return rows::decode(in, shape, header, map, path, voxels);
    const Shape frames = canonical(shape);
    if (header.flags & kWide)
        decode_coded<std::int32_t>(in, frames, header, map, kernels(path), voxels);
    else
        decode_coded<std::int16_t>(in, frames, header, map, kernels(path), voxels);
}

template void decode(const std::uint8_t*, std::size_t, const Shape&, Path, std::int8_t*);
template void decode(const std::uint8_t*, std::size_t, const Shape&, Path, std::uint8_t*);
template void decode(const std::uint8_t*, std::size_t, const Shape&, Path, std::int16_t*);
template void decode(const std::uint8_t*, std::size_t, const Shape&, Path, std::uint16_t*);
template void decode(const std::uint8_t*, std::size_t, const Shape&, Path, std::int32_t*);

}  // namespace medcodec::blocks
