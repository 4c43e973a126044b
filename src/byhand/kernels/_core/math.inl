// Square root, exponential, logarithm, hyperbolic tangent and normal distribution of a vector, each to some
// units in the last place. A NaN gives a NaN.

static inline V square_root(V x) {
#if defined(__AVX__)
    return (V)_mm256_sqrt_ps((__m256)x);
#elif defined(__SSE2__)
    const QuadPair part = halves(x);
    return whole((Quad)_mm_sqrt_ps((__m128)part.half[0]), (Quad)_mm_sqrt_ps((__m128)part.half[1]));
#else
    V y = {};
    for (int l = 0; l < LANES; l++) y[l] = sqrtf(x[l]);
    return y;
#endif
}

static inline V smaller(V a, V b) { return -larger(-a, -b); }  // b when either is a NaN
static inline V magnitude(V x) { return (V)((M)x & 0x7fffffff); }
static inline V with_sign_of(V x, V size) { return (V)((M)magnitude(size) | ((M)x & ~0x7fffffff)); }

// 2^n for -126 <= n <= 127, by way of the exponent's bits.
static inline V power_of_two(M n) { return (V)((n + 127) << 23); }

// e^x = 2^n * (1 + q), for |x| below some 1e6: x = n ln 2 + r with |r| <= ln 2 / 2, and e^r - 1 by the
// polynomial of Cephes' expf.
struct Exponential {
    M n;
    V q;
};
static inline Exponential exponential(V x) {
    const V round = splat(12582912.0f);  // 1.5 * 2^23: adding it leaves no binary places
    const V shifted = x * splat(1.44269504088896341f) + round;
    const V n = shifted - round;
    V r = x - n * splat(0.693359375f);  // ln 2 in two parts, the first with few bits: n times it is exact
    r = r - n * splat(-2.12194440e-4f);
    V p = splat(1.9875691500e-4f);
    p = p * r + splat(1.3981999507e-3f);
    p = p * r + splat(8.3334519073e-3f);
    p = p * r + splat(4.1665795894e-2f);
    p = p * r + splat(1.6666665459e-1f);
    p = p * r + splat(5.0000001201e-1f);
    return {(M)shifted - (M)round, p * (r * r) + r};
}

// e^x for all x: 0 far below, infinity far above. `larger` and `smaller` keep a NaN in their second place.
static inline V exp_lanes(V x) {
    const Exponential e = exponential(smaller(splat(89), larger(splat(-105), x)));
    const M half = e.n >> 1;  // 2^n in two factors, because n may be beyond what one can hold
    return (e.q + splat(1)) * power_of_two(half) * power_of_two(e.n - half);
}

// ln(2^n * m) for m from 1/sqrt(2) to sqrt(2), given as s = (m - 1) / (m + 1), |s| <= 0.1716:
// ln m = 2 artanh(s) = 2s + s^3 Q(s^2).
static inline V logarithm(V n, V s) {
    const V z = s * s;
    V q = splat(0.29874369502f);
    q = q * z + splat(0.39977452159f);
    q = q * z + splat(0.66666775942f);
    const V tail = s * z * q + n * splat(-2.12194440e-4f);
    return n * splat(0.693359375f) + (s + s + tail);
}

// ln x for a normal positive x.
static inline V log_lanes(V x) {
    // The bits of sqrt(1/2) taken off carry into the exponent exactly when m is sqrt(1/2) or more.
    const M bits = (M)x - 0x3f3504f3;
    const V m = (V)((bits & 0x7fffff) + 0x3f3504f3);
    const V y = logarithm(to_floats(bits >> 23), (m - splat(1)) / (m + splat(1)));
    return pick(is_nan(x), x, y);
}

// ln(1 + e) for e from 0 to 1, exact for small e too.
static inline V log1p_lanes(V e) {
    const M upper = above(e, splat(0.41421356f));  // 1 + e = 2 m there
    const V numerator = pick(upper, e - splat(1), e), denominator = e + pick(upper, splat(3), splat(2));
    return logarithm((V)((M)splat(1) & upper), numerator / denominator);
}

// tanh x = (1 - a) / (1 + a) with a = e^(-2|x|), by way of a - 1, which is exact near 0.
static inline V tanh_lanes(V x) {
    const Exponential e = exponential(larger(splat(-40), splat(-2) * magnitude(x)));
    const V scale = power_of_two(e.n);
    const V less = e.q * scale + (scale - splat(1));
    return with_sign_of(x, less / (less + splat(2)));
}

static inline V sigmoid_lanes(V x) { return splat(1) / (splat(1) + exp_lanes(-x)); }

// The normal distribution P(x), and e^(-x^2 / 2). For t = |x| and k = 1 / (1 + 0.35 t),
// P(-t) = e^(-t^2 / 2) * k * (a polynomial in k, fitted for the smallest relative error).
struct Normal {
    V p, bell;
};
static inline Normal normal_lanes(V x) {
    const V t = magnitude(x), k = splat(1) / (splat(1) + splat(0.35f) * t);
    V q = splat(-0.029157683f);
    q = q * k + splat(0.144030035f);
    q = q * k + splat(-0.255837411f);
    q = q * k + splat(0.159318104f);
    q = q * k + splat(-0.0232114214f);
    q = q * k + splat(0.105552174f);
    q = q * k + splat(0.119821355f);
    q = q * k + splat(0.139863506f);
    q = q * k + splat(0.139621302f);
    const V bell = exp_lanes(t * t * splat(-0.5f)), tail = bell * (k * q);
    return {pick(above(x, V{}), splat(1) - tail, tail), bell};
}
