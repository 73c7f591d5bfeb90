// CRC32C by eight tables, or by the processor's instruction on three strands at once, which hides its latency.
#include "crc32c.hpp"

#include <array>
#include <cstring>

#if defined(__x86_64__) || defined(_M_X64)
#include <nmmintrin.h>
#define MEDCODEC_CRC __attribute__((target("sse4.2")))
#define MEDCODEC_CRC_EIGHT _mm_crc32_u64
#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#define MEDCODEC_CRC
#define MEDCODEC_CRC_EIGHT(crc, value) __crc32cd(static_cast<std::uint32_t>(crc), value)
#endif

namespace medcodec {
namespace {

constexpr std::uint32_t kPolynomial = 0x82f63b78;  // reflected
// What a byte becomes with 0..7 zero bytes after it.
using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Tables make_tables() {
    Tables tables{};
    for (std::uint32_t i = 0; i < 256; ++i) {
        std::uint32_t crc = i;
        for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ kPolynomial : crc >> 1;
        tables[0][i] = crc;
    }
    for (std::size_t n = 1; n < 8; ++n)
        for (std::size_t i = 0; i < 256; ++i)
            tables[n][i] = tables[0][tables[n - 1][i] & 255] ^ tables[n - 1][i] >> 8;
    return tables;
}

constexpr Tables kTables = make_tables();

std::uint32_t by_table(std::uint32_t crc, const std::uint8_t* data, std::size_t size) {
    for (; size >= 8; size -= 8, data += 8) {
        const std::uint32_t low =
            crc ^ (data[0] | data[1] << 8 | data[2] << 16 | static_cast<std::uint32_t>(data[3]) << 24);
        crc = kTables[7][low & 255] ^ kTables[6][low >> 8 & 255] ^ kTables[5][low >> 16 & 255] ^ kTables[4][low >> 24] ^
              kTables[3][data[4]] ^ kTables[2][data[5]] ^ kTables[1][data[6]] ^ kTables[0][data[7]];
    }
    for (; size; --size) crc = kTables[0][(crc ^ *data++) & 255] ^ crc >> 8;
    return crc;
}

#ifdef MEDCODEC_CRC

constexpr std::size_t kStrand = 1024;  // bytes

// What a checksum becomes after kStrand bytes of zeros, by each of its bytes.
struct Shift {
    Shift() {
        std::uint32_t bit[32];
        for (int i = 0; i < 32; ++i) {
            bit[i] = 1u << i;
            for (std::size_t n = 0; n < kStrand; ++n) bit[i] = kTables[0][bit[i] & 255] ^ bit[i] >> 8;
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

MEDCODEC_CRC std::uint32_t by_instruction(std::uint32_t crc, const std::uint8_t* data, std::size_t size) {
    static const Shift shift;
    std::uint64_t a = crc;
    for (; size >= 3 * kStrand; size -= 3 * kStrand, data += 3 * kStrand) {
        std::uint64_t b = 0, c = 0;
        for (std::size_t i = 0; i < kStrand; i += 8) {
            a = MEDCODEC_CRC_EIGHT(a, eight(data + i));
            b = MEDCODEC_CRC_EIGHT(b, eight(data + kStrand + i));
            c = MEDCODEC_CRC_EIGHT(c, eight(data + 2 * kStrand + i));
        }
        a = shift(shift(a) ^ b) ^ c;
    }
    for (; size >= 8; size -= 8, data += 8) a = MEDCODEC_CRC_EIGHT(a, eight(data));
    return by_table(static_cast<std::uint32_t>(a), data, size);
}

bool has_instruction() {
#if defined(__aarch64__)
    return true;
#else
    return __builtin_cpu_supports("sse4.2");
#endif
}

#endif

}  // namespace

std::uint32_t crc32c(const void* data, std::size_t size) {
    const auto* bytes = static_cast<const std::uint8_t*>(data);
#ifdef MEDCODEC_CRC
    static const bool available = has_instruction();
    if (available) return ~by_instruction(~0u, bytes, size);
#endif
    return ~by_table(~0u, bytes, size);
}

}  // namespace medcodec
