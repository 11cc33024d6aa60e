/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tuner of quotas against simulated machines: memory stall as a function of the bytes reclaimed. */
#include <check.h>
#include <math.h>
#include <stdio.h>

#include "base/macro.h"
#include "base/rng.h"
#include "scheme/quota.h"

#define MIB ((double) (1 << 20))
#define SEC NSEC_PER_SEC
#define TARGET 10e6 /* ns of stall per second, DAMOS's own example */
#define SEEDS 10
#define DEAD_MAX 4

/* A machine. It stalls for nothing up to a knee, and beyond that in proportion; at `right` bytes per window
 * the stall is what the goal wants. */
typedef struct Plant {
        double right;     /* bytes */
        double knee;      /* share of `right` */
        unsigned dead;    /* windows until the stall is seen */
        double smear;     /* share of it that comes one window later still (refaults) */
        double noise;     /* standard deviation, as a share of the stall */
        double jitter;    /* likewise of the target, always there and never below 0 */
        double base;      /* stall that others cause, ns per window */
        double available; /* bytes per window that there are to act on */
        unsigned every;   /* acts in every n-th window only */
} Plant;

typedef struct World {
        Plant plant;
        Rng rng;
        GoalConfig goal;
        QuotaConfig config;
        QuotaState state;
        nsec_t now;  /* on the grid of the windows */
        nsec_t late; /* how far into its window it looks */
        unsigned window;
        double counter; /* total stall, ns */
        double pending[DEAD_MAX];
        double done;    /* bytes, in the last window */
        double stall;   /* ns, in the last window */
} World;

static int read_counter(void *userdata, const GoalConfig *goal, GoalReading *ret) {
        ret->value = floor(((World *) userdata)->counter);
        return 0;
}

static void world_init(World *world, Plant plant, double size, uint64_t seed) {
        *world = (World) { .plant = plant, .now = 77 * SEC + 5, .counter = 123e15 };
        world->goal = (GoalConfig) { .metric = GOAL_SOME_MEM_PSI, .target = TARGET };
        world->config = (QuotaConfig) {
                .size = (uint64_t) size, .reset_interval = SEC, .fail_charge = 1, .goals = &world->goal, .n_goals = 1,
        };
        rng_init(&world->rng, seed);
        ck_assert_int_eq(quota_state_init(&world->state, &world->config), 0);
}

static void world_deinit(World *world) {
        quota_state_deinit(&world->state);
}

/* Standard normal (Box and Muller). */
static double normal(Rng *rng) {
        return sqrt(-2 * log(1 - rng_unit(rng))) * cos(2 * M_PI * rng_unit(rng));
}

static double stall_of(World *world, double bytes) {
        const Plant *p = &world->plant;
        double stall = fmax(bytes - p->knee * p->right, 0) / (p->right * (1 - p->knee)) * TARGET;

        return stall * fmax(1 + p->noise * normal(&world->rng), 0);
}

/* One window goes by: stall is caused now, and seen when the machine shows it. */
static void pass(World *world, double bytes) {
        const Plant *p = &world->plant;
        double stall = stall_of(world, bytes);

        world->pending[p->dead] += stall * (1 - p->smear);
        world->pending[p->dead + 1] += stall * p->smear;
        world->stall = world->pending[0] + p->base + TARGET * p->jitter * fabs(normal(&world->rng));
        memmove(world->pending, world->pending + 1, (DEAD_MAX - 1) * sizeof(double));
        world->pending[DEAD_MAX - 1] = 0;
        world->counter += world->stall;
        world->now += SEC;
        world->window++;
}

/* Opens a window, does what it allows, and lets it pass. */
static void step(World *world) {
        bool acts = world->plant.every == 0 || world->window % world->plant.every == 0;
        uint64_t left;

        quota_advance(&world->state, &world->config, world->now + world->late, read_counter, world);
        left = quota_bytes_left(&world->state, &world->config);
        ck_assert(world->config.size == 0 || left <= world->config.size);
        world->done = acts ? fmin((double) left, world->plant.available) : 0;
        quota_charge(&world->state, &world->config, (uint64_t) world->done, (uint64_t) world->done, 0);
        pass(world, world->done);
}

static void steps(World *world, unsigned n) {
        for (unsigned i = 0; i < n; i++)
                step(world);
}

static bool is_near(double stall) {
        return stall >= 0.7 * TARGET && stall <= 1.3 * TARGET;
}

/* The share of the next n windows in which the stall stays within 30 % of the target. */
static double share_near(World *world, unsigned n) {
        unsigned near = 0;

        for (unsigned i = 0; i < n; i++) {
                step(world);
                near += is_near(world->stall);
        }
        return (double) near / n;
}

static const Plant typical = { .right = 16 * MIB, .knee = 0.5, .dead = 1, .noise = 0.1, .jitter = 0.03, .available = 1e15 };

/* The must: within 30 % of the target in 80 % of the windows from the 30th second on. On most of
 * these plants DAMON's plain law (a gain that is always 1) swings for ever. */
