#include "cli/verify_server.h"

#include "base/memory.h"
#include "cli/verify_client.h"
#include "serve/server.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const char own_name[] = "model";

/* How a dialect is asked for one photo, and where its scores stand: a list by number, an object by label, or a list of pairs. */
struct dialect {
    const char *name, *path;          /* %s: the model */
    const char *before, *after;       /* of the photo in base64; NULL: its bytes are the body */
    const char *list, *part, *scores; /* members on the way: list[0] (or the one of that name), part, scores */
    const char *label, *score;        /* of an element, where elements name their label */
    bool is_general;                  /* may be answered by another model, or by none */
};
static const struct dialect dialects[] = {
    {.name = "server, plain", .path = "/predict/%s?top=1000000", .scores = "scores"},
    {.name = "server, TensorFlow Serving predict",
     .path = "/v1/models/%s:predict",
     .before = "{\"instances\":[{\"image_bytes\":{\"b64\":\"",
     .after = "\"}}]}",
     .list = "predictions",
     .scores = "scores"},
    {.name = "server, TensorFlow Serving classify",
     .path = "/v1/models/%s:classify",
     .before = "{\"examples\":[{\"image_bytes\":{\"b64\":\"",
     .after = "\"}}]}",
     .list = "results"},
    {.name = "server, Cloud ML Engine",
     .path = "/v1/projects/verify/models/%s:predict",
     .before = "{\"instances\":[{\"key\":\"0\",\"image_bytes\":{\"b64\":\"",
     .after = "\"}}]}",
     .list = "predictions",
     .scores = "scores"},
    {.name = "server, KServe v2",
     .path = "/v2/models/%s/infer",
     .before = "{\"inputs\":[{\"name\":\"image_bytes\",\"datatype\":\"BYTES\",\"shape\":[1],\"data\":[{\"b64\":\"",
     .after = "\"}]}],\"outputs\":[{\"name\":\"scores\"}]}",
     .list = "outputs",
     .scores = "data"},
    {.name = "server, Vision",
     .path = "/v1/images:annotate",
     .before = "{\"requests\":[{\"image\":{\"content\":\"",
     .after = "\"},\"features\":[{\"type\":\"LABEL_DETECTION\",\"maxResults\":1000000}]}]}",
     .list = "responses",
     .scores = "labelAnnotations",
     .label = "description",
     .score = "score",
     .is_general = true},
};

struct asking {
    const struct dialect *dialect;
    const struct tw_client *client;
    const struct tw_labels *labels;
    const char *path;
    struct tw_buffer body, answer;
};

static enum tw_status wrong_shape(struct tw_error *error)
{
    return tw_fail(error, TW_CORRUPT, "the server's answer does not hold the scores where this dialect has them");
}

static enum tw_status put_label(const struct tw_labels *labels, const char *label, const json_t *score, float *scores,
                                struct tw_error *error)
{
    size_t id = 0;
    while (label && id < labels->count && strcmp(labels->names[id], label) != 0)
        id++;
    if (!label || id == labels->count)
        return tw_fail(error, TW_CORRUPT, "the server answers with a label that the model has not: %.100s",
                       label ? label : "none");
    scores[id] = (float)json_number_value(score);
    return json_is_number(score) ? TW_OK : wrong_shape(error);
}

static enum tw_status read_scores(const struct asking *asking, json_t *found, float *scores, struct tw_error *error)
{
    const struct dialect *dialect = asking->dialect;
    enum tw_status status = TW_OK;
    const char *label;
    json_t *element;
    size_t index;
    memset(scores, 0, asking->labels->count * sizeof *scores);
    if (json_is_object(found)) {
        json_object_foreach(found, label, element)
        {
            if (!status)
                status = put_label(asking->labels, label, element, scores, error);
        }
        return status;
    }
    if (!json_is_array(found) || (!dialect->label && json_array_size(found) != asking->labels->count))
        return wrong_shape(error);
    json_array_foreach(found, index, element)
    {
        if (status)
            break;
        if (dialect->label)
            status = put_label(asking->labels, json_string_value(json_object_get(element, dialect->label)),
                               json_object_get(element, dialect->score), scores, error);
        else if (json_is_array(element))
            status = put_label(asking->labels, json_string_value(json_array_get(element, 0)),
                               json_array_get(element, 1), scores, error);
        else if (json_is_number(element))
            scores[index] = (float)json_number_value(element);
        else
            status = wrong_shape(error);
    }
    return status;
}

static enum tw_status put_base64(struct tw_buffer *out, struct tw_span bytes, struct tw_error *error)
{
    size_t room = (bytes.size + 2) / 3 * 4 + 1;
    if (bytes.size > INT32_MAX / 2)
        return tw_fail(error, TW_LIMIT, "a photo of %zu bytes is too large for a request", bytes.size);
    enum tw_status status = tw_buffer_reserve(out, out->size + room, error);
    if (!status)
        out->size += (size_t)EVP_EncodeBlock(out->data + out->size, bytes.data, (int)bytes.size);
    return status;
}

