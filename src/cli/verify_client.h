/* A small client of HTTP/1.0 over plain TCP: one request a connection. */
#ifndef TW_CLI_VERIFY_CLIENT_H
#define TW_CLI_VERIFY_CLIENT_H

#include "base/bytes.h"

struct tw_client {
    char host[256], port[8];
    const char *token; /* goes along as a bearer token; NULL: none */
};
/* http://HOST[:PORT][/REST]; *rest points into `url` behind that slash, or to its end. TW_INVALID: it is none. */
enum tw_status tw_client_init(struct tw_client *client, const char *url, const char **rest,
                              struct tw_error *error) TW_MUST_USE;
/* The answer's code and body; an empty `body` is a GET. At most 64 MiB come back; 60 s for each read. */
enum tw_status tw_client_ask(const struct tw_client *client, const char *path, struct tw_span body, int *code,
                             struct tw_buffer *answer, struct tw_error *error) TW_MUST_USE;

#endif
