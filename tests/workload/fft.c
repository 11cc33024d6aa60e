/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fft: a six-step FFT with the memory and the phases of splash2x.fft: three equal arrays that
 * are swept one after another, none of them hot for long. Written from the algorithm (D. Bailey,
 * "FFTs in External or Hierarchical Memory", 1990).
 */
#include <complex.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "number.h"
#include "random.h"
#include "region.h"
#include "stop.h"
#include "truth.h"

#define EXIT_RUNTIME 1
#define EXIT_USAGE   2

#define M_MAX        32
#define TILE         8 /* square of complex numbers: two whole cache lines a row */
#define VERIFY_BINS  4

typedef double complex Complex;

typedef enum Array {
        ARRAY_X,
        ARRAY_TRANS,
        ARRAY_ROOTS,
        N_ARRAYS,
} Array;

static const char *const array_names[] = { "x", "trans", "umain2" };

typedef enum Step {
        STEP_INIT,
        STEP_TRANSPOSE_1,
        STEP_FFT_TWIDDLE,
        STEP_TRANSPOSE_2,
        STEP_FFT,
        STEP_TRANSPOSE_3,
        STEP_COPY,
        N_STEPS,
} Step;

/* Which arrays a step sweeps, and how; ACCESS_UNSET where it leaves one alone. */
static const struct {
        const char *name;
        AccessMode modes[N_ARRAYS];
} steps[] = {
        [STEP_INIT] = { "init", { ACCESS_WO, ACCESS_UNSET, ACCESS_WO } },
        [STEP_TRANSPOSE_1] = { "transpose x to trans", { ACCESS_RO, ACCESS_WO, ACCESS_UNSET } },
        [STEP_FFT_TWIDDLE] = { "fft trans, twiddle", { ACCESS_UNSET, ACCESS_RW, ACCESS_RO } },
        [STEP_TRANSPOSE_2] = { "transpose trans to x", { ACCESS_WO, ACCESS_RO, ACCESS_UNSET } },
        [STEP_FFT] = { "fft x", { ACCESS_RW, ACCESS_UNSET, ACCESS_UNSET } },
        [STEP_TRANSPOSE_3] = { "transpose x to trans", { ACCESS_RO, ACCESS_WO, ACCESS_UNSET } },
        [STEP_COPY] = { "copy trans to x", { ACCESS_WO, ACCESS_RO, ACCESS_UNSET } },
};

typedef struct Fft {
        uint64_t side; /* rows, and columns, of the matrix that holds the vector */
        Complex *x;
        Complex *trans;
        Complex *umain2;    /* w_n^(row * column) */
        Complex *row_roots; /* w_side^k, k < side / 2 */
        const Regions *regions;
        const Truth *truth;
        bool quiet;
        size_t n_steps; /* done so far: the index of the next phase in the log */
} Fft;

typedef struct Options {
        uint64_t m;
        uint64_t iterations;
        const char *truth;
        bool verify;
        bool quiet;
        bool help;
} Options;

/* CMPLX() of C11, which glibc's header lacks under older clang. */
static inline Complex make(double re, double im)
{
        return __builtin_complex(re, im);
}

/* Element i of the input, in [-1, 1) + [-1, 1)i: verifying needs no second copy of the vector. */
static Complex input(uint64_t i)
{
        Random r = { .state = i * UINT64_C(0xd1342543de82ef95) };
        double re = 2 * random_unit(&r) - 1;

        return make(re, 2 * random_unit(&r) - 1);
}

/* exp(-2 pi i k / n) */
static Complex root(uint64_t k, uint64_t n)
{
        double angle = -2 * M_PI * (double)k / (double)n;

        return make(cos(angle), sin(angle));
}

/* C's operator checks for infinities and calls a library function; these values are finite. */
static inline Complex multiply(Complex a, Complex b)
{
        return make(creal(a) * creal(b) - cimag(a) * cimag(b),
                    creal(a) * cimag(b) + cimag(a) * creal(b));
}

static inline Complex direct(Complex w, bool inverse)
{
        return inverse ? conj(w) : w;
}

static void fill(Fft *fft)
{
        uint64_t n = fft->side * fft->side;

        for (uint64_t i = 0; i < n; i++)
                fft->x[i] = input(i);
        for (uint64_t row = 0; row < fft->side; row++)
                for (uint64_t column = 0; column < fft->side; column++)
                        fft->umain2[row * fft->side + column] = root(row * column, n);
        for (uint64_t k = 0; k < fft->side / 2; k++)
                fft->row_roots[k] = root(k, fft->side);
}

