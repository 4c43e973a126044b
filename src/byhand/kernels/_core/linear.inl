// The fully connected layer, in tiles of outputs x blocks that stay in registers.
//
// Forward and input gradient are one product, with the weight read by rows or by columns:
//     y[b, r] = bias[r] + sum over k of w[r * row + k * step] * x[b, k]
// where each x is a vector of images and each w a scalar for all of them.

// Where tile t of `total`, cut into `tiles` as evenly as can be, begins; tile t + 1 begins where it ends. The
// larger ones come first.
static inline Size tile_begin(Size total, Size tiles, Size t) {
    const Size larger_ones = total % tiles;
    return t * (total / tiles) + (t < larger_ones ? t : larger_ones);
}

// One product for some blocks: rows and features as above.
struct Product {
    Size K;
    const float *x, *w;
    Size row, step;
    const float* bias;  // or null
    float* y;
    Size y_features;
    bool relu;
};

// `tiles` times R results from result r on, of B blocks from the first on: R * B sums in registers, enough of
// them to hide the latency of a multiply-add and few enough for the 16 registers of AVX2.
template <int R, int B>
static void product_tiles(const Product& p, Size r, Size tiles) {
    for (; tiles > 0; tiles--, r += R) {
        V sum[R][B];
#pragma GCC unroll 12
        for (int i = 0; i < R; i++)
#pragma GCC unroll 12
            for (int b = 0; b < B; b++) sum[i][b] = splat(p.bias ? p.bias[r + i] : 0);

        const float* w = p.w + r * p.row;
        for (Size k = 0; k < p.K; k++, w += p.step) {
            V in[B];
#pragma GCC unroll 12
            for (int b = 0; b < B; b++) in[b] = ((const V*)p.x)[b * p.K + k];
#pragma GCC unroll 12
            for (int i = 0; i < R; i++) {
                const V weight = splat(w[i * p.row]);
#pragma GCC unroll 12
                for (int b = 0; b < B; b++) sum[i][b] += weight * in[b];
            }
        }

#pragma GCC unroll 12
        for (int i = 0; i < R; i++)
#pragma GCC unroll 12
            for (int b = 0; b < B; b++)
                ((V*)p.y)[b * p.y_features + r + i] = p.relu ? larger(V{}, sum[i][b]) : sum[i][b];
    }
}

typedef void (*ProductTiles)(const Product&, Size, Size);
static const Size WIDEST = 3;                    // blocks in a tile
static const Size TALLEST[WIDEST] = {12, 6, 4};  // results in a tile of 1, 2, 3 blocks
static const ProductTiles PRODUCT_TILES[WIDEST][12] = {
    {product_tiles<1, 1>, product_tiles<2, 1>, product_tiles<3, 1>, product_tiles<4, 1>, product_tiles<5, 1>,
     product_tiles<6, 1>, product_tiles<7, 1>, product_tiles<8, 1>, product_tiles<9, 1>, product_tiles<10, 1>,
     product_tiles<11, 1>, product_tiles<12, 1>},
    {product_tiles<1, 2>, product_tiles<2, 2>, product_tiles<3, 2>, product_tiles<4, 2>, product_tiles<5, 2>,
     product_tiles<6, 2>},
    {product_tiles<1, 3>, product_tiles<2, 3>, product_tiles<3, 3>, product_tiles<4, 3>},
};

static void product(Size blocks, Size R, const Product& all) {
    if (blocks == 0 || R == 0) return;
    const Size across = chunks(blocks, WIDEST), down = chunks(R, TALLEST[chunks(blocks, across) - 1]);
    const double cost = 2.0 * LANES * (double)(blocks * R * all.K) / (double)(across * down);
    parallel_for(across * down, cost, [&](Size begin, Size end, int) {
        for (Size unit = begin; unit < end;) {
            const Size first = unit / down, t = unit % down, b = tile_begin(blocks, across, first);
            Product some = all;
            some.x += b * all.K * LANES;
            some.y += b * R * LANES;
            // As many tiles as are of one size, for these blocks and this thread.
            const Size last = t < R % down ? R % down : down;
            const Size tiles = last - t < end - unit ? last - t : end - unit;
            const Size r = tile_begin(R, down, t), rows = tile_begin(R, down, t + 1) - r;
            PRODUCT_TILES[tile_begin(blocks, across, first + 1) - b - 1][rows - 1](some, r, tiles);
            unit += tiles;
        }
    });
}

