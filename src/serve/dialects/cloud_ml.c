/* Cloud ML Engine's (AI Platform's) REST API: POST /v1/projects/P/models/M[/versions/V]:predict, and its resources: models and
 * versions are listed and described everywhere, made, changed and deleted on the admin address only. A failed instance fails the
 * request: {"error": "..."}; every other error is {"error": {"code", "message", "status"}}. The project can have any name. */
#include "serve/dialect.h"

#include "base/memory.h"
#include "serve/instances.h"
#include "serve/json.h"
#include "serve/server.h"
#include "store/store.h"
#include "tasks/models.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char prefix[] = "/v1/projects/";

/* /v1/projects/PROJECT/models[/MODEL[/versions[/VERSION]]][:VERB] */
struct target {
    char *text;                                   /* owned; the others point into it */
    const char *project, *model, *version, *verb; /* NULL: not there */
    bool is_versions;                             /* the path goes on to a model's versions */
};

struct state {
    struct tw_instances instances;
    bool is_prediction; /* its photos are being answered: a refusal is a failed prediction */
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

static bool no_address(struct tw_exchange *exchange)
{
    return tw_refuse(exchange, 404, "there is nothing at %s %s", exchange->request.method, exchange->request.path);
}

static bool read_target(struct tw_exchange *exchange, struct target *target)
{
    char *parts[5] = {0};
    size_t count = 0;
    target->text = tw_strdup(exchange->request.path + sizeof prefix - 1);
    if (!target->text)
        return tw_refuse(exchange, 503, "no memory for a request");
    char *colon = strrchr(target->text, ':');
    if (colon) {
        *colon = 0;
        target->verb = colon + 1;
    }
    for (char *at = target->text; at && count < 5; count++) {
        parts[count] = at;
        at = strchr(at, '/');
        if (at)
            *at++ = 0;
        if (at && count == 4)
            return no_address(exchange);
    }
    if (count < 2 || !*parts[0] || strcmp(parts[1], "models") != 0 || (count > 2 && !*parts[2]) ||
        (count > 3 && strcmp(parts[3], "versions") != 0) || (count > 4 && !*parts[4]))
        return no_address(exchange);
    target->project = parts[0];
    target->model = parts[2];
    target->is_versions = count > 3;
    target->version = parts[4];
    return true;
}

/* RFC 3339, in UTC. */
static bool put_time(struct tw_exchange *exchange, int64_t seconds)
{
    char text[40];
    time_t moment = (time_t)seconds;
    struct tm parts;
    if (!gmtime_r(&moment, &parts) || !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts))
        strcpy(text, "1970-01-01T00:00:00Z");
    return tw_response_text(exchange, ",\"createTime\":\"%s\"", text);
}

static bool put_version(struct tw_exchange *exchange, const struct target *target, const struct tw_store_model *model,
                        const struct tw_store_version *version)
{
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)version->number);
    bool goes =
        tw_response_text(exchange, "{\"name\":\"projects/") && tw_response_escaped(exchange, target->project) &&
        tw_response_text(exchange, "/models/%s/versions/%s\"", model->name, version->name ? version->name : number) &&
        tw_response_text(exchange, ",\"description\":") && tw_response_quoted(exchange, version->description) &&
        put_time(exchange, version->created_s);
    return goes && tw_response_text(exchange, ",\"state\":\"READY\"%s}",
                                    model->default_number == version->number ? ",\"isDefault\":true" : "");
}

static bool put_model(struct tw_exchange *exchange, const struct target *target, const struct tw_store_model *model)
{
    const struct tw_store_version *standard = NULL;
    bool goes = tw_response_text(exchange, "{\"name\":\"projects/") && tw_response_escaped(exchange, target->project) &&
                tw_response_text(exchange, "/models/%s\",\"description\":", model->name) &&
                tw_response_quoted(exchange, model->description);
    if (goes && model->version_count && !tw_store_find(model, NULL, &standard, NULL))
        goes = tw_response_text(exchange, ",\"defaultVersion\":") && put_version(exchange, target, model, standard);
    return goes && tw_response_text(exchange, "}");
}

static bool list_models(struct tw_exchange *exchange, const struct target *target, const char *store)
{
    struct tw_listing names = {0};
    struct tw_error error = {0};
    if (tw_store_list(store, &names, &error))
        return tw_refuse_by(exchange, &error);
    bool goes = tw_response_text(exchange, names.count ? "{\"models\":[" : "{");
    for (size_t i = 0; i < names.count && goes; i++) {
        struct tw_store_model model = {0};
        goes = tw_store_read(store, names.entries[i].name, &model, &error)
                   ? tw_refuse_by(exchange, &error)
                   : tw_response_text(exchange, i ? "," : "") && put_model(exchange, target, &model);
        tw_store_model_release(&model);
    }
    goes = goes && tw_response_text(exchange, names.count ? "]}\n" : "}\n");
    tw_listing_release(&names);
    return goes;
}

