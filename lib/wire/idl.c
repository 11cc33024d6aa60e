/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recursive descent over interface text. */
#include "wire/idl.h"

#include "base/error.h"

/* Anonymous structs inside structs; far more than anybody can read. */
#define NESTING_MAX 8

struct Idl {
        char *name;
        IdlMember *members;
        size_t n_members;
        /* Everything the members point to. */
        void **owned;
        size_t n_owned;
};

/* A field whose type is a name, to be looked up once all members are known. */
typedef struct Reference {
        Field *field;
        const char *name;
        unsigned line;
} Reference;

typedef struct Parser {
        const char *p;
        unsigned line;
        Idl *idl;
        Reference *references;
        size_t n_references;
        char **ret_error;
} Parser;

/* A field while its table still grows. */
typedef struct Draft {
        Field field;
        const char *reference;
        unsigned line;
} Draft;

typedef struct Drafts {
        Draft *items;
        size_t n;
} Drafts;

static void drafts_deinit(Drafts *drafts) {
        free(drafts->items);
}

Idl *idl_free(Idl *idl) {
        if (!idl)
                return NULL;

        for (size_t i = 0; i < idl->n_owned; i++)
                free(idl->owned[i]);
        free(idl->owned);
        free(idl->members);
        free(idl->name);
        free(idl);
        return NULL;
}

#define invalid(parser, ...) invalid_at(parser, (parser)->line, __VA_ARGS__)

static int invalid_at(Parser *parser, unsigned line, const char *what, const char *name) {
        return error_setf(parser->ret_error, IDL_E_INVALID, "%u: %s%s%s", line, what,
                          name ? " " : "", name ?: "");
}

/* Makes room for one more element behind n; the sizes here are those of a page of text. */
static void *grow(void **array, size_t n, size_t size) {
        void *bigger;

        /* Doubling at each power of two. */
        if ((n & (n - 1)) != 0 && n > 0)
                return *array;

        bigger = realloc(*array, size * (n > 0 ? 2 * n : 1));
        if (bigger)
                *array = bigger;
        return bigger;
}

/* Hands a block over to the result; NULL (and the block is freed) without memory. */
static void *own(Idl *idl, void *block) {
        void *array = idl->owned;

        if (!block || !grow(&array, idl->n_owned, sizeof(void *))) {
                free(block);
                return NULL;
        }

        idl->owned = array;
        idl->owned[idl->n_owned++] = block;
        return block;
}

/* Over blanks, line ends and comments. */
static void skip(Parser *parser) {
        for (;; parser->p++) {
                if (*parser->p == '#')
                        parser->p += strcspn(parser->p, "\n");
                if (*parser->p == '\n')
                        parser->line++;
                else if (*parser->p != ' ' && *parser->p != '\t')
                        return;
        }
}

static bool accept(Parser *parser, const char *token) {
        size_t length = strlen(token);

        skip(parser);
        if (strncmp(parser->p, token, length) != 0)
                return false;

        parser->p += length;
        return true;
}

static int expect(Parser *parser, const char *token) {
        return accept(parser, token) ? 0 : invalid(parser, "expected", token);
}

static bool is_lower(char c) {
        return c >= 'a' && c <= 'z';
}

static bool is_upper(char c) {
        return c >= 'A' && c <= 'Z';
}

static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

/* [a-z](_?[a-z0-9])* */
static size_t field_name_length(const char *p) {
        size_t n = 0;

        if (!is_lower(p[0]))
                return 0;
        while (is_lower(p[n]) || is_digit(p[n]) ||
               (p[n] == '_' && (is_lower(p[n + 1]) || is_digit(p[n + 1]))))
                n++;
        return n;
}

/* [A-Z][A-Za-z0-9]* */
static size_t member_name_length(const char *p) {
        size_t n = 0;

        if (!is_upper(p[0]))
                return 0;
        while (is_lower(p[n]) || is_upper(p[n]) || is_digit(p[n]))
                n++;
        return n;
}

/* [a-z][a-z0-9]*(\.[a-z0-9]+)+ */
static size_t interface_name_length(const char *p) {
        size_t n = 0, dots = 0;

        if (!is_lower(p[0]))
                return 0;
        for (;; n++) {
                if (p[n] == '.' && p[n - 1] != '.')
                        dots++;
                else if (!is_lower(p[n]) && !is_digit(p[n]))
                        break;
        }
        return dots > 0 && p[n - 1] != '.' ? n : 0;
}

/* A name of this form that does not run on into something else. */
static int name(Parser *parser, size_t (*length_of)(const char *), const char *what,
                const char **ret) {
        const char *copy;
        size_t n;
        char next;

        skip(parser);
        n = length_of(parser->p);
        next = parser->p[n];
        if (n == 0 || is_lower(next) || is_upper(next) || is_digit(next) || next == '_' ||
            next == '-' || next == '.')
                return invalid(parser, "not a plain name of", what);

        copy = own(parser->idl, strndup(parser->p, n));
        if (!copy)
                return -ENOMEM;
        parser->p += n;
        *ret = copy;
        return 0;
}

