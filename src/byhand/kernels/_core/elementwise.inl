// ReLU, sums of two arrays and dropout: plain loops over vectors.

static const Size STRIP = 512;          // vectors in one unit of work
static const double STREAM_COST = 4;    // operations for one float: the memory's time, not the processor's

// body(i) for each vector i of `count` floats; `cost` is in operations for one float.
template <class Body>
static void for_vectors(Size count, double cost, const Body& body) {
    const Size vectors = count / LANES;
    parallel_for(chunks(vectors, STRIP), cost * LANES * STRIP, [&](Size begin, Size end, int) {
        for (Size i = begin * STRIP, stop = chunk_end(vectors, STRIP, end - 1); i < stop; i++) body(i);
    });
}
template <class Body>
static void for_vectors(Size count, const Body& body) {
    for_vectors(count, STREAM_COST, body);
}

static void relu(Size count, const float* x, float* y) {
    // The order of the two matters: a NaN is not below 0, and stays.
    for_vectors(count, [=](Size i) { ((V*)y)[i] = larger(V{}, ((const V*)x)[i]); });
}

static void relu_backward(Size count, const float* y, const float* dy, float* dx) {
    for_vectors(count, [=](Size i) {
        const V on = (V)((M)splat(1) & above(((const V*)y)[i], V{}));
        ((V*)dx)[i] = ((const V*)dy)[i] * on;  // a product, as in the definition: a NaN in dy stays
    });
}

static void add(Size count, const float* a, const float* b, float* y) {
    for_vectors(count, [=](Size i) { ((V*)y)[i] = ((const V*)a)[i] + ((const V*)b)[i]; });
}

// Dropout ----------------------------------------------------------------------------------------------

static inline Words splat64(uint64_t a) { return Words{a, a, a, a}; }

// Philox 4x32-10 for four counters, as in kernels/random.py.
static inline void philox(Words c[4], uint32_t key0, uint32_t key1) {
    for (int round = 0; round < 10; round++) {
        const Words p0 = times(c[0], 0xD2511F53u), p1 = times(c[2], 0xCD9E8D57u);
        const Words low = splat64(0xFFFFFFFFu);
        c[0] = (p1 >> 32) ^ c[1] ^ splat64(key0);
        c[1] = p1 & low;
        c[2] = (p0 >> 32) ^ c[3] ^ splat64(key1);
        c[3] = p0 & low;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
}

// Which of the eight 32-bit words are at least `threshold`, which is 0 .. 2^32. The difference of 64 bits is
// negative where they are not, and then its upper half is all ones.
static inline M at_least(Words left, Words right, uint64_t threshold) {
    const MaskPair l = halves((M)(left - splat64(threshold))), r = halves((M)(right - splat64(threshold)));
    return ~whole(__builtin_shufflevector(l.half[0], l.half[1], 1, 3, 5, 7),
                  __builtin_shufflevector(r.half[0], r.half[1], 1, 3, 5, 7));
}

static const Size QUADS = 16;  // groups of four features in one unit of work: four words of one counter

static void dropout(Size blocks, Size features, const float* x, float* y, uint8_t* kept, uint32_t key0,
                    uint32_t key1, int64_t first_image, uint64_t threshold, float scale) {
    const Size quads = chunks(features, 4), cuts = chunks(quads, QUADS);
    const double cost = 100 * LANES * 4 * QUADS;
    parallel_for(blocks * cuts, cost, [&](Size begin, Size end, int) {
        for (Size unit = begin; unit < end; unit++) {
            const Size b = unit / cuts;
            const uint64_t image = (uint64_t)first_image + (uint64_t)(b * LANES);
            const Words low = splat64(0xFFFFFFFFu);
            const Words left = (splat64(image) + Words{0, 1, 2, 3}) & low;
            const Words right = (splat64(image) + Words{4, 5, 6, 7}) & low;
            for (Size q = unit % cuts * QUADS, stop = chunk_end(quads, QUADS, unit % cuts); q < stop; q++) {
                Words words[4] = {splat64((uint64_t)q), left, Words{}, Words{}};
                Words others[4] = {splat64((uint64_t)q), right, Words{}, Words{}};
                philox(words, key0, key1);
                philox(others, key0, key1);
#pragma GCC unroll 4
                for (Size t = 0; t < 4; t++) {
                    if (4 * q + t >= features) break;
                    const M on = at_least(words[t], others[t], threshold);
                    const Size i = b * features + 4 * q + t;
                    ((V*)y)[i] = ((const V*)x)[i] * (V)((M)splat(scale) & on);
                    narrow(on & 1, kept + i * LANES);
                }
            }
        }
    });
}

static void dropout_backward(Size count, const float* dy, const uint8_t* kept, float scale, float* dx) {
    for_vectors(count, [=](Size i) {
        const M on = -widen(kept + i * LANES);  // 0 or 1 to a mask
        ((V*)dx)[i] = ((const V*)dy)[i] * (V)((M)splat(scale) & on);
    });
}
