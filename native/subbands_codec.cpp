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
    blocks_.assign(blocks, blocks + rows * columns);
    block_columns_ = columns;
}

template <class Coder>
bool Model::code_any(Coder& coder, bool any) {
    Counter& counter = any_[static_cast<size_t>(band_.level * kLayers + band_.layer)];
    any = coder.code(any, counter.p16());
    counter.update(any, 250);
    return any;
}

void Model::enter(const Band& band) {
    band_ = band;
    blocks_.clear();
    state_ = 0;
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

template <class Coder>
int32_t Model::code(Coder& coder, const Site& site, int32_t level) {
    const auto decide = [&](Decision& decision, const Contexts& contexts, int head, bool bit) {
        bit = coder.code(bit, decision.predict(contexts, site.logits[head], site.first_set, site.second_set));
        decision.update(bit);
        return bit;
    };
    if (!decide(nonzero_, site.contexts, 0, level != 0)) return 0;
    const bool negative = decide(negative_, site.sign_contexts, 1, level < 0);
    auto size = static_cast<uint32_t>(std::abs(level));
    if (!decide(above_one_, site.contexts, 2, size > 1)) size = 1;
    else if (!decide(above_two_, site.contexts, 3, size > 2)) size = 2;
    else size = 3 + code_tail(coder, size - 3, site.tail_context);
    return negative ? -static_cast<int32_t>(size) : static_cast<int32_t>(size);
}

template <class Coder>
void Model::code_step(Coder& coder, int step, const int16_t* logits, int64_t lambda) {
    if (Coder::kEncodes) plan(step, logits, lambda);
    size_t number = 0;
    for (size_t y = static_cast<size_t>(kPhaseY[step]); y < band_.height; y += 2)
        for (size_t x = static_cast<size_t>(kPhaseX[step]); x < band_.width; x += 2, number++) {
            Site site = site_at(step, y, x, logits);
            if (band_.states && is_shifted(state_)) site.shift();
            const int32_t level = code(coder, site, Coder::kEncodes ? plan_[number] : 0);
            settle(y, x, level);
            state_ = next_state(band_.states, state_, level);
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
    const bool any = std::any_of(band.scaled, end, [](int32_t value) { return value >= 32 || value <= -32; });
    state_->model.enter(band);
    if (predicted.blocks)
        state_->model.code_predicted(*state_->coder, predicted.blocks, predicted.rows, predicted.columns, predicted.parent,
                                     predicted.parent_rows, predicted.parent_columns);
    state_->model.code_any(*state_->coder, any);
    if (any) state_->model.gather();
    else std::fill_n(band.levels, band.height * band.width, 0);
    return any;
}

Model& SubbandEncoder::model() { return state_->model; }
void SubbandEncoder::features(int step, bool more, int16_t* out) const { state_->model.features(step, more, out); }

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

Model& SubbandDecoder::model() { return state_->model; }
void SubbandDecoder::features(int step, bool more, int16_t* out) const { state_->model.features(step, more, out); }
void SubbandDecoder::step(int step, const int16_t* logits) { state_->model.code_step(*state_->coder, step, logits, 0); }
bool SubbandDecoder::plausible() const { return state_->coder->plausible(); }

}  // namespace subbands
