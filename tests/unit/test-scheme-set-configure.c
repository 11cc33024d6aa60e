/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of scheme sets whose configuration changes. */
#include "test-scheme-set.h"

/* Acts on ten pages once a second at most, and remembers for long. */
static SchemeConfig cold_of(const char *name) {
        SchemeConfig config = pageout_of(name);

        config.action = ACTION_COLD;
        config.pattern.age_min = 600 * SEC;
        config.quota.size = 10 * PAGE;
        config.quota.reset_interval = 60 * SEC;
        return config;
}

static void add_memory(World *w) {
        world_add(w, 0, 0, 1000, 0, 1000 * SEC);
}

START_TEST(unchanged_schemes_keep_everything) {
        SchemeConfig configs[] = { cold_of("b"), cold_of("a") };
        uint64_t id, window;
        SchemeView view;
        WORLD;

        configs[0].dry_run = true;
        world_configure(&w, configs, 2);
        add_memory(&w);
        world_settle(&w, world_step(&w));
        view = world_view(&w, "a");
        id = view.id;
        window = view.quota->window_start;
        ck_assert_uint_eq(view.quota->charged, 10 * PAGE);

        configs[0].quota.size = 20 * PAGE;
        for (int i = 0; i < 10; i++) {
                configs[1].line++; /* places in the file do not count */
                world_configure(&w, configs, 2);
                ck_assert_uint_eq(world_view(&w, "a").id, id);
                ck_assert_uint_eq(world_view(&w, "a").quota->charged, 10 * PAGE);
                ck_assert_uint_eq(world_view(&w, "a").quota->window_start, window);
                ck_assert_uint_eq(world_view(&w, "a").stats->applied, 10 * PAGE);
                ck_assert_uint_eq(world_view(&w, "a").resting, 10 * PAGE);
        }
        ck_assert_uint_eq(world_view(&w, "b").stats->would, 10 * PAGE);
        ck_assert_uint_eq(world_settle(&w, world_step(&w)), 10 * PAGE);
        ck_assert_uint_eq(world_view(&w, "b").stats->would, 20 * PAGE);
        ck_assert_uint_eq(world_view(&w, "a").stats->applied, 10 * PAGE);
}
END_TEST

START_TEST(the_same_name_and_action_keep_statistics) {
        SchemeConfig config = cold_of("a");
        uint64_t id;
        WORLD;

        world_configure(&w, &config, 1);
        add_memory(&w);
        world_settle(&w, world_step(&w));
        id = world_view(&w, "a").id;
        config.quota = (QuotaConfig) { .fail_charge = 0.1 };
        config.enabled = false;
        world_configure(&w, &config, 1);
        ck_assert_uint_eq(world_view(&w, "a").id, id);
        ck_assert_uint_eq(world_view(&w, "a").stats->applied, 10 * PAGE);
        ck_assert_uint_eq(world_view(&w, "a").resting, 10 * PAGE);
        ck_assert_int_eq(world_view(&w, "a").state, SCHEME_DISABLED);
        /* without a quota: all but what rests */
        config.enabled = true;
        world_configure(&w, &config, 1);
        ck_assert_uint_eq(world_settle(&w, world_step(&w)), 990 * PAGE);
        ck_assert_uint_eq(world_view(&w, "a").stats->applied, 1000 * PAGE);
}
END_TEST

START_TEST(another_action_is_another_scheme) {
        SchemeConfig config = cold_of("a");
        uint64_t id;
        WORLD;

        world_configure(&w, &config, 1);
        add_memory(&w);
        world_settle(&w, world_step(&w));
        id = world_view(&w, "a").id;
        config.action = ACTION_PAGEOUT;
        world_configure(&w, &config, 1);
        ck_assert_uint_ne(world_view(&w, "a").id, id);
        ck_assert_int_eq(scheme_set_find_id(w.set, id), -ENOENT);
        ck_assert_uint_eq(world_view(&w, "a").stats->applied, 0);
        ck_assert_uint_eq(world_view(&w, "a").resting, 0);
        /* the log still has what the other one did */
        ck_assert_uint_eq(scheme_set_log(w.set, 0)->scheme, id);
        ck_assert_ptr_null(scheme_set_log(w.set, 1));
}
END_TEST

START_TEST(removed_while_a_plan_is_out) {
        SchemeConfig configs[] = { cold_of("b"), cold_of("a") };
        Plan *plan;
        WORLD;

        configs[0].dry_run = true;
        world_configure(&w, configs, 2);
        add_memory(&w);
        plan = world_step(&w);
        ck_assert_uint_eq(plan->n_schemes, 2);
        world_configure(&w, &configs[0], 1);
        ck_assert_uint_eq(scheme_set_count(w.set), 1);
        ck_assert_int_eq(scheme_set_find(w.set, "a"), -ENOENT);
        /* the plan still knows what it is about */
        ck_assert_str_eq(plan->schemes[1].spec->config.name, "a");
        ck_assert_uint_eq(world_settle(&w, plan), 20 * PAGE);
        ck_assert_uint_eq(world_view(&w, "b").stats->would, 10 * PAGE);

        /* and back again: another one of the same name */
        plan = world_step(&w);
        world_configure(&w, configs, 2);
        world_settle(&w, plan);
        ck_assert_uint_eq(world_view(&w, "a").stats->passes, 0);
        ck_assert_uint_eq(world_view(&w, "a").stats->tried, 0);
}
END_TEST

