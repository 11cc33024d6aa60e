/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts below the configuration: the tree and its places, the list of errors, suggestions. */
#include <check.h>
#include <stdint.h>
#include <stdio.h>

#include "base/macro.h"
#include "config/errors.h"
#include "config/suggest.h"
#include "config/yaml.h"

/* ---- Errors ---- */

START_TEST(errors_are_sorted) {
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        static const unsigned places[][2] = { { 3, 1 }, { 1, 5 }, { 3, 1 }, { 1, 2 }, { 2, 9 } };
        static const char *const expected[] = { "3", "1", "4", "0", "2" };

        for (unsigned i = 0; i < ELEMENTSOF(places); i++)
                ck_assert_int_eq(config_errors_addf(&errors, places[i][0], places[i][1], "%u", i),
                                 0);
        ck_assert_uint_eq(errors.n, ELEMENTSOF(expected));
        for (size_t i = 0; i < ELEMENTSOF(expected); i++)
                ck_assert_str_eq(errors.errors[i].text, expected[i]);
}
END_TEST

/* Of many errors the first in the file are kept, in whatever order they were found. */
START_TEST(errors_are_bounded) {
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};

        for (unsigned line = 100; line > 0; line--) {
                ck_assert(config_errors_wants(&errors, line, 1));
                ck_assert_int_eq(config_errors_addf(&errors, line, 1, "%u", line), 0);
        }
        ck_assert_uint_eq(errors.n, CONFIG_ERRORS_MAX);
        ck_assert_uint_eq(errors.n_more, 100 - CONFIG_ERRORS_MAX);
        ck_assert_uint_eq(config_errors_count(&errors), 100);
        for (unsigned i = 0; i < CONFIG_ERRORS_MAX; i++)
                ck_assert_uint_eq(errors.errors[i].line, i + 1);

        ck_assert(!config_errors_wants(&errors, CONFIG_ERRORS_MAX, 1));
        ck_assert(config_errors_wants(&errors, 1, 1));
        ck_assert_int_eq(config_errors_addf(&errors, 500, 1, "late"), 0);
        ck_assert_uint_eq(config_errors_count(&errors), 101);

        config_errors_deinit(&errors);
        ck_assert_uint_eq(config_errors_count(&errors), 0);
        ck_assert_ptr_null(errors.errors);
}
END_TEST