static void transpose_tile(const Complex *from, Complex *to, uint64_t side, uint64_t row,
                           uint64_t column)
{
        uint64_t row_end = row + TILE < side ? row + TILE : side;
        uint64_t column_end = column + TILE < side ? column + TILE : side;

        for (uint64_t i = row; i < row_end; i++)
                for (uint64_t j = column; j < column_end; j++)
                        to[j * side + i] = from[i * side + j];
}

static void transpose(const Complex *from, Complex *to, uint64_t side)
{
        for (uint64_t row = 0; row < side; row += TILE)
                for (uint64_t column = 0; column < side; column += TILE)
                        transpose_tile(from, to, side, row, column);
}

static void bit_reverse(Complex *row, uint64_t n)
{
        for (uint64_t i = 0, j = 0; i < n; i++) {
                uint64_t bit = n >> 1;

                if (i < j) {
                        Complex swap = row[i];

                        row[i] = row[j];
                        row[j] = swap;
                }
                /* Adds one to j from its highest bit downwards. */
                for (; bit > 0 && (j & bit); bit >>= 1)
                        j ^= bit;
                j |= bit;
        }
}

static void butterflies(Complex *low, Complex *high, uint64_t half, const Complex *roots,
                        uint64_t stride, bool inverse)
{
        for (uint64_t k = 0; k < half; k++) {
                Complex a = low[k], b = multiply(high[k], direct(roots[k * stride], inverse));

                low[k] = a + b;
                high[k] = a - b;
        }
}

static void fft_row(const Fft *fft, Complex *row, bool inverse)
{
        uint64_t n = fft->side;

        bit_reverse(row, n);
        for (uint64_t half = 1; half < n; half *= 2)
                for (uint64_t i = 0; i < n; i += 2 * half)
                        butterflies(row + i, row + i + half, half, fft->row_roots, n / (2 * half),
                                    inverse);
}

static void fft_rows(const Fft *fft, Complex *matrix, const Complex *twiddle, bool inverse)
{
        for (uint64_t i = 0; i < fft->side; i++) {
                Complex *row = matrix + i * fft->side;

                fft_row(fft, row, inverse);
                for (uint64_t j = 0; twiddle && j < fft->side; j++)
                        row[j] = multiply(row[j], direct(twiddle[i * fft->side + j], inverse));
        }
}

/* Dividing by sqrt(n) each way keeps the norm, so any number of iterations stays in range. */
static void copy_back(const Fft *fft)
{
        uint64_t n = fft->side * fft->side;
        double scale = 1.0 / (double)fft->side;

        for (uint64_t i = 0; i < n; i++)
                fft->x[i] = fft->trans[i] * scale;
}

static void do_step(Fft *fft, Step step, bool inverse)
{
        switch (step) {
        case STEP_INIT:
                fill(fft);
                return;
        case STEP_TRANSPOSE_1:
        case STEP_TRANSPOSE_3:
                transpose(fft->x, fft->trans, fft->side);
                return;
        case STEP_FFT_TWIDDLE:
                fft_rows(fft, fft->trans, fft->umain2, inverse);
                return;
        case STEP_TRANSPOSE_2:
                transpose(fft->trans, fft->x, fft->side);
                return;
        case STEP_FFT:
                fft_rows(fft, fft->x, NULL, inverse);
                return;
        case STEP_COPY:
                copy_back(fft);
                return;
        case N_STEPS:
                return;
        }
}

/* Every step sweeps each of its arrays once. */
static size_t describe(const Fft *fft, Step step, TruthAccess accesses[static N_ARRAYS])
{
        size_t n = 0;

        for (int a = 0; a < N_ARRAYS; a++) {
                const Region *region = &fft->regions->items[a];

                if (steps[step].modes[a] == ACCESS_UNSET)
                        continue;
                accesses[n++] = (TruthAccess){
                        .name = array_names[a],
                        .addr = (uintptr_t)region->addr,
                        .len = region->spec->len,
                        .mode = steps[step].modes[a],
                        .stride = sizeof(Complex),
                        .probability = 1,
                        .pages = region->mapped / 4096,
                        .accesses = region->spec->len / sizeof(Complex),
                        .page_visits = (double)(region->mapped / 4096),
                };
        }
        return n;
}