static enum tw_status build_body(struct asking *asking, struct tw_span photo, struct tw_error *error)
{
    const struct dialect *dialect = asking->dialect;
    tw_buffer_clear(&asking->body);
    enum tw_status status = tw_buffer_append_text(&asking->body, dialect->before, error);
    if (!status)
        status = put_base64(&asking->body, photo, error);
    return status ? status : tw_buffer_append_text(&asking->body, dialect->after, error);
}

static enum tw_status ask(void *context, struct tw_span photo, float *scores, struct tw_error *error)
{
    struct asking *asking = context;
    const struct dialect *dialect = asking->dialect;
    int code = 0;
    enum tw_status status = dialect->before ? build_body(asking, photo, error) : TW_OK;
    if (!status)
        status = tw_client_ask(asking->client, asking->path, dialect->before ? tw_buffer_span(&asking->body) : photo,
                               &code, &asking->answer, error);
    if (status)
        return status;
    const char *text = (const char *)asking->answer.data;
    if (code != 200)
        return tw_fail(error, code == 404 || code == 401 || code == 403 ? TW_NOT_FOUND : TW_CORRUPT,
                       "the server answers %d: %.300s", code, text);
    json_t *root = json_loads(text, 0, NULL), *found = root;
    if (dialect->list)
        found = json_array_get(json_object_get(found, dialect->list), 0);
    const char *refusal = json_string_value(json_object_get(json_object_get(found, "error"), "message"));
    if (refusal)
        status = tw_fail(error, TW_NOT_FOUND, "the server answers: %.300s", refusal);
    if (!status && dialect->scores)
        found = json_object_get(found, dialect->scores);
    if (!status)
        status = read_scores(asking, found, scores, error);
    json_decref(root);
    return status;
}

/* The general model may be another one: what its first answer says of labels that are not ours is no fault. */
static bool is_answered(struct tw_verify *verify, struct asking *asking, struct tw_error *problem)
{
    struct tw_buffer file = {0};
    enum tw_status status = TW_NOT_FOUND;
    float *scores = tw_alloc(asking->labels->count, sizeof *scores);
    const struct tw_dataset *items = &verify->predictions.items;
    for (size_t i = 0; i < items->count && scores; i++) {
        if (items->items[i].status == TW_ITEM_SKIPPED)
            continue;
        status = tw_storage_read(items->items[i].location, verify->options.task.limits.max_bytes, &file, problem);
        if (!status)
            status = ask(asking, tw_buffer_span(&file), scores, problem);
        break;
    }
    tw_buffer_release(&file);
    tw_free(scores);
    return !status;
}

/* What each worker asks with; `path` is shared. */
static enum tw_status go_workers(struct tw_verify *verify, const struct asking *first, struct tw_error *error)
{
    int workers = verify->options.task.threads;
    struct asking *all = tw_alloc((size_t)workers, sizeof *all);
    void **contexts = tw_alloc((size_t)workers, sizeof *contexts);
    enum tw_status status =
        all && contexts ? TW_OK : tw_fail_memory(error, (size_t)workers * sizeof *all, "a server's clients");
    for (int i = 0; i < workers && !status; i++) {
        all[i] = *first;
        contexts[i] = &all[i];
    }
    const struct tw_verify_road road = {first->dialect->name, contexts, workers, ask};
    if (!status)
        status = tw_verify_go(verify, &road, error);
    for (int i = 0; i < workers && all && contexts; i++) {
        tw_buffer_release(&all[i].body);
        tw_buffer_release(&all[i].answer);
    }
    tw_free(all);
    tw_free(contexts);
    return status;
}

static enum tw_status go_dialect(struct tw_verify *verify, const struct tw_client *client, const char *model,
                                 const struct dialect *dialect, struct tw_error *error)
{
    struct tw_error why = {0};
    struct asking asking = {.dialect = dialect, .client = client, .labels = &verify->predictions.labels};
    const char *hole = strstr(dialect->path, "%s");
    char *path = hole ? tw_format("%.*s%s%s", (int)(hole - dialect->path), dialect->path, model, hole + 2)
                      : tw_strdup(dialect->path);
    asking.path = path;
    enum tw_status status = path ? TW_OK : tw_fail_memory(error, 1, "a path");
    bool is_answered_here = !status && (!dialect->is_general || is_answered(verify, &asking, &why));
    tw_buffer_release(&asking.body);
    tw_buffer_release(&asking.answer);
    asking.body = asking.answer = (struct tw_buffer){0};
    if (!status)
        status = is_answered_here ? go_workers(verify, &asking, error)
                                  : tw_verify_leave(verify, dialect->name, why.text, error);
    tw_free(path);
    return status;
}

