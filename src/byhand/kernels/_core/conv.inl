// Convolution forward and both of its gradients; included inside the namespace of one instruction set.
//
// Both the forward pass and the input gradient are one sum, `Sum` below: output pixels at equal steps,
// each a weighted sum of a rectangle of input pixels ("taps"). A register tile of FT output channels x
// XT pixels stays in registers while input channels and taps go by, so that memory is read about once
// for every two multiply-adds and written once at the end. Three kinds of tile:
//
//   gather   stride 1, K = 1, 3, 5 or 7 columns of taps, no padding left or right (or a single input
//            channel, which is cheap to copy into a padded one): XT output pixels, fed by XT + K - 1
//            input pixels.
//   scatter  the same with padding: XT input pixels add to XT + K - 1 output pixels; those that the next
//            strip also adds to wait in the output array. Nothing is multiplied by padding, and the
//            sums that fall outside of the picture are dropped. The input gradient of an unpadded
//            convolution is such a sum.
//   general  any step, any number of taps; padded columns are copied to scratch memory first.
//
// Rows of taps that fall outside of the picture are skipped by all three. A strip (XT columns wide, many
// rows high) is one call, so that choosing its width costs nothing. The weight gradient has its own tile,
// further down.

// A register, and how many of them hold the lanes of one pixel. may_alias: it reads arrays of float.
#if defined(__AVX__)
typedef float Q __attribute__((vector_size(32), aligned(32), may_alias));
#else
typedef float Q __attribute__((vector_size(16), aligned(16), may_alias));
#endif
constexpr int PARTS = LANES * sizeof(float) / sizeof(Q);

// How many registers hold sums; the rest hold inputs and weights. Fewer than about 8 sums could not hide
// the latency of a multiply-add.
#if defined(__AVX512VL__) || defined(__aarch64__)
constexpr int REGISTERS = 32, SUMS = 24;
#else
constexpr int REGISTERS = 16, SUMS = 12;
#endif

// Loops over registers are written out in full by the compiler, or the sums would live in memory.
#define UNROLL _Pragma("GCC unroll 64")

// Register allocation by hand. The compiler would keep every input that it may need again, in this pixel
// or the next, and spill sums for it; reading the input again costs less. FORGET: what was read before
// this is read anew. HOLD: `a` is read into a register now and used from there, not read at each use (a
// core starts about as many reads a cycle as multiply-adds, so a read for each is too many).
#define FORGET asm volatile("" : : : "memory")
#if defined(__x86_64__)
#define HOLD(a) asm("" : "+v"(a))
#elif defined(__aarch64__)
#define HOLD(a) asm("" : "+w"(a))
#else
#define HOLD(a) (void)(a)
#endif

static inline long least(long a, long b) { return a < b ? a : b; }
static inline long most(long a, long b) { return a > b ? a : b; }
static inline long ceil_div(long a, long b) { return (a + b - 1) / b; }
// (Q{} + a is not this: without -ffast-math it adds.)
#if defined(__AVX__)
static inline Q load_float(float a) { return Q{a, a, a, a, a, a, a, a}; }
#else
static inline Q load_float(float a) { return Q{a, a, a, a}; }
#endif
static inline Q relu_of(Q a) { return a < Q{} ? Q{} : a; }  // NaN stays NaN

// out[o][oy + y oys][ox + x oxs] = b[o] + sum over i, u, v of
//                                  w[o][i][u][v] in[i][iy + y iys + u][ix + x ixs + v]
// for y < ny, x < nx, u < nu, v < nv; `in` is zero outside of the picture.
struct Sum {
    long blocks;
    long I, IH, IW, O, OH, OW;  // the arrays: channels, height, width
    long nu, nv, ny, nx;
    long iy, ix, iys, ixs, oy, ox, oys, oxs;
};

// One strip of one block: output channels from the tile's first on, rows y0 .. y1 - 1.
struct Strip {
    const Q* in;     // the block's picture, rows of `width` pixels, column ix at x = 0
    long width;
    const float* w;  // of the tile's first output channel
    const float* b;  // the same; may be null
    Q* out;          // the same
    bool relu;
    long y0, y1;
    long x0;         // gather, general: first output pixel; scatter: first input pixel
    bool first, last;  // scatter: no strip before, none behind
};
typedef void (*StripKernel)(const Sum&, const Strip&);

