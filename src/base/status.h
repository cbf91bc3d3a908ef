/* What every call that can fail returns, and the sentence that goes with it. */
#ifndef TW_BASE_STATUS_H
#define TW_BASE_STATUS_H

#include <stddef.h>

/* 0 is success. A caller decides by the status, a person by the sentence in tw_error. */
enum tw_status {
    TW_OK = 0,
    TW_INVALID,     /* an argument or option is wrong (a person's usage, not data) */
    TW_CORRUPT,     /* data is damaged or truncated */
    TW_UNSUPPORTED, /* data is sound, but of a kind that is not implemented */
    TW_LIMIT,       /* data asks for more than a limit in force allows */
    TW_NOT_FOUND,
    TW_DENIED, /* permission */
    TW_IO,     /* the system said no: disk full, read or write failed */
    TW_NO_MEMORY,
    TW_CONFLICT,    /* two things that must agree do not: digests, settings, existing output */
    TW_INTERRUPTED, /* asked to stop; the same command goes on from here */
};

#define TW_ERROR_SIZE 1024

/* One sentence, without a full stop at its end. Zero-initialise; no release needed. */
struct tw_error {
    enum tw_status status;
    char text[TW_ERROR_SIZE];
};

#define TW_MUST_USE __attribute__((warn_unused_result))
#define TW_PRINTF(at, first) __attribute__((format(printf, at, first)))

/* Writes the sentence and returns `status`, so that a function can end with
 * `return tw_fail(error, TW_CORRUPT, "...")`. `error` may be NULL. */
enum tw_status tw_fail(struct tw_error *error, enum tw_status status, const char *format, ...) TW_PRINTF(3, 4);

/* Puts "context: " before the sentence that is there; returns error's status. `error` may be NULL, then
 * `status` is returned. */
enum tw_status tw_fail_within(struct tw_error *error, enum tw_status status, const char *format, ...) TW_PRINTF(3, 4);

/* TW_NO_MEMORY with a sentence that names the size and the purpose. */
enum tw_status tw_fail_memory(struct tw_error *error, size_t size_bytes, const char *purpose);

/* The status that fits an errno value, with "what OBJECT: strerror". */
enum tw_status tw_fail_errno(struct tw_error *error, int errno_value, const char *what, const char *object);

/* A word for a status, for logs and JSON: "corrupt", "not_found". Never NULL. */
const char *tw_status_name(enum tw_status status);

#endif
