// Neighbours that predict a voxel. All enter as differences to N, the voxel above, so that weights need no sum.

// Planes: the current frame, the one before in the sequence (of the first frame: the first one of the sequence
// before), the second before, the same frame of the sequence before, and the one before that.
enum Plane { kCurrent, kBefore, kSecond, kAside, kAsideBefore, kPlanes };

struct Tap {
    int plane, dy, dx;
};

struct TapSet {
    const Tap* tap;
    int count;
    int inside;      // the first ones, which lie in the current frame, make a predictor of their own
    float prior[4];  // weights that predictors are drawn to, of the taps in prior_tap
    int prior_tap[4];
};

constexpr int kSerialTaps = 2;  // the first two taps are the voxels just coded
constexpr int kMaxTaps = 18;
constexpr int kMaxPairs = kMaxTaps * (kMaxTaps + 1) / 2 + kMaxTaps;

constexpr Tap kStillTaps[] = {
    {0, 0, -1}, {0, 0, -2}, {0, -1, -1}, {0, -1, 1}, {0, -2, 0},  {0, -2, 1},  {0, -2, -1}, {0, -1, -2}, {0, -1, 2}, {0, -2, 2},
    {0, -3, 0}, {0, -1, 3}, {0, -2, -2}, {0, -3, 1}, {0, -3, -1}, {0, -1, -3}, {0, -2, 3},  {0, -2, -3}, {0, -3, 2},
};
constexpr Tap kMovingTaps[] = {{0, 0, -1}, {0, 0, -2}, {0, -1, -1}, {0, -1, 1}, {0, -2, 0}, {0, -2, 1}, {0, -2, -1}, {0, -1, -2}, {1, 0, 0}, {1, 0, -1}, {1, 0, 1}, {1, -1, 0}, {1, 1, 0}, {1, -1, -1}, {1, -1, 1}, {1, 1, -1}, {1, 1, 1}, {2, 0, 0}};
constexpr Tap kStackedTaps[] = {{0, 0, -1}, {0, 0, -2}, {0, -1, -1}, {0, -1, 1}, {0, -2, 0}, {0, -2, 1}, {1, 0, 0}, {1, 0, -1}, {1, 0, 1}, {1, -1, 0}, {1, 1, 0}, {2, 0, 0}, {3, 0, 0}, {3, 0, -1}, {3, 0, 1}, {3, -1, 0}, {3, 1, 0}, {4, 0, 0}};
constexpr TapSet kMovingSet = {kMovingTaps, 18, 8, {0.3f, -0.1f, 0.05f, 0.4f}, {0, 2, 3, 8}};

// By class: (frame > 0) + 2 * (sequence > 0).
constexpr TapSet kTapSets[4] = {
    {kStillTaps, 12, 6, {0.6f, -0.2f, 0.1f, 0}, {0, 2, 3, 4}},
    kMovingSet,
    kMovingSet,
    {kStackedTaps, 18, 6, {0.2f, -0.1f, 0.4f, 0.2f}, {0, 2, 6, 12}},
};
