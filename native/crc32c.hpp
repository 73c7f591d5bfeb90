// CRC32C (Castagnoli), as the container's checksums have it.
#pragma once
#include <cstddef>
#include <cstdint>

namespace medcodec {

std::uint32_t crc32c(const void* data, std::size_t size);

}  // namespace medcodec
