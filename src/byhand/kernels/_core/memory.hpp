// The memory that arrays live in: kept when an array is let go, for the next one of that size.
//
// A training step asks for the same sizes again and again. Fresh pages from the operating system cost more
// than many a kernel, so that what is let go is kept, the latest first, up to KEPT_BYTES in all.
#pragma once
#include <cstddef>
#include <cstdint>

#include "sizes.hpp"

namespace byhand {

constexpr size_t KEPT_BYTES = 256u << 20;

class Memory {
public:
    explicit Memory(size_t bytes);  // not cleared, 64-byte aligned; throws std::bad_alloc
    ~Memory();
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;

    float* floats() const { return static_cast<float*>(start); }
    uint8_t* bytes() const { return static_cast<uint8_t*>(start); }
    size_t size() const { return used; }  // in bytes
    Size float_count() const { return static_cast<Size>(used / sizeof(float)); }

private:
    void* start;
    size_t used, room;
};

// Bytes in use by arrays, bytes kept for later, and how often the system was asked for memory.
struct MemoryCounts {
    size_t used, kept, allocations;
};
MemoryCounts memory_counts();

}  // namespace byhand
