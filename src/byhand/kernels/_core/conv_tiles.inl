// The register tiles of convolution forward and of its input gradient, and how a picture is cut into them.
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
// rows high) is one call, so that choosing its width costs nothing. The weight gradient has its own tile
// (conv_gradient.inl).

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

static inline Size least(Size a, Size b) { return a < b ? a : b; }
static inline Size most(Size a, Size b) { return a > b ? a : b; }
static inline Size ceil_div(Size a, Size b) { return (a + b - 1) / b; }
// (Q{} + a is not this: without -ffast-math it adds.)
#if defined(__AVX__)
static inline Q load_float(float a) { return Q{a, a, a, a, a, a, a, a}; }
#else
static inline Q load_float(float a) { return Q{a, a, a, a}; }
#endif
// a, but at least `floor`; NaN stays NaN. (Written as a < floor ? floor : a, it is three instructions.)
#if defined(__AVX__)
static inline Q at_least(Q floor, Q a) { return (Q)_mm256_max_ps((__m256)floor, (__m256)a); }
#elif defined(__SSE__)
static inline Q at_least(Q floor, Q a) { return (Q)_mm_max_ps((__m128)floor, (__m128)a); }
#else
static inline Q at_least(Q floor, Q a) { return a < floor ? floor : a; }
#endif

// out[o][oy + y oys][ox + x oxs] = b[o] + sum over i, u, v of
//                                  w[o][i][u][v] in[i][iy + y iys + u][ix + x ixs + v]
// for y < ny, x < nx, u < nu, v < nv; `in` is zero outside of the picture.
struct Sum {
    Size blocks;
    Size I, IH, IW, O, OH, OW;  // the arrays: channels, height, width
    Size nu, nv, ny, nx;
    Size iy, ix, iys, ixs, oy, ox, oys, oxs;
};

// One strip of one block: output channels from the tile's first on, rows y0 .. y1 - 1.
struct Strip {
    const Q* in;     // the block's picture, rows of `width` pixels, column ix at x = 0
    Size width;
    const float* w;  // of the tile's first output channel
    const float* b;  // the same; may be null
    Q* out;          // the same
    float floor;     // results are at least this: 0 for ReLU, else minus infinity
    Size y0, y1;
    Size x0;         // gather, general: first output pixel; scatter: first input pixel
    bool first, last;  // scatter: no strip before, none behind
};
constexpr float NO_FLOOR = -__builtin_inff();
typedef void (*StripKernel)(const Sum&, const Strip&);

// The rows of taps of output row y that lie inside of the picture: u0 .. u1 - 1.
struct Taps {
    Size row, u0, u1;
    Taps(const Sum& s, Size y)
        : row(s.iy + y * s.iys), u0(most(0, -row)), u1(least(s.nu, s.IH - row)) {}
};

