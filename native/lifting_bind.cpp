// Binds the wavelet transforms to Python.
#include <nanobind/ndarray.h>

#include <stdexcept>

#include "bindings.hpp"
#include "lifting.hpp"

namespace nb = nanobind;

namespace {

using Plane = nb::ndarray<int32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

medcodec::Wavelet checked(const Plane& plane, int levels, int skip, bool reversible) {
    if (plane.shape(0) < 1 || plane.shape(1) < 1) throw std::invalid_argument("the plane is empty");
    if (levels < 0 || levels > 16 || skip < 0 || skip > levels) throw std::invalid_argument("there are 0 to 16 levels");
    return reversible ? medcodec::Wavelet::kReversible53 : medcodec::Wavelet::kCdf97;
}

}  // namespace

void bind_lifting(nb::module_& m) {
    m.def(
        "lift_forward",
        [](Plane plane, int levels, bool reversible) {
            const auto wavelet = checked(plane, levels, 0, reversible);
            nb::gil_scoped_release unlocked;
            medcodec::lift_forward(plane.data(), plane.shape(0), plane.shape(1), levels, wavelet);
        },
        nb::arg("plane").noconvert(), nb::kw_only(), nb::arg("levels"), nb::arg("reversible"),
        "Transform a plane in place: 5/3 where reversible, else 9/7.");
    m.def(
        "lift_inverse",
        [](Plane plane, int levels, bool reversible, int skip) {
            const auto wavelet = checked(plane, levels, skip, reversible);
            nb::gil_scoped_release unlocked;
            medcodec::lift_inverse(plane.data(), plane.shape(0), plane.shape(1), levels, skip, wavelet);
        },
        nb::arg("plane").noconvert(), nb::kw_only(), nb::arg("levels"), nb::arg("reversible"), nb::arg("skip") = 0,
        "Undo lift_forward in place, all but the `skip` finest levels.");
    m.def(
        "lift_transposed",
        [](Plane plane) {
            checked(plane, 1, 0, false);
            nb::gil_scoped_release unlocked;
            medcodec::lift_transposed(plane.data(), plane.shape(0), plane.shape(1));
        },
        nb::arg("plane").noconvert(), "Put the transpose of one level of the inverse 9/7 in the place of a plane.");
}
