#include "subbands_codec.hpp"

#include <cstdlib>
#include <memory>

#include "range_coder.hpp"

namespace subbands {
namespace {

// The two sides of the range coder behind one name, so that the model is written once.
class Encoder {
  public:
    static constexpr bool kEncodes = true;
    explicit Encoder(medcodec::ByteBuffer& out) : coder_(out) {}
    bool code(bool bit, uint32_t p16) {
        coder_.encode_bit(bit, p16);
        return bit;
    }
    void finish() { coder_.finish(); }

  private:
    RangeEncoder coder_;
};

class Decoder {
  public:
    static constexpr bool kEncodes = false;
    Decoder(const uint8_t* data, size_t size) : coder_(data, size) {}
    bool code(bool, uint32_t p16) { return coder_.decode_bit(p16); }
    bool plausible() const { return coder_.plausible(); }

  private:
    RangeDecoder coder_;
};

// Bits in 1/256 of a decision of probability p / 65536, in integers.
struct Costs {
    std::array<uint16_t, 4097> bits;
    Costs() {
        bits[0] = 12 * 256;
        for (uint32_t p = 1; p <= 4096; p++)
            bits[p] = static_cast<uint16_t>(12 * 256 - medcodec::log2_fixed(p, 8));
    }
};
uint32_t cost(uint32_t p16) {
    static const Costs costs;
    return costs.bits[std::max<uint32_t>(p16 >> 4, 1)];
}
uint32_t cost_of(bool bit, uint32_t p16) { return cost(bit ? p16 : 65536 - p16); }

}  // namespace

Model::Model(bool trained)
    : nonzero_(kSizes, kFirstSets, kSecondSets, trained), negative_(kSignSizes, kFirstSets, kSecondSets, trained),
      above_one_(kSizes, kFirstSets, kSecondSets, trained), above_two_(kSizes, kFirstSets, kSecondSets, trained),
      buckets_(kTailContexts * kBuckets), mantissas_(kBuckets * 4), any_(kLevels * kLayers),
      predicted_(kLevels * kLayers * 27) {}

template <class Coder>
void Model::code_predicted(Coder& coder, uint8_t* blocks, size_t rows, size_t columns, const uint8_t* parent,
                           size_t parent_rows, size_t parent_columns) {
    const size_t base = static_cast<size_t>(band_.level * kLayers + band_.layer) * 27;
    for (size_t y = 0; y < rows; y++)
        for (size_t x = 0; x < columns; x++) {
            const size_t at = y * columns + x;
            const size_t left = x ? blocks[at - 1] : 2, up = y ? blocks[at - columns] : 2;
            const size_t above = parent ? parent[std::min(y / 2, parent_rows - 1) * parent_columns +
                                                 std::min(x / 2, parent_columns - 1)]
                                        : 2;
            Counter& counter = predicted_[base + (left * 3 + up) * 3 + above];
            blocks[at] = coder.code(blocks[at] != 0, counter.p16());
            counter.update(blocks[at] != 0, 60);
        }
}

template <class Coder>
bool Model::code_any(Coder& coder, bool any) {
    Counter& counter = any_[static_cast<size_t>(band_.level * kLayers + band_.layer)];
    any = coder.code(any, counter.p16());
    counter.update(any, 250);
    return any;
}

// The nearest level, or the one towards zero where its bits save more than its error costs.
int32_t Model::choose(const Site& site, int32_t scaled, int64_t lambda) {
    const int64_t size = std::abs(int64_t{scaled});
    const int64_t nearest = std::min<int64_t>((size + 32) >> 6, kMaxLevel);
    if (nearest == 0) return 0;
    const bool negative = scaled < 0;
    const auto price = [&](int64_t level) {
        if (level == 0) return int64_t{cost_of(false, p_nonzero_)};
        int64_t bits = cost_of(true, p_nonzero_) + cost_of(negative, p_negative_) + cost_of(level > 1, p_one_);
        if (level > 1) bits += cost_of(level > 2, p_two_);
        if (level > 2) bits += tail_bits(static_cast<uint32_t>(level - 3), site.tail_context);
        return bits;
    };
    int64_t best = nearest, least = -1;
    for (const int64_t level : {nearest, nearest - 1, int64_t{0}}) {
        if (level < 0 || (level == 0 && nearest > 2)) continue;
        const int64_t error = size - level * 64;
        const int64_t total = error * error * 256 + lambda * price(level);
        if (least < 0 || total < least) {
            least = total;
            best = level;
        }
    }
    return static_cast<int32_t>(negative ? -best : best);
}

template <class Coder>
uint32_t Model::code_tail(Coder& coder, uint32_t value, int context) {
    // Exp-Golomb: which power of two, then the bits below it, of which the first two are modelled.
    int bucket = 0;
    const int wanted = Coder::kEncodes ? 31 - __builtin_clz(value + 1) : 0;
    for (; bucket < kBuckets - 1; bucket++) {
        Counter& counter = buckets_[static_cast<size_t>(context * kBuckets + bucket)];
        const bool more = coder.code(bucket < wanted, counter.p16());
        counter.update(more, 250);
        if (!more) break;
    }
    uint32_t result = 1;
    for (int i = bucket - 1; i >= 0; i--) {
        const bool bit = (value + 1) >> i & 1;
        const int depth = bucket - 1 - i;
        if (depth < 2) {
            Counter& counter = mantissas_[static_cast<size_t>(bucket) * 4 + (depth == 0 ? 0 : 1 + (result & 1))];
            const bool coded = coder.code(bit, counter.p16());
            counter.update(coded, 250);
            result = result << 1 | coded;
        } else {
            result = result << 1 | coder.code(bit, 32768);
        }
    }
    return result - 1;
}

uint32_t Model::tail_bits(uint32_t value, int context) const {
    const int wanted = std::min(31 - __builtin_clz(value + 1), kBuckets - 1);
    uint32_t bits = static_cast<uint32_t>(wanted) * 256;
    for (int bucket = 0; bucket <= wanted && bucket < kBuckets - 1; bucket++)
        bits += cost_of(bucket < wanted, buckets_[static_cast<size_t>(context * kBuckets + bucket)].p16());
    return bits;
}

template <class Coder>
int32_t Model::code(Coder& coder, const Site& site, int32_t scaled, int64_t lambda) {
    p_nonzero_ = nonzero_.predict(site.contexts, site.logits[0], site.first_set, site.second_set);
    int32_t level = 0;
    bool predicted = false;
    const auto predict_rest = [&] {
        p_negative_ = negative_.predict(site.sign_contexts, site.logits[1], site.first_set, site.second_set);
        p_one_ = above_one_.predict(site.contexts, site.logits[2], site.first_set, site.second_set);
        p_two_ = above_two_.predict(site.contexts, site.logits[3], site.first_set, site.second_set);
        predicted = true;
    };
    if (Coder::kEncodes && (std::abs(int64_t{scaled}) + 32) >> 6 > 0) {
        predict_rest();
        level = choose(site, scaled, lambda);
    }
    const bool nonzero = coder.code(level != 0, p_nonzero_);
    nonzero_.update(nonzero);
    if (!nonzero) return 0;
    if (!predicted) predict_rest();
    const bool negative = coder.code(level < 0, p_negative_);
    negative_.update(negative);
    uint32_t size = static_cast<uint32_t>(std::abs(level));
    const bool above_one = coder.code(size > 1, p_one_);
    above_one_.update(above_one);
    if (!above_one) size = 1;
    else {
        const bool above_two = coder.code(size > 2, p_two_);
        above_two_.update(above_two);
        size = above_two ? 3 + code_tail(coder, size - 3, site.tail_context) : 2;
    }
    return negative ? -static_cast<int32_t>(size) : static_cast<int32_t>(size);
}

template <class Coder>
void Model::code_step(Coder& coder, int step, const int16_t* logits, int64_t lambda) {
    for (size_t y = static_cast<size_t>(kPhaseY[step]); y < band_.height; y += 2)
        for (size_t x = static_cast<size_t>(kPhaseX[step]); x < band_.width; x += 2) {
            const Site site = site_at(step, y, x, logits);
            const int32_t scaled = Coder::kEncodes ? band_.scaled[y * band_.width + x] : 0;
            settle(y, x, code(coder, site, scaled, lambda));
        }
}

struct SubbandEncoder::State {
    explicit State(bool trained) : model(trained), coder(std::make_unique<Encoder>(bytes)) {}
    Model model;
    medcodec::ByteBuffer bytes;
    std::unique_ptr<Encoder> coder;
};

SubbandEncoder::SubbandEncoder(bool trained) : state_(std::make_unique<State>(trained)) {}
SubbandEncoder::~SubbandEncoder() = default;

bool SubbandEncoder::begin(const Band& band, const Blocks& predicted) {
    const int32_t* end = band.scaled + band.height * band.width;
    const bool any = std::any_of(band.scaled, end, [](int32_t value) { return value >= 32 || value < -32; });
    state_->model.enter(band);
    if (predicted.blocks)
        state_->model.code_predicted(*state_->coder, predicted.blocks, predicted.rows, predicted.columns, predicted.parent,
                                     predicted.parent_rows, predicted.parent_columns);
    state_->model.code_any(*state_->coder, any);
    if (any) state_->model.gather();
    else std::fill_n(band.levels, band.height * band.width, 0);
    return any;
}

void SubbandEncoder::features(int step, int16_t* out) const { state_->model.features(step, out); }

void SubbandEncoder::step(int step, const int16_t* logits, int64_t lambda) {
    state_->model.code_step(*state_->coder, step, logits, lambda);
}

void SubbandEncoder::flush(medcodec::ByteBuffer& out) {
    state_->coder->finish();
    out.reserve(out.size + state_->bytes.size);
    std::copy_n(state_->bytes.data, state_->bytes.size, out.data + out.size);
    out.size += state_->bytes.size;
    state_->bytes.size = 0;
    state_->coder = std::make_unique<Encoder>(state_->bytes);
}

struct SubbandDecoder::State {
    explicit State(bool trained) : model(trained), coder(std::make_unique<Decoder>(nullptr, 0)) {}
    Model model;
    std::unique_ptr<Decoder> coder;
};

SubbandDecoder::SubbandDecoder(bool trained) : state_(std::make_unique<State>(trained)) {}
SubbandDecoder::~SubbandDecoder() = default;

void SubbandDecoder::feed(const uint8_t* data, size_t size) { state_->coder = std::make_unique<Decoder>(data, size); }

bool SubbandDecoder::begin(const Band& band, const Blocks& predicted) {
    state_->model.enter(band);
    if (predicted.blocks)
        state_->model.code_predicted(*state_->coder, predicted.blocks, predicted.rows, predicted.columns, predicted.parent,
                                     predicted.parent_rows, predicted.parent_columns);
    std::fill_n(band.levels, band.height * band.width, 0);
    const bool any = state_->model.code_any(*state_->coder, false);
    if (any) state_->model.gather();
    return any;
}

void SubbandDecoder::features(int step, int16_t* out) const { state_->model.features(step, out); }
void SubbandDecoder::step(int step, const int16_t* logits) { state_->model.code_step(*state_->coder, step, logits, 0); }
bool SubbandDecoder::plausible() const { return state_->coder->plausible(); }

}  // namespace subbands
