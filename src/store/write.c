#include "store/layout.h"

#include "base/memory.h"
#include "storage/lock.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The version, and the share where it has one. */
static json_t *json_of_label(const struct tw_store_label *label)
{
    if (!(label->share > 0))
        return json_integer(label->number);
    return json_pack("{s:I, s:f}", "version", (json_int_t)label->number, "share", label->share);
}

enum tw_status tw_store_write_model(const char *store, const struct tw_store_model *model, struct tw_error *error)
{
    json_t *labels = json_object();
    for (size_t i = 0; labels && i < model->label_count; i++)
        json_object_set_new(labels, model->labels[i].name, json_of_label(&model->labels[i]));
    json_t *json =
        json_pack("{s:i, s:s, s:I, s:I, s:I, s:o}", "format", TW_STORE_FORMAT, "description", model->description,
                  "created_s", (json_int_t)model->created_s, "default", (json_int_t)model->default_number, "next",
                  (json_int_t)model->next_number, "labels", labels);
    char *text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;
    char *uri = tw_format("%s/%s/" TW_MODEL_FILE, store, model->name);
    enum tw_status status = text && uri ? tw_storage_write(uri, tw_span_of_text(text), error)
                                        : tw_fail_memory(error, 1, "a model's description");
    json_decref(json);
    free(text);
    tw_free(uri);
    return status;
}

/* The model as it stands, nobody else changing it until the lock goes. */
static enum tw_status open_model(const char *store, const char *name, struct tw_folder_lock **lock,
                                 struct tw_store_model *model, struct tw_error *error)
{
    enum tw_status status = tw_store_read(store, name, model, error);
    if (status)
        return status;
    tw_store_model_release(model);
    status = tw_store_lock(store, name, lock, error);
    return status ? status : tw_store_read(store, name, model, error);
}

enum tw_status tw_store_lock(const char *store, const char *name, struct tw_folder_lock **lock, struct tw_error *error)
{
    char *folder = tw_uri_join(store, name);
    enum tw_status status =
        folder ? tw_folder_lock_wait(folder, TW_STORE_WAIT_SECONDS, lock, error) : tw_fail_memory(error, 1, "a path");
    tw_free(folder);
    return status;
}

enum tw_status tw_store_create(const char *store, const char *name, const char *description, struct tw_error *error)
{
    struct tw_store_model model = {0};
    struct tw_folder_lock *lock = NULL;
    enum tw_status status = tw_store_check_name("model", name, error);
    if (status)
        return status;
    char *folder = tw_uri_join(store, name);
    status = folder ? tw_storage_make_folders(folder, error) : tw_fail_memory(error, 1, "a path");
    if (!status)
        status = tw_store_lock(store, name, &lock, error);
    if (!status)
        status = tw_store_read(store, name, &model, error);
    if (!status)
        status = tw_fail(error, TW_CONFLICT, "there is a model %s in %s already", name, store);
    else if (status == TW_NOT_FOUND) {
        const struct tw_store_model made = {.name = (char *)name,
                                            .description = (char *)(description ? description : ""),
                                            .created_s = (int64_t)time(NULL),
                                            .next_number = 1};
        status = tw_store_write_model(store, &made, error);
    }
    tw_folder_unlock(lock);
    tw_store_model_release(&model);
    tw_free(folder);
    return status;
}

enum tw_status tw_store_describe(const char *store, const char *name, const char *description, struct tw_error *error)
{
    struct tw_folder_lock *lock = NULL;
    struct tw_store_model model = {0};
    enum tw_status status = open_model(store, name, &lock, &model, error);
    if (!status) {
        tw_free(model.description);
        model.description = tw_strdup(description);
        status = model.description ? tw_store_write_model(store, &model, error)
                                   : tw_fail_memory(error, strlen(description), "a description");
    }
    tw_folder_unlock(lock);
    tw_store_model_release(&model);
    return status;
}

enum tw_status tw_store_delete(const char *store, const char *name, struct tw_error *error)
{
    struct tw_folder_lock *lock = NULL;
    struct tw_store_model model = {0};
    enum tw_status status = open_model(store, name, &lock, &model, error);
    if (!status && model.version_count)
        status = tw_fail(error, TW_CONFLICT, "model %s has %zu version%s: delete them first", name, model.version_count,
                         model.version_count == 1 ? "" : "s");
    if (!status)
        status = tw_store_sweep(store, name, error);
    char *folder = tw_uri_join(store, name), *file = folder ? tw_uri_join(folder, TW_MODEL_FILE) : NULL;
    if (!status)
        status = file ? tw_storage_remove(file, error) : tw_fail_memory(error, 1, "a path");
    if (!status)
        status = tw_storage_remove_folder(folder, error);
    tw_free(file);
    tw_free(folder);
    tw_folder_unlock(lock);
    tw_store_model_release(&model);
    return status;
}

