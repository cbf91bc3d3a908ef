/* The Vision API's label detection: POST /v1/images:annotate {"requests": [{"image": {"content": base64}, "features": [{"type":
 * "LABEL_DETECTION", "maxResults": N}]}]}, answered by the general model (serve --general NAME; else the model of the name general,
 * else the only one). An image that cannot be used has an error of its own; the others are answered. Nothing is fetched: an
 * imageUri is such an error. */
#include "serve/dialect.h"

#include "base/memory.h"
#include "serve/json.h"
#include "serve/server.h"
#include "tasks/ranking.h"

#include <stdlib.h>
#include <string.h>

enum { STANDARD_RESULTS = 10, MOST_RESULTS = 1000, INVALID_ARGUMENT = 3, UNIMPLEMENTED = 12, PERMISSION_DENIED = 7 };

/* One request of the list. */
struct question {
    size_t photo; /* of the call, where it has one */
    bool has_photo;
    int code; /* of its error; 0: none */
    const char *error;
    char *detail; /* the rest of the sentence; may be NULL; owned */
    size_t most;
};

struct state {
    struct question *questions;
    size_t count;
};

static void release_state(void *context)
{
    struct state *state = context;
    for (size_t i = 0; i < state->count; i++)
        tw_free(state->questions[i].detail);
    tw_free(state->questions);
}

static bool owns(const char *path)
{
    return strcmp(path, "/v1/images:annotate") == 0 || strcmp(path, "/v1p1beta1/images:annotate") == 0;
}

static void fail_question(struct question *question, int code, const char *error, const char *detail)
{
    question->code = code;
    question->error = error;
    question->detail = detail ? tw_strdup(detail) : NULL;
}

/* How many labels are wanted; no label detection among the features is an error of this image. */
static void read_features(struct json_object *request, struct question *question)
{
    struct json_object *features, *type, *most;
    question->most = STANDARD_RESULTS;
    if (!json_object_object_get_ex(request, "features", &features) || !json_object_is_type(features, json_type_array)) {
        fail_question(question, INVALID_ARGUMENT, "the request has no features", NULL);
        return;
    }
    for (size_t i = 0; i < json_object_array_length(features); i++) {
        struct json_object *feature = json_object_array_get_idx(features, i);
        if (!json_object_is_type(feature, json_type_object) || !json_object_object_get_ex(feature, "type", &type) ||
            !json_object_is_type(type, json_type_string) ||
            strcmp(json_object_get_string(type), "LABEL_DETECTION") != 0)
            continue;
        int64_t wanted = json_object_object_get_ex(feature, "maxResults", &most) ? json_object_get_int64(most) : 0;
        if (wanted > 0)
            question->most = wanted > MOST_RESULTS ? MOST_RESULTS : (size_t)wanted;
        return;
    }
    fail_question(question, UNIMPLEMENTED, "only LABEL_DETECTION is answered here", NULL);
}

static bool read_image(struct tw_exchange *exchange, struct json_object *request, struct question *question)
{
    struct json_object *image, *content, *source;
    struct tw_buffer decoded = {0};
    struct tw_error error = {0};
    if (!json_object_object_get_ex(request, "image", &image) || !json_object_is_type(image, json_type_object)) {
        fail_question(question, INVALID_ARGUMENT, "the request has no image", NULL);
    } else if (!json_object_object_get_ex(image, "content", &content) ||
               !json_object_is_type(content, json_type_string)) {
        bool has_source = json_object_object_get_ex(image, "source", &source);
        fail_question(question, has_source ? PERMISSION_DENIED : INVALID_ARGUMENT,
                      has_source ? "this server fetches no images: send their content" : "the image has no content",
                      NULL);
    } else if (tw_base64_decode(json_object_get_string(content), (size_t)json_object_get_string_len(content), &decoded,
                                &error)) {
        tw_buffer_release(&decoded);
        fail_question(question, INVALID_ARGUMENT, "the image's content: ", error.text);
    } else {
        question->photo = exchange->call.count;
        question->has_photo = true;
        return tw_exchange_add_owned(exchange, &decoded);
    }
    return true;
}

static bool read_requests(struct tw_exchange *exchange, struct json_object *json)
{
    struct state *state = exchange->state;
    struct json_object *list;
    size_t most = tw_server_limits(exchange->server)->most_photos;
    if (!json_object_is_type(json, json_type_object) || !json_object_object_get_ex(json, "requests", &list) ||
        !json_object_is_type(list, json_type_array) || json_object_array_length(list) == 0)
        return tw_refuse(exchange, 400, "the body should be {\"requests\": [{\"image\": .., \"features\": ..}]}");
    size_t count = json_object_array_length(list);
    if (count > most)
        return tw_refuse(exchange, 413, "there are %zu requests, over the limit of %zu", count, most);
    state->questions = tw_alloc(count, sizeof *state->questions);
    if (!state->questions)
        return tw_refuse(exchange, 503, "no memory for a request");
    bool goes = true;
    for (; state->count < count && goes; state->count++) {
        struct question *question = &state->questions[state->count];
        struct json_object *request = json_object_array_get_idx(list, state->count);
        if (!json_object_is_type(request, json_type_object)) {
            fail_question(question, INVALID_ARGUMENT, "the request is no object", NULL);
            continue;
        }
        read_features(request, question);
        goes = question->code || read_image(exchange, request, question);
    }
    return goes;
}

