// The optimisers' steps, one pass over the vectors, in the order of operations of optim/optimisers.py; and
// sums of squares, for a gradient's norm. The vectors are parts of NumPy arrays: aligned to 4 bytes only.

// Which floats a step takes: eight of a flat vector, or the fewer that are left at its end.
struct Eight {};
struct Rest {
    Size count;
};

static inline V load(Eight, const float* from) { return (V) * (const Anywhere*)from; }
static inline void store(Eight, float* to, V v) { *(Anywhere*)to = (Anywhere)v; }
static inline V load(Rest rest, const float* from) {
    V v = {};
    memcpy(&v, from, (size_t)rest.count * sizeof(float));
    return v;
}
static inline void store(Rest rest, float* to, V v) { memcpy(to, &v, (size_t)rest.count * sizeof(float)); }

// step(i, which) for elements i .. i + 7 of `count`; `cost` is in operations for one.
template <class Step>
static void for_parameters(Size count, double cost, const Step& step) {
    parallel_for(chunks(count, LANES * STRIP), cost * LANES * STRIP, [&](Size begin, Size end, int) {
        Size i = begin * LANES * STRIP;
        const Size stop = chunk_end(count, LANES * STRIP, end - 1);
        for (; i + LANES <= stop; i += LANES) step(i, Eight{});
        if (i < stop) step(i, Rest{stop - i});
    });
}

// g + decay * w; g itself without decay, whatever w is.
static inline V with_decay(V g, V w, V decay, bool decays) { return decays ? w * decay + g : g; }

static void sgd(Size count, float* w, const float* g, float* velocity, double rate, double momentum,
                double dampening, double decay, bool nesterov, bool first) {
    const V r = splat((float)rate), keep = splat((float)momentum), take = splat((float)(1 - dampening));
    const V shrink = splat((float)decay);
    const bool decays = decay != 0;
    if (!velocity) {
        for_parameters(count, STREAM_COST, [=](Size i, auto which) {
            const V weight = load(which, w + i);
            store(which, w + i, weight - with_decay(load(which, g + i), weight, shrink, decays) * r);
        });
        return;
    }
    for_parameters(count, STREAM_COST, [=](Size i, auto which) {
        const V weight = load(which, w + i), slope = with_decay(load(which, g + i), weight, shrink, decays);
        const V v = first ? slope : load(which, velocity + i) * keep + slope * take;
        store(which, velocity + i, v);
        store(which, w + i, weight - (nesterov ? slope + v * keep : v) * r);
    });
}

static const double ROOT_COST = 16;  // operations that take as long as one float's root and division

static void adagrad(Size count, float* w, const float* g, float* sum, double rate, double eps, double decay) {
    const V r = splat((float)rate), e = splat((float)eps), shrink = splat((float)decay);
    const bool decays = decay != 0;
    for_parameters(count, ROOT_COST, [=](Size i, auto which) {
        const V weight = load(which, w + i), slope = with_decay(load(which, g + i), weight, shrink, decays);
        const V s = load(which, sum + i) + slope * slope;
        store(which, sum + i, s);
        store(which, w + i, weight - slope / (square_root(s) + e) * r);
    });
}

static void rmsprop(Size count, float* w, const float* g, float* square, float* velocity, double rate,
                    double alpha, double eps, double momentum, double decay) {
    const V r = splat((float)rate), keep = splat((float)alpha), take = splat((float)(1 - alpha));
    const V e = splat((float)eps), pull = splat((float)momentum), shrink = splat((float)decay);
    const bool decays = decay != 0;
    for_parameters(count, ROOT_COST, [=](Size i, auto which) {
        const V weight = load(which, w + i), slope = with_decay(load(which, g + i), weight, shrink, decays);
        const V s = load(which, square + i) * keep + slope * slope * take;
        store(which, square + i, s);
        V u = slope / (square_root(s) + e);
        if (velocity) {
            u = load(which, velocity + i) * pull + u;
            store(which, velocity + i, u);
        }
        store(which, w + i, weight - u * r);
    });
}

static void adam(Size count, float* w, const float* g, float* mean, float* square, double rate, double root,
                 double beta1, double beta2, double eps, double decay, double shrink) {
    const V r = splat((float)rate), e = splat((float)eps), part = splat((float)(1 / root));
    const V keep1 = splat((float)beta1), take1 = splat((float)(1 - beta1));
    const V keep2 = splat((float)beta2), take2 = splat((float)(1 - beta2));
    const V shrunk = splat((float)shrink), coupled = splat((float)decay);
    const bool decays = decay != 0;
    for_parameters(count, ROOT_COST, [=](Size i, auto which) {
        const V weight = load(which, w + i) * shrunk;
        const V slope = with_decay(load(which, g + i), weight, coupled, decays);
        const V m = load(which, mean + i) * keep1 + slope * take1;
        const V s = load(which, square + i) * keep2 + slope * slope * take2;
        store(which, mean + i, m);
        store(which, square + i, s);
        store(which, w + i, weight - m / (square_root(s) * part + e) * r);
    });
}

// Sums of squares --------------------------------------------------------------------------------------

static const Size SQUARES = 8192;  // floats in one unit of work

// In double: no square of a float is too large or too small for it.
static double sum_of_squares(Size count, const float* g) {
    Quad64 sum[4] = {};
    Size i = 0;
    for (; i + 16 <= count; i += 16)
        for (int k = 0; k < 4; k++) {
            const Quad64 v = __builtin_convertvector(load4(g + i + 4 * k), Quad64);
            sum[k] += v * v;
        }
    double rest = 0;
    for (; i < count; i++) rest += (double)g[i] * (double)g[i];
    const Quad64 all = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    return (all[0] + all[1]) + (all[2] + all[3]) + rest;
}

static void squares(Size parts, const int64_t* ends, const float* g, double* sums) {
    Size units = 0;
    for (Size p = 0; p < parts; p++) units += chunks(ends[p] - (p ? ends[p - 1] : 0), SQUARES);
    double* partial = (double*)scratch(0, 2 * units);
    parallel_for(units, STREAM_COST * SQUARES, [&](Size begin, Size end, int) {
        Size first = 0;  // the first unit of part p
        for (Size p = 0; p < parts && first < end; p++) {
            const Size start = p ? ends[p - 1] : 0, size = ends[p] - start, count = chunks(size, SQUARES);
            for (Size u = first < begin ? begin : first; u < first + count && u < end; u++) {
                const Size from = (u - first) * SQUARES, to = chunk_end(size, SQUARES, u - first);
                partial[u] = sum_of_squares(to - from, g + start + from);
            }
            first += count;
        }
    });
    for (Size p = 0, u = 0; p < parts; p++) {
        sums[p] = 0;
        const Size stop = u + chunks(ends[p] - (p ? ends[p - 1] : 0), SQUARES);
        for (; u < stop; u++) sums[p] += partial[u];
    }
}
