/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interface text and the checking of parameters, one held against the other. */
#include <check.h>
#include <stdio.h>

#include "base/macro.h"
#include "wire/field.h"
#include "wire/idl.h"
#include "wire/service.h"

static const char example[] =
        "# documentation\n"
        "interface org.example.more2\n"
        "type Colour (red, green)\n"
        "type Node (\n"
        "  # inside\n"
        "  value: int, # behind\n"
        "  next: ?Node,\n"
        "  all: []Node\n"
        ")\n"
        "method Run(\n"
        "  flag: bool, number: int, share: float, text: string, any: object,\n"
        "  maybe: ?int, list: []int, maybe_list: ?[]string, map: [string]int,\n"
        "  colour: Colour, colours: []Colour, inline: (a: int, b: ?(c, d)), node: Node\n"
        ") -> (interface: string)\n"
        "method Nothing() -> ()\n"
        "error Failed (reason: string)\n"
        "error Empty ()\n";

static const char *const colours[] = { "red", "green", NULL };
static const char *const letters[] = { "c", "d", NULL };

static const Field inline_fields[] = {
        { "a", FIELD_INT },
        { "b", FIELD_ENUM, FIELD_NULLABLE, .values = letters },
        FIELD_END,
};

static const Field node_fields[];
static const Field node_fields[] = {
        { "value", FIELD_INT },
        { "next", FIELD_STRUCT, FIELD_NULLABLE, node_fields },
        { "all", FIELD_STRUCT, FIELD_ARRAY, node_fields },
        FIELD_END,
};

static const Field run_fields[] = {
        { "flag", FIELD_BOOL },
        { "number", FIELD_INT },
        { "share", FIELD_FLOAT },
        { "text", FIELD_STRING },
        { "any", FIELD_OBJECT },
        { "maybe", FIELD_INT, FIELD_NULLABLE },
        { "list", FIELD_INT, FIELD_ARRAY },
        { "maybe_list", FIELD_STRING, FIELD_NULLABLE | FIELD_ARRAY },
        { "map", FIELD_INT, FIELD_MAP },
        { "colour", FIELD_ENUM, .values = colours },
        { "colours", FIELD_ENUM, FIELD_ARRAY, .values = colours },
        { "inline", FIELD_STRUCT, 0, inline_fields },
        { "node", FIELD_STRUCT, 0, node_fields },
        FIELD_END,
};

static Idl *parse(const char *text) {
        _cleanup_free_ char *error = NULL;
        Idl *idl = NULL;
        int r;

        r = idl_parse(text, &idl, &error);
        ck_assert_msg(r == 0, "%s", error ?: "?");
        return idl;
}

START_TEST(test_example) {
        _cleanup_(idl_freep) Idl *idl = parse(example);
        const IdlMember *member;

        ck_assert_str_eq(idl_name(idl), "org.example.more2");
        ck_assert_uint_eq(idl_n_members(idl), 6);

        member = idl_find(idl, IDL_METHOD, "Run");
        ck_assert_ptr_nonnull(member);
        ck_assert_uint_eq(member->line, 10);
        ck_assert(fields_equal(member->fields, run_fields));
        ck_assert_str_eq(member->reply[0].name, "interface");

        member = idl_find(idl, IDL_METHOD, "Nothing");
        ck_assert(fields_equal(member->fields, NULL) && fields_equal(member->reply, NULL));
        ck_assert_ptr_null(idl_find(idl, IDL_ERROR, "Nothing"));
        ck_assert_str_eq(idl_member(idl, 4)->name, "Failed");
}
END_TEST

START_TEST(test_tables_differ) {
        static const Field other_type[] = { { "a", FIELD_INT }, { "b", FIELD_STRING }, FIELD_END };
        static const Field other_name[] = { { "a", FIELD_INT }, { "c", FIELD_INT }, FIELD_END };
        static const Field other_flag[] = {
                { "a", FIELD_INT },
                { "b", FIELD_INT, FIELD_NULLABLE },
                FIELD_END,
        };
        static const Field shorter[] = { { "a", FIELD_INT }, FIELD_END };
        static const Field table[] = { { "a", FIELD_INT }, { "b", FIELD_INT }, FIELD_END };
        static const Field other_value[] = { { "e", FIELD_ENUM, .values = colours }, FIELD_END };
        static const Field value[] = { { "e", FIELD_ENUM, .values = letters }, FIELD_END };

        ck_assert(fields_equal(table, table) && fields_equal(NULL, NULL));
        ck_assert(!fields_equal(table, other_type) && !fields_equal(table, other_name));
        ck_assert(!fields_equal(table, other_flag) && !fields_equal(table, shorter));
        ck_assert(!fields_equal(shorter, table) && !fields_equal(NULL, table));
        ck_assert(!fields_equal(value, other_value));
}
END_TEST

