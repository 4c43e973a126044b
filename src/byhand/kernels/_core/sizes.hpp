// The type of every size and count, 64 bits on every system, and the products of them that are known to fit.
#pragma once
#include <concepts>
#include <cstdint>
#include <stdexcept>

namespace byhand {

using Size = int64_t;

// No array has more numbers (or bytes): so many that sums and small multiples of counts still fit a Size.
constexpr Size MOST_NUMBERS = Size{1} << 48;

struct SizeError : std::length_error {
    SizeError() : std::length_error("the sizes of these arrays are negative, or come to more than memory can hold") {}
};

// A count of 0 to MOST_NUMBERS, and so is a product of them; SizeError else.
class Count {
public:
    Count(Size size) : size(size) {
        if (size < 0 || size > MOST_NUMBERS) throw SizeError();
    }
    friend Count operator*(Count a, Count b) {
        Size product;
        if (__builtin_mul_overflow(a.size, b.size, &product)) throw SizeError();
        return product;
    }
    template <std::integral Number>  // else the built-in product would do as well, unchecked
    friend Count operator*(Count a, Number b) {
        return a * Count(b);
    }
    operator Size() const { return size; }

private:
    Size size;
};

}  // namespace byhand
