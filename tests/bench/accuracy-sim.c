/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Accuracy of the adaptation policies in simulated worlds, beside an exhaustive sweep; README.md has the definitions. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/stat.h"
#include "damon-model.h"
#include "world.h"

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define TEXT_MAX (1 << 16)
#define SNAPSHOTS_MAX 1000

#define BUDGET 2600 /* samples a second, of `directed`, unless asked for otherwise */

/* Pages that a sweep checks with the same CPU time: a sample takes 2.3 us, a page of a bulk pass 0.2 us. */
#define SWEEP_PAGES_PER_SEC (budget * 2.3 / 0.2)
#define SWEEP_BINS 8192

#define AREA_FIRST UINT64_C(0x100000000000) /* where the source `sim` puts its first area */

typedef struct Workload {
        const char *name;
        void (*make)(char *text, uint64_t size, unsigned percent, Rng *rng);
        uint64_t size;
        unsigned percent; /* rate of what is hot; called hot from half of it on */
        unsigned seconds; /* length of a run */
        nsec_t aggregate;
        nsec_t phase; /* length of the phases whose beginning is to be detected; 0: none */
        double miss;
        bool churn;
        unsigned from; /* seconds from which on scores count; 0: half of all */
} Workload;

static int put(char *text, size_t at, const char *format, ...) _printf_(3, 4);

static int put(char *text, size_t at, const char *format, ...) {
        va_list args;
        int n;

        va_start(args, format);
        n = vsnprintf(text + at, TEXT_MAX - at, format, args);
        va_end(args);
        return n;
}

static void make_zigzag(char *text, uint64_t size, unsigned percent, Rng *rng) {
        (void) rng;
        (void) put(text, 0, "area r %" PRIu64 "KiB\nphase 2.5s\ntouch r 1300KiB 97656KiB %u%%\n"
                            "phase 2.5s\ntouch r 99000KiB 97656KiB %u%%\n", size / KIB, percent, percent);
}

static void make_stairs(char *text, uint64_t size, unsigned percent, Rng *rng) {
        size_t at = (size_t) put(text, 0, "area r %" PRIu64 "KiB\n", size / KIB);

        (void) rng;
        for (unsigned i = 0; i < 10; i++)
                at += (size_t) put(text, at, "phase 2.5s\ntouch r %uKiB 9768KiB %u%%\n", 1300 + i * 9768, percent);
}

/* What a program has beside its data: small, and a little of it accessed a little. */
#define PROGRAM_AREAS "area prog 60KiB\narea libs 2900KiB\n"
#define PROGRAM_TOUCHES "touch prog 12KiB 48KiB 58%%\ntouch libs 1000KiB 180KiB 6%%\n"

#define MAKING_MS 5000 /* in which all of its memory is made … */
#define BATCH_MS 15    /* … by turns of this length, as they fall */

/* zigzag and stairs as they are in the guest: programs that make all of their memory first. */
static void make_program(char *text, unsigned parts, uint64_t size, unsigned percent, unsigned phases, Rng *rng) {
        size_t at = (size_t) put(text, 0, PROGRAM_AREAS);

        for (unsigned i = 0; i < parts; i++)
                at += (size_t) put(text, at, "area r%u %" PRIu64 "KiB\n", i, size / parts / KIB);
        for (unsigned i = 0; i < MAKING_MS / BATCH_MS; i++) {
                unsigned part = (unsigned) rng_below(rng, parts);

                at += (size_t) put(text, at, "phase %ums\ntouch r%u 0 %" PRIu64 "KiB %u%%\n", BATCH_MS, part, size / parts / KIB,
                                   percent);
        }
        for (unsigned i = 0; i < phases; i++)
                at += (size_t) put(text, at, "phase 2.5s\ntouch r%u 0 %" PRIu64 "KiB %u%%\n" PROGRAM_TOUCHES, i % parts,
                                   size / parts / KIB, percent);
}

static void make_zigzag_program(char *text, uint64_t size, unsigned percent, Rng *rng) {
        make_program(text, 2, size, percent, 12, rng);
}

