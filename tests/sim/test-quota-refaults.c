/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tuner of quotas against memory that comes back: what stalls is not what is taken now, but what was taken in the
 * last minute and is wanted again. Pages have rates of their own; one that comes back stalls from its second return
 * on, as in Linux, where the first only makes it active (tests/bench/README.md). What comes back is left alone for
 * longer each time. */
#include <check.h>
#include <math.h>

#include "base/macro.h"
#include "base/rng.h"
#include "scheme/quota.h"

#define MIB ((double) (1 << 20))
#define SEC NSEC_PER_SEC
#define TARGET 10e6 /* ns of stall per second */
#define SEEDS 5

#define PAGES 16384u
#define PAGE_BYTES 16384.0
#define CHUNK 64u
#define CHUNKS (PAGES / CHUNK)

#define STALL_OF_RETURN 44e3 /* ns; four pages' worth in the guest */
#define TIME_OF_PAGE 208e3   /* ns that it takes to page out; likewise */
#define IDLE_RATE 0.5        /* accesses per second: from here on it looks used */
#define REST_MAX 64.0

typedef struct Page {
        double rate; /* accesses per second */
        bool out;
        bool active;
} Page;

/* Taken together; rests. */
typedef struct Chunk {
        double rest; /* s */
        double rest_until;
        unsigned taken;
        unsigned back;
} Chunk;

typedef struct World {
        Page pages[PAGES];
        Chunk chunks[CHUNKS];
        Rng rng;
        GoalConfig goal;
        QuotaConfig config;
        QuotaState state;
        unsigned second;
        double counter; /* total stall, ns */
        double stall;   /* in the last window */
} World;

static int read_counter(void *userdata, const GoalConfig *goal, GoalReading *ret) {
        ret->value = floor(((World *) userdata)->counter);
        return 0;
}

/* Rates fall from page to page as in Zipf's law with exponent 1/2. */
static void world_init(World *world, double rate, nsec_t time, uint64_t seed) {
        double sum = 0;

        *world = (World) { .goal = { .metric = GOAL_SOME_MEM_PSI, .target = TARGET } };
        world->config = (QuotaConfig) {
                .size = 66 << 20, .time = time, .reset_interval = SEC, .fail_charge = 0.1, .goals = &world->goal, .n_goals = 1,
        };
        for (unsigned i = 0; i < PAGES; i++)
                sum += 1 / sqrt(i + 1);
        for (unsigned i = 0; i < PAGES; i++)
                world->pages[i].rate = rate * PAGES / sum / sqrt(i + 1);
        for (unsigned i = 0; i < CHUNKS; i++)
                world->chunks[i].rest = 1;
        rng_init(&world->rng, seed);
        ck_assert_int_eq(quota_state_init(&world->state, &world->config), 0);
}

static unsigned take_chunk(World *world, unsigned k, unsigned most) {
        Chunk *chunk = &world->chunks[k];
        unsigned n = 0;

        if (world->second < chunk->rest_until || world->pages[k * CHUNK].rate > IDLE_RATE)
                return 0;
        for (unsigned i = k * CHUNK; i < (k + 1) * CHUNK && n < most; i++) {
                n += !world->pages[i].out;
                world->pages[i].out = true;
        }
        chunk->taken = n;
        chunk->back = 0;
        chunk->rest_until = world->second + chunk->rest;
        return n;
}

static void take(World *world) {
        unsigned most = (unsigned) ((double) quota_bytes_left(&world->state, &world->config) / PAGE_BYTES), n = 0;
        uint64_t bytes;

        most = (unsigned) fmin(most, ceil((double) quota_time_left(&world->state, &world->config) / TIME_OF_PAGE));
        for (unsigned tries = 0; tries < 4 * CHUNKS && n < most; tries++)
                n += take_chunk(world, (unsigned) rng_below(&world->rng, CHUNKS), most - n);
        world->state.wanted = true;
        bytes = (uint64_t) (n * PAGE_BYTES);
        quota_charge(&world->state, &world->config, bytes, bytes, (nsec_t) (n * TIME_OF_PAGE));
}

static void come_back(World *world, unsigned i) {
        Page *page = &world->pages[i];
        Chunk *chunk = &world->chunks[i / CHUNK];

        page->out = false;
        world->stall += page->active ? STALL_OF_RETURN : 0;
        page->active = true;
        if (++chunk->back * 10 >= chunk->taken && (chunk->back - 1) * 10 < chunk->taken) {
                chunk->rest = fmin(2 * chunk->rest, REST_MAX);
                chunk->rest_until = world->second + chunk->rest;
        }
}

