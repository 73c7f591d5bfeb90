// Compares ways to predict a frame by their true errors and bits.
#include "motion_estimate.hpp"

#include <algorithm>
#include <utility>

#include "motion_coder.hpp"
#include "motion_search.hpp"

namespace medcodec {
namespace {

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

    // In two parts: the product of the largest penalty and many bits is beyond 64 bits.
    uint64_t price(uint64_t bits) const {
        const auto penalty = static_cast<uint64_t>(request_.penalty);
        return (penalty >> 8) * bits + ((penalty & 255) * bits >> 8);
    }

    uint64_t offer(MotionFound found) {
        const uint64_t cost = found.distortion + price(found.bits);
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
    while (all >> shift >> kMotionSampleBits) shift++;
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
        const MotionPyramid previous = back ? pyramid(request_.previous) : MotionPyramid();
        const MotionPyramid following = ahead ? pyramid(request_.following) : MotionPyramid();
        const bool pair = allowed(MotionMode::Bidirectional);
        Fields first, second, shared;
        if (pair || allowed(MotionMode::Previous)) first = search({{&previous, kMotionUnitScale}});
        if (pair || allowed(MotionMode::Next)) second = search({{&following, kMotionUnitScale}});
        if (allowed(MotionMode::Symmetric))
            shared = search({{&previous, request_.scales[0]}, {&following, request_.scales[1]}});
        uint64_t least = UINT64_MAX;
        int best_pair = 0;
        const auto level_of = [](int spacing_log2) { return static_cast<size_t>(kMotionCoarsest - spacing_log2); };
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
    MotionPyramid pyramid(const int32_t* frame) const {
        return motion_pyramid(frame, request_.height, request_.width, shift_);
    }

    // Makes the mean of two warped frames better, one field after the other: the mean is the target where one warped
    // frame is twice the target less the other, and errors of that count a quarter.
    void make_pair(const MotionPyramid& previous, const MotionPyramid& following, MotionVectors& first,
                   MotionVectors& second) const {
        const MotionPyramid* frames[2] = {&previous, &following};
        MotionVectors* fields[2] = {&first, &second};
        for (int which : {0, 1}) {
            const MotionVectors& other = *fields[1 - which];
            const MotionGrid grid{other.spacing_log2, other.rows, other.columns, other.values.data()};
            PaddedFrame rest(request_.height, request_.width);
            const MotionWarp warp = motion_warp_path("auto");
            warp((*frames[1 - which])[0].source(), grid, kMotionUnitScale, 0, kMotionLargestSample, rest.row(0), rest.stride());
            for (int y = 0; y < request_.height; y++)
                for (int x = 0; x < request_.width; x++) rest.row(y)[x] = 2 * target_[0].row(y)[x] - rest.row(y)[x];
            MotionSearch(target_, {{frames[which], kMotionUnitScale}}, 4 * lambda(), request_.effort)
                .polish(rest, *fields[which]);
        }
    }

    int64_t lambda() const { return request_.penalty >> (2 * shift_); }

    Fields search(std::vector<MotionReference> references) const {
        const int64_t lambda = this->lambda() * static_cast<int64_t>(references.size());
        const int closest = *std::min_element(request_.spacings_log2.begin(), request_.spacings_log2.end());
        return MotionSearch(target_, std::move(references), lambda, request_.effort).run(closest);
    }

    const MotionRequest& request_;
    const int shift_;
    const MotionPyramid target_;
    Choice choice_;
};

}  // namespace

MotionFound motion_estimate(const MotionRequest& request) { return Estimator(request).run(); }

}  // namespace medcodec