static void make_stairs_program(char *text, uint64_t size, unsigned percent, Rng *rng) {
        make_program(text, 10, size, percent, 10, rng);
}

/* One set, a twentieth of the whole. */
static void make_set(char *text, uint64_t size, unsigned percent, Rng *rng) {
        uint64_t hot = size / 20 / MIB, start = rng_below(rng, size / MIB - hot);

        (void) put(text, 0, "area r %" PRIu64 "MiB\nphase 10000s\ntouch r %" PRIu64 "MiB %" PRIu64 "MiB %u%%\n", size / MIB,
                   start, hot, percent);
}

static void make_chunks(char *text, uint64_t size, unsigned percent, Rng *rng) {
        size_t at = (size_t) put(text, 0, "area r %" PRIu64 "MiB\nphase 10000s\n", size / MIB);
        uint64_t slot = size / 64;

        for (unsigned i = 0; i < 64; i++)
                at += (size_t) put(text, at, "touch r %" PRIu64 "KiB 16MiB %u%%\n",
                                   (i * slot + rng_below(rng, (slot - 16 * MIB) / (4 * KIB)) * 4 * KIB) / KIB, percent);
}

static void make_warm(char *text, uint64_t size, unsigned percent, Rng *rng) {
        (void) rng;
        (void) put(text, 0, "area r %" PRIu64 "MiB\nphase 10000s\ntouch r 0 %" PRIu64 "MiB %u%%\n", size / MIB, size / MIB,
                   percent);
}

/* A window of a sixteenth that goes on by a quarter of its size every 2 s. */
static void make_moving(char *text, uint64_t size, unsigned percent, Rng *rng) {
        size_t at = (size_t) put(text, 0, "area r %" PRIu64 "MiB\n", size / MIB);
        uint64_t window = size / 16 / MIB;

        (void) rng;
        for (unsigned i = 0; i < 60; i++)
                at += (size_t) put(text, at, "phase 2s\ntouch r %" PRIu64 "MiB %" PRIu64 "MiB %u%%\n", i * window / 4, window,
                                   percent);
}

/* The same, by a quarter of its size to either side. */
static void make_walk(char *text, uint64_t size, unsigned percent, Rng *rng) {
        size_t at = (size_t) put(text, 0, "area r %" PRIu64 "MiB\n", size / MIB);
        uint64_t window = size / 16 / MIB, start = size / 2 / MIB;

        for (unsigned i = 0; i < 60; i++) {
                at += (size_t) put(text, at, "phase 2s\ntouch r %" PRIu64 "MiB %" PRIu64 "MiB %u%%\n", start, window, percent);
                start = rng_below(rng, 2) > 0 ? MIN(start + window / 4, size / MIB - window) : start - MIN(window / 4, start);
        }
}

/* Three arrays; each phase sweeps one of them in order, once, by windows of a 24th: rows of a Fourier transform. */
static void make_fft(char *text, uint64_t size, unsigned percent, Rng *rng) {
        uint64_t array = size / 3 / KIB / 96 * 96, step = array / 24;
        size_t at = 0;

        (void) rng;
        for (unsigned i = 0; i < 3; i++)
                at += (size_t) put(text, at, "area a%u %" PRIu64 "KiB\n", i, array);
        for (unsigned i = 0; i < 2 * 24; i++)
                at += (size_t) put(text, at, "phase 250ms\ntouch a%u %" PRIu64 "KiB %" PRIu64 "KiB %u%%\n", i / 24,
                                   i % 24 * step, step, percent);
}

#define SLABS 256

/* Slabs of keys, scattered at random, whose share of all requests falls with their rank (Zipf's law). */
static void make_skewed(char *text, uint64_t size, unsigned percent, Rng *rng) {
        size_t at = (size_t) put(text, 0, "area r %" PRIu64 "MiB\nphase 10000s\n", size / MIB);
        unsigned place[SLABS];

        for (unsigned i = 0; i < SLABS; i++) {
                unsigned k = (unsigned) rng_below(rng, i + 1);

                place[i] = place[k];
                place[k] = i;
        }
        for (unsigned i = 0; i < SLABS; i++)
                at += (size_t) put(text, at, "touch r %" PRIu64 "MiB %" PRIu64 "MiB %.2f%%\n", size / MIB / SLABS * place[i],
                                   size / MIB / SLABS, percent * (1 - exp(-8.0 / (1 + i))));
}

