// Convolution with ReLU and max pooling in one pass, and its weight gradient, against plain loops.
#include "support.hpp"

namespace byhand::tests {
namespace {

// What the pictures hold: small integers, so that all sums are exact and many values equal; the same with NaN
// and infinities; or any numbers.
enum Values { WHOLE, STRANGE, ANY };

Floats values(Size count, Values kind, Size every) {
    Floats x = random_floats(count);
    if (kind != ANY)
        for (float& a : x) a = std::round(a * 2);
    if (kind == STRANGE)
        for (Size i = 3; i < count; i += every) {
            const Size which = i / every % 3;
            x[i] = static_cast<float>(which == 0 ? NaN : which == 1 ? INF : -INF);
        }
    return x;
}

Conv shape(Size C, Size H, Size W, Size F, Size KH, Size KW, Size SH = 1, Size SW = 1, Size top = 0,
           Size left = 0, Size bottom = -1, Size right = -1) {
    if (bottom < 0) bottom = top;
    if (right < 0) right = left;
    return {0, C, H, W, F, KH, KW, SH, SW, top, left, (H + top + bottom - KH) / SH + 1,
            (W + left + right - KW) / SW + 1};
}

// As kernels/reference has it: conv2d, relu, max_pool2d of 2 x 2 and back.
struct Expected {
    Doubles y, place, dx, gradients;  // dx is that of the convolution's output; gradients end with the bias's
};

Expected expected(Size n, const Conv& c, const Floats& x, const Floats& w, const Floats* b, const Floats& dy) {
    const Size PH = c.OH / 2, PW = c.OW / 2, ys = c.F * PH * PW, planes = c.F * c.OH * c.OW;
    const Size filter = c.C * c.KH * c.KW;
    Expected e{Doubles(n * ys), Doubles(n * ys), Doubles(n * planes), Doubles(c.F * filter + (b ? c.F : 0))};
    Doubles conv(n * planes);
    // For each product: body(index of the convolution's output, of x, of w).
    const auto for_products = [&](const auto& body) {
        for (Size to = 0; to < n * planes; to++) {
            const Size image = to / planes, f = to / (c.OH * c.OW) % c.F, i = to / c.OW % c.OH, j = to % c.OW;
            for (Size k = 0; k < filter; k++) {
                const Size row = i * c.SH + k / c.KW % c.KH - c.top, column = j * c.SW + k % c.KW - c.left;
                if (row < 0 || row >= c.H || column < 0 || column >= c.W) continue;
                body(to, ((image * c.C + k / (c.KH * c.KW)) * c.H + row) * c.W + column, f * filter + k);
            }
        }
    };
    if (b)
        for (Size to = 0; to < n * planes; to++) conv[to] = (*b)[to / (c.OH * c.OW) % c.F];
    for_products([&](Size to, Size from, Size weight) { conv[to] += double(w[weight]) * x[from]; });
    for (Size k = 0; k < n * ys; k++) {
        const Size first = (k / (PH * PW) * c.OH + k / PW % PH * 2) * c.OW + k % PW * 2;
        for (Size number = 0; number < 4; number++) {
            const double a = conv[first + number / 2 * c.OW + number % 2];
            const double value = a > 0 || std::isnan(a) ? a : 0;
            if (number == 0 || value > e.y[k] || std::isnan(value)) {
                e.y[k] = value;
                e.place[k] = number;
            }
        }
        for (Size number = 0; number < 4; number++) {
            const Size to = first + number / 2 * c.OW + number % 2;
            e.dx[to] = double(dy[k]) * (e.place[k] == number) * (conv[to] > 0);
        }
        if (!(e.y[k] > 0)) e.place[k] = BLOCKED;
    }
    // Output pixels that no window holds are left out even where their 0 would meet a NaN in x.
    for_products([&](Size to, Size from, Size weight) {
        if (to / c.OW % c.OH < 2 * PH && to % c.OW < 2 * PW) e.gradients[weight] += e.dx[to] * x[from];
    });
    if (b)
        for (Size to = 0; to < n * planes; to++)
            e.gradients[c.F * filter + to / (c.OH * c.OW) % c.F] += e.dx[to];
    return e;
}

void test_shape(Size n, Conv c, Values kind, bool with_bias = true) {
    c.blocks = blocks_of(n);
    const Size xs = c.C * c.H * c.W, ys = c.F * (c.OH / 2) * (c.OW / 2), ws = c.F * c.C * c.KH * c.KW;
    const Size whole = c.F * c.OH * c.OW;
    const Floats x = values(n * xs, kind, 997), w = values(ws, kind == ANY ? ANY : WHOLE, 1);
    const Floats b = values(c.F, kind == ANY ? ANY : WHOLE, 1), dy = values(n * ys, kind, 499);
    const Expected e = expected(n, c, x, w, with_bias ? &b : nullptr, dy);
    const Lanes x_lanes = to_lanes(n, xs, x, JUNK), dy_lanes = to_lanes(n, ys, dy, 0);
    const float* const bias = with_bias ? b.data() : nullptr;
    const std::string name =
        say("", {n, c.C, c.H, c.W, c.F, c.KH, c.KW, c.SH, c.SW, c.top, c.left, c.OH, c.OW}) +
        (kind == WHOLE ? " whole" : kind == STRANGE ? " strange" : " any");
    const double tolerance = kind == ANY ? 1e-5 : 0;

    Aligned<uint8_t> place(c.blocks * ys * LANES, 77);
    check("conv_pool" + name, e.y, tolerance, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes y(c.blocks * ys * LANES, NAN), again(c.blocks * ys * LANES, NAN);
        k.conv_pool(c, x_lanes, w.data(), bias, y, place);
        k.conv_pool(c, x_lanes, w.data(), bias, again, nullptr);
        if (std::memcmp(y.begin(), again.begin(), y.size() * sizeof(float)))
            fail("conv_pool" + name + ": differs without places");
        for (Size i = 0; i < n * ys; i++)
            if (place[(i / ys / LANES * ys + i % ys) * LANES + i / ys % LANES] != e.place[i]) {
                fail("conv_pool" + name + ": place " + std::to_string(i) + " is wrong");
                break;
            }
        return from_lanes(n, ys, y);
    });
    // The input gradient starts from max_pool_backward's.
    check("max_pool_backward of conv_pool" + name, e.dx, 0, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes dx(c.blocks * whole * LANES, NAN);
        const Pool pool{c.blocks, c.F, c.OH, c.OW, 2, 2, 2, 2, 0, 0, c.OH / 2, c.OW / 2};
        k.max_pool_backward(pool, dy_lanes, place, dx);
        check_padding(n, whole, dx, "max_pool_backward of conv_pool");
        return from_lanes(n, whole, dx);
    });
    check("conv_pool_weight_gradient" + name, e.gradients, tolerance, SAME_FOR_EACH_RUN, [&](const Kernels& k) {
        Floats out(e.gradients.size(), NAN);
        float* const db = with_bias ? out.data() + ws : nullptr;
        k.conv_pool_weight_gradient(c, x_lanes, dy_lanes, place, out.data(), db);
        return out;
    });
}

}  // namespace