static enum tw_status find_number(const struct tw_store_model *model, int64_t number,
                                  const struct tw_store_version **found, struct tw_error *error)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)number);
    return tw_store_find(model, text, found, error);
}

static enum tw_status check_deletable(const struct tw_store_model *model, int64_t number, struct tw_error *error)
{
    for (size_t i = 0; i < model->label_count; i++) {
        if (model->labels[i].number == number)
            return tw_fail(
                error, TW_CONFLICT,
                "label %s stands for version %lld of model %s: give it another version, or take it away, first",
                model->labels[i].name, (long long)number, model->name);
    }
    if (model->default_number == number && model->version_count > 1)
        return tw_fail(error, TW_CONFLICT,
                       "version %lld is the default of model %s and not its last: make another one the default first",
                       (long long)number, model->name);
    return TW_OK;
}

enum tw_status tw_store_delete_version(const char *store, const char *name, int64_t number, struct tw_error *error)
{
    struct tw_folder_lock *lock = NULL;
    struct tw_store_model model = {0};
    const struct tw_store_version *version = NULL;
    enum tw_status status = open_model(store, name, &lock, &model, error);
    if (!status)
        status = find_number(&model, number, &version, error);
    if (!status)
        status = check_deletable(&model, number, error);
    if (!status && version->is_foreign)
        status = tw_fail(error, TW_UNSUPPORTED,
                         "version %lld of model %s was not added by topwork: remove its folder yourself",
                         (long long)number, name);
    if (!status) /* first, so that its number is not given again */
        status = tw_store_write_model(store, &model, error);
    if (!status)
        status = tw_store_remove_version(store, name, version, error);
    tw_folder_unlock(lock);
    tw_store_model_release(&model);
    return status;
}

enum tw_status tw_store_set_default(const char *store, const char *name, int64_t number, struct tw_error *error)
{
    struct tw_folder_lock *lock = NULL;
    struct tw_store_model model = {0};
    const struct tw_store_version *version = NULL;
    enum tw_status status = open_model(store, name, &lock, &model, error);
    if (!status)
        status = find_number(&model, number, &version, error);
    if (!status) {
        model.default_number = number;
        status = tw_store_write_model(store, &model, error);
    }
    tw_folder_unlock(lock);
    tw_store_model_release(&model);
    return status;
}

/* Room for one more, so that the label that is written now need not be there yet. */
static enum tw_status put_label(struct tw_store_model *model, const struct tw_store_label *label,
                                struct tw_error *error)
{
    double shares = label->number ? label->share : 0;
    size_t kept = 0, room = model->label_count;
    enum tw_status status = tw_grow((void **)&model->labels, &room, room + 1, sizeof *model->labels, error);
    for (size_t i = 0; i < model->label_count && !status; i++) {
        if (strcmp(model->labels[i].name, label->name) == 0) {
            tw_free(model->labels[i].name);
            continue;
        }
        shares += model->labels[i].share;
        model->labels[kept++] = model->labels[i];
    }
    if (status)
        return status;
    model->label_count = kept;
    if (shares > 1)
        return tw_fail(error, TW_CONFLICT, "the labels of model %s would take %g of its requests, all are 1",
                       model->name, shares);
    char *copy = label->number ? tw_strdup(label->name) : NULL;
    if (label->number && !copy)
        return tw_fail_memory(error, strlen(label->name), "a label");
    if (label->number)
        model->labels[model->label_count++] = (struct tw_store_label){copy, label->number, label->share};
    return TW_OK;
}

enum tw_status tw_store_set_label(const char *store, const char *name, const struct tw_store_label *label,
                                  struct tw_error *error)
{
    struct tw_folder_lock *lock = NULL;
    struct tw_store_model model = {0};
    const struct tw_store_version *version = NULL;
    enum tw_status status = tw_store_check_name("label", label->name, error);
    if (!status)
        status = open_model(store, name, &lock, &model, error);
    if (!status && label->number)
        status = find_number(&model, label->number, &version, error);
    for (size_t i = 0; i < model.version_count && !status; i++) {
        if (model.versions[i].name && strcmp(model.versions[i].name, label->name) == 0)
            status = tw_fail(error, TW_CONFLICT, "version %lld of model %s has the name %s: a label needs another",
                             (long long)model.versions[i].number, name, label->name);
    }
    if (!status)
        status = put_label(&model, label, error);
    if (!status)
        status = tw_store_write_model(store, &model, error);
    tw_folder_unlock(lock);
    tw_store_model_release(&model);
    return status;
}
