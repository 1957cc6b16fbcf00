// Five bodies under gravity, symplectic Euler: double arithmetic with a square root and a division per pair.
// Fused multiply-add changes the last bits, so the checksum is the energy to eight decimals.
#include "kernel.h"
#include <math.h>

enum { BODIES = 5 };

struct body {
    double x, y, z, vx, vy, vz, mass;
};

// A sun of mass one and four lighter bodies on circular orbits, tilted against each other (G = 1).
static struct body bodies[BODIES];

static void place(void)
{
    static const struct {
        double radius, mass, tilt;
    } orbits[BODIES] = { { 0, 1, 0 }, { 1, 1e-3, 0.02 }, { 1.8, 3e-4, 0.05 }, { 3.1, 5e-5, 0.01 }, { 5, 4e-5, 0.03 } };
    double px = 0, py = 0, pz = 0;
    for (int i = 0; i < BODIES; i++) {
        struct body *p = &bodies[i];
        double speed = i == 0 ? 0 : sqrt(1 / orbits[i].radius);
        double slope = sqrt(1 - orbits[i].tilt * orbits[i].tilt);
        // Quarter turns apart, so that no trigonometry is needed.
        p->x = (i & 1 ? 0 : 1) * (i & 2 ? -1 : 1) * orbits[i].radius;
        p->y = (i & 1 ? 1 : 0) * (i & 2 ? -1 : 1) * orbits[i].radius;
        p->z = 0;
        p->vx = -(i & 1 ? 1 : 0) * (i & 2 ? -1 : 1) * speed * slope;
        p->vy = (i & 1 ? 0 : 1) * (i & 2 ? -1 : 1) * speed * slope;
        p->vz = speed * orbits[i].tilt;
        p->mass = orbits[i].mass;
        px += p->vx * p->mass;
        py += p->vy * p->mass;
        pz += p->vz * p->mass;
    }
    bodies[0].vx -= px;
    bodies[0].vy -= py;
    bodies[0].vz -= pz;
}

static double energy(void)
{
    double total = 0;
    for (int i = 0; i < BODIES; i++) {
        const struct body *p = &bodies[i];
        total += 0.5 * p->mass * (p->vx * p->vx + p->vy * p->vy + p->vz * p->vz);
        for (int j = i + 1; j < BODIES; j++) {
            const struct body *q = &bodies[j];
            double dx = p->x - q->x, dy = p->y - q->y, dz = p->z - q->z;
            total -= p->mass * q->mass / sqrt(dx * dx + dy * dy + dz * dz);
        }
    }
    return total;
}

static void advance(double step)
{
    for (int i = 0; i < BODIES; i++) {
        struct body *p = &bodies[i];
        for (int j = i + 1; j < BODIES; j++) {
            struct body *q = &bodies[j];
            double dx = p->x - q->x, dy = p->y - q->y, dz = p->z - q->z;
            double square = dx * dx + dy * dy + dz * dz;
            double factor = step / (square * sqrt(square));
            p->vx -= dx * q->mass * factor;
            p->vy -= dy * q->mass * factor;
            p->vz -= dz * q->mass * factor;
            q->vx += dx * p->mass * factor;
            q->vy += dy * p->mass * factor;
            q->vz += dz * p->mass * factor;
        }
    }
    for (int i = 0; i < BODIES; i++) {
        struct body *p = &bodies[i];
        p->x += step * p->vx;
        p->y += step * p->vy;
        p->z += step * p->vz;
    }
}

int main(int argc, char **argv)
{
    int steps = 2500000 * kernel_scale(argc, argv);
    place();
    int64_t started = kernel_clock();
    for (int step = 0; step < steps; step++)
        advance(0.001);
    return kernel_report("nbody", (uint64_t)(int64_t)(energy() * 1e8), started);
}