/* A set that moves to another place every 20 s. */
static void make_jumps(char *text, uint64_t size, unsigned percent, Rng *rng) {
        size_t at = (size_t) put(text, 0, "area r %" PRIu64 "MiB\n", size / MIB);
        uint64_t hot = size / 40 / MIB;

        for (unsigned i = 0; i < 8; i++)
                at += (size_t) put(text, at, "phase 20s\ntouch r %" PRIu64 "MiB %" PRIu64 "MiB %u%%\n",
                                   hot + (i % 2) * (size / 2 / MIB) + rng_below(rng, size / 3 / MIB), hot, percent);
}

/* Three of four areas are unmapped and mapped again. */
static void make_churn(char *text, uint64_t size, unsigned percent, Rng *rng) {
        (void) rng;
        (void) put(text, 0, "area a %" PRIu64 "MiB\narea b %" PRIu64 "MiB\narea c %" PRIu64 "MiB\narea d %" PRIu64 "MiB\n"
                            "phase 10000s\ntouch a 0 64MiB %u%%\ntouch b 32MiB 100MiB %u%%\ntouch d 100MiB 64MiB %u%%\n",
                   size / 4 / MIB, size / 4 / MIB, size / 4 / MIB, size / 4 / MIB, percent, percent, percent);
}

static bool comes_and_goes(const World *world, size_t area) {
        return area == 0 || (world_age(world) + area * 7 * NSEC_PER_SEC) % (24 * NSEC_PER_SEC) < 16 * NSEC_PER_SEC;
}

#define HALF (500 * NSEC_PER_MSEC)

static const Workload workloads[] = {
        { "zigzag", make_zigzag, 204392 * KIB, 100, 60, HALF, 2500 * NSEC_PER_MSEC, 0, false },
        { "stairs", make_stairs, 104392 * KIB, 100, 60, HALF, 2500 * NSEC_PER_MSEC, 0, false },
        { "zigzag_2s", make_zigzag_program, 195320 * KIB, 100, 34, 2 * NSEC_PER_SEC, 2500 * NSEC_PER_MSEC, 0, false, 8 },
        { "stairs_2s", make_stairs_program, 97680 * KIB, 100, 30, 2 * NSEC_PER_SEC, 2500 * NSEC_PER_MSEC, 0, false, 8 },
        { "jumps", make_jumps, 16 * GIB, 100, 160, NSEC_PER_SEC, 20 * NSEC_PER_SEC, 0, false },
        { "moving_window", make_moving, 4 * GIB, 100, 100, HALF, 0, 0, false },
        { "random_walk", make_walk, 16 * GIB, 100, 100, HALF, 0, 0, false },
        { "vma_churn", make_churn, 4 * GIB, 100, 120, NSEC_PER_SEC, 0, 0, true },
        { "fft", make_fft, 768 * MIB, 100, 60, HALF, 0, 0, false },
        { "skewed_keys", make_skewed, 8 * GIB, 100, 60, NSEC_PER_SEC, 0, 0, false },
        { "one_set_30", make_set, 160 * GIB, 30, 60, NSEC_PER_SEC, 0, 0, false },
        { "64_chunks", make_chunks, 62 * GIB, 100, 60, NSEC_PER_SEC, 0, 0, false },
        { "64_chunks_30", make_chunks, 62 * GIB, 30, 90, NSEC_PER_SEC, 0, 0, false },
        { "64_chunks_tlb", make_chunks, 62 * GIB, 100, 60, NSEC_PER_SEC, 0, 0.3, false },
        { "warm_10", make_warm, 8 * GIB, 10, 120, 2 * NSEC_PER_SEC, 0, 0, false },
        { "warm_30", make_warm, 8 * GIB, 30, 120, 2 * NSEC_PER_SEC, 0, 0, false },
        { "warm_50", make_warm, 8 * GIB, 50, 120, 2 * NSEC_PER_SEC, 0, 0, false },
        { "size_1GiB", make_set, 1 * GIB, 100, 60, NSEC_PER_SEC, 0, 0, false },
        { "size_32GiB", make_set, 32 * GIB, 100, 60, NSEC_PER_SEC, 0, 0, false },
        { "size_1TiB", make_set, 1024 * GIB, 100, 60, NSEC_PER_SEC, 0, 0, false },
        { "size_10TiB", make_set, 10240 * GIB, 100, 60, NSEC_PER_SEC, 0, 0, false },
};

