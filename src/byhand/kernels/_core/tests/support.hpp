// What the tests of the compiled core share: arrays in lanes, random numbers, and check(), which runs an
// operation on every instruction set and thread count against plain double loops.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <new>
#include <string>
#include <vector>

#include "core.hpp"
#include "threads.hpp"

namespace byhand::tests {

const double NaN = std::numeric_limits<double>::quiet_NaN();
const double INF = std::numeric_limits<double>::infinity();

// Say one line and count it; the program then exits with 1.
void fail(const std::string& reason);
int failures();

// Arrays ---------------------------------------------------------------------------------------------

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

// Aligned memory of exactly so many elements, so that the address sanitizer sees every step outside.
template <class T>
class Aligned {
public:
    explicit Aligned(Size size, T fill = T()) : count(size) {
        data = static_cast<T*>(::operator new(std::max<Size>(size, 1) * sizeof(T), std::align_val_t(64)));
        std::fill(data, data + count, fill);
    }
    Aligned(const Aligned& other) : Aligned(other.count) { std::copy(other.begin(), other.end(), data); }
    Aligned& operator=(const Aligned&) = delete;
    ~Aligned() { ::operator delete(data, std::align_val_t(64)); }

    operator T*() { return data; }
    operator const T*() const { return data; }
    const T* begin() const { return data; }
    const T* end() const { return data + count; }
    Size size() const { return count; }

private:
    T* data;
    Size count;
};
using Lanes = Aligned<float>;

const float JUNK = 3.25f;  // in the padding lanes of activations: "finite and unspecified"

inline Size blocks_of(Size n) { return (n + LANES - 1) / LANES; }

void seed_random(uint32_t seed);
double random_number();  // -1 .. 1
Floats random_floats(Size count);

// (n, features) to lanes, the lanes past the n images filled with `padding`; and back.
Lanes to_lanes(Size n, Size features, const Floats& x, float padding);
Floats from_lanes(Size n, Size features, const Lanes& lanes);

// What must be zero in the padding lanes; `what` is said of the first that is not.
void check_padding(Size n, Size features, const Lanes& lanes, const char* what);

// Checking -------------------------------------------------------------------------------------------

const int THREADS[] = {1, 2, 3, 5};

bool close_enough(double got, double expected, double tolerance);
bool same_bits(const Floats& a, const Floats& b);

enum Promise { SAME_FOR_ALL_THREADS, SAME_FOR_EACH_RUN };

// Run an operation on all instruction sets and thread counts, twice each, against what is expected. An
// error may be `tolerance`, or that share of a number above 1.
void check(const std::string& name, const Doubles& expected, double tolerance, Promise promise,
           const std::function<Floats(const Kernels&)>& run);

// "name 1 2 3".
std::string say(const char* name, std::initializer_list<Size> sizes);

// What `body` says of itself in a child process.
bool in_child(const std::function<bool()>& body);
// Say in a forked child that the memory of its parent's threads is no leak to be reported.
void forked();

// The topics, one a file -------------------------------------------------------------------------------

void test_choice();  // first: its children must be the first to choose
void test_pack();
void test_pool();
void test_linear();
void test_elementwise();
void test_activation();
void test_norm();
void test_optim();
void test_loss();
void test_conv();
void test_winograd();
void test_fused();
void test_rows();
void test_sizes();
void test_memory();
void test_threads();

}  // namespace byhand::tests