static int run_step(Fft *fft, Step step, unsigned iteration, bool inverse)
{
        TruthAccess accesses[N_ARRAYS];
        TruthPhase phase = {
                .index = fft->n_steps++,
                .repeat = iteration,
                .name = steps[step].name,
                .start_ns = clock_ns(CLOCK_MONOTONIC),
                .accesses = accesses,
        };
        int r;

        phase.n_accesses = describe(fft, step, accesses);
        r = truth_phase(fft->truth, &phase);
        if (r < 0)
                return r;
        do_step(fft, step, inverse);
        if (!fft->quiet)
                printf("phase %s%s: %.3f msecs run\n", inverse ? "inverse " : "", phase.name,
                       (double)(clock_ns(CLOCK_MONOTONIC) - phase.start_ns) / 1e6);
        return truth_phase_end(fft->truth, &phase);
}

static int transform(Fft *fft, unsigned iteration, bool inverse)
{
        for (int step = STEP_TRANSPOSE_1; step <= STEP_COPY && !stop_requested(); step++) {
                int r = run_step(fft, (Step)step, iteration, inverse);

                if (r < 0)
                        return r;
        }
        return 0;
}

static double worse(double a, double b)
{
        return isnan(a) || a > b ? a : b;
}

/* Against the definition, in a few bins: an inverse alone would also undo a wrong transform. */
static double error_of_forward(const Fft *fft)
{
        uint64_t n = fft->side * fft->side;
        double error = 0;

        for (uint64_t bin = 0; bin < VERIFY_BINS; bin++) {
                uint64_t k = (bin * (n / VERIFY_BINS) + bin) % n;
                Complex sum = 0;

                for (uint64_t j = 0; j < n; j++)
                        sum += multiply(input(j), root(j * k % n, n));
                error = worse(cabs(sum / (double)fft->side - fft->x[k]), error);
        }
        return error;
}

static double error_of_round_trip(const Fft *fft)
{
        uint64_t n = fft->side * fft->side;
        double error = 0;

        for (uint64_t i = 0; i < n; i++)
                error = worse(cabs(fft->x[i] - input(i)), error);
        return error;
}

/* Returns 1 when the numbers are wrong. */
static int report_errors(const Fft *fft, double forward)
{
        double round_trip = error_of_round_trip(fft);
        double limit = 1e-9 * (double)fft->side;
        bool good = forward <= limit && round_trip <= limit;

        printf("verify: max error %.3g forward, %.3g after the inverse, limit %.3g: %s\n", forward,
               round_trip, limit, good ? "ok" : "WRONG");
        return good ? 0 : 1;
}

/* Forward iterations, then as many inverse ones when verifying. */
static int run(Fft *fft, const Options *options)
{
        double forward_error = 0;
        int r;

        r = run_step(fft, STEP_INIT, 0, false);
        for (unsigned i = 0; r >= 0 && i < options->iterations && !stop_requested(); i++) {
                r = transform(fft, i, false);
                if (i == 0 && options->verify && r >= 0)
                        forward_error = error_of_forward(fft);
        }
        for (unsigned i = 0; r >= 0 && options->verify && i < options->iterations; i++)
                r = transform(fft, i, true);
        if (r < 0)
                return r;
        r = truth_end(fft->truth, stop_requested());
        if (r < 0 || !options->verify || stop_requested())
                return r;
        return report_errors(fft, forward_error);
}

static int log_arrays(const Truth *truth, const Regions *regions)
{
        int r = 0;

        for (size_t a = 0; r >= 0 && a < regions->n; a++) {
                TruthRegion region = {
                        .name = array_names[a],
                        .addr = (uintptr_t)regions->items[a].addr,
                        .len = regions->items[a].spec->len,
                        .mapped = regions->items[a].mapped,
                        .node = -1,
                };

                r = truth_region(truth, &region);
        }
        return r;
}

