#include "records/shards.h"

#include "base/memory.h"
#include "base/text.h"
#include "storage/storage.h"

#include <jansson.h>
#include <string.h>

static const char file_name[] = "manifest.json";
enum { VERSION = 1, MOST_BYTES = 1 << 28 };

char *tw_shard_name(const char *prefix, size_t shard, size_t shard_count)
{
    return tw_format("%s-%05zu-of-%05zu.tfrecord.gz", prefix, shard, shard_count);
}

static json_t *json_of_digest(const struct tw_digest *digest)
{
    char hex[TW_DIGEST_HEX];
    tw_digest_hex(digest, hex);
    return json_string(hex);
}

static json_t *json_of_digests(const struct tw_digest *digests, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_of_digest(&digests[i]));
    return list;
}

static json_t *json_of_lines(const char *text)
{
    json_t *lines = json_array();
    while (*text) {
        size_t length = strcspn(text, "\n");
        json_array_append_new(lines, json_stringn(text, length));
        text += length + (text[length] == '\n');
    }
    return lines;
}

static json_t *json_of_manifest(const struct tw_manifest *manifest)
{
    json_t *root = json_object(), *labels = json_array(), *shards = json_array();
    json_object_set_new(root, "version", json_integer(VERSION));
    json_object_set_new(root, "backbone", json_string(manifest->backbone));
    json_object_set_new(root, "backbone_digest", json_of_digest(&manifest->backbone_digest));
    json_object_set_new(root, "layer", json_string(manifest->layer));
    json_object_set_new(root, "policy", json_loads(manifest->policy_json, 0, NULL));
    json_object_set_new(root, "precision", json_string(manifest->precision));
    json_object_set_new(root, "engine", json_string(manifest->engine));
    if (manifest->choices)
        json_object_set_new(root, "choices", json_of_lines(manifest->choices));
    json_object_set_new(root, "input_digest", json_of_digest(&manifest->input_digest));
    json_object_set_new(root, "settings_digest", json_of_digest(&manifest->settings_digest));
    json_object_set_new(root, "embedding_size", json_integer((json_int_t)manifest->embedding_size));
    json_object_set_new(root, "eval_share", json_real(manifest->eval_share));
    json_object_set_new(root, "kept_on_eval", json_of_digests(manifest->kept_on_eval, manifest->kept_on_eval_count));
    json_object_set_new(root, "kept_on_train", json_of_digests(manifest->kept_on_train, manifest->kept_on_train_count));
    json_object_set_new(root, "skipped", json_integer((json_int_t)manifest->skipped));
    for (size_t i = 0; i < manifest->label_count; i++)
        json_array_append_new(labels, json_string(manifest->labels[i]));
    for (size_t i = 0; i < manifest->shard_count; i++) {
        const struct tw_shard_entry *shard = &manifest->shards[i];
        json_t *entry = json_object();
        json_object_set_new(entry, "name", json_string(shard->name));
        json_object_set_new(entry, "side", json_string(shard->side));
        json_object_set_new(entry, "count", json_integer((json_int_t)shard->count));
        json_object_set_new(entry, "sha256", json_of_digest(&shard->digest));
        json_array_append_new(shards, entry);
    }
    json_object_set_new(root, "labels", labels);
    json_object_set_new(root, "shards", shards);
    return root;
}

/* JSON holds no other text: a label that was left out would move the ids of all behind it. */
static enum tw_status check_texts(const struct tw_manifest *manifest, struct tw_error *error)
{
    const char *const texts[] = {manifest->backbone, manifest->layer, manifest->precision, manifest->engine};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (!tw_is_utf8(tw_span_of_text(texts[i])))
            return tw_fail(error, TW_UNSUPPORTED, "%s is not UTF-8 text, which a manifest holds: rename it", texts[i]);
    }
    for (size_t i = 0; i < manifest->label_count; i++) {
        if (!tw_is_utf8(tw_span_of_text(manifest->labels[i])))
            return tw_fail(error, TW_UNSUPPORTED, "label %zu (%s) is not UTF-8 text, which a manifest holds: rename it",
                           i, manifest->labels[i]);
    }
    return TW_OK;
}

