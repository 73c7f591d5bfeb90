// Binds the coder of true floats and wide integers.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <string>

#include "bindings.hpp"
#include "floats_kernel.hpp"

namespace nb = nanobind;

namespace {

using Bytes = nb::ndarray<uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Words = nb::ndarray<const uint64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using ConstBytes = nb::ndarray<const uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

template <class Word, int Blocks, class Coder>
bool run(Coder& coder, const floats::Settings& settings, floats::Shape shape, uint8_t* voxels, const uint64_t* present) {
    floats::Kernel<Word, Coder, Blocks> kernel(coder, settings, shape);
    const auto load = [voxels](int64_t at) {
        Word word;
        std::memcpy(&word, voxels + at * static_cast<int64_t>(sizeof(Word)), sizeof(Word));
        return static_cast<uint64_t>(word);
    };
    const auto store = [voxels](int64_t at, uint64_t value) {
        const Word word = static_cast<Word>(value);
        std::memcpy(voxels + at * static_cast<int64_t>(sizeof(Word)), &word, sizeof(Word));
    };
    return kernel.run(present, load, store);
}

// As many neighbours as the shape has references for.
template <class Word, class Coder>
bool run(Coder& coder, const floats::Settings& settings, floats::Shape shape, uint8_t* voxels, const uint64_t* present) {
    if (shape.sequences > 1) return run<Word, 6>(coder, settings, shape, voxels, present);
    if (shape.frames > 1) return run<Word, 5>(coder, settings, shape, voxels, present);
    return run<Word, 3>(coder, settings, shape, voxels, present);
}

template <class Coder>
bool run(Coder& coder, const floats::Settings& settings, floats::Shape shape, uint8_t* voxels, const uint64_t* present) {
    if (settings.width == 16) return run<uint16_t>(coder, settings, shape, voxels, present);
    if (settings.width == 32) return run<uint32_t>(coder, settings, shape, voxels, present);
    return run<uint64_t>(coder, settings, shape, voxels, present);
}

floats::Settings make_settings(int kind, int width, int shift, int scale, std::vector<uint64_t> frequent, bool repeats,
                               uint64_t table, const std::string& path) {
    if (kind < 0 || kind > 2 || (width != 16 && width != 32 && width != 64) || shift < 0 || shift >= width ||
        scale < -1000 || scale > 1000 || table > static_cast<uint64_t>(INT32_MAX) || frequent.size() > floats::most_frequent) {
        throw nb::value_error("float coder: settings out of range");
    }
    const int mantissa = width == 16 ? 10 : width == 32 ? 23 : 52;
    if (kind == 2 && shift > mantissa) throw nb::value_error("float coder: settings out of range");
    const floats::SquaresKernels* squares = floats::squares_kernels(path.c_str());
    if (!squares) throw nb::value_error("this processor does not have that path");
    return {static_cast<floats::Kind>(kind), width, shift, scale, std::move(frequent), repeats, squares, table};
}

void check_size(size_t bytes, const floats::Settings& settings, floats::Shape shape) {
    const double voxels = static_cast<double>(shape.sequences) * static_cast<double>(shape.frames) *
                          static_cast<double>(shape.height) * static_cast<double>(shape.width);
    if (std::min({shape.sequences, shape.frames, shape.height, shape.width}) < 1 ||
        voxels * (settings.width / 8) != static_cast<double>(bytes)) {
        throw nb::value_error("float coder: the buffer does not have the size of the shape");
    }
}

nb::tuple encode(ConstBytes voxels, int64_t sequences, int64_t frames, int64_t height, int64_t width, int kind,
                 int bits, int shift, int scale, std::vector<uint64_t> frequent, bool repeats,
                 Words present, const std::string& path) {
    const floats::Settings settings = make_settings(kind, bits, shift, scale, std::move(frequent), repeats, present.size(), path);
    const floats::Shape shape{sequences, frames, height, width};
    check_size(voxels.size(), settings, shape);
    floats::Encoder coder;
    {
        nb::gil_scoped_release release;
        run(coder, settings, shape, const_cast<uint8_t*>(voxels.data()), present.data());
        coder.finish();
    }
    return nb::make_tuple(nb::bytes(coder.coded().data, coder.coded().size),
                          nb::bytes(coder.raw_bytes().data, coder.raw_bytes().size));
}

// The coded part of `data` begins at `start`; what follows it is the raw part.
bool decode(Bytes voxels, nb::bytes data, size_t start, size_t coded, int64_t sequences, int64_t frames, int64_t height,
            int64_t width, int kind, int bits, int shift, int scale, std::vector<uint64_t> frequent, bool repeats,
            uint64_t table, const std::string& path) {
    const floats::Settings settings = make_settings(kind, bits, shift, scale, std::move(frequent), repeats, table, path);
    const floats::Shape shape{sequences, frames, height, width};
    check_size(voxels.size(), settings, shape);
    if (start > data.size() || coded > data.size() - start) throw nb::value_error("float coder: the data are too short");
    const auto* bytes = static_cast<const uint8_t*>(data.data()) + start;
    floats::Decoder coder(bytes, coded, bytes + coded, data.size() - start - coded);
    nb::gil_scoped_release release;
    return run(coder, settings, shape, voxels.data(), nullptr) && coder.finished() && !coder.overrun();
}

}  // namespace

void bind_floats(nb::module_& m) {
    m.def("encode_floats", &encode, nb::arg("voxels"), nb::arg("sequences"), nb::arg("frames"), nb::arg("height"),
          nb::arg("width"), nb::kw_only(), nb::arg("kind"), nb::arg("bits"), nb::arg("shift"), nb::arg("scale"),
          nb::arg("frequent"), nb::arg("repeats"), nb::arg("present"), nb::arg("path") = "auto");
    m.def("decode_floats", &decode, nb::arg("voxels"), nb::arg("data"), nb::arg("start"), nb::arg("coded"), nb::arg("sequences"),
          nb::arg("frames"), nb::arg("height"), nb::arg("width"), nb::kw_only(), nb::arg("kind"), nb::arg("bits"),
          nb::arg("shift"), nb::arg("scale"), nb::arg("frequent"), nb::arg("repeats"), nb::arg("table"),
          nb::arg("path") = "auto");
}
