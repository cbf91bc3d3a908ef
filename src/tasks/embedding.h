/* Embeddings of listed photos, computed where the cache does not have them: a bounded pipeline
 * read -> decode -> network -> cache. What the cache holds after it is what records and training are made from, so a killed
 * run loses at most the photos that were in flight. */
#ifndef TW_TASKS_EMBEDDING_H
#define TW_TASKS_EMBEDDING_H

#include "dataset/dataset.h"
#include "image/look.h"
#include "tasks/backbone.h"
#include "tasks/cache.h"

/* What an earlier run already has, by content; payloads as the caches hold them. NULL functions: nothing. */
struct tw_embedding_source {
    const void *context;
    bool (*embedding)(const void *context, const struct tw_digest *content, struct tw_buffer *payload);
    bool (*thumbnail)(const void *context, const struct tw_digest *content, struct tw_buffer *jpeg);
};
struct tw_embedding_store {
    struct tw_cache *embeddings; /* key: content; payload: u32le width, u32le height, float32 le values */
    struct tw_cache *thumbnails; /* key: content; payload: JPEG. NULL where none are wanted */
    struct tw_cache *looks;      /* key: content; payload: what tw_look has, in its order, little-endian */
    char *journal_folder;        /* in the output: what is kept until the run is done where there is no shared cache */
    struct tw_embedding_source known; /* asked before the caches */
    size_t embedding_size;
    size_t computed, reused; /* photos of the last tw_embed_items */
};
/* Opens the shared cache (options->uses_cache), or one inside `output_folder` that tw_embedding_store_close removes; that
 * one too, with a warning, where the shared one cannot be written. The key is backbone digest, layer, policy, precision,
 * engine identity and choice table. */
enum tw_status tw_embedding_store_open(const struct tw_task_options *options, const struct tw_backbone *backbone,
                                       const char *output_folder, bool wants_thumbnails,
                                       struct tw_embedding_store *store, struct tw_error *error) TW_MUST_USE;
/* `is_done`: the run has published its results, a journal is no longer needed. */
void tw_embedding_store_close(struct tw_embedding_store *store, bool is_done);

/* Every item that is still ok afterwards has its embedding in the store; what cannot be decoded is skipped with its
 * reason. The dataset is hashed already. */
enum tw_status tw_embed_items(struct tw_dataset *dataset, const struct tw_task_options *options,
                              const struct tw_backbone *backbone, struct tw_embedding_store *store,
                              struct tw_error *error) TW_MUST_USE;

/* What the photo of an ok item looks like; where no run has seen it yet it is decoded. False: it cannot be. */
bool tw_look_load(struct tw_embedding_store *store, const struct tw_item *item, const struct tw_decode_policy *policy,
                  const struct tw_image_limits *limits, struct tw_look *look);
/* False: there is none. */
bool tw_thumbnail_load(struct tw_embedding_store *store, const struct tw_digest *content, struct tw_buffer *jpeg);
/* The embedding of an ok item into `values` (store->embedding_size floats). */
enum tw_status tw_embedding_load(struct tw_embedding_store *store, const struct tw_item *item,
                                 struct tw_buffer *scratch, float *values, struct tw_error *error) TW_MUST_USE;

#endif
