/* TensorFlow Serving's REST API: /v1/models/NAME[/versions/N|/labels/L] with :predict, :classify, /metadata, or nothing for the
 * status. The signature is serving_default: image_bytes and, where the client wants it back, key -> key, prediction (the label's
 * number) and scores. Rows ("instances") and columns ("inputs"). Errors are {"error": "..."}. */
#include "serve/dialect.h"

#include "base/memory.h"
#include "serve/instances.h"
#include "serve/json.h"
#include "serve/server.h"

#include <stdio.h>
#include <string.h>

static const char prefix[] = "/v1/models/";

enum verb { STATUS, METADATA, PREDICT, CLASSIFY, REGRESS };
struct target {
    char *text; /* owned; the others point into it */
    const char *model;
    const char *version; /* number or label; NULL: none was named */
    enum verb verb;
};

struct state {
    enum verb verb;
    bool is_columns;
    struct tw_instances instances;
};

static void release_state(void *context)
{
    struct state *state = context;
    tw_instances_release(&state->instances);
}

static bool owns(const char *path)
{
    return strncmp(path, prefix, sizeof prefix - 1) == 0;
}

static bool malformed(struct tw_exchange *exchange)
{
    return tw_refuse(exchange, 400, "Malformed request: %s %s", exchange->request.method, exchange->request.path);
}

static bool read_verb(char *text, enum verb *verb)
{
    static const struct {
        const char *name;
        enum verb verb;
    } verbs[] = {{":predict", PREDICT}, {":classify", CLASSIFY}, {":regress", REGRESS}, {"/metadata", METADATA}};
    size_t length = strlen(text);
    *verb = STATUS;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        size_t tail = strlen(verbs[i].name);
        if (length > tail && strcmp(text + length - tail, verbs[i].name) == 0) {
            *verb = verbs[i].verb;
            text[length - tail] = 0;
            break;
        }
    }
    return !strchr(text, ':');
}

static bool read_target(struct tw_exchange *exchange, struct target *target)
{
    target->text = tw_strdup(exchange->request.path + sizeof prefix - 1);
    if (!target->text)
        return tw_refuse(exchange, 503, "no memory for a request");
    bool is_sound = read_verb(target->text, &target->verb);
    char *rest = strchr(target->text, '/');
    target->model = target->text;
    if (rest)
        *rest++ = 0;
    if (rest && strncmp(rest, "versions/", 9) == 0)
        target->version = rest + 9;
    else if (rest && strncmp(rest, "labels/", 7) == 0)
        target->version = rest + 7;
    else
        is_sound = is_sound && !rest;
    bool is_number =
        rest && *rest == 'v' && target->version && strspn(target->version, "0123456789") == strlen(target->version);
    if (!is_sound || !*target->model || (target->version && (!*target->version || strchr(target->version, '/'))) ||
        (rest && *rest == 'v' && !is_number))
        return malformed(exchange);
    return true;
}

static bool is_asked(const struct target *target, const struct tw_catalogue_version *version)
{
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)version->number);
    if (!target->version || strcmp(number, target->version) == 0)
        return true;
    const char *at = strstr(version->labels, target->version);
    size_t length = strlen(target->version);
    return at && (at == version->labels || at[-1] == ' ') && (at[length] == 0 || at[length] == ' ');
}

/* What cannot be loaded has left its start for its end, with the reason. */
static bool put_status(struct tw_exchange *exchange, const struct tw_catalogue_version *version, bool is_first)
{
    static const char *const states[] = {
        [TW_SERVED_LOADING] = "LOADING", [TW_SERVED_AVAILABLE] = "AVAILABLE", [TW_SERVED_FAILED] = "END"};
    return tw_response_text(exchange,
                            "%s\n{\"version\": \"%lld\", \"state\": \"%s\", \"status\": {\"error_code\": \"%s\", "
                            "\"error_message\": ",
                            is_first ? "" : ",", (long long)version->number, states[version->state],
                            version->reason ? "FAILED_PRECONDITION" : "OK") &&
           tw_response_quoted(exchange, version->reason ? version->reason : "") && tw_response_text(exchange, "}}");
}

