// Small convolutional networks in integers: what they compute is in medcodec/entropy/network.py. Activations lie as
// bytes, four channels of a pixel together: plane after plane of [pixel][4], rows one after the other with one pixel of
// padding between them, which is the right neighbour of one row and the left one of the next.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace medcodec {

constexpr int kNetworkMaxChannels = 512, kNetworkMaxLayers = 32;

// A layer as it is given: weights are (outputs, inputs, size, size).
struct NetworkLayer {
    int inputs, outputs, size;
    int shift, low, high;
    const int8_t* weights;
    const int32_t *bias, *multiplier;
};

// A layer as the kernels take it. Outputs come in groups of four; those that fill the last group have weight 0.
struct PackedLayer {
    int inputs, outputs, size;
    int shift, low, high;
    bool narrow;     // multiplier * sum fits 32 bits once the sum is clamped
    bool clip;       // clamping the sum alone does not bring the result into low .. high
    int steps;       // places of the kernel times groups of input channels
    int step_bytes;  // of the weights of one step and one group of outputs
    std::vector<uint8_t> weights;  // [group of outputs][step]: 4 x 4 weights, as the kernel wants them
    std::vector<int32_t> bias, multiplier, least, most;  // sums are clamped to least .. most
    int groups() const { return (outputs + 3) / 4; }
};

// Where the planes of one layer lie: pixel 0 of plane 0 is at `data`, 64-byte aligned.
struct NetworkPlanes {
    uint8_t* data;
    ptrdiff_t plane_bytes;
    uint32_t* four(int group) const { return reinterpret_cast<uint32_t*>(data + group * plane_bytes); }
};

struct LayerRun {
    const PackedLayer* layer;
    const ptrdiff_t* offsets;  // of the bytes of each step's input, from the pixel's own place in plane 0
    const uint8_t* input;
    NetworkPlanes output;      // bytes, unless `last`
    int16_t* last;             // the last layer's output: planes of `last_pixels`
    ptrdiff_t last_pixels;
    ptrdiff_t pixels;          // with the padding between rows
    const uint64_t* active;    // one bit per pixel: those to compute; null for all
};

// A row of up to four channels on its way to bytes, four channels of a pixel together. Of missing channels the rows and
// the background are those of another one.
struct InputRow {
    const int16_t* channels[4];
    ptrdiff_t width;
    int low, high, offset;  // inputs within low .. high are stored `offset` higher
    uint32_t background;    // four bytes
    uint32_t* out;
    uint32_t* differs;      // gets bits where `out` is not the background; null if that is not asked for
};

// One set per instruction set; all give the same numbers.
struct NetworkKernel {
    bool bytes;  // weights are 16 signed bytes per step; else 4 x (inputs 0, 2, 1, 3) of 16 bits
    void (*run)(const LayerRun&);
    bool (*pack)(const InputRow&);  // false if an input is out of range
};

extern const NetworkKernel kNetworkBaseline;
#ifdef MEDCODEC_X86
extern const NetworkKernel kNetworkAvx2;
extern const NetworkKernel kNetworkAvxVnni;
extern const NetworkKernel kNetworkAvx512;
#endif

// "auto", "baseline", "avx2", "avxvnni" or "avx512"; null if this processor or build does not have it.
const NetworkKernel* network_kernel(const char* name);

PackedLayer pack_layer(const NetworkLayer& layer, bool signed_input, bool bytes);

// Memory of the activations of two neighbouring layers, and of the last one's results.
struct NetworkBuffers {
    std::vector<uint8_t> bytes[2];
    std::vector<int16_t> last;
};

// Memory of one call, kept for the next.
struct NetworkScratch {
    NetworkBuffers main, reference;
    std::vector<uint32_t> differs;
    std::vector<uint64_t> active, wider;
    std::vector<uint8_t> rows;  // whether anything within reach of a row is active
    std::vector<ptrdiff_t> offsets;
};

struct NetworkPlane;

class Network {
  public:
    Network(const std::vector<NetworkLayer>& layers, int input_low, int input_high, const NetworkKernel* kernel);
    int inputs() const { return layers_.front().inputs; }
    int outputs() const { return layers_.back().outputs; }
    // False if an input is out of range; the output is then not written. With `skip`, work is saved where the inputs
    // around equal those of most places.
    bool run(const int16_t* input, int height, int width, int16_t* output, bool skip);

  private:
    int input_channel(int group, int i) const { return 4 * group + i < inputs() ? 4 * group + i : 4 * group; }
    bool run(const int16_t* input, const NetworkPlane& plane, int16_t* output, bool skip, NetworkScratch& scratch);
    std::vector<uint32_t> background(const int16_t* input, const NetworkPlane& plane) const;
    bool pack(const int16_t* input, const NetworkPlane& plane, const std::vector<uint32_t>& background, bool skip,
              NetworkScratch& scratch) const;
    void prepare(const NetworkPlane& plane, NetworkBuffers& buffers) const;
    void step(size_t number, const NetworkPlane& plane, NetworkBuffers& buffers, const uint64_t* active,
              std::vector<ptrdiff_t>& offsets) const;
    bool find_active(const NetworkPlane& plane, NetworkScratch& scratch) const;
    void start_reference(const NetworkPlane& small, const std::vector<uint32_t>& background, NetworkBuffers& buffers) const;
    void fill(size_t number, const NetworkPlane& plane, const NetworkPlane& small, NetworkScratch& scratch) const;

    std::vector<PackedLayer> layers_;
    int radius_ = 0;  // pixels between an output and the farthest input that it depends on
    int input_low_, input_high_;
    const NetworkKernel* kernel_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<NetworkScratch>> idle_;
};

}  // namespace medcodec