static bool list_versions(struct tw_exchange *exchange, const struct target *target, const struct tw_store_model *model)
{
    bool goes = tw_response_text(exchange, model->version_count ? "{\"versions\":[" : "{");
    for (size_t i = 0; i < model->version_count && goes; i++)
        goes = tw_response_text(exchange, i ? "," : "") && put_version(exchange, target, model, &model->versions[i]);
    return goes && tw_response_text(exchange, model->version_count ? "]}\n" : "}\n");
}

/* What is changed is done when the answer comes. */
static bool put_operation(struct tw_exchange *exchange, const struct target *target, const char *what)
{
    return tw_response_text(exchange, "{\"name\":\"projects/") && tw_response_escaped(exchange, target->project) &&
           tw_response_text(exchange, "/operations/%s_%s\",\"done\":true,\"response\":", what, exchange->request.id);
}

/* The body's member as text; NULL where it is not there. */
static const char *member(struct json_object *json, const char *name)
{
    struct json_object *value;
    return json_object_object_get_ex(json, name, &value) && json_object_is_type(value, json_type_string)
               ? json_object_get_string(value)
               : NULL;
}

static bool describe(struct tw_exchange *exchange, const struct target *target, const char *store)
{
    struct tw_store_model model = {0};
    const struct tw_store_version *version = NULL;
    struct tw_error error = {0};
    if (tw_store_read(store, target->model, &model, &error))
        return tw_refuse_by(exchange, &error);
    bool goes = true;
    if (target->version && tw_store_find(&model, target->version, &version, &error))
        goes = tw_refuse_by(exchange, &error);
    else if (version)
        goes = put_version(exchange, target, &model, version) && tw_response_text(exchange, "\n");
    else if (target->is_versions)
        goes = list_versions(exchange, target, &model);
    else
        goes = put_model(exchange, target, &model) && tw_response_text(exchange, "\n");
    tw_store_model_release(&model);
    return goes;
}

static bool create_model(struct tw_exchange *exchange, const struct target *target, const char *store,
                         struct json_object *json)
{
    struct tw_error error = {0};
    const char *name = member(json, "name"), *description = member(json, "description");
    struct target made = *target;
    if (!name)
        return tw_refuse(exchange, 400, "a model needs a name");
    if (tw_store_create(store, name, description ? description : "", &error))
        return tw_refuse_by(exchange, &error);
    made.model = name;
    return describe(exchange, &made, store);
}

static bool create_version(struct tw_exchange *exchange, const struct target *target, const char *store,
                           struct json_object *json)
{
    struct tw_error error = {0};
    int64_t number = 0;
    char text[24];
    struct target made = *target;
    const struct tw_models_add_options options = {.store = store,
                                                  .name = target->model,
                                                  .model = member(json, "deploymentUri"),
                                                  .version_name = member(json, "name"),
                                                  .version_description = member(json, "description")};
    if (!options.model || !options.version_name)
        return tw_refuse(exchange, 400, "a version needs a name and a deploymentUri: a run folder or a model file");
    if (tw_models_add(&options, &number, &error))
        return tw_refuse_by(exchange, &error);
    snprintf(text, sizeof text, "%lld", (long long)number);
    made.version = text;
    return put_operation(exchange, target, "create_version") && describe(exchange, &made, store) &&
           tw_response_text(exchange, "}\n");
}

static bool find_number(struct tw_exchange *exchange, const struct target *target, const char *store, int64_t *number)
{
    struct tw_store_model model = {0};
    const struct tw_store_version *version = NULL;
    struct tw_error error = {0};
    enum tw_status status = tw_store_read(store, target->model, &model, &error);
    if (!status)
        status = tw_store_find(&model, target->version, &version, &error);
    if (!status)
        *number = version->number;
    tw_store_model_release(&model);
    return status ? tw_refuse_by(exchange, &error) : true;
}

static bool delete_it(struct tw_exchange *exchange, const struct target *target, const char *store)
{
    struct tw_error error = {0};
    int64_t number = 0;
    if (target->version && !find_number(exchange, target, store, &number))
        return false;
    enum tw_status status = target->version ? tw_store_delete_version(store, target->model, number, &error)
                                            : tw_store_delete(store, target->model, &error);
    if (status)
        return tw_refuse_by(exchange, &error);
    return put_operation(exchange, target, target->version ? "delete_version" : "delete_model") &&
           tw_response_text(exchange, "{}}\n");
}

static bool set_default(struct tw_exchange *exchange, const struct target *target, const char *store)
{
    struct tw_error error = {0};
    int64_t number = 0;
    if (!find_number(exchange, target, store, &number))
        return false;
    return tw_store_set_default(store, target->model, number, &error) ? tw_refuse_by(exchange, &error)
                                                                      : describe(exchange, target, store);
}

static bool patch_model(struct tw_exchange *exchange, const struct target *target, const char *store,
                        struct json_object *json)
{
    struct tw_error error = {0};
    const char *description = member(json, "description");
    if (!description)
        return tw_refuse(exchange, 400, "only a model's description can be changed");
    return tw_store_describe(store, target->model, description, &error) ? tw_refuse_by(exchange, &error)
                                                                        : describe(exchange, target, store);
}

