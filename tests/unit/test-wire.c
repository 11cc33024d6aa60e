/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Framing, varlink messages, the writer: pure functions over bytes. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/macro.h"
#include "base/rng.h"
#include "wire/frame.h"
#include "wire/service.h"
#include "wire/varlink.h"
#include "wire/writer.h"

/* The whole queue as a string; the NULs behind messages become newlines. */
static char *drain(FrameOutput *output) {
        char *text = malloc(output->size + 1);
        size_t length = 0, size;
        const char *data;

        ck_assert_ptr_nonnull(text);
        while ((data = frame_output_peek(output, &size))) {
                memcpy(text + length, data, size);
                length += size;
                frame_output_consume(output, size);
        }
        for (size_t i = 0; i < length; i++)
                if (text[i] == '\0')
                        text[i] = '\n';
        text[length] = '\0';
        return text;
}

static void assert_drained(FrameOutput *output, const char *expected) {
        _cleanup_free_ char *text = drain(output);

        ck_assert_str_eq(text, expected);
        ck_assert_uint_eq(output->size, 0);
}

START_TEST(test_input_byte_by_byte) {
        _cleanup_(frame_input_deinit) FrameInput input = FRAME_INPUT_INIT(16);
        static const char stream[] = "one\0\0three";
        static const char *const expected[] = { "one", "", "three" };
        const char *message;
        size_t size, n = 0;

        for (size_t i = 0; i < sizeof(stream); i++) {
                ck_assert_int_eq(frame_input_append(&input, &stream[i], 1), 0);
                if (!frame_input_pending(&input)) {
                        ck_assert_int_eq(frame_input_next(&input, &message, &size), FRAME_E_NONE);
                        continue;
                }
                ck_assert_int_eq(frame_input_next(&input, &message, &size), 0);
                ck_assert_str_eq(message, expected[n]);
                ck_assert_uint_eq(size, strlen(expected[n++]));
        }
        ck_assert_uint_eq(n, 3);
        ck_assert_int_eq(frame_input_next(&input, &message, &size), FRAME_E_NONE);
        /* Nothing is held between messages. */
        ck_assert_ptr_null(input.data);
}
END_TEST

START_TEST(test_input_all_at_once) {
        _cleanup_(frame_input_deinit) FrameInput input = FRAME_INPUT_INIT(16);
        static const char stream[] = "one\0two\0rest";
        const char *message;
        size_t size;

        ck_assert_int_eq(frame_input_append(&input, stream, sizeof(stream) - 1), 0);
        ck_assert_int_eq(frame_input_next(&input, &message, &size), 0);
        ck_assert_str_eq(message, "one");
        ck_assert_int_eq(frame_input_next(&input, &message, &size), 0);
        ck_assert_str_eq(message, "two");
        ck_assert_int_eq(frame_input_next(&input, &message, &size), FRAME_E_NONE);
        ck_assert_uint_eq(frame_input_unfinished(&input), 4);
        ck_assert_int_eq(frame_input_append(&input, "", 1), 0);
        ck_assert_int_eq(frame_input_next(&input, &message, &size), 0);
        ck_assert_str_eq(message, "rest");
}
END_TEST

START_TEST(test_input_limit) {
        _cleanup_(frame_input_deinit) FrameInput input = FRAME_INPUT_INIT(4);
        const char *message;
        size_t size;

        ck_assert_int_eq(frame_input_append(&input, "1234", 5), 0);
        ck_assert_int_eq(frame_input_next(&input, &message, &size), 0);
        ck_assert_uint_eq(size, 4);

        ck_assert_int_eq(frame_input_append(&input, "1234", 4), 0);
        ck_assert_int_eq(frame_input_next(&input, &message, &size), FRAME_E_NONE);
        ck_assert_int_eq(frame_input_append(&input, "5", 1), 0);
        ck_assert(frame_input_pending(&input));
        ck_assert_int_eq(frame_input_next(&input, &message, &size), FRAME_E_TOO_BIG);
        /* The end of it makes it no shorter. */
        ck_assert_int_eq(frame_input_append(&input, "", 1), 0);
        ck_assert_int_eq(frame_input_next(&input, &message, &size), FRAME_E_TOO_BIG);
}
END_TEST

