// What is known of a row before its voxels are coded.

constexpr int kErrorMargin = 4;
constexpr float kBlendFloor = 0.3f, kBlendCeiling = 1e18f;

struct Row {
    Array<float> part[kPredictors];  // predictions less what the voxels just coded add
    Array<float> inside, across;     // local errors above in this frame; around in the frame before
    Array<Vec4> squares[2];          // squared errors of the predictors, of this row and the one above
    Array<int32_t> levels;           // for the encoder
    explicit Row(size_t width)
        : part{Array<float>(width), Array<float>(width), Array<float>(width)}, inside(width), across(width),
          squares{Array<Vec4>(width + 2 * kErrorMargin), Array<Vec4>(width + 2 * kErrorMargin)}, levels(width) {}
    Vec4* errors(int y) { return squares[y & 1].data + kErrorMargin; }
};

struct TileWeights {
    float parallel[kPredictors][kMaxTaps];
    Vec4 serial[kSerialTaps];  // of the predictors 0, 1, 2, 0
};
