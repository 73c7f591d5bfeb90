// Fields are sought from coarse to fine, over a pyramid of frames and then over ever closer nodes. Each sweep warps by
// the field so far, models the squared error as a quadratic function of changes, and takes the changes that lower it
// by more than their bits cost; where the next sweep finds that the error grew, the change is taken back.
#include "motion_estimate.hpp"

#include <array>
#include <memory>

#include "motion_coder.hpp"

namespace medcodec {
namespace {

constexpr int kCoarsest = 5, kSampleBits = 12, kMostLevels = 4;

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
        : target_(target), references_(std::move(references)), lambda_(lambda), effort_(effort), warp_(motion_warp_path("auto")) {}

    // The fields at each spacing from the widest to the closest that is asked for.
    std::vector<MotionVectors> run(int closest_log2) const {
        const int height = target_[0].height, width = target_[0].width;
        std::vector<MotionVectors> found;
        MotionVectors vectors(kCoarsest, motion_nodes(height, kCoarsest), motion_nodes(width, kCoarsest));
        for (int level = static_cast<int>(target_.size()) - 1; level >= 1; level--) refine(vectors, level, 2 + effort_);
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

  private:
    void refine(MotionVectors& vectors, int level, int sweeps) const {
        MotionModel model(vectors.rows, vectors.columns);
        const int64_t lambda = lambda_ >> (2 * level);
        std::vector<int64_t> errors;
        MotionVectors before = vectors;
        for (int sweep = 0; sweep <= sweeps; sweep++) {
            measure(model, vectors, level, sweep < sweeps);
            if (sweep > 0) take_back(model, vectors, before, errors, lambda);
            if (sweep == sweeps) break;
            before = vectors;
            errors = model.cells;
            motion_descend(model, vectors, lambda, 8 << level);
        }
    }

    void measure(MotionModel& model, const MotionVectors& vectors, int level, bool slopes) const {
        const PaddedFrame& target = target_[level];
        const MotionGrid grid{vectors.spacing_log2 - level, vectors.rows, vectors.columns, vectors.values.data()};
        std::vector<int32_t> values(static_cast<size_t>(target.height) * target.width);
        model.clear();
        for (const Reference& reference : references_) {
            const int scale = reference.scale / (1 << level);
            warp_((*reference.frames)[level].source(), grid, scale, 0, (1 << kSampleBits) - 1, values.data());
            model.add(target, PaddedFrame::of(values.data(), target.height, target.width), grid.spacing_log2, scale, slopes);
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

    void offer_pair(MotionMode mode, const MotionVectors& first, const MotionVectors& second) {
        const bool shared = mode == MotionMode::Symmetric;
        const std::vector<int32_t> a = warped(request_.previous, first, shared ? request_.scales[0] : kMotionUnitScale);
        const std::vector<int32_t> b = warped(request_.following, second, shared ? request_.scales[1] : kMotionUnitScale);
        std::vector<int16_t> vectors = first.values;
        if (!shared) vectors.insert(vectors.end(), second.values.begin(), second.values.end());
        offer_coded(mode, first, std::move(vectors), blended(a.data(), b.data()));
    }

    MotionFound best() { return std::move(best_); }

  private:
    std::vector<int32_t> warped(const int32_t* frame, const MotionVectors& field, int scale) {
        const PaddedFrame padded = PaddedFrame::of(frame, request_.height, request_.width);
        std::vector<int32_t> values(size_);
        const MotionGrid grid{field.spacing_log2, field.rows, field.columns, field.values.data()};
        warp_(padded.source(), grid, scale, 0, 65535, values.data());
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

    void offer_coded(MotionMode mode, const MotionVectors& field, std::vector<int16_t> vectors, uint64_t error) {
        ByteBuffer bytes;
        motion_encode(vectors.data(), mode == MotionMode::Bidirectional ? 2 : 1, field.rows, field.columns, bytes);
        offer({mode, field.spacing_log2, std::move(vectors), error, 8 * (1 + bytes.size)});
    }

    void offer(MotionFound found) {
        const uint64_t cost = found.distortion + (static_cast<uint64_t>(request_.penalty) * found.bits >> 8);
        if (any_ && cost >= cost_) return;
        any_ = true;
        cost_ = cost;
        best_ = std::move(found);
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
  public:
    explicit Estimator(const MotionRequest& request)
        : request_(request), shift_(shift_of(request)), target_(pyramid(request.target)), choice_(request) {}

    MotionFound run() {
        using Fields = std::vector<MotionVectors>;
        const bool back = request_.previous, ahead = request_.following;
        if (back) choice_.offer_still(MotionMode::Previous);
        if (ahead) choice_.offer_still(MotionMode::Next);
        if (back && ahead) choice_.offer_still(MotionMode::Skip);
        if (request_.spacings_log2.empty()) return choice_.best();
        const Pyramid previous = back ? pyramid(request_.previous) : Pyramid();
        const Pyramid following = ahead ? pyramid(request_.following) : Pyramid();
        const Fields first = back ? search({{&previous, kMotionUnitScale}}) : Fields();
        const Fields second = ahead ? search({{&following, kMotionUnitScale}}) : Fields();
        const Fields shared = back && ahead ? search({{&previous, request_.scales[0]}, {&following, request_.scales[1]}}) : Fields();
        for (int spacing_log2 : request_.spacings_log2) {
            const size_t at = static_cast<size_t>(kCoarsest - spacing_log2);
            if (back) choice_.offer_single(MotionMode::Previous, first[at]);
            if (ahead) choice_.offer_single(MotionMode::Next, second[at]);
            if (!back || !ahead) continue;
            choice_.offer_pair(MotionMode::Symmetric, shared[at], shared[at]);
            choice_.offer_pair(MotionMode::Bidirectional, first[at], second[at]);
        }
        return choice_.best();
    }

  private:
    Pyramid pyramid(const int32_t* frame) const { return pyramid_of(frame, request_.height, request_.width, shift_); }

    std::vector<MotionVectors> search(std::vector<Reference> references) const {
        const int64_t lambda = (request_.penalty >> (2 * shift_)) * static_cast<int64_t>(references.size());
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