START_TEST(holds_the_target) {
        static const double knees[] = { 0, 0.3, 0.5, 0.8, 0.9 }, ratios[] = { 1.2, 4, 64, 1000 };
        uint64_t seed = 1 + (uint64_t) _i;

        for (unsigned i = 0; i < ELEMENTSOF(knees) * ELEMENTSOF(ratios) * 2; i++) {
                double knee = knees[i / 2 % ELEMENTSOF(knees)], ratio = ratios[i / 2 / ELEMENTSOF(knees)], near;
                Plant plant = typical;
                World world;

                plant.dead = i % 2;
                plant.knee = knee;
                world_init(&world, plant, ratio * plant.right, seed);
                steps(&world, 30);
                near = share_near(&world, 100);
                ck_assert_msg(near >= 0.8, "seed %lu, dead time %u, knee %g, size %g times what is right: %g", (unsigned long) seed,
                              plant.dead, knee, ratio, near);
                world_deinit(&world);
        }
}
END_TEST

/* What the plain law does there: so that nobody simplifies the tuner by mistake. */
START_TEST(plain_law_swings) {
        World world;

        world_init(&world, typical, 4 * typical.right, 1);
        steps(&world, 30);
        for (unsigned i = 0, near = 0; i < 100; i++) {
                world.state.feedback = (FeedbackState) { .gain = 1 };
                step(&world);
                near += is_near(world.stall);
                ck_assert_uint_lt(near, 50);
        }
        world_deinit(&world);
}
END_TEST

/* Stall that comes late in part; two windows of dead time; what others cause. */
START_TEST(holds_the_target_elsewhere) {
        static const struct {
                unsigned dead;
                double smear, knee, noise, base;
                double wanted;
        } cases[] = {
                { 0, 0.5, 0.5, 0.1, 0, 0.8 },          { 1, 0.5, 0.5, 0.1, 0, 0.8 },  { 1, 0.5, 0.8, 0.1, 0, 0.8 },
                { 2, 0, 0.3, 0.1, 0, 0.8 },            { 1, 0, 0.5, 0.1, TARGET / 2, 0.8 },
                { 1, 0, 0.5, 0.2, 0, 0.7 }, /* 1.5 standard deviations: 87 % at best */
        };

        for (unsigned i = 0; i < ELEMENTSOF(cases); i++) {
                Plant plant = typical;
                World world;
                double near;

                plant.dead = cases[i].dead;
                plant.smear = cases[i].smear;
                plant.knee = cases[i].knee;
                plant.noise = cases[i].noise;
                plant.base = cases[i].base;
                world_init(&world, plant, 16 * plant.right, 1 + (uint64_t) _i);
                steps(&world, 30);
                near = share_near(&world, 100);
                ck_assert_msg(near >= cases[i].wanted, "seed %d, case %u: %g", 1 + _i, i, near);
                world_deinit(&world);
        }
}
END_TEST

/* The machine changes: four times as much becomes right, or a quarter. */
START_TEST(follows_a_step) {
        static const double factors[] = { 0.25, 0.5, 2, 4 };

        for (unsigned i = 0; i < ELEMENTSOF(factors); i++) {
                World world;
                double near;

                world_init(&world, typical, 16 * typical.right, 1 + (uint64_t) _i);
                steps(&world, 60);
                world.plant.right *= factors[i];
                steps(&world, 30);
                near = share_near(&world, 60);
                ck_assert_msg(near >= 0.8, "seed %d, times %g: %g", 1 + _i, factors[i], near);
                world_deinit(&world);
        }
}
END_TEST

/* After a step the gain, small for the sake of noise, grows while the error stays: of the next 30 windows half are near
 * the target. */
START_TEST(makes_up_for_a_step) {
        static const double factors[] = { 0.25, 0.5, 2, 4 };
        double near = 0;

        for (uint64_t seed = 1; seed <= SEEDS; seed++)
                for (unsigned i = 0; i < ELEMENTSOF(factors); i++) {
                        World world;

                        world_init(&world, typical, 16 * typical.right, seed);
                        steps(&world, 60);
                        world.plant.right *= factors[i];
                        near += share_near(&world, 30) / (SEEDS * ELEMENTSOF(factors));
                        world_deinit(&world);
                }
        ck_assert_msg(near >= 0.5, "%g", near);
}
END_TEST

/* A target out of reach: the quota goes to its limit, stays there, and comes down at once when it is time. */
START_TEST(saturates_without_windup) {
        unsigned high = 0;
        World world;

        world_init(&world, typical, typical.right, 1 + (uint64_t) _i);
        world.plant.right *= 8;
        steps(&world, 300);
        ck_assert_double_eq(world.state.tuned, typical.right);
        world.plant.right = typical.right / 4;
        for (unsigned i = 0; i < 30; i++) {
                step(&world);
                high += world.stall > 2 * TARGET;
        }
        ck_assert_msg(high <= 10, "seed %d: %u", 1 + _i, high);
        ck_assert_double_ge(share_near(&world, 60), 0.8);
        world_deinit(&world);
}
END_TEST