static void linear(Size blocks, Size I, Size O, const float* x, const float* w, const float* b, float* y,
                   bool relu) {
    product(blocks, O, {I, x, w, I, 1, b, y, O, relu});
}

static void linear_input_gradient(Size blocks, Size I, Size O, const float* dy, const float* w, float* dx) {
    product(blocks, I, {O, dy, w, 1, I, nullptr, dx, I, false});
}

// The weight gradient --------------------------------------------------------------------------------
//
// A sum over images has none of them in its result: x is turned over, so that a vector is eight inputs of one
// image, and dy's numbers are the scalars.

typedef float Anywhere __attribute__((vector_size(4 * 8), aligned(4)));  // a vector in a plain array

// Eight vectors of eight: lane j of vector i becomes lane i of vector j.
static inline void transpose8(const V from[LANES], V to[LANES]) {
    const float* at = (const float*)from;
#if defined(__AVX__)
#pragma GCC unroll 2
    for (Size h = 0; h < 2; h++) {
        V r[4];
        for (Size i = 0; i < 4; i++) r[i] = whole(load4(at + i * 8 + 4 * h), load4(at + (i + 4) * 8 + 4 * h));
        const V lo01 = __builtin_shufflevector(r[0], r[1], 0, 8, 1, 9, 4, 12, 5, 13);
        const V lo23 = __builtin_shufflevector(r[2], r[3], 0, 8, 1, 9, 4, 12, 5, 13);
        const V hi01 = __builtin_shufflevector(r[0], r[1], 2, 10, 3, 11, 6, 14, 7, 15);
        const V hi23 = __builtin_shufflevector(r[2], r[3], 2, 10, 3, 11, 6, 14, 7, 15);
        to[4 * h] = __builtin_shufflevector(lo01, lo23, 0, 1, 8, 9, 4, 5, 12, 13);
        to[4 * h + 1] = __builtin_shufflevector(lo01, lo23, 2, 3, 10, 11, 6, 7, 14, 15);
        to[4 * h + 2] = __builtin_shufflevector(hi01, hi23, 0, 1, 8, 9, 4, 5, 12, 13);
        to[4 * h + 3] = __builtin_shufflevector(hi01, hi23, 2, 3, 10, 11, 6, 7, 14, 15);
    }
#else
    for (Size h = 0; h < 2; h++)      // lanes 4h .. 4h + 3 of the vectors `from`
        for (Size g = 0; g < 2; g++) {  // and 4g .. 4g + 3 of the vectors `to`
            Quad r[4];
            for (Size i = 0; i < 4; i++) r[i] = load4(at + (4 * g + i) * 8 + 4 * h);
            transpose4(r);
            for (Size i = 0; i < 4; i++) memcpy((float*)&to[4 * h + i] + 4 * g, &r[i], sizeof r[i]);
        }
#endif
}

// Panels of inputs side by side, from input i on: each is vectors (blocks * L, W) that hold W * L inputs of all
// images, or the `live` ones that there are and zeros.
struct Panels {
    const V* vectors;
    Size i, live, count;
};

// dw of R outputs from the first on and of all panels.
template <int R, int W>
static void weight_tiles(Size blocks, Size I, Size O, const float* dy, const Panels& panels, float* dw) {
    const V* in = panels.vectors;
    float* to = dw + panels.i;
    for (Size panel = 0; panel < panels.count; panel++, to += W * LANES) {
        V sum[R][W];
#pragma GCC unroll 8
        for (int r = 0; r < R; r++)
#pragma GCC unroll 8
            for (int v = 0; v < W; v++) sum[r][v] = V{};

        const float* g = dy;
        for (Size b = 0; b < blocks; b++, g += O * LANES, in += LANES * W)
#pragma GCC unroll 8
            for (Size l = 0; l < LANES; l++) {
#pragma GCC unroll 8
                for (int r = 0; r < R; r++) {
                    const V slope = splat(g[r * LANES + l]);
#pragma GCC unroll 8
                    for (int v = 0; v < W; v++) sum[r][v] += slope * in[l * W + v];
                }
            }
        const bool full = panels.live == W * LANES;
#pragma GCC unroll 8
        for (int r = 0; r < R; r++) {
            V row[W];
#pragma GCC unroll 8
            for (int v = 0; v < W; v++)
                if (full)
                    *(Anywhere*)(to + r * I + v * LANES) = (Anywhere)sum[r][v];
                else
                    row[v] = sum[r][v];
            if (!full) memcpy(to + r * I, row, (size_t)panels.live * sizeof(float));
        }
    }
}