/* Against a model: random messages in random pieces. */
START_TEST(test_input_random) {
        _cleanup_(frame_input_deinit) FrameInput input = FRAME_INPUT_INIT(4096);
        uint64_t sent = 0, received = 0;
        char message[4097], expected[4097];
        const char *text;
        size_t size;
        Rng rng;

        rng_init(&rng, (uint64_t) _i);
        while (received < 500) {
                size_t length =
                        rng_below(&rng, 10) == 0 ? rng_below(&rng, 4096) : rng_below(&rng, 8);
                size_t at = 0;

                memset(message, 'a' + (int) (sent++ % 26), length);
                message[length] = '\0';
                while (at <= length) {
                        size_t part = 1 + rng_below(&rng, length + 1 - at);

                        ck_assert_int_eq(frame_input_append(&input, message + at, part), 0);
                        at += part;
                }
                if (rng_below(&rng, 3) != 0)
                        continue;
                while (frame_input_next(&input, &text, &size) == 0) {
                        memset(expected, 'a' + (int) (received++ % 26), size);
                        ck_assert_mem_eq(text, expected, size);
                }
                ck_assert_uint_eq(sent, received);
        }
}
END_TEST

START_TEST(test_output_random) {
        _cleanup_(frame_output_deinit) FrameOutput output = FRAME_OUTPUT_INIT(1 << 20);
        size_t appended = 0, consumed = 0, wrong = 0, size;
        char piece[50000];
        const char *data;
        Rng rng;

        rng_init(&rng, (uint64_t) _i);
        for (unsigned round = 0; round < 300; round++) {
                size_t n = rng_below(&rng, rng_below(&rng, 2) ? 100 : sizeof(piece));

                for (size_t i = 0; i < n; i++)
                        piece[i] = (char) ((appended + i) % 251);
                if (frame_output_append(&output, piece, n) == 0)
                        appended += n;
                else
                        ck_assert_uint_gt(output.size + n, output.max);

                n = rng_below(&rng, output.size + 1);
                if (rng_below(&rng, 4) == 0) {
                        frame_output_truncate(&output, n);
                        appended = consumed + n;
                        continue;
                }
                n = rng_below(&rng, 40000);
                while (n > 0 && (data = frame_output_peek(&output, &size))) {
                        size = MIN(size, n);
                        for (size_t i = 0; i < size; i++)
                                wrong += (unsigned char) data[i] != (consumed + i) % 251;
                        frame_output_consume(&output, size);
                        consumed += size;
                        n -= size;
                }
                ck_assert_uint_eq(output.size, appended - consumed);
        }
        ck_assert_uint_eq(wrong, 0);
}
END_TEST

START_TEST(test_output_limit) {
        _cleanup_(frame_output_deinit) FrameOutput output = FRAME_OUTPUT_INIT(8);

        ck_assert_int_eq(frame_output_append(&output, "12345", 5), 0);
        ck_assert_int_eq(frame_output_append(&output, "6789", 4), FRAME_E_TOO_BIG);
        ck_assert_int_eq(frame_output_append(&output, "678", 3), 0);
        ck_assert_int_eq(frame_output_append(&output, "9", 1), FRAME_E_TOO_BIG);
        frame_output_truncate(&output, 2);
        assert_drained(&output, "12");
}
END_TEST

