// Measures all operations but convolution: linear beside the FMA peak of the same process, the others in
// GB/s of what they must read and write. Arguments: the number of threads and an instruction set (1 and all
// unless given).
//
//   sh test.sh FOLDER "-O3" bench && FOLDER/bench 2 avx2
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "tests/support.hpp"

using namespace byhand;
using namespace byhand::tests;

namespace {

// The shortest time of one call, in seconds: of many samples that are short beside a slice of the scheduler.
double best_time(const std::function<void()>& run) {
    using Clock = std::chrono::steady_clock;
    const auto sample = [&](Size times) {
        const auto start = Clock::now();
        for (Size i = 0; i < times; i++) run();
        return std::chrono::duration<double>(Clock::now() - start).count() / static_cast<double>(times);
    };
    run();
    Size times = 1;
    while (times < 1000 && sample(times) * static_cast<double>(times) < 1e-4) times *= 2;
    double best = 1e9;
    for (int round = 0; round < 100; round++) best = std::min(best, sample(times));
    return best;
}

class Bench {
public:
    Bench(const char* isa_name, int thread_count) : isa(isa_name), threads(thread_count) {}

    void run() {
        const Size turns = 20000;
        const double seconds = best_time([&] { sink = k.multiply_adds(turns); });
        peak = k.operations_per_turn * turns / seconds / 1e9;
        std::printf("%s: %d threads; %.0f GFLOP/s of multiply-adds in registers on one\n", isa, threads, peak);
        linear();
        pooling();
        packing();
        elementwise();
        norm();
        optimisers();
        losses();
    }

private:
    const char* isa;
    const int threads;
    const Kernels& k = kernels();
    double peak = 0;
    volatile float sink = 0;

    void say_bytes(const char* what, double bytes, const std::function<void()>& body) {
        const double seconds = best_time(body);
        std::printf("%-9s %-44s %8.2f us %7.1f GB/s\n", isa, what, seconds * 1e6, bytes / seconds / 1e9);
    }

    void linear() {
        const Size shapes[][3] = {{8, 1152, 10},  {8, 196, 64},    {8, 400, 120},   {8, 120, 84},
                                  {8, 84, 10},    {64, 1152, 10},  {64, 196, 64},   {64, 1024, 50},
                                  {64, 256, 120}, {64, 120, 84},   {64, 84, 10},    {100, 1152, 10},
                                  {100, 1024, 50}, {128, 400, 120}};
        for (const auto& [n, I, O] : shapes) {
            const Size blocks = blocks_of(n);
            Lanes x(blocks * I * LANES, 0.5f), y(blocks * O * LANES, 0.5f), dx(x.size());
            Floats w(I * O, 0.01f), b(O, 0.f), dw(w.size());
            std::printf("%-9s linear n=%-4ld I=%-5ld O=%-4ld", isa, n, I, O);
            const auto say = [&, n = n, I = I, O = O](const char* what, const std::function<void()>& body) {
                const double seconds = best_time(body), flop = 2.0 * blocks_of(n) * LANES * I * O;
                std::printf("   %s %7.2f us %3.0f %%", what, seconds * 1e6,
                            100 * flop / seconds / 1e9 / peak / threads);
            };
            say("y", [&, I = I, O = O] { k.linear(blocks, I, O, x, w.data(), b.data(), y, false); });
            say("dx", [&, I = I, O = O] { k.linear_input_gradient(blocks, I, O, y, w.data(), dx); });
            say("dw",
                [&, I = I, O = O] { k.linear_weight_gradient(blocks, I, O, x, y, dw.data(), b.data()); });
            std::printf("\n");
        }
    }

