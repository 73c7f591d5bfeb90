// Motion fields as bytes.
#pragma once
#include <cstddef>
#include <cstdint>

#include "byte_buffer.hpp"

namespace medcodec {

// Appends `fields` fields of rows x columns vectors (y, x), one after the other, as one stream.
void motion_encode(const int16_t* vectors, int fields, int rows, int columns, ByteBuffer& out);

// Null, or what is wrong with the stream; all vectors were written then too, within their bounds.
const char* motion_decode(const uint8_t* data, size_t size, int fields, int rows, int columns, int16_t* vectors);

}  // namespace medcodec
