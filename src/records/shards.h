/* A set of shards written by one run, and its manifest, which is written last and is what readers trust. */
#ifndef TW_RECORDS_SHARDS_H
#define TW_RECORDS_SHARDS_H

#include "base/hash.h"

/* prefix-SSSSS-of-NNNNN.tfrecord.gz, zero-based. Owned by the caller. */
char *tw_shard_name(const char *prefix, size_t shard, size_t shard_count);

/* manifest.json of a folder that `embed` wrote. */
struct tw_shard_entry {
    char *name;   /* file name within the folder */
    char *side;   /* "train" or "eval" */
    size_t count; /* records */
    struct tw_digest digest;
};
struct tw_manifest {
    int version;    /* 1; a newer one is refused with a sentence */
    char *backbone; /* name for people */
    struct tw_digest backbone_digest;
    char *layer;                   /* tensor that is the embedding */
    char *policy_json;             /* image policy */
    char *precision;               /* "f32" */
    char *engine;                  /* engine version and choices, part of the cache key */
    char *choices;                 /* choice table of the kernels, a line a row; empty: fixed rules; NULL: not said */
    struct tw_digest input_digest; /* of the listing: uris, labels, content */
    struct tw_digest settings_digest; /* of all that decides the records */
    size_t embedding_size;
    char **labels; /* names, index = id in the records */
    size_t label_count;
    double eval_share;
    /* The photos' contents on each side: the next run leaves them there. */
    struct tw_digest *kept_on_eval, *kept_on_train;
    size_t kept_on_eval_count, kept_on_train_count;
    struct tw_shard_entry *shards;
    size_t shard_count;
    size_t skipped; /* photos in audit.csv with status skipped */
};
enum tw_status tw_manifest_read(const char *folder, struct tw_manifest *manifest, struct tw_error *error) TW_MUST_USE;
/* TW_UNSUPPORTED: a name or a label is not UTF-8 text. */
enum tw_status tw_manifest_write(const char *folder, const struct tw_manifest *manifest,
                                 struct tw_error *error) TW_MUST_USE;
void tw_manifest_release(struct tw_manifest *manifest);

#endif