typedef void (*WeightTiles)(Size, Size, Size, const float*, const Panels&, float*);
static const Size ROWS = 6;
static const Size WIDTH = 2;  // vectors in one row of a tile; the last, narrow panel may have one
static const WeightTiles WEIGHT_TILES[WIDTH][ROWS] = {
    {weight_tiles<1, 1>, weight_tiles<2, 1>, weight_tiles<3, 1>, weight_tiles<4, 1>, weight_tiles<5, 1>,
     weight_tiles<6, 1>},
    {weight_tiles<1, 2>, weight_tiles<2, 2>, weight_tiles<3, 2>, weight_tiles<4, 2>, weight_tiles<5, 2>,
     weight_tiles<6, 2>},
};

// Inputs i .. i + live - 1 of all images as one panel.
static inline void fill_panel(Size blocks, Size I, Size i, Size live, Size width, const float* x, V* panel) {
    for (Size b = 0; b < blocks; b++)
        for (Size v = 0; v < width; v++) {
            const V* from = (const V*)x + b * I + i + v * LANES;
            V copy[LANES], turned[LANES];
            if (live - v * LANES < LANES) {
                for (Size c = 0; c < LANES; c++) copy[c] = v * LANES + c < live ? from[c] : V{};
                from = copy;
            }
            transpose8(from, turned);
            for (Size l = 0; l < LANES; l++) panel[(b * LANES + l) * width + v] = turned[l];
        }
}

static const Size PANEL_CACHE = 512;  // vectors, so many that they stay in the first cache

static void linear_weight_gradient(Size blocks, Size I, Size O, const float* x, const float* dy, float* dw,
                                   float* db) {
    const Size columns = WIDTH * LANES, size = blocks * LANES * WIDTH;  // of a panel, in vectors
    const Size together = size < PANEL_CACHE ? PANEL_CACHE / (size + 1) + 1 : 1;
    const Size strips = chunks(I, columns * together), down = chunks(O, ROWS);
    const double cost = 2.0 * LANES * (double)(blocks * I * O) / (double)(strips * down);
    // Units are ordered by outputs, so that a thread has whole rows of dw, though each turns x over for itself:
    // where two share rows, one's reading ahead takes away the cache lines that the other writes.
    parallel_for(strips * down, cost, [&](Size begin, Size end, int slot) {
        V* vectors = (V*)scratch(slot, together * size * LANES);
        for (Size strip = 0; strip < strips; strip++) {
            // The tiles t of this strip with begin <= t * strips + strip < end.
            const Size first = chunks(begin - strip, strips), last = chunks(end - strip, strips);
            if (first >= last) continue;
            const Size stop = chunk_end(I, together * columns, strip);
            for (Size i = strip * together * columns; i < stop;) {
                const bool narrow = stop - i < columns;
                const Size live = narrow ? stop - i : columns, width = chunks(live, LANES);
                const Size count = narrow ? 1 : (stop - i) / columns;
                for (Size panel = 0; panel < count; panel++)
                    fill_panel(blocks, I, i + panel * columns, live, width, x, vectors + panel * size);
                for (Size t = first; t < last; t++) {
                    const Size o = tile_begin(O, down, t), rows = tile_begin(O, down, t + 1) - o;
                    WEIGHT_TILES[width - 1][rows - 1](blocks, I, O, dy + o * LANES, {vectors, i, live, count},
                                                      dw + o * I);
                }
                i += count * live;
            }
        }
    });
    if (!db) return;
    for (Size o = 0; o < O; o++) {
        V sum = {};
        for (Size b = 0; b < blocks; b++) sum += ((const V*)dy)[b * O + o];
        const QuadPair pair = halves(sum);
        const Quad half = pair.half[0] + pair.half[1];
        db[o] = (half[0] + half[1]) + (half[2] + half[3]);
    }
}
