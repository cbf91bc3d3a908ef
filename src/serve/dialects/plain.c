/* The plain way: POST /predict, /predict/NAME or /predict/NAME/VERSION with a photo's bytes as the body, or a form (multipart)
 * with several; ?top=N&nearest=N. The answer is what `topwork predict --json` prints: key, prediction, score, scores, sureness; of several
 * photos {"predictions": [...]}, in which one that cannot be used has an error in place of an answer. GET /models lists.
 * POST /corrections/NAME?label=L[&version=N&prediction=P&score=S] with a photo: the answer was wrong, it is L. */
#include "serve/dialect.h"

#include "base/memory.h"
#include "base/text.h"
#include "serve/json.h"
#include "serve/multipart.h"
#include "serve/server.h"
#include "store/store.h"
#include "tasks/predict.h"
#include "tasks/ranking.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_NEAREST = 24 };

struct state {
    size_t top;            /* 0: all */
    bool is_form;          /* several photos may have come: the answer is a list */
    struct tw_parts parts; /* their names */
};

static void release_state(void *context)
{
    struct state *state = context;
    tw_parts_release(&state->parts);
}

static bool owns(const char *path)
{
    (void)path;
    return true;
}

static bool list_versions(struct tw_exchange *exchange, const struct tw_catalogue_model *model)
{
    bool goes = true;
    for (size_t i = 0; i < model->version_count && goes; i++) {
        const struct tw_catalogue_version *version = &model->versions[i];
        goes = tw_response_text(exchange, "%s{\"version\":%lld,\"name\":", i ? "," : "", (long long)version->number) &&
               (version->name ? tw_response_quoted(exchange, version->name) : tw_response_text(exchange, "null")) &&
               tw_response_text(exchange, ",\"labels\":") && tw_response_quoted(exchange, version->labels) &&
               tw_response_text(exchange, ",\"default\":%s,\"state\":\"%s\"", version->is_default ? "true" : "false",
                                tw_served_state_name(version->state)) &&
               (!version->reason ||
                (tw_response_text(exchange, ",\"reason\":") && tw_response_quoted(exchange, version->reason))) &&
               tw_response_text(exchange, "}");
    }
    return goes;
}

static bool list_models(struct tw_exchange *exchange)
{
    struct tw_catalogue_view view = {0};
    struct tw_error error = {0};
    if (tw_catalogue_look(tw_server_catalogue(exchange->server), NULL, &view, &error))
        return tw_refuse_by(exchange, &error);
    exchange->response.code = 200;
    bool goes = tw_response_text(exchange, "{\"models\":[");
    for (size_t i = 0; i < view.model_count && goes; i++)
        goes = tw_response_text(exchange, "%s{\"name\":", i ? "," : "") &&
               tw_response_quoted(exchange, view.models[i].name) && tw_response_text(exchange, ",\"description\":") &&
               tw_response_quoted(exchange, view.models[i].description) &&
               tw_response_text(exchange, ",\"versions\":[") && list_versions(exchange, &view.models[i]) &&
               tw_response_text(exchange, "]}");
    tw_catalogue_view_release(&view);
    return goes && tw_response_text(exchange, "]}\n");
}

/* /predict[/NAME[/VERSION]]: the call's version. */
static bool find_version(struct tw_exchange *exchange)
{
    char *rest = tw_strdup(exchange->request.path + strlen("/predict"));
    if (!rest)
        return tw_refuse(exchange, 503, "no memory for a request");
    char *model = *rest ? rest + 1 : rest, *version = strchr(model, '/');
    if (version)
        *version++ = 0;
    bool is_found = tw_exchange_find(exchange, *model ? model : NULL, version && *version ? version : NULL);
    tw_free(rest);
    return is_found;
}

static bool read_photos(struct tw_exchange *exchange, struct state *state)
{
    struct tw_error error = {0};
    const char *type = tw_request_header(&exchange->request, "Content-Type");
    state->is_form = type && strncasecmp(type, "multipart/form-data", 19) == 0;
    if (!state->is_form && exchange->request.body.size == 0)
        return tw_refuse(exchange, 400,
                         "the body is empty, it should be a photo's bytes: curl --data-binary @photo.jpg");
    if (!state->is_form)
        return tw_exchange_add(exchange, exchange->request.body);
    if (tw_parts_read(exchange->request.body, type, &state->parts, &error))
        return tw_refuse_by(exchange, &error);
    bool goes = true;
    for (size_t i = 0; i < state->parts.count && goes; i++)
        goes = tw_exchange_add(exchange, state->parts.parts[i].content);
    return goes;
}

