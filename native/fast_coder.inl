// Codes a group frame by frame. Encoder and decoder differ in the stream; an encoder that keeps to a bound has to
// decode, too, and goes voxel by voxel like a decoder.

template <class Stream, bool kBounded>
class Coder {
  public:
    static constexpr bool kSerial = Stream::kDecodes || kBounded;

    // Without a bound the encoder only reads the levels; else what is decoded takes their places.
    Coder(const FastGroup& g, Stream& stream, void* levels)
        : g_(g), stream_(stream), levels_(levels), step_(2 * g.max_error + 1), unit_(1.0f / static_cast<float>(step_)),
          tiles_((g.width + kTile - 1) / kTile),
          height_(g.width > kNarrow ? kTileRows : kMaxTileRows), tile_rows_((g.height + height_ - 1) / height_),
          planes_{Picture(g.width), Picture(g.width), Picture(g.width), Picture(g.width), Picture(g.width)},
          errors_(g.width), known_errors_(g.width),
          all_errors_(g.sequences > 1 || g.frames > 1 ? static_cast<size_t>(g.height) * g.width : 0), row_(errors_.stride),
          weights_(static_cast<size_t>(tiles_) + kLanes), now_(1, tiles_), near_(1, tiles_), wide_(1, tiles_),
          kept_(strips(), tiles_), none_(1, tiles_),
          samples_((kMaxTaps + 4) * kSamples), within_(errors_.stride) {
        for (int x = 0; x < g.width; x++) within_[static_cast<size_t>(x)] = kSampleScale;
    }

    void code_all() {
        size_t first = 0;
        for (int s = 0; s < g_.sequences; s++)
            for (int f = 0; f < g_.frames; f++) {
                start_frame(s, f);
                for (int t = 0; t < tile_rows_; t++) {
                    solve_tiles(t);
                    for (int y = t * height_; y < g_.height && y < (t + 1) * height_; y++) {
                        load_known(y + 1);
                        prepare_row(y);
                        code_row(y, first);
                        keep_errors(y);
                        first += static_cast<size_t>(g_.width);
                    }
                    learn_tiles(t);
                }
            }
    }

  private:
    int strips() const { return (g_.height + kStripRows - 1) / kStripRows; }
    // Row y + dy of a plane; planes other than the current one end with their first and last rows.
    const float* tap_row(int plane, int y) {
        if (plane != kCurrent) y = y < 0 ? 0 : y >= g_.height ? g_.height - 1 : y;
        return planes_[plane].row(y);
    }

    void start_frame(int s, int f) {
        const int number = (f > 0) + (s > 0 ? 2 : 0);
        class_ = number;
        // The first frame of a sequence has taps of its own; what was kept waits for the next one.
        keeps_ = number != 2 || g_.frames == 1;
        if (keeps_ && number != kept_class_) {
            kept_.clear();
            kept_class_ = number;
        }
        set_ = &kTapSets[class_];
        pairs_ = pair_index(set_->count - 1, set_->count, set_->count) + 1;
        known_planes_ = class_ == 0 ? 0 : class_ == 3 ? kAsideBefore : kSecond;
        frames_[kBefore] = before(s, f);
        frames_[kSecond] = f > 1 ? Frame{s, f - 2} : frames_[kBefore];
        frames_[kAside] = {s - 1, f};
        frames_[kAsideBefore] = {s - 1, f - 1};
        load_known(0);
        planes_[kCurrent].start(class_ ? planes_[kBefore].row(0) : nullptr);
        errors_.start(class_ ? known_errors_.row(0) : nullptr);
        row_.forget();
        near_.clear();
        wide_.clear();
    }

    struct Frame {
        int sequence, number;
    };
    static Frame before(int s, int f) { return f ? Frame{s, f - 1} : Frame{s - 1, 0}; }
    size_t first_level(Frame f) const {
        return (static_cast<size_t>(f.sequence) * g_.frames + f.number) * g_.height * g_.width;
    }

