// Many group records of a .medc file checked in one call; see docs/format.md. The interpreter lock is released.
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/vector.h>

#include <cstring>

#include "bindings.hpp"
#include "crc32c.hpp"

namespace nb = nanobind;

namespace {

using Numbers = std::vector<std::uint64_t>;
using Array = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;

constexpr std::size_t kHead = 24;
constexpr char kMark[] = "\xd3GRP";

std::uint32_t little(const std::uint8_t* p) {
    return p[0] | p[1] << 8 | p[2] << 16 | static_cast<std::uint32_t>(p[3]) << 24;
}

// The checksum of the voxels that the record at `p` has, if it is whole and the one that is expected.
std::optional<std::uint32_t> check(const std::uint8_t* p, std::uint64_t number, std::uint64_t length) {
    const bool good = std::memcmp(p, kMark, 4) == 0 && little(p + 20) == medcodec::crc32c(p, 20) &&
                      little(p + 4) == number && little(p + 8) == length &&
                      little(p + 12) == medcodec::crc32c(p + kHead, static_cast<std::size_t>(length));
    if (!good) return std::nullopt;
    return little(p + 16);
}

std::optional<Numbers> check_all(const nb::bytes& data, const Numbers& starts, const Numbers& numbers,
                                 const Numbers& lengths) {
    const auto* bytes = static_cast<const std::uint8_t*>(data.data());
    const std::size_t size = data.size();
    nb::gil_scoped_release unlocked;
    Numbers checksums;
    for (std::size_t i = 0; i < starts.size() && i < numbers.size() && i < lengths.size(); ++i) {
        if (size < kHead || starts[i] > size - kHead || lengths[i] > size - kHead - starts[i]) return std::nullopt;
        const auto checksum = check(bytes + starts[i], numbers[i], lengths[i]);
        if (!checksum) return std::nullopt;
        checksums.push_back(*checksum);
    }
    return checksums;
}

Numbers checksums(const std::vector<Array>& arrays) {
    std::vector<std::pair<const void*, std::size_t>> parts;
    for (const Array& array : arrays) parts.emplace_back(array.data(), array.nbytes());
    nb::gil_scoped_release unlocked;
    Numbers result;
    for (const auto& [data, size] : parts) result.push_back(medcodec::crc32c(data, size));
    return result;
}

std::uint32_t checksum(const nb::bytes& data) {
    const void* bytes = data.data();
    const std::size_t size = data.size();
    nb::gil_scoped_release unlocked;
    return medcodec::crc32c(bytes, size);
}

}  // namespace

void bind_records(nb::module_& m) {
    m.def("records_check", &check_all, nb::arg("data"), nb::arg("starts"), nb::arg("numbers"), nb::arg("lengths"),
          "Voxel checksums of the group records that start there; None unless all are whole and those expected.");
    m.def("crc32c", &checksum, nb::arg("data"), "CRC32C of bytes.");
    m.def("crc32c_of_arrays", &checksums, nb::arg("arrays"), "CRC32C of the bytes of each contiguous array.");
}
