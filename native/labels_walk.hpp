// The order in which a group is coded: repeated frames, runs, and voxels one at a time.
#pragma once
#include <cstring>
#include <unordered_map>
#include <vector>

#include "labels_coder.hpp"
#include "labels_frames.hpp"
#include "labels_runs.hpp"
#include "labels_settings.hpp"

namespace labels {

inline uint64_t frame_hash(const uint8_t* p, size_t size) {
    uint64_t h = size;
    for (size_t i = 0; i < size; ++i) h = (h ^ p[i]) * 0x100000001B3ull;
    return h;
}

// One pass over a group; the same code encodes and decodes, so that both sides see the same statistics. Only the
// decoder writes levels.
// Model is a VoxelModel or an IslandModel: what codes the voxels that are neither in a run nor in a repeated frame.
template <class Coder, class Model>
class Walk {
public:
    Walk(Coder& coder, uint8_t* levels, const Shape& shape, const Settings& settings)
        : coder_(coder), levels_(levels), shape_(shape), area_(shape.height * shape.width),
          model_(settings, shape.width, levels), runs_(shape.width), current_(shape.height, shape.width),
          first_(shape.height, shape.width), second_(shape.height, shape.width) {}

    void run() {
        for (size_t s = 0; s < shape_.sequences; ++s)
            for (size_t n = 0; n < shape_.frames; ++n) code_frame(s, n);
    }

private:
    void code_frame(size_t s, size_t n) {
        const size_t index = s * shape_.frames + n;
        if (index > 0 && code_copy(index)) return;
        load_references(s, n);
        current_.clear();
        if (references_ > 0)
            for (int i = 1; i <= kPadY; ++i)
                std::memcpy(current_.row(-i) - kPadX, first_.row(-i) - kPadX, shape_.width + 2 * kPadX);
        for (size_t y = 0; y < shape_.height; ++y) code_row(index, y);
    }

    // A frame that repeats an earlier one is coded as its index.
    bool code_copy(size_t index) {
        size_t source = index;
        if constexpr (!Coder::kDecodes) source = find_copy(index);
        const int copied = coder_.code(source < index, copy_flag_.p22());
        copy_flag_.update(copied, 30);
        if (!copied) return false;
        source = code_index(source, index);
        if constexpr (Coder::kDecodes) std::memcpy(levels_ + index * area_, levels_ + source * area_, area_);
        return true;
    }

    size_t find_copy(size_t index) {
        const uint8_t* frame = levels_ + index * area_;
        if (seen_.empty()) seen_.emplace(frame_hash(levels_, area_), 0);
        const auto [entry, is_new] = seen_.emplace(frame_hash(frame, area_), index);
        if (is_new || std::memcmp(levels_ + entry->second * area_, frame, area_) != 0) return index;
        if (std::memcmp(frame - area_, frame, area_) == 0) return index - 1;
        return entry->second;
    }

    size_t code_index(size_t source, size_t count) {
        const int last = coder_.code(source == count - 1, copy_last_.p22());
        copy_last_.update(last, 30);
        if (last) return count - 1;
        size_t value = 0;
        for (int bit = log2_floor(count); bit >= 0; --bit)
            value = 2 * value + coder_.code((source >> bit) & 1, 1u << (kProbBits - 1));
        if (value >= count) throw StreamError("label stream: a frame repeats one that comes later");
        return value;
    }

    // First reference: the frame before in the sequence, else the same frame of the sequence before.
    void load_references(size_t s, size_t n) {
        const uint8_t* here = levels_ + (s * shape_.frames + n) * area_;
        const uint8_t* previous = n > 0 ? here - area_ : nullptr;
        const uint8_t* beside = s > 0 ? here - shape_.frames * area_ : n > 1 ? here - 2 * area_ : nullptr;
        const uint8_t* chosen[2] = {previous ? previous : beside, previous ? beside : nullptr};
        references_ = (chosen[0] != nullptr) + (chosen[1] != nullptr);
        if (chosen[0]) first_.load(chosen[0]); else first_.clear();
        if (chosen[1]) second_.load(chosen[1]); else second_.clear();
    }

    Site site_at(size_t y, size_t x) {
        const ptrdiff_t row = static_cast<ptrdiff_t>(y);
        Site site;
        site.w = current_.row(row) + x;
        for (int i = 0; i < 3; ++i) site.n[i] = current_.row(row - 1 - i) + x;
        for (int i = 0; i < 5; ++i) site.r1[i] = first_.row(row + i - 2) + x;
        for (int i = 0; i < 3; ++i) site.r2[i] = second_.row(row + i - 1) + x;
        site.x = x;
        site.y = y;
        site.references = references_;
        return site;
    }

    void code_row(size_t index, size_t y) {
        const ptrdiff_t row = static_cast<ptrdiff_t>(y);
        uint8_t* voxels = levels_ + index * area_ + y * shape_.width;
        uint8_t* out = current_.row(row);
        current_.open_row(row);
        runs_.find(current_, first_, second_, references_, row);
        for (size_t x = 0; x < shape_.width;) {
            const uint8_t label = out[static_cast<ptrdiff_t>(x) - 1];
            const size_t length = runs_.length(x, label, out[static_cast<ptrdiff_t>(x) - 2]);
            int excluded = -1;
            if (length > 0 && runs_.enabled()) {
                const size_t equal = code_run(voxels + x, label, length);
                if constexpr (Coder::kDecodes) std::memset(voxels + x, label, equal);
                std::memset(out + x, label, equal);
                model_.skip(label, equal);
                x += equal;
                if (equal == length) continue;
                excluded = label;
            }
            const size_t at = index * area_ + y * shape_.width + x;
            out[x] = model_.code(coder_, voxels[x], site_at(y, x), at, excluded);
            if constexpr (Coder::kDecodes) voxels[x] = out[x];
            if (length > 0 && excluded < 0) runs_.learn(out[x] != label);
            ++x;
        }
        current_.close_row(row);
    }

    // How many of the next `length` voxels, which look all the same, carry on with the label.
    size_t code_run(const uint8_t* voxels, uint8_t label, size_t length) {
        size_t equal = 0;
        if constexpr (!Coder::kDecodes)
            while (equal < length && voxels[equal] == label) ++equal;
        return runs_.code(coder_, equal, length, label, references_);
    }

    Coder& coder_;
    uint8_t* levels_;
    Shape shape_;
    size_t area_;
    Model model_;
    RunModel runs_;
    PaddedFrame current_, first_, second_;
    int references_ = 0;
    Counter copy_flag_, copy_last_;
    std::unordered_map<uint64_t, size_t> seen_;
};

}  // namespace labels