/* Returns 0, 1 when verification failed, or -errno. */
static int run_mapped(const Regions *regions, const Options *options, const Truth *truth)
{
        uint64_t side = UINT64_C(1) << options->m / 2;
        CLEANUP(cleanup_free) Complex *row_roots = calloc(side / 2, sizeof(*row_roots));
        Fft fft = {
                .side = side,
                .x = (Complex *)(void *)regions->items[ARRAY_X].addr,
                .trans = (Complex *)(void *)regions->items[ARRAY_TRANS].addr,
                .umain2 = (Complex *)(void *)regions->items[ARRAY_ROOTS].addr,
                .row_roots = row_roots,
                .regions = regions,
                .truth = truth,
                .quiet = options->quiet,
        };
        int r;

        if (!row_roots)
                return -ENOMEM;
        r = log_arrays(truth, regions);
        return r < 0 ? r : run(&fft, options);
}

static int run_all(const Options *options, const Truth *truth)
{
        uint64_t len = sizeof(Complex) << options->m;
        RegionSpec specs[N_ARRAYS];
        Regions regions = REGIONS_NULL;
        RegionError error;
        int r;

        for (int a = 0; a < N_ARRAYS; a++)
                specs[a] = (RegionSpec){ .len = len, .node = -1, .written = true };
        r = regions_map(specs, N_ARRAYS, &regions, &error);
        if (r >= 0)
                r = run_mapped(&regions, options, truth);
        regions_deinit(&regions);
        if (r < 0)
                fprintf(stderr, "fft: m = %llu: %s\n", (unsigned long long)options->m,
                        strerror(-r));
        return r;
}

static void print_help(void)
{
        fputs("fft -m M [OPTIONS]\n"
              "\n"
              "A six-step FFT of 2^M complex numbers, in three arrays of 16 B x 2^M.\n"
              "\n"
              "  -m M              even, 2 to 32\n"
              "  -i ITERATIONS     forward transforms (default: 1)\n"
              "  -t, --truth FILE  log what is accessed when, as JSON lines (- for stdout)\n"
              "      --verify      transform back and check; exit status 1 when it is wrong\n"
              "  -q, --quiet       no line for each phase\n"
              "  -h, --help        this\n", stdout);
}

static int take_count(char option, const char *value, uint64_t min, uint64_t max, uint64_t *ret)
{
        uint64_t n = 0;

        if (number_parse_count(value, &n) < 0 || n < min || n > max) {
                fprintf(stderr, "fft: -%c: '%s' is not a whole number in %llu..%llu\n", option,
                        value, (unsigned long long)min, (unsigned long long)max);
                return -EINVAL;
        }
        *ret = n;
        return 0;
}

static int take_option(Options *options, int c)
{
        switch (c) {
        case 'm':
                return take_count('m', optarg, 2, M_MAX, &options->m);
        case 'i':
                return take_count('i', optarg, 1, 1000000, &options->iterations);
        case 't':
                options->truth = optarg;
                return 0;
        case 'v':
                options->verify = true;
                return 0;
        case 'q':
                options->quiet = true;
                return 0;
        case 'h':
                options->help = true;
                return 0;
        }
        return -EINVAL; /* getopt has said why */
}

static int parse_options(int argc, char **argv, Options *options)
{
        static const struct option long_options[] = {
                { "truth", required_argument, NULL, 't' },
                { "verify", no_argument, NULL, 'v' },
                { "quiet", no_argument, NULL, 'q' },
                { "help", no_argument, NULL, 'h' },
                { NULL, 0, NULL, 0 },
        };
        int c;

        while ((c = getopt_long(argc, argv, "m:i:t:qh", long_options, NULL)) >= 0)
                if (take_option(options, c) < 0)
                        return -EINVAL;
        if (options->help)
                return 0;
        if (optind != argc || options->m % 2 != 0 || options->m == 0) {
                fprintf(stderr, "fft: want -m M with an even M, and no arguments (see --help)\n");
                return -EINVAL;
        }
        return 0;
}

int main(int argc, char **argv)
{
        Options options = { .iterations = 1 };
        Truth truth = TRUTH_NULL;
        int r;

        if (parse_options(argc, argv, &options) < 0)
                return EXIT_USAGE;
        if (options.help) {
                print_help();
                return EXIT_SUCCESS;
        }

        stop_install();
        r = options.truth ? truth_open(options.truth, &truth) : 0;
        if (r < 0) {
                fprintf(stderr, "fft: --truth: %s: %s\n", options.truth, strerror(-r));
                return EXIT_RUNTIME;
        }
        r = run_all(&options, &truth);
        truth_close(&truth);
        stop_die();
        return r == 0 ? EXIT_SUCCESS : EXIT_RUNTIME;
}
