// Matrix product in double, rows by rows (i, k, j): multiply-add over arrays.
// Fused multiply-add changes the last bits, so the checksum takes the sums rounded to three decimals: all are
// multiples of 1/77, none of which lies near half a thousandth.
#include "kernel.h"
#include <string.h>

enum { N = 240 };

static double a[N][N], b[N][N], c[N][N];

static uint64_t thousandths(double value)
{
    return (uint64_t)(int64_t)(value * 1e3 + (value < 0 ? -0.5 : 0.5));
}

int main(int argc, char **argv)
{
    int rounds = 25 * kernel_scale(argc, argv);
    uint64_t seed = 4, checksum = 0;
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            a[i][j] = ((double)(kernel_random(&seed) % 1000) - 500) / 7;
            b[i][j] = ((double)(kernel_random(&seed) % 1000) - 500) / 11;
        }
    }
    int64_t started = kernel_clock();
    for (int round = 0; round < rounds; round++) {
        memset(c, 0, sizeof c);
        for (int i = 0; i < N; i++) {
            for (int k = 0; k < N; k++) {
                double factor = a[i][k];
                for (int j = 0; j < N; j++)
                    c[i][j] += factor * b[k][j];
            }
        }
        double trace = 0, total = 0;
        for (int i = 0; i < N; i++) {
            trace += c[i][i];
            for (int j = 0; j < N; j++)
                total += c[i][j];
        }
        checksum = kernel_mix(checksum, thousandths(trace));
        checksum = kernel_mix(checksum, thousandths(total));
        a[round % N][0] += 1;
    }
    return kernel_report("matmul", checksum, started);
}