/* The plan was for the old one; the new one of that name has nothing to do with it. */
START_TEST(replaced_while_a_plan_is_out) {
        SchemeConfig config = cold_of("a");
        Plan *plan;
        WORLD;

        world_configure(&w, &config, 1);
        add_memory(&w);
        plan = world_step(&w);
        config.action = ACTION_LRU_DEPRIO;
        world_configure(&w, &config, 1);
        world_settle(&w, plan);
        ck_assert_uint_eq(world_view(&w, "a").stats->tried, 0);
        ck_assert_uint_eq(world_view(&w, "a").quota->charged, 0);
        ck_assert_ptr_null(scheme_set_log(w.set, 0));
}
END_TEST

START_TEST(all_removed_with_a_plan_out) {
        const SchemeConfig config = pageout_of("a");
        Plan *plan;
        WORLD;

        world_configure(&w, &config, 1);
        add_memory(&w);
        world_settle(&w, world_step(&w));
        plan = world_step(&w); /* an audit */
        ck_assert_uint_eq(plan->n_audits, 1);
        world_configure(&w, NULL, 0);
        ck_assert_uint_eq(scheme_set_count(w.set), 0);
        world_settle(&w, plan);
        ck_assert_ptr_null(world_step(&w));
        ck_assert_uint_eq(scheme_set_next(w.set), NSEC_INFINITY);
}
END_TEST

START_TEST(order_is_who_comes_first) {
        SchemeConfig configs[] = { cold_of("a"), cold_of("b") };
        uint64_t a;
        Plan *plan;
        WORLD;

        configs[0].quota = configs[1].quota = (QuotaConfig) {};
        world_configure(&w, configs, 2);
        add_memory(&w);
        plan = world_step(&w);
        ck_assert_str_eq(plan->schemes[plan->items[0].scheme].spec->config.name, "a");
        plan_free(plan);
        a = world_view(&w, "a").id;

        world_configure(&w, (SchemeConfig[]) { configs[1], configs[0] }, 2);
        ck_assert_int_eq(scheme_set_find(w.set, "b"), 0);
        ck_assert_int_eq(scheme_set_find_id(w.set, a), 1);
        plan = world_step(&w);
        ck_assert_uint_eq(plan->n_schemes, 1);
        ck_assert_str_eq(plan->schemes[0].spec->config.name, "b");
        plan_free(plan);
}
END_TEST

START_TEST(the_set_goes_before_the_plan) {
        const SchemeConfig config = cold_of("a");
        Plan *plan;
        World w;

        world_init(&w);
        world_configure(&w, &config, 1);
        add_memory(&w);
        plan = world_step(&w);
        world_deinit(&w);
        ck_assert_str_eq(plan->schemes[0].spec->config.name, "a");
        plan_free(plan);
}
END_TEST

/* One of a few schemes, in one of a few versions, with everything that is allocated. */
static SchemeConfig version_of(Rng *rng, size_t which, GoalConfig *goals, FilterConfig *filters, Destination *nodes) {
        static const char *const names[] = { "a", "b", "c", "d", "e", "f" };
        SchemeConfig config = cold_of(names[which]);

        config.action = rng_below(rng, 4) ? ACTION_COLD : ACTION_PAGEOUT;
        config.dry_run = rng_below(rng, 3) == 0;
        config.quota.size = (1 + rng_below(rng, 2)) * 10 * PAGE;
        config.quota.n_goals = rng_below(rng, 3);
        config.quota.goals = goals;
        config.filters = filters;
        config.n_filters = rng_below(rng, 3);
        config.destinations = nodes;
        config.n_destinations = rng_below(rng, 2);
        return config;
}

/* ASan is the judge of leaks. */
START_TEST(a_thousand_configurations) {
        GoalConfig goals[] = {
                { .metric = GOAL_USER_INPUT, .target = 1 },
                { .metric = GOAL_NODE_MEMCG_USED, .target = 0.5, .cgroup = (char[]) { "/some.slice" } },
        };
        FilterConfig filters[] = {
                { .type = FILTER_MEMCG, .matching = true, .cgroup = (char[]) { "/other.slice" } },
                { .type = FILTER_ADDR, .matching = true, .min = 3 * PAGE, .max = 5 * PAGE },
        };
        Destination nodes[] = { { 0, 1 } };
        uint64_t done = 0;
        Rng rng;
        WORLD;

        rng_init(&rng, (uint64_t) _i);
        add_memory(&w);
        w.goal = 0.1;
        for (int i = 0; i < 1000; i++) {
                SchemeConfig configs[6];
                size_t n = rng_below(&rng, 7);
                Plan *plan;

                for (size_t k = 0, first = rng_below(&rng, 6); k < n; k++)
                        configs[k] = version_of(&rng, (first + k) % 6, goals, filters, nodes);
                plan = world_step(&w);
                world_configure(&w, configs, n);
                if (rng_below(&rng, 2))
                        world_configure(&w, configs, n);
                ck_assert_uint_eq(scheme_set_count(w.set), n);
                for (size_t k = 0; k < n; k++)
                        ck_assert_int_eq(scheme_set_find(w.set, configs[k].name), (int) k);
                done += world_settle(&w, plan);
        }
        ck_assert_uint_gt(done, 0);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("scheme-set-configure");
        TCase *tests = tcase_create("scheme-set-configure");

        tcase_add_test(tests, unchanged_schemes_keep_everything);
        tcase_add_test(tests, the_same_name_and_action_keep_statistics);
        tcase_add_test(tests, another_action_is_another_scheme);
        tcase_add_test(tests, removed_while_a_plan_is_out);
        tcase_add_test(tests, replaced_while_a_plan_is_out);
        tcase_add_test(tests, all_removed_with_a_plan_out);
        tcase_add_test(tests, order_is_who_comes_first);
        tcase_add_test(tests, the_set_goes_before_the_plan);
        tcase_add_loop_test(tests, a_thousand_configurations, 0, 3);
        suite_add_tcase(suite, tests);
        return run_suite(suite);
}
