// All kernels for one instruction set: compiled once for each, with its flags and with
// -DBYHAND_ISA_NAME=avx512, avx2, baseline or neon, which is also the namespace.
//
// What two such objects define under one name, the linker takes from either, so that AVX code could end up
// in the table of a processor without AVX. Hence all is static and inside the namespace, standard headers
// come before it, and the .inl files use no inline function of theirs.
#include <math.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "core.hpp"
#include "threads.hpp"

#define BYHAND_STRING_(name) #name
#define BYHAND_STRING(name) BYHAND_STRING_(name)

namespace byhand {
namespace BYHAND_ISA_NAME {

// Takes the place of byhand::parallel_for in here, without std::function.
template <class Body>
static void parallel_for(Size units, double cost, const Body& body) {
    run_loop(
        units, cost,
        [](const void* context, Size begin, Size end, int slot) {
            (*static_cast<const Body*>(context))(begin, end, slot);
        },
        &body);
}

#include "simd.hpp"

#include "vectors.inl"

#include "math.inl"

#include "conv.inl"

#include "peak.inl"

#include "pack.inl"

#include "pool.inl"

#include "fused.inl"

#include "linear.inl"

#include "rows.inl"

#include "elementwise.inl"

#include "activation.inl"

#include "norm.inl"

#include "optim.inl"

#include "loss.inl"

extern const Kernels table;
const Kernels table = {
    .name = BYHAND_STRING(BYHAND_ISA_NAME),
    .multiply_adds = multiply_adds,
    .operations_per_turn = 2.0 * CHAINS * (double)(sizeof(Q) / sizeof(float)),
    .conv_forward = conv_forward,
    .conv_input_gradient = conv_input_gradient,
    .conv_weight_gradient = conv_weight_gradient,
    .conv_pool = conv_pool,
    .conv_pool_weight_gradient = conv_pool_weight_gradient,
    .pack = pack,
    .unpack = unpack,
    .gather = gather,
    .max_pool = max_pool,
    .max_pool_backward = max_pool_backward,
    .avg_pool = avg_pool,
    .avg_pool_backward = avg_pool_backward,
    .global_avg_pool = global_avg_pool,
    .global_avg_pool_backward = global_avg_pool_backward,
    .linear = linear,
    .linear_input_gradient = linear_input_gradient,
    .linear_weight_gradient = linear_weight_gradient,
    .conv_rows = conv_rows,
    .linear_rows = linear_rows,
    .relu = relu,
    .relu_backward = relu_backward,
    .add = add,
    .dropout = dropout,
    .dropout_backward = dropout_backward,
    .leaky_relu = leaky_relu,
    .leaky_relu_backward = leaky_relu_backward,
    .sigmoid = sigmoid,
    .sigmoid_backward = sigmoid_backward,
    .tanh = tanh,
    .tanh_backward = tanh_backward,
    .gelu = gelu,
    .gelu_backward = gelu_backward,
    .softmax = softmax,
    .softmax_backward = softmax_backward,
    .log_softmax = log_softmax,
    .log_softmax_backward = log_softmax_backward,
    .batch_norm_statistics = batch_norm_statistics,
    .batch_norm = batch_norm,
    .batch_norm_weight_gradient = batch_norm_weight_gradient,
    .batch_norm_input_gradient = batch_norm_input_gradient,
    .sgd = sgd,
    .adagrad = adagrad,
    .rmsprop = rmsprop,
    .adam = adam,
    .squares = squares,
    .cross_entropy = cross_entropy,
    .cross_entropy_labels = cross_entropy_labels,
    .cross_entropy_labels_backward = cross_entropy_labels_backward,
    .cross_entropy_backward = cross_entropy_backward,
    .mean_squared_error = mean_squared_error,
    .binary_cross_entropy = binary_cross_entropy,
    .scale_images = scale_images,
};

}  // namespace BYHAND_ISA_NAME
}  // namespace byhand
