// Binds the inputs and outputs of the wavelet codec's picture networks to Python.
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <stdexcept>

#include "bindings.hpp"
#include "pixels.hpp"

namespace nb = nanobind;

namespace {

using medcodec::Picture;
using Plane = nb::ndarray<int32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Source = nb::ndarray<const int32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Channels = nb::ndarray<int16_t, nb::ndim<3>, nb::c_contig, nb::device::cpu>;
using ChannelSource = nb::ndarray<const int16_t, nb::ndim<3>, nb::c_contig, nb::device::cpu>;

template <class Channel>
Picture checked(const Source& first, const Source& second, const Channel& channels, std::initializer_list<size_t> counts,
                int32_t step) {
    const Picture size{first.shape(0), first.shape(1)};
    if (size.height < 1 || size.width < 1 || second.shape(0) != size.height || second.shape(1) != size.width)
        throw std::invalid_argument("the pictures are empty or differ in shape");
    const bool known = std::find(counts.begin(), counts.end(), channels.shape(0)) != counts.end();
    if (!known || channels.shape(1) != size.half_height() || channels.shape(2) != size.half_width())
        throw std::invalid_argument("the channels have another shape than half the picture");
    if (step < 1) throw std::invalid_argument("the step is not positive");
    return size;
}

}  // namespace

void bind_pixels(nb::module_& m) {
    m.attr("FUSE_FEATURES") = medcodec::kFuseFeatures;
    m.attr("ENHANCE_FEATURES") = nb::make_tuple(medcodec::kEnhanceFeatures, medcodec::kMoreEnhanceFeatures);
    m.attr("POSTFILTER_FEATURES") = medcodec::kPostfilterFeatures;
    m.def(
        "fuse_features",
        [](Source first, Source second, Channels out, int32_t step) {
            const Picture size = checked(first, second, out, {medcodec::kFuseFeatures}, step);
            nb::gil_scoped_release unlocked;
            medcodec::fuse_features(size, first.data(), second.data(), step, out.data());
        },
        nb::arg("first").noconvert(), nb::arg("second").noconvert(), nb::arg("out").noconvert(), nb::kw_only(),
        nb::arg("step"), "What the network that joins two predictions sees.");
    m.def(
        "enhance_features",
        [](Source picture, Source prediction, Channels out, int32_t step) {
            const Picture size =
                checked(picture, prediction, out, {medcodec::kEnhanceFeatures, medcodec::kMoreEnhanceFeatures}, step);
            const bool more = out.shape(0) == medcodec::kMoreEnhanceFeatures;
            nb::gil_scoped_release unlocked;
            medcodec::enhance_features(size, picture.data(), prediction.data(), step, more, out.data());
        },
        nb::arg("picture").noconvert(), nb::arg("prediction").noconvert(), nb::arg("out").noconvert(), nb::kw_only(),
        nb::arg("step"), "What the network that enhances a reconstruction sees.");
    m.def(
        "postfilter_features",
        [](Source picture, std::optional<Source> previous, std::optional<Source> following, Channels out, int32_t step) {
            const Picture size = checked(picture, previous.value_or(picture), out, {medcodec::kPostfilterFeatures}, step);
            checked(picture, following.value_or(picture), out, {medcodec::kPostfilterFeatures}, step);
            nb::gil_scoped_release unlocked;
            medcodec::postfilter_features(size, picture.data(), previous ? previous->data() : nullptr,
                                          following ? following->data() : nullptr, step, out.data());
        },
        nb::arg("picture").noconvert(), nb::arg("previous").noconvert().none(), nb::arg("following").noconvert().none(),
        nb::arg("out").noconvert(), nb::kw_only(), nb::arg("step"),
        "What the network that corrects a decoded picture by those next to it sees.");
    m.def(
        "add_correction",
        [](Source base, ChannelSource correction, Plane out, int32_t step, int32_t top) {
            const Picture size = checked(base, Source(out), correction, {4}, step);
            nb::gil_scoped_release unlocked;
            medcodec::add_correction(size, base.data(), correction.data(), step, top, out.data());
        },
        nb::arg("base").noconvert(), nb::arg("correction").noconvert(), nb::arg("out").noconvert(), nb::kw_only(),
        nb::arg("step"), nb::arg("top"), "Add a network's correction to a picture, within 0 to top.");
}
