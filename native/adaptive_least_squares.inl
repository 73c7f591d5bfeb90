// Weighted recursive least squares by accumulated normal equations, one set per band of columns.

// The normal equations of up to 16 * V - 1 features; the target is the feature after the last one. Only the
// upper triangle, rounded down to whole vectors, is kept up to date.
template <int V>
struct Normal {
    Vec row[V * kLanes][V];

    void add(const Normal& other, float weight, int count) {
        for (int i = 0; i <= count; i++)
            for (int v = i / kLanes; v < V; v++) row[i][v] += weight * other.row[i][v];
    }
    void scale(float factor, int count) {
        for (int i = 0; i <= count; i++)
            for (int v = i / kLanes; v < V; v++) row[i][v] *= factor;
    }
    // Rank-one update by the features (and target) f.
    void update(const Vec* f, float weight, int count) {
        const float* scalar = reinterpret_cast<const float*>(f);
        for (int i = 0; i < count; i++) {
            float factor = weight * scalar[i];
            for (int v = i / kLanes; v < V; v++) row[i][v] += factor * f[v];
        }
    }
};

// Solve by Gauss-Jordan elimination: after pivot k the target's column holds the solution for the first k + 1
// features, so that nested predictors cost nothing. `m` is destroyed.
template <int V>
void solve(Normal<V>& m, int count, float ridge, const int* snapshot, int snapshots, Vec (*weights)[kMaxVectors]) {
    auto at = [&](int i, int j) -> float& { return reinterpret_cast<float*>(m.row[i])[j]; };
    float trace = 0;
    for (int i = 0; i < count; i++) trace += at(i, i);
    const float floor = trace / static_cast<float>(count) * (ridge * 0.1f) + 1e-3f;
    for (int i = 0; i < count; i++) at(i, i) = at(i, i) * (1 + ridge) + floor;
    int next = 0;
    for (int k = 0; k < count; k++) {
        const float inverse = 1 / at(k, k);
        Vec scaled[V];
        for (int v = k / kLanes; v < V; v++) scaled[v] = m.row[k][v] * inverse;
        const int above = (k + 1) / kLanes;  // columns up to k are done in the rows above
        for (int i = 0; i < k; i++) {
            const float factor = at(i, k);
            for (int v = above; v < V; v++) m.row[i][v] -= factor * scaled[v];
        }
        for (int i = k + 1; i < count; i++) {
            const float factor = at(k, i);
            for (int v = i / kLanes; v < V; v++) m.row[i][v] -= factor * scaled[v];
        }
        for (int v = k / kLanes; v < V; v++) m.row[k][v] = scaled[v];
        for (; next < snapshots && snapshot[next] == k + 1; next++) {
            float* w = reinterpret_cast<float*>(weights[next]);
            for (int i = 0; i < V * kLanes; i++) w[i] = i <= k ? at(i, count) : 0;
        }
    }
}