void test_fused() {
    for (Size n : {0, 1, 7, 8, 9})
        for (Values kind : {WHOLE, STRANGE, ANY}) {
            test_shape(n, shape(1, 10, 12, 8, 5, 5), kind);
            test_shape(n, shape(4, 7, 8, 5, 3, 3), kind);                 // output 5 x 6: a row left out
            test_shape(n, shape(3, 6, 7, 3, 3, 3, 1, 1, 1, 1), kind);     // 6 x 7: a column
            test_shape(n, shape(2, 5, 5, 2, 3, 3, 1, 1, 1, 1), kind, false);
            test_shape(n, shape(1, 5, 6, 1, 3, 3, 1, 1, 0, 1), kind);
        }
    for (Values kind : {WHOLE, ANY}) {
        for (Size K = 1; K <= 7; K++)
            for (Size pad : {Size{0}, K / 2, K})
                test_shape(9, shape(2, K + 3, K + 4, 3, K, K, 1, 1, pad, pad), kind);
        for (Size S : {2, 3})
            for (Size K : {1, 2, 3, 4, 5})
                test_shape(9, shape(3, 9, 11, 5, K, K, S, S, K / 2, K / 2), kind);
        test_shape(9, shape(3, 9, 11, 5, 3, 5, 2, 1, 1, 2), kind);
        test_shape(9, shape(3, 8, 9, 4, 3, 2, 1, 1, 0, 1, 2, 0), kind);   // more below than above
        test_shape(3, shape(2, 2, 2, 4, 5, 5, 1, 1, 2, 2), kind);         // kernel larger than the picture
        test_shape(3, shape(2, 3, 3, 4, 3, 3), kind);                     // one pixel: nothing to pool
        test_shape(3, shape(2, 4, 6, 4, 4, 3), kind);                     // one row
        for (Size F = 1; F <= 9; F++) test_shape(3, shape(1 + F % 3, 7, 8, F, 3, 3), kind);
    }
    test_shape(100, shape(1, 28, 28, 8, 5, 5), WHOLE);
    test_shape(100, shape(4, 12, 12, 16, 3, 3), WHOLE);
    test_shape(20, shape(2, 70, 6, 3, 3, 3, 1, 1, 1, 1), STRANGE);        // several bands of rows
}

}  // namespace byhand::tests
