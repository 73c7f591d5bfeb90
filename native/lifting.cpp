#include "lifting.hpp"

#include <algorithm>
#include <vector>

namespace medcodec {
namespace {

// One lifting step: target += (first + second) * factor, rounded, on whole runs of samples.
struct Step {
    int32_t factor;  // over 2^shift
    int shift;
    bool onto_high;
};

// Le Gall 5/3: predict -1/2, update +1/4. CDF 9/7 (Daubechies and Sweldens 1998) without its scaling, which the
// quantiser's steps contain. The factors are over 2^14.
constexpr Step kSteps53[] = {{-1, 1, true}, {1, 2, false}};
constexpr Step kSteps97[] = {{-25987, 14, true}, {-868, 14, false}, {14466, 14, true}, {7266, 14, false}};

struct Steps {
    const Step* begin;
    int count;
};

enum class Way { kForward, kInverse, kTransposed };

Steps steps_of(Wavelet wavelet) {
    if (wavelet == Wavelet::kReversible53) return {kSteps53, 2};
    return {kSteps97, 4};
}

// Damaged streams may overflow: all sums wrap.
inline int32_t wrapped_sum(int32_t a, int32_t b) {
    return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}

inline int32_t lifted(int32_t target, int32_t sum, const Step& step, int32_t sign) {
    const int64_t change = (int64_t{sum} * step.factor + (int64_t{1} << (step.shift - 1))) >> step.shift;
    return wrapped_sum(target, static_cast<int32_t>(sign * change));
}

// Apply a step between rows of low and high samples; index `at(i)` gives the row of the i-th sample of each kind.
// A high sample lies between the low ones i and i + 1, a low one between the high ones i - 1 and i; at the ends the
// picture is mirrored.
template <class Apply>
void each_target(const Step& step, size_t low_count, size_t high_count, Apply apply) {
    if (high_count == 0) return;
    if (step.onto_high) {
        for (size_t i = 0; i < high_count; i++) apply(i, i, std::min(i + 1, low_count - 1));
    } else {
        for (size_t i = 0; i < low_count; i++) apply(i, i == 0 ? 0 : i - 1, std::min(i, high_count - 1));
    }
}

void lift_runs(int32_t* low, int32_t* high, size_t low_count, size_t high_count, size_t run, size_t stride,
               const Step& step, Way way) {
    int32_t* targets = step.onto_high ? high : low;
    int32_t* sources = step.onto_high ? low : high;
    each_target(step, low_count, high_count, [&](size_t i, size_t a, size_t b) {
        int32_t* target = targets + i * stride;
        int32_t* first = sources + a * stride;
        int32_t* second = sources + b * stride;
        if (way == Way::kTransposed) {
            // What the inverse takes from the sources goes back onto each, twice where both are one.
            for (size_t x = 0; x < run; x++) {
                first[x] = lifted(first[x], target[x], step, -1);
                second[x] = lifted(second[x], target[x], step, -1);
            }
            return;
        }
        const int32_t sign = way == Way::kForward ? 1 : -1;
        for (size_t x = 0; x < run; x++) target[x] = lifted(target[x], wrapped_sum(first[x], second[x]), step, sign);
    });
}

void lift_all(int32_t* low, int32_t* high, size_t low_count, size_t high_count, size_t run, size_t stride,
              const Steps& steps, Way way) {
    for (int i = 0; i < steps.count; i++) {
        const Step& step = steps.begin[way == Way::kInverse ? steps.count - 1 - i : i];
        lift_runs(low, high, low_count, high_count, run, stride, step, way);
    }
}

constexpr size_t kRun = 16;  // rows that are transformed side by side

// Lift `rows` rows of `width` samples: transposed in blocks, so that the rows lie side by side and steps vectorise.
void lift_rows(int32_t* plane, size_t rows, size_t width, size_t stride, const Steps& steps, Way way,
               std::vector<int32_t>& scratch) {
    const bool forward = way != Way::kInverse;
    const size_t low_count = (width + 1) / 2, high_count = width / 2;
    scratch.resize(width * kRun);
    int32_t* low = scratch.data();
    int32_t* high = low + low_count * kRun;
    for (size_t top = 0; top < rows; top += kRun) {
        const size_t run = std::min(kRun, rows - top);
        for (size_t r = 0; r < run; r++) {
            const int32_t* row = plane + (top + r) * stride;
            for (size_t i = 0; i < low_count; i++) low[i * kRun + r] = forward ? row[2 * i] : row[i];
            for (size_t i = 0; i < high_count; i++) high[i * kRun + r] = forward ? row[2 * i + 1] : row[low_count + i];
        }
        lift_all(low, high, low_count, high_count, run, kRun, steps, way);
        for (size_t r = 0; r < run; r++) {
            int32_t* row = plane + (top + r) * stride;
            for (size_t i = 0; i < low_count; i++) (forward ? row[i] : row[2 * i]) = low[i * kRun + r];
            for (size_t i = 0; i < high_count; i++)
                (forward ? row[low_count + i] : row[2 * i + 1]) = high[i * kRun + r];
        }
    }
}

void lift_columns(int32_t* plane, size_t rows, size_t width, size_t stride, const Steps& steps, Way way,
                  std::vector<int32_t>& scratch) {
    const bool forward = way != Way::kInverse;
    const size_t low_count = (rows + 1) / 2, high_count = rows / 2;
    scratch.resize(rows * width);
    int32_t* low = scratch.data();
    int32_t* high = low + low_count * width;
    const auto row_of = [&](size_t y) {
        if (forward) return (y % 2 ? high : low) + y / 2 * width;
        return low + y * width;
    };
    for (size_t y = 0; y < rows; y++) std::copy_n(plane + y * stride, width, row_of(y));
    lift_all(low, high, low_count, high_count, width, width, steps, way);
    for (size_t y = 0; y < rows; y++) {
        const int32_t* source = forward ? low + y * width : (y % 2 ? high : low) + y / 2 * width;
        std::copy_n(source, width, plane + y * stride);
    }
}

size_t reduced(size_t size, int level) {
    for (int i = 0; i < level; i++) size = (size + 1) / 2;
    return size;
}

}  // namespace

void lift_forward(int32_t* plane, size_t height, size_t width, int levels, Wavelet wavelet) {
    const Steps steps = steps_of(wavelet);
    std::vector<int32_t> scratch;
    for (int level = 0; level < levels; level++) {
        const size_t rows = reduced(height, level), columns = reduced(width, level);
        lift_columns(plane, rows, columns, width, steps, Way::kForward, scratch);
        lift_rows(plane, rows, columns, width, steps, Way::kForward, scratch);
    }
}

void lift_inverse(int32_t* plane, size_t height, size_t width, int levels, int skip, Wavelet wavelet) {
    const Steps steps = steps_of(wavelet);
    std::vector<int32_t> scratch;
    for (int level = levels - 1; level >= skip; level--) {
        const size_t rows = reduced(height, level), columns = reduced(width, level);
        lift_rows(plane, rows, columns, width, steps, Way::kInverse, scratch);
        lift_columns(plane, rows, columns, width, steps, Way::kInverse, scratch);
    }
}

void lift_transposed(int32_t* plane, size_t height, size_t width) {
    const Steps steps = steps_of(Wavelet::kCdf97);
    std::vector<int32_t> scratch;
    lift_columns(plane, height, width, width, steps, Way::kTransposed, scratch);
    lift_rows(plane, height, width, width, steps, Way::kTransposed, scratch);
}

}  // namespace medcodec