    // Row y of the frames that are referred to, as it stood when they were coded, and of the errors of the last one.
    void load_known(int y) {
        if (class_ == 0 || y >= g_.height) return;
        for (int p = kBefore; p <= known_planes_; p++) {
            const Frame frame = frames_[p];
            Picture& plane = planes_[p];
            read(first_level(frame) + static_cast<size_t>(y) * g_.width, plane.row(y));
            float left = 0;
            if (y) left = plane.row(y - 1)[0];
            else if (frame.sequence || frame.number) read(first_level(before(frame.sequence, frame.number)), &left, 1);
            plane.extend_left(y, left);
            plane.extend_right(y, g_.width);
        }
        std::memcpy(known_errors_.row(y), all_errors_.data + static_cast<size_t>(y) * g_.width, g_.width * sizeof(float));
        known_errors_.extend_left(y, known_errors_.row(y)[0]);
        known_errors_.extend_right(y, g_.width);
    }

    void keep_errors(int y) {
        if (!all_errors_.size) return;
        std::memcpy(all_errors_.data + static_cast<size_t>(y) * g_.width, errors_.row(y), g_.width * sizeof(float));
    }

    // Predictors for the tiles of row t, from the tiles above and those of the frame before.
    void solve_tiles(int t) {
        const int strip = t * height_ / kStripRows, next = (t * height_ + kStripRows / 2) / kStripRows,
                  below = next < strips() ? next : strip;
        float whole[kMaxPairs];
        for (int p = 0; p < pairs_; p++) {
            const float* sums = wide_.at(0, p);
            float sum = 0;
            for (int x = 0; x < tiles_; x++) sum += sums[x];
            whole[p] = sum * kRowShare;
        }
        Wide near[kMaxPairs], far[kMaxPairs], found[kPredictors][kMaxTaps];
        TileSums& kept = keeps_ ? kept_ : none_;
        for (int x = 0; x < tiles_; x += kLanes) {
            for (int p = 0; p < pairs_; p++) {
                const float *a = near_.at(0, p) + x, *w = wide_.at(0, p) + x, *k = kept.at(keeps_ ? strip : 0, p) + x,
                            *b = kept.at(keeps_ ? below : 0, p) + x;
                const Wide here = load(k), beside = load(k - 1) + load(k + 1), lower = load(b);
                near[p] = (load(a) + wide(kSide) * (load(a - 1) + load(a + 1))) + (here + wide(kBelow) * (lower + wide(kSide) * beside));
                far[p] = (load(w) + (load(w - 1) + load(w + 1))) + ((here + beside) + (lower + (load(b - 1) + load(b + 1)))) +
                         wide(whole[p]);
            }
            solver_.eliminate(near, *set_);
            solver_.substitute(set_->count, found[0]);
            solver_.substitute(set_->inside, found[2]);
            solver_.eliminate(far, *set_);
            solver_.substitute(set_->count, found[1]);
            for (int lane = 0; lane < kLanes && x + lane < tiles_; lane++) {
                TileWeights& w = weights_[static_cast<size_t>(x + lane)];
                for (int i = 0; i < kSerialTaps; i++)
                    w.serial[i] = Vec4{found[0][i][lane], found[1][i][lane], found[2][i][lane], found[0][i][lane]};
                for (int k = 0; k < kPredictors; k++)
                    for (int i = kSerialTaps; i < set_->count; i++) w.parallel[k][i] = found[k][i][lane];
            }
        }
    }

    void prepare_row(int y) {
        const float* north = planes_[kCurrent].row(y - 1);
        const float* taps[kMaxTaps];
        for (int i = 0; i < set_->count; i++)
            taps[i] = tap_row(set_->tap[i].plane, y + set_->tap[i].dy) + set_->tap[i].dx;
        const float *n = errors_.row(y - 1), *nn = errors_.row(y - 2), *p = known_errors_.row(y),
                    *pn = known_errors_.row(y ? y - 1 : 0), *ps = known_errors_.row(y + 1 < g_.height ? y + 1 : y);
        for (int t = 0, x = 0; t < tiles_; t++, x += kTile) {
            const TileWeights& w = weights_[static_cast<size_t>(t)];
            const Wide base = load(north + x);
            Wide sum[kPredictors] = {base, base, base};
            for (int i = kSerialTaps; i < set_->count; i++) {
                const Wide tap = load(taps[i] + x) - base;
                for (int k = 0; k < kPredictors; k++) sum[k] += tap * wide(w.parallel[k][i]);
            }
            for (int k = 0; k < kPredictors; k++) store(row_.part[k].data + x, sum[k]);
            const Wide inside = wide(2) * load(n + x) + (load(n + x - 1) + load(n + x + 1)) +
                                wide(0.5f) * (load(n + x + 2) + load(n + x - 2)) + load(nn + x);
            const Wide across = class_ ? wide(2) * load(p + x) + (load(p + x - 1) + load(p + x + 1)) + (load(pn + x) + load(ps + x))
                                       : load(n + x + 1) + load(n + x + 2);
            store(row_.inside.data + x, inside);
            store(row_.across.data + x, across);
        }
    }

