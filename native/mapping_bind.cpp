// Binds the passes of the value mapping to Python; the interpreter lock is released while they work.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>

#include <stdexcept>

#include "bindings.hpp"
#include "mapping.hpp"

namespace nb = nanobind;

namespace {

template <class T, int kAxes>
using In = nb::ndarray<const T, nb::ndim<kAxes>, nb::c_contig, nb::device::cpu>;
template <class T, int kAxes>
using Out = nb::ndarray<T, nb::ndim<kAxes>, nb::c_contig, nb::device::cpu>;

template <class Value>
void mark(In<Value, 1> values, uint64_t low, Out<bool, 1> seen) {
    static_assert(sizeof(bool) == 1, "NumPy's booleans are bytes");
    nb::gil_scoped_release unlocked;
    if (!medcodec::mark_present(values.data(), values.size(), low, reinterpret_cast<uint8_t*>(seen.data()), seen.size()))
        throw std::invalid_argument("a value lies outside of the range");
}

void edge_sums(In<int32_t, 3> before, In<int32_t, 3> after, Out<int64_t, 2> sums) {
    bool fits = sums.shape(0) == 3 && sums.shape(1) == medcodec::kActivities;
    for (size_t axis = 0; axis < 3; axis++) fits &= before.shape(axis) == after.shape(axis);
    if (!fits) throw std::invalid_argument("the arrays do not fit each other");
    nb::gil_scoped_release unlocked;
    const auto found = medcodec::median_edge_sums(before.data(), after.data(), before.shape(0), before.shape(1), before.shape(2));
    const int64_t* each[3] = {found.number, found.before, found.after};
    for (size_t row = 0; row < 3; row++) std::memcpy(sums.data() + row * medcodec::kActivities, each[row], sizeof found.number);
}

template <class Real, class Word>
void lattice(In<Real, 2> frames, In<double, 1> slopes, double intercept, bool quotient, double limit, Out<int64_t, 2> indices,
             Out<bool, 2> missed) {
    const size_t count = frames.shape(0), voxels = frames.shape(1);
    const bool fits = indices.shape(0) == count && indices.shape(1) == voxels && missed.shape(0) == count &&
                      missed.shape(1) == voxels && (slopes.size() == 1 || slopes.size() == count) && limit <= 0x1p50;
    if (!fits) throw std::invalid_argument("the arrays do not fit each other");
    nb::gil_scoped_release unlocked;
    for (size_t n = 0; n < count; n++)
        medcodec::lattice_indices<Real, Word>(frames.data() + n * voxels, voxels, slopes.data()[slopes.size() == 1 ? 0 : n],
                                              intercept, quotient, limit, indices.data() + n * voxels,
                                              reinterpret_cast<uint8_t*>(missed.data()) + n * voxels);
}

template <class Real, class Word>
std::pair<double, double> smallest_step(In<Real, 1> values) {
    nb::gil_scoped_release unlocked;
    const auto range = medcodec::smallest_step<Real, Word>(values.data(), values.size());
    return {range.low, range.high};
}

template <class Value>
void bind_mark(nb::module_& m) {
    m.def("mapping_mark", &mark<Value>, nb::arg("values").noconvert(), nb::arg("low"), nb::arg("seen").noconvert(),
          "Set seen[value - low], modulo 2**64, for each value.");
}

template <class Real, class Word>
void bind_lattice(nb::module_& m) {
    m.def("mapping_lattice", &lattice<Real, Word>, nb::arg("frames").noconvert(), nb::kw_only(), nb::arg("slopes").noconvert(),
          nb::arg("intercept"), nb::arg("quotient"), nb::arg("limit"), nb::arg("indices").noconvert(),
          nb::arg("missed").noconvert(), "Write the nearest lattice index of each voxel, and whether its value is another.");
    m.def("mapping_smallest_step", &smallest_step<Real, Word>, nb::arg("values").noconvert(),
          "Range of the smallest clear difference of neighbouring sorted values; zeros if there is none.");
}

}  // namespace

void bind_mapping(nb::module_& m) {
    bind_mark<int8_t>(m);
    bind_mark<uint8_t>(m);
    bind_mark<int16_t>(m);
    bind_mark<uint16_t>(m);
    bind_mark<int32_t>(m);
    bind_mark<uint32_t>(m);
    bind_mark<int64_t>(m);
    bind_mark<uint64_t>(m);
    bind_lattice<float, uint32_t>(m);
    bind_lattice<double, uint64_t>(m);
    m.def("mapping_edge_sums", &edge_sums, nb::arg("before").noconvert(), nb::arg("after").noconvert(),
          nb::arg("sums").noconvert(), "Numbers and two sums of median-edge residuals, by activity.");
}
