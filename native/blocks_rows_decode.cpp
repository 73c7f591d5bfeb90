// The decoder of rows: what surrounds the kernels, and the scalar one.
#include <memory>

#include "blocks_rows_scalar.hpp"

namespace medcodec::blocks::rows {
namespace {

struct Entry {
    std::uint8_t token;
    std::uint16_t frequency, offset;
};

class Scalar {
  public:
    explicit Scalar(const Task& task)
        : task_(task), scale_(task.span), escapes_(task.escapes), entries_(kContexts * kTableSize) {
        Entry* entry = entries_.data();
        for (int c = 0; c < kContexts; ++c)
            for (int t = 0; t < kTokens; ++t) {
                const std::uint16_t frequency = task.frequencies->of[c][t];
                for (std::uint16_t i = 0; i < frequency; ++i) *entry++ = {static_cast<std::uint8_t>(t), frequency, i};
            }
        for (int x = 0; x < kSide; ++x)
            state_[x] = static_cast<std::uint32_t>(ByteReader(task.states + 4 * x, 4).get(4));
    }

    bool decode() {
        const Size& size = task_.size;
        History history;
        std::size_t n = 0;
        for (int s = 0; s < size.sequences; ++s)
            for (int f = 0; f < size.frames; ++f) {
                Frame* frame = history.current(s, f);
                const Frame* reference = history.reference(s, f);
                for (int y = 0; y < size.height; ++y, ++n) {
                    const Around around = rows_around(*frame, reference, history.none(), y, size.height);
                    if (!decode_row(n, frame->row[y], around, task_.settings->weights[reference != nullptr]))
                        return false;
                }
            }
        return task_.words == task_.words_end && escapes_ == task_.escapes + 2 * task_.escape_count &&
               std::all_of(state_, state_ + kSide, [](std::uint32_t v) { return v == kStateLow; });
    }

  private:
    bool decode_row(std::size_t n, Row& row, const Around& around, const std::int8_t (*weights)[kTaps]) {
        std::uint8_t tokens[kSide] = {};
        std::uint16_t zigzag[kSide] = {};
        if (!decode_tokens(around, tokens) || !expand(n, tokens, zigzag)) return false;
        set_activity(row, tokens, task_.settings->activity_shift);
        Planes& p = row.planes;
        rebuild(even_taps(around), weights[0], zigzag, 0, n, p.even);
        set_even_neighbours(p);
        rebuild(odd_taps(around, p), weights[1], zigzag, 1, n, p.odd);
        set_odd_neighbours(p);
        return true;
    }

    bool decode_tokens(const Around& around, std::uint8_t* tokens) {
        for (int i = 0; i < kSide; ++i) {
            const int x = column_at(i);
            if (x >= task_.size.width) continue;
            const int context = context_at(*task_.settings, activity_at(around, x), x);
            std::uint32_t& state = state_[x];
            const Entry& e = entries_[static_cast<std::size_t>(context * kTableSize) + state % kTableSize];
            tokens[x] = e.token;
            state = e.frequency * (state >> kTableBits) + e.offset;
            if (state >= kStateLow) continue;
            if (task_.words_end - task_.words < 2) return false;
            state = state << 16 | task_.words[0] | static_cast<std::uint32_t>(task_.words[1]) << 8;
            task_.words += 2;
        }
        return true;
    }

    bool expand(std::size_t n, const std::uint8_t* tokens, std::uint16_t* zigzag) {
        const int bits = task_.settings->raw_bits, width = task_.size.width;
        const std::size_t even = static_cast<std::size_t>(((width + 1) / 2 * bits + 7) / 8);
        const std::size_t all = raw_row_bytes(width, bits);
        const std::uint8_t* raw = task_.raw + n * all;
        BitReader halves[2] = {{raw, even}, {raw + even, all - even}};
        for (int x = 0; x < width; ++x) {
            zigzag[x] = static_cast<std::uint16_t>(tokens[x] << bits | static_cast<int>(halves[x & 1].get(bits)));
            if (tokens[x] != kEscape) continue;
            if (escapes_ == task_.escapes + 2 * task_.escape_count) return false;
            zigzag[x] = static_cast<std::uint16_t>(escapes_[0] | escapes_[1] << 8);
            escapes_ += 2;
        }
        return true;
    }

