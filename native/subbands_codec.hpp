// An encoder and a decoder of subbands, which walk through bands and steps alike.
#pragma once
#include <memory>

#include "byte_buffer.hpp"
#include "subbands_model.hpp"

namespace subbands {

// Which blocks of a band are predicted, 0 or 1, and those of the same orientation one level coarser (or null).
struct Blocks {
    uint8_t* blocks;
    size_t rows, columns;
    const uint8_t* parent;
    size_t parent_rows, parent_columns;
};

class SubbandEncoder {
  public:
    explicit SubbandEncoder(bool trained);
    ~SubbandEncoder();
    Model& model();
    // Say whether any coefficient of the band is not zero; if none is, the band is done.
    bool begin(const Band& band, const Blocks& predicted);
    void features(int step, bool more, int16_t* out) const;
    void step(int step, const int16_t* logits, int64_t lambda);
    // End a segment, into `out`; the next begins with all that was learnt.
    void flush(medcodec::ByteBuffer& out);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

class SubbandDecoder {
  public:
    explicit SubbandDecoder(bool trained);
    ~SubbandDecoder();
    Model& model();
    // Take the next segment, which must outlive its bands.
    void feed(const uint8_t* data, size_t size);
    bool begin(const Band& band, const Blocks& predicted);
    void features(int step, bool more, int16_t* out) const;
    void step(int step, const int16_t* logits);
    // Whether the segment was read to its end.
    bool plausible() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace subbands
