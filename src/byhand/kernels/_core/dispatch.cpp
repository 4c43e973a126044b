// Which instruction set's kernels run: the best that the processor has, or the one that is asked for.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "core.hpp"

namespace byhand {

// One for each time that isa.cpp is compiled.
#if defined(__x86_64__)
namespace avx512 { extern const Kernels table; }
namespace avx2 { extern const Kernels table; }
namespace baseline { extern const Kernels table; }
#elif defined(__aarch64__)
namespace neon { extern const Kernels table; }
#else
namespace baseline { extern const Kernels table; }
#endif

namespace {

// The tables that can run here, best first, and what BYHAND_ISA makes of them. Read once.
class Choice {
public:
    const Kernels* tables[4] = {};
    const char* names[4] = {};  // ends with null
    const Kernels* first_used;
    char problem[300] = "";

    Choice() {
#if defined(__x86_64__)
        __builtin_cpu_init();
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
            __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
            __builtin_cpu_supports("fma"))
            put(avx512::table);
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) put(avx2::table);
        put(baseline::table);
#elif defined(__aarch64__)
        put(neon::table);
#else
        put(baseline::table);
#endif
        first_used = tables[0];
        const char* said = std::getenv("BYHAND_ISA");
        if (!said || !*said) return;
        if (const Kernels* found = find(said))
            first_used = found;
        else
            describe(said);
    }

    const Kernels* find(const char* name) const {
        for (int i = 0; i < count; i++)
            if (!std::strcmp(name, names[i])) return tables[i];
        return nullptr;
    }

private:
    int count = 0;

    void put(const Kernels& table) {
        tables[count] = &table;
        names[count++] = table.name;
    }

    void describe(const char* said) {
        int used = std::snprintf(problem, sizeof problem,
                                 "BYHAND_ISA is '%.60s', but this processor and build can run only", said);
        for (int i = 0; i < count; i++)
            used += std::snprintf(problem + used, sizeof problem - used, "%s %s", i ? "," : "", names[i]);
    }
};

const Choice& choice() {
    static const Choice made;
    return made;
}

std::atomic<const Kernels*> chosen{nullptr};  // by choose()

}  // namespace

const Kernels& kernels() {
    const Kernels* table = chosen.load(std::memory_order_acquire);
    return table ? *table : *choice().first_used;
}

bool choose(const char* name) {
    const Kernels* found = name ? choice().find(name) : nullptr;
    if (found) chosen.store(found, std::memory_order_release);
    return found;
}

const char* const* available() { return choice().names; }

const char* isa_problem() { return *choice().problem ? choice().problem : nullptr; }

}  // namespace byhand