START_TEST(test_sockets) {
        _cleanup_(frame_input_deinit) FrameInput input = FRAME_INPUT_INIT(1 << 20);
        _cleanup_(frame_output_deinit) FrameOutput output = FRAME_OUTPUT_INIT(2 << 20);
        const char *message;
        char piece[1000];
        size_t size;
        int pair[2], r;

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        ck_assert_int_eq(frame_input_read(&input, pair[1], 100), FRAME_E_AGAIN);

        memset(piece, 'x', sizeof(piece));
        for (unsigned i = 0; i < 1000; i++)
                ck_assert_int_eq(frame_output_append(&output, piece, sizeof(piece)), 0);
        ck_assert_int_eq(frame_output_append(&output, "", 1), 0);

        /* More than a socket takes: the helpers must not wait. */
        ck_assert_int_eq(frame_output_write(&output, pair[0]), FRAME_E_AGAIN);
        while (frame_input_next(&input, &message, &size) == FRAME_E_NONE) {
                r = frame_input_read(&input, pair[1], 5000);
                ck_assert(r == 0 || r == FRAME_E_AGAIN);
                r = frame_output_write(&output, pair[0]);
                ck_assert(r == 0 || r == FRAME_E_AGAIN);
        }
        ck_assert_uint_eq(size, 1000000);

        close(pair[0]);
        ck_assert_int_eq(frame_input_read(&input, pair[1], 100), FRAME_E_CLOSED);
        ck_assert_int_eq(frame_output_append(&output, "x", 1), 0);
        ck_assert_int_eq(frame_output_write(&output, pair[1]), FRAME_E_CLOSED);
        close(pair[1]);
}
END_TEST

static int parse(const char *text, VarlinkCall *ret) {
        _cleanup_free_ char *error = NULL;
        int r;

        r = varlink_call_parse(text, strlen(text), ret, &error);
        if (r == VARLINK_E_MALFORMED)
                ck_assert_ptr_nonnull(error);
        return r;
}

START_TEST(test_call_parse) {
        _cleanup_(varlink_call_deinit) VarlinkCall call = {};

        ck_assert_int_eq(parse("{\"method\":\"a.b.C\"}", &call), 0);
        ck_assert_str_eq(call.method, "a.b.C");
        ck_assert(!call.more && !call.oneway && !call.upgrade);
        ck_assert(json_is_object(call.parameters));
        varlink_call_deinit(&call);

        ck_assert_int_eq(parse(" \n{\"method\":\"a.C\",\"parameters\":{\"x\":[1,{\"y\":2}]},"
                               "\"more\":true,\"oneway\":true,\"upgrade\":true,\"x.y\":{}}\n ",
                               &call),
                         0);
        ck_assert(call.more && call.oneway && call.upgrade);
        ck_assert_uint_eq(json_object_size(call.parameters), 1);
        varlink_call_deinit(&call);

        ck_assert_int_eq(parse("{\"method\":\"a.C\",\"parameters\":null,\"more\":null}", &call), 0);
        ck_assert_uint_eq(json_object_size(call.parameters), 0);
}
END_TEST

static const char *const malformed[] = {
        "",
        " ",
        "x",
        "[]",
        "\"a.B\"",
        "{}",
        "{\"method\":null}",
        "{\"method\":1}",
        "{\"method\":\"a.B\"",
        "{\"method\":\"a.B\"}{}",
        "{\"method\":\"a.B\"} x",
        "{\"method\":\"a.B\",}",
        "{'method':'a.B'}",
        "{\"method\":\"a.B\",\"method\":\"a.B\"}",
        "{\"method\":\"a.B\",\"parameters\":{\"x\":1,\"x\":1}}",
        "{\"method\":\"a.B\",\"parameters\":[]}",
        "{\"method\":\"a.B\",\"parameters\":1}",
        "{\"method\":\"a.B\",\"more\":1}",
        "{\"method\":\"a.B\",\"oneway\":\"true\"}",
        "{\"method\":\"a.B\",\"upgrade\":{}}",
        "{\"method\":\"a.\xff\"}",
        "{\"method\":\"a.\xc0\xaf\"}",
        "{\"method\":\"a.\xed\xa0\x80\"}",
        "{\"method\":\"a.\\u0000\"}",
        "{\"method\":\"a.\\ud800\"}",
        "{\"method\":\"a.\n\"}",
        "{\"method\":\"a.B\",\"parameters\":{\"x\":01}}",
        "{\"method\":\"a.B\",\"parameters\":{\"x\":NaN}}",
        "{\"method\":\"a.B\",\"parameters\":{\"x\":99999999999999999999999}}",
        "{\"method\":\"a.B\",\"parameters\":{\"x\":1e999}}",
};

