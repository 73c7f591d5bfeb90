// The semi-static model: which levels share a context, and how its frequencies are sent.
#include <algorithm>

#include "blocks_entropy.hpp"

namespace medcodec::blocks {
namespace {

constexpr std::int64_t kTokenBits = 8;  // what sending one frequency costs, about
constexpr int kMantissaBits = 4;

// log2 in units of 2**-kLogBits, by squaring: integers only, so that every encoder chooses alike.
std::array<std::uint16_t, 1 << kLogBits> make_log_table() {
    std::array<std::uint16_t, 1 << kLogBits> table{};
    for (std::uint32_t m = 0; m < table.size(); ++m) {
        std::uint64_t x = (std::uint64_t{1} << kLogBits | m) << (30 - kLogBits);
        std::uint32_t log = 0;
        for (int i = 0; i < kLogBits; ++i) {
            x = x * x >> 30;
            log <<= 1;
            if (x >> 31) {
                log |= 1;
                x >>= 1;
            }
        }
        table[m] = static_cast<std::uint16_t>(log);
    }
    return table;
}

}  // namespace

std::int64_t log2_fixed(std::uint32_t value) {
    static const auto table = make_log_table();
    int exponent = 0;
    for (int step = 16; step; step >>= 1)
        if (value >> exponent >> step) exponent += step;
    const std::uint32_t mantissa =
        exponent > kLogBits ? value >> (exponent - kLogBits) : value << (kLogBits - exponent);
    return (static_cast<std::int64_t>(exponent) << kLogBits) + table[mantissa & ((1u << kLogBits) - 1)];
}

namespace {

std::int64_t cost(const Counts& counts) {
    std::int64_t sum = 0, total = 0, sent = 0;
    for (int t = 0; t < kMaxTokens; ++t) {
        if (!counts[t]) continue;
        total += counts[t];
        sum -= static_cast<std::int64_t>(counts[t]) * log2_fixed(counts[t]);
        ++sent;
    }
    if (!total) return 0;
    return sum + total * log2_fixed(static_cast<std::uint32_t>(total)) + ((kTokenBits * sent) << kLogBits);
}

struct Segment {
    int first, last;  // levels, over all classes
    Counts counts;
    std::int64_t bits;
    std::int64_t merge_delta;  // of merging with the next; INT64_MAX at the end of a class
};

Counts sum_of(const Counts& a, const Counts& b) {
    Counts sum;
    for (int t = 0; t < kMaxTokens; ++t) sum[t] = a[t] + b[t];
    return sum;
}

void set_delta(std::vector<Segment>& segments, std::size_t i) {
    Segment& s = segments[i];
    s.merge_delta = INT64_MAX;
    if (i + 1 == segments.size() || s.first / kLevels != segments[i + 1].first / kLevels) return;
    s.merge_delta = cost(sum_of(s.counts, segments[i + 1].counts)) - s.bits - segments[i + 1].bits;
}

// Segments of one or more levels: those without tokens join their neighbour at once.
std::vector<Segment> first_segments(const std::vector<Counts>& counts, int classes) {
    std::vector<Segment> segments;
    for (int i = 0; i < classes * kLevels; ++i) {
        const bool empty = std::all_of(counts[i].begin(), counts[i].end(), [](std::uint32_t c) { return c == 0; });
        if (i % kLevels && empty) {
            segments.back().last = i;
            continue;
        }
        segments.push_back({i, i, counts[i], cost(counts[i]), 0});
    }
    return segments;
}

void merge(std::vector<Segment>& segments) {
    for (std::size_t i = 0; i < segments.size(); ++i) set_delta(segments, i);
    for (;;) {
        const auto best = std::min_element(segments.begin(), segments.end(), [](const Segment& a, const Segment& b) {
            return a.merge_delta < b.merge_delta;
        });
        if (best->merge_delta == INT64_MAX) return;
        if (best->merge_delta > 0 && segments.size() <= kMaxContexts) return;
        const std::size_t i = static_cast<std::size_t>(best - segments.begin());
        best->last = segments[i + 1].last;
        best->counts = sum_of(best->counts, segments[i + 1].counts);
        best->bits = cost(best->counts);
        segments.erase(best + 1);
        set_delta(segments, i);
        if (i) set_delta(segments, i - 1);
    }
}

int bit_length(std::uint32_t value) {
    int length = 0;
    for (; value; value >>= 1) ++length;
    return length;
}

int mantissa_bits(int length) {
    return length - 1 < kMantissaBits ? length - 1 : kMantissaBits;
}

// The nearest frequency (or the next below) that kMantissaBits after the leading one can say.
std::uint32_t coarse(std::uint32_t frequency, bool nearest) {
    const int drop = bit_length(frequency) - 1 - kMantissaBits;
    if (drop <= 0) return frequency;
    const std::uint32_t half = nearest ? 1u << (drop - 1) : 0;
    return (frequency + half) >> drop << drop;
}

// Frequencies that add up to kTableSize; the mode takes what the others leave.
bool set_frequencies(const Counts& counts, int mode, bool nearest, std::uint16_t* frequency) {
    std::uint64_t total = 0;
    for (std::uint32_t c : counts) total += c;
    std::int64_t rest = kTableSize;
    for (int t = 0; t < kMaxTokens; ++t) {
        frequency[t] = 0;
        if (!counts[t] || t == mode) continue;
        const std::uint64_t exact = (static_cast<std::uint64_t>(counts[t]) * kTableSize + total / 2) / total;
        frequency[t] = static_cast<std::uint16_t>(coarse(static_cast<std::uint32_t>(exact ? exact : 1), nearest));
        rest -= frequency[t];
    }
    if (rest < 1) return false;
    frequency[mode] = static_cast<std::uint16_t>(rest);
    return true;
}

int highest_token(const std::uint16_t* frequency) {
    int highest = kMaxTokens - 1;
    while (highest > 0 && !frequency[highest]) --highest;
    return highest;
}

void set_context(const Counts& counts, int c, ContextModel& model) {
    model.mode[c] = static_cast<int>(std::max_element(counts.begin(), counts.end()) - counts.begin());
    if (!set_frequencies(counts, model.mode[c], true, model.frequency[c]))
        set_frequencies(counts, model.mode[c], false, model.frequency[c]);
    model.highest[c] = highest_token(model.frequency[c]);
}

}  // namespace

ContextModel choose_contexts(const std::vector<Counts>& counts, int classes) {
    std::vector<Segment> segments = first_segments(counts, classes);
    merge(segments);
    ContextModel model;
    model.contexts = static_cast<int>(segments.size());
    for (int c = 0; c < model.contexts; ++c) {
        const Segment& s = segments[static_cast<std::size_t>(c)];
        for (int i = s.first; i <= s.last; ++i) model.context[i] = static_cast<std::uint8_t>(c);
        set_context(s.counts, c, model);
    }
    return model;
}

void write_model(const ContextModel& model, int classes, BitWriter& out) {
    for (int i = 0; i < classes * kLevels; ++i)
        if (i % kLevels) out.put(model.context[i] != model.context[i - 1], 1);
    for (int c = 0; c < model.contexts; ++c) {
        const std::uint16_t* frequency = model.frequency[c];
        out.put(static_cast<std::uint32_t>(model.highest[c]), 7);
        out.put(static_cast<std::uint32_t>(model.mode[c]), 7);
        for (int t = 0; t <= model.highest[c]; ++t) {
            if (t == model.mode[c]) continue;
            const int length = bit_length(frequency[t]);
            out.put(static_cast<std::uint32_t>(length), 4);
            if (length < 2) continue;
            const int bits = mantissa_bits(length);
            out.put((frequency[t] >> (length - 1 - bits)) & ((1u << bits) - 1), bits);
        }
    }
}

ContextModel read_model(BitReader& in, int classes) {
    ContextModel model;
    int context = -1;
    for (int i = 0; i < classes * kLevels; ++i) {
        context += i % kLevels == 0 || in.get(1);
        if (context >= kMaxContexts) throw Error("block stream has too many contexts");
        model.context[i] = static_cast<std::uint8_t>(context);
    }
    model.contexts = context + 1;
    for (int c = 0; c < model.contexts; ++c) {
        model.highest[c] = static_cast<int>(in.get(7));
        const int mode = static_cast<int>(in.get(7));
        model.mode[c] = mode;
        if (mode > model.highest[c]) throw Error("block stream has a wrong token table");
        std::uint32_t rest = kTableSize;
        for (int t = 0; t <= model.highest[c]; ++t) {
            if (t == mode) continue;
            const int length = static_cast<int>(in.get(4));
            if (!length) continue;
            const int bits = mantissa_bits(length);
            const std::uint32_t frequency = (1u << bits | in.get(bits)) << (length - 1 - bits);
            if (frequency >= rest) throw Error("block stream has token frequencies that add up to too much");
            rest -= frequency;
            model.frequency[c][t] = static_cast<std::uint16_t>(frequency);
        }
        model.frequency[c][mode] = static_cast<std::uint16_t>(rest);
    }
    return model;
}

}  // namespace medcodec::blocks
