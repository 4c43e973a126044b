// Batch normalisation against plain loops in double.
#include "support.hpp"

namespace byhand::tests {
namespace {

// Statistics of numbers around `centre`; strange ones in the first two channels if asked for.
void test_statistics(Size n, Size C, Size P, double centre, bool strange) {
    Floats x = random_floats(n * C * P);
    for (float& v : x) v += static_cast<float>(centre);
    if (strange) {
        x[0] = NAN;
        if (C > 1) x[P] = INFINITY;
    }
    const double m = double(n) * P;
    Doubles expected(2 * C);
    for (Size c = 0; c < C; c++) {
        const auto sum = [&](const auto& term) {
            double total = 0;
            for (Size i = 0; i < n; i++)
                for (Size p = 0; p < P; p++) total += term(x[(i * C + c) * P + p]);
            return total;
        };
        const double mean = sum([](double v) { return v; }) / m;
        expected[c] = mean;
        expected[C + c] = sum([&](double v) { return (v - mean) * (v - mean); }) / m;
    }
    const Lanes lanes = to_lanes(n, C * P, x, JUNK);
    const std::string name = say("batch_norm_statistics", {n, C, P, Size(centre), strange});
    check(name, expected, 2e-7, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Floats out(2 * C, NAN);
        k.batch_norm_statistics(n, C, P, lanes, out.data(), out.data() + C);
        return out;
    });
}

void test_normalise(Size n, Size C, Size P) {
    const Size features = C * P, blocks = blocks_of(n);
    Floats x = random_floats(n * features);
    for (size_t i = 3; i < x.size(); i += 37) x[i] = i % 2 ? NAN : INFINITY;
    const Floats mean = random_floats(C), inverse = random_floats(C);
    const Floats w = random_floats(C), b = random_floats(C);
    Doubles both(2 * x.size());
    for (Size i = 0; i < n * features; i++) {
        const Size c = i / P % C;
        both[i] = (double(x[i]) - mean[c]) * inverse[c];
        both[n * features + i] = both[i] * w[c] + b[c];
    }
    const Lanes lanes = to_lanes(n, features, x, JUNK);
    const std::string name = say("batch_norm", {n, C, P});
    check(name, both, 4e-7, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes xhat(lanes.size(), NAN), y(lanes.size(), NAN), alone(lanes.size(), NAN);
        k.batch_norm(blocks, C, P, lanes, mean.data(), inverse.data(), w.data(), b.data(), xhat, y);
        k.batch_norm(blocks, C, P, lanes, mean.data(), inverse.data(), w.data(), b.data(), nullptr, alone);
        if (std::memcmp(y.begin(), alone.begin(), y.size() * sizeof(float)))
            fail(name + ": differs without xhat");
        Floats out = from_lanes(n, features, xhat);
        const Floats of_y = from_lanes(n, features, y);
        out.insert(out.end(), of_y.begin(), of_y.end());
        return out;
    });
}

void test_gradients(Size n, Size C, Size P, bool strange) {
    const Size features = C * P, blocks = blocks_of(n);
    Floats xhat = random_floats(n * features), dy = random_floats(n * features);
    if (strange) {
        xhat[0] = NAN;
        dy[features - 1] = INFINITY;
    }
    Doubles sums(2 * C);
    for (Size i = 0; i < n * features; i++) {
        sums[i / P % C] += double(dy[i]) * xhat[i];
        sums[C + i / P % C] += dy[i];
    }
    const Lanes xhat_lanes = to_lanes(n, features, xhat, JUNK), dy_lanes = to_lanes(n, features, dy, 0);
    const std::string shape = say("", {n, C, P, strange});
    const double rounding = 1e-7 * std::max(4.0, std::sqrt(n * P));  // of so many floats below 1
    check("batch_norm_weight_gradient" + shape, sums, rounding, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Floats out(2 * C, NAN);
        k.batch_norm_weight_gradient(blocks, C, P, xhat_lanes, dy_lanes, out.data(), out.data() + C);
        return out;
    });

    const Floats scale = random_floats(C), dw = random_floats(C), db = random_floats(C);
    Doubles dx, constant;
    for (Size i = 0; i < n * features; i++) {
        const Size c = i / P % C;
        const double m = double(n) * P;
        dx.push_back(scale[c] * (dy[i] - db[c] / m - double(xhat[i]) * dw[c] / m));
        constant.push_back(double(scale[c]) * dy[i]);
    }
    check("batch_norm_input_gradient" + shape, dx, 4e-7, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(dy_lanes.size(), NAN);
        k.batch_norm_input_gradient(n, C, P, xhat_lanes, dy_lanes, scale.data(), dw.data(), db.data(), out);
        check_padding(n, features, out, "batch_norm_input_gradient");
        return from_lanes(n, features, out);
    });
    const std::string alone = "batch_norm_input_gradient alone" + shape;
    check(alone, constant, 1e-7, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(dy_lanes.size(), NAN);
        k.batch_norm_input_gradient(n, C, P, xhat_lanes, dy_lanes, scale.data(), nullptr, nullptr, out);
        check_padding(n, features, out, "batch_norm_input_gradient alone");
        return from_lanes(n, features, out);
    });
}

}  // namespace

void test_norm() {
    struct Shape {
        Size C, P;
    };
    const Shape shapes[] = {{1, 1}, {3, 1}, {120, 1}, {7, 2}, {16, 49}, {8, 9}, {3, 700}, {1, 1100}};
    for (Size n : {1, 7, 8, 9, 20, 75})
        for (const auto& [C, P] : shapes) {
            for (double centre : {0.0, 1000.0}) test_statistics(n, C, P, centre, false);
            test_statistics(n, C, P, 0, true);
            test_normalise(n, C, P);
            for (bool strange : {false, true}) test_gradients(n, C, P, strange);
        }
    test_statistics(100, 5, 300, -1000, true);
    test_gradients(100, 5, 300, false);
    test_gradients(100, 30, 300, false);
}

}  // namespace byhand::tests
