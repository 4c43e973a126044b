// Linear layers, normalisation, activations, dropout and losses for Python.
#include "arguments.hpp"

namespace byhand {
namespace {

// Element by element -----------------------------------------------------------------------------------

template <auto Kernel>
Owned of_one(const Memory& x) {
    Owned y = new_floats(x.float_count());
    compute(4.0 * x.float_count(), [&] { (kernels().*Kernel)(x.float_count(), x.floats(), y->floats()); });
    return y;
}

template <auto Kernel>
Owned of_two(const Memory& a, const Memory& b) {
    need(b, a.float_count(), "the second array");
    Owned y = new_floats(a.float_count());
    compute(4.0 * a.float_count(),
            [&] { (kernels().*Kernel)(a.float_count(), a.floats(), b.floats(), y->floats()); });
    return y;
}

Owned leaky_relu(const Memory& x, float slope) {
    Owned y = new_floats(x.float_count());
    compute(4.0 * x.float_count(), [&] { kernels().leaky_relu(x.float_count(), slope, x.floats(), y->floats()); });
    return y;
}

Owned leaky_relu_backward(const Memory& x, const Memory& dy, float slope) {
    need(dy, x.float_count(), "dy");
    Owned dx = new_floats(x.float_count());
    compute(4.0 * x.float_count(), [&] {
        kernels().leaky_relu_backward(x.float_count(), slope, x.floats(), dy.floats(), dx->floats());
    });
    return dx;
}

// Over the channels K of (blocks, K, P, L).
template <auto Kernel>
Owned over_channels(Size blocks, Size K, Size P, const Memory& x) {
    need(x, Count(blocks) * K * P * LANES, "x");
    Owned y = new_floats(x.float_count());
    compute(10.0 * x.float_count(), [&] { (kernels().*Kernel)(blocks, K, P, x.floats(), y->floats()); });
    return y;
}

template <auto Kernel>
Owned over_channels_backward(Size blocks, Size K, Size P, const Memory& y, const Memory& dy) {
    need(y, Count(blocks) * K * P * LANES, "y");
    need(dy, Count(blocks) * K * P * LANES, "dy");
    Owned dx = new_floats(y.float_count());
    compute(10.0 * y.float_count(),
            [&] { (kernels().*Kernel)(blocks, K, P, y.floats(), dy.floats(), dx->floats()); });
    return dx;
}

nb::tuple dropout(Size blocks, Size features, const Memory& x, uint32_t key0, uint32_t key1, int64_t first,
                  uint64_t threshold, float scale) {
    need(x, Count(blocks) * features * LANES, "x");
    const Result y(new_floats(x.float_count())), kept(new_bytes(x.float_count()));
    compute(100.0 * x.float_count(), [&] {
        kernels().dropout(blocks, features, x.floats(), y->floats(), kept->bytes(), key0, key1, first, threshold,
                          scale);
    });
    return nb::make_tuple(y.object, kept.object);
}

Owned dropout_backward(const Memory& dy, const Memory& kept, float scale) {
    need_bytes(kept, dy.float_count(), "the mask");
    Owned dx = new_floats(dy.float_count());
    compute(4.0 * dy.float_count(), [&] {
        kernels().dropout_backward(dy.float_count(), dy.floats(), kept.bytes(), scale, dx->floats());
    });
    return dx;
}

// Linear -----------------------------------------------------------------------------------------------

Owned linear(Size blocks, Size I, Size O, const Memory& x, nb::handle weight, nb::handle bias, bool relu) {
    need(x, Count(blocks) * I * LANES, "x");
    const Array<float> w(weight, Count(I) * O, "the weight"), b(bias, O, "the bias");
    Owned y = new_floats(Count(blocks) * O * LANES);
    compute(2.0 * LANES * blocks * I * O, [&] { kernels().linear(blocks, I, O, x.floats(), w, b, y->floats(), relu); });
    return y;
}

Owned linear_input_gradient(Size blocks, Size I, Size O, const Memory& dy, nb::handle weight) {
    need(dy, Count(blocks) * O * LANES, "dy");
    const Array<float> w(weight, Count(I) * O, "the weight");
    Owned dx = new_floats(Count(blocks) * I * LANES);
    compute(2.0 * LANES * blocks * I * O,
            [&] { kernels().linear_input_gradient(blocks, I, O, dy.floats(), w, dx->floats()); });
    return dx;
}

void linear_weight_gradient(Size blocks, Size I, Size O, const Memory& x, const Memory& dy, nb::handle dweight,
                            nb::handle dbias) {
    need(x, Count(blocks) * I * LANES, "x");
    need(dy, Count(blocks) * O * LANES, "dy");
    const Array<float> dw(dweight, Count(I) * O, "dweight", true), db(dbias, O, "dbias", true);
    compute(2.0 * LANES * blocks * I * O, [&] {
        kernels().linear_weight_gradient(blocks, I, O, x.floats(), dy.floats(), dw.data(), db.data());
    });
}

// Of n images as a plain array, into y.
void linear_rows(Size n, Size I, Size O, nb::handle x, nb::handle weight, nb::handle bias, nb::handle y,
                 bool relu) {
    const Array<float> in(x, Count(n) * I, "x"), w(weight, Count(I) * O, "the weight"), b(bias, O, "the bias");
    const Array<float> out(y, Count(n) * O, "y", true);
    compute(2.0 * n * I * O, [&] { kernels().linear_rows(n, I, O, in, w, b, out.data(), relu); });
}

// Batch normalisation ------------------------------------------------------------------------------------

void batch_norm_statistics(Size n, Size C, Size P, const Memory& x, nb::handle mean, nb::handle var) {
    need(x, blocks_of(n) * C * P * LANES, "x");
    const Array<float> means(mean, C, "mean", true), vars(var, C, "var", true);
    compute(4.0 * x.float_count(),
            [&] { kernels().batch_norm_statistics(n, C, P, x.floats(), means.data(), vars.data()); });
}

// y and the normalised x.
nb::tuple batch_norm(Size blocks, Size C, Size P, const Memory& x, nb::handle mean, nb::handle inverse_std,
                     nb::handle weight, nb::handle bias) {
    need(x, Count(blocks) * C * P * LANES, "x");
    const Array<float> means(mean, C, "mean"), inverse(inverse_std, C, "inverse_std");
    const Array<float> w(weight, C, "the weight"), b(bias, C, "the bias");
    const Result y(new_floats(x.float_count())), xhat(new_floats(x.float_count()));
    compute(4.0 * x.float_count(), [&] {
        kernels().batch_norm(blocks, C, P, x.floats(), means, inverse, w, b, xhat->floats(), y->floats());
    });
    return nb::make_tuple(y.object, xhat.object);
}

void batch_norm_weight_gradient(Size blocks, Size C, Size P, const Memory& xhat, const Memory& dy,
                                nb::handle dweight, nb::handle dbias) {
    need(xhat, Count(blocks) * C * P * LANES, "xhat");
    need(dy, Count(blocks) * C * P * LANES, "dy");
    const Array<float> dw(dweight, C, "dweight", true), db(dbias, C, "dbias", true);
    compute(4.0 * dy.float_count(), [&] {
        kernels().batch_norm_weight_gradient(blocks, C, P, xhat.floats(), dy.floats(), dw.data(), db.data());
    });
}

Owned batch_norm_input_gradient(Size n, Size C, Size P, const Memory& xhat, const Memory& dy, nb::handle scale,
                                  nb::handle dweight, nb::handle dbias) {
    need(xhat, blocks_of(n) * C * P * LANES, "xhat");
    need(dy, blocks_of(n) * C * P * LANES, "dy");
    const Array<float> scales(scale, C, "scale"), dw(dweight, C, "dweight"), db(dbias, C, "dbias");
    Owned dx = new_floats(dy.float_count());
    compute(4.0 * dy.float_count(), [&] {
        kernels().batch_norm_input_gradient(n, C, P, xhat.floats(), dy.floats(), scales, dw, db, dx->floats());
    });
    return dx;
}

// Losses -------------------------------------------------------------------------------------------------
// One number an image: lanes of no features, which lie in memory as plain (n) with zeros behind.

struct LossMemory {
    Result losses, kept;
    LossMemory(Size n, const Memory& outputs)
        : losses(new_floats(blocks_of(n) * LANES)), kept(new_floats(outputs.float_count())) {
        for (Size i = n; i < blocks_of(n) * LANES; i++) losses->floats()[i] = 0;
    }
    nb::tuple both() const { return nb::make_tuple(losses.object, kept.object); }
};

void need_labels(const int64_t* labels, Size n, Size K) {
    if (K > INT32_MAX) shape_error("there are more classes than a label can tell apart");
    for (Size i = 0; i < n; i++)
        if (labels[i] < 0 || labels[i] >= K) shape_error("a label is outside of the classes");
}

// The losses, and the probabilities that backward needs.
nb::tuple cross_entropy(Size n, Size K, const Memory& logits, nb::handle targets) {
    need(logits, blocks_of(n) * K * LANES, "logits");
    const Array<float> t(targets, Count(n) * K, "the targets");
    const LossMemory to(n, logits);
    kernels().cross_entropy(n, K, logits.floats(), t, to.losses->floats(), to.kept->floats());
    return to.both();
}

Owned cross_entropy_backward(Size n, Size K, const Memory& dlosses, const Memory& probabilities,
                               nb::handle targets) {
    need(probabilities, blocks_of(n) * K * LANES, "the probabilities");
    need(dlosses, blocks_of(n) * LANES, "dlosses");
    const Array<float> t(targets, Count(n) * K, "the targets");
    Owned dlogits = new_floats(probabilities.float_count());
    kernels().cross_entropy_backward(n, K, dlosses.floats(), probabilities.floats(), t, dlogits->floats());
    return dlogits;
}

nb::tuple cross_entropy_labels(Size n, Size K, const Memory& logits, nb::handle labels, float smoothing) {
    need(logits, blocks_of(n) * K * LANES, "logits");
    const Array<int64_t> t(labels, n, "the labels");
    need_labels(t, n, K);
    const LossMemory to(n, logits);
    kernels().cross_entropy_labels(n, K, logits.floats(), t, smoothing, to.losses->floats(), to.kept->floats());
    return to.both();
}

Owned cross_entropy_labels_backward(Size n, Size K, const Memory& dlosses, const Memory& probabilities,
                                      nb::handle labels, float smoothing) {
    need(probabilities, blocks_of(n) * K * LANES, "the probabilities");
    need(dlosses, blocks_of(n) * LANES, "dlosses");
    const Array<int64_t> t(labels, n, "the labels");
    need_labels(t, n, K);
    Owned dlogits = new_floats(probabilities.float_count());
    kernels().cross_entropy_labels_backward(n, K, dlosses.floats(), probabilities.floats(), t, smoothing,
                                            dlogits->floats());
    return dlogits;
}

// The losses, and their derivatives by the outputs.
template <auto Kernel>
nb::tuple difference_loss(Size n, Size M, const Memory& outputs, nb::handle targets) {
    need(outputs, blocks_of(n) * M * LANES, "outputs");
    const Array<float> t(targets, Count(n) * M, "the targets");
    const LossMemory to(n, outputs);
    (kernels().*Kernel)(n, M, outputs.floats(), t, to.losses->floats(), to.kept->floats());
    return to.both();
}

Owned scale_images(Size n, Size M, const Memory& derivative, const Memory& dlosses) {
    need(derivative, blocks_of(n) * M * LANES, "the derivative");
    need(dlosses, blocks_of(n) * LANES, "dlosses");
    Owned dx = new_floats(derivative.float_count());
    kernels().scale_images(n, M, derivative.floats(), dlosses.floats(), dx->floats());
    return dx;
}

// The sum of the first n numbers.
double sum(const Memory& values, Size n) {
    if (n > values.float_count()) shape_error("there are fewer numbers than are to be summed");
    double all = 0;
    for (Size i = 0; i < n; i++) all += static_cast<double>(values.floats()[i]);
    return all;
}

}  // namespace

void bind_values(nb::module_& m) {
    m.def("relu", of_one<&Kernels::relu>);
    m.def("relu_backward", of_two<&Kernels::relu_backward>);  // y, dy
    m.def("add", of_two<&Kernels::add>);
    m.def("leaky_relu", leaky_relu);
    m.def("leaky_relu_backward", leaky_relu_backward);
    m.def("sigmoid", of_one<&Kernels::sigmoid>);
    m.def("sigmoid_backward", of_two<&Kernels::sigmoid_backward>);  // y, dy
    m.def("tanh", of_one<&Kernels::tanh>);
    m.def("tanh_backward", of_two<&Kernels::tanh_backward>);  // y, dy
    m.def("gelu", of_one<&Kernels::gelu>);
    m.def("gelu_backward", of_two<&Kernels::gelu_backward>);  // x, dy
    m.def("softmax", over_channels<&Kernels::softmax>);
    m.def("softmax_backward", over_channels_backward<&Kernels::softmax_backward>);
    m.def("log_softmax", over_channels<&Kernels::log_softmax>);
    m.def("log_softmax_backward", over_channels_backward<&Kernels::log_softmax_backward>);
    m.def("dropout", dropout);
    m.def("dropout_backward", dropout_backward);
    m.def("linear", linear, nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg().none(), nb::arg());
    m.def("linear_input_gradient", linear_input_gradient);
    m.def("linear_weight_gradient", linear_weight_gradient, nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg().none());
    m.def("linear_rows", linear_rows, nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg().none(),
          nb::arg(), nb::arg());
    m.def("batch_norm_statistics", batch_norm_statistics);
    m.def("batch_norm", batch_norm);
    m.def("batch_norm_weight_gradient", batch_norm_weight_gradient);
    m.def("batch_norm_input_gradient", batch_norm_input_gradient, nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg().none(), nb::arg().none());
    m.def("cross_entropy", cross_entropy);
    m.def("cross_entropy_backward", cross_entropy_backward);
    m.def("cross_entropy_labels", cross_entropy_labels);
    m.def("cross_entropy_labels_backward", cross_entropy_labels_backward);
    m.def("mean_squared_error", difference_loss<&Kernels::mean_squared_error>);
    m.def("binary_cross_entropy", difference_loss<&Kernels::binary_cross_entropy>);
    m.def("scale_images", scale_images);
    m.def("sum", sum);
}

}  // namespace byhand
