// Convolution and the fully connected layer on plain arrays of few images, against plain loops.
#include <utility>

#include "support.hpp"

namespace byhand::tests {
namespace {

Conv shape(Size n, Size C, Size H, Size W, Size F, Size KH, Size KW, Size SH = 1, Size SW = 1, Size top = 0,
           Size left = 0, Size bottom = -1, Size right = -1) {
    if (bottom < 0) bottom = top;
    if (right < 0) right = left;
    return {n, C, H, W, F, KH, KW, SH, SW, top, left, (H + top + bottom - KH) / SH + 1,
            (W + left + right - KW) / SW + 1};
}

// As kernels/reference has it: padding is zeros, which are multiplied too.
Doubles convolved(const Conv& c, const Floats& x, const Floats& w, const Floats* b, bool relu) {
    Doubles y(c.blocks * c.F * c.OH * c.OW);
    for (Size to = 0; to < static_cast<Size>(y.size()); to++) {
        const Size image = to / (c.F * c.OH * c.OW), f = to / (c.OH * c.OW) % c.F;
        y[to] = b ? (*b)[f] : 0;
        for (Size k = 0; k < c.C * c.KH * c.KW; k++) {
            const Size row = to / c.OW % c.OH * c.SH + k / c.KW % c.KH - c.top;
            const Size column = to % c.OW * c.SW + k % c.KW - c.left;
            const bool outside = row < 0 || row >= c.H || column < 0 || column >= c.W;
            const Size from = ((image * c.C + k / (c.KH * c.KW)) * c.H + row) * c.W + column;
            y[to] += double(w[f * c.C * c.KH * c.KW + k]) * (outside ? 0 : x[from]);
        }
        if (relu && y[to] < 0) y[to] = 0;
    }
    return y;
}

Doubles pooled(const Conv& c, const Doubles& y) {
    const Size PH = c.OH / 2, PW = c.OW / 2;
    Doubles largest(c.blocks * c.F * PH * PW);
    for (Size to = 0; to < static_cast<Size>(largest.size()); to++) {
        const double* const first = &y[(to / (PH * PW) * c.OH + to / PW % PH * 2) * c.OW + to % PW * 2];
        largest[to] = first[0];
        for (const double a : {first[1], first[c.OW], first[c.OW + 1]})
            if (a > largest[to] || std::isnan(a)) largest[to] = a;
    }
    return largest;
}

// With `strange`, NaN and infinities among the pictures, and one among the weights.
void test_conv(const Conv& c, bool with_bias = true, bool strange = false) {
    Floats x = random_floats(c.blocks * c.C * c.H * c.W), w = random_floats(c.F * c.C * c.KH * c.KW);
    const Floats b = random_floats(c.F);
    if (strange) {
        for (size_t i = 5; i < x.size(); i += 97)
            x[i] = static_cast<float>(i / 97 % 3 == 0 ? NaN : i / 97 % 3 == 1 ? INF : -INF);
        w[w.size() / 2] = static_cast<float>(INF);
    }
    const std::string name =
        say("", {c.blocks, c.C, c.H, c.W, c.F, c.KH, c.KW, c.SH, c.SW, c.top, c.left, c.OH, c.OW, with_bias});
    for (const bool relu : {false, true})
        for (const bool pool : {false, true}) {
            Doubles expected = convolved(c, x, w, with_bias ? &b : nullptr, relu);
            if (pool) expected = pooled(c, expected);
            check((pool ? "conv_rows with pool" : "conv_rows") + name, expected, 1e-5, SAME_FOR_ALL_THREADS,
                  [&](const Kernels& k) {
                      Floats y(expected.size(), NAN);
                      k.conv_rows(c, x.data(), w.data(), with_bias ? b.data() : nullptr, y.data(), relu, pool);
                      return y;
                  });
        }
}

void test_linear(Size n, Size I, Size O, bool with_bias, bool strange = false) {
    Floats x = random_floats(n * I), w = random_floats(O * I);
    const Floats b = random_floats(O);
    if (strange) {
        x[0] = static_cast<float>(INF);
        w[w.size() - 1] = static_cast<float>(NaN);
        w[w.size() / 2] = static_cast<float>(-INF);
    }
    for (const bool relu : {false, true}) {
        Doubles expected(n * O);
        for (Size to = 0; to < n * O; to++) {
            expected[to] = with_bias ? b[to % O] : 0;
            for (Size k = 0; k < I; k++) expected[to] += double(x[to / O * I + k]) * w[to % O * I + k];
            if (relu && expected[to] < 0) expected[to] = 0;
        }
        check(say("linear_rows", {n, I, O, with_bias, relu}), expected, 2e-5, SAME_FOR_ALL_THREADS,
              [&](const Kernels& k) {
                  Floats y(n * O, NAN);
                  k.linear_rows(n, I, O, x.data(), w.data(), with_bias ? b.data() : nullptr, y.data(), relu);
                  return y;
              });
    }
}

}  // namespace

void test_rows() {
    // Every width: below a vector, a vector, some of them with an overlap, several strips.
    for (Size W = 1; W <= 42; W++) test_conv(shape(1, 2, 5, W, 3, 1, 1));
    for (Size W : {3, 5, 9, 10, 11, 18, 28, 34, 35, 67})
        test_conv(shape(1, 2, 6, W, 4, 3, 3, 1, 1, 1, 1), W % 2);
    for (Size H = 1; H <= 13; H++) test_conv(shape(1, 1, H, 12, 2, 3, 5, 1, 1, 1, 0));
    for (Size F = 1; F <= 20; F++) test_conv(shape(1, 1 + F % 3, 6, 9, F, 3, 2));
    for (Size n : {0, 1, 2, 3, 7}) {
        test_conv(shape(n, 3, 7, 10, 5, 3, 3));
        test_conv(shape(n, 3, 7, 10, 5, 3, 3, 1, 1, 1, 1), false);
    }
    for (Size K = 1; K <= 7; K++)
        for (Size pad : {Size{0}, K / 2, K}) test_conv(shape(2, 2, K + 3, K + 9, 3, K, K, 1, 1, pad, pad));
    for (Size S : {2, 3, 4})
        for (Size K : {1, 2, 3, 5}) test_conv(shape(1, 3, 9, 29, 5, K, K, S, S, K / 2, K / 2));
    test_conv(shape(1, 3, 9, 30, 5, 3, 5, 2, 1, 1, 2));
    test_conv(shape(1, 3, 9, 30, 5, 3, 5, 1, 2, 0, 0));
    test_conv(shape(1, 3, 8, 19, 4, 3, 2, 1, 1, 0, 1, 2, 0));  // more below than above, and left than right
    test_conv(shape(1, 2, 2, 2, 4, 5, 5, 1, 1, 2, 2));         // kernel larger than the picture
    test_conv(shape(1, 2, 3, 3, 4, 3, 3));                     // one pixel: nothing to pool
    test_conv(shape(1, 0, 4, 9, 2, 3, 3));                     // no channel: the bias
    test_conv(shape(1, 1, 0, 9, 2, 2, 2, 1, 1, 1, 1));         // no row but the padding
    for (Size pad : {0, 1}) test_conv(shape(2, 2, 9, 21, 4, 3, 3, 1, 1, pad, pad), true, true);
    // So large that threads share them.
    test_conv(shape(1, 16, 28, 28, 16, 3, 3, 1, 1, 1, 1));
    test_conv(shape(1, 32, 14, 14, 32, 3, 3, 1, 1, 2, 2));
    test_conv(shape(2, 24, 8, 8, 64, 3, 3, 1, 1, 1, 1));
    test_conv(shape(1, 16, 30, 31, 20, 3, 3, 2, 2, 1, 1));

    for (Size n : {0, 1, 2, 3, 5})
        for (const auto& [I, O] :
             {std::pair{1L, 1L}, {5L, 3L}, {7L, 9L}, {8L, 8L}, {13L, 17L}, {48L, 7L}, {0L, 4L}})
            test_linear(n, I, O, I != 13);
    for (Size O = 1; O <= 18; O++) test_linear(1 + O % 3, 21, O, true);
    test_linear(1, 1152, 10, true);
    test_linear(3, 1000, 311, true);  // so large that threads share it
    for (Size I : {3, 8, 29}) test_linear(2, I, 6, true, true);
}

}  // namespace byhand::tests
