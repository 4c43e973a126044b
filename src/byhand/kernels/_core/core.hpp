// The compiled core's interface: every operation as a plain function on arrays whose innermost axis is
// a lane of images.
//
// An activation is float (blocks, features..., LANES), 64-byte aligned: block b, lane l is image
// b * LANES + l. Images past the n real ones are padding: their activations are finite and unspecified,
// their gradients exactly zero, so that sums over images need not look at n. Weights are plain arrays,
// (F, C, KH, KW) or (O, I). Each operation is compiled once for each instruction set (isa.cpp), and
// `kernels()` is the table of those that this processor runs fastest.
//
// Every function splits its work over the thread pool (threads.hpp) in units whose results do not
// depend on the number of threads, except sums over images, which are added in a fixed order for a
// fixed number of threads.
#pragma once
#include <cstdint>

#include "sizes.hpp"

namespace byhand {

constexpr Size LANES = 8;
constexpr uint8_t BLOCKED = 255;  // in conv_pool's place

// A convolution of blocks * LANES pictures: sizes as in kernels/reference/conv.py. Padding at the
// bottom and right is what OH and OW need.
struct Conv {
    Size blocks, C, H, W, F, KH, KW, SH, SW, top, left, OH, OW;
};

// A pooling window over blocks * C pictures.
struct Pool {
    Size blocks, C, H, W, KH, KW, SH, SW, top, left, OH, OW;
};

struct Kernels {
    const char* name;  // of the instruction set

    // peak.inl: so many turns of independent multiply-adds in registers; the result is of no use.
    float (*multiply_adds)(Size turns);
    double operations_per_turn;  // floating-point operations

    // conv.inl ------------------------------------------------------------------------------------
    // y = conv(x, w) + b (b may be null); with relu, max(y, 0). Overwrites y (blocks, F, OH, OW, L).
    void (*conv_forward)(const Conv&, const float* x, const float* w, const float* b, float* y, bool relu);
    // Overwrites dx (blocks, C, H, W, L).
    void (*conv_input_gradient)(const Conv&, const float* dy, const float* w, float* dx);
    // Overwrites dw (F, C, KH, KW) and db (F; may be null).
    void (*conv_weight_gradient)(const Conv&, const float* x, const float* dy, float* dw, float* db);
    // Convolution, ReLU and max pooling of windows 2 x 2 side by side (an odd last row or column is left
    // out), without the array in between: y (blocks, F, OH / 2, OW / 2, L). place, of y's shape, is where
    // in its window the maximum was, 0 .. 3, or BLOCKED where the ReLU holds the gradient back (y <= 0);
    // null when nobody goes backward.
    void (*conv_pool)(const Conv&, const float* x, const float* w, const float* b, float* y, uint8_t* place);
    // The same as max_pool_backward and conv_weight_gradient one after the other, dy being that of
    // conv_pool's y.
    void (*conv_pool_weight_gradient)(const Conv&, const float* x, const float* dy, const uint8_t* place,
                                      float* dw, float* db);

    // pack.inl ------------------------------------------------------------------------------------
    // x (n, features) to lanes (ceil(n / L), features, L), padding lanes zero; and back.
    void (*pack)(Size n, Size features, const float* x, float* lanes);
    void (*unpack)(Size n, Size features, const float* lanes, float* x);
    // The images at index[0..n) of a uint8 set (N, C, pixels), standardised by channel and packed:
    // (value / 255 - mean[c]) / std[c], computed as value * scale[c] + shift[c].
    void (*gather)(Size n, Size C, Size pixels, const uint8_t* images, const int64_t* index,
                   const float* scale, const float* shift, float* lanes);

