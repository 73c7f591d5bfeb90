// Finding, writing and reading value maps.
#include "blocks_values.hpp"

#include <algorithm>

namespace medcodec::blocks {
namespace {

constexpr std::int64_t kProbe = 1 << 16;  // voxels looked at before all are

// The middle of the distribution: between the 5th and the 95th percentile, without values that a quarter of
// the voxels have (a background is no evidence).
struct Middle {
    std::int64_t width = 0, used = 0, voxels = 0;
    bool gaps() const { return width > 4 && 5 * used < 3 * width; }
    // If dense values came up so often, nearly all of them would have.
    bool certain() const { return voxels >= 8 * used; }
};

Middle middle_of(const std::vector<std::uint32_t>& counts, std::int64_t total) {
    Middle middle;
    std::int64_t below = 0;
    for (std::uint32_t count : counts) {
        const bool inside = below + count > total / 20 && below < total - total / 20;
        below += count;
        if (!inside || static_cast<std::int64_t>(count) > total / 4) continue;
        ++middle.width;
        middle.used += count != 0;
        middle.voxels += count;
    }
    return middle;
}

}  // namespace

template <class Value>
ValueMap ValueMap::of(const Value* voxels, std::int64_t count, std::int32_t base, std::uint32_t span) {
    ValueMap map;
    std::vector<std::uint32_t> counts(span + 1);
    const std::int64_t step = count / kProbe + 1;
    for (std::int64_t i = 0; i < count; i += step) ++counts[static_cast<std::uint32_t>(voxels[i] - base)];
    if (!middle_of(counts, (count + step - 1) / step).gaps()) return map;
    std::fill(counts.begin(), counts.end(), 0);
    for (std::int64_t i = 0; i < count; ++i) ++counts[static_cast<std::uint32_t>(voxels[i] - base)];
    const Middle middle = middle_of(counts, count);
    if (!middle.gaps() || !middle.certain()) return map;
    map.ranks_.resize(65536);
    for (std::uint32_t v = 0; v <= span; ++v) {
        if (!counts[v]) continue;
        map.ranks_[v] = static_cast<std::uint16_t>(map.values_.size());
        map.values_.push_back(static_cast<std::uint16_t>(v));
    }
    return map;
}

// Gaps between successive values, in bytes of 7 bits, low ones first.
void ValueMap::write(ByteWriter& out) const {
    for (std::size_t i = 1; i < values_.size(); ++i) {
        std::uint32_t gap = static_cast<std::uint32_t>(values_[i] - values_[i - 1]) - 1;
        for (; gap > 127; gap >>= 7) out.put((gap & 127) | 128, 1);
        out.put(gap, 1);
    }
}

ValueMap ValueMap::read(ByteReader& in, std::uint32_t last) {
    ValueMap map;
    if (last > 65535) throw Error("block stream maps too many values");
    std::uint32_t value = 0;
    map.values_.push_back(0);
    for (std::uint32_t i = 0; i < last; ++i) {
        std::uint32_t gap = 0, byte = 128;
        for (int shift = 0; byte & 128; shift += 7) {
            if (shift > 14) throw Error("block stream has a value map with a wrong gap");
            byte = static_cast<std::uint32_t>(in.get(1));
            gap |= (byte & 127) << shift;
        }
        value += gap + 1;
        if (value > 65535) throw Error("block stream has a value map beyond 16 bits");
        map.values_.push_back(static_cast<std::uint16_t>(value));
    }
    map.full_ = map.values_;
    map.full_.resize(65536, map.values_.back());
    return map;
}

template ValueMap ValueMap::of(const std::int8_t*, std::int64_t, std::int32_t, std::uint32_t);
template ValueMap ValueMap::of(const std::uint8_t*, std::int64_t, std::int32_t, std::uint32_t);
template ValueMap ValueMap::of(const std::int16_t*, std::int64_t, std::int32_t, std::uint32_t);
template ValueMap ValueMap::of(const std::uint16_t*, std::int64_t, std::int32_t, std::uint32_t);
template ValueMap ValueMap::of(const std::int32_t*, std::int64_t, std::int32_t, std::uint32_t);

}  // namespace medcodec::blocks
