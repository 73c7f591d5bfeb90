// Binds the coder of subbands to Python: an encoder and a decoder that walk through bands and steps alike.
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include "bindings.hpp"
#include "byte_buffer.hpp"
#include "subbands_codec.hpp"

namespace nb = nanobind;

namespace {

using Plane = nb::ndarray<int32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Source = nb::ndarray<const int32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Flags = nb::ndarray<uint8_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Features = nb::ndarray<int16_t, nb::ndim<3>, nb::c_contig, nb::device::cpu>;
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

void check_states(int states) {
    if (states != subbands::kStates && states != subbands::kFewStates) throw std::invalid_argument("there is no such trellis");
}

// What a band is coded with: planes stay alive while it is.
class Surroundings {
  public:
    Surroundings(Plane levels, const std::optional<Source>& scaled, int orientation, int level, int layer, int states,
                 const std::optional<Source>& parent, const std::optional<Source>& sibling_a,
                 const std::optional<Source>& sibling_b, const std::optional<Source>& near_a,
                 const std::optional<Source>& near_b, const std::optional<Source>& other_parent_a,
                 const std::optional<Source>& other_parent_b)
        : levels_(std::move(levels)) {
        const size_t height = levels_.shape(0), width = levels_.shape(1);
        if (height < 1 || width < 1) throw std::invalid_argument("the subband is empty");
        if (orientation < 0 || orientation >= subbands::kOrientations || level < 0 || level >= subbands::kLevels ||
            layer < 0 || layer >= subbands::kLayers)
            throw std::invalid_argument("the orientation, level or layer is out of range");
        if (states) check_states(states);
        planes_.emplace_back(scaled, height, width);
        planes_.emplace_back(parent, (height + 1) / 2, (width + 1) / 2);
        for (const auto& plane : {sibling_a, sibling_b, near_a, near_b}) planes_.emplace_back(plane, height, width);
        for (const auto& plane : {other_parent_a, other_parent_b}) planes_.emplace_back(plane, (height + 1) / 2, (width + 1) / 2);
        band = {height, width, orientation, level, layer, planes_[1].data(), {planes_[2].data(), planes_[3].data()},
                {planes_[4].data(), planes_[5].data()}, {planes_[6].data(), planes_[7].data()}, states, levels_.data(), planes_[0].data()};
    }
    const int16_t* checked(int step, const std::optional<Logits>& logits) const {
        check(step);
        if (!logits) return nullptr;
        if (logits->shape(0) != subbands::kHeads || logits->shape(1) != (band.height + 1) / 2 || logits->shape(2) != (band.width + 1) / 2)
            throw std::invalid_argument("the logits have another shape than the step");
        return logits->data();
    }
    int16_t* checked(int step, const Features& out) const {
        check(step);
        if ((out.shape(0) != subbands::kFeatures && !has_more(out)) || out.shape(1) != (band.height + 1) / 2 || out.shape(2) != (band.width + 1) / 2)
            throw std::invalid_argument("the features have another shape than the band");
        return out.data();
    }
    static bool has_more(const Features& out) { return out.shape(0) == subbands::kMoreFeatures; }
    subbands::Band band{};

