/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reference section of udamon.yaml(5) is what the schema says. With --print, writes the
 * section; with --update, puts it into the manual page, for whoever has changed a table. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/file.h"
#include "base/macro.h"
#include "config/monitors.h"
#include "config/schema-doc.h"

#define PAGE "man/udamon.yaml.5"
#define BEGIN ".\\\" BEGIN REFERENCE\n"
#define END ".\\\" END REFERENCE\n"

/* The page, and inside it the section between the marks. */
typedef struct Page {
        char *path;
        Buffer text;
        char *begin;
        char *end;
} Page;

static void page_deinit(Page *page) {
        free(page->path);
        buffer_deinit(&page->text);
}

static int page_read(Page *page) {
        if (asprintf(&page->path, "%s/" PAGE, getenv("SOURCE_ROOT") ?: ".") < 0)
                return -ENOMEM;
        if (read_whole_at(AT_FDCWD, page->path, 1024 * 1024, &page->text) < 0)
                return -ENOENT;

        page->begin = strstr(page->text.data, BEGIN);
        page->end = strstr(page->text.data, END);
        if (!page->begin || !page->end)
                return -EINVAL;
        page->begin += strlen(BEGIN);
        return 0;
}

static char *reference(void) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        if (!out || schema_print_roff(&monitors_schema, out) < 0 || fclose(out) != 0)
                abort();
        return text;
}

START_TEST(page_is_up_to_date) {
        _cleanup_(page_deinit) Page page = {};
        _cleanup_free_ char *expected = reference(), *found = NULL;

        ck_assert_msg(page_read(&page) == 0, "%s: cannot be read, or has no marks", page.path);
        found = strndup(page.begin, (size_t) (page.end - page.begin));
        ck_assert_msg(streq(found, expected),
                      "%s differs from the schema; run this test with --update", PAGE);
}
END_TEST

static int update(void) {
        _cleanup_(page_deinit) Page page = {};
        _cleanup_free_ char *text = reference();
        FILE *out;

        if (page_read(&page) < 0)
                return EXIT_FAILURE;
        out = fopen(page.path, "we");
        if (!out)
                return EXIT_FAILURE;
        fprintf(out, "%.*s%s%s", (int) (page.begin - page.text.data), page.text.data, text,
                page.end);
        return fclose(out) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char *argv[]) {
        Suite *suite = suite_create("config-man");
        TCase *page = tcase_create("page");
        SRunner *runner = srunner_create(suite);
        int r = EXIT_SUCCESS;

        tcase_add_test(page, page_is_up_to_date);
        suite_add_tcase(suite, page);

        if (argc > 1 && streq(argv[1], "--print"))
                r = schema_print_roff(&monitors_schema, stdout) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        else if (argc > 1 && streq(argv[1], "--update"))
                r = update();
        else {
                srunner_run_all(runner, CK_ENV);
                r = srunner_ntests_failed(runner) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
        }
        srunner_free(runner);
        return r;
}
