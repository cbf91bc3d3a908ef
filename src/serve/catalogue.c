#include "serve/catalogue.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "serve/shelf.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST_PAUSE_S = 60 };

struct tw_catalogue {
    char *source;
    char *single; /* name of the one model where the source is no store; else NULL */
    int workers;
    const struct tw_sink *sink;
    struct tw_backbones *backbones;
    pthread_rwlock_t lock; /* guards the shelves; only the poller writes, so that it reads without */
    struct tw_shelf *shelves;
    size_t count, capacity;
};

const char *tw_served_state_name(enum tw_served_state state)
{
    static const char *const names[] = {"LOADING", "AVAILABLE", "FAILED"};
    return names[state];
}

/* RUN/model.onnx -> RUN, hugs.onnx -> hugs; what cannot be a name is "model". */
static char *name_of(const char *source)
{
    char *path = tw_uri_normal(source);
    if (!path)
        return NULL;
    for (size_t length = strlen(path); length > 1 && path[length - 1] == '/'; length--)
        path[length - 1] = 0;
    char *slash = strrchr(path, '/');
    if (slash && strcmp(slash, "/model.onnx") == 0)
        *slash = 0;
    const char *name = tw_base_name(path);
    char *dot = strrchr(path, '.');
    if (dot && strcmp(dot, ".onnx") == 0)
        *dot = 0;
    char *made = tw_strdup(tw_store_check_name("model", name, NULL) ? "model" : name);
    tw_free(path);
    return made;
}

/* A run folder has a model.onnx, a SavedModel a saved_model.pb; a store has neither. */
static enum tw_status look_at_source(const char *source, bool *is_store, struct tw_error *error)
{
    static const char *const names[] = {"model.onnx", "saved_model.pb"};
    enum tw_entry_kind kind, model = TW_ENTRY_MISSING;
    uint64_t size;
    enum tw_status status = tw_storage_kind(source, &kind, &size, error);
    for (size_t i = 0; i < sizeof names / sizeof *names && !status && model == TW_ENTRY_MISSING; i++) {
        char *file = tw_uri_join(source, names[i]);
        status = file ? tw_storage_kind(file, &model, &size, error) : tw_fail_memory(error, 1, "a path");
        tw_free(file);
    }
    if (!status && kind == TW_ENTRY_MISSING)
        status =
            tw_fail(error, TW_NOT_FOUND, "there is no %s: it should be a store, a run folder or a model file", source);
    *is_store = kind == TW_ENTRY_FOLDER && model == TW_ENTRY_MISSING;
    return status;
}

enum tw_status tw_catalogue_new(const struct tw_catalogue_options *options, struct tw_catalogue **catalogue,
                                struct tw_error *error)
{
    bool is_store = false;
    const struct tw_backbones_options shared = {.workers = options->workers, .limits = options->limits};
    enum tw_status status = look_at_source(options->source, &is_store, error);
    if (!status && options->single_name)
        status = tw_store_check_name("model", options->single_name, error);
    if (status)
        return status;
    struct tw_catalogue *made = tw_alloc(1, sizeof *made);
    if (!made)
        return tw_fail_memory(error, sizeof *made, "a catalogue");
    pthread_rwlock_init(&made->lock, NULL);
    made->workers = options->workers;
    made->sink = options->sink;
    made->source = tw_strdup(options->source);
    if (!is_store)
        made->single = options->single_name ? tw_strdup(options->single_name) : name_of(options->source);
    status = made->source && (is_store || made->single) ? tw_backbones_new(&shared, &made->backbones, error)
                                                        : tw_fail_memory(error, 1, "a catalogue");
    if (status) {
        tw_catalogue_free(made);
        return status;
    }
    *catalogue = made;
    return TW_OK;
}

void tw_catalogue_free(struct tw_catalogue *catalogue)
{
    if (!catalogue)
        return;
    for (size_t i = 0; i < catalogue->count; i++)
        tw_shelf_release(&catalogue->shelves[i]);
    tw_free(catalogue->shelves);
    tw_backbones_free(catalogue->backbones);
    pthread_rwlock_destroy(&catalogue->lock);
    tw_free(catalogue->source);
    tw_free(catalogue->single);
    tw_free(catalogue);
}