/* The name of the server's only model; owned. */
static enum tw_status find_model(const struct tw_client *client, const char *rest, char **name, struct tw_error *error)
{
    struct tw_buffer answer = {0};
    int code = 0;
    size_t length = strcspn(rest, "/?#");
    if (length > 0) {
        *name = tw_strndup(rest, length);
        return *name ? TW_OK : tw_fail_memory(error, length, "a name");
    }
    enum tw_status status = tw_client_ask(client, "/models", tw_span_of(NULL, 0), &code, &answer, error);
    json_t *root = status ? NULL : json_loads((const char *)answer.data, 0, NULL),
           *models = json_object_get(root, "models");
    const char *found = json_string_value(json_object_get(json_array_get(models, 0), "name"));
    if (!status && (code != 200 || json_array_size(models) != 1 || !found))
        status =
            tw_fail(error, TW_INVALID, "http://%s:%s/models lists %zu models: name one, --server http://%s:%s/NAME",
                    client->host, client->port, json_array_size(models), client->host, client->port);
    if (!status && !(*name = tw_strdup(found)))
        status = tw_fail_memory(error, 1, "a name");
    json_decref(root);
    tw_buffer_release(&answer);
    return status;
}

static enum tw_status go_all(struct tw_verify *verify, const struct tw_client *client, const char *model,
                             struct tw_error *error)
{
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < sizeof dialects / sizeof *dialects && !status; i++)
        status = go_dialect(verify, client, model, &dialects[i], error);
    return status;
}

/* A server within this process. */
struct own {
    struct tw_serve_options options;
    pthread_mutex_t lock; /* guards port, has_ended, status, problem */
    pthread_cond_t changed;
    uint16_t port;
    bool has_ended;
    enum tw_status status;
    struct tw_error problem;
    atomic_int is_stopped;
};

static int is_stopped(void *context)
{
    return atomic_load(&((struct own *)context)->is_stopped);
}

static void take_port(void *context, uint16_t port, uint16_t admin_port)
{
    struct own *own = context;
    (void)admin_port;
    pthread_mutex_lock(&own->lock);
    own->port = port;
    pthread_cond_signal(&own->changed);
    pthread_mutex_unlock(&own->lock);
}

static void *run_own(void *context)
{
    struct own *own = context;
    struct tw_error problem = {0};
    enum tw_status status = tw_serve(&own->options, &problem);
    pthread_mutex_lock(&own->lock);
    own->status = status;
    own->problem = problem;
    own->has_ended = true;
    pthread_cond_signal(&own->changed);
    pthread_mutex_unlock(&own->lock);
    return NULL;
}

static enum tw_status go_own(struct tw_verify *verify, struct tw_error *error)
{
    struct tw_client client = {.host = "127.0.0.1"};
    struct own own = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    const struct tw_sink sink = {.context = &own, .is_stopped = is_stopped};
    pthread_t thread;
    own.options = (struct tw_serve_options){.source = verify->options.model,
                                            .single_name = own_name,
                                            .general = own_name,
                                            .listen = {.address = client.host},
                                            .threads = verify->options.task.threads,
                                            .poll_s = 1,
                                            .limits = tw_serve_limits_default,
                                            .image_limits = verify->options.task.limits,
                                            .sink = &sink,
                                            .ready = take_port,
                                            .context = &own};
    own.options.limits.most_body_bytes = (size_t)INT32_MAX;
    if (pthread_create(&thread, NULL, run_own, &own) != 0)
        return tw_fail(error, TW_IO, "no thread could be started for a server");
    pthread_mutex_lock(&own.lock);
    while (own.port == 0 && !own.has_ended)
        pthread_cond_wait(&own.changed, &own.lock);
    snprintf(client.port, sizeof client.port, "%u", own.port);
    pthread_mutex_unlock(&own.lock);
    enum tw_status status = own.port ? go_all(verify, &client, own_name, error) : TW_OK;
    atomic_store(&own.is_stopped, 1);
    pthread_join(thread, NULL);
    if (!status && own.status && own.status != TW_INTERRUPTED)
        status = tw_verify_fail(verify, "server", own.problem.text, error);
    return status;
}

enum tw_status tw_verify_server(struct tw_verify *verify, const char *url, struct tw_error *error)
{
    struct tw_client client = {.token = getenv("TOPWORK_TOKEN")};
    const char *rest = "";
    char *model = NULL;
    if (!url)
        return go_own(verify, error);
    enum tw_status status = tw_client_init(&client, url, &rest, error);
    if (!status)
        status = find_model(&client, rest, &model, error);
    if (!status)
        status = go_all(verify, &client, model, error);
    tw_free(model);
    return status;
}
