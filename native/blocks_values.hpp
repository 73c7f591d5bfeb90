// From voxel values to stored values and back; a map where many values of the range do not occur.
#pragma once
#include <limits>
#include <vector>

#include "blocks_codec.hpp"

namespace medcodec::blocks {

inline int stored_bytes(std::uint32_t span) {
    return span < 256 ? 1 : span < 65536 ? 2 : span < (1u << 24) ? 3 : 4;
}

// The values that occur, in order; only for 16-bit ranges.
class ValueMap {
  public:
    ValueMap() = default;
    // An unused map if the values are dense.
    template <class Value>
    static ValueMap of(const Value* voxels, std::int64_t count, std::int32_t base, std::uint32_t span);
    static ValueMap read(ByteReader&, std::uint32_t last);
    void write(ByteWriter&) const;

    bool used() const { return !values_.empty(); }
    std::uint32_t last() const { return static_cast<std::uint32_t>(values_.size() - 1); }
    std::uint32_t span() const { return values_.back(); }

    template <class T, class Value>
    void to_stored(const Value* voxels, std::int64_t count, const Header& header, T* stored) const {
        const std::uint32_t base = static_cast<std::uint32_t>(header.base);
        const std::uint32_t lowest = static_cast<std::uint32_t>(std::numeric_limits<T>::min());
        if (used())
            for (std::int64_t i = 0; i < count; ++i)
                stored[i] = static_cast<T>(ranks_[static_cast<std::uint16_t>(voxels[i] - base)] + lowest);
        else
            for (std::int64_t i = 0; i < count; ++i)
                stored[i] = static_cast<T>(static_cast<std::uint32_t>(voxels[i]) - base + lowest);
    }
    template <class T, class Value>
    void to_voxels(const T* stored, std::int64_t count, const Header& header, Value* voxels) const {
        const std::uint32_t base = static_cast<std::uint32_t>(header.base);
        const std::uint32_t lowest = static_cast<std::uint32_t>(std::numeric_limits<T>::min());
        if (used())  // damaged streams may hold ranks that are too large: full_ has all 65536
            for (std::int64_t i = 0; i < count; ++i)
                voxels[i] = static_cast<Value>(full_[static_cast<std::uint16_t>(stored[i] - lowest)] + base);
        else
            for (std::int64_t i = 0; i < count; ++i)
                voxels[i] = static_cast<Value>(static_cast<std::uint32_t>(stored[i]) - lowest + base);
    }

  private:
    std::vector<std::uint16_t> values_;  // less base, ascending, the first is 0
    std::vector<std::uint16_t> ranks_;   // for the encoder: of each value
    std::vector<std::uint16_t> full_;    // for the decoder: values_, padded
};

}  // namespace medcodec::blocks
