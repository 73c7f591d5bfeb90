// The encoder knows all voxels, so it finds the predictions and contexts of a tile's voxels side by side. Each lane
// computes what the decoder computes for one voxel, in the same order.

// What does not change along a row, where the compiler can keep it at hand.
struct View {
    const float* part[kPredictors];
    const float *inside, *across, *north, *before;
    float most;
    int max_level;
    bool referred;
};

struct TileModel {
    int32_t base[kTile], level[kTile], context[kSets][kTile];
};

// Rows at the tile's first voxel; those of the encoder alone.
struct TileRows {
    const float* above[kPredictors];  // squared errors of the row above
    float* squares[kPredictors];
    const float* row;
    float *error, *off;
};

inline WideWhole error_levels(const Wide& error) {
    const WideWhole levels = piecewise<WideWhole>(
        [](Piece e) { return ((WholePiece)(e + 0.1f) >> 21) - ((127 - 3) << 2); }, error);
    return bounded(levels, 0, kLevels - 1);
}
inline WideWhole details(const WideWhole& a, const WideWhole& b, int offset) {
    const WideWhole half = piecewise<WideWhole>([offset](WholePiece p, WholePiece q) { return (p - q + offset) >> 1; }, a, b);
    return bounded(half, 0, kDetails - 1);
}
inline WideWhole context_places(int set, const WideWhole& level, const WideWhole& detail) {
    return piecewise<WideWhole>([set](WholePiece l, WholePiece d) { return (set * kLevels + l) * kDetails + d; }, level, detail);
}

inline void model_tile(int x, const View& view, const TileWeights& weights, const TileRows& at, TileModel& out) {
    const Wide north = load(view.north + x), coded = load(at.row), west = load(at.row - 1) - north,
               west2 = load(at.row - 2) - north;
    Wide each[kPredictors], trust[kPredictors];
    for (int k = 0; k < kPredictors; k++) {
        each[k] = (load(view.part[k] + x) + wide(weights.serial[1][k]) * west2) + wide(weights.serial[0][k]) * west;
        const Wide off = each[k] - coded;
        store(at.squares[k], off * off);
    }
    for (int k = 0; k < kPredictors; k++) {
        const float* above = at.above[k];
        const Wide recent = (load(above) + load(above + 1)) + (load(above - 1) + wide(0.5f) * load(above + 2)) +
                            (wide(2) * load(at.squares[k] - 2) + wide(kBlendFloor));
        const Wide within = piecewise<Wide>([](Piece p) { return p < kBlendCeiling ? p : Piece{} + kBlendCeiling; }, recent);
        trust[k] = wide(1) / (within * within);
    }
    // The decoder has four lanes, of which the last one repeats the first.
    const Wide total = (trust[0] + trust[2]) + (trust[1] + trust[0]);
    Wide blend[kPredictors];
    for (int k = 0; k < kPredictors; k++) blend[k] = each[k] * (trust[k] / total);
    const float most = view.most;
    const Wide prediction = piecewise<Wide>(
        [most](Piece p) {
            p = p > 0 ? p : Piece{};
            return p < most ? p : Piece{} + most;
        },
        (blend[0] + blend[2]) + (blend[1] + blend[0]));
    const Wide off = coded - prediction;
    store(at.off, off);
    store(at.error, absolute(off));

    const Wide last = load(at.error - 1), across = load(view.across + x);
    const Wide inside = load(view.inside + x) + (wide(2) * last + load(at.error - 2));
    const Wide local = view.referred ? inside * wide(0.07f) + across * wide(0.05f) : inside * wide(0.1f);
    const Wide spread = absolute(each[0] - each[2]) + absolute(each[0] - each[1]);
    const WideWhole level = error_levels(local), beside = error_levels(across * wide(view.referred ? 0.167f : 0.5f));
    const WideWhole quarters = whole(prediction * wide(4) + wide(2));
    const WideWhole shade = piecewise<WideWhole>([](WholePiece q, Piece above) { return (q & 3) + ((above > 0) & 4); },
                                                 quarters, load(at.off - 1));
    store(out.base, piecewise<WideWhole>([](WholePiece q) { return q >> 2; }, quarters));
    store(out.level, level);
    store(out.context[0], context_places(0, level, shade));
    store(out.context[1], context_places(1, level, details(beside, level, 8)));
    store(out.context[2], context_places(2, level, details(error_levels(spread * wide(2)), level, 8)));
    store(out.context[3], context_places(3, level, details(error_levels(last), level, 12)));
}