static bool post(struct tw_exchange *exchange, const struct target *target, const char *store, bool is_patch)
{
    struct json_object *json = NULL;
    struct tw_error error = {0};
    if (tw_json_read(exchange->request.body, &json, &error))
        return tw_refuse_by(exchange, &error);
    bool goes;
    if (!json_object_is_type(json, json_type_object))
        goes = tw_refuse(exchange, 400, "the body is no JSON object");
    else if (is_patch)
        goes = patch_model(exchange, target, store, json);
    else if (!target->model)
        goes = create_model(exchange, target, store, json);
    else
        goes = create_version(exchange, target, store, json);
    json_object_put(json);
    return goes;
}

static bool change(struct tw_exchange *exchange, const struct target *target, const char *store)
{
    const char *method = exchange->request.method;
    if (!exchange->is_admin)
        return tw_refuse(exchange, 403, "models are changed on the admin address only (serve --admin ADDRESS:PORT)");
    if (target->verb && strcmp(target->verb, "setDefault") == 0 && target->version && strcmp(method, "POST") == 0)
        return set_default(exchange, target, store);
    if (target->verb)
        return no_address(exchange);
    if (strcmp(method, "DELETE") == 0 && target->model && (target->version || !target->is_versions))
        return delete_it(exchange, target, store);
    if (strcmp(method, "PATCH") == 0 && target->model && !target->is_versions)
        return post(exchange, target, store, true);
    if (strcmp(method, "POST") == 0 && !target->version && (!target->model || target->is_versions))
        return post(exchange, target, store, false);
    return no_address(exchange);
}

static bool predict(struct tw_exchange *exchange, const struct target *target)
{
    struct json_object *json = NULL, *rows = NULL;
    struct tw_error error = {0};
    struct state *state = tw_alloc(1, sizeof *state);
    if (!state)
        return tw_refuse(exchange, 503, "no memory for a request");
    exchange->state = state;
    exchange->release_state = release_state;
    if (!tw_exchange_find(exchange, target->model, target->version))
        return false;
    if (tw_json_read(exchange->request.body, &json, &error))
        return tw_refuse_by(exchange, &error);
    bool goes = json_object_is_type(json, json_type_object) && json_object_object_get_ex(json, "instances", &rows)
                    ? tw_instances_read_rows(exchange, rows, &state->instances)
                    : tw_refuse(exchange, 400, "the body should be {\"instances\": [...]}");
    state->is_prediction = goes;
    json_object_put(json);
    return goes;
}

static bool begin(struct tw_exchange *exchange)
{
    struct target target = {0};
    const char *store = tw_server_store(exchange->server);
    exchange->response.content_type = "application/json";
    exchange->response.code = 200;
    bool goes = read_target(exchange, &target);
    bool is_get = strcmp(exchange->request.method, "GET") == 0;
    if (goes && target.verb && strcmp(target.verb, "predict") == 0 && target.model &&
        (!target.is_versions || target.version))
        goes = strcmp(exchange->request.method, "POST") == 0 ? predict(exchange, &target) : no_address(exchange);
    else if (goes && !store)
        goes = tw_refuse(exchange, 404, "one model is served here, not a store");
    else if (goes && is_get && !target.verb)
        goes = target.model ? describe(exchange, &target, store) : list_models(exchange, &target, store);
    else if (goes)
        goes = change(exchange, &target, store);
    tw_free(target.text);
    return goes;
}

static bool finish(struct tw_exchange *exchange)
{
    const struct state *state = exchange->state;
    if (!tw_exchange_check(exchange, "image_bytes of instance"))
        return false;
    exchange->response.code = 200;
    bool goes = tw_response_text(exchange, "{\"predictions\": [");
    for (size_t i = 0; i < exchange->call.count && goes; i++)
        goes = tw_instances_put(exchange, &state->instances, i);
    return goes && tw_response_text(exchange, "]}\n");
}

static void refuse(struct tw_exchange *exchange)
{
    const struct state *state = exchange->state;
    unsigned code = exchange->response.code;
    exchange->response.content_type = "application/json";
    if (state && state->is_prediction && code == 400)
        (void)!(tw_response_text(exchange, "{\"error\":\"Prediction failed: ") &&
                tw_response_escaped(exchange, exchange->refusal) && tw_response_text(exchange, "\"}\n"));
    else
        (void)!(tw_response_text(exchange, "{\"error\":{\"code\":%u,\"message\":", code) &&
                tw_response_quoted(exchange, exchange->refusal) &&
                tw_response_text(exchange, ",\"status\":\"%s\"}}\n", tw_google_status(code)));
}

const struct tw_dialect tw_dialect_cloud_ml = {
    .name = "cloud_ml", .owns = owns, .begin = begin, .finish = finish, .refuse = refuse};
