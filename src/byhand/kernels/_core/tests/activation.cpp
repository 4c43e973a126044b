// Activations, softmax and their gradients against their formulas in double, with NaN and infinities.
#include "support.hpp"

namespace byhand::tests {
namespace {

// Numbers of all sizes, small and strange ones among them.
Floats all_kinds(Size count, double spread) {
    const float strange[] = {NAN,    INFINITY, -INFINITY, 0.f,   -0.f,   1e-40f, -1e-40f, 1e-20f, -1e-3f,
                             3e38f,  -3e38f,   100.f,     -100.f, 88.5f, -88.5f, 20.f,    -20.f,  -87.4f,
                             0.3466f, -0.6931f, 9.f,      -9.f,   1e-8f, 0.125f, -14.f,   17.4f,  -0.5f};
    Floats x = random_floats(count);
    for (Size i = 0; i < count; i++) {
        x[i] *= static_cast<float>(i % 3 ? spread : 1);
        if (i % 5 == 1) x[i] = strange[i / 5 % std::size(strange)];
    }
    return x;
}

double normal(double x) { return 0.5 * std::erfc(-x * std::sqrt(0.5)); }

// A function and its derivative, and how exact it is relative to its own size, however small that is.
struct Curve {
    const char* name;
    double (*f)(double x);
    double (*slope)(double x_or_y, double dy);
    void (*Kernels::*forward)(Size, const float*, float*);
    void (*Kernels::*backward)(Size, const float*, const float*, float*);
    bool backward_takes_y;
    double relative;
};

const Curve CURVES[] = {
    {"sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); },
     [](double y, double dy) { return dy * y * (1 - y); }, &Kernels::sigmoid, &Kernels::sigmoid_backward, true,
     1e-6},
    {"tanh", [](double x) { return std::tanh(x); }, [](double y, double dy) { return dy * (1 - y * y); },
     &Kernels::tanh, &Kernels::tanh_backward, true, 1e-6},
    {"gelu", [](double x) { return x * normal(x); },
     [](double x, double dy) { return dy * (normal(x) + x * std::exp(-x * x / 2) / std::sqrt(2 * M_PI)); },
     &Kernels::gelu, &Kernels::gelu_backward, false, 5e-6},  // the square of x costs places far below 0
};

void test_curve(const Curve& curve, Size n, Size features, double spread) {
    const Size count = blocks_of(n) * features * LANES;
    const Floats x = all_kinds(n * features, spread), dy = random_floats(n * features);
    Doubles y, dx;
    for (float v : x) y.push_back(curve.f(v));
    // The derivative's input: x itself, or values of y, as random and as strange.
    Floats kept = x;
    if (curve.backward_takes_y)
        for (float& v : kept) v = static_cast<float>(curve.f(v));
    for (size_t i = 0; i < x.size(); i++) dx.push_back(curve.slope(kept[i], dy[i]));

    const Lanes lanes = to_lanes(n, features, x, JUNK), kept_lanes = to_lanes(n, features, kept, JUNK);
    const Lanes dy_lanes = to_lanes(n, features, dy, 0);
    const std::string shape = say(curve.name, {n, features, Size(spread)});
    check(shape, y, 2e-7, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(lanes);
        (k.*curve.forward)(count, out, out);
        const Floats got = from_lanes(n, features, out);
        for (size_t i = 0; i < got.size(); i++)
            if (std::fabs(y[i]) > 1e-36 && std::isfinite(y[i]) &&
                !(std::fabs(got[i] / y[i] - 1) <= curve.relative)) {
                fail(shape + ": not exact enough at " + std::to_string(x[i]));
                break;
            }
        return got;
    });
    check(shape + " backward", dx, 4e-7, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(dy_lanes);
        (k.*curve.backward)(count, kept_lanes, out, out);
        check_padding(n, features, out, curve.name);
        return from_lanes(n, features, out);
    });
}

void test_leaky_relu(Size n, Size features, float slope) {
    const Size count = blocks_of(n) * features * LANES;
    const Floats x = all_kinds(n * features, 5), dy = all_kinds(n * features, 1);
    Doubles y, dx;
    for (size_t i = 0; i < x.size(); i++) {
        y.push_back(x[i] > 0 ? x[i] : x[i] * slope);
        dx.push_back(x[i] > 0 ? dy[i] : dy[i] * slope);
    }
    const Lanes lanes = to_lanes(n, features, x, JUNK), dy_lanes = to_lanes(n, features, dy, 0);
    check(say("leaky_relu", {n, features}), y, 0, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(lanes);
        k.leaky_relu(count, slope, out, out);
        return from_lanes(n, features, out);
    });
    check(say("leaky_relu_backward", {n, features}), dx, 0, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(dy_lanes);
        k.leaky_relu_backward(count, slope, lanes, out, out);
        check_padding(n, features, out, "leaky_relu_backward");
        return from_lanes(n, features, out);
    });
}

