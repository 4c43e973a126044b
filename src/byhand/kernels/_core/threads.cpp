// The pool of threads behind parallel_for, and the scratch memory of its slots.
//
// The thread that calls is slot 0; a worker has the slot 1, 2, ... for life and a mailbox, into which the
// caller puts the loop. Both sides wait by spinning for some microseconds, since the next loop of a network
// follows soon, and then sleep. The pool runs one loop at a time. Any other loop, nested or of a second
// calling thread, does all its slots on the thread that it is on: the same ranges, hence the same result.
#include "threads.hpp"

#if !defined(_WIN32)
#include <pthread.h>
#include <signal.h>
#endif

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "aligned.hpp"

namespace byhand {
namespace {

// Loops of less work than this stay on the calling thread. Handing one to a spinning worker takes 0.8
// microseconds on an idle machine and 3.5 on a busy one; a core does some 100,000 operations in one.
constexpr double SMALL = 100'000;

// Turns of waiting before sleep, some 50 microseconds in all. Every so many turns the core is offered to
// whoever else is to run on it: it may be the very thread that is waited for, when the machine is busy.
constexpr int SPINS = 2000;
constexpr int PATIENCE = 16;

void relax() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// Scratch memory -----------------------------------------------------------------------------------

struct Free {
    void operator()(float* memory) const { release_aligned(memory); }
};

struct Buffer {
    std::unique_ptr<float, Free> memory;
    Size floats = 0;

    void reserve(Size wanted) {
        if (wanted <= floats) return;
        wanted = (wanted + 15) / 16 * 16;  // whole cache lines, as aligned_alloc asks
        memory.reset();  // first, so that both are never there at once
        floats = 0;
        memory.reset(static_cast<float*>(allocate_aligned(static_cast<size_t>(wanted) * sizeof(float))));
        floats = wanted;
    }
};

// The buffers of one loop, by slot. It belongs to the calling thread; a worker touches its own slot only.
struct Scratch {
    std::vector<Buffer> slots;
    std::vector<std::exception_ptr> failures;  // of the slots: memory that could not be had
    std::unique_ptr<Scratch> inner;  // for a loop inside this one's body

    void make_room(int count) {
        if (static_cast<int>(slots.size()) < count) {
            slots.resize(count);
            failures.resize(count);
        }
    }
};

struct OnThisThread {
    Scratch outermost;
    Scratch* running = nullptr;     // of the loop whose body runs here; null outside of loops
    Scratch* next = &outermost;     // of the next loop to be called from here
};

thread_local OnThisThread here;

// While a loop called from this thread runs: its body sees its scratch memory, an inner loop another.
class Calling {
public:
    explicit Calling(int slots) : scratch(here.next), outer(here.running) {
        scratch->make_room(slots);
        if (!scratch->inner) scratch->inner = std::make_unique<Scratch>();
        here.running = scratch;
        here.next = scratch->inner.get();
    }
    ~Calling() {
        here.running = outer;
        here.next = scratch;
    }
    Calling(const Calling&) = delete;

    bool nested() const { return outer != nullptr; }

    Scratch* const scratch;

private:
    Scratch* const outer;
};

// The pool -------------------------------------------------------------------------------------------

// Where one thread waits until a condition of atomics holds. Who makes it hold then calls signal().
// All is sequentially consistent: either the waiter sees the change, or the signaller sees it asleep.
class Gate {
public:
    template <class Condition>
    void wait(Condition holds) {
        for (int turn = 0; turn < SPINS; turn++) {
            if (holds()) return;
            if (turn % PATIENCE == PATIENCE - 1)
                std::this_thread::yield();
            else
                relax();
        }
        std::unique_lock lock(mutex);
        asleep = true;
        wake.wait(lock, holds);
        asleep = false;
    }

    void signal() {
        if (!asleep) return;
        std::lock_guard lock(mutex);  // not between the waiter's last look and its sleep
        wake.notify_one();
    }

private:
    std::mutex mutex;
    std::condition_variable wake;
    std::atomic<bool> asleep{false};
};

// Threads that begin meanwhile get no signals: those are for the program's own threads.
class SignalsHeld {
#if !defined(_WIN32)
public:
    SignalsHeld() {
        sigset_t every;
        sigfillset(&every);
        pthread_sigmask(SIG_SETMASK, &every, &before);
    }
    ~SignalsHeld() { pthread_sigmask(SIG_SETMASK, &before, nullptr); }
    SignalsHeld(const SignalsHeld&) = delete;

private:
    sigset_t before;
#endif
};

struct Loop {
    void (*body)(const void*, Size, Size, int);
    const void* context;
    Size units;
    int slots;
    Scratch* scratch;

    // What is thrown waits until all slots are done: they share the caller's stack.
    void run(int slot) const {
        try {
            body(context, units * slot / slots, units * (slot + 1) / slots, slot);
        } catch (...) {
            scratch->failures[slot] = std::current_exception();
        }
    }

