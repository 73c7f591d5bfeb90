// Rows of 32 columns on vectors of 16 columns. Included once per instruction set, by a file that defines Reg, load,
// store and Lanes (the entropy decoder); everything is local to that file. The numbers are those of
// blocks_rows_scalar.hpp.

namespace {

// A row with its tokens known, and the rows around it; the last three in the reference.
struct Rebuilding {
    Row* row;
    const Row *north, *north2, *here, *above, *below;
    const Reg (*weights)[kTaps];
    Reg even, odd;  // residuals
    std::uint8_t* out;
};

class Decoder {
  public:
    explicit Decoder(const Task& task)
        : task_(task),
          end_(task.words_end),
          escapes_(task.escapes),
          raw_lanes_(task.settings->raw_bits),
          even_bytes_(static_cast<std::size_t>(((task.size.width + 1) / 2 * task.settings->raw_bits + 7) / 8)),
          activity_shift_(_mm_cvtsi32_si128(task.settings->activity_shift)),
          activity_mask_(_mm256_set1_epi8(static_cast<char>(0xff >> task.settings->activity_shift))),
          raw_shift_(_mm_cvtsi32_si128(task.settings->raw_bits)) {
        for (int c = 0; c < kContexts; ++c)
            fill_table(task.frequencies->of[c], task.frequencies->highest[c], entries_ + c * kTableSize);
        for (int i = 0; i < kLevels - 1; ++i)
            thresholds_[i] = _mm256_set1_epi16(static_cast<short>(task.settings->thresholds[0][i] |
                                                                  task.settings->thresholds[1][i] << 8));
        for (int r = 0; r < 2; ++r)
            for (int p = 0; p < 2; ++p)
                for (int t = 0; t < kTaps; ++t)
                    weights_[r][p][t] = _mm256_set1_epi16(static_cast<short>(task.settings->weights[r][p][t] * 256));
        int shift = 1;
        while (task.span << (shift + 1) <= 0xffff) ++shift;
        up_ = _mm_cvtsi32_si128(shift);
        down_ = _mm_cvtsi32_si128(shift - 1);
        round_ = _mm256_set1_epi16(static_cast<short>((1 << (shift - 1)) >> 1));
        middle_ = _mm256_set1_epi16(static_cast<short>(1 << (15 - shift)));
        span_ = _mm256_set1_epi16(static_cast<short>(task.span));
    }

    template <bool kAll>
    bool decode() {
        Lanes lanes(task_);
        const auto& size = task_.size;
        const std::size_t raw_bytes = medcodec::blocks::rows::raw_row_bytes(size.width, raw_lanes_.bits);
        const std::uint8_t* raw = task_.raw;
        std::uint8_t* out = static_cast<std::uint8_t*>(task_.out);
        // The tokens of a row are decoded while the voxels of the one before are rebuilt: two long chains of
        // operations that do not wait for each other.
        Rebuilding last{};
        bool first = true;
        for (int s = 0; s < size.sequences; ++s)
            for (int f = 0; f < size.frames; ++f) {
                Frame& frame = frames_[f ? 2 + f % 2 : s % 2];
                const Frame* reference = reference_of(s, f);
                for (int y = 0; y < size.height; ++y, raw += raw_bytes, out += kSide * task_.out_bytes) {
                    Rebuilding here = around(frame, reference, y);
                    here.out = out;
                    if (!make_room(lanes)) return false;
                    const Entries entries = lanes.look_up(contexts(here), entries_);
                    if (!first) rebuild(last);
                    if (!finish_row<kAll>(entries, raw, here, lanes)) return false;
                    last = here;
                    first = false;
                }
            }
        rebuild(last);
        return lanes.words == end_ && escapes_ == task_.escapes + 2 * task_.escape_count && lanes.are_low();
    }

  private:
    const Frame* reference_of(int s, int f) const {
        if (f) return &frames_[f > 1 ? 2 + (f - 1) % 2 : s % 2];
        return s ? &frames_[(s - 1) % 2] : nullptr;
    }

    Rebuilding around(Frame& frame, const Frame* reference, int y) const {
        Rebuilding r{};
        r.row = &frame.row[y];
        r.here = reference ? &reference->row[y] : &none_;
        r.above = reference ? &reference->row[y ? y - 1 : 0] : &none_;
        r.below = reference ? &reference->row[y + 1 < task_.size.height ? y + 1 : y] : &none_;
        const Row* outside = reference ? &reference->row[0] : &none_;
        r.north = y ? &frame.row[y - 1] : outside;
        r.north2 = y > 1 ? &frame.row[y - 2] : r.north;
        r.weights = weights_[reference != nullptr];
        return r;
    }

