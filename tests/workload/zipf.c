/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Zipf by rejection-inversion: W. Hoermann, G. Derflinger, "Rejection-inversion to generate
 * variates from monotone discrete distributions", ACM TOMACS 6(3), 1996. Needs no table, so a
 * region of millions of pages costs nothing to set up.
 */
#include "zipf.h"

#include <math.h>

/* log1p(x) / x and expm1(x) / x, continued to 1 at 0: that is what makes s = 1 no special case. */
static double log1p_ratio(double x)
{
        return fabs(x) > 1e-8 ? log1p(x) / x : 1 - x / 2;
}

static double expm1_ratio(double x)
{
        return fabs(x) > 1e-8 ? expm1(x) / x : 1 + x / 2;
}

static double density(const Zipf *z, double x)
{
        return exp(-z->s * log(x));
}

/* The integral of x^-s, and its inverse. */
static double integral(const Zipf *z, double x)
{
        return expm1_ratio((1 - z->s) * log(x)) * log(x);
}

static double integral_inverse(const Zipf *z, double y)
{
        double t = y * (1 - z->s);

        /* Rounding may carry t just below the pole. */
        return exp(log1p_ratio(t < -1 ? -1 : t) * y);
}

void zipf_init(Zipf *z, uint64_t n, double s)
{
        z->s = s;
        z->n = (double)n;
        z->integral_first = integral(z, 1.5) - 1;
        z->integral_last = integral(z, z->n + 0.5);
        z->accept = 2 - integral_inverse(z, integral(z, 2.5) - density(z, 2));
}

uint64_t zipf_next(const Zipf *z, Random *r)
{
        for (;;) {
                double u = z->integral_last +
                           random_unit(r) * (z->integral_first - z->integral_last);
                double x = integral_inverse(z, u);
                double k = fmin(fmax(floor(x + 0.5), 1), z->n);

                if (k - x <= z->accept || u >= integral(z, k + 0.5) - density(z, k))
                        return (uint64_t)k - 1;
        }
}