static struct tw_shelf *find(const struct tw_catalogue *catalogue, const char *name)
{
    for (size_t i = 0; i < catalogue->count; i++) {
        if (strcmp(catalogue->shelves[i].name, name) == 0)
            return &catalogue->shelves[i];
    }
    return NULL;
}

static enum tw_status add_shelf(struct tw_catalogue *catalogue, const char *name, struct tw_shelf **shelf,
                                struct tw_error *error)
{
    char *copy = tw_strdup(name), *description = tw_strdup("");
    pthread_rwlock_wrlock(&catalogue->lock);
    enum tw_status status = copy && description ? tw_grow((void **)&catalogue->shelves, &catalogue->capacity,
                                                          catalogue->count + 1, sizeof *catalogue->shelves, error)
                                                : tw_fail_memory(error, 1, "a model's name");
    if (!status) {
        *shelf = &catalogue->shelves[catalogue->count++];
        **shelf = (struct tw_shelf){.name = copy, .description = description};
    }
    pthread_rwlock_unlock(&catalogue->lock);
    if (status) {
        tw_free(copy);
        tw_free(description);
    }
    return status;
}

/* Of a run folder, or of the run whose model.onnx is served. */
static char *examples_of(const char *source)
{
    const char *slash = strrchr(source, '/');
    const char *base = slash ? slash + 1 : source;
    if (strcmp(base, "model.onnx") != 0)
        return tw_uri_join(source, "examples");
    return slash ? tw_format("%.*s/examples", (int)(slash - source), source) : tw_strdup("examples");
}

/* Whole or not, the version stands in the store; is it what was added? */
static enum tw_status open_version(struct tw_catalogue *catalogue, const char *model,
                                   const struct tw_shelf_entry *entry, const struct tw_store_version *stored,
                                   struct tw_served **served, struct tw_error *error)
{
    bool is_kept = stored && !entry->is_foreign; /* TensorFlow Serving's own folders list no digests */
    enum tw_status status = is_kept ? tw_store_check(catalogue->source, model, stored, error) : TW_OK;
    char *uri = stored
                    ? tw_store_uri(catalogue->source, model, entry->number, is_kept ? "model.onnx" : "saved_model.pb")
                    : tw_strdup(catalogue->source);
    char *examples =
        stored ? tw_store_uri(catalogue->source, model, entry->number, "examples") : examples_of(catalogue->source);
    const struct tw_served_source source = {uri, examples, model, entry->name, entry->number};
    if (!status)
        status = uri && examples ? tw_served_load(&source, catalogue->backbones, catalogue->workers, served, error)
                                 : tw_fail_memory(error, 1, "a path");
    tw_free(uri);
    tw_free(examples);
    return status;
}

static void note_failure(struct tw_catalogue *catalogue, const char *model, struct tw_shelf_entry *entry,
                         const struct tw_error *error)
{
    bool is_news = !entry->reason || strcmp(entry->reason, error->text) != 0;
    entry->pause_s = entry->pause_s > 0 ? entry->pause_s * 2 : 1;
    if (entry->pause_s > LONGEST_PAUSE_S)
        entry->pause_s = LONGEST_PAUSE_S;
    entry->retry_s = tw_clock_seconds() + entry->pause_s;
    entry->state = TW_SERVED_FAILED;
    if (is_news) {
        tw_free(entry->reason);
        entry->reason = tw_strdup(error->text);
        tw_log(catalogue->sink, TW_LOG_WARNING, "version %lld of model %s cannot be served: %s",
               (long long)entry->number, model, error->text);
    }
}

static bool is_due(const struct tw_shelf_entry *entry)
{
    return entry->state == TW_SERVED_LOADING ||
           (entry->state == TW_SERVED_FAILED && tw_clock_seconds() >= entry->retry_s);
}

static const struct tw_store_version *version_of(const struct tw_store_model *stored, int64_t number)
{
    for (size_t i = 0; i < stored->version_count; i++) {
        if (stored->versions[i].number == number)
            return &stored->versions[i];
    }
    return NULL;
}

