// The coder: predict, estimate the scale, code, learn. Encoder and decoder are one template, so that they
// cannot drift apart.

constexpr int kReferenceKinds = 3;  // 0, 1 or 2 known frames
constexpr int kMaxPredictors = 8;   // lanes of the predictors' errors
constexpr int kScaleContexts = 32;
constexpr int kBiasContexts = 16 * 8;
constexpr int kStackFeatures = 8;
constexpr int kMeanMemory = 512;
constexpr int kMaxBands = 512;     // wider frames have wider bands, so that memory stays bounded

inline int band_width(int width, int preset) {
    const int least = (width + kMaxBands - 1) / kMaxBands;
    return preset > least ? preset : least;
}

template <bool Decode>
struct RangeCoderOf {
    using Type = RangeEncoder;
};
template <>
struct RangeCoderOf<true> {
    using Type = RangeDecoder;
};

// What is learned for one number of references; it takes memory from its first frame to its last one.
template <int V>
struct KindState {
    bool started = false;
    Array<Normal<V>> fast, slow;
    Array<Normal<1>> stack;
    Array<Vec> weights;   // per band: 2 * kSnapshots rows of kMaxVectors
    Array<Vec> stack_weights;
    ScaleModel scale;
    RunningMean bias[kBiasContexts] = {};
    RunningMean gain[kScaleContexts];
    Warp warp[kScaleContexts];
    RepeatModel repeat[64];
    __attribute__((noinline)) void start(size_t bands, const AdaptivePreset& preset) {
        if (started) return;
        started = true;
        fast.reset(bands);
        if (preset.slow_decay > 0) slow.reset(bands);
        if (preset.stack) stack.reset(bands), stack_weights.reset(bands);
        weights.reset(bands * 2 * kSnapshots * kMaxVectors);
        scale.reset();
        for (auto& g : gain) g = {1, 4};
        for (auto& w : warp) w.reset();
        for (auto& r : repeat) r = {1 << 21, 0};
    }
    void finish() {
        fast.reset(0), slow.reset(0), stack.reset(0), weights.reset(0), stack_weights.reset(0);
    }
};

template <int V, bool Decode>
class AdaptiveCoder {
  public:
    AdaptiveCoder(const AdaptiveGroup& group, const AdaptivePreset& preset, void* levels,
                  typename RangeCoderOf<Decode>::Type& coder)
        : g_(group), preset_(preset), coder_(coder), rows_{levels, group.level_bytes, group.width},
          window_(group.height, group.width, kPlanes), area_(static_cast<size_t>(group.height) * group.width),
          last_errors_(group.frames > 1 ? area_ : 0), first_errors_(group.sequences > 1 ? area_ : 0),
          band_(band_width(group.width, preset.band)),
          bands_((group.width + band_ - 1) / band_), top_(static_cast<float>(group.max_level)),
          step_(static_cast<float>(2 * group.max_error + 1)),
          noise_(0.5f + (step_ * step_ - 1) / 12),
          predictors_(preset.slow_decay > 0 ? kSnapshots + 2 : kSnapshots),
          recent_(3 * static_cast<size_t>(group.width + 2 * kPad)), row_(static_cast<size_t>(group.width)) {
        for (int i = 0; i <= kMeanMemory; i++) reciprocal_[i] = 1 / static_cast<float>(i + 1);
        // Every cell keeps a little of the whole, so that nothing is impossible.
        floor_ = static_cast<uint32_t>(g_.max_level) + 1 < 8192 ? 8192 / (static_cast<uint32_t>(g_.max_level) + 1) : 1;
    }

    void run() {
        for (int s = 0; s < g_.sequences; s++)
            for (int n = 0; n < g_.frames; n++) code_frame(s, n);
    }