/* Others stall beyond the target, whatever is done: all that is left is a page. Once they are gone it comes back. */
START_TEST(yields_to_others) {
        World world;

        world_init(&world, typical, 4 * typical.right, 1 + (uint64_t) _i);
        steps(&world, 40);
        world.plant.base = 1.5 * TARGET;
        steps(&world, 100);
        ck_assert_double_eq(world.state.tuned, 4096);
        world.plant.base = 0;
        steps(&world, 60);
        ck_assert_double_ge(share_near(&world, 60), 0.8);
        world_deinit(&world);
}
END_TEST

/* For long there is next to nothing to do, then all at once a lot: no flood. The same without a size quota. */
START_TEST(no_windup_without_work) {
        for (unsigned i = 0; i < 2; i++) {
                unsigned high = 0;
                World world;

                world_init(&world, typical, i == 0 ? 1000 * typical.right : 0, 1 + (uint64_t) _i);
                world.plant.available = 1 * MIB;
                steps(&world, 300);
                ck_assert_double_le(world.state.tuned, 62.6 * MIB); /* where it starts, or a little more */
                world.plant.available = 1e15;
                for (unsigned k = 0; k < 30; k++) {
                        step(&world);
                        high += world.stall > 2 * TARGET;
                }
                ck_assert_msg(high <= 10, "seed %d: %u", 1 + _i, high);
                ck_assert_double_ge(share_near(&world, 60), 0.8);
                world_deinit(&world);
        }
}
END_TEST

/* It acts in every 10th window only; the quiet ones between say nothing about how much is right. */
START_TEST(acts_now_and_then) {
        unsigned near = 0, n = 0;
        World world;

        world_init(&world, typical, 64 * typical.right, 1 + (uint64_t) _i);
        world.plant.every = 10;
        world.plant.dead = 0;
        steps(&world, 300);
        for (unsigned i = 0; i < 600; i++) {
                step(&world);
                if (world.done > 0) {
                        n++;
                        near += is_near(world.stall);
                }
        }
        ck_assert_uint_eq(n, 60);
        ck_assert_msg(near >= 48, "seed %d: %u of 60", 1 + _i, near);
        world_deinit(&world);
}
END_TEST

/* The kernel's counter begins anew: one window says nothing, and nothing jumps. */
START_TEST(counter_reset) {
        World world;
        double before;

        world_init(&world, typical, 4 * typical.right, 1 + (uint64_t) _i);
        steps(&world, 60);
        before = world.state.tuned;
        world.counter = 0;
        step(&world);
        ck_assert_double_eq(world.state.score, -1);
        ck_assert_double_eq(world.state.tuned, before);
        ck_assert_double_ge(share_near(&world, 60), 0.8);
        world_deinit(&world);
}
END_TEST

/* The first reading is all stall since boot: it must not count. */
START_TEST(primed) {
        World world;

        world_init(&world, typical, 256 * MIB, 1);
        step(&world);
        ck_assert_double_eq(world.state.score, -1);
        ck_assert_double_eq(world.done, MIB);
        step(&world);
        ck_assert_double_ge(world.state.score, 0);
        ck_assert_double_ge(world.done, 1.8 * MIB);
        ck_assert_double_le(world.done, 2 * MIB);
        world_deinit(&world);
}
END_TEST

/* Nobody looks for some windows, again and again: the counter is scaled, the grid stays. What is held is the mean
 * over the time between two looks. */
START_TEST(missed_windows) {
        unsigned near = 0, n = 0;
        World world;
        nsec_t grid;

        world_init(&world, typical, 64 * typical.right, 1 + (uint64_t) _i);
        grid = world.now;
        for (unsigned i = 0; i < 200; i++) {
                step(&world);
                ck_assert_uint_eq((world.state.window_start - grid) % SEC, 0);
                ck_assert_uint_eq(quota_window_end(&world.state, &world.config), world.now);
                for (unsigned k = 0; k < 2; k++)
                        pass(&world, 0);
                world.late = rng_below(&world.rng, SEC);
                if (i < 30)
                        continue;
                n++;
                near += is_near(world.state.goals[0].current);
        }
        ck_assert_msg(near >= 0.8 * n, "seed %d: %u of %u", 1 + _i, near, n);
        world_deinit(&world);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("quota");
        TCase *tests = tcase_create("tuner");
        SRunner *runner;
        int failed;

        tcase_set_timeout(tests, 120);
        tcase_add_loop_test(tests, holds_the_target, 0, SEEDS);
        tcase_add_test(tests, plain_law_swings);
        tcase_add_loop_test(tests, holds_the_target_elsewhere, 0, SEEDS);
        tcase_add_loop_test(tests, follows_a_step, 0, SEEDS);
        tcase_add_test(tests, makes_up_for_a_step);
        tcase_add_loop_test(tests, saturates_without_windup, 0, SEEDS);
        tcase_add_loop_test(tests, yields_to_others, 0, SEEDS);
        tcase_add_loop_test(tests, no_windup_without_work, 0, SEEDS);
        tcase_add_loop_test(tests, acts_now_and_then, 0, SEEDS);
        tcase_add_loop_test(tests, counter_reset, 0, SEEDS);
        tcase_add_test(tests, primed);
        tcase_add_loop_test(tests, missed_windows, 0, SEEDS);
        suite_add_tcase(suite, tests);

        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