    void pooling() {
        const Size blocks = 13;
        const Pool pool{blocks, 8, 24, 24, 2, 2, 2, 2, 0, 0, 12, 12};
        const Pool wide{blocks, 8, 24, 24, 3, 3, 2, 2, 1, 1, 12, 12};
        Lanes x(blocks * 8 * 576 * LANES, 0.5f), y(blocks * 8 * 144 * LANES, 0.5f);
        Aligned<uint8_t> place(y.size());
        const double xs = 4.0 * x.size(), ys = 4.0 * y.size();
        say_bytes("max_pool 2x2 of 100 x 8 x 24 x 24", xs + 1.25 * ys, [&] { k.max_pool(pool, x, y, place); });
        say_bytes("max_pool_backward", xs + 1.25 * ys, [&] { k.max_pool_backward(pool, y, place, x); });
        say_bytes("max_pool 3x3, stride 2, padded", xs + 1.25 * ys, [&] { k.max_pool(wide, x, y, place); });
        say_bytes("max_pool_backward", xs + 1.25 * ys, [&] { k.max_pool_backward(wide, y, place, x); });
        say_bytes("avg_pool 2x2", xs + ys, [&] { k.avg_pool(pool, x, y); });
        say_bytes("avg_pool_backward", xs + ys, [&] { k.avg_pool_backward(pool, y, x); });
        say_bytes("global_avg_pool", xs, [&] { k.global_avg_pool(blocks * 8, 576, x, y); });
        say_bytes("global_avg_pool_backward", xs, [&] { k.global_avg_pool_backward(blocks * 8, 576, y, x); });
    }

    void packing() {
        const Size n = 100, blocks = blocks_of(n);
        Floats plain(n * 784);
        std::vector<uint8_t> images(60000L * 784);
        std::vector<int64_t> index(n);
        Lanes lanes(blocks * 784 * LANES);
        const float scale = 0.003f, shift = -0.1f;
        const double bytes = n * 784;
        say_bytes("pack 100 x 784", 8 * bytes, [&] { k.pack(n, 784, plain.data(), lanes); });
        say_bytes("unpack", 8 * bytes, [&] { k.unpack(n, 784, lanes, plain.data()); });
        say_bytes("gather, images in the cache", 5 * bytes,
                  [&] { k.gather(n, 1, 784, images.data(), index.data(), &scale, &shift, lanes); });
        say_bytes("gather, from anywhere in 60,000", 5 * bytes, [&] {
            for (int64_t& i : index) i = static_cast<int64_t>((random_number() + 1) / 2 * 59999);
            k.gather(n, 1, 784, images.data(), index.data(), &scale, &shift, lanes);
        });
    }

    void elementwise() {
        for (Size count : {8L * 64, 13L * 64 * 100, 13L * 8 * 576 * LANES}) {
            Lanes x(count, 0.5f), y(count, 0.5f), dx(count);
            Aligned<uint8_t> kept(count);
            const double bytes = 4.0 * count;
            std::printf("of %ld floats:\n", count);
            say_bytes("relu", 2 * bytes, [&] { k.relu(count, x, y); });
            say_bytes("relu_backward", 3 * bytes, [&] { k.relu_backward(count, x, y, dx); });
            say_bytes("add", 3 * bytes, [&] { k.add(count, x, y, dx); });
            say_bytes("dropout", 2.25 * bytes,
                      [&] { k.dropout(1, count / LANES, x, y, kept, 1, 2, 0, uint64_t(1) << 31, 1); });
            say_bytes("leaky_relu", 2 * bytes, [&] { k.leaky_relu(count, 0.01f, x, y); });
            say_bytes("sigmoid", 2 * bytes, [&] { k.sigmoid(count, x, y); });
            say_bytes("sigmoid_backward", 3 * bytes, [&] { k.sigmoid_backward(count, x, y, dx); });
            say_bytes("tanh", 2 * bytes, [&] { k.tanh(count, x, y); });
            say_bytes("gelu", 2 * bytes, [&] { k.gelu(count, x, y); });
            say_bytes("gelu_backward", 3 * bytes, [&] { k.gelu_backward(count, x, y, dx); });
        }
    }

    void norm() {
        struct Shape {
            Size blocks, C, P;
        };
        for (const auto& [blocks, C, P] : {Shape{1, 16, 196}, {13, 120, 1}, {13, 16, 784}, {13, 1, 784}}) {
            Lanes x(blocks * C * P * LANES, 0.5f), xhat(x.size(), 0.5f), y(x.size(), 0.5f);
            Floats mean(C), var(C), w(C, 1.f), dw(C), db(C);
            const double bytes = 4.0 * x.size();
            std::printf("of (%ld, %ld, %ld, L):\n", blocks, C, P);
            const Size n = 8 * blocks, c = C, p = P, b = blocks;
            say_bytes("batch_norm_statistics", bytes,
                      [&] { k.batch_norm_statistics(n, c, p, x, mean.data(), var.data()); });
            say_bytes("batch_norm", 3 * bytes, [&] {
                k.batch_norm(b, c, p, x, mean.data(), w.data(), w.data(), w.data(), xhat, y);
            });
            say_bytes("batch_norm_weight_gradient", 2 * bytes,
                      [&] { k.batch_norm_weight_gradient(b, c, p, xhat, y, dw.data(), db.data()); });
            say_bytes("batch_norm_input_gradient", 3 * bytes, [&] {
                k.batch_norm_input_gradient(n, c, p, xhat, y, w.data(), dw.data(), db.data(), x);
            });
        }
    }

