// The encoder of rows. It works in integers, and in doubles with a fixed order of operations: the same bytes
// everywhere.
#include <array>
#include <memory>

#include "blocks_entropy.hpp"
#include "blocks_rows_fit.hpp"
#include "blocks_rows_scalar.hpp"

namespace medcodec::blocks::rows {
namespace {

using TokenCounts = std::array<std::uint32_t, kTokens>;

constexpr std::int64_t kFrequencyBits = 3;  // what sending one frequency costs, about
constexpr std::uint32_t kUsualActivity = 8;
// Sums of activity that may be told apart; those between two belong to the lower.
constexpr int kBins = 28;
constexpr std::uint8_t kBin[kBins] = {0,  1,  2,  3,  4,  5,  6,  8,  10, 12, 14,  16,  20,  24,
                                      28, 32, 40, 48, 56, 64, 72, 80, 96, 112, 128, 160, 192, 224};

// Bits in units of 2**-kLogBits.
std::int64_t cost(const TokenCounts& counts) {
    std::int64_t sum = 0, total = 0, sent = 0;
    for (std::uint32_t count : counts) {
        if (!count) continue;
        total += count;
        sum -= static_cast<std::int64_t>(count) * log2_fixed(count);
        ++sent;
    }
    if (!total) return 0;
    return sum + total * log2_fixed(static_cast<std::uint32_t>(total)) + ((kFrequencyBits * sent) << kLogBits);
}

std::uint16_t zigzag(std::int16_t r) {
    return static_cast<std::uint16_t>((static_cast<std::uint16_t>(r) << 1) ^ (r < 0 ? 0xffff : 0));
}

std::uint8_t token_of(std::uint16_t zigzag, int raw_bits) {
    return static_cast<std::uint8_t>(std::min(zigzag >> raw_bits, kEscape));
}

class Encoder {
  public:
    Encoder(const std::uint16_t* stored, const Size& size, std::uint32_t span)
        : stored_(stored),
          size_(size),
          scale_(span),
          rows_(size.rows()),
          residuals_(rows_ * kSide),
          tokens_(rows_ * kSide),
          contexts_(rows_ * kSide) {}

    std::vector<std::uint8_t> encode() {
        fit_weights(stored_, size_, static_cast<std::uint32_t>(scale_.span), settings_);
        set_residuals();
        choose_raw_bits();
        set_tokens();
        choose_thresholds();
        Frequencies frequencies;
        set_contexts(frequencies);
        return stream(frequencies);
    }

  private:
    template <class Visit>
    void each_row(Visit visit) {
        std::size_t n = 0;
        for (int s = 0; s < size_.sequences; ++s)
            for (int f = 0; f < size_.frames; ++f) {
                Frame* frame = history_.current(s, f);
                const Frame* reference = history_.reference(s, f);
                for (int y = 0; y < size_.height; ++y, ++n)
                    visit(n, frame->row[y], rows_around(*frame, reference, history_.none(), y, size_.height),
                          reference != nullptr);
            }
    }

    void set_residuals() {
        each_row([this](std::size_t n, Row& row, const Around& around, bool reference) {
            const std::uint16_t* values = stored_ + n * static_cast<std::size_t>(size_.width);
            std::int16_t* residuals = residuals_.data() + n * kSide;
            Planes& p = row.planes;
            const auto& weights = settings_.weights[reference];
            code_half(even_taps(around), weights[0], values, residuals, 0, p.even);
            set_even_neighbours(p);
            code_half(odd_taps(around, p), weights[1], values, residuals, 1, p.odd);
            set_odd_neighbours(p);
        });
    }

    // Columns that do not exist are what is predicted there.
    void code_half(const Taps& taps, const std::int8_t* weights, const std::uint16_t* values, std::int16_t* residuals,
                   int parity, std::int16_t* plane) {
        std::int32_t prediction[kHalf];
        predict(taps, weights, scale_, prediction);
        for (int i = 0; i < kHalf; ++i) {
            const int x = 2 * i + parity;
            const std::int32_t value = x < size_.width ? values[x] : prediction[i];
            residuals[x] = static_cast<std::int16_t>(value - prediction[i]);
            plane[i] = scale_.up(static_cast<std::uint16_t>(value));
        }
    }

