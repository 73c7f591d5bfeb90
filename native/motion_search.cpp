// Fields are sought from coarse to fine, over a pyramid of frames and then over ever closer nodes. Each sweep warps by
// the field so far, models the squared error as a quadratic function of changes, and takes the changes that lower it
// by more than their bits cost; where the next sweep finds that the error grew, the change is taken back.
#include "motion_search.hpp"

#include <array>
#include <utility>

namespace medcodec {
namespace {

constexpr int kMostLevels = 4, kMatchRange = 5, kMatchedLevel = 2;

PaddedFrame halved(const PaddedFrame& frame) {
    PaddedFrame half((frame.height + 1) / 2, (frame.width + 1) / 2);
    for (int y = 0; y < half.height; y++) {
        const int32_t* top = frame.row(2 * y);
        const int32_t* bottom = frame.row(2 * y + 1);
        int32_t* to = half.row(y);
        for (int x = 0; x < half.width; x++)
            to[x] = (top[2 * x] + top[2 * x + 1] + bottom[2 * x] + bottom[2 * x + 1] + 2) >> 2;
    }
    half.pad();
    return half;
}

MotionVectors closer(const MotionVectors& from, int height, int width) {
    const int spacing_log2 = from.spacing_log2 - 1;
    MotionVectors to(spacing_log2, motion_nodes(height, spacing_log2), motion_nodes(width, spacing_log2));
    for (int i = 0; i < to.rows; i++)
        for (int j = 0; j < to.columns; j++) {
            const int below = std::min((i + 1) / 2, from.rows - 1), beside = std::min((j + 1) / 2, from.columns - 1);
            for (int k : {0, 1}) {
                const int sum = from.at(i / 2, j / 2)[k] + from.at(i / 2, beside)[k] + from.at(below, j / 2)[k] +
                                from.at(below, beside)[k];
                to.at(i, j)[k] = static_cast<int16_t>((sum + (sum < 0 ? -2 : 2)) / 4);
            }
        }
    return to;
}

void take_back(const MotionModel& model, MotionVectors& vectors, const MotionVectors& before,
                      const std::vector<int64_t>& errors, int64_t lambda) {
    MotionModel old(vectors.rows, vectors.columns);
    old.cells = errors;
    MotionVectors trial = vectors;
    for (int i = 0; i < vectors.rows; i++)
        for (int j = 0; j < vectors.columns; j++) {
            int16_t* now = trial.at(i, j);
            const int16_t* was = before.at(i, j);
            if (now[0] == was[0] && now[1] == was[1]) continue;
            const int64_t more = (model.around(i, j) - old.around(i, j)) * 65536;
            if (more <= 0) continue;
            const int bits = trial.local_bits(i, j);
            const std::array<int16_t, 2> kept{now[0], now[1]};
            std::copy_n(was, 2, now);
            if (more <= lambda * (trial.local_bits(i, j) - bits)) std::copy_n(kept.data(), 2, now);
        }
    vectors = trial;
}

}  // namespace

MotionPyramid motion_pyramid(const int32_t* frame, int height, int width, int shift) {
    MotionPyramid pyramid;
    pyramid.reserve(kMostLevels);
    pyramid.push_back(PaddedFrame::of(frame, height, width, shift));
    while (pyramid.size() < kMostLevels && std::max(pyramid.back().height, pyramid.back().width) >= 16)
        pyramid.push_back(halved(pyramid.back()));
    return pyramid;
}

MotionSearch::MotionSearch(const MotionPyramid& target, std::vector<MotionReference> references, int64_t lambda, int effort)
    : target_(target), references_(std::move(references)), lambda_(lambda), effort_(effort),
      warp_(motion_warp_path("auto")) {
    warped_.reserve(target.size());
    for (const PaddedFrame& frame : target) warped_.emplace_back(frame.height, frame.width);
}

std::vector<MotionVectors> MotionSearch::run(int closest_log2) {
    const int height = target_[0].height, width = target_[0].width;
    std::vector<MotionVectors> found;
    MotionVectors vectors(kMotionCoarsest, motion_nodes(height, kMotionCoarsest), motion_nodes(width, kMotionCoarsest));
    start(vectors);
    for (int level = std::min(kMatchedLevel, coarsest()) - 1; level >= 1; level--) refine(vectors, level, 2 + effort_);
    refine(vectors, 0, 1);
    found.push_back(vectors);
    while (vectors.spacing_log2 > closest_log2) {
        vectors = closer(vectors, height, width);
        if (target_.size() > 1 && vectors.spacing_log2 >= 4) refine(vectors, 1, 1 + effort_);
        refine(vectors, 0, 1 + effort_ / 2);
        found.push_back(vectors);
    }
    return found;
}

// From no motion and from matches, and what is better at each node: matches go astray where a pattern repeats.
void MotionSearch::start(MotionVectors& vectors) {
    if (coarsest() == 0) return;
    const int last = std::min(kMatchedLevel, coarsest());
    MotionVectors matched = vectors;
    match(matched, last);
    MotionModel errors(vectors.rows, vectors.columns), matched_errors = errors;
    for (int level = coarsest(); level >= last; level--) refine(vectors, level, 2 + effort_);
    refine(matched, last, 2 + effort_);
    measure(target_[last], errors, vectors, last, false);
    measure(target_[last], matched_errors, matched, last, false);
    const int64_t lambda = lambda_ >> (2 * last);
    for (int i = 0; i < vectors.rows; i++)
        for (int j = 0; j < vectors.columns; j++) {
            const int64_t gain = errors.around(i, j) - matched_errors.around(i, j);
            const int64_t bits = matched.local_bits(i, j) - vectors.local_bits(i, j);
            if (gain * 65536 > lambda * std::max<int64_t>(bits, 0)) std::copy_n(matched.at(i, j), 2, vectors.at(i, j));
        }
}

// Each node's best whole displacement at a coarse level, so that the sweeps start near enough.
void MotionSearch::match(MotionVectors& vectors, int level) const {
    const int64_t lambda = lambda_ >> (2 * level);
    for (int i = 0; i < vectors.rows; i++)
        for (int j = 0; j < vectors.columns; j++) {
            int16_t* vector = vectors.at(i, j);
            std::array<int16_t, 2> best{};
            int64_t least = INT64_MAX;
            for (int y = -kMatchRange; y <= kMatchRange; y++)
                for (int x = -kMatchRange; x <= kMatchRange; x++) {
                    vector[0] = static_cast<int16_t>(y * (8 << level));
                    vector[1] = static_cast<int16_t>(x * (8 << level));
                    const int64_t cost = matched(level, i, j, y, x) * 65536 + lambda * vectors.local_bits(i, j);
                    if (cost >= least) continue;
                    least = cost;
                    std::copy_n(vector, 2, best.data());
                }
            std::copy_n(best.data(), 2, vector);
        }
}

// Squared error where a node has influence, of all references displaced by (y, x) pixels of this level.
int64_t MotionSearch::matched(int level, int row, int column, int y, int x) const {
    const PaddedFrame& target = target_[level];
    const int spacing = 1 << (kMotionCoarsest - level);
    const int top = std::max((row - 1) * spacing, 0), bottom = std::min((row + 1) * spacing, target.height);
    const int left = std::max((column - 1) * spacing, 0), right = std::min((column + 1) * spacing, target.width);
    int64_t cost = 0;
    for (const MotionReference& reference : references_) {
        const PaddedFrame& frame = (*reference.frames)[level];
        const int dy = y * reference.scale / kMotionUnitScale, dx = x * reference.scale / kMotionUnitScale;
        for (int i = top; i < bottom; i++) {
            const int32_t* to = target.row(i);
            const int32_t* from = frame.row(std::clamp(i + dy, 0, frame.height - 1)) + dx;
            int32_t sum = 0;
            for (int k = left; k < right; k++) sum += (to[k] - from[k]) * (to[k] - from[k]) >> 4;
            cost += int64_t{sum} << 4;
        }
    }
    return cost;
}

void MotionSearch::refine(const PaddedFrame& target, MotionVectors& vectors, int level, int sweeps) {
    MotionModel model(vectors.rows, vectors.columns);
    const int64_t lambda = lambda_ >> (2 * level);
    std::vector<int64_t> errors;
    MotionVectors before = vectors;
    for (int sweep = 0; sweep <= sweeps; sweep++) {
        measure(target, model, vectors, level, sweep < sweeps);
        if (sweep > 0) take_back(model, vectors, before, errors, lambda);
        if (sweep == sweeps) break;
        before = vectors;
        errors = model.cells;
        motion_descend(model, vectors, lambda, 8 << level);
    }
}

void MotionSearch::measure(const PaddedFrame& target, MotionModel& model, const MotionVectors& vectors, int level,
                           bool slopes) {
    const MotionGrid grid{vectors.spacing_log2 - level, vectors.rows, vectors.columns, vectors.values.data()};
    PaddedFrame& warped = warped_[level];
    model.clear();
    for (const MotionReference& reference : references_) {
        const int scale = reference.scale / (1 << level);
        warp_((*reference.frames)[level].source(), grid, scale, 0, kMotionLargestSample, warped.row(0), warped.stride());
        warped.pad();
        model.add(target, warped, grid.spacing_log2, scale, slopes);
    }
}

}  // namespace medcodec