// The rows of taps of output row y that lie inside of the picture: u0 .. u1 - 1.
struct Taps {
    long row, u0, u1;
    Taps(const Sum& s, long y)
        : row(s.iy + y * s.iys), u0(most(0, -row)), u1(least(s.nu, s.IH - row)) {}
};

template <int K, int FT, int XT>
static void gather_strip(const Sum& s, const Strip& p) {
    constexpr int T = XT * PARTS;
    const long filter = s.I * s.nu * K, channel = s.nu * K;
    for (long y = p.y0; y < p.y1; y++) {
        const Taps taps(s, y);
        Q sum[FT][T];
        UNROLL for (int f = 0; f < FT; f++) {
            const Q bias = load_float(p.b ? p.b[f] : 0.0f);
            UNROLL for (int t = 0; t < T; t++) sum[f][t] = bias;
        }
        for (long i = 0; i < s.I; i++) {
            const Q* in = p.in + ((i * s.IH + taps.row + taps.u0) * p.width + s.ix + p.x0) * PARTS;
            const float* w = p.w + i * channel + taps.u0 * K;
            for (long u = taps.u0; u < taps.u1; u++, in += p.width * PARTS, w += K) {
                UNROLL for (int v = 0; v < K; v++) {
                    Q a[FT];
                    UNROLL for (int f = 0; f < FT; f++) {
                        a[f] = load_float(w[f * filter + v]);
                        HOLD(a[f]);
                    }
                    UNROLL for (int t = 0; t < T; t++) {
                        Q x = in[t + v * PARTS];
                        if (FT > 1) HOLD(x);  // else it is used only once
                        UNROLL for (int f = 0; f < FT; f++) sum[f][t] += a[f] * x;
                    }
                    FORGET;
                }
            }
        }
        UNROLL for (int f = 0; f < FT; f++) {
            Q* out = p.out + ((f * s.OH + y) * s.OW + p.x0) * PARTS;
            UNROLL for (int t = 0; t < T; t++) out[t] = p.relu ? relu_of(sum[f][t]) : sum[f][t];
        }
    }
}

template <int K, int FT, int XT>
static void scatter_strip(const Sum& s, const Strip& p) {
    constexpr int N = XT + K - 1;  // output pixels x = x0 .. x0 + N - 1
    const long filter = s.I * s.nu * K, channel = s.nu * K;
    const long x0 = p.x0 - s.ix - (K - 1);
    const long begin = most(0, -x0), end = least(N, s.nx - x0);  // those inside of the picture
    for (long y = p.y0; y < p.y1; y++) {
        const Taps taps(s, y);
        Q* const out = p.out + y * s.OW * PARTS;
        Q sum[FT][N][PARTS];
        UNROLL for (int f = 0; f < FT; f++) {
            const Q bias = load_float(p.b ? p.b[f] : 0.0f);
            UNROLL for (int n = 0; n < N; n++)
                UNROLL for (int part = 0; part < PARTS; part++)
                    sum[f][n][part] = (n < K - 1 && !p.first && n >= begin && n < end)
                                          ? out[(f * s.OH * s.OW + x0 + n) * PARTS + part] : bias;
        }
        for (long i = 0; i < s.I; i++) {
            const Q* in = p.in + ((i * s.IH + taps.row + taps.u0) * p.width + p.x0) * PARTS;
            const float* w = p.w + i * channel + taps.u0 * K;
            for (long u = taps.u0; u < taps.u1; u++, in += p.width * PARTS, w += K) {
                if constexpr (FT * K < REGISTERS - SUMS) {  // hold the weights: there is room
                    Q a[FT][K];
                    UNROLL for (int f = 0; f < FT; f++)
                        UNROLL for (int v = 0; v < K; v++) {
                            a[f][v] = load_float(w[f * filter + v]);
                            HOLD(a[f][v]);
                        }
                    UNROLL for (int t = 0; t < XT; t++)
                        UNROLL for (int part = 0; part < PARTS; part++) {
                            Q x = in[t * PARTS + part];
                            HOLD(x);
                            UNROLL for (int f = 0; f < FT; f++)
                                UNROLL for (int v = 0; v < K; v++)
                                    sum[f][t + K - 1 - v][part] += a[f][v] * x;
                        }
                } else {  // one after another
                    UNROLL for (int v = 0; v < K; v++)
                        UNROLL for (int f = 0; f < FT; f++) {
                            const Q a = load_float(w[f * filter + v]);
                            UNROLL for (int t = 0; t < XT; t++)
                                UNROLL for (int part = 0; part < PARTS; part++)
                                    sum[f][t + K - 1 - v][part] += a * in[t * PARTS + part];
                        }
                }
            }
        }
        UNROLL for (int f = 0; f < FT; f++)
            UNROLL for (int n = 0; n < N; n++)
                if (n >= begin && n < end)
                    UNROLL for (int part = 0; part < PARTS; part++)
                        out[(f * s.OH * s.OW + x0 + n) * PARTS + part] =
                            p.relu && (n < XT || p.last) ? relu_of(sum[f][n][part]) : sum[f][n][part];
    }
}