  private:
    const AdaptiveGroup& g_;
    const AdaptivePreset& preset_;
    typename RangeCoderOf<Decode>::Type& coder_;
    LevelRows rows_;
    // Planes of the window: the frame and its references, its errors and those of the frame before.
    enum { kCurrent, kFirst, kSecond, kErrors, kKnownErrors, kPlanes };
    Window window_;
    const size_t area_;
    Array<float> last_errors_, first_errors_;  // of the frame before, and of the sequence's first frame
    const int band_, bands_;
    const float top_, step_;
    const float noise_;  // of the levels themselves: what quantisation adds, and a little
    const int predictors_;
    Array<Vec8> recent_;  // absolute errors of each predictor: this row and the two before
    Array<float> row_;
    KindState<V> kinds_[kReferenceKinds];
    LogisticTable logistic_;
    float reciprocal_[kMeanMemory + 1];
    uint32_t floor_;

    // Of the frame that is being coded.
    KindState<V>* kind_;
    int references_;
    int64_t reference_rows_[2];
    // Of the row that is being coded, in the first reference and in the errors of the frame before.
    const float *known_, *known_error_;
    Vec8 *recent0_, *recent1_, *recent2_;

    int64_t first_row(int s, int n) const { return (static_cast<int64_t>(s) * g_.frames + n) * g_.height; }

    void code_frame(int s, int n) {
        references_ = 0;
        const auto refer = [this](int64_t first) { reference_rows_[references_++] = first; };
        if (n > 0) {
            refer(first_row(s, n - 1));
            if (s > 0) refer(first_row(s - 1, n));
            else if (n > 1) refer(first_row(s, n - 2));
        } else if (s > 0) {
            refer(first_row(s - 1, 0));
            if (s > 1) refer(first_row(s - 2, 0));
        }
        kind_ = &kinds_[references_];
        if (references_ > 0) kinds_[0].finish();
        if (references_ > 1 && (s > 0 || g_.sequences == 1)) kinds_[1].finish();
        kind_->start(static_cast<size_t>(bands_), preset_);
        const TapList taps(V, references_, static_cast<int32_t>(window_.size), static_cast<int32_t>(2 * window_.size),
                           window_.stride);
        start_frame(n);
        for (int y = 0; y < g_.height; y++) {
            code_row(taps, first_row(s, n) + y, y, n);
            keep_errors(y, n);
        }
    }

    // What is done once a frame or row is kept out of line, where it does not hinder what is done for every voxel.

    // Rows above the first: the known frame, or zeros.
    __attribute__((noinline)) void start_frame(int n) {
        window_.start_frame();
        for (int y = -kPad; y < Window::kAhead; y++) load_known(y, n);
        const size_t above = static_cast<size_t>(kPad) * window_.stride;
        float* start = window_.row(kCurrent, -kPad) - kPad;
        if (references_) std::memcpy(start, window_.row(kFirst, -kPad) - kPad, above * sizeof(float));
        else std::memset(start, 0, above * sizeof(float));
        std::memset(window_.row(kErrors, -kPad) - kPad, 0, above * sizeof(float));
        for (size_t i = 0; i < recent_.size; i++) recent_[i] = Vec8{} + 1.0f;
    }

    // Row y of the references and of the errors of the frame before (of a first frame: of the sequence before).
    __attribute__((noinline)) void load_known(int y, int n) {
        for (int i = 0; i < references_; i++)
            window_.load(kFirst + i, y, [this, i](int from, float* to) { rows_.read(reference_rows_[i] + from, to); });
        if (!references_) return;
        const float* errors = n > 0 ? last_errors_.data : first_errors_.data;
        window_.load(kKnownErrors, y, [this, errors](int from, float* to) {
            std::memcpy(to, errors + static_cast<size_t>(from) * g_.width, static_cast<size_t>(g_.width) * sizeof(float));
        });
    }

    // The rows that are known of the frame before were loaded further down already.
    __attribute__((noinline)) void keep_errors(int y, int n) {
        const size_t place = static_cast<size_t>(y) * g_.width, bytes = static_cast<size_t>(g_.width) * sizeof(float);
        if (last_errors_.size) std::memcpy(last_errors_.data + place, window_.row(kErrors, y), bytes);
        if (n == 0 && first_errors_.size) std::memcpy(first_errors_.data + place, window_.row(kErrors, y), bytes);
    }

