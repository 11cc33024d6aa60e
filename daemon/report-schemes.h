/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Schemes in the wire's words. */
#pragma once

#include "scheme/set.h"
#include "sight.h"
#include "wire/writer.h"

/* Writes key: {…}, a Scheme. */
void report_scheme(Writer *writer, const char *key, const SchemeView *view);

/* Writes "schemes": […], as of `now` on the clock that the set knows. */
void report_schemes(Writer *writer, const SchemeSet *set, nsec_t now);

/* Writes "acts": […], at most `limit` of them. */
void report_acts(Writer *writer, Engine *engine, size_t limit, const View *view);

/* Why a scheme does nothing, in words; empty when it may act. */
void scheme_explain(const SchemeView *view, char *text, size_t size);
