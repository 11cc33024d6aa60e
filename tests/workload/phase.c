/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The scheduler of a phase: full-speed patterns by weight, paced ones by the clock, children. */
#include "phase.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "pattern.h"
#include "stop.h"

/* Accesses between two looks at the clock: short even where every access faults a page in. */
#define CHUNK 4096

/* How long paced touches are gathered before a wake-up, unless the rate asks for less. */
#define TICK_MAX_NS (10 * NSEC_PER_MSEC)
#define TICK_MIN_NS (1 * NSEC_PER_MSEC)

/*
 * A pattern that has fallen further behind than this (the machine slept, or cannot go so fast)
 * gives up the rest: a burst to catch up would make recent pages look hotter than they were.
 */
#define DEBT_MAX_NS NSEC_PER_SEC

typedef struct Track {
        const PatternSpec *spec;
        Walk walk;
        double rate;     /* touches per second over all pages; 0 for full speed */
        uint64_t done;   /* touches made or given up */
} Track;

typedef struct Schedule {
        const Run *run;
        const PhaseSpec *phase;
        size_t index;
        unsigned repeat;
        Track *tracks;
        size_t n_tracks;
        uint64_t weight;     /* of all full-speed patterns */
        Track *batch_track;  /* whose full-speed batch is going on */
        uint64_t batch_left;
        Random random;
        uint64_t tick_ns;
        uint64_t start_ns;
        uint64_t end_ns;
} Schedule;

uint64_t phase_due(double rate_per_sec, uint64_t elapsed_ns, uint64_t done)
{
        uint64_t due = (uint64_t)(rate_per_sec * ((double)elapsed_ns / 1e9));

        return due > done ? due - done : 0;
}

static void track_init(Track *track, const Run *run, const PatternSpec *spec, uint64_t seed)
{
        const Region *region = &run->regions->items[spec->region];

        *track = (Track){ .spec = spec };
        walk_init(&track->walk, spec, region->addr, region->spec->len, seed);
        track->rate = spec->rate_hz * (double)walk_pages(&track->walk);
}

/* Four wake-ups in a sweep keep a window of half a period honest; beyond that, fewer is better. */
static uint64_t choose_tick(const Track *tracks, size_t n)
{
        double rate_hz = 0;
        uint64_t tick;

        for (size_t i = 0; i < n; i++)
                rate_hz = fmax(rate_hz, tracks[i].spec->rate_hz);
        if (rate_hz <= 0)
                return TICK_MAX_NS;
        tick = (uint64_t)fmin(1e9 / (4 * rate_hz), (double)TICK_MAX_NS);
        return tick > TICK_MIN_NS ? tick : TICK_MIN_NS;
}

/* process is 0 in the parent, 1.. in children, so that each touches in an order of its own. */
static void schedule_reset(Schedule *s, unsigned process)
{
        s->random.state = s->run->seed ^ (uint64_t)s->index << 40 ^ (uint64_t)s->repeat << 20 ^
                          process;
        s->weight = 0;
        s->batch_left = 0;
        for (size_t i = 0; i < s->n_tracks; i++) {
                const PatternSpec *spec = &s->phase->patterns[i];

                track_init(&s->tracks[i], s->run, spec, random_next(&s->random));
                if (spec->rate_hz <= 0)
                        s->weight += spec->weight;
        }
        s->tick_ns = choose_tick(s->tracks, s->n_tracks);
}

static void move_windows(Schedule *s, uint64_t now)
{
        uint64_t steps = (now - s->start_ns) / s->phase->step_ns;

        for (size_t i = 0; i < s->n_tracks; i++)
                if (s->tracks[i].spec->window > 0)
                        walk_move(&s->tracks[i].walk, steps * s->tracks[i].spec->step);
}

/* Returns whether something is still due. */
static bool service_track(Track *track, uint64_t elapsed_ns)
{
        uint64_t due = phase_due(track->rate, elapsed_ns, track->done);
        uint64_t limit = (uint64_t)(track->rate * ((double)DEBT_MAX_NS / 1e9));

        if (due > limit && due > CHUNK) {
                track->done += due - limit;
                due = limit;
        }
        if (due > CHUNK)
                due = CHUNK;
        walk_run(&track->walk, due);
        track->done += due;
        return phase_due(track->rate, elapsed_ns, track->done) > 0;
}

static bool service_paced(Schedule *s, uint64_t now)
{
        bool behind = false;

        for (size_t i = 0; i < s->n_tracks; i++)
                if (s->tracks[i].rate > 0 && service_track(&s->tracks[i], now - s->start_ns))
                        behind = true;
        return behind;
}

static Track *pick_track(Schedule *s)
{
        uint64_t ticket = random_below(&s->random, s->weight);
        size_t i = 0;

        for (;; i++) {
                const PatternSpec *spec = s->tracks[i].spec;

                if (spec->rate_hz > 0)
                        continue;
                if (ticket < spec->weight)
                        return &s->tracks[i];
                ticket -= spec->weight;
        }
}

static void run_full_speed(Schedule *s)
{
        uint64_t n;

        if (s->batch_left == 0) {
                s->batch_track = pick_track(s);
                s->batch_left = s->run->batch;
        }
        n = s->batch_left < CHUNK ? s->batch_left : CHUNK;
        walk_run(&s->batch_track->walk, n);
        s->batch_left -= n;
}

/* A tick from now, or later when no paced touch is due by then. */
static uint64_t next_wakeup(const Schedule *s, uint64_t now)
{
        double elapsed = (double)(now - s->start_ns), earliest = INFINITY;

        for (size_t i = 0; i < s->n_tracks; i++)
                if (s->tracks[i].rate > 0)
                        earliest = fmin(earliest,
                                        ((double)s->tracks[i].done + 1) * 1e9 / s->tracks[i].rate);
        earliest = fmax(earliest, elapsed + (double)s->tick_ns);
        if (earliest >= (double)(s->end_ns - s->start_ns))
                return s->end_ns;
        return s->start_ns + (uint64_t)earliest;
}

