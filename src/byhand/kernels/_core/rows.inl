// Convolution and the fully connected layer for few images, on plain arrays (N, C, H, W): a vector is
// neighbouring columns of one picture, where everywhere else it is a lane of images, nearly empty for one.
// Included inside the namespace of one instruction set, after conv.inl.
//
// A register tile is FT filters x R rows x X vectors of output pixels, all vectors loaded from anywhere and
// the weights broadcast. The last vector of a row ends where the row ends and overlaps the one before, so that
// nothing is masked. Padded pictures, narrow ones and those of a step above 1 along the row are copied first.

typedef float AnywhereQ __attribute__((vector_size(sizeof(Q)), aligned(4), may_alias));
constexpr Size WIDE = sizeof(Q) / sizeof(float);  // columns in a vector

static inline Q load_anywhere(const float* from) { return (Q) * (const AnywhereQ*)from; }
static inline void store_anywhere(Q a, float* to) { *(AnywhereQ*)to = (AnywhereQ)a; }

// Vectors of pixels in a tile, and filters: sums, pixels and a weight fill the registers.
constexpr int TILE_PIXELS = REGISTERS >= 32 ? 4 : 2, TILE_FILTERS = 6;

// What the tiles of some filters read and write.
struct RowSum {
    Size C, taps;                    // channels, and weights of a filter in each
    const float* in;                 // the first tap of the first output pixel
    const Size* tap;                 // floats from there to each tap of the channel
    Size channel, step;              // floats from one channel to the next, from one row of output pixels
    const float *w, *b;              // of the tiles' first filter; b may be null
    float* y;                        // the same
    Size plane, width;               // of y, as it is kept: after the pooling
    float floor;                     // results are at least this: 0 for ReLU, else minus infinity
};
typedef void (*RowTile)(const RowSum&, Size y, Size x, Size last);

// The larger one; a NaN wins.
static inline Q larger_or_nan(Q a, Q b) {
#if defined(__AVX__)
    return (Q)_mm256_blendv_ps(_mm256_max_ps((__m256)a, (__m256)b), (__m256)a,
                               _mm256_cmp_ps((__m256)a, (__m256)a, _CMP_UNORD_Q));
#else
    return (a > b) | (a != a) ? a : b;
#endif
}

// The maxima of neighbours: half a vector, in its lower half.
static inline Q neighbours(Q a) {
#if defined(__AVX__)
    const Q even = __builtin_shufflevector(a, a, 0, 2, 4, 6, 0, 2, 4, 6);
    const Q odd = __builtin_shufflevector(a, a, 1, 3, 5, 7, 1, 3, 5, 7);
#else
    const Q even = __builtin_shufflevector(a, a, 0, 2, 0, 2), odd = __builtin_shufflevector(a, a, 1, 3, 1, 3);
#endif
    return larger_or_nan(even, odd);
}