    // pool.inl ------------------------------------------------------------------------------------
    // place (blocks, C, OH, OW, L) is the row-major place of the maximum in its window, the first of
    // equals; a NaN wins. place may be null when nobody goes backward.
    void (*max_pool)(const Pool&, const float* x, float* y, uint8_t* place);
    void (*max_pool_backward)(const Pool&, const float* dy, const uint8_t* place, float* dx);
    void (*avg_pool)(const Pool&, const float* x, float* y);
    void (*avg_pool_backward)(const Pool&, const float* dy, float* dx);
    // The mean of each plane: x (blocks * C, P, L), y (blocks * C, L).
    void (*global_avg_pool)(Size planes, Size P, const float* x, float* y);
    void (*global_avg_pool_backward)(Size planes, Size P, const float* dy, float* dx);

    // linear.inl ----------------------------------------------------------------------------------
    // x (blocks, I, L), w (O, I), b (O) or null, y (blocks, O, L).
    // With relu, max(y, 0).
    void (*linear)(Size blocks, Size I, Size O, const float* x, const float* w, const float* b, float* y,
                   bool relu);
    void (*linear_input_gradient)(Size blocks, Size I, Size O, const float* dy, const float* w, float* dx);
    void (*linear_weight_gradient)(Size blocks, Size I, Size O, const float* x, const float* dy, float* dw,
                                   float* db);

    // rows.inl: plain arrays of few images ----------------------------------------------------------
    // y = conv(x, w) + b; with relu, max(y, 0); with pool, the largest of each 2 x 2 of that, as conv_pool.
    // x (n, C, H, W), y (n, F, OH, OW) or (n, F, OH / 2, OW / 2); n is c.blocks.
    void (*conv_rows)(const Conv& c, const float* x, const float* w, const float* b, float* y, bool relu,
                      bool pool);
    // x (n, I), w (O, I), b (O) or null, y (n, O). With relu, max(y, 0).
    void (*linear_rows)(Size n, Size I, Size O, const float* x, const float* w, const float* b, float* y,
                        bool relu);

    // elementwise.inl: `count` is the number of floats, lanes included ----------------------------
    void (*relu)(Size count, const float* x, float* y);                          // y may be x
    void (*relu_backward)(Size count, const float* y, const float* dy, float* dx);  // dx = dy where y > 0
    void (*add)(Size count, const float* a, const float* b, float* y);
    // dropout: kept[i] = philox word of (key, image, feature) >= threshold; y = kept ? x * scale : 0.
    void (*dropout)(Size blocks, Size features, const float* x, float* y, uint8_t* kept, uint32_t key0,
                    uint32_t key1, int64_t first_image, uint64_t threshold, float scale);
    void (*dropout_backward)(Size count, const float* dy, const uint8_t* kept, float scale, float* dx);

    // activation.inl: y may be x, dx may be dy ----------------------------------------------------
    void (*leaky_relu)(Size count, float slope, const float* x, float* y);
    void (*leaky_relu_backward)(Size count, float slope, const float* x, const float* dy, float* dx);
    void (*sigmoid)(Size count, const float* x, float* y);
    void (*sigmoid_backward)(Size count, const float* y, const float* dy, float* dx);
    void (*tanh)(Size count, const float* x, float* y);
    void (*tanh_backward)(Size count, const float* y, const float* dy, float* dx);
    void (*gelu)(Size count, const float* x, float* y);
    void (*gelu_backward)(Size count, const float* x, const float* dy, float* dx);
    // Over axis K of (blocks, K, P, L); backward takes y.
    void (*softmax)(Size blocks, Size K, Size P, const float* x, float* y);
    void (*softmax_backward)(Size blocks, Size K, Size P, const float* y, const float* dy, float* dx);
    void (*log_softmax)(Size blocks, Size K, Size P, const float* x, float* y);
    void (*log_softmax_backward)(Size blocks, Size K, Size P, const float* y, const float* dy, float* dx);