/* What a run comes to. */
typedef struct Result {
        double precision, recall, f1; /* means over the second half */
        double wss_p50, wss_p90;
        double heat;                  /* correlation of estimated and true rates; NAN: nothing varies */
        double found;                 /* when F1 was 0.9 first, in seconds; NAN: never */
        double lag;                   /* median over the phases; NAN: never, or no phases */
        double samples_per_sec;
        double regions;
        double cpu; /* of the policy: milliseconds per second, without what a source takes */
} Result;

/* Sums for Pearson's r of an estimate and the truth. */
typedef struct Pairs {
        double n, x, y, xx, yy, xy;
} Pairs;

/* The scores of a run, one per window, and when they were taken. */
typedef struct Series {
        Score scores[SNAPSHOTS_MAX];
        nsec_t times[SNAPSHOTS_MAX];
        size_t n;
        double regions;
        Pairs heat;
} Series;

static void add_pair(Pairs *pairs, double x, double y) {
        pairs->n++;
        pairs->x += x;
        pairs->y += y;
        pairs->xx += x * x;
        pairs->yy += y * y;
        pairs->xy += x * y;
}

static double pearson(const Pairs *p) {
        double xx = p->xx - p->x * p->x / p->n, yy = p->yy - p->y * p->y / p->n;

        return p->n > 0 && xx > 1e-9 * p->n && yy > 1e-9 * p->n ? (p->xy - p->x * p->y / p->n) / sqrt(xx * yy) : NAN;
}

static double percentile(const Series *series, size_t first, double percent) {
        WeightedValue values[SNAPSHOTS_MAX];
        size_t n = 0;

        for (size_t i = first; i < series->n; i++)
                values[n++] = (WeightedValue) { series->scores[i].wss_error, 1 };
        weighted_sort(values, n);
        return weighted_percentile(values, n, percent);
}

static double median_lag(const Series *series, nsec_t phase) {
        WeightedValue lags[SNAPSHOTS_MAX];
        size_t n = 0;

        for (nsec_t start = phase; phase > 0 && start + phase <= series->times[series->n - 1]; start += phase) {
                double lag = INFINITY;

                for (size_t i = 0; i < series->n && isinf(lag); i++)
                        /* a window that ends with the phase is jittered beyond it */
                        if (series->times[i] > start + phase / 20 && series->times[i] < start + phase && series->scores[i].f1 >= 0.9)
                                lag = (double) (series->times[i] - start) / NSEC_PER_SEC;
                lags[n++] = (WeightedValue) { lag, 1 };
        }
        if (n == 0)
                return NAN;
        weighted_sort(lags, n);
        return isinf(weighted_percentile(lags, n, 50)) ? NAN : weighted_percentile(lags, n, 50);
}

static Result summarize(const Series *series, const Workload *workload, double samples_per_sec) {
        Result result = { .found = NAN, .lag = median_lag(series, workload->phase), .samples_per_sec = samples_per_sec,
                          .heat = pearson(&series->heat) };
        size_t half = series->n / 2;

        while (workload->from > 0 && half > 0 && series->times[half - 1] >= workload->from * NSEC_PER_SEC)
                half--;

        for (size_t i = 0; i < series->n && isnan(result.found); i++)
                if (series->scores[i].f1 >= 0.9)
                        result.found = (double) series->times[i] / NSEC_PER_SEC;
        for (size_t i = half; i < series->n; i++) {
                result.precision += series->scores[i].precision / (double) (series->n - half);
                result.recall += series->scores[i].recall / (double) (series->n - half);
                result.f1 += series->scores[i].f1 / (double) (series->n - half);
        }
        result.wss_p50 = percentile(series, half, 50);
        result.wss_p90 = percentile(series, half, 90);
        result.regions = series->regions / (double) series->n;
        return result;
}

