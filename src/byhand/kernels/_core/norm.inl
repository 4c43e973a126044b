// Batch normalisation, as in kernels/reference/norm.py, for x (blocks, C, P, L).
//
// Sums are taken in double over float sums of eight vectors, so that they are as exact as their terms. Where
// there are many channels, each is one unit of work; else a channel is cut into parts of a fixed size, whose
// sums are added in order: the result does not depend on the number of threads.

typedef double Quad64 __attribute__((vector_size(32)));

// A sum of doubles: those of lanes 0 and 4 in one place, and so on.
struct WideSum {
    Quad64 low, high;
};

static inline void add_to(WideSum& sum, V v) {
    const QuadPair part = halves(v);
    sum.low += __builtin_convertvector(part.half[0], Quad64);
    sum.high += __builtin_convertvector(part.half[1], Quad64);
}

// Add term(0) + ... + term(count - 1).
template <class Term>
static inline void add_terms(WideSum& sum, Size count, const Term& term) {
    Size i = 0;
    for (; i + 8 <= count; i += 8)
        add_to(sum, ((term(i) + term(i + 1)) + (term(i + 2) + term(i + 3))) +
                        ((term(i + 4) + term(i + 5)) + (term(i + 6) + term(i + 7))));
    for (; i < count; i++) add_to(sum, term(i));
}

static inline double total(const WideSum& sum) {
    const Quad64 both = sum.low + sum.high;
    return (both[0] + both[1]) + (both[2] + both[3]);
}

static const Size MANY_CHANNELS = 8;
static const Size PART = 1024;  // vectors, at least, in one part of a channel

// Cut a channel into parts of so many blocks.
static inline Size blocks_in_part(Size blocks, Size C, Size P) {
    return C >= MANY_CHANNELS || P == 0 ? blocks : chunks(PART, P);
}

// The sums of each channel, K of them, in scratch memory: (C, K). body(c, first block, end block, sums) puts
// those of one part into sums[0 .. K - 1].
template <int K, class Body>
static const double* channel_sums(Size blocks, Size C, Size P, const Body& body) {
    const Size size = blocks_in_part(blocks, C, P), parts = blocks == 0 ? 0 : chunks(blocks, size);
    double* sums = (double*)scratch(0, 2 * K * (C * parts + C));
    parallel_for(C * parts, STREAM_COST * LANES * (double)(P * size), [&](Size begin, Size end, int) {
        for (Size unit = begin; unit < end; unit++) {
            const Size part = unit % parts;
            body(unit / parts, part * size, chunk_end(blocks, size, part), sums + K * unit);
        }
    });
    for (Size c = 0; c < C; c++)  // the sum of channel c lies before what is still to be added
        for (int k = 0; k < K; k++) {
            double sum = 0;
            for (Size part = 0; part < parts; part++) sum += sums[K * (c * parts + part) + k];
            sums[K * c + k] = sum;
        }
    return sums;
}

// Add term(i) for the vectors i of channel c in the blocks first .. end - 1. With one vector in a block, eight
// blocks are one float sum.
template <class Term>
static inline void add_channel(WideSum& sum, Size C, Size P, Size c, Size first, Size end, const Term& term) {
    if (P == 1) {
        add_terms(sum, end - first, [&](Size b) { return term((first + b) * C + c); });
        return;
    }
    for (Size b = first; b < end; b++) {
        const Size at = (b * C + c) * P;
        add_terms(sum, P, [&](Size i) { return term(at + i); });
    }
}

// The same without lanes past the n images, summed up.
template <class Term>
static inline double sum_images(Size n, Size C, Size P, Size c, Size first, Size end, const Term& term) {
    WideSum sum = {};
    const Size whole_ones = n / LANES < end ? n / LANES : end;
    add_channel(sum, C, P, c, first, whole_ones, term);
    if (whole_ones < end) {
        const M mask = live_mask(n % LANES);
        add_channel(sum, C, P, c, whole_ones, end, [&](Size i) { return (V)((M)term(i) & mask); });
    }
    return total(sum);
}

