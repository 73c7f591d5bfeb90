#include "labels_model.hpp"

#include <algorithm>

#include "labels_coder.hpp"

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

constexpr uint32_t kPredictionFirst = 1u << 20;  // more than all neighbours' votes together

constexpr int kLongestStep = 16;  // farther levels are spelled out bit by bit

int length_bucket(int length) {
    return length == 0 ? 0 : length < 16 ? 1 : length < 32 ? 2 : length < 64 ? 3 : length < 256 ? 4 : length < 1024 ? 5 : 6;
}

int popcount(uint32_t v) {
    int n = 0;
    for (; v; v &= v - 1) ++n;
    return n;
}

}  // namespace

VoxelModel::VoxelModel(const Settings& settings, size_t width)
    : settings_(settings), bits_(settings.table_bits), predictor_(width, settings.levels) {
    hits_.fill(49152);
}

// Distinct neighbour labels in the order of the evidence for them.
void VoxelModel::rank(const Site& site, int excluded) {
    const uint8_t gathered[kVoters] = {site.w[-1], site.n[0][0], site.r1[2][0], site.n[0][1], site.n[0][-1],
                                       site.r1[2][1], site.r1[3][0], site.r2[1][0], site.w[-2],
                                       static_cast<uint8_t>(std::max(site.expected, 0))};
    std::copy(gathered, gathered + kVoters, voters_.begin());
    voter_count_ = site.expected >= 0 ? kVoters : kVoters - 1;
    ranked_count_ = 0;
    const int wanted = std::min(settings_.candidates, settings_.levels - 1);
    std::array<uint8_t, kVoters + 1> distinct{};
    int count = 0;
    for (int i = 0; i < voter_count_; ++i) {
        const uint8_t label = voters_[i];
        if (label == excluded) continue;
        if (votes_[label] == 0) distinct[count++] = label;
        const int evidence = logistic().stretch16[hits_[i]] + 1024;
        votes_[label] += std::max(evidence, 1);
    }
    const int predicted = predicted_level();
    if (settings_.ordinal && predicted != excluded) {
        if (votes_[predicted] == 0) distinct[count++] = static_cast<uint8_t>(predicted);
        votes_[predicted] += kPredictionFirst;
    }
    for (; ranked_count_ < std::min(wanted, count); ++ranked_count_) {
        int best = 0;
        for (int i = 1; i < count; ++i)
            if (votes_[distinct[i]] > votes_[distinct[best]]) best = i;
        ranked_[ranked_count_] = distinct[best];
        votes_[distinct[best]] = 0;
    }
    for (int i = 0; i < count; ++i) votes_[distinct[i]] = 0;
}

