// CRC32C by table, or by the processor's instruction on three strands at once, which hides its latency.
#include "crc32c.hpp"

#include <array>
#include <cstring>

#if defined(__x86_64__) || defined(_M_X64)
#include <nmmintrin.h>
#define MEDCODEC_CRC_INSTRUCTION __attribute__((target("sse4.2")))
#endif

namespace medcodec {
namespace {

constexpr std::uint32_t kPolynomial = 0x82f63b78;  // reflected
using Table = std::array<std::uint32_t, 256>;

constexpr std::uint32_t after_zero_byte(std::uint32_t crc) {
    for (int i = 0; i < 8; ++i) crc = crc & 1 ? crc >> 1 ^ kPolynomial : crc >> 1;
    return crc;
}

constexpr Table make_table() {
    Table table{};
    for (std::uint32_t i = 0; i < 256; ++i) table[i] = after_zero_byte(i);
    return table;
}

constexpr Table kTable = make_table();

std::uint32_t by_table(std::uint32_t crc, const std::uint8_t* data, std::size_t size) {
    for (; size; --size) crc = kTable[(crc ^ *data++) & 255] ^ crc >> 8;
    return crc;
}

#ifdef MEDCODEC_CRC_INSTRUCTION

constexpr std::size_t kStrand = 1024;  // bytes

// What a checksum becomes after kStrand bytes of zeros, by each of its bytes.
struct Shift {
    Shift() {
        std::uint32_t bit[32];
        for (int i = 0; i < 32; ++i) {
            bit[i] = 1u << i;
            for (std::size_t n = 0; n < kStrand; ++n) bit[i] = kTable[bit[i] & 255] ^ bit[i] >> 8;
        }
        for (int byte = 0; byte < 4; ++byte)
            for (int value = 0; value < 256; ++value) {
                of[byte][value] = 0;
                for (int i = 0; i < 8; ++i)
                    if (value >> i & 1) of[byte][value] ^= bit[8 * byte + i];
            }
    }
    std::uint32_t operator()(std::uint64_t crc) const {
        return of[0][crc & 255] ^ of[1][crc >> 8 & 255] ^ of[2][crc >> 16 & 255] ^ of[3][crc >> 24 & 255];
    }
    std::uint32_t of[4][256];
};

inline std::uint64_t eight(const std::uint8_t* p) {
    std::uint64_t value;
    std::memcpy(&value, p, 8);
    return value;
}

MEDCODEC_CRC_INSTRUCTION std::uint32_t by_instruction(std::uint32_t crc, const std::uint8_t* data, std::size_t size) {
    static const Shift shift;
    std::uint64_t a = crc;
    for (; size >= 3 * kStrand; size -= 3 * kStrand, data += 3 * kStrand) {
        std::uint64_t b = 0, c = 0;
        for (std::size_t i = 0; i < kStrand; i += 8) {
            a = _mm_crc32_u64(a, eight(data + i));
            b = _mm_crc32_u64(b, eight(data + kStrand + i));
            c = _mm_crc32_u64(c, eight(data + 2 * kStrand + i));
        }
        a = shift(shift(a) ^ b) ^ c;
    }
    for (; size >= 8; size -= 8, data += 8) a = _mm_crc32_u64(a, eight(data));
    return by_table(static_cast<std::uint32_t>(a), data, size);
}

#endif

}  // namespace

std::uint32_t crc32c(const void* data, std::size_t size) {
    const auto* bytes = static_cast<const std::uint8_t*>(data);
#ifdef MEDCODEC_CRC_INSTRUCTION
    static const bool available = __builtin_cpu_supports("sse4.2");
    if (available) return ~by_instruction(~0u, bytes, size);
#endif
    return ~by_table(~0u, bytes, size);
}

}  // namespace medcodec