    void code_row(const TapList& taps, int64_t level_row, int y, int n) {
        window_.advance(y);
        load_known(y + Window::kAhead, n);
        float *row = window_.row(kCurrent, y), *error = window_.row(kErrors, y);
        known_ = window_.row(kFirst, y);
        known_error_ = window_.row(kKnownErrors, y);
        for (int x = 1; x <= kPad; x++) {
            row[-x] = row[-window_.stride];
            error[-x] = 0;
        }
        // Right of the row nothing is known yet: taps do not reach there except through rows above.
        const int64_t span = g_.width + 2 * kPad;
        recent0_ = recent_.data + y % 3 * span + kPad;
        recent1_ = recent_.data + (y + 2) % 3 * span + kPad;
        recent2_ = recent_.data + (y + 1) % 3 * span + kPad;
        for (int x = 1; x <= kPad; x++) recent0_[-x] = recent1_[0];
        if constexpr (!Decode) rows_.read(level_row, row_.data);
        for (int b = 0; b < bands_; b++) code_band(taps, row, error, y, b);
        window_.pad_sides(row);
        window_.pad_sides(error);
        for (int x = 0; x < kPad; x++) recent0_[g_.width + x] = recent0_[g_.width - 1];
        if (Decode || g_.max_error) rows_.write(level_row, row);
        kind_->scale.end_row(0.98f);
    }

    void code_band(const TapList& taps, float* row, float* error, int y, int b) {
        const int x0 = b * band_, x1 = x0 + band_ < g_.width ? x0 + band_ : g_.width;
        bool ready = false;
        for (int x = x0; x < x1; x++) {
            const float* c = row + x;
            if (repeats(c, known_ + x) && code_repeat(row, error, x)) continue;
            if (!ready) {
                if ((y + b) % preset_.solve_rows == 0 || y < 2) solve_band(taps, b);
                decay_band(taps, b);
                ready = true;
            }
            code_voxel(taps, row, error, x, b);
        }
    }

    // Whether everything next to the voxel has one and the same value.
    bool repeats(const float* c, const float* k) const {
        const int st = window_.stride;
        const float v = c[-1];
        if (c[-st] != v || c[-st - 1] != v || c[1 - st] != v) return false;
        if (!references_) return true;
        return k[0] == v && k[1] == v && k[st] == v && k[-1] == v && k[-st] == v;
    }

    bool code_repeat(float* row, float* error, int x) {
        const int st = window_.stride;
        const float* c = row + x;
        const float v = c[-1];
        const int context = (c[-2] == v) + 2 * (c[-2 * st] == v) + 4 * (c[2 - st] == v) + 8 * (c[-2 - st] == v) +
                            16 * (v == 0 || v == top_) + 32 * (error[x - 1] + error[x - st] + error[x + 1 - st] > 0);
        RepeatModel& model = kind_->repeat[context];
        bool repeated;
        if constexpr (Decode) repeated = coder_.decode_bit(model.p16());
        else repeated = absolute(row_[x] - v) <= static_cast<float>(g_.max_error), coder_.encode_bit(repeated, model.p16());
        model.update(repeated);
        if (!repeated) return false;
        row[x] = v;
        error[x] = 0;
        recent0_[x] = Vec8{};
        return true;
    }

    void decay_band(const TapList& taps, int b) {
        kind_->fast[b].scale(preset_.decay, taps.count);
        if (preset_.slow_decay > 0) kind_->slow[b].scale(preset_.slow_decay, taps.count);
        if (preset_.stack) kind_->stack[b].scale(0.92f, kStackFeatures);
    }

    // The statistics of a band and half those of its neighbours.
    template <class T>
    static T around(Array<T>& bands, int b, int count) {
        T m = bands[b];
        if (b > 0) m.add(bands[b - 1], 0.5f, count);
        if (b + 1 < static_cast<int>(bands.size)) m.add(bands[b + 1], 0.5f, count);
        return m;
    }

    Vec (*band_weights(int b))[kMaxVectors] {
        return reinterpret_cast<Vec(*)[kMaxVectors]>(kind_->weights.data + static_cast<size_t>(b) * 2 * kSnapshots * kMaxVectors);
    }