static void batch_norm_statistics(Size n, Size C, Size P, const float* x, float* mean, float* var) {
    const Size blocks = chunks(n, LANES);
    const double m = (double)n * (double)P;
    const auto sum = [=](Size c, Size first, Size end) {
        return sum_images(n, C, P, c, first, end, [=](Size i) { return ((const V*)x)[i]; });
    };
    const auto centred_squares = [=](Size c, Size first, Size end) {
        const V centre = splat(mean[c]);
        return sum_images(n, C, P, c, first, end, [=](Size i) {
            const V d = ((const V*)x)[i] - centre;
            return d * d;
        });
    };
    if (blocks_in_part(blocks, C, P) >= blocks) {  // both while the channel is in the cache
        parallel_for(C, 2 * STREAM_COST * LANES * (double)(P * blocks), [&](Size begin, Size end, int) {
            for (Size c = begin; c < end; c++) {
                mean[c] = (float)(sum(c, 0, blocks) / m);
                var[c] = (float)(centred_squares(c, 0, blocks) / m);
            }
        });
        return;
    }
    const double* sums = channel_sums<1>(blocks, C, P, [&](Size c, Size first, Size end, double* to) {
        to[0] = sum(c, first, end);
    });
    for (Size c = 0; c < C; c++) mean[c] = (float)(sums[c] / m);
    sums = channel_sums<1>(blocks, C, P, [&](Size c, Size first, Size end, double* to) {
        to[0] = centred_squares(c, first, end);
    });
    for (Size c = 0; c < C; c++) var[c] = (float)(sums[c] / m);
}

// body(first vector, c, b) for each plane: channel c of block b.
template <class Body>
static void for_channel_planes(Size blocks, Size C, Size P, const Body& body) {
    parallel_for(blocks * C, STREAM_COST * LANES * (double)P, [&](Size begin, Size end, int) {
        for (Size b = begin / C, c = begin % C, plane = begin; plane < end; plane++) {
            body(plane * P, c, b);
            if (++c == C) c = 0, b++;
        }
    });
}

static void batch_norm(Size blocks, Size C, Size P, const float* x, const float* mean, const float* inverse_std,
                       const float* w, const float* b, float* xhat, float* y) {
    for_channel_planes(blocks, C, P, [=](Size at, Size c, Size) {
        const V centre = splat(mean[c]), inverse = splat(inverse_std[c]), scale = splat(w[c]),
                shift = splat(b[c]);
        for (Size i = at; i < at + P; i++) {
            const V normal = (((const V*)x)[i] - centre) * inverse;
            if (xhat) ((V*)xhat)[i] = normal;
            ((V*)y)[i] = normal * scale + shift;
        }
    });
}

static void batch_norm_weight_gradient(Size blocks, Size C, Size P, const float* xhat, const float* dy,
                                       float* dw, float* db) {
    const double* sums = channel_sums<2>(blocks, C, P, [=](Size c, Size first, Size end, double* to) {
        WideSum of_products = {}, of_dy = {};
        const V *h = (const V*)xhat, *g = (const V*)dy;
        const Size step = P == 1 ? end - first : 1;  // blocks whose second sum finds them in the cache
        for (Size b = first; b < end; b += step) {
            add_channel(of_products, C, P, c, b, b + step, [=](Size i) { return g[i] * h[i]; });
            add_channel(of_dy, C, P, c, b, b + step, [=](Size i) { return g[i]; });
        }
        to[0] = total(of_products);
        to[1] = total(of_dy);
    });
    for (Size c = 0; c < C; c++) {
        dw[c] = (float)sums[2 * c];
        db[c] = (float)sums[2 * c + 1];
    }
}

static void batch_norm_input_gradient(Size n, Size C, Size P, const float* xhat, const float* dy,
                                      const float* scale, const float* dw, const float* db, float* dx) {
    const float m = (float)((double)n * (double)P);
    for_channel_planes(chunks(n, LANES), C, P, [=](Size at, Size c, Size b) {
        // dy is zero in lanes without an image, but the two means are not.
        const M mask = live_mask(live_lanes(n, b));
        const V factor = splat(scale[c]);
        if (!dw) {
            for (Size i = at; i < at + P; i++) ((V*)dx)[i] = (V)((M)(((const V*)dy)[i] * factor) & mask);
            return;
        }
        const V of_products = splat(dw[c] / m), of_dy = splat(db[c] / m);
        for (Size i = at; i < at + P; i++) {
            const V g = ((const V*)dy)[i] - of_dy - ((const V*)xhat)[i] * of_products;
            ((V*)dx)[i] = (V)((M)(g * factor) & mask);
        }
    });
}
