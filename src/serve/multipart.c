/* body: "--BOUNDARY" CRLF headers CRLF CRLF content { CRLF "--BOUNDARY" CRLF headers CRLF CRLF content } CRLF "--BOUNDARY--" */
#include "serve/multipart.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

enum { LONGEST_BOUNDARY = 70, MOST_PARTS = 10000, LONGEST_HEADERS = 8192 };

void tw_parts_release(struct tw_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        tw_free(parts->parts[i].name);
    tw_free(parts->parts);
    *parts = (struct tw_parts){0};
}

/* CRLF "--" and the boundary that the header names, into `mark`. */
static enum tw_status read_mark(const char *type, char mark[LONGEST_BOUNDARY + 5], struct tw_error *error)
{
    const char *at = strcasestr(type, "boundary=");
    if (!at)
        return tw_fail(error, TW_CORRUPT, "the Content-Type names no boundary");
    at += strlen("boundary=");
    bool is_quoted = *at == '"';
    at += is_quoted;
    size_t length = strcspn(at, is_quoted ? "\"" : "; \t");
    if (length == 0 || length > LONGEST_BOUNDARY)
        return tw_fail(error, TW_CORRUPT, "the boundary of the form has %zu characters, 1 to %d can be", length,
                       LONGEST_BOUNDARY);
    memcpy(mark, "\r\n--", 4);
    memcpy(mark + 4, at, length);
    mark[length + 4] = 0;
    return TW_OK;
}

static bool find(struct tw_span span, size_t from, const char *text, size_t *at)
{
    const uint8_t *found = from <= span.size ? memmem(span.data + from, span.size - from, text, strlen(text)) : NULL;
    if (found)
        *at = (size_t)(found - span.data);
    return found != NULL;
}

/* The value of `parameter="..."` in the part's headers. Owned; NULL: it is not there, or no memory. */
static char *parameter_of(struct tw_span headers, const char *parameter)
{
    size_t at, end;
    char wanted[32];
    snprintf(wanted, sizeof wanted, "%s=\"", parameter);
    for (size_t from = 0; find(headers, from, wanted, &at); from = at + 1) {
        size_t start = at + strlen(wanted);
        bool is_word = at == 0 || strchr("; \t", headers.data[at - 1]);
        if (is_word && find(headers, start, "\"", &end))
            return tw_strndup((const char *)headers.data + start, end - start);
    }
    return NULL;
}

static enum tw_status add_part(struct tw_parts *parts, struct tw_span headers, struct tw_span content,
                               struct tw_error *error)
{
    char *name = parameter_of(headers, "filename");
    if (!name)
        return TW_OK; /* a field that is no file */
    if (!*name) {
        tw_free(name);
        name = parameter_of(headers, "name");
    }
    enum tw_status status =
        parts->count < MOST_PARTS
            ? tw_grow((void **)&parts->parts, &parts->capacity, parts->count + 1, sizeof *parts->parts, error)
            : tw_fail(error, TW_LIMIT, "the form has more than %d files", MOST_PARTS);
    if (!status && !name)
        status = tw_fail_memory(error, 1, "a file's name");
    if (status) {
        tw_free(name);
        return status;
    }
    parts->parts[parts->count++] = (struct tw_part){name, content};
    return TW_OK;
}

enum tw_status tw_parts_read(struct tw_span body, const char *type, struct tw_parts *parts, struct tw_error *error)
{
    char mark[LONGEST_BOUNDARY + 5];
    struct tw_parts made = {0};
    enum tw_status status = read_mark(type, mark, error);
    if (status)
        return status;
    size_t length = strlen(mark), at = length - 2;
    if (!tw_span_starts(body, mark + 2, length - 2))
        return tw_fail(error, TW_CORRUPT, "the form does not begin with its boundary");
    while (!status && !(body.size - at >= 2 && memcmp(body.data + at, "--", 2) == 0)) {
        size_t headers, content;
        if (body.size - at < 2 || memcmp(body.data + at, "\r\n", 2) != 0 || !find(body, at, "\r\n\r\n", &headers) ||
            headers - at > LONGEST_HEADERS || !find(body, headers + 2, mark, &content)) {
            status = tw_fail(error, TW_CORRUPT, "the form's part %zu does not end", made.count);
            break;
        }
        size_t start = headers + 4 < content ? headers + 4 : content;
        status = add_part(&made, tw_span_of(body.data + at, headers - at),
                          tw_span_of(body.data + start, content - start), error);
        at = content + length;
    }
    if (!status && made.count == 0)
        status = tw_fail(error, TW_CORRUPT, "the form holds no file");
    if (status) {
        tw_parts_release(&made);
        return status;
    }
    *parts = made;
    return TW_OK;
}