#define HEAD "interface a.b\nmethod M() -> ()\n"

static const struct {
        const char *text, *error;
} wrong[] = {
        { "", "1: " },
        { "interfac a.b\n", "1: " },
        { "interface ab\nmethod M() -> ()\n", "1: " },
        { "interface a.b.\nmethod M() -> ()\n", "1: " },
        { "interface a..b\nmethod M() -> ()\n", "1: " },
        { "interface a.B\nmethod M() -> ()\n", "1: " },
        { "interface a.b-c\nmethod M() -> ()\n", "1: " },
        { "interface a.b\n", "2: " },
        { "interface a.b\r\nmethod M() -> ()\r\n", "1: " },
        { HEAD "type X ()\n", "3: " },
        { HEAD "type X (a: [string]())\n", "3: " },
        { HEAD "type X (a: [][]int)\n", "3: " },
        { HEAD "type X (a: [string][]int)\n", "3: " },
        { HEAD "type X (a: []?int)\n", "3: " },
        { HEAD "type X (a: ??int)\n", "3: " },
        { HEAD "type X (a: int,)\n", "3: " },
        { HEAD "type X (a: int b: int)\n", "3: " },
        { HEAD "type X (a: any)\n", "3: " },
        { HEAD "type X (a: int32)\n", "3: " },
        { HEAD "type X (one)\n", "3: " },
        { HEAD "type X (one, one)\n", "3: " },
        { HEAD "type X (a: int, a: int)\n", "3: " },
        { HEAD "type X (aB: int)\n", "3: " },
        { HEAD "type X (a__b: int)\n", "3: " },
        { HEAD "type X (a_: int)\n", "3: " },
        { HEAD "type x (a: int)\n", "3: " },
        { HEAD "type X_y (a: int)\n", "3: " },
        { HEAD "type X (a: int", "3: " },
        { HEAD "error X\n", "4: " },
        { HEAD "error M ()\n", "3: " },
        { HEAD "method N()\n", "4: " },
        { HEAD "method N() - > ()\n", "3: " },
        { HEAD "type X (\n  a: int,\n  b: Missing\n)\n", "5: " },
        { HEAD "typeX (a: int)\n", "3: " },
        { HEAD "record X (a: int)\n", "3: " },
        { HEAD "type X (a:(a:(a:(a:(a:(a:(a:(a:(a:(a:int))))))))))\n", "3: " },
};

START_TEST(test_wrong) {
        _cleanup_free_ char *error = NULL;
        Idl *idl = NULL;

        ck_assert_int_eq(idl_parse(wrong[_i].text, &idl, &error), IDL_E_INVALID);
        ck_assert_ptr_null(idl);
        ck_assert_msg(error && strncmp(error, wrong[_i].error, strlen(wrong[_i].error)) == 0,
                      "%s: %s", wrong[_i].text, error ?: "(none)");
}
END_TEST

/* Every beginning of a text is handled, whatever it breaks off in. */
START_TEST(test_truncated) {
        for (size_t n = 0; n < sizeof(example); n++) {
                _cleanup_(idl_freep) Idl *idl = NULL;
                _cleanup_free_ char *text = strndup(example, n);

                (void) idl_parse(text, &idl, NULL);
        }
}
END_TEST

START_TEST(test_own_interfaces) {
        _cleanup_(idl_freep) Idl *service = parse(service_interface.description);
        _cleanup_(idl_freep) Idl *monitor = NULL;
        _cleanup_free_ char *path = NULL;
        static char text[64 * 1024];
        size_t n;
        FILE *f;

        ck_assert_str_eq(idl_name(service), service_interface.name);
        ck_assert(fields_equal(idl_find(service, IDL_METHOD, "GetInterfaceDescription")->fields,
                               service_description_fields));

        ck_assert_int_ge(asprintf(&path, "%s/daemon/io.udamon.monitor.varlink",
                                  getenv("SOURCE_ROOT") ?: "."),
                         0);
        f = fopen(path, "re");
        ck_assert_ptr_nonnull(f);
        n = fread(text, 1, sizeof(text) - 1, f);
        fclose(f);
        text[n] = '\0';
        monitor = parse(text);
        ck_assert_str_eq(idl_name(monitor), "io.udamon.monitor");
        ck_assert_ptr_nonnull(idl_find(monitor, IDL_METHOD, "GetStatus"));
}
END_TEST

#define GOOD                                                                                       \
        "\"flag\":true,\"number\":1,\"share\":0.5,\"text\":\"\",\"any\":{\"x\":[]},\"list\":[1,2],"\
        "\"map\":{\"k\":1},\"colour\":\"red\",\"colours\":[],\"inline\":{\"a\":1},"                \
        "\"node\":{\"value\":1,\"all\":[{\"value\":2,\"all\":[]}]}"

