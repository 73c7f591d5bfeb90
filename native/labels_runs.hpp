// Stretches of a row whose known surroundings are all one label: coded many voxels at a time.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "labels_frames.hpp"
#include "labels_mixer.hpp"

namespace labels {

class RunModel {
public:
    static constexpr size_t kLongest = 64;

    explicit RunModel(size_t width) : run_(width + 1), uniform_(width), flags_(kFlags) {}

    // Finds for each column of a row how many voxels from there have uniform surroundings.
    void find(const PaddedFrame& current, const PaddedFrame& first, const PaddedFrame& second, int references,
              ptrdiff_t y);

    // Voxels from x on that can be coded at once, given the labels at x - 1 and x - 2; 0 for none.
    size_t length(size_t x, uint8_t w, uint8_t ww) const {
        const bool fits = run_[x] > 0 && labels_[x] == w && w == ww;
        return fits ? std::min<size_t>(run_[x], kLongest) : 0;
    }

    // Whether breaks are rare enough for runs to be worth it.
    bool enabled() const { return breaks_ < kTooManyBreaks; }

    // A voxel in uniform surroundings was coded on its own.
    void learn(bool broke) {
        if (broke) breaks_ += (65536 - breaks_) >> 6;
        else breaks_ -= breaks_ >> 6;
    }

    // Codes the number of voxels, up to length, before the first that breaks the run.
    template <class Coder>
    size_t code(Coder& coder, size_t equal, size_t length, uint8_t label, int references) {
        const int bucket = log2_ceil(length);
        Counter& flag = flags_[((references * 8 + bucket) * 2 + broke_) * 32 + label % 32];
        broke_ = coder.code(equal < length, flag.p22());
        flag.update(broke_, 1000);
        if (!broke_) {
            breaks_ -= (breaks_ * static_cast<uint32_t>(length)) >> 8;
            return length;
        }
        breaks_ += (65536 - breaks_) >> 6;
        return position(coder, equal, length, bucket);
    }

private:
    static constexpr uint32_t kTooManyBreaks = 65536 / 64;
    static constexpr size_t kFlags = 3 * 8 * 2 * 32;

    template <class Coder>
    size_t position(Coder& coder, size_t equal, size_t length, int bucket) {
        size_t low = 0, high = length, node = 1;
        while (high - low > 1) {
            const size_t middle = (low + high) / 2;
            Counter& counter = places_[bucket * 128 + node];
            const int bit = coder.code(equal >= middle, counter.p22());
            counter.update(bit, 250);
            if (bit) low = middle; else high = middle;
            node = 2 * node + bit;
        }
        return low;
    }

    static int log2_ceil(size_t v) {
        int bits = 0;
        while ((size_t{1} << bits) < v) ++bits;
        return bits;
    }

    std::vector<uint32_t> run_;
    std::vector<uint8_t> uniform_;
    std::vector<Counter> flags_;
    std::array<Counter, 7 * 128> places_{};
    const uint8_t* labels_ = nullptr;
    int broke_ = 0;
    uint32_t breaks_ = 0;
};

}  // namespace labels