    // norm.inl: x (blocks, C, P, L), the rest (C); sums over images take the n real ones only -------
    // mean and variance (divided by the n * P values of a channel), in two passes or as exact.
    void (*batch_norm_statistics)(Size n, Size C, Size P, const float* x, float* mean, float* var);
    // xhat = (x - mean) * inverse_std, kept unless null; y = xhat * w + b.
    void (*batch_norm)(Size blocks, Size C, Size P, const float* x, const float* mean, const float* inverse_std,
                       const float* w, const float* b, float* xhat, float* y);
    // dw = sum of dy * xhat, db = sum of dy (dy's padding lanes are zero).
    void (*batch_norm_weight_gradient)(Size blocks, Size C, Size P, const float* xhat, const float* dy,
                                       float* dw, float* db);
    // dx = scale * (dy - db / m - xhat * dw / m), m = n * P, scale (C); padding lanes zero. With dw and db
    // null, dx = scale * dy.
    void (*batch_norm_input_gradient)(Size n, Size C, Size P, const float* xhat, const float* dy,
                                      const float* scale, const float* dw, const float* db, float* dx);

    // optim.inl: flat vectors, in place; formulas as in optim/optimisers.py. The settings are double so
    // that 1 - beta2, say, is exact before it becomes a float. Vectors need no alignment. --------------
    // velocity null without momentum; at the first step velocity = g.
    void (*sgd)(Size count, float* w, const float* g, float* velocity, double rate, double momentum,
                double dampening, double decay, bool nesterov, bool first);
    void (*adagrad)(Size count, float* w, const float* g, float* sum, double rate, double eps, double decay);
    void (*rmsprop)(Size count, float* w, const float* g, float* square, float* velocity, double rate,
                    double alpha, double eps, double momentum, double decay);
    // rate is r / (1 - beta1^t), root is sqrt(1 - beta2^t); w is first multiplied by shrink (AdamW).
    void (*adam)(Size count, float* w, const float* g, float* mean, float* square, double rate, double root,
                 double beta1, double beta2, double eps, double decay, double shrink);
    // The sum of the squares of each part, part i being g[ends[i - 1] .. ends[i]) (ends[-1] is 0).
    void (*squares)(Size parts, const int64_t* ends, const float* g, double* sums);

    // loss.inl ------------------------------------------------------------------------------------
    // logits (blocks, K, L), targets (n, K) plain. losses (n), probabilities (blocks, K, L) with
    // padding lanes zero.
    void (*cross_entropy)(Size n, Size K, const float* logits, const float* targets, float* losses,
                          float* probabilities);
    // The same with targets given as labels (n), each 0 .. K - 1, and label smoothing.
    void (*cross_entropy_labels)(Size n, Size K, const float* logits, const int64_t* labels, float smoothing,
                                 float* losses, float* probabilities);
    void (*cross_entropy_labels_backward)(Size n, Size K, const float* dlosses, const float* probabilities,
                                          const int64_t* labels, float smoothing, float* dlogits);
    // dlogits = dlosses * (probabilities * sum(targets) - targets); padding lanes zero.
    void (*cross_entropy_backward)(Size n, Size K, const float* dlosses, const float* probabilities,
                                   const float* targets, float* dlogits);
    // Outputs (blocks, M, L) against plain targets (n, M): losses (n), and derivative (blocks, M, L), with
    // padding lanes zero, which dlosses is to be multiplied by.
    void (*mean_squared_error)(Size n, Size M, const float* outputs, const float* targets, float* losses,
                               float* derivative);
    void (*binary_cross_entropy)(Size n, Size M, const float* logits, const float* targets, float* losses,
                                 float* derivative);
    // dx = derivative * dlosses of its image.
    void (*scale_images)(Size n, Size M, const float* derivative, const float* dlosses, float* dx);
};

// The table of the instruction set in use: the best that the processor has, or BYHAND_ISA's.
const Kernels& kernels();
// Choose by name ("avx512", "avx2", "baseline"); false when it is not compiled in or cannot run here.
bool choose(const char* name);
// Those compiled in that this processor can run, best first; ends with null.
const char* const* available();
// What is wrong with BYHAND_ISA, in one sentence, or null: the best instruction set is used then.
const char* isa_problem();

}  // namespace byhand
