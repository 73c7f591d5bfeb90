#include "labels.hpp"

#include <algorithm>

#include "labels_coder.hpp"
#include "labels_islands.hpp"
#include "labels_model.hpp"
#include "labels_settings.hpp"
#include "labels_walk.hpp"

namespace labels {
namespace {

constexpr size_t kSampleVoxels = 1 << 16, kQuickSampleVoxels = 1 << 14;
constexpr size_t kQuickShare = 32;
// Tables of about a megabyte, as groups are. Grey levels gain less than a hundredth from larger ones, names a tenth.
constexpr int kLargestIslandTable = 14, kLargestOrderTable = 13;

template <class Coder>
void walk(Coder& coder, uint8_t* levels, const Shape& shape, const Settings& settings) {
    if (settings.kind == Kind::islands) Walk<Coder, IslandModel>(coder, levels, shape, settings).run();
    else Walk<Coder, VoxelModel>(coder, levels, shape, settings).run();
    coder.finish();
}

std::vector<uint8_t> encode_with(const uint8_t* levels, const Shape& shape, const Settings& settings) {
    std::vector<uint8_t> out = write_header(settings);
    Encoder coder(out);
    walk(coder, const_cast<uint8_t*>(levels), shape, settings);
    return out;
}

// Names, order or islands: what codes a sample best. A quick choice prefers islands, which take a quarter of the time.
Settings choose(const uint8_t* levels, const Shape& shape, int count, bool quick) {
    Settings names;
    names.kind = Kind::labels;
    names.levels = count;
    names.candidates = 3;
    names.table_bits = fitting_table(levels, shape);
    if (count == 2) return names;
    Settings order = names, islands = names;
    order.candidates = 1;
    order.ordinal = true;
    order.table_bits = std::min(names.table_bits, kLargestOrderTable);
    islands.table_bits = std::min(names.table_bits, kLargestIslandTable);
    islands.kind = Kind::islands;
    islands.background = most_frequent(levels, shape.voxels());
    const Sample sample = take_sample(levels, shape, quick ? kQuickSampleVoxels : kSampleVoxels);
    size_t smallest = SIZE_MAX;
    const Settings* chosen = &names;
    for (const Settings* tried : {&names, &order, &islands}) {
        if (quick && tried == &order) continue;
        Settings small = *tried;
        if (tried == &names) small.table_bits = order.table_bits;  // a trial takes no more memory than the others
        size_t size = encode_with(sample.levels.data(), sample.shape, small).size();
        if (quick && tried == &islands) size -= size / kQuickShare;
        if (size >= smallest) continue;
        smallest = size;
        chosen = tried;
    }
    return *chosen;
}

}  // namespace

std::vector<uint8_t> encode(const uint8_t* levels, const Shape& shape, bool quick) {
    const size_t voxels = shape.voxels();
    Settings plain;
    plain.levels = voxels == 0 ? 1 : 1 + *std::max_element(levels, levels + voxels);
    if (plain.levels == 1) return write_header(plain);
    const Settings settings = choose(levels, shape, plain.levels, quick);
    std::vector<uint8_t> coded = encode_with(levels, shape, settings);
    const int bits = level_bits(plain.levels);
    if (coded.size() <= kHeaderBytes + voxels * bits / 8) return coded;
    std::vector<uint8_t> stored = write_header(plain);
    const std::vector<uint8_t> packed = pack(levels, voxels, bits);
    stored.insert(stored.end(), packed.begin(), packed.end());
    return stored;
}

void decode(const uint8_t* data, size_t size, const Shape& shape, uint8_t* levels) {
    const Settings settings = read_header(data, size, shape);
    data += settings.header_bytes();
    size -= settings.header_bytes();
    if (settings.kind == Kind::stored) return unpack(data, size, shape.voxels(), settings, levels);
    if (shape.voxels() == 0) throw StreamError("label stream: there are no voxels to decode");
    Decoder coder(data, size);
    walk(coder, levels, shape, settings);
}

}  // namespace labels
