// The optimisers and sums over flat vectors for Python: NumPy arrays in, changed in place.
#include "arguments.hpp"

namespace byhand {
namespace {

using Floats = Array<float>;

void sgd(nb::handle w, nb::handle g, nb::handle velocity, double rate, double momentum, double dampening,
         double decay, bool nesterov, bool first) {
    const Size n = count_of(w);
    const Floats weights(w, n, "w", true), gradient(g, n, "g"), v(velocity, n, "velocity", true);
    kernels().sgd(n, weights.data(), gradient, v.data(), rate, momentum, dampening, decay, nesterov, first);
}

void adagrad(nb::handle w, nb::handle g, nb::handle sum, double rate, double eps, double decay) {
    const Size n = count_of(w);
    const Floats weights(w, n, "w", true), gradient(g, n, "g"), s(sum, n, "sum", true);
    kernels().adagrad(n, weights.data(), gradient, s.data(), rate, eps, decay);
}

void rmsprop(nb::handle w, nb::handle g, nb::handle square, nb::handle velocity, double rate, double alpha,
             double eps, double momentum, double decay) {
    const Size n = count_of(w);
    const Floats weights(w, n, "w", true), gradient(g, n, "g"), s(square, n, "square", true);
    const Floats v(velocity, n, "velocity", true);
    kernels().rmsprop(n, weights.data(), gradient, s.data(), v.data(), rate, alpha, eps, momentum, decay);
}

void adam(nb::handle w, nb::handle g, nb::handle mean, nb::handle square, double rate, double root, double beta1,
          double beta2, double eps, double decay, double shrink) {
    const Size n = count_of(w);
    const Floats weights(w, n, "w", true), gradient(g, n, "g"), m(mean, n, "mean", true);
    const Floats s(square, n, "square", true);
    kernels().adam(n, weights.data(), gradient, m.data(), s.data(), rate, root, beta1, beta2, eps, decay, shrink);
}

void squares(nb::handle ends, nb::handle g, nb::handle sums) {
    const Size parts = count_of(ends), n = count_of(g);
    const Array<int64_t> end(ends, parts, "ends");
    const Floats gradient(g, n, "g");
    const Array<double> out(sums, parts, "sums", true);
    for (Size i = 0; i < parts; i++)
        if (end[i] < (i ? end[i - 1] : 0) || end[i] > n) shape_error("the parts' ends do not fit the vector");
    kernels().squares(parts, end, gradient, out.data());
}

}  // namespace

void bind_vectors(nb::module_& m) {
    m.def("sgd", sgd, nb::arg(), nb::arg(), nb::arg().none(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg());
    m.def("adagrad", adagrad);
    m.def("rmsprop", rmsprop, nb::arg(), nb::arg(), nb::arg(), nb::arg().none(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg());
    m.def("adam", adam);
    m.def("squares", squares);
}

}  // namespace byhand
