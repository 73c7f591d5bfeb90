// Least squares over the differences of a voxel's neighbours to the likeliest one.
#include "blocks_rows_fit.hpp"

#include <cmath>
#include <memory>

#include "blocks_rows_scalar.hpp"

namespace medcodec::blocks::rows {
namespace {

constexpr int kClip = 1023;  // differences are kept within this: sums of a frame's products fit 32 bits
constexpr int kFirst[2] = {kTaps - kOwnTaps, 0};  // tap, without and with a reference
constexpr double kRidge = 1e-3;
constexpr int kColumns = kTaps + 1;  // of the normal equations, the voxel itself included
constexpr int kMost = kSide * kHalf;

// Differences to the first tap, of one parity of a frame, and sums of their products.
struct Equations {
    double sums[kColumns][kColumns] = {};
    std::int16_t differences[kColumns][kMost];
    int count = 0;

    void add_row(const Taps& taps, const std::int16_t* voxels, int columns, int first, int shift) {
        const std::int16_t* base = taps.of[first];
        for (int t = first; t < kColumns; ++t) {
            const std::int16_t* tap = t < kTaps ? taps.of[t] : voxels;
            std::int16_t* to = differences[t] + count;
            for (int i = 0; i < columns; ++i)
                to[i] = static_cast<std::int16_t>(std::min(std::max((tap[i] - base[i]) >> shift, -kClip), kClip));
        }
        count += columns;
    }
    void add_frame(int first) {
        for (int a = first + 1; a < kColumns; ++a)
            for (int b = a; b < kColumns; ++b) {
                std::int32_t sum = 0;
                for (int i = 0; i < count; ++i) sum += differences[a][i] * differences[b][i];
                sums[a][b] += sum;
            }
        count = 0;
    }
};

// Gauss, without pivots: the matrix is positive definite.
void solve(double (*m)[kColumns], int first, int target, double* solution) {
    for (int k = first; k < target; ++k)
        for (int i = k + 1; i < target; ++i) {
            const double factor = m[i][k] / m[k][k];
            for (int j = k; j <= target; ++j) m[i][j] -= factor * m[k][j];
        }
    for (int i = target - 1; i >= first; --i) {
        double sum = m[i][target];
        for (int j = i + 1; j < target; ++j) sum -= m[i][j] * solution[j];
        solution[i] = sum / m[i][i];
    }
}

void set_weights(const Equations& equations, int first, std::int8_t* weights) {
    double m[kColumns][kColumns], solution[kColumns] = {}, trace = 0;
    for (int a = first + 1; a < kColumns; ++a) {
        for (int b = first + 1; b < kColumns; ++b) m[a][b] = equations.sums[std::min(a, b)][std::max(a, b)];
        if (a < kTaps) trace += m[a][a];
    }
    for (int a = first + 1; a < kTaps; ++a) m[a][a] += kRidge * trace / (kTaps - 1 - first) + 1;
    solve(m, first + 1, kTaps, solution);
    int rest = kWeightUnit;
    for (int t = first + 1; t < kTaps; ++t) {
        const double weight = std::floor(solution[t] * kWeightUnit + 0.5);
        weights[t] = static_cast<std::int8_t>(std::min(std::max(weight, -127.0), 127.0));
        rest -= weights[t];
    }
    weights[first] = static_cast<std::int8_t>(std::min(std::max(rest, -127), 127));
}

// A row's values, with the last one repeated.
void fill(Planes& p, const std::uint16_t* values, int width) {
    for (int i = 0; i < kHalf; ++i) {
        p.even[i] = static_cast<std::int16_t>(values[std::min(2 * i, width - 1)]);
        p.odd[i] = static_cast<std::int16_t>(values[std::min(2 * i + 1, width - 1)]);
    }
    set_even_neighbours(p);
    set_odd_neighbours(p);
}

}  // namespace

void fit_weights(const std::uint16_t* stored, const Size& size, std::uint32_t span, Settings& settings) {
    History history;
    auto equations = std::make_unique<Equations[]>(4);  // reference * 2 + parity
    int shift = 0;
    while (span >> shift > 4 * kClip) ++shift;
    for (int s = 0; s < size.sequences; ++s)
        for (int f = 0; f < size.frames; ++f) {
            Frame* frame = history.current(s, f);
            const Frame* reference = history.reference(s, f);
            const int first = kFirst[reference != nullptr];
            Equations* here = &equations[reference ? 2 : 0];
            for (int y = 0; y < size.height; ++y, stored += size.width) {
                Planes& planes = frame->row[y].planes;
                fill(planes, stored, size.width);
                // Every other row tells enough.
                if ((!reference && !y) || (size.height > 1 && (y + f) % 2 == 0)) continue;
                const Around around = rows_around(*frame, reference, history.none(), y, size.height);
                here[0].add_row(even_taps(around), planes.even, (size.width + 1) / 2, first, shift);
                here[1].add_row(odd_taps(around, planes), planes.odd, size.width / 2, first, shift);
            }
            here[0].add_frame(first);
            here[1].add_frame(first);
        }
    for (int r = 0; r < 2; ++r)
        for (int parity = 0; parity < 2; ++parity)
            set_weights(equations[static_cast<std::size_t>(2 * r + parity)], kFirst[r], settings.weights[r][parity]);
}

}  // namespace medcodec::blocks::rows