template <int FT, int XT>
static void general_strip(const Sum& s, const Strip& p) {
    const long filter = s.I * s.nu * s.nv, channel = s.nu * s.nv, step = s.ixs * PARTS;
    for (long y = p.y0; y < p.y1; y++) {
        const Taps taps(s, y);
        Q sum[FT][XT][PARTS];
        UNROLL for (int f = 0; f < FT; f++) {
            const Q bias = load_float(p.b ? p.b[f] : 0.0f);
            UNROLL for (int t = 0; t < XT; t++)
                UNROLL for (int part = 0; part < PARTS; part++) sum[f][t][part] = bias;
        }
        for (long i = 0; i < s.I; i++)
            for (long u = taps.u0; u < taps.u1; u++) {
                const Q* in = p.in + ((i * s.IH + taps.row + u) * p.width + s.ix + p.x0 * s.ixs) * PARTS;
                const float* w = p.w + i * channel + u * s.nv;
                for (long v = 0; v < s.nv; v++, in += PARTS, w++) {
                    UNROLL for (int f = 0; f < FT; f++) {
                        const Q a = load_float(w[f * filter]);
                        UNROLL for (int t = 0; t < XT; t++)
                            UNROLL for (int part = 0; part < PARTS; part++)
                                sum[f][t][part] += a * in[t * step + part];
                    }
                }
            }
        UNROLL for (int f = 0; f < FT; f++)
            UNROLL for (int t = 0; t < XT; t++)
                UNROLL for (int part = 0; part < PARTS; part++)
                    p.out[((f * s.OH + s.oy + y * s.oys) * s.OW + s.ox + (p.x0 + t) * s.oxs) * PARTS + part] =
                        p.relu ? relu_of(sum[f][t][part]) : sum[f][t][part];
    }
}

// The tiles: how many channels at most, and how many columns for so many channels.
enum Kind { GATHER, SCATTER, GENERAL };

constexpr int widest(Kind kind, int K, int FT) {
    const int columns = SUMS / (FT * PARTS) - (kind == SCATTER ? K - 1 : 0);
    const int most = kind == GENERAL ? 6 : 14;
    return columns < 1 ? 1 : columns > most ? most : columns;
}
constexpr int most_channels(Kind kind, int K) {
    if (kind == SCATTER && K > 1) return SUMS >= 24 * PARTS ? 2 : 1;  // so that strips are wide
    return SUMS >= 24 || (PARTS == 1 && kind == GENERAL) ? 4 : 2;
}

// The kernel of a strip of ft channels and xt columns.
template <Kind kind, int K, int FT, int XT>
static StripKernel strip_of_width(long xt) {
    if constexpr (XT > 1)
        if (xt < XT) return strip_of_width<kind, K, FT, XT - 1>(xt);
    if constexpr (kind == GATHER) return gather_strip<K, FT, XT>;
    if constexpr (kind == SCATTER) return scatter_strip<K, FT, XT>;
    return general_strip<FT, XT>;
}
template <Kind kind, int K, int FT = most_channels(kind, K)>
static StripKernel strip_kernel(long ft, long xt) {
    if constexpr (FT > 1)
        if (ft < FT) return strip_kernel<kind, K, FT - 1>(ft, xt);
    return strip_of_width<kind, K, FT, widest(kind, K, FT)>(xt);
}

