// Little-endian byte and bit streams; every read is checked.
#pragma once
#include <cstring>
#include <vector>

#include "blocks_format.hpp"

namespace medcodec::blocks {

class ByteWriter {
  public:
    void put(std::uint64_t value, int bytes) {
        for (int i = 0; i < bytes; ++i) data.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    }
    void append(const std::vector<std::uint8_t>& more) { data.insert(data.end(), more.begin(), more.end()); }

    std::vector<std::uint8_t> data;
};

class ByteReader {
  public:
    ByteReader(const std::uint8_t* data, std::size_t size) : at_(data), end_(data + size) {}
    std::uint64_t get(int bytes) {
        const std::uint8_t* p = take(static_cast<std::size_t>(bytes));
        std::uint64_t value = 0;
        for (int i = 0; i < bytes; ++i) value |= static_cast<std::uint64_t>(p[i]) << (8 * i);
        return value;
    }
    const std::uint8_t* take(std::size_t bytes) {
        if (bytes > left()) throw Error("block stream ends too early");
        const std::uint8_t* p = at_;
        at_ += bytes;
        return p;
    }
    std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }

  private:
    const std::uint8_t* at_;
    const std::uint8_t* end_;
};

// Bits, least significant first.
class BitWriter {
  public:
    void put(std::uint32_t value, int count) {  // count <= 32, value < 2**count
        pending_ |= static_cast<std::uint64_t>(value) << filled_;
        filled_ += count;
        if (filled_ < 32) return;
        const std::size_t at = data_.size();
        data_.resize(at + 4);
        for (int i = 0; i < 4; ++i) data_[at + i] = static_cast<std::uint8_t>(pending_ >> (8 * i));
        pending_ >>= 32;
        filled_ -= 32;
    }
    std::vector<std::uint8_t> finish() {
        for (; filled_ > 0; filled_ -= 8, pending_ >>= 8) data_.push_back(static_cast<std::uint8_t>(pending_));
        filled_ = 0;
        return std::move(data_);
    }

  private:
    std::vector<std::uint8_t> data_;
    std::uint64_t pending_ = 0;
    int filled_ = 0;
};

// Bits in bulk: room must be made before a run of puts.
class BitSink {
  public:
    // For `count` more values of at most 32 bits.
    void make_room(std::size_t count) {
        const std::size_t wanted = used_ + 4 * count + 16;
        if (data_.size() < wanted) data_.resize(wanted + wanted / 2);
    }
    // Values of together at most 56 bits at a time.
    void put(std::uint64_t value, int count) {
        pending_ |= value << filled_;
        filled_ += count;
        std::uint8_t* to = data_.data() + used_;
        for (int i = 0; i < 8; ++i) to[i] = static_cast<std::uint8_t>(pending_ >> (8 * i));
        used_ += static_cast<std::size_t>(filled_ >> 3);
        pending_ = filled_ >> 3 ? pending_ >> (filled_ & ~7) : pending_;
        filled_ &= 7;
    }
    std::vector<std::uint8_t> finish() {
        data_.resize(used_ + (filled_ > 0));
        return std::move(data_);
    }

  private:
    std::vector<std::uint8_t> data_;
    std::size_t used_ = 0;
    std::uint64_t pending_ = 0;  // of the byte at used_ and after
    int filled_ = 0;             // below 8 between puts
};

class BitReader {
  public:
    BitReader(const std::uint8_t* data, std::size_t size)
        : data_(data), bits_(8 * static_cast<std::uint64_t>(size)) {}

    std::uint64_t left() const { return bits_ - at_; }

    std::uint32_t get(int count) {  // count <= 32
        if (static_cast<std::uint64_t>(count) > left()) throw Error("block stream lacks raw bits");
        std::uint64_t window = 0;
        const std::uint64_t last = (bits_ >> 3) - (at_ >> 3);
        for (std::uint64_t i = 0; i < last && i < 5; ++i)
            window |= static_cast<std::uint64_t>(data_[(at_ >> 3) + i]) << (8 * i);
        window >>= at_ & 7;
        at_ += static_cast<std::uint64_t>(count);
        return static_cast<std::uint32_t>(window & ((std::uint64_t{1} << count) - 1));
    }

    // The number of zeros, at most `most` <= 56, before the next one, which is read too.
    int zeros(int most) {
        std::uint64_t window = 0;
        const std::size_t first = static_cast<std::size_t>(at_ >> 3), end = static_cast<std::size_t>(bits_ >> 3);
        if (end - first >= 8)
            for (int i = 0; i < 8; ++i) window |= static_cast<std::uint64_t>(data_[first + i]) << (8 * i);
        else
            for (std::size_t i = first; i < end; ++i) window |= static_cast<std::uint64_t>(data_[i]) << (8 * (i - first));
        window >>= at_ & 7;
        const int count = window ? __builtin_ctzll(window) : most + 1;
        if (count > most) throw Error("block stream lacks the end of a run of zeros");
        at_ += static_cast<std::uint64_t>(count) + 1;
        return count;
    }

  private:
    const std::uint8_t* data_;
    std::uint64_t bits_;
    std::uint64_t at_ = 0;
};

}  // namespace medcodec::blocks
