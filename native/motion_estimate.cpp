// Fields are sought from coarse to fine, over a pyramid of frames and then over ever closer nodes. Each sweep warps by
// the field so far, models the squared error as a quadratic function of changes, and takes the changes that lower it
// by more than their bits cost; where the next sweep finds that the error grew, the change is taken back.
#include "motion_estimate.hpp"

#include <array>
#include <memory>

#include "motion_coder.hpp"

namespace medcodec {
namespace {

constexpr int kCoarsest = 5, kSampleBits = 12, kMostLevels = 4, kMatchRange = 5, kMatchedLevel = 2;
constexpr int kLargestSample = (1 << kSampleBits) - 1;

using Pyramid = std::vector<PaddedFrame>;

PaddedFrame halved(const PaddedFrame& frame) {
    PaddedFrame half((frame.height + 1) / 2, (frame.width + 1) / 2);
    for (int y = 0; y < half.height; y++) {
        const int32_t* top = frame.row(2 * y);
        const int32_t* bottom = frame.row(2 * y + 1);
        int32_t* to = half.row(y);
        for (int x = 0; x < half.width; x++) to[x] = (top[2 * x] + top[2 * x + 1] + bottom[2 * x] + bottom[2 * x + 1] + 2) >> 2;
    }
    half.pad();
    return half;
}

Pyramid pyramid_of(const int32_t* frame, int height, int width, int shift) {
    Pyramid pyramid;
    pyramid.reserve(kMostLevels);
    pyramid.push_back(PaddedFrame::of(frame, height, width, shift));
    while (pyramid.size() < kMostLevels && std::max(pyramid.back().height, pyramid.back().width) >= 16)
        pyramid.push_back(halved(pyramid.back()));
    return pyramid;
}

// A reference that a field leads to.
struct Reference {
    const Pyramid* frames;
    int scale;
};

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

class FieldSearch {
  public:
    FieldSearch(const Pyramid& target, std::vector<Reference> references, int64_t lambda, int effort)
        : target_(target), references_(std::move(references)), lambda_(lambda), effort_(effort), warp_(motion_warp_path("auto")) {
        warped_.reserve(target.size());
        for (const PaddedFrame& frame : target) warped_.emplace_back(frame.height, frame.width);
    }

