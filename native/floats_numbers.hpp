// The numbers that a volume may hold: all of its format, or a sorted table of those that occur.
// A place is an ordered word, or an index into the table.
#pragma once
#include <algorithm>
#include <vector>

#include "floats_format.hpp"

namespace floats {

class Numbers {
public:
    Numbers(Format format, int scale) : format_(format), up_(power_of_two(scale)), down_(power_of_two(-scale)), scale_(scale) {}

    // Takes a table of ordered words, sorted and distinct.
    void set_table(std::vector<uint64_t> table) {
        table_ = std::move(table);
        if (table_.empty()) return;
        doubles_.clear();
        for (const uint64_t ordered : table_) doubles_.push_back(scaled(ordered));
        const uint64_t span = table_.back() - table_.front();
        for (shift_ = 0; span >> shift_ >= max_slots; ++shift_) {}
        starts_.assign((span >> shift_) + 2, static_cast<uint32_t>(table_.size()));
        for (size_t n = table_.size(); n-- > 0;) starts_[slot(table_[n])] = static_cast<uint32_t>(n);
        for (size_t n = starts_.size() - 1; n-- > 0;) starts_[n] = std::min(starts_[n], starts_[n + 1]);
    }

    const Format& format() const { return format_; }
    bool has_table() const { return !table_.empty(); }
    uint64_t last() const { return table_.empty() ? format_.last() : table_.size() - 1; }

    // Scaled to about 1; huge numbers are clipped, what is not finite gives 0.
    double scaled(uint64_t ordered) const {
        const double value = format_.value(ordered) * down_;
        return value > 1e60 ? 1e60 : value < -1e60 ? -1e60 : value;
    }

    uint64_t place_of(uint64_t word) const {
        const uint64_t ordered = format_.ordered(word);
        return table_.empty() ? ordered : first_from(ordered);
    }

    uint64_t word_at(uint64_t place) const { return format_.word(table_.empty() ? place : table_[place]); }
    double value_at(uint64_t place) const { return table_.empty() ? scaled(place) : doubles_[place]; }

    // The first place whose number is not below `edge`; may lie one behind the last.
    uint64_t ceiling(double edge) const {
        const uint64_t ordered = format_.ceiling(edge * up_);
        return table_.empty() ? ordered : first_from(ordered);
    }

    // Whether places from `first` to `last` are equally likely where the density of numbers is flat.
    bool evenly_spaced(uint64_t first, uint64_t last) const { return has_table() || format_.evenly_spaced(first, last); }

    // Binary exponent of the typical spacing around a prediction, whose ceiling is `place`.
    int spacing_exponent(double prediction, uint64_t place) const {
        int spacing = format_.spacing_exponent(prediction * up_) - scale_;
        if (table_.size() > 1) {
            const uint64_t low = place > 2 ? std::min<uint64_t>(place - 2, table_.size() - 2) : 0;
            const uint64_t high = std::min<uint64_t>(low + 4, table_.size() - 1);
            const double mean = (doubles_[high] - doubles_[low]) / static_cast<double>(high - low);
            spacing = std::max(spacing, static_cast<int>(bits_of(mean) >> 52) - 1023);
        }
        return spacing;
    }

private:
    static constexpr uint64_t max_slots = 1 << 16;

    size_t slot(uint64_t ordered) const { return static_cast<size_t>((ordered - table_.front()) >> shift_); }

    uint64_t first_from(uint64_t ordered) const {
        if (ordered <= table_.front()) return 0;
        if (ordered > table_.back()) return table_.size();
        const size_t at = slot(ordered);
        uint64_t low = starts_[at], high = starts_[at + 1];
        while (low < high) {
            const uint64_t middle = (low + high) / 2;
            if (table_[middle] < ordered) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    Format format_;
    double up_, down_;
    int scale_, shift_ = 0;
    std::vector<uint64_t> table_;
    std::vector<double> doubles_;
    std::vector<uint32_t> starts_;
};

}  // namespace floats
