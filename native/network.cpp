// Networks over planes: the choice of the instruction set, and the order of the layers.
#include "network.hpp"

#include <algorithm>
#include <cstring>
#include <initializer_list>
#ifdef MEDCODEC_X86
#include <cpuid.h>
#endif

#include "network_plane.hpp"

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

}  // namespace

const NetworkKernel* network_kernel(const char* name) {
    if (std::strcmp(name, "auto") != 0) return kernel_by_name(name);
    for (const char* best : {"avx512", "avxvnni", "avx2"})
        if (const NetworkKernel* kernel = kernel_by_name(best)) return kernel;
    return &kNetworkBaseline;
}

Network::Network(const std::vector<NetworkLayer>& layers, int input_low, int input_high, const NetworkKernel* kernel)
    : input_low_(input_low), input_high_(input_high), kernel_(kernel) {
    for (const NetworkLayer& layer : layers) {
        layers_.push_back(pack_layer(layer, layers_.empty() && input_low < 0, kernel->bytes));
        radius_ += layer.size / 2;
    }
}

bool Network::run(const int16_t* input, int height, int width, int16_t* output, bool skip) {
    std::unique_ptr<NetworkScratch> scratch;
    {
        std::lock_guard<std::mutex> lock(mutex_);
        if (!idle_.empty()) {
            scratch = std::move(idle_.back());
            idle_.pop_back();
        }
    }
    if (!scratch) scratch = std::make_unique<NetworkScratch>();
    const bool within = run(input, NetworkPlane(height, width), output, skip, *scratch);
    std::lock_guard<std::mutex> lock(mutex_);
    idle_.push_back(std::move(scratch));
    return within;
}

bool Network::run(const int16_t* input, const NetworkPlane& plane, int16_t* output, bool skip, NetworkScratch& scratch) {
    const NetworkPlane small = plane.reference(radius_);
    skip = skip && plane.pixels >= 4 * small.pixels;
    const std::vector<uint32_t> ground = background(input, plane);
    if (!pack(input, plane, ground, skip, scratch)) return false;
    skip = skip && find_active(plane, scratch);
    if (skip) start_reference(small, ground, scratch.reference);
    for (size_t number = 0; number < layers_.size(); number++) {
        if (skip) {
            step(number, small, scratch.reference, nullptr, scratch.offsets);
            fill(number, plane, small, scratch);
            if (layers_[number].size == 3) widen(scratch.active, scratch.wider, plane.stride);
        }
        step(number, plane, scratch.main, skip ? scratch.active.data() : nullptr, scratch.offsets);
    }
    for (int channel = 0; channel < outputs(); channel++)
        for (ptrdiff_t y = 0; y < plane.height; y++)
            std::memcpy(output + (channel * plane.height + y) * plane.width,
                        scratch.main.last.data() + channel * plane.last_pixels() + y * plane.stride, 2 * plane.width);
    return true;
}

void Network::prepare(const NetworkPlane& plane, NetworkBuffers& buffers) const {
    int most_groups[2] = {groups_of(inputs()), 0};
    for (size_t l = 0; l + 1 < layers_.size(); l++)
        most_groups[(l + 1) % 2] = std::max(most_groups[(l + 1) % 2], layers_[l].groups());
    for (int i = 0; i < 2; i++) plane.reserve(buffers.bytes[i], most_groups[i]);
    const size_t last = outputs() * plane.last_pixels();
    if (buffers.last.size() < last) buffers.last.resize(last);
}

bool Network::pack(const int16_t* input, const NetworkPlane& plane, const std::vector<uint32_t>& ground, bool skip,
                   NetworkScratch& scratch) const {
    prepare(plane, scratch.main);
    const NetworkPlanes planes = plane.at(scratch.main.bytes[0]);
    const int offset = input_low_ < 0 ? 128 : 0, groups = groups_of(inputs());
    if (skip) scratch.differs.assign(plane.pixels, 0);
    bool within = true;
    for (int group = 0; group < groups; group++)
        for (ptrdiff_t y = 0; y < plane.height; y++) {
            InputRow row{{}, plane.width, input_low_, input_high_, offset, ground[group]};
            for (int i = 0; i < 4; i++)
                row.channels[i] = input + (input_channel(group, i) * plane.height + y) * plane.width;
            row.out = planes.four(group) + y * plane.stride;
            row.differs = skip ? scratch.differs.data() + y * plane.stride : nullptr;
            within &= kernel_->pack(row);
        }
    plane.pad(planes, groups, offset * 0x01010101u);
    return within;
}

void Network::step(size_t number, const NetworkPlane& plane, NetworkBuffers& buffers, const uint64_t* active,
                   std::vector<ptrdiff_t>& offsets) const {
    const PackedLayer& layer = layers_[number];
    const NetworkPlanes in = plane.at(buffers.bytes[number % 2]), out = plane.at(buffers.bytes[(number + 1) % 2]);
    offsets.clear();
    for (int group = 0; group < groups_of(layer.inputs); group++)
        for (int dy = -(layer.size / 2); dy <= layer.size / 2; dy++)
            for (int dx = -(layer.size / 2); dx <= layer.size / 2; dx++)
                offsets.push_back(group * plane.plane_bytes + 4 * (dy * plane.stride + dx));
    const bool last = number + 1 == layers_.size();
    kernel_->run({&layer, offsets.data(), in.data, out, last ? buffers.last.data() : nullptr, plane.last_pixels(),
                  plane.pixels, active});
    if (!last) plane.pad(out, layer.groups(), 0);
}

}  // namespace medcodec