static bool predict(struct tw_exchange *exchange)
{
    int64_t top = 0;
    const char *wanted = tw_request_query(&exchange->request, "top");
    const char *nearest = tw_request_query(&exchange->request, "nearest");
    int64_t nearest_count = 0;
    if (strcmp(exchange->request.method, "POST") != 0)
        return tw_refuse(exchange, 405, "%s takes POST", exchange->request.path);
    if (wanted && !tw_parse_int64(wanted, 1, 1000000, &top))
        return tw_refuse(exchange, 400, "top is not a number from 1 to 1000000");
    if (nearest && !tw_parse_int64(nearest, 0, MOST_NEAREST, &nearest_count))
        return tw_refuse(exchange, 400, "nearest is not a number from 0 to %d", MOST_NEAREST);
    exchange->call.nearest = (size_t)nearest_count;
    struct state *state = tw_alloc(1, sizeof *state);
    if (!state)
        return tw_refuse(exchange, 503, "no memory for a request");
    state->top = (size_t)top;
    exchange->state = state;
    exchange->release_state = release_state;
    return find_version(exchange) && read_photos(exchange, state);
}

/* Only what is a photo is kept, and only for a label that it may have. */
static bool correct(struct tw_exchange *exchange)
{
    const struct tw_request *request = &exchange->request;
    const char *store = tw_server_store(exchange->server), *name = request->path + strlen("/corrections/");
    const char *label = tw_request_query(request, "label"), *prediction = tw_request_query(request, "prediction");
    const char *score = tw_request_query(request, "score"), *version = tw_request_query(request, "version");
    struct tw_image_info info;
    struct tw_error error = {0};
    struct tw_store_correction correction = {
        .photo = request->body, .label = label, .prediction = prediction ? prediction : ""};
    if (!store || !tw_server_takes_corrections(exchange->server))
        return tw_refuse(exchange, 403,
                         store ? "this server takes no corrections"
                               : "one model is served here, not a store that could keep corrections");
    if (!label)
        return tw_refuse(exchange, 400, "say what it is: /corrections/NAME?label=LABEL");
    if ((score && !tw_parse_double(score, &correction.score)) ||
        (version && !tw_parse_int64(version, 0, INT64_MAX, &correction.number)))
        return tw_refuse(exchange, 400, "score or version is no number");
    if (!tw_image_probe(request->body, &info, &error)) {
        correction.ending = strcmp(info.format, "jpeg") == 0 ? "jpg" : info.format;
        if (!tw_store_correct(store, name, &correction, &error)) {
            exchange->response.code = 200;
            return tw_response_text(exchange, "{\"corrected\":") && tw_response_quoted(exchange, label) &&
                   tw_response_text(exchange, "}\n");
        }
    }
    return tw_refuse_by(exchange, &error);
}

static bool begin(struct tw_exchange *exchange)
{
    const char *path = exchange->request.path;
    exchange->response.content_type = "application/json";
    if (strcmp(path, "/models") == 0)
        return strcmp(exchange->request.method, "GET") == 0 ? list_models(exchange)
                                                            : tw_refuse(exchange, 405, "/models takes GET");
    if (strncmp(path, "/corrections/", 13) == 0)
        return strcmp(exchange->request.method, "POST") == 0 ? correct(exchange)
                                                             : tw_refuse(exchange, 405, "%s takes POST", path);
    if (strcmp(path, "/predict") == 0 || strncmp(path, "/predict/", 9) == 0)
        return predict(exchange);
    return tw_refuse(exchange, 404, "there is nothing at this address; photos go to /predict/NAME");
}

static bool put_scores(struct tw_exchange *exchange, const struct tw_answer *answer, size_t top)
{
    const struct tw_labels *labels = &exchange->call.served->labels;
    struct tw_ranked *ranking = tw_alloc(labels->count, sizeof *ranking);
    if (!ranking)
        return tw_refuse(exchange, 503, "no memory for an answer");
    tw_rank(answer->scores, labels->count, ranking);
    size_t shown = top && top < labels->count ? top : labels->count;
    bool goes = true;
    for (size_t i = 0; i < shown && goes; i++)
        goes = tw_response_text(exchange, i ? "," : "") &&
               tw_response_quoted(exchange, labels->names[ranking[i].label]) && tw_response_text(exchange, ":") &&
               tw_response_float(exchange, ranking[i].score);
    tw_free(ranking);
    return goes;
}