// What `run` needs to know of a kind of tile.
struct Tiling {
    StripKernel (*kernel)(long ft, long xt);
    int channels;                // at most
    int width[5];                // at most, for 1 .. 4 channels
};
template <Kind kind, int K>
static constexpr Tiling TILING = {strip_kernel<kind, K>, most_channels(kind, K),
                                  {0, widest(kind, K, 1), widest(kind, K, 2), widest(kind, K, 3),
                                   widest(kind, K, 4)}};
template <Kind kind>
static const Tiling& tiling(long K) {
    return K == 1 ? TILING<kind, 1> : K == 3 ? TILING<kind, 3> : K == 5 ? TILING<kind, 5> : TILING<kind, 7>;
}

// A range split into as few parts as `most` allows, and as evenly: part k is begin(k) .. begin(k + 1) - 1.
struct Split {
    long length, parts;
    Split(long length, long most) : length(length), parts(ceil_div(length, most)) {}
    long begin(long k) const { return length * k / parts; }
};

// Columns ix .. ix + columns - 1 of a block's picture, zero where there are none.
static void pad_columns(const Sum& s, const Q* in, long columns, Q* out) {
    const long begin = least(columns, most(0, -s.ix)), end = most(begin, least(columns, s.IW - s.ix));
    for (long row = 0; row < s.I * s.IH; row++, in += s.IW * PARTS, out += columns * PARTS) {
        for (long k = 0; k < begin * PARTS; k++) out[k] = Q{};
        for (long k = begin * PARTS; k < end * PARTS; k++) out[k] = in[s.ix * PARTS + k];
        for (long k = end * PARTS; k < columns * PARTS; k++) out[k] = Q{};
    }
}

// Pixels x .. end - 1 of rows y0 .. y1 - 1, which no tap reaches, are the bias.
static void fill_columns(const Sum& s, const Strip& p, long channels, long x, long end) {
    for (long f = 0; f < channels; f++) {
        const Q bias = load_float(p.b ? p.b[f] : 0.0f);
        for (long y = p.y0; y < p.y1; y++)
            for (long k = x * PARTS; k < end * PARTS; k++)
                p.out[(f * s.OH + y) * s.OW * PARTS + k] = p.relu ? relu_of(bias) : bias;
    }
}