    // A row reads words ahead of what it uses: near the end they are moved to where that may be done.
    bool make_room(Lanes& lanes) {
        if (end_ - lanes.words >= kAhead) return true;
        if (lanes.words > end_) return false;
        if (!in_front_) return true;
        const std::size_t left = static_cast<std::size_t>(end_ - lanes.words);
        std::memset(tail_, 0, sizeof tail_);
        std::memcpy(tail_, lanes.words, left);
        lanes.words = tail_;
        end_ = tail_ + left;
        in_front_ = false;
        return true;
    }

    // Contexts of a row, one in each byte, multiplied by 4.
    Reg contexts(const Rebuilding& r) const {
        const Reg activity = sum8(sum8(r.here->around, sum8(r.above->activity, r.below->activity)), r.north->around);
        Reg contexts = _mm256_set1_epi16(kLevels << 8);
        for (const Reg& threshold : thresholds_)
            contexts = _mm256_sub_epi8(contexts, _mm256_cmpeq_epi8(_mm256_max_epu8(activity, threshold), activity));
        return _mm256_slli_epi16(contexts, kTableBits - 8);
    }

    bool put_escapes(std::uint32_t mask, Reg& even, Reg& odd) {
        alignas(32) std::uint16_t zigzag[2][kSide / 2];
        store(zigzag[0], even);
        store(zigzag[1], odd);
        for (int x = 0; x < kSide; ++x) {
            if (!(mask >> x & 1)) continue;
            if (escapes_ == task_.escapes + 2 * task_.escape_count) return false;
            zigzag[x & 1][x / 2] = static_cast<std::uint16_t>(escapes_[0] | escapes_[1] << 8);
            escapes_ += 2;
        }
        even = load(zigzag[0]);
        odd = load(zigzag[1]);
        return true;
    }

    static Reg residuals(Reg zigzag) {
        const Reg sign = _mm256_sub_epi16(_mm256_setzero_si256(), _mm256_and_si256(zigzag, _mm256_set1_epi16(1)));
        return _mm256_xor_si256(_mm256_srli_epi16(zigzag, 1), sign);
    }

    // The value of half a number, plus a residual.
    Reg value(Reg half, Reg residual) const {
        const Reg rounded = _mm256_sra_epi16(_mm256_add_epi16(half, round_), down_);
        const Reg prediction = _mm256_min_epi16(
            _mm256_max_epi16(_mm256_adds_epi16(rounded, middle_), _mm256_setzero_si256()), span_);
        return _mm256_add_epi16(prediction, residual);
    }
    Reg up(Reg value) const {
        return _mm256_xor_si256(_mm256_sll_epi16(value, up_), _mm256_set1_epi16(static_cast<short>(0x8000)));
    }
    static Reg part(Reg tap, Reg weight) { return _mm256_mulhrs_epi16(tap, weight); }
    static Reg sum(Reg a, Reg b) { return _mm256_add_epi16(a, b); }
    static Reg sum(Reg a, Reg b, Reg c, Reg d) { return sum(sum(a, b), sum(c, d)); }

    template <bool kAll>
    bool finish_row(const Entries& entries, const std::uint8_t* raw, Rebuilding& r, Lanes& lanes) {
        const Reg tokens = lanes.take<kAll>(entries);
        const Reg shifted = _mm256_and_si256(_mm256_srl_epi16(tokens, activity_shift_), activity_mask_);
        const Reg activity = _mm256_min_epu8(shifted, _mm256_set1_epi8(medcodec::blocks::rows::kMaxActivity));
        r.row->activity = activity;
        r.row->around = sum8(sum8(activity, activity), sum8(before8(activity), after8(activity)));
        Reg even = _mm256_and_si256(tokens, _mm256_set1_epi16(255)), odd = _mm256_srli_epi16(tokens, 8);
        if (raw_lanes_.bits) {
            Reg raw_even = raw_lanes_.get(raw), raw_odd = raw_lanes_.get(raw + even_bytes_);
            if (!kAll) {
                raw_even = _mm256_and_si256(raw_even, half_active(0));
                raw_odd = _mm256_and_si256(raw_odd, half_active(1));
            }
            even = _mm256_or_si256(_mm256_sll_epi16(even, raw_shift_), raw_even);
            odd = _mm256_or_si256(_mm256_sll_epi16(odd, raw_shift_), raw_odd);
        }
        const std::uint32_t escaped = static_cast<std::uint32_t>(
            _mm256_movemask_epi8(_mm256_cmpeq_epi8(tokens, _mm256_set1_epi8(-1))));
        if (escaped && !put_escapes(escaped, even, odd)) return false;
        r.even = residuals(even);
        r.odd = residuals(odd);
        return true;
    }