static bool answer_status(struct tw_exchange *exchange, const struct target *target)
{
    struct tw_catalogue_view view = {0};
    struct tw_error error = {0};
    size_t shown = 0;
    if (tw_catalogue_look(tw_server_catalogue(exchange->server), target->model, &view, &error))
        return tw_refuse_by(exchange, &error);
    exchange->response.code = 200;
    bool goes = tw_response_text(exchange, "{\"model_version_status\": [");
    for (size_t i = 0; i < view.models[0].version_count && goes; i++) {
        const struct tw_catalogue_version *version = &view.models[0].versions[i];
        if (is_asked(target, version))
            goes = put_status(exchange, version, shown++ == 0);
    }
    tw_catalogue_view_release(&view);
    if (goes && target->version && shown == 0)
        return tw_refuse(exchange, 404, "model %s has no version %s", target->model, target->version);
    return goes && tw_response_text(exchange, "]\n}\n");
}

static bool put_tensor(struct tw_exchange *exchange, const char *name, const char *type, size_t second, bool is_last)
{
    if (!tw_response_text(exchange,
                          "\"%s\":{\"dtype\":\"%s\",\"tensor_shape\":{\"dim\":[{\"size\":\"-1\",\"name\":\"\"}", name,
                          type))
        return false;
    if (second && !tw_response_text(exchange, ",{\"size\":\"%zu\",\"name\":\"\"}", second))
        return false;
    return tw_response_text(exchange, "],\"unknown_rank\":false},\"name\":\"%s:0\"}%s", name, is_last ? "" : ",");
}

static bool answer_metadata(struct tw_exchange *exchange, const struct target *target)
{
    if (!tw_exchange_find(exchange, target->model, target->version))
        return false;
    const struct tw_served *served = exchange->call.served;
    exchange->response.code = 200;
    return tw_response_text(
               exchange,
               "{\"model_spec\":{\"name\":\"%s\",\"signature_name\":\"\",\"version\":\"%lld\"},\"metadata\":{"
               "\"signature_def\":{\"signature_def\":{\"serving_default\":{\"inputs\":{",
               served->model, (long long)served->number) &&
           put_tensor(exchange, "key", "DT_STRING", 0, false) &&
           put_tensor(exchange, "image_bytes", "DT_STRING", 0, true) && tw_response_text(exchange, "},\"outputs\":{") &&
           put_tensor(exchange, "key", "DT_STRING", 0, false) &&
           put_tensor(exchange, "prediction", "DT_INT64", 0, false) &&
           put_tensor(exchange, "scores", "DT_FLOAT", served->labels.count, true) &&
           tw_response_text(exchange, "},\"method_name\":\"tensorflow/serving/predict\"}}}}}\n");
}

static bool read_body(struct tw_exchange *exchange, struct json_object *json)
{
    struct state *state = exchange->state;
    struct json_object *rows, *columns, *signature;
    if (!json_object_is_type(json, json_type_object))
        return tw_refuse(exchange, 400, "the body is no JSON object");
    if (json_object_object_get_ex(json, "signature_name", &signature) && json_object_get_string_len(signature) &&
        strcmp(json_object_get_string(signature), "serving_default") != 0)
        return tw_refuse(exchange, 400, "there is no signature %.100s; there is serving_default",
                         json_object_get_string(signature));
    if (state->verb == CLASSIFY)
        return json_object_object_get_ex(json, "examples", &rows)
                   ? tw_instances_read_rows(exchange, rows, &state->instances)
                   : tw_refuse(exchange, 400, "there are no examples");
    bool has_rows = json_object_object_get_ex(json, "instances", &rows);
    bool has_columns = json_object_object_get_ex(json, "inputs", &columns);
    if (has_rows == has_columns)
        return tw_refuse(exchange, 400, "the body should have %s of instances and inputs",
                         has_rows ? "only one" : "one");
    state->is_columns = has_columns;
    return has_rows ? tw_instances_read_rows(exchange, rows, &state->instances)
                    : tw_instances_read_columns(exchange, columns, &state->instances);
}

