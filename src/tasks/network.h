/* A network's file, and those beside it that belong to it, as they lie in storage. */
#ifndef TW_TASKS_NETWORK_H
#define TW_TASKS_NETWORK_H

#include "base/hash.h"
#include "graph/graph.h"
#include "storage/storage.h"

/* Zero-initialise; release accepts the zero state, and comes after the graph's. */
struct tw_network_files {
    struct tw_mapping *mappings; /* of the model's own file first */
    size_t count, capacity;
};

/* `uri`: a model file, the folder of a SavedModel, or the prefix of a TensorFlow checkpoint. The digest is of the file's
 * bytes; where others belong to it, of the digests of all in the order in which they were asked for. The caller frees the
 * graph, then the files. */
enum tw_status tw_network_open(const char *uri, struct tw_network_files *files, struct tw_graph **graph,
                               struct tw_digest *digest, struct tw_error *error) TW_MUST_USE;
void tw_network_files_release(struct tw_network_files *files);

#endif
