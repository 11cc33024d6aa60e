/* SPDX-License-Identifier: GPL-2.0-or-later */
/* org.varlink.certification, the interface that varlink implementations test each other with: as a
 * server on daemon/control.c and as a client on lib/wire. Each call takes what the last one gave.
 *
 *     certification --listen PATH      serves until it is told to stop
 *     certification --client PATH      runs all tests, says how it went */
#include <signal.h>
#include <stdio.h>

#include "base/error.h"
#include "control.h"
#include "wire/client.h"

#define INTERFACE "org.varlink.certification"
#define CLIENT_ID "certification-client"
#define MORE_REPLIES 10

static const char description[] =
        "interface org.varlink.certification\n"
        "\n"
        "type Interface (\n"
        "  foo: ?[]?[string](foo, bar, baz),\n"
        "  anon: (foo: bool, bar: bool)\n"
        ")\n"
        "\n"
        "type MyType (\n"
        "  object: object,\n"
        "  enum: (one, two, three),\n"
        "  struct: (first: int, second: string),\n"
        "  array: []string,\n"
        "  dictionary: [string]string,\n"
        "  stringset: [string](),\n"
        "  nullable: ?string,\n"
        "  nullable_array_struct: ?[](first: int, second: string),\n"
        "  interface: Interface\n"
        ")\n"
        "\n"
        "method Start() -> (client_id: string)\n"
        "method Test01(client_id: string) -> (bool: bool)\n"
        "method Test02(client_id: string, bool: bool) -> (int: int)\n"
        "method Test03(client_id: string, int: int) -> (float: float)\n"
        "method Test04(client_id: string, float: float) -> (string: string)\n"
        "method Test05(client_id: string, string: string) -> (\n"
        "  bool: bool,\n"
        "  int: int,\n"
        "  float: float,\n"
        "  string: string\n"
        ")\n"
        "method Test06(\n"
        "  client_id: string,\n"
        "  bool: bool,\n"
        "  int: int,\n"
        "  float: float,\n"
        "  string: string\n"
        ") -> (\n"
        "  struct: (bool: bool, int: int, float: float, string: string)\n"
        ")\n"
        "method Test07(\n"
        "  client_id: string,\n"
        "  struct: (bool: bool, int: int, float: float, string: string)\n"
        ") -> (map: [string]string)\n"
        "method Test08(client_id: string, map: [string]string) -> (set: [string]())\n"
        "method Test09(client_id: string, set: [string]()) -> (mytype: MyType)\n"
        "\n"
        "# Called with more: several replies.\n"
        "method Test10(client_id: string, mytype: MyType) -> (string: string)\n"
        "\n"
        "# Called with oneway.\n"
        "method Test11(client_id: string, last_more_replies: []string) -> ()\n"
        "method End(client_id: string) -> (all_ok: bool)\n"
        "\n"
        "error ClientIdError ()\n"
        "error CertificationError (wants: object, got: object)\n";

#define ID { "client_id", FIELD_STRING }
#define FOUR                                                                                       \
        { "bool", FIELD_BOOL }, { "int", FIELD_INT }, { "float", FIELD_FLOAT },                    \
                { "string", FIELD_STRING }

static const Field four_fields[] = { FOUR, FIELD_END };
static const Field fields[][6] = {
        { ID, FIELD_END },
        { ID, { "bool", FIELD_BOOL }, FIELD_END },
        { ID, { "int", FIELD_INT }, FIELD_END },
        { ID, { "float", FIELD_FLOAT }, FIELD_END },
        { ID, { "string", FIELD_STRING }, FIELD_END },
        { ID, FOUR, FIELD_END },
        { ID, { "struct", FIELD_STRUCT, 0, four_fields }, FIELD_END },
        { ID, { "map", FIELD_STRING, FIELD_MAP }, FIELD_END },
        { ID, { "set", FIELD_STRUCT, FIELD_MAP }, FIELD_END },
        { ID, { "mytype", FIELD_OBJECT }, FIELD_END },
        { ID, { "last_more_replies", FIELD_STRING, FIELD_ARRAY }, FIELD_END },
};

