// Layers as the kernels take them: weights in the order in which they are read, and bounds of sums.
#include <algorithm>
#include <cstring>

#include "network.hpp"

namespace medcodec {

namespace {

constexpr int32_t kMostSum = 1 << 25;  // sums are below 2^24, and the offset of signed inputs is in the bias

int64_t scaled(const NetworkLayer& layer, int channel, int64_t sum) {
    const int64_t half = (int64_t{1} << layer.shift) >> 1;
    return (sum * layer.multiplier[channel] + half) >> layer.shift;
}

// The least sum within the bounds with `reaches`; the most, if none has it.
template <class Reaches>
int32_t first_sum(Reaches reaches) {
    int32_t low = -kMostSum, high = kMostSum;
    while (low < high) {
        const int32_t middle = low + (high - low) / 2;
        if (reaches(middle))
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

void pack_weights(PackedLayer& packed, const NetworkLayer& layer, bool bytes) {
    const int places = layer.size * layer.size;
    auto weight = [&](int output, int input, int place) -> int {
        if (output >= layer.outputs || input >= layer.inputs) return 0;
        return layer.weights[(size_t(output) * layer.inputs + input) * places + place];
    };
    uint8_t* out = packed.weights.data();
    for (int group = 0; group < packed.groups(); group++)
        for (int inputs = 0; inputs < layer.inputs; inputs += 4)
            for (int place = 0; place < places; place++)
                for (int output = 4 * group; output < 4 * group + 4; output++)
                    for (int i = 0; i < 4; i++, out += bytes ? 1 : 2) {
                        // By bytes: 0 1 2 3. By 16 bits: those at even places of the pixel's four bytes, then the odd.
                        const int input = inputs + (bytes ? i : (i & 1) * 2 + (i >> 1));
                        const int value = weight(output, input, place);
                        if (bytes) {
                            *out = static_cast<uint8_t>(value);
                        } else {
                            const int16_t wide = static_cast<int16_t>(value);
                            std::memcpy(out, &wide, 2);
                        }
                    }
}

// Signed inputs lie 128 higher, padding too: the bias takes that back.
int32_t offset_bias(const NetworkLayer& layer, int channel) {
    const size_t count = size_t(layer.inputs) * layer.size * layer.size;
    int32_t sum = 0;
    for (size_t i = 0; i < count; i++) sum += layer.weights[channel * count + i];
    return -128 * sum;
}

// Sums beyond the clip range are clamped, since the result grows with the sum: products then stay small.
void bound_sums(PackedLayer& packed, const NetworkLayer& layer, int channel) {
    const int32_t most = first_sum([&](int32_t sum) { return scaled(layer, channel, sum) >= layer.high; });
    const int32_t above = first_sum([&](int32_t sum) { return scaled(layer, channel, sum) > layer.low; });
    const int32_t least = std::min(std::max(above - 1, -kMostSum), most);
    packed.least[channel] = least;
    packed.most[channel] = most;
    packed.clip |= scaled(layer, channel, least) < layer.low || scaled(layer, channel, most) > layer.high;
    const int64_t half = (int64_t{1} << layer.shift) >> 1;
    for (int64_t sum : {least, most}) {
        const int64_t product = sum * layer.multiplier[channel];
        packed.narrow &= product >= INT32_MIN && product + half <= INT32_MAX;
    }
}

}  // namespace

PackedLayer pack_layer(const NetworkLayer& layer, bool signed_input, bool bytes) {
    PackedLayer packed{layer.inputs, layer.outputs, layer.size, layer.shift, layer.low, layer.high, true, false};
    packed.steps = layer.size * layer.size * ((layer.inputs + 3) / 4);
    packed.step_bytes = bytes ? 16 : 32;
    const int padded = 4 * packed.groups();
    packed.weights.resize(size_t(packed.groups()) * packed.steps * packed.step_bytes);
    pack_weights(packed, layer, bytes);
    packed.bias.assign(padded, 0);
    packed.multiplier.assign(padded, 1);
    packed.least.assign(padded, 0);
    packed.most.assign(padded, 0);
    for (int channel = 0; channel < layer.outputs; channel++) {
        packed.bias[channel] = layer.bias[channel] + (signed_input ? offset_bias(layer, channel) : 0);
        packed.multiplier[channel] = layer.multiplier[channel];
        bound_sums(packed, layer, channel);
    }
    return packed;
}

}  // namespace medcodec
