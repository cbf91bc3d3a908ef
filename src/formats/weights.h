/* Tensors by name, as checkpoints hold them, for the readers whose graph and weights come apart. */
#ifndef TW_FORMATS_WEIGHTS_H
#define TW_FORMATS_WEIGHTS_H

#include "formats/build.h"

struct weights_tensor {
    const char *name;
    enum tw_dtype dtype; /* NONE or TEXT: cannot be used as numbers */
    int64_t code;        /* of the type, in files that number types */
    struct tw_shape shape;
    struct tw_span data; /* as many bytes as the shape asks for */
    uint32_t crc;        /* masked CRC-32C of them, where has_crc */
    bool has_crc;
};
/* Another name of a tensor: what the program that wrote a checkpoint called the variable. */
struct weights_alias {
    const char *name, *key;
};
struct weights {
    struct weights_tensor *tensors; /* sorted by name, none twice, after weights_sort */
    size_t count;
    struct weights_alias *aliases; /* sorted by name */
    size_t alias_count;
};

/* A new one of that name, before they are sorted; *capacity is 0 at first. NULL: failed. */
struct weights_tensor *weights_add(struct build *build, struct weights *weights, size_t *capacity, struct tw_span name);
/* Checks that the data is of its shape, and fails where it is not; then weights_find may be used. */
void weights_sort(struct build *build, struct weights *weights);
void weights_sort_aliases(struct weights *weights);
/* NULL: there is none of that name. */
const struct weights_tensor *weights_find(const struct weights *weights, const char *name);
/* By its other name; NULL: there is none, or several. */
const struct weights_tensor *weights_find_alias(const struct weights *weights, const char *name);
/* Checks the CRC and makes the value that constant. */
void weights_set_constant(struct build *build, int id, const struct weights_tensor *tensor);

/* Tensor bundle, bundle.c: reads the index and opens the shards "PREFIX.data-00000-of-00001". `prefix` is empty for the
 * files beside a checkpoint, else "variables/variables". */
void weights_read_bundle(struct build *build, const struct tw_model_source *source, struct tw_span index,
                         const char *prefix, struct weights *weights);

#endif