/* Loads what is due, without the lock: answers go on meanwhile. `stored` NULL: the source is the model. */
static void load_due(struct tw_catalogue *catalogue, struct tw_shelf *shelf, const struct tw_store_model *stored)
{
    for (size_t i = 0; i < shelf->entry_count; i++) {
        struct tw_shelf_entry *entry = &shelf->entries[i];
        const struct tw_store_version *version = stored ? version_of(stored, entry->number) : NULL;
        struct tw_served *served = NULL;
        struct tw_error error = {0};
        if (!is_due(entry) || (stored && !version))
            continue;
        enum tw_status status = open_version(catalogue, shelf->name, entry, version, &served, &error);
        pthread_rwlock_wrlock(&catalogue->lock);
        if (status) {
            note_failure(catalogue, shelf->name, entry, &error);
        } else {
            entry->served = served;
            entry->state = TW_SERVED_AVAILABLE;
            tw_free(entry->reason);
            entry->reason = NULL;
        }
        pthread_rwlock_unlock(&catalogue->lock);
        if (!status)
            tw_log(catalogue->sink, TW_LOG_INFO, "version %lld of model %s is served", (long long)entry->number,
                   shelf->name);
    }
}

/* What is new comes before what is gone goes: a default that was replaced and deleted at once answers until the new one can. */
static enum tw_status follow_model(struct tw_catalogue *catalogue, struct tw_shelf *shelf,
                                   const struct tw_store_model *stored, bool is_single, struct tw_error *error)
{
    size_t gone_count = 0;
    pthread_rwlock_wrlock(&catalogue->lock);
    enum tw_status status = tw_shelf_follow(shelf, stored, error);
    pthread_rwlock_unlock(&catalogue->lock);
    struct tw_served **gone = !status ? tw_alloc(shelf->entry_count + 1, sizeof *gone) : NULL;
    if (!status && !gone)
        status = tw_fail_memory(error, 1, "a model's versions");
    if (status)
        return status;
    load_due(catalogue, shelf, is_single ? NULL : stored);
    pthread_rwlock_wrlock(&catalogue->lock);
    status = tw_shelf_settle(shelf, stored, error);
    tw_shelf_drop(shelf, stored, gone, &gone_count);
    pthread_rwlock_unlock(&catalogue->lock);
    for (size_t i = 0; i < gone_count; i++) {
        tw_log(catalogue->sink, TW_LOG_INFO, "version %lld of model %s is gone", (long long)gone[i]->number,
               shelf->name);
        tw_served_put(gone[i]);
    }
    tw_free(gone);
    return status;
}

/* One model whose word in the store cannot be read must not stop the others, nor what of it is served already. */
static void note_complaint(struct tw_catalogue *catalogue, struct tw_shelf *shelf, const struct tw_error *error)
{
    if (shelf->complaint && error && strcmp(shelf->complaint, error->text) == 0)
        return;
    if (error)
        tw_log(catalogue->sink, TW_LOG_WARNING, "model %s: %s", shelf->name, error->text);
    pthread_rwlock_wrlock(&catalogue->lock);
    tw_free(shelf->complaint);
    shelf->complaint = error ? tw_strdup(error->text) : NULL;
    pthread_rwlock_unlock(&catalogue->lock);
}

static enum tw_status poll_model(struct tw_catalogue *catalogue, const char *name, struct tw_error *error)
{
    struct tw_store_model stored = {0};
    struct tw_error trouble = {0};
    struct tw_shelf *shelf = find(catalogue, name);
    enum tw_status status = shelf ? TW_OK : add_shelf(catalogue, name, &shelf, error);
    if (status)
        return status;
    status = tw_store_read(catalogue->source, name, &stored, &trouble);
    if (!status)
        status = follow_model(catalogue, shelf, &stored, false, &trouble);
    tw_store_model_release(&stored);
    note_complaint(catalogue, shelf, status ? &trouble : NULL);
    return status == TW_NO_MEMORY ? tw_fail(error, status, "%s", trouble.text) : TW_OK;
}

