/* A way of speaking: paths, bodies and errors as one of the known servers has them, over the same core. One file and one table
 * line each. */
#ifndef TW_SERVE_DIALECT_H
#define TW_SERVE_DIALECT_H

#include "serve/exchange.h"

struct tw_dialect {
    const char *name; /* "tensorflow_serving": in metrics and the log */
    bool (*owns)(const char *path);
    bool (*is_public)(const char *path); /* needs no token; NULL: nothing does */
    /* Reads the request, whose body is whole. True: exchange->response is the answer, or exchange->call holds photos that are to
     * be answered first. False: refused (tw_refuse). */
    bool (*begin)(struct tw_exchange *exchange);
    /* After the call: the answer. False: refused. */
    bool (*finish)(struct tw_exchange *exchange);
    /* The body of a refusal, the code of which stands in exchange->response.code. */
    void (*refuse)(struct tw_exchange *exchange);
};
extern const struct tw_dialect tw_dialect_plain, tw_dialect_tensorflow_serving, tw_dialect_health, tw_dialect_cloud_ml,
    tw_dialect_kserve, tw_dialect_page, tw_dialect_vision;

enum { TW_MOST_DIALECTS = 12 };
extern const struct tw_dialect *const tw_dialects[]; /* in dialects/table.c */
extern const size_t tw_dialect_count;
size_t tw_dialect_index(const struct tw_dialect *dialect);
/* Google's word for an HTTP status, as its APIs' errors have it: "INVALID_ARGUMENT". Static. */
const char *tw_google_status(unsigned code);
/* The dialect that owns a path; the plain one where no other does. */
const struct tw_dialect *tw_dialect_of(const char *path);

#endif