static int struct_body(Parser *parser, unsigned nesting, const Field **ret);
static int enum_body(Parser *parser, const char *const **ret);

/* After "(": an enum has no colon behind its first name. */
static bool at_enum(const Parser *parser) {
        Parser ahead = *parser;
        size_t n;

        skip(&ahead);
        n = field_name_length(ahead.p);
        ahead.p += n;
        skip(&ahead);
        return n > 0 && *ahead.p != ':';
}

static int base_type(Parser *parser, unsigned nesting, Draft *draft) {
        static const struct {
                const char *name;
                FieldType type;
        } scalars[] = {
                { "bool", FIELD_BOOL },     { "int", FIELD_INT },       { "float", FIELD_FLOAT },
                { "string", FIELD_STRING }, { "object", FIELD_OBJECT },
        };
        const char *word;
        int r;

        draft->line = parser->line;

        if (accept(parser, "(")) {
                if (at_enum(parser)) {
                        draft->field.type = FIELD_ENUM;
                        return enum_body(parser, &draft->field.values);
                }
                draft->field.type = FIELD_STRUCT;
                return struct_body(parser, nesting + 1, &draft->field.fields);
        }

        if (is_upper(*parser->p))
                return name(parser, member_name_length, "a type", &draft->reference);

        r = name(parser, field_name_length, "a type", &word);
        if (r != 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(scalars); i++)
                if (streq(word, scalars[i].name)) {
                        draft->field.type = scalars[i].type;
                        return 0;
                }
        return invalid(parser, "no such type:", word);
}

static int type_expression(Parser *parser, unsigned nesting, Draft *draft) {
        if (accept(parser, "?"))
                draft->field.flags |= FIELD_NULLABLE;

        if (accept(parser, "[]"))
                draft->field.flags |= FIELD_ARRAY;
        else if (accept(parser, "[string]"))
                draft->field.flags |= FIELD_MAP;

        skip(parser);
        if (*parser->p == '?' || *parser->p == '[')
                return invalid(parser, "nested containers are not understood everywhere", NULL);
        return base_type(parser, nesting, draft);
}

/* Turns the draft into a table, and notes which of its fields wait for a type. */
static int drafts_finish(Parser *parser, const Drafts *drafts, const Field **ret) {
        Field *fields;

        fields = own(parser->idl, calloc(drafts->n + 1, sizeof(Field)));
        if (!fields)
                return -ENOMEM;

        for (size_t i = 0; i < drafts->n; i++) {
                void *references = parser->references;

                fields[i] = drafts->items[i].field;
                if (!drafts->items[i].reference)
                        continue;
                if (!grow(&references, parser->n_references, sizeof(Reference)))
                        return -ENOMEM;
                parser->references = references;
                parser->references[parser->n_references++] = (Reference) {
                        .field = &fields[i],
                        .name = drafts->items[i].reference,
                        .line = drafts->items[i].line,
                };
        }

        *ret = fields;
        return 0;
}

static int field(Parser *parser, unsigned nesting, Drafts *drafts) {
        void *items = drafts->items;
        Draft draft = {};
        int r;

        r = name(parser, field_name_length, "a field", &draft.field.name);
        if (r != 0)
                return r;
        for (size_t i = 0; i < drafts->n; i++)
                if (streq(drafts->items[i].field.name, draft.field.name))
                        return invalid(parser, "twice the same field:", draft.field.name);

        r = expect(parser, ":");
        if (r == 0)
                r = type_expression(parser, nesting, &draft);
        if (r != 0)
                return r;

        if (!grow(&items, drafts->n, sizeof(Draft)))
                return -ENOMEM;
        drafts->items = items;
        drafts->items[drafts->n++] = draft;
        return 0;
}

/* Behind "(", to ")" included. */
static int struct_body(Parser *parser, unsigned nesting, const Field **ret) {
        _cleanup_(drafts_deinit) Drafts drafts = {};
        int r;

        if (nesting > NESTING_MAX)
                return invalid(parser, "nested too deeply", NULL);

        if (!accept(parser, ")")) {
                do {
                        r = field(parser, nesting, &drafts);
                        if (r != 0)
                                return r;
                } while (accept(parser, ","));

                r = expect(parser, ")");
                if (r != 0)
                        return r;
        } else if (nesting > 0)
                return invalid(parser, "a type without fields is not understood everywhere", NULL);

        return drafts_finish(parser, &drafts, ret);
}

static int enum_values(Parser *parser, void **values, size_t *n) {
        const char *value;
        int r;

        do {
                r = name(parser, field_name_length, "a value", &value);
                if (r != 0)
                        return r;
                for (size_t i = 0; i < *n; i++)
                        if (streq(((const char **) *values)[i], value))
                                return invalid(parser, "twice the same value:", value);
                if (!grow(values, *n, sizeof(char *)))
                        return -ENOMEM;
                ((const char **) *values)[(*n)++] = value;
        } while (accept(parser, ","));

        return expect(parser, ")");
}