enum tw_status tw_manifest_write(const char *folder, const struct tw_manifest *manifest, struct tw_error *error)
{
    enum tw_status status = check_texts(manifest, error);
    if (status)
        return status;
    json_t *root = json_of_manifest(manifest);
    char *text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(17)), *path = tw_uri_join(folder, file_name);
    struct tw_buffer bytes = {0};
    status = text && path ? tw_buffer_printf(&bytes, error, "%s\n", text) : tw_fail_memory(error, 1, "the manifest");
    if (!status)
        status = tw_storage_write(path, tw_buffer_span(&bytes), error);
    tw_buffer_release(&bytes);
    tw_free(path);
    free(text);
    json_decref(root);
    return status;
}

/* What a reader trips over first is named: a key and what is wrong with it. */
static enum tw_status take_text(const json_t *object, const char *key, char **text, struct tw_error *error)
{
    const char *found = json_string_value(json_object_get(object, key));
    if (!found)
        return tw_fail(error, TW_CORRUPT, "its %s is no text", key);
    *text = tw_strdup(found);
    return *text ? TW_OK : tw_fail_memory(error, strlen(found), key);
}

static enum tw_status take_digest(const json_t *object, const char *key, struct tw_digest *digest,
                                  struct tw_error *error)
{
    const char *found = json_string_value(json_object_get(object, key));
    if (!found || !tw_digest_parse(found, digest))
        return tw_fail(error, TW_CORRUPT, "its %s is not 64 hex digits", key);
    return TW_OK;
}

/* A list that is absent is empty. */
static enum tw_status take_digests(const json_t *object, const char *key, struct tw_digest **digests, size_t *count,
                                   struct tw_error *error)
{
    const json_t *list = json_object_get(object, key);
    *digests = tw_alloc(json_array_size(list), sizeof **digests);
    if (!*digests)
        return tw_fail_memory(error, json_array_size(list), key);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *found = json_string_value(json_array_get(list, i));
        if (!found || !tw_digest_parse(found, &(*digests)[i]))
            return tw_fail(error, TW_CORRUPT, "its %s are not 64 hex digits each", key);
        *count = i + 1;
    }
    return TW_OK;
}

/* A list of texts as lines of one; absent: NULL. */
static enum tw_status take_lines(const json_t *object, const char *key, char **text, struct tw_error *error)
{
    const json_t *list = json_object_get(object, key);
    struct tw_buffer lines = {0};
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < json_array_size(list) && !status; i++) {
        const char *line = json_string_value(json_array_get(list, i));
        status = line ? tw_buffer_printf(&lines, error, "%s\n", line)
                      : tw_fail(error, TW_CORRUPT, "its %s are no texts", key);
    }
    if (!status && json_is_array(list)) {
        *text = tw_strndup(lines.size ? (const char *)lines.data : "", lines.size);
        status = *text ? TW_OK : tw_fail_memory(error, lines.size, key);
    }
    tw_buffer_release(&lines);
    return status;
}

static enum tw_status take_size(const json_t *object, const char *key, size_t *size, struct tw_error *error)
{
    const json_t *found = json_object_get(object, key);
    if (!json_is_integer(found) || json_integer_value(found) < 0)
        return tw_fail(error, TW_CORRUPT, "its %s is no whole number", key);
    *size = (size_t)json_integer_value(found);
    return TW_OK;
}

static enum tw_status take_shards(const json_t *list, struct tw_manifest *manifest, struct tw_error *error)
{
    manifest->shards = tw_alloc(json_array_size(list), sizeof *manifest->shards);
    if (!json_is_array(list) || !manifest->shards)
        return tw_fail(error, TW_CORRUPT, "its shards are no list");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        struct tw_shard_entry *shard = &manifest->shards[manifest->shard_count++];
        enum tw_status status = take_text(entry, "name", &shard->name, error);
        if (!status)
            status = take_text(entry, "side", &shard->side, error);
        if (!status)
            status = take_size(entry, "count", &shard->count, error);
        if (!status)
            status = take_digest(entry, "sha256", &shard->digest, error);
        if (status)
            return status;
        if (strchr(shard->name, '/') || *shard->name == '.' || !*shard->name)
            return tw_fail(error, TW_CORRUPT, "its shard name %s leaves the folder", shard->name);
    }
    return TW_OK;
}