    void solve_band(const TapList& taps, int b) {
        Normal<V> m = around(kind_->fast, b, taps.count);
        solve<V>(m, taps.count, 3e-5f, taps.snapshot, kSnapshots, band_weights(b));
        if (preset_.slow_decay > 0) {
            m = around(kind_->slow, b, taps.count);
            solve<V>(m, taps.count, 3e-5f, taps.snapshot + 1, 2, band_weights(b) + kSnapshots);
        }
        if (preset_.stack) {
            Normal<1> n = around(kind_->stack, b, kStackFeatures);
            const int all = kStackFeatures;
            Vec solution[1][kMaxVectors];
            solve<1>(n, kStackFeatures, 0.05f, &all, 1, solution);
            kind_->stack_weights[b] = solution[0][0];
        }
    }

    struct Prediction {
        Vec taps[V];       // neighbours less the base; the target's lane still empty
        float base, blended;
        Vec8 each;         // every predictor's value
        Vec stack;         // features of the second stage
        float spread;      // disagreement of the predictors
    };

    void predict(const TapList& taps, const float* c, const float* k, int x, int b, Prediction& p) {
        const int st = window_.stride;
        p.base = references_ ? (c[-1] + c[-st] + 2 * k[0]) * 0.25f : (c[-1] + c[-st]) * 0.5f;
        float* f = reinterpret_cast<float*>(p.taps);
        for (int i = 0; i < V * kLanes; i++) f[i] = c[taps.offset[i]] - p.base;
        for (int i = taps.count; i < V * kLanes; i++) f[i] = 0;
        const Vec(*w)[kMaxVectors] = band_weights(b);
        p.each = Vec8{};
        for (int i = 0; i < predictors_; i++) {
            Vec sum = w[i][0] * p.taps[0];
            for (int v = 1; v < V; v++) sum += w[i][v] * p.taps[v];
            p.each[i] = sum_lanes(sum) + p.base;
        }
        const Vec8 e = recent0_[x - 1] + recent1_[x] + recent1_[x - 1] + recent1_[x + 1] +
                       0.5f * (recent0_[x - 2] + recent2_[x]) + 0.01f;
        Vec8 trust = 1.0f / (e * e);
        float total = 0, blend = 0;
        for (int i = 0; i < predictors_; i++) total += trust[i], blend += trust[i] * p.each[i];
        p.blended = blend / total;
        p.spread = absolute(p.each[0] - p.each[2]) + absolute(p.each[1] - p.each[2]);
        if (preset_.stack) stack(c, k, b, p);
    }

    // Second stage: least squares over the first stage's values and two simple predictors.
    void stack(const float* c, const float* k, int b, Prediction& p) {
        const float west = c[-1], north = c[-window_.stride], corner = c[-window_.stride - 1];
        const float low = west < north ? west : north, high = west < north ? north : west;
        const float median = corner >= high ? low : corner <= low ? high : west + north - corner;
        p.stack = Vec{};
        for (int i = 0; i < predictors_; i++) p.stack[i] = p.each[i] - p.blended;
        p.stack[5] = 0.3f * (median - p.blended);
        if (references_) p.stack[6] = 0.3f * (k[0] - p.blended);
        p.blended += sum_lanes(p.stack * kind_->stack_weights[b]);
    }

    // Initialised as a whole: single lanes written one by one would go through memory.
    Vec scale_features(const float* c, const float* k, const float* e, const float* ke, const Prediction& p) const {
        const int st = window_.stride;
        const float ring = e[-st - 2] + e[2 - st] + e[-2 * st - 1] + e[1 - 2 * st];
        const float gradient = absolute(c[-1] - c[-st - 1]) + absolute(c[-st] - c[1 - st]);
        if (references_)
            return Vec{e[-1], e[-st], e[-st - 1], e[1 - st], e[-2] + e[-2 * st], ring, ke[0], ke[1] + ke[-1],
                       ke[st] + ke[-st], ke[st + 1] + ke[st - 1] + ke[-st - 1] + ke[1 - st], p.spread, gradient,
                       absolute(k[0] - p.blended), 0.3f, ke[2] + ke[-2] + ke[2 * st] + ke[-2 * st], 0};
        return Vec{e[-1], e[-st], e[-st - 1], e[1 - st], e[-2] + e[-2 * st], ring, 0, 0, 0, 0, p.spread, gradient,
                   absolute(c[-st] - c[-2 * st]), 0.3f, e[3 - st] + e[-3 - st] + e[-3] + e[-3 * st], 0};
    }