// The output pixels of rows y .. y + R - 1 and of X vectors from column x on, the last of them `last` columns
// behind x. With Pool, the largest of each 2 x 2 of them.
template <bool Pool, int FT, int R, int X>
static void row_tile(const RowSum& the_sum, Size y, Size x, Size last) {
    const RowSum s = the_sum;  // in registers: what is stored could be a part of it for all the compiler knows
    Q sum[FT][R][X];
    UNROLL for (int f = 0; f < FT; f++) {
        const Q bias = load_float(s.b ? s.b[f] : 0.0f);
        UNROLL for (int r = 0; r < R; r++)
            UNROLL for (int k = 0; k < X; k++) sum[f][r][k] = bias;
    }
    const float *in = s.in + y * s.step + x, *w = s.w;
    const Size filter = s.C * s.taps;
    for (Size c = 0; c < s.C; c++, in += s.channel, w += s.taps)
        for (Size t = 0; t < s.taps; t++) {
            const float* const from = in + s.tap[t];
            Q a[R][X];
            UNROLL for (int r = 0; r < R; r++)
                UNROLL for (int k = 0; k < X; k++) {
                    a[r][k] = load_anywhere(from + r * s.step + (k == X - 1 ? last : k * WIDE));
                    HOLD(a[r][k]);
                }
            UNROLL for (int f = 0; f < FT; f++) {
                const Q weight = load_float(w[f * filter + t]);
                UNROLL for (int r = 0; r < R; r++)
                    UNROLL for (int k = 0; k < X; k++) sum[f][r][k] += weight * a[r][k];
            }
        }
    const Q floor = load_float(s.floor);
    constexpr int H = Pool ? 2 : 1;  // pixels in a row and column of what is kept
    UNROLL for (int f = 0; f < FT; f++)
        UNROLL for (int r = 0; r < R; r += H)
            UNROLL for (int k = 0; k < X; k++) {
                const Size column = (x + (k == X - 1 ? last : k * WIDE)) / H;
                float* const to = s.y + f * s.plane + (y + r) / H * s.width + column;
                Q a = sum[f][r][k];
                if constexpr (Pool) a = neighbours(larger_or_nan(a, sum[f][r + 1][k]));
                a = at_least(floor, a);
                if (s.width < WIDE / H)
                    memcpy(to, &a, (size_t)s.width * sizeof(float));
                else
                    memcpy(to, &a, WIDE / H * sizeof(float));
            }
}

// The tile of ft filters, r rows and x vectors: r * x is TILE_PIXELS at most.
template <bool Pool, int R, int X, int FT = TILE_FILTERS>
static RowTile tile_of_filters(Size ft) {
    if constexpr (FT > 1)
        if (ft < FT) return tile_of_filters<Pool, R, X, FT - 1>(ft);
    return row_tile<Pool, FT, R, X>;
}
template <bool Pool, int X, int R = TILE_PIXELS / X>
static RowTile tile_of_rows(Size ft, Size r) {
    if constexpr (R > (Pool ? 2 : 1))
        if (r < R) return tile_of_rows<Pool, X, R / 2>(ft, r);
    return tile_of_filters<Pool, R, X>(ft);
}
template <bool Pool, int X = TILE_PIXELS / (Pool ? 2 : 1)>
static RowTile tile_of(Size ft, Size r, Size x) {
    if constexpr (X > 1)
        if (x < X) return tile_of<Pool, X - 1>(ft, r, x);
    return tile_of_rows<Pool, X>(ft, r);
}

// Rows of a picture with its padding. Each is cut into SW phases: columns 0, SW, ..., then 1, SW + 1, ..., so
// that what a tap meets at neighbouring output pixels lies side by side. A phase is `phase` floats.
static void pad_rows(const Conv& c, const float* x, Size first, Size rows, Size phase, float* out,
                     Size channel) {
    const Size width = c.SW * phase, columns = most(0, least(c.W, width - c.left));
    for (Size i = 0; i < c.C; i++, out += channel) {
        float* to = out;
        for (Size row = first; row < first + rows; row++, to += width) {
            for (Size j = 0; j < width; j += WIDE) store_anywhere(Q{}, to + least(j, width - WIDE));
            if (row < 0 || row >= c.H) continue;
            const float* const from = x + (i * c.H + row) * c.W;
            if (c.SW == 1 && columns >= WIDE) {
                for (Size j = 0; j < columns; j += WIDE) {
                    const Size k = least(j, columns - WIDE);
                    store_anywhere(load_anywhere(from + k), to + c.left + k);
                }
            } else {
                for (Size j = 0, at = c.left; j < columns; j++, at++)
                    to[at % c.SW * phase + at / c.SW] = from[j];
            }
        }
    }
}

// Loops of fewer operations than this stay on the calling thread: one image comes alone, and finds the other
// threads asleep. A number of y counts as so many operations, since the thread that writes it is to be the one
// that reads it in the next layer: fetching it from another core's cache takes longer than a short loop.
constexpr double FEW = 1'000'000, WRITTEN = 100;

