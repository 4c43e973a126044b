// Softmax and cross-entropy of a block of images at a time.

// e^x to about 1 ulp, for all x: 0 far below, infinity far above, NaN for NaN.
// x = n ln 2 + r with |r| <= ln 2 / 2; e^r by the polynomial of Cephes' expf; times 2^n.
static inline V exp_lanes(V x) {
    const V low = splat(-105), high = splat(89);
    // A NaN becomes `low` here, so that n is a number, and is put back below.
    const V a = -larger(-larger(x, low), -high);
    const V round = splat(12582912.0f);  // 1.5 * 2^23: adding it leaves no binary places
    const V n = (a * splat(1.44269504088896341f) + round) - round;
    V r = a - n * splat(0.693359375f);  // ln 2 in two parts, the first with few bits: n times it is exact
    r = r - n * splat(-2.12194440e-4f);
    V p = splat(1.9875691500e-4f);
    p = p * r + splat(1.3981999507e-3f);
    p = p * r + splat(8.3334519073e-3f);
    p = p * r + splat(4.1665795894e-2f);
    p = p * r + splat(1.6666665459e-1f);
    p = p * r + splat(5.0000001201e-1f);
    const V e = p * (r * r) + r + splat(1);
    // 2^n by way of the exponent's bits, in two factors, because n may be beyond what one can hold.
    const M power = to_integers(n), half = power >> 1;
    const V scaled = e * (V)((half + 127) << 23) * (V)((power - half + 127) << 23);
    return pick(is_nan(x), x, scaled);
}

static inline V log_lanes(V x) {
    V y = {};
    for (int l = 0; l < LANES; l++) y[l] = logf(x[l]);
    return y;
}

// Class k's targets of one block, from the plain (n, K); zeros in lanes without an image.
static inline V target_lanes(const float* targets, long K, long k, long live) {
    V t = {};
    if (live == LANES)
        t = V{targets[k],         targets[K + k],     targets[2 * K + k], targets[3 * K + k],
              targets[4 * K + k], targets[5 * K + k], targets[6 * K + k], targets[7 * K + k]};
    else
        for (long l = 0; l < live; l++) t[l] = targets[l * K + k];
    return t;
}

static const double LOSS_COST = 100;  // operations that take as long as one class of one image

static void cross_entropy(long n, long K, const float* logits, const float* targets, float* losses,
                          float* probabilities) {
    parallel_for(chunks(n, LANES), LOSS_COST * LANES * (double)K, [&](long begin, long end, int) {
        for (long b = begin; b < end; b++) {
            const V* z = (const V*)(logits + b * K * LANES);
            V* p = (V*)(probabilities + b * K * LANES);
            const long live = live_lanes(n, b);
            const M mask = live_mask(live);

            V largest = splat(-__builtin_inff());  // it may miss a NaN, which then comes in with the sum
            for (long k = 0; k < K; k++) largest = larger(largest, z[k]);
            V sum = {};
            for (long k = 0; k < K; k++) {
                p[k] = exp_lanes(z[k] - largest);
                sum += p[k];
            }
            const V log_sum = log_lanes(pick(mask, sum, splat(1)));
            V loss = {};
            for (long k = 0; k < K; k++) {
                loss -= target_lanes(targets + b * LANES * K, K, k, live) * ((z[k] - largest) - log_sum);
                p[k] = (V)((M)(p[k] / sum) & mask);
            }
            for (long l = 0; l < live; l++) losses[b * LANES + l] = loss[l];
        }
    });
}

static void cross_entropy_backward(long n, long K, const float* dlosses, const float* probabilities,
                                   const float* targets, float* dlogits) {
    parallel_for(chunks(n, LANES), LOSS_COST * LANES * (double)K, [&](long begin, long end, int) {
        for (long b = begin; b < end; b++) {
            const V* p = (const V*)(probabilities + b * K * LANES);
            V* dz = (V*)(dlogits + b * K * LANES);
            const long live = live_lanes(n, b);
            const float* of_block = targets + b * LANES * K;
            const V share = target_lanes(dlosses + b * LANES, 1, 0, live);

            V sum = {};
            for (long k = 0; k < K; k++) sum += target_lanes(of_block, K, k, live);
            // Lanes without an image have share, probabilities and targets of 0.
            for (long k = 0; k < K; k++) dz[k] = share * (p[k] * sum - target_lanes(of_block, K, k, live));
        }
    });
}
