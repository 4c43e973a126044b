// Convolutions of shapes that Winograd's minimal filtering takes (winograd.inl) against plain loops in float64:
// within a share of the largest result, and the same where numbers are not finite.
#include "support.hpp"

namespace byhand::tests {
namespace {

const double TOLERANCE = 3e-6;  // of the largest result; the plain sum's errors are up to 2e-6

Conv shape(Size C, Size H, Size W, Size F, Size top, Size left, Size bottom = -1, Size right = -1) {
    if (bottom < 0) bottom = top;
    if (right < 0) right = left;
    return {0, C, H, W, F, 3, 3, 1, 1, top, left, H + top + bottom - 2, W + left + right - 2};
}

std::string name_of(const char* operation, const Conv& c, Size n, const char* what) {
    return say(operation, {n, c.C, c.H, c.W, c.F, c.top, c.left, c.OH, c.OW}) + " " + what;
}

// One image after another, not in lanes; place is conv_pool's.
struct Case {
    Size n;
    Conv c;
    Floats x, w, b, dy;
    Size xs() const { return c.C * c.H * c.W; }
    Size ys() const { return c.F * c.OH * c.OW; }
    Size pooled() const { return c.F * (c.OH / 2) * (c.OW / 2); }
};

Case random_case(Size n, Conv c) {
    c.blocks = blocks_of(n);
    Case k{n, c, {}, random_floats(9 * c.F * c.C), random_floats(c.F), {}};
    k.x = random_floats(n * k.xs());
    k.dy = random_floats(n * k.ys());
    return k;
}

// For each product: body(index of y, of x, of w).
template <class Body>
void for_products(const Case& k, const Body& body) {
    const Conv& c = k.c;
    for (Size to = 0; to < k.n * k.ys(); to++) {
        const Size image = to / k.ys(), f = to / (c.OH * c.OW) % c.F, i = to / c.OW % c.OH, j = to % c.OW;
        for (Size u = 0; u < 3; u++)
            for (Size v = 0; v < 3; v++) {
                const Size row = i + u - c.top, column = j + v - c.left;
                if (row < 0 || row >= c.H || column < 0 || column >= c.W) continue;
                for (Size ch = 0; ch < c.C; ch++)
                    body(to, ((image * c.C + ch) * c.H + row) * c.W + column, ((f * c.C + ch) * 3 + u) * 3 + v);
            }
    }
}

Doubles forward(const Case& k) {
    Doubles y(k.n * k.ys());
    for (size_t to = 0; to < y.size(); to++) y[to] = k.b[to / (k.c.OH * k.c.OW) % k.c.F];
    for_products(k, [&](Size to, Size from, Size weight) { y[to] += double(k.w[weight]) * k.x[from]; });
    return y;
}

Doubles input_gradient(const Case& k) {
    Doubles dx(k.n * k.xs());
    for_products(k, [&](Size to, Size from, Size weight) { dx[from] += double(k.w[weight]) * k.dy[to]; });
    return dx;
}

// With the bias's at the end.
Doubles weight_gradient(const Case& k, const Floats& dy) {
    Doubles g(k.w.size() + k.c.F);
    for_products(k, [&](Size to, Size from, Size weight) { g[weight] += double(dy[to]) * k.x[from]; });
    for (size_t to = 0; to < dy.size(); to++) g[k.w.size() + to / (k.c.OH * k.c.OW) % k.c.F] += dy[to];
    return g;
}

// As check(), by shares of the largest finite number of what is expected.
void check_share(const std::string& name, Doubles expected, Promise promise,
                 const std::function<Floats(const Kernels&)>& run) {
    double largest = 0;
    for (double a : expected)
        if (std::isfinite(a)) largest = std::max(largest, std::fabs(a));
    if (largest == 0) return fail(name + ": nothing to compare with");
    for (double& a : expected) a /= largest;
    check(name, expected, TOLERANCE, promise, [&](const Kernels& k) {
        Floats got = run(k);
        for (float& a : got) a = static_cast<float>(a / largest);
        return got;
    });
}

Floats run_forward(const Case& k, const Kernels& kernels, bool relu) {
    const Lanes x = to_lanes(k.n, k.xs(), k.x, JUNK);
    Lanes y(k.c.blocks * k.ys() * LANES, NAN);
    kernels.conv_forward(k.c, x, k.w.data(), k.b.data(), y, relu);
    return from_lanes(k.n, k.ys(), y);
}

// The convolution and its gradients. `promise`: of the weight gradient.
void test_case(const Case& k, const char* what, Promise promise) {
    const Conv& c = k.c;
    const Lanes x = to_lanes(k.n, k.xs(), k.x, JUNK), dy = to_lanes(k.n, k.ys(), k.dy, 0);
    const bool finite = std::all_of(k.w.begin(), k.w.end(), [](float a) { return std::isfinite(a); });
    Doubles y = forward(k);
    check_share(name_of("conv_forward", c, k.n, what), y, SAME_FOR_ALL_THREADS,
                [&](const Kernels& kernels) { return run_forward(k, kernels, false); });
    for (double& a : y) a = a < 0 ? 0 : a;
    check_share(name_of("conv_forward with ReLU", c, k.n, what), y, SAME_FOR_ALL_THREADS,
                [&](const Kernels& kernels) { return run_forward(k, kernels, true); });
    check_share(name_of("conv_input_gradient", c, k.n, what), input_gradient(k), SAME_FOR_ALL_THREADS,
                [&](const Kernels& kernels) {
                    Lanes dx(c.blocks * k.xs() * LANES, NAN);
                    kernels.conv_input_gradient(c, dy, k.w.data(), dx);
                    if (finite) check_padding(k.n, k.xs(), dx, "conv_input_gradient");
                    return from_lanes(k.n, k.xs(), dx);
                });
    check_share(name_of("conv_weight_gradient", c, k.n, what), weight_gradient(k, k.dy), promise,
                [&](const Kernels& kernels) {
                    Floats g(k.w.size() + c.F, NAN);
                    kernels.conv_weight_gradient(c, x, dy, g.data(), g.data() + k.w.size());
                    Floats alone(k.w.size(), NAN);
                    kernels.conv_weight_gradient(c, x, dy, alone.data(), nullptr);
                    if (std::memcmp(alone.data(), g.data(), alone.size() * sizeof(float)))
                        fail(name_of("conv_weight_gradient", c, k.n, what) + ": other bits without the bias's");
                    return g;
                });
}

Size lanes_index(Size i, Size features) {
    return (i / features / LANES * features + i % features) * LANES + i / features % LANES;
}

// Convolution, ReLU and pooling, and the weight gradient through them. dy is that of the pooled y.
void test_pooled(const Case& k, const char* what) {
    const Conv& c = k.c;
    const Size PH = c.OH / 2, PW = c.OW / 2, ys = k.pooled();
    const Doubles conv = forward(k);
    Doubles y(k.n * ys);
    std::vector<uint8_t> place(k.n * ys);
    Floats spread(k.n * k.ys());  // dy before the pooling
    const auto at = [&](Size to, Size number) {  // in conv, of a number of a window
        return (to / (PH * PW) * c.OH + to / PW % PH * 2 + number / 2) * c.OW + to % PW * 2 + number % 2;
    };
    double largest = 0;
    for (double a : conv)
        if (std::isfinite(a)) largest = std::max(largest, std::fabs(a));
    for (Size to = 0; to < k.n * ys; to++) {
        Size best = at(to, 0);
        for (Size number = 1; number < 4; number++)
            if (conv[at(to, number)] > conv[best] || std::isnan(conv[at(to, number)])) {
                best = at(to, number);
                place[to] = static_cast<uint8_t>(number);
            }
        y[to] = conv[best] < 0 ? 0 : conv[best];
        if (conv[best] > 0)
            spread[best] = k.dy[to];
        else
            place[to] = BLOCKED;
    }

    const Lanes x = to_lanes(k.n, k.xs(), k.x, JUNK);
    Aligned<uint8_t> places(c.blocks * ys * LANES, 77);
    check_share(name_of("conv_pool", c, k.n, what), y, SAME_FOR_ALL_THREADS, [&](const Kernels& kernels) {
        Lanes out(c.blocks * ys * LANES, NAN), again(c.blocks * ys * LANES, NAN);
        kernels.conv_pool(c, x, k.w.data(), k.b.data(), out, places);
        kernels.conv_pool(c, x, k.w.data(), k.b.data(), again, nullptr);
        if (std::memcmp(out.begin(), again.begin(), out.size() * sizeof(float)))
            fail(name_of("conv_pool", c, k.n, what) + ": differs without places");
        // Where numbers differ by less than rounding may, another place is as good; of equals it is the first.
        Size wrong = 0;
        for (Size i = 0; i < k.n * ys; i++) {
            const uint8_t got = places[lanes_index(i, ys)];
            if (got == place[i]) continue;
            const double other = got < 4 ? conv[at(i, got)] : 0;
            const double best = place[i] < 4 ? conv[at(i, place[i])] : 0;
            wrong += (got > 3 && got != BLOCKED) || !(best - other < 2e-5 * largest) || best - other < 1e-12;
        }
        if (wrong) fail(name_of("conv_pool", c, k.n, what) + ": wrong places: " + std::to_string(wrong));
        return from_lanes(k.n, ys, out);
    });

    const Floats dy_pooled(k.dy.begin(), k.dy.begin() + k.n * ys);
    const Lanes dy = to_lanes(k.n, ys, dy_pooled, 0);
    for (Size i = 0; i < k.n * ys; i++) places[lanes_index(i, ys)] = place[i];
    check_share(name_of("conv_pool_weight_gradient", c, k.n, what), weight_gradient(k, spread),
                SAME_FOR_EACH_RUN, [&](const Kernels& kernels) {
                    Floats g(k.w.size() + c.F, NAN);
                    kernels.conv_pool_weight_gradient(c, x, dy, places, g.data(), g.data() + k.w.size());
                    return g;
                });
}

// Small whole numbers: the plain sum is exact, so that of a shape that Winograd takes some result is not.
void test_taken(const Case& random) {
    Case k = random;
    for (Floats* numbers : {&k.x, &k.w, &k.b})
        for (float& a : *numbers) a = std::round(a * 8);
    check(name_of("conv_forward", k.c, k.n, "is Winograd's"), {1}, 0, SAME_FOR_ALL_THREADS,
          [&](const Kernels& kernels) {
              float inexact = 0;
              for (float a : run_forward(k, kernels, false))
                  if (a != std::round(a)) inexact = 1;
              return Floats{inexact};
          });
}

// Random numbers, but each channel is one number outside of the middle of the pictures: many equal maxima.
Case with_background(Case k) {
    for (Size i = 0; i < k.n * k.c.C; i++) {
        const float background = static_cast<float>(i % k.c.C * 7 % 11 - 4) / 8;
        for (Size row = 0; row < k.c.H; row++)
            for (Size column = 0; column < k.c.W; column++)
                if (row < k.c.H / 3 || row > k.c.H / 2 || column < k.c.W / 3 || column > k.c.W / 2)
                    k.x[(i * k.c.H + row) * k.c.W + column] = background;
    }
    return k;
}

void test_not_finite() {
    const Case random = random_case(9, shape(16, 14, 13, 16, 1, 1));
    test_taken(random);
    const float inf = static_cast<float>(INF);
    struct {
        const char* what;
        float number;
    } strange[] = {{"NaN", NAN}, {"infinity", inf}, {"minus infinity", -inf}, {"huge", 1e38f}};
    for (const auto& s : strange) {
        const bool huge = std::isfinite(s.number);
        const std::string what = s.what;
        Case k = random;
        k.x[3 * k.xs() + 5 * 14 * 13 + 4 * 13 + 7] = s.number;
        k.x[8 * k.xs() + 2 * 14 * 13] = s.number;  // a corner
        if (!huge) k.dy[2 * k.ys() + 3 * 14 * 13 + 5 * 13 + 6] = s.number;
        test_case(k, (what + " in x and dy").c_str(), SAME_FOR_EACH_RUN);
        if (!huge) test_pooled(k, (what + " in x and dy").c_str());
        k = random;
        k.w[7 * 16 * 9 + 4] = s.number;
        test_case(k, (what + " in w").c_str(), SAME_FOR_EACH_RUN);
        k = random;
        k.b[5] = s.number;
        test_case(k, (what + " in b").c_str(), SAME_FOR_EACH_RUN);
    }
}

}  // namespace

void test_winograd() {
    Conv unused = shape(16, 19, 19, 16, 0, 0);
    unused.OH = unused.OW = 16;
    const struct {
        Size n;
        Conv c;
    } shapes[] = {
        {16, shape(8, 16, 16, 8, 1, 1)},
        {9, shape(16, 14, 14, 24, 1, 1)},
        {12, shape(32, 14, 14, 16, 2, 2)},          // 16 x 16
        {1, shape(16, 28, 27, 17, 1, 1)},           // one image
        {17, shape(33, 8, 8, 18, 1, 1)},
        {9, shape(20, 16, 18, 16, 0, 0)},           // no padding
        {9, shape(19, 15, 17, 18, 0, 2)},           // odd
        {9, shape(18, 13, 14, 21, 2, 1, 0, 2)},     // other padding below and to the right
        {9, shape(16, 16, 16, 16, 0, 0, 2, 2)},     // only there
        {9, shape(16, 12, 12, 16, 4, 3)},           // more than the kernel needs
        {9, shape(24, 4, 40, 24, 1, 1)},            // low and wide: pieces of a row of tiles
        {9, shape(24, 40, 4, 24, 1, 1)},            // high and narrow
        {9, shape(70, 8, 8, 20, 1, 1)},             // sums of several chains
        {20, shape(16, 4, 4, 130, 1, 1)},           // one tile an image, many filters
        {9, unused},                                // rows and columns of x
    };
    for (const auto& s : shapes) {
        const Case k = random_case(s.n, s.c);
        test_taken(k);
        test_case(k, "", SAME_FOR_ALL_THREADS);
        test_pooled(k, "");
        test_pooled(with_background(k), "with background");
    }
    test_not_finite();
}

}  // namespace byhand::tests
