// Convolution and pooling for Python: sizes are checked once, when the geometry is made.
#include "arguments.hpp"
#include "windows.hpp"

namespace byhand {
namespace {

double operations(const Conv& c) { return 2.0 * y_floats(c) * c.C * c.KH * c.KW; }

Owned conv_forward(const Conv& geometry, Size blocks, const Memory& x, nb::handle weight, nb::handle bias,
                     bool relu) {
    const Conv c = blocks_in(geometry, blocks);
    need(x, x_floats(c), "x");
    const Array<float> w(weight, weights(c), "the weight"), b(bias, c.F, "the bias");
    Owned y = new_floats(y_floats(c));
    compute(operations(c), [&] { kernels().conv_forward(c, x.floats(), w, b, y->floats(), relu); });
    return y;
}

// y and the places of the maxima.
nb::tuple conv_pool(const Conv& geometry, Size blocks, const Memory& x, nb::handle weight, nb::handle bias) {
    const Conv c = blocks_in(geometry, blocks);
    need(x, x_floats(c), "x");
    const Array<float> w(weight, weights(c), "the weight"), b(bias, c.F, "the bias");
    const Result y(new_floats(pooled_floats(c))), place(new_bytes(pooled_floats(c)));
    compute(operations(c), [&] { kernels().conv_pool(c, x.floats(), w, b, y->floats(), place->bytes()); });
    return nb::make_tuple(y.object, place.object);
}

Owned conv_input_gradient(const Conv& geometry, Size blocks, const Memory& dy, nb::handle weight) {
    const Conv c = blocks_in(geometry, blocks);
    need(dy, y_floats(c), "dy");
    const Array<float> w(weight, weights(c), "the weight");
    Owned dx = new_floats(x_floats(c));
    compute(operations(c), [&] { kernels().conv_input_gradient(c, dy.floats(), w, dx->floats()); });
    return dx;
}

void conv_weight_gradient(const Conv& geometry, Size blocks, const Memory& x, const Memory& dy,
                          nb::handle dweight, nb::handle dbias) {
    const Conv c = blocks_in(geometry, blocks);
    need(x, x_floats(c), "x");
    need(dy, y_floats(c), "dy");
    const Array<float> dw(dweight, weights(c), "dweight", true), db(dbias, c.F, "dbias", true);
    compute(operations(c), [&] {
        kernels().conv_weight_gradient(c, x.floats(), dy.floats(), dw.data(), db.data());
    });
}

void conv_pool_weight_gradient(const Conv& geometry, Size blocks, const Memory& x, const Memory& dy,
                               const Memory& place, nb::handle dweight, nb::handle dbias) {
    const Conv c = blocks_in(geometry, blocks);
    need(x, x_floats(c), "x");
    need(dy, pooled_floats(c), "dy");
    need_bytes(place, pooled_floats(c), "place");
    const Array<float> dw(dweight, weights(c), "dweight", true), db(dbias, c.F, "dbias", true);
    compute(operations(c), [&] {
        kernels().conv_pool_weight_gradient(c, x.floats(), dy.floats(), place.bytes(), dw.data(), db.data());
    });
}

// Of n pictures as a plain array, into y.
void conv_rows(const Conv& geometry, Size n, nb::handle x, nb::handle weight, nb::handle bias, nb::handle y,
               bool relu, bool pool) {
    const Conv c = blocks_in(geometry, n);
    const Array<float> in(x, x_floats(c) / LANES, "x"), w(weight, weights(c), "the weight");
    const Array<float> b(bias, c.F, "the bias");
    const Array<float> out(y, (pool ? pooled_floats(c) : y_floats(c)) / LANES, "y", true);
    compute(operations(c) / LANES, [&] { kernels().conv_rows(c, in, w, b, out.data(), relu, pool); });
}

// Pooling ----------------------------------------------------------------------------------------------

double operations(const Pool& p) { return 4.0 * y_floats(p) * p.KH * p.KW; }

// y and the places of the maxima.
nb::tuple max_pool(const Pool& geometry, Size blocks, const Memory& x) {
    const Pool p = blocks_in(geometry, blocks);
    need(x, x_floats(p), "x");
    const Result y(new_floats(y_floats(p))), place(new_bytes(y_floats(p)));
    compute(operations(p), [&] { kernels().max_pool(p, x.floats(), y->floats(), place->bytes()); });
    return nb::make_tuple(y.object, place.object);
}

Owned max_pool_backward(const Pool& geometry, Size blocks, const Memory& dy, const Memory& place) {
    const Pool p = blocks_in(geometry, blocks);
    need(dy, y_floats(p), "dy");
    need_bytes(place, y_floats(p), "place");
    Owned dx = new_floats(x_floats(p));
    compute(operations(p), [&] { kernels().max_pool_backward(p, dy.floats(), place.bytes(), dx->floats()); });
    return dx;
}

Owned avg_pool(const Pool& geometry, Size blocks, const Memory& x) {
    const Pool p = blocks_in(geometry, blocks);
    need(x, x_floats(p), "x");
    Owned y = new_floats(y_floats(p));
    compute(operations(p), [&] { kernels().avg_pool(p, x.floats(), y->floats()); });
    return y;
}

Owned avg_pool_backward(const Pool& geometry, Size blocks, const Memory& dy) {
    const Pool p = blocks_in(geometry, blocks);
    need(dy, y_floats(p), "dy");
    Owned dx = new_floats(x_floats(p));
    compute(operations(p), [&] { kernels().avg_pool_backward(p, dy.floats(), dx->floats()); });
    return dx;
}

Owned global_avg_pool(Size planes, Size places, const Memory& x) {
    need(x, Count(planes) * places * LANES, "x");
    Owned y = new_floats(Count(planes) * LANES);
    kernels().global_avg_pool(planes, places, x.floats(), y->floats());
    return y;
}

Owned global_avg_pool_backward(Size planes, Size places, const Memory& dy) {
    need(dy, Count(planes) * LANES, "dy");
    Owned dx = new_floats(Count(planes) * places * LANES);
    kernels().global_avg_pool_backward(planes, places, dy.floats(), dx->floats());
    return dx;
}

}  // namespace

void bind_windows(nb::module_& m) {
    nb::class_<Conv>(m, "Conv").def(
        "__init__",
        [](Conv* self, Size C, Size H, Size W, Size F, Size KH, Size KW, Size SH, Size SW, Size top, Size left,
           Size OH, Size OW) { new (self) Conv(checked(Conv{0, C, H, W, F, KH, KW, SH, SW, top, left, OH, OW})); });
    nb::class_<Pool>(m, "Pool").def(
        "__init__", [](Pool* self, Size C, Size H, Size W, Size KH, Size KW, Size SH, Size SW, Size top,
                       Size left, Size OH, Size OW) {
            new (self) Pool(checked(Pool{0, C, H, W, KH, KW, SH, SW, top, left, OH, OW}));
        });
    m.def("conv_forward", conv_forward, nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg().none(), nb::arg());
    m.def("conv_pool", conv_pool, nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg().none());
    m.def("conv_input_gradient", conv_input_gradient);
    m.def("conv_weight_gradient", conv_weight_gradient, nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(),
          nb::arg().none());
    m.def("conv_pool_weight_gradient", conv_pool_weight_gradient, nb::arg(), nb::arg(), nb::arg(), nb::arg(),
          nb::arg(), nb::arg(), nb::arg().none());
    m.def("conv_rows", conv_rows, nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg().none(), nb::arg(),
          nb::arg(), nb::arg());
    m.def("max_pool", max_pool);
    m.def("max_pool_backward", max_pool_backward);
    m.def("avg_pool", avg_pool);
    m.def("avg_pool_backward", avg_pool_backward);
    m.def("global_avg_pool", global_avg_pool);
    m.def("global_avg_pool_backward", global_avg_pool_backward);
}

}  // namespace byhand