#define MY_TYPE                                                                                    \
        "{\"object\":{\"method\":\"org.varlink.certification.Test09\",\"parameters\":{\"map\":"    \
        "{\"foo\":\"Foo\",\"bar\":\"Bar\"}}},\"enum\":\"two\",\"struct\":{\"first\":1,"            \
        "\"second\":\"2\"},\"array\":[\"one\",\"two\",\"three\"],\"dictionary\":{\"foo\":\"Foo\"," \
        "\"bar\":\"Bar\"},\"stringset\":{\"one\":{},\"two\":{},\"three\":{}},\"nullable\":null,"   \
        "\"nullable_array_struct\":null,\"interface\":{\"foo\":[null,{\"foo\":\"foo\","            \
        "\"bar\":\"bar\"},null,{\"one\":\"foo\",\"two\":\"bar\"}],\"anon\":{\"foo\":true,"         \
        "\"bar\":false}}}"

/* What passes from each test to the next. */
static const char *const steps[] = {
        "{}",
        "{\"bool\":true}",
        "{\"int\":1}",
        "{\"float\":1.0}",
        "{\"string\":\"ping\"}",
        "{\"bool\":false,\"int\":2,\"float\":3.141592653589793,\"string\":\"a lot of string\"}",
        "{\"struct\":{\"bool\":false,\"int\":2,\"float\":3.141592653589793,"
        "\"string\":\"a lot of string\"}}",
        "{\"map\":{\"foo\":\"Foo\",\"bar\":\"Bar\"}}",
        "{\"set\":{\"one\":{},\"two\":{},\"three\":{}}}",
        "{\"mytype\":" MY_TYPE "}",
};

typedef struct Server {
        sd_event *event;
        bool failed;
} Server;

static bool nothing(const json_t *value) {
        return !value || json_is_null(value);
}

static bool same(const json_t *a, const json_t *b);

static bool same_object(const json_t *a, const json_t *b) {
        const char *key;
        json_t *value;

        json_object_foreach((json_t *) a, key, value)
                if (!same(value, json_object_get(b, key)))
                        return false;
        json_object_foreach((json_t *) b, key, value)
                if (!same(json_object_get(a, key), value))
                        return false;
        return true;
}

static bool same_array(const json_t *a, const json_t *b) {
        if (json_array_size(a) != json_array_size(b))
                return false;

        for (size_t i = 0; i < json_array_size(a); i++)
                if (!same(json_array_get(a, i), json_array_get(b, i)))
                        return false;
        return true;
}

/* As varlink sees it: null is absent, and 1.0 may be written 1. Floats pass with ten digits. */
static bool same(const json_t *a, const json_t *b) {
        double difference;

        if (nothing(a) || nothing(b))
                return nothing(a) && nothing(b);
        if (json_is_object(a) && json_is_object(b))
                return same_object(a, b);
        if (json_is_array(a) && json_is_array(b))
                return same_array(a, b);
        if (!json_is_number(a) || !json_is_number(b))
                return json_equal(a, b);

        difference = json_number_value(a) - json_number_value(b);
        return difference < 1e-9 && difference > -1e-9;
}

/* 0: as wanted. Otherwise the error is the answer already. */
static int expect(ControlCall *call, json_t *got, json_t *wants, Server *server, bool *ret_ok) {
        json_auto_t *stolen = wants;

        *ret_ok = false;
        if (!streq(field_string(got, "client_id", ""), CLIENT_ID)) {
                server->failed = true;
                return control_error(call, INTERFACE ".ClientIdError", NULL);
        }

        (void) json_object_set_new(stolen, "client_id", json_string(CLIENT_ID));
        *ret_ok = same(got, stolen);
        if (*ret_ok)
                return 0;
        server->failed = true;
        return control_error(call, INTERFACE ".CertificationError",
                             json_pack("{s:O,s:O}", "wants", stolen, "got", got));
}