START_TEST(test_call_malformed) {
        VarlinkCall call = {};

        ck_assert_int_eq(parse(malformed[_i], &call), VARLINK_E_MALFORMED);
        ck_assert_ptr_null(call.method);
}
END_TEST

static char *nested(unsigned depth) {
        char *text = NULL;
        char open[4000] = "", close[4000] = "";

        /* The message and its parameters are two. */
        memset(open, '[', depth - 2);
        memset(close, ']', depth - 2);
        ck_assert_int_ge(asprintf(&text, "{\"method\":\"a.B\",\"parameters\":{\"x\":%s1%s}}", open,
                                  close),
                         0);
        return text;
}

START_TEST(test_call_limits) {
        _cleanup_free_ char *most = nested(16), *deeper = nested(17), *deep = nested(3000);
        _cleanup_free_ char *brackets = malloc(40000);
        _cleanup_(varlink_call_deinit) VarlinkCall call = {};
        char *p = brackets;

        ck_assert_int_eq(parse(most, &call), 0);
        varlink_call_deinit(&call);
        ck_assert_int_eq(parse(deeper, &call), VARLINK_E_MALFORMED);
        ck_assert_int_eq(parse(deep, &call), VARLINK_E_MALFORMED);

        /* Brackets in strings are no nesting. */
        ck_assert_int_eq(
                parse("{\"method\":\"a.B\",\"parameters\":{\"x\":\"\\\"[[[[[[[[[[[[[[[[[[[[\"}}",
                      &call),
                0);
        varlink_call_deinit(&call);

        p = stpcpy(p, "{\"method\":\"a.B\",\"parameters\":{\"x\":[");
        for (unsigned i = 0; i < 9000; i++)
                p = stpcpy(p, "[],");
        (void) stpcpy(p, "[]]}}");
        ck_assert_int_eq(parse(brackets, &call), VARLINK_E_MALFORMED);
}
END_TEST

START_TEST(test_interface_length) {
        ck_assert_uint_eq(varlink_interface_length("org.example.Method"), 11);
        ck_assert_uint_eq(varlink_interface_length("a.B"), 1);
        ck_assert_uint_eq(varlink_interface_length("Method"), 0);
        ck_assert_uint_eq(varlink_interface_length(""), 0);
        ck_assert_uint_eq(varlink_interface_length("."), 0);
        ck_assert_uint_eq(varlink_interface_length(".Method"), 0);
        ck_assert_uint_eq(varlink_interface_length("org.example."), 0);
}
END_TEST

START_TEST(test_messages_written) {
        _cleanup_(frame_output_deinit) FrameOutput output = FRAME_OUTPUT_INIT(1 << 20);
        json_auto_t *parameters = json_pack("{s:f,s:I,s:s}", "x", 0.1, "y",
                                            (json_int_t) 9007199254740993, "z", "\n\"");

        ck_assert_int_eq(varlink_reply_write(&output, NULL, false), 0);
        assert_drained(&output, "{\"parameters\":{}}\n");
        ck_assert_int_eq(varlink_reply_write(&output, parameters, true), 0);
        assert_drained(&output,
                       "{\"parameters\":{\"x\":0.1,\"y\":9007199254740993,\"z\":\"\\n\\\"\"},"
                       "\"continues\":true}\n");
        ck_assert_int_eq(varlink_error_write(&output, "a.b.Error", NULL), 0);
        assert_drained(&output, "{\"error\":\"a.b.Error\",\"parameters\":{}}\n");
        ck_assert_int_eq(varlink_call_write(&output, "a.b.C", NULL, VARLINK_MORE), 0);
        ck_assert_int_eq(varlink_call_write(&output, "a.b.C", parameters, VARLINK_ONEWAY), 0);
        assert_drained(&output, "{\"method\":\"a.b.C\",\"parameters\":{},\"more\":true}\n"
                                "{\"method\":\"a.b.C\",\"parameters\":{\"x\":0.10000000000000001,"
                                "\"y\":9007199254740993,\"z\":\"\\n\\\"\"},\"oneway\":true}\n");

        /* What does not fit leaves no trace. */
        output.max = 50;
        ck_assert_int_eq(varlink_reply_write(&output, NULL, false), 0);
        ck_assert_int_eq(varlink_reply_write(&output, parameters, false), FRAME_E_TOO_BIG);
        assert_drained(&output, "{\"parameters\":{}}\n");
}
END_TEST