/* One window; now and then someone waits for the CPU with a page half there. */
static void step(World *world) {
        quota_advance(&world->state, &world->config, (77 + world->second) * SEC, read_counter, world);
        ck_assert_uint_le(quota_bytes_left(&world->state, &world->config), world->config.size);
        take(world);
        world->stall = rng_unit(&world->rng) < 0.05 ? 4e6 : 0;
        for (unsigned i = 0; i < PAGES; i++)
                if (world->pages[i].out && rng_unit(&world->rng) < 1 - exp(-world->pages[i].rate))
                        come_back(world, i);
        world->counter += world->stall;
        world->second++;
}

/* The share of n windows from the 30th second on in which the stall stays within 30 % of the target. */
static double share_near(World *world, unsigned n) {
        unsigned near = 0;

        for (unsigned i = 0; i < 30 + n; i++) {
                step(world);
                near += i >= 30 && world->stall >= 0.7 * TARGET && world->stall <= 1.3 * TARGET;
        }
        return (double) near / n;
}

/* With so many returns a second on average, and so much time for it. */
START_TEST(holds_the_target) {
        static const struct {
                double rate;
                nsec_t time;
        } cases[] = {
                { 0.15, 300 * NSEC_PER_MSEC },
                { 0.5, 300 * NSEC_PER_MSEC },
                { 0.15, 150 * NSEC_PER_MSEC },
        };
        World *world = malloc(sizeof(*world));

        for (unsigned i = 0; i < ELEMENTSOF(cases); i++) {
                double near = 0;

                for (uint64_t seed = 1; seed <= SEEDS; seed++) {
                        double share;

                        world_init(world, cases[i].rate, cases[i].time, seed);
                        share = share_near(world, 100);
                        near += share / SEEDS;
                        ck_assert_msg(share >= 0.7, "seed %lu, case %u: %g", (unsigned long) seed, i, share);
                        quota_state_deinit(&world->state);
                }
                ck_assert_msg(near >= 0.8, "case %u: %g", i, near);
        }
        free(world);
}
END_TEST

/* The time holds it back at first; from when the stall is right, which it passes slowly, it comes down in time. */
START_TEST(comes_down_in_time) {
        static const struct {
                double rate;
                nsec_t time;
        } cases[] = {
                { 0.15, 150 * NSEC_PER_MSEC },
                { 0.15, 120 * NSEC_PER_MSEC },
                { 0.08, 150 * NSEC_PER_MSEC },
        };
        World *world = malloc(sizeof(*world));

        for (unsigned i = 0; i < ELEMENTSOF(cases); i++) {
                double near = 0;

                for (uint64_t seed = 1; seed <= 2 * SEEDS; seed++) {
                        world_init(world, cases[i].rate, cases[i].time, seed);
                        near += share_near(world, 40) / (2 * SEEDS);
                        quota_state_deinit(&world->state);
                }
                ck_assert_msg(near >= 0.85, "case %u: %g", i, near);
        }
        free(world);
}
END_TEST

/* With next to no time for it the target comes into reach only late: until then nothing winds up that would have to be
 * given back first, while the stall goes on rising. */
START_TEST(no_windup_beyond_the_time) {
        World *world = malloc(sizeof(*world));

        world_init(world, 0.15, 100 * NSEC_PER_MSEC, 1 + (uint64_t) _i);
        for (unsigned i = 0; i < 45; i++) {
                step(world);
                ck_assert_double_le(world->state.tuned, 1.25 * 100e6 / TIME_OF_PAGE * PAGE_BYTES + 2 * PAGE_BYTES);
        }
        for (unsigned i = 0; i < 100; i++) {
                step(world);
                ck_assert_double_le(world->stall, 2 * TARGET);
        }
        quota_state_deinit(&world->state);
        free(world);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("quota-refaults");
        TCase *tests = tcase_create("tuner");
        SRunner *runner;
        int failed;

        tcase_set_timeout(tests, 120);
        tcase_add_test(tests, holds_the_target);
        tcase_add_test(tests, comes_down_in_time);
        tcase_add_loop_test(tests, no_windup_beyond_the_time, 0, SEEDS);
        suite_add_tcase(suite, tests);

        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