static int enum_body(Parser *parser, const char *const **ret) {
        _cleanup_free_ void *values = NULL;
        const char **copy;
        size_t n = 0;
        int r;

        r = enum_values(parser, &values, &n);
        if (r != 0)
                return r;
        if (n < 2)
                return invalid(parser, "an enum of one value is not understood everywhere", NULL);

        copy = own(parser->idl, calloc(n + 1, sizeof(char *)));
        if (!copy)
                return -ENOMEM;
        memcpy(copy, values, n * sizeof(char *));
        *ret = (const char *const *) copy;
        return 0;
}

/* `nesting` 0 allows "()". */
static int parenthesised(Parser *parser, unsigned nesting, const Field **ret) {
        int r;

        r = expect(parser, "(");
        return r ?: struct_body(parser, nesting, ret);
}

static int type_body(Parser *parser, IdlMember *member) {
        int r;

        r = expect(parser, "(");
        if (r != 0)
                return r;
        return at_enum(parser) ? enum_body(parser, &member->values)
                               : struct_body(parser, 1, &member->fields);
}

static int method_body(Parser *parser, IdlMember *member) {
        int r;

        r = parenthesised(parser, 0, &member->fields);
        if (r == 0)
                r = expect(parser, "->");
        return r ?: parenthesised(parser, 0, &member->reply);
}

static int member(Parser *parser) {
        IdlMember member = { .line = parser->line };
        void *members = parser->idl->members;
        const char *keyword;
        int r;

        r = name(parser, field_name_length, "a keyword", &keyword);
        if (r != 0)
                return r;
        r = name(parser, member_name_length, "a member", &member.name);
        if (r != 0)
                return r;
        for (size_t i = 0; i < parser->idl->n_members; i++)
                if (streq(parser->idl->members[i].name, member.name))
                        return invalid(parser, "twice the same member:", member.name);

        if (streq(keyword, "type")) {
                member.kind = IDL_TYPE;
                r = type_body(parser, &member);
        } else if (streq(keyword, "method")) {
                member.kind = IDL_METHOD;
                r = method_body(parser, &member);
        } else if (streq(keyword, "error")) {
                member.kind = IDL_ERROR;
                r = parenthesised(parser, 0, &member.fields);
        } else
                return invalid(parser, "expected type, method or error, not", keyword);
        if (r != 0)
                return r;

        if (!grow(&members, parser->idl->n_members, sizeof(IdlMember)))
                return -ENOMEM;
        parser->idl->members = members;
        parser->idl->members[parser->idl->n_members++] = member;
        return 0;
}

static int resolve(Parser *parser) {
        for (size_t i = 0; i < parser->n_references; i++) {
                const Reference *reference = &parser->references[i];
                const IdlMember *type = idl_find(parser->idl, IDL_TYPE, reference->name);

                if (!type)
                        return invalid_at(parser, reference->line,
                                          "no such type:", reference->name);
                reference->field->type = type->values ? FIELD_ENUM : FIELD_STRUCT;
                reference->field->fields = type->fields;
                reference->field->values = type->values;
        }
        return 0;
}

static int interface(Parser *parser) {
        const char *keyword, *interface_name;
        size_t n_methods = 0;
        int r;

        r = name(parser, field_name_length, "a keyword", &keyword);
        if (r == 0 && !streq(keyword, "interface"))
                r = invalid(parser, "expected interface, not", keyword);
        if (r == 0)
                r = name(parser, interface_name_length, "an interface", &interface_name);
        if (r != 0)
                return r;

        parser->idl->name = strdup(interface_name);
        if (!parser->idl->name)
                return -ENOMEM;

        for (skip(parser); *parser->p != '\0'; skip(parser)) {
                r = member(parser);
                if (r != 0)
                        return r;
        }

        for (size_t i = 0; i < parser->idl->n_members; i++)
                n_methods += parser->idl->members[i].kind == IDL_METHOD;
        if (n_methods == 0)
                return invalid(parser, "an interface without a method is not understood everywhere",
                               NULL);

        return resolve(parser);
}

int idl_parse(const char *text, Idl **ret, char **ret_error) {
        _cleanup_(idl_freep) Idl *idl = calloc(1, sizeof(Idl));
        Parser parser = { .p = text, .line = 1, .idl = idl, .ret_error = ret_error };
        int r;

        if (!idl)
                return -ENOMEM;

        r = interface(&parser);
        free(parser.references);
        if (r != 0)
                return r;

        *ret = TAKE_PTR(idl);
        return 0;
}

const char *idl_name(const Idl *idl) {
        return idl->name;
}

size_t idl_n_members(const Idl *idl) {
        return idl->n_members;
}

const IdlMember *idl_member(const Idl *idl, size_t i) {
        return &idl->members[i];
}

const IdlMember *idl_find(const Idl *idl, IdlKind kind, const char *member_name) {
        for (size_t i = 0; i < idl->n_members; i++)
                if (idl->members[i].kind == kind && streq(idl->members[i].name, member_name))
                        return &idl->members[i];
        return NULL;
}