    // The fields at each spacing from the widest to the closest that is asked for.
    std::vector<MotionVectors> run(int closest_log2) const {
        const int height = target_[0].height, width = target_[0].width;
        std::vector<MotionVectors> found;
        MotionVectors vectors(kCoarsest, motion_nodes(height, kCoarsest), motion_nodes(width, kCoarsest));
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

    // Makes a field better at full size, towards a target of its own.
    void polish(const PaddedFrame& target, MotionVectors& vectors) const { refine(target, vectors, 0, 1); }

  private:
    int coarsest() const { return static_cast<int>(target_.size()) - 1; }

    // From no motion and from matches, and what is better at each node: matches go astray where a pattern repeats.
    void start(MotionVectors& vectors) const {
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
    void match(MotionVectors& vectors, int level) const {
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
    int64_t matched(int level, int row, int column, int y, int x) const {
        const PaddedFrame& target = target_[level];
        const int spacing = 1 << (kCoarsest - level);
        const int top = std::max((row - 1) * spacing, 0), bottom = std::min((row + 1) * spacing, target.height);
        const int left = std::max((column - 1) * spacing, 0), right = std::min((column + 1) * spacing, target.width);
        int64_t cost = 0;
        for (const Reference& reference : references_) {
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

    void refine(MotionVectors& vectors, int level, int sweeps) const { refine(target_[level], vectors, level, sweeps); }

    void refine(const PaddedFrame& target, MotionVectors& vectors, int level, int sweeps) const {
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

    void measure(const PaddedFrame& target, MotionModel& model, const MotionVectors& vectors, int level, bool slopes) const {
        const MotionGrid grid{vectors.spacing_log2 - level, vectors.rows, vectors.columns, vectors.values.data()};
        PaddedFrame& warped = warped_[level];
        model.clear();
        for (const Reference& reference : references_) {
            const int scale = reference.scale / (1 << level);
            warp_((*reference.frames)[level].source(), grid, scale, 0, kLargestSample, warped.row(0), warped.stride());
            warped.pad();
            model.add(target, warped, grid.spacing_log2, scale, slopes);
        }
    }

    static void take_back(const MotionModel& model, MotionVectors& vectors, const MotionVectors& before,
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

    const Pyramid& target_;
    std::vector<Reference> references_;
    int64_t lambda_;
    int effort_;
    MotionWarp warp_;
    mutable Pyramid warped_;  // room to work in, for each level
};

// Compares ways to predict by their true errors and bits.
class Choice {
  public:
    explicit Choice(const MotionRequest& request)
        : request_(request), size_(static_cast<size_t>(request.height) * request.width), warp_(motion_warp_path("auto")) {}

    void offer_still(MotionMode mode) {
        const bool both = mode == MotionMode::Skip;
        const uint64_t error = both ? blended(request_.previous, request_.following)
                                    : single(mode == MotionMode::Previous ? request_.previous : request_.following);
        offer({mode, 0, {}, error, 8});
    }

    void offer_single(MotionMode mode, const MotionVectors& field) {
        const bool back = mode == MotionMode::Previous;
        const std::vector<int32_t> values = warped(back ? request_.previous : request_.following, field, kMotionUnitScale);
        offer_coded(mode, field, field.values, single(values.data()));
    }

    uint64_t offer_pair(MotionMode mode, const MotionVectors& first, const MotionVectors& second) {
        const bool shared = mode == MotionMode::Symmetric;
        const std::vector<int32_t> a = warped(request_.previous, first, shared ? request_.scales[0] : kMotionUnitScale);
        const std::vector<int32_t> b = warped(request_.following, second, shared ? request_.scales[1] : kMotionUnitScale);
        std::vector<int16_t> vectors = first.values;
        if (!shared) vectors.insert(vectors.end(), second.values.begin(), second.values.end());
        return offer_coded(mode, first, std::move(vectors), blended(a.data(), b.data()));
    }

    MotionFound best() { return std::move(best_); }

  private:
    std::vector<int32_t> warped(const int32_t* frame, const MotionVectors& field, int scale) {
        const PaddedFrame padded = PaddedFrame::of(frame, request_.height, request_.width);
        std::vector<int32_t> values(size_);
        const MotionGrid grid{field.spacing_log2, field.rows, field.columns, field.values.data()};
        warp_(padded.source(), grid, scale, 0, 65535, values.data(), request_.width);
        return values;
    }

    uint64_t single(const int32_t* a) const {
        uint64_t error = 0;
        for (size_t i = 0; i < size_; i++) {
            const int64_t e = request_.target[i] - a[i];
            error += static_cast<uint64_t>(e * e);
        }
        return error;
    }

    uint64_t blended(const int32_t* a, const int32_t* b) const {
        uint64_t error = 0;
        for (size_t i = 0; i < size_; i++) {
            const int64_t e = request_.target[i] - ((a[i] + b[i] + 1) >> 1);
            error += static_cast<uint64_t>(e * e);
        }
        return error;
    }

    uint64_t offer_coded(MotionMode mode, const MotionVectors& field, std::vector<int16_t> vectors, uint64_t error) {
        ByteBuffer bytes;
        motion_encode(vectors.data(), mode == MotionMode::Bidirectional ? 2 : 1, field.rows, field.columns, bytes);
        return offer({mode, field.spacing_log2, std::move(vectors), error, 8 * (1 + bytes.size)});
    }

    uint64_t offer(MotionFound found) {
        const uint64_t cost = found.distortion + (static_cast<uint64_t>(request_.penalty) * found.bits >> 8);
        if (!any_ || cost < cost_) {
            any_ = true;
            cost_ = cost;
            best_ = std::move(found);
        }
        return cost;
    }

    const MotionRequest& request_;
    const size_t size_;
    const MotionWarp warp_;
    MotionFound best_;
    bool any_ = false;
    uint64_t cost_ = 0;
};

int shift_of(const MotionRequest& request) {
    const size_t size = static_cast<size_t>(request.height) * request.width;
    int32_t all = 0;
    for (const int32_t* frame : {request.target, request.previous, request.following})
        for (size_t i = 0; frame && i < size; i++) all |= frame[i];
    int shift = 0;
    while (all >> shift >> kSampleBits) shift++;
    return shift;
}

class Estimator {
    using Fields = std::vector<MotionVectors>;

  public:
    explicit Estimator(const MotionRequest& request)
        : request_(request), shift_(shift_of(request)), target_(pyramid(request.target)), choice_(request) {}

    MotionFound run() {
        const bool back = request_.previous, ahead = request_.following;
        const auto allowed = [&](MotionMode mode) {
            return request_.allows(mode) && (back || mode == MotionMode::Next) && (ahead || mode == MotionMode::Previous);
        };
        for (MotionMode mode : {MotionMode::Previous, MotionMode::Next, MotionMode::Skip})
            if (allowed(mode)) choice_.offer_still(mode);
        if (request_.spacings_log2.empty()) return choice_.best();
        const Pyramid previous = back ? pyramid(request_.previous) : Pyramid();
        const Pyramid following = ahead ? pyramid(request_.following) : Pyramid();
        const bool pair = allowed(MotionMode::Bidirectional);
        Fields first, second, shared;
        if (pair || allowed(MotionMode::Previous)) first = search({{&previous, kMotionUnitScale}});
        if (pair || allowed(MotionMode::Next)) second = search({{&following, kMotionUnitScale}});
        if (allowed(MotionMode::Symmetric))
            shared = search({{&previous, request_.scales[0]}, {&following, request_.scales[1]}});
        uint64_t least = UINT64_MAX;
        int best_pair = 0;
        const auto level_of = [](int spacing_log2) { return static_cast<size_t>(kCoarsest - spacing_log2); };
        for (int spacing_log2 : request_.spacings_log2) {
            const size_t at = level_of(spacing_log2);
            if (allowed(MotionMode::Previous)) choice_.offer_single(MotionMode::Previous, first[at]);
            if (allowed(MotionMode::Next)) choice_.offer_single(MotionMode::Next, second[at]);
            if (allowed(MotionMode::Symmetric)) choice_.offer_pair(MotionMode::Symmetric, shared[at], shared[at]);
            if (!pair) continue;
            const uint64_t cost = choice_.offer_pair(MotionMode::Bidirectional, first[at], second[at]);
            if (cost >= least) continue;
            least = cost;
            best_pair = spacing_log2;
        }
        for (int spacing_log2 : request_.spacings_log2) {
            if (!pair || request_.effort == 0 || (request_.effort == 1 && spacing_log2 != best_pair)) continue;
            const size_t at = level_of(spacing_log2);
            make_pair(previous, following, first[at], second[at]);
            choice_.offer_pair(MotionMode::Bidirectional, first[at], second[at]);
        }
        return choice_.best();
    }

  private:
    Pyramid pyramid(const int32_t* frame) const { return pyramid_of(frame, request_.height, request_.width, shift_); }

    // Makes the mean of two warped frames better, one field after the other: the mean is the target where one warped
    // frame is twice the target less the other, and errors of that count a quarter.
    void make_pair(const Pyramid& previous, const Pyramid& following, MotionVectors& first, MotionVectors& second) const {
        const Pyramid* frames[2] = {&previous, &following};
        MotionVectors* fields[2] = {&first, &second};
        for (int which : {0, 1}) {
            const MotionVectors& other = *fields[1 - which];
            const MotionGrid grid{other.spacing_log2, other.rows, other.columns, other.values.data()};
            PaddedFrame rest(request_.height, request_.width);
            motion_warp_path("auto")((*frames[1 - which])[0].source(), grid, kMotionUnitScale, 0, kLargestSample, rest.row(0), rest.stride());
            for (int y = 0; y < request_.height; y++)
                for (int x = 0; x < request_.width; x++) rest.row(y)[x] = 2 * target_[0].row(y)[x] - rest.row(y)[x];
            FieldSearch(target_, {{frames[which], kMotionUnitScale}}, 4 * lambda(), request_.effort).polish(rest, *fields[which]);
        }
    }

    int64_t lambda() const { return request_.penalty >> (2 * shift_); }

    Fields search(std::vector<Reference> references) const {
        const int64_t lambda = this->lambda() * static_cast<int64_t>(references.size());
        const int closest = *std::min_element(request_.spacings_log2.begin(), request_.spacings_log2.end());
        return FieldSearch(target_, std::move(references), lambda, request_.effort).run(closest);
    }

    const MotionRequest& request_;
    const int shift_;
    const Pyramid target_;
    Choice choice_;
};

}  // namespace

MotionFound motion_estimate(const MotionRequest& request) { return Estimator(request).run(); }

}  // namespace medcodec
