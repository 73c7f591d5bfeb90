// The side information of rows: settings and frequencies.
#include <algorithm>

#include "blocks_rows.hpp"

namespace medcodec::blocks::rows {
namespace {

// Frequencies that can be sent: 0..3, then two in each octave.
constexpr int kSteps = 20;
constexpr std::uint16_t kStep[kSteps] = {0,  1,  2,  3,  4,   6,   8,   12,  16,  24,
                                         32, 48, 64, 96, 128, 192, 256, 384, 512, 768};
constexpr int kFirstWeight[2] = {kTaps - kOwnTaps, 0};  // without and with a reference

int nearest_step(std::uint32_t frequency) {
    int i = 1;
    while (i + 1 < kSteps && frequency * frequency > static_cast<std::uint32_t>(kStep[i]) * kStep[i + 1]) ++i;
    return i;
}

int step_of(std::uint16_t frequency) {
    return static_cast<int>(std::find(kStep, kStep + kSteps, frequency) - kStep);
}

int mode_of(const std::uint16_t* frequencies, int highest) {
    return static_cast<int>(std::max_element(frequencies, frequencies + highest + 1) - frequencies);
}

// Differences from the step of the token before the last, which has the same sign: 0, -1, 1, -2, ... in unary.
void write_frequencies(const std::uint16_t* frequencies, int highest, BitWriter& out) {
    const int mode = mode_of(frequencies, highest);
    out.put(static_cast<std::uint32_t>(highest), 8);
    out.put(static_cast<std::uint32_t>(mode), 8);
    int before = 0, last = 0;
    for (int t = 0; t <= highest; ++t) {
        if (t == mode) continue;
        const int step = step_of(frequencies[t]), difference = step - before;
        const int zeros = difference < 0 ? -2 * difference - 1 : 2 * difference;
        out.put(0, zeros % 32);
        if (zeros > 31) out.put(0, 32);
        out.put(1, 1);
        before = last;
        last = step;
    }
}

void read_frequencies(BitReader& in, std::uint16_t* frequencies, int& highest) {
    highest = static_cast<int>(in.get(8));
    const int mode = static_cast<int>(in.get(8));
    if (mode > highest) throw Error("block stream has a wrong most frequent token");
    int before = 0, last = 0, left = kTableSize;
    for (int t = 0; t <= highest; ++t) {
        if (t == mode) continue;
        const int zeros = in.zeros(2 * kSteps);
        const int step = before + (zeros & 1 ? -(zeros + 1) / 2 : zeros / 2);
        if (step < 0 || step >= kSteps) throw Error("block stream has a wrong frequency");
        frequencies[t] = kStep[step];
        left -= kStep[step];
        before = last;
        last = step;
    }
    if (left < 1) throw Error("block stream has frequencies that are too large");
    frequencies[mode] = static_cast<std::uint16_t>(left);
}

}  // namespace

void set_frequencies(const std::uint32_t* counts, int context, Frequencies& frequencies) {
    std::uint16_t* of = frequencies.of[context];
    int& highest = frequencies.highest[context];
    std::uint64_t total = 0;
    int mode = 0;
    highest = 0;
    for (int t = 0; t < kTokens; ++t) {
        of[t] = 0;
        if (!counts[t]) continue;
        total += counts[t];
        highest = t;
        if (counts[t] > counts[mode]) mode = t;
    }
    int steps[kTokens] = {}, left = kTableSize;
    for (int t = 0; t <= highest; ++t) {
        if (t == mode || !counts[t]) continue;
        const std::uint64_t share = (counts[t] * std::uint64_t{kTableSize} + total / 2) / total;
        steps[t] = nearest_step(static_cast<std::uint32_t>(std::max<std::uint64_t>(share, 1)));
        left -= kStep[steps[t]];
    }
    // The most frequent token has what is left, and must have as much as any other: then it is found again.
    while (left < kStep[*std::max_element(steps, steps + highest + 1)] || left < 1) {
        int& most = *std::max_element(steps, steps + highest + 1);
        left += kStep[most] - kStep[most - 1];
        --most;
    }
    for (int t = 0; t <= highest; ++t) of[t] = t == mode ? static_cast<std::uint16_t>(left) : kStep[steps[t]];
}

void write_side(const Settings& settings, const Frequencies& frequencies, bool references, BitWriter& out) {
    out.put(static_cast<std::uint32_t>(settings.raw_bits), 8);
    out.put(static_cast<std::uint32_t>(settings.activity_shift), 8);
    for (const auto& thresholds : settings.thresholds)
        for (std::uint8_t threshold : thresholds) out.put(threshold, 8);
    for (int r = 0; r <= references; ++r)
        for (const auto& weights : settings.weights[r])
            for (int t = kFirstWeight[r]; t < kTaps; ++t) out.put(static_cast<std::uint8_t>(weights[t]), 8);
    for (int c = 0; c < kContexts; ++c) write_frequencies(frequencies.of[c], frequencies.highest[c], out);
}

void read_side(ByteReader& in, bool references, Settings& settings, Frequencies& frequencies) {
    const std::uint8_t* shifts = in.take(2);
    settings.raw_bits = shifts[0];
    settings.activity_shift = shifts[1];
    if (settings.raw_bits > kMaxRawBits || settings.activity_shift > kMaxActivityShift)
        throw Error("block stream has wrong shifts");
    for (auto& thresholds : settings.thresholds) std::memcpy(thresholds, in.take(sizeof thresholds), sizeof thresholds);
    for (int r = 0; r <= references; ++r)
        for (auto& weights : settings.weights[r]) {
            const std::size_t count = static_cast<std::size_t>(kTaps - kFirstWeight[r]);
            std::memcpy(weights + kFirstWeight[r], in.take(count), count);
        }
    const std::size_t rest = in.left();
    BitReader bits(in.take(rest), rest);
    for (int c = 0; c < kContexts; ++c) read_frequencies(bits, frequencies.of[c], frequencies.highest[c]);
}

}  // namespace medcodec::blocks::rows