template <bool Pool>
static void convolve_rows(const Conv& c, const float* x, const float* w, const float* b, float* y,
                          float floor) {
    constexpr Size H = Pool ? 2 : 1;
    const Size height = c.OH / H, width = c.OW / H;  // of y
    if (c.blocks <= 0 || c.F <= 0 || height <= 0 || width <= 0) return;
    const Size columns = width * H, vectors = ceil_div(columns, WIDE);
    const bool padded_below = (c.OH - 1) * c.SH + c.KH > c.H, padded_right = columns + c.KW - 1 > c.W;
    const bool copy = c.top > 0 || c.left > 0 || padded_below || padded_right || c.SW > 1 || columns < WIDE;
    const Size phase = most(columns, WIDE) + ceil_div(c.KW, c.SW) - 1;
    const Split filters(c.F, TILE_FILTERS), strips(vectors, TILE_PIXELS / H);

    // A unit is some filters and a band of rows of a picture: as many bands as let every thread have its own,
    // so that it copies only these.
    const Size bands = most(1, least(ceil_div(height * H, 4), ceil_div(threads(), c.blocks)));
    const Size rows = (ceil_div(height, bands) * H - 1) * c.SH + c.KH;  // that a band's taps reach
    const Size row = copy ? c.SW * phase : c.W, channel = row * (copy ? rows : c.H);
    const double operations = (2.0 * c.C * c.KH * c.KW * H * H + WRITTEN) * c.blocks * c.F * height * width;

    const Size units = c.blocks * bands * filters.parts;
    parallel_for(units, operations < FEW ? 0 : operations / units, [&](Size unit, Size unit_end, int slot) {
        const Size taps = c.KH * c.KW;
        Size* const tap = (Size*)scratch(slot, 2 * taps + (copy ? c.C * channel : 0));
        float* const padded = (float*)(tap + taps);
        for (Size u = 0; u < c.KH; u++)
            for (Size v = 0; v < c.KW; v++) tap[u * c.KW + v] = u * row + v % c.SW * phase + v / c.SW;
        Size there = -1;
        for (; unit < unit_end; unit++) {
            const Size part = unit % filters.parts, at = unit / filters.parts;
            const Size image = at / bands, band = at % bands;
            const Size y0 = height * band / bands * H, y1 = height * (band + 1) / bands * H;
            const float* const picture = x + image * c.C * c.H * c.W;
            if (copy && there != at)
                pad_rows(c, picture, y0 * c.SH - c.top, (y1 - y0 - 1) * c.SH + c.KH, phase, padded, channel);
            there = at;
            const Size f = filters.begin(part), ft = filters.begin(part + 1) - f;
            const RowSum s = {.C = c.C, .taps = taps,
                              .in = copy ? padded : picture + y0 * c.SH * row, .tap = tap,
                              .channel = channel, .step = c.SH * row,
                              .w = w + f * c.C * taps, .b = b ? b + f : nullptr,
                              .y = y + ((image * c.F + f) * height + y0 / H) * width,
                              .plane = height * width, .width = width, .floor = floor};
            for (Size k = 0; k < strips.parts; k++) {
                const Size start = strips.begin(k), xt = strips.begin(k + 1) - start;
                const Size x0 = start * WIDE, last = most(-x0, least((xt - 1) * WIDE, columns - WIDE - x0));
                for (Size i = 0, r; i < y1 - y0; i += r) {
                    for (r = TILE_PIXELS / xt; r > y1 - y0 - i;) r /= 2;
                    tile_of<Pool>(ft, r, xt)(s, i, x0, last);
                }
            }
        }
    });
}

static void conv_rows(const Conv& c, const float* x, const float* w, const float* b, float* y, bool relu,
                      bool pool) {
    const float floor = relu ? 0 : NO_FLOOR;
    (pool ? convolve_rows<true> : convolve_rows<false>)(c, x, w, b, y, floor);
}

// The fully connected layer: an output is a product of two rows, a vector of numbers at a time.

