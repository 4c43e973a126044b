// The memory that arrays live in (memory.hpp).
#include "memory.hpp"

#if !defined(_WIN32)
#include <pthread.h>
#endif

#include <cstdint>
#include <mutex>
#include <vector>

#include "aligned.hpp"

namespace byhand {
namespace {

class Store {
public:
    // Memory of at least `bytes`, rounded up in `room`.
    void* take(size_t bytes, size_t& room) {
        const std::lock_guard lock(mutex);
        if (bytes > PTRDIFF_MAX / 2) throw std::bad_alloc();
        const size_t wanted = (bytes / CACHE_LINE + 1) * CACHE_LINE;
        for (size_t i = kept.size(); i-- > 0;)
            if (kept[i].room >= wanted && kept[i].room <= wanted + wanted / 8) {
                void* start = kept[i].start;
                room = kept[i].room;
                kept.erase(kept.begin() + static_cast<Size>(i));
                counts.kept -= room;
                counts.used += room;
                return start;
            }
        void* start = allocate_aligned(wanted);
        room = wanted;
        counts.used += room;
        counts.allocations++;
        return start;
    }

    void give_back(void* start, size_t room) {
        const std::lock_guard lock(mutex);
        counts.used -= room;
        if (room > KEPT_BYTES) return release_aligned(start);
        size_t oldest = 0;
        for (; counts.kept + room > KEPT_BYTES; oldest++) {
            counts.kept -= kept[oldest].room;
            release_aligned(kept[oldest].start);
        }
        kept.erase(kept.begin(), kept.begin() + static_cast<Size>(oldest));
        try {
            kept.push_back({start, room});
        } catch (const std::bad_alloc&) {
            return release_aligned(start);
        }
        counts.kept += room;
    }

    // A fork copies the mutex as it is: nobody may hold it then.
    void lock() { mutex.lock(); }
    void unlock() { mutex.unlock(); }

    MemoryCounts look() {
        const std::lock_guard lock(mutex);
        return counts;
    }

private:
    struct Piece {
        void* start;
        size_t room;
    };
    std::mutex mutex;
    std::vector<Piece> kept;  // the latest at the end
    MemoryCounts counts{};
};

// Never destroyed: arrays may outlive everything else of the program.
Store& store() {
    static Store& made = *new Store;
    return made;
}

#if !defined(_WIN32)
[[maybe_unused]] const int at_fork = pthread_atfork([] { store().lock(); }, [] { store().unlock(); },
                                                    [] { store().unlock(); });
#endif

}  // namespace

Memory::Memory(size_t bytes) : start(store().take(bytes, room)), used(bytes) {}

Memory::~Memory() { store().give_back(start, room); }

MemoryCounts memory_counts() { return store().look(); }

}  // namespace byhand