static uint32_t budget = BUDGET;

static void begin(World *world, const Workload *workload, const AdaptPolicy *policy, uint64_t seed) {
        MonitorAttrs attrs = MONITOR_ATTRS_DEFAULT;
        char *text = malloc(TEXT_MAX);
        Rng rng;

        if (!text)
                abort();
        attrs.aggregate = workload->aggregate;
        if (policy == &DAMON_MODEL)
                attrs = DAMON_MODEL_ATTRS;
        attrs.samples_per_sec = budget;
        rng_init(&rng, seed);
        workload->make(text, workload->size, workload->percent, &rng);
        world_init(world, text, &attrs, policy, seed);
        /* the program has begun before: its phases and the windows are not in step */
        (void) world->source->ops->prepare(world->source, NULL, NULL, 0);
        world->now += rng_below(&rng, workload->aggregate);
        world->miss = workload->miss;
        if (workload->churn)
                world->is_mapped = comes_and_goes;
        free(text);
}

#define HEAT_BINS 512

/* Compares rates at places that lie evenly in all regions. */
static void add_heat(Series *series, const World *world, const Snapshot *snapshot) {
        nsec_t at = world_age(world) - (snapshot->by_average ? snapshot->sample : snapshot->window / 2);
        uint64_t step = snapshot->working_set.total / HEAT_BINS, next = step / 2, before = 0;

        for (size_t i = 0; i < snapshot->n_regions; i++) {
                const SnapshotRegion *region = &snapshot->regions[i];
                double rate = region->samples > 0 ? (double) region->hits / (double) region->samples : 0;

                for (; next < before + region->end - region->start; next += step)
                        add_pair(&series->heat, snapshot->by_average ? region->rate : rate,
                                 sim_source_share(world->source, region->start + next - before, at) * (1 - world->miss));
                before += region->end - region->start;
        }
}

static Result run_policy(const Workload *workload, const AdaptPolicy *policy, uint64_t seed) {
        double theta = workload->percent * (1 - workload->miss) / 200.0;
        nsec_t cpu = 0, last = 0;
        static Series series;
        Result result;
        World world;

        series = (Series) {};
        begin(&world, workload, policy, seed);
        while (world_age(&world) < workload->seconds * NSEC_PER_SEC && series.n < SNAPSHOTS_MAX) {
                nsec_t begun = clock_cpu_nsec(CPU_TIME_THREAD);
                const Snapshot *snapshot = world_next_snapshot(&world);

                cpu += clock_cpu_nsec(CPU_TIME_THREAD) - begun;
                /* windows of DAMON's model are shorter: one in so many is enough */
                if (world_age(&world) - last + snapshot->window / 2 < workload->aggregate)
                        continue;
                last = world_age(&world);
                series.scores[series.n] = world_score(&world, snapshot, theta);
                series.times[series.n++] = last;
                series.regions += (double) snapshot->n_regions;
                if (last >= workload->seconds * NSEC_PER_SEC / 2)
                        add_heat(&series, &world, snapshot);
        }
        result = summarize(&series, workload,
                           (double) world.source->counters.samples * NSEC_PER_SEC / (double) world_age(&world));
        result.cpu = 1e3 * (double) (cpu - MIN(world.checking, cpu)) / (double) world_age(&world);
        world_deinit(&world);
        return result;
}