static bool ask(struct tw_exchange *exchange, const struct target *target)
{
    struct json_object *json = NULL;
    struct tw_error error = {0};
    struct state *state = tw_alloc(1, sizeof *state);
    if (!state)
        return tw_refuse(exchange, 503, "no memory for a request");
    state->verb = target->verb;
    exchange->state = state;
    exchange->release_state = release_state;
    if (!tw_exchange_find(exchange, target->model, target->version))
        return false;
    if (tw_json_read(exchange->request.body, &json, &error))
        return tw_refuse_by(exchange, &error);
    bool goes = read_body(exchange, json);
    json_object_put(json);
    return goes;
}

static bool begin(struct tw_exchange *exchange)
{
    struct target target = {0};
    bool is_get = strcmp(exchange->request.method, "GET") == 0, is_post = strcmp(exchange->request.method, "POST") == 0;
    exchange->response.content_type = "application/json";
    bool goes = read_target(exchange, &target);
    if (goes && target.verb == STATUS)
        goes = is_get ? answer_status(exchange, &target) : malformed(exchange);
    else if (goes && target.verb == METADATA)
        goes = is_get ? answer_metadata(exchange, &target) : malformed(exchange);
    else if (goes && target.verb == REGRESS)
        goes = is_post ? tw_refuse(exchange, 501, "models of topwork classify: there is nothing to regress")
                       : malformed(exchange);
    else if (goes)
        goes = is_post ? ask(exchange, &target) : malformed(exchange);
    tw_free(target.text);
    return goes;
}

static bool put_classes(struct tw_exchange *exchange, size_t index)
{
    const struct tw_labels *labels = &exchange->call.served->labels;
    const struct tw_answer *answer = &exchange->call.photos[index].answer;
    bool goes = tw_response_text(exchange, index ? ",\n[" : "\n[");
    for (size_t i = 0; i < labels->count && goes; i++)
        goes = tw_response_text(exchange, i ? ", [" : "[") && tw_response_quoted(exchange, labels->names[i]) &&
               tw_response_text(exchange, ", ") && tw_response_float(exchange, answer->scores[i]) &&
               tw_response_text(exchange, "]");
    return goes && tw_response_text(exchange, "]");
}

static bool put_columns(struct tw_exchange *exchange)
{
    const struct state *state = exchange->state;
    const struct tw_call *call = &exchange->call;
    bool goes = tw_response_text(exchange, "{\"outputs\": {");
    for (size_t i = 0; i < call->count && state->instances.has_keys && goes; i++)
        goes = tw_response_text(exchange, i ? ", " : "\"key\": [") &&
               tw_response_quoted(exchange, state->instances.keys[i]);
    goes =
        goes && tw_response_text(exchange, state->instances.has_keys ? "],\n\"prediction\": [" : "\"prediction\": [");
    for (size_t i = 0; i < call->count && goes; i++)
        goes = tw_response_text(exchange, "%s%zu", i ? ", " : "", call->photos[i].answer.best);
    goes = goes && tw_response_text(exchange, "],\n\"scores\": [");
    for (size_t i = 0; i < call->count && goes; i++)
        goes = tw_response_text(exchange, i ? ", " : "") && tw_answer_scores(exchange, &call->photos[i].answer);
    return goes && tw_response_text(exchange, "]}\n}\n");
}

static bool finish(struct tw_exchange *exchange)
{
    const struct state *state = exchange->state;
    const struct tw_call *call = &exchange->call;
    if (!tw_exchange_check(exchange, "image_bytes of instance"))
        return false;
    exchange->response.code = 200;
    if (state->is_columns)
        return put_columns(exchange);
    bool is_classify = state->verb == CLASSIFY;
    bool goes = tw_response_text(exchange, is_classify ? "{\"results\": [" : "{\"predictions\": [");
    for (size_t i = 0; i < call->count && goes; i++)
        goes = is_classify ? put_classes(exchange, i) : tw_instances_put(exchange, &state->instances, i);
    return goes && tw_response_text(exchange, "]\n}\n");
}

static void refuse(struct tw_exchange *exchange)
{
    exchange->response.content_type = "application/json";
    (void)!(tw_response_text(exchange, "{\"error\": ") && tw_response_quoted(exchange, exchange->refusal) &&
            tw_response_text(exchange, "}\n"));
}

const struct tw_dialect tw_dialect_tensorflow_serving = {
    .name = "tensorflow_serving", .owns = owns, .begin = begin, .finish = finish, .refuse = refuse};
