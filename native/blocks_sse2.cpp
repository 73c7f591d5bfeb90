#include "blocks_kernels.hpp"
namespace medcodec::blocks { const Kernels* sse2_kernels() { return nullptr; } const Kernels* avx2_kernels() { return nullptr; } }
