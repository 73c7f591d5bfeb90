// The neighbours that predict a voxel, nearest first, and how many of each frame are used.

struct Tap {
    int8_t dx, dy;
};
// Causal neighbours in the frame that is being coded.
constexpr Tap kCurrentTaps[] = {
    {-1, 0}, {0, -1}, {-1, -1}, {1, -1}, {-2, 0}, {0, -2}, {-1, -2}, {1, -2}, {-2, -1}, {2, -1}, {-2, -2}, {2, -2},
    {-3, 0}, {0, -3}, {-3, -1}, {3, -1}, {-1, -3}, {1, -3}, {-4, 0}, {-3, -2}, {3, -2}, {-2, -3}, {2, -3},
    {0, -4}, {4, -1}};
// Neighbours in a frame that is already known.
constexpr Tap kReferenceTaps[] = {{0, 0}, {1, 0}, {0, 1}, {-1, 0}, {0, -1}, {1, 1}, {-1, 1}, {1, -1}, {-1, -1}, {2, 0},
                                  {0, 2}, {-2, 0}, {0, -2}, {2, 1}, {1, 2}, {-1, 2}, {-2, 1}, {2, 2}, {-2, 2}};
constexpr int kPad = 4;  // the farthest tap
constexpr int kMaxVectors = 3;
constexpr int kMaxTaps = kMaxVectors * kLanes - 1;
constexpr int kSnapshots = 3;  // predictors nested in one solution

// Taps per number of references (0, 1, 2) and frame (current, first and second reference).
constexpr int kTapCounts[kMaxVectors][3][3] = {
    {{12, 0, 0}, {7, 8, 0}, {6, 7, 2}},
    {{25, 0, 0}, {14, 17, 0}, {14, 13, 4}},
    {{25, 0, 0}, {25, 19, 0}, {22, 19, 6}},
};

struct TapList {
    int count = 0;
    int snapshot[kSnapshots];            // numbers of taps of the nested predictors
    alignas(64) int32_t offset[kMaxTaps + 1] = {};  // from the voxel, in floats

    void add(const Tap* taps, int from, int to, int limit, int32_t frame_offset, int stride) {
        for (int i = from; i < to && i < limit; i++) offset[count++] = frame_offset + taps[i].dy * stride + taps[i].dx;
    }
    // The nearest taps of every frame come first, so that the leading ones are good predictors by themselves.
    TapList(int vectors, int references, int32_t first, int32_t second, int stride) {
        const int* n = kTapCounts[vectors - 1][references];
        if (references == 0) {
            add(kCurrentTaps, 0, n[0], n[0], 0, stride);
            snapshot[0] = 6, snapshot[1] = 12;
        } else {
            add(kCurrentTaps, 0, 4, n[0], 0, stride);
            add(kReferenceTaps, 0, 5, n[1], first, stride);
            add(kReferenceTaps, 0, 1, n[2], second, stride);
            snapshot[0] = count;
            add(kCurrentTaps, 4, 10, n[0], 0, stride);
            add(kReferenceTaps, 5, 9, n[1], first, stride);
            snapshot[1] = count;
            add(kCurrentTaps, 10, n[0], n[0], 0, stride);
            add(kReferenceTaps, 9, n[1], n[1], first, stride);
            add(kReferenceTaps, 1, n[2], n[2], second, stride);
        }
        snapshot[2] = count;
    }
};
