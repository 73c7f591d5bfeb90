// Finds the last place with the same causal surroundings, to expect what followed there.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace labels {

// The 5 voxels to the left and 6 of the row above.
inline uint64_t surroundings(const uint8_t* row, const uint8_t* above) {
    uint64_t a = 0, b = 0;
    for (int i = 0; i < 5; ++i) a = a << 8 | row[i - 5];
    for (int i = 0; i < 6; ++i) b = b << 8 | above[i - 3];
    const uint64_t h = (a * 0x9E3779B97F4A7C15ull) ^ ((b + 1) * 0xC2B2AE3D27D4EB4Full);
    return (h ^ (h >> 31)) * 0x165667B19E3779F9ull;
}

class MatchModel {
public:
    MatchModel(const uint8_t* levels, int table_bits)
        : levels_(levels), mask_((size_t{1} << table_bits) - 1), table_(size_t{1} << table_bits, 0) {}

    // Looks for a match of the voxel at index, given a hash of its surroundings.
    void seek(size_t index, uint64_t hash) {
        size_t& slot = table_[(hash >> 20) & mask_];
        if (length_ == 0 && slot > 0) {
            at_ = slot - 1;
            length_ = backwards(index);
        }
        slot = index + 1;
    }

    int expected() const { return length_ > 0 ? levels_[at_] : -1; }
    int length() const { return static_cast<int>(std::min<size_t>(length_, 65535)); }

    // The voxel at index has been coded.
    void advance(uint8_t label) {
        if (length_ == 0) return;
        length_ = levels_[at_] == label ? length_ + 1 : 0;
        ++at_;
    }

    // Many voxels of one label have been coded at once.
    void skip(uint8_t label, size_t count) {
        for (size_t i = 0; i < count && length_ > 0; ++i) advance(label);
    }

private:
    size_t backwards(size_t index) const {
        size_t n = 0;
        while (n < 32 && n < at_ && levels_[at_ - 1 - n] == levels_[index - 1 - n]) ++n;
        return n < 5 ? 0 : n;
    }

    const uint8_t* levels_;
    size_t mask_;
    std::vector<size_t> table_;
    size_t at_ = 0;
    size_t length_ = 0;
};

}  // namespace labels
