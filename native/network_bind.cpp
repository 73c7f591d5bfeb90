// Binds networks to Python; the interpreter lock is released while they work.
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "bindings.hpp"
#include "network.hpp"

namespace nb = nanobind;

namespace {

using medcodec::Network;
using medcodec::NetworkLayer;

template <class T, size_t kAxes>
using Values = nb::ndarray<const T, nb::ndim<kAxes>, nb::c_contig, nb::device::cpu>;

void require(bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(what);
}

// One layer: (weight, bias, multiplier, shift, low, high). Its sums are proven to fit by medcodec.entropy.network.
NetworkLayer layer_of(nb::handle item) {
    const auto layer = nb::cast<nb::tuple>(item);
    require(layer.size() == 6, "a layer is (weight, bias, multiplier, shift, low, high)");
    const auto weight = nb::cast<Values<int8_t, 4>>(layer[0]);
    const auto bias = nb::cast<Values<int32_t, 1>>(layer[1]), multiplier = nb::cast<Values<int32_t, 1>>(layer[2]);
    const size_t outputs = weight.shape(0), inputs = weight.shape(1), size = weight.shape(2);
    require(outputs >= 1 && outputs <= medcodec::kNetworkMaxChannels, "a layer has too many outputs, or none");
    require(inputs >= 1 && inputs <= medcodec::kNetworkMaxChannels, "a layer has too many inputs, or none");
    require((size == 1 || size == 3) && weight.shape(3) == size, "a kernel is neither 1x1 nor 3x3");
    require(bias.shape(0) == outputs && multiplier.shape(0) == outputs, "bias or multiplier is not one per output");
    NetworkLayer result{static_cast<int>(inputs), static_cast<int>(outputs), static_cast<int>(size),
                        nb::cast<int>(layer[3]), nb::cast<int>(layer[4]), nb::cast<int>(layer[5]),
                        weight.data(), bias.data(), multiplier.data()};
    require(result.shift >= 0 && result.shift <= 31, "a shift is out of range");
    require(result.low <= result.high && result.low >= INT16_MIN && result.high <= INT16_MAX, "a clip range is wrong");
    for (size_t i = 0; i < outputs; i++) {
        require(result.multiplier[i] >= 1 && result.multiplier[i] <= 1 << 15, "a multiplier is out of range");
        require(result.bias[i] > -(1 << 24) && result.bias[i] < 1 << 24, "a bias is out of range");
    }
    return result;
}

void construct(Network* self, nb::tuple items, int input_low, int input_high, const std::string& path) {
    const auto* kernel = medcodec::network_kernel(path.c_str());
    require(kernel != nullptr, "this processor does not have that path");
    require(items.size() >= 1 && items.size() <= medcodec::kNetworkMaxLayers, "too many layers, or none");
    require(input_low <= input_high && input_low >= (input_high > 127 ? 0 : -128) && input_high <= 255,
            "inputs are neither bytes nor signed bytes");
    std::vector<NetworkLayer> layers;
    for (nb::handle item : items) {
        layers.push_back(layer_of(item));
        const size_t l = layers.size() - 1;
        if (l == 0) continue;
        require(layers[l].inputs == layers[l - 1].outputs, "layers do not chain");
        require(layers[l - 1].low >= 0 && layers[l - 1].high <= 255, "what is between layers is not bytes");
    }
    new (self) Network(layers, input_low, input_high, kernel);
}

bool run(Network& network, nb::ndarray<const int16_t, nb::ndim<4>, nb::c_contig, nb::device::cpu> input,
         nb::ndarray<int16_t, nb::ndim<4>, nb::c_contig, nb::device::cpu> output, bool skip) {
    require(input.shape(1) == size_t(network.inputs()) && output.shape(1) == size_t(network.outputs()),
            "the number of channels is wrong");
    require(input.shape(0) == output.shape(0) && input.shape(2) == output.shape(2) && input.shape(3) == output.shape(3),
            "input and output are not of one size");
    const size_t height = input.shape(2), width = input.shape(3);
    require(height >= 1 && width >= 1 && height <= 1 << 20 && width <= 1 << 20 && height * width <= 1 << 28,
            "an axis is empty or too long");
    const size_t pixels = height * width;
    nb::gil_scoped_release unlocked;
    for (size_t n = 0; n < input.shape(0); n++)
        if (!network.run(input.data() + n * network.inputs() * pixels, static_cast<int>(height), static_cast<int>(width),
                         output.data() + n * network.outputs() * pixels, skip))
            return false;
    return true;
}

}  // namespace

void bind_network(nb::module_& m) {
    nb::class_<Network>(m, "Network")
        .def("__init__", &construct, nb::arg("layers"), nb::kw_only(), nb::arg("input_low"), nb::arg("input_high"),
             nb::arg("path") = "auto")
        .def("run", &run, nb::arg("planes").noconvert(), nb::arg("out").noconvert(), nb::kw_only(),
             nb::arg("skip") = true, "Compute (planes, channels, height, width); False if an input is out of range.");
    m.def("network_has_path", [](const std::string& path) { return medcodec::network_kernel(path.c_str()) != nullptr; },
          "Whether this processor and build have the vector path.");
}
