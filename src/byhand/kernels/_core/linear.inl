// The fully connected layer, in tiles of outputs x blocks that stay in registers.
//
// Forward and input gradient are one product, with the weight read by rows or by columns:
//     y[b, r] = bias[r] + sum over k of w[r * row + k * step] * x[b, k]
// where each x is a vector of images and each w a scalar for all of them.

// R results of B blocks: R * B sums in registers, enough of them to hide the latency of a multiply-add and
// few enough for the 16 registers of AVX2.
template <int R, int B>
static void product_tile(long K, const float* x, const float* w, long row, long step, const float* bias,
                         float* y, long y_features) {
    V sum[R][B];
#pragma GCC unroll 8
    for (int r = 0; r < R; r++)
#pragma GCC unroll 8
        for (int b = 0; b < B; b++) sum[r][b] = splat(bias ? bias[r] : 0);

    for (long k = 0; k < K; k++) {
        V in[B];
#pragma GCC unroll 8
        for (int b = 0; b < B; b++) in[b] = ((const V*)x)[b * K + k];
#pragma GCC unroll 8
        for (int r = 0; r < R; r++) {
            const V weight = splat(w[r * row + k * step]);
#pragma GCC unroll 8
            for (int b = 0; b < B; b++) sum[r][b] += weight * in[b];
        }
    }

#pragma GCC unroll 8
    for (int r = 0; r < R; r++)
#pragma GCC unroll 8
        for (int b = 0; b < B; b++) ((V*)y)[b * y_features + r] = sum[r][b];
}

typedef void (*ProductTile)(long, const float*, const float*, long, long, const float*, float*, long);
static const long WIDEST = 3;                      // blocks in a tile
static const long TALLEST[WIDEST] = {8, 6, 4};     // results in a tile of 1, 2, 3 blocks
static const ProductTile PRODUCT_TILES[WIDEST][8] = {
    {product_tile<1, 1>, product_tile<2, 1>, product_tile<3, 1>, product_tile<4, 1>, product_tile<5, 1>,
     product_tile<6, 1>, product_tile<7, 1>, product_tile<8, 1>},
    {product_tile<1, 2>, product_tile<2, 2>, product_tile<3, 2>, product_tile<4, 2>, product_tile<5, 2>,
     product_tile<6, 2>},
    {product_tile<1, 3>, product_tile<2, 3>, product_tile<3, 3>, product_tile<4, 3>},
};

// Where part i of `total`, cut evenly into `parts`, begins; it ends where part i + 1 begins. Even parts,
// because a tile of one result takes as long as one of four.
static inline long part(long total, long parts, long i) { return total * i / parts; }

static void product(long blocks, long K, long R, const float* x, const float* w, long row, long step,
                    const float* bias, float* y) {
    if (blocks == 0 || R == 0) return;
    const long across = chunks(blocks, WIDEST), most = chunks(blocks, across);
    const long down = chunks(R, TALLEST[most - 1]);
    const double cost = 2.0 * LANES * (double)(blocks * R * K) / (double)(across * down);
    parallel_for(across * down, cost, [&](long begin, long end, int) {
        for (long unit = begin; unit < end; unit++) {
            const long b = part(blocks, across, unit / down), b_end = part(blocks, across, unit / down + 1);
            const long r = part(R, down, unit % down), r_end = part(R, down, unit % down + 1);
            PRODUCT_TILES[b_end - b - 1][r_end - r - 1](K, x + b * K * LANES, w + r * row, row, step,
                                                        bias ? bias + r : nullptr, y + (b * R + r) * LANES, R);
        }
    });
}

static void linear(long blocks, long I, long O, const float* x, const float* w, const float* b, float* y) {
    product(blocks, I, O, x, w, I, 1, b, y);
}

static void linear_input_gradient(long blocks, long I, long O, const float* dy, const float* w, float* dx) {
    product(blocks, O, I, dy, w, 1, I, nullptr, dx);
}

// The weight gradient --------------------------------------------------------------------------------

static const long COLUMNS = 4;  // of dw in one tile, and in one unit of work

// The two halves of a vector, added.
static inline Quad fold_halves(V v) {
    const QuadPair pair = halves(v);
    return pair.half[0] + pair.half[1];
}

// The four vectors' sums over their lanes.
static inline Quad sum_lanes(const V v[COLUMNS]) {
    const Quad a = fold_halves(v[0]), b = fold_halves(v[1]), c = fold_halves(v[2]), d = fold_halves(v[3]);
    const Quad ab = __builtin_shufflevector(a, b, 0, 4, 1, 5) + __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const Quad cd = __builtin_shufflevector(c, d, 0, 4, 1, 5) + __builtin_shufflevector(c, d, 2, 6, 3, 7);
    return __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
}

// dw[r, 0..3] for R outputs; panel (blocks, COLUMNS, L) holds the four columns of x.
template <int R>
static void weight_tile(long blocks, long O, const float* dy, const float* panel, Quad result[R]) {
    V sum[R][COLUMNS] = {};
    for (long b = 0; b < blocks; b++) {
        V g[R];
#pragma GCC unroll 4
        for (int r = 0; r < R; r++) g[r] = ((const V*)dy)[b * O + r];
#pragma GCC unroll 4
        for (int c = 0; c < COLUMNS; c++) {
            const V in = ((const V*)panel)[b * COLUMNS + c];
#pragma GCC unroll 4
            for (int r = 0; r < R; r++) sum[r][c] += g[r] * in;
        }
    }
#pragma GCC unroll 4
    for (int r = 0; r < R; r++) result[r] = sum_lanes(sum[r]);
}

typedef void (*WeightTile)(long, long, const float*, const float*, Quad*);
static const long ROWS = 3;
static const WeightTile WEIGHT_TILES[ROWS] = {weight_tile<1>, weight_tile<2>, weight_tile<3>};

static void linear_weight_gradient(long blocks, long I, long O, const float* x, const float* dy, float* dw,
                                   float* db) {
    const long down = chunks(O, ROWS);
    const double cost = 2.0 * LANES * (double)(blocks * O * COLUMNS);
    parallel_for(chunks(I, COLUMNS), cost, [&](long begin, long end, int slot) {
        // Four columns of x lie far apart, by a power of two at worst: copied, they stay in the cache.
        float* panel = scratch(slot, blocks * COLUMNS * LANES);
        for (long unit = begin; unit < end; unit++) {
            const long i = unit * COLUMNS, live = I - i < COLUMNS ? I - i : COLUMNS;
            for (long b = 0; b < blocks; b++)
                for (long c = 0; c < COLUMNS; c++)
                    ((V*)panel)[b * COLUMNS + c] = c < live ? ((const V*)x)[b * I + i + c] : V{};
            for (long t = 0; t < down; t++) {
                const long o = part(O, down, t), rows = part(O, down, t + 1) - o;
                Quad result[ROWS];
                WEIGHT_TILES[rows - 1](blocks, O, dy + o * LANES, panel, result);
                for (long r = 0; r < rows; r++) {
                    float* to = dw + (o + r) * I + i;
                    if (live == COLUMNS)
                        memcpy(to, &result[r], sizeof result[r]);
                    else
                        for (long c = 0; c < live; c++) to[c] = result[r][c];
                }
            }
        }
    });
    if (!db) return;
    for (long o = 0; o < O; o++) {
        V sum[COLUMNS] = {};
        for (long b = 0; b < blocks; b++) sum[0] += ((const V*)dy)[b * O + o];
        db[o] = sum_lanes(sum)[0];
    }
}
