// The vector of one lane of images, in GCC and Clang's vector types; included inside the namespace of
// one instruction set, so that nothing compiled for one leaks into another.

typedef float V __attribute__((vector_size(4 * 8), aligned(32)));
typedef int32_t M __attribute__((vector_size(4 * 8), aligned(32)));   // a comparison's result: 0 or -1

static inline V splat(float a) { return V{a, a, a, a, a, a, a, a}; }
// a where the mask is set, else b.
static inline V pick(M mask, V a, V b) { return (V)((mask & (M)a) | (~mask & (M)b)); }
static inline V vmax(V a, V b) { return a > b ? a : b; }