  private:
    static void check(int step) {
        if (step < 0 || step >= subbands::kSteps) throw std::invalid_argument("there is no such step");
    }
    Plane levels_;
    std::deque<Neighbour> planes_;
};

subbands::Blocks blocks_of(const std::optional<Flags>& predicted, const std::optional<Flags>& parent) {
    if (!predicted) return {};
    if (predicted->size() == 0 || (parent && parent->size() == 0)) throw std::invalid_argument("there are no blocks");
    return {predicted->data(), predicted->shape(0), predicted->shape(1), parent ? parent->data() : nullptr,
            parent ? parent->shape(0) : 0, parent ? parent->shape(1) : 0};
}

const Surroundings& begun(const std::unique_ptr<Surroundings>& around) {
    if (!around) throw std::invalid_argument("no band was begun");
    return *around;
}

using States = nb::ndarray<const uint32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Numbers = nb::ndarray<const int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

void begin_with(subbands::Model& model, const States& counters, const Numbers& weights) {
    model.begin({{counters.data(), counters.data() + counters.size()}, {weights.data(), weights.data() + weights.size()}});
}

class PyEncoder {
  public:
    explicit PyEncoder(bool trained) : encoder_(trained) {}
    void begin_with(const States& counters, const Numbers& weights) { ::begin_with(encoder_.model(), counters, weights); }
    nb::tuple learnt() {
        const subbands::Learnt found = encoder_.model().learnt();
        return nb::make_tuple(nb::bytes(found.counters.data(), found.counters.size() * sizeof(uint32_t)),
                              nb::bytes(found.weights.data(), found.weights.size() * sizeof(int32_t)));
    }
    bool begin(Plane levels, Source scaled, int orientation, int level, int layer, int states, std::optional<Source> parent,
               std::optional<Source> sibling_a, std::optional<Source> sibling_b, std::optional<Source> near_a,
               std::optional<Source> near_b, std::optional<Source> other_parent_a,
               std::optional<Source> other_parent_b, std::optional<Flags> predicted, std::optional<Flags> predicted_parent) {
        if (states == subbands::kFewStates) throw std::invalid_argument("the trellis of older streams is for decoding");
        around_ = std::make_unique<Surroundings>(levels, scaled, orientation, level, layer, states, parent, sibling_a, sibling_b,
                                                 near_a, near_b, other_parent_a, other_parent_b);
        const auto blocks = blocks_of(predicted, predicted_parent);
        bool any;
        {
            nb::gil_scoped_release unlocked;
            any = encoder_.begin(around_->band, blocks);
        }
        if (!any) around_.reset();  // there are no steps
        return any;
    }
    void features(int step, Features out) const {
        int16_t* data = begun(around_).checked(step, out);
        const bool more = Surroundings::has_more(out);
        nb::gil_scoped_release unlocked;
        encoder_.features(step, more, data);
    }
    void step(int step, const std::optional<Logits>& logits, int64_t lambda) {
        const int16_t* data = begun(around_).checked(step, logits);
        nb::gil_scoped_release unlocked;
        encoder_.step(step, data, lambda);
    }
    nb::bytes flush() {
        medcodec::ByteBuffer out;
        encoder_.flush(out);
        return nb::bytes(out.data, out.size);
    }

  private:
    subbands::SubbandEncoder encoder_;
    std::unique_ptr<Surroundings> around_;
};

class PyDecoder {
  public:
    explicit PyDecoder(bool trained) : decoder_(trained) {}
    void begin_with(const States& counters, const Numbers& weights) { ::begin_with(decoder_.model(), counters, weights); }
    void feed(nb::bytes data) {
        data_ = std::move(data);
        decoder_.feed(static_cast<const uint8_t*>(data_.data()), data_.size());
    }
    bool begin(Plane levels, int orientation, int level, int layer, int states, std::optional<Source> parent,
               std::optional<Source> sibling_a, std::optional<Source> sibling_b, std::optional<Source> near_a,
               std::optional<Source> near_b, std::optional<Source> other_parent_a,
               std::optional<Source> other_parent_b, std::optional<Flags> predicted, std::optional<Flags> predicted_parent) {
        around_ = std::make_unique<Surroundings>(levels, std::nullopt, orientation, level, layer, states, parent, sibling_a,
                                                 sibling_b, near_a, near_b, other_parent_a, other_parent_b);
        const auto blocks = blocks_of(predicted, predicted_parent);
        bool any;
        {
            nb::gil_scoped_release unlocked;
            any = decoder_.begin(around_->band, blocks);
        }
        if (!any) around_.reset();  // there are no steps
        return any;
    }
    void features(int step, Features out) const {
        int16_t* data = begun(around_).checked(step, out);
        const bool more = Surroundings::has_more(out);
        nb::gil_scoped_release unlocked;
        decoder_.features(step, more, data);
    }
    void step(int step, const std::optional<Logits>& logits) {
        const int16_t* data = begun(around_).checked(step, logits);
        nb::gil_scoped_release unlocked;
        decoder_.step(step, data);
    }
    bool plausible() const { return decoder_.plausible(); }

