/* One request and its answer, as dialects see them: no sockets here. */
#ifndef TW_SERVE_EXCHANGE_H
#define TW_SERVE_EXCHANGE_H

#include "serve/catalogue.h"
#include "serve/workers.h"

enum { TW_REQUEST_ID_SIZE = 65, TW_ADDRESS_SIZE = 48, TW_MOST_HEADERS = 8 };

/* Borrowed for as long as the exchange lives. */
struct tw_request {
    const char *method, *path; /* path: decoded, without the query */
    struct tw_span body;
    char id[TW_REQUEST_ID_SIZE];
    char address[TW_ADDRESS_SIZE]; /* the peer's, without its port */
    double started_s;              /* on tw_clock_seconds() */
    /* Values by name, for exchange.c's callers; NULL: not there. */
    const char *(*header)(const void *connection, const char *name);
    const char *(*query)(const void *connection, const char *name);
    const void *connection;
};
const char *tw_request_header(const struct tw_request *request, const char *name);
const char *tw_request_query(const struct tw_request *request, const char *name);

struct tw_response {
    unsigned code;            /* HTTP's; 0: there is none yet */
    const char *content_type; /* static */
    struct tw_buffer body;
    struct {
        const char *name; /* static */
        char *value;      /* owned */
    } headers[TW_MOST_HEADERS];
    size_t header_count;
    size_t sent_bytes;    /* out: of the body */
    struct tw_span fixed; /* static bytes in place of `body`, where its data is set */
};

struct tw_dialect;
struct tw_server;

/* Owned by the server. */
struct tw_exchange {
    struct tw_server *server;
    const struct tw_dialect *dialect;
    bool is_admin; /* it came in on the admin address */
    struct tw_request request;
    struct tw_response response;
    struct tw_call call; /* photos to be answered: what `begin` leaves here */
    size_t photo_capacity;
    struct tw_buffer *owned; /* the photos' bytes, where they are not the body's */
    size_t owned_count, owned_capacity;
    char refusal[TW_ERROR_SIZE]; /* the sentence that goes with a refusing code */
    void *state;                 /* the dialect's own, from tw_alloc of one block */
    void (*release_state)(void *state);
};

/* Says no: always false, so that a function can end with it. */
bool tw_refuse(struct tw_exchange *exchange, unsigned code, const char *format, ...) TW_PRINTF(3, 4);
/* The same by a library's status: 400 for what came, 404, 413, 503 ... */
bool tw_refuse_by(struct tw_exchange *exchange, const struct tw_error *error);
/* The version that is asked for goes into the call. NULL: the only model; the default. */
bool tw_exchange_find(struct tw_exchange *exchange, const char *model, const char *version);
/* One more photo: borrowed bytes, or bytes that change hands (cleared). */
bool tw_exchange_add(struct tw_exchange *exchange, struct tw_span bytes);
bool tw_exchange_add_owned(struct tw_exchange *exchange, struct tw_buffer *bytes);
/* After the call: refuses by the first photo that could not be used, as "WHAT 3: reason". */
bool tw_exchange_check(struct tw_exchange *exchange, const char *what);
bool tw_response_header(struct tw_exchange *exchange, const char *name, const char *format, ...) TW_PRINTF(3, 4);
/* Appends to the body; a failure (memory) becomes a refusal. */
bool tw_response_text(struct tw_exchange *exchange, const char *format, ...) TW_PRINTF(2, 3);
bool tw_response_quoted(struct tw_exchange *exchange, const char *text);  /* as a JSON string */
bool tw_response_escaped(struct tw_exchange *exchange, const char *text); /* as the inside of one */
bool tw_response_base64(struct tw_exchange *exchange, struct tw_span bytes);
bool tw_response_float(struct tw_exchange *exchange, float value); /* as a JSON number */
void tw_exchange_release(struct tw_exchange *exchange);

#endif
