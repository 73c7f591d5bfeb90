#include "byte_buffer.hpp"

#include <cstdlib>
#include <new>

namespace medcodec {

ByteBuffer::~ByteBuffer() { std::free(data); }

void ByteBuffer::reserve(size_t wanted) {
    if (wanted <= capacity) return;
    const size_t grown = capacity * 2 > wanted ? capacity * 2 : wanted + 4096;
    void* moved = std::realloc(data, grown);
    if (!moved) throw std::bad_alloc();
    data = static_cast<uint8_t*>(moved);
    capacity = grown;
}

}  // namespace medcodec
