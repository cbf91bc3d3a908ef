#include "serve/exchange.h"

#include "base/memory.h"
#include "serve/json.h"
#include "serve/server.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *tw_request_header(const struct tw_request *request, const char *name)
{
    return request->header(request->connection, name);
}

const char *tw_request_query(const struct tw_request *request, const char *name)
{
    return request->query(request->connection, name);
}

static bool refuse(struct tw_exchange *exchange, unsigned code)
{
    exchange->response.code = code;
    tw_buffer_clear(&exchange->response.body);
    return false;
}

bool tw_refuse(struct tw_exchange *exchange, unsigned code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(exchange->refusal, sizeof exchange->refusal, format, arguments);
    va_end(arguments);
    return refuse(exchange, code);
}

bool tw_refuse_by(struct tw_exchange *exchange, const struct tw_error *error)
{
    unsigned code = 500;
    switch (error->status) {
    case TW_INVALID:
    case TW_CORRUPT:
    case TW_UNSUPPORTED:
        code = 400;
        break;
    case TW_NOT_FOUND:
        code = 404;
        break;
    case TW_LIMIT:
        code = 413;
        break;
    case TW_CONFLICT:
        code = 409;
        break;
    case TW_NO_MEMORY:
        code = 503;
        break;
    case TW_INTERRUPTED:
        code = 504;
        break;
    case TW_DENIED:
        code = 403;
        break;
    case TW_OK:
    case TW_IO:
        break;
    }
    return tw_refuse(exchange, code, "%s", error->text);
}

bool tw_exchange_find(struct tw_exchange *exchange, const char *model, const char *version)
{
    struct tw_error error = {0};
    struct tw_catalogue *catalogue = tw_server_catalogue(exchange->server);
    char *only = model ? NULL : tw_catalogue_only_model(catalogue);
    if (!model && !only)
        return tw_refuse(exchange, 404, "say which model: /predict/NAME; there is not just one");
    enum tw_status status = tw_catalogue_get(catalogue, model ? model : only, version, &exchange->call.served, &error);
    tw_free(only);
    if (status == TW_CONFLICT) /* it is there and cannot answer now */
        return tw_refuse(exchange, 503, "%s", error.text);
    return status ? tw_refuse_by(exchange, &error) : true;
}

bool tw_exchange_add(struct tw_exchange *exchange, struct tw_span bytes)
{
    struct tw_error error = {0};
    struct tw_call *call = &exchange->call;
    if (tw_grow((void **)&call->photos, &exchange->photo_capacity, call->count + 1, sizeof *call->photos, &error))
        return tw_refuse_by(exchange, &error);
    call->photos[call->count++] = (struct tw_photo){.bytes = bytes};
    return true;
}

bool tw_exchange_add_owned(struct tw_exchange *exchange, struct tw_buffer *bytes)
{
    struct tw_error error = {0};
    if (tw_grow((void **)&exchange->owned, &exchange->owned_capacity, exchange->owned_count + 1,
                sizeof *exchange->owned, &error)) {
        tw_buffer_release(bytes);
        return tw_refuse_by(exchange, &error);
    }
    exchange->owned[exchange->owned_count++] = *bytes;
    struct tw_span span = tw_buffer_span(bytes);
    *bytes = (struct tw_buffer){0};
    return tw_exchange_add(exchange, span);
}

bool tw_response_header(struct tw_exchange *exchange, const char *name, const char *format, ...)
{
    struct tw_response *response = &exchange->response;
    char value[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    char *copy = response->header_count < TW_MOST_HEADERS ? tw_strdup(value) : NULL;
    if (!copy)
        return tw_refuse(exchange, 500, "no memory for an answer's headers");
    response->headers[response->header_count].name = name;
    response->headers[response->header_count++].value = copy;
    return true;
}

bool tw_response_text(struct tw_exchange *exchange, const char *format, ...)
{
    struct tw_buffer *body = &exchange->response.body;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0 || tw_buffer_reserve(body, body->size + (size_t)length + 1, NULL))
        return tw_refuse(exchange, 503, "no memory for an answer");
    va_start(arguments, format);
    vsnprintf((char *)body->data + body->size, (size_t)length + 1, format, arguments);
    va_end(arguments);
    body->size += (size_t)length;
    return true;
}

bool tw_response_quoted(struct tw_exchange *exchange, const char *text)
{
    return tw_json_put_text(&exchange->response.body, text, NULL) ? tw_refuse(exchange, 503, "no memory for an answer")
                                                                  : true;
}

bool tw_response_base64(struct tw_exchange *exchange, struct tw_span bytes)
{
    return tw_base64_put(&exchange->response.body, bytes, NULL) ? tw_refuse(exchange, 503, "no memory for an answer")
                                                                : true;
}

bool tw_response_float(struct tw_exchange *exchange, float value)
{
    return tw_json_put_float(&exchange->response.body, value, NULL)
               ? tw_refuse(exchange, 503, "no memory for an answer")
               : true;
}

bool tw_response_escaped(struct tw_exchange *exchange, const char *text)
{
    return tw_json_put_escaped(&exchange->response.body, text, NULL)
               ? tw_refuse(exchange, 503, "no memory for an answer")
               : true;
}

bool tw_exchange_check(struct tw_exchange *exchange, const char *what)
{
    for (size_t i = 0; i < exchange->call.count; i++) {
        const struct tw_answer *answer = &exchange->call.photos[i].answer;
        const struct tw_error error = {.status = answer->status};
        if (!answer->status)
            continue;
        tw_refuse_by(exchange, &error);
        return tw_refuse(exchange, exchange->response.code, "%s %zu: %s", what, i,
                         answer->reason ? answer->reason : "no memory");
    }
    return true;
}

void tw_exchange_release(struct tw_exchange *exchange)
{
    for (size_t i = 0; i < exchange->call.count; i++)
        tw_answer_release(&exchange->call.photos[i].answer);
    for (size_t i = 0; i < exchange->owned_count; i++)
        tw_buffer_release(&exchange->owned[i]);
    for (size_t i = 0; i < exchange->response.header_count; i++)
        tw_free(exchange->response.headers[i].value);
    if (exchange->release_state)
        exchange->release_state(exchange->state);
    tw_free(exchange->state);
    tw_free(exchange->call.photos);
    tw_free(exchange->owned);
    tw_buffer_release(&exchange->response.body);
    tw_served_put(exchange->call.served);
    *exchange = (struct tw_exchange){0};
}