    void code_voxel(const TapList& taps, float* row, float* error, int x, int b) {
        KindState<V>& kind = *kind_;
        const int st = window_.stride;
        const float* c = row + x;
        const float *k = known_ + x, *ke = known_error_ + x;
        Prediction p;
        predict(taps, c, k, x, b, p);
        float mean = p.blended;
        if (!(mean > 0)) mean = 0;
        if (mean > top_) mean = top_;
        p.blended = mean;

        Vec features = scale_features(c, k, error + x, ke, p);
        float scale = sum_lanes(kind.scale.weights * features);
        const float* e = error + x;
        const float least = 0.02f * (e[-1] + e[-st] + (references_ ? ke[0] : 0)) + 0.03f;
        if (!(scale > least)) scale = least;

        int activity = half_octaves(scale * 4);
        activity = activity > 15 ? 15 : activity;
        RunningMean& bias = kind.bias[activity * 8 + (c[-1] > mean) * 4 + (c[-st] > mean) * 2 +
                                      (references_ ? k[0] > mean : c[1 - st] > mean)];
        const float centre = mean + bias.mean;
        int level = half_octaves(scale * 8);
        level = level >= kScaleContexts ? kScaleContexts - 1 : level;
        RunningMean& gain = kind.gain[level];
        // A logistic's mean absolute error is 2 ln 2 times its scale.
        // Not far below a cell's width: the neighbouring cells must keep a share that the warp can adapt.
        float unit = scale * gain.mean * 0.72f;
        if (unit < step_ * 0.15f) unit = step_ * 0.15f;
        const float inverse_scale = 1 / unit;
        const float value = code_value(x, c, k, centre, inverse_scale, kind.warp[level]);

        const float deviation = value - centre, magnitude = absolute(deviation);
        row[x] = value;
        error[x] = magnitude;
        bias.add(value - mean, 128, reciprocal_);
        const float relative = magnitude / scale;
        gain.add(relative < 16 ? relative : 16, kMeanMemory, reciprocal_);
        const float squared = scale * scale;
        for (int i = 0; i < predictors_; i++) recent0_[x][i] = absolute(p.each[i] - value);
        kind.scale.update(features, magnitude < 6 * scale ? magnitude : 6 * scale, 1 / (squared + 0.01f));
        learn(taps, p, value, 1 / (squared + noise_), b);
    }

    void learn(const TapList& taps, Prediction& p, float value, float weight, int b) {
        reinterpret_cast<float*>(p.taps)[taps.count] = value - p.base;
        kind_->fast[b].update(p.taps, weight, taps.count);
        if (preset_.slow_decay > 0) kind_->slow[b].update(p.taps, weight, taps.count);
        if (preset_.stack) {
            p.stack[kStackFeatures] = value - first_stage(p);
            kind_->stack[b].update(&p.stack, weight, kStackFeatures);
        }
    }
    static float first_stage(const Prediction& p) { return p.each[0] - p.stack[0]; }