// Softmax and its logarithm over axis K of (n, K, P).
void test_softmax(Size n, Size K, Size P, double spread, bool strange) {
    const Size features = K * P, blocks = blocks_of(n);
    Floats x = random_floats(n * features), dy = random_floats(n * features);
    for (float& v : x) v *= static_cast<float>(spread);
    if (strange)
        for (Size i = 0; i < n * features; i += 7) {
            const float kinds[] = {NAN, INFINITY, -INFINITY, 3e38f, -3e38f, -INFINITY};
            x[i] = kinds[i / 7 % 6];
            if (i % 35 == 0) dy[i] = NAN;
        }
    Doubles y(x.size()), log_y(x.size()), dx(x.size()), log_dx(x.size());
    for (Size column = 0; column < n * P; column++) {
        const auto at = [&](Size k) { return column / P * features + k * P + column % P; };
        double largest = -INF, sum = 0, of_products = 0, of_dy = 0;
        for (Size k = 0; k < K; k++)
            if (x[at(k)] > largest || std::isnan(x[at(k)])) largest = x[at(k)];
        // The shift in float, as in the definition: it may overflow to -inf.
        const auto shifted = [&](Size k) { return double(x[at(k)] - float(largest)); };
        for (Size k = 0; k < K; k++) sum += std::exp(shifted(k));
        for (Size k = 0; k < K; k++) {
            y[at(k)] = std::exp(shifted(k)) / sum;
            log_y[at(k)] = shifted(k) - std::log(sum);
            of_products += dy[at(k)] * double(float(y[at(k)]));
            of_dy += dy[at(k)];
        }
        for (Size k = 0; k < K; k++) {
            dx[at(k)] = double(float(y[at(k)])) * (dy[at(k)] - of_products);
            log_dx[at(k)] = dy[at(k)] - std::exp(double(float(log_y[at(k)]))) * of_dy;
        }
    }
    const Lanes lanes = to_lanes(n, features, x, JUNK), dy_lanes = to_lanes(n, features, dy, 0);
    const Lanes y_lanes = to_lanes(n, features, Floats(y.begin(), y.end()), JUNK);
    const Lanes log_lanes = to_lanes(n, features, Floats(log_y.begin(), log_y.end()), -JUNK);
    const std::string shape = say("", {n, K, P, Size(spread), strange});
    const double tolerance = std::max(1e-6, 1e-7 * K);  // sums of K floats
    check("softmax" + shape, y, tolerance, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(lanes);
        k.softmax(blocks, K, P, out, out);
        return from_lanes(n, features, out);
    });
    check("log_softmax" + shape, log_y, tolerance, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(lanes);
        k.log_softmax(blocks, K, P, out, out);
        return from_lanes(n, features, out);
    });
    check("softmax_backward" + shape, dx, tolerance, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(dy_lanes);
        k.softmax_backward(blocks, K, P, y_lanes, out, out);
        check_padding(n, features, out, "softmax_backward");
        return from_lanes(n, features, out);
    });
    check("log_softmax_backward" + shape, log_dx, tolerance, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(dy_lanes);
        k.log_softmax_backward(blocks, K, P, log_lanes, out, out);
        check_padding(n, features, out, "log_softmax_backward");
        return from_lanes(n, features, out);
    });
}

}  // namespace

void test_activation() {
    for (Size n : {0, 1, 7, 8, 9, 20}) {
        for (Size features : {0, 1, 5, 1500}) {
            test_leaky_relu(n, features, 0.01f);
            for (const Curve& curve : CURVES) test_curve(curve, n, features, 5);
        }
        for (bool strange : {false, true}) {
            for (double spread : {1.0, 30.0, 200.0}) test_softmax(n, 10, 1, spread, strange);
            test_softmax(n, 1, 7, 1, strange);
            test_softmax(n, 3, 50, 5, strange);
            test_softmax(n, 100, 12, 5, strange);
        }
    }
    for (const Curve& curve : CURVES)
        for (double spread : {0.001, 1.0, 15.0, 90.0}) test_curve(curve, 20, 4000, spread);
}

}  // namespace byhand::tests
