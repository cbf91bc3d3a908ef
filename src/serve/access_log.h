/* One JSON line a request: time, id, address, method, path, code, dialect, bytes, seconds, photos, model, version. */
#ifndef TW_SERVE_ACCESS_LOG_H
#define TW_SERVE_ACCESS_LOG_H

#include "serve/exchange.h"

struct tw_access_log;
/* Appends to a file; "-" is standard output. */
enum tw_status tw_access_log_open(const char *path, struct tw_access_log **log, struct tw_error *error) TW_MUST_USE;
/* A line is written whole; one that cannot be written is lost. Thread-safe. */
void tw_access_log_write(struct tw_access_log *log, const struct tw_exchange *exchange, double seconds);
void tw_access_log_close(struct tw_access_log *log); /* NULL is fine */

#endif