// Work out a Sum. `reserved` floats at the beginning of slot 0's scratch memory are in use.
static void run(const Sum& s, const float* in, const float* w, const float* b, float* out, bool relu,
                long reserved) {
    if (s.blocks <= 0 || s.O <= 0 || s.ny <= 0 || s.nx <= 0) return;
    const long columns = s.nv > 0 ? (s.nx - 1) * s.ixs + s.nv : 0;  // of the input
    const bool inside = columns == 0 || (s.ix >= 0 && s.ix + columns <= s.IW);
    const bool fast = s.ixs == 1 && s.oxs == 1 && s.oys == 1 && s.nv % 2 == 1 && s.nv <= 7;
    const Kind kind = !fast ? GENERAL : inside || (s.I == 1 && s.nx <= s.IW) ? GATHER : SCATTER;
    const bool copy = kind != SCATTER && !inside;
    const Tiling& tiles = kind == GATHER    ? tiling<GATHER>(s.nv)
                          : kind == SCATTER ? tiling<SCATTER>(s.nv)
                                            : TILING<GENERAL, 0>;
    // The columns that strips divide: scatter's are those of the input that some tap reaches.
    const long first = kind == SCATTER ? least(s.IW, most(0, s.ix)) : 0;
    const long end = kind == SCATTER ? most(first, least(s.IW, s.ix + columns)) : s.nx;

    // A unit is some output channels and rows of a block; rows are divided until there are 32 units or so,
    // which balance well on a few threads.
    const Split channels(s.O, tiles.channels);
    const long parts = most(1, least(s.ny / 4, ceil_div(32, s.blocks * channels.parts)));
    const double cost = 2.0 * LANES * s.O * s.I * s.nu * s.nv * s.ny * s.nx / (channels.parts * parts);

    parallel_for(s.blocks * parts * channels.parts, cost, [&](long unit, long unit_end, int slot) {
        const long used = slot == 0 ? reserved : 0;
        Q* const padded = copy ? (Q*)(scratch(slot, used + s.I * s.IH * columns * LANES) + used) : nullptr;
        long padded_block = -1;
        for (; unit < unit_end; unit++) {
            const long f0 = channels.begin(unit % channels.parts);
            const long ft = channels.begin(unit % channels.parts + 1) - f0;
            const long part = unit / channels.parts % parts, block = unit / (channels.parts * parts);
            const Q* picture = (const Q*)in + block * s.I * s.IH * s.IW * PARTS;
            Strip p{picture, s.IW, w + f0 * s.I * s.nu * s.nv, b ? b + f0 : nullptr,
                    (Q*)out + (block * s.O + f0) * s.OH * s.OW * PARTS, relu,
                    s.ny * part / parts, s.ny * (part + 1) / parts, 0, false, false};
            if (copy) {
                if (block != padded_block) pad_columns(s, picture, columns, padded);
                padded_block = block;
                p.in = padded - s.ix * PARTS;
                p.width = columns;
            }
            if (kind == SCATTER) {
                if (first == end) { fill_columns(s, p, ft, 0, s.nx); continue; }
                fill_columns(s, p, ft, 0, least(s.nx, first - s.ix - (s.nv - 1)));
                fill_columns(s, p, ft, most(0, end - s.ix), s.nx);
            }
            const Split strips(end - first, tiles.width[ft]);
            for (long k = 0; k < strips.parts; k++) {
                p.x0 = first + strips.begin(k);
                p.first = k == 0;
                p.last = k == strips.parts - 1;
                tiles.kernel(ft, strips.begin(k + 1) - strips.begin(k))(s, p);
            }
        }
    });
}

static void conv_forward(const Conv& c, const float* x, const float* w, const float* b, float* y, bool relu) {
    run({.blocks = c.blocks, .I = c.C, .IH = c.H, .IW = c.W, .O = c.F, .OH = c.OH, .OW = c.OW,
         .nu = c.KH, .nv = c.KW, .ny = c.OH, .nx = c.OW,
         .iy = -c.top, .ix = -c.left, .iys = c.SH, .ixs = c.SW, .oy = 0, .ox = 0, .oys = 1, .oxs = 1},
        x, w, b, y, relu, 0);
}

// One axis of the input gradient. Pixel h got weight u from output pixel o where o S + u = h + before:
// the pixels of one remainder of (h + before) / S share their weights u = r, r + S, ..., and the sum over
// them, last weight first, is over neighbouring output pixels.
struct Phase {
    long taps;          // n of them, in the order u = r + (n - 1) S, ..., r
    long first, count;  // pixels first, first + S, ...
    long from;          // the output pixel of the first tap at the first pixel
    Phase(long r, long K, long S, long before, long size)
        : taps(r < K ? (K - 1 - r) / S + 1 : 0),
          first(((r - before) % S + S) % S),
          count(first < size ? (size - 1 - first) / S + 1 : 0),
          from((first + before - r) / S - (taps - 1)) {}
};