typedef int32_t MaskQ __attribute__((vector_size(sizeof(Q))));

struct RowProduct {
    Size I, O;
    const float *x, *w, *b;  // (n, I), (O, I), (O) or null
    float* y;                // (n, O)
    bool relu;
    Size end;                // numbers behind the last whole vector of a row
    MaskQ is_end;            // in the vector that ends where the row ends, those

    // The numbers behind the last whole vector, and zeros.
    Q end_of(const float* row) const {
        if (I >= WIDE) return (Q)((MaskQ)load_anywhere(row + I - WIDE) & is_end);
        Q a = {};
        memcpy(&a, row, (size_t)end * sizeof(float));
        return a;
    }
};

static inline float total(Q a) {
#if defined(__AVX__)
    const QuadPair pair = halves((V)a);
    const Quad four = pair.half[0] + pair.half[1];
#else
    const Quad four = (Quad)a;
#endif
    return (four[0] + four[2]) + (four[1] + four[3]);
}

// OT outputs from o on of NT images from n on.
template <int OT, int NT>
static void product_of_rows(const RowProduct& the_product, Size n, Size o) {
    const RowProduct p = the_product;
    const float *const x = p.x + n * p.I, *const w = p.w + o * p.I;
    Q sum[OT][NT] = {};
    for (Size i = 0; i + WIDE <= p.I; i += WIDE) {
        Q a[NT];
        UNROLL for (int k = 0; k < NT; k++) a[k] = load_anywhere(x + k * p.I + i);
        UNROLL for (int t = 0; t < OT; t++) {
            const Q weights = load_anywhere(w + t * p.I + i);
            UNROLL for (int k = 0; k < NT; k++) sum[t][k] += weights * a[k];
        }
    }
    if (p.end > 0)
        UNROLL for (int t = 0; t < OT; t++)
            UNROLL for (int k = 0; k < NT; k++) sum[t][k] += p.end_of(w + t * p.I) * p.end_of(x + k * p.I);
    UNROLL for (int t = 0; t < OT; t++)
        UNROLL for (int k = 0; k < NT; k++) {
            const float result = total(sum[t][k]) + (p.b ? p.b[o + t] : 0.0f);
            p.y[(n + k) * p.O + o + t] = p.relu && result < 0 ? 0.0f : result;
        }
}

// Eight sums hide the latency of a multiply-add.
constexpr int PRODUCTS = 8, PRODUCT_IMAGES = 2;
template <int NT, int OT = PRODUCTS / NT>
static void (*product_kernel(Size ot))(const RowProduct&, Size n, Size o) {
    if constexpr (OT > 1)
        if (ot < OT) return product_kernel<NT, OT - 1>(ot);
    return product_of_rows<OT, NT>;
}

static void linear_rows(Size n, Size I, Size O, const float* x, const float* w, const float* b, float* y,
                        bool relu) {
    if (n <= 0 || O <= 0) return;
    const Size end = I % WIDE;
    RowProduct p = {.I = I, .O = O, .x = x, .w = w, .b = b, .y = y, .relu = relu, .end = end, .is_end = {}};
    for (Size k = WIDE - end; k < WIDE; k++) p.is_end[k] = -1;
    const Split images(n, PRODUCT_IMAGES), outputs(O, n > 1 ? PRODUCTS / PRODUCT_IMAGES : PRODUCTS);
    const Size units = images.parts * outputs.parts;
    const double operations = 2.0 * n * I * O;
    parallel_for(units, operations < FEW ? 0 : operations / units, [&](Size unit, Size unit_end, int) {
        for (; unit < unit_end; unit++) {
            const Size i = unit % images.parts, o = unit / images.parts;
            const Size first = images.begin(i), nt = images.begin(i + 1) - first;
            const Size from = outputs.begin(o), ot = outputs.begin(o + 1) - from;
            (nt == 1 ? product_kernel<1>(ot) : product_kernel<2>(ot))(p, first, from);
        }
    });
}