static bool put_labels(struct tw_exchange *exchange, const struct tw_answer *answer, size_t most)
{
    const struct tw_labels *labels = &exchange->call.served->labels;
    struct tw_ranked *ranking = tw_alloc(labels->count, sizeof *ranking);
    if (!ranking)
        return tw_refuse(exchange, 503, "no memory for an answer");
    tw_rank(answer->scores, labels->count, ranking);
    bool goes = tw_response_text(exchange, "{\"labelAnnotations\":[");
    for (size_t i = 0; i < most && i < labels->count && ranking[i].score > 0 && goes; i++)
        goes = tw_response_text(exchange, i ? ",{\"description\":" : "{\"description\":") &&
               tw_response_quoted(exchange, labels->names[ranking[i].label]) &&
               tw_response_text(exchange, ",\"score\":") && tw_response_float(exchange, ranking[i].score) &&
               tw_response_text(exchange, ",\"topicality\":") && tw_response_float(exchange, ranking[i].score) &&
               tw_response_text(exchange, "}");
    tw_free(ranking);
    return goes && tw_response_text(exchange, "]}");
}

static bool put_error(struct tw_exchange *exchange, int code, const char *error, const char *detail)
{
    return tw_response_text(exchange, "{\"error\":{\"code\":%d,\"message\":\"", code) &&
           tw_response_escaped(exchange, error) && tw_response_escaped(exchange, detail ? detail : "") &&
           tw_response_text(exchange, "\"}}");
}

static bool finish(struct tw_exchange *exchange)
{
    const struct state *state = exchange->state;
    exchange->response.code = 200;
    bool goes = tw_response_text(exchange, "{\"responses\":[");
    for (size_t i = 0; i < state->count && goes; i++) {
        const struct question *question = &state->questions[i];
        const struct tw_answer *answer = question->has_photo ? &exchange->call.photos[question->photo].answer : NULL;
        goes = tw_response_text(exchange, i ? "," : "");
        if (question->code)
            goes = goes && put_error(exchange, question->code, question->error, question->detail);
        else if (answer && answer->status)
            goes = goes && put_error(exchange, INVALID_ARGUMENT, "bad image data: ", answer->reason);
        else if (answer)
            goes = goes && put_labels(exchange, answer, question->most);
    }
    return goes && tw_response_text(exchange, "]}\n");
}

static bool find_model(struct tw_exchange *exchange)
{
    struct tw_error error = {0};
    struct tw_catalogue *catalogue = tw_server_catalogue(exchange->server);
    const char *named = tw_server_general(exchange->server);
    if (named || tw_catalogue_get(catalogue, "general", NULL, &exchange->call.served, &error) == TW_NOT_FOUND)
        return tw_exchange_find(exchange, named, NULL);
    return exchange->call.served ? true : tw_refuse(exchange, 503, "%s", error.text);
}

static bool begin(struct tw_exchange *exchange)
{
    struct json_object *json = NULL;
    struct tw_error error = {0};
    exchange->response.content_type = "application/json";
    if (strcmp(exchange->request.method, "POST") != 0)
        return tw_refuse(exchange, 405, "%s takes POST", exchange->request.path);
    exchange->state = tw_alloc(1, sizeof(struct state));
    exchange->release_state = exchange->state ? release_state : NULL;
    if (!exchange->state)
        return tw_refuse(exchange, 503, "no memory for a request");
    if (!find_model(exchange))
        return false;
    if (tw_json_read(exchange->request.body, &json, &error))
        return tw_refuse_by(exchange, &error);
    bool goes = read_requests(exchange, json);
    json_object_put(json);
    return goes && (exchange->call.count || finish(exchange));
}

static void refuse(struct tw_exchange *exchange)
{
    unsigned code = exchange->response.code;
    exchange->response.content_type = "application/json";
    (void)!(tw_response_text(exchange, "{\"error\":{\"code\":%u,\"message\":", code) &&
            tw_response_quoted(exchange, exchange->refusal) &&
            tw_response_text(exchange, ",\"status\":\"%s\"}}\n", tw_google_status(code)));
}

const struct tw_dialect tw_dialect_vision = {
    .name = "vision", .owns = owns, .begin = begin, .finish = finish, .refuse = refuse};