static void conv_input_gradient(const Conv& c, const float* dy, const float* w, float* dx) {
    for (long r = 0; r < c.SH; r++)
        for (long q = 0; q < c.SW; q++) {
            const Phase v(r, c.KH, c.SH, c.top, c.H), h(q, c.KW, c.SW, c.left, c.W);
            if (c.blocks <= 0 || v.count == 0 || h.count == 0) continue;
            const bool none = v.taps == 0 || h.taps == 0;
            const long nu = none ? 0 : v.taps, nv = none ? 0 : h.taps;
            // This phase's weights, (F, C, KH, KW) to (C, F, nu, nv), turned by 180 degrees.
            const long size = c.C * c.F * nu * nv, reserved = ceil_div(size, 16) * 16;
            float* const turned = scratch(0, reserved + c.F * c.OH * (h.count + nv) * LANES);
            for (long f = 0; f < c.F; f++)
                for (long i = 0; i < c.C; i++) {
                    const float* from = w + ((f * c.C + i) * c.KH + r) * c.KW + q;
                    float* to = turned + (i * c.F + f) * nu * nv;
                    for (long a = nu - 1; a >= 0; a--)
                        for (long e = nv - 1; e >= 0; e--) *to++ = from[a * c.SH * c.KW + e * c.SW];
                }
            run({.blocks = c.blocks, .I = c.F, .IH = c.OH, .IW = c.OW, .O = c.C, .OH = c.H, .OW = c.W,
                 .nu = nu, .nv = nv, .ny = v.count, .nx = h.count,
                 .iy = none ? 0 : v.from, .ix = none ? 0 : h.from, .iys = 1, .ixs = 1,
                 .oy = v.first, .ox = h.first, .oys = c.SH, .oxs = c.SW},
                dy, turned, nullptr, dx, false, reserved);
        }
}

// The weight gradient: dw[f][c][u][v] = sum over images and y, x of dy[f][y][x] x[c][y SH + u - top][...].
// The tile keeps FT channels of dy x VT taps of a row in registers while pixels go by. The order is
//
//   unit    some rows (of all blocks, one after another) and FT channels f
//   chunk   so few of these rows, of one block, that dy's stay in the first-level cache
//   c, u, VT of the v: the tile
//
// so that dy is read from beyond that cache once. A chunk's sums start from zero and are added to the
// unit's, in scratch memory, which keeps rounding errors small; only there lanes are added up.

// The dy of one tile: its first row, and the rows of x that they meet.
struct Products {
    const Q* dy;
    long dy_plane;
    const Q* x;         // the row under the first of dy's, at column 0
    long x_row;         // from there to the row under dy's next
    long rows, OW, W;
    long column, step;  // tap 0 of output pixel 0 is at this column; of the next, a step further
};

// Where FT * VT is too few sums to hide the latency, there are so many copies of each, which neighbouring
// pixels add to in turn.
constexpr int copies(int FT, int VT) { return (8 + FT * VT * PARTS - 1) / (FT * VT * PARTS); }

