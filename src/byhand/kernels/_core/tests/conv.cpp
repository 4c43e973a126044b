// Convolution against plain loops: forward and both gradients.
#include "support.hpp"

namespace byhand::tests {
namespace {

struct ConvShape {
    Size C, H, W, F, KH, KW, SH, SW, top, left, OH, OW;
};

// For each product of the convolution: body(index of y, of x, of w) for one image.
template <class Body>
void for_products(const ConvShape& s, const Body& body) {
    for (Size f = 0; f < s.F; f++)
        for (Size i = 0; i < s.OH; i++)
            for (Size j = 0; j < s.OW; j++)
                for (Size c = 0; c < s.C; c++)
                    for (Size u = 0; u < s.KH; u++)
                        for (Size v = 0; v < s.KW; v++) {
                            const Size row = i * s.SH + u - s.top, column = j * s.SW + v - s.left;
                            if (row < 0 || row >= s.H || column < 0 || column >= s.W) continue;
                            body((f * s.OH + i) * s.OW + j, (c * s.H + row) * s.W + column,
                                 ((f * s.C + c) * s.KH + u) * s.KW + v);
                        }
}

void test_shape(Size n, const ConvShape& s, bool with_bias, bool with_relu) {
    const Size xs = s.C * s.H * s.W, ys = s.F * s.OH * s.OW, ws = s.F * s.C * s.KH * s.KW;
    const Conv conv{blocks_of(n), s.C, s.H, s.W, s.F, s.KH, s.KW, s.SH, s.SW, s.top, s.left, s.OH, s.OW};
    const Floats x = random_floats(n * xs), w = random_floats(ws), b = random_floats(s.F);
    const Floats dy = random_floats(n * ys);
    const Lanes x_lanes = to_lanes(n, xs, x, JUNK), dy_lanes = to_lanes(n, ys, dy, 0);

    Doubles y(n * ys), dx(n * xs), gradients(ws + (with_bias ? s.F : 0));
    for (Size i = 0; i < n; i++) {
        for (Size k = 0; k < ys; k++) {
            y[i * ys + k] = with_bias ? b[k / (s.OH * s.OW)] : 0;
            if (with_bias) gradients[ws + k / (s.OH * s.OW)] += dy[i * ys + k];
        }
        for_products(s, [&](Size to, Size from, Size weight) {
            y[i * ys + to] += double(w[weight]) * x[i * xs + from];
            dx[i * xs + from] += double(w[weight]) * dy[i * ys + to];
            gradients[weight] += double(dy[i * ys + to]) * x[i * xs + from];
        });
    }
    if (with_relu)
        for (double& v : y) v = std::max(v, 0.0);

    const std::string shape =
        say("", {n, s.C, s.H, s.W, s.F, s.KH, s.KW, s.SH, s.SW, s.top, s.left, s.OH, s.OW});
    check("conv_forward" + shape, y, 1e-4, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(conv.blocks * ys * LANES, NAN);
        k.conv_forward(conv, x_lanes, w.data(), with_bias ? b.data() : nullptr, out, with_relu);
        return from_lanes(n, ys, out);
    });
    check("conv_input_gradient" + shape, dx, 1e-4, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(conv.blocks * xs * LANES, NAN);
        k.conv_input_gradient(conv, dy_lanes, w.data(), out);
        check_padding(n, xs, out, "conv_input_gradient");
        return from_lanes(n, xs, out);
    });
    check("conv_weight_gradient" + shape, gradients, 1e-3, SAME_FOR_EACH_RUN, [&](const Kernels& k) {
        Floats out(gradients.size(), NAN);
        k.conv_weight_gradient(conv, x_lanes, dy_lanes, out.data(), with_bias ? out.data() + ws : nullptr);
        return out;
    });
}

}  // namespace

void test_conv() {
    for (Size n : {0, 1, 7, 8, 9}) {
        test_shape(n, {2, 7, 9, 5, 3, 3, 1, 1, 1, 1, 7, 9}, true, true);
        test_shape(n, {1, 9, 8, 4, 5, 5, 1, 1, 0, 0, 5, 4}, true, false);
        test_shape(n, {3, 8, 7, 6, 3, 2, 2, 3, 1, 0, 4, 2}, false, true);
        test_shape(n, {5, 6, 6, 3, 1, 1, 1, 1, 0, 0, 6, 6}, false, false);
        test_shape(n, {2, 5, 5, 3, 4, 4, 1, 1, 1, 1, 5, 5}, true, false);  // more padding below
    }
    test_shape(100, {1, 28, 28, 8, 5, 5, 1, 1, 0, 0, 24, 24}, true, true);
    test_shape(100, {16, 10, 10, 16, 3, 3, 1, 1, 1, 1, 10, 10}, true, false);
}

}  // namespace byhand::tests