    void rethrow() const {
        for (int slot = 0; slot < slots; slot++)
            if (scratch->failures[slot]) std::rethrow_exception(std::exchange(scratch->failures[slot], nullptr));
    }
};

constexpr Loop STOP{};  // in the mailbox: end the thread

struct Worker {
    Gate gate;
    std::atomic<const Loop*> mail{nullptr};
    std::thread thread;

    void send(const Loop* loop) {
        mail = loop;
        gate.signal();
    }
};

class Pool {
public:
    // Do the loop's slots on the first so many of `threads` threads. False when the pool is in use or
    // cannot have that many; nothing is done then.
    bool run(const Loop& loop, int threads) {
        if (busy.exchange(true)) return false;
        const bool enough = resize(threads - 1);
        if (enough) {
            pending = loop.slots - 1;
            for (int slot = 1; slot < loop.slots; slot++) workers[slot - 1]->send(&loop);
            loop.run(0);
            done.wait([this] { return pending == 0; });
        }
        busy = false;
        return enough;
    }

    // End all threads. Loops that are called later find the pool busy for ever.
    void close() {
        while (busy.exchange(true)) std::this_thread::yield();
        resize(0);
    }

private:
    std::vector<std::unique_ptr<Worker>> workers;  // slot 1 first
    std::atomic<bool> busy{false};
    std::atomic<int> pending{0};  // workers that have not finished
    Gate done;                    // for the caller

    void work(Worker& worker, int slot) {
        for (;;) {
            worker.gate.wait([&] { return worker.mail != nullptr; });
            const Loop* loop = worker.mail;
            if (loop == &STOP) return;
            here.running = loop->scratch;
            loop->run(slot);
            here.running = nullptr;
            worker.mail = nullptr;
            if (--pending == 0) done.signal();  // the loop may be gone from here on, the pool not
        }
    }

    bool resize(int count) {
        while (static_cast<int>(workers.size()) > count) {
            workers.back()->send(&STOP);
            workers.back()->thread.join();
            workers.pop_back();
        }
        if (static_cast<int>(workers.size()) == count) return true;

        const SignalsHeld held;
        try {
            while (static_cast<int>(workers.size()) < count) {
                auto worker = std::make_unique<Worker>();
                const int slot = static_cast<int>(workers.size()) + 1;
                workers.reserve(slot);  // no failure after the thread has begun
                worker->thread = std::thread([this, &mine = *worker, slot] { work(mine, slot); });
                workers.push_back(std::move(worker));
            }
        } catch (const std::system_error&) {  // no more threads to be had
        } catch (const std::bad_alloc&) {
        }
        return static_cast<int>(workers.size()) == count;
    }
};

// Made at first use and never freed, so that a thread that outlives main() may still look at it.
std::atomic<Pool*> the_pool{nullptr};

Pool& pool() {
    Pool* found = the_pool;
    if (!found) {
        Pool* fresh = new Pool;
        if (the_pool.compare_exchange_strong(found, fresh)) return *fresh;
        delete fresh;  // another thread was first, and compare_exchange has put its pool into `found`
    }
    return *found;
}

#if !defined(_WIN32)
// A fork copies no threads, and perhaps a pool in the middle of a loop: the child makes its own.
[[maybe_unused]] const int at_fork = pthread_atfork(nullptr, nullptr, [] { the_pool = nullptr; });
#endif

struct AtExit {
    ~AtExit() {
        if (Pool* found = the_pool) found->close();
    }
} at_exit;

std::atomic<int> wanted{0};  // 0: not said

}  // namespace

int threads() {
    const int said = wanted;
    return said ? said : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

void set_threads(int n) { wanted = std::max(1, n); }

float* scratch(int slot, Size floats) {
    Scratch& set = here.running ? *here.running : *here.next;
    if (!here.running) set.make_room(slot + 1);
    Buffer& buffer = set.slots[slot];
    buffer.reserve(floats);
    return buffer.memory.get();
}

void run_loop(Size units, double cost, void (*body)(const void*, Size, Size, int), const void* context) {
    if (units <= 0) return;
    const int all = threads();
    const int slots = units * cost < SMALL ? 1 : static_cast<int>(std::min<Size>(all, units));
    const Calling calling(slots);
    const Loop loop{body, context, units, slots, calling.scratch};
    if (slots == 1 || calling.nested() || !pool().run(loop, all))
        for (int slot = 0; slot < slots; slot++) loop.run(slot);
    loop.rethrow();
}

void parallel_for(Size units, double cost, const std::function<void(Size, Size, int)>& body) {
    const auto call = [](const void* context, Size begin, Size end, int slot) {
        (*static_cast<const std::function<void(Size, Size, int)>*>(context))(begin, end, slot);
    };
    run_loop(units, cost, call, &body);
}

}  // namespace byhand
