// The losses and their gradients against their formulas in double, with NaN and infinities.
#include "support.hpp"

namespace byhand::tests {
namespace {

void test_cross_entropy(Size n, Size K, double spread, bool strange) {
    Floats z = random_floats(n * K), t(n * K), dlosses = random_floats(n);
    for (float& v : z) v *= static_cast<float>(spread);
    for (Size i = 0; i < n; i++) {
        for (Size k = 0; k < K; k++) t[i * K + k] = 0.1f / K;
        t[i * K + i % K] += 0.9f;
        if (i % 3 == 1) std::fill(t.begin() + i * K, t.begin() + (i + 1) * K, 0.f), t[i * K + i % K] = 2;
        if (!strange) continue;
        if (i % 5 == 1) z[i * K + i % K] = NAN;
        if (i % 5 == 2) z[i * K + i % K] = static_cast<float>(INF);
        if (i % 5 == 3) z[i * K + i % K] = static_cast<float>(-INF);
        if (i % 10 == 9) z[i * K + i % K] = 3e38f, z[i * K + (i + 1) % K] = -3e38f;
    }
    Doubles losses(n), probabilities(n * K), dlogits(n * K);
    for (Size i = 0; i < n; i++) {
        double largest = -INF, sum = 0, targets = 0;
        for (Size k = 0; k < K; k++) {
            const double v = z[i * K + k];
            if (v > largest || std::isnan(v)) largest = v;
        }
        // The shift in float, as in the definition: it may overflow to -inf.
        const auto shifted = [&](Size k) { return double(z[i * K + k] - float(largest)); };
        for (Size k = 0; k < K; k++) sum += std::exp(shifted(k)), targets += t[i * K + k];
        for (Size k = 0; k < K; k++) {
            const double log_probability = shifted(k) - std::log(sum);
            if (t[i * K + k] != 0) losses[i] -= t[i * K + k] * log_probability;
            probabilities[i * K + k] = std::exp(log_probability);
            dlogits[i * K + k] = dlosses[i] * (probabilities[i * K + k] * targets - t[i * K + k]);
        }
    }
    const std::string shape = say("", {n, K, Size(spread), strange});
    const Lanes lanes = to_lanes(n, K, z, JUNK);
    Doubles both = losses;
    both.insert(both.end(), probabilities.begin(), probabilities.end());
    const double tolerance = std::max(1e-6, 5e-8 * K);  // a sum of K floats
    check("cross_entropy" + shape, both, tolerance, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes p(lanes.size(), NAN);
        Floats out(n, NAN);
        k.cross_entropy(n, K, lanes, t.data(), out.data(), p);
        check_padding(n, K, p, "cross_entropy");
        const Floats plain = from_lanes(n, K, p);
        // Small probabilities to 8 units in the last place, where float still has all its places.
        for (Size i = 0; i < n * K; i++)
            if (probabilities[i] > 1e-37 && std::fabs(plain[i] / probabilities[i] - 1) > 1e-6) {
                fail("cross_entropy" + shape + ": a probability is not exact enough");
                break;
            }
        out.insert(out.end(), plain.begin(), plain.end());
        return out;
    });
    const Lanes p_lanes = to_lanes(n, K, Floats(probabilities.begin(), probabilities.end()), 0);
    check("cross_entropy_backward" + shape, dlogits, tolerance, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(lanes.size(), NAN);
        k.cross_entropy_backward(n, K, dlosses.data(), p_lanes, t.data(), out);
        check_padding(n, K, out, "cross_entropy_backward");
        return from_lanes(n, K, out);
    });
}

// Labels, with smoothing: the same as cross_entropy of the targets that they stand for.
void test_labels(Size n, Size K, float smoothing, bool strange) {
    Floats z = random_floats(n * K), t(n * K, smoothing / K);
    const Floats dlosses = random_floats(n);
    std::vector<int64_t> labels(n);
    for (Size i = 0; i < n; i++) {
        labels[i] = (5 * i + 3) % K;
        t[i * K + labels[i]] += 1 - smoothing;
        if (strange && i % 3 == 0) {
            const float kinds[] = {NAN, INFINITY, -INFINITY};
            z[i * K + (i / 3) % K] = kinds[i / 3 % 3];
        }
    }
    Doubles both(n), dlogits(n * K);
    Floats probabilities(n * K);
    for (Size i = 0; i < n; i++) {
        double largest = -INF, sum = 0;
        for (Size k = 0; k < K; k++)
            if (z[i * K + k] > largest || std::isnan(z[i * K + k])) largest = z[i * K + k];
        for (Size k = 0; k < K; k++) sum += std::exp(z[i * K + k] - largest);
        for (Size k = 0; k < K; k++) {
            const double log_probability = z[i * K + k] - largest - std::log(sum);
            if (t[i * K + k] != 0) both[i] -= t[i * K + k] * log_probability;
            both.push_back(std::exp(log_probability));
            probabilities[i * K + k] = static_cast<float>(both.back());
            dlogits[i * K + k] = dlosses[i] * (double(probabilities[i * K + k]) - t[i * K + k]);
        }
    }
    const Lanes lanes = to_lanes(n, K, z, JUNK), p_lanes = to_lanes(n, K, probabilities, 0);
    const std::string shape = say("", {n, K, Size(1000 * smoothing), strange});
    const double tolerance = std::max(1e-6, 5e-8 * K);
    check("cross_entropy_labels" + shape, both, tolerance, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes p(lanes.size(), NAN);
        Floats out(n, NAN);
        k.cross_entropy_labels(n, K, lanes, labels.data(), smoothing, out.data(), p);
        check_padding(n, K, p, "cross_entropy_labels");
        const Floats plain = from_lanes(n, K, p);
        out.insert(out.end(), plain.begin(), plain.end());
        return out;
    });
    const std::string backward = "cross_entropy_labels_backward" + shape;
    check(backward, dlogits, tolerance, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(lanes.size(), NAN);
        k.cross_entropy_labels_backward(n, K, dlosses.data(), p_lanes, labels.data(), smoothing, out);
        check_padding(n, K, out, "cross_entropy_labels_backward");
        return from_lanes(n, K, out);
    });
}

