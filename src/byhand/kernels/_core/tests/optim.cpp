// The optimisers over three steps against their formulas in double, and sums of squares.
#include "support.hpp"

namespace byhand::tests {
namespace {

const Size STEPS = 3;

// Settings whose complements to 1 no float holds.
const double RATE = 0.01, MOMENTUM = 0.9, ALPHA = 0.99, BETA1 = 0.9, BETA2 = 0.999, EPS = 1e-8;

// A flat vector at an address that is aligned to 4 bytes only, with a guard behind it.
class Flat {
public:
    explicit Flat(const Floats& values) : size(values.size()), memory(values.size() + 2, 7) {
        std::copy(values.begin(), values.end(), data());
    }
    float* data() { return memory + 1; }
    void append_to(Floats& out, float factor) {
        for (Size i = 0; i < size; i++) out.push_back(data()[i] * factor);
        if (memory[0] != 7 || memory[size + 1] != 7) fail("an optimiser writes outside of its vectors");
    }

private:
    Size size;
    Aligned<float> memory;
};

// One optimiser: what a step does to weight w, state a and state b with gradient g, in double, and the kernel.
struct Case {
    std::string name;
    bool has_a, has_b;
    std::function<void(int t, double& w, double g, double& a, double& b)> formula;
    std::function<void(const Kernels&, Size, int t, float* w, const float* g, float* a, float* b)> kernel;
};

Case sgd(double momentum, double dampening, double decay, bool nesterov) {
    const auto formula = [=](int t, double& w, double g, double& v, double&) {
        if (decay) g += decay * w;
        if (momentum) {
            v = t == 1 ? g : momentum * v + (1 - dampening) * g;
            g = nesterov ? g + momentum * v : v;
        }
        w -= RATE * g;
    };
    const auto kernel = [=](const Kernels& k, Size n, int t, float* w, const float* g, float* v, float*) {
        k.sgd(n, w, g, momentum ? v : nullptr, RATE, momentum, dampening, decay, nesterov, t == 1);
    };
    const std::string name = say("sgd", {momentum > 0, dampening > 0, decay > 0, nesterov});
    return {name, momentum > 0, false, formula, kernel};
}

Case adagrad(double decay) {
    const auto formula = [=](int, double& w, double g, double& s, double&) {
        if (decay) g += decay * w;
        s += g * g;
        w -= RATE * g / (std::sqrt(s) + EPS);
    };
    const auto kernel = [=](const Kernels& k, Size n, int, float* w, const float* g, float* s, float*) {
        k.adagrad(n, w, g, s, RATE, EPS, decay);
    };
    return {say("adagrad", {decay > 0}), true, false, formula, kernel};
}

Case rmsprop(double momentum, double decay) {
    const auto formula = [=](int, double& w, double g, double& s, double& v) {
        if (decay) g += decay * w;
        s = ALPHA * s + (1 - ALPHA) * g * g;
        double u = g / (std::sqrt(s) + EPS);
        if (momentum) u = v = momentum * v + u;
        w -= RATE * u;
    };
    const auto kernel = [=](const Kernels& k, Size n, int, float* w, const float* g, float* s, float* v) {
        k.rmsprop(n, w, g, s, momentum ? v : nullptr, RATE, ALPHA, EPS, momentum, decay);
    };
    return {say("rmsprop", {momentum > 0, decay > 0}), true, momentum > 0, formula, kernel};
}

Case adam(double decay, double shrink) {
    const auto formula = [=](int t, double& w, double g, double& m, double& s) {
        w *= shrink;
        if (decay) g += decay * w;
        m = BETA1 * m + (1 - BETA1) * g;
        s = BETA2 * s + (1 - BETA2) * g * g;
        w -= RATE * (m / (1 - std::pow(BETA1, t))) / (std::sqrt(s / (1 - std::pow(BETA2, t))) + EPS);
    };
    const auto kernel = [=](const Kernels& k, Size n, int t, float* w, const float* g, float* m, float* s) {
        k.adam(n, w, g, m, s, RATE / (1 - std::pow(BETA1, t)), std::sqrt(1 - std::pow(BETA2, t)), BETA1, BETA2,
               EPS, decay, shrink);
    };
    return {say("adam", {decay > 0, shrink < 1}), true, true, formula, kernel};
}

void test_optimiser(const Case& c, Size count, bool strange) {
    Floats w = random_floats(count), g[STEPS];
    for (Floats& one : g) {
        one = random_floats(count);
        for (Size i = 0; i < count; i += 5) one[i] = 0;
        for (Size i = 1; i < count; i += 5) one[i] *= 1e-6f;
        for (Size i = 7; i < count && strange; i += 11) one[i] = i % 2 ? NAN : INFINITY;
    }
    for (Size i = 3; i < count && strange; i += 13) w[i] = i % 2 ? -INFINITY : INFINITY;

    // The second state in units of what it may be: Adam's mean square, of which a step brings a thousandth,
    // and RMSProp's velocity, whose terms are 1 / sqrt(1 - alpha) = 10.
    const float unit = c.name[0] == 'a' ? 1024 : 1.f / 16;
    Doubles expected(w.begin(), w.end()), a(count), b(count);
    for (int t = 1; t <= STEPS; t++)
        for (Size i = 0; i < count; i++) c.formula(t, expected[i], g[t - 1][i], a[i], b[i]);
    for (Size i = 0; i < count && c.has_a; i++) expected.push_back(a[i]);
    for (Size i = 0; i < count && c.has_b; i++) expected.push_back(b[i] * unit);

    check(c.name + say(" of", {count, strange}), expected, 1e-6, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Flat weights(w), first(Floats(c.has_a ? count : 0)), second(Floats(c.has_b ? count : 0));
        for (int t = 1; t <= STEPS; t++)
            c.kernel(k, count, t, weights.data(), Flat(g[t - 1]).data(), first.data(), second.data());
        Floats out;
        weights.append_to(out, 1);
        first.append_to(out, 1);
        second.append_to(out, unit);
        return out;
    });
}

void test_squares(const std::vector<Size>& sizes, bool strange) {
    std::vector<int64_t> ends;
    Doubles exact;
    Floats all;
    for (Size size : sizes) {
        Floats part = random_floats(size);
        if (strange && !part.empty()) part[0] = ends.size() % 3 ? (ends.size() % 2 ? 3e38f : 1e-30f) : NAN;
        exact.push_back(0);
        for (float v : part) exact.back() += double(v) * v;
        all.insert(all.end(), part.begin(), part.end());
        ends.push_back(static_cast<int64_t>(all.size()));
    }
    Flat flat(all);
    const std::string name = say("squares", {Size(sizes.size()), Size(all.size()), strange});
    // In units of the exact sum, because the sums themselves need not be floats.
    Doubles ones;
    for (double sum : exact) ones.push_back(std::isnan(sum) ? NaN : 1);
    check(name, ones, 0, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Doubles sums(sizes.size(), NaN);
        k.squares(Size(sizes.size()), ends.data(), flat.data(), sums.data());
        Floats out;
        for (size_t i = 0; i < sums.size(); i++) {
            const bool close = std::fabs(sums[i] - exact[i]) <= 1e-12 * exact[i];
            out.push_back(std::isnan(sums[i]) ? NAN : close ? 1.f : 0.f);
        }
        return out;
    });
}

}  // namespace

void test_optim() {
    const Case cases[] = {sgd(0, 0, 0, false),          sgd(0, 0, 0.1, false),   sgd(MOMENTUM, 0, 0, false),
                          sgd(MOMENTUM, 0.3, 0, false), sgd(MOMENTUM, 0, 0.1, true), adagrad(0),
                          adagrad(0.1),                 rmsprop(0, 0),           rmsprop(MOMENTUM, 0.1),
                          adam(0, 1),                   adam(0.1, 1),            adam(0, 0.99)};
    for (const Case& c : cases)
        for (bool strange : {false, true}) {
            for (Size count : {0, 1, 3, 7, 8, 9, 100}) test_optimiser(c, count, strange);
            test_optimiser(c, 50001, strange);
        }
    for (bool strange : {false, true}) {
        test_squares({}, strange);
        test_squares({0, 1, 0, 5, 16, 17, 100}, strange);
        test_squares({8191, 8192, 0, 8193, 100001, 3}, strange);
    }
}

}  // namespace byhand::tests
