#include "store/layout.h"

#include "base/memory.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

void tw_store_model_release(struct tw_store_model *model)
{
    for (size_t i = 0; i < model->version_count; i++)
        tw_store_version_release(&model->versions[i]);
    for (size_t i = 0; i < model->label_count; i++)
        tw_free(model->labels[i].name);
    tw_free(model->versions);
    tw_free(model->labels);
    tw_free(model->name);
    tw_free(model->description);
    *model = (struct tw_store_model){0};
}

static enum tw_status read_labels(const json_t *object, struct tw_store_model *model, struct tw_error *error)
{
    size_t count = json_object_size(object);
    const char *name;
    const json_t *value;
    model->labels = count ? tw_alloc(count, sizeof *model->labels) : NULL;
    if (count && !model->labels)
        return tw_fail_memory(error, count * sizeof *model->labels, "a model's labels");
    json_object_foreach((json_t *)object, name, value)
    {
        struct tw_store_label *label = &model->labels[model->label_count];
        label->number = json_integer_value(json_is_object(value) ? json_object_get(value, "version") : value);
        label->share = json_number_value(json_object_get(value, "share")); /* 0 where there is none */
        if (tw_store_check_name("label", name, error) || label->number < 1 || !(label->share >= 0 && label->share <= 1))
            return tw_fail(error, TW_CORRUPT, "one of its labels has no sound name, version or share");
        label->name = tw_strdup(name);
        if (!label->name)
            return tw_fail_memory(error, strlen(name), "a label");
        model->label_count++;
    }
    return TW_OK;
}

static enum tw_status read_json(const json_t *json, struct tw_store_model *model, struct tw_error *error)
{
    json_int_t format = json_integer_value(json_object_get(json, "format"));
    const char *description = json_string_value(json_object_get(json, "description"));
    if (!json_is_object(json))
        return tw_fail(error, TW_CORRUPT, "it is no JSON object");
    if (format < 1 || format > TW_STORE_FORMAT)
        return tw_fail(error, TW_UNSUPPORTED, "its format is %lld, this topwork reads up to %d", (long long)format,
                       TW_STORE_FORMAT);
    model->description = tw_strdup(description ? description : "");
    model->created_s = json_integer_value(json_object_get(json, "created_s"));
    model->default_number = json_integer_value(json_object_get(json, "default"));
    model->next_number = json_integer_value(json_object_get(json, "next"));
    if (!model->description)
        return tw_fail_memory(error, 1, "a description");
    return read_labels(json_object_get(json, "labels"), model, error);
}

/* *is_there: the model has a file of its own. */
static enum tw_status read_own_file(const char *folder, struct tw_store_model *model, bool *is_there,
                                    struct tw_error *error)
{
    struct tw_buffer text = {0};
    char *uri = tw_uri_join(folder, TW_MODEL_FILE);
    enum tw_status status =
        uri ? tw_storage_read(uri, TW_STORE_MOST_JSON, &text, error) : tw_fail_memory(error, 1, "a path");
    *is_there = status == TW_OK;
    if (status == TW_NOT_FOUND) {
        model->description = tw_strdup("");
        status = model->description ? TW_OK : tw_fail_memory(error, 1, "a description");
    } else if (!status) {
        json_t *json = json_loadb((const char *)text.data, text.size, 0, NULL);
        status = read_json(json, model, error);
        json_decref(json);
        if (status)
            status = tw_fail_within(error, status, "%s", uri);
    }
    tw_buffer_release(&text);
    tw_free(uri);
    return status;
}

/* *is_there: a version stands in the folder; else something that is not, or not yet, one. */
static enum tw_status read_version(const char *folder, struct tw_store_version *version, bool *is_there,
                                   struct tw_error *error)
{
    enum tw_entry_kind kind = TW_ENTRY_MISSING;
    uint64_t size;
    char *own = tw_uri_join(folder, TW_VERSION_FILE), *foreign = tw_uri_join(folder, "saved_model.pb");
    enum tw_status status =
        own && foreign ? tw_store_read_version(own, version, error) : tw_fail_memory(error, 1, "a path");
    *is_there = status == TW_OK;
    if (status == TW_NOT_FOUND) {
        status = tw_storage_kind(foreign, &kind, &size, error);
        *is_there = !status && kind == TW_ENTRY_FILE;
        version->is_foreign = *is_there;
        version->description = tw_strdup("");
        if (!status && !version->description)
            status = tw_fail_memory(error, 1, "a description");
    }
    tw_free(own);
    tw_free(foreign);
    return status;
}

static int compare_versions(const void *a, const void *b)
{
    const struct tw_store_version *left = a, *right = b;
    return (left->number > right->number) - (left->number < right->number);
}

static int compare_labels(const void *a, const void *b)
{
    return strcmp(((const struct tw_store_label *)a)->name, ((const struct tw_store_label *)b)->name);
}

static enum tw_status add_version(const char *folder, const char *entry, struct tw_store_model *model,
                                  struct tw_error *error)
{
    struct tw_store_version version = {.number = tw_store_number_of(entry)};
    bool is_there = false;
    char *inner = tw_uri_join(folder, entry);
    enum tw_status status =
        inner ? read_version(inner, &version, &is_there, error) : tw_fail_memory(error, 1, "a path");
    tw_free(inner);
    if (model->next_number <= version.number)
        model->next_number = version.number + 1; /* also after what never became a version */
    if (!status && is_there)
        status = tw_grow((void **)&model->versions, &model->version_capacity, model->version_count + 1,
                         sizeof *model->versions, error);
    if (status || !is_there) {
        tw_store_version_release(&version);
        return status;
    }
    model->versions[model->version_count++] = version;
    return TW_OK;
}

