// Vector helpers beside simd.hpp: what GCC makes slow code of when it is written plainly, measured.
//
// Comparisons and conversions of eight numbers, where the processor's registers hold four, it does one by
// one; with AVX-512 it turns comparisons into mask registers and back; and __builtin_convertvector between
// bytes and 32-bit integers is one by one on every processor.

typedef float Quad __attribute__((vector_size(16)));      // four floats: what every instruction set has
typedef int32_t QuadMask __attribute__((vector_size(16)));
typedef uint8_t Bytes16 __attribute__((vector_size(16)));
typedef uint64_t Words __attribute__((vector_size(32)));  // four 32-bit words, each in 64 bits

// A vector in two halves, and back.
struct QuadPair {
    Quad half[2];
};
struct MaskPair {
    QuadMask half[2];
};
#if defined(__AVX__)
static inline QuadPair halves(V a) {
    return {{(Quad)_mm256_castps256_ps128((__m256)a), (Quad)_mm256_extractf128_ps((__m256)a, 1)}};
}
static inline V whole(Quad low, Quad high) { return (V)_mm256_set_m128((__m128)high, (__m128)low); }
#else
static inline QuadPair halves(V a) {
    QuadPair pair;
    memcpy(&pair, &a, sizeof pair);
    return pair;
}
static inline V whole(Quad low, Quad high) {
    const QuadPair pair = {{low, high}};
    V a;
    memcpy(&a, &pair, sizeof a);
    return a;
}
#endif
static inline MaskPair halves(M a) {
    const QuadPair pair = halves((V)a);
    return {{(QuadMask)pair.half[0], (QuadMask)pair.half[1]}};
}
static inline M whole(QuadMask low, QuadMask high) { return (M)whole((Quad)low, (Quad)high); }

// a > b.
static inline M above(V a, V b) {
#if defined(__AVX__)
    return (M)_mm256_cmp_ps((__m256)a, (__m256)b, _CMP_GT_OQ);
#else
    const QuadPair x = halves(a), y = halves(b);
    return whole(x.half[0] > y.half[0], x.half[1] > y.half[1]);
#endif
}

static inline M is_nan(V a) {
#if defined(__AVX__)
    return (M)_mm256_cmp_ps((__m256)a, (__m256)a, _CMP_UNORD_Q);
#else
    const QuadPair x = halves(a);
    return whole(x.half[0] != x.half[0], x.half[1] != x.half[1]);
#endif
}

static inline M is_zero(V a) {
#if defined(__AVX__)
    return (M)_mm256_cmp_ps((__m256)a, __m256{}, _CMP_EQ_OQ);
#else
    const QuadPair x = halves(a);
    const Quad zero = {};
    return whole(x.half[0] == zero, x.half[1] == zero);
#endif
}

// Where a is `number`.
static inline M equals(M a, int32_t number) {
#if defined(__AVX2__)
    return (M)_mm256_cmpeq_epi32((__m256i)a, _mm256_set1_epi32(number));
#else
    const MaskPair x = halves(a);
    const QuadMask all = {number, number, number, number};
    return whole(x.half[0] == all, x.half[1] == all);
#endif
}

// a > b ? a : b, which is b when either is a NaN, as vmax.
static inline V larger(V a, V b) {
#if defined(__AVX__)
    return (V)_mm256_max_ps((__m256)a, (__m256)b);
#else
    const QuadPair x = halves(a), y = halves(b);
    return whole(x.half[0] > y.half[0] ? x.half[0] : y.half[0], x.half[1] > y.half[1] ? x.half[1] : y.half[1]);
#endif
}

static inline V to_floats(M a) {
#if defined(__AVX__)
    return __builtin_convertvector(a, V);
#else
    const MaskPair x = halves(a);
    return whole(__builtin_convertvector(x.half[0], Quad), __builtin_convertvector(x.half[1], Quad));
#endif
}

static inline M to_integers(V a) {
#if defined(__AVX__)
    return __builtin_convertvector(a, M);
#else
    const QuadPair x = halves(a);
    return whole(__builtin_convertvector(x.half[0], QuadMask), __builtin_convertvector(x.half[1], QuadMask));
#endif
}

static inline bool any(M mask) {
    uint64_t part[4];
    memcpy(part, &mask, sizeof part);
    return (part[0] | part[1] | part[2] | part[3]) != 0;
}

// Eight bytes, from anywhere, to integers.
static inline M widen(const uint8_t* from) {
#if defined(__AVX2__)
    return (M)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i*)from));
#else
    Bytes16 bytes = {};
    memcpy(&bytes, from, 8);
    const Bytes16 zero = {};
    const Bytes16 pairs =
        __builtin_shufflevector(bytes, zero, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const Bytes16 low =
        __builtin_shufflevector(pairs, zero, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23);
    const Bytes16 high =
        __builtin_shufflevector(pairs, zero, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31);
    return whole((QuadMask)low, (QuadMask)high);
#endif
}

// Integers of 0 .. 255 to eight bytes.
static inline void narrow(M wide, uint8_t* to) {
    const MaskPair x = halves(wide);
#if defined(__SSE2__)
    const __m128i pairs = _mm_packs_epi32((__m128i)x.half[0], (__m128i)x.half[1]);
    const Bytes16 bytes = (Bytes16)_mm_packus_epi16(pairs, pairs);
#else
    const Bytes16 bytes =
        __builtin_shufflevector((Bytes16)x.half[0], (Bytes16)x.half[1],  //
                                0, 4, 8, 12, 16, 20, 24, 28, 0, 4, 8, 12, 16, 20, 24, 28);
#endif
    memcpy(to, &bytes, 8);
}

// The 64-bit products of 32-bit words.
static inline Words times(Words a, uint32_t b) {
    const Words factor = {b, b, b, b};
#if defined(__AVX2__)
    return (Words)_mm256_mul_epu32((__m256i)a, (__m256i)factor);  // GCC multiplies all 64 bits otherwise
#else
    return a * factor;
#endif
}

// The sum of many vectors, in runs: a number of its own size no longer counts beside 2^24 of them.
struct LongSum {
    V before = {}, run = {};
    Size count = 0;
    void add(V a) {
        run += a;
        if (++count % 1024) return;
        before += run;
        run = V{};
    }
    V all() const { return before + run; }
};