    static int detail(int difference) {
        const int d = difference >> 1;
        return d < 0 ? 0 : d > 7 ? 7 : d;
    }

    struct Cursor {
        float west, west2;        // voxels just coded
        float error, error2;      // their absolute errors
        int above;                // 4 if the last voxel lay above its prediction
    };

    // All voxels around the tile are one value, which the tile is then likely to have too.
    bool surrounded(int y, int x, int end, const Cursor& c) {
        const float value = c.west;
        if (x == 0 || c.west2 != value || c.error != 0) return false;
        const float *north = planes_[kCurrent].row(y - 1), *before = planes_[kBefore].row(y);
        bool same = true;
        for (int i = x - 1; i <= end; i++) same &= north[i] == value;
        if (class_ != 0)
            for (int i = x - 1; i <= end; i++) same &= before[i] == value;
        return same;
    }

    void code_row(int y, size_t first) {
        float* row = planes_[kCurrent].row(y);
        const float* north = planes_[kCurrent].row(y - 1);
        float* error = errors_.row(y);
        planes_[kCurrent].extend_left(y, north[0]);
        begin_errors(y);
        if (!Stream::kDecodes) read(first, row_.levels.data);
        if (!kSerial) {
            for (int x = 0; x < g_.width; x++) row[x] = static_cast<float>(row_.levels[static_cast<size_t>(x)]);
        }
        stream_.begin_row(static_cast<size_t>(g_.width));
        const View view = {{row_.part[0].data, row_.part[1].data, row_.part[2].data}, row_.inside.data, row_.across.data, north,
                           planes_[kBefore].row(y), static_cast<float>(g_.max_level), g_.max_level, class_ != 0};
        Cursor c = {north[0], north[0], errors_.row(y - 1)[0], 0, 0};
        c.error2 = error[-1] = error[-2] = c.error;
        for (int t = 0, x = 0; x < g_.width; t++) {
            const int end = x + kTile < g_.width ? x + kTile : g_.width;
            if (!kSerial) c.west = row[x - 1], c.west2 = row[x - 2], c.error = error[x - 1];
            if (surrounded(y, x, end, c)) {
                bool same = true;
                if (!Stream::kDecodes)
                    for (int i = x; i < end; i++) same &= is_near(row_.levels[static_cast<size_t>(i)], static_cast<int>(c.west));
                same = stream_.flag(repeats_.probability, same);
                repeats_.update(same);
                if (same) {
                    for (int i = x; i < end; i++) row[i] = c.west;
                    forget_errors(y, x, end);
                    c.error2 = 0;
                    x = end;
                    continue;
                }
            }
            const TileWeights& w = weights_[static_cast<size_t>(t)];
            if (kSerial)
                for (int i = x; i < end; i++)
                    code_voxel(i, view, w, row_.errors(y + 1) + i, row_.errors(y) + i, row, error, c);
            else
                encode_tile(y, x, end, view, w, row, error);
            x = end;
        }
        planes_[kCurrent].extend_right(y, g_.width);
        errors_.extend_left(y, error[0]);
        errors_.extend_right(y, g_.width);
        if (kSerial) write(first, row);
    }

    // Squared errors beyond both ends of this row and the one above.
    void begin_errors(int y) {
        if (kSerial) return begin_errors(row_.errors(y), row_.errors(y + 1));
        for (int k = 0; k < kPredictors; k++) begin_errors(row_.errors(y, k), row_.errors(y + 1, k));
        row_.off()[-1] = 0;
    }
    template <class Value>
    void begin_errors(Value* squares, Value* above) {
        for (int k = 1; k <= kErrorMargin; k++) {
            squares[-k] = Value{};
            above[-k] = above[0];
            above[g_.width + k - 1] = above[g_.width - 1];
        }
    }