static enum tw_status take_labels(const json_t *list, struct tw_manifest *manifest, struct tw_error *error)
{
    manifest->labels = tw_alloc(json_array_size(list), sizeof *manifest->labels);
    if (!json_is_array(list) || !manifest->labels)
        return tw_fail(error, TW_CORRUPT, "its labels are no list");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        char *copy = name ? tw_strdup(name) : NULL;
        if (!copy)
            return tw_fail(error, TW_CORRUPT, "its label %zu is no text", i);
        manifest->labels[manifest->label_count++] = copy;
    }
    return TW_OK;
}

static enum tw_status take_all(const json_t *root, struct tw_manifest *manifest, struct tw_error *error)
{
    size_t version = 0;
    enum tw_status status = take_size(root, "version", &version, error);
    if (!status && version != VERSION)
        return tw_fail(error, TW_UNSUPPORTED, "its version is %zu, this topwork reads %d", version, VERSION);
    manifest->version = VERSION;
    const struct {
        const char *key;
        char **text;
    } texts[] = {{"backbone", &manifest->backbone},
                 {"layer", &manifest->layer},
                 {"precision", &manifest->precision},
                 {"engine", &manifest->engine}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts && !status; i++)
        status = take_text(root, texts[i].key, texts[i].text, error);
    if (!status)
        status = take_lines(root, "choices", &manifest->choices, error);
    if (!status)
        status = take_digest(root, "backbone_digest", &manifest->backbone_digest, error);
    if (!status)
        status = take_digest(root, "input_digest", &manifest->input_digest, error);
    if (!status)
        status = take_digest(root, "settings_digest", &manifest->settings_digest, error);
    if (!status)
        status = take_size(root, "embedding_size", &manifest->embedding_size, error);
    if (!status)
        status = take_size(root, "skipped", &manifest->skipped, error);
    if (!status)
        status = take_digests(root, "kept_on_eval", &manifest->kept_on_eval, &manifest->kept_on_eval_count, error);
    if (!status)
        status = take_digests(root, "kept_on_train", &manifest->kept_on_train, &manifest->kept_on_train_count, error);
    manifest->eval_share = json_number_value(json_object_get(root, "eval_share"));
    if (!status)
        status = take_labels(json_object_get(root, "labels"), manifest, error);
    if (!status)
        status = take_shards(json_object_get(root, "shards"), manifest, error);
    if (status)
        return status;
    char *policy = json_dumps(json_object_get(root, "policy"), JSON_COMPACT);
    manifest->policy_json = policy ? tw_strdup(policy) : NULL;
    free(policy);
    return manifest->policy_json ? TW_OK : tw_fail(error, TW_CORRUPT, "it has no policy");
}

enum tw_status tw_manifest_read(const char *folder, struct tw_manifest *manifest, struct tw_error *error)
{
    struct tw_manifest made = {0};
    struct tw_buffer text = {0};
    char *path = tw_uri_join(folder, file_name);
    enum tw_status status = path ? tw_storage_read(path, MOST_BYTES, &text, error) : tw_fail_memory(error, 1, "a path");
    if (!status) {
        json_error_t problem;
        json_t *root = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &problem);
        if (!json_is_object(root))
            status = tw_fail(error, TW_CORRUPT, "it is not a JSON object (line %d)", root ? 1 : problem.line);
        else
            status = take_all(root, &made, error);
        if (status)
            status = tw_fail_within(error, status, "%s", path);
        json_decref(root);
    }
    tw_buffer_release(&text);
    tw_free(path);
    if (status) {
        tw_manifest_release(&made);
        return status;
    }
    *manifest = made;
    return TW_OK;
}

void tw_manifest_release(struct tw_manifest *manifest)
{
    for (size_t i = 0; i < manifest->label_count; i++)
        tw_free(manifest->labels[i]);
    for (size_t i = 0; i < manifest->shard_count; i++) {
        tw_free(manifest->shards[i].name);
        tw_free(manifest->shards[i].side);
    }
    tw_free(manifest->kept_on_eval);
    tw_free(manifest->kept_on_train);
    tw_free(manifest->labels);
    tw_free(manifest->shards);
    tw_free(manifest->backbone);
    tw_free(manifest->layer);
    tw_free(manifest->policy_json);
    tw_free(manifest->precision);
    tw_free(manifest->engine);
    tw_free(manifest->choices);
    *manifest = (struct tw_manifest){0};
}