START_TEST(excerpts_are_safe) {
        static const struct {
                const char *text, *expected;
        } cases[] = {
                { "", "" },
                { "plain", "plain" },
                { "a\nb\tc\x7f", "a?b?c?" },
                { "\x1b[31m", "?[31m" },
                { "\xc2\x9b" "31m", "?31m" },
                { "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
                { "a\xe2\x80\xae" "b", "a?b" },
                { "a\xe2\x81\xa6" "b", "a?b" },
                { "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
                { "cut\xe2\x80", "cut?" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char buf[EXCERPT_MAX];

                ck_assert_str_eq(excerpt(buf, cases[i].text), cases[i].expected);
        }
}
END_TEST

START_TEST(excerpts_are_cut) {
        char text[301], buf[EXCERPT_MAX];

        memset(text, 'x', 300);
        text[300] = 0;
        excerpt(buf, text);
        ck_assert_uint_lt(strlen(buf), EXCERPT_MAX);
        ck_assert_str_eq(buf + strlen(buf) - 4, "x...");

        /* never inside a character */
        for (size_t i = 0; i < 300; i += 3)
                memcpy(text + i, "\xe2\x82\xac", 3);
        excerpt(buf, text);
        ck_assert_uint_eq((strlen(buf) - 3) % 3, 0);
}
END_TEST

/* ---- Suggestions ---- */

START_TEST(distances) {
        static const struct {
                const char *a, *b;
                size_t distance;
        } cases[] = {
                {"", "", 0},
                {"", "abc", 3},
                {"abc", "", 3},
                {"sample", "sample", 0},
                {"sampel", "sample", 1},
                {"smple", "sample", 1},
                {"samplee", "sample", 1},
                {"simple", "sample", 1},
                {"Nr-Regions", "nr_regions", 0},
                {"kitten", "sitting", 3},
                {"ca", "abc", 3},
                {"ba", "ab", 1},
                {"abcd", "badc", 2},
        };
        char longer[60];

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                ck_assert_uint_eq(edit_distance(cases[i].a, cases[i].b), cases[i].distance);
                ck_assert_uint_eq(edit_distance(cases[i].b, cases[i].a), cases[i].distance);
        }

        memset(longer, 'x', sizeof(longer) - 1);
        longer[sizeof(longer) - 1] = 0;
        ck_assert_uint_eq(edit_distance(longer, "x"), SIZE_MAX);
        ck_assert_uint_eq(edit_distance("x", longer), SIZE_MAX);
        longer[48] = 0;
        ck_assert_uint_eq(edit_distance(longer, "x"), 47);
}
END_TEST

static const char *nearest(const char *word) {
        static const char *const words[] = {"min",        "max",        "sample",
                                            "sample_min", "sample_max", "goal"};
        Suggestion suggestion = SUGGESTION(word);

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                suggestion_consider(&suggestion, words[i]);
        return suggestion.best;
}

START_TEST(suggestions) {
        ck_assert_str_eq(nearest("sampl"), "sample");
        ck_assert_str_eq(nearest("sample-Max"), "sample_max");
        ck_assert_str_eq(nearest("maxi"), "max");
        ck_assert_str_eq(nearest("gaol"), "goal");
        ck_assert_str_eq(nearest("mn"), "min");
        ck_assert_ptr_null(nearest("xyz"));
        ck_assert_ptr_null(nearest("mean"));
        ck_assert_ptr_null(nearest("colour"));
}
END_TEST

/* ---- The tree ---- */

static YamlNode *read_tree(const char *text) {
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        YamlNode *root = NULL;

        ck_assert_int_eq(yaml_tree_read(text, strlen(text), &root, &errors), 0);
        ck_assert_uint_eq(errors.n, 0);
        ck_assert_ptr_nonnull(root);
        return root;
}

static void assert_place(const YamlNode *node, YamlKind kind, unsigned line, unsigned column) {
        ck_assert_ptr_nonnull(node);
        ck_assert_int_eq(node->kind, kind);
        ck_assert_uint_eq(node->line, line);
        ck_assert_uint_eq(node->column, column);
}

START_TEST(places) {
        _cleanup_(yaml_tree_freep) YamlNode *root = read_tree(
                "# x\n\xc3\xa4: 1\nlist:\n  - a\n  - {k: 'v', \"\xe2\x82\xac\": w}\nempty:\n");
        const YamlNode *list = yaml_child(root, "list"), *map, *w;

        assert_place(root, YAML_KIND_MAPPING, 2, 1);
        ck_assert_uint_eq(root->n_children, 3);
        assert_place(yaml_child(root, "\xc3\xa4"), YAML_KIND_SCALAR, 2, 4);
        assert_place(list, YAML_KIND_SEQUENCE, 4, 3);
        ck_assert_uint_eq(list->key_line, 3);
        ck_assert_uint_eq(list->key_column, 1);

        map = list->last;
        assert_place(map, YAML_KIND_MAPPING, 5, 5);
        ck_assert_ptr_null(map->key);
        ck_assert_ptr_eq(map->parent, list);
        assert_place(yaml_child(map, "k"), YAML_KIND_SCALAR, 5, 9);
        ck_assert(!yaml_child(map, "k")->plain);
        w = yaml_child(map, "\xe2\x82\xac");
        assert_place(w, YAML_KIND_SCALAR, 5, 19);
        ck_assert(w->plain);
        ck_assert_uint_eq(w->key_column, 14);
        ck_assert_str_eq(yaml_child(root, "empty")->text, "");
        ck_assert_ptr_null(yaml_child(root, "nothing"));
        ck_assert_ptr_null(yaml_child(list, "a"));
}
END_TEST

START_TEST(scalars_stay_text) {
        _cleanup_(yaml_tree_freep) YamlNode *root =
                read_tree("[no, 0o17, 1_000, 12:30:45, ~, 1e3, 'it''s', \"a\\tb\"]");
        static const char *const expected[] = {"no", "0o17", "1_000", "12:30:45",
                                               "~",  "1e3",  "it's",  "a\tb"};
        const YamlNode *node = root->first;

        for (size_t i = 0; i < ELEMENTSOF(expected); i++, node = node->next) {
                ck_assert_str_eq(node->text, expected[i]);
                ck_assert_int_eq(node->plain, i < 6);
        }
        ck_assert_ptr_null(node);
}
END_TEST

/* What is refused but does not stop the reading leaves a tree, with the spot marked. */
START_TEST(broken_spots_are_marked) {
        static const char text[] = "a: 1\nb: *x\na: 2\nc: !t 3\nd: !t {e: 1}\n";
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        _cleanup_(yaml_tree_freep) YamlNode *root = NULL;

        ck_assert_int_eq(yaml_tree_read(text, strlen(text), &root, &errors), 0);
        ck_assert_uint_eq(errors.n, 4);
        ck_assert(!yaml_child(root, "a")->broken);
        ck_assert_str_eq(yaml_child(root, "a")->text, "1");
        ck_assert(yaml_child(root, "b")->broken);
        ck_assert(yaml_child(root, "c")->broken);
        ck_assert(!yaml_child(root, "d")->broken);
        ck_assert_str_eq(yaml_child(yaml_child(root, "d"), "e")->text, "1");
        ck_assert_ptr_null(yaml_tree_free(NULL));
}
END_TEST

static Suite *parts_suite(void) {
        Suite *suite = suite_create("config-parts");
        TCase *errors = tcase_create("errors"), *suggest = tcase_create("suggest"),
              *tree = tcase_create("tree");

        tcase_add_test(errors, errors_are_sorted);
        tcase_add_test(errors, errors_are_bounded);
        tcase_add_test(errors, excerpts_are_safe);
        tcase_add_test(errors, excerpts_are_cut);
        tcase_add_test(suggest, distances);
        tcase_add_test(suggest, suggestions);
        tcase_add_test(tree, places);
        tcase_add_test(tree, scalars_stay_text);
        tcase_add_test(tree, broken_spots_are_marked);
        suite_add_tcase(suite, errors);
        suite_add_tcase(suite, suggest);
        suite_add_tcase(suite, tree);
        return suite;
}

int main(void) {
        SRunner *runner = srunner_create(parts_suite());
        int n_failed;

        srunner_run_all(runner, CK_ENV);
        n_failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
