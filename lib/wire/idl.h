/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads interface text, in the subset that every known parser takes: lower case, LF, fields in
 * snake_case, no nested containers, no empty types, enums of two values or more, a method at least.
 * For the tests: they hold dispatch tables, parameters and replies against the text. */
#pragma once

#include <stddef.h>

#include "base/macro.h"
#include "wire/field.h"

enum {
        IDL_E_INVALID = 1,
};

typedef enum IdlKind {
        IDL_TYPE,
        IDL_METHOD,
        IDL_ERROR,
} IdlKind;

typedef struct IdlMember {
        IdlKind kind;
        const char *name;
        unsigned line;
        /* Of a type or an error: its fields. Of a method: its parameters. NULL for an enum. */
        const Field *fields;
        const char *const *values; /* of an enum type */
        const Field *reply;        /* of a method */
} IdlMember;

typedef struct Idl Idl;

/* 0; IDL_E_INVALID with "line: what is wrong"; -ENOMEM. */
int idl_parse(const char *text, Idl **ret, char **ret_error);
Idl *idl_free(Idl *idl);

const char *idl_name(const Idl *idl);

/* Members in the order of the text. */
size_t idl_n_members(const Idl *idl);
const IdlMember *idl_member(const Idl *idl, size_t i);
const IdlMember *idl_find(const Idl *idl, IdlKind kind, const char *name);

static inline void idl_freep(Idl **idl) {
        *idl = idl_free(*idl);
}
