#ifndef CORPUS_MATH_H
#define CORPUS_MATH_H

double sqrt(double value);
double fabs(double value);

#endif
