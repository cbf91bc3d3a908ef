#include "tasks/input.h"

#include "base/memory.h"
#include "base/text.h"
#include "storage/storage.h"
#include "tasks/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum tw_status add_file(struct tw_input *input, char *uri, const struct tw_shard_entry *shard,
                               struct tw_error *error)
{
    enum tw_status status =
        uri ? tw_grow((void **)&input->files, &input->file_capacity, input->file_count + 1, sizeof *input->files, error)
            : tw_fail_memory(error, 1, "a path");
    if (status) {
        tw_free(uri);
        return status;
    }
    struct tw_record_file *file = &input->files[input->file_count++];
    *file = (struct tw_record_file){.uri = uri};
    if (shard) {
        file->is_eval = strcmp(shard->side, "eval") == 0;
        file->has_digest = true;
        file->digest = shard->digest;
    }
    input->has_foreign |= shard == NULL;
    return TW_OK;
}

/* gzip, or a TFRecord whose first length has the right checksum. */
static bool looks_like_records(const char *uri)
{
    struct tw_mapping mapping = {0};
    if (tw_storage_map(uri, &mapping, NULL))
        return false;
    const uint8_t *data = mapping.bytes.data;
    bool is_records = tw_span_starts(mapping.bytes, "\x1f\x8b", 2);
    if (!is_records && mapping.bytes.size >= 16)
        is_records = tw_load_u32le(data + 8) == tw_crc32c_mask(tw_crc32c(0, data, 8));
    tw_mapping_release(&mapping);
    return is_records || strstr(tw_base_name(uri), ".tfrecord");
}

static bool same_text(const char *a, const char *b)
{
    return (!a && !b) || (a && b && strcmp(a, b) == 0);
}

enum tw_status tw_input_same_backbone(const struct tw_manifest *a, const char *a_name, const struct tw_manifest *b,
                                      const char *b_name, struct tw_error *error)
{
    if (!tw_digest_equal(&a->backbone_digest, &b->backbone_digest))
        return tw_fail(error, TW_CONFLICT,
                       "%s holds embeddings of the backbone %s, %s of another one (%s): they cannot be mixed", b_name,
                       b->backbone, a_name, a->backbone);
    const char *difference = !same_text(a->layer, b->layer)               ? "layer"
                             : !same_text(a->policy_json, b->policy_json) ? "image policy"
                             : a->embedding_size != b->embedding_size     ? "size"
                                                                          : NULL;
    if (difference)
        return tw_fail(error, TW_CONFLICT, "%s holds embeddings of another %s than %s: they cannot be mixed", b_name,
                       difference, a_name);
    return TW_OK;
}

enum tw_status tw_input_agree(const struct tw_manifest *a, const char *a_name, const struct tw_manifest *b,
                              const char *b_name, struct tw_error *error)
{
    enum tw_status status = tw_input_same_backbone(a, a_name, b, b_name, error);
    if (status)
        return status;
    bool is_same = a->label_count == b->label_count;
    for (size_t i = 0; is_same && i < a->label_count; i++)
        is_same = same_text(a->labels[i], b->labels[i]);
    return is_same ? TW_OK
                   : tw_fail(error, TW_CONFLICT,
                             "%s has other labels than %s, so their ids do not mean the same: embed both with one "
                             "--labels FILE",
                             b_name, a_name);
}

size_t tw_input_keep_eval(struct tw_input *input)
{
    size_t kept = 0, count = input->file_count;
    for (size_t i = 0; i < count; i++)
        kept += input->files[i].is_eval;
    if (kept == 0 || kept == count)
        return 0;
    kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (input->files[i].is_eval)
            input->files[kept++] = input->files[i];
        else
            tw_free(input->files[i].uri);
    }
    input->file_count = kept;
    return count - kept;
}