  private:
    nb::bytes data_;
    subbands::SubbandDecoder decoder_;
    std::unique_ptr<Surroundings> around_;
};

}  // namespace

void bind_subbands(nb::module_& m) {
    m.def(
        "half_steps",
        [](Source levels, int states, bool turned, Plane out) {
            check_states(states);
            if (out.shape(0) != levels.shape(0) || out.shape(1) != levels.shape(1))
                throw std::invalid_argument("the planes have different shapes");
            subbands::half_steps(levels.data(), levels.shape(0), levels.shape(1), states, turned, out.data());
        },
        nb::arg("levels").noconvert(), nb::arg("states"), nb::arg("turned"), nb::arg("out").noconvert(),
        "Write what levels of dependent quantisation stand for, in half steps.");
    m.attr("SUBBAND_FEATURES") = nb::make_tuple(subbands::kFeatures, subbands::kMoreFeatures);
    m.attr("TRELLIS_STATES") = nb::make_tuple(subbands::kStates, subbands::kFewStates);
    m.attr("SUBBAND_HEADS") = subbands::kHeads;
    nb::list phases;
    for (int step = 0; step < subbands::kSteps; step++)
        phases.append(nb::make_tuple(subbands::kPhaseY[step], subbands::kPhaseX[step]));
    m.attr("SUBBAND_PHASES") = nb::tuple(phases);
    m.attr("SUBBAND_LARGEST_WEIGHT") = subbands::kLargestWeight;
    nb::class_<PyEncoder>(m, "SubbandEncoder")
        .def(nb::init<bool>(), nb::kw_only(), nb::arg("trained"))
        .def("begin_with", &PyEncoder::begin_with, nb::arg("counters").noconvert(), nb::arg("weights").noconvert())
        .def("learnt", &PyEncoder::learnt)
        .def("begin", &PyEncoder::begin, nb::arg("levels").noconvert(), nb::arg("scaled").noconvert(), nb::kw_only(),
             nb::arg("orientation"), nb::arg("level"), nb::arg("layer"), nb::arg("states"), nb::arg("parent").none(),
             nb::arg("sibling_a").none(), nb::arg("sibling_b").none(), nb::arg("near_a").none(), nb::arg("near_b").none(), nb::arg("other_parent_a").none(),
             nb::arg("other_parent_b").none(),
             nb::arg("predicted").noconvert().none(), nb::arg("predicted_parent").noconvert().none())
        .def("features", &PyEncoder::features, nb::arg("step"), nb::arg("out").noconvert())
        .def("step", &PyEncoder::step, nb::arg("step"), nb::arg("logits").none(), nb::kw_only(), nb::arg("lambda_"))
        .def("flush", &PyEncoder::flush);
    nb::class_<PyDecoder>(m, "SubbandDecoder")
        .def(nb::init<bool>(), nb::kw_only(), nb::arg("trained"))
        .def("begin_with", &PyDecoder::begin_with, nb::arg("counters").noconvert(), nb::arg("weights").noconvert())
        .def("feed", &PyDecoder::feed, nb::arg("data"))
        .def("begin", &PyDecoder::begin, nb::arg("levels").noconvert(), nb::kw_only(), nb::arg("orientation"),
             nb::arg("level"), nb::arg("layer"), nb::arg("states"), nb::arg("parent").none(), nb::arg("sibling_a").none(),
             nb::arg("sibling_b").none(), nb::arg("near_a").none(), nb::arg("near_b").none(), nb::arg("other_parent_a").none(),
             nb::arg("other_parent_b").none(),
             nb::arg("predicted").noconvert().none(), nb::arg("predicted_parent").noconvert().none())
        .def("features", &PyDecoder::features, nb::arg("step"), nb::arg("out").noconvert())
        .def("step", &PyDecoder::step, nb::arg("step"), nb::arg("logits").none())
        .def("plausible", &PyDecoder::plausible);
}