    void choose_raw_bits() {
        std::uint32_t most = 0;
        for (std::int16_t r : residuals_) most = std::max<std::uint32_t>(most, zigzag(r));
        std::vector<std::uint32_t> counts[2];
        for (auto& of : counts) of.resize(most + 2);
        for (std::size_t n = 0; n < rows_; ++n)
            for (int x = 0; x < size_.width; ++x)
                ++counts[x & 1][zigzag(residuals_[n * kSide + static_cast<std::size_t>(x)])];
        std::int64_t least = INT64_MAX;
        for (int bits = 0; bits <= kMaxRawBits; ++bits) {
            std::int64_t all = 0;
            for (auto& of : counts) {
                TokenCounts tokens{};
                for (std::uint32_t t = 0; t <= most >> bits; ++t) tokens[std::min<std::uint32_t>(t, kEscape)] += of[t];
                // With one raw bit more, pairs of tokens become one.
                for (std::uint32_t t = 0; t <= most >> bits >> 1; ++t) of[t] = of[2 * t] + of[2 * t + 1];
                std::fill(of.begin() + (most >> bits >> 1) + 1, of.begin() + (most >> bits) + 1, 0);
                all += cost(tokens) + (kLevels - 1) * sent(tokens) + (std::int64_t{16} * tokens[kEscape] << kLogBits);
            }
            all += static_cast<std::int64_t>(rows_) * size_.width * bits << kLogBits;
            if (all >= least) continue;
            least = all;
            settings_.raw_bits = bits;
        }
    }

    static std::int64_t sent(const TokenCounts& counts) {
        return (kFrequencyBits * (kTokens - std::count(counts.begin(), counts.end(), 0u))) << kLogBits;
    }

    void set_tokens() {
        std::uint64_t sum = 0;
        for (std::size_t n = 0; n < rows_; ++n)
            for (int x = 0; x < size_.width; ++x) {
                const std::size_t at = n * kSide + static_cast<std::size_t>(x);
                tokens_[at] = token_of(zigzag(residuals_[at]), settings_.raw_bits);
                sum += tokens_[at];
            }
        const std::uint64_t voxels = rows_ * static_cast<std::size_t>(size_.width);
        int& shift = settings_.activity_shift;
        while (sum >> shift > kUsualActivity * voxels && shift < kMaxActivityShift) ++shift;
    }

    void choose_thresholds() {
        std::vector<TokenCounts> bins[2] = {std::vector<TokenCounts>(kBins), std::vector<TokenCounts>(kBins)};
        std::uint8_t bin_of[256];
        for (int a = 0, b = 0; a < 256; ++a) {
            while (b + 1 < kBins && kBin[b + 1] <= a) ++b;
            bin_of[a] = static_cast<std::uint8_t>(b);
        }
        each_row([&](std::size_t n, Row& row, const Around& around, bool) {
            const std::uint8_t* tokens = tokens_.data() + n * kSide;
            for (int x = 0; x < size_.width; ++x) {
                const int activity = activity_at(around, x);
                contexts_[n * kSide + static_cast<std::size_t>(x)] = static_cast<std::uint8_t>(activity);
                ++bins[x & 1][bin_of[activity]][tokens[x]];
            }
            set_activity(row, tokens, settings_.activity_shift);
        });
        for (int parity = 0; parity < 2; ++parity) merge(bins[parity], settings_.thresholds[parity]);
    }

    // Merges neighbouring bins until at most kLevels are left and no merger pays.
    static void merge(std::vector<TokenCounts>& counts, std::uint8_t* thresholds) {
        std::vector<int> first;
        std::vector<std::int64_t> costs;
        std::vector<TokenCounts> kept;
        for (int b = 0; b < kBins; ++b) {
            const std::int64_t bits = cost(counts[static_cast<std::size_t>(b)]);
            if (!bits) continue;
            first.push_back(b);
            costs.push_back(bits);
            kept.push_back(counts[static_cast<std::size_t>(b)]);
        }
        const auto joint = [&](std::size_t i) {
            TokenCounts sum = kept[i];
            for (int t = 0; t < kTokens; ++t) sum[t] += kept[i + 1][t];
            return sum;
        };
        std::vector<std::int64_t> delta;
        for (std::size_t i = 0; i + 1 < kept.size(); ++i) delta.push_back(cost(joint(i)) - costs[i] - costs[i + 1]);
        while (!delta.empty()) {
            const auto least = std::min_element(delta.begin(), delta.end());
            const std::size_t i = static_cast<std::size_t>(least - delta.begin());
            if (delta[i] > 0 && kept.size() <= kLevels) break;
            kept[i] = joint(i);
            costs[i] = cost(kept[i]);
            kept.erase(kept.begin() + i + 1);
            costs.erase(costs.begin() + i + 1);
            first.erase(first.begin() + i + 1);
            delta.erase(delta.begin() + i);
            if (i < delta.size()) delta[i] = cost(joint(i)) - costs[i] - costs[i + 1];
            if (i) delta[i - 1] = cost(joint(i - 1)) - costs[i - 1] - costs[i];
        }
        for (std::size_t i = 0; i + 1 < kLevels; ++i) thresholds[i] = i + 1 < first.size() ? kBin[first[i + 1]] : 255;
    }