/* Of a multi-label model: the labels whose scores reach their thresholds, the best first. */
static bool put_labels(struct tw_exchange *exchange, const struct tw_answer *answer)
{
    const struct tw_served *served = exchange->call.served;
    struct tw_ranked *ranking = tw_alloc(served->labels.count, sizeof *ranking);
    if (!ranking)
        return tw_refuse(exchange, 503, "no memory for an answer");
    tw_rank(answer->scores, served->labels.count, ranking);
    bool goes = tw_response_text(exchange, ",\"labels\":[");
    size_t shown = 0;
    for (size_t i = 0; i < served->labels.count && goes; i++) {
        if (ranking[i].score >= served->thresholds[ranking[i].label])
            goes = tw_response_text(exchange, shown++ ? "," : "") &&
                   tw_response_quoted(exchange, served->labels.names[ranking[i].label]);
    }
    tw_free(ranking);
    return goes && tw_response_text(exchange, "]");
}

static bool put_neighbours(struct tw_exchange *exchange, const struct tw_neighbours *neighbours)
{
    bool goes = tw_response_text(exchange, ",\"nearest\":[");
    for (size_t i = 0; i < neighbours->count && goes; i++) {
        const struct tw_neighbour *neighbour = &neighbours->items[i];
        goes = tw_response_text(exchange, "%s{\"label\":", i ? "," : "") &&
               tw_response_quoted(exchange, neighbour->labels) &&
               tw_response_text(exchange, ",\"similarity\":%.4f,\"key\":", neighbour->similarity) &&
               tw_response_quoted(exchange, tw_base_name(neighbour->key)) &&
               tw_response_text(exchange, ",\"thumbnail\":\"") &&
               tw_response_base64(exchange, tw_buffer_span(&neighbour->thumbnail)) && tw_response_text(exchange, "\"}");
    }
    return goes && tw_response_text(exchange, "]");
}

static bool put_answer(struct tw_exchange *exchange, size_t index, const char *key, size_t top)
{
    const struct tw_answer *answer = &exchange->call.photos[index].answer;
    const struct tw_served *served = exchange->call.served;
    const float *known = served->has_known ? &answer->known : NULL;
    if (!tw_response_text(exchange, "{\"key\":") || !tw_response_quoted(exchange, key))
        return false;
    if (answer->status)
        return tw_response_text(exchange, ",\"error\":") &&
               tw_response_quoted(exchange, answer->reason ? answer->reason : "no memory") &&
               tw_response_text(exchange, "}");
    if (!tw_response_text(exchange, ",\"prediction\":") ||
        !tw_response_quoted(exchange, served->labels.names[answer->best]) ||
        !tw_response_text(exchange, ",\"score\":") || !tw_response_float(exchange, answer->scores[answer->best]) ||
        !tw_response_text(exchange, ",\"sureness\":\"%s\"",
                          tw_sureness(known, served->known_threshold, answer->scores[answer->best])))
        return false;
    if (known && !(tw_response_text(exchange, ",\"known\":") && tw_response_float(exchange, *known)))
        return false;
    if (served->thresholds && !put_labels(exchange, answer))
        return false;
    return tw_response_text(exchange, ",\"model\":\"%s\",\"version\":%lld,\"scores\":{", served->model,
                            (long long)served->number) &&
           put_scores(exchange, answer, top) && tw_response_text(exchange, "}") &&
           (!exchange->call.nearest || put_neighbours(exchange, &answer->neighbours)) &&
           tw_response_text(exchange, "}");
}

static bool finish(struct tw_exchange *exchange)
{
    const struct state *state = exchange->state;
    const struct tw_call *call = &exchange->call;
    const struct tw_answer *first = &call->photos[0].answer;
    exchange->response.code = 200;
    if (!state->is_form && first->status) {
        const struct tw_error error = {.status = first->status};
        tw_refuse_by(exchange, &error);
        return tw_refuse(exchange, exchange->response.code, "%s", first->reason ? first->reason : "no memory");
    }
    if (!state->is_form)
        return put_answer(exchange, 0, "-", state->top) && tw_response_text(exchange, "\n");
    bool goes = tw_response_text(exchange, "{\"predictions\":[");
    for (size_t i = 0; i < call->count && goes; i++)
        goes =
            tw_response_text(exchange, i ? "," : "") && put_answer(exchange, i, state->parts.parts[i].name, state->top);
    return goes && tw_response_text(exchange, "]}\n");
}

static void refuse(struct tw_exchange *exchange)
{
    exchange->response.content_type = "application/json";
    (void)!(tw_response_text(exchange, "{\"error\":") && tw_response_quoted(exchange, exchange->refusal) &&
            tw_response_text(exchange, "}\n"));
}

const struct tw_dialect tw_dialect_plain = {
    .name = "plain", .owns = owns, .begin = begin, .finish = finish, .refuse = refuse};
