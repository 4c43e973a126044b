// The multiply-adds that this processor can do in registers: what all other kernels are measured against.

static constexpr int CHAINS = 12;  // independent sums, enough to hide the latency of a multiply-add

static float multiply_adds(Size turns) {
    Q sum[CHAINS], factor = load_float(0.5f);
    const Q term = load_float(1e-3f);
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++) sum[i] = load_float((float)i);
    for (Size turn = 0; turn < turns; turn++) {
        asm volatile("" : : : "memory");
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) sum[i] = sum[i] * factor + term;
    }
    float all = 0;
#pragma GCC unroll 12  // or the sums would live in memory from the start
    for (int i = 0; i < CHAINS; i++) all += sum[i][0];
    return all;  // so that the work cannot be left out
}
