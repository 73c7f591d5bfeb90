// Networks over planes: the choice of the instruction set, and the order of the layers.
#include "network.hpp"

#include <algorithm>
#include <cstring>
#include <initializer_list>
#ifdef MEDCODEC_X86
#include <cpuid.h>
#endif

namespace medcodec {

namespace {

#ifdef MEDCODEC_X86
// Compilers differ in whether __builtin_cpu_supports knows this one.
bool has_avx_vnni() {
    unsigned a, b, c, d;
    return __builtin_cpu_supports("avx2") && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
}
#endif

const NetworkKernel* kernel_by_name(const char* name) {
    if (std::strcmp(name, "baseline") == 0) return &kNetworkBaseline;
#ifdef MEDCODEC_X86
    if (std::strcmp(name, "avx2") == 0 && __builtin_cpu_supports("avx2")) return &kNetworkAvx2;
    if (std::strcmp(name, "avxvnni") == 0 && has_avx_vnni()) return &kNetworkAvxVnni;
    if (std::strcmp(name, "avx512") == 0 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni"))
        return &kNetworkAvx512;
#endif
    return nullptr;
}

ptrdiff_t round_up(ptrdiff_t n, ptrdiff_t unit) { return (n + unit - 1) / unit * unit; }

}  // namespace

const NetworkKernel* network_kernel(const char* name) {
    if (std::strcmp(name, "auto") != 0) return kernel_by_name(name);
    for (const char* best : {"avx512", "avxvnni", "avx2"})
        if (const NetworkKernel* kernel = kernel_by_name(best)) return kernel;
    return &kNetworkBaseline;
}

// The geometry of one plane. Rows are `stride` pixels apart; before the first row and after the last one lies padding.
struct Network::Plane {
    ptrdiff_t height, width, stride, pixels, front, plane_bytes;

    Plane(int h, int w)
        : height(h), width(w), stride(w + 1), pixels(height * stride), front(round_up(stride + 1, 16)),
          plane_bytes(4 * round_up(front + pixels + stride + 32, 16)) {}

    NetworkPlanes at(std::vector<uint8_t>& buffer) const {
        const auto start = reinterpret_cast<uintptr_t>(buffer.data());
        return {buffer.data() + (-start & 63) + 4 * front, plane_bytes};
    }

    void reserve(std::vector<uint8_t>& buffer, int groups) const {
        const size_t bytes = 64 + groups * plane_bytes;
        if (buffer.size() < bytes) buffer.resize(bytes);
    }

    // Sets all that is around the pixels of each plane.
    void pad(const NetworkPlanes& planes, int groups, uint32_t four) const {
        for (int group = 0; group < groups; group++) {
            auto* plane = reinterpret_cast<uint32_t*>(planes.data + group * planes.plane_bytes);
            std::fill(plane - stride - 1, plane, four);
            for (ptrdiff_t row = 1; row <= height; row++) plane[row * stride - 1] = four;
            std::fill(plane + pixels, plane + pixels + stride + 1, four);
        }
    }
};

Network::Network(const std::vector<NetworkLayer>& layers, int input_low, int input_high, const NetworkKernel* kernel)
    : input_low_(input_low), input_high_(input_high), kernel_(kernel) {
    for (const NetworkLayer& layer : layers)
        layers_.push_back(pack_layer(layer, layers_.empty() && input_low < 0, kernel->bytes));
}

namespace {

// Four channels side by side, `offset` higher; those that are missing repeat the first. False if one is out of range.
bool pack_inputs(const int16_t* const (&rows)[4], ptrdiff_t width, int low, int high, int offset, uint32_t* out) {
    uint32_t out_of_range = 0;
    for (ptrdiff_t x = 0; x < width; x++) {
        uint32_t four = 0;
        for (int i = 0; i < 4; i++) {
            const int32_t value = rows[i][x];
            out_of_range |= static_cast<uint32_t>(value < low) | static_cast<uint32_t>(value > high);
            four |= static_cast<uint32_t>(value + offset) << (8 * i);
        }
        out[x] = four;
    }
    return !out_of_range;
}

}  // namespace

bool Network::run(const int16_t* input, int height, int width, int16_t* output, bool) {
    std::unique_ptr<NetworkScratch> scratch;
    {
        std::lock_guard<std::mutex> lock(mutex_);
        if (!idle_.empty()) {
            scratch = std::move(idle_.back());
            idle_.pop_back();
        }
    }
    if (!scratch) scratch = std::make_unique<NetworkScratch>();
    const Plane plane(height, width);
    const int offset = input_low_ < 0 ? 128 : 0;
    int most_groups[2] = {(inputs() + 3) / 4, 0};
    for (size_t l = 0; l + 1 < layers_.size(); l++)
        most_groups[(l + 1) % 2] = std::max(most_groups[(l + 1) % 2], layers_[l].groups());
    for (int i = 0; i < 2; i++) plane.reserve(scratch->buffers[i], most_groups[i]);
    const NetworkPlanes planes = plane.at(scratch->buffers[0]);
    const int groups = (inputs() + 3) / 4;
    bool within = true;
    for (int group = 0; group < groups; group++)
        for (ptrdiff_t y = 0; y < height; y++) {
            const int16_t* rows[4];
            for (int i = 0; i < 4; i++) {
                const int channel = 4 * group + i < inputs() ? 4 * group + i : 4 * group;
                rows[i] = input + (channel * ptrdiff_t{height} + y) * width;
            }
            auto* out = reinterpret_cast<uint32_t*>(planes.data + group * planes.plane_bytes) + y * plane.stride;
            within &= pack_inputs(rows, width, input_low_, input_high_, offset, out);
        }
    plane.pad(planes, groups, offset * 0x01010101u);
    if (within) compute(plane, *scratch, output);
    std::lock_guard<std::mutex> lock(mutex_);
    idle_.push_back(std::move(scratch));
    return within;
}

void Network::compute(const Plane& plane, NetworkScratch& scratch, int16_t* output) {
    const ptrdiff_t last_pixels = round_up(plane.pixels, 16);
    if (scratch.last.size() < size_t(outputs() * last_pixels)) scratch.last.resize(outputs() * last_pixels);
    std::vector<ptrdiff_t> offsets;
    for (size_t l = 0; l < layers_.size(); l++) {
        const PackedLayer& layer = layers_[l];
        const NetworkPlanes in = plane.at(scratch.buffers[l % 2]), out = plane.at(scratch.buffers[(l + 1) % 2]);
        offsets.clear();
        for (int group = 0; group < (layer.inputs + 3) / 4; group++)
            for (int dy = -(layer.size / 2); dy <= layer.size / 2; dy++)
                for (int dx = -(layer.size / 2); dx <= layer.size / 2; dx++)
                    offsets.push_back(group * plane.plane_bytes + 4 * (dy * plane.stride + dx));
        const bool last = l + 1 == layers_.size();
        kernel_->run({&layer, offsets.data(), in.data, out, last ? scratch.last.data() : nullptr, last_pixels,
                      plane.pixels, nullptr});
        if (!last) plane.pad(out, layer.groups(), 0);
    }
    for (int channel = 0; channel < outputs(); channel++)
        for (ptrdiff_t y = 0; y < plane.height; y++)
            std::memcpy(output + (channel * plane.height + y) * plane.width,
                        scratch.last.data() + channel * last_pixels + y * plane.stride, 2 * plane.width);
}

}  // namespace medcodec
