// The two streams of a group: spans of 2^16 by rANS, written backwards, and plain bits.
//
// Spans are held until their part of the stream ends, which is after a row, once there are so many.
constexpr size_t kPartSpans = size_t{1} << 17;

constexpr uint64_t kRansLow = uint64_t{1} << 31;

class Encoder {
  public:
    static constexpr bool kDecodes = false;

    // A buffer that grows would be held twice; of one that is large enough, the system gives what is written to.
    explicit Encoder(size_t voxels) { words_.reserve(voxels * 4 + voxels / 4); }

    void begin_row(size_t width) {
        if (spans_.size >= kPartSpans * 4) end_part();
        plain_.reserve(plain_.size + width * 8 + 16);
        spans_.reserve(spans_.size + width * 5 + 8);
    }
    void put(uint32_t start, uint32_t length) {
        const uint32_t span = start << 16 | length;
        std::memcpy(spans_.data + spans_.size, &span, 4);
        spans_.size += 4;
    }
    int symbol(const Mixture& mixture, int symbol) {
        put(mixture.start(symbol), mixture.length(symbol));
        return symbol;
    }
    bool flag(int32_t probability, bool yes) {
        const auto p = static_cast<uint32_t>(probability);
        put(yes ? 0 : p, yes ? p : (1u << kTotalBits) - p);
        return yes;
    }
    uint32_t bits(int count, uint32_t value) {
        held_ |= static_cast<uint64_t>(value) << filled_;
        filled_ += count;
        if (filled_ >= 32) {
            const auto low = static_cast<uint32_t>(held_);
            std::memcpy(plain_.data + plain_.size, &low, 4);
            plain_.size += 4;
            held_ >>= 32;
            filled_ -= 32;
        }
        return value;
    }
    // Takes the place of the words.
    void finish(ByteBuffer& out) {
        end_part();
        for (; filled_ > 0; filled_ -= 8, held_ >>= 8) plain_.push(static_cast<uint8_t>(held_));
        const size_t before = 4 + plain_.size;
        words_.reserve(before + words_.size);
        std::memmove(words_.data + before, words_.data, words_.size);
        for (int k = 0; k < 4; k++) words_.data[k] = static_cast<uint8_t>(plain_.size >> (8 * k));
        if (plain_.size) std::memcpy(words_.data + 4, plain_.data, plain_.size);
        words_.size += before;
        words_.shrink();
        out.swap(words_);
    }

  private:
    void end_part() {
        // A span becomes one word at most, so that the words fit where the spans were. Two more hold the state.
        spans_.reserve(spans_.size + 8);
        uint8_t* const end = spans_.data + spans_.size + 8;
        uint8_t* next = end;
        const auto put_word = [&next](uint64_t word) {
            const auto low = static_cast<uint32_t>(word);
            next -= 4;
            std::memcpy(next, &low, 4);
        };
        uint64_t state = kRansLow;
        for (size_t i = spans_.size; i; i -= 4) {
            uint32_t span;
            std::memcpy(&span, spans_.data + i - 4, 4);
            const uint32_t start = span >> 16, length = span & 0xffff;
            if (state >= static_cast<uint64_t>(length) << 47) {
                put_word(state);
                state >>= 32;
            }
            state = (state / length << kTotalBits) + state % length + start;
        }
        put_word(state >> 32);
        put_word(state);
        const auto coded = static_cast<size_t>(end - next);
        words_.reserve(words_.size + coded);
        std::memcpy(words_.data + words_.size, next, coded);
        words_.size += coded;
        spans_.size = 0;
    }

    ByteBuffer spans_, words_, plain_;
    uint64_t held_ = 0;
    int filled_ = 0;
};

class Decoder {
  public:
    static constexpr bool kDecodes = true;

    Decoder(const uint8_t* data, size_t size, bool in_parts) : most_(in_parts ? kPartSpans : SIZE_MAX) {
        uint32_t plain_size = 0;
        if (size >= 4) std::memcpy(&plain_size, data, 4);
        if (size < 12 || plain_size > size - 12) {
            failed_ = true;
            return;
        }
        plain_ = data + 4;
        plain_end_ = word_ = plain_ + plain_size;
        end_ = data + size;
        begin_part();
    }
    void begin_row(size_t) {
        if (taken_ < most_) return;
        failed_ |= state_ != kRansLow;
        begin_part();
    }
    int symbol(const Mixture& mixture, int) {
        const uint32_t slot = state_ & 0xffff;
        const int symbol = mixture.find(slot);
        take(slot, mixture.start(symbol), mixture.length(symbol));
        return symbol;
    }
    bool flag(int32_t probability, bool) {
        const auto p = static_cast<uint32_t>(probability);
        const uint32_t slot = state_ & 0xffff;
        const bool yes = slot < p;
        take(slot, yes ? 0 : p, yes ? p : (1u << kTotalBits) - p);
        return yes;
    }
    uint32_t bits(int count, uint32_t) {
        if (filled_ < count) refill();
        if (filled_ < count) {
            failed_ = true;
            return 0;
        }
        const auto value = static_cast<uint32_t>(held_ & ((uint64_t{1} << count) - 1));
        held_ >>= count;
        filled_ -= count;
        return value;
    }
    bool finished() const {
        return !failed_ && state_ == kRansLow && word_ == end_ && plain_ == plain_end_ && filled_ < 8 && held_ == 0;
    }

  private:
    void begin_part() {
        taken_ = 0;
        if (end_ - word_ < 8) {
            failed_ = true;
            return;
        }
        std::memcpy(&state_, word_, 8);
        word_ += 8;
    }
    void take(uint32_t slot, uint32_t start, uint32_t length) {
        taken_++;
        state_ = length * (state_ >> kTotalBits) + slot - start;
        if (state_ < kRansLow) {
            uint32_t word = 0;
            if (end_ - word_ >= 4) {
                std::memcpy(&word, word_, 4);
                word_ += 4;
            } else {
                failed_ = true;
            }
            state_ = state_ << 32 | word;
        }
    }
    void refill() {
        if (plain_end_ - plain_ >= 4) {
            uint32_t word;
            std::memcpy(&word, plain_, 4);
            held_ |= static_cast<uint64_t>(word) << filled_;
            filled_ += 32;
            plain_ += 4;
            return;
        }
        while (plain_ < plain_end_ && filled_ <= 48) {
            held_ |= static_cast<uint64_t>(*plain_++) << filled_;
            filled_ += 8;
        }
    }

    const uint8_t *plain_ = nullptr, *plain_end_ = nullptr, *word_ = nullptr, *end_ = nullptr;
    uint64_t state_ = kRansLow, held_ = 0;
    size_t taken_ = 0, most_;
    int filled_ = 0;
    bool failed_ = false;
};
