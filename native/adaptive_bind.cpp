// Binds the adaptive coder to Python; the interpreter lock is released while it works.
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <stdexcept>
#include <string>

#include "adaptive.hpp"
#include "bindings.hpp"

namespace nb = nanobind;

namespace {

using medcodec::AdaptiveGroup;
using medcodec::AdaptiveKernel;
using medcodec::AdaptivePreset;

template <class Level>
using Levels = nb::ndarray<Level, nb::ndim<4>, nb::c_contig, nb::device::cpu>;

struct Call {
    AdaptiveGroup group;
    const AdaptivePreset* preset;
    const AdaptiveKernel* kernel;

    template <class Level>
    Call(const Levels<Level>& levels, int preset_number, int max_level, int max_error, const std::string& path)
        : group{static_cast<int>(levels.shape(0)), static_cast<int>(levels.shape(1)), static_cast<int>(levels.shape(2)),
                static_cast<int>(levels.shape(3)), max_level, max_error, sizeof(Level)},
          preset(medcodec::adaptive_preset(preset_number)), kernel(medcodec::adaptive_kernel(path.c_str())) {
        for (size_t i = 0; i < 4; i++)
            if (levels.shape(i) < 1 || levels.shape(i) > 1 << 24) throw std::invalid_argument("an axis is empty or too long");
        if (!preset) throw std::invalid_argument("there is no such preset");
        if (!kernel) throw std::invalid_argument("this processor does not have that path");
        if (max_level < 0 || max_level > medcodec::kMaxLevel || max_error < 0 || max_error > medcodec::kMaxLevel)
            throw std::invalid_argument("max_level or max_error is out of range");
    }
};

template <class Level>
nb::bytes encode(Levels<Level> levels, int preset, int max_level, int max_error, const std::string& path) {
    const Call call(levels, preset, max_level, max_error, path);
    medcodec::ByteBuffer out;
    {
        nb::gil_scoped_release unlocked;
        const Level* all = levels.data();
        for (size_t i = 0; i < levels.size(); i++)
            if (all[i] > static_cast<Level>(max_level)) throw std::invalid_argument("a level is above max_level");
        call.kernel->encode(call.group, *call.preset, levels.data(), out);
    }
    return nb::bytes(out.data, out.size);
}

template <class Level>
bool decode(const nb::bytes& data, Levels<Level> levels, int preset, int max_level, int max_error,
            const std::string& path) {
    const Call call(levels, preset, max_level, max_error, path);
    const auto* bytes = static_cast<const uint8_t*>(data.data());
    const size_t size = data.size();
    nb::gil_scoped_release unlocked;
    return call.kernel->decode(call.group, *call.preset, bytes, size, levels.data());
}

template <class Level>
void bind_level(nb::module_& m) {
    m.def("adaptive_encode", &encode<Level>, nb::arg("levels").noconvert(), nb::kw_only(), nb::arg("preset"),
          nb::arg("max_level"), nb::arg("max_error") = 0, nb::arg("path") = "auto",
          "Code levels of shape (sequences, frames, height, width). With a max_error the levels are replaced by "
          "those that the decoder will see.");
    m.def("adaptive_decode", &decode<Level>, nb::arg("data"), nb::arg("levels").noconvert(), nb::kw_only(),
          nb::arg("preset"), nb::arg("max_level"), nb::arg("max_error") = 0, nb::arg("path") = "auto",
          "Decode into `levels`; False if the stream is damaged.");
}

}  // namespace

void bind_adaptive(nb::module_& m) {
    bind_level<uint8_t>(m);
    bind_level<uint16_t>(m);
    bind_level<uint32_t>(m);
    m.def("adaptive_has_path", [](const std::string& path) { return medcodec::adaptive_kernel(path.c_str()) != nullptr; },
          "Whether this processor and build have the vector path.");
}