    void set_contexts(Frequencies& frequencies) {
        TokenCounts counts[kContexts] = {};
        for (std::size_t n = 0; n < rows_; ++n)
            for (int x = 0; x < size_.width; ++x) {
                const std::size_t at = n * kSide + static_cast<std::size_t>(x);
                contexts_[at] = static_cast<std::uint8_t>(context_at(settings_, contexts_[at], x));
                ++counts[contexts_[at]][tokens_[at]];
            }
        for (int c = 0; c < kContexts; ++c) set_frequencies(counts[c].data(), c, frequencies);
    }

    std::vector<std::uint8_t> stream(const Frequencies& frequencies) {
        BitWriter side;
        write_side(settings_, frequencies, size_.sequences * size_.frames > 1, side);
        const std::vector<std::uint8_t> side_bytes = side.finish();
        ByteWriter escapes, raw;
        for (std::size_t n = 0; n < rows_; ++n) write_row(n, escapes, raw);
        ByteWriter out;
        out.put(side_bytes.size(), 2);
        out.put(escapes.data.size() / 2, 4);
        out.append(side_bytes);
        out.append(escapes.data);
        out.append(raw.data);
        out.append(words(frequencies));
        return std::move(out.data);
    }

    void write_row(std::size_t n, ByteWriter& escapes, ByteWriter& raw) const {
        const int bits = settings_.raw_bits;
        for (int x = 0; x < size_.width; ++x) {
            const std::size_t at = n * kSide + static_cast<std::size_t>(x);
            if (tokens_[at] == kEscape) escapes.put(zigzag(residuals_[at]), 2);
        }
        if (!bits) return;
        for (int parity = 0; parity < 2; ++parity) {
            BitWriter half;
            for (int x = parity; x < size_.width; x += 2)
                half.put(zigzag(residuals_[n * kSide + static_cast<std::size_t>(x)]) & ((1u << bits) - 1), bits);
            raw.append(half.finish());
        }
    }

    // The states and words of the tokens, coded from the last to the first.
    std::vector<std::uint8_t> words(const Frequencies& frequencies) const {
        auto starts = std::make_unique<std::array<std::array<std::uint16_t, kTokens>, kContexts>>();
        for (int c = 0; c < kContexts; ++c)
            for (int t = 0, start = 0; t < kTokens; start += frequencies.of[c][t++])
                (*starts)[c][t] = static_cast<std::uint16_t>(start);
        std::uint32_t state[kSide];
        std::fill(state, state + kSide, kStateLow);
        std::vector<std::uint16_t> backwards;
        for (std::size_t n = rows_; n-- > 0;)
            for (int i = kSide; i-- > 0;) {
                const int x = column_at(i);
                if (x >= size_.width) continue;
                const std::size_t at = n * kSide + static_cast<std::size_t>(x);
                const std::uint32_t frequency = frequencies.of[contexts_[at]][tokens_[at]];
                std::uint32_t v = state[x];
                if (v >= frequency << (31 - kTableBits)) {
                    backwards.push_back(static_cast<std::uint16_t>(v));
                    v >>= 16;
                }
                state[x] = (v / frequency << kTableBits) + (*starts)[contexts_[at]][tokens_[at]] + v % frequency;
            }
        ByteWriter out;
        for (std::uint32_t v : state) out.put(v, 4);
        for (std::size_t i = backwards.size(); i-- > 0;) out.put(backwards[i], 2);
        return std::move(out.data);
    }

    const std::uint16_t* stored_;
    Size size_;
    Scale scale_;
    std::size_t rows_;
    Settings settings_;
    History history_;
    std::vector<std::int16_t> residuals_;  // kSide for each row; 0 where there is no column
    std::vector<std::uint8_t> tokens_, contexts_;
};

}  // namespace

bool fits(const Shape& shape, std::int64_t span) {
    return std::max({shape.frames, shape.height, shape.width}) <= kSide && shape.voxels() >= kLeastVoxels &&
           shape.sequences < (1 << 20) && span > 0 && span <= kMaxSpan;
}

std::vector<std::uint8_t> encode(const std::uint16_t* stored, const Shape& shape, std::uint32_t span) {
    return Encoder(stored, size_of(shape), span).encode();
}

}  // namespace medcodec::blocks::rows