    void forget_errors(int y, int x, int end) {
        const size_t bytes = static_cast<size_t>(end - x) * sizeof(float);
        std::memset(errors_.row(y) + x, 0, bytes);
        if (kSerial) {
            std::memset(row_.errors(y) + x, 0, static_cast<size_t>(end - x) * sizeof(Vec4));
            return;
        }
        for (int k = 0; k < kPredictors; k++) std::memset(row_.errors(y, k) + x, 0, bytes);
        std::memset(row_.off() + x, 0, bytes);
    }

    void encode_tile(int y, int x, int end, const View& view, const TileWeights& weights, const float* row, float* error) {
        TileRows at = {{}, {}, row + x, error + x, row_.off() + x};
        for (int k = 0; k < kPredictors; k++) at.above[k] = row_.errors(y + 1, k) + x, at.squares[k] = row_.errors(y, k) + x;
        TileModel model;
        model_tile(x, view, weights, at, model);
        const int32_t* levels = row_.levels.data + x;
        for (int i = 0; i < end - x; i++) {
            const Contexts contexts = {{model.context[0][i], model.context[1][i], model.context[2][i], model.context[3][i]}};
            Mixture mixture;
            histograms_.mix(contexts, mixture);
            code_residual(levels[i] - model.base[i], symbol_shift(model.level[i]), contexts, mixture);
        }
    }

    inline __attribute__((always_inline)) void code_voxel(int x, const View& view, const TileWeights& weights,
                                                          const Vec4* above, Vec4* squares, float* row, float* error, Cursor& c) {
        const float north = view.north[x];
        const Vec4 part = {view.part[0][x], view.part[1][x], view.part[2][x], view.part[0][x]};
        const Vec4 each = (part + weights.serial[1] * (c.west2 - north)) + weights.serial[0] * (c.west - north);
        Vec4 recent = (above[0] + above[1]) + (above[-1] + 0.5f * above[2]) + (2.0f * squares[-2] + kBlendFloor);
        recent = recent < kBlendCeiling ? recent : Vec4{} + kBlendCeiling;
        const Vec4 trust = 1.0f / (recent * recent);
        const float total = (trust[0] + trust[2]) + (trust[1] + trust[3]);
        const Vec4 blend = each * (trust / total);
        float prediction = (blend[0] + blend[2]) + (blend[1] + blend[3]);
        prediction = prediction > 0 ? prediction : 0;
        prediction = prediction < view.most ? prediction : view.most;

        const float inside = view.inside[x] + (2.0f * c.error + c.error2), across = view.across[x];
        const float local = view.referred ? inside * 0.07f + across * 0.05f : inside * 0.1f;
        const float spread = absolute(each[0] - each[2]) + absolute(each[0] - each[1]);
        const int level = level_of(local);
        const int level_across = level_of(across * (view.referred ? 0.167f : 0.5f));
        const int quarters = static_cast<int>(prediction * 4 + 2);
        const int base = kBounded && g_.keeps_background ? origin(x, quarters >> 2, view, c) : quarters >> 2;
        const Contexts contexts = {{Histograms::at(0, level, (quarters & 3) + c.above),
                                    Histograms::at(1, level, detail(level_across - level + 8)),
                                    Histograms::at(2, level, detail(level_of(spread * 2) - level + 8)),
                                    Histograms::at(3, level, detail(level_of(c.error) - level + 12))}};
        Mixture mixture;
        histograms_.mix(contexts, mixture);
        const int shift = symbol_shift(level);
        const int residual = Stream::kDecodes ? 0 : steps(row_.levels[static_cast<size_t>(x)] - base);
        const uint32_t found = code_residual(residual, shift, contexts, mixture) * static_cast<uint32_t>(kBounded ? step_ : 1);
        const auto decoded = static_cast<int>(found + static_cast<uint32_t>(base));
        const auto coded = static_cast<float>(within(decoded, view.max_level));
        const Vec4 off = each - coded;
        squares[0] = off * off;
        const float signed_error = coded - prediction;
        c.above = signed_error > 0 ? 4 : 0;
        c.error2 = c.error;
        c.error = absolute(signed_error);
        error[x] = c.error;
        c.west2 = c.west;
        c.west = coded;
        row[x] = coded;
    }