static void schedule_loop(Schedule *s)
{
        for (;;) {
                uint64_t now = clock_ns(CLOCK_MONOTONIC);
                bool last = now >= s->end_ns, behind;

                move_windows(s, last ? s->end_ns - 1 : now);
                behind = service_paced(s, last ? s->end_ns : now);
                if (last || stop_requested())
                        return;
                if (s->weight > 0)
                        run_full_speed(s);
                else if (!behind)
                        clock_sleep_until(next_wakeup(s, now));
        }
}

static void describe(const Schedule *s, TruthAccess *accesses)
{
        for (size_t i = 0; i < s->n_tracks; i++) {
                const Track *track = &s->tracks[i];
                const PatternSpec *spec = track->spec;
                const RegionSpec *region = &s->run->config->regions[spec->region];

                accesses[i] = (TruthAccess){
                        .name = region->name,
                        .addr = (uintptr_t)track->walk.base,
                        .len = region->len,
                        .mode = spec->mode,
                        .rate_hz = spec->rate_hz,
                        .random = spec->random,
                        .stride = spec->stride,
                        .probability = spec->weight,
                        .pages = walk_pages(&track->walk),
                        .zipf = spec->zipf,
                        .window = spec->window,
                        .step = spec->step,
                        .accesses = track->walk.accesses,
                        .page_visits = (double)track->walk.accesses *
                                       walk_pages_per_access(&track->walk),
                };
        }
}

static int log_phase(const Schedule *s, int (*log)(const Truth *, const TruthPhase *))
{
        CLEANUP(cleanup_free) TruthAccess *accesses = calloc(s->n_tracks, sizeof(*accesses));
        TruthPhase phase = {
                .index = s->index,
                .repeat = s->repeat,
                .name = s->phase->name,
                .duration_ns = s->phase->duration_ns,
                .step_ns = s->phase->step_ns,
                .start_ns = s->start_ns,
                .accesses = accesses,
                .n_accesses = s->n_tracks,
        };

        if (!accesses)
                return -ENOMEM;
        describe(s, accesses);
        return log(s->run->truth, &phase);
}

static int run_process(Schedule *s, unsigned process)
{
        int r;

        schedule_reset(s, process);
        r = log_phase(s, truth_phase);
        if (r < 0)
                return r;
        schedule_loop(s);
        return log_phase(s, truth_phase_end);
}

__attribute__((noreturn))
static void run_child(Schedule *s, unsigned process, pid_t parent)
{
        /* Not to be left behind touching memory when the parent is killed. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(EXIT_FAILURE);
        _exit(run_process(s, process) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

static int fork_children(Schedule *s, pid_t *children)
{
        pid_t parent = getpid();

        for (unsigned i = 0; i < s->phase->forks; i++) {
                children[i] = fork();
                if (children[i] < 0)
                        return -errno;
                if (children[i] == 0)
                        run_child(s, i + 1, parent);
        }
        return 0;
}

static int reap_children(const pid_t *children, unsigned n, bool end_them)
{
        int status, r = 0;

        for (unsigned i = 0; i < n && children[i] > 0; i++) {
                if (end_them)
                        kill(children[i], SIGTERM);
                while (waitpid(children[i], &status, 0) < 0 && errno == EINTR)
                        /* The children end by themselves soon after we are asked to. */
                        kill(children[i], SIGTERM);
                if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                        r = -ECHILD;
        }
        return r;
}

/* 97596 as masim writes it: 97,596. */
static void print_grouped(uint64_t n)
{
        if (n >= 1000) {
                print_grouped(n / 1000);
                printf(",%03" PRIu64, n % 1000);
        } else
                printf("%" PRIu64, n);
}

static void print_result(const Schedule *s)
{
        double msec = (double)(clock_ns(CLOCK_MONOTONIC) - s->start_ns) / 1e6;
        uint64_t accesses = 0;
        double speed;

        for (size_t i = 0; i < s->n_tracks; i++)
                accesses += s->tracks[i].walk.accesses;
        speed = msec > 0 ? (double)accesses / msec : 0;

        printf("phase %s: ", s->phase->name);
        if (speed < 10)
                printf("%.3f", speed);
        else
                print_grouped((uint64_t)(speed + 0.5));
        printf(" accesses/msec, %.0f msecs run\n", msec);
        fflush(stdout);
}

int phase_run(const Run *run, size_t index, unsigned repeat)
{
        const PhaseSpec *phase = &run->config->phases[index];
        CLEANUP(cleanup_free) Track *tracks = calloc(phase->n_patterns, sizeof(*tracks));
        CLEANUP(cleanup_free) pid_t *children = calloc(phase->forks + 1, sizeof(*children));
        Schedule schedule = {
                .run = run,
                .phase = phase,
                .index = index,
                .repeat = repeat,
                .tracks = tracks,
                .n_tracks = phase->n_patterns,
        };
        int r, k;

        if (!tracks || !children)
                return -ENOMEM;
        schedule.start_ns = clock_ns(CLOCK_MONOTONIC);
        schedule.end_ns = schedule.start_ns + phase->duration_ns;
        r = fork_children(&schedule, children);
        if (r >= 0)
                r = run_process(&schedule, 0);
        k = reap_children(children, phase->forks, r < 0 || stop_requested());
        if (r >= 0 && !run->quiet)
                print_result(&schedule);
        return r < 0 ? r : k;
}
