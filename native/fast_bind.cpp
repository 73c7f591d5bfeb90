// Binds the fast coder to Python; the interpreter lock is released while it works.
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <optional>
#include <stdexcept>
#include <string>

#include "bindings.hpp"
#include "fast.hpp"

namespace nb = nanobind;

namespace {

using medcodec::FastGroup;
using medcodec::FastKernel;

template <class Level>
using Levels = nb::ndarray<Level, nb::ndim<4>, nb::c_contig, nb::device::cpu>;

struct Call {
    FastGroup group;
    const FastKernel* kernel;

    template <class Level>
    Call(const Levels<Level>& levels, int max_level, int max_error, const std::string& path)
        : group{static_cast<int>(levels.shape(0)), static_cast<int>(levels.shape(1)), static_cast<int>(levels.shape(2)),
                static_cast<int>(levels.shape(3)), max_level, sizeof(Level), max_error},
          kernel(medcodec::fast_kernel(path.c_str())) {
        for (size_t i = 0; i < 4; i++)
            if (levels.shape(i) < 1 || levels.shape(i) > 1 << 24) throw std::invalid_argument("an axis is empty or too long");
        if (!kernel) throw std::invalid_argument("this processor does not have that path");
        if (max_level < 0 || max_level > medcodec::kFastMaxLevel) throw std::invalid_argument("max_level is out of range");
        if (max_error < 0 || max_error > medcodec::kFastMaxLevel) throw std::invalid_argument("max_error is out of range");
    }
};

using LevelOf = nb::ndarray<const uint16_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

template <class Number>
bool all_within(const Number* numbers, size_t count, int most) {
    bool within = true;
    for (size_t i = 0; i < count; i++) within &= numbers[i] <= static_cast<Number>(most);
    return within;
}

nb::bytes coded(const Call& call, void* levels) {
    medcodec::ByteBuffer out;
    {
        nb::gil_scoped_release unlocked;
        call.kernel->encode(call.group, levels, out);
    }
    return nb::bytes(out.data, out.size);
}

template <class Level>
nb::bytes encode(Levels<const Level> levels, int max_level, const std::optional<LevelOf>& level_of, const std::string& path) {
    Call call(levels, max_level, 0, path);
    if (level_of && (sizeof(Level) > 2 || level_of->size() != size_t{1} << 8 * sizeof(Level)))
        throw std::invalid_argument("level_of is for numbers of 8 or 16 bits, all of them");
    if (level_of) call.group.level_of = level_of->data();
    const bool within = level_of ? all_within(level_of->data(), level_of->size(), max_level)
                                 : all_within(levels.data(), levels.size(), max_level);
    if (!within) throw std::invalid_argument("a level is above max_level");
    return coded(call, const_cast<Level*>(levels.data()));  // which is only read
}

template <class Level>
nb::bytes encode_bounded(Levels<Level> levels, int max_level, int max_error, bool keeps_background, const std::string& path) {
    Call call(levels, max_level, max_error, path);
    call.group.keeps_background = keeps_background;
    if (!max_error) throw std::invalid_argument("max_error is out of range");
    if (!all_within(levels.data(), levels.size(), max_level)) throw std::invalid_argument("a level is above max_level");
    return coded(call, levels.data());
}

template <class Level>
bool decode(const nb::bytes& data, Levels<Level> levels, int max_level, int max_error, bool keeps_background, bool in_parts,
            const std::string& path) {
    Call call(levels, max_level, max_error, path);
    call.group.keeps_background = keeps_background;
    call.group.in_parts = in_parts;
    const auto* bytes = static_cast<const uint8_t*>(data.data());
    const size_t size = data.size();
    nb::gil_scoped_release unlocked;
    return call.kernel->decode(call.group, bytes, size, levels.data());
}

template <class Level>
void bind_level(nb::module_& m) {
    m.def("fast_encode", &encode<Level>, nb::arg("levels").noconvert(), nb::kw_only(), nb::arg("max_level"),
          nb::arg("level_of").noconvert() = nb::none(), nb::arg("path") = "auto",
          "Code levels of shape (sequences, frames, height, width), or those of other numbers.");
    m.def("fast_encode_bounded", &encode_bounded<Level>, nb::arg("levels").noconvert(), nb::kw_only(), nb::arg("max_level"),
          nb::arg("max_error"), nb::arg("keeps_background"), nb::arg("path") = "auto", "Code levels, which become what they are decoded to.");
    m.def("fast_decode", &decode<Level>, nb::arg("data"), nb::arg("levels").noconvert(), nb::kw_only(), nb::arg("max_level"),
          nb::arg("max_error") = 0, nb::arg("keeps_background") = false, nb::arg("in_parts") = true, nb::arg("path") = "auto",
          "Decode into `levels`; False if the stream is damaged.");
}

}  // namespace

void bind_fast(nb::module_& m) {
    bind_level<uint8_t>(m);
    bind_level<uint16_t>(m);
    bind_level<uint32_t>(m);
    m.def("fast_has_path", [](const std::string& path) { return medcodec::fast_kernel(path.c_str()) != nullptr; },
          "Whether this processor and build have the vector path.");
}