void VoxelModel::learn(uint8_t label) {
    for (int i = 0; i < voter_count_; ++i) {
        if (voters_[i] == label) hits_[i] += (65535 - hits_[i]) >> 7;
        else hits_[i] -= hits_[i] >> 7;
    }
    if (settings_.ordinal) predictor_.learn(label);
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
    const uint32_t near = (m0 >> 6) | ((m1 >> 2) & 7) << 2 | ((m2 >> 3) & 1) << 5;
    const uint64_t k = rank + 1;
    const uint8_t w = site.w[-1], n = site.n[0][0], nw = site.n[0][-1], ne = site.n[0][1], p = site.r1[2][0];
    const uint8_t e1 = site.r1[2][1], s1 = site.r1[3][0];
    const uint8_t other = rank == 0 ? (ranked_count_ > 1 ? ranked_[1] : c) : ranked_[0];
    auto& h = hashes_;
    h[0] = hash(k, c, near, a_cross & 2);
    h[1] = hash(k + 8, m0 >> 5, (m1 >> 1) & 31, (m2 >> 2) & 7, c);
    h[2] = hash(k + 16, m0 >> 4, m1 & 127, (m2 >> 1) & 31, (m3 >> 2) & 7);
    h[3] = hash(k + 24, m0 >> 2, m1, m2 & 127, m3 & 127);
    h[4] = hash(k + 32, near, a3x3, c);
    h[5] = hash(k + 40, near, (m1 >> 1) & 31, a3x3, a_[2] & 62, a_[0] & 28, a_[4] & 28, (a_[1] | a_[3] << 8) & 0x2222);
    h[6] = hash(k + 48, (m0 >> 7) | ((m1 >> 2) & 7) << 1, a_cross, b_cross, c);
    h[7] = hash(k + 56, c, w, n, p);
    h[8] = hash(k + 64, c, other, near, a_cross);
    h[9] = hash(k + 72, changed_, a3x3, w == c);
    h[10] = hash(k + 80, site.expected == c, length_bucket(site.expected_length), (m1 >> 3) & 1, m0 >> 7);
    h[11] = hash(k + 88, c, nw, ne, w, n, p == c, e1, s1);
    if (!settings_.ordinal) return;
    const int off = c * LevelPredictor::kScale - predicted_;
    h[0] = hash(k + 96, off >> 1, rough_spread(), w == c);
    h[7] = hash(k + 104, c - w, c - n, c - p, off >> 2);
    h[8] = hash(k + 112, c - w, c - n, c - nw, c - ne, c - p);
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

template <class Coder>
uint8_t VoxelModel::code_tree(Coder& coder, uint8_t label, const Site& site, int low, int high) {
    int depth = 0;
    uint32_t node = 1;
    tree_contexts(site);
    while (high - low > 1) {
        const int middle = (low + high + 1) >> 1;
        int left = middle - low, right = high - middle;
        for (int i = 0; i < barred_count_; ++i) {
            left -= barred_[i] >= low && barred_[i] < middle;
            right -= barred_[i] >= middle && barred_[i] < high;
        }
        int bit = left <= 0;
        if (left > 0 && right > 0) {
            tree_hashes(site, node);
            bit = bits_.code(coder, label >= middle, hashes_, tree_selection(site, node, depth));
        }
        if (bit) low = middle; else high = middle;
        node = 2 * node + bit;
        ++depth;
    }
    return static_cast<uint8_t>(low);
}

int VoxelModel::predicted_level() const {
    return std::min((predicted_ + LevelPredictor::kScale / 2) / LevelPredictor::kScale, settings_.levels - 1);
}

int VoxelModel::rough_spread() const {
    const int spread = predictor_.spread();
    return spread < 4 ? spread : spread < 8 ? 4 : spread < 16 ? 5 : 6;
}

bool VoxelModel::barred(int label) const {
    return std::find(barred_.begin(), barred_.begin() + barred_count_, label) != barred_.begin() + barred_count_;
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

template <class Coder>
int VoxelModel::ask(Coder& coder, int bit, const Site& site, int value, int step) {
    step_contexts(site, value, step);
    return bits_.code(coder, bit, hashes_, step_selection(site, value, step));
}

// From the prediction outwards; labels that are known to be wrong are stepped over.
template <class Coder>
uint8_t VoxelModel::code_steps(Coder& coder, uint8_t label, const Site& site) {
    const int top = settings_.levels - 1;
    const int start = predicted_level();
    int below = 0, above = 0;
    for (int v = 0; v < start; ++v) below += !barred(v);
    for (int v = start + 1; v <= top; ++v) above += !barred(v);
    if (!barred(start) && (below + above == 0 || ask(coder, label == start, site, start, 0)))
        return static_cast<uint8_t>(start);
    const int up = below == 0 || (above > 0 && ask(coder, label > start, site, start, 1));
    const int direction = up ? 1 : -1;
    int left = up ? above : below;
    for (int v = start + direction, step = 2;; v += direction, ++step) {
        if (step == kLongestStep) return code_tree(coder, label, site, up ? v : 0, up ? top + 1 : v + 1);
        if (barred(v)) continue;
        if (--left == 0 || ask(coder, label == v, site, v, step)) return static_cast<uint8_t>(v);
    }
}

template <class Coder>
uint8_t VoxelModel::code(Coder& coder, uint8_t label, const Site& site, int excluded) {
    if (settings_.ordinal) predicted_ = predictor_.predict(site);
    rank(site, excluded);
    barred_count_ = 0;
    if (excluded >= 0) barred_[barred_count_++] = static_cast<uint8_t>(excluded);
    changed_ = 0;
    static constexpr int offsets[5] = {-1, 0, 1, 2, -2};
    changed_ |= site.w[-1] != site.r1[2][-1];
    changed_ |= (site.w[-2] != site.r1[2][-2]) << 1;
    for (int i = 0; i < 5; ++i) changed_ |= (site.n[0][offsets[i]] != site.r1[1][offsets[i]]) << (2 + i);
    changed_ |= (site.n[1][0] != site.r1[0][0]) << 7;
    for (int i = 0; i < ranked_count_ && barred_count_ < settings_.levels - 1; ++i) {
        const uint8_t candidate = ranked_[i];
        masks(site, candidate);
        candidate_hashes(site, i);
        if (bits_.code(coder, label == candidate, hashes_, candidate_selection(site, i))) {
            learn(candidate);
            return candidate;
        }
        barred_[barred_count_++] = candidate;
    }
    label = settings_.ordinal ? code_steps(coder, label, site) : code_tree(coder, label, site, 0, settings_.levels);
    learn(label);
    return label;
}

template uint8_t VoxelModel::code(Encoder&, uint8_t, const Site&, int);
template uint8_t VoxelModel::code(Decoder&, uint8_t, const Site&, int);

}  // namespace labels