template <int K, int FT, int XT>
static void gather_strip(const Sum& the_sum, const Strip& strip) {
    const Sum s = the_sum;  // in registers: what is stored could be a part of these for all the compiler knows
    const Strip p = strip;
    constexpr int T = XT * PARTS;
    const Size filter = s.I * s.nu * K, channel = s.nu * K;
    for (Size y = p.y0; y < p.y1; y++) {
        const Taps taps(s, y);
        Q sum[FT][T];
        UNROLL for (int f = 0; f < FT; f++) {
            const Q bias = load_float(p.b ? p.b[f] : 0.0f);
            UNROLL for (int t = 0; t < T; t++) sum[f][t] = bias;
        }
        const Q* plane = p.in + ((taps.row + taps.u0) * p.width + s.ix + p.x0) * PARTS;
        const float* weights = p.w + taps.u0 * K;
        for (Size i = 0; i < s.I; i++, plane += s.IH * p.width * PARTS, weights += channel) {
            const Q* in = plane;
            const float* w = weights;
            for (Size u = taps.u0; u < taps.u1; u++, in += p.width * PARTS, w += K) {
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
        const Q floor = load_float(strip.floor);  // read here, or it would take a register all along
        UNROLL for (int f = 0; f < FT; f++) {
            Q* out = p.out + ((f * s.OH + y) * s.OW + p.x0) * PARTS;
            UNROLL for (int t = 0; t < T; t++) out[t] = at_least(floor, sum[f][t]);
        }
    }
}

template <int K, int FT, int XT>
static void scatter_strip(const Sum& the_sum, const Strip& strip) {
    const Sum s = the_sum;  // in registers: what is stored could be a part of these for all the compiler knows
    const Strip p = strip;
    const Q floor = load_float(p.floor);  // here, although it takes a register: GCC spills more otherwise
    constexpr int N = XT + K - 1;  // output pixels x = x0 .. x0 + N - 1
    const Size filter = s.I * s.nu * K, channel = s.nu * K;
    const Size x0 = p.x0 - s.ix - (K - 1);
    const Size begin = most(0, -x0), end = least(N, s.nx - x0);  // those inside of the picture
    for (Size y = p.y0; y < p.y1; y++) {
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
        for (Size i = 0; i < s.I; i++) {
            const Q* in = p.in + ((i * s.IH + taps.row + taps.u0) * p.width + p.x0) * PARTS;
            const float* w = p.w + i * channel + taps.u0 * K;
            for (Size u = taps.u0; u < taps.u1; u++, in += p.width * PARTS, w += K) {
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
                            n < XT || p.last ? at_least(floor, sum[f][n][part]) : sum[f][n][part];
    }
}

template <int FT, int XT>
static void general_strip(const Sum& the_sum, const Strip& strip) {
    const Sum s = the_sum;  // in registers: what is stored could be a part of these for all the compiler knows
    const Strip p = strip;
    const Size filter = s.I * s.nu * s.nv, channel = s.nu * s.nv, step = s.ixs * PARTS;
    for (Size y = p.y0; y < p.y1; y++) {
        const Taps taps(s, y);
        Q sum[FT][XT][PARTS];
        UNROLL for (int f = 0; f < FT; f++) {
            const Q bias = load_float(p.b ? p.b[f] : 0.0f);
            UNROLL for (int t = 0; t < XT; t++)
                UNROLL for (int part = 0; part < PARTS; part++) sum[f][t][part] = bias;
        }
        const Q* plane = p.in + ((taps.row + taps.u0) * p.width + s.ix + p.x0 * s.ixs) * PARTS;
        const float* weights = p.w + taps.u0 * s.nv;
        for (Size i = 0; i < s.I; i++, plane += s.IH * p.width * PARTS, weights += channel)
            for (Size u = taps.u0; u < taps.u1; u++) {
                const Q* in = plane + (u - taps.u0) * p.width * PARTS;
                const float* w = weights + (u - taps.u0) * s.nv;
                for (Size v = 0; v < s.nv; v++, in += PARTS, w++) {
                    UNROLL for (int f = 0; f < FT; f++) {
                        const Q a = load_float(w[f * filter]);
                        UNROLL for (int t = 0; t < XT; t++)
                            UNROLL for (int part = 0; part < PARTS; part++)
                                sum[f][t][part] += a * in[t * step + part];
                    }
                }
            }
        const Q floor = load_float(strip.floor);
        UNROLL for (int f = 0; f < FT; f++)
            UNROLL for (int t = 0; t < XT; t++)
                UNROLL for (int part = 0; part < PARTS; part++)
                    p.out[((f * s.OH + s.oy + y * s.oys) * s.OW + s.ox + (p.x0 + t) * s.oxs) * PARTS + part] =
                        at_least(floor, sum[f][t][part]);
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
static StripKernel strip_of_width(Size xt) {
    if constexpr (XT > 1)
        if (xt < XT) return strip_of_width<kind, K, FT, XT - 1>(xt);
    if constexpr (kind == GATHER) return gather_strip<K, FT, XT>;
    if constexpr (kind == SCATTER) return scatter_strip<K, FT, XT>;
    return general_strip<FT, XT>;
}
template <Kind kind, int K, int FT = most_channels(kind, K)>
static StripKernel strip_kernel(Size ft, Size xt) {
    if constexpr (FT > 1)
        if (ft < FT) return strip_kernel<kind, K, FT - 1>(ft, xt);
    return strip_of_width<kind, K, FT, widest(kind, K, FT)>(xt);
}

// What `run` needs to know of a kind of tile.
struct Tiling {
    StripKernel (*kernel)(Size ft, Size xt);
    int channels;                // at most
    int width[5];                // at most, for 1 .. 4 channels
};
template <Kind kind, int K>
static constexpr Tiling TILING = {strip_kernel<kind, K>, most_channels(kind, K),
                                  {0, widest(kind, K, 1), widest(kind, K, 2), widest(kind, K, 3),
                                   widest(kind, K, 4)}};
template <Kind kind>
static const Tiling& tiling(Size K) {
    return K == 1 ? TILING<kind, 1> : K == 3 ? TILING<kind, 3> : K == 5 ? TILING<kind, 5> : TILING<kind, 7>;
}

// A range split into as few parts as `most` allows, and as evenly: part k is begin(k) .. begin(k + 1) - 1.
struct Split {
    Size length, parts;
    Split(Size length, Size most) : length(length), parts(ceil_div(length, most)) {}
    Size begin(Size k) const { return length * k / parts; }
};

// Columns from .. from + columns - 1 of a block's picture, zero where there are none.
static void pad_columns(const Sum& s, const Q* in, Size from, Size columns, Q* out) {
    const Size begin = least(columns, most(0, -from)), end = most(begin, least(columns, s.IW - from));
    for (Size row = 0; row < s.I * s.IH; row++, in += s.IW * PARTS, out += columns * PARTS) {
        for (Size k = 0; k < begin * PARTS; k++) out[k] = Q{};
        for (Size k = begin * PARTS; k < end * PARTS; k++) out[k] = in[from * PARTS + k];
        for (Size k = end * PARTS; k < columns * PARTS; k++) out[k] = Q{};
    }
}

// Pixels x .. end - 1 of rows y0 .. y1 - 1, which no tap reaches, are the bias.
static void fill_columns(const Sum& s, const Strip& p, Size channels, Size x, Size end) {
    for (Size f = 0; f < channels; f++) {
        const Q bias = at_least(load_float(p.floor), load_float(p.b ? p.b[f] : 0.0f));
        for (Size y = p.y0; y < p.y1; y++)
            for (Size k = x * PARTS; k < end * PARTS; k++)
                p.out[(f * s.OH + y) * s.OW * PARTS + k] = bias;
    }
}

// How a Sum is worked out.
struct Plan {
    Sum s;
    Size from, columns;  // of the input that taps reach, those outside of the picture included
    Kind kind;
    bool copy;           // these columns are copied to scratch memory
    const Tiling* tiles;
    Size first, end;  // the columns that strips divide: scatter's are those of the input that some tap reaches
    Split channels;

    static Kind kind_of(const Sum& s, bool inside) {
        const bool fast = s.ixs == 1 && s.oxs == 1 && s.oys == 1 && s.nv % 2 == 1 && s.nv <= 7;
        return !fast ? GENERAL : inside || (s.I == 1 && s.nx <= s.IW) ? GATHER : SCATTER;
    }
    static const Tiling* tiles_of(Kind kind, Size nv) {
        return kind == GATHER    ? &tiling<GATHER>(nv)
               : kind == SCATTER ? &tiling<SCATTER>(nv)
                                 : &TILING<GENERAL, 0>;
    }
    bool inside() const { return columns == 0 || (s.ix >= 0 && s.ix + columns <= s.IW); }

    Plan()
        : s(), from(0), columns(0), kind(GENERAL), copy(false), tiles(nullptr), first(0), end(0),
          channels(0, 1) {}
    explicit Plan(const Sum& s)
        : s(s), from(s.ix), columns(s.nv > 0 ? (s.nx - 1) * s.ixs + s.nv : 0), kind(kind_of(s, inside())),
          copy(kind != SCATTER && !inside()), tiles(tiles_of(kind, s.nv)),
          first(kind == SCATTER ? least(s.IW, most(0, s.ix)) : 0),
          end(kind == SCATTER ? most(first, least(s.IW, s.ix + columns)) : s.nx),
          channels(s.O, tiles->channels) {}

    // Scratch memory for a copy, and the picture that strips read, which is copied there if need be.
    Size copied() const { return copy ? s.I * s.IH * columns * LANES : 0; }
    void set_picture(Strip& p, const Q* picture, Q* padded, bool already_there) const {
        p.in = copy ? padded - from * PARTS : picture;
        p.width = copy ? columns : s.IW;
        if (copy && !already_there) pad_columns(s, picture, from, columns, padded);
    }

    // Rows y0 .. y1 - 1 of ft output channels, strip by strip.
    void strips(Strip p, Size ft) const {
        if (kind == SCATTER) {
            if (first == end) return fill_columns(s, p, ft, 0, s.nx);
            fill_columns(s, p, ft, 0, least(s.nx, first - s.ix - (s.nv - 1)));
            fill_columns(s, p, ft, most(0, end - s.ix), s.nx);
        }
        const Split strips(end - first, tiles->width[ft]);
        for (Size k = 0; k < strips.parts; k++) {
            p.x0 = first + strips.begin(k);
            p.first = k == 0;
            p.last = k == strips.parts - 1;
            tiles->kernel(ft, strips.begin(k + 1) - strips.begin(k))(s, p);
        }
    }
};