static bool is_listed(const struct tw_listing *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->entries[i].name, name) == 0)
            return true;
    }
    return false;
}

static void drop_unlisted(struct tw_catalogue *catalogue, const struct tw_listing *names)
{
    for (size_t i = catalogue->count; i-- > 0;) {
        if (is_listed(names, catalogue->shelves[i].name))
            continue;
        pthread_rwlock_wrlock(&catalogue->lock);
        struct tw_shelf gone = catalogue->shelves[i];
        catalogue->shelves[i] = catalogue->shelves[--catalogue->count];
        pthread_rwlock_unlock(&catalogue->lock);
        tw_log(catalogue->sink, TW_LOG_INFO, "model %s is gone", gone.name);
        tw_shelf_release(&gone);
    }
}

static enum tw_status poll_single(struct tw_catalogue *catalogue, struct tw_error *error)
{
    struct tw_store_version version = {.number = 1};
    const struct tw_store_model stored = {
        .description = (char *)"", .versions = &version, .version_count = 1, .default_number = 1};
    struct tw_shelf *shelf = find(catalogue, catalogue->single);
    enum tw_status status = shelf ? TW_OK : add_shelf(catalogue, catalogue->single, &shelf, error);
    return status ? status : follow_model(catalogue, shelf, &stored, true, error);
}

enum tw_status tw_catalogue_poll(struct tw_catalogue *catalogue, struct tw_error *error)
{
    struct tw_listing names = {0};
    if (catalogue->single)
        return poll_single(catalogue, error);
    enum tw_status status = tw_store_list(catalogue->source, &names, error);
    for (size_t i = 0; i < names.count && !status; i++)
        status = poll_model(catalogue, names.entries[i].name, error);
    if (!status)
        drop_unlisted(catalogue, &names);
    tw_listing_release(&names);
    return status;
}

static enum tw_status fail_unknown_model(const struct tw_catalogue *catalogue, const char *model,
                                         struct tw_error *error)
{
    char shown[TW_STORE_NAME_SIZE + 4];
    tw_printable(model, shown, sizeof shown);
    if (catalogue->count == 1)
        return tw_fail(error, TW_NOT_FOUND, "there is no model %s; there is %s", shown, catalogue->shelves[0].name);
    return tw_fail(error, TW_NOT_FOUND, "there is no model %s", shown);
}

static enum tw_status pick(struct tw_shelf *shelf, const char *version, struct tw_served **served,
                           struct tw_error *error)
{
    char shown[TW_STORE_NAME_SIZE + 4];
    const struct tw_shelf_entry *entry = tw_shelf_named(shelf, version);
    tw_printable(version ? version : "", shown, sizeof shown);
    if (!entry)
        return version ? tw_fail(error, TW_NOT_FOUND, "model %s has no version %s", shelf->name, shown)
                       : tw_fail(error, TW_NOT_FOUND, "model %s has no version", shelf->name);
    if (entry->state != TW_SERVED_AVAILABLE)
        return tw_fail(error, TW_CONFLICT, "version %lld of model %s is not available: %s", (long long)entry->number,
                       shelf->name, entry->reason ? entry->reason : "it is being loaded");
    tw_served_take(entry->served);
    *served = entry->served;
    return TW_OK;
}

enum tw_status tw_catalogue_get(struct tw_catalogue *catalogue, const char *model, const char *version,
                                struct tw_served **served, struct tw_error *error)
{
    pthread_rwlock_rdlock(&catalogue->lock);
    struct tw_shelf *shelf = find(catalogue, model);
    enum tw_status status = shelf ? pick(shelf, version, served, error) : fail_unknown_model(catalogue, model, error);
    pthread_rwlock_unlock(&catalogue->lock);
    return status;
}

char *tw_catalogue_only_model(struct tw_catalogue *catalogue)
{
    pthread_rwlock_rdlock(&catalogue->lock);
    char *name = catalogue->count == 1 ? tw_strdup(catalogue->shelves[0].name) : NULL;
    pthread_rwlock_unlock(&catalogue->lock);
    return name;
}

