/* A network's file, and those beside it that belong to it, as they lie in storage. */
#ifndef TW_TASKS_NETWORK_H
#define TW_TASKS_NETWORK_H

#include "base/hash.h"
#include "graph/graph.h"
#include "storage/storage.h"

/* Zero-initialise; release accepts the zero state. Not copied: the graph points into the files. */
struct tw_network {
    struct tw_mapping *mappings; /* of the model's own file first */
    size_t mapping_count, mapping_capacity;
    struct tw_graph *graph;  /* whole, as tw_model_read gives it */
    struct tw_digest digest; /* of the file's bytes; where others belong to it, of the digests of all */
};
/* `name`: a built-in network, a model file, the folder of a SavedModel, or the prefix of a TensorFlow checkpoint. NULL: the
 * first built-in one. */
enum tw_status tw_network_open(const char *name, struct tw_network *network, struct tw_error *error) TW_MUST_USE;
void tw_network_release(struct tw_network *network);

/* Names of the built-in networks, ending with NULL. */
const char *const *tw_backbone_builtin_names(void);
struct tw_span tw_backbone_builtin(const char *name); /* no data: there is none of that name */

#endif