/* One bin of the sweep: its state is that of its last pass; every page of it was checked once then. */
static void sweep_bin(const World *world, const Workload *workload, size_t bin, nsec_t at, double theta,
                      double sums[static 4], Pairs *heat) {
        double pages = (double) workload->size / 4096, pass = pages / SWEEP_PAGES_PER_SEC * NSEC_PER_SEC;
        double offset = pass * (double) bin / SWEEP_BINS, size = (double) workload->size / SWEEP_BINS / 4;
        double passes = floor(((double) at - offset) / pass);

        for (unsigned k = 0; k < 4; k++) {
                uint64_t addr = AREA_FIRST + (uint64_t) ((double) workload->size * ((double) bin + k / 4.0) / SWEEP_BINS);
                double now = sim_source_share(world->source, addr, at), seen = 0;

                if (passes >= 0)
                        seen = sim_source_share(world->source, addr, (nsec_t) (offset + passes * pass)) * (1 - workload->miss);
                sums[0] += now >= theta ? size : 0;
                sums[1] += seen >= theta ? size : 0;
                sums[2] += now >= theta && seen >= theta ? size : 0;
                sums[3] += seen * size;
                if (k == 0 && at >= workload->seconds * NSEC_PER_SEC / 2)
                        add_pair(heat, seen, now * (1 - workload->miss));
        }
}

/* Every page in turn, at the same CPU time. It knows its pages exactly, as of when it last came by. */
static Result run_sweep(const Workload *workload, uint64_t seed) {
        double theta = workload->percent * (1 - workload->miss) / 200.0;
        static Series series;
        World world;

        series = (Series) { .regions = 0 };
        begin(&world, workload, &ADAPT_CLASSIC, seed);
        for (nsec_t at = workload->aggregate; at <= workload->seconds * NSEC_PER_SEC && series.n < SNAPSHOTS_MAX;
             at += workload->aggregate) {
                double sums[4] = {}, truth = (double) sim_source_truth(world.source, at);
                Score *score = &series.scores[series.n];

                for (size_t bin = 0; bin < SWEEP_BINS; bin++)
                        sweep_bin(&world, workload, bin, at, theta, sums, &series.heat);
                score->precision = sums[1] > 0 ? sums[2] / sums[1] : 1;
                score->recall = sums[0] > 0 ? sums[2] / sums[0] : 1;
                score->f1 = sums[2] > 0 ? 2 * sums[2] / (sums[0] + sums[1]) : 0;
                score->wss_error = truth > 0 ? fabs(sums[3] - truth) / truth : 0;
                series.times[series.n++] = at;
        }
        world_deinit(&world);
        return summarize(&series, workload, SWEEP_PAGES_PER_SEC);
}

static const struct {
        const char *name;
        const char *unit;
        const char *title;
        size_t offset;
        int digits;
} metrics[] = {
        { "precision", "share", "precision", offsetof(Result, precision), 3 },
        { "recall", "share", "recall", offsetof(Result, recall), 3 },
        { "f1", "share", "F1", offsetof(Result, f1), 3 },
        { "wss_error_p50", "share", "WSS p50", offsetof(Result, wss_p50), 3 },
        { "wss_error_p90", "share", "WSS p90", offsetof(Result, wss_p90), 3 },
        { "heatmap_correlation", "r", "heat r", offsetof(Result, heat), 3 },
        { "found_after", "s", "found s", offsetof(Result, found), 1 },
        { "detection_lag_p50", "s", "lag s", offsetof(Result, lag), 2 },
        { "samples_per_sec", "1/s", "samples/s", offsetof(Result, samples_per_sec), 0 },
        { "regions_mean", "regions", "regions", offsetof(Result, regions), 0 },
        { "policy_cpu", "ms/s", "CPU ms/s", offsetof(Result, cpu), 2 },
};

static double metric_of(const Result *result, size_t metric) {
        return *(const double *) ((const char *) result + metrics[metric].offset);
}

static void print_json(const Workload *workload, const char *tool, const Result *result, uint64_t seed, bool *first) {
        for (size_t i = 0; i < ELEMENTSOF(metrics); i++) {
                if (isnan(metric_of(result, i)))
                        continue;
                printf("%s{\"bench\": \"accuracy\", \"workload\": \"%s\", \"tool\": \"%s\", \"metric\": \"%s\", \"value\": %.6g, "
                       "\"unit\": \"%s\", \"seed\": %" PRIu64 "}", *first ? "[\n" : ",\n", workload->name, tool, metrics[i].name,
                       metric_of(result, i), metrics[i].unit, seed);
                *first = false;
        }
}