bool tw_catalogue_is_store(const struct tw_catalogue *catalogue)
{
    return !catalogue->single;
}

size_t tw_catalogue_backbones(struct tw_catalogue *catalogue)
{
    return tw_backbones_count(catalogue->backbones);
}

void tw_catalogue_each(struct tw_catalogue *catalogue, void (*visit)(void *context, const struct tw_served *served),
                       void *context)
{
    pthread_rwlock_rdlock(&catalogue->lock);
    for (size_t i = 0; i < catalogue->count; i++) {
        for (size_t j = 0; j < catalogue->shelves[i].entry_count; j++) {
            if (catalogue->shelves[i].entries[j].served)
                visit(context, catalogue->shelves[i].entries[j].served);
        }
    }
    pthread_rwlock_unlock(&catalogue->lock);
}

/* The labels that stand for a version, between spaces. */
static char *labels_text(const struct tw_shelf *shelf, int64_t number)
{
    struct tw_buffer text = {0};
    enum tw_status status = tw_buffer_append_text(&text, "", NULL);
    for (size_t i = 0; i < shelf->label_count && !status; i++) {
        if (shelf->labels[i].number == number)
            status = tw_buffer_printf(&text, NULL, "%s%s", text.size ? " " : "", shelf->labels[i].name);
    }
    char *made = status ? NULL : tw_strndup(text.size ? (const char *)text.data : "", text.size);
    tw_buffer_release(&text);
    return made;
}

static enum tw_status view_shelf(const struct tw_shelf *shelf, struct tw_catalogue_model *model, struct tw_error *error)
{
    model->name = tw_strdup(shelf->name);
    model->description = tw_strdup(shelf->description);
    model->versions = tw_alloc(shelf->entry_count + 1, sizeof *model->versions);
    bool is_complete = model->name && model->description && model->versions;
    for (size_t i = 0; i < shelf->entry_count && is_complete; i++) {
        const struct tw_shelf_entry *entry = &shelf->entries[i];
        struct tw_catalogue_version *version = &model->versions[model->version_count++];
        version->number = entry->number;
        version->state = entry->state;
        version->is_default = entry->number == shelf->default_number;
        version->labels = labels_text(shelf, entry->number);
        version->name = entry->name ? tw_strdup(entry->name) : NULL;
        version->reason = entry->reason ? tw_strdup(entry->reason) : NULL;
        is_complete = version->labels && (version->name || !entry->name);
    }
    return is_complete ? TW_OK : tw_fail_memory(error, 1, "what the server has");
}

enum tw_status tw_catalogue_look(struct tw_catalogue *catalogue, const char *model, struct tw_catalogue_view *view,
                                 struct tw_error *error)
{
    struct tw_catalogue_view made = {0};
    pthread_rwlock_rdlock(&catalogue->lock);
    made.models = tw_alloc(catalogue->count + 1, sizeof *made.models);
    enum tw_status status = made.models ? TW_OK : tw_fail_memory(error, 1, "what the server has");
    for (size_t i = 0; i < catalogue->count && !status; i++) {
        if (!model || strcmp(catalogue->shelves[i].name, model) == 0)
            status = view_shelf(&catalogue->shelves[i], &made.models[made.model_count++], error);
    }
    if (!status && model && made.model_count == 0)
        status = fail_unknown_model(catalogue, model, error);
    pthread_rwlock_unlock(&catalogue->lock);
    if (status) {
        tw_catalogue_view_release(&made);
        return status;
    }
    *view = made;
    return TW_OK;
}

void tw_catalogue_view_release(struct tw_catalogue_view *view)
{
    for (size_t i = 0; i < view->model_count; i++) {
        struct tw_catalogue_model *model = &view->models[i];
        for (size_t j = 0; j < model->version_count; j++) {
            tw_free(model->versions[j].name);
            tw_free(model->versions[j].labels);
            tw_free(model->versions[j].reason);
        }
        tw_free(model->versions);
        tw_free(model->name);
        tw_free(model->description);
    }
    tw_free(view->models);
    *view = (struct tw_catalogue_view){0};
}
