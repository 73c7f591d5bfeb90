#include <algorithm>
#include <cstdlib>

#include "labels_model.hpp"

// Which statistics a decision uses: hashed contexts, weight sets and refinements.
namespace labels {
namespace {

// A polynomial of the values, then one avalanche: independent hashes overlap in the pipeline.
template <class... Values>
uint64_t hash(Values... values) {
    uint64_t h = 0x243F6A8885A308D3ull;
    ((h = (h + static_cast<uint64_t>(values)) * 0x9E3779B97F4A7C15ull), ...);
    h = (h ^ (h >> 32)) * 0xD6E8FEB86659FD93ull;
    return h ^ (h >> 32);
}

int length_bucket(int length) {
    static constexpr int limits[6] = {1, 16, 32, 64, 256, 1024};
    int bucket = 0;
    while (bucket < 6 && length >= limits[bucket]) ++bucket;
    return bucket;
}

int popcount(uint32_t v) {
    int n = 0;
    for (; v; v &= v - 1) ++n;
    return n;
}

}  // namespace

// Where the known neighbours differ from the first reference.
uint32_t VoxelModel::changes(const Site& site) {
    static constexpr int offsets[5] = {-1, 0, 1, 2, -2};
    uint32_t changed = site.w[-1] != site.r1[2][-1];
    changed |= (site.w[-2] != site.r1[2][-2]) << 1;
    for (int i = 0; i < 5; ++i) changed |= (site.n[0][offsets[i]] != site.r1[1][offsets[i]]) << (2 + i);
    return changed | (site.n[1][0] != site.r1[0][0]) << 7;
}

void VoxelModel::masks(const Site& site, uint8_t c) {
    m_[0] = equal_mask(site.w - 8, c);
    for (int i = 0; i < 3; ++i) m_[i + 1] = equal_mask(site.n[i] - 3, c);
    for (int i = 0; i < 5; ++i) a_[i] = equal_mask(site.r1[i] - 3, c);
    for (int i = 0; i < 3; ++i) b_[i] = equal_mask(site.r2[i] - 3, c);
}

// Bit 3 of a row mask is the column of the voxel; bit 7 of m_[0] is its left neighbour.
void VoxelModel::candidate_hashes(const Site& site, int rank) {
    const uint8_t c = ranked_[rank];
    const uint32_t m0 = m_[0], m1 = m_[1], m2 = m_[2], m3 = m_[3];
    const uint32_t a3x3 = ((a_[1] >> 2) & 7) | ((a_[2] >> 2) & 7) << 3 | ((a_[3] >> 2) & 7) << 6;
    const uint32_t a_cross = ((a_[2] >> 2) & 7) | ((a_[1] >> 3) & 1) << 3 | ((a_[3] >> 3) & 1) << 4;
    const uint32_t b_cross = ((b_[1] >> 2) & 7) | ((b_[0] >> 3) & 1) << 3 | ((b_[2] >> 3) & 1) << 4;
    const uint32_t local = (m0 >> 6) | ((m1 >> 2) & 7) << 2 | ((m2 >> 3) & 1) << 5;
    const uint64_t k = rank + 1;
    const uint8_t w = site.w[-1], n = site.n[0][0], nw = site.n[0][-1], ne = site.n[0][1], p = site.r1[2][0];
    const uint8_t e1 = site.r1[2][1], s1 = site.r1[3][0];
    const uint8_t other = rank == 0 ? (ranked_count_ > 1 ? ranked_[1] : c) : ranked_[0];
    auto& h = hashes_;
    h[0] = hash(k, c, local, a_cross & 2);
    h[1] = hash(k + 8, m0 >> 5, (m1 >> 1) & 31, (m2 >> 2) & 7, c);
    h[2] = hash(k + 16, m0 >> 4, m1 & 127, (m2 >> 1) & 31, (m3 >> 2) & 7);
    h[3] = hash(k + 24, m0 >> 2, m1, m2 & 127, m3 & 127);
    h[4] = hash(k + 32, local, a3x3, c);
    h[5] = hash(k + 40, local, (m1 >> 1) & 31, a3x3, a_[2] & 62, a_[0] & 28, a_[4] & 28,
                (a_[1] | a_[3] << 8) & 0x2222);
    h[6] = hash(k + 48, (m0 >> 7) | ((m1 >> 2) & 7) << 1, a_cross, b_cross, c);
    h[7] = hash(k + 56, c, w, n, p);
    h[8] = hash(k + 64, c, other, local, a_cross);
    h[9] = hash(k + 72, changed_, a3x3, w == c);
    h[10] = hash(k + 80, site.expected == c, length_bucket(site.expected_length), (m1 >> 3) & 1, m0 >> 7);
    h[11] = hash(k + 88, c, nw, ne, w, n, p == c, e1, s1);
    h[12] = hash(k + 120, m1, m2 & 127, a_[0], a_[1], a_[2], a_[3], a_[4], m0 >> 4, b_cross);
    h[13] = hash(k + 128, local, (m1 >> 1) & 31, a3x3, (b_[0] >> 2) & 7, (b_[1] >> 2) & 7, (b_[2] >> 2) & 7);
    if (!settings_.ordinal) return;
    const int off = c * LevelPredictor::kScale - predicted_;
    h[0] = hash(k + 96, off >> 1, rough_spread(), w == c);
    h[7] = hash(k + 104, c - w, c - n, c - p, off >> 2);
    h[8] = hash(k + 112, c - w, c - n, c - nw, c - ne, c - p);
    const auto side = [c](int v) { return v < c ? 1 : v == c ? 0 : 2; };
    h[12] = hash(k + 136, side(w), side(n), side(nw), side(ne), side(p), side(e1), side(s1), side(site.w[-2]),
                 side(site.n[1][0]), side(site.r1[2][-1]), side(site.r1[1][0]));
    h[13] = hash(k + 144, off >> 2, (c * 16 - predictor_.prediction(4)) >> 2,
                 (c * 16 - predictor_.prediction(2)) >> 3);
}

Selection VoxelModel::candidate_selection(const Site& site, int rank) const {
    const int w = (m_[0] >> 7) & 1, n = (m_[1] >> 3) & 1, p = (a_[2] >> 3) & 1, q = (b_[1] >> 3) & 1;
    const int match = site.expected < 0 ? 0 : site.expected == ranked_[rank] ? 1 + (site.expected_length > 31) : 3;
    const int around = popcount((m_[0] >> 6) | ((m_[1] >> 1) & 31) << 2 | ((m_[2] >> 2) & 7) << 7);
    const int ahead = popcount(((a_[1] >> 2) & 7) | ((a_[2] >> 2) & 7) << 3 | ((a_[3] >> 2) & 7) << 6);
    const int pattern = w | n << 1 | p << 2 | q << 3;
    Selection s;
    s.kind = rank;
    s.set_a = (rank * 3 + site.references) * 16 + pattern;
    s.set_b = (rank * 4 + match) * 40 + around * 3 + (ahead == 0 ? 0 : ahead == 9 ? 2 : 1);
    s.refine_a = (rank * 4 + match) * 64 + pattern * 4 + ((m_[1] >> 2) & 1) + ((m_[1] >> 3) & 2);
    s.refine_b = static_cast<uint32_t>(hash(rank, ranked_[rank], site.w[-1], site.n[0][0], site.r1[2][0]) >> 40);
    return s;
}

void VoxelModel::tree_contexts(const Site& site) {
    const int w = site.w[-1], ww = site.w[-2], n = site.n[0][0], nw = site.n[0][-1], ne = site.n[0][1];
    const int nn = site.n[1][0], p = site.r1[2][0], pw = site.r1[2][-1], pn = site.r1[1][0];
    const int e1 = site.r1[2][1], s1 = site.r1[3][0], q = site.r2[1][0];
    const int top = settings_.levels - 1;
    const int planar = std::clamp(w + n - nw, 0, top);
    const int moved = std::clamp(p + ((w - pw + n - pn) >> 1), 0, top);
    const int median = std::max(std::min(w, n), std::min(std::max(w, n), w + n - nw));
    const int spread = std::abs(w - nw) + std::abs(n - nw) + std::abs(n - ne);
    auto& h = tree_base_;
    h[0] = hash(100, w, n);
    h[1] = hash(101, p, w);
    h[2] = hash(102, n, ne, nw);
    h[3] = hash(103, w, n, nw, ne, p);
    h[4] = hash(104, p, e1, s1);
    h[5] = hash(105, planar, p);
    h[6] = hash(106, moved, std::min(spread, 3));
    h[7] = hash(107);
    h[8] = hash(108, (w + n + ne + nw) >> 2, std::min(spread, 20) / 2);
    h[9] = hash(109, site.expected, length_bucket(site.expected_length));
    h[10] = hash(110, median, q, p);
    h[11] = hash(111, w, ww, n, nn);
    h[12] = hash(112, w, n, nw, ne, p, e1, s1, q, ww, nn);
    h[13] = hash(113, q, p, w);
}

void VoxelModel::tree_hashes(const Site&, uint32_t node) {
    for (int i = 0; i < kContexts; ++i) hashes_[i] = hash(tree_base_[i], node);
}

Selection VoxelModel::tree_selection(const Site& site, uint32_t node, int depth) const {
    const int match = site.expected < 0 ? 0 : 1 + std::min(length_bucket(site.expected_length), 3) / 2;
    const int w = site.w[-1], n = site.n[0][0], p = site.r1[2][0];
    const int same = (w == n) | (w == p) << 1 | (n == p) << 2;
    Selection s;
    s.kind = 3;
    s.set_a = 160 + depth * 24 + site.references * 8 + same;
    s.set_b = 512 + static_cast<int>(node & 255) * 2 + (match > 1);
    s.refine_a = static_cast<int>(768 + (node & 255));
    s.refine_b = static_cast<uint32_t>(hash(200, node, w, n) >> 40);
    return s;
}

int VoxelModel::rough_spread() const {
    const int spread = predictor_.spread();
    return spread < 4 ? spread : spread < 8 ? 4 : spread < 16 ? 5 : 6;
}

// The value asked about, relative to what is around it.
void VoxelModel::step_contexts(const Site& site, int v, int step) {
    const int w = site.w[-1], ww = site.w[-2], n = site.n[0][0], nw = site.n[0][-1], ne = site.n[0][1];
    const int nn = site.n[1][0], p = site.r1[2][0], pn = site.r1[1][0], pw = site.r1[2][-1];
    const int e1 = site.r1[2][1], s1 = site.r1[3][0], q = site.r2[1][0];
    const int off = v * LevelPredictor::kScale - predicted_;
    const int rough = rough_spread();
    const uint64_t k = std::min(step, 3);
    auto& h = hashes_;
    h[0] = hash(300 + k, v - w, v - n, rough);
    h[1] = hash(310 + k, v - p, v - w, p - pw);
    h[2] = hash(320 + k, v - n, v - ne, v - nw);
    h[3] = hash(330 + k, v - w, v - n, v - nw, v - ne, v - p);
    h[4] = hash(340 + k, v - p, v - e1, v - s1, q - p);
    h[5] = hash(350 + k, off >> 2, rough);
    h[6] = hash(360 + k, (v * 16 - predictor_.prediction(3)) >> 2, (v * 16 - predictor_.prediction(1)) >> 3);
    h[7] = hash(370 + k, v, off >> 4);
    h[8] = hash(380 + k, off >> 1, step);
    h[9] = hash(390 + k, v - site.expected, site.expected < 0, length_bucket(site.expected_length), off >> 4);
    h[10] = hash(400 + k, off >> 3, v - w, v - n, pn - n, v - p);
    h[11] = hash(410 + k, v, w, n, ww - w, nn - n);
    h[12] = hash(420 + k, v - w, v - n, v - nw, v - ne, v - p, v - e1, v - s1, v - ww, v - nn);
    h[13] = hash(430 + k, off >> 2, (v * 16 - predictor_.prediction(4)) >> 2,
                 (v * 16 - predictor_.prediction(2)) >> 3);
}

// Steps: 0 is "equal to the prediction", 1 "above it", 2 and on "equal, n - 1 levels away".
Selection VoxelModel::step_selection(const Site& site, int value, int step) const {
    const int off = std::clamp((value * LevelPredictor::kScale - predicted_) >> 3, -12, 12) + 12;
    const int spread = predictor_.spread();
    const int rough = spread < 2 ? spread : spread < 4 ? 2 : spread < 8 ? 3 : spread < 16 ? 4 : 5;
    const int match = site.expected < 0 ? 0 : 1 + std::min(length_bucket(site.expected_length), 3) / 2;
    const int w = site.w[-1], n = site.n[0][0], p = site.r1[2][0];
    Selection s;
    s.kind = 3;
    s.set_a = 160 + std::min(step, 7) * 24 + site.references * 8 + std::min(match, 1) * 4 + std::min(rough / 2, 3);
    s.set_b = 512 + off * 12 + rough * 2 + (match > 1);
    s.refine_a = 768 + off * 7 + std::min(step, 6);
    s.refine_b = static_cast<uint32_t>(hash(400, std::min(step, 2), value - w, value - n, value - p) >> 40);
    return s;
}

}  // namespace labels
