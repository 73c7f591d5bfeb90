// One interface to the inner loops for both widths of stored voxels.
#pragma once
#include <limits>

#include "blocks_generic.hpp"

namespace medcodec::blocks {

template <class T>
struct Ops {
    const Kernels& k;
    int choose_block(const BlockTask<T>& task, T* residuals, std::ptrdiff_t stride) const {
        if constexpr (sizeof(T) == 2)
            return k.choose_block(task, residuals, stride);
        else
            return generic::choose_block<T>(task, residuals, stride);
    }
    void tap_sums(const RowTaps<T>& row, std::ptrdiff_t column, int columns, const std::int32_t* weights, int pairs,
                  generic::Sum<T>* sums) const {
        if constexpr (sizeof(T) == 2)
            k.tap_sums(row, column, columns, weights, pairs, sums);
        else
            generic::tap_sums<T>(row, column, columns, weights, pairs, sums);
    }
    void tokenise(const T* residuals, std::ptrdiff_t count, int magnitude_shift,
                  typename generic::Arithmetic<T>::Unsigned* zigzag, std::uint8_t* tokens,
                  std::uint16_t* magnitudes) const {
        if constexpr (sizeof(T) == 2)
            k.tokenise(residuals, count, magnitude_shift, zigzag, tokens, magnitudes);
        else
            generic::tokenise<T>(residuals, count, magnitude_shift, zigzag, tokens, magnitudes);
    }
    void expand(const std::uint8_t* tokens, std::ptrdiff_t count, int magnitude_shift, RawBits& raw, T* residuals,
                std::uint16_t* magnitudes) const {
        if constexpr (sizeof(T) == 2)
            k.expand(tokens, count, magnitude_shift, raw, residuals, magnitudes);
        else
            generic::expand<T>(tokens, count, magnitude_shift, raw, residuals, magnitudes);
    }
};

// Predictions stay in the range of the voxels, which starts at the smallest T.
template <class T>
struct Range {
    explicit Range(std::uint32_t span)
        : low(std::numeric_limits<T>::min()),
          high(static_cast<std::int32_t>(static_cast<std::int64_t>(low) + span)) {}
    std::int32_t low, high;
};

}  // namespace medcodec::blocks