    static Reg sum8(Reg a, Reg b) { return _mm256_add_epi8(a, b); }

    // All ones where columns of one parity exist.
    Reg half_active(int parity) const {
        const Reg number = _mm256_setr_epi16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        return _mm256_cmpgt_epi16(_mm256_set1_epi16(static_cast<short>((task_.size.width + 1 - parity) / 2)), number);
    }

    void rebuild(const Rebuilding& r) const {
        Row& row = *r.row;
        const Row &n = *r.north, &n2 = *r.north2, &p = *r.here, &u = *r.above, &d = *r.below;
        const Reg* w = r.weights[0];
        Reg far = sum(part(p.even, w[0]), part(p.odd, w[1]), part(p.odd_before, w[2]), part(u.even, w[3]));
        far = sum(far, sum(part(d.even, w[4]), part(u.odd, w[5]), part(u.odd_before, w[6]), part(d.odd, w[7])));
        far = sum(far, sum(part(d.odd_before, w[8]), part(n2.even, w[14])));
        const Reg near = sum(part(n.even, w[9]), part(n.odd_before, w[10]), part(n.odd, w[11]),
                             sum(part(n.even_before, w[12]), part(n.even_after, w[13])));
        const Reg even = value(sum(far, near), r.even);
        row.even = up(even);
        row.even_before = before16(row.even);
        row.even_after = after16(row.even);
        w = r.weights[1];
        far = sum(part(p.odd, w[0]), part(p.even_after, w[1]), part(p.even, w[2]), part(u.odd, w[3]));
        far = sum(far, sum(part(d.odd, w[4]), part(u.even_after, w[5]), part(u.even, w[6]), part(d.even_after, w[7])));
        far = sum(far, sum(part(d.even, w[8]), part(n2.odd, w[14])));
        far = sum(far, part(n.odd, w[11]), part(n.even, w[12]), part(n.even_after, w[13]));
        const Reg odd = value(sum(far, sum(part(row.even, w[9]), part(row.even_after, w[10]))), r.odd);
        row.odd = up(odd);
        row.odd_before = before16(row.odd);
        put(even, odd, r.out);
    }

    void put(Reg even, Reg odd, std::uint8_t* out) const {
        const Reg base = _mm256_set1_epi16(static_cast<short>(task_.base));
        even = _mm256_add_epi16(even, base);
        odd = _mm256_add_epi16(odd, base);
        Reg* to = reinterpret_cast<Reg*>(out);
        if (task_.out_bytes == 1) {
            const Reg low = _mm256_and_si256(even, _mm256_set1_epi16(255));
            _mm256_storeu_si256(to, _mm256_or_si256(low, _mm256_slli_epi16(odd, 8)));
            return;
        }
        const Reg low = _mm256_unpacklo_epi16(even, odd), high = _mm256_unpackhi_epi16(even, odd);
        _mm256_storeu_si256(to, _mm256_permute2x128_si256(low, high, 0x20));
        _mm256_storeu_si256(to + 1, _mm256_permute2x128_si256(low, high, 0x31));
    }

    static constexpr std::ptrdiff_t kAhead = 2 * kSide + Lanes::kOver;  // bytes that a row may read

    const Task& task_;
    const std::uint8_t *end_, *escapes_;
    RawLanes raw_lanes_;
    std::size_t even_bytes_;  // of the raw bits of even columns of a row
    __m128i activity_shift_;
    Reg activity_mask_;
    __m128i raw_shift_, up_, down_;
    Reg round_, middle_, span_;
    Reg thresholds_[kLevels - 1];
    Reg weights_[2][2][kTaps];
    bool in_front_ = true;  // words are read where the stream has them
    std::uint8_t tail_[2 * kAhead];
    Row none_{};  // zeros
    Frame frames_[4];  // the first frame of this sequence and of the one before, and the last two
    alignas(32) std::uint32_t entries_[kContexts * kTableSize + 8];
};

bool run(const Task& task) {
    Decoder decoder(task);
    return task.size.width == kSide ? decoder.decode<true>() : decoder.decode<false>();
}

}  // namespace
