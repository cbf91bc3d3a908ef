#include "base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const names[] = {
    [TW_OK] = "ok",
    [TW_INVALID] = "invalid",
    [TW_CORRUPT] = "corrupt",
    [TW_UNSUPPORTED] = "unsupported",
    [TW_LIMIT] = "limit",
    [TW_NOT_FOUND] = "not_found",
    [TW_DENIED] = "denied",
    [TW_IO] = "io",
    [TW_NO_MEMORY] = "no_memory",
    [TW_CONFLICT] = "conflict",
    [TW_INTERRUPTED] = "interrupted",
};

const char *tw_status_name(enum tw_status status)
{
    return (size_t)status < sizeof names / sizeof *names ? names[status] : "unknown";
}

/* Names out of files may hold anything: a line end would break the sentence, an escape would speak to the terminal. */
static void hide_controls(char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?';
    }
}

enum tw_status tw_fail(struct tw_error *error, enum tw_status status, const char *format, ...)
{
    if (error) {
        va_list args;
        va_start(args, format);
        error->status = status;
        vsnprintf(error->text, sizeof error->text, format, args);
        va_end(args);
        hide_controls(error->text);
    }
    return status;
}

enum tw_status tw_fail_within(struct tw_error *error, enum tw_status status, const char *format, ...)
{
    if (!error)
        return status;
    char inner[TW_ERROR_SIZE];
    memcpy(inner, error->text, sizeof inner);
    va_list args;
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    hide_controls(error->text);
    size_t used = strlen(error->text);
    snprintf(error->text + used, sizeof error->text - used, ": %.*s", (int)(sizeof error->text - used), inner);
    error->status = status;
    return status;
}

enum tw_status tw_fail_memory(struct tw_error *error, size_t size_bytes, const char *purpose)
{
    return tw_fail(error, TW_NO_MEMORY, "no memory for %s (%zu bytes)", purpose, size_bytes);
}

enum tw_status tw_fail_errno(struct tw_error *error, int errno_value, const char *what, const char *object)
{
    enum tw_status status = TW_IO;
    if (errno_value == ENOENT || errno_value == ENOTDIR)
        status = TW_NOT_FOUND;
    else if (errno_value == EACCES || errno_value == EPERM)
        status = TW_DENIED;
    else if (errno_value == ENOMEM)
        status = TW_NO_MEMORY;
    else if (errno_value == EEXIST)
        status = TW_CONFLICT;
    char reason[128];
    return tw_fail(error, status, "%s %s: %s", what, object, strerror_r(errno_value, reason, sizeof reason));
}
