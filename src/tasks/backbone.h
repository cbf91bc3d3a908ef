/* A network that gives embeddings: the built-in one by name, or model files: see tw_network_open. */
#ifndef TW_TASKS_BACKBONE_H
#define TW_TASKS_BACKBONE_H

#include "base/hash.h"
#include "graph/graph.h"
#include "image/image.h"
#include "tasks/network.h"
#include "tasks/options.h"

/* Zero-initialise; release accepts the zero state. Not copied: the graph points into the files. */
struct tw_backbone {
    char *name; /* "sprout", or the file's name without its ending */
    struct tw_network network;
    struct tw_graph *graph;  /* the network's, cut: one input (the image), one output named "embedding", [N, size] */
    struct tw_digest digest; /* of the file's bytes, or its files' */
    char *layer;             /* the tensor's name in the file */
    struct tw_image_policy policy;
    size_t embedding_size;
    enum tw_precision precision; /* F32, BF16 or INT8: what this CPU does of what was asked; AUTO until it is chosen */
    bool is_guessed;             /* policy or layer is a guess: said by a warning */
    struct tw_choices *choices;  /* of algorithms: see tasks/tune.h; NULL: the fixed rules */
};
/* Reads, cuts and checks it. The policy comes, in this order, from options->policy, the file's property "topwork.policy",
 * the descriptions in shared ONNX files ("input_scale", "resize", "decode"), or a guess by the input's size. */
enum tw_status tw_backbone_open(const struct tw_task_options *options, struct tw_backbone *backbone,
                                struct tw_error *error) TW_MUST_USE;
void tw_backbone_release(struct tw_backbone *backbone);

#endif
