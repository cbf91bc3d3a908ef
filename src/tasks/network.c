#include "tasks/network.h"

#include "base/memory.h"
#include "base/text.h"
#include "formats/format.h"

#include <string.h>

#ifdef TW_HAS_SPROUT
extern const uint8_t tw_builtin_sprout[], tw_builtin_sprout_end[];
#endif

const char *const *tw_backbone_builtin_names(void)
{
    static const char *const names[] = {
#ifdef TW_HAS_SPROUT
        "sprout",
#endif
        NULL,
    };
    return names;
}

struct tw_span tw_backbone_builtin(const char *name)
{
#ifdef TW_HAS_SPROUT
    if (strcmp(name, "sprout") == 0)
        return tw_span_of(tw_builtin_sprout, (size_t)(tw_builtin_sprout_end - tw_builtin_sprout));
#endif
    (void)name;
    return (struct tw_span){0};
}

struct companions {
    struct tw_network *network;
    const char *path; /* of the model's own file */
};

static bool exists(const char *uri, enum tw_entry_kind wanted)
{
    enum tw_entry_kind kind;
    uint64_t size;
    return !tw_storage_kind(uri, &kind, &size, NULL) && kind == wanted;
}

/* The file that is read first. Owned; NULL: no memory. */
static char *main_file(const char *uri)
{
    if (exists(uri, TW_ENTRY_FOLDER))
        return tw_uri_join(uri, "saved_model.pb");
    char *index = tw_format("%s.index", uri);
    if (!index || (exists(uri, TW_ENTRY_MISSING) && exists(index, TW_ENTRY_FILE)))
        return index;
    tw_free(index);
    return tw_strdup(uri);
}

static enum tw_status map_next(struct tw_network *network, const char *path, struct tw_span *bytes,
                               struct tw_error *error)
{
    enum tw_status status = tw_grow((void **)&network->mappings, &network->mapping_capacity, network->mapping_count + 1,
                                    sizeof *network->mappings, error);
    if (status)
        return status;
    struct tw_mapping mapping = {0};
    status = tw_storage_map(path, &mapping, error);
    if (status)
        return status;
    network->mappings[network->mapping_count++] = mapping;
    *bytes = mapping.bytes;
    return TW_OK;
}

static enum tw_status open_companion(void *context, const char *suffix, struct tw_span *bytes, struct tw_error *error)
{
    const struct companions *companions = context;
    const char *path = companions->path, *base = tw_base_name(path), *dot = strrchr(base, '.');
    const char *end = *suffix != '.' ? base : dot && dot != base ? dot : base + strlen(base);
    char *name = tw_format("%.*s%s", (int)(end - path), path, suffix);
    if (!name)
        return tw_fail_memory(error, strlen(path), "a path");
    enum tw_status status = map_next(companions->network, name, bytes, error);
    tw_free(name);
    return status;
}

static enum tw_status digest_all(const struct tw_network *network, struct tw_digest *digest, struct tw_error *error)
{
    if (network->mapping_count == 1)
        return tw_digest_of(network->mappings[0].bytes, digest, error);
    struct tw_hasher *hasher;
    enum tw_status status = tw_hasher_new(&hasher, error);
    if (status)
        return status;
    struct tw_digest all;
    for (size_t i = 0; i < network->mapping_count && !status; i++) {
        status = tw_digest_of(network->mappings[i].bytes, digest, error);
        tw_hasher_add(hasher, digest->bytes, TW_DIGEST_BYTES);
    }
    tw_hasher_finish(hasher, &all);
    tw_hasher_free(hasher);
    *digest = all;
    return status;
}

static enum tw_status open_files(const char *uri, struct tw_network *network, struct tw_error *error)
{
    char *path = main_file(uri);
    if (!path)
        return tw_fail_memory(error, strlen(uri), "a path");
    struct companions companions = {.network = network, .path = path};
    struct tw_model_source source = {.name = path, .open = open_companion, .context = &companions};
    enum tw_status status = map_next(network, path, &source.bytes, error);
    if (!status)
        status = tw_model_read_source(&source, &tw_format_limits_default, &network->graph, error);
    if (!status)
        status = digest_all(network, &network->digest, error);
    tw_free(path);
    return status;
}

enum tw_status tw_network_open(const char *name, struct tw_network *network, struct tw_error *error)
{
    const char *wanted = name ? name : tw_backbone_builtin_names()[0];
    if (!wanted)
        return tw_fail(error, TW_INVALID, "this build has no built-in backbone: name one with --backbone FILE");
    struct tw_network made = {0};
    struct tw_span bytes = tw_backbone_builtin(wanted);
    enum tw_status status;
    if (bytes.data) {
        status = tw_digest_of(bytes, &made.digest, error);
        if (!status)
            status = tw_model_read(wanted, bytes, &tw_format_limits_default, &made.graph, error);
    } else {
        status = open_files(wanted, &made, error);
    }
    if (status) {
        tw_network_release(&made);
        if (status == TW_NOT_FOUND && !strchr(wanted, '/') && !strchr(wanted, '.'))
            return tw_fail(error, TW_NOT_FOUND,
                           "backbone %s is neither built in nor a file (`topwork backbone list` shows what there is)",
                           wanted);
        return tw_fail_within(error, status, "backbone");
    }
    *network = made;
    return TW_OK;
}

void tw_network_release(struct tw_network *network)
{
    tw_graph_free(network->graph);
    for (size_t i = 0; i < network->mapping_count; i++)
        tw_mapping_release(&network->mappings[i]);
    tw_free(network->mappings);
    *network = (struct tw_network){0};
}
