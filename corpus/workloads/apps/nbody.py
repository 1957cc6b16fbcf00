"""The sun and four planets, stepped by a symplectic integrator; prints the energy before and after."""

import math

DAY = 365.24
SUN = 4 * math.pi**2

# Mass, position and velocity per year, in units of the sun's mass and the earth's distance.
BODIES = [
    [SUN, [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
    [SUN * 9.547919e-4, [4.841431, -1.160320, -0.103622], [0.001660 * DAY, 0.007699 * DAY, -0.000069 * DAY]],
    [SUN * 2.858859e-4, [8.343366, 4.124798, -0.403523], [-0.002767 * DAY, 0.004998 * DAY, 0.000023 * DAY]],
    [SUN * 4.366244e-5, [12.894369, -15.111151, -0.223307], [0.002964 * DAY, 0.002378 * DAY, -0.000029 * DAY]],
    [SUN * 5.151389e-5, [15.379697, -25.919314, 0.179258], [0.002680 * DAY, 0.001628 * DAY, -0.000095 * DAY]],
]


def energy(bodies):
    total = 0.0
    for i, (mass, (x, y, z), (vx, vy, vz)) in enumerate(bodies):
        total += 0.5 * mass * (vx * vx + vy * vy + vz * vz)
        for other, (ox, oy, oz), _ in bodies[i + 1:]:
            total -= mass * other / math.sqrt((x - ox) ** 2 + (y - oy) ** 2 + (z - oz) ** 2)
    return total


def step(pairs, bodies, dt):
    for (mass, position, velocity), (other, place, speed) in pairs:
        dx = position[0] - place[0]
        dy = position[1] - place[1]
        dz = position[2] - place[2]
        force = dt / (dx * dx + dy * dy + dz * dz) ** 1.5
        velocity[0] -= dx * other * force
        velocity[1] -= dy * other * force
        velocity[2] -= dz * other * force
        speed[0] += dx * mass * force
        speed[1] += dy * mass * force
        speed[2] += dz * mass * force
    for _, position, velocity in bodies:
        position[0] += dt * velocity[0]
        position[1] += dt * velocity[1]
        position[2] += dt * velocity[2]


pairs = [(one, other) for i, one in enumerate(BODIES) for other in BODIES[i + 1:]]
print(f"{energy(BODIES):.6f}")
for _ in range(20000):
    step(pairs, BODIES, 0.01)
print(f"{energy(BODIES):.6f}")