// A loss that is the mean over each image's outputs of one(output, target, &derivative).
struct OutputLoss {
    const char* name;
    void (*Kernels::*loss)(Size, Size, const float*, const float*, float*, float*);
    double (*one)(double, double, double&);
};

void test_outputs(const OutputLoss& tested, Size n, Size size, double spread) {
    Floats y = random_floats(n * size), t = random_floats(n * size);
    const float strange[] = {NAN, INFINITY, -INFINITY, 0, 100, -100, 1e-5f, -1e-5f, 0.414f, -17, 1e19f, -20};
    for (Size i = 0; i < n * size; i++) {
        y[i] *= static_cast<float>(spread);
        t[i] = std::fabs(t[i]);
        if (i % 4 == 1) t[i] = i % 8 == 1;  // exactly 0 or 1
        // Not in all images: a single NaN hides what the others add.
        if (i / size % 3 == 2 && i % 13 == 5) y[i] = strange[i / 13 % std::size(strange)];
    }
    Doubles both(n);
    for (Size i = 0; i < n; i++)
        for (Size m = 0; m < size; m++) {
            double derivative;
            both[i] += tested.one(y[i * size + m], t[i * size + m], derivative) / size;
            both.push_back(derivative / size);
        }
    const Lanes lanes = to_lanes(n, size, y, JUNK);
    check(say(tested.name, {n, size, Size(spread)}), both, 1e-6, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes derivative(lanes.size(), NAN);
        Floats out(n, NAN);
        (k.*tested.loss)(n, size, lanes, t.data(), out.data(), derivative);
        check_padding(n, size, derivative, tested.name);
        const Floats plain = from_lanes(n, size, derivative);
        out.insert(out.end(), plain.begin(), plain.end());
        return out;
    });
}

double squared_error(double y, double t, double& derivative) {
    derivative = 2 * (y - t);
    return (y - t) * (y - t);
}

double binary_cross_entropy(double z, double t, double& derivative) {
    derivative = 1 / (1 + std::exp(-z)) - t;
    const double against = z > 0 ? 1 - t : t;
    return (against == 0 ? 0 : std::fabs(z) * against) + std::log1p(std::exp(-std::fabs(z)));
}

void test_scale_images(Size n, Size size) {
    Floats derivative = random_floats(n * size), dlosses = random_floats(n);
    for (size_t i = 3; i < derivative.size(); i += 17) derivative[i] = NAN;
    Doubles dx;
    for (Size i = 0; i < n * size; i++) dx.push_back(double(derivative[i]) * dlosses[i / size]);
    const Lanes lanes = to_lanes(n, size, derivative, 0);
    check(say("scale_images", {n, size}), dx, 1e-7, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(lanes.size(), NAN);
        k.scale_images(n, size, lanes, dlosses.data(), out);
        check_padding(n, size, out, "scale_images");
        return from_lanes(n, size, out);
    });
}

}  // namespace

void test_loss() {
    for (Size n : {0, 1, 7, 8, 9, 100}) {
        for (double spread : {1.0, 30.0, 200.0})
            for (bool strange : {false, true}) test_cross_entropy(n, 10, spread, strange);
        test_cross_entropy(n, 3, 1, true);
        test_cross_entropy(n, 100, 5, true);
        for (float smoothing : {0.f, 0.1f})
            for (bool strange : {false, true})
                for (Size K : {1, 2, 10, 131}) test_labels(n, K, smoothing, strange);
        for (Size size : {1, 2, 4, 7, 784})
            for (double spread : {0.1, 3.0, 30.0}) {
                for (const OutputLoss& one :
                     {OutputLoss{"mean_squared_error", &Kernels::mean_squared_error, squared_error},
                      {"binary_cross_entropy", &Kernels::binary_cross_entropy, binary_cross_entropy}})
                    test_outputs(one, n, size, spread);
            }
        for (Size size : {1, 10, 3000}) test_scale_images(n, size);
    }
}

}  // namespace byhand::tests