static enum tw_status read_versions(const char *folder, struct tw_store_model *model, struct tw_error *error)
{
    struct tw_listing listing = {0};
    enum tw_status status = tw_storage_list(folder, &listing, error);
    for (size_t i = 0; i < listing.count && !status; i++) {
        const struct tw_entry *entry = &listing.entries[i];
        if (entry->kind == TW_ENTRY_FOLDER && tw_store_number_of(entry->name))
            status = add_version(folder, entry->name, model, error);
    }
    tw_listing_release(&listing);
    return status;
}

static bool has_version(const struct tw_store_model *model, int64_t number)
{
    for (size_t i = 0; i < model->version_count; i++) {
        if (model->versions[i].number == number)
            return true;
    }
    return false;
}

/* The default is the one that was set, else the first: so nothing need be written when a first version comes. Labels of versions
 * that are gone are gone. */
static void settle(struct tw_store_model *model)
{
    if (model->version_count)
        qsort(model->versions, model->version_count, sizeof *model->versions, compare_versions);
    if (!has_version(model, model->default_number))
        model->default_number = model->version_count ? model->versions[0].number : 0;
    if (model->next_number < 1)
        model->next_number = 1;
    size_t kept = 0;
    for (size_t i = 0; i < model->label_count; i++) {
        if (has_version(model, model->labels[i].number))
            model->labels[kept++] = model->labels[i];
        else
            tw_free(model->labels[i].name);
    }
    model->label_count = kept;
    if (kept)
        qsort(model->labels, kept, sizeof *model->labels, compare_labels);
}

enum tw_status tw_store_read(const char *store, const char *name, struct tw_store_model *model, struct tw_error *error)
{
    struct tw_store_model made = {0};
    enum tw_entry_kind kind = TW_ENTRY_MISSING;
    uint64_t size;
    bool has_own = false;
    enum tw_status status = tw_store_check_name("model", name, error);
    if (status)
        return status;
    char *folder = tw_uri_join(store, name);
    status = folder ? tw_storage_kind(folder, &kind, &size, error) : tw_fail_memory(error, 1, "a path");
    if (!status && kind == TW_ENTRY_FOLDER)
        status = read_own_file(folder, &made, &has_own, error);
    if (!status && kind == TW_ENTRY_FOLDER)
        status = read_versions(folder, &made, error);
    if (!status && !has_own && made.version_count == 0)
        status = tw_fail(error, TW_NOT_FOUND, "there is no model %s in %s", name, store);
    made.name = status ? NULL : tw_strdup(name);
    if (!status && !made.name)
        status = tw_fail_memory(error, strlen(name), "a model's name");
    tw_free(folder);
    if (status) {
        tw_store_model_release(&made);
        return status;
    }
    settle(&made);
    *model = made;
    return TW_OK;
}

enum tw_status tw_store_list(const char *store, struct tw_listing *names, struct tw_error *error)
{
    struct tw_listing listing = {0};
    enum tw_status status = tw_storage_list(store, &listing, error);
    size_t kept = 0;
    for (size_t i = 0; i < listing.count; i++) {
        struct tw_store_model model = {0};
        bool is_model = false;
        if (!status && listing.entries[i].kind == TW_ENTRY_FOLDER &&
            !tw_store_check_name("model", listing.entries[i].name, NULL)) {
            enum tw_status read = tw_store_read(store, listing.entries[i].name, &model, error);
            is_model = read == TW_OK;
            status = read == TW_NOT_FOUND ? TW_OK : read;
        }
        tw_store_model_release(&model);
        if (is_model)
            listing.entries[kept++] = listing.entries[i];
        else
            tw_free(listing.entries[i].name);
    }
    listing.count = kept;
    if (status) {
        tw_listing_release(&listing);
        return status;
    }
    *names = listing;
    return TW_OK;
}

static enum tw_status fail_unknown(const struct tw_store_model *model, const char *version, struct tw_error *error)
{
    char known[200] = "";
    size_t used = 0;
    for (size_t i = 0; i < model->version_count && used < sizeof known - 24; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%lld", i ? ", " : "",
                                 (long long)model->versions[i].number);
    if (!model->version_count)
        return tw_fail(error, TW_NOT_FOUND, "model %s has no version", model->name);
    return tw_fail(error, TW_NOT_FOUND, "model %s has no version, name or label %.*s; its versions are %s", model->name,
                   TW_STORE_NAME_SIZE, version, known);
}

enum tw_status tw_store_find(const struct tw_store_model *model, const char *version,
                             const struct tw_store_version **found, struct tw_error *error)
{
    int64_t number = version ? tw_store_number_of(version) : model->default_number;
    for (size_t i = 0; version && i < model->label_count; i++) {
        if (strcmp(model->labels[i].name, version) == 0)
            number = model->labels[i].number;
    }
    for (size_t i = 0; i < model->version_count; i++) {
        const struct tw_store_version *candidate = &model->versions[i];
        bool is_named = version && candidate->name && strcmp(candidate->name, version) == 0;
        if (candidate->number == number || is_named) {
            *found = candidate;
            return TW_OK;
        }
    }
    return fail_unknown(model, version ? version : "", error);
}
