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

namespace byhand {

constexpr long LANES = 8;

// A convolution of blocks * LANES pictures: sizes as in kernels/reference/conv.py. Padding at the
// bottom and right is what OH and OW need.
struct Conv {
    long blocks, C, H, W, F, KH, KW, SH, SW, top, left, OH, OW;
};

// A pooling window over blocks * C pictures.
struct Pool {
    long blocks, C, H, W, KH, KW, SH, SW, top, left, OH, OW;
};

struct Kernels {
    const char* name;  // of the instruction set

    // conv.inl ------------------------------------------------------------------------------------
    // y = conv(x, w) + b (b may be null); with relu, max(y, 0). Overwrites y (blocks, F, OH, OW, L).
    void (*conv_forward)(const Conv&, const float* x, const float* w, const float* b, float* y, bool relu);
    // Overwrites dx (blocks, C, H, W, L).
    void (*conv_input_gradient)(const Conv&, const float* dy, const float* w, float* dx);
    // Overwrites dw (F, C, KH, KW) and db (F; may be null).
    void (*conv_weight_gradient)(const Conv&, const float* x, const float* dy, float* dw, float* db);

    // pack.inl ------------------------------------------------------------------------------------
    // x (n, features) to lanes (ceil(n / L), features, L), padding lanes zero; and back.
    void (*pack)(long n, long features, const float* x, float* lanes);
    void (*unpack)(long n, long features, const float* lanes, float* x);
    // The images at index[0..n) of a uint8 set (N, C, pixels), standardised by channel and packed:
    // (value / 255 - mean[c]) / std[c], computed as value * scale[c] + shift[c].
    void (*gather)(long n, long C, long pixels, const uint8_t* images, const int64_t* index,
                   const float* scale, const float* shift, float* lanes);

    // pool.inl ------------------------------------------------------------------------------------
    // place (blocks, C, OH, OW, L) is the row-major place of the maximum in its window, the first of
    // equals; a NaN wins. place may be null when nobody goes backward.
    void (*max_pool)(const Pool&, const float* x, float* y, uint8_t* place);
    void (*max_pool_backward)(const Pool&, const float* dy, const uint8_t* place, float* dx);
    void (*avg_pool)(const Pool&, const float* x, float* y);
    void (*avg_pool_backward)(const Pool&, const float* dy, float* dx);

    // linear.inl ----------------------------------------------------------------------------------
    // x (blocks, I, L), w (O, I), b (O) or null, y (blocks, O, L).
    void (*linear)(long blocks, long I, long O, const float* x, const float* w, const float* b, float* y);
    void (*linear_input_gradient)(long blocks, long I, long O, const float* dy, const float* w, float* dx);
    void (*linear_weight_gradient)(long blocks, long I, long O, const float* x, const float* dy, float* dw,
                                   float* db);

    // elementwise.inl: `count` is the number of floats, lanes included ----------------------------
    void (*relu)(long count, const float* x, float* y);                          // y may be x
    void (*relu_backward)(long count, const float* y, const float* dy, float* dx);  // dx = dy where y > 0
    void (*add)(long count, const float* a, const float* b, float* y);
    // dropout: kept[i] = philox word of (key, image, feature) >= threshold; y = kept ? x * scale : 0.
    void (*dropout)(long blocks, long features, const float* x, float* y, uint8_t* kept, uint32_t key0,
                    uint32_t key1, int64_t first_image, uint64_t threshold, float scale);
    void (*dropout_backward)(long count, const float* dy, const uint8_t* kept, float scale, float* dx);

    // loss.inl ------------------------------------------------------------------------------------
    // logits (blocks, K, L), targets (n, K) plain. losses (n), probabilities (blocks, K, L) with
    // padding lanes zero.
    void (*cross_entropy)(long n, long K, const float* logits, const float* targets, float* losses,
                          float* probabilities);
    // dlogits = dlosses * (probabilities * sum(targets) - targets); padding lanes zero.
    void (*cross_entropy_backward)(long n, long K, const float* dlosses, const float* probabilities,
                                   const float* targets, float* dlogits);
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
