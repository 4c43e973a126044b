// The fully connected layer against plain loops: forward and both gradients.
#include <utility>

#include "support.hpp"

namespace byhand::tests {
namespace {

void test_shape(Size n, Size I, Size O, bool with_bias, bool with_relu) {
    const Size blocks = blocks_of(n);
    const Floats x = random_floats(n * I), w = random_floats(O * I), b = random_floats(O);
    const Floats dy = random_floats(n * O);
    const Lanes x_lanes = to_lanes(n, I, x, JUNK), dy_lanes = to_lanes(n, O, dy, 0);
    Doubles y(n * O), dx(n * I), gradients(O * I + (with_bias ? O : 0));
    for (Size i = 0; i < n; i++)
        for (Size o = 0; o < O; o++) {
            y[i * O + o] = with_bias ? b[o] : 0;
            if (with_bias) gradients[O * I + o] += dy[i * O + o];
            for (Size k = 0; k < I; k++) {
                y[i * O + o] += double(x[i * I + k]) * w[o * I + k];
                dx[i * I + k] += double(dy[i * O + o]) * w[o * I + k];
                gradients[o * I + k] += double(dy[i * O + o]) * x[i * I + k];
            }
        }
    if (with_relu)
        for (double& v : y) v = std::max(v, 0.0);
    const std::string shape = say("", {n, I, O, with_bias, with_relu});
    check("linear" + shape, y, 1e-4, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(blocks * O * LANES, NAN);
        k.linear(blocks, I, O, x_lanes, w.data(), with_bias ? b.data() : nullptr, out, with_relu);
        return from_lanes(n, O, out);
    });
    check("linear_input_gradient" + shape, dx, 1e-4, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Lanes out(blocks * I * LANES, NAN);
        k.linear_input_gradient(blocks, I, O, dy_lanes, w.data(), out);
        check_padding(n, I, out, "linear_input_gradient");
        return from_lanes(n, I, out);
    });
    check("linear_weight_gradient" + shape, gradients, 1e-4, SAME_FOR_ALL_THREADS, [&](const Kernels& k) {
        Floats out(gradients.size(), NAN);
        k.linear_weight_gradient(blocks, I, O, x_lanes, dy_lanes, out.data(),
                                 with_bias ? out.data() + O * I : nullptr);
        return out;
    });
}

}  // namespace

void test_linear() {
    for (Size n : {0, 1, 7, 8, 9, 100})
        for (const auto& [I, O] :
             {std::pair{1152L, 10L}, {169L, 64L}, {1L, 1L}, {5L, 3L}, {37L, 11L}, {0L, 4L}, {48L, 7L}})
            test_shape(n, I, O, I != 37, I != 1152);
    test_shape(100, 256, 120, true, true);
    test_shape(20, 1024, 50, true, false);  // 3 blocks, and a stride of a page
    test_shape(12, 50, 33, true, true);     // 2 blocks
}

}  // namespace byhand::tests