/* The shards of a folder that `embed` wrote; only the one named `only` where that is not NULL. */
static enum tw_status add_embed_folder(struct tw_input *input, const char *folder, const char *only,
                                       struct tw_error *error)
{
    struct tw_manifest manifest = {0};
    size_t before = input->file_count;
    enum tw_status status = tw_manifest_read(folder, &manifest, error);
    if (!status && input->manifest)
        status = tw_input_agree(input->manifest, "the inputs before it", &manifest, folder, error);
    for (size_t i = 0; !status && i < manifest.shard_count; i++) {
        if (!only || strcmp(only, manifest.shards[i].name) == 0)
            status = add_file(input, tw_uri_join(folder, manifest.shards[i].name), &manifest.shards[i], error);
    }
    if (!status && only && input->file_count == before)
        status = tw_fail(error, TW_CONFLICT,
                         "%s is none of the shards that %s/manifest.json names: it is of another run", only, folder);
    if (!status && !input->manifest) {
        input->manifest_storage = manifest;
        input->manifest = &input->manifest_storage;
    } else {
        tw_manifest_release(&manifest);
    }
    return status;
}

/* A folder of somebody's records: files named *.tfrecord*. Not one: *is_records stays false. */
static enum tw_status add_record_folder(struct tw_input *input, const char *folder, bool *is_records,
                                        struct tw_error *error)
{
    struct tw_listing listing = {0};
    enum tw_status status = tw_storage_list(folder, &listing, error);
    for (size_t i = 0; !status && i < listing.count; i++) {
        if (listing.entries[i].kind != TW_ENTRY_FILE || !strstr(listing.entries[i].name, ".tfrecord"))
            continue;
        *is_records = true;
        status = add_file(input, tw_uri_join(folder, listing.entries[i].name), NULL, error);
    }
    tw_listing_release(&listing);
    return status;
}

static bool has_manifest(const char *folder)
{
    char *path = tw_uri_join(folder, "manifest.json");
    enum tw_entry_kind kind = TW_ENTRY_MISSING;
    uint64_t size;
    bool is_there = path && !tw_storage_kind(path, &kind, &size, NULL) && kind == TW_ENTRY_FILE;
    tw_free(path);
    return is_there;
}

/* A folder that topwork writes, and has not finished: its shards may be of two runs. */
static enum tw_status refuse_unfinished(const char *folder, struct tw_error *error)
{
    char *command = tw_output_command(folder);
    if (!command)
        return TW_OK;
    enum tw_status status =
        tw_fail(error, TW_CONFLICT, "%s is the folder of a `topwork %s` %s", folder, command,
                strcmp(command, "embed") == 0 ? "that has not finished: run it again, it goes on from there"
                                              : "and holds no input: its records are in examples/");
    tw_free(command);
    return status;
}

static enum tw_status add_record_file(struct tw_input *input, const char *uri, struct tw_error *error)
{
    const char *name = tw_base_name(uri);
    char *folder = name == uri ? tw_strdup(".") : tw_strndup(uri, (size_t)(name - uri));
    if (!folder)
        return tw_fail_memory(error, strlen(uri), "a path");
    enum tw_status status;
    if (has_manifest(folder)) {
        status = add_embed_folder(input, folder, name, error);
    } else {
        status = refuse_unfinished(folder, error);
        if (!status)
            status = add_file(input, tw_strdup(uri), NULL, error);
    }
    tw_free(folder);
    return status;
}

