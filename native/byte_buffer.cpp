#include "byte_buffer.hpp"

#include <cstdlib>
#include <new>
#include <utility>

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

void ByteBuffer::shrink() {
    void* moved = size ? std::realloc(data, size) : nullptr;
    if (!moved) return;
    data = static_cast<uint8_t*>(moved);
    capacity = size;
}

void ByteBuffer::swap(ByteBuffer& other) {
    std::swap(data, other.data);
    std::swap(size, other.size);
    std::swap(capacity, other.capacity);
}

}  // namespace medcodec
