/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reference sections of udamon.yaml(5) and udamond.conf(5) are what the schemas say. With --update, puts them
 * into the manual pages, for whoever has changed a table. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/file.h"
#include "base/macro.h"
#include "config/monitors.h"
#include "config/schema-doc.h"
#include "config/settings.h"

static int print_monitors(FILE *out) {
        return schema_print_roff(&monitors_schema, out);
}

static const struct {
        const char *path;
        int (*print)(FILE *out);
} pages[] = {
        { "man/udamon.yaml.5", print_monitors },
        { "man/udamond.conf.5", settings_print_roff },
};
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

static int page_read(Page *page, const char *path) {
        if (asprintf(&page->path, "%s/%s", getenv("SOURCE_ROOT") ?: ".", path) < 0)
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

static char *reference(int (*print)(FILE *out)) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        if (!out || print(out) < 0 || fclose(out) != 0)
                abort();
        return text;
}

START_TEST(page_is_up_to_date) {
        _cleanup_(page_deinit) Page page = {};
        _cleanup_free_ char *expected = reference(pages[_i].print), *found = NULL;

        ck_assert_msg(page_read(&page, pages[_i].path) == 0, "%s: cannot be read, or has no marks", page.path);
        found = strndup(page.begin, (size_t) (page.end - page.begin));
        ck_assert_msg(streq(found, expected), "%s differs from the schema; run this test with --update", pages[_i].path);
}
END_TEST

static int update(const char *path, int (*print)(FILE *out)) {
        _cleanup_(page_deinit) Page page = {};
        _cleanup_free_ char *text = reference(print);
        FILE *out;

        if (page_read(&page, path) < 0)
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

        tcase_add_loop_test(page, page_is_up_to_date, 0, ELEMENTSOF(pages));
        suite_add_tcase(suite, page);

        if (argc > 1 && streq(argv[1], "--update"))
                for (size_t i = 0; i < ELEMENTSOF(pages) && r == EXIT_SUCCESS; i++)
                        r = update(pages[i].path, pages[i].print);
        else {
                srunner_run_all(runner, CK_ENV);
                r = srunner_ntests_failed(runner) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
        }
        srunner_free(runner);
        return r;
}