// Add to total[f * filter + v].
template <bool STEP1, int FT, int VT>
static void products(const Products& p, Q* total, long filter) {
    constexpr int COPIES = copies(FT, VT), XT = COPIES > 1 ? COPIES : SUMS / 12;
    Q sum[COPIES][FT][VT][PARTS];
    UNROLL for (int k = 0; k < COPIES; k++)
        UNROLL for (int f = 0; f < FT; f++)
            UNROLL for (int v = 0; v < VT; v++)
                UNROLL for (int part = 0; part < PARTS; part++) sum[k][f][v][part] = Q{};
    const long step = STEP1 ? 1 : p.step;
    // Pixels `begin` .. `end` - 1 have all of their taps inside of the picture; whole groups of XT.
    const long begin = least(p.OW, most(0, ceil_div(most(0, -p.column), step)));
    const long last = p.W - VT - p.column;
    long end = last < 0 ? 0 : least(p.OW, last / step + 1);
    end = begin + most(0, end - begin) / XT * XT;

    for (long y = 0; y < p.rows; y++) {
        const Q* const dy = p.dy + y * p.OW * PARTS;
        const Q* const row = p.x + y * p.x_row;
        for (long x = begin; x < end; x += XT) {
            const Q* const in = row + (x * step + p.column) * PARTS;
            UNROLL for (int part = 0; part < PARTS; part++) {
                const Q* const g = dy + x * PARTS + part;
                if constexpr (VT > FT && REGISTERS < 32) {  // hold dy
                    UNROLL for (int t = 0; t < XT; t++) {
                        Q held[FT];
                        UNROLL for (int f = 0; f < FT; f++) {
                            held[f] = g[f * p.dy_plane + t * PARTS];
                            HOLD(held[f]);
                        }
                        UNROLL for (int v = 0; v < VT; v++) {
                            Q a = in[(t * step + v) * PARTS + part];
                            HOLD(a);
                            UNROLL for (int f = 0; f < FT; f++) sum[t % COPIES][f][v][part] += held[f] * a;
                        }
                    }
                } else {  // hold x; at step 1, all pixels' taps
                    Q held[XT + VT - 1];
                    if constexpr (STEP1)
                        UNROLL for (int k = 0; k < XT + VT - 1; k++) {
                            held[k] = in[k * PARTS + part];
                            HOLD(held[k]);
                        }
                    UNROLL for (int t = 0; t < XT; t++) {
                        if constexpr (!STEP1)
                            UNROLL for (int v = 0; v < VT; v++) {
                                held[v] = in[(t * step + v) * PARTS + part];
                                HOLD(held[v]);
                            }
                        UNROLL for (int f = 0; f < FT; f++) {
                            Q a = g[f * p.dy_plane + t * PARTS];
                            HOLD(a);
                            UNROLL for (int v = 0; v < VT; v++)
                                sum[t % COPIES][f][v][part] += a * held[STEP1 ? t + v : v];
                        }
                    }
                }
                if (REGISTERS < 32 && COPIES == 1) FORGET;
            }
        }
        // The others: taps outside of the picture meet zeros.
        for (long x = begin > 0 ? 0 : end; x < p.OW; x = x + 1 == begin ? end : x + 1) {
            const long column = x * step + p.column;
            UNROLL for (int part = 0; part < PARTS; part++) {
                Q in[VT];
                UNROLL for (int v = 0; v < VT; v++)
                    in[v] = column + v >= 0 && column + v < p.W ? row[(column + v) * PARTS + part] : Q{};
                UNROLL for (int f = 0; f < FT; f++) {
                    const Q g = dy[f * p.dy_plane + x * PARTS + part];
                    UNROLL for (int v = 0; v < VT; v++) sum[0][f][v][part] += g * in[v];
                }
            }
        }
    }
    UNROLL for (int f = 0; f < FT; f++)
        UNROLL for (int v = 0; v < VT; v++)
            UNROLL for (int part = 0; part < PARTS; part++) {
                Q all = sum[0][f][v][part];
                UNROLL for (int k = 1; k < COPIES; k++) all += sum[k][f][v][part];
                total[(f * filter + v) * PARTS + part] += all;
            }
}

typedef void (*ProductsKernel)(const Products&, Q* total, long filter);

constexpr int MOST_TAPS = 5;
constexpr int channels_for(int VT) {
    const int n = SUMS / (VT * PARTS);
    return n < 1 ? 1 : n > 4 ? 4 : n;
}

// The tile of ft channels and vt taps.
template <bool STEP1, int FT, int VT>
static ProductsKernel products_of_channels(long ft) {
    if constexpr (FT > 1)
        if (ft < FT) return products_of_channels<STEP1, FT - 1, VT>(ft);
    return products<STEP1, FT, VT>;
}
template <bool STEP1, int VT = MOST_TAPS>
static ProductsKernel products_kernel(long ft, long vt) {
    if constexpr (VT > 1)
        if (vt < VT) return products_kernel<STEP1, VT - 1>(ft, vt);
    return products_of_channels<STEP1, channels_for(VT), VT>(ft);
}

// out[k] = the sum of the lanes of in[k], k < count.
static void add_lanes(const Q* in, long count, float* out) {
    for (long k = 0; k < count; k++) {
        Q a = in[k * PARTS];
        for (int part = 1; part < PARTS; part++) a += in[k * PARTS + part];
        constexpr int WIDTH = LANES / PARTS;
        float sum[WIDTH];
        for (int l = 0; l < WIDTH; l++) sum[l] = a[l];
        UNROLL for (int n = WIDTH / 2; n > 0; n /= 2)
            for (int l = 0; l < n; l++) sum[l] += sum[l + n];
        out[k] = sum[0];
    }
}