static int step(ControlCall *call, json_t *parameters, Server *server, size_t n) {
        bool ok;
        int r;

        r = expect(call, parameters, json_loads(steps[n], 0, NULL), server, &ok);
        return ok ? control_reply(call, json_loads(steps[n + 1], 0, NULL)) : r;
}

#define STEP(number, n)                                                                            \
        static int handle_test##number(ControlCall *call, json_t *parameters, void *userdata) {    \
                return step(call, parameters, userdata, n);                                        \
        }                                                                                          \
        struct step_##number##_needs_semicolon

STEP(01, 0);
STEP(02, 1);
STEP(03, 2);
STEP(04, 3);
STEP(05, 4);
STEP(06, 5);
STEP(07, 6);
STEP(08, 7);
STEP(09, 8);

static json_t *reply_text(unsigned i) {
        return json_sprintf("Reply number %u", i);
}

static int handle_test10(ControlCall *call, json_t *parameters, void *userdata) {
        ControlStream *stream;
        bool ok;
        int r;

        if (!control_call_wants_more(call))
                return control_error_expected_more(call);
        r = expect(call, parameters, json_loads(steps[9], 0, NULL), userdata, &ok);
        if (!ok)
                return r;

        r = control_stream_open(call, NULL, NULL, &stream);
        for (unsigned i = 1; i <= MORE_REPLIES && r == 0; i++)
                r = control_stream_reply(stream, json_pack("{s:o}", "string", reply_text(i)),
                                         i < MORE_REPLIES);
        return r;
}

static int handle_test11(ControlCall *call, json_t *parameters, void *userdata) {
        json_t *replies = json_array();
        bool ok;
        int r;

        for (unsigned i = 1; i <= MORE_REPLIES; i++)
                (void) json_array_append_new(replies, reply_text(i));
        r = expect(call, parameters, json_pack("{s:o}", "last_more_replies", replies), userdata,
                   &ok);
        return ok ? control_reply(call, NULL) : r;
}

static int handle_start(ControlCall *call, json_t *parameters, void *userdata) {
        ((Server *) userdata)->failed = false;
        return control_reply(call, json_pack("{s:s}", "client_id", CLIENT_ID));
}

static int handle_end(ControlCall *call, json_t *parameters, void *userdata) {
        Server *server = userdata;
        bool ok;
        int r;

        r = expect(call, parameters, json_object(), server, &ok);
        return ok ? control_reply(call, json_pack("{s:b}", "all_ok", !server->failed)) : r;
}

static const ControlMethod methods[] = {
        { INTERFACE ".Start", NULL, handle_start },
        { INTERFACE ".Test01", fields[0], handle_test01 },
        { INTERFACE ".Test02", fields[1], handle_test02 },
        { INTERFACE ".Test03", fields[2], handle_test03 },
        { INTERFACE ".Test04", fields[3], handle_test04 },
        { INTERFACE ".Test05", fields[4], handle_test05 },
        { INTERFACE ".Test06", fields[5], handle_test06 },
        { INTERFACE ".Test07", fields[6], handle_test07 },
        { INTERFACE ".Test08", fields[7], handle_test08 },
        { INTERFACE ".Test09", fields[8], handle_test09 },
        { INTERFACE ".Test10", fields[9], handle_test10 },
        { INTERFACE ".Test11", fields[10], handle_test11 },
        { INTERFACE ".End", fields[0], handle_end },
};

static void on_log(void *userdata, ControlFact fact, const ControlPeer *peer, const char *text) {
        (void) fprintf(stderr, "%s\n", text);
}

static int serve(Server *server, const char *path) {
        static const ServiceInterface interfaces[] = { { INTERFACE, description } };
        static const ServiceInfo info = {
                .vendor = "udamon", .product = "certification", .version = "1",
                .url = "https://varlink.org", .interfaces = interfaces, .n_interfaces = 1,
        };
        const ControlConfig config = {
                .info = &info, .methods = methods, .n_methods = ELEMENTSOF(methods),
                .limits = CONTROL_LIMITS_DEFAULT, .log = on_log, .userdata = server,
        };
        _cleanup_(control_freep) Control *control = NULL;
        _cleanup_free_ char *error = NULL;
        int r;

        r = control_new(server->event, &config, &control);
        if (r == 0)
                r = control_listen_path(control, path, 0600, (gid_t) -1, &error);
        if (r != 0) {
                (void) fprintf(stderr, "%s\n", error ?: error_text(r));
                return r;
        }
        return sd_event_loop(server->event);
}