    void optimisers() {
        for (Size count : {1000L, 12000L, 300000L}) {
            Floats w(count), g(count, 1e-3f), a(count), b(count);
            const double bytes = 4.0 * count;
            std::printf("of %ld parameters:\n", count);
            say_bytes("sgd with momentum", 5 * bytes,
                      [&] { k.sgd(count, w.data(), g.data(), a.data(), 0.1, 0.9, 0, 0, false, false); });
            say_bytes("adagrad", 5 * bytes,
                      [&] { k.adagrad(count, w.data(), g.data(), a.data(), 0.1, 1e-8, 0); });
            say_bytes("rmsprop", 5 * bytes, [&] {
                k.rmsprop(count, w.data(), g.data(), a.data(), nullptr, 0.1, 0.99, 1e-8, 0, 0);
            });
            say_bytes("adam", 7 * bytes, [&] {
                k.adam(count, w.data(), g.data(), a.data(), b.data(), 1e-9, 0.5, 0.9, 0.999, 1e-8, 0, 1);
            });
            const int64_t end = count;
            double sum;
            say_bytes("squares", bytes, [&] { k.squares(1, &end, g.data(), &sum); });
        }
    }

    void losses() {
        for (Size n : {8, 100}) {
            const Size blocks = blocks_of(n), K = 10, M = 784;
            Lanes z(blocks * K * LANES, 0.5f), p(z.size()), dz(z.size());
            Floats t(n * K, 0.1f), out(n), wide_targets(n * M, 0.5f);
            std::vector<int64_t> labels(n, 3);
            Lanes wide(blocks * M * LANES, 0.5f), derivative(wide.size());
            std::printf("of %ld images, 10 classes or 784 outputs:\n", n);
            const double bytes = 4.0 * n * K, wide_bytes = 4.0 * n * M;
            say_bytes("cross_entropy", 3 * bytes, [&] { k.cross_entropy(n, K, z, t.data(), out.data(), p); });
            say_bytes("cross_entropy_backward", 3 * bytes,
                      [&] { k.cross_entropy_backward(n, K, out.data(), p, t.data(), dz); });
            say_bytes("cross_entropy_labels", 2 * bytes,
                      [&] { k.cross_entropy_labels(n, K, z, labels.data(), 0, out.data(), p); });
            say_bytes("cross_entropy_labels_backward", 2 * bytes, [&] {
                k.cross_entropy_labels_backward(n, K, out.data(), p, labels.data(), 0, dz);
            });
            say_bytes("softmax", 2 * bytes, [&] { k.softmax(blocks, K, 1, z, p); });
            say_bytes("log_softmax", 2 * bytes, [&] { k.log_softmax(blocks, K, 1, z, p); });
            say_bytes("mean_squared_error", 3 * wide_bytes, [&] {
                k.mean_squared_error(n, M, wide, wide_targets.data(), out.data(), derivative);
            });
            say_bytes("binary_cross_entropy", 3 * wide_bytes, [&] {
                k.binary_cross_entropy(n, M, wide, wide_targets.data(), out.data(), derivative);
            });
            say_bytes("scale_images", 2 * wide_bytes,
                      [&] { k.scale_images(n, M, derivative, out.data(), wide); });
        }
    }
};

}  // namespace

int main(int argc, char** argv) {
    const int count = argc > 1 ? std::atoi(argv[1]) : 1;
    set_threads(count);
    for (const char* const* isa = available(); *isa; isa++) {
        if (argc > 2 && std::strcmp(argv[2], *isa)) continue;
        choose(*isa);
        Bench(*isa, count).run();
    }
}
