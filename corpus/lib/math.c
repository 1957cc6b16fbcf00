#include <math.h>

double sqrt(double value)
{
    double root;
    __asm__("fsqrt.d %0, %1" : "=f"(root) : "f"(value));
    return root;
}

double fabs(double value)
{
    return __builtin_fabs(value);
}
