// Binds the coder of subbands to Python: an encoder and a decoder that walk through bands and steps alike.
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <stdexcept>
#include <vector>

#include "bindings.hpp"
#include "byte_buffer.hpp"
#include "subbands_coders.hpp"
#include "subbands_model.hpp"

namespace nb = nanobind;

namespace {

using Plane = nb::ndarray<int32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Source = nb::ndarray<const int32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Logits = nb::ndarray<const int16_t, nb::ndim<3>, nb::c_contig, nb::device::cpu>;

// A neighbouring subband in the shape of the band: of odd pictures it may have a row or a column more or less.
class Neighbour {
  public:
    Neighbour(const std::optional<Source>& plane, size_t height, size_t width) : plane_(plane) {
        if (!plane) return;
        const size_t rows = plane->shape(0), columns = plane->shape(1);
        const int32_t* data = plane->data();
        data_ = data;
        if (rows == height && columns == width) return;
        if (rows + 1 < height || rows > height + 1 || columns + 1 < width || columns > width + 1 || rows == 0 || columns == 0)
            throw std::invalid_argument("a neighbouring subband has another shape");
        fitted_.resize(height * width);
        for (size_t y = 0; y < height; y++)
            for (size_t x = 0; x < width; x++)
                fitted_[y * width + x] = data[std::min(y, rows - 1) * columns + std::min(x, columns - 1)];
        data_ = fitted_.data();
    }
    const int32_t* data() const { return data_; }

  private:
    std::optional<Source> plane_;  // kept alive
    std::vector<int32_t> fitted_;
    const int32_t* data_ = nullptr;
};

template <class Coder>
class Walk {
  public:
    // Planes must stay alive while the band is coded: they are kept here.
    void start(Plane levels, std::optional<Source> scaled, int orientation, int level, int layer, std::optional<Source> parent,
               std::optional<Source> sibling_a, std::optional<Source> sibling_b, std::optional<Source> near_a,
               std::optional<Source> near_b) {
        const size_t height = levels.shape(0), width = levels.shape(1);
        if (height < 1 || width < 1) throw std::invalid_argument("the subband is empty");
        if (orientation < 0 || orientation >= subbands::kOrientations || level < 0 || level >= subbands::kLevels ||
            layer < 0 || layer >= subbands::kLayers)
            throw std::invalid_argument("the orientation, level or layer is out of range");
        if (Coder::kEncodes && !scaled) throw std::invalid_argument("an encoder needs coefficients");
        const size_t parent_height = (height + 1) / 2, parent_width = (width + 1) / 2;
        kept_.clear();
        kept_.emplace_back(scaled, height, width);
        kept_.emplace_back(parent, parent_height, parent_width);
        for (const auto& neighbour : {sibling_a, sibling_b, near_a, near_b}) kept_.emplace_back(neighbour, height, width);
        levels_ = levels;
        band_ = {height, width, orientation, level, layer, kept_[1].data(), {kept_[2].data(), kept_[3].data()},
                 {kept_[4].data(), kept_[5].data()}, levels.data(), kept_[0].data()};
        nb::gil_scoped_release unlocked;
        model_.start(band_);
    }
    void step(Coder& coder, int step, const std::optional<Logits>& logits, int64_t lambda) {
        if (!levels_.is_valid() || step < 0 || step >= subbands::kSteps) throw std::invalid_argument("there is no such step");
        if (logits) {
            const size_t height = (band_.height - static_cast<size_t>(subbands::kPhaseY[step]) + 1) / 2;
            const size_t width = (band_.width - static_cast<size_t>(subbands::kPhaseX[step]) + 1) / 2;
            if (logits->shape(0) != subbands::kHeads || logits->shape(1) != height || logits->shape(2) != width)
                throw std::invalid_argument("the logits have another shape than the step");
        }
        nb::gil_scoped_release unlocked;
        model_.code_step(coder, step, logits ? logits->data() : nullptr, lambda);
    }

  private:
    subbands::Model model_;
    subbands::Band band_{};
    Plane levels_;
    std::deque<Neighbour> kept_;
};

class SubbandEncoder {
  public:
    SubbandEncoder() : coder_(out_) {}
    Walk<subbands::Encoder> walk;
    void step(int step, const std::optional<Logits>& logits, int64_t lambda) { walk.step(coder_, step, logits, lambda); }
    nb::bytes finish() {
        coder_.finish();
        return nb::bytes(out_.data, out_.size);
    }
    size_t size() const { return out_.size; }

  private:
    medcodec::ByteBuffer out_;
    subbands::Encoder coder_;
};

class SubbandDecoder {
  public:
    explicit SubbandDecoder(nb::bytes data)
        : data_(std::move(data)), coder_(static_cast<const uint8_t*>(data_.data()), data_.size()) {}
    Walk<subbands::Decoder> walk;
    void step(int step, const std::optional<Logits>& logits) { walk.step(coder_, step, logits, 0); }
    bool plausible() const { return coder_.plausible(); }

  private:
    nb::bytes data_;
    subbands::Decoder coder_;
};

}  // namespace

void bind_subbands(nb::module_& m) {
    nb::class_<SubbandEncoder>(m, "SubbandEncoder")
        .def(nb::init<>())
        .def("start",
             [](SubbandEncoder& self, Plane levels, Source scaled, int orientation, int level, int layer,
                std::optional<Source> parent, std::optional<Source> sibling_a, std::optional<Source> sibling_b,
                std::optional<Source> near_a, std::optional<Source> near_b) {
                 self.walk.start(levels, scaled, orientation, level, layer, parent, sibling_a, sibling_b, near_a, near_b);
             },
             nb::arg("levels").noconvert(), nb::arg("scaled").noconvert(), nb::kw_only(), nb::arg("orientation"),
             nb::arg("level"), nb::arg("layer"), nb::arg("parent") = nb::none(), nb::arg("sibling_a") = nb::none(),
             nb::arg("sibling_b") = nb::none(), nb::arg("near_a") = nb::none(), nb::arg("near_b") = nb::none())
        .def("step", &SubbandEncoder::step, nb::arg("step"), nb::arg("logits") = nb::none(), nb::arg("lambda_") = 0)
        .def("finish", &SubbandEncoder::finish)
        .def_prop_ro("size", &SubbandEncoder::size);
    nb::class_<SubbandDecoder>(m, "SubbandDecoder")
        .def(nb::init<nb::bytes>())
        .def("start",
             [](SubbandDecoder& self, Plane levels, int orientation, int level, int layer, std::optional<Source> parent,
                std::optional<Source> sibling_a, std::optional<Source> sibling_b, std::optional<Source> near_a,
                std::optional<Source> near_b) {
                 self.walk.start(levels, std::nullopt, orientation, level, layer, parent, sibling_a, sibling_b, near_a, near_b);
             },
             nb::arg("levels").noconvert(), nb::kw_only(), nb::arg("orientation"), nb::arg("level"), nb::arg("layer"),
             nb::arg("parent") = nb::none(), nb::arg("sibling_a") = nb::none(), nb::arg("sibling_b") = nb::none(),
             nb::arg("near_a") = nb::none(), nb::arg("near_b") = nb::none())
        .def("step", &SubbandDecoder::step, nb::arg("step"), nb::arg("logits") = nb::none())
        .def("plausible", &SubbandDecoder::plausible);
}
