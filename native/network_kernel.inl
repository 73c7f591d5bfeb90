// One layer over a plane, for any vector of 32-bit lanes; a file that includes this defines Vec, kLanes, kVectors,
// kBytes, Pixels (what is kept of a vector of pixels) and the functions pixels_at and add_products.
#include <cstring>

#include "network.hpp"

namespace {

using medcodec::LayerRun;
using medcodec::PackedLayer;

inline Vec splat(int32_t v) { return Vec{} + v; }
inline Vec smaller(Vec a, Vec b) { return a < b ? a : b; }
inline Vec larger(Vec a, Vec b) { return a > b ? a : b; }

// (sum * multiplier + half) >> shift, clipped. In 32 bits: a clamped sum whose product does not fit comes with a shift
// of 12 or more, for which the product of the sum's low 12 bits can lose its own low 12 bits beforehand.
template <bool kNarrow>
inline Vec requantise(Vec sum, const PackedLayer& layer, int channel) {
    sum = smaller(larger(sum, splat(layer.least[channel])), splat(layer.most[channel]));
    const Vec multiplier = splat(layer.multiplier[channel]);
    const int32_t half = layer.shift ? int32_t{1} << (layer.shift - 1) : 0;
    Vec result;
    if (kNarrow)
        result = (sum * multiplier + half) >> layer.shift;
    else
        result = ((sum >> 12) * multiplier + (((sum & 4095) * multiplier + half) >> 12)) >> (layer.shift - 12);
    if (layer.clip) result = smaller(larger(result, splat(layer.low)), splat(layer.high));
    return result;
}

template <int kCount>
void store_bytes(const Vec (&sums)[kCount][4], const PackedLayer& layer, int group, uint8_t* out) {
#pragma GCC unroll 8
    for (int v = 0; v < kCount; v++) {
        Vec packed = {};
#pragma GCC unroll 4
        for (int o = 0; o < 4; o++) {
            const int channel = 4 * group + o;
            const Vec value = layer.narrow ? requantise<true>(sums[v][o], layer, channel)
                                           : requantise<false>(sums[v][o], layer, channel);
            packed |= value << (8 * o);
        }
        std::memcpy(out + v * sizeof(Vec), &packed, sizeof(Vec));
    }
}

template <int kCount, int kOutputs>
void store_last(const Vec (&sums)[kCount][kOutputs], const LayerRun& run, int group, ptrdiff_t pixel) {
    typedef int16_t Half __attribute__((vector_size(2 * kLanes)));
    const PackedLayer& layer = *run.layer;
    const int count = layer.outputs - 4 * group < kOutputs ? layer.outputs - 4 * group : kOutputs;
#pragma GCC unroll 4
    for (int o = 0; o < kOutputs; o++) {
        if (o >= count) break;
        const int channel = 4 * group + o;
        int16_t* out = run.last + channel * run.last_pixels + pixel;
#pragma GCC unroll 8
        for (int v = 0; v < kCount; v++) {
            const Vec value = layer.narrow ? requantise<true>(sums[v][o], layer, channel)
                                           : requantise<false>(sums[v][o], layer, channel);
            const Half half = __builtin_convertvector(value, Half);
            std::memcpy(out + v * kLanes, &half, sizeof(half));
        }
    }
}

// kCount vectors of pixels from `pixel` on, times the outputs of a group.
template <int kCount, int kOutputs>
void run_block(const LayerRun& run, int group, ptrdiff_t pixel) {
    const PackedLayer& layer = *run.layer;
    const uint8_t* weights = layer.weights.data() + size_t(group) * layer.steps * layer.step_bytes;
    const uint8_t* input = run.input + pixel * 4;
    Vec sums[kCount][kOutputs];
#pragma GCC unroll 8
    for (int v = 0; v < kCount; v++)
#pragma GCC unroll 4
        for (int o = 0; o < kOutputs; o++) sums[v][o] = splat(layer.bias[4 * group + o]);
    for (int step = 0; step < layer.steps; step++, weights += kBytes ? 16 : 32) {
        const uint8_t* place = input + run.offsets[step];
        Pixels pixels[kCount];
#pragma GCC unroll 8
        for (int v = 0; v < kCount; v++) pixels[v] = pixels_at(place + v * sizeof(Vec));
#pragma GCC unroll 4
        for (int o = 0; o < kOutputs; o++) add_products(sums, o, pixels, weights);
    }
    if constexpr (kOutputs == 4) {
        if (!run.last) return store_bytes(sums, layer, group, run.output.data + group * run.output.plane_bytes + pixel * 4);
    }
    store_last(sums, run, group, pixel);
}

template <int kCount>
void run_groups(const LayerRun& run, ptrdiff_t pixel) {
    const int groups = run.layer->groups();
    const int rest = run.layer->outputs - 4 * (groups - 1);
    for (int group = 0; group < groups; group++) {
        if (run.last && group == groups - 1 && rest <= 2)
            run_block<kCount, 2>(run, group, pixel);
        else
            run_block<kCount, 4>(run, group, pixel);
    }
}

template <int kCount>
void run_vectors(const LayerRun& run, ptrdiff_t vector, ptrdiff_t count) {
    for (; count >= kCount; vector += kCount, count -= kCount) run_groups<kCount>(run, vector * kLanes);
    if constexpr (kCount > 1) {
        if (count) run_vectors<kCount - 1>(run, vector, count);
    }
}

inline bool is_active(const uint64_t* active, ptrdiff_t vector) {
    const ptrdiff_t bit = vector * kLanes;
    return (active[bit / 64] >> (bit % 64)) & ((uint64_t{1} << kLanes) - 1);
}

void run_layer(const LayerRun& run) {
    const ptrdiff_t vectors = (run.pixels + kLanes - 1) / kLanes;
    if (!run.active) return run_vectors<kVectors>(run, 0, vectors);
    for (ptrdiff_t v = 0; v < vectors;) {
        if (!is_active(run.active, v)) {
            v++;
            continue;
        }
        const ptrdiff_t first = v;
        while (v < vectors && is_active(run.active, v)) v++;
        run_vectors<kVectors>(run, first, v - first);
    }
}

bool pack_row(const medcodec::InputRow& row) {
    const int16_t *a = row.channels[0], *b = row.channels[1], *c = row.channels[2], *d = row.channels[3];
    const int32_t low = row.low, high = row.high;
    uint32_t* __restrict out = row.out;
    const uint32_t offset = row.offset * 0x01010101u;
    int32_t out_of_range = 0;  // negative once one was
    // The offset of 128 is the highest bit of each byte.
    for (ptrdiff_t x = 0; x < row.width; x++) {
        out_of_range |= (a[x] - low) | (high - a[x]) | (b[x] - low) | (high - b[x]);
        out_of_range |= (c[x] - low) | (high - c[x]) | (d[x] - low) | (high - d[x]);
        out[x] = ((a[x] & 255u) | (b[x] & 255u) << 8 | (c[x] & 255u) << 16 | (d[x] & 255u) << 24) ^ offset;
    }
    if (row.differs) {
        uint32_t* __restrict differs = row.differs;
        for (ptrdiff_t x = 0; x < row.width; x++) differs[x] |= out[x] ^ row.background;
    }
    return out_of_range >= 0;
}

}  // namespace