/* NULL: it fits. Later members override earlier ones: the parser is told to allow duplicates. */
static const struct {
        const char *members, *path;
} checks[] = {
        { GOOD, NULL },
        { GOOD ",\"maybe\":null,\"maybe_list\":null", NULL },
        { GOOD ",\"maybe\":3,\"maybe_list\":[\"x\"]", NULL },
        { GOOD ",\"share\":1", NULL },
        { GOOD ",\"inline\":{\"a\":1,\"b\":\"d\"}", NULL },
        { "\"flag\":true", "number" },
        { GOOD ",\"flag\":null", "flag" },
        { GOOD ",\"flag\":1", "flag" },
        { GOOD ",\"number\":1.0", "number" },
        { GOOD ",\"number\":\"1\"", "number" },
        { GOOD ",\"share\":\"1\"", "share" },
        { GOOD ",\"text\":1", "text" },
        { GOOD ",\"any\":[]", "any" },
        { GOOD ",\"maybe\":\"\"", "maybe" },
        { GOOD ",\"list\":{}", "list" },
        { GOOD ",\"list\":[1,\"2\"]", "list[1]" },
        { GOOD ",\"list\":[null]", "list[0]" },
        { GOOD ",\"map\":[]", "map" },
        { GOOD ",\"map\":{\"k\":\"v\"}", "map.k" },
        { GOOD ",\"colour\":\"blue\"", "colour" },
        { GOOD ",\"colours\":[\"red\",\"blue\"]", "colours[1]" },
        { GOOD ",\"inline\":{}", "inline.a" },
        { GOOD ",\"inline\":{\"a\":1,\"x\":1}", "inline.x" },
        { GOOD ",\"inline\":{\"a\":1,\"b\":\"x\"}", "inline.b" },
        { GOOD ",\"node\":{\"value\":1,\"all\":[{\"value\":2,\"all\":[3]}]}",
          "node.all[0].all[0]" },
        { GOOD ",\"other\":1", "other" },
        { GOOD ",\"other\":null", "other" },
};

START_TEST(test_checks) {
        _cleanup_(idl_freep) Idl *idl = parse(example);
        const Field *tables[] = { run_fields, idl_find(idl, IDL_METHOD, "Run")->fields };
        _cleanup_free_ char *text = NULL;
        json_auto_t *object = NULL;

        ck_assert_int_ge(asprintf(&text, "{%s}", checks[_i].members), 0);
        object = json_loads(text, 0, NULL);
        ck_assert_ptr_nonnull(object);

        for (size_t i = 0; i < ELEMENTSOF(tables); i++) {
                _cleanup_free_ char *path = NULL;
                int r = fields_check(tables[i], object, &path);

                ck_assert_int_eq(r, checks[_i].path ? FIELD_E_INVALID : 0);
                if (checks[_i].path)
                        ck_assert_str_eq(path, checks[_i].path);
                ck_assert_int_eq(fields_check(tables[i], object, NULL), r);
        }
}
END_TEST

START_TEST(test_reading) {
        json_auto_t *object = json_pack("{s:s,s:i,s:f,s:b,s:n}", "s", "x", "i", 7, "f", 0.5, "b", 1,
                                        "n");

        ck_assert_str_eq(field_string(object, "s", "y"), "x");
        ck_assert_str_eq(field_string(object, "n", "y"), "y");
        ck_assert_ptr_null(field_string(object, "none", NULL));
        ck_assert_int_eq(field_int(object, "i", 1), 7);
        ck_assert_int_eq(field_int(object, "none", 1), 1);
        ck_assert_double_eq(field_float(object, "f", 0), 0.5);
        ck_assert_double_eq(field_float(object, "i", 0), 7);
        ck_assert_double_eq(field_float(object, "n", 2), 2);
        ck_assert(field_bool(object, "b", false) && field_bool(object, "none", true));
        ck_assert(field_present(object, "s") && !field_present(object, "n"));
        ck_assert(!field_present(object, "none"));
        ck_assert_int_eq(fields_check(NULL, object, NULL), FIELD_E_INVALID);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("wire-idl");
        TCase *tcase = tcase_create("idl");
        SRunner *runner;
        int failed;

        tcase_add_test(tcase, test_example);
        tcase_add_test(tcase, test_tables_differ);
        tcase_add_loop_test(tcase, test_wrong, 0, (int) ELEMENTSOF(wrong));
        tcase_add_test(tcase, test_truncated);
        tcase_add_test(tcase, test_own_interfaces);
        tcase_add_loop_test(tcase, test_checks, 0, (int) ELEMENTSOF(checks));
        tcase_add_test(tcase, test_reading);
        suite_add_tcase(suite, tcase);

        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}
