// A growing byte buffer. Not std::vector: this is used in code that is compiled for several instruction sets, and
// a template that is instantiated in each could be merged by the linker into code that the processor cannot run.
#pragma once
#include <cstddef>
#include <cstdint>

namespace medcodec {

struct ByteBuffer {
    uint8_t* data = nullptr;
    size_t size = 0, capacity = 0;
    ByteBuffer() = default;
    ByteBuffer(const ByteBuffer&) = delete;
    ByteBuffer& operator=(const ByteBuffer&) = delete;
    ~ByteBuffer();
    void reserve(size_t wanted);
    // Gives back what is not in use.
    void shrink();
    void swap(ByteBuffer& other);
    void push(uint8_t byte) {
        if (size == capacity) reserve(size + 1);
        data[size++] = byte;
    }
};

}  // namespace medcodec
