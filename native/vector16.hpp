// Sixteen lanes of float as GCC and clang vectors: any processor gives the same results.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

constexpr int kLanes = 16;
typedef float Vec __attribute__((vector_size(64)));
typedef float Vec8 __attribute__((vector_size(32)));
typedef float Vec4 __attribute__((vector_size(16)));

inline float sum_lanes(const Vec& v) {
    Vec8 a = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
             __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
    Vec4 b = __builtin_shufflevector(a, a, 0, 1, 2, 3) + __builtin_shufflevector(a, a, 4, 5, 6, 7);
    return (b[0] + b[2]) + (b[1] + b[3]);
}

inline float absolute(float v) { return v < 0 ? -v : v; }

// A zeroed, cache-line aligned array that frees itself.
template <class T>
struct Array {
    T* data = nullptr;
    size_t size = 0;
    Array() = default;
    explicit Array(size_t n) { reset(n); }
    // All zeros again, of another size; without memory for none.
    void reset(size_t n) {
        std::free(block_);
        block_ = nullptr;
        data = nullptr;
        size = n;
        if (!n) return;
        // The system gives large blocks zeroed, and memory only for what is touched.
        block_ = std::calloc(1, (n * sizeof(T) + 63) / 64 * 64 + 128);
        if (!block_) throw std::bad_alloc();
        data = reinterpret_cast<T*>((reinterpret_cast<uintptr_t>(block_) + 63) & ~uintptr_t{63});
    }
    Array(const Array&) = delete;
    Array& operator=(const Array&) = delete;
    ~Array() { std::free(block_); }
    T& operator[](size_t i) { return data[i]; }

  private:
    void* block_ = nullptr;
};

}  // namespace
