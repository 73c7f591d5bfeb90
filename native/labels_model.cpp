#include "labels_model.hpp"

#include <algorithm>

#include "labels_coder.hpp"

namespace labels {
namespace {

constexpr uint32_t kPredictionFirst = 1u << 20;  // more than all neighbours' votes together
constexpr int kLongestStep = 16;  // farther levels are spelled out bit by bit

}  // namespace

VoxelModel::VoxelModel(const Settings& settings, size_t width, const uint8_t* levels)
    : settings_(settings), bits_(settings.table_bits), match_(levels, settings.table_bits),
      predictor_(width, settings.levels) {
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

bool VoxelModel::barred(int label) const {
    return std::find(barred_.begin(), barred_.begin() + barred_count_, label) != barred_.begin() + barred_count_;
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
uint8_t VoxelModel::code(Coder& coder, uint8_t label, Site site, size_t index, int excluded) {
    match_.seek(index, surroundings(site.w, site.n[0]));
    site.expected = match_.expected();
    site.expected_length = match_.length();
    label = code_label(coder, label, site, excluded);
    match_.advance(label);
    return label;
}

template <class Coder>
uint8_t VoxelModel::code_label(Coder& coder, uint8_t label, const Site& site, int excluded) {
    if (settings_.ordinal) predicted_ = predictor_.predict(site);
    rank(site, excluded);
    barred_count_ = 0;
    if (excluded >= 0) barred_[barred_count_++] = static_cast<uint8_t>(excluded);
    changed_ = changes(site);
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

template uint8_t VoxelModel::code(Encoder&, uint8_t, Site, size_t, int);
template uint8_t VoxelModel::code(Decoder&, uint8_t, Site, size_t, int);

}  // namespace labels