    // A prediction next to background that is as good as zero is zero.
    int origin(int x, int prediction, const View& view, const Cursor& c) {
        if (prediction > g_.max_error) return prediction;
        const int zeros = (c.west == 0) + (view.north[x] == 0) + (view.north[x - 1] == 0) + (view.north[x + 1] == 0) +
                          (view.referred && view.before[x] == 0);
        return zeros < 2 ? prediction : 0;
    }
    // Quarter octaves of a local error in steps.
    int level_of(float error) const { return error_level(kBounded ? error * unit_ : error); }
    bool is_near(int value, int other) const {
        const int off = value - other;
        return off <= g_.max_error && -off <= g_.max_error;
    }
    // The step that lies nearest to a residual.
    int steps(int residual) const {
        if (!kBounded) return residual;
        const int moved = residual + g_.max_error;
        return moved >= 0 ? moved / step_ : -((step_ - 1 - moved) / step_);
    }
    static int within(int value, int most) { return value < 0 ? 0 : value > most ? most : value; }

    inline __attribute__((always_inline)) uint32_t code_residual(int residual, int shift, const Contexts& contexts,
                                                                        const Mixture& mixture) {
        const int moved = residual + (1 << shift >> 1);
        const int step = (moved >> shift) + kSymbols / 2;
        int symbol = step < 0 ? 0 : step > kSymbols - 1 ? kSymbols - 1 : step;
        symbol = stream_.symbol(mixture, symbol);
        histograms_.update(contexts, symbol);
        int coded = symbol;
        if (symbol == 0)
            coded = -code_excess(-step);
        else if (symbol == kSymbols - 1)
            coded = symbol + code_excess(step - symbol);
        const auto low = static_cast<uint32_t>(moved) & ((1u << shift) - 1);
        // Unsigned, since damaged streams may hold any number.
        return (static_cast<uint32_t>(coded - kSymbols / 2) << shift) + stream_.bits(shift, low) - (1u << shift >> 1);
    }

    // Exponential Golomb: the number of bits of excess + 1 in unary, then the bits after the first.
    int code_excess(int excess) {
        const auto number = static_cast<uint32_t>(excess + 1);
        int bits = 0;
        if (Stream::kDecodes) {
            while (bits < 20 && !stream_.bits(1, 0)) bits++;
        } else {
            while (number >> (bits + 1)) bits++;
            stream_.bits(bits, 0);
            stream_.bits(1, 1);
        }
        const uint32_t rest = bits ? stream_.bits(bits, number & ((1u << bits) - 1)) : 0;
        return static_cast<int>((1u << bits) + rest) - 1;
    }

    // Adds the voxels of a row of tiles to the sums.
    void learn_tiles(int t) {
        const int n = set_->count, y0 = t * height_, rows = g_.height - y0 < height_ ? g_.height - y0 : height_;
        if (rows < height_) std::memset(samples_.data, 0, samples_.size * sizeof(int16_t));
        const float* taps[kMaxTileRows][kMaxTaps + 1];
        for (int r = 0; r < rows; r++) {
            for (int i = 0; i < n; i++)
                taps[r][i] = tap_row(set_->tap[i].plane, y0 + r + set_->tap[i].dy) + set_->tap[i].dx;
            taps[r][n] = planes_[kCurrent].row(y0 + r);
        }
        for (int tile = 0; tile < tiles_; tile++) {
            for (int r = 0; r < rows; r++) take_samples(y0 + r, tile * kTile, taps[r], samples_.data + r * kTile);
            if (height_ == kTileRows)
                normal_equations<kTile * kTileRows>(samples_.data, n, now_.at(0, 0) + tile, now_.stride);
            else
                normal_equations<kTile * kMaxTileRows>(samples_.data, n, now_.at(0, 0) + tile, now_.stride);
        }
        const int strip = y0 / kStripRows;
        const float fade = y0 % kStripRows ? 1 : kFrameDecay;
        for (int p = 0; p < pairs_; p++) {
            float *now = now_.at(0, p), *near = near_.at(0, p), *wide = wide_.at(0, p);
            for (int x = 0; x < tiles_; x++) {
                near[x] = without_tiny(near[x] * kNearDecay + now[x]);
                wide[x] = without_tiny(wide[x] * kWideDecay + now[x]);
            }
            if (!keeps_) continue;
            float* kept = kept_.at(strip, p);
            for (int x = 0; x < tiles_; x++) kept[x] = without_tiny(kept[x] * fade + now[x]);
        }
    }
    static float without_tiny(float v) { return absolute(v) < kTiny ? 0 : v; }