static void conv_weight_gradient(const Conv& c, const float* x, const float* dy, float* dw, float* db) {
    if (c.F <= 0) return;
    const long filter = c.C * c.KH * c.KW;             // weights of a channel f
    const Split taps(c.KW, MOST_TAPS);
    const Split channels(c.F, channels_for(ceil_div(c.KW, most(1, taps.parts))));
    const long rows = c.blocks * c.OH;
    // A group is some of the rows: as many groups as it takes to have work for all threads.
    const long groups = threads() == 1 ? 1 : most(1, least(rows, ceil_div(4L * threads(), channels.parts)));
    const long chunk = most(1, 512 / most(1, 4 * c.OW));  // rows, so that 4 channels of dy take 16 KB

    // Slot 0's scratch memory begins with the groups' results, (groups, F, filter + 1); the last is of db.
    const long results = ceil_div(groups * c.F * (filter + 1), 16) * 16;
    const long totals = 4 * (filter + 1) * LANES;
    float* const result = scratch(0, results + totals);
    const double cost = 2.0 * LANES * rows * c.OW * filter * c.F / (groups * channels.parts);

    parallel_for(groups * channels.parts, cost, [&](long unit, long unit_end, int slot) {
        Q* const total = (Q*)(slot == 0 ? result + results : scratch(slot, totals));
        for (; unit < unit_end; unit++) {
            const long group = unit / channels.parts;
            const long f0 = channels.begin(unit % channels.parts);
            const long ft = channels.begin(unit % channels.parts + 1) - f0;
            for (long k = 0; k < ft * (filter + 1) * PARTS; k++) total[k] = Q{};
            const long row_end = rows * (group + 1) / groups;
            for (long row = rows * group / groups, next; row < row_end; row = next) {
                const long block = row / c.OH, y = row % c.OH;
                next = least(least(row + chunk, row_end), (block + 1) * c.OH);
                const long y_end = y + next - row;
                const Q* const g = (const Q*)dy + (block * c.F + f0) * c.OH * c.OW * PARTS;
                if (db)
                    for (long f = 0; f < ft; f++) {
                        Q sum[4] = {};
                        const Q* const from = g + (f * c.OH + y) * c.OW * PARTS;
                        const long n = (next - row) * c.OW * PARTS;
                        long k = 0;
                        for (; k + 4 <= n; k += 4)
                            UNROLL for (int e = 0; e < 4; e++) sum[e] += from[k + e];
                        for (; k < n; k += PARTS)
                            UNROLL for (int part = 0; part < PARTS; part++) sum[part] += from[k + part];
                        UNROLL for (int e = 0; e < 4; e++)
                            total[(f * (filter + 1) + filter) * PARTS + e % PARTS] += sum[e];
                    }
                for (long i = 0; i < c.C; i++)
                    for (long u = 0; u < c.KH; u++) {
                        // Those of the chunk's rows under which there is a row of x.
                        const long y0 = most(y, ceil_div(most(0, c.top - u), c.SH));
                        const long below = c.H - 1 + c.top - u;
                        const long y1 = below < 0 ? 0 : least(y_end, below / c.SH + 1);
                        if (y0 >= y1) continue;
                        for (long k = 0; k < taps.parts; k++) {
                            const long v = taps.begin(k), vt = taps.begin(k + 1) - v;
                            const Products p{g + y0 * c.OW * PARTS, c.OH * c.OW * PARTS,
                                             (const Q*)x + ((block * c.C + i) * c.H + y0 * c.SH + u - c.top)
                                                               * c.W * PARTS,
                                             c.SH * c.W * PARTS, y1 - y0, c.OW, c.W, v - c.left, c.SW};
                            const ProductsKernel kernel =
                                c.SW == 1 ? products_kernel<true>(ft, vt) : products_kernel<false>(ft, vt);
                            kernel(p, total + ((i * c.KH + u) * c.KW + v) * PARTS, filter + 1);
                        }
                    }
            }
            add_lanes(total, ft * (filter + 1), result + (group * c.F + f0) * (filter + 1));
        }
    });

    for (long f = 0; f < c.F; f++) {
        const float* from = result + f * (filter + 1);
        for (long k = 0; k <= filter; k++) {
            float sum = from[k];
            for (long group = 1; group < groups; group++) sum += from[group * c.F * (filter + 1) + k];
            if (k < filter) dw[f * filter + k] = sum;
            else if (db) db[f] = sum;
        }
    }
}

#undef UNROLL
#undef FORGET
#undef HOLD