static enum tw_status add_one(struct tw_input *input, const char *uri, bool *is_records, struct tw_error *error)
{
    enum tw_entry_kind kind;
    uint64_t size;
    enum tw_status status = tw_storage_kind(uri, &kind, &size, error);
    if (status)
        return status;
    if (kind == TW_ENTRY_FOLDER && has_manifest(uri)) {
        *is_records = true;
        return add_embed_folder(input, uri, NULL, error);
    }
    if (kind == TW_ENTRY_FOLDER) {
        status = refuse_unfinished(uri, error);
        return status ? status : add_record_folder(input, uri, is_records, error);
    }
    if (kind == TW_ENTRY_FILE && looks_like_records(uri)) {
        *is_records = true;
        return add_record_file(input, uri, error);
    }
    if (kind != TW_ENTRY_MISSING || !strpbrk(uri, "*?["))
        return TW_OK;
    struct tw_listing found = {0};
    status = tw_storage_glob(uri, &found, error);
    if (!status && found.count == 0)
        status = tw_fail(error, TW_NOT_FOUND, "no file matches %s", uri);
    for (size_t i = 0; !status && i < found.count; i++) {
        if (found.entries[i].kind != TW_ENTRY_FILE || !looks_like_records(found.entries[i].name))
            continue;
        *is_records = true;
        status = add_record_file(input, found.entries[i].name, error);
    }
    tw_listing_release(&found);
    return status;
}

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const struct tw_record_file *)a)->uri, ((const struct tw_record_file *)b)->uri);
}

/* Sorts the files; one that is given twice would count twice. */
static enum tw_status check_doubles(struct tw_input *input, struct tw_error *error)
{
    if (input->file_count)
        qsort(input->files, input->file_count, sizeof *input->files, compare_files);
    for (size_t i = 1; i < input->file_count; i++) {
        if (strcmp(input->files[i - 1].uri, input->files[i].uri) == 0)
            return tw_fail(error, TW_INVALID, "%s is given twice", input->files[i].uri);
    }
    return TW_OK;
}

enum tw_status tw_input_classify(const char *const *inputs, size_t count, struct tw_input *input,
                                 struct tw_error *error)
{
    struct tw_input made = {0};
    size_t record_inputs = 0, photo_input = 0;
    enum tw_status status = TW_OK;
    for (size_t i = 0; i < count && !status; i++) {
        bool is_records = false;
        status = add_one(&made, inputs[i], &is_records, error);
        record_inputs += is_records;
        if (!is_records)
            photo_input = i;
    }
    if (!status && record_inputs && record_inputs < count)
        status =
            tw_fail(error, TW_INVALID, "%s holds photos, other inputs are embedding records: give one kind at a time",
                    inputs[photo_input]);
    if (!status && made.manifest && made.has_foreign)
        status =
            tw_fail(error, TW_CONFLICT,
                    "some records have a manifest and some have none: whether they are of one backbone (%s) is not "
                    "known, give one kind at a time",
                    made.manifest->backbone);
    if (!status)
        status = check_doubles(&made, error);
    if (status) {
        tw_input_release(&made);
        return status;
    }
    made.has_records = record_inputs > 0;
    *input = made;
    if (made.manifest)
        input->manifest = &input->manifest_storage;
    return TW_OK;
}

enum tw_status tw_input_labels(const struct tw_input *input, const char *labels_uri, int64_t greatest,
                               struct tw_labels *labels, struct tw_error *error)
{
    const struct tw_manifest *manifest = input->manifest;
    size_t id;
    enum tw_status status = labels_uri ? tw_labels_read(labels_uri, labels, error) : TW_OK;
    for (size_t i = 0; !labels_uri && manifest && i < manifest->label_count && !status; i++)
        status = tw_labels_add(labels, manifest->labels[i], &id, error);
    for (int64_t i = 0; !labels_uri && !manifest && i <= greatest && !status; i++) {
        char name[24];
        snprintf(name, sizeof name, "%lld", (long long)i);
        status = tw_labels_add(labels, name, &id, error);
    }
    if (!status && greatest >= (int64_t)labels->count)
        status = tw_fail(error, TW_CONFLICT, "the records hold label %lld, but there are only %zu label names",
                         (long long)greatest, labels->count);
    return status;
}

void tw_input_release(struct tw_input *input)
{
    for (size_t i = 0; i < input->file_count; i++)
        tw_free(input->files[i].uri);
    tw_free(input->files);
    tw_manifest_release(&input->manifest_storage);
    *input = (struct tw_input){0};
}