    // Features of 16 voxels, weighted by their local errors, as integers.
    void take_samples(int y, int x, const float* const* taps, int16_t* out) {
        const int n = set_->count;
        Wide feature[kMaxTaps + 1];
        const Wide base = load(planes_[kCurrent].row(y - 1) + x);
        Wide largest = wide(0);
        for (int i = 0; i <= n; i++) {
            feature[i] = load(taps[i] + x) - base;
            largest = larger(largest, absolute(feature[i]));
        }
        const float *e = errors_.row(y) + x, *above = errors_.row(y - 1) + x;
        const Wide local = load(e) + ((load(e - 1) + load(e + 1)) + load(above)) * wide(0.33f);
        const Wide weight = load(within_.data + x) / larger(wide(7) + wide(0.45f) * local, largest * wide(kSampleScale / kLargestSample));
        for (int i = 0; i <= n; i++) store_integers(out + i * kSamples, feature[i] * weight);
    }

    template <class Number>
    void read(size_t first, Number* to) const {
        read(first, to, g_.width);
    }
    template <class Number>
    void read(size_t first, Number* to, int count) const {
        if (g_.level_bytes == 1) read_levels<uint8_t>(levels_, g_.level_of, first, count, to);
        if (g_.level_bytes == 2) read_levels<uint16_t>(levels_, g_.level_of, first, count, to);
        if (g_.level_bytes == 4) read_levels<uint32_t>(levels_, g_.level_of, first, count, to);
    }
    void write(size_t first, const float* row) {
        if (g_.level_bytes == 1) write_levels<uint8_t>(levels_, first, g_.width, row);
        if (g_.level_bytes == 2) write_levels<uint16_t>(levels_, first, g_.width, row);
        if (g_.level_bytes == 4) write_levels<uint32_t>(levels_, first, g_.width, row);
    }

    const FastGroup& g_;
    Stream& stream_;
    void* levels_;
    int step_;    // between levels that a prediction can become
    float unit_;  // 1 / step
    int tiles_;
    int height_;  // of a tile, in voxels
    int tile_rows_;
    Picture planes_[kPlanes];
    Frame frames_[kPlanes];
    int known_planes_ = 0;  // the last one in use
    Picture errors_, known_errors_;
    Array<float> all_errors_;  // of the frame before; those of the rows that are coded take their places
    Row row_;
    Array<TileWeights> weights_;
    TileSums now_, near_, wide_, kept_, none_;
    Array<int16_t> samples_;
    Array<float> within_;  // the scale of samples, zero beyond the last column
    Solver solver_;
    Histograms histograms_;
    RepeatModel repeats_;
    const TapSet* set_ = nullptr;
    bool keeps_ = true;
    int class_ = -1, kept_class_ = -1, pairs_ = 0;
};

template <class Stream>
void code_group(const FastGroup& group, Stream& stream, void* levels) {
    if (group.max_error)
        Coder<Stream, true>(group, stream, levels).code_all();
    else
        Coder<Stream, false>(group, stream, levels).code_all();
}

void encode_group(const FastGroup& group, void* levels, ByteBuffer& out) {
    Encoder stream(static_cast<size_t>(group.sequences) * group.frames * group.height * group.width);
    code_group(group, stream, levels);
    stream.finish(out);
}

bool decode_group(const FastGroup& group, const uint8_t* data, size_t size, void* levels) {
    Decoder stream(data, size, group.in_parts);
    code_group(group, stream, levels);
    return stream.finished();
}
