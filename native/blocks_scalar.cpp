// The scalar path, and the choice among paths.
#include "blocks_generic.hpp"

namespace medcodec::blocks {
namespace {

constexpr Kernels kScalar = {"scalar",
                             generic::choose_block<std::int16_t>,
                             generic::tap_sums<std::int16_t>,
                             generic::covariance,
                             generic::even_levels,
                             generic::odd_levels,
                             generic::tokenise<std::int16_t>,
                             generic::decode_tokens,
                             generic::expand<std::int16_t>,
                             nullptr};

}  // namespace

const Kernels& scalar_kernels() {
    return kScalar;
}

const Kernels& kernels(Path path) {
    const Kernels* found = nullptr;
    if (path == Path::kAuto || path == Path::kAvx2 || path == Path::kAvx512) found = avx2_kernels();
    if (path == Path::kSse2 || (path == Path::kAuto && !found)) found = sse2_kernels();
    if (path == Path::kScalar || (path == Path::kAuto && !found)) found = &kScalar;
    if (!found) throw Error("this processor or build lacks the vector path that was asked for");
    return *found;
}

}  // namespace medcodec::blocks