/* The medians over the seeds: never is later than any time. */
static void print_line(const Workload *workload, const char *tool, const Result *results, size_t n) {
        printf("%-14s %-9s", workload->name, tool);
        for (size_t i = 0; i < ELEMENTSOF(metrics); i++) {
                WeightedValue values[64];
                double median;

                for (size_t k = 0; k < n; k++)
                        values[k] = (WeightedValue) { isnan(metric_of(&results[k], i)) ? INFINITY : metric_of(&results[k], i), 1 };
                weighted_sort(values, n);
                median = weighted_percentile(values, n, 50);
                if (isinf(median))
                        printf(" %9s", "-");
                else
                        printf(" %9.*f", metrics[i].digits, median);
        }
        printf("\n");
}

typedef struct Choice {
        const char *workload; /* NULL: all */
        const char *tool;
        uint64_t first_seed;
        uint64_t n_seeds;
        bool json;
} Choice;

static int parse_options(int argc, char **argv, Choice *ret) {
        static const struct option options[] = {
                { "json", no_argument, NULL, 'j' },       { "seeds", required_argument, NULL, 'n' },
                { "seed", required_argument, NULL, 's' }, { "workload", required_argument, NULL, 'w' },
                { "tool", required_argument, NULL, 't' }, { "budget", required_argument, NULL, 'b' }, {},
        };

        *ret = (Choice) { .first_seed = 1, .n_seeds = 3 };
        for (int c; (c = getopt_long(argc, argv, "", options, NULL)) >= 0;)
                switch (c) {
                case 'j':
                        ret->json = true;
                        break;
                case 'n':
                        ret->n_seeds = CLAMP(strtoull(optarg, NULL, 10), UINT64_C(1), UINT64_C(64));
                        break;
                case 's':
                        ret->first_seed = strtoull(optarg, NULL, 10);
                        ret->n_seeds = 1;
                        break;
                case 'w':
                        ret->workload = optarg;
                        break;
                case 't':
                        ret->tool = optarg;
                        break;
                case 'b':
                        budget = (uint32_t) CLAMP(strtoull(optarg, NULL, 10), UINT64_C(1), UINT64_C(1000000));
                        break;
                default:
                        return -EINVAL;
                }
        return 0;
}

static void print_header(const Choice *choice) {
        printf("medians over the seeds %" PRIu64 " to %" PRIu64 "\n%-14s %-9s", choice->first_seed,
               choice->first_seed + choice->n_seeds - 1, "workload", "tool");
        for (size_t i = 0; i < ELEMENTSOF(metrics); i++)
                printf(" %9s", metrics[i].title);
        printf("\n");
}

static void run(const Workload *workload, const char *tool, const Choice *choice, bool *first) {
        const AdaptPolicy *policy = streq(tool, DAMON_MODEL.name) ? &DAMON_MODEL : adapt_policy_by_name(tool);
        Result results[64];

        for (uint64_t k = 0; k < choice->n_seeds; k++) {
                uint64_t seed = choice->first_seed + k;

                /* no policy: the sweep */
                results[k] = policy ? run_policy(workload, policy, seed) : run_sweep(workload, seed);
                if (choice->json)
                        print_json(workload, tool, &results[k], seed, first);
        }
        if (!choice->json)
                print_line(workload, tool, results, choice->n_seeds);
        (void) fflush(stdout);
}

int main(int argc, char **argv) {
        static const char *const tools[] = { "damon", "classic", "directed", "sweep" };
        bool first = true;
        Choice choice;

        if (parse_options(argc, argv, &choice) < 0)
                return 2;
        if (!choice.json)
                print_header(&choice);
        for (size_t w = 0; w < ELEMENTSOF(workloads); w++)
                for (size_t t = 0; t < ELEMENTSOF(tools); t++) {
                        if ((choice.workload && !streq(choice.workload, workloads[w].name)) ||
                            (choice.tool && !streq(choice.tool, tools[t])))
                                continue;
                        if (streq(tools[t], "sweep") && workloads[w].churn)
                                continue; /* it has no address map that changes */
                        run(&workloads[w], tools[t], &choice, &first);
                }
        if (choice.json)
                printf("%s\n", first ? "[]" : "\n]");
        return 0;
}
