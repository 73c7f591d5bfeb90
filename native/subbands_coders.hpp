// The two sides of the range coder behind one name, so that the model is written once.
#pragma once
#include "range_coder.hpp"

namespace subbands {

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

}  // namespace subbands
