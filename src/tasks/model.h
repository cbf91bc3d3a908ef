/* The model file: one ONNX with backbone and head (or head alone, input "embedding"), and what else a prediction needs as
 * metadata_props: topwork.version, .labels, .policy, .backbone, .backbone_digest, .layer, .embedding_size,
 * .unlabelled_class, .thresholds (of multi-label models: a JSON list), .recipe, .precision (where it is not f32), .data_digest, .known_threshold (of output `known`, where there is
 * one). It holds no time, path, host or thread count: equal runs give equal bytes. */
#ifndef TW_TASKS_MODEL_H
#define TW_TASKS_MODEL_H

#include "dataset/dataset.h"
#include "tasks/backbone.h"
#include "train/head.h"
#include "train/known.h"

enum { TW_MODEL_VERSION = 1 };

/* What a model is made of. Borrowed. */
struct tw_model_parts {
    const struct tw_backbone *backbone; /* NULL: head only */
    const struct tw_head *head;
    const char *const *labels; /* one for each output of the head, the unlabelled class included */
    int64_t unlabelled_class;  /* -1: none */
    const float *thresholds;   /* multi-label: one for each label; NULL: one label a photo */
    const char *recipe_json;
    const struct tw_known *known; /* NULL, or without support: none */
    struct tw_digest data_digest;
    /* For head-only models: what is known of the records' backbone; NULL and zero where it is not. */
    const char *records_backbone, *records_policy, *records_layer;
    struct tw_digest records_backbone_digest;
};
enum tw_status tw_model_write(const char *uri, const struct tw_model_parts *parts, struct tw_error *error) TW_MUST_USE;

/* Zero-initialise; release accepts the zero state. */
struct tw_model {
    struct tw_mapping mapping;
    struct tw_graph *graph; /* outputs embedding (where it has a backbone), logits, scores, known (has_known) */
    struct tw_labels labels;
    bool has_backbone, has_policy, has_backbone_digest;
    struct tw_image_policy policy;
    char *backbone_name; /* NULL: not known (foreign records) */
    struct tw_digest backbone_digest;
    size_t embedding_size;
    enum tw_precision precision; /* of the backbone when the head was trained */
    int64_t unlabelled_class;    /* -1: none */
    float *thresholds;           /* multi-label: the score from which each label counts; NULL: one label a photo */
    bool has_known;              /* output `known`: below the threshold the photo is like none of the training's */
    double known_threshold;
};
/* `uri` is a model file, a run folder, whose model.onnx is taken, or a SavedModel of `export`. */
enum tw_status tw_model_open(const char *uri, struct tw_model *model, struct tw_error *error) TW_MUST_USE;
void tw_model_release(struct tw_model *model);

/* The head alone as a graph, embedding -> scores, logits (where it has them), known (has_known); borrows from the model. The caller frees it. */
enum tw_status tw_model_head_graph(const struct tw_model *model, struct tw_graph **graph,
                                   struct tw_error *error) TW_MUST_USE;
/* A head-only model becomes whole by a backbone: checks sizes and, where known, digests; *is_compared tells whether
 * a digest could be. The backbone must outlive the model. */
enum tw_status tw_model_attach(struct tw_model *model, const struct tw_backbone *backbone, bool *is_compared,
                               struct tw_error *error) TW_MUST_USE;

#endif
