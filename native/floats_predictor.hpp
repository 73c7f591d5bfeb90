// Online weighted least squares over causal neighbours, one set of statistics per band of columns.
// Every sum has a fixed order and inner loops are element-wise, so that all compilers give the same doubles.
#pragma once
#include <cmath>
#include <vector>

namespace floats {

constexpr int max_terms = 24;

class LeastSquares {
public:
    explicit LeastSquares(int terms) : terms_(terms) {}

    // Sum of weights times neighbours, in a fixed order.
    double predict(const double* x) const {
        double part[4] = {0, 0, 0, 0};
        for (int n = 0; n < max_terms; n += 4) {
            for (int k = 0; k < 4; ++k) part[k] += weights_[n + k] * x[n + k];
        }
        return (part[0] + part[1]) + (part[2] + part[3]);
    }

    void update(const double* x, double target, double importance, double memory) {
        for (int i = 0; i < terms_; ++i) {
            const double scaled = importance * x[i];
            double* row = products_[i];
            for (int j = i & ~3; j < max_terms; ++j) row[j] = memory * row[j] + scaled * x[j];
        }
        const double scaled = importance * target;
        for (int j = 0; j < max_terms; ++j) targets_[j] = memory * targets_[j] + scaled * x[j];
    }

    // LDL' with a small ridge; keeps the old weights where the matrix is singular.
    void solve(double ridge) {
        double a[max_terms][max_terms], y[max_terms], w[max_terms], inverse[max_terms];
        for (int i = 0; i < terms_; ++i) {
            for (int j = i & ~3; j < max_terms; ++j) a[i][j] = products_[i][j];
            a[i][i] += ridge * a[i][i] + 1e-280;
            y[i] = targets_[i];
        }
        for (int k = 0; k < terms_; ++k) {
            if (!(a[k][k] > 0)) return;
            inverse[k] = 1 / a[k][k];
            for (int i = k + 1; i < terms_; ++i) {
                const double factor = a[k][i] * inverse[k];
                for (int j = i & ~3; j < max_terms; ++j) a[i][j] -= factor * a[k][j];
                y[i] -= factor * y[k];
            }
        }
        for (int j = 0; j < terms_; ++j) w[j] = y[j];
        for (int k = terms_ - 1; k >= 0; --k) {
            for (int j = k + 1; j < terms_; ++j) w[k] -= a[k][j] * w[j];
            w[k] *= inverse[k];
            if (!(std::fabs(w[k]) < 1e9)) return;
        }
        for (int j = 0; j < terms_; ++j) weights_[j] = w[j];
    }

    double weight(int n) const { return weights_[n]; }
    void set_weight(int n, double value) { weights_[n] = value; }

private:
    int terms_;
    double products_[max_terms][max_terms] = {};
    double targets_[max_terms] = {};
    double weights_[max_terms] = {};
};

}  // namespace floats