    // Code the cell of `row_[x]` on the lattice of the quantiser; returns the value that the decoder sees.
    float code_value(int x, const float* c, const float* k, float centre, float inverse_scale, Warp& warp) {
        // Lossless: cells are the levels. Otherwise they are `step_` wide around the rounded prediction.
        const float origin = g_.max_error ? bounded_origin(c, k, centre) : 0;
        const float reach = static_cast<float>(g_.max_error);
        const int32_t lowest = -static_cast<int32_t>((origin + reach) / step_);
        const int32_t highest = static_cast<int32_t>((top_ - origin + reach) / step_);
        const auto cells = static_cast<uint32_t>(highest - lowest + 1);
        const float edge = origin - reach - 0.5f - centre;
        const uint64_t share = kTotal - static_cast<uint64_t>(cells) * floor_;
        auto quantile = [&](int32_t cell) {  // of the cell's lower edge
            return cell <= lowest ? 0 : cell > highest ? kTotal
                   : logistic_.at((edge + static_cast<float>(cell) * step_) * inverse_scale);
        };
        auto cumulative = [&](int32_t cell, uint32_t u) {
            return static_cast<uint32_t>(warp.at(u) * share >> kTotalBits) + static_cast<uint32_t>(cell - lowest) * floor_;
        };
        int32_t cell;
        uint32_t u0, u1, start, end;
        if constexpr (Decode) {
            const uint32_t target = coder_.peek();
            cell = first_guess(target, warp, centre, origin, inverse_scale);
            cell = cell < lowest ? lowest : cell > highest ? highest : cell;
            u0 = quantile(cell), start = cumulative(cell, u0);
            u1 = quantile(cell + 1), end = cumulative(cell + 1, u1);
            int32_t stride = 1;
            // Gallop towards the cell, then halve: at most some 40 steps whatever the stream says.
            int32_t low = lowest, high = highest + 1;
            while (target < start || target >= end) {
                int32_t next;
                if (target < start) high = cell, next = cell - stride;
                else low = cell + 1, next = cell + stride;
                if (next < low || next >= high) next = low + (high - low) / 2;
                stride *= 2;
                cell = next;
                u0 = quantile(cell), start = cumulative(cell, u0);
                u1 = quantile(cell + 1), end = cumulative(cell + 1, u1);
            }
            coder_.consume(start, end - start);
        } else {
            const float offset = row_[x] - origin;
            cell = offset < 0 ? -static_cast<int32_t>((reach - offset) / step_) : static_cast<int32_t>((offset + reach) / step_);
            u0 = quantile(cell), start = cumulative(cell, u0);
            u1 = quantile(cell + 1), end = cumulative(cell + 1, u1);
            coder_.encode(start, end - start);
        }
        warp.update(u0, u1, 9);
        const float value = origin + static_cast<float>(cell) * step_;
        return value < 0 ? 0 : value > top_ ? top_ : value;
    }

    // The middle of a cell: the rounded prediction, or the background where that is next to the voxel.
    float bounded_origin(const float* c, const float* k, float centre) const {
        const float origin = static_cast<float>(static_cast<int32_t>(centre + 0.5f));
        if (!(origin > 0)) return 0;
        if (preset_.keeps_background && origin <= static_cast<float>(g_.max_error)) {
            const int st = window_.stride;
            const int around = (c[-1] == 0) + (c[-st] == 0) + (c[-st - 1] == 0) + (c[1 - st] == 0);
            if (around + (references_ && k[0] == 0) >= 2) return 0;
        }
        return origin < top_ ? origin : top_;
    }

    int32_t first_guess(uint32_t target, const Warp& warp, float centre, float origin, float inverse_scale) const {
        const float u = warp.inverse(target) * (1024.0f / kWarpBins);
        const int i = u < 0 ? 0 : u > 1023 ? 1023 : static_cast<int>(u);
        const float z = logistic_.quantile[i] + (logistic_.quantile[i + 1] - logistic_.quantile[i]) * (u - static_cast<float>(i));
        const float cell = (centre + z / inverse_scale - origin) / step_;
        return cell > 1e7f ? 10000000 : cell < -1e7f ? -10000000 : static_cast<int32_t>(cell + (cell < 0 ? -0.5f : 0.5f));
    }
};

template <bool Decode>
void run_coder(const AdaptiveGroup& group, const AdaptivePreset& preset, void* levels,
               typename RangeCoderOf<Decode>::Type& coder) {
    switch (preset.vectors) {
        case 1: AdaptiveCoder<1, Decode>(group, preset, levels, coder).run(); break;
        case 2: AdaptiveCoder<2, Decode>(group, preset, levels, coder).run(); break;
        default: AdaptiveCoder<3, Decode>(group, preset, levels, coder).run(); break;
    }
}

void encode_group(const AdaptiveGroup& group, const AdaptivePreset& preset, void* levels, ByteBuffer& out) {
    RangeEncoder coder(out);
    run_coder<false>(group, preset, levels, coder);
    coder.finish();
}

bool decode_group(const AdaptiveGroup& group, const AdaptivePreset& preset, const uint8_t* data, size_t size, void* levels) {
    RangeDecoder coder(data, size);
    run_coder<true>(group, preset, levels, coder);
    return coder.plausible();
}
