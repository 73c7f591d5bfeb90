// What is known of a row before its voxels are coded.

constexpr int kErrorMargin = 4;
constexpr float kBlendFloor = 0.3f, kBlendCeiling = 1e18f;

struct Row {
    Array<float> part[kPredictors];  // predictions less what the voxels just coded add
    Array<float> inside, across;     // local errors above in this frame; around in the frame before
    Array<Vec4> squares[2];          // squared errors of the predictors, of this row and the one above
    Array<float> apart[2][kPredictors];  // the same for the encoder, which takes a tile at a time
    Array<float> signed_off;         // for the encoder: voxels less their predictions
    Array<int32_t> levels;           // for the encoder
    explicit Row(size_t width)
        : part{Array<float>(width), Array<float>(width), Array<float>(width)}, inside(width), across(width),
          squares{Array<Vec4>(width + 2 * kErrorMargin), Array<Vec4>(width + 2 * kErrorMargin)},
          apart{{room(width), room(width), room(width)}, {room(width), room(width), room(width)}},
          signed_off(room(width)), levels(width) {}
    Vec4* errors(int y) { return squares[y & 1].data + kErrorMargin; }
    float* errors(int y, int predictor) { return apart[y & 1][predictor].data + kErrorMargin; }
    float* off() { return signed_off.data + kErrorMargin; }
    void forget() {
        for (auto& all : squares) std::memset(all.data, 0, all.size * sizeof(Vec4));
        for (auto& row : apart)
            for (auto& all : row) std::memset(all.data, 0, all.size * sizeof(float));
    }

  private:
    static Array<float> room(size_t width) { return Array<float>(width + 2 * kErrorMargin); }
};

struct TileWeights {
    float parallel[kPredictors][kMaxTaps];
    Vec4 serial[kSerialTaps];  // of the predictors 0, 1, 2, 0
};