static int listen_main(const char *path) {
        Server server = {};
        sigset_t signals;
        int r;

        (void) sigemptyset(&signals);
        (void) sigaddset(&signals, SIGTERM);
        (void) sigprocmask(SIG_BLOCK, &signals, NULL);

        r = sd_event_new(&server.event);
        if (r >= 0)
                r = sd_event_add_signal(server.event, NULL, SIGTERM, NULL, NULL);
        if (r >= 0)
                r = serve(&server, path);
        sd_event_unref(server.event);
        return r;
}

/* One call; what came back, with the client's id added, replaces *parameters. */
static int client_step(WireClient *client, const char *method, json_t **parameters) {
        json_t *id = json_incref(json_object_get(*parameters, "client_id"));
        _cleanup_free_ char *error = NULL;
        json_t *reply = NULL;
        int r;

        r = wire_client_call(client, method, TAKE_PTR(*parameters), &reply, &error);
        if (r != 0)
                (void) fprintf(stderr, "%s: %s (%d)\n", method, error ?: "no reply", r);
        if (id)
                (void) json_object_set_new(reply, "client_id", id);
        *parameters = reply;
        return r;
}

/* Test10: all the replies to one call, as the parameters of the next. */
static int client_more(WireClient *client, json_t **parameters) {
        json_t *id = json_incref(json_object_get(*parameters, "client_id"));
        json_t *replies = json_array();
        bool continues = true;
        int r;

        r = wire_client_start(client, INTERFACE ".Test10", TAKE_PTR(*parameters));
        while (r == 0 && continues) {
                json_auto_t *reply = NULL;

                r = wire_client_next(client, &continues, &reply, NULL);
                if (r == 0)
                        r = json_array_append(replies, json_object_get(reply, "string"));
        }
        *parameters = json_pack("{s:o,s:o}", "client_id", id, "last_more_replies", replies);
        return r;
}

static int client_run(WireClient *client, json_t **parameters) {
        const char *id;
        int r;

        r = client_step(client, INTERFACE ".Start", parameters);
        for (unsigned i = 1; i <= 9 && r == 0; i++) {
                char method[] = INTERFACE ".Test00";

                method[sizeof(method) - 2] = (char) ('0' + i);
                r = client_step(client, method, parameters);
        }
        if (r == 0)
                r = client_more(client, parameters);
        if (r != 0)
                return r;

        id = field_string(*parameters, "client_id", "");
        r = wire_client_send(client, INTERFACE ".Test11", json_incref(*parameters));
        if (r == 0) {
                json_t *end = json_pack("{s:s}", "client_id", id);

                json_decref(*parameters);
                *parameters = end;
                r = client_step(client, INTERFACE ".End", parameters);
        }
        return r;
}

static int client_main(const char *path) {
        _cleanup_(wire_client_freep) WireClient *client = NULL;
        _cleanup_free_ char *error = NULL;
        json_auto_t *parameters = NULL;
        int r;

        r = wire_client_connect(path, &client, &error);
        if (r < 0) {
                (void) fprintf(stderr, "%s\n", error ?: error_text(r));
                return r;
        }

        r = client_run(client, &parameters);
        if (r == 0 && !field_bool(parameters, "all_ok", false))
                r = -EBADMSG;
        printf("certification: %s\n", r == 0 ? "ok" : "failed");
        return r;
}

int main(int argc, char **argv) {
        int r;

        if (argc == 3 && streq(argv[1], "--listen"))
                r = listen_main(argv[2]);
        else if (argc == 3 && streq(argv[1], "--client"))
                r = client_main(argv[2]);
        else {
                (void) fprintf(stderr, "Usage: certification --listen|--client PATH\n");
                return 2;
        }
        return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