    void rebuild(const Taps& taps, const std::int8_t* weights, const std::uint16_t* zigzag, int parity, std::size_t n,
                 std::int16_t* plane) const {
        std::int32_t prediction[kHalf];
        predict(taps, weights, scale_, prediction);
        for (int i = 0; i < kHalf; ++i) {
            const int x = 2 * i + parity;
            const int residual = zigzag[x] >> 1 ^ -(zigzag[x] & 1);
            const std::uint16_t value = static_cast<std::uint16_t>(prediction[i] + residual);
            plane[i] = scale_.up(value);
            put(n * kSide + static_cast<std::size_t>(x), value + task_.base);
        }
    }

    void put(std::size_t at, std::uint32_t value) const {
        if (task_.out_bytes == 1)
            static_cast<std::uint8_t*>(task_.out)[at] = static_cast<std::uint8_t>(value);
        else
            static_cast<std::uint16_t*>(task_.out)[at] = static_cast<std::uint16_t>(value);
    }

    Task task_;
    Scale scale_;
    const std::uint8_t* escapes_;
    std::vector<Entry> entries_;  // kTableSize for each context
    std::uint32_t state_[kSide];
};

void check_states(const std::uint8_t* states) {
    for (int x = 0; x < kSide; ++x) {
        const std::uint64_t state = ByteReader(states + 4 * x, 4).get(4);
        if (state < kStateLow || state >> 31) throw Error("block stream has a wrong rANS state");
    }
}

}  // namespace

bool decode_scalar(const Task& task) {
    return Scalar(task).decode();
}

Kernel kernel(Path path) {
    const bool vectors = &kernels(path) == avx2_kernels();
    if (path == Path::kAvx512 && !has_avx512())
        throw Error("this processor or build lacks the vector path that was asked for");
    if (vectors && path != Path::kAvx2 && has_avx512()) return decode_avx512;
    return vectors ? decode_avx2 : decode_scalar;
}

template <class Value>
void decode(ByteReader& in, const Shape& shape, const Header& header, const ValueMap& map, Path path,
            Value* voxels) {
    if ((header.flags & ~kMapped) || header.magnitude_shift || !fits(shape, header.span))
        throw Error("block stream has rows where there can be none");
    const Size size = size_of(shape);
    const std::size_t side_bytes = static_cast<std::size_t>(in.get(2));
    Task task{};
    task.escape_count = static_cast<std::size_t>(in.get(4));
    Settings settings;
    const auto frequencies = std::make_unique<Frequencies>();
    ByteReader side(in.take(side_bytes), side_bytes);
    read_side(side, size.sequences * size.frames > 1, settings, *frequencies);
    task.escapes = in.take(2 * task.escape_count);
    task.raw = in.take(size.rows() * raw_row_bytes(size.width, settings.raw_bits));
    task.states = in.take(4 * kSide);
    check_states(task.states);
    const std::size_t words = in.left();
    if (words % 2) throw Error("block stream has half a rANS word");
    task.words = in.take(words);
    task.words_end = task.words + words;
    task.size = size;
    task.settings = &settings;
    task.frequencies = frequencies.get();
    task.span = header.span;
    const auto run = [&task, path] {
        if (!kernel(path)(task)) throw Error("block stream is damaged: its rows do not end where they should");
    };
    if (size.width == kSide && sizeof(Value) <= 2 && !map.used()) {
        task.base = static_cast<std::uint32_t>(header.base);
        task.out = voxels;
        task.out_bytes = sizeof(Value);
        return run();
    }
    const std::unique_ptr<std::uint16_t[]> stored(new std::uint16_t[size.rows() * kSide]);
    task.out = stored.get();
    task.out_bytes = 2;
    run();
    for (std::size_t n = 0; n < size.rows(); ++n, voxels += size.width)
        map.to_voxels(stored.get() + n * kSide, size.width, header, voxels);
}

template void decode(ByteReader&, const Shape&, const Header&, const ValueMap&, Path, std::int8_t*);
template void decode(ByteReader&, const Shape&, const Header&, const ValueMap&, Path, std::uint8_t*);
template void decode(ByteReader&, const Shape&, const Header&, const ValueMap&, Path, std::int16_t*);
template void decode(ByteReader&, const Shape&, const Header&, const ValueMap&, Path, std::uint16_t*);
template void decode(ByteReader&, const Shape&, const Header&, const ValueMap&, Path, std::int32_t*);

}  // namespace medcodec::blocks::rows