START_TEST(test_reply_parse) {
        static const char *const bad[] = {
                "[]",
                "{\"error\":1}",
                "{\"parameters\":[]}",
                "{\"continues\":1}",
                "{\"error\":\"a.B\",\"continues\":true}",
                "{",
                "{\"parameters\":{},\"parameters\":{}}",
        };
        _cleanup_(varlink_reply_deinit) VarlinkReply reply = {};

        ck_assert_int_eq(varlink_reply_parse("{}", 2, &reply, NULL), 0);
        ck_assert(!reply.error && !reply.continues && json_is_object(reply.parameters));
        varlink_reply_deinit(&reply);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ck_assert_int_eq(varlink_reply_parse(bad[i], strlen(bad[i]), &reply, NULL),
                                 VARLINK_E_MALFORMED);
}
END_TEST

START_TEST(test_any_string) {
        static const struct {
                const char *in, *out;
        } rows[] = {
                { "", "" },
                { "plain", "plain" },
                { "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80" },
                { "-\xff-", "-\xef\xbf\xbd-" },
                { "\xc3", "\xef\xbf\xbd" },
                { "\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd" },
                { "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
                { "\xc0\xaf\xc3\xbc", "\xef\xbf\xbd\xef\xbf\xbd\xc3\xbc" },
                { "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                json_auto_t *string = varlink_string(rows[i].in);

                ck_assert_ptr_nonnull(string);
                ck_assert_str_eq(json_string_value(string), rows[i].out);
        }
}
END_TEST

static void write_sample(Writer *w, int elements) {
        writer_string(w, "name", "x\xff");
        writer_open_array(w, "list");
        for (int i = 0; i < elements; i++) {
                writer_open_object(w, NULL);
                writer_int(w, "i", i);
                writer_real(w, "half", i / 2.0);
                writer_close(w);
        }
        writer_close(w);
        writer_open_object(w, "empty");
        writer_close(w);
        writer_uint(w, "most", UINT64_MAX);
        writer_bool(w, "yes", true);
        writer_value(w, "none", json_null());
}

START_TEST(test_writer) {
        _cleanup_(frame_output_deinit) FrameOutput output = FRAME_OUTPUT_INIT(1 << 20);
        Writer w;

        writer_begin(&w, &output, SIZE_MAX);
        ck_assert_int_eq(writer_end(&w, false), 0);
        assert_drained(&output, "{\"parameters\":{}}\n");

        writer_begin(&w, &output, SIZE_MAX);
        write_sample(&w, 2);
        ck_assert_int_eq(writer_end(&w, true), 0);
        assert_drained(
                &output,
                "{\"parameters\":{\"name\":\"x\xef\xbf\xbd\",\"list\":[{\"i\":0,\"half\":0.0},"
                "{\"i\":1,\"half\":0.5}],\"empty\":{},\"most\":9223372036854775807,"
                "\"yes\":true,\"none\":null},\"continues\":true}\n");
}
END_TEST

START_TEST(test_writer_failures) {
        _cleanup_(frame_output_deinit) FrameOutput output = FRAME_OUTPUT_INIT(200000);
        Writer w;

        ck_assert_int_eq(frame_output_append(&output, "before\n", 7), 0);

        /* The queue is full, the reply too long, a value is not JSON, nobody listens, given up. */
        writer_begin(&w, &output, SIZE_MAX);
        write_sample(&w, 20000);
        ck_assert_int_eq(writer_end(&w, false), FRAME_E_TOO_BIG);
        writer_begin(&w, &output, 1000);
        write_sample(&w, 100);
        ck_assert_int_eq(writer_end(&w, false), FRAME_E_TOO_BIG);
        writer_begin(&w, &output, SIZE_MAX);
        writer_real(&w, "nan", __builtin_nan(""));
        ck_assert_int_eq(writer_end(&w, false), -ENOMEM);
        writer_begin(&w, NULL, SIZE_MAX);
        write_sample(&w, 100);
        ck_assert_int_eq(writer_end(&w, false), 0);
        writer_begin(&w, &output, SIZE_MAX);
        write_sample(&w, 3000);
        writer_abort(&w);

        assert_drained(&output, "before\n");
}
END_TEST

/* What is written piece by piece is what a tree would give. */
START_TEST(test_writer_reads_back) {
        _cleanup_(frame_output_deinit) FrameOutput output = FRAME_OUTPUT_INIT(1 << 20);
        _cleanup_(varlink_reply_deinit) VarlinkReply reply = {};
        _cleanup_free_ char *text = NULL;
        Writer w;

        writer_begin(&w, &output, SIZE_MAX);
        write_sample(&w, 5000);
        ck_assert_int_eq(writer_end(&w, false), 0);
        text = drain(&output);
        ck_assert_int_eq(varlink_reply_parse(text, strlen(text), &reply, NULL), 0);
        ck_assert_uint_eq(json_array_size(json_object_get(reply.parameters, "list")), 5000);
}
END_TEST

START_TEST(test_service) {
        static const ServiceInterface interfaces[] = { { "a.b", "text" } };
        const ServiceInfo info = {
                .vendor = "v", .product = "p", .version = "1", .url = "u",
                .interfaces = interfaces, .n_interfaces = 1,
        };
        json_auto_t *reply = service_get_info(&info);
        _cleanup_free_ char *text = json_dumps(reply, JSON_COMPACT);
        json_auto_t *description = service_get_description(&interfaces[0]);

        ck_assert_str_eq(text,
                         "{\"vendor\":\"v\",\"product\":\"p\",\"version\":\"1\",\"url\":\"u\","
                         "\"interfaces\":[\"org.varlink.service\",\"a.b\"]}");
        ck_assert_str_eq(field_string(description, "description", ""), "text");
        ck_assert_ptr_eq(service_find(&info, "a.bX", 3), &interfaces[0]);
        ck_assert_ptr_eq(service_find(&info, "org.varlink.service", 19), &service_interface);
        ck_assert_ptr_null(service_find(&info, "a.b", 2));
        ck_assert_ptr_null(service_find(&info, "", 0));
}
END_TEST

int main(void) {
        Suite *suite = suite_create("wire");
        TCase *frame = tcase_create("frame"), *varlink = tcase_create("varlink");
        SRunner *runner;
        int failed;

        tcase_add_test(frame, test_input_byte_by_byte);
        tcase_add_test(frame, test_input_all_at_once);
        tcase_add_test(frame, test_input_limit);
        tcase_add_loop_test(frame, test_input_random, 0, 20);
        tcase_add_loop_test(frame, test_output_random, 0, 20);
        tcase_add_test(frame, test_output_limit);
        tcase_add_test(frame, test_sockets);
        tcase_add_test(varlink, test_call_parse);
        tcase_add_loop_test(varlink, test_call_malformed, 0, (int) ELEMENTSOF(malformed));
        tcase_add_test(varlink, test_call_limits);
        tcase_add_test(varlink, test_interface_length);
        tcase_add_test(varlink, test_messages_written);
        tcase_add_test(varlink, test_reply_parse);
        tcase_add_test(varlink, test_any_string);
        tcase_add_test(varlink, test_writer);
        tcase_add_test(varlink, test_writer_failures);
        tcase_add_test(varlink, test_writer_reads_back);
        tcase_add_test(varlink, test_service);
        suite_add_tcase(suite, frame);
        suite_add_tcase(suite, varlink);

        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}
